# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Measure sksoft against its peers in one run on one thread; print tables of ratios.

Usage: OMP_NUM_THREADS=1 python benchmarks/peers.py [--csv FOLDER] [SECTION ...]

With --csv each table is written to ``FOLDER/<section>.csv`` besides. What misses its
budget is listed in the end. All sections take some ten minutes.

A ratio is the median over repeats of the ratio within a pair: ours and theirs take
turns, so that a machine that slows down slows both. "hard" and "half-way" are strengths
at half the lower bound of ``sksoft.strength_bounds``, and at the geometric mean of the
two bounds; 1.0 is the default strength, at which long rows of spread 1 are a single
block, whose ranks need no sort. What is not installed is skipped, and said so. Where
SKSOFT_BEFORE names the folder of an older build of sksoft, times are compared with it.

A new comparison is a function that yields rows, decorated with :func:`section`.
"""

import argparse
import csv
import importlib.util
import os
import platform
import subprocess
import sys
import time
import tracemalloc
from importlib.metadata import version
from pathlib import Path

import numpy as np
from peers_before import over_before
from peers_transport import against_pot, topk_against_argsort
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata
from sklearn.isotonic import isotonic_regression as sklearn_isotonic_regression

import sksoft

STRENGTHS = ("hard", "half-way", "1.0")
SHAPES = ((1_000_000,), (100_000,), (128, 1000), (128, 100), (10_000, 10))
# Upper limits of the time over np.argsort's for each shape, hard or pooled, half-way.
L2_BUDGETS = ((0.25, 0.35), (0.3, 0.45), (0.5, 0.65), (1.5, 2.0), (0.8, 1.3))
EXPONENTIAL_BUDGETS = (0.45, 0.6, 1.2, 2.5, 2.0)
OPERATORS = (
    ("soft_rank", "l2"),
    ("soft_sort", "l2"),
    ("soft_rank", "kl"),
    ("soft_rank", "entropic"),
    ("soft_sort", "entropic"),
)

SECTIONS = {}


def section(title, columns, needs=()):
    """Register a function that yields rows: texts, then numbers, then the budget."""

    def register(function):
        SECTIONS[function.__name__] = (title, columns, needs, function)
        return function

    return register


# -- measuring ----------------------------------------------------------------------


def seconds(function, number, clock=time.process_time):
    """Return the time of one call; processor time, so that others do not count."""
    start = clock()
    for _ in range(number):
        function()
    return (clock() - start) / number


def calls_for(function, at_least=0.01):
    """Call a function for the first time; return how many calls take long enough."""
    function()
    return max(1, int(at_least / seconds(function, 1)))


def paired_ratio(one, other, budget_seconds=1.5, *, warm=False):
    """Return the median of time(one) / time(other) over interleaved repeats.

    If warm, each is called once more before it is timed: a virtual machine takes back
    memory that lies idle for a second or two, and to touch it again then takes ten to
    twenty times as long. Who comes after a sort of two seconds would pay for it.
    """
    numbers = calls_for(one), calls_for(other)
    ratios = []
    start = time.perf_counter()
    while len(ratios) < 5 or (
        len(ratios) < 51 and time.perf_counter() - start < budget_seconds
    ):
        times = []
        for function, number in zip((one, other), numbers, strict=True):
            if warm:
                function()
            times.append(seconds(function, number))
        ratios.append(times[0] / times[1])
    return float(np.median(ratios))


def normal(shape, seed=0):
    """Return numbers to sort."""
    return np.random.default_rng(seed).normal(size=shape)


def strengths(operator, x, regularization):
    """Return the strengths at which an operator is measured, one for all rows."""
    low, high = sksoft.strength_bounds(operator, x, regularization=regularization)
    halfway = np.median(np.sqrt(low) * np.sqrt(high))
    return 0.5 * float(np.min(low)), float(halfway), 1.0


def halfway(operator, x):
    """Return the strength for L2 at which a row needs its order and has many blocks."""
    return strengths(operator, x, "l2")[1]


def forward_and_vjp(operator, x, cotangent, **parameters):
    """Return a function that computes the values and one gradient."""

    def run():
        _, pullback = sksoft.vjp(operator, x, **parameters)
        return pullback(cotangent)

    return run


# -- sorting ------------------------------------------------------------------------


def argsort_budgets(regularization):
    """Return the upper limits of the ratios to np.argsort, at each strength."""
    if regularization == "l2":
        return [(limit, halfway, limit) for limit, halfway in L2_BUDGETS]
    return [(limit,) * 3 for limit in EXPONENTIAL_BUDGETS]


def over_shapes(prepare, name, regularization):
    """Return the ratios of an operator: for each shape, one at each strength.

    ``prepare(x, cotangent, strength)`` returns the function that the time of ours is
    divided by.
    """
    operator = getattr(sksoft, name)
    ratios = []
    for shape in SHAPES:
        x, g = normal(shape), normal(shape, 1)
        at_strengths = []
        for strength in strengths(operator, x, regularization):
            ours = forward_and_vjp(
                operator,
                x,
                g,
                regularization=regularization,
                regularization_strength=strength,
            )
            at_strengths.append(paired_ratio(ours, prepare(x, g, strength)))
        ratios.append(tuple(at_strengths))
    return ratios


@section(
    "Time as a multiple of np.argsort of the same array: forward + vjp, float64, at "
    "strengths " + ", ".join(STRENGTHS),
    ("work", *map(str, SHAPES), "budgets"),
)
def argsort():
    """Compare with the sort that any ranking needs."""
    for name, regularization in OPERATORS:
        ratios = over_shapes(
            lambda x, g, strength: lambda: np.argsort(x, axis=-1), name, regularization
        )
        limits = (
            " / ".join(map(str, each)) for each in argsort_budgets(regularization)
        )
        yield f"`{name}` {regularization}", *ratios, "<= " + ", ".join(limits)


@section(
    "How many times faster than torchsort, CPU: forward + backward, float64, at "
    "strengths " + ", ".join(STRENGTHS),
    ("work", *map(str, SHAPES), "budget"),
    needs=("torch", "torchsort"),
)
def torchsort():
    """Compare with the C++ kernels of torchsort, whose "kl" sorts are entropic here."""
    import torch
    import torchsort

    torch.set_num_threads(1)
    for name, regularization in OPERATORS:
        if (name, regularization) == ("soft_rank", "entropic"):
            continue
        peer = getattr(torchsort, name)
        kind = "l2" if regularization == "l2" else "kl"

        def prepare(x, g, strength, peer=peer, kind=kind):
            values = torch.from_numpy(np.atleast_2d(x)).clone().requires_grad_()
            cotangent = torch.from_numpy(np.atleast_2d(g))

            def theirs():
                values.grad = None
                peer(
                    values, regularization=kind, regularization_strength=strength
                ).backward(cotangent)

            return theirs

        times_faster = [
            tuple(1.0 / ratio for ratio in ratios)
            for ratios in over_shapes(prepare, name, regularization)
        ]
        budget = ">= 6" if regularization == "l2" else ">= 5"
        yield f"`{name}` {regularization}", *times_faster, budget


@section(
    "Time as a multiple of the older build's: forward + vjp, float64, at strengths "
    + ", ".join(STRENGTHS),
    ("work", *map(str, SHAPES), "budget"),
)
def before():
    """Compare with an older build of our own, whatever NumPy's sort takes."""
    folder = os.environ["SKSOFT_BEFORE"]
    for name, regularization in OPERATORS:
        cases = [
            (
                name,
                shape,
                {"regularization": regularization, "regularization_strength": s},
            )
            for shape in SHAPES
            for s in strengths(getattr(sksoft, name), normal(shape), regularization)
        ]
        ratios = iter(over_before(folder, cases))
        grouped = list(zip(ratios, ratios, ratios, strict=True))
        yield f"`{name}` {regularization}", *grouped, "<= 1"


def rank_by(isotonic, x, strength):
    """Return soft L2 ranks of one row by an isotonic regression of SciPy's kind."""
    order = np.argsort(x)
    z = x[order] / strength
    ranks = np.empty_like(x)
    fitted = isotonic(z - np.arange(1.0, len(x) + 1.0))
    ranks[order] = z - fitted
    return ranks


@section(
    "How many times faster than the same values by SciPy and scikit-learn: forward",
    ("work", "n = 1,000,000", "n = 1000", "n = 100", "budget"),
)
def isotonic():
    """Compare forward values only: these peers have no gradient. Half-way strength."""
    sizes = (1_000_000, 1000, 100)
    peers = {
        "scipy.optimize.isotonic_regression": lambda y: isotonic_regression(y).x,
        "sklearn.isotonic.isotonic_regression": sklearn_isotonic_regression,
    }
    for name, peer in peers.items():
        ratios = []
        for n in sizes:
            x = normal(n)
            strength = strengths(sksoft.soft_rank, x, "l2")[1]
            ours = sksoft.soft_rank(x, regularization_strength=strength)
            np.testing.assert_allclose(rank_by(peer, x, strength), ours, atol=1e-6 * n)
            ratios.append(
                paired_ratio(
                    lambda x=x, peer=peer, strength=strength: rank_by(
                        peer, x, strength
                    ),
                    lambda x=x, strength=strength: sksoft.soft_rank(
                        x, regularization_strength=strength
                    ),
                )
            )
        yield f"`soft_rank` l2 by {name}", *ratios, "-"
    ratios = [
        paired_ratio(
            lambda x=x: rankdata(x),
            lambda x=x: sksoft.soft_rank(x, regularization_strength=0.0),
        )
        for x in map(normal, sizes)
    ]
    yield "hard ranks by scipy.stats.rankdata", *ratios, "-"


# -- scaling and overhead -----------------------------------------------------------


@section(
    "Soft top-k by transport as a multiple of np.argsort: forward + vjp",
    ("work", "ratio", "budget"),
)
def topk():
    """Compare soft top-k with sorting the same array."""
    yield from topk_against_argsort()


@section(
    "How many times faster than POT's sinkhorn_log, same plan and accuracy: forward",
    ("work", "times", "budget"),
    needs=("ot",),
)
def transport():
    """Compare plans to two targets, and to n positions."""
    yield from against_pot()


@section(
    "How many times faster two threads are than one: forward + vjp, half-way strength",
    ("work", "times", "budget"),
)
def threads():
    """Compare thread counts; a pool is started before it is timed."""
    for shape, budget in (((128, 1000), 1.7), ((128, 10_000), 1.7), ((10**7,), 1.4)):
        x, g = normal(shape), normal(shape, 1)
        strength = halfway(sksoft.soft_rank, x)
        run = forward_and_vjp(sksoft.soft_rank, x, g, regularization_strength=strength)
        number = calls_for(run, 0.05)
        ratios = []
        for _ in range(15 if x.size < 10**7 else 5):
            times = []
            for n_threads in (1, 2):
                sksoft.set_num_threads(n_threads)
                run()
                times.append(seconds(run, number, time.perf_counter))
            ratios.append(times[0] / times[1])
        sksoft.set_num_threads(1)
        yield f"`soft_rank` l2, {shape}", float(np.median(ratios)), f">= {budget}"


@section(
    "Growth from n = 100,000 to n = 10,000,000, as a multiple of np.argsort's growth",
    ("work", "ratio", "budget"),
)
def growth():
    """Compare the growth of forward + vjp with that of the sort, half-way strength."""
    sizes = (100_000, 10_000_000)
    for name in ("soft_rank", "soft_sort"):
        ratios = []
        for n in sizes:
            x, g = normal(n), normal(n, 1)
            operator = getattr(sksoft, name)
            strength = halfway(operator, x)
            ours = forward_and_vjp(operator, x, g, regularization_strength=strength)
            ratios.append(paired_ratio(ours, lambda x=x: np.argsort(x), 3.0, warm=True))
        yield f"`{name}` l2", ratios[1] / ratios[0], "<= 1.2"


@section(
    "Peak of extra memory as a multiple of the input: forward + vjp, n = 1,000,000",
    ("work", "ratio", "budget"),
)
def memory():
    """Measure what is allocated beside the input and the cotangent."""
    x, g = normal(1_000_000), normal(1_000_000, 1)
    for name, regularization in OPERATORS:
        run = forward_and_vjp(
            getattr(sksoft, name), x, g, regularization=regularization
        )
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        yield f"`{name}` {regularization}", round(peak / x.nbytes, 2), "<= 6"


@section(
    "One call on a row of 10 as a multiple of scipy.stats.rankdata's time",
    ("work", "ratio", "budget"),
)
def overhead():
    """Measure what a call costs besides the work."""
    x, g = normal(10), normal(10, 1)
    runs = {
        "`soft_rank`": (lambda: sksoft.soft_rank(x), "<= 0.2"),
        "`soft_rank`, value and gradient": (
            forward_and_vjp(sksoft.soft_rank, x, g),
            "<= 0.35",
        ),
        "`soft_topk`": (lambda: sksoft.soft_topk(x, 3), "<= 0.3"),
    }
    for work, (run, budget) in runs.items():
        yield work, paired_ratio(run, lambda: rankdata(x)), budget


@section(
    "Milliseconds for one row of n numbers, value and gradient, at half-way strength; "
    "of POT the plan to n positions after 100 iterations, without gradient",
    ("n", "sksoft", "np.argsort", "torchsort", "fast-soft-sort", "POT", "budget"),
)
def length():
    """Measure how the time grows with the length: the picture of the project."""
    for n in (10, 30, 100, 300, 1000, 10_000, 100_000, 1_000_000, 10_000_000):
        x, g = normal(n), normal(n, 1)
        strength = halfway(sksoft.soft_rank, x)
        runs = {
            "sksoft": forward_and_vjp(
                sksoft.soft_rank, x, g, regularization_strength=strength
            ),
            "argsort": lambda x=x: np.argsort(x),
            "torchsort": torchsort_rank(x, g, strength),
            "fast-soft-sort": fast_soft_rank(x, g, strength) if n < 1_000_000 else None,
            "POT": pot_plan_of(x) if n <= 300 else None,
        }
        numbers = {name: calls_for(run) for name, run in runs.items() if run}
        times = {name: [] for name in runs}
        for _ in range(9 if n < 1_000_000 else 3):
            for name, number in numbers.items():
                times[name].append(seconds(runs[name], number))
        row = [1e3 * float(np.median(times[name] or [np.nan])) for name in runs]
        yield str(n), *row, "-"


def torchsort_rank(x, g, strength):
    """Return a function that ranks and differentiates by torchsort, or None."""
    if importlib.util.find_spec("torchsort") is None:
        return None
    import torch
    import torchsort as peer

    torch.set_num_threads(1)
    values = torch.from_numpy(x[None]).clone().requires_grad_()
    cotangent = torch.from_numpy(g[None])

    def run():
        values.grad = None
        peer.soft_rank(values, regularization_strength=strength).backward(cotangent)

    return run


def fast_soft_rank(x, g, strength):
    """Return a function that ranks and differentiates by fast-soft-sort, or None."""
    if importlib.util.find_spec("fast_soft_sort") is None:
        return None
    from fast_soft_sort.numpy_ops import SoftRank

    def run():
        rank = SoftRank(x, regularization_strength=strength)
        rank.compute()
        rank.vjp(g)

    return run


def pot_plan_of(x):
    """Return a function that finds POT's plan from x to its ranks, or None."""
    if importlib.util.find_spec("ot") is None:
        return None
    import ot

    n = len(x)
    cost = -x[:, None] * np.arange(1.0, n + 1.0)
    mass = np.full(n, 1.0 / n)
    return lambda: ot.sinkhorn(
        mass,
        mass,
        cost,
        1.0,
        method="sinkhorn_log",
        numItermax=100,
        stopThr=0.0,
        warn=False,
    )


@section("Import, in seconds beyond `import sklearn`", ("work", "seconds", "budget"))
def import_time():
    """Measure the import in new interpreters."""
    code = (
        "import sklearn, time; start = time.process_time(); import sksoft; "
        "print(time.process_time() - start)"
    )
    times = [
        float(subprocess.check_output([sys.executable, "-P", "-c", code]))
        for _ in range(9)
    ]
    yield "`import sksoft`", float(np.median(times)), "<= 0.1"


# -- reporting ----------------------------------------------------------------------


def over_budget(numbers, budget):
    """Return texts of the numbers that do not keep to a budget, by column.

    A budget such as '<= 2 / 3, 4' has a limit, or limits of several numbers, for each
    column, or one for all of them.
    """
    sense, _, limits = budget.partition(" ")
    if not limits:
        return []
    limits = [np.array(limit.split(" / "), float) for limit in limits.split(",")]
    if len(limits) == 1:
        limits *= len(numbers)
    over = []
    for column, (number, limit) in enumerate(zip(numbers, limits, strict=True)):
        at_strengths = isinstance(number, tuple)
        pairs = zip(*np.broadcast_arrays(np.atleast_1d(number), limit), strict=True)
        for strength, (each, bound) in enumerate(pairs):
            if not (each <= bound if sense == "<=" else each >= bound):
                note = f", {STRENGTHS[strength]}" * at_strengths
                over.append((column, f"{note}: {cell(each)} for {sense} {bound:g}"))
    return over


def cell(number):
    """Return the text of a number, or of several."""
    if isinstance(number, tuple):
        return " / ".join(map(cell, number))
    return f"{number:.1f}" if 3.0 <= number < 100.0 else f"{number:.2g}"


def report(name, folder=None):
    """Measure a section and print it as a Markdown table, row by row; write a file.

    Return how many rows keep to their budgets, and texts of what does not.
    """
    title, columns, needs, function = SECTIONS[name]
    print(f"\n{title}\n")
    missing = [module for module in needs if importlib.util.find_spec(module) is None]
    if missing:
        print(f"Skipped: {', '.join(missing)} is not installed.", flush=True)
        return 0, [f"{name}: skipped"]
    columns = (*columns, "kept")
    table, n_kept, missed = [columns], 0, []
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns), flush=True)
    for work, *numbers, budget in function():
        over = over_budget(numbers, budget)
        kept = "" if budget == "-" else "NO" if over else "yes"
        n_kept += kept == "yes"
        missed += [f"{name}: {work}, {columns[1 + at]}{text}" for at, text in over]
        cells = [work, *map(cell, numbers), budget, kept]
        table.append(cells)
        print("| " + " | ".join(cells) + " |", flush=True)
    if folder is not None:
        path = Path(folder) / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(table)
    return n_kept, missed


def describe():
    """Print what the figures depend on."""
    packages = [("numpy", "numpy"), ("scipy", "scipy"), ("scikit-learn", "sklearn")]
    packages += [("torch", "torch"), ("torchsort", "torchsort"), ("POT", "ot")]
    found = [
        f"{package} {version(package)}"
        for package, module in packages
        if importlib.util.find_spec(module) is not None
    ]
    print(f"sksoft {sksoft.__version__}, Python {platform.python_version()},", end=" ")
    print(", ".join(found))
    print(f"{os.cpu_count()} processors, {platform.machine()}, one thread", end="")
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        print(f"; load at the start {load:.1f}" + " (busy)" * (load > 0.5), end="")
    print(flush=True)


def main():
    """Run the sections that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("section", nargs="*", choices=[*SECTIONS, []])
    parser.add_argument("--csv", metavar="FOLDER", help="where to write the tables")
    arguments = parser.parse_args()
    names = arguments.section or [
        name for name in SECTIONS if name != "before" or "SKSOFT_BEFORE" in os.environ
    ]
    sksoft.set_num_threads(1)
    describe()
    start = time.perf_counter()
    found = [report(name, arguments.csv) for name in names]
    n_kept = sum(kept for kept, _ in found)
    missed = [text for _, texts in found for text in texts]
    print(f"\n{n_kept} rows keep to their budgets; missed: {len(missed)}")
    print("".join(f"- {text}\n" for text in missed), end="")
    print(f"{(time.perf_counter() - start) / 60.0:.1f} minutes", end="")
    if hasattr(os, "getloadavg"):
        print(f"; load at the end {os.getloadavg()[0]:.1f}", end="")
    print()


if __name__ == "__main__":
    main()
