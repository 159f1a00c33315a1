# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft quantiles, trimmed means, distribution functions and functions of ranks."""

from itertools import pairwise

import numpy as np
import pytest
from derivatives import check_derivatives
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import minimize_scalar

import sksoft
from sksoft import (
    soft_ecdf,
    soft_median,
    soft_median_of_means,
    soft_quantile,
    soft_quantile_normalize,
    soft_rank,
    soft_spearmanr,
    soft_topk,
    soft_trimmed_mean,
    strength_bounds,
    vjp,
)

MASKS = ["permutahedron", "sinkhorn", "laplace"]
LAWS = ["logistic", "gaussian", "laplace"]
X = np.array([0.31, -1.24, 0.87, 2.05, -0.42, 0.66, 0.29])
Y = np.array([1.0, 0.3, 2.0, 1.5, -2.0, 0.4, 0.4])
WEIGHTS = np.array([1.0, 2.0, 0.5, 0.3, 1.2, 0.0, 1.1])
ROWS = np.random.default_rng(11).normal(size=(3, 8, 4))
PROBABILITIES = [0.83, 0.0, 0.25, 0.5, 1.0]


# Exact statistics at strength zero.


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("q", [0.0, 0.3, 0.5, 1.0, PROBABILITIES, [0.4], []])
@pytest.mark.parametrize("keepdims", [False, True])
def test_quantiles_of_strength_zero(method, axis, q, keepdims):
    params = {"axis": axis, "keepdims": keepdims}
    value = soft_quantile(ROWS, q, method=method, regularization_strength=0.0, **params)
    expected = np.quantile(ROWS, q, **params)
    assert value.shape == expected.shape
    assert_allclose(value, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_medians_of_strength_zero(method, n):
    x = ROWS.reshape(-1)[:n]
    value = soft_median(x, method=method, regularization_strength=0.0)
    assert_allclose(value, np.median(x), rtol=1e-15)
    assert np.ndim(value) == 0


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("cut", [0.0, 0.1, 0.25, 0.4, 0.49])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_trimmed_means_of_strength_zero(method, cut, axis):
    value = soft_trimmed_mean(
        ROWS, cut, axis=axis, method=method, regularization_strength=0.0
    )
    expected = stats.trim_mean(ROWS, cut, axis=axis)
    assert_allclose(value, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n_groups", [1, 3, 8])
def test_medians_of_means_of_strength_zero(n_groups):
    value = soft_median_of_means(ROWS, n_groups, axis=1, regularization_strength=0.0)
    edges = [8 * i // n_groups for i in range(n_groups + 1)]
    means = [ROWS[:, start:stop].mean(axis=1) for start, stop in pairwise(edges)]
    assert_allclose(value, np.median(means, axis=0), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("method", LAWS)
def test_distribution_function_of_strength_zero(method):
    points = np.append(Y, [-9.0, 9.0])
    value = soft_ecdf(Y, points, method=method, regularization_strength=0.0)
    expected = stats.ecdf(Y).cdf.evaluate(points)
    assert_allclose(value, expected, rtol=1e-15)


@pytest.mark.parametrize("method", ["permutahedron", "logistic", "laplace", "sinkhorn"])
def test_rank_correlation_of_strength_zero(method):
    value = soft_spearmanr(X, Y, method=method, regularization_strength=0.0)
    assert_allclose(value, stats.spearmanr(X, Y).statistic, rtol=1e-14)
    value = soft_spearmanr(
        ROWS, ROWS**2, axis=1, method=method, regularization_strength=0.0
    )
    expected = [
        [stats.spearmanr(x, x**2).statistic for x in matrix.T] for matrix in ROWS
    ]
    assert_allclose(value, expected, rtol=1e-13, atol=1e-15)


def test_quantile_normalization_of_strength_zero():
    params = {"regularization_strength": 0.0}
    table = ROWS[0]
    # Three ways to the same: by hand, to each of two targets.
    means = np.sort(table, axis=0).mean(axis=1)
    expected = means[table.argsort(axis=0).argsort(axis=0)]
    assert_allclose(soft_quantile_normalize(table, axis=0, **params), expected)
    assert_allclose(soft_quantile_normalize(table, means, axis=0, **params), expected)
    normal = soft_quantile_normalize(X, stats.norm(2.0, 3.0), **params)
    ranks = stats.rankdata(X)
    assert_allclose(normal, stats.norm(2.0, 3.0).ppf((ranks - 0.5) / 7.0), rtol=1e-14)
    # Ties share the average of their places.
    assert_array_equal(
        soft_quantile_normalize([1.0, 5.0, 5.0], [10.0, 30.0, 20.0], **params),
        [10.0, 25.0, 25.0],
    )


def test_quantile_normalization_to_samples_of_other_lengths():
    target = np.array([3.0, -1.0, 4.0])
    value = soft_quantile_normalize(X, target, regularization_strength=0.0)
    places = (stats.rankdata(X) - 0.5) * 3.0 / 7.0 - 0.5
    expected = np.interp(places, np.arange(3.0), np.sort(target))
    assert_allclose(value, expected, rtol=1e-14)
    one = soft_quantile_normalize(X, [5.0], regularization_strength=0.1)
    assert_array_equal(one, 5.0)


# What softness does.


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("strength", [0.05, 0.5, 4.0])
def test_trimmed_mean_is_a_difference_of_masks(method, strength):
    masks = [
        soft_topk(X, k, method=method, regularization_strength=strength) for k in (6, 1)
    ]
    expected = ((masks[0] - masks[1]) * X).sum() / 5.0
    value = soft_trimmed_mean(X, 0.2, method=method, regularization_strength=strength)
    assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("method", MASKS)
def test_large_strengths_give_the_mean(method):
    params = {"method": method, "regularization_strength": 1e9}
    value = soft_quantile(X, PROBABILITIES, **params)
    assert_allclose(value, X.mean(), rtol=1e-7)
    assert_allclose(soft_trimmed_mean(X, 0.3, **params), X.mean(), rtol=1e-7)


@pytest.mark.parametrize("method", MASKS)
def test_quantiles_rise_with_q_and_stay_in_the_range(method):
    q = np.linspace(0.0, 1.0, 41)
    for strength in (0.0, 0.1, 1.0, 10.0):
        value = soft_quantile(X, q, method=method, regularization_strength=strength)
        assert np.all(np.diff(value) > -1e-14)
        assert value[0] >= X.min() - 1e-14
        assert value[-1] <= X.max() + 1e-14


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("far", [1e3, 1e9, 1e100])
def test_far_outliers_have_no_weight(method, far):
    params = {"method": method, "regularization_strength": 0.5}
    near, outlying = X.copy(), X.copy()
    near[[1, 3]] = -90.0, 90.0
    outlying[[1, 3]] = -far, far
    for function, argument in (
        (soft_median, {}),
        (soft_trimmed_mean, {"proportiontocut": 0.2}),
        (soft_quantile, {"q": 0.4}),
    ):
        expected = function(near, **argument, **params)
        value, pullback = vjp(function, outlying, **argument, **params)
        assert_allclose(value, expected, rtol=1e-12)
        assert_array_equal(pullback(1.0)[[1, 3]], 0.0)


def test_ecdf_and_rank_are_the_same_sums():
    for method in ("logistic", "laplace"):
        params = {"method": method, "regularization_strength": 0.4}
        assert_allclose(7.0 * soft_ecdf(X, X, **params) + 0.5, soft_rank(X, **params))


def test_pooled_rank_correlation_is_that_of_the_values():
    pooled = strength_bounds(soft_rank, X)[1]
    assert strength_bounds(soft_spearmanr, X, Y)[1] == pooled
    value = soft_spearmanr(X, Y, regularization_strength=1.5 * pooled)
    assert_allclose(value, np.corrcoef(X, stats.rankdata(Y))[0, 1], rtol=1e-13)


def test_rank_correlation_with_constants_is_zero():
    for x, y in ((np.ones(7), Y), (X, np.ones(7))):
        value, pullback = vjp(soft_spearmanr, x, y, regularization_strength=0.3)
        assert value == 0.0
        assert_array_equal(pullback(1.0), 0.0)


def test_median_can_be_fitted_by_its_gradient():
    # A location whose soft median of residuals is zero.
    x = np.append(X, 1e6)

    def objective(location):
        return float(soft_median(x - location, regularization_strength=0.3)) ** 2

    location = minimize_scalar(objective, bounds=(-2.0, 3.0)).x
    assert_allclose(location, soft_median(x, regularization_strength=0.3), atol=1e-6)


# Weights.


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("strength", [0.0, 0.3, 3.0])
def test_weights_are_repetitions(method, strength):
    counts = np.array([1, 0, 3, 2, 0, 1, 4])
    repeated = np.repeat(X, counts)
    params = {"method": method, "regularization_strength": strength}
    for function, argument in (
        (soft_median, {}),
        (soft_trimmed_mean, {"proportiontocut": 0.2}),
        (soft_quantile, {"q": PROBABILITIES}),
    ):
        weighted = function(X, weights=counts, **argument, **params)
        assert_allclose(weighted, function(repeated, **argument, **params), rtol=1e-11)


def test_weights_of_the_distribution_function():
    counts = np.array([1, 0, 3, 2, 0, 1, 4])
    params = {"points": Y, "regularization_strength": 0.4}
    expected = soft_ecdf(np.repeat(X, counts), **params)
    assert_allclose(soft_ecdf(X, weights=0.1 * counts, **params), expected)


# Derivatives.


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("strength", [0.2, 1.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_derivatives_of_order_statistics(method, strength, weights):
    params = {
        "method": method,
        "regularization_strength": strength,
        "weights": weights,
    }
    wrt = ("x", "regularization_strength")
    q = np.array([0.83, 0.27, 0.52])
    check_derivatives(soft_quantile, X, (*wrt, "q"), q=q, **params)
    check_derivatives(soft_quantile, X, (*wrt, "q"), q=np.array(0.61), **params)
    check_derivatives(soft_median, X, wrt, **params)
    check_derivatives(soft_trimmed_mean, X, wrt, proportiontocut=0.2, **params)


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("strength", [0.0, 1e-5, 0.2, 1.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_derivatives_in_q_at_its_ends(method, strength, weights):
    params = {
        "weights": weights,
        "method": method,
        "regularization_strength": strength,
    }
    for q, step in [(0.0, 1e-6), (1.0, -1e-6)]:
        wrt = ("q",)
        value, pullback = vjp(soft_quantile, X, q, wrt=wrt, **params)
        once, twice = soft_quantile(X, [q + step, q + 2 * step], **params)
        slope = (4 * once - 3 * value - twice) / (2 * step)
        assert_allclose(pullback(1.0)[0], slope, rtol=1e-7, atol=1e-8)
        near = vjp(soft_quantile, X, abs(q - 1e-10), wrt=wrt, **params)[1](1.0)[0]
        assert_allclose(pullback(1.0)[0], near, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("strength", [0.0, 1e-300, 1e-5])
def test_derivatives_in_q_where_the_quantile_is_a_value(method, strength):
    # The mean of the differences to the values on both sides.
    gaps = np.diff(np.sort(X))
    params = {"method": method, "regularization_strength": strength}
    for i in range(1, 6):
        slope = vjp(soft_quantile, X, i / 6, wrt=("q",), **params)[1](1.0)[0]
        assert_allclose(slope, 6 * (gaps[i - 1] + gaps[i]) / 2, rtol=1e-9)


# At the kinks of the others, each of several entries that tie counts as a side.
@pytest.mark.parametrize(
    ("method", "x"),
    [*((method, x) for method in MASKS for x in (X, np.float32(X))), ("sinkhorn", Y)],
)
@pytest.mark.parametrize("strength", [0.0, 1e-300, 1e-5, 0.3])
def test_derivatives_in_k_at_whole_numbers(method, strength, x):
    # At kinks the mean of those on both sides; at the ends, of the one side there is.
    params = {"method": method, "regularization_strength": strength}
    cotangent = np.cos(np.arange(7.0))
    for k in (0.0, 1.0, 2.0, 5.0, 6.0, 7.0):
        ks = np.clip([k - 1e-6, k + 1e-6], 0.0, 7.0)
        masks = [soft_topk(np.float64(x), k, **params) for k in ks]
        slope = (masks[1] - masks[0]) @ cotangent / (ks[1] - ks[0])
        pullback = vjp(soft_topk, x, k, wrt=("k",), **params)[1]
        gradient = pullback(cotangent.astype(x.dtype))[0]
        assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", MASKS)
@pytest.mark.parametrize("keepdims", [False, True])
def test_derivatives_along_an_axis(method, keepdims):
    params = {"axis": 1, "keepdims": keepdims, "method": method}
    params["regularization_strength"] = np.array([[0.3], [0.5], [0.9]])
    wrt = ("x", "regularization_strength")
    q = np.array([0.3, 0.72])
    check_derivatives(soft_quantile, ROWS, (*wrt, "q"), q=q, **params)
    check_derivatives(soft_median_of_means, ROWS, wrt, n_groups=3, **params)


@pytest.mark.parametrize("method", LAWS)
@pytest.mark.parametrize("points", [np.array(0.4), np.array([0.4, -0.2, 1.1])])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_derivatives_of_the_distribution_function(method, points, weights):
    check_derivatives(
        soft_ecdf,
        X,
        ("x", "points", "regularization_strength"),
        points=points,
        weights=weights,
        method=method,
        regularization_strength=0.4,
    )


@pytest.mark.parametrize("method", ["permutahedron", "logistic", "laplace"])
@pytest.mark.parametrize(
    "target", [None, Y[:6], Y[:4], stats.norm(), stats.gamma(2.0)], ids=str
)
@pytest.mark.parametrize("axis", [0, 1])
def test_derivatives_of_quantile_normalization(method, target, axis):
    wrt = ("x", "regularization_strength")
    check_derivatives(
        soft_quantile_normalize,
        ROWS[0],
        (*wrt, "target") if isinstance(target, np.ndarray) else wrt,
        target=target,
        axis=axis,
        method=method,
        regularization_strength=0.37,
    )


@pytest.mark.parametrize("method", ["permutahedron", "gaussian", "sinkhorn"])
def test_derivatives_of_the_rank_correlation(method):
    check_derivatives(
        soft_spearmanr,
        ROWS,
        ("x", "regularization_strength"),
        y=ROWS**2,
        axis=1,
        method=method,
        regularization_strength=0.3,
    )


# What all of them share.

OPERATORS = [
    (soft_quantile, {"q": [0.3, 0.9]}),
    (soft_median, {}),
    (soft_trimmed_mean, {"proportiontocut": 0.2}),
    (soft_median_of_means, {"n_groups": 2}),
    (soft_ecdf, {"points": [0.1, 0.7]}),
    (soft_quantile_normalize, {"target": [0.0, 3.0, 1.0]}),
    (soft_spearmanr, {"y": np.arange(5.0)}),
]


@pytest.mark.parametrize(("function", "params"), OPERATORS)
@given(data=st.data())
@settings(max_examples=20, deadline=None, derandomize=True, database=None)
def test_rows_are_independent(function, params, data):
    values = st.floats(-1e3, 1e3, width=32)
    rows = np.array(
        [data.draw(st.lists(values, min_size=5, max_size=5)) for _ in range(3)]
    )
    params = {**params, "regularization_strength": data.draw(st.floats(0.0, 100.0))}
    together, pullback = vjp(function, rows, **params)
    cotangent = np.ones(together.shape)
    gradients = pullback(cotangent)
    first = function is soft_quantile
    for i, row in enumerate(rows):
        alone, pull = vjp(function, row, **params)
        assert_array_equal(alone, together[:, i] if first else together[i])
        assert_array_equal(pull(np.ones(alone.shape)), gradients[i])


@pytest.mark.parametrize(("function", "params"), OPERATORS)
@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1.0, 1e150])
@pytest.mark.parametrize("strength", [0.0, 5e-324, 1e-12, 1e-2, 1.0, 1e12, 1e300])
def test_no_strength_or_magnitude_breaks_down(function, params, scale, strength):
    x = scale * np.array([1.0, 3.0, 1.0, -2.0, 3.0])
    value, pullback = vjp(
        function,
        x,
        wrt=("x", "regularization_strength"),
        regularization_strength=strength,
        **params,
    )
    assert np.isfinite(value).all()
    for gradient in pullback(np.ones_like(value)):
        assert not np.isnan(gradient).any()


@pytest.mark.parametrize(("function", "params"), OPERATORS)
def test_results_do_not_depend_on_threads(function, params):
    x = np.random.default_rng(1).normal(size=(9000, 5))
    results = []
    try:
        for n_threads in (1, 3):
            sksoft.set_num_threads(n_threads)
            results.append(function(x, regularization_strength=0.1, **params))
    finally:
        sksoft.set_num_threads(None)
    assert_array_equal(*results)


@pytest.mark.parametrize(("function", "params"), OPERATORS)
def test_lazy_arrays(function, params):
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(1).normal(size=(4, 5, 3))
    params = {**params, "axis": 1, "regularization_strength": 0.4}
    lazy = function(da.from_array(x, chunks=(2, 2, 2)), **params)
    expected = function(x, **params)
    assert lazy.shape == expected.shape
    assert_array_equal(lazy.compute(), expected)


def test_lazy_arrays_have_no_mean_of_samples():
    da = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match="target must be given where x is a Dask array"):
        soft_quantile_normalize(da.ones((3, 4)))


def test_empty_batches():
    empty = np.empty((0, 5))
    assert soft_median(empty).shape == (0,)
    assert soft_quantile(empty, [0.1, 0.2]).shape == (2, 0)
    assert soft_ecdf(empty, [0.1, 0.2, 0.3]).shape == (0, 3)
    assert soft_quantile_normalize(empty).shape == (0, 5)
    assert soft_spearmanr(empty, np.arange(5)).shape == (0,)


ERRORS = [
    (soft_quantile, {"q": 1.2}, ValueError, "q must lie between 0 and 1"),
    (soft_quantile, {"q": [[0.5]]}, ValueError, "q must be a number or one-dim"),
    (soft_quantile, {"q": 0.5, "method": "gaussian"}, ValueError, "method must be one"),
    (soft_median, {"keepdims": 1}, TypeError, "keepdims must be True or False"),
    (soft_median, {"weights": 0.1 * np.ones(7)}, ValueError, "sum to at least 1"),
    (soft_median, {"weights": 1e12 * np.ones(7)}, ValueError, "at most 1e\\+12 along"),
    (
        soft_trimmed_mean,
        {"proportiontocut": 0.1, "weights": np.full(7, 1e300)},
        ValueError,
        "at most 1e\\+12",
    ),
    (soft_quantile, {"q": 0.5, "weights": np.full(7, 2.0**53)}, ValueError, "at most"),
    (soft_median, {"weights": -np.ones(7)}, ValueError, "weights must be >= 0"),
    (soft_median, {"weights": np.ma.ones(7)}, TypeError, "weights .* masked array"),
    (soft_trimmed_mean, {"proportiontocut": 0.5}, ValueError, "below 0.5, got 0.5"),
    (soft_trimmed_mean, {"proportiontocut": "a"}, TypeError, "must be a number >= 0"),
    (soft_trimmed_mean, {"proportiontocut": False}, TypeError, "number >= 0, got F"),
    (soft_median_of_means, {"n_groups": 8}, ValueError, "n_groups must lie between"),
    (soft_median_of_means, {"n_groups": 2.0}, TypeError, "must be an integer"),
    (soft_ecdf, {"points": [[1.0]]}, ValueError, "points must be a number or one-dim"),
    (soft_ecdf, {"points": 0.0, "method": "l2"}, ValueError, "method must be one of"),
    (soft_ecdf, {"points": 0.0, "weights": np.zeros(7)}, ValueError, "positive sum"),
    (soft_quantile_normalize, {"target": []}, ValueError, "target must be a non-empty"),
    (soft_quantile_normalize, {"target": stats.poisson(2)}, TypeError, "continuous"),
    (soft_spearmanr, {"y": np.ones(6)}, ValueError, "y must have shape"),
]


@pytest.mark.parametrize(("function", "params", "error", "message"), ERRORS)
def test_errors_name_the_argument(function, params, error, message):
    with pytest.raises(error, match=message):
        function(X, **params)


@pytest.mark.parametrize(("function", "params"), OPERATORS[:5])
def test_nothing_has_no_statistics(function, params):
    with pytest.raises(ValueError, match="x must have at least one entry"):
        function(np.empty((3, 0)), **params)
