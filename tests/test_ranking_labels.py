# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Label ranking: the estimator, orders and ranks, the data set."""

import pickle

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksoft.datasets import make_label_ranking
from sksoft.metrics import kendall_tau_scorer, spearman_score
from sksoft.ranking import SoftLabelRanker, order_from_ranks, ranks_from_order
from sksoft.ranking._label_ranker import _centred_scores


def problem(n_samples=200, n_labels=4, seed=0):
    """Return features, and ranks of places by their distance to some of these."""
    rng = np.random.default_rng(seed)
    X = 3.0 * rng.normal(size=(n_samples, 5))
    places = rng.normal(size=(n_labels, 2))
    distance = np.linalg.norm(X[:, np.newaxis, :2] - places, axis=2)
    return X, rankdata(distance + 0.05 * rng.normal(size=distance.shape), axis=1)


@parametrize_with_checks(
    [
        SoftLabelRanker(loss="fenchel_young"),
        SoftLabelRanker(hidden_layer_sizes=(4,)),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("loss", ["spearman", "fenchel_young"])
def test_better_than_ridge_where_ranks_saturate(loss):
    X, y = problem(1000)
    ranker = SoftLabelRanker(loss=loss).fit(X[:300], y[:300])
    assert ranker.loss_curve_[-1] < ranker.loss_curve_[0]
    assert ranker.coef_.shape == (4, 5)
    assert ranker.intercept_.shape == (4,)
    ridge = Ridge().fit(X[:300], y[:300])
    best = spearman_score(y[300:], ridge.predict(X[300:]))
    assert ranker.score(X[300:], y[300:]) > best + 0.005


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_begins_as_ridge_on_ranks(fit_intercept):
    X, y = problem(60)
    alpha = 1e4
    # Where the penalty is strong, all scores lie inside the permutahedron and the
    # ridge solution is the minimum.
    y_used = y if fit_intercept else y - 2.5
    ridge = Ridge(alpha=alpha, fit_intercept=fit_intercept).fit(X, y_used)
    ranker = SoftLabelRanker(alpha=alpha, fit_intercept=fit_intercept, tol=1e-10)
    ranker.fit(X, y)
    np.testing.assert_allclose(ranker.coef_, -ridge.coef_, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("n_features", [3, 40])
def test_weights_are_repetitions(n_features):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(25, n_features))
    y = rankdata(rng.normal(size=(25, 4)) + X[:, :1] * [3, 1, -1, -3], axis=1)
    times = rng.integers(0, 3, size=25)
    params = {"tol": 1e-9, "loss": "fenchel_young", "alpha": 1.0}
    weighted = SoftLabelRanker(**params).fit(X, y, times)
    copies = np.repeat(X, times, axis=0), np.repeat(y, times, axis=0)
    repeated = SoftLabelRanker(**params).fit(*copies)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-4, atol=1e-6)
    assert weighted.score(X, y, times) == pytest.approx(
        weighted.score(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    )
    chosen = SoftLabelRanker().fit(X, y, times).alpha_
    assert chosen == pytest.approx(SoftLabelRanker().fit(*copies).alpha_, rel=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gradient_of_the_objective(monkeypatch):
    seen = {}

    def spy(objective, start, **params):
        seen["objective"], seen["start"] = objective, start
        return original(objective, start, **params)

    from sksoft.ranking import _scorer

    original = _scorer.minimize
    monkeypatch.setattr(_scorer, "minimize", spy)
    X, y = problem(20)
    y[3, 1] = np.nan
    SoftLabelRanker(hidden_layer_sizes=(3, 2), random_state=0, alpha=0.5).fit(X, y)
    objective = seen["objective"]
    point = np.random.default_rng(2).normal(size=seen["start"].shape)
    _, gradient = objective(point)
    for i in range(0, len(point), 3):
        step = np.zeros(len(point))
        step[i] = 1e-6
        slope = (objective(point + step)[0] - objective(point - step)[0]) / 2e-6
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_network_does_not_collapse_and_reproduces_its_scores():
    X, y = make_label_ranking(*load_iris(return_X_y=True))
    model = make_pipeline(
        StandardScaler(),
        SoftLabelRanker(
            hidden_layer_sizes=(20,), alpha=0.1, max_iter=300, random_state=0
        ),
    )
    cv = KFold(5, shuffle=True, random_state=0)
    assert cross_val_score(model, X, y, cv=cv).mean() > 0.97


@pytest.mark.parametrize("loss", ["spearman", "fenchel_young"])
def test_incomplete_rankings(loss):
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    X, complete = make_label_ranking(X, y)
    X, incomplete = make_label_ranking(X, y, missing=0.3, random_state=0)
    assert 0.2 < np.isnan(incomplete).mean() < 0.4
    ranker = SoftLabelRanker(loss=loss).fit(X, incomplete)
    assert ranker.score(X, complete) > 0.9
    assert ranker.score(X, incomplete) > 0.9


def test_ties_in_any_convention():
    X, y = problem(50)
    y[:, 1] = y[:, 0]
    fits = [
        SoftLabelRanker().fit(X, rankdata(y, method=method, axis=1)).coef_
        for method in ("average", "min", "dense")
    ]
    np.testing.assert_allclose(fits[1], fits[0], rtol=1e-12)
    np.testing.assert_allclose(fits[2], fits[0], rtol=1e-12)


def test_predictions_agree_with_each_other():
    X, y = problem()
    ranker = SoftLabelRanker().fit(X, y)
    scores = ranker.decision_function(X)
    np.testing.assert_array_equal(ranker.predict(X), rankdata(-scores, axis=1))
    np.testing.assert_array_equal(
        ranker.predict_order(X), order_from_ranks(ranker.predict(X))
    )
    again = pickle.loads(pickle.dumps(ranker))
    np.testing.assert_array_equal(again.predict(X), ranker.predict(X))


def test_in_a_grid_search():
    X, y = problem(100)
    pipeline = make_pipeline(StandardScaler(), SoftLabelRanker())
    search = GridSearchCV(
        pipeline, {"softlabelranker__alpha": [0.1, 10.0, 1e6]}, n_jobs=2, cv=3
    ).fit(X, y)
    assert search.best_params_["softlabelranker__alpha"] < 1e6
    assert search.best_score_ > 0.7
    scores = cross_val_score(clone(pipeline), X, y, scoring=kendall_tau_scorer, cv=3)
    assert (scores > 0.6).all()


def test_orders_and_ranks():
    rng = np.random.default_rng(3)
    order = rng.permuted(np.tile(np.arange(5), (2, 3, 1)), axis=-1)
    ranks = ranks_from_order(order)
    np.testing.assert_array_equal(order_from_ranks(ranks), order)
    assert ranks_from_order([2, 0, 1]).tolist() == [2, 3, 1]
    with pytest.raises(ValueError, match="order must hold each label from 0 to 2 once"):
        ranks_from_order([1, 2, 3])
    with pytest.raises(ValueError, match="ranks must not be missing"):
        order_from_ranks([1.0, np.nan])


def test_an_order_passed_for_ranks_is_caught():
    X, y = problem(10)
    with pytest.raises(ValueError, match="convert it by ranks_from_order"):
        SoftLabelRanker().fit(X, order_from_ranks(y))
    ranker = SoftLabelRanker().fit(X, y)
    with pytest.raises(ValueError, match="convert it by ranks_from_order"):
        ranker.score(X, order_from_ranks(y))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of 'spearman', 'fenchel_young'"),
        ({"alpha": -1.0}, "alpha must be a finite number >= 0, got -1.0"),
        ({"regularization_strength": -1.0}, "regularization_strength must be"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must hold positive"),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes must hold positive"),
        ({"alpha": np.nan}, "alpha must be a finite number >= 0, got nan"),
        ({"max_iter": 0}, "max_iter must be an integer >= 1, got 0"),
        ({"tol": -1.0}, "tol must be a finite number >= 0, got -1.0"),
    ],
)
def test_errors_of_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        SoftLabelRanker(**params).fit(*problem(10))


def test_errors_of_weights():
    X, y = problem(10)
    with pytest.raises(ValueError, match=r"(?i)sample.weight.* non-zero"):
        SoftLabelRanker().fit(X, y, np.zeros(10))


def test_warns_if_the_iterations_do_not_suffice():
    with pytest.warns(ConvergenceWarning, match="Increase max_iter"):
        SoftLabelRanker(max_iter=1, tol=1e-9).fit(*problem())


def test_memory_layout_does_not_change_the_fit():
    X, y = problem()
    params = {"hidden_layer_sizes": (4,), "random_state": 0}
    expected = SoftLabelRanker(**params).fit(np.ascontiguousarray(X), y)
    for same in (np.asfortranarray(X), X[::-1, ::-1].copy()[::-1, ::-1]):
        found = SoftLabelRanker(**params).fit(same, y)
        np.testing.assert_array_equal(found.coef_, expected.coef_)


@pytest.mark.parametrize("convert", [ranks_from_order, order_from_ranks])
def test_a_number_is_neither_an_order_nor_ranks(convert):
    with pytest.raises(ValueError, match="must have at least one dimension, got 5"):
        convert(5)


def test_ranks_that_are_all_missing_are_refused():
    X, y = problem(20)
    with pytest.raises(ValueError, match="y must rank a label, got NaN only"):
        SoftLabelRanker().fit(X, np.full(y.shape, np.nan))
    missing = np.where(np.arange(20)[:, np.newaxis] < 10, np.nan, y)
    with pytest.raises(ValueError, match="y must rank a label, got NaN only"):
        SoftLabelRanker().fit(X, missing, sample_weight=np.arange(20) < 10)
    assert np.isfinite(SoftLabelRanker().fit(X, missing).coef_).all()


@pytest.mark.parametrize("convert", [ranks_from_order, order_from_ranks])
def test_masked_orders_are_refused(convert):
    with pytest.raises(TypeError, match="must be a plain array, got a masked array"):
        convert(np.ma.array([0, 1, 2]))


def test_fits_begin_at_scores_as_wide_as_if_all_labels_were_ranked():
    y = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 2.0], [np.nan, 1.0, np.nan]])
    # The expected place among three of the first of two is 4 / 3.
    scores = [[1.0, 0.0, -1.0], [2 / 3, 0.0, -2 / 3], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(_centred_scores(y), scores, atol=1e-12)
