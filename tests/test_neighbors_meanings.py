# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What parameters, weights, units and attributes of soft neighbours mean."""

import inspect
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_iris, load_wine, make_friedman1
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
    _base,
    _candidates,
    _solvers,
)
from sksoft.neighbors._objective import Samples
from sksoft.neighbors._selection import distance_unit
from sksoft.neighbors._solvers import PATIENCE, Budget
from sksoft.neighbors._starts import shrunk_covariance
from sksoft.neighbors._training import Training
from sksoft.neighbors._value_vote import value_reader

ESTIMATORS = [
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def output(model, X):
    """Return what a model says of samples, as numbers."""
    for name in ("predict_proba", "predict", "transform"):
        if hasattr(model, name):
            return getattr(model, name)(X)
    raise AssertionError


# Parameters


@each_estimator
def test_every_parameter_has_a_check(estimator):
    names = list(inspect.signature(estimator).parameters)
    assert sorted(estimator._parameter_checks) == sorted(names)


def test_what_one_of_the_family_has_all_have():
    common = [set(inspect.signature(each).parameters) for each in ESTIMATORS]
    differ = set.union(*common) - set.intersection(*common)
    # Votes are for those that predict, classes for those that have some.
    assert differ == {"vote", "trim_fraction", "class_weight"}


def test_the_learning_rate_falls_over_all_epochs(monkeypatch, wine):
    rates = []
    step = _solvers.Adam.step

    def record(self, gradient, rate):
        rates.append(rate)
        return step(self, gradient, rate)

    monkeypatch.setattr(_solvers.Adam, "step", record)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        SoftNeighborhoodComponents(
            solver="adam", learning_rate_init=0.02, batch_size=60, max_iter=7,
            random_state=0,
        ).fit(*wine)  # fmt: skip
    n_steps = 7 * 3
    expected = 0.01 * (1.0 + np.cos(np.pi * np.arange(n_steps) / n_steps))
    np.testing.assert_allclose(rates, expected)


# Units


@each_estimator
@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e160, 1e300])
def test_the_magnitude_of_the_features_does_not_matter(wine, estimator, factor):
    X, y = wine
    X = X / 8.0
    one = estimator(random_state=0).fit(X[::2], y[::2])
    other = estimator(random_state=0).fit(factor * X[::2], y[::2])
    if hasattr(one, "predict"):
        np.testing.assert_allclose(
            output(one, X[1::2]), output(other, factor * X[1::2]), atol=2e-3
        )
        np.testing.assert_allclose(output(one, None), output(other, None), atol=2e-3)
    Z = one.transform(X)
    np.testing.assert_allclose(
        other.transform(factor * X) / factor, Z, atol=1e-2 * np.abs(Z).max()
    )
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-3)


@pytest.mark.parametrize("factor", [1e-200, 1e160])
@pytest.mark.parametrize("vote", ["mixed", "mean", "median", "trimmed"])
def test_the_magnitude_of_the_targets_does_not_matter(vote, factor):
    X, y = make_friedman1(120, noise=1.0, random_state=0)
    model = SoftKNeighborsRegressor(vote=vote)
    one = clone(model).fit(X[::2], y[::2]).predict(X[1::2])
    other = clone(model).fit(X[::2], factor * y[::2]).predict(X[1::2])
    np.testing.assert_allclose(other / factor, one, rtol=1e-3)


@pytest.mark.parametrize("far", [1e30, 1e155, 1e300])
@each_estimator
def test_far_queries_see_what_is_in_their_direction(wine, estimator, far):
    X, y = wine
    model = estimator(max_iter=0).fit(X, y)
    near, away = 1e6 * X[:20], far * X[:20]
    np.testing.assert_array_equal(
        model.kneighbors(away, return_distance=False),
        model.kneighbors(near, return_distance=False),
    )
    if hasattr(model, "predict"):
        np.testing.assert_allclose(output(model, away), output(model, near))


@pytest.mark.parametrize("far", [1e20, 1e155, 1e300])
@pytest.mark.parametrize(
    ("vote", "loss"),
    [("median", "huber"), ("trimmed", "trimmed"), ("mean", "huber"),
     ("mixed", "trimmed"), ("mixed", "squared_error")],
)  # fmt: skip
def test_a_far_target_is_one_outlier(vote, loss, far):
    X, y = make_friedman1(200, random_state=0)
    clean = SoftKNeighborsRegressor(vote=vote, loss=loss).fit(X, y).predict(X)
    y = y.copy()
    y[17] = far
    model = SoftKNeighborsRegressor(vote=vote, loss=loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = model.fit(X, y).predict(X)
    assert np.isfinite(found).all()
    assert np.isfinite(model.loss_curve_).all()
    if vote in ("median", "trimmed"):
        assert np.median(np.abs(found - clean)) < 1.0


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
@pytest.mark.parametrize("vote", ["mixed", "soft", "hard"])
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
        if vote != "mixed" and n_candidates is not None:
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


# Leave-one-out predictions


def test_without_samples_predictions_leave_each_out(wine):
    X, y = wine
    options = {"max_iter": 0, "regularization_strength": 0.0}
    soft = SoftKNeighborsClassifier(vote="soft", **options).fit(X, y)
    plain = KNeighborsClassifier().fit(X, y)
    np.testing.assert_allclose(soft.predict_proba(None), plain.predict_proba(None))
    np.testing.assert_array_equal(soft.predict(None), plain.predict(None))
    assert soft.score(None, y) == plain.score(None, y) == soft.loo_score_
    assert soft.predict_log_proba(None).shape == (178, 3)
    values = SoftKNeighborsRegressor(vote="mean", **options).fit(X, X[:, :2])
    plain = KNeighborsRegressor().fit(X, X[:, :2])
    np.testing.assert_allclose(values.predict(None), plain.predict(None))
    np.testing.assert_allclose(
        values.score(None, X[:, :2]), plain.score(None, X[:, :2])
    )


@pytest.mark.parametrize("vote", ["mixed", "soft", "hard"])
def test_leaving_out_is_fitting_without(wine, vote):
    X, y = wine
    model = SoftKNeighborsClassifier(vote="soft", max_iter=0, n_candidates=None)
    model.fit(X, y)
    strength = model.regularization_strength_
    one = model.predict_proba(None)[7]
    others = np.arange(178) != 7
    distances = ((X[others] - X[7]) ** 2).sum(axis=1)
    from sksoft import soft_topk

    p = soft_topk(-distances, 5, regularization_strength=strength)
    expected = np.bincount(y[others], p) / 5.0
    np.testing.assert_allclose(one, expected, atol=1e-9)


# A fit is whole


@each_estimator
def test_an_interrupted_fit_leaves_the_model_as_it_was(monkeypatch, wine, estimator):
    X, y = wine
    model = estimator(random_state=0).fit(X, y)
    before = vars(model).copy()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    for name in ("frame_of", "fit_progress", "check_parameters"):
        with monkeypatch.context() as patch:
            patch.setattr(_base, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.fit(X[:, :5], y)
        assert vars(model).keys() == before.keys()
        for key, value in before.items():
            assert vars(model)[key] is value
    with pytest.raises(ValueError, match=r"Input y|Unknown label"):
        model.fit(X[:, :4], np.full(178, np.nan))
    for key, value in before.items():
        assert vars(model)[key] is value
    assert output(model, X).shape[0] == 178


@each_estimator
def test_a_refused_partial_fit_leaves_the_model_as_it_was(wine, estimator):
    X, y = wine
    model = estimator(random_state=0).fit(X, y)
    model.partial_fit(X[:20], y[:20])
    before = vars(model).copy()
    with pytest.raises(ValueError, match="expecting 13 features"):
        model.partial_fit(X[:, :5], y)
    with pytest.raises(ValueError, match="contains NaN"):
        model.partial_fit(np.full((3, 13), np.nan), y[:3])
    for key, value in before.items():
        assert vars(model)[key] is value


@each_estimator
def test_masked_arrays_are_refused(wine, estimator):
    X, y = wine
    masked = np.ma.masked_array(X, X > 2.0)
    model = estimator()
    with pytest.raises(TypeError, match="X must be a plain array, got a masked"):
        model.fit(masked, y)
    with pytest.raises(TypeError, match="y must be a plain array, got a masked"):
        model.fit(X, np.ma.masked_array(y, y == 2))
    with pytest.raises(TypeError, match="sample_weight must be a plain array"):
        model.fit(X, y, sample_weight=np.ma.masked_array(np.ones(178), y == 2))
    model.fit(X, y)
    for method in ("transform", "kneighbors", "predict", "predict_proba"):
        if hasattr(model, method):
            with pytest.raises(TypeError, match="X must be a plain array"):
                getattr(model, method)(masked)


@each_estimator
def test_the_type_of_the_numbers_is_that_of_the_fit(wine, estimator):
    X, y = wine
    for dtype in (np.float32, np.float64):
        model = estimator(random_state=0).fit(X.astype(dtype), y)
        assert model.components_.dtype == model.embedding_.dtype == dtype
        if hasattr(model, "predict_proba"):
            assert model.predict_proba(X).dtype == dtype
            assert model.predict_log_proba(X).dtype == dtype
            assert model.predict_proba(None).dtype == dtype
        elif hasattr(model, "predict"):
            assert model.predict(X).dtype == model.predict(None).dtype == dtype
        # A transformer keeps the type of what it is given.
        assert model.transform(X.astype(np.float32)).dtype == np.float32
        assert model.transform(X).dtype == np.float64


# Training that stops


def test_an_iteration_that_gains_little_does_not_end_training(wine):
    X, y = load_wine(return_X_y=True)
    # Features of unlike scales: the first iterations gain next to nothing.
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = SoftKNeighborsClassifier(7, n_components=2, init="pca").fit(X, y)
    gains = -len(y) * np.diff(model.loss_curve_)
    assert gains[:2].max() < 0.5 < gains[2:].max()
    assert model.n_iter_ > 5


def test_a_budget_counts_repetitions():
    def least_gain(n_rows, weight):
        left_out = SimpleNamespace(weight=weight)
        problem = SimpleNamespace(X=np.zeros((n_rows, 1)), leave_one_out=left_out)
        return Budget(None, problem).least_gain

    assert least_gain(3, np.array([2.0, 1.0, 4.0])) == least_gain(7, None)
    assert least_gain(7, None) == 0.5 * least_gain(3, np.array([1.0, 0.5, 2.0]))


def test_epochs_that_gain_less_than_the_tolerance_are_counted(wine):
    X, y = wine
    options = {"solver": "adam", "max_iter": 20, "random_state": 0, "vote": "soft"}
    # Of losses below one no gain is as large; the first epoch always counts.
    model = SoftKNeighborsClassifier(tol=1.0, **options).fit(X, y)
    assert model.n_iter_ == 1 + PATIENCE + 1
    assert SoftKNeighborsClassifier(tol=0.0, **options).fit(X, y).n_iter_ == 20


def test_samples_that_coincide_do_not_tell_the_unit():
    reached = np.array([0.0, 0.0, 0.0])
    distances = [np.array([[0.0, 4.0], [0.0, 9.0]]), np.array([[0.0, 25.0]])]
    assert distance_unit(reached, distances, None) == 9.0
    assert distance_unit(reached, distances, np.array([5.0, 1.0, 1.0])) == 4.0
    # Where none is apart there is no unit.
    assert distance_unit(reached, [np.zeros((3, 2))], None) == 1.0
    assert distance_unit(np.array([0.0, 2.0, 3.0]), distances, None) == 2.0


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
