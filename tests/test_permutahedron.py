# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Properties of soft sort and soft rank that hold for every input."""

import itertools

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
    jacobian,
    n_blocks,
    rank,
    rows,
    sort,
    strengths,
    tied_rows,
    values,
)
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp
from scipy.stats import rankdata

from sksoft import soft_rank, soft_sort, strength_bounds

# --- the hard regime ---------------------------------------------------------------


@pytest.mark.parametrize("regularization", RANKS)
@given(x=distinct_rows)
def test_ranks_are_hard_up_to_the_first_bound(regularization, x):
    assume(len(x) > 1)
    hard, pooled = strength_bounds(soft_rank, x, regularization=regularization)
    gaps = np.diff(np.sort(x))
    rises = 1.0
    if regularization == "kl":
        rises = np.diff(np.log(np.arange(1.0, len(x) + 1.0)))
    assert_allclose(hard, (gaps / rises).min(), rtol=1e-12)
    expected = rankdata(x)
    assert_array_equal(rank(x, hard * (1 - 1e-12), regularization), expected)
    assert_allclose(rank(x, hard, regularization), expected, rtol=1e-12)
    softer = rank(x, 1.01 * hard, regularization)
    assert np.abs(softer - expected).max() > 1e-4
    assert hard <= pooled * (1 + 1e-12)


@pytest.mark.parametrize("regularization", SORTS)
@given(x=distinct_rows)
def test_sorts_are_hard_up_to_the_first_bound(regularization, x):
    assume(len(x) > 1)
    hard, _ = strength_bounds(soft_sort, x, regularization=regularization)
    assert_allclose(hard, 1.0 / np.diff(np.sort(x)).max(), rtol=1e-12)
    assert_array_equal(sort(x, hard * (1 - 1e-12), regularization), np.sort(x))
    assert_allclose(sort(x, hard, regularization), np.sort(x), rtol=1e-12)
    assert np.abs(sort(x, 1.01 * hard, regularization) - np.sort(x)).max() > 1e-6


@pytest.mark.parametrize("regularization", RANKS)
@given(x=tied_rows)
def test_strength_zero_gives_average_ranks(regularization, x):
    assert_array_equal(rank(x, 0.0, regularization), rankdata(x))
    assert_array_equal(rank(x, 0.0, regularization, descending=True), rankdata(-x))
    by_rows, by_columns = jacobian(soft_rank, x, 0.0, regularization)
    assert_array_equal(by_rows, 0.0)
    assert_array_equal(by_columns, 0.0)


@pytest.mark.parametrize("regularization", SORTS)
@given(x=tied_rows)
def test_strength_zero_sorts(regularization, x):
    assert_array_equal(sort(x, 0.0, regularization), np.sort(x))
    assert_array_equal(sort(x, 0.0, regularization, descending=True), np.sort(x)[::-1])
    by_rows, _ = jacobian(soft_sort, x, 0.0, regularization)
    assert_array_equal(by_rows, np.eye(len(x))[np.argsort(x, kind="stable")])


@pytest.mark.parametrize("regularization", RANKS)
@given(x=distinct_rows)
def test_hard_ranks_have_no_gradient_at_all(regularization, x):
    # Property 21.
    hard, _ = strength_bounds(soft_rank, x, regularization=regularization)
    assume(np.isfinite(hard))
    by_rows, by_columns = jacobian(soft_rank, x, 0.999 * hard, regularization)
    assert_array_equal(by_rows, 0.0)
    assert_array_equal(by_columns, 0.0)


# --- the pooled regime -------------------------------------------------------------


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@given(x=distinct_rows)
def test_one_block_from_the_second_bound_on(operator, regularization, x):
    assume(len(x) > 1)
    _, pooled = strength_bounds(operator, x, regularization=regularization)
    assert n_blocks(x, operator, pooled * (1 + 1e-9), regularization) == 1
    assert n_blocks(x, operator, pooled * (1 - 1e-9), regularization) > 1


@given(x=rows, factor=st.floats(1.001, 1e3))
def test_pooled_l2_is_affine(x, factor):
    # Property 4.
    n = len(x)
    _, pooled = strength_bounds(soft_rank, x)
    strength = max(pooled, 1e-3) * factor
    expected = (n + 1) / 2 + (x - x.mean()) / strength
    assert_allclose(rank(x, strength), expected, rtol=1e-11, atol=1e-11)
    _, pooled = strength_bounds(soft_sort, x)
    if 0.0 < pooled < 1e100:
        strength = pooled * factor
        expected = x.mean() + (np.arange(1, n + 1) - (n + 1) / 2) / strength
        assert_allclose(sort(x, strength), expected, rtol=1e-11, atol=1e-11)


@given(x=distinct_rows)
def test_pooled_kl_ranks_are_a_softmax(x):
    n = len(x)
    strength = 1e3 + 10.0 * np.ptp(x) * n
    z = x / strength
    expected = n * (n + 1) / 2 * np.exp(z - logsumexp(z))
    assert_allclose(rank(x, strength, "kl"), expected, rtol=1e-12)


@given(x=distinct_rows)
def test_limits_of_large_strengths(x):
    # Property 6.
    n, big = len(x), 1e14
    assert_allclose(sort(x, big), x.mean(), rtol=1e-12, atol=1e-12)
    mean = logsumexp(x) - np.log(n)
    assert_allclose(sort(x, big, "entropic"), mean, rtol=1e-12, atol=1e-12)
    assert_allclose(rank(x, big), (n + 1) / 2, rtol=1e-10)
    assert_allclose(rank(x, big, "kl"), (n + 1) / 2, rtol=1e-10)
    mean = logsumexp(np.arange(1, n + 1)) - np.log(n)
    assert_allclose(rank(x, big, "entropic"), mean, rtol=1e-10)


# --- invariants --------------------------------------------------------------------


@given(x=rows, strength=strengths)
def test_sums_are_kept(x, strength):
    # Property 5.
    n = len(x)
    assert_allclose(rank(x, strength).sum(), n * (n + 1) / 2, rtol=1e-11)
    assert_allclose(rank(x, strength, "kl").sum(), n * (n + 1) / 2, rtol=1e-11)
    targets = np.arange(1, n + 1)
    assert_allclose(
        logsumexp(rank(x, strength, "entropic")), logsumexp(targets), rtol=1e-11
    )
    assert_allclose(sort(x, strength).sum(), x.sum(), rtol=1e-11, atol=1e-10)
    assert_allclose(
        logsumexp(sort(x, strength, "entropic")), logsumexp(x), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=strengths)
def test_order_is_kept(regularization, x, strength):
    # Property 7.
    order = np.argsort(x, kind="stable")
    ranks = rank(x, strength, regularization)
    assert np.all(np.diff(ranks[order]) >= -1e-11)
    if regularization != "kl":
        assert np.all(np.diff(sort(x, strength, regularization)) >= -1e-11)


@given(x=rows, strength=strengths)
def test_hard_output_majorises(x, strength):
    # Property 8.
    for soft, hard in [
        (rank(x, strength), rankdata(x, method="ordinal").astype(float)),
        (rank(x, strength, "kl"), rankdata(x, method="ordinal").astype(float)),
        (sort(x, strength), x),
        (np.exp(sort(x, strength, "entropic")), np.exp(x)),
    ]:
        soft = np.cumsum(np.sort(soft)[::-1])
        hard = np.cumsum(np.sort(hard)[::-1])
        slack = 1e-11 * np.abs(hard).max() + 1e-11
        assert np.all(soft <= hard + slack)
        assert_allclose(soft[-1], hard[-1], atol=slack, rtol=1e-11)


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=strengths, shift=st.floats(-10, 10), scale=st.floats(0.1, 10))
def test_shifts_and_scales(regularization, x, strength, shift, scale):
    # Property 9.
    tol = {"rtol": 1e-9, "atol": 1e-12 * (1 + 100.0 / strength)}
    ranks = rank(x, strength, regularization)
    assert_allclose(rank(x + shift, strength, regularization), ranks, **tol)
    scaled = rank(scale * x, scale * strength, regularization)
    assert_allclose(scaled, ranks, **tol)
    if regularization == "kl":
        return
    values = sort(x, strength, regularization)
    shifted = sort(x + shift, strength, regularization)
    assert_allclose(shifted, values + shift, rtol=1e-11, atol=1e-11)
    if regularization == "l2":
        scaled = sort(scale * x, strength / scale)
        assert_allclose(scaled, scale * values, rtol=1e-9, atol=1e-9)


@given(x=rows, strength=strengths)
def test_reversal_of_l2(x, strength):
    # Property 10: it fails for the others, which are not symmetric.
    tol = {"rtol": 1e-11, "atol": 1e-11}
    assert_allclose(rank(-x, strength), len(x) + 1 - rank(x, strength), **tol)
    assert_allclose(sort(-x, strength), -sort(x, strength)[::-1], **tol)


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@given(x=rows, strength=strengths)
def test_descending(operator, regularization, x, strength):
    params = {"regularization": regularization, "regularization_strength": strength}
    result = operator(x, descending=True, **params)
    if operator is soft_sort:
        assert_array_equal(result, operator(x, **params)[::-1])
    else:
        assert_array_equal(result, operator(-x, **params))


@pytest.mark.parametrize("regularization", RANKS)
@given(data=st.data(), strength=strengths)
def test_permutations_of_the_input(regularization, data, strength):
    # Property 11, bit for bit.
    x = data.draw(distinct_rows)
    p = np.array(data.draw(st.permutations(range(len(x)))), int)
    ranks = rank(x, strength, regularization)
    assert_array_equal(rank(x[p], strength, regularization), ranks[p])
    if regularization != "kl":
        values = sort(x, strength, regularization)
        assert_array_equal(sort(x[p], strength, regularization), values)


@given(x=rows, strength=strengths)
def test_projecting_twice(x, strength):
    # Property 12.
    ranks = rank(x, strength)
    assert_allclose(rank(ranks, 1.0), ranks, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("regularization", ["l2", "kl"])
@given(x=tied_rows, strength=strengths)
def test_ties_share_their_average_rank(regularization, x, strength):
    # Property 19: exactly equal values have exactly equal ranks, at any strength.
    ranks = rank(x, strength, regularization)
    for value in np.unique(x):
        tied = ranks[x == value]
        assert_array_equal(tied, tied[0])
    gaps = np.diff(np.unique(x))
    small = 0.05 * min(gaps, default=1.0) / len(x)
    assert_allclose(rank(x, small, regularization), rankdata(x), rtol=1e-14)


def test_ties_of_the_log_domain():
    # math.md 1.1: the log-mean-exp of 2 and 3, not their mean.
    ranks = rank([0.0, 10.0, 10.0, 20.0], 0.1, "entropic")
    expected = 2.0 + np.log((1 + np.e) / 2)
    assert_allclose(ranks, [1.0, expected, expected, 4.0], rtol=1e-15)


@given(x=distinct_rows, pair=st.tuples(strengths, strengths))
def test_norms_and_blocks_shrink_with_the_strength(x, pair):
    # Property 20.
    low, high = sorted(pair)
    assume(low < high * 0.999)
    for f in (rank, sort):
        assert np.linalg.norm(f(x, high)) <= np.linalg.norm(f(x, low)) * (1 + 1e-12)
    for operator, name in OPERATORS:
        fewer = n_blocks(x, operator, high, name)
        assert fewer <= n_blocks(x, operator, low, name)


# --- oracles -----------------------------------------------------------------------


@given(x=rows, strength=strengths)
def test_l2_against_scipy(x, strength):
    n = len(x)
    positions = np.arange(1.0, n + 1.0)
    order = np.argsort(x, kind="stable")
    z = x[order] / strength
    expected = np.empty(n)
    expected[order] = z - isotonic_regression(z - positions).x
    assert_allclose(rank(x, strength), expected, rtol=1e-10, atol=1e-12 * np.ptp(z))
    z = positions / strength
    expected = z - isotonic_regression(z - x[order]).x
    assert_allclose(sort(x, strength), expected, rtol=1e-10, atol=1e-12 * z[-1] + 1e-11)


@pytest.mark.parametrize("n", [1000, 3001])
@pytest.mark.parametrize("strength", [1e-4, 1e-3, 1e-2, 0.1])
def test_long_rows_against_scipy(n, strength, rng):
    x = rng.normal(size=n)
    order = np.argsort(x)
    z = x[order] / strength
    expected = np.empty(n)
    expected[order] = z - isotonic_regression(z - np.arange(1.0, n + 1)).x
    assert_allclose(rank(x, strength), expected, rtol=0, atol=1e-12 * n / strength)
    z = np.arange(1.0, n + 1) * strength  # the strengths of a sort, the other way
    expected = z - isotonic_regression(z - x[order]).x
    assert_allclose(sort(x, 1 / strength), expected, rtol=0, atol=1e-12 * z[-1] + 1e-12)


@given(x=st.lists(values, min_size=2, max_size=4), strength=strengths)
def test_l2_rank_is_the_nearest_point(x, strength):
    # Optimality over all vertices: <z - p, vertex - p> <= 0.
    x = np.array(x)
    z, p = x / strength, rank(x, strength)
    for vertex in itertools.permutations(range(1, len(x) + 1)):
        assert (z - p) @ (np.array(vertex) - p) <= 1e-9 * (1 + np.abs(z).max())
