# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The parts that soft neighbours are made of, against plain definitions."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from sksoft.neighbors import SoftKNeighborsClassifier, _candidates, _voters
from sksoft.neighbors._candidates import (
    among_members,
    among_weighted,
    candidate_count,
    distances_to,
    limited,
    nearest,
    smallest_places,
)
from sksoft.neighbors._distances import pull_distances
from sksoft.neighbors._locations import least_trimmed, soft_medians
from sksoft.neighbors._selection import Mask
from sksoft.neighbors._value_vote import ValueVote


@pytest.mark.parametrize("n_components", [0, 1, 3, 4, 11])
def test_distances_are_squared_euclidean(rng, n_components):
    Q, T = rng.normal(size=(6, n_components)), rng.normal(size=(9, n_components))
    candidates = rng.integers(9, size=(6, 4))
    expected = np.take_along_axis(cdist(Q, T, "sqeuclidean"), candidates, axis=1)
    np.testing.assert_allclose(distances_to(Q, T, candidates), expected, atol=1e-12)


def test_distances_pull_back_their_gradients(rng, central_difference):
    Z = rng.normal(size=(5, 3))
    queries = np.array([4, 0, 1, 3])
    candidates = rng.integers(5, size=(4, 2))
    cotangent = rng.normal(size=(4, 2))
    gradient = np.ones((5, 3))
    pull_distances(Z, queries, candidates, cotangent, gradient)
    value = central_difference(
        lambda z: (cotangent * distances_to(z[queries], z, candidates)).sum(), Z
    )
    np.testing.assert_allclose(gradient - 1.0, value, atol=1e-7)


@pytest.mark.parametrize("pairs", [7, 2_000_000])
def test_nearest_are_found_block_by_block(rng, monkeypatch, pairs):
    monkeypatch.setattr(_candidates, "PAIRS_IN_CACHE", pairs)
    Z = rng.normal(size=(30, 4))
    own = np.arange(30)
    found, tied = nearest(Z, Z, 5, own=own)
    assert not tied.any()
    distances = cdist(Z, Z)
    np.fill_diagonal(distances, np.inf)
    expected = np.argsort(distances, axis=1)[:, :5]
    np.testing.assert_array_equal(np.sort(found), np.sort(expected))
    assert (found != own[:, None]).all()


def test_the_first_of_equally_near_templates_are_found(rng):
    Z = rng.integers(0, 3, size=(40, 2)).astype(float)
    own = np.arange(40)
    found, _ = nearest(Z, Z, 7, own=own)
    distances = cdist(Z, Z, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    expected = np.argsort(distances, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(np.sort(found), np.sort(expected))


def test_the_smallest_are_found_whatever_a_sample_says(rng):
    rows = rng.normal(size=(7, 400))
    rows[1].sort()
    rows[2] = np.sort(rows[2])[::-1]
    rows[3] = 1.0
    rows[4] = rng.integers(0, 3, size=400)
    # The sample sees the smallest alone, or none of them.
    rows[5, ::4] -= 100.0
    rows[6, 1::4] -= 100.0
    rows[6, :300] = np.inf
    for count in (1, 5, 40, 150):
        expected = np.argsort(rows, axis=1, kind="stable")[:, :count]
        found, _ = smallest_places(rows, count)
        np.testing.assert_array_equal(np.sort(found), np.sort(expected))


def test_candidates_that_tie_share_the_room_that_is_left(rng):
    # Distances on a grid tie at the sixth neighbour of some, but not of all.
    Z = np.vstack([rng.integers(0, 4, size=(30, 2)), 9.0 + rng.normal(size=(30, 2))])
    own = np.arange(60)
    places, distances, weight = among_members(Z, Z, 6, own)
    expected = cdist(Z, Z, "sqeuclidean")
    np.fill_diagonal(expected, np.inf)
    last = np.sort(expected, axis=1)[:, 5, None]
    inner, ties = expected < last, expected == last
    share = (6 - inner.sum(axis=1)) / ties.sum(axis=1)
    assert (share < 1.0).any()
    assert (share == 1.0).any()
    found = np.zeros((60, 60))
    np.add.at(found, (own[:, None], places), weight)
    np.testing.assert_allclose(found, np.where(ties, share[:, None], inner))
    present = weight > 0.0
    np.testing.assert_array_equal(
        distances[present], expected[own[:, None], places][present]
    )
    # Weights of one change nothing.
    again = among_weighted(Z, Z, 6, np.ones(60), own, np.zeros(60))
    other = np.zeros((60, 60))
    np.add.at(other, (own[:, None], again.places), again.weight)
    np.testing.assert_allclose(other, found)


def test_all_but_oneself_are_found(rng):
    Z = rng.normal(size=(6, 2))
    found, _ = nearest(Z, Z, 5, own=np.arange(6))
    for i, row in enumerate(found):
        assert sorted([i, *row]) == list(range(6))


def test_candidates_weigh_enough(rng):
    weight = rng.uniform(0.1, 3.0, size=50)
    count = candidate_count(10, 50, weight)
    assert np.sort(weight)[:count].sum() >= 10 > np.sort(weight)[: count - 1].sum()
    assert candidate_count(None, 50, weight) == 50
    assert candidate_count(10, 50, np.ones(50)) == candidate_count(10, 50, None) == 10


def test_a_limit_treats_weights_as_repetitions(rng):
    distances = rng.random((3, 6))
    weight = rng.integers(1, 4, size=(3, 6)).astype(float)
    expected = np.zeros_like(weight)
    for row in range(3):
        copies = np.repeat(np.arange(6), weight[row].astype(int))
        kept = copies[np.argsort(distances[row, copies], kind="stable")][:7]
        np.add.at(expected[row], kept, 1.0)
    np.testing.assert_array_equal(limited(weight, distances, 7), expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("regularization", ["entropic", "l2"])
def test_masks_sum_to_k_and_pull_back(
    rng, central_difference, regularization, weighted
):
    D = rng.random((3, 8))
    k = np.array([1.0, 2.5, 4.0])
    weight = rng.uniform(0.5, 2.0, size=(3, 8)) if weighted else None
    mask = Mask(0.3, regularization)
    p, pullback = mask.linearized(D, k, weight)
    np.testing.assert_array_equal(p, mask.values(D, k, weight))
    np.testing.assert_allclose((p if weight is None else p * weight).sum(axis=1), k)
    assert (0.0 <= p).all()
    assert (p <= 1.0).all()
    cotangent = rng.normal(size=D.shape)
    expected = central_difference(
        lambda d: (cotangent * mask.values(d, k, weight)).sum(), D
    )
    np.testing.assert_allclose(pullback(cotangent), expected, atol=1e-6)


@pytest.mark.parametrize("strength", [1e-12, 1e-3, 1.0, 1e6])
def test_clipped_masks_of_extreme_strengths(rng, strength):
    D = rng.random((5, 30))
    p = Mask(strength, "l2").values(D, np.full(5, 4.0), None)
    np.testing.assert_allclose(p.sum(axis=1), 4.0, rtol=1e-9)
    if strength == 1e-12:
        np.testing.assert_array_equal(
            np.argsort(-p)[:, :4].sum(), np.argsort(D)[:, :4].sum()
        )


def test_clipped_mask_shares_ties_and_takes_all():
    mask = Mask(0.5, "l2")
    p = mask.values(np.array([[1.0, 1.0, 1.0, 9.0]]), np.array([2.0]), None)
    np.testing.assert_allclose(p, [[2 / 3, 2 / 3, 2 / 3, 0.0]])
    p = mask.values(np.array([[1.0, 2.0, 3.0]]), np.array([3.0]), None)
    np.testing.assert_allclose(p, 1.0)


@pytest.mark.parametrize("vote", ["mean", "median", "trimmed"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_locations_have_the_gradient_they_tell(
    rng, central_difference, vote, n_outputs
):
    targets = rng.normal(size=(12, n_outputs))
    templates = np.array([rng.permutation(12)[:9] for _ in range(4)])
    votes = rng.uniform(0.05, 1.0, size=(4, 9))
    # What the votes sum to is given, as a mask makes sure.
    votes *= (5.0 / votes.sum(axis=1))[:, None]
    judge = ValueVote(targets, "squared_error", vote, 0.2, 0.3, 1.0)
    direction = rng.normal(size=votes.shape)
    direction -= direction.mean(axis=1, keepdims=True)
    y = targets[templates]
    _, slopes = judge.locations(y, votes)
    moved = central_difference(
        lambda t: judge.locations(y, votes + t * direction)[0], np.zeros(1)
    )[..., 0]
    expected = (slopes * direction[:, :, None]).sum(axis=1)
    np.testing.assert_allclose(expected, moved, atol=1e-6)


def test_soft_median_softens_from_the_weighted_median(rng):
    y = np.array([[3.0, 1.0, 2.0, 10.0, 7.0]])
    votes = np.ones((1, 5))
    for softness in (0.0, 1e-9, 1e-3):
        median, _ = soft_medians(y, votes, votes.sum(axis=1), softness)
        np.testing.assert_allclose(median, [3.0], atol=1e-6)
    even, _ = soft_medians(y[:, :4], votes[:, :4], np.array([4.0]), 0.0)
    np.testing.assert_allclose(even, [2.5])
    heavy = np.array([[1.0, 1.0, 1.0, 9.0, 1.0]])
    median, _ = soft_medians(y, heavy, heavy.sum(axis=1), 0.0)
    np.testing.assert_allclose(median, [10.0])
    wide, _ = soft_medians(y, votes, votes.sum(axis=1), 1e6)
    np.testing.assert_allclose(wide, [y.mean()], rtol=1e-6)


def test_trimmed_location_follows_the_majority():
    y = np.array([[1.0, 1.1, 0.9, 50.0, 60.0]])[:, :, None]
    votes = np.ones((1, 5))
    value, slopes = least_trimmed(y, votes, np.array([3.0]))
    np.testing.assert_allclose(value, [[1.0]])
    np.testing.assert_array_equal(slopes[0, 3:, 0], 0.0)
    # Half a vote of the nearest of the others counts as well.
    value, _ = least_trimmed(y, votes, np.array([3.5]))
    np.testing.assert_allclose(value, [[(3.0 + 0.5 * 50.0) / 3.5]])


@pytest.mark.parametrize("weighted", [False, True])
def test_votes_find_with_an_index_what_they_find_without(rng, monkeypatch, weighted):
    X, y = rng.normal(size=(300, 4)), rng.integers(3, size=300)
    X[:100] = np.round(X[:100])
    weight = rng.integers(1, 4, size=300) if weighted else None
    model = SoftKNeighborsClassifier().fit(X, y, sample_weight=weight)
    queries = np.vstack([X[:150], rng.normal(size=(50, 4)), [[1e12, 0.0, 0.0, 0.0]]])
    searches = []
    search = NearestNeighbors.kneighbors

    def noted(*args, **options):
        searches.append(args)
        return search(*args, **options)

    monkeypatch.setattr(NearestNeighbors, "kneighbors", noted)
    one = model.predict_proba(queries)
    assert not searches
    monkeypatch.setattr(_voters, "INDEXED_SAMPLES", 299)
    model.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(queries), one, atol=1e-9)
    assert len(searches) == 3
    monkeypatch.undo()
    monkeypatch.setattr(NearestNeighbors, "kneighbors", noted)
    # Jobs are of the index.
    model.set_params(n_jobs=2).fit(X, y, sample_weight=weight).predict_proba(queries)
    assert len(searches) == 6
