# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Isotonic regression: equal to SciPy's and scikit-learn's, with exact derivatives."""

import numpy as np
import pytest
from derivatives import check_derivatives
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import isotonic_regression as scipy_isotonic
from scipy.special import logsumexp
from sklearn.isotonic import isotonic_regression as sklearn_isotonic

from sksoft import jvp, soft_isotonic, vjp

REGULARIZATIONS = ["l2", "entropic"]


def brute_force(x, weights, regularization):
    """Return the largest, over starts, of the smallest level over ends."""

    def level(start, stop):
        part, weight = x[start:stop], weights[start:stop]
        if regularization == "l2":
            return np.average(part, weights=weight)
        return logsumexp(part, b=weight / weight.sum())

    n = len(x)
    return np.array(
        [
            max(min(level(a, b) for b in range(i + 1, n + 1)) for a in range(i + 1))
            for i in range(n)
        ]
    )


@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 500])
def test_equals_scipy_and_scikit_learn(n, increasing):
    rng = np.random.default_rng(n)
    x, weights = rng.normal(size=n) + 0.05 * np.arange(n), rng.uniform(0.1, 3.0, size=n)
    for weight in (None, weights):
        fit = soft_isotonic(x, increasing=increasing, weights=weight)
        expected = scipy_isotonic(x, weights=weight, increasing=increasing).x
        assert_allclose(fit, expected, rtol=0.0, atol=1e-12)
        expected = sklearn_isotonic(x, sample_weight=weight, increasing=increasing)
        assert_allclose(fit, expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("regularization", REGULARIZATIONS)
def test_equals_brute_force(regularization):
    rng = np.random.default_rng(0)
    for n in range(1, 8):
        x, weights = 2.0 * rng.normal(size=n), rng.uniform(0.1, 3.0, size=n)
        params = {"regularization": regularization}
        fit = soft_isotonic(x, weights=weights, **params)
        expected = brute_force(x, weights, regularization)
        assert_allclose(fit, expected, rtol=0.0, atol=1e-13)
        fit = soft_isotonic(x, increasing=False, **params)
        expected = brute_force(x[::-1], np.ones(n), regularization)[::-1]
        assert_allclose(fit, expected, rtol=0.0, atol=1e-13)


def test_entropic_is_the_logarithm_of_the_fit_of_the_exponentials():
    x = np.random.default_rng(1).normal(size=40)
    fit = soft_isotonic(x, regularization="entropic")
    assert_allclose(np.exp(fit), soft_isotonic(np.exp(x)), rtol=1e-13)
    assert_array_equal(soft_isotonic(x, regularization="kl"), fit)


@settings(deadline=None, max_examples=60)
@given(
    x=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12),
    regularization=st.sampled_from(REGULARIZATIONS),
)
def test_properties(x, regularization):
    x = np.array(x)
    fit = soft_isotonic(x, regularization=regularization)
    assert np.all(np.diff(fit) >= 0.0)
    assert fit.min() >= x.min() - 1e-9
    assert fit.max() <= x.max() + 1e-9
    again = soft_isotonic(fit, regularization=regularization)
    assert_allclose(again, fit, rtol=1e-15)
    assert_array_equal(
        soft_isotonic(np.sort(x), regularization=regularization), np.sort(x)
    )


@pytest.mark.parametrize("regularization", REGULARIZATIONS)
@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_derivatives(regularization, increasing, weighted):
    rng = np.random.default_rng(2)
    x, params = rng.normal(size=(3, 9)), {}
    if weighted:
        params["weights"] = rng.uniform(0.5, 2.0, size=(3, 9))
    check_derivatives(
        soft_isotonic,
        x,
        ("x", *params),
        regularization=regularization,
        increasing=increasing,
        **params,
    )


@pytest.mark.parametrize("regularization", REGULARIZATIONS)
def test_weights_are_repetitions(regularization):
    rng = np.random.default_rng(3)
    x, weights = rng.normal(size=12), rng.integers(0, 4, size=12)
    params = {"regularization": regularization}
    fit, pullback = vjp(soft_isotonic, x, weights=weights, **params)
    long, pull_long = vjp(soft_isotonic, np.repeat(x, weights), **params)
    assert_allclose(np.repeat(fit, weights), long, rtol=1e-13, atol=1e-13)
    cotangent = rng.normal(size=12) * (weights > 0)
    shared = np.repeat(cotangent / np.maximum(weights, 1), weights)
    places = np.repeat(np.arange(12), weights)
    gradient = np.bincount(places, pull_long(shared), minlength=12)
    assert_allclose(pullback(cotangent)[weights > 0], gradient[weights > 0], atol=1e-13)
    # All weights may have any common unit, and zeros may lie anywhere.
    scaled = soft_isotonic(x, weights=1e-3 * weights, **params)
    assert_allclose(scaled, fit, rtol=1e-13, atol=1e-13)


def test_ties():
    x = np.full(7, 0.1)
    assert_array_equal(soft_isotonic(x), x)
    assert_array_equal(soft_isotonic(x, weights=np.arange(7.0)), x)
    assert_array_equal(soft_isotonic(x, regularization="entropic"), x)
    _, pullback = vjp(soft_isotonic, [1.0, 1.0, 5.0])
    assert_array_equal(pullback([1.0, 0.0, 0.0]), [0.5, 0.5, 0.0])


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_magnitudes(scale):
    x = np.array([0.0, 3.0, -1.0, 2.0, 5.0]) * scale
    expected = np.array([0.0, 1.0, 1.0, 2.0, 5.0]) * scale
    assert_allclose(soft_isotonic(x), expected, rtol=1e-15)
    # Where x is large the largest entry of a block is its level, but for a logarithm.
    fit, pullback = vjp(soft_isotonic, x, regularization="entropic")
    assert np.all(np.isfinite(fit))
    assert np.all(np.isfinite(pullback(np.ones(5))))
    assert_allclose(pullback(np.ones(5)).sum(), 5.0)


def test_a_weight_that_vanishes_beside_far_values():
    x, weights = [50.0, 0.0, -50.0], [0.0, 1.0, 1.0]
    fit = soft_isotonic(x, weights=weights, regularization="entropic")
    assert_allclose(fit, np.full(3, -np.log(2.0)), rtol=1e-14)
    fit = soft_isotonic(x, weights=weights)
    assert_allclose(fit, np.full(3, -25.0), rtol=1e-14)


def test_axes_shapes_and_dtypes():
    x = np.random.default_rng(4).normal(size=(2, 5, 3))
    fit = soft_isotonic(x, axis=1)
    for i, j in np.ndindex(2, 3):
        assert_array_equal(fit[i, :, j], soft_isotonic(x[i, :, j]))
    weights = np.arange(1.0, 6.0)
    weighted = soft_isotonic(x, axis=1, weights=weights)
    assert_array_equal(weighted[1, :, 2], soft_isotonic(x[1, :, 2], weights=weights))
    single = soft_isotonic(x.astype(np.float32))
    assert single.dtype == np.float32
    double = soft_isotonic(x.astype(np.float32).astype(np.float64))
    assert_array_equal(single, double.astype(np.float32))
    assert soft_isotonic([3, 1, 2]).dtype == np.float64
    for shape in ((0,), (2, 0), (0, 3)):
        value, pullback = vjp(soft_isotonic, np.empty(shape))
        assert value.shape == pullback(np.empty(shape)).shape == shape
        assert jvp(soft_isotonic, np.empty(shape), np.empty(shape))[1].shape == shape


def test_lazy_arrays():
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(5).normal(size=(6, 5))
    lazy = da.from_array(x, chunks=(2, 3))
    weights = np.random.default_rng(6).uniform(1, 2, size=(6, 5))
    result = soft_isotonic(lazy, weights=weights)
    assert_array_equal(result.compute(), soft_isotonic(x, weights=weights))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"x": [1.0, np.nan]}, ValueError, "x must hold finite"),
        ({"increasing": "auto"}, TypeError, "increasing must be"),
        ({"regularization": "l1"}, ValueError, "regularization must be one of"),
        ({"weights": [-1.0, 1.0]}, ValueError, "weights must be"),
        ({"weights": [0.0, 0.0]}, ValueError, "weights must have a positive sum"),
        ({"weights": [1.0]}, ValueError, "weights must have as many entries"),
    ],
)
def test_errors(params, error, message):
    with pytest.raises(error, match=message):
        soft_isotonic(**{"x": [1.0, 2.0], **params})
