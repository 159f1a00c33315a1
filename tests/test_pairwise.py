# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pairwise and LapSum ranks, NeuralSort, SoftSort and the law of noisy ranks."""

import mpmath
import numpy as np
import pytest
from derivatives import check_derivatives
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, ndtr
from scipy.stats import rankdata

import sksoft
from sksoft import (
    jvp,
    rank_distribution,
    soft_permutation,
    soft_rank,
    soft_sort,
    vjp,
)

RANKS = ["logistic", "gaussian", "laplace"]
SORTS = ["neuralsort", "softsort", "laplace"]
MATRICES = ["neuralsort", "softsort"]
X = np.array([0.31, -1.24, 0.87, 2.05, -0.42, 0.66, 0.29])
TIED = np.array([1.0, 3.0, 1.0, -2.0, 3.0, 3.0, 0.5])


def laplace_cdf(t):
    return np.where(t < 0.0, 0.5 * np.exp(-abs(t)), 1.0 - 0.5 * np.exp(-abs(t)))


CDFS = {
    "logistic": expit,
    "gaussian": lambda t: ndtr(t / np.sqrt(2.0)),
    "laplace": laplace_cdf,
}


@pytest.mark.parametrize("method", RANKS)
@pytest.mark.parametrize("strength", [1e-2, 0.3, 1.0, 50.0])
def test_ranks_are_sums_over_pairs(method, strength):
    pairs = CDFS[method]((X[:, None] - X) / strength)
    ranks = soft_rank(X, method=method, regularization_strength=strength)
    assert_allclose(ranks, 0.5 + pairs.sum(axis=1), rtol=1e-14)
    assert_allclose(ranks.sum(), 28.0, rtol=1e-14)


@pytest.mark.parametrize("method", RANKS)
def test_descending_ranks_are_the_rest(method):
    strength = 0.4
    up = soft_rank(X, method=method, regularization_strength=strength)
    down = soft_rank(
        X, method=method, descending=True, regularization_strength=strength
    )
    assert_allclose(up + down, 8.0, rtol=1e-14)


@pytest.mark.parametrize("method", RANKS)
@pytest.mark.parametrize("strength", [0.0, 5e-324, 1e-12])
def test_hard_ranks_average_ties(method, strength):
    ranks = soft_rank(TIED, method=method, regularization_strength=strength)
    assert_array_equal(ranks, rankdata(TIED))


@pytest.mark.parametrize("method", RANKS)
def test_hard_ranks_have_no_gradient(method):
    _, pullback = vjp(
        soft_rank,
        TIED,
        wrt=("x", "regularization_strength"),
        method=method,
        regularization_strength=0.0,
    )
    gradient, slope = pullback(X)
    assert_array_equal(gradient, 0.0)
    assert slope == 0.0


@pytest.mark.parametrize("method", RANKS)
def test_large_strengths_pool(method):
    ranks = soft_rank(X, method=method, regularization_strength=1e15)
    assert_allclose(ranks, 4.0, rtol=1e-13)


@pytest.mark.parametrize("method", RANKS)
@pytest.mark.parametrize("strength", [0.2, 1.5])
@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.0, 2.5, 1, 3, 0.3, 1])])
@pytest.mark.parametrize("descending", [False, True])
def test_rank_derivatives(method, strength, weights, descending):
    check_derivatives(
        soft_rank,
        X,
        ("x", "regularization_strength"),
        method=method,
        regularization_strength=strength,
        weights=weights,
        descending=descending,
    )


@pytest.mark.parametrize("method", RANKS)
def test_rank_jacobian_is_a_laplacian(method):
    params = {"method": method, "regularization_strength": 0.3}
    jacobian = np.array([jvp(soft_rank, X, unit, **params)[1] for unit in np.eye(7)])
    assert_allclose(jacobian, jacobian.T, rtol=1e-14)
    assert_allclose(jacobian.sum(axis=1), 0.0, atol=1e-14)
    assert np.linalg.eigvalsh(jacobian).min() > -1e-14
    # A constant moves nothing, exactly.
    assert_array_equal(jvp(soft_rank, X, np.ones(7), **params)[1], 0.0)


@pytest.mark.parametrize("method", RANKS)
def test_weights_are_repetitions(method):
    counts = np.array([1, 0, 3, 2, 0, 1, 4])
    params = {"method": method, "regularization_strength": 0.3}
    repeated = soft_rank(np.repeat(X, counts), **params)
    weighted = soft_rank(X, weights=counts, **params)
    assert_allclose(np.repeat(weighted, counts), repeated, rtol=1e-13)
    # Absent entries see the others and are not seen.
    present = np.append(np.repeat(X, counts), X[1])
    tiny = np.append(np.ones(counts.sum()), 0.0)
    assert_allclose(weighted[1], soft_rank(present, weights=tiny, **params)[-1])


@pytest.mark.parametrize(
    ("method", "noise"), [("logistic", "gumbel"), ("gaussian", "normal")]
)
def test_ranks_are_expected_ranks_under_noise(method, noise):
    rng = np.random.default_rng(3)
    n_samples, strength = 200_000, 0.5
    noisy = X + strength * getattr(rng, noise)(size=(n_samples, 7))
    ranks = noisy.argsort(axis=1).argsort(axis=1) + 1.0
    expected = soft_rank(X, method=method, regularization_strength=strength)
    error = ranks.std(axis=0) / np.sqrt(n_samples)
    assert np.all(np.abs(ranks.mean(axis=0) - expected) < 5.0 * error)


@pytest.mark.parametrize("method", RANKS)
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("relative", [5e-324, 1e-12, 1e-3, 1.0, 1e3, 1e12])
def test_ranks_in_high_precision(method, scale, relative):
    x, strength = scale * X, max(scale * relative, 5e-324)
    mpmath.mp.dps = 50
    big = [mpmath.mpf(float(v)) for v in x]

    def cdf(t):
        if abs(t) > 1000:
            return mpmath.mpf(t > 0)
        if method == "logistic":
            return 1 / (1 + mpmath.exp(-t))
        if method == "gaussian":
            return mpmath.ncdf(t / mpmath.sqrt(2))
        return mpmath.exp(t) / 2 if t < 0 else 1 - mpmath.exp(-t) / 2

    expected = [
        mpmath.mpf(0.5) + sum(cdf((a - b) / mpmath.mpf(strength)) for b in big)
        for a in big
    ]
    ranks = soft_rank(x, method=method, regularization_strength=strength)
    assert_allclose(ranks, np.array(expected, float), rtol=1e-13)


def test_laplace_ranks_agree_with_all_pairs_on_a_long_row():
    x = np.random.default_rng(0).normal(size=1500)
    for strength in (1e-4, 1e-2, 1.0, 100.0):
        expected = 0.5 + laplace_cdf((x[:, None] - x) / strength).sum(axis=1)
        ranks = soft_rank(x, method="laplace", regularization_strength=strength)
        assert_allclose(ranks, expected, rtol=1e-12)


# Sorts and permutation matrices.


def matrix_reference(method, x, strength):
    """Return the published softmax rows, for ascending order."""
    n = len(x)
    if method == "softsort":
        logits = -np.abs(np.sort(x)[:, None] - x)
    else:
        places = np.arange(1.0, n + 1.0)[:, None]
        logits = (2.0 * places - n - 1.0) * x - np.abs(x[:, None] - x).sum(axis=0)
    logits = logits / strength
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("method", MATRICES)
@pytest.mark.parametrize("strength", [0.05, 1.0, 40.0])
@pytest.mark.parametrize("descending", [False, True])
def test_permutations_follow_their_definition(method, strength, descending):
    params = {
        "method": method,
        "regularization_strength": strength,
        "descending": descending,
    }
    expected = matrix_reference(method, X, strength)
    expected = expected[::-1] if descending else expected
    matrix = soft_permutation(X, **params)
    assert_allclose(matrix, expected, rtol=1e-12, atol=1e-20)
    assert_allclose(soft_sort(X, **params), matrix @ X, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("method", MATRICES)
@pytest.mark.parametrize("strength", [1e-300, 1e-3, 1.0, 1e3])
def test_rows_of_permutations_sum_to_one_and_peak_at_the_sorted_entry(method, strength):
    matrix = soft_permutation(X, method=method, regularization_strength=strength)
    assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-14)
    assert_array_equal(matrix.argmax(axis=1), X.argsort())


@pytest.mark.parametrize("method", MATRICES)
def test_hard_permutations_share_the_places_of_ties(method):
    matrix = soft_permutation([2.0, 1.0, 2.0], method=method, regularization_strength=0)
    assert_array_equal(matrix, [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.5, 0.0, 0.5]])
    _, pullback = vjp(
        soft_permutation, [2.0, 1.0, 2.0], method=method, regularization_strength=0.0
    )
    assert_array_equal(pullback(np.arange(9.0).reshape(3, 3)), 0.0)


@pytest.mark.parametrize("method", SORTS)
def test_sorts_of_strength_zero_are_exact(method):
    assert_array_equal(
        soft_sort(TIED, method=method, regularization_strength=0.0), np.sort(TIED)
    )
    _, pullback = vjp(soft_sort, X, method=method, regularization_strength=0.0)
    gradient = np.empty(7)
    gradient[X.argsort()] = np.arange(7.0)
    assert_array_equal(pullback(np.arange(7.0)), gradient)


@pytest.mark.parametrize("method", SORTS)
@pytest.mark.parametrize("strength", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_derivatives(method, strength, descending):
    check_derivatives(
        soft_sort,
        X,
        ("x", "regularization_strength"),
        method=method,
        regularization_strength=strength,
        descending=descending,
    )


@pytest.mark.parametrize("method", MATRICES)
@pytest.mark.parametrize("strength", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("descending", [False, True])
def test_permutation_derivatives(method, strength, descending):
    check_derivatives(
        soft_permutation,
        X,
        ("x", "regularization_strength"),
        method=method,
        regularization_strength=strength,
        descending=descending,
    )


@pytest.mark.parametrize("strength", [1e-6, 0.05, 0.7, 30.0])
def test_laplace_sort_solves_its_equation(strength):
    values = soft_sort(X, method="laplace", regularization_strength=strength)
    sums = laplace_cdf((values[:, None] - X) / strength).sum(axis=1)
    tolerance = 1e-13 + 1e-15 / strength
    assert_allclose(sums, np.arange(7) + 0.5, rtol=tolerance)


def test_laplace_sort_spreads_without_bound():
    values = soft_sort(np.zeros(9), method="laplace", regularization_strength=1e3)
    assert_allclose(values[-1], 1e3 * np.log(9.0), rtol=1e-13)
    assert_allclose(values, -values[::-1], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("method", MATRICES)
def test_relaxed_sorts_are_averages(method):
    values = soft_sort(X, method=method, regularization_strength=1e9)
    assert_allclose(values, X.mean(), rtol=1e-6)
    shifted = soft_sort(X + 1e6, method=method, regularization_strength=0.5)
    unshifted = soft_sort(X, method=method, regularization_strength=0.5)
    assert_allclose(shifted - 1e6, unshifted, atol=1e-9)


# The law of noisy ranks.


def law_reference(x, sigma, i, exact):
    """Return the law of one rank in 30 digits: a Poisson binomial, integrated."""
    mpmath.mp.dps = 30
    big = [mpmath.mpf(float(v)) for v in x]

    def law(probabilities):
        out = [mpmath.mpf(1)]
        for p in probabilities:
            out = [
                (out[k] * (1 - p) if k < len(out) else 0)
                + (out[k - 1] * p if k > 0 else 0)
                for k in range(len(out) + 1)
            ]
        return out

    others = [b for j, b in enumerate(big) if j != i]
    if not exact:
        width = mpmath.sqrt(2) * sigma
        return law([mpmath.ncdf((big[i] - b) / width) for b in others])
    step = mpmath.mpf(1) / 6
    total = [mpmath.mpf(0)] * len(big)
    for m in range(-60, 61):
        z = m * step
        part = law([mpmath.ncdf((big[i] - b) / sigma + z) for b in others])
        total = [
            t + mpmath.npdf(z) * step * p for t, p in zip(total, part, strict=True)
        ]
    return total


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("sigma", [0.1, 0.8, 10.0])
def test_rank_law_in_high_precision(exact, sigma):
    law = rank_distribution(X, sigma, exact=exact)
    for i in (0, 3):
        expected = np.array(law_reference(X, sigma, i, exact), float)
        assert_allclose(law[i], expected, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_mean_of_the_rank_law(exact, descending):
    law = rank_distribution(X, 0.6, exact=exact, descending=descending)
    assert_allclose(law.sum(axis=1), 1.0, rtol=1e-14)
    expected = soft_rank(
        X, method="gaussian", regularization_strength=0.6, descending=descending
    )
    assert_allclose(law @ np.arange(1.0, 8.0), expected, rtol=1e-13)


def test_only_the_exact_law_hands_out_each_rank_once():
    assert_allclose(rank_distribution(X, 0.6).sum(axis=0), 1.0, rtol=1e-13)
    published = rank_distribution(X, 0.6, exact=False).sum(axis=0)
    assert np.abs(published - 1.0).max() > 0.1


def test_exact_law_agrees_with_simulation():
    rng = np.random.default_rng(4)
    n_samples = 200_000
    noisy = X + 0.6 * rng.normal(size=(n_samples, 7))
    ranks = noisy.argsort(axis=1).argsort(axis=1)
    counted = np.array([(ranks == k).mean(axis=0) for k in range(7)]).T
    law = rank_distribution(X, 0.6)
    error = np.sqrt(law * (1.0 - law) / n_samples)
    assert np.all(np.abs(counted - law) < 5.0 * error + 1e-9)


@pytest.mark.parametrize("n", [1, 2, 30, 90])
def test_ranks_of_ties_are_uniform(n):
    assert_allclose(rank_distribution(np.zeros(n), 1.0), 1.0 / n, rtol=1e-12)
    assert_allclose(rank_distribution(np.zeros(n), 0.0), 1.0 / n, rtol=1e-12)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_rank_law_derivatives(exact, descending):
    check_derivatives(
        rank_distribution,
        X[:5],
        ("x", "sigma"),
        sigma=0.6,
        exact=exact,
        descending=descending,
    )


# What all of them share.

OPERATORS = [
    *[(soft_rank, {"method": method}) for method in RANKS],
    *[(soft_sort, {"method": method}) for method in SORTS],
    *[(soft_permutation, {"method": method}) for method in MATRICES],
]


@pytest.mark.parametrize(("function", "params"), OPERATORS)
@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1.0, 1e150])
@pytest.mark.parametrize("strength", [0.0, 5e-324, 1e-12, 1e-2, 1.0, 1e12, 1e300])
def test_no_strength_or_magnitude_breaks_down(function, params, scale, strength):
    value, pullback = vjp(
        function,
        scale * TIED,
        wrt=("x", "regularization_strength"),
        regularization_strength=strength,
        **params,
    )
    assert np.isfinite(value).all()
    for gradient in pullback(np.ones_like(value)):
        assert not np.isnan(gradient).any()


@pytest.mark.parametrize(("function", "params"), OPERATORS)
@given(data=st.data())
@settings(max_examples=20, deadline=None, derandomize=True, database=None)
def test_rows_are_independent(function, params, data):
    n = data.draw(st.integers(0, 8))
    values = st.floats(-1e3, 1e3, width=32)
    rows = np.array(
        [data.draw(st.lists(values, min_size=n, max_size=n)) for _ in range(3)]
    ).reshape(3, n)
    strength = data.draw(st.floats(0.0, 100.0))
    together, pullback = vjp(function, rows, regularization_strength=strength, **params)
    gradients = pullback(together)
    for row, expected, gradient in zip(rows, together, gradients, strict=True):
        alone, pull = vjp(function, row, regularization_strength=strength, **params)
        assert_array_equal(alone, expected)
        assert_array_equal(pull(alone), gradient)


@pytest.mark.parametrize(("function", "params"), OPERATORS)
def test_axes_and_grids_of_strengths(function, params):
    x = np.random.default_rng(1).normal(size=(4, 5, 3))
    params = {**params, "regularization_strength": 0.3}
    along = function(np.moveaxis(x, 1, -1), **params)
    moved = function(x, axis=1, **params)
    expected = np.moveaxis(along, -1, 1) if along.ndim == 3 else along
    assert_array_equal(moved, expected)
    grid = np.array([0.0, 0.1, 2.0])[:, None, None]
    params["regularization_strength"] = grid
    several = function(x, **params)
    for strength, value in zip(grid.ravel(), several, strict=True):
        params["regularization_strength"] = strength
        assert_array_equal(value, function(x, **params))


@pytest.mark.parametrize(("function", "params"), OPERATORS)
def test_results_do_not_depend_on_threads(function, params):
    x = np.random.default_rng(1).normal(size=(64, 80))
    results = []
    try:
        for n_threads in (1, 3):
            sksoft.set_num_threads(n_threads)
            value, pullback = vjp(function, x, regularization_strength=0.1, **params)
            results.append((value, pullback(value)))
    finally:
        sksoft.set_num_threads(None)
    for first, second in zip(*results, strict=True):
        assert_array_equal(first, second)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="targets must be None for method='logistic'"):
        soft_rank(X, method="logistic", targets=np.arange(7))
    with pytest.raises(ValueError, match="regularization must be None for method"):
        soft_rank(X, method="laplace", regularization="l2")
    with pytest.raises(ValueError, match="regularization must be None for method"):
        soft_permutation(X, method="softsort", regularization="entropic")
    with pytest.raises(ValueError, match="sigma must be a finite number >= 0, got -1"):
        rank_distribution(X, -1.0)
    with pytest.raises(TypeError, match="exact must be True or False, got 'yes'"):
        rank_distribution(X, 1.0, exact="yes")
    with pytest.raises(ValueError, match="weights must have a positive sum"):
        soft_rank(X, method="logistic", weights=np.zeros(7))
