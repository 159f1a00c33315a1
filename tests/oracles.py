# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators by their definitions, in 60 digits, for random calls.

Every definition here is the sum, the root or the minimax formula that the docstring of
the operator states, written down as slowly as it can be.
"""

import numpy as np
from fuzzing import Case
from mpmath import erfc, exp, fsum, log, mp, mpf, sqrt, workdps

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


def quantile(x, q, method, strength):
    """Return the mean between two levels of mass, by two masks."""
    n = len(x)
    start = (n - 1) * mpf(q)
    # The upper levels, where rounding leaves nothing, select nothing.
    levels = [min(max(n - start - shift, 0), n) for shift in (0, 1)]
    lower, upper = (topk(x, level, method, strength) for level in levels)
    return [fsum((p - r) * a for p, r, a in zip(lower, upper, x, strict=True))]


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
    if name == "soft_quantile":
        return quantile(x, args["q"], method, strength)
    if name == "soft_topk":
        power = POWERS.get(args.get("regularization"), 1)
        return topk(x, args["k"], method, strength, power)
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
    *(
        ("soft_quantile", {"method": name})
        for name in ("sinkhorn", "laplace", "permutahedron")
    ),
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
    if name == "soft_sort" and entropic:
        # The entropic form compares values with their exponentials.
        scale = 1.0
    x = families[rng.integers(len(families))] * scale
    params = dict(params)
    if name != "squash":
        unit = 1.0 / scale if name == "soft_sort" and "method" not in params else scale
        params["regularization_strength"] = float(unit * 10.0 ** rng.uniform(-4, 3))
    if name == "soft_topk":
        params["k"] = float(rng.choice([rng.uniform(0, n), rng.integers(0, n + 1)]))
    if name == "soft_quantile":
        params["q"] = float(rng.uniform())
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
        scale = max(abs(value) for value in expected)
        for i, value in enumerate(expected):
            change = max(abs(other[i] - value) for other in near)
            error = abs(mpf(float(actual[i])) - value)
            assert error <= TOLERANCE * scale + 8 * change + 1e-300, (
                f"entry {i} is {actual[i]!r}, not {float(value)!r}"
            )
