# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft nearest neighbours: how their embeddings are trained."""

import warnings

import numpy as np
import pytest
from neighbors import ESTIMATORS
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis

from sksoft._network import LinearPlusNetwork
from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftNeighborhoodComponents,
    _objective,
)
from sksoft.neighbors._class_vote import ClassVote
from sksoft.neighbors._objective import LeaveOneOut, Problem, Samples
from sksoft.neighbors._selection import Mask
from sksoft.neighbors._training import Training
from sksoft.neighbors._value_vote import ValueVote


@pytest.fixture
def noisy(rng):
    """Three classes in two of six features, the others ten times as wide."""
    y = np.repeat([0, 1, 2], 40)
    X = rng.normal(size=(120, 6))
    X[:, 0] += 4.0 * (y == 1)
    X[:, 1] += 4.0 * (y == 2)
    X[:, 2:] *= 10.0
    return X, y


def class_vote(rng, loss):
    return ClassVote(rng.integers(3, size=20), 3, loss)


def value_vote(rng, loss, vote):
    return ValueVote(rng.normal(size=(20, 2)), loss, vote, 0.3, 0.25, 0.5)


VOTES = {
    f"class-{loss}": lambda rng, loss=loss: class_vote(rng, loss)
    for loss in ("log", "linear")
} | {
    f"{vote}-{loss}": lambda rng, loss=loss, vote=vote: value_vote(rng, loss, vote)
    for vote in ("mean", "median", "trimmed")
    for loss in ("squared_error", "huber", "trimmed")
}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)], ids=str)
@pytest.mark.parametrize("regularization", ["entropic", "l2"])
@pytest.mark.parametrize("name", VOTES)
def test_training_loss_has_its_gradient(
    rng, central_difference, name, regularization, hidden, weighted
):
    X = rng.normal(size=(20, 3))
    model = LinearPlusNetwork(3, 3, 2, hidden)
    start = model.start(rng.normal(size=(3, 2)), np.random.RandomState(0))
    theta = start + rng.normal(scale=0.2, size=len(start))
    vote = VOTES[name](rng)
    weight = own_weight = None
    if weighted:
        weight = rng.choice([0.5, 1.0, 2.0], size=20)
        own_weight = np.maximum(weight - 1.0, 0.0)
    problem = Problem(
        model,
        X,
        LeaveOneOut(
            Samples(X, None, weight, own_weight),
            vote,
            Mask(0.7, regularization),
            np.full(20, 4.0),
            None,
            0.2 if name.endswith("-trimmed") else 0.0,
        ),
        0.1,
        start,
    )
    _, gradient = problem(theta)
    numeric = central_difference(lambda t: problem(t)[0], theta)
    np.testing.assert_allclose(gradient, numeric, atol=2e-6)


def test_a_batch_of_everyone_is_the_whole(rng):
    X = rng.normal(size=(20, 3))
    model = LinearPlusNetwork(3, 3, 3, ())
    start = model.start(np.eye(3), None)
    samples = Samples(X, None, None, None)
    mask = Mask(0.5, "entropic")
    left_out = LeaveOneOut(
        samples, class_vote(rng, "log"), mask, np.full(20, 3.0), None
    )
    problem = Problem(model, X, left_out, 0.0, start)
    everyone = rng.permutation(20)
    value, gradient = problem(start)
    again = problem.batch(start, everyone, rng.permutation(20), 0.0, None)
    np.testing.assert_allclose(again[0], value)
    np.testing.assert_allclose(again[1], gradient, atol=1e-12)


def test_neighbours_are_searched_once_for_each_embedding(noisy, monkeypatch):
    X, y = noisy
    searches, embeddings = [], []
    search, batch = _objective.among_members, Problem.batch

    def counted(*args):
        searches.append(args)
        return search(*args)

    def noted(self, theta, *args):
        embeddings.append(theta.copy())
        return batch(self, theta, *args)

    monkeypatch.setattr(_objective, "among_members", counted)
    monkeypatch.setattr(Problem, "batch", noted)
    model = SoftKNeighborsClassifier(vote="soft").fit(X, y)
    # Measuring where training starts, and scoring both ends, takes no search more.
    assert len(searches) == len(np.unique(embeddings, axis=0)) > model.n_iter_


def test_training_finds_the_features_that_matter(noisy):
    X, y = noisy
    model = SoftKNeighborsClassifier(max_iter=100, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.85
    assert KNeighborsClassifier().fit(X[::2], y[::2]).score(X[1::2], y[1::2]) < 0.65
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    norms = np.linalg.norm(model.components_, axis=0)
    assert norms[:2].min() > 2.0 * norms[2:].max()


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("hidden", [(), (16,)], ids=str)
def test_solvers_and_architectures_learn(noisy, solver, hidden):
    X, y = noisy
    model = SoftNeighborhoodComponents(
        solver=solver, hidden_layer_sizes=hidden, random_state=0
    ).fit(X, y)
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]
    assert model.n_iter_ == len(model.loss_curve_) - (solver == "lbfgs")
    if hidden:
        Z = X @ model.components_.T
        layer = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0.0)
        shift = model.transform(X) - (Z + layer @ model.coefs_[1])
        np.testing.assert_allclose(shift, np.tile(shift[0], (len(X), 1)), atol=1e-9)
    else:
        moved = model.transform(X) - X @ model.components_.T
        np.testing.assert_allclose(moved, np.tile(moved[0], (len(X), 1)), atol=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_scale_of_the_features_does_not_matter(wine, estimator, factor):
    X, y = wine
    one = estimator(random_state=0).fit(X[::2], y[::2])
    other = estimator(random_state=0).fit(factor * X[::2], y[::2])
    if hasattr(one, "predict"):
        np.testing.assert_allclose(
            one.predict(X[1::2]), other.predict(factor * X[1::2]), rtol=1e-3, atol=1e-3
        )
    np.testing.assert_allclose(
        factor * one.transform(X),
        other.transform(factor * X),
        rtol=1e-2,
        atol=0.02 * factor,
    )


@pytest.mark.parametrize(
    "options", [{}, {"n_candidates": 7}, {"max_iter": "auto"}], ids=str
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_are_repetitions(rng, wine, estimator, options):
    X, y = wine
    X, y = X[::2], y[::2]
    weight = rng.integers(0, 4, size=len(y))
    kept = np.repeat(np.arange(len(y)), weight)
    one = estimator(**{"max_iter": 3, "tol": 0.0, **options})
    other = clone(one)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one.fit(X, y, sample_weight=weight)
        other.fit(X[kept], y[kept])
    assert one.n_iter_ == other.n_iter_
    np.testing.assert_allclose(one.components_, other.components_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(one.loo_score_, other.loo_score_)
    if hasattr(one, "predict_proba"):
        np.testing.assert_allclose(
            one.predict_proba(X), other.predict_proba(X), atol=1e-7
        )


def test_small_weights_find_enough_candidates(wine):
    X, y = wine
    weight = np.full(len(y), 0.05)
    model = SoftKNeighborsClassifier(2).fit(X, y, sample_weight=weight)
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    "estimator", [SoftKNeighborsClassifier, SoftNeighborhoodComponents]
)
def test_the_guard_keeps_a_start_that_training_spoils(rng, wine, estimator):
    X, y = wine
    # Steps so long that nothing is left of the start.
    options = {"vote": "soft"} if estimator is SoftKNeighborsClassifier else {}
    model = estimator(
        solver="adam", learning_rate_init=1e4, max_iter=2, alpha=0.0, random_state=0,
        **options,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match=f"{estimator.__name__} keeps the embe"):
        model.fit(X, y)
    start = estimator(max_iter=0).fit(X, y)
    assert model.loo_score_ >= start.loo_score_
    np.testing.assert_allclose(model.transform(X), start.transform(X))


@pytest.mark.parametrize("seed", range(5))
def test_training_never_lowers_the_leave_one_out_score(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(60, 8)), rng.integers(3, size=60)
    start = SoftKNeighborsClassifier(max_iter=0).fit(X, y)
    assert SoftKNeighborsClassifier().fit(X, y).loo_score_ >= start.loo_score_


@pytest.mark.parametrize("init", ["identity", "pca", "lda", "auto", "array"])
def test_starts(wine, init):
    X, y = wine
    given = np.eye(2, 13) if init == "array" else init
    model = SoftNeighborhoodComponents(2, init=given, max_iter=0).fit(X, y)
    if init in ("identity", "array"):
        Z = X[:, :2] - X[:, :2].mean(axis=0)
        np.testing.assert_allclose(model.transform(X), Z, atol=1e-9)
        np.testing.assert_array_equal(model.components_, np.eye(2, 13))
    if init == "lda":
        assert model.loo_score_ > 0.97
    trained = SoftNeighborhoodComponents(2, init=given).fit(X, y)
    assert trained.loo_score_ >= model.loo_score_
    assert trained.get_feature_names_out().tolist() == [
        "softneighborhoodcomponents0",
        "softneighborhoodcomponents1",
    ]


def test_a_weighted_discriminant_start_is_one_of_repetitions(rng, wine):
    X, y = wine
    weight = rng.integers(0, 3, size=len(y))
    kept = np.repeat(np.arange(len(y)), weight)
    model = SoftNeighborhoodComponents(2, init="lda", max_iter=0)
    one = model.fit(X, y, sample_weight=weight).components_
    other = clone(model).fit(X[kept], y[kept]).components_
    np.testing.assert_allclose(np.abs(one), np.abs(other), atol=1e-9)


def test_warm_start_goes_on(noisy):
    X, y = noisy
    model = SoftKNeighborsClassifier(warm_start=True).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    assert model.loss_curve_[0] < first[0]
    before = model.predict(X)
    with pytest.raises(ValueError, match="expecting 6 features"):
        model.fit(X[:, :3], y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_another_architecture_starts_anew(wine):
    X, y = wine
    model = SoftKNeighborsClassifier(
        hidden_layer_sizes=(3,), warm_start=True, random_state=0
    ).fit(X, y)
    assert len(model.coefs_) == 2
    model.set_params(hidden_layer_sizes=()).fit(X, y)
    assert not hasattr(model, "coefs_")
    plain = SoftKNeighborsClassifier().fit(X, y)
    np.testing.assert_array_equal(model.components_, plain.components_)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_equal_weights_change_nothing(noisy, solver):
    X, y = noisy
    model = SoftKNeighborsClassifier(solver=solver, random_state=0)
    one = clone(model).fit(X, y)
    other = clone(model).fit(X, y, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(one.components_, other.components_, rtol=1e-6)


def test_templates_may_be_few(noisy):
    X, y = noisy
    model = SoftKNeighborsClassifier(
        solver="adam", n_templates=30, batch_size=16, random_state=0
    ).fit(X, y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_verbose_tells_the_scores(wine, capsys):
    X, y = wine
    SoftKNeighborsClassifier(verbose=1).fit(X, y)
    assert "leave-one-out score" in capsys.readouterr().out


def test_training_ends_by_itself_where_samples_gain_little(wine):
    X, y = wine
    model = SoftKNeighborsClassifier().fit(X, y)
    gains = -len(y) * np.diff(model.loss_curve_)
    assert 4 <= model.n_iter_ < 15
    assert gains[-1] < 0.4
    assert (gains[3:-1] > 0.4).all()
    with pytest.warns(ConvergenceWarning, match="max_iter=14"):
        SoftKNeighborsClassifier(max_iter=14).fit(X, y)


def test_a_given_max_iter_warns_when_it_is_reached(noisy):
    X, y = noisy
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        SoftKNeighborsClassifier(max_iter=2).fit(X, y)


def test_few_components_are_trained_more_softly(monkeypatch, rng):
    X, y = rng.normal(size=(350, 5)), np.arange(350) % 7
    X[:, :4] += 3.0 * rng.normal(size=(7, 4))[y]
    told = []
    problem = Training._problem

    def noted(self, trial):
        told.append(problem(self, trial).leave_one_out.mask.strength)
        return problem(self, trial)

    monkeypatch.setattr(Training, "_problem", noted)

    def softness(n_components, classes):
        model = SoftNeighborhoodComponents(n_components, init="identity")
        model.fit(X, classes)
        # The start has the unit of the features, which is that of the frame.
        unit = np.square(X - X.mean(axis=0)).mean()
        return told[-1] * unit / model.regularization_strength_

    np.testing.assert_allclose(softness(2, y), 3.0)
    np.testing.assert_allclose(softness(5, y), 1.0)
    np.testing.assert_allclose(softness(2, y % 3), 1.0)
    np.testing.assert_allclose(softness(1, y % 3), 3.0)


def test_a_plane_of_many_classes():
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std()
    scores = []
    for model in (
        SoftNeighborhoodComponents(2, random_state=0),
        NeighborhoodComponentsAnalysis(2, max_iter=15, random_state=0),
    ):
        model.fit(X[:900], y[:900])
        near = KNeighborsClassifier().fit(model.transform(X[:900]), y[:900])
        scores.append(near.score(model.transform(X[900:]), y[900:]))
    assert scores[0] > scores[1]
