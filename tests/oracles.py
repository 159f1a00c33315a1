# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators by their definitions, in 60 digits, for random calls.

Every definition here is the sum, the root or the minimax formula that the docstring of
the operator states, written down as slowly as it can be.
"""

from itertools import pairwise

import numpy as np
from fuzzing import Case
from mpmath import (
    erfc,
    exp,
    fsum,
    log,
    lu_solve,
    matrix,
    mp,
    mpf,
    sqrt,
    workdps,
)

import sksoft

DIGITS = 60
# Results agree to this share of the largest of the row, or to what a few units in the
# last place of the input change.
TOLERANCE = 1e-12


def logistic(t):
    return 1 / (1 + exp(-t)) if t > 0 else exp(t) / (1 + exp(t))


def gaussian(t):
    return erfc(-t / sqrt(mpf(2))) / 2


def laplace(t):
    return exp(t) / 2 if t < 0 else 1 - exp(-t) / 2


def step(t):
    return mpf(1) if t > 0 else mpf(0) if t < 0 else mpf("0.5")


LAWS = {"logistic": logistic, "gaussian": gaussian, "laplace": laplace}


def scaled(law, gap, strength):
    if strength == 0:
        return step(gap)
    # Beyond this no digit of a double sees the difference.
    t = gap / strength
    return step(t) if abs(t) > 4000 else law(t)


def rank(x, method, strength):
    law = LAWS[method]
    # The difference of two normal variables has the variance 2.
    width = strength * sqrt(mpf(2)) if method == "gaussian" else strength
    return [mpf("0.5") + fsum(scaled(law, a - b, width) for b in x) for a in x]


def ecdf(x, method, strength, points):
    return [
        fsum(scaled(LAWS[method], mpf(p) - a, strength) for a in x) / len(x)
        for p in points
    ]


def topk(x, k, method, strength, power=1):
    """Return the mask whose sum is k, by bisection of its threshold."""

    def mask(tau):
        if method == "permutahedron":
            return [min(max((a - tau) / strength, 0), 1) ** power for a in x]
        law = logistic if method == "sinkhorn" else laplace
        return [scaled(law, a - tau, strength) for a in x]

    if k in (0, len(x)):
        return [mpf(k > 0)] * len(x)
    reach = strength * (10 + abs(log(mpf(k) / (len(x) - mpf(k)))))
    low, high = min(x) - reach, max(x) + reach
    for _ in range(2 * int(mp.prec)):
        middle = (low + high) / 2
        if fsum(mask(middle)) > k:
            low = middle
        else:
            high = middle
    return mask((low + high) / 2)


def softmax_sort(x, method, strength):
    n, ascending = len(x), sorted(x)
    rows = []
    for i in range(n):
        if method == "softsort":
            logits = [-abs(ascending[i] - a) for a in x]
        else:
            spread = [fsum(abs(a - b) for b in x) for a in x]
            logits = [
                (2 * (i + 1) - n - 1) * a - s for a, s in zip(x, spread, strict=True)
            ]
        top = max(logits)
        weights = [
            exp((value - top) / strength) if value - top > -4000 * strength else 0
            for value in logits
        ]
        total = fsum(weights)
        rows.append([weight / total for weight in weights])
    return rows


def log_mean_exp(values):
    top = max(values)
    parts = [exp(value - top) for value in values if value - top > -4000]
    return top + log(fsum(parts) / len(values))


def minimax(z, w, mean):
    """Return z minus its isotonic regression against w, both ascending."""
    n = len(z)
    block = {
        (j, k): mean(z[j : k + 1]) - mean(w[j : k + 1])
        for j in range(n)
        for k in range(j, n)
    }
    return [
        z[i] - max(min(block[j, k] for k in range(i, n)) for j in range(i + 1))
        for i in range(n)
    ]


def mean(values):
    return fsum(values) / len(values)


def isotonic(x, increasing, regularization):
    """Return the isotonic fit by its minimax formula."""
    average = mean if regularization == "l2" else log_mean_exp
    if not increasing:
        return isotonic(x[::-1], True, regularization)[::-1]
    n = len(x)
    return [
        max(min(average(x[j : k + 1]) for k in range(i, n)) for j in range(i + 1))
        for i in range(n)
    ]


def permutahedron(x, name, regularization, strength):
    n = len(x)
    order = sorted(range(n), key=x.__getitem__)
    ascending = [x[i] for i in order]
    positions = [mpf(i + 1) for i in range(n)]
    average = mean if regularization == "l2" else log_mean_exp
    if name == "soft_sort":
        return minimax([p / strength for p in positions], ascending, average)
    targets = [log(p) for p in positions] if regularization == "kl" else positions
    solved = minimax([a / strength for a in ascending], targets, average)
    if regularization == "kl":
        solved = [exp(value) for value in solved]
    out = [None] * n
    for place, value in zip(order, solved, strict=True):
        out[place] = value
    return out


def squash(x):
    centre = mean(x)
    deviation = sqrt(mean([(a - centre) ** 2 for a in x]))
    scale = mp.pi / sqrt(mpf(3))
    return [
        logistic(scale * (a - centre) / deviation) if deviation else mpf("0.5")
        for a in x
    ]


POWERS = {"l2": 1, "l3/2": 2, "l4/3": 3}


def band(x, start, stop, method, strength):
    """Return the mean of the sorted mass between two levels, by two masks."""
    n = len(x)
    # The upper levels, where rounding leaves nothing, select nothing.
    levels = [min(max(n - level, 0), n) for level in (start, stop)]
    lower, upper = (topk(x, level, method, strength) for level in levels)
    parts = zip(lower, upper, x, strict=True)
    return fsum((p - r) * a for p, r, a in parts) / (stop - start)


def quantile(x, q, method, strength):
    start = (len(x) - 1) * mpf(q)
    return band(x, start, start + 1, method, strength)


def group_means(x, n_groups):
    edges = [len(x) * i // n_groups for i in range(n_groups + 1)]
    return [mean(x[a:b]) for a, b in pairwise(edges)]


def statistic(name, x, args, method, strength):
    n = len(x)
    if name == "soft_quantile":
        return quantile(x, args["q"], method, strength)
    if name == "soft_median":
        return quantile(x, 0.5, method, strength)
    if name == "superquantile":
        return band(x, n * mpf(args["q"]), mpf(n), method, strength)
    if name == "soft_trimmed_mean":
        cut = int(args["proportiontocut"] * n)
        return band(x, mpf(cut), mpf(n - cut), method, strength)
    means = group_means(x, args["n_groups"])
    return quantile(means, 0.5, method, strength)


def interpolated(target, places):
    """Return a sample at places counted from its smallest value on."""
    ascending = sorted(mpf(value) for value in target)
    out = []
    for place in places:
        place = min(max(place, 0), len(ascending) - 1)
        below = min(int(place), max(len(ascending) - 2, 0))
        above = min(below + 1, len(ascending) - 1)
        out.append(
            ascending[below] + (place - below) * (ascending[above] - ascending[below])
        )
    return out


def correlation(a, b):
    a, b = ([value - mean(row) for value in row] for row in (a, b))
    norms = [sqrt(fsum(value * value for value in row)) for row in (a, b)]
    if 0 in norms:
        return mpf(0)
    return fsum(p * q for p, q in zip(a, b, strict=True)) / (norms[0] * norms[1])


def independent_ranks(x, sigma):
    """Return the distribution of ranks if all comparisons were independent."""
    laws = []
    for i, a in enumerate(x):
        law = [mpf(1)]
        for j, b in enumerate(x):
            if j != i:
                p = scaled(gaussian, a - b, sigma * sqrt(mpf(2)))
                law = [
                    stay * (1 - p) + move * p
                    for stay, move in zip([*law, 0], [0, *law], strict=True)
                ]
        laws += law
    return laws


def transport(x, m, strength):
    """Return the entropic plan from a sorted row to m targets, by Newton's method.

    The first m - 1 targets have the mass 1 and the last one what is left. Potentials g
    of the targets make the columns, softmaxes of (t_j x_i + g_j) / strength, sum up.
    """
    masses = [mpf(1)] * (m - 1) + [mpf(len(x) - m + 1)]
    # Hard potentials to begin with: the boundaries lie between neighbours.
    g = [mpf(0)]
    for j in range(m - 1):
        g.append(g[-1] - (x[j] + x[j + 1]) / 2)

    def plan(g):
        rows = []
        for a in x:
            logits = [(j * a + value) / strength for j, value in enumerate(g)]
            top = max(logits)
            weights = [exp(t - top) if t - top > -4000 else mpf(0) for t in logits]
            rows.append([w / fsum(weights) for w in weights])
        return rows

    def gap(rows):
        return [fsum(row[j] for row in rows) - masses[j] for j in range(1, m)]

    # A convex function: Newton's method with halved steps.
    rows = plan(g)
    for _ in range(300):
        error = gap(rows)
        size = max((abs(value) for value in error), default=0)
        if size < mpf(10) ** -40:
            break
        # Boundaries across which nothing is soft have no slope, and no gap either.
        hessian = mp.eye(m - 1) * mpf(10) ** -50
        for row in rows:
            for i in range(1, m):
                for j in range(1, m):
                    hessian[i - 1, j - 1] += row[i] * ((i == j) - row[j])
        step = lu_solve(hessian, matrix(error)) * strength
        share = mpf(1)
        while share > mpf(2) ** -60:
            trial = [g[0], *(g[j] - share * step[j - 1] for j in range(1, m))]
            trial_rows = plan(trial)
            if max(abs(value) for value in gap(trial_rows)) < size:
                break
            share /= 2
        g, rows = trial, trial_rows
    return rows


def sinkhorn(case, x, strength):
    """Return what the operator reads off the plan, by entry."""
    name, args, n = case.name, case.args, len(x)
    backwards = args.get("descending", False) or args.get("largest", False)
    signed = [-a for a in x] if backwards else x
    order = sorted(range(n), key=signed.__getitem__)
    m = args["k"] + (args["k"] < n) if name == "soft_topk_sorted" else n
    sorted_plan = transport([signed[i] for i in order], m, strength) if m > 0 else []
    plan = [None] * n
    for place, row in zip(order, sorted_plan, strict=False):
        plan[place] = row
    if name == "soft_rank":
        return [fsum((j + 1) * p for j, p in enumerate(row)) for row in plan]
    if name == "soft_topk_sorted":
        return [p for row in plan for p in row[: args["k"]]] if m else []
    columns = [[row[j] for row in plan] for j in range(n)]
    if name == "soft_sort":
        return [
            fsum(p * a for p, a in zip(column, x, strict=True)) for column in columns
        ]
    return [p for column in columns for p in column]


def exact(case, x):
    """Return what the docstring of the operator defines, flat, for mpmath numbers."""
    args = {name: value for name, value in case.args.items() if name != "x"}
    method = args.get("method", "permutahedron")
    strength = mpf(args.get("regularization_strength", 0))
    name = case.name
    if name == "squash":
        return squash(x)
    if name == "soft_ecdf":
        return ecdf(x, method, strength, args["points"])
    if name in STATISTICS:
        return [statistic(name, x, args, method, strength)]
    if name == "soft_isotonic":
        return isotonic(x, args["increasing"], args["regularization"])
    if name == "rank_distribution":
        return independent_ranks(x, mpf(args["sigma"]))
    if name == "soft_topk":
        power = POWERS.get(args.get("regularization"), 1)
        return topk(x, args["k"], method, strength, power)
    if method == "sinkhorn" or name == "soft_topk_sorted":
        return sinkhorn(case, x, strength)
    if name in ("soft_quantile_normalize", "soft_spearmanr"):
        return of_ranks(name, x, args, method, strength)
    if name == "soft_permutation":
        return [entry for row in softmax_sort(x, method, strength) for entry in row]
    if name == "soft_sort" and method in ("neuralsort", "softsort"):
        return [
            fsum(p * a for p, a in zip(row, x, strict=True))
            for row in softmax_sort(x, method, strength)
        ]
    if name == "soft_rank" and method in LAWS:
        return rank(x, method, strength)
    return permutahedron(x, name, args["regularization"], strength)


def of_ranks(name, x, args, method, strength):
    if method in LAWS:
        ranks = rank(x, method, strength)
    else:
        ranks = permutahedron(x, "soft_rank", args["regularization"], strength)
    if name == "soft_spearmanr":
        y = args["y"]
        of_y = [mpf((y < b).sum() + (y <= b).sum() + 1) / 2 for b in y]
        return [correlation(ranks, of_y)]
    target, half = args["target"], mpf("0.5")
    scale = mpf(len(target)) / len(x)
    return interpolated(target, [(value - half) * scale - half for value in ranks])


STATISTICS = (
    "soft_quantile",
    "soft_median",
    "superquantile",
    "soft_trimmed_mean",
    "soft_median_of_means",
)
BAND_METHODS = ("sinkhorn", "laplace", "permutahedron")
CALLS = [
    *(("soft_rank", {"regularization": name}) for name in ("l2", "entropic", "kl")),
    *(("soft_rank", {"method": name}) for name in LAWS),
    *(("soft_sort", {"regularization": name}) for name in ("l2", "entropic")),
    *(("soft_sort", {"method": name}) for name in ("neuralsort", "softsort")),
    *(("soft_permutation", {"method": name}) for name in ("neuralsort", "softsort")),
    *(("soft_topk", {"method": name}) for name in ("sinkhorn", "laplace")),
    *(
        ("soft_topk", {"method": "permutahedron", "regularization": name})
        for name in POWERS
    ),
    *((name, {"method": method}) for name in STATISTICS for method in BAND_METHODS),
    *(("soft_isotonic", {"regularization": name}) for name in ("l2", "entropic")),
    *(
        (name, params)
        for name in ("soft_quantile_normalize", "soft_spearmanr")
        for params in ({"regularization": "l2"}, {"method": "logistic"})
    ),
    ("rank_distribution", {"exact": False}),
    *(
        (name, {"method": "sinkhorn"})
        for name in ("soft_rank", "soft_sort", "soft_permutation")
    ),
    ("soft_topk_sorted", {}),
    *(("soft_ecdf", {"method": name}) for name in LAWS),
    ("squash", {}),
]


def draw(seed):
    """Return a case of a row of a few numbers at a usual strength."""
    rng = np.random.default_rng([seed, 1])
    name, params = CALLS[seed % len(CALLS)]
    n = int(rng.integers(1, 8))
    families = [
        rng.normal(size=n),
        rng.integers(-2, 3, n).astype(float),
        1.0 + np.arange(n) * 2.0**-50,
        rng.normal(size=n) * 1e-3 + rng.integers(0, 2, n),
        rng.standard_cauchy(n) ** 2,
    ]
    scale = 10.0 ** rng.choice([0.0, 0.0, -100.0, 100.0])
    entropic = params.get("regularization") in ("entropic", "kl")
    if name in ("soft_sort", "soft_isotonic") and entropic:
        # The entropic form compares values with their exponentials.
        scale = 1.0
    x = families[rng.integers(len(families))] * scale
    params = dict(params)
    if name not in ("squash", "soft_isotonic"):
        unit = 1.0 / scale if name == "soft_sort" and "method" not in params else scale
        given = "sigma" if name == "rank_distribution" else "regularization_strength"
        params[given] = float(unit * 10.0 ** rng.uniform(-4, 3))
    if name == "soft_topk":
        params["k"] = float(rng.choice([rng.uniform(0, n), rng.integers(0, n + 1)]))
    if name == "soft_topk_sorted":
        params["k"], params["largest"] = int(rng.integers(0, n + 1)), True
    if name in ("soft_quantile", "superquantile"):
        params["q"] = float(rng.uniform())
    if name == "soft_trimmed_mean":
        params["proportiontocut"] = float(rng.choice([0.0, 0.2, 0.4]))
    if name == "soft_median_of_means":
        params["n_groups"] = int(rng.integers(1, n + 1))
    if name == "soft_isotonic":
        params["increasing"] = bool(rng.integers(2))
    if name == "soft_quantile_normalize":
        params["target"] = rng.normal(size=rng.integers(1, 6))
    if name == "soft_spearmanr":
        params["y"] = rng.integers(0, 4, n).astype(float)
    if name == "soft_ecdf":
        params["points"] = scale * rng.normal(size=3)
    return Case(seed, name, {"x": x, **params})


def check(case):
    """Raise an AssertionError unless the operator returns what it defines."""
    args = dict(case.args)
    x = args.pop("x")
    actual = np.ravel(getattr(sksoft, case.name)(x, **args))
    with workdps(DIGITS):
        numbers = [mpf(value) for value in x]
        expected = exact(case, numbers)
        # What two units in the last place of the input change.
        near = [
            exact(case, [a * (1 + sign * mpf(2) ** -51) for a, sign in moved])
            for moved in (
                [(a, (-1) ** i) for i, a in enumerate(numbers)],
                [(a, (-1) ** (i // 2)) for i, a in enumerate(numbers)],
                [(a, 1) for a in numbers],
            )
        ]
        assert len(actual) == len(expected)
        scale = max((abs(value) for value in expected), default=0)
        # A mean near zero of numbers that are not is right to the last place of these.
        places = 4 * mpf(2) ** -52 * max(map(abs, numbers)) * (case.name in STATISTICS)
        for i, value in enumerate(expected):
            change = max(abs(other[i] - value) for other in near)
            error = abs(mpf(float(actual[i])) - value)
            assert error <= TOLERANCE * scale + 8 * change + places + 1e-300, (
                f"entry {i} is {actual[i]!r}, not {float(value)!r}"
            )
