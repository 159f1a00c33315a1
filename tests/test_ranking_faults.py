# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rankers: what parameters mean, data at the ends of numbers, refused fits."""

import inspect

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss

from sksoft.datasets import make_label_ranking
from sksoft.losses import listnet_loss, soft_ndcg_loss, soft_spearman_loss
from sksoft.metrics import ndcg_score
from sksoft.ranking import SoftLabelRanker, SoftNDCGRanker, TopKLogisticRegression
from sksoft.ranking._design import AS_GOOD, PENALTIES, Design
from sksoft.ranking._scorer import Scorer

RANKERS = [SoftLabelRanker, SoftNDCGRanker, TopKLogisticRegression]


def data_of(ranker, n_samples=90, seed=0):
    """Return the arguments of a fit."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 4))
    quality = X @ [1.0, -1.0, 0.5, 0.0] + 0.5 * rng.normal(size=n_samples)
    if ranker is SoftLabelRanker:
        scores = X[:, :3] + 0.5 * rng.normal(size=(n_samples, 3))
        return (X, rankdata(-scores, axis=1)), {}
    grades = np.digitize(quality, [-1.0, 0.0, 1.0])
    qid = {"qid": np.arange(n_samples) // 9} if ranker is SoftNDCGRanker else {}
    return (X, grades), qid


def scores_of(model, X):
    name = "predict" if isinstance(model, SoftNDCGRanker) else "decision_function"
    return getattr(model, name)(X)


@pytest.mark.parametrize("ranker", RANKERS)
def test_every_parameter_has_a_check(ranker):
    assert list(ranker._parameter_checks) == list(inspect.signature(ranker).parameters)


# Parameters of a relative that make no sense here, or are scikit-learn's own history.
RELATIVES = {
    TopKLogisticRegression: (
        LogisticRegression,
        {"penalty", "dual", "intercept_scaling", "random_state", "solver"}
        | {"multi_class", "n_jobs", "l1_ratio"},
        {"sparsify", "densify"},
    ),
    SoftLabelRanker: (
        RidgeCV,
        {"alphas", "scoring", "cv", "gcv_mode", "store_cv_results"}
        | {"alpha_per_target"},
        set(),
    ),
}


@pytest.mark.parametrize("ranker", RELATIVES)
def test_has_what_its_nearest_relative_has(ranker):
    relative, no_parameters, no_methods = RELATIVES[ranker]
    missing = set(relative().get_params()) - set(ranker().get_params())
    assert missing <= no_parameters
    methods = {
        name
        for name in dir(relative)
        if not name.startswith("_") and callable(getattr(relative, name))
    }
    assert methods - set(dir(ranker)) <= no_methods
    for name, default in relative().get_params().items():
        # All penalties of rankers are chosen by default.
        if name in ("fit_intercept", "class_weight", "warm_start", "verbose"):
            assert ranker().get_params()[name] == default


@pytest.mark.parametrize("ranker", RANKERS)
def test_all_rankers_can_be_watched_and_go_on(ranker, capsys):
    data, qid = data_of(ranker)
    model = ranker(verbose=1, warm_start=True, tol=1e-6).fit(*data, **qid)
    shown = capsys.readouterr().out
    assert f"[{ranker.__name__}] Iteration 1, loss = " in shown
    first, loss = model.n_iter_, model.loss_curve_[-1]
    expected = scores_of(model, data[0])
    model.set_params(verbose=0).fit(*data, **qid)
    # A fit that begins at the solution has nothing to do.
    assert model.n_iter_ < first
    assert model.loss_curve_[0] == pytest.approx(loss, rel=1e-9)
    np.testing.assert_allclose(scores_of(model, data[0]), expected, atol=1e-2)
    with pytest.raises(ValueError, match="warm_start=True goes on from a fit with the"):
        model.fit(data[0][:, :2], data[1], **qid)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("ranker", [SoftLabelRanker, SoftNDCGRanker])
def test_networks_go_on_too(ranker):
    data, qid = data_of(ranker)
    params = {"hidden_layer_sizes": (5, 3), "random_state": 0, "warm_start": True}
    X = data[0] * [1.0, 1e3, 1e-3, 7.0] + [0.0, 5.0, 0.0, 1.0]
    model = ranker(max_iter=20, tol=0.0, alpha=1.0, **params)
    model.fit(X, data[1], **qid)
    loss = min(model.loss_curve_)
    model.fit(X, data[1], **qid)
    assert model.loss_curve_[0] == pytest.approx(loss, rel=1e-6)


def test_alpha_counts_against_each_query():
    (X, y), qid = data_of(SoftNDCGRanker)
    X = X * [1.0, 100.0, 0.01, 1.0] + 3.0
    alpha, query = 2.5, np.unique(qid["qid"], return_inverse=True)[1]
    n_queries = query.max() + 1
    within = X - np.array([X[query == q].mean(axis=0) for q in range(n_queries)])[query]
    within /= np.sqrt((within**2).mean(axis=0))

    # The first fit: ListNet, and half of alpha times the squares.
    def objective(coef):
        value, slope = listnet_loss(within @ coef, y, groups=query)
        value = n_queries * value + 0.5 * alpha * coef @ coef
        return value, n_queries * within.T @ slope + alpha * coef

    coef = minimize(objective, np.zeros(4), jac=True, tol=1e-12).x
    ranker = SoftNDCGRanker(alpha=alpha, tol=1e-9).fit(X, y, **qid)
    assert ranker.alpha_ == alpha
    scores = within @ coef
    strength = 0.3 * np.sqrt((scores**2).mean())
    assert ranker.regularization_strength_ == pytest.approx(strength, rel=1e-5)
    value, _ = soft_ndcg_loss(scores, y, groups=query, regularization_strength=strength)
    assert ranker.loss_curve_[0] == pytest.approx(value, rel=1e-5)
    assert ranker.loss_curve_[-1] < value
    # The second fit is held at the first: the scores change by less than half.
    found = X @ ranker.coef_
    found -= (np.bincount(query, weights=found) / np.bincount(query))[query]
    assert np.std(found - scores) < 0.5 * np.std(scores)


def test_penalty_of_queries_is_that_of_generalised_cross_validation():
    # The quadratic approximation of ListNet at equal scores, solved for each penalty.
    (X, y), qid = data_of(SoftNDCGRanker)
    query = np.unique(qid["qid"], return_inverse=True)[1]
    lengths = np.bincount(query)
    within = (
        X - np.array([X[query == q].mean(axis=0) for q in range(len(lengths))])[query]
    )
    within /= np.sqrt((within**2).mean(axis=0))
    share = np.exp(y)
    target = lengths[query] * share / np.bincount(query, weights=share)[query] - 1.0
    root = 1.0 / np.sqrt(lengths[query])
    Z, t = root[:, np.newaxis] * within, root * target
    penalties = PENALTIES * np.linalg.eigvalsh(Z.T @ Z).mean()
    errors = []
    for penalty in penalties:
        hat = Z @ np.linalg.solve(Z.T @ Z + penalty * np.eye(4), Z.T)
        residual = ((t - hat @ t) ** 2).sum()
        errors.append(residual / (len(y) - len(lengths) - np.trace(hat)) ** 2)
    largest = np.flatnonzero(errors <= (1.0 + AS_GOOD) * np.min(errors))[-1]
    expected = np.sqrt(penalties[np.argmin(errors)] * penalties[largest])
    ranker = SoftNDCGRanker().fit(X, y, **qid)
    assert ranker.alpha_ == pytest.approx(expected, rel=1e-6)
    # Repetitions of all queries are more of the same evidence, other weights are not.
    for weight, factor in ((1.0 / 7.0, 1.0 / 7.0), (0.5, 0.5)):
        ranker.fit(X, y, sample_weight=np.full(len(y), weight), **qid)
        assert ranker.alpha_ == pytest.approx(expected * factor, rel=1e-6)


def waiting_rooms(seed, n_rooms=60, level=0.0):
    """Return rooms of eight; the features are correlated, and differ between rooms."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(8 * n_rooms, 8))
    X += 2.0 * rng.normal(size=(len(X), 1))
    quality = X[:, 0] - X[:, 1] + 0.5 * X[:, 2] + rng.normal(size=len(X))
    room = np.arange(len(X)) // 8
    X += level * rng.normal(size=(n_rooms, 8))[room]
    return X, np.digitize(quality, np.quantile(quality, [0.4, 0.7, 0.9])), room


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_small_sets_are_ranked_as_well_as_by_centred_ridge(level):
    gains = []
    for seed in range(6):
        X, y, room = waiting_rooms(seed, 160, level)
        train, test = room < 60, room >= 60
        within = X[train].reshape(60, 8, 8)
        within = (within - within.mean(axis=1, keepdims=True)).reshape(-1, 8)
        target = 2.0 ** y[train].reshape(60, 8)
        target = (target - target.mean(axis=1, keepdims=True)).ravel()
        ridge = RidgeCV(np.logspace(-3, 4, 15), fit_intercept=False)
        ridge.fit(within, target)
        ranker = SoftNDCGRanker().fit(X[train], y[train], qid=room[train])
        params = {"qid": room[test], "gain": "exp2", "zero_division": 1.0}
        scores = [
            ndcg_score(y[test], model.predict(X[test]), **params)
            for model in (ranker, ridge)
        ]
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > -0.005


def test_levels_of_queries_do_not_matter_to_linear_scores():
    X, y, room = waiting_rooms(0)
    shifted = X + np.random.default_rng(1).normal(scale=30.0, size=(60, 8))[room]
    rankers = [SoftNDCGRanker(tol=1e-9).fit(Z, y, qid=room) for Z in (X, shifted)]
    assert rankers[1].alpha_ == pytest.approx(rankers[0].alpha_)
    np.testing.assert_allclose(rankers[1].coef_, rankers[0].coef_, rtol=1e-4)


def test_the_penalty_of_queries_follows_the_noise():
    X, y, room = waiting_rooms(0)
    noise = np.random.default_rng(2).permutation(y)
    penalties = [SoftNDCGRanker().fit(X, z, qid=room).alpha_ for z in (y, noise)]
    assert penalties[0] < 0.1 * penalties[1]


@pytest.mark.parametrize("hidden", [(), (3,)])
def test_features_that_are_constant_in_queries(hidden):
    _, y, room = waiting_rooms(0)
    X = np.random.default_rng(1).normal(size=(60, 2))[room]
    ranker = SoftNDCGRanker(hidden_layer_sizes=hidden, random_state=0)
    ranker.fit(X, y, qid=room)
    assert np.isfinite(ranker.predict(X)).all()
    np.testing.assert_allclose(ranker.coef_, 0.0, atol=1e-12)


def test_strengths_of_ranks_are_divided_by_the_length_of_queries():
    (X, y), qid = data_of(SoftNDCGRanker)
    params = {"regularization_strength": 0.7}
    logistic = SoftNDCGRanker(**params).fit(X, y, **qid)
    permutahedron = SoftNDCGRanker(method="permutahedron", **params).fit(X, y, **qid)
    assert permutahedron.regularization_strength_ == pytest.approx(
        logistic.regularization_strength_ / 9.0
    )
    # In units of the deviation within queries: twice the strength is twice as much.
    twice = SoftNDCGRanker(regularization_strength=1.4).fit(X, y, **qid)
    assert twice.regularization_strength_ == pytest.approx(
        2.0 * logistic.regularization_strength_
    )


def test_lengths_of_queries_count_as_often_as_these():
    rng = np.random.default_rng(0)
    X, lengths = rng.normal(size=(12, 2)), np.array([2, 4, 6])
    y, qid = np.arange(12) % 3, np.repeat([0, 1, 2], lengths)
    rows = np.r_[:12, 6:12]
    repeated = SoftNDCGRanker(method="permutahedron").fit(
        X[rows], y[rows], qid=np.repeat([0, 1, 2, 3], [2, 4, 6, 6])
    )
    weighted = SoftNDCGRanker(method="permutahedron").fit(
        X, y, qid=qid, sample_weight=np.repeat([1.0, 1.0, 2.0], lengths)
    )
    assert weighted.regularization_strength_ == pytest.approx(
        repeated.regularization_strength_, rel=1e-4
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-3)


def test_the_second_fit_is_held_at_the_first_in_units_of_its_scores(monkeypatch):
    (X, y), qid = data_of(SoftNDCGRanker)
    first_fit = SoftNDCGRanker._first_fit

    def coef(factor):
        monkeypatch.setattr(
            SoftNDCGRanker, "_first_fit", lambda *args: factor * first_fit(*args)
        )
        return SoftNDCGRanker(tol=1e-9).fit(X, y, **qid).coef_

    # Larger scores of the same order are moved by as large a share.
    np.testing.assert_allclose(coef(8.0), 8.0 * coef(1.0), rtol=1e-4)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.1, 1.0, np.inf])
def test_two_classes_are_logistic_regression(fit_intercept, C):
    X, y = load_breast_cancer(return_X_y=True)
    X = ((X - X.mean(axis=0)) / X.std(axis=0))[::3, :4] + 0.5
    y = np.array(["no", "yes"])[y[::3]]
    classifier = TopKLogisticRegression(C=C, tol=1e-9, fit_intercept=fit_intercept)
    classifier.fit(X, y)
    reference = LogisticRegression(
        C=C, tol=1e-10, max_iter=10_000, fit_intercept=fit_intercept
    ).fit(X, y)
    assert classifier.coef_.shape == reference.coef_.shape == (1, 4)
    assert classifier.intercept_.shape == (1,)
    np.testing.assert_allclose(classifier.coef_, reference.coef_, rtol=1e-4)
    np.testing.assert_allclose(
        classifier.decision_function(X), reference.decision_function(X), atol=1e-3
    )
    np.testing.assert_allclose(
        classifier.predict_log_proba(X), reference.predict_log_proba(X), atol=1e-3
    )
    assert (classifier.predict(X) == reference.predict(X)).all()
    # A loss at the first place changes the fit, and keeps the shapes.
    for loss in ("ranking", "cross_entropy", "svm"):
        first = TopKLogisticRegression(k=1, loss=loss, C=1.0).fit(X, y)
        assert first.coef_.shape == (1, 4)
        assert first.score(X, y) > 0.85
        assert log_loss(y, first.predict_proba(X)) < 0.5


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}])
def test_class_weights_are_those_of_logistic_regression(class_weight):
    X, y = load_iris(return_X_y=True)
    X, y = X[20:], y[20:]
    params = {"class_weight": class_weight, "C": 0.5}
    times = np.random.default_rng(0).integers(1, 3, size=len(y))
    classifier = TopKLogisticRegression(mix=1.0, tol=1e-9, **params)
    reference = LogisticRegression(tol=1e-10, max_iter=10_000, **params)
    classifier.fit(X, y, np.ones(len(y)))
    reference.fit(X, y)
    np.testing.assert_allclose(classifier.coef_, reference.coef_, atol=1e-4)
    classifier.fit(X, y, times)
    repeated = TopKLogisticRegression(mix=1.0, tol=1e-9, **params)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(classifier.coef_, repeated.coef_, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("factor", [1e-250, 1e-200, 1e-20, 1e20, 1e160, 1e250])
@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("ranker", [SoftLabelRanker, SoftNDCGRanker])
def test_any_unit_of_the_features(ranker, factor, hidden):
    data, qid = data_of(ranker)
    params = {"hidden_layer_sizes": hidden, "random_state": 0, "tol": 1e-3}
    expected = ranker(**params).fit(*data, **qid)
    # A power of two, so that hidden layers begin with the same rounding.
    factor = 2.0 ** np.round(np.log2(factor))
    scaled = ranker(**params).fit(factor * data[0], data[1], **qid)
    np.testing.assert_allclose(
        scores_of(scaled, factor * data[0]),
        scores_of(expected, data[0]),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("factor", [1e-250, 1e160, 1e250])
def test_any_unit_for_fixed_penalties(factor):
    (X, y), _ = data_of(TopKLogisticRegression)
    classifier = TopKLogisticRegression(k=2, C=1.0).fit(factor * X, y)
    probability = classifier.predict_proba(factor * X)
    assert np.isfinite(probability).all()
    if factor < 1.0:
        # As for logistic regression: the penalty leaves no slope.
        share = np.bincount(y) / len(y)
        np.testing.assert_allclose(probability[0], share, atol=0.2)
        assert np.ptp(probability, axis=0).max() < 1e-9
    else:
        # No penalty is left.
        assert classifier.score(factor * X, y) > 0.5
    (X, y), _ = data_of(SoftLabelRanker)
    ranker = SoftLabelRanker(alpha=1.0).fit(factor * X, y)
    assert np.isfinite(ranker.decision_function(factor * X)).all()
    if factor > 1.0:
        free = SoftLabelRanker(alpha=0.0).fit(X, y)
        np.testing.assert_allclose(ranker.coef_ * factor, free.coef_, rtol=1e-2)


@pytest.mark.parametrize("constants", [0, 5])
@pytest.mark.parametrize("factor", [1.0, 1e4])
def test_layers_are_penalised_as_coefficients_of_standardised_features(
    constants, factor
):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(50, 4))
    X = factor * (X - X.mean(axis=0)) / X.std(axis=0)
    design = Design(np.c_[X, np.full((50, constants), 0.1)], np.ones(50), True)
    scorer = Scorer(design, 2, (3,), design.in_units(7.0 * factor**2))
    objective = scorer.objective(lambda scores: (0.0, np.zeros(scores.shape)), 2.0)
    params = np.zeros(scorer.model.size)
    scorer.model.unpack(params)[1][0, 0] = 3.0
    assert objective(params)[0] == pytest.approx(0.5 * 2.0 * 7.0 * 3.0**2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("hidden", [(), (6,)])
@pytest.mark.parametrize("ranker", RANKERS)
def test_constant_columns_have_no_say(ranker, hidden):
    data, qid = data_of(ranker)
    params = {} if ranker is TopKLogisticRegression else {"random_state": 0}
    if hidden and params:
        params["hidden_layer_sizes"] = hidden
    X = np.c_[data[0], np.full(len(data[0]), 0.1)]
    model = ranker(**params).fit(X, data[1], **qid)
    assert not np.atleast_2d(model.coef_)[:, 4].any()
    expected = scores_of(model, X)
    X[:, 4] = 0.11
    # Draws of hidden layers are of the size of their weights.
    np.testing.assert_allclose(scores_of(model, X), expected, atol=1.0)


@pytest.mark.parametrize("ranker", RANKERS)
def test_masked_arrays_are_refused(ranker):
    data, qid = data_of(ranker)
    X, y = data
    with pytest.raises(TypeError, match="X must be a plain array, got a masked array"):
        ranker().fit(np.ma.array(X), y, **qid)
    with pytest.raises(TypeError, match="y must be a plain array, got a masked array"):
        ranker().fit(X, np.ma.array(y), **qid)
    weight = np.ma.ones(len(X))
    with pytest.raises(TypeError, match="sample_weight must be a plain array"):
        ranker().fit(X, y, sample_weight=weight, **qid)
    model = ranker().fit(X, y, **qid)
    with pytest.raises(TypeError, match="X must be a plain array, got a masked array"):
        model.predict(np.ma.array(X))
    if qid:
        with pytest.raises(TypeError, match="qid must be a plain array"):
            ranker().fit(X, y, qid=np.ma.array(qid["qid"]))


@pytest.mark.parametrize("ranker", RANKERS)
def test_refused_and_interrupted_fits_leave_the_old_model_whole(ranker, monkeypatch):
    data, qid = data_of(ranker)
    model = ranker().fit(*data, **qid)
    old = dict(vars(model))
    expected = scores_of(model, data[0])
    wide = np.c_[data[0], data[0]]
    with pytest.raises(ValueError, match=r"(?i)weight"):
        model.fit(wide, data[1], sample_weight=np.zeros(len(wide)), **qid)
    with pytest.raises(ValueError, match="max_iter"):
        model.set_params(max_iter=0).fit(wide, data[1], **qid)
    model.set_params(max_iter=200)

    def interrupted(*args, **params):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sksoft.ranking._scorer.minimize", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(wide, data[1], **qid)
    assert vars(model).keys() == old.keys()
    np.testing.assert_array_equal(scores_of(model, data[0]), expected)


def test_sizes_of_groups_are_told_from_groups():
    (X, y), _ = data_of(SoftNDCGRanker)
    sizes = [40, 30, 20]
    advice = r"np\.repeat\(np\.arange\(len\(qid\)\), qid\)"
    with pytest.raises(ValueError, match=advice):
        SoftNDCGRanker().fit(X, y, qid=sizes)
    with pytest.raises(ValueError, match=advice):
        ndcg_score(y, X[:, 0], qid=np.array(sizes))
    with pytest.raises(ValueError, match=r"np\.repeat\(np\.arange\(len\(groups\)\)"):
        soft_spearman_loss(X[:, 0], y, groups=sizes)
    with pytest.raises(
        ValueError, match="at least two documents, or there is no order"
    ):
        SoftNDCGRanker().fit(X, y, qid=np.arange(len(y)))


@pytest.mark.parametrize("n_features", [6, 60])
def test_the_penalty_is_that_of_generalised_cross_validation(n_features):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, n_features)) + 5.0
    target = X[:, :3] @ rng.normal(size=(3, 4)) + rng.normal(size=(40, 4))
    Z = X - X.mean(axis=0)
    centred = target - target.mean(axis=0)
    gram = Z @ Z.T
    rank = min(n_features, 39)
    penalties = PENALTIES * np.trace(gram) / rank
    errors = []
    for penalty in penalties:
        hat = np.linalg.solve(gram + penalty * np.eye(40), gram)
        residual = ((centred - hat @ centred) ** 2).sum()
        errors.append(residual / (39.0 - np.trace(hat)) ** 2)
    best = np.argmin(errors)
    smallest = np.flatnonzero(errors <= (1.0 + AS_GOOD) * np.min(errors))[0]
    expected = np.sqrt(penalties[best] * penalties[smallest])
    for weight in (np.ones(40), np.full(40, 1.0 / 40)):
        _, alpha = Design(X, weight, True).penalty(target, "smallest")
        assert alpha == pytest.approx(expected * weight[0], rel=1e-6)
        _, alpha = Design(X, weight, True).penalty(target)
        assert alpha == pytest.approx(penalties[best] * weight[0], rel=1e-6)


def test_the_penalty_follows_the_noise():
    # A penalty of 1 loses to ridge regression where there is little but noise.
    rng = np.random.default_rng(2)
    X = rng.normal(size=(150, 20))
    signal = X[:, :4] @ rng.normal(size=(4, 6))
    noise = rng.normal(size=signal.shape)
    clean, noisy = (rankdata(signal + s * noise, axis=1) for s in (0.1, 20.0))
    penalties = [SoftLabelRanker().fit(X, y).alpha_ for y in (clean, noisy)]
    assert penalties[0] < 10.0 < 100.0 < penalties[1]
    assert SoftLabelRanker(alpha=3).fit(X, clean).alpha_ == 3.0


def test_label_ranking_beats_ridge_regression_on_ranks():
    X, y = make_label_ranking(*load_iris(return_X_y=True))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    ranker = SoftLabelRanker().fit(X[::2], y[::2])
    ridge = RidgeCV(np.logspace(-3, 3, 13)).fit(X[::2], y[::2])
    ranks = rankdata(ridge.predict(X[1::2]), axis=1)
    hard = {"regularization_strength": 0.0}
    losses = [soft_spearman_loss(-r, -y[1::2], **hard)[0] for r in (ranks,)]
    assert 1.0 - ranker.score(X[1::2], y[1::2]) < losses[0] - 0.01


@pytest.mark.parametrize("ranker", RANKERS)
def test_callbacks_get_the_rows_and_weights_of_the_fit(ranker):
    pytest.importorskip("sklearn.callback")
    seen = []

    class Watcher:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, y, metadata):
            seen.append((X, y, metadata))
            return False

        def teardown(self, estimator, context):
            pass

    (X, y), qid = data_of(ranker)
    weight = np.where(np.arange(len(X)) < 18, 0.0, 1.5)
    ranker().set_callbacks(Watcher()).fit(X, y, sample_weight=weight, **qid)
    rows, target, metadata = seen[0]
    np.testing.assert_array_equal(rows, X[18:])
    np.testing.assert_array_equal(target, y[18:])
    np.testing.assert_array_equal(metadata["sample_weight"], weight[18:])
    assert metadata.keys() == {"sample_weight", *qid}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_strengths_of_the_fit_are_told():
    (X, y), _ = data_of(TopKLogisticRegression)
    for loss, expected in (("ranking", 0.6 / 3.0), ("svm", 0.6)):
        params = {"loss": loss, "regularization_strength": 0.6, "k": 2}
        classifier = TopKLogisticRegression(**params).fit(X, y)
        assert classifier.regularization_strength_ == pytest.approx(expected)


def test_ranks_of_one_label_each_have_no_score():
    (X, y), _ = data_of(SoftLabelRanker)
    ranker = SoftLabelRanker().fit(X, y)
    alone = np.where(np.arange(3) == 0, 1.0, np.nan) * np.ones((len(y), 1))
    with pytest.raises(ValueError, match="y must rank two labels of a sample, got at"):
        ranker.score(X, alone)
    # Two of three have an order: the sign of it.
    pair = np.where(np.arange(3) == 2, np.nan, y)
    pair[:, :2] = np.where(pair[:, :1] < pair[:, 1:2], [1.0, 2.0], [2.0, 1.0])
    found = ranker.predict(X)
    agree = (found[:, 0] < found[:, 1]) == (pair[:, 0] < pair[:, 1])
    assert ranker.score(X, pair) == pytest.approx(2.0 * agree.mean() - 1.0)
