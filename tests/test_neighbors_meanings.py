# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What parameters, weights, units and attributes of soft neighbours mean."""

import inspect
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from neighbors import ESTIMATORS, each_estimator, output
from sklearn.base import clone
from sklearn.datasets import load_wine, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
    _base,
    _solvers,
)
from sksoft.neighbors._selection import distance_unit
from sksoft.neighbors._solvers import BUDGETS, PATIENCE, Spending
from sksoft.neighbors._training import Training
from sksoft.neighbors._value_vote import value_reader

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
        return Spending(None, problem, BUDGETS["whole"]).least_gain

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


def test_each_vote_is_as_soft_in_the_unit_of_its_own_neighbours(monkeypatch):
    told, ballots = [], Training._ballots

    def noted(self, strengths, n_spaces):
        told.append(strengths)
        return ballots(self, strengths, n_spaces)

    monkeypatch.setattr(Training, "_ballots", noted)
    X, y = np.arange(60.0)[:, None], np.arange(60) % 2
    SoftKNeighborsClassifier(2, max_iter=0).fit(X, y)
    # On a line two neighbours are within one step, three times as many within three.
    for near, wide in told:
        assert wide == pytest.approx(9.0 * near, rel=0.3)


def test_the_unit_of_normal_targets_is_their_deviation(rng):
    y = 3.0 + 0.7 * rng.normal(size=20_000)
    reader = value_reader(y, None, False)
    assert reader.unit[0] * reader.scale[0] == pytest.approx(0.7, rel=0.02)
