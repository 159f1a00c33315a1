# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Inputs on which other packages give wrong answers, with the right ones.

FSS is google-research/fast-soft-sort, TS torchsort, ST softtorch, SJ softjax, OTT
ott-jax, POT Python Optimal Transport, DS diffsort.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from sksoft import jvp, soft_rank, soft_sort, strength_bounds, vjp

X = np.array([2.9, 0.1, 1.2, -3.0, 1.2])
HARD = np.array([5.0, 2.0, 3.5, 1.0, 3.5])
RANKS = ["l2", "entropic", "kl"]


def rank(x, strength, regularization="l2", **params):
    return soft_rank(
        x, regularization=regularization, regularization_strength=strength, **params
    )


def sort(x, strength, regularization="l2", **params):
    return soft_sort(
        x, regularization=regularization, regularization_strength=strength, **params
    )


def jacobian(operator, x, **params):
    _, pullback = vjp(operator, x, **params)
    return np.array([pullback(row) for row in np.eye(len(x))])


def differences(operator, x, h, **params):
    steps = h * np.eye(len(x))
    columns = [operator(x + e, **params) - operator(x - e, **params) for e in steps]
    return np.array(columns).T / (2 * h)


# --- wrong gradients elsewhere -----------------------------------------------------


def test_kl_sort_jacobian():
    """FSS took the softmax of the positions: a row [0.332, 0.367, 0.301]."""
    x = np.array([0.3, -1.2, 2.0])
    for name in ("kl", "entropic"):
        params = {"regularization": name, "regularization_strength": 10.0}
        J = jacobian(soft_sort, x, **params)
        assert_allclose(J, differences(soft_sort, x, 1e-6, **params), atol=1e-8)
        # In the direction of FSS the weights of the row are those of exp(-x).
        flipped = jacobian(soft_sort, -x, descending=True, **params)[0]
        assert_allclose(flipped, [0.177, 0.791, 0.032], atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [0.0, 90.0, -100.0, 1000.0, -1000.0])
@pytest.mark.parametrize("strength", [1.0, 1e-2, 1e-3, 1e-4])
def test_exponentials_are_shifted(dtype, shift, strength):
    """TS exponentiates without the maximum: NaN gradients (torchsort #63, #66)."""
    x = (X + shift).astype(dtype)
    for operator, name in [
        (soft_rank, "kl"),
        (soft_rank, "entropic"),
        (soft_sort, "entropic"),
    ]:
        params = {"regularization": name, "regularization_strength": strength}
        J = jacobian(operator, x, **params)
        assert np.all(np.isfinite(J))
        assert J.dtype == dtype
        expected = jacobian(operator, x.astype(float) - shift, **params)
        scale = np.abs(expected).max()
        slack = 40 * np.finfo(float).eps * (1 + abs(shift)) / strength
        rounding = 3e-7 if dtype == np.float32 and shift == 0 else 0.0
        if dtype == np.float64 or shift == 0.0:
            assert_allclose(J, expected, rtol=0, atol=scale * (slack + rounding))


def test_blocks_of_tiny_values():
    """FSS finds blocks to 1e-9: entries of 6.7e9 where 3.3e9 is right."""
    x = np.array([3.0, 1.0, 2.0, 5.0])
    for scale in (1e-10, 1e-100):
        for name in RANKS:
            expected = jacobian(
                soft_rank, x, regularization=name, regularization_strength=1.1
            )
            actual = jacobian(
                soft_rank,
                scale * x,
                regularization=name,
                regularization_strength=1.1 * scale,
            )
            assert_allclose(actual * scale, expected, rtol=1e-12, atol=1e-14)


def test_sort_of_tiny_values_is_a_permutation():
    """FSS: all entries 0.25 for values of 1e-10 and strength 1e9."""
    x = 1e-10 * np.array([3.0, 1.0, 2.0, 5.0])
    J = jacobian(soft_sort, x, regularization_strength=1e9)
    assert_array_equal(J, np.eye(4)[np.argsort(x)])


def test_hard_ranks_have_zero_gradient():
    """A tolerance on the solution merges distinct blocks: 0.5 instead of 0."""
    x = np.array([0.0, 1e-10, 3e-10, 7e-10])
    for name in RANKS:
        J = jacobian(soft_rank, x, regularization=name, regularization_strength=1e-11)
        assert_array_equal(J, np.zeros((4, 4)))


@pytest.mark.parametrize("n", [5, 20, 50, 1000])
def test_float32_gradients_are_finite(n, rng):
    """OTT: errors and NaN gradients in float32 with its defaults."""
    x, g = rng.normal(size=(2, n)).astype(np.float32)
    for operator, names in ((soft_rank, RANKS), (soft_sort, RANKS)):
        for name in names:
            for strength in (1e-4, 1e-2, 1.0):
                params = {"regularization": name, "regularization_strength": strength}
                gradient = vjp(operator, x, **params)[1](g)
                assert gradient.dtype == np.float32
                assert np.all(np.isfinite(gradient))


def test_pullback_twice():
    """ST: "backward a second time"."""
    _, pullback = vjp(soft_rank, X, regularization_strength=2.0)
    g = np.arange(5.0)
    assert_array_equal(pullback(g), pullback(g))


# --- wrong values elsewhere --------------------------------------------------------


@pytest.mark.parametrize(
    "strength", [1e-7, 1e-15, 1e-16, 1e-17, 1e-20, 1e-100, 1e-310, 5e-324, 0.0]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiny_strengths(strength, dtype):
    """All others cancel: [4, 2, 4, 0, 4], then zeros, then NaN."""
    x = X.astype(dtype)
    for name in ("l2", "kl"):
        assert_array_equal(rank(x, strength, name), HARD)
    for name in ("l2", "entropic"):
        assert_array_equal(sort(x, strength, name), np.sort(x))
    tied = 3.0 + np.log((1 + np.e) / 2) if strength else 3.5
    expected = [5.0, 2.0, tied, 1.0, tied]
    assert_allclose(
        rank(x, strength, "entropic"),
        expected,
        rtol=1e-15 if dtype is np.float64 else 1e-7,
    )


@pytest.mark.parametrize("factor", [1e16, 1e20, 1e100, 1e290])
def test_huge_values(factor):
    """All others: [4, 2, 4, 0, 4] for 1e16 times x, then zeros."""
    for name in ("l2", "kl"):
        assert_array_equal(rank(factor * X, 1.0, name), HARD)
    for name in ("l2", "entropic"):
        assert_array_equal(sort(factor * X, 0.1 / factor, name), np.sort(factor * X))


def test_values_far_from_zero():
    """Others: x + 1e16 gives zeros, float32 x + 1e7 gives [5, 2, 3, 1, 3]."""
    for shift, dtype in [(1e16, np.float64), (1e7, np.float32), (1e8, np.float32)]:
        x = (10 * X + shift).astype(dtype)
        gap = np.diff(np.unique(x)).min()
        expected = [np.mean(np.flatnonzero(np.sort(x) == v)) + 1.0 for v in x]
        for name in ("l2", "kl"):
            assert_allclose(rank(x, gap / 10, name), expected, rtol=1e-15)


def test_ranks_of_constants():
    """ST, SJ: 3.2467 for constants of length 5, 3.531 for a tie, sums above 15."""
    for name in ("l2", "kl"):
        for strength in (0.0, 1e-3, 1.0, 1e6):
            assert_array_equal(rank(np.zeros(5), strength, name), np.full(5, 3.0))
            assert_allclose(rank(X, strength, name).sum(), 15.0, rtol=1e-14)
    assert_allclose(rank(X, 0.01, "kl"), HARD, rtol=1e-15)


def test_permutation_equivariance():
    """DS, ST: sorting networks rank zeros as [2.798, ..., 3.821]."""
    for p in ([4, 3, 2, 1, 0], [1, 2, 3, 4, 0], [2, 0, 4, 1, 3]):
        for name in RANKS:
            for strength in (0.1, 1.0, 10.0):
                ranks = rank(X, strength, name)
                assert_allclose(rank(X[p], strength, name), ranks[p], rtol=1e-15)


def test_small_strengths_converge():
    """OTT, POT: unconverged ranks [3.5, 2, 2, .5, 2] and sorts, without a warning."""
    for strength in (1e-2, 1e-5, 1e-6):
        for name in ("l2", "kl"):
            assert_array_equal(rank(X, strength, name), HARD)
        assert_array_equal(sort(X, strength), np.sort(X))


def test_default_is_hard_enough_where_asked(rng):
    """OTT: errors of 39 ranks for n = 1000 at its default."""
    x = rng.normal(size=1000)
    hard, pooled = strength_bounds(soft_rank, x)
    assert_array_equal(rank(x, hard * 0.99), np.argsort(np.argsort(x)) + 1.0)
    assert 0 < hard < pooled < 0.01


def test_one_and_none():
    """OTT: errors for n = 1 and n = 0; FSS: an error for an empty batch."""
    for name in RANKS:
        assert_array_equal(rank([7.0], 1.0, name), [1.0])
        assert rank(np.empty(0), 1.0, name).shape == (0,)
        assert rank(np.empty((0, 3)), 1.0, name).shape == (0, 3)
        assert_array_equal(sort([7.0], 1.0, name), [7.0])


def test_sort_of_a_constant():
    """LapSum: [0.39, 1.49, 2, 2.51, 3.61] for a constant 2."""
    for name in ("l2", "entropic"):
        for strength in (0.0, 1e-3, 1.0, 1e3, 1e300):
            assert_array_equal(sort(np.full(5, 2.0), strength, name), np.full(5, 2.0))


# --- crashes, types and validation elsewhere ---------------------------------------


def test_half_precision_of_any_length(rng):
    """TS: never returns for float16 and n > 2048; large errors below."""
    for n in (2047, 2050, 4000):
        x = rng.permutation(n).astype(np.float16)
        for name in ("l2", "kl"):
            ranks = rank(x, 1e-3, name)
            _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
            average = np.cumsum(counts) - 0.5 * (counts - 1)
            assert_allclose(ranks, average[inverse], rtol=1e-12)


def test_float32_accumulates_in_double(rng):
    """TS: an error of 127 ranks for n = 1e6, 0.41 for n = 1e4 and strength 1e4."""
    for n, strength in [(10_000, 1e4), (300_000, 1e-2), (300_000, 1e-6)]:
        x = rng.normal(size=n).astype(np.float32)
        exact = rank(x.astype(np.float64), strength)
        assert_array_equal(rank(x, strength), exact.astype(np.float32))
        assert_allclose(exact.sum(), n * (n + 1) / 2, rtol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("operator", [soft_rank, soft_sort])
def test_nan_and_infinity_are_refused(operator, bad):
    """FSS, TS: NaN hidden in the output; LapSum: never returns."""
    with pytest.raises(ValueError, match=rf"x must hold finite.*{bad}"):
        operator([1.0, bad, 3.0, 2.0])


@pytest.mark.parametrize("operator", [soft_rank, soft_sort])
def test_odd_strengths(operator):
    """FSS, TS: ZeroDivisionError or NaN for 0; negative strengths reverse."""
    for name in RANKS:
        params = {"regularization": name, "regularization_strength": 0}
        expected = HARD if operator is soft_rank else np.sort(X)
        assert_array_equal(operator(X, **params), expected)
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match=rf"regularization_strength.*{bad}"):
            operator(X, regularization_strength=bad)


def test_shapes_and_types():
    """FSS: errors for two dimensions and no values, silent NaN for masked arrays."""
    assert_array_equal(rank([X, -X], 0.1), [HARD, 6 - HARD])
    with pytest.raises(ValueError, match="x must have at least one dimension"):
        soft_rank(1.0)
    with pytest.raises(TypeError, match="x must be a plain array"):
        soft_rank(np.ma.array(X, mask=X > 2))
    assert sort(X.astype(np.float32), 1.0).dtype == np.float32
    with pytest.raises(ValueError, match=r"regularization .*must be one of .*log_kl"):
        rank(X, 1.0, "log_kl")


def test_strengths_are_not_modified():
    """LapSum changes a tensor of strengths in place."""
    strengths = np.array([0.0, 0.5])
    rank([X, X], strengths)
    vjp(soft_rank, [X, X], regularization_strength=strengths)[1](np.ones((2, 5)))
    assert_array_equal(strengths, [0.0, 0.5])


def test_subnormal_numbers_survive(rng):
    """A package built with -ffast-math may flush them for the whole process."""
    soft_rank(rng.normal(size=(100, 1000)))
    assert np.float64(5e-324) / 2 * 2 == 0.0 < np.float64(5e-324)
    assert_array_equal(sort([5e-324, 0.0, -5e-324], 1.0), [-5e-324, 0.0, 5e-324])
    assert_array_equal(rank([5e-324, 0.0, -5e-324], 5e-324), [3.0, 2.0, 1.0])


# --- facts of the KL geometries ----------------------------------------------------


def test_means_of_large_strengths():
    """KL sorts keep the log-mean-exp, in either direction; L2 sorts the mean."""
    mean = logsumexp(X) - np.log(5)
    for descending in (False, True):
        pooled = sort(X, 1e15, "kl", descending=descending)
        assert_allclose(pooled, mean, rtol=1e-12)
        pooled = sort(X, 1e15, descending=descending)
        assert_allclose(pooled, 0.48, rtol=1e-12)


def test_directions():
    """L2 ranks of both directions add up to n + 1; KL ranks do not."""
    both = rank(X, 2.0) + rank(X, 2.0, descending=True)
    assert_allclose(both, 6.0, rtol=1e-14)
    both = rank(X, 2.0, "kl") + rank(X, 2.0, "kl", descending=True)
    assert np.abs(both - 6.0).max() > 0.05
    for name in ("l2", "entropic"):
        reverse = sort(X, 2.0, name, descending=True)[::-1]
        assert_array_equal(sort(X, 2.0, name), reverse)


def test_regularization_names():
    """Elsewhere "kl" is one geometry for sorts and another one for ranks."""
    assert_array_equal(sort(X, 2.0, "kl"), sort(X, 2.0, "entropic"))
    assert np.abs(rank(X, 2.0, "kl") - rank(X, 2.0, "entropic")).max() > 0.1
    _, moved = jvp(soft_sort, X, X, regularization="kl", regularization_strength=2.0)
    assert np.all(np.isfinite(moved))
