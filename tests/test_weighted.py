# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Weighted rows: repetitions, ratios, quantiles and the smallest shares."""

import numpy as np
import pytest

from sksoft._weighted import (
    as_counts,
    keep_smallest,
    positive_rows,
    robust_scale,
    robust_units,
    weighted_quantile,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def small_sets(rng, n_sets=50):
    """Yield values with many ties and whole weights, some 0."""
    for _ in range(n_sets):
        n = rng.integers(1, 9)
        values = rng.integers(0, 5, size=n).astype(float)
        weight = rng.integers(0, 3, size=n).astype(float)
        weight[rng.integers(n)] += 1
        yield values, weight, np.repeat(values, weight.astype(int))


@pytest.mark.parametrize("q", [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 1.0])
def test_quantiles_are_those_of_repetitions(rng, q):
    for values, weight, repeated in small_sets(rng):
        expected = np.quantile(repeated, q, method="averaged_inverted_cdf")
        assert weighted_quantile(values, q, weight) == expected
        assert weighted_quantile(repeated, q) == expected
        assert weighted_quantile(values, q, 1e-3 * weight) == expected


def test_quantiles_of_rows_and_of_several_probabilities(rng):
    values, weight = rng.normal(size=(4, 9)), rng.uniform(size=(4, 9))
    q = [0.25, 0.5]
    several = weighted_quantile(values, q, weight)
    assert several.shape == (2, 4)
    for i in range(4):
        for k in range(2):
            assert several[k, i] == weighted_quantile(values[i], q[k], weight[i])


def test_the_middle_quantile_is_the_median(rng):
    for size in (6, 7):
        values = rng.normal(size=size)
        assert weighted_quantile(values, 0.5) == np.median(values)
        assert weighted_quantile(values, 0.5, np.full(size, 0.1)) == np.median(values)


def test_smallest_losses_are_those_of_repetitions(rng):
    for losses, weight, repeated in small_sets(rng):
        kept = rng.uniform(0.1, 1) * weight.sum()
        mask, boundary = keep_smallest(losses, kept, weight)
        np.testing.assert_allclose(weight @ mask, kept)
        expected, same = keep_smallest(repeated, kept)
        np.testing.assert_allclose(
            np.repeat(mask, weight.astype(int)), expected, atol=1e-12
        )
        assert boundary == same
        np.testing.assert_array_equal(mask[losses < boundary], 1.0)
        np.testing.assert_array_equal(mask[losses > boundary], 0.0)


def test_smallest_losses_do_not_depend_on_the_order(rng):
    losses = np.array([3.0, 1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(
        keep_smallest(losses, 2.0)[0], [0, 1 / 3, 1 / 3, 1 / 3, 1]
    )
    order = rng.permutation(5)
    weight = np.array([1.0, 2.0, 0.5, 1.0, 1.0])
    np.testing.assert_allclose(
        keep_smallest(losses[order], 2.5, weight[order])[0],
        keep_smallest(losses, 2.5, weight)[0][order],
    )


def test_smallest_losses_of_rows_with_totals_of_their_own(rng):
    losses = rng.normal(size=(3, 7)).astype(np.float32)
    kept = np.array([1.0, 2.5, 9.0])
    mask, boundary = keep_smallest(losses, kept)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask.sum(axis=1), [1.0, 2.5, 7.0], rtol=1e-6)
    for row in range(3):
        one = keep_smallest(losses[row], kept[row])
        np.testing.assert_array_equal(mask[row], one[0])
        assert boundary[row] == one[1]


def test_infinite_losses_are_kept_last():
    losses = np.array([np.inf, 1.0, np.inf])
    np.testing.assert_array_equal(keep_smallest(losses, 2.0)[0], [0.5, 1.0, 0.5])
    absent = np.array([0.0, 1.0, 0.0])
    np.testing.assert_array_equal(keep_smallest(losses, 1.0, absent)[0], [0, 1, 0])


@pytest.mark.parametrize("factor", [1e-300, 0.01, 1 / 7, 1.7, 1.7e18, 1.7e300])
def test_weights_that_are_no_counts_have_mean_one(rng, factor):
    assert as_counts(np.full(9, factor)) is None
    weight = rng.uniform(0.1, 1, size=9)
    weight[2] = 0.0
    counts = as_counts(factor * weight)
    np.testing.assert_allclose(counts.sum(), 8)
    np.testing.assert_allclose(counts, 8 * weight / weight.sum())


def test_whole_weights_are_repetitions():
    weight = np.array([0.0, 1.0, 3.0])
    assert as_counts(weight) is weight
    assert as_counts(None) is None
    np.testing.assert_array_equal(as_counts(np.full(4, 2.0)), np.full(4, 2.0))


def test_rows_of_positive_weight():
    X = np.arange(6.0).reshape(3, 2)
    rows, weight = positive_rows([0.0, 2.0, 0.5], X)
    np.testing.assert_array_equal(X[rows], X[1:])
    np.testing.assert_array_equal(weight, [2.0, 0.5])
    for weights in (None, np.ones(3)):
        rows, weight = positive_rows(weights, X)
        assert weight is None
        assert len(X[rows]) == 3
    rows, weight = positive_rows([0.0, 1.0, 1.0], X)
    np.testing.assert_array_equal(X[rows], X[1:])
    assert weight is None
    for bad in ([-1.0, 1.0, 1.0], np.zeros(3), [np.nan, 1.0, 1.0]):
        with pytest.raises(ValueError, match=r"(?i)weight"):
            positive_rows(bad, X)


def test_robust_units_are_those_of_repetitions(rng):
    values = np.column_stack([rng.normal(size=9), np.arange(9) < 2, np.full(9, 3.0)])
    weight = rng.integers(1, 4, size=9).astype(float)
    repeated = np.repeat(values, weight.astype(int), axis=0)
    for centred in (True, False):
        weighted = robust_units(values, weight, centred)
        for one, other in zip(
            weighted, robust_units(repeated, None, centred), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    # Of a rare dummy the deviations that are not 0 tell the scale.
    assert robust_scale(np.array([0.0, 0.0, 0.0, 2.0])) == 2.0
    assert robust_scale(np.zeros(3)) == 1.0
