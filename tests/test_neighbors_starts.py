# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where embeddings of soft neighbours start, and the pull towards it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
)
from sksoft.neighbors._starts import principal_start, shrunk_covariance
from sksoft.neighbors._value_vote import value_reader


@pytest.mark.parametrize("factor", [0.1, 10.0, 100.0])
def test_the_pull_towards_a_given_start_has_no_scale(wine, factor):
    X, y = wine
    init = np.random.default_rng(0).normal(size=(3, 13))
    model = SoftKNeighborsClassifier(n_components=3, init=init, alpha=0.5)
    one = clone(model).fit(X, y)
    scaled_features = clone(model).fit(factor * X, y)
    scaled_start = clone(model).set_params(init=factor * init).fit(X, y)
    for other in (scaled_features, scaled_start):
        np.testing.assert_allclose(other.loss_curve_, one.loss_curve_, rtol=1e-3)
        assert other.loo_score_ == one.loo_score_
    np.testing.assert_allclose(
        scaled_start.components_, factor * one.components_, rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("factor", [1e-3, 1.0, 7.0])
def test_starts_are_what_they_are_called(wine, factor):
    X, y = wine
    X = factor * X
    init = np.random.default_rng(0).normal(size=(2, 13))
    for given, expected in (("identity", np.eye(2, 13)), (init, init)):
        model = SoftNeighborhoodComponents(2, init=given, max_iter=0).fit(X, y)
        np.testing.assert_allclose(model.components_, expected, rtol=1e-12)
    model = SoftNeighborhoodComponents(2, init="pca", max_iter=0).fit(X, y)
    np.testing.assert_allclose(
        model.components_ @ model.components_.T, np.eye(2), atol=1e-9
    )
    np.testing.assert_allclose(model.transform(X), (X - X.mean(axis=0)) @ (
        model.components_.T
    ), atol=1e-9)  # fmt: skip
    strengths = []
    for scale in (1.0, 3.0):
        model = SoftNeighborhoodComponents(max_iter=0).fit(scale * X, y)
        strengths.append(model.regularization_strength_)
    np.testing.assert_allclose(strengths[1], 9.0 * strengths[0])


def test_a_discriminant_start_of_few_samples_does_not_overfit(rng):
    # Two classes along one of 60 directions: 40 samples fit any labels.
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 60))
    X[:, 0] += 4.0 * y
    model = SoftKNeighborsClassifier(n_components=1, init="lda", max_iter=0)
    model.fit(X[:40], y[:40])
    assert model.score(X[40:], y[40:]) > 0.85
    plain = LinearDiscriminantAnalysis().fit(X[:40], y[:40])
    assert plain.score(X[40:], y[40:]) < 0.8


def test_shrinkage_is_that_of_ledoit_and_wolf(rng):
    X = rng.normal(size=(30, 8)) @ rng.normal(size=(8, 8))
    weight = rng.integers(1, 4, size=30)
    X -= np.average(X, axis=0, weights=weight)
    expected, shrinkage = ledoit_wolf(
        np.repeat(X, weight, axis=0), assume_centered=True
    )
    assert 0.01 < shrinkage < 0.99
    np.testing.assert_allclose(shrunk_covariance(X, weight), expected)


def test_more_discriminant_directions_than_there_are_are_refused(wine):
    for n_components in (3, None):
        model = SoftKNeighborsClassifier(n_components=n_components, init="lda")
        with pytest.raises(ValueError, match="n_components must be at most 2, got"):
            model.fit(*wine)


def test_few_components_start_from_those_that_tell_classes_apart(wine):
    X, y = wine
    for estimator in (SoftKNeighborsClassifier, SoftNeighborhoodComponents):
        for n_components, init in ((2, "lda"), (3, "pca"), (13, "identity")):
            auto = estimator(n_components=n_components, max_iter=0).fit(X, y)
            named = clone(auto).set_params(init=init).fit(X, y)
            np.testing.assert_array_equal(auto.components_, named.components_)
    auto = SoftKNeighborsRegressor(n_components=2, max_iter=0).fit(X, y)
    named = clone(auto).set_params(init="pls").fit(X, y)
    np.testing.assert_array_equal(auto.components_, named.components_)


def lengths_one(components):
    return components / np.linalg.norm(components, axis=1, keepdims=True)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_few_components_of_values_start_at_partial_least_squares(rng, n_outputs):
    X = rng.normal(size=(60, 5)) * [3.0, 1.0, 1.0, 1.0, 1.0]
    y = X[:, 1:] @ rng.normal(size=(4, n_outputs or 1)) + rng.normal(size=(60, 1))
    y = y if n_outputs else y[:, 0]
    model = SoftKNeighborsRegressor(n_components=2, max_iter=0).fit(X, y)
    # Of several targets each counts in its own unit.
    unit = value_reader(y, None, True).unit
    expected = PLSRegression(2, scale=False).fit(X, y / unit)
    found = lengths_one(model.components_)
    signs = np.sign((found * expected.x_weights_.T).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(signs * found, expected.x_weights_.T, atol=1e-5)
    named = clone(model).set_params(init="pls").fit(X, y)
    np.testing.assert_array_equal(named.components_, model.components_)
    whole = SoftKNeighborsRegressor(max_iter=0).fit(X, y)
    np.testing.assert_allclose(lengths_one(whole.components_), np.eye(5), atol=1e-12)
    # Weights are repetitions.
    weight = rng.integers(0, 3, size=60)
    rows = np.repeat(np.arange(60), weight)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.components_, repeated.components_, atol=1e-6)


def test_what_least_squares_leave_is_told_by_principal_components(rng):
    X = rng.normal(size=(50, 4)) * [1.0, 2.0, 4.0, 8.0]
    X -= X.mean(axis=0)
    X = np.linalg.qr(X)[0] * [1.0, 2.0, 4.0, 8.0]
    model = SoftKNeighborsRegressor(n_components=2, init="pls", max_iter=0)
    # One direction explains the target, or none does.
    found = np.abs(lengths_one(model.fit(X, X[:, 1]).components_))
    np.testing.assert_allclose(found, np.eye(4)[[1, 3]], atol=1e-6)
    found = np.abs(lengths_one(model.fit(X, np.ones(50)).components_))
    np.testing.assert_allclose(found, np.eye(4)[[3, 2]], atol=1e-6)


@pytest.mark.parametrize("loss", ["huber", "trimmed"])
def test_the_start_of_a_robust_loss_resists_outliers(rng, loss):
    X = rng.normal(size=(200, 6))
    y = X[:, 0] + 0.1 * rng.normal(size=200)
    y[:5] = 1e6 * X[:5, 1]

    def direction(loss):
        model = SoftKNeighborsRegressor(n_components=1, loss=loss, max_iter=0)
        return np.abs(lengths_one(model.fit(X, y).components_)[0])

    assert direction(loss)[0] > 0.9
    assert direction("squared_error")[0] < 0.5


def test_principal_axes_of_repetitions(rng):
    X, copies = rng.normal(size=(30, 4)), rng.integers(1, 9, size=30)
    weighted = principal_start(X, copies.astype(float), 2, 1.0)
    repeated = principal_start(np.repeat(X, copies, axis=0), None, 2, 1.0)
    np.testing.assert_allclose(weighted.components, repeated.components)
