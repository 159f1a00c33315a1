# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of pairs and of positive entries against brute force."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, ndtr
from sklearn.metrics import average_precision_score, roc_auc_score

from sksoft.losses import (
    pairwise_logistic_loss,
    soft_auc_loss,
    soft_average_precision_loss,
    soft_kendall_loss,
    soft_ndcg_loss,
)
from sksoft.metrics import ndcg_score

LAWS = {
    "laplace": lambda t: np.where(t < 0, 0.5 * np.exp(t), 1.0 - 0.5 * np.exp(-t)),
    "logistic": expit,
    "gaussian": lambda t: ndtr(t / np.sqrt(2.0)),
}
BINARY = [soft_auc_loss, soft_average_precision_loss]


def differences(loss, scores, *args, step=1e-6, **params):
    gradient = np.empty(scores.shape)
    for index in np.ndindex(*scores.shape):
        values = []
        for sign in (1.0, -1.0):
            shifted = scores.copy()
            shifted[index] += sign * step
            values.append(loss(shifted, *args, **params)[0])
        gradient[index] = (values[0] - values[1]) / (2.0 * step)
    return gradient


def brute_auc(scores, target, weights, law):
    total = pairs = 0.0
    for i, j in itertools.product(range(len(scores)), repeat=2):
        if target[i] == 1 and target[j] == 0:
            pairs += weights[i] * weights[j]
            total += weights[i] * weights[j] * law(scores[j] - scores[i])
    return total / pairs


def brute_precision(scores, target, weights, law):
    total = 0.0
    for i in np.flatnonzero(target == 1):
        above = [
            weights[j] * law(scores[j] - scores[i]) if j != i else (weights[i] + 1) / 2
            for j in range(len(scores))
        ]
        among = sum(a for a, t in zip(above, target, strict=True) if t == 1)
        total += weights[i] * among / sum(above)
    return 1.0 - total / weights[target == 1].sum()


@pytest.mark.parametrize("method", LAWS)
@pytest.mark.parametrize(
    ("loss", "brute"), zip(BINARY, [brute_auc, brute_precision], strict=True)
)
def test_binary_losses_against_brute_force(loss, brute, method):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 9))
    target = rng.integers(0, 2, size=(3, 9)).astype(float)
    weights = rng.integers(1, 4, size=(3, 9)).astype(float)
    law = LAWS[method]
    params = {"method": method, "regularization_strength": 0.6}
    expected = [brute(scores[r] / 0.6, target[r], weights[r], law) for r in range(3)]
    value, gradient = loss(
        scores, target, weights=weights, sample_weight=[1.0, 2.0, 3.0], **params
    )
    assert value == pytest.approx(np.average(expected, weights=[1, 2, 3]), rel=1e-12)
    numeric = differences(
        loss, scores, target, weights=weights, sample_weight=[1.0, 2.0, 3.0], **params
    )
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", BINARY)
def test_weights_of_entries_are_repetitions_or_ratios(loss):
    rng = np.random.default_rng(1)
    scores, target = rng.normal(size=12), np.arange(12) % 3 == 0
    times = rng.integers(0, 4, size=12)
    value, gradient = loss(scores, target, weights=times)
    repeated, slopes = loss(np.repeat(scores, times), np.repeat(target, times))
    assert value == pytest.approx(repeated, rel=1e-12)
    ends = np.cumsum(times)
    sums = [slopes[e - t : e].sum() for e, t in zip(ends, times, strict=True)]
    np.testing.assert_allclose(gradient, sums, rtol=1e-9, atol=1e-14)
    plain = loss(scores, target)[0]
    for constant in (1.0 / 12, 0.01, 0.3):
        assert loss(scores, target, weights=np.full(12, constant))[0] == plain


@pytest.mark.parametrize("loss", BINARY)
def test_binary_losses_of_groups_and_absent_entries(loss):
    rng = np.random.default_rng(2)
    lengths = [4, 7, 2, 5]
    scores = rng.normal(size=sum(lengths))
    target = rng.integers(0, 2, size=sum(lengths)).astype(float)
    target[11:13] = [0.0, 0.0]  # A list of negative entries only counts 0.
    groups = np.repeat(["a", "b", "c", "d"], lengths)
    order = rng.permutation(len(groups))
    value, gradient = loss(scores[order], target[order], groups=groups[order])
    expected = np.zeros(len(scores))
    values = []
    for name in "abcd":
        rows = groups == name
        alone = loss(scores[rows], target[rows])
        values.append(alone[0])
        expected[rows] = alone[1] / 4
    assert values[2] == 0.0
    assert value == pytest.approx(np.mean(values), rel=1e-12)
    np.testing.assert_allclose(gradient, expected[order], rtol=1e-9, atol=1e-15)
    holed = target.copy()
    holed[[1, 5]] = np.nan
    kept = ~np.isnan(holed)
    value, gradient = loss(scores, holed, groups=groups)
    assert value == pytest.approx(
        loss(scores[kept], holed[kept], groups=groups[kept])[0]
    )
    assert not gradient[[1, 5]].any()


def test_binary_losses_in_the_hard_limit():
    rng = np.random.default_rng(3)
    target = rng.integers(0, 2, size=50)
    scores = rng.normal(size=50)
    for strength in (0.0, 1e-9):
        params = {"regularization_strength": strength}
        value, gradient = soft_auc_loss(scores, target, **params)
        assert value == pytest.approx(1.0 - roc_auc_score(target, scores), rel=1e-12)
        assert not gradient.any()
        value, gradient = soft_average_precision_loss(scores, target, **params)
        expected = 1.0 - average_precision_score(target, scores)
        assert value == pytest.approx(expected, rel=1e-12)
    tied = np.round(scores)
    value, _ = soft_auc_loss(tied, target, regularization_strength=0.0)
    assert value == pytest.approx(1.0 - roc_auc_score(target, tied), rel=1e-12)


@pytest.mark.parametrize("loss", BINARY)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": [0, 2, 1]}, "target must hold 1 for positive and 0 for negative"),
        ({"target": [1, -1, 1]}, r"\(y == label\) makes such a target"),
        ({"method": "permutahedron"}, "method must be one of 'laplace', 'logistic'"),
        ({"weights": [1.0, 1.0]}, r"weights must have the shape of scores, \(3,\)"),
        ({"weights": [1.0, -1.0, 1.0]}, "weights must be >= 0, got -1.0"),
        ({"weights": [0.0, 0.0, 0.0]}, "weights must have a positive sum"),
    ],
)
def test_errors_of_binary_losses(loss, params, message):
    arguments = {"scores": [0.0, 1.0, 2.0], "target": [0, 1, 1], **params}
    with pytest.raises(ValueError, match=message):
        loss(**arguments)


def brute_logistic(scores, relevance, strength, weight):
    value, total = 0.0, 0.0
    for i, j in itertools.permutations(range(len(scores)), 2):
        if relevance[i] > relevance[j]:
            w = weight(i, j)
            total += w
            value += w * np.log1p(np.exp(-(scores[i] - scores[j]) / strength))
    return value, total


def test_ranknet_is_the_mean_over_pairs():
    rng = np.random.default_rng(4)
    scores, relevance = rng.normal(size=8), rng.normal(size=8).round()
    value, _ = pairwise_logistic_loss(scores, relevance, regularization_strength=0.7)
    total, pairs = brute_logistic(scores, relevance, 0.7, lambda i, j: 1.0)
    assert value == pytest.approx(total / pairs, rel=1e-12)


@pytest.mark.parametrize("k", [None, 3])
@pytest.mark.parametrize("gain", ["exp2", "linear"])
def test_lambdarank_weighs_pairs_by_the_change_of_ndcg(k, gain):
    rng = np.random.default_rng(5)
    scores, relevance = rng.normal(size=8), rng.integers(0, 4, size=8)

    def change(i, j):
        # Exchange the scores, and look at the NDCG.
        exchanged = scores.copy()
        exchanged[[i, j]] = exchanged[[j, i]]
        values = [ndcg_score(relevance, s, k=k, gain=gain) for s in (scores, exchanged)]
        return abs(values[0] - values[1])

    expected, _ = brute_logistic(scores, relevance, 0.7, change)
    params = {"pair_weights": "ndcg", "regularization_strength": 0.7}
    value, gradient = pairwise_logistic_loss(
        scores, relevance, k=k, gain=gain, **params
    )
    assert value == pytest.approx(expected, rel=1e-12)
    numeric = differences(
        pairwise_logistic_loss, scores, relevance, k=k, gain=gain, **params
    )
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9)


def test_lambdarank_of_tied_scores_is_the_mean_over_their_orders():
    scores = np.array([1.0, 0.0, 0.0, 0.0, -1.0])
    relevance = np.array([0, 2, 1, 3, 1])
    value, gradient = pairwise_logistic_loss(scores, relevance, pair_weights="ndcg")
    values = []
    for order in itertools.permutations([1, 2, 3]):
        slightly = scores.copy()
        slightly[list(order)] += 1e-9 * np.arange(3)
        values.append(
            pairwise_logistic_loss(slightly, relevance, pair_weights="ndcg")[0]
        )
    assert value == pytest.approx(np.mean(values), rel=1e-7)
    # A fit that begins with equal scores is told where to go.
    _, gradient = pairwise_logistic_loss(np.zeros(5), relevance, pair_weights="ndcg")
    assert np.argmin(gradient) == 3
    assert np.abs(gradient).min() > 0.0


def test_pairs_in_blocks(monkeypatch):
    rng = np.random.default_rng(6)
    scores, relevance = rng.normal(size=(3, 20)), rng.integers(0, 3, size=(3, 20))
    for loss, params in (
        (soft_kendall_loss, {}),
        (pairwise_logistic_loss, {}),
        (pairwise_logistic_loss, {"pair_weights": "ndcg"}),
    ):
        expected = loss(scores, relevance, **params)
        with monkeypatch.context() as patch:
            patch.setattr("sksoft.losses._pairs.PAIRS_AT_ONCE", 100)
            value, gradient = loss(scores, relevance, **params)
        assert value == pytest.approx(expected[0], rel=1e-12)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-15)


def test_ndcg_with_discounts_of_ones_own():
    rng = np.random.default_rng(7)
    scores, grades = rng.normal(size=(4, 7)), rng.integers(0, 4, size=(4, 7))
    grades[:, 0] = 1

    def reciprocal(rank):
        return 1.0 / rank, -1.0 / rank**2

    gains = 2.0**grades - 1.0
    order = np.argsort(-scores, axis=1)
    found = np.take_along_axis(gains, order, axis=1) @ (1.0 / np.arange(1, 8))
    ideal = -np.sort(-gains, axis=1) @ (1.0 / np.arange(1, 8))
    value, _ = soft_ndcg_loss(
        scores, grades, discount=reciprocal, regularization_strength=1e-9
    )
    assert value == pytest.approx(1.0 - np.mean(found / ideal), rel=1e-9)

    def logarithmic(rank):
        log_rank = np.log2(1.0 + rank)
        return 1.0 / log_rank, -1.0 / (log_rank**2 * (1.0 + rank) * np.log(2.0))

    for params in ({}, {"k": 3}, {"method": "permutahedron"}):
        expected = soft_ndcg_loss(scores, grades, **params)
        value, gradient = soft_ndcg_loss(scores, grades, discount=logarithmic, **params)
        assert value == pytest.approx(expected[0], rel=1e-12)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("discount", "error", "message"),
    [
        ("zipf", ValueError, "discount must be one of 'log2'"),
        (lambda r: 1.0 / r, TypeError, "discount must return a tuple"),
        (lambda r: (1j / r, r), TypeError, "discount must return real numbers, got"),
        (
            lambda r: (1.0 / r, None),
            TypeError,
            "discount must return real numbers, got",
        ),
        (lambda r: (1.0, 0.0), ValueError, "of the shape of the ranks"),
        (lambda r: (r, 0.0 * r + 1.0), ValueError, "not increase with the rank"),
        (lambda r: (2.0 - r, 0.0 * r - 1.0), ValueError, "must be at least 0"),
        (lambda r: (np.nan * r, r), ValueError, "must return finite numbers"),
    ],
)
def test_errors_of_discounts(discount, error, message):
    for loss, params in (
        (soft_ndcg_loss, {}),
        (pairwise_logistic_loss, {"pair_weights": "ndcg"}),
    ):
        with pytest.raises(error, match=message):
            loss([0.0, 1.0, 2.0], [0, 1, 2], discount=discount, **params)


def test_large_auc_takes_no_pairs():
    # All pairs would be 2.5e9: only sums over sorted scores can do this.
    rng = np.random.default_rng(8)
    target = rng.integers(0, 2, size=100_000)
    scores = rng.normal(size=100_000) + target
    value, gradient = soft_auc_loss(scores, target, regularization_strength=1e-7)
    assert value == pytest.approx(1.0 - roc_auc_score(target, scores), abs=1e-7)
    assert gradient.shape == scores.shape
