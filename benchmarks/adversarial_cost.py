# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The worst time of every operator with its gradient, over families of hard inputs.

Each ratio is the processor time of value and gradients on rows of a family over the
same on rows of normal numbers, taken in turns, and the median of several. Strengths are
in units of the data, so that whoever chooses the numbers chooses how smooth a call is:
families are tried at several strengths, in units of their own spread, and the normal
numbers have the one that takes them longest. A second column has both at the same
strength: many operators work only on entries near each other, or near a threshold, and
equal numbers are near each other at any strength.

Prints the worst family of each call, then the worst calls of all, and exits with 1 if
one is above the limit in the first column: nobody who chooses the numbers shall be able
to keep a service busy for much longer than anybody else.

Usage: OMP_NUM_THREADS=1 python benchmarks/adversarial_cost.py [--repeats 5] [--limit 4]
       [--only soft_rank soft_sort ...]
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import sksoft
from sksoft import losses, sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import fuzzing

# Rows that a call of about a millisecond takes: of operators that sort, of those that
# compare all pairs, and of those that solve for a matrix.
SHAPES = ((1, 20_000), (20, 1000), (400, 50), (2000, 8))
PAIR_SHAPES = ((1, 500), (20, 60), (400, 8))
MATRIX_SHAPES = ((1, 60), (20, 20), (200, 6))
LAW_SHAPES = ((1, 24), (20, 8))
PAIRS = ("logistic", "gaussian", "neuralsort", "softsort")
# In units of the spread: hard for most rows, in between, and smooth.
STRENGTHS = (0.0, 1e-4, 1e-2, 0.3, 100.0)
WEIGHTED = ("soft_rank", "soft_topk", "soft_isotonic", "soft_quantile", "soft_ecdf")


def families(shape, rng):
    """Return rows of each family, by name; the first is what others are compared to."""
    n = shape[1]
    normal = rng.normal(size=shape)
    place = np.arange(n) + np.zeros(shape)
    signs = 1.0 - 2.0 * (place % 2)
    exponents = np.linspace(-1000, 990, n) + np.zeros(shape)
    outlier = normal.copy()
    outlier[:, n // 3] = 1e300
    both = outlier.copy()
    both[:, -1] = -1e300
    two = np.sort(np.sign(normal), axis=1)
    two_swapped = two.copy()
    two_swapped[:, [0, -1]] = two_swapped[:, [-1, 0]]
    swapped = np.sort(normal, axis=1)
    swapped[:, [0, -1]] = swapped[:, [-1, 0]]
    return {
        "normal": normal,
        "sorted": np.sort(normal, axis=1),
        "reversed": np.sort(normal, axis=1)[:, ::-1].copy(),
        "two ends exchanged": swapped,
        "constant": np.full(shape, 0.7),
        "two values": np.sign(normal),
        "two values, sorted": two,
        "two values, ends exchanged": two_swapped,
        "few values": rng.integers(-3, 4, shape).astype(float),
        "zeros of both signs": np.copysign(0.0, normal),
        "one other": (place == n // 2).astype(float),
        "organ pipe": np.minimum(place, n - 1 - place),
        "sawtooth": place % max(n // 7, 2),
        "blocks of equal values": np.floor(8 * place / n) * signs,
        "alternating signs": signs * place,
        "outlier of 1e300": outlier,
        "outliers of both signs": both,
        "denormal": rng.integers(-2000, 2000, shape) * 5e-324,
        "around the smallest normal": normal * 2.2e-308,
        "small": normal * 1e-290,
        "large": np.clip(normal, -9, 9) * 1e299,
        "geometric": rng.permuted(2.0**exponents, axis=1),
        "geometric of both signs": rng.permuted(signs * 2.0**exponents, axis=1),
        "geometric, sorted": 2.0 ** (exponents / 50),
        "equal leading bits": 1.0 + rng.integers(0, 2**20, shape) * 2.0**-52,
        "equal leading bits, few": 1.0 + rng.integers(0, 3, shape) * 2.0**-52,
        "near ties": rng.integers(0, 5, shape) + 1e-15 * normal,
        "two far clusters": normal + 1e12 * (place % 2),
        "nested clusters": np.clip(10.0 ** rng.integers(-9, 9, shape) + normal, 0, 1e9),
        "heavy tails": np.clip(rng.standard_cauchy(shape) ** 5, -1e299, 1e299),
        "lognormal": np.exp(60 * np.clip(normal, -10, 10)),
        "quadratic gaps": rng.permuted(place**2, axis=1),
        "square roots": rng.permuted(np.sqrt(place), axis=1),
        "even": rng.permuted(place, axis=1),
    }


def spread(rows):
    """Return the unit of strengths: the middle distance from the median, or the range.

    Half of all numbers may be equal; one may be far from all others.
    """
    centre = np.median(rows, axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        unit = np.median(np.abs(rows - centre))
        unit = unit or np.ptp(rows, axis=1).max()
    return float(np.clip(unit or 1.0, 5e-324, 1e300))


def calls():
    """Yield titles, shapes, functions of rows and a strength, and if there is one."""
    for name, methods in fuzzing.OPERATORS.items():
        for params in methods:
            weights = (False, True) if name in WEIGHTED else (False,)
            for weighted in weights:
                if weighted and name != "soft_topk" and "sinkhorn" in params.values():
                    continue
                yield _operator_call(name, params, weighted)
    for name, methods in (fuzzing.LIST_LOSSES | fuzzing.LABEL_LOSSES).items():
        for params in methods:
            yield _loss_call(name, params)
    yield from _sequence_calls()


def _title(name, params, weighted=False):
    words = [f"{key}={value}" for key, value in params.items()]
    return " ".join([name, *words, *["weights"] * weighted])


def _operator_call(name, params, weighted):
    operator, params = getattr(sksoft, name), dict(params)
    method = params.get("method")
    title = _title(name, params, weighted)
    shapes = SHAPES
    if name == "rank_distribution":
        shapes = LAW_SHAPES
    elif name in fuzzing.MATRICES or (method == "sinkhorn" and name.endswith(RANKS)):
        shapes = MATRIX_SHAPES
    elif method in PAIRS and name != "soft_ecdf":
        shapes = PAIR_SHAPES
    inverse = name == "soft_sort" and "method" not in params
    given = "sigma" if name == "rank_distribution" else "regularization_strength"

    def work(rows, share):
        n, args, wrt = rows.shape[1], dict(params), ["x"]
        if name not in ("squash", "soft_isotonic"):
            unit = spread(rows)
            strength = share / unit if inverse else share * unit
            args[given] = min(strength, 1e300)
            wrt.append(given)
        if weighted:
            args["weights"] = 0.5 + np.random.default_rng(1).random(n)
            wrt.append("weights")
        args |= _arguments(name, rows)
        value, pullback = sksoft.vjp(operator, rows, wrt=tuple(wrt), **args)
        pullback(np.ones_like(value))

    return title, shapes, work, name not in ("squash", "soft_isotonic")


RANKS = ("rank", "sort", "quantile_normalize", "spearmanr")


def _arguments(name, rows):
    n = rows.shape[1]
    return {
        "soft_topk": {"k": n / 3},
        "soft_topk_sorted": {"k": max(n // 4, 1)},
        "soft_quantile": {"q": [0.1, 0.5]},
        "superquantile": {"q": [0.1, 0.5]},
        "soft_trimmed_mean": {"proportiontocut": 0.2},
        "soft_median_of_means": {"n_groups": max(n // 3, 1)},
        "soft_ecdf": {"points": np.quantile(rows, [0.1, 0.5, 0.9])},
        "soft_quantile_normalize": {"target": [0.0, 1.0, 5.0]},
        "soft_spearmanr": {"y": np.sin(np.arange(n))},
    }.get(name, {})


def _loss_call(name, params):
    loss = getattr(losses, name)
    given = "sigma" if name == "softrank_ndcg_loss" else "regularization_strength"

    def work(rows, share):
        rng = np.random.default_rng(2)
        target = rng.integers(0, 3, rows.shape)
        target[:, :2] = [0, 1]
        args = dict(params)
        if name in fuzzing.LABEL_LOSSES:
            args |= {"target": target[:, 0], "k": 2}
        elif name in ("soft_auc_loss", "soft_average_precision_loss"):
            args["target"] = target > 0
        elif name in RELEVANCE:
            args["relevance"] = target
        else:
            args["target"] = target
        if name != "listnet_loss":
            args[given] = min(max(share * spread(rows), 5e-324), 1e300)
        loss(rows, **args)

    shapes = LAW_SHAPES if name == "softrank_ndcg_loss" else PAIR_SHAPES
    return _title(name, params), shapes, work, name != "listnet_loss"


RELEVANCE = (
    "soft_ndcg_loss",
    "softrank_ndcg_loss",
    "listnet_loss",
    "pairwise_logistic_loss",
)


def _sequence_calls():
    def hard(search):
        def work(rows, _):
            n_labels = min(rows.shape[1], 20)
            emissions = rows[:, : rows.shape[1] // n_labels * n_labels]
            emissions = emissions.reshape(-1, n_labels) / max(1.0, abs(rows).max())
            search(emissions, np.cos(np.arange(n_labels**2)).reshape(-1, n_labels))

        return work

    def soft_step(rows, share):
        strength = max(share * spread(rows), 1e-300)
        states = np.cos(np.arange(rows.size * 3.0)).reshape(*rows.shape, 3)
        step, pullback = sequence.soft_beam_step(
            rows, states, 4, regularization_strength=strength
        )
        pullback(np.ones_like(step.scores), np.ones_like(step.states))

    shapes = ((1, 4000), (20, 400))
    yield "viterbi", shapes, hard(sequence.viterbi), False
    search = hard(lambda rows, pairs: sequence.beam_search(rows, pairs, 6))
    yield "beam_search", shapes, search, False
    yield "soft_beam_step", ((1, 60), (20, 20), (200, 6)), soft_step, True


def seconds(work, *arguments):
    """Return the processor time of a call."""
    begin = time.process_time()
    work(*arguments)
    return time.process_time() - begin


def slowest(work, shape, shares, repeats):
    """Yield the ratio of the slowest families of each strength, in both columns."""
    rows = families(shape, np.random.default_rng(0))
    usual = {
        share: np.median([seconds(work, rows["normal"], share) for _ in range(3)])
        for share in shares
    }
    longest = max(usual, key=usual.get)
    for share in shares:
        once = {
            name: seconds(work, values, share)
            for name, values in rows.items()
            if name != "normal"
        }
        # What may be slow is measured again, in turns.
        for name in sorted(once, key=once.get)[-2:]:
            ratio, same = np.median(
                [
                    seconds(work, rows[name], share)
                    / np.array(
                        [
                            seconds(work, rows["normal"], longest),
                            seconds(work, rows["normal"], share),
                        ]
                    )
                    for _ in range(repeats)
                ],
                axis=0,
            )
            yield float(ratio), float(same), share, name


def main():
    """Print the table; return whether a ratio is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], help="parts of titles")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=4.0)
    options = parser.parse_args()
    sksoft.set_num_threads(1)
    warnings.simplefilter("ignore")
    results = []
    for title, shapes, work, has_strength in calls():
        if not any(part in title for part in options.only):
            continue
        shares = STRENGTHS if has_strength else (0.0,)
        found = [
            (*result, title, shape)
            for shape in shapes
            for result in slowest(work, shape, shares, options.repeats)
        ]
        same = max(result[1] for result in found)
        results.append((max(found), same))
        print(_line(*results[-1]), flush=True)
    print("\nThe worst of all, in units of the time that normal numbers take:")
    for result in sorted(results)[::-1][:20]:
        print(_line(*result))
    n_families = len(families((1, 8), np.random.default_rng(0))) - 1
    above = [result for result in results if result[0][0] > options.limit]
    print(
        f"{len(results)} calls, {n_families} families, {len(above)} above "
        f"{options.limit:g}"
    )
    return bool(above)


def _line(worst, same):
    ratio, _, share, family, title, shape = worst
    return (
        f"{ratio:6.2f}  {same:6.2f}  {title:58s} {family:26s} {shape!s:12s} "
        f"strength {share:g}"
    )


if __name__ == "__main__":
    sys.exit(main())
