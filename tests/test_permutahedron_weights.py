# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Weights and targets of soft ranks, and the useful range of the strength."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from permutahedron import (
    OPERATORS,
    RANKS,
    SORTS,
    distinct_rows,
    rank,
    rows,
    strengths,
    tied_rows,
)
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp
from scipy.stats import rankdata

from sksoft import soft_rank, soft_sort, strength_bounds, vjp


@pytest.mark.parametrize("regularization", RANKS)
@pytest.mark.parametrize("descending", [False, True])
@given(data=st.data(), strength=st.one_of(st.just(0.0), strengths))
def test_integer_weights_are_repetitions(regularization, descending, data, strength):
    x = data.draw(st.one_of(rows, tied_rows))
    weights = np.array(
        data.draw(st.lists(st.integers(1, 4), min_size=len(x), max_size=len(x)))
    )
    params = {"descending": descending}
    repeated = rank(np.repeat(x, weights), strength, regularization, **params)
    first = np.cumsum(weights) - weights
    ranks = rank(x, strength, regularization, weights=weights, **params)
    if strength == 0.0 and regularization == "entropic":
        # Tied values take the mean rank at strength 0.
        repeated = rank(np.repeat(x, weights), 0.0, "l2", **params)
    assert_allclose(ranks, repeated[first], rtol=1e-9, atol=1e-11 / max(strength, 1e-3))


@pytest.mark.parametrize("regularization", RANKS)
@given(data=st.data(), strength=st.one_of(st.just(0.0), strengths))
def test_zero_weight_is_absence(regularization, data, strength):
    x = data.draw(st.one_of(distinct_rows, tied_rows))
    present = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(x), max_size=len(x)))
    )
    assume(present.any())
    weights = np.where(present, np.linspace(0.4, 2.1, len(x)), 0.0)
    ranks = rank(x, strength, regularization, weights=weights)
    alone = rank(x[present], strength, regularization, weights=weights[present])
    assert_allclose(ranks[present], alone, rtol=1e-10, atol=1e-12)
    assert np.all(np.isfinite(ranks))
    vanishing = rank(x, strength, regularization, weights=np.maximum(weights, 1e-13))
    assert_allclose(ranks, vanishing, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=st.one_of(st.just(0.0), strengths))
def test_unit_weights_and_default_targets(regularization, x, strength):
    plain = rank(x, strength, regularization)
    tol = {"rtol": 1e-12, "atol": 1e-13 * (1 + 100 / max(strength, 1e-2))}
    weights = np.ones(len(x))
    assert_allclose(rank(x, strength, regularization, weights=weights), plain, **tol)
    targets = np.arange(len(x), 0, -1)
    ranks = rank(x, strength, regularization, targets=targets)
    assert_allclose(ranks, plain, **tol)


@given(data=st.data(), strength=strengths, scale=st.floats(0.1, 10))
def test_weighted_l2_against_scipy(data, strength, scale):
    x = data.draw(rows)
    n = len(x)
    weights = scale * np.linspace(0.3, 2.0, n)[np.argsort(np.sin(np.arange(n)))]
    order = np.argsort(x, kind="stable")
    w = weights[order]
    z, target = x[order] / strength, np.cumsum(w) - 0.5 * w + 0.5
    expected = np.empty(n)
    expected[order] = z - isotonic_regression(z - target, weights=w).x
    ranks = rank(x, strength, weights=weights)
    assert_allclose(ranks, expected, rtol=1e-10, atol=1e-12 * np.ptp(z) + 1e-12)
    assert_allclose(ranks @ weights, target @ w)


@pytest.mark.parametrize("regularization", RANKS)
@given(data=st.data(), strength=strengths)
def test_targets_are_handed_out(regularization, data, strength):
    x = data.draw(distinct_rows)
    n = len(x)
    targets = 1.5 ** np.array(data.draw(st.permutations(range(n))), float)
    hard = rank(x, 0.0, regularization, targets=targets)
    assert_array_equal(hard, np.sort(targets)[rankdata(x).astype(int) - 1])
    hard = rank(x, 0.0, regularization, targets=targets, descending=True)
    assert_array_equal(hard, np.sort(targets)[rankdata(-x).astype(int) - 1])
    soft = rank(x, strength, regularization, targets=targets)
    if regularization == "entropic":
        assert_allclose(logsumexp(soft), logsumexp(targets), rtol=1e-11)
    else:
        assert_allclose(soft.sum(), targets.sum(), rtol=1e-11)


@pytest.mark.parametrize("regularization", RANKS)
@pytest.mark.parametrize("which", ["weights", "targets"])
def test_bounds_with_weights_and_targets(regularization, which, rng):
    x = rng.normal(size=9)
    params = {which: rng.uniform(0.5, 3.0, 9), "regularization": regularization}
    hard, pooled = strength_bounds(soft_rank, x, **params)
    expected = soft_rank(x, regularization_strength=hard * 1e-9, **params)
    below = soft_rank(x, regularization_strength=hard * (1 - 1e-9), **params)
    above = soft_rank(x, regularization_strength=hard * 1.01, **params)
    assert_array_equal(below, expected)
    assert np.abs(above - expected).max() > 1e-5

    def one_block(strength):
        pulls = vjp(soft_rank, x, regularization_strength=strength, **params)[1]
        low = pulls(np.eye(9)[np.argmin(x)])
        return low[np.argmax(x)] != 0.0

    assert one_block(pooled * (1 + 1e-9))
    assert not one_block(pooled * (1 - 1e-9))


def test_bounds_of_batches(rng):
    x = rng.normal(size=(3, 7, 4))
    for operator, name in OPERATORS:
        hard, pooled = strength_bounds(operator, x, axis=1, regularization=name)
        assert hard.shape == pooled.shape == (3, 4)
        for i, j in np.ndindex(3, 4):
            alone = strength_bounds(operator, x[i, :, j], regularization=name)
            assert_allclose(alone, (hard[i, j], pooled[i, j]), rtol=1e-13)


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@pytest.mark.parametrize("n", [0, 1])
def test_bounds_of_hardly_anything(operator, regularization, n):
    hard, pooled = strength_bounds(operator, np.ones(n), regularization=regularization)
    assert hard == np.inf
    assert pooled == 0.0


def test_bounds_of_constants_and_ties():
    for name in RANKS:
        assert strength_bounds(soft_rank, [2.0, 2.0], regularization=name) == (0.0, 0.0)
        hard, pooled = strength_bounds(soft_rank, [1, 2, 2], regularization=name)
        assert hard == 0.0 < pooled
    for name in SORTS:
        # A soft sort of a constant is that constant, and its own hard sort.
        bounds = strength_bounds(soft_sort, [2.0, 2.0], regularization=name)
        assert bounds == (np.inf, np.inf)
