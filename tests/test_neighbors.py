# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft nearest neighbours: votes, neighbours, all kinds of targets, errors."""

import pickle

import numpy as np
import pytest
from neighbors import ESTIMATORS
from sklearn.datasets import load_iris, make_blobs, make_friedman1
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
)


@pytest.mark.parametrize("regularization", ["entropic", "l2"])
def test_without_softness_it_is_plain_neighbours(wine, regularization):
    X, y = wine
    model = SoftKNeighborsClassifier(
        vote="soft", regularization_strength=0.0, regularization=regularization
    ).fit(X[::2], y[::2])
    plain = KNeighborsClassifier().fit(X[::2], y[::2])
    np.testing.assert_allclose(
        model.predict_proba(X[1::2]), plain.predict_proba(X[1::2])
    )
    assert model.n_iter_ == 0 or model.loss_curve_ == []


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (SoftKNeighborsClassifier, {"vote": "hard"}),
        (SoftKNeighborsClassifier, {"vote": "soft"}),
        (SoftKNeighborsClassifier, {"n_neighbors": 9, "regularization_strength": 0.0}),
        (SoftKNeighborsRegressor, {"vote": "median"}),
        (SoftKNeighborsRegressor, {"n_neighbors": 9, "n_candidates": 10}),
    ],
)
def test_parameters_take_effect_with_the_next_fit(wine, estimator, options):
    X, y = wine
    model = estimator(random_state=0).fit(X[::2], y[::2])
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    before = ask(X), model.kneighbors(X)[1]
    model.set_params(**options)
    np.testing.assert_array_equal(ask(X), before[0])
    np.testing.assert_array_equal(model.kneighbors(X)[1], before[1])
    model.fit(X[::2], y[::2])
    assert not np.array_equal(ask(X), before[0])


def test_hard_vote_is_neighbours_in_the_embedding(wine):
    X, y = wine
    model = SoftKNeighborsClassifier(vote="hard").fit(X[::2], y[::2])
    plain = KNeighborsClassifier().fit(model.transform(X[::2]), y[::2])
    np.testing.assert_allclose(
        model.predict_proba(X[1::2]), plain.predict_proba(model.transform(X[1::2]))
    )


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_untrained_trimmed_regressor_without_trimming_is_plain(rng, n_outputs):
    X, y = rng.normal(size=(60, 4)), rng.normal(size=(60, n_outputs))
    y = y[:, 0] if n_outputs == 1 else y
    model = SoftKNeighborsRegressor(
        vote="trimmed", trim_fraction=0.0, regularization_strength=0.0, max_iter=0
    ).fit(X, y)
    plain = KNeighborsRegressor().fit(X, y)
    Q = rng.normal(size=(20, 4))
    np.testing.assert_allclose(model.predict(Q), plain.predict(Q), atol=1e-12)


def test_scale_of_the_targets_carries_over(rng):
    X, y = make_friedman1(100, noise=1.0, random_state=0)
    for options in ({}, {"vote": "median", "loss": "huber"}, {"vote": "trimmed"}):
        one = SoftKNeighborsRegressor(**options).fit(X[::2], y[::2])
        other = SoftKNeighborsRegressor(**options).fit(X[::2], 1000.0 * y[::2] - 7.0)
        np.testing.assert_allclose(
            1000.0 * one.predict(X[1::2]) - 7.0, other.predict(X[1::2]), rtol=1e-3
        )


def test_a_sample_does_not_vote_for_itself(rng):
    # Labels without any meaning cannot be learnt by looking at oneself.
    X, y = rng.normal(size=(100, 2)), rng.integers(2, size=100)
    assert SoftKNeighborsClassifier(1).fit(X, y).loo_score_ < 0.75
    _, indices = SoftKNeighborsClassifier(1).fit(X, y).kneighbors()
    assert (indices[:, 0] != np.arange(100)).all()


def test_neighbours_are_those_of_the_embedding(wine):
    X, y = wine
    model = SoftKNeighborsClassifier(4).fit(X, y)
    distances, indices = model.kneighbors(X[:3], 2)
    assert distances.shape == indices.shape == (3, 2)
    np.testing.assert_array_equal(indices[:, 0], [0, 1, 2])
    assert model.kneighbors(X[:3], return_distance=False).shape == (3, 4)
    graph = model.kneighbors_graph(X[:3])
    assert graph.shape == (3, len(y))
    assert graph.sum() == 12
    assert model.kneighbors_graph(mode="distance").nnz == 4 * len(y)


def test_duplicated_points(rng):
    X = np.repeat(rng.normal(size=(10, 3)), 12, axis=0)
    y = np.repeat(np.arange(10) % 3, 12)
    for options in ({}, {"regularization": "l2"}, {"vote": "hard"}):
        model = SoftKNeighborsClassifier(**options).fit(X, y)
        assert model.score(X, y) == 1.0
    assert SoftKNeighborsRegressor().fit(X, y).score(X, y) > 0.99


def test_constant_features_and_identical_samples(wine):
    X, y = wine
    padded = np.column_stack([X, np.full(len(y), 3.0), np.zeros(len(y))])
    assert SoftKNeighborsClassifier().fit(padded, y).score(padded, y) > 0.95
    same = np.ones((20, 2))
    labels = np.repeat([0, 1], [12, 8])
    model = SoftKNeighborsClassifier().fit(same, labels)
    np.testing.assert_allclose(model.predict_proba(same[:1]), [[0.6, 0.4]], atol=1e-12)
    assert np.isfinite(SoftKNeighborsRegressor().fit(same, labels).predict(same)).all()


def test_a_constant_target(wine):
    X, _ = wine
    for vote in ("mean", "median", "trimmed"):
        model = SoftKNeighborsRegressor(vote=vote, loss="huber").fit(
            X, np.full(178, 2.5)
        )
        np.testing.assert_allclose(model.predict(X), 2.5)
    model = SoftKNeighborsClassifier().fit(X, ["only"] * 178)
    assert (model.predict(X) == "only").all()


def test_a_class_with_one_member(wine):
    X, y = wine
    y = np.where(np.arange(178) == 5, 9, y)
    model = SoftKNeighborsClassifier().fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.predict_proba(X).shape == (178, 4)


def test_more_neighbours_than_members_or_samples(rng):
    X, y = make_blobs([4, 30, 30], random_state=0)
    model = SoftKNeighborsClassifier(9).fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    model = SoftKNeighborsClassifier(500, vote="soft").fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X[:2]), np.tile([4, 30, 30], (2, 1)) / 64, atol=1e-12
    )
    plain = SoftKNeighborsRegressor(500).fit(X, y)
    np.testing.assert_allclose(plain.predict(X), y.mean(), rtol=1e-9)


def test_two_classes_and_string_labels(rng):
    X, y = make_blobs([30, 30], random_state=0)
    names = np.array(["no", "yes"])[y]
    model = SoftKNeighborsClassifier().fit(X, names)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) <= {"no", "yes"}
    log_probabilities = model.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(log_probabilities), model.predict_proba(X))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_float32_is_kept(wine, estimator):
    X, y = wine
    y = y.astype(np.float32) if estimator is SoftKNeighborsRegressor else y
    model = estimator(hidden_layer_sizes=(4,), random_state=0).fit(X.astype("f4"), y)
    assert model.transform(X.astype("f4")).dtype == np.float32
    assert model.components_.dtype == model.coefs_[0].dtype == np.float32
    if hasattr(model, "predict_proba"):
        assert model.predict_proba(X.astype("f4")).dtype == np.float32


@pytest.mark.parametrize("vote", ["mean", "median", "trimmed"])
@pytest.mark.parametrize("weight", [None, [1.0], [2.0], [0.5]], ids=str)
def test_one_sample_is_repeated(vote, weight):
    model = SoftKNeighborsRegressor(vote=vote, loss="huber")
    model.fit([[1.0, 2.0]], [7.0], sample_weight=weight)
    np.testing.assert_allclose(model.predict([[0.0, 0.0]]), [7.0])


def test_robust_votes_resist_outliers(rng):
    X = rng.uniform(-3, 3, size=(200, 1))
    clean = np.sin(X[:, 0])
    y = clean + 0.05 * rng.normal(size=200)
    bad = rng.random(200) < 0.2
    y[bad] += 10.0
    errors = {}
    for vote, loss in (
        ("mean", "squared_error"), ("median", "huber"), ("trimmed", "trimmed")
    ):  # fmt: skip
        model = SoftKNeighborsRegressor(21, vote=vote, loss=loss, trim_fraction=0.4)
        found = model.fit(X, y).predict(X)
        errors[vote] = np.sqrt(np.mean((found - clean) ** 2))
    assert errors["mean"] > 1.0
    assert errors["median"] < 0.3
    assert errors["trimmed"] < 0.2


def test_works_in_pipelines_grids_and_pickles(wine):
    X, y = wine
    pipeline = make_pipeline(StandardScaler(), SoftKNeighborsClassifier())
    grid = GridSearchCV(
        pipeline,
        {
            "softkneighborsclassifier__n_neighbors": [1, 5],
            "softkneighborsclassifier__regularization_strength": [0.1, 1.0],
        },
        cv=3,
    ).fit(X, y)
    assert grid.best_score_ > 0.95
    assert cross_val_score(pipeline, X, y).mean() > 0.95
    again = pickle.loads(pickle.dumps(grid.best_estimator_))
    np.testing.assert_array_equal(again.predict(X), grid.predict(X))


def test_pandas_output():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = SoftNeighborhoodComponents(2).set_output(transform="pandas").fit(X, y)
    assert model.transform(X).shape == (150, 2)
    assert model.feature_names_in_.tolist() == X.columns.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors must be an integer >= 1, got 0"),
        ({"n_components": 14}, "n_components must be at most the number of features"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must hold positive"),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes must hold positive"),
        ({"regularization_strength": -1.0}, "regularization_strength must be"),
        ({"regularization": "l1"}, "regularization must be one of"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"init": "random"}, "init must be one of"),
        ({"init": np.eye(3)}, r"init must have shape \(13, 13\)"),
        ({"init": np.full((13, 13), np.nan)}, "init must hold finite numbers"),
        ({"n_jobs": 0}, "n_jobs must be None or an integer but 0"),
        ({"hidden_layer_sizes": b"x"}, "hidden_layer_sizes must hold positive"),
        ({"hidden_layer_sizes": np.array(2.0)}, "hidden_layer_sizes must hold"),
        ({"alpha": -0.1}, "alpha must be"),
        ({"n_candidates": 3}, "n_candidates must be at least n_neighbors=5, got 3"),
        ({"solver": "sgd"}, "solver must be one of"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"n_templates": 0}, "n_templates must be"),
        ({"max_iter": -1}, "max_iter must be an integer >= 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"verbose": -1}, "verbose must be an integer >= 0, got -1"),
        ({"vote": "loud"}, "vote must be one of"),
    ],
)
def test_wrong_parameters_are_named(wine, options, message):
    with pytest.raises(ValueError, match=message):
        SoftKNeighborsClassifier(**options).fit(*wine)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trim_fraction": 0.6}, "trim_fraction must be at least 0 and at most 0.5"),
        ({"init": "lda"}, "init must be one of 'auto', 'identity', 'pca', 'pls'"),
        ({"loss": "log"}, "loss must be one of"),
    ],
)
def test_wrong_parameters_of_the_regressor_are_named(wine, options, message):
    with pytest.raises(ValueError, match=message):
        SoftKNeighborsRegressor(**options).fit(*wine)


def test_wrong_types_are_named(wine):
    with pytest.raises(TypeError, match=r"n_neighbors must be an integer .*2.5"):
        SoftKNeighborsClassifier(2.5).fit(*wine)
    with pytest.raises(TypeError, match="warm_start must be True or False"):
        SoftKNeighborsClassifier(warm_start="yes").fit(*wine)
    for name in ("alpha", "learning_rate_init", "n_candidates", "n_templates",
                 "batch_size", "max_iter", "n_jobs"):  # fmt: skip
        with pytest.raises(TypeError, match=f"{name} must be"):
            SoftKNeighborsClassifier(**{name: np.array([1.0, 2.0])}).fit(*wine)
    with pytest.raises(TypeError, match="init must hold real numbers"):
        SoftKNeighborsClassifier(init={"a": 1}).fit(*wine)


def test_a_fit_that_is_refused_leaves_the_model_as_it_was(wine):
    X, y = wine
    model = SoftKNeighborsClassifier().fit(X, y)
    before = model.predict(X)
    model.set_params(n_components=14)
    with pytest.raises(ValueError, match="n_components must be at most"):
        model.fit(X[:9], y[:9])
    np.testing.assert_array_equal(model.predict(X), before)
