# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Squashing: its definition, its derivatives, its limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from scipy.stats import zscore

from sksoft import jvp, soft_rank, squash, vjp


def test_definition():
    x = np.random.default_rng(0).normal(size=(3, 9))
    expected = expit(np.pi / np.sqrt(3) * zscore(x, axis=1))
    assert_allclose(squash(x), expected, rtol=1e-13)
    assert_allclose(squash(x.T, axis=0), expected.T, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150, 1e299])
def test_does_not_depend_on_the_unit(scale):
    x = np.random.default_rng(1).normal(size=9)
    assert_allclose(squash(x * scale), squash(x), rtol=1e-13)
    assert_allclose(squash(1.0 + x), squash(x), rtol=1e-12)


def test_gradient_and_tangent():
    rng = np.random.default_rng(2)
    x, tangent, cotangent = rng.normal(size=(3, 4, 7))
    _, pullback = vjp(squash, x)
    gradient = pullback(cotangent)
    numerical = np.empty_like(x)
    for index in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[index] = 1e-6
        difference = cotangent * (squash(x + move) - squash(x - move))
        numerical[index] = difference.sum() / 2e-6
    assert_allclose(gradient, numerical, atol=1e-8)
    _, moved = jvp(squash, x, tangent)
    assert_allclose((moved * cotangent).sum(), (gradient * tangent).sum(), rtol=1e-12)
    # Neither a shift nor a change of the unit moves the result.
    assert_allclose(gradient.sum(axis=1), np.zeros(4), atol=1e-13)
    assert_allclose((gradient * x).sum(axis=1), np.zeros(4), atol=1e-13)


def test_constant_small_and_empty_rows():
    value, pullback = vjp(squash, [[3.0, 3.0, 3.0]])
    assert_array_equal(value, [[0.5, 0.5, 0.5]])
    assert_array_equal(pullback([[1.0, 2.0, 3.0]]), np.zeros((1, 3)))
    assert_array_equal(squash([7.0]), [0.5])
    for shape in ((0,), (0, 4), (3, 0)):
        value, pullback = vjp(squash, np.empty(shape))
        assert pullback(value).shape == shape


def test_rows_and_dtypes():
    x = np.random.default_rng(3).normal(size=(20, 50)).astype(np.float32)
    value = squash(x)
    assert value.dtype == np.float32
    assert_array_equal(value, squash(x.astype(np.float64)).astype(np.float32))
    assert_array_equal(value[4], squash(x[4]))


def test_sinkhorn_ranks_as_published():
    ot = pytest.importorskip("ot")
    x = np.random.default_rng(4).normal(size=8) ** 3
    grid, mass, epsilon = np.linspace(0.0, 1.0, 8), np.full(8, 1 / 8), 1e-2
    plan = ot.sinkhorn(
        mass,
        mass,
        (squash(x)[:, None] - grid) ** 2,
        epsilon,
        method="sinkhorn_log",
        stopThr=1e-14,
        numItermax=20000,
    )
    # Positions 1, ..., n are 7 times further apart than this grid.
    ranks = soft_rank(
        squash(x), method="sinkhorn", regularization_strength=0.5 * epsilon * 7
    )
    assert_allclose(ranks, 8 * plan @ np.arange(1.0, 9.0), atol=1e-10)
