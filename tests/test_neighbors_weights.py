# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows of soft neighbours that are alike: weights, repetitions, ties, order."""

import warnings

import numpy as np
import pytest
from neighbors import each_estimator, output
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    _candidates,
)
from sksoft.neighbors._objective import Samples
from sksoft.neighbors._training import Training

# Weights


@each_estimator
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_samples_that_are_alike_are_repetitions(rng, monkeypatch, estimator, solver):
    # So many that most have no neighbour but copies of themselves.
    X, y = np.sort(rng.normal(size=(40, 3)), axis=0), np.arange(40) % 3
    counts = rng.integers(5, 30, size=40)
    rows = rng.permutation(np.repeat(np.arange(40), counts))
    trained, minimize = [], Training._minimize

    def noted(self, trial, *args, **options):
        trained.append(len(trial.samples.X))
        return minimize(self, trial, *args, **options)

    monkeypatch.setattr(Training, "_minimize", noted)
    model = estimator(n_neighbors=3, solver=solver, max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = model.fit(X[rows], y[rows])
        other = clone(model).fit(X, y, sample_weight=counts)
    assert max(trained) == 40
    np.testing.assert_allclose(one.components_, other.components_, atol=1e-6)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, atol=1e-8)
    strengths = one.regularization_strength_, other.regularization_strength_
    np.testing.assert_allclose(*strengths)
    assert one.embedding_.shape == (len(rows), 3)


def test_samples_of_unlike_weights_are_not_repetitions(rng):
    X = np.repeat(rng.normal(size=(10, 2)), 6, axis=0)
    weight = np.tile([0.5, 0.5, 0.5, 1.5, 1.5, 1.5], 10)
    samples = Samples(X, np.repeat(np.arange(10), 6), weight, np.zeros(60))
    merged = samples.merged()
    assert len(merged.X) == 20
    np.testing.assert_allclose(np.sort(merged.weight), [1.5] * 10 + [4.5] * 10)
    np.testing.assert_allclose(merged.own_weight, merged.weight * 2.0 / 3.0)
    few = samples.take(np.r_[:12, 12:60:3])
    assert few.merged() is few


@each_estimator
@pytest.mark.parametrize("weight", [0.01, 1.0 / 178.0, 7.3, 1e-200])
def test_uniform_weights_change_nothing(wine, estimator, weight):
    X, y = wine
    one = estimator(random_state=0).fit(X, y)
    other = estimator(random_state=0).fit(X, y, sample_weight=np.full(178, weight))
    np.testing.assert_array_equal(one.components_, other.components_)
    assert one.loo_score_ == other.loo_score_
    np.testing.assert_array_equal(output(one, X), output(other, X))


@each_estimator
def test_only_ratios_of_weights_count(wine, rng, estimator):
    X, y = wine
    weight = rng.uniform(0.5, 1.5, size=178)
    one = estimator(random_state=0).fit(X, y, sample_weight=weight)
    other = estimator(random_state=0).fit(X, y, sample_weight=0.01 * weight)
    np.testing.assert_allclose(output(one, X), output(other, X), atol=1e-6)


def test_a_sample_does_not_see_itself_whatever_it_weighs(rng):
    X, y = rng.normal(size=(100, 2)), rng.integers(2, size=100)
    weight = rng.uniform(0.1, 3.0, size=100)
    model = SoftKNeighborsClassifier(1, max_iter=0).fit(X, y, sample_weight=weight)
    assert model.loo_score_ < 0.75
    assert (model.predict(None) == y).mean() < 0.75


def test_boosting_over_soft_neighbours():
    X, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(
        SoftKNeighborsClassifier(max_iter=0), n_estimators=5, random_state=0
    )
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("vote", ["mixed", "mean", "median", "trimmed"])
def test_weights_are_repetitions_for_whole_targets(rng, vote):
    X = rng.integers(0, 4, size=(60, 2)).astype(float)
    y = rng.integers(0, 3, size=60).astype(float)
    weight = rng.integers(0, 4, size=60)
    kept = np.repeat(np.arange(60), weight)
    for strength in (0.0, 0.3):
        model = SoftKNeighborsRegressor(
            4, vote=vote, max_iter=0, regularization_strength=strength
        )
        one = clone(model).fit(X, y, sample_weight=weight).predict(X)
        other = clone(model).fit(X[kept], y[kept]).predict(X)
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_class_weights(wine):
    X, y = wine
    X, y = X[:150], y[:150]
    size = np.bincount(y)
    model = SoftKNeighborsClassifier(random_state=0)
    one = clone(model).set_params(class_weight="balanced").fit(X, y)
    for factor in (1.0, 10.0):
        of_class = dict(enumerate(factor / size))
        other = clone(model).set_params(class_weight=of_class).fit(X, y)
        np.testing.assert_allclose(output(one, X), output(other, X), atol=1e-6)
    by_sample = clone(model).fit(X, y, sample_weight=1.0 / size[y])
    np.testing.assert_allclose(output(one, X), output(by_sample, X), atol=1e-6)
    without = clone(model).set_params(class_weight={2: 0.0}).fit(X, y)
    assert set(without.predict(X)) == {0, 1}
    with pytest.raises(ValueError, match="class_weight must leave at least one"):
        clone(model).set_params(class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)


def test_class_weights_multiply_repetitions(wine, rng):
    X, y = wine
    weight = rng.integers(0, 3, size=178)
    kept = np.repeat(np.arange(178), weight)
    for class_weight in ("balanced", {0: 2.0, 1: 0.5}):
        model = SoftKNeighborsClassifier(class_weight=class_weight)
        one = clone(model).fit(X, y, sample_weight=weight)
        other = clone(model).fit(X[kept], y[kept])
        np.testing.assert_allclose(output(one, X), output(other, X), atol=1e-5)


@each_estimator
def test_rows_without_weight_are_counted_but_are_nobodys_neighbours(wine, estimator):
    X, y = wine
    weight = np.ones(178)
    weight[:50] = 0.0
    model = estimator(max_iter=0).fit(X, y, sample_weight=weight)
    assert model.embedding_.shape == (178, 13)
    distances, indices = model.kneighbors()
    assert indices.shape == (178, 5)
    assert indices.min() >= 50
    assert (indices != np.arange(178)[:, None]).all()
    np.testing.assert_allclose(
        distances[3], np.sort(np.linalg.norm(X[50:] - X[3], axis=1))[:5]
    )
    assert model.kneighbors_graph().shape == (178, 178)
    if hasattr(model, "predict"):
        found, rest = output(model, None), output(model, X[:50])
        assert len(found) == 178
        np.testing.assert_allclose(found[:50], rest)


# Ties


@pytest.mark.parametrize("n_candidates", ["auto", 5, None])
@pytest.mark.parametrize("vote", ["mixed", "neighbors", "soft", "hard"])
def test_ties_are_not_cut_by_position(rng, vote, n_candidates):
    X = np.repeat([[0.0, 0.0], [1.0, 0.0], [5.0, 1.0]], 100, axis=0)
    y = np.r_[
        np.repeat([0, 1], [60, 40]), np.repeat([0, 1], [30, 70]), np.zeros(100, int)
    ]
    shuffled = rng.permutation(300)
    for k in (1, 5):
        model = SoftKNeighborsClassifier(
            k, vote=vote, n_candidates=n_candidates, random_state=0
        )
        one = clone(model).fit(X, y)
        other = clone(model).fit(X[shuffled], y[shuffled])
        Q = X[[0, 100, 200]]
        np.testing.assert_allclose(
            one.predict_proba(Q), other.predict_proba(Q), atol=1e-6
        )
        np.testing.assert_allclose(one.loo_score_, other.loo_score_)
        if vote in ("soft", "hard") and n_candidates is not None:
            np.testing.assert_allclose(
                one.predict_proba(Q), [[0.6, 0.4], [0.3, 0.7], [1.0, 0.0]], atol=1e-6
            )


@pytest.mark.parametrize("pairs", [500, 10_000])
def test_ties_are_found_block_by_block(rng, monkeypatch, pairs):
    X = rng.integers(0, 3, size=(120, 2)).astype(float)
    y = rng.integers(0, 2, size=120)
    model = SoftKNeighborsClassifier(max_iter=0, n_candidates=7).fit(X, y)
    whole = model.predict_proba(X)
    monkeypatch.setattr(_candidates, "PAIRS_AT_ONCE", pairs)
    np.testing.assert_allclose(model.predict_proba(X), whole, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X[5:6])[0], whole[5], atol=1e-12)


@pytest.mark.parametrize("strength", [0.0, 0.3])
@pytest.mark.parametrize("vote", ["mixed", "mean", "median", "trimmed"])
@pytest.mark.parametrize("lattice", [False, True])
def test_the_order_of_rows_does_not_matter(rng, vote, strength, lattice):
    X = rng.normal(size=(80, 3))
    if lattice:
        X = np.round(X)
    y = rng.integers(0, 4, size=80).astype(float)
    model = SoftKNeighborsRegressor(
        4, vote=vote, max_iter=0, regularization_strength=strength
    )
    shuffled = rng.permutation(80)
    one = clone(model).fit(X, y)
    other = clone(model).fit(X[shuffled], y[shuffled])
    Q = np.round(rng.normal(size=(30, 3))) if lattice else rng.normal(size=(30, 3))
    np.testing.assert_allclose(one.predict(Q), other.predict(Q), atol=1e-9)
    np.testing.assert_allclose(
        one.predict(None)[shuffled], other.predict(None), atol=1e-9
    )


@each_estimator
def test_training_on_a_lattice_does_not_depend_on_the_order(rng, estimator):
    X = rng.integers(0, 3, size=(150, 4)).astype(float)
    y = (X[:, 0] + X[:, 1] > 2).astype(int)
    shuffled = rng.permutation(150)
    one = estimator(max_iter=2, solver="lbfgs", tol=0.05)
    other = clone(one)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one.fit(X, y)
        other.fit(X[shuffled], y[shuffled])
    np.testing.assert_allclose(one.components_, other.components_, rtol=1e-4, atol=1e-5)
