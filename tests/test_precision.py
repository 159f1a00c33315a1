# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft sort and soft rank against the minimax formula in high precision.

The projection of z on the permutahedron of w, both ascending, is z - v, where v is the
isotonic regression v_i = max over j <= i of min over k >= i of M(j, k), and M(j, k) is
the value of the block j..k: mean z - mean w, or the same with log-sum-exps.
"""

import itertools

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoft import jvp, soft_rank, soft_sort, vjp
from sksoft._ground._exponentials import replace_by_exp, replace_by_log

MAGNITUDES = [1e-150, 1e-30, 1e-8, 1.0, 1e8, 1e30, 1e150]
STRENGTHS = [0.0, 5e-324, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 30.0, 1e6, 1e12, 1e300]
OPERATORS = [
    (soft_rank, "l2"),
    (soft_rank, "entropic"),
    (soft_rank, "kl"),
    (soft_sort, "l2"),
    (soft_sort, "entropic"),
]
# Well spread values, a cluster, near ties, and a row far from zero.
SHAPES = {
    "spread": [0.3, -1.9, 1.25, 0.7, -0.65, 2.0],
    "cluster": [1.0, 1.0 + 1e-9, -3.0, 1.0 - 2e-9, 0.5, 1.0 + 3e-9],
    "near ties": [1.0, 1.0 + 2.0**-52, 1.0 + 2.0**-51, -1.0, 0.25, 0.25],
    "far": [1e6 + 1.0, 1e6 + 2.0, 1e6 + 2.5, 1e6 + 2.5, 1e6 + 9.0, 1e6],
}


def log_mean_exp(values, digits):
    top = max(values)
    parts = [v - top for v in values]
    # Terms that no digit sees; their exponentials would have monstrous exponents.
    total = mpmath.fsum(mpmath.exp(p) for p in parts if p > -3 * digits)
    return top + mpmath.log(total)


def minimax(z, w, mean):
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


def exact(operator, regularization, x, strength):
    """Return the mathematical value for the floats x, as mpmath numbers."""
    # Digits for the largest z / strength, and 50 more.
    largest = np.log10(max(abs(v) for v in x))
    digits = 60 + int(abs(largest) + max(largest, 0.0) + abs(np.log10(strength)))
    with mpmath.workdps(digits):
        n = len(x)
        order = sorted(range(n), key=x.__getitem__)
        ascending = [mpmath.mpf(x[i]) for i in order]
        positions = [mpmath.mpf(i + 1) for i in range(n)]
        strength = mpmath.mpf(strength)
        if regularization == "l2":

            def mean(values):
                return mpmath.fsum(values) / len(values)

        else:

            def mean(values):
                return log_mean_exp(values, digits)

        if operator is soft_sort:
            return minimax([p / strength for p in positions], ascending, mean)
        targets = positions
        if regularization == "kl":
            targets = [mpmath.log(p) for p in positions]
        solved = minimax([v / strength for v in ascending], targets, mean)
        if regularization == "kl":
            solved = [mpmath.exp(v) if v > -1e4 else mpmath.mpf(0) for v in solved]
        result = [None] * n
        for i, value in zip(order, solved, strict=True):
            result[i] = value
        return result


def nearby(x):
    """Rows a unit in the last place away, in a few directions."""
    for signs in ([1, -1, 1, -1, 1, -1], [1, 1, 1, -1, -1, -1]):
        yield [v * (1 + s * 2.0**-52) for v, s in zip(x, signs, strict=True)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
def test_against_high_precision(operator, regularization, shape):
    """Check the well conditioned to 1e-12, and all to what an ulp of x would do."""
    for magnitude, strength in itertools.product(MAGNITUDES, STRENGTHS):
        x = magnitude * np.array(SHAPES[shape])
        actual = operator(
            x, regularization=regularization, regularization_strength=strength
        )
        assert np.all(np.isfinite(actual))
        if strength == 0.0:
            continue
        expected = exact(operator, regularization, x.tolist(), strength)
        scale = max(abs(v) for v in expected)
        error = [abs(a - e) for a, e in zip(actual.tolist(), expected, strict=True)]
        if max(error) <= 1e-13 * scale:
            continue
        moved = [
            exact(operator, regularization, row, strength) for row in nearby(x.tolist())
        ]
        ulp = max(
            abs(m - e) for row in moved for m, e in zip(row, expected, strict=True)
        )
        assert max(error) <= 1e-12 * scale + 4 * ulp, (magnitude, strength)


def scaled_strengths(operator, x):
    """Strengths over the whole range from hard to pooled of this row."""
    gaps = np.diff(np.unique(x))
    if operator is soft_sort:
        gaps = 1.0 / gaps
    return np.geomspace(0.5 * gaps.min(), 20 * len(x) * gaps.max(), 9)


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
def test_between_hard_and_pooled(operator, regularization, magnitude, rng):
    """Where each row is soft, whatever its magnitude."""
    for x in magnitude * rng.normal(size=(2, 7)):
        for strength in scaled_strengths(operator, x):
            actual = operator(
                x, regularization=regularization, regularization_strength=strength
            )
            expected = exact(operator, regularization, x.tolist(), strength)
            expected = np.array([float(v) for v in expected])
            atol = 1e-12 * np.abs(expected).max()
            assert_allclose(actual, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("magnitude", [1e-150, 1e-8, 1.0, 1e150])
@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
def test_gradients_between_hard_and_pooled(operator, regularization, magnitude, rng):
    """Directional derivatives by differences in high precision."""
    for x in magnitude * rng.normal(size=(2, 6)):
        g = rng.normal(size=6)
        direction = rng.normal(size=6)
        for strength in scaled_strengths(operator, x)[::2]:
            _, pullback = vjp(
                operator,
                x,
                wrt=("x", "regularization_strength"),
                regularization=regularization,
                regularization_strength=strength,
            )
            by_x, by_strength = pullback(g)
            with mpmath.workdps(220):
                step = mpmath.mpf(10) ** -60

                def value(t, u, x=x, strength=strength, step=step, d=direction, g=g):
                    t, u = t * step, u * step
                    row = [
                        mpmath.mpf(v) * (1 + t * e)
                        for v, e in zip(x.tolist(), d, strict=True)
                    ]
                    at = mpmath.mpf(strength) * (1 + u)
                    result = exact_mp(operator, regularization, row, at)
                    return mpmath.fsum(
                        a * b for a, b in zip(g.tolist(), result, strict=True)
                    )

                slope = (value(1, 0) - value(-1, 0)) / (2 * step)
                slope_strength = (value(0, 1) - value(0, -1)) / (2 * step)
            scale = np.abs(by_x * x).sum() + np.abs(g).sum() * 1e-3
            assert_allclose(by_x @ (x * direction), float(slope), atol=1e-11 * scale)
            scale = max(scale, abs(float(slope_strength)))
            assert_allclose(
                by_strength * strength, float(slope_strength), atol=1e-11 * scale
            )


def exact_mp(operator, regularization, x, strength):
    """As exact, for mpmath numbers at the precision of the caller."""
    n = len(x)
    digits = mpmath.mp.dps
    order = sorted(range(n), key=x.__getitem__)
    positions = [mpmath.mpf(i + 1) for i in range(n)]
    ascending = [x[i] for i in order]

    def mean(values):
        if regularization == "l2":
            return mpmath.fsum(values) / len(values)
        return log_mean_exp(values, digits)

    if operator is soft_sort:
        return minimax([p / strength for p in positions], ascending, mean)
    targets = positions
    if regularization == "kl":
        targets = [mpmath.log(p) for p in positions]
    solved = minimax([v / strength for v in ascending], targets, mean)
    if regularization == "kl":
        solved = [mpmath.exp(v) if v > -1e4 else mpmath.mpf(0) for v in solved]
    result = [None] * n
    for i, value in zip(order, solved, strict=True):
        result[i] = value
    return result


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("strength", [5e-324, 1e-300, 1e-170])
def test_exactly_hard_at_tiny_strengths(magnitude, strength):
    x = magnitude * np.array([2.9, 0.1, 1.2, -3.0, 1.2])
    for name in ("l2", "kl"):
        ranks = soft_rank(x, regularization=name, regularization_strength=strength)
        assert_array_equal(ranks, [5.0, 2.0, 3.5, 1.0, 3.5])
    for name in ("l2", "entropic"):
        ordered = soft_sort(x, regularization=name, regularization_strength=strength)
        assert_array_equal(ordered, np.sort(x))


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
def test_no_nan_in_gradients_at_any_strength(operator, regularization):
    g = np.array([1.0, -2.0, 0.5, 3.0, -1.0])
    for magnitude, strength in itertools.product(MAGNITUDES, STRENGTHS):
        x = magnitude * np.array([2.9, 0.1, 1.2, -3.0, 1.2])
        _, pullback = vjp(
            operator,
            x,
            wrt=("x", "regularization_strength"),
            regularization=regularization,
            regularization_strength=strength,
        )
        by_x, by_strength = pullback(g)
        assert not np.any(np.isnan(by_x)), (magnitude, strength)
        assert not np.isnan(by_strength), (magnitude, strength)


@pytest.mark.parametrize("regularization", ["l2", "entropic", "kl"])
@pytest.mark.parametrize("magnitude", [1e-150, 1e-20, 1.0, 1e20, 1e150])
def test_weights_of_any_magnitude(regularization, magnitude):
    """Ranks against the targets before + w / 2 + 1 / 2, and for entropic their log."""
    weights = magnitude * np.array([1.0, 0.5, 0.0, 2.0, 1.0])
    x = np.array([0.0, 3.0, 1.0, 2.0, 4.0])
    order = np.argsort(x)
    w = weights[order]
    expected = np.empty(5)
    before = np.cumsum(w) - w
    if regularization == "entropic":
        log_mass = np.log(-np.expm1(-w) / -np.expm1(-1.0), where=w > 0, out=np.zeros(5))
        mean = np.log(w, where=w > 0, out=np.zeros(5))
        limit = -np.log(-np.expm1(-1.0))
        level = np.where(w > 0, log_mass - mean, limit)
        expected[order] = before + w + level
    else:
        expected[order] = before + 0.5 * w + 0.5
    ranks = soft_rank(
        x,
        regularization=regularization,
        regularization_strength=1e-160,
        weights=weights,
    )
    assert_allclose(ranks, expected, rtol=1e-12)
    # Soft, but not pooled: the gaps of the levels are of the order of the magnitude.
    if regularization == "l2" and magnitude > 1.0:
        soft = soft_rank(x, regularization_strength=2 / magnitude, weights=weights)
        assert_allclose(soft @ weights, expected @ weights, rtol=1e-12)
        assert np.abs(soft - expected).max() > 0.1 * magnitude
    if regularization == "kl" and magnitude >= 1.0:
        hard = soft_rank(
            x, regularization="kl", regularization_strength=0.2, weights=weights
        )
        assert_allclose(hard, expected, rtol=1e-12)


@pytest.mark.parametrize("method", ["sinkhorn", "neuralsort", "softsort"])
@pytest.mark.parametrize("unit", [2.0**-900, 2.0**980])
def test_derivatives_of_sorts_do_not_depend_on_the_unit(method, unit, rng):
    x, g, t = rng.normal(size=(3, 6))
    params = {"method": method, "wrt": ("x", "regularization_strength")}
    _, pullback = vjp(soft_sort, x, regularization_strength=0.7, **params)
    _, scaled = vjp(soft_sort, unit * x, regularization_strength=unit * 0.7, **params)
    for actual, expected in zip(scaled(g), pullback(g), strict=True):
        assert_allclose(actual, expected, rtol=1e-12)
    del params["wrt"]
    _, moved = jvp(soft_sort, x, t, regularization_strength=0.7, **params)
    _, scaled = jvp(
        soft_sort, unit * x, unit * t, regularization_strength=unit * 0.7, **params
    )
    assert_allclose(scaled / unit, moved, rtol=1e-11)


def test_exponentials_are_right_to_the_last_digit(rng):
    x = np.concatenate(
        [
            -708.0 * rng.random(2000),
            -rng.random(2000),
            -(10.0 ** (-20.0 * rng.random(500))),
            700.0 * rng.random(500),
            [0.0, -0.0, -708.0, -600.0],
        ]
    )
    result = x.copy()
    replace_by_exp(result)
    with mpmath.workdps(30):
        errors = [abs(mpmath.exp(a) - b) for a, b in zip(x, result, strict=True)]
    assert (np.array(errors, float) <= np.spacing(result)).all()
    vanishing = np.array([-708.1, -745.0, -1e5, -1e300, -np.inf])
    replace_by_exp(vanishing)
    np.testing.assert_array_equal(vanishing, np.zeros(5))
    for n in (0, 1, 31, 32, 33, 100):
        part = x[:n].copy()
        replace_by_exp(part)
        np.testing.assert_array_equal(part, result[:n])


def test_logarithms_are_right_to_the_last_digit(rng):
    x = np.concatenate(
        [
            np.exp(rng.uniform(-700.0, 700.0, 500)),
            np.exp(rng.uniform(-3.0, 3.0, 2000)),
            np.exp(1e-3 * rng.normal(size=500)),
            np.sqrt([0.5, 2.0]),
            np.nextafter(1.0, [0.0, 2.0]),
            [2.3e-308, 0.5, 2.0, 1.7e308],
        ]
    )
    result = x.copy()
    replace_by_log(result)
    with mpmath.workdps(30):
        errors = [abs(mpmath.log(a) - b) for a, b in zip(x, result, strict=True)]
    assert (np.array(errors, float) <= np.spacing(np.abs(result))).all()
    ones = np.ones(33)
    replace_by_log(ones)
    np.testing.assert_array_equal(ones, np.zeros(33))
    for n in (0, 1, 31, 32, 33, 100):
        part = x[:n].copy()
        replace_by_log(part)
        np.testing.assert_array_equal(part, result[:n])
