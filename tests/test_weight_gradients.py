# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Gradients in weights of every operator that has weights, against differences."""

import numpy as np
import pytest
from derivatives import check_derivatives
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
from sksoft import soft_ecdf, soft_quantile, soft_rank, soft_trimmed_mean, vjp

X = np.array([0.31, -1.24, 0.87, 2.05, -0.42, 0.66, 0.29])
WEIGHTS = np.array([1.0, 2.2, 0.5, 0.3, 1.2, 0.7, 1.1])

RANKS = [
    {"regularization": "l2"},
    {"regularization": "entropic"},
    {"regularization": "kl", "descending": True},
    {"method": "logistic"},
    {"method": "gaussian", "descending": True},
    {"method": "laplace"},
]
STATISTICS = [
    ("soft_quantile", {"q": np.array([0.83, 0.13, 0.52])}),
    ("soft_quantile", {"q": np.array(0.37)}),
    ("soft_median", {}),
    ("soft_trimmed_mean", {"proportiontocut": 0.21}),
]
CASES = [
    *(("soft_rank", params) for params in RANKS),
    *(
        (name, {**params, "method": method})
        for name, params in STATISTICS
        for method in ("permutahedron", "sinkhorn", "laplace")
    ),
    *(
        ("soft_ecdf", {"points": np.array([0.3, -3.0, 0.9]), "method": method})
        for method in ("logistic", "gaussian", "laplace")
    ),
]


@pytest.mark.parametrize("strength", [0.02, 0.3, 2.0, 50.0])
@pytest.mark.parametrize(("name", "params"), CASES)
def test_gradients_in_weights(name, params, strength):
    wrt = ("x", "weights", "regularization_strength")
    wrt += ("q",) * (name == "soft_quantile") + ("points",) * (name == "soft_ecdf")
    params = {**params, "weights": WEIGHTS, "regularization_strength": strength}
    check_derivatives(getattr(sksoft, name), X, wrt, tolerance=1e-7, **params)


@pytest.mark.parametrize("strength", [0.0, 1e-3, 0.4, 10.0])
@pytest.mark.parametrize("params", RANKS)
def test_gradients_in_weights_of_zero(params, strength):
    # Entries without weight, alone and in ties, have one-sided derivatives.
    x = np.array([0.3, 0.3, 0.1, 0.1, 0.7, 2.0])
    weights = np.array([0.0, 0.0, 1.0, 0.0, 2.0, 0.0])
    params = {**params, "regularization_strength": strength}
    value, pullback = vjp(soft_rank, x, wrt="weights", weights=weights, **params)
    cotangent = np.arange(6.0)
    moved = [
        soft_rank(x, weights=weights + 1e-6 * unit, **params) - value
        for unit in np.eye(6)
    ]
    numeric = np.array(moved) @ cotangent / 1e-6
    assert_allclose(pullback(cotangent), numeric, rtol=3e-5)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_gradients_of_shared_weights_are_sums(name, params, rng):
    operator = getattr(sksoft, name)
    x = rng.normal(size=(7, 5))
    params = {**params, "axis": 0, "regularization_strength": 0.4}
    value, pullback = vjp(operator, x, wrt="weights", weights=WEIGHTS, **params)
    cotangent = rng.normal(size=value.shape)
    shared = pullback(cotangent)
    each = np.broadcast_to(WEIGHTS[:, np.newaxis], x.shape)
    pullback = vjp(operator, x, wrt="weights", weights=each, **params)[1]
    gradient = pullback(cotangent)
    assert gradient.shape == (7, 5)
    assert_allclose(shared, gradient.sum(axis=1), rtol=1e-13)


@pytest.mark.parametrize("regularization", ["l2", "entropic", "kl"])
def test_extreme_weights_and_strengths(regularization):
    x = np.array([3.0, 1.0, 1.0, 2.0, 1e300])
    for weights in ([0.0, 0.0, 0.0, 1.0, 0.0], [1e-9, 1e9, 2.0, 0.0, 1.0]):
        for strength in (0.0, 5e-324, 1e-12, 1.0, 1e12, 1e300):
            pullback = vjp(
                soft_rank,
                x,
                wrt=("x", "weights"),
                weights=weights,
                regularization=regularization,
                regularization_strength=strength,
            )[1]
            by_x, by_weights = pullback(np.arange(5.0))
            assert not np.any(np.isnan(by_x))
            assert np.all(np.isfinite(by_weights))


def test_weights_that_only_differ_by_their_scale_change_no_distribution():
    # Ratios only count: the gradient has no part along the weights.
    for method in ("logistic", "gaussian", "laplace"):
        pullback = vjp(
            soft_ecdf,
            X,
            [0.2, 0.7],
            wrt="weights",
            weights=WEIGHTS,
            method=method,
            regularization_strength=0.3,
        )[1]
        assert_allclose(pullback([1.0, -0.3]) @ WEIGHTS, 0.0, atol=1e-15)


def test_a_weight_is_worth_what_a_repetition_is():
    # From one repetition to two the gradient adds up to what the second one changes.
    # The gradient jumps on the way, so that the sum over steps is not exact.
    steps = np.linspace(1.0, 2.0, 20_001)
    weights = np.ones((20_001, 7))
    weights[:, 2] = steps
    for operator, params in [
        (soft_quantile, {"q": 0.6}),
        (soft_trimmed_mean, {"proportiontocut": 0.0}),
    ]:
        value, pullback = vjp(
            operator,
            np.tile(X, (20_001, 1)),
            wrt="weights",
            weights=weights,
            regularization_strength=0.7,
            **params,
        )
        slope = pullback(np.ones(20_001))[:, 2]
        repeated = operator(np.append(X, X[2]), regularization_strength=0.7, **params)
        total = ((slope[1:] + slope[:-1]) / 2.0 * np.diff(steps)).sum()
        assert_allclose(total, repeated - value[0], rtol=1e-4)


def test_no_rows_and_no_entries():
    for name, params in CASES:
        operator = getattr(sksoft, name)
        value, pullback = vjp(
            operator, np.zeros((0, 7)), wrt="weights", weights=WEIGHTS, **params
        )
        assert_array_equal(pullback(np.zeros(value.shape)), np.zeros(7))
    for params in RANKS:
        pullback = vjp(
            soft_rank, np.zeros((2, 0)), wrt="weights", weights=np.ones(0), **params
        )[1]
        assert pullback(np.zeros((2, 0))).shape == (0,)
