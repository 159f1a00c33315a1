# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sparse and LapSum top-k masks."""

import mpmath
import numpy as np
import pytest
from derivatives import check_derivatives
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

import sksoft
from sksoft import jvp, soft_rank, soft_topk, strength_bounds, vjp

SPARSE = {"l2": 2.0, "l3/2": 1.5, "l4/3": 4.0 / 3.0}
METHODS = [("permutahedron", name) for name in SPARSE] + [("laplace", None)]
X = np.array([0.31, -1.24, 0.87, 2.05, -0.42, 0.66, 0.29])
TIED = np.array([1.0, 3.0, 1.0, -2.0, 3.0, 3.0, 0.5])
WEIGHTS = np.array([1.0, 2.0, 0.5, 0.3, 1.2, 0.7, 1.1])


def mask(x, k, strength, method="permutahedron", regularization=None, **params):
    return soft_topk(
        x,
        k,
        method=method,
        regularization=regularization,
        regularization_strength=strength,
        **params,
    )


@pytest.mark.parametrize("regularization", SPARSE)
@pytest.mark.parametrize("k", [1.0, 2.0, 2.4])
@pytest.mark.parametrize("strength", [0.2, 1.0, 5.0])
def test_sparse_mask_maximises_its_objective(regularization, k, strength):
    p, x = SPARSE[regularization], X[:4]
    solution = minimize(
        lambda a: strength * (np.abs(a) ** p).sum() / p - a @ x,
        np.full(4, k / 4.0),
        jac=lambda a: strength * np.sign(a) * np.abs(a) ** (p - 1.0) - x,
        bounds=[(0.0, 1.0)] * 4,
        constraints={"type": "eq", "fun": lambda a: a.sum() - k},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    assert_allclose(
        mask(x, k, strength, "permutahedron", regularization), solution.x, atol=2e-5
    )


@pytest.mark.parametrize("strength", [0.1, 0.9, 7.0])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_l2_mask_is_the_projection_on_the_permutahedron_of_zeros_and_ones(strength, k):
    targets = np.append(np.zeros(7 - k), np.ones(k))
    expected = soft_rank(X, targets=targets, regularization_strength=strength)
    assert_allclose(mask(X, k, strength), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("method", "regularization"), METHODS)
@pytest.mark.parametrize("k", [0.0, 0.3, 2.0, 3.7, 7.0])
@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0, 30.0, 1e9])
def test_masks_sum_to_k_and_keep_the_order(method, regularization, k, strength):
    largest = mask(X, k, strength, method, regularization)
    assert_allclose(largest.sum(), k, rtol=1e-13, atol=1e-15)
    assert np.all((largest >= 0.0) & (largest <= 1.0))
    assert np.all(np.diff(largest[X.argsort()]) >= 0.0)
    assert_allclose(
        mask(X + 8.0, k, strength, method, regularization),
        largest,
        rtol=1e-9,
        atol=1e-12,
    )
    smallest = mask(X, k, strength, method, regularization, largest=False)
    assert_array_equal(smallest, mask(-X, k, strength, method, regularization))
    if regularization in ("l2", None):
        rest = mask(-X, 7.0 - k, strength, method, regularization)
        assert_allclose(largest + rest, 1.0, rtol=1e-12)
    if k in (0.0, 7.0):
        assert_array_equal(largest, k / 7.0)
    if strength == 1e9:
        assert_allclose(largest, k / 7.0, atol=1e-7)


@pytest.mark.parametrize("regularization", SPARSE)
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6])
def test_sparse_mask_is_hard_up_to_the_gap(regularization, k):
    descending = np.sort(X)[::-1]
    gap = descending[k - 1] - descending[k]
    hard = (X >= descending[k - 1]).astype(float)
    bounds = strength_bounds(
        soft_topk, X, k, method="permutahedron", regularization=regularization
    )
    assert bounds[0] == gap
    for strength in (0.0, 5e-324, 0.3 * gap, gap):
        params = {"method": "permutahedron", "regularization": regularization}
        value, pullback = vjp(
            soft_topk, X, k, regularization_strength=strength, **params
        )
        assert_array_equal(value, hard)
        assert_array_equal(pullback(X), 0.0)
    assert np.any(mask(X, k, 1.001 * gap, "permutahedron", regularization) != hard)


@pytest.mark.parametrize("regularization", SPARSE)
@pytest.mark.parametrize("k", [1, 3, 5.5])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_sparse_mask_is_pooled_from_the_second_bound_on(regularization, k, weights):
    params = {"regularization": regularization, "weights": weights}
    _, pooled = strength_bounds(soft_topk, X, k, method="permutahedron", **params)
    inside = mask(X, k, pooled * 1.0001, **params)
    assert np.all((inside > 0.0) & (inside < 1.0))
    edge = mask(X, k, pooled * 0.999, **params)
    assert np.any((edge == 0.0) | (edge == 1.0))


@pytest.mark.parametrize(("method", "regularization"), METHODS)
def test_hard_masks_split_ties_at_the_boundary(method, regularization):
    expected = [0.0, 2.0 / 3.0, 0.0, 0.0, 2.0 / 3.0, 2.0 / 3.0, 0.0]
    assert_allclose(mask(TIED, 2, 0.0, method, regularization), expected, rtol=1e-15)
    expected = [0.75, 1.0, 0.75, 0.0, 1.0, 1.0, 0.0]
    assert_allclose(mask(TIED, 4.5, 0.0, method, regularization), expected, rtol=1e-15)


@pytest.mark.parametrize(("method", "regularization"), METHODS)
@pytest.mark.parametrize("strength", [0.3, 2.0, 20.0])
@pytest.mark.parametrize("k", [0.4, 3.3, 6.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("largest", [True, False])
def test_derivatives(method, regularization, strength, k, weights, largest):
    wrt = ("x", "k", "regularization_strength")
    check_derivatives(
        soft_topk,
        X,
        wrt if weights is None else (*wrt, "weights"),
        k=k,
        method=method,
        regularization=regularization,
        regularization_strength=strength,
        weights=weights,
        largest=largest,
    )


@pytest.mark.parametrize(("method", "regularization"), METHODS)
def test_jacobian_is_symmetric_and_gradient_in_k_sums_to_one(method, regularization):
    params = {
        "k": 2.6,
        "method": method,
        "regularization": regularization,
        "regularization_strength": 1.1,
    }
    jacobian = np.array([jvp(soft_topk, X, unit, **params)[1] for unit in np.eye(7)])
    assert_allclose(jacobian, jacobian.T, rtol=1e-14, atol=1e-16)
    assert_allclose(jacobian.sum(axis=1), 0.0, atol=1e-15)
    assert np.linalg.eigvalsh(jacobian).min() > -1e-15
    for strength in (0.0, 1e-9, 1.1):
        params["regularization_strength"] = strength
        _, pullback = vjp(soft_topk, X, wrt="k", **params)
        assert_allclose(pullback(np.ones(7)), 1.0, rtol=1e-14)
        # Where the mask is hard the gradient in k goes to the entries at the boundary.
        params_hard = {**params, "k": 3, "regularization_strength": 1e-9}
        _, pullback = vjp(soft_topk, X, wrt="k", **params_hard)
        assert_allclose(pullback(np.ones(7)), 1.0, rtol=1e-14)


@pytest.mark.parametrize(("method", "regularization"), METHODS)
@pytest.mark.parametrize("strength", [0.0, 0.2, 3.0])
def test_weights_are_repetitions(method, regularization, strength):
    counts = np.array([1, 0, 3, 2, 0, 1, 4])
    repeated = mask(np.repeat(X, counts), 4.5, strength, method, regularization)
    weighted = mask(X, 4.5, strength, method, regularization, weights=counts)
    assert_allclose(np.repeat(weighted, counts), repeated, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("k", [1, 3, 4.5])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("relative", [1e-12, 1e-2, 0.3, 10.0, 1e12])
def test_laplace_mask_in_high_precision(k, scale, relative):
    mpmath.mp.dps = 50
    x, strength = scale * X, scale * relative
    points = [mpmath.mpf(float(v)) / mpmath.mpf(strength) for v in x]

    def cdf(t):
        return mpmath.exp(t) / 2 if t < 0 else 1 - mpmath.exp(-t) / 2

    low, high = min(points) - 50, max(points) + 50
    for _ in range(260):
        middle = (low + high) / 2
        if sum(cdf(point - middle) for point in points) > k:
            low = middle
        else:
            high = middle
    expected = np.array([cdf(point - low) for point in points], float)
    assert_allclose(mask(x, k, strength, "laplace"), expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(
    ("regularization", "power"), [("l2", 1), ("l3/2", 2), ("l4/3", 3)]
)
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("relative", [0.3, 2.0, 1e3, 1e12])
def test_sparse_mask_in_high_precision(regularization, power, scale, relative):
    mpmath.mp.dps = 50
    x, strength = scale * X, scale * relative
    points = [mpmath.mpf(float(v)) / mpmath.mpf(strength) for v in x]

    def entry(t):
        return min(max(t, mpmath.mpf(0)), mpmath.mpf(1)) ** power

    low, high = min(points) - 2, max(points) + 2
    for _ in range(220):
        middle = (low + high) / 2
        if sum(entry(point - middle) for point in points) > 3:
            low = middle
        else:
            high = middle
    expected = np.array([entry(point - low) for point in points], float)
    assert_allclose(
        mask(x, 3, strength, "permutahedron", regularization),
        expected,
        rtol=1e-12,
        atol=1e-15,
    )


@pytest.mark.parametrize(("method", "regularization"), METHODS)
@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1.0, 1e150])
@pytest.mark.parametrize("strength", [0.0, 5e-324, 1e-12, 1e-2, 1.0, 1e12, 1e300])
@pytest.mark.parametrize("k", [0, 1, 2.5, 5, 7])
def test_no_strength_or_magnitude_breaks_down(
    method, regularization, scale, strength, k
):
    value, pullback = vjp(
        soft_topk,
        scale * TIED,
        k,
        wrt=("x", "k", "regularization_strength"),
        method=method,
        regularization=regularization,
        regularization_strength=strength,
    )
    assert_allclose(value.sum(), k, rtol=1e-12, atol=1e-14)
    for gradient in pullback(X):
        assert not np.isnan(gradient).any()


@pytest.mark.parametrize(("method", "regularization"), METHODS)
@given(data=st.data())
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
def test_rows_are_independent(method, regularization, data):
    n = data.draw(st.integers(0, 8))
    values = st.floats(-1e3, 1e3, width=32)
    rows = np.array(
        [data.draw(st.lists(values, min_size=n, max_size=n)) for _ in range(3)]
    ).reshape(3, n)
    k = data.draw(st.floats(0.0, n))
    params = {
        "method": method,
        "regularization": regularization,
        "regularization_strength": data.draw(st.floats(0.0, 100.0)),
    }
    together, pullback = vjp(soft_topk, rows, k, **params)
    assert_allclose(together.sum(axis=1), k, rtol=1e-11, atol=1e-13)
    gradients = pullback(rows)
    for row, expected, gradient in zip(rows, together, gradients, strict=True):
        alone, pull = vjp(soft_topk, row, k, **params)
        assert_array_equal(alone, expected)
        assert_array_equal(pull(row), gradient)


@pytest.mark.parametrize(("method", "regularization"), METHODS)
def test_axes_and_grids(method, regularization):
    x = np.random.default_rng(1).normal(size=(4, 5, 3))
    moved = mask(x, 2, 0.5, method, regularization, axis=1)
    along = mask(np.moveaxis(x, 1, -1), 2, 0.5, method, regularization)
    assert_array_equal(moved, np.moveaxis(along, -1, 1))
    k = np.array([0.0, 1.5, 3.0])[:, None, None]
    several = mask(x, k, 0.5, method, regularization)
    for each, value in zip(k.ravel(), several, strict=True):
        assert_array_equal(value, mask(x, each, 0.5, method, regularization))


@pytest.mark.parametrize(("method", "regularization"), METHODS)
def test_results_do_not_depend_on_threads(method, regularization):
    x = np.random.default_rng(1).normal(size=(300, 200))
    results = []
    try:
        for n_threads in (1, 3):
            sksoft.set_num_threads(n_threads)
            results.append(mask(x, 20, 0.1, method, regularization))
    finally:
        sksoft.set_num_threads(None)
    assert_array_equal(*results)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="regularization of method='permutahedron'"):
        soft_topk(X, 2, method="permutahedron", regularization="entropic")
    with pytest.raises(ValueError, match="regularization must be None for method"):
        soft_topk(X, 2, method="laplace", regularization="l2")
    with pytest.raises(ValueError, match="k must lie between 0 and"):
        soft_topk(X, 7.5, method="laplace")
