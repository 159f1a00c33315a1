# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every loss against a reference by loops, written from its definition.

Values, gradients by central differences of the reference, groups and weights, for all
that `sksoft.losses` offers: a loss without a reference fails here.
"""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, ndtr

from sksoft import losses

STRENGTH = 0.6


def average_ranks(values):
    """Return ranks from 1, and the mean of them where values are equal."""
    values = np.asarray(values)
    return np.array(
        [(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values]
    )


def projected_ranks(x, strength):
    """Return the projection of x / strength onto the permutahedron of 1 to n."""
    n = len(x)
    order = np.argsort(-x)
    excess = x[order] / strength - np.arange(n, 0.0, -1.0)

    def mean(a, b):
        return excess[a:b].mean()

    fit = [
        min(max(mean(a, b) for b in range(i + 1, n + 1)) for a in range(i + 1))
        for i in range(n)
    ]
    ranks = np.empty(n)
    ranks[order] = x[order] / strength - fit
    return ranks


def law_ranks(x, law):
    """Return 1 plus, for each entry, the sum of the laws of what is above it."""
    return np.array(
        [
            1.0 + sum(law((x[j] - x[i]) / STRENGTH) for j in range(len(x)) if j != i)
            for i in range(len(x))
        ]
    )


def laplace(t):
    return 0.5 * np.exp(t) if t < 0.0 else 1.0 - 0.5 * np.exp(-t)


def spearman(scores, target):
    m = len(scores)
    distance = ((projected_ranks(scores, STRENGTH) - average_ranks(target)) ** 2).sum()
    return 6.0 * distance / (m * (m**2 - 1))


def fenchel_young(scores, target):
    """The largest <s, r> - Omega(r) over the permutahedron, less that of the target."""

    def objective(ranks):
        return scores @ ranks - 0.5 * STRENGTH * (ranks**2).sum()

    found = projected_ranks(scores, STRENGTH)
    return objective(found) - objective(average_ranks(target))


def kendall(scores, target):
    pairs = [
        np.tanh((scores[i] - scores[j]) / (2.0 * STRENGTH))
        for i, j in itertools.permutations(range(len(scores)), 2)
        if target[i] > target[j]
    ]
    return 1.0 - np.mean(pairs) if pairs else 0.0


def discount(rank):
    return 1.0 / np.log2(1.0 + rank)


def of_ideal(gains, discounts, found):
    """Return one minus the share of the ideal that the found discounts have."""
    ideal = sum(
        g * d for g, d in zip(sorted(gains, reverse=True), discounts, strict=True)
    )
    return 1.0 - gains @ found / ideal if ideal else 0.0


def ndcg(scores, grades, discount=discount):
    gains = 2.0**grades - 1.0
    discounts = discount(np.arange(1.0, len(scores) + 1.0))
    return of_ideal(gains, discounts, discount(law_ranks(scores, expit)))


def custom_ndcg(scores, grades):
    return ndcg(scores, grades, lambda rank: 1.0 / rank)


def expected_discount(above):
    """Return the mean discount where each other is above with a probability."""
    total = 0.0
    for outcome in itertools.product([0, 1], repeat=len(above)):
        chances = [p if o else 1.0 - p for p, o in zip(above, outcome, strict=True)]
        total = total + np.prod(chances, axis=0) * discount(1.0 + sum(outcome))
    return total


def others(scores, i):
    return np.delete(scores, i)


def softrank(scores, grades):
    gains = 2.0**grades - 1.0
    # The noise of the entry itself, shared by all of its comparisons; for smooth
    # functions that vanish at both ends this rule is exact to the last digits.
    noise, step = np.linspace(-9.0, 9.0, 181, retstep=True)
    density = step * np.exp(-0.5 * noise**2) / np.sqrt(2.0 * np.pi)
    found = []
    for i, score in enumerate(scores):
        gaps = (others(scores, i) - score) / STRENGTH
        above = ndtr(gaps[:, np.newaxis] - noise)
        found.append((density * expected_discount(above)).sum())
    return of_ideal(gains, discount(np.arange(1.0, len(scores) + 1.0)), np.array(found))


def taylor_softrank(scores, grades):
    gains = 2.0**grades - 1.0
    found = [
        expected_discount(ndtr((others(scores, i) - score) / (np.sqrt(2.0) * STRENGTH)))
        for i, score in enumerate(scores)
    ]
    return of_ideal(gains, discount(np.arange(1.0, len(scores) + 1.0)), np.array(found))


def listnet(scores, relevance):
    target = np.exp(relevance) / np.exp(relevance).sum()
    return -(target * np.log(np.exp(scores) / np.exp(scores).sum())).sum()


def ranknet(scores, relevance):
    pairs = [
        np.log1p(np.exp((scores[j] - scores[i]) / STRENGTH))
        for i, j in itertools.permutations(range(len(scores)), 2)
        if relevance[i] > relevance[j]
    ]
    return np.mean(pairs) if pairs else 0.0


def lambdarank(scores, relevance):
    """RankNet's pairs, each times what its exchange would change in the custom NDCG."""
    gains = 2.0**relevance - 1.0
    ideal = (np.sort(gains)[::-1] / np.arange(1.0, len(scores) + 1.0)).sum()
    places = 1.0 / (len(scores) + 1.0 - average_ranks(scores))
    return sum(
        (gains[i] - gains[j])
        * abs(places[i] - places[j])
        / ideal
        * np.log1p(np.exp((scores[j] - scores[i]) / STRENGTH))
        for i, j in itertools.permutations(range(len(scores)), 2)
        if relevance[i] > relevance[j]
    )


def auc(scores, target):
    pairs = [
        laplace((scores[j] - scores[i]) / STRENGTH)
        for i, j in itertools.permutations(range(len(scores)), 2)
        if target[i] == 1.0 and target[j] == 0.0
    ]
    return np.mean(pairs) if pairs else 0.0


def average_precision(scores, target):
    positive = target == 1.0
    if not positive.any():
        return 0.0
    shares = []
    for i in np.flatnonzero(positive):
        above = np.array([laplace((s - scores[i]) / STRENGTH) for s in scores])
        above[i] = 1.0
        shares.append(above[positive].sum() / above.sum())
    return 1.0 - np.mean(shares)


def topk_ranking(scores, label, k=2):
    ranks = len(scores) + 1.0 - projected_ranks(expit(scores), STRENGTH / 6.0)
    return max(ranks[label] - k, 0.0)


def topk_cross_entropy(scores, label, k=2):
    low, high = scores.min() - 50.0, scores.max() + 50.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if expit((scores - middle) / STRENGTH).sum() > k:
            low = middle
        else:
            high = middle
    return np.log1p(np.exp((low - scores[label]) / STRENGTH))


def topk_svm(scores, label, k=2):
    with_label = without = 0.0
    for chosen in itertools.combinations(range(len(scores)), k):
        weight = np.exp(scores[list(chosen)].sum() / (k * STRENGTH))
        if label in chosen:
            with_label += weight
        else:
            without += weight
    return STRENGTH * np.log1p(np.exp(1.0 / STRENGTH) * without / with_label)


def reciprocal(rank):
    return 1.0 / rank, -1.0 / rank**2


SOFT = {"regularization_strength": STRENGTH}
LISTS = [
    ("soft_spearman_loss", SOFT, spearman),
    ("fenchel_young_rank_loss", SOFT, fenchel_young),
    ("soft_kendall_loss", SOFT, kendall),
    ("soft_ndcg_loss", SOFT, ndcg),
    (
        "soft_ndcg_loss",
        {**SOFT, "discount": reciprocal},
        custom_ndcg,
    ),
    ("softrank_ndcg_loss", {"sigma": STRENGTH}, softrank),
    ("softrank_ndcg_loss", {"sigma": STRENGTH, "exact": False}, taylor_softrank),
    ("listnet_loss", {}, listnet),
    ("pairwise_logistic_loss", SOFT, ranknet),
    (
        "pairwise_logistic_loss",
        {**SOFT, "pair_weights": "ndcg", "discount": reciprocal},
        lambdarank,
    ),
    ("soft_auc_loss", SOFT, auc),
    ("soft_average_precision_loss", SOFT, average_precision),
]
LABELS = [
    (
        "topk_ranking_loss",
        {"k": 2, "regularization_strength": STRENGTH / 6.0},
        topk_ranking,
    ),
    ("topk_cross_entropy_loss", {"k": 2, **SOFT}, topk_cross_entropy),
    ("smooth_topk_svm_loss", {"k": 2, **SOFT}, topk_svm),
]
# Against all sequences, in test_beam_loss.py.
ELSEWHERE = {"beam_loss"}
LENGTHS = [4, 2, 5, 4]


def test_every_loss_has_a_reference():
    assert {name for name, *_ in LISTS + LABELS} | ELSEWHERE == set(losses.__all__)


def target_of(name, rng, m):
    if "auc" in name or "precision" in name:
        return rng.permutation(np.arange(m) % 2).astype(float)
    return rng.permutation(np.minimum(np.arange(m), 2)).astype(float)


@pytest.mark.parametrize(("name", "params", "reference"), LISTS)
def test_lists(name, params, reference, central_difference):
    loss = getattr(losses, name)
    rng = np.random.default_rng(11)
    scores = [rng.normal(size=m) for m in LENGTHS]
    target = [target_of(name, rng, m) for m in LENGTHS]
    weight = np.array([1.0, 2.5, 0.0, 0.5])
    groups = np.repeat(["c", "a", "d", "b"], LENGTHS)
    order = rng.permutation(len(groups))

    def mean(flat):
        lists = np.split(flat, np.cumsum(LENGTHS)[:-1])
        values = [reference(s, t) for s, t in zip(lists, target, strict=True)]
        return np.average(values, weights=weight)

    flat = np.concatenate(scores)
    value, gradient = loss(
        flat[order],
        np.concatenate(target)[order],
        groups=groups[order],
        sample_weight=np.repeat(weight, LENGTHS)[order],
        **params,
    )
    assert_allclose(value, mean(flat), rtol=1e-9)
    expected = central_difference(mean, flat)[order]
    assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)
    assert np.abs(gradient).max() > 1e-3
    # Rows of a matrix, which need no groups.
    rows = np.stack([scores[0], scores[3]])
    value, gradient = loss(
        rows, np.stack([target[0], target[3]]), sample_weight=[3.0, 1.0], **params
    )
    values = [reference(scores[i], target[i]) for i in (0, 3)]
    assert_allclose(value, np.average(values, weights=[3.0, 1.0]), rtol=1e-9)


@pytest.mark.parametrize(("name", "params", "reference"), LABELS)
def test_labels(name, params, reference, central_difference):
    loss = getattr(losses, name)
    rng = np.random.default_rng(12)
    scores = rng.normal(size=(2, 3, 5))
    labels = np.array([[0, 1, 2], [3, 4, 0]])
    weight = np.array([[1.0, 2.5, 0.5], [0.0, 1.0, 2.0]])

    def mean(scores):
        values = [reference(scores[i], labels[i]) for i in np.ndindex(2, 3)]
        return np.average(values, weights=weight.ravel())

    value, gradient = loss(scores, labels, sample_weight=weight, **params)
    assert_allclose(value, mean(scores), rtol=1e-9)
    expected = central_difference(mean, scores)
    assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)
    assert np.abs(gradient).max() > 1e-3
