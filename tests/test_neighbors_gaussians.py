# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Normal distributions of the classes, which mixed votes listen to."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import log_loss

from sksoft.neighbors import SoftKNeighborsClassifier, _candidates, _class_base
from sksoft.neighbors._gaussians import gaussian_classes
from sksoft.neighbors._starts import shrinkage_within


@pytest.fixture
def classes(rng):
    codes = np.arange(90) % 3
    codes[:30] = 0
    Z = rng.normal(size=(90, 4)) * np.array([1.0, 2.0, 0.5])[codes][:, None]
    return Z * [1.0, 3.0, 0.3, 2.0] + codes[:, None], codes


def densities(Z, sizes, means, covariances):
    logs = [
        multivariate_normal(mean, covariance).logpdf(Z)
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    return softmax(np.column_stack(logs) + np.log(sizes), axis=1)


def scatters(Z, codes):
    means = np.stack([Z[codes == label].mean(axis=0) for label in range(3)])
    away = [Z[codes == label] - means[label] for label in range(3)]
    return means, [part.T @ part for part in away]


def priors(Z, codes):
    """Return the scatter and the size of the prior of both kinds."""
    means, each = scatters(Z, codes)
    _, share, size = shrinkage_within(Z - means[codes], np.ones(len(Z)))
    n_same = len(Z) * share / (1.0 - share)
    prior = n_same * size * np.eye(4)
    return (prior, n_same), (8.0 * (sum(each) + prior) / (len(Z) + n_same), 8.0)


def expected(Z, codes, queries, same, each):
    """Return the probabilities of both kinds, given their priors."""
    sizes = np.bincount(codes, minlength=3)
    means, found = scatters(Z, codes)
    shared = (sum(found) + same[0]) / (len(Z) + same[1])
    own = [
        (part + each[0]) / (size + each[1])
        for part, size in zip(found, sizes, strict=True)
    ]
    return [densities(queries, sizes, means, part) for part in ([shared] * 3, own)]


def test_probabilities_are_those_of_normal_distributions(rng, classes):
    Z, codes = classes
    queries = 2.0 * rng.normal(size=(20, 4))
    found = gaussian_classes(Z, codes, None, 3)
    wanted = expected(Z, codes, queries, *priors(Z, codes))
    for rule, probabilities in zip(found, wanted, strict=True):
        np.testing.assert_allclose(rule.outcome(queries), probabilities, atol=1e-10)
    # One covariance is linear discriminant analysis.
    means, _ = scatters(Z, codes)
    _, share, _ = shrinkage_within(Z - means[codes], np.ones(90))
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=share).fit(Z, codes)
    np.testing.assert_allclose(
        found[0].outcome(queries), peer.predict_proba(queries), atol=1e-10
    )


def test_a_sample_is_left_out_of_its_class(classes, monkeypatch):
    Z, codes = classes
    same, each = priors(Z, codes)
    wanted = np.empty((2, 90, 3))
    for i in range(90):
        rest = np.arange(90) != i
        wanted[:, i] = [
            part[0] for part in expected(Z[rest], codes[rest], Z[[i]], same, each)
        ]
    for n_pairs in (2_000_000, 60):
        monkeypatch.setattr(_candidates, "PAIRS_AT_ONCE", n_pairs)
        for rule, probabilities in zip(
            gaussian_classes(Z, codes, None, 3), wanted, strict=True
        ):
            found = rule.left_out(Z, codes, np.ones(90))
            np.testing.assert_allclose(found, probabilities, atol=1e-10)


def test_weights_of_normal_classes_are_repetitions(rng, classes):
    Z, codes = classes
    weight = rng.integers(1, 4, size=90)
    rows = np.repeat(np.arange(90), weight)
    repeated = gaussian_classes(Z[rows], codes[rows], None, 3)
    for one, other in zip(
        gaussian_classes(Z, codes, weight.astype(float), 3), repeated, strict=True
    ):
        np.testing.assert_allclose(one.outcome(Z), other.outcome(Z), atol=1e-10)
        np.testing.assert_allclose(
            one.left_out(Z, codes, np.ones(90))[rows],
            other.left_out(Z[rows], codes[rows], np.ones(len(rows))),
            atol=1e-10,
        )


def test_classes_of_one_or_no_sample(rng):
    Z, codes = rng.normal(size=(9, 3)), np.array([0, 0, 0, 0, 2, 2, 2, 2, 3])
    for rule in gaussian_classes(Z, codes, None, 5):
        for found in (rule.outcome(Z), rule.left_out(Z, codes, np.ones(9))):
            np.testing.assert_allclose(found.sum(axis=1), 1.0)
            np.testing.assert_array_equal(found[:, [1, 4]], 0.0)
        # Without its only sample a class is none.
        assert rule.outcome(Z)[8, 3] > 0.0
        assert rule.left_out(Z, codes, np.ones(9))[8, 3] == 0.0
    # Samples that coincide in their classes.
    Z = np.eye(3)[codes % 3]
    for rule in gaussian_classes(Z, codes, None, 5):
        assert np.isfinite(rule.outcome(Z)).all()
        assert np.isfinite(rule.left_out(Z, codes, np.ones(9))).all()


def test_classes_of_a_covariance_each_are_told_apart(rng, monkeypatch):
    # Few samples of many features: neighbours alone tell less.
    y = np.arange(1200) % 2
    X = rng.normal(size=(1200, 12)) * np.where(y == 1, 1.6, 1.0)[:, None]
    model = SoftKNeighborsClassifier().fit(X[:200], y[:200])
    assert model.vote_weights_.shape == (6,)
    assert model.vote_weights_[4] > 0.5
    score = model.score(X[200:], y[200:])
    monkeypatch.setattr(_class_base, "LARGEST_RULES", 2 * 12**2 - 1)
    model.fit(X[:200], y[:200])
    assert model.vote_weights_.shape == (4,)
    assert score > model.score(X[200:], y[200:]) + 0.05


@pytest.mark.parametrize("weighted", [False, True])
def test_directions_without_variance_have_no_say(rng, classes, weighted):
    Z, codes = classes
    weight = rng.integers(1, 4, size=90).astype(float) if weighted else None
    copies = np.ones(90)
    # Constants, and a column that is a sum of others, in any basis.
    more = np.column_stack([Z, np.full((90, 3), 7.0), Z[:, 0] - Z[:, 2]])
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    plain = gaussian_classes(more[:, [0, 1, 2, 3, 7]], codes, weight, 3)
    turned = gaussian_classes(more @ turn, codes, weight, 3)
    for one, other in zip(plain, turned, strict=True):
        np.testing.assert_allclose(
            other.outcome(more[::-1] @ turn),
            one.outcome(more[::-1, [0, 1, 2, 3, 7]]),
            atol=1e-9,
        )
        np.testing.assert_allclose(
            other.left_out(more @ turn, codes, copies),
            one.left_out(more[:, [0, 1, 2, 3, 7]], codes, copies),
            atol=1e-9,
        )


def test_constant_features_do_not_favour_large_classes(rng):
    y = (rng.random(450) < 0.2).astype(int)
    X = rng.normal(size=(450, 5)) * np.where(y, 1.8, 1.0)[:, None]
    more = np.column_stack([X, np.full((450, 10), 3.0)])
    found = [
        SoftKNeighborsClassifier().fit(Z[:150], y[:150]).predict_proba(Z[150:])
        for Z in (X, more)
    ]
    losses = [log_loss(y[150:], proba) for proba in found]
    assert losses[1] == pytest.approx(losses[0], abs=0.01)
