# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The mean of the largest share of a sample, and its derivatives."""

import numpy as np
import pytest
from derivatives import check_derivatives
from numpy.testing import assert_allclose, assert_array_equal

from sksoft import soft_trimmed_mean, strength_bounds, superquantile, vjp

METHODS = ["permutahedron", "sinkhorn", "laplace"]


def brute_force(x, q, weights=None):
    """Fill the share from the largest value down."""
    weights = np.ones(len(x)) if weights is None else weights
    room = share = (1.0 - q) * weights.sum()
    total = 0.0
    for i in np.argsort(x)[::-1]:
        taken = min(weights[i], room)
        total += taken * x[i]
        room -= taken
    return total / share


@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.75, 0.9, 0.999])
@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_equals_brute_force(n, q):
    rng = np.random.default_rng(n)
    x, weights = rng.normal(size=n), rng.uniform(0.1, 2.0, size=n)
    assert_allclose(superquantile(x, q), brute_force(x, q), rtol=1e-12)
    value = superquantile(x, q, weights=weights)
    assert_allclose(value, brute_force(x, q, weights), rtol=1e-12)
    # Only ratios of weights matter.
    for unit in (1e-3, 1.0 / weights.sum(), 1e3):
        again = superquantile(x, q, weights=unit * weights)
        assert_allclose(again, value, rtol=1e-12)


def test_is_the_minimum_of_rockafellar_and_uryasev():
    x = np.random.default_rng(0).standard_cauchy(size=50)
    excess = np.maximum(x[None] - x[:, None], 0.0).mean(axis=1)
    assert_allclose(superquantile(x, 0.83), (x + excess / 0.17).min(), rtol=1e-12)


def test_limits_and_the_other_tail():
    x = np.random.default_rng(1).normal(size=20)
    assert_allclose(superquantile(x, 0.0), x.mean())
    assert superquantile(x, 0.95) == superquantile(x, 0.99) == x.max()
    smallest = -superquantile(-x, 0.8)
    assert_allclose(smallest, np.sort(x)[:4].mean())
    middle = 20 * x.mean() - 4 * superquantile(x, 0.8) - 4 * smallest
    trimmed = soft_trimmed_mean(x, 0.2, regularization_strength=0.0)
    assert_allclose(middle / 12, trimmed)


def test_weights_are_repetitions():
    rng = np.random.default_rng(2)
    x, weights = rng.normal(size=9), rng.integers(0, 4, size=9)
    value, pullback = vjp(superquantile, x, 0.7, weights=weights)
    long, pull_long = vjp(superquantile, np.repeat(x, weights), 0.7)
    assert_allclose(value, long, rtol=1e-13)
    places = np.repeat(np.arange(9), weights)
    gradient = np.bincount(places, pull_long(1.0), minlength=9)
    assert_allclose(pullback(1.0), gradient, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [2.0**-1060, 1e-300, 1e-290, 1e17, 1e290, 3e299])
def test_weights_of_any_unit(method, unit):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(3, 7)), rng.integers(0, 4, size=(3, 7)) * 1.0
    params = {"method": method, "regularization_strength": 0.3, "wrt": ("x", "weights")}
    expected, pullback = vjp(superquantile, x, 0.4, weights=weights, **params)
    d_x, d_weights = pullback(np.ones(3))
    value, pullback = vjp(superquantile, x, 0.4, weights=unit * weights, **params)
    found_x, found_weights = pullback(np.ones(3))
    assert_allclose(value, expected, rtol=1e-12)
    assert_allclose(found_x, d_x, rtol=1e-9, atol=1e-12)
    if unit > 1e-300:
        assert_allclose(unit * found_weights, d_weights, rtol=1e-9, atol=1e-12)


def test_exact_derivatives():
    rng = np.random.default_rng(3)
    x, weights = rng.normal(size=(3, 11)), rng.uniform(0.5, 2.0, size=(3, 11))
    wrt = ("x", "q", "weights")
    q = np.array([0.0, 0.23, 0.71, 0.97])
    check_derivatives(superquantile, x, wrt[::2], q=0.0, weights=weights)
    check_derivatives(superquantile, x, wrt, q=q[1:], weights=weights)
    # From the smallest value on.
    _, pullback = vjp(superquantile, x[0], 0.0, wrt="q")
    assert_allclose(pullback(1.0), x[0].mean() - x[0].min(), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_soft_derivatives(method):
    rng = np.random.default_rng(4)
    x, weights = rng.normal(size=(2, 9)), rng.uniform(0.5, 2.0, size=(2, 9))
    wrt = ("x", "q", "regularization_strength", "weights")
    params = {"q": 0.62, "regularization_strength": 0.4, "weights": weights}
    check_derivatives(superquantile, x, wrt, method=method, **params)
    pooled = superquantile(x, 0.6, method=method, regularization_strength=1e9)
    assert_allclose(pooled, x.mean(axis=1), rtol=1e-6)
    hard, _ = strength_bounds(superquantile, x, 0.6, method="permutahedron")
    value = superquantile(x, 0.6, regularization_strength=0.5 * hard)
    assert_allclose(value, superquantile(x, 0.6), rtol=1e-12)


def test_ties_share_the_gradient():
    x = np.array([1.0, 3.0, 3.0, 3.0, 9.0])
    value, pullback = vjp(superquantile, x, 0.6)
    assert_allclose(value, 6.0)
    assert_allclose(pullback(1.0), [0.0, 1 / 6, 1 / 6, 1 / 6, 0.5], rtol=1e-14)


def test_axes_shapes_and_dtypes():
    x = np.random.default_rng(5).normal(size=(2, 6, 3))
    q = np.array([0.5, 0.8])
    value = superquantile(x, q, axis=1)
    assert value.shape == (2, 2, 3)
    assert_array_equal(value[1, 1, 2], superquantile(x[1, :, 2], 0.8))
    assert superquantile(x, 0.5, axis=1, keepdims=True).shape == (2, 1, 3)
    assert superquantile(x.astype(np.float32), 0.5).dtype == np.float32
    assert superquantile(np.empty((0, 3)), 0.5).shape == (0,)
    with pytest.raises(ValueError, match="x must have at least one entry"):
        superquantile(np.empty((2, 0)), 0.5)


def test_lazy_arrays():
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(6).normal(size=(6, 5))
    lazy = superquantile(da.from_array(x, chunks=(2, 3)), [0.5, 0.9])
    assert_array_equal(lazy.compute(), superquantile(x, [0.5, 0.9]))


@pytest.mark.parametrize("q", [-0.1, 1.0, 1.5, np.nan])
def test_wrong_probabilities(q):
    with pytest.raises(ValueError, match=r"^q must"):
        superquantile([1.0, 2.0], q)


def test_wrong_weights():
    with pytest.raises(ValueError, match="weights must have a positive sum"):
        superquantile([1.0, 2.0], 0.5, weights=[0.0, 0.0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [0.0, 1e-5, 0.2, 1.3])
@pytest.mark.parametrize("weights", [None, [0.0, 0.4, 1.0, 2.0, 0.7]])
def test_derivative_in_q_at_zero(method, strength, weights):
    x = np.array([-0.3, 1.0, 2.2, 2.5, 4.0])
    params = {
        "weights": weights,
        "method": method,
        "regularization_strength": strength,
    }
    value, pullback = vjp(superquantile, x, 0.0, wrt=("q",), **params)
    slope = (superquantile(x, 1e-7, **params) - value) / 1e-7
    assert_allclose(pullback(1.0)[0], slope, rtol=2e-6)
