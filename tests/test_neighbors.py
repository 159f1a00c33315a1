# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft nearest neighbours: training, votes, and everything that may go wrong."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine, make_blobs, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft._network import LinearPlusNetwork
from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
)
from sksoft.neighbors._class_vote import ClassVote
from sksoft.neighbors._objective import LeaveOneOut, Problem, Samples
from sksoft.neighbors._selection import Mask
from sksoft.neighbors._value_vote import ValueVote

ESTIMATORS = [
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
]


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


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


def test_scale_of_the_targets_carries_over(rng):
    X, y = make_friedman1(100, noise=1.0, random_state=0)
    for options in ({}, {"vote": "median", "loss": "huber"}, {"vote": "trimmed"}):
        one = SoftKNeighborsRegressor(**options).fit(X[::2], y[::2])
        other = SoftKNeighborsRegressor(**options).fit(X[::2], 1000.0 * y[::2] - 7.0)
        np.testing.assert_allclose(
            1000.0 * one.predict(X[1::2]) - 7.0, other.predict(X[1::2]), rtol=1e-3
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
    model = SoftKNeighborsClassifier(500).fit(X, y)
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


def test_partial_fit_goes_on(noisy, rng):
    X, y = noisy
    order = rng.permutation(len(y))
    model = SoftKNeighborsClassifier(learning_rate_init=0.05, random_state=0)
    for part in range(4):
        some = order[part::4]
        model.partial_fit(X[some], y[some], classes=[0, 1, 2])
    assert model.embedding_.shape[0] == len(y)
    start = SoftKNeighborsClassifier(max_iter=0).fit(X, y)
    for _ in range(10):
        model.partial_fit(X[:5], y[:5])
    assert model.loo_score_ > start.loo_score_
    assert model.n_iter_ == 14 == len(model.loss_curve_)
    with pytest.raises(ValueError, match="y must hold classes among"):
        model.partial_fit(X[:2], [7, 8])


def test_partial_fit_after_fit_keeps_the_embedding(wine):
    X, y = wine
    model = SoftKNeighborsClassifier(learning_rate_init=0.0).fit(X[::2], y[::2])
    before = model.transform(X)
    model.partial_fit(X[1::2], y[1::2], sample_weight=np.ones(89))
    np.testing.assert_allclose(model.transform(X), before)
    assert len(model.embedding_) == len(y)
    values = SoftKNeighborsRegressor().partial_fit(X, y.astype(float))
    assert values.partial_fit(X[:9], y[:9].astype(float)).predict(X).shape == (178,)


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


@pytest.mark.parametrize("vote", ["mean", "median", "trimmed"])
@pytest.mark.parametrize("weight", [None, [1.0], [2.0], [0.5]], ids=str)
def test_one_sample_is_repeated(vote, weight):
    model = SoftKNeighborsRegressor(vote=vote, loss="huber")
    model.fit([[1.0, 2.0]], [7.0], sample_weight=weight)
    np.testing.assert_allclose(model.predict([[0.0, 0.0]]), [7.0])


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
        ({"init": "lda"}, "init must be one of 'auto', 'identity', 'pca', got"),
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


def test_classes_of_partial_fit(wine):
    X, y = wine
    with pytest.raises(ValueError, match="classes must hold at least one class"):
        SoftKNeighborsClassifier().partial_fit(X, y, classes=[])
    model = SoftKNeighborsClassifier().partial_fit(X, y, classes=[0, 1, 2, 3])
    model.partial_fit(X[:9], y[:9], classes=[3, 2, 1, 0])
    with pytest.raises(ValueError, match=r"classes must be those of the first call"):
        model.partial_fit(X[:9], y[:9], classes=[0, 1, 2])
