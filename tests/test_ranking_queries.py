# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning to rank: queries in any order, metadata routing, conventions."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksoft.metrics import ndcg_score
from sksoft.ranking import SoftNDCGRanker

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def problem(n_queries=30, seed=0):
    """Return features, grades and query names, of queries of 2 to 12 documents."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 13, size=n_queries)
    qid = np.repeat([f"query {i}" for i in range(n_queries)], lengths)
    X = rng.normal(size=(len(qid), 4)) * [1.0, 10.0, 0.1, 1.0]
    # What is relevant depends on the query as well.
    level = np.repeat(rng.normal(size=n_queries), lengths)
    quality = X @ [1.0, 0.05, 3.0, 0.0] + level + 0.3 * rng.normal(size=len(qid))
    return X, np.digitize(quality, [-0.5, 0.5, 1.5]), qid


class OneQueryInSeven(SoftNDCGRanker):
    """A ranker that the conventions' checks can fit: they know of no queries."""

    def fit(self, X, y):
        return super().fit(X, grades(y), qid=queries(X))

    def score(self, X, y):
        return super().score(X, grades(y), qid=queries(X))


def grades(y):
    """Turn numbers into grades 0 to 3."""
    if np.asarray(y).dtype.kind not in "fi" or not np.isfinite(y).all():
        return y
    return np.abs(y) % 4


def queries(X):
    return np.arange(len(X)) // 7


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("method", ["logistic", "permutahedron"])
@pytest.mark.parametrize("k", [None, 3])
def test_learns(method, k):
    X, y, qid = problem(80)
    train = np.isin(qid, np.unique(qid)[:60])
    ranker = SoftNDCGRanker(k=k, method=method).fit(X[train], y[train], qid=qid[train])
    assert ranker.loss_curve_[-1] < ranker.loss_curve_[0]
    score = ranker.score(X[~train], y[~train], qid=qid[~train])
    assert score > 0.9
    assert score == ndcg_score(
        y[~train], ranker.predict(X[~train]), qid=qid[~train], k=k, gain="exp2"
    )
    assert ranker.coef_.shape == (4,)


def test_order_and_names_of_queries_do_not_matter():
    X, y, qid = problem()
    names = {name: (len(name), name) for name in np.unique(qid).tolist()}
    order = np.random.default_rng(1).permutation(len(y))
    sorted_fit = SoftNDCGRanker(tol=1e-8).fit(X, y, qid=qid)
    shuffled = SoftNDCGRanker(tol=1e-8).fit(
        X[order], y[order], qid=[names[name] for name in qid[order]]
    )
    np.testing.assert_allclose(shuffled.coef_, sorted_fit.coef_, rtol=1e-4)
    assert shuffled.score(X[order], y[order], qid=qid[order]) == pytest.approx(
        sorted_fit.score(X, y, qid=qid)
    )


def test_features_may_be_rescaled_and_weights_repeat_queries():
    X, y, qid = problem(20)
    ranker = SoftNDCGRanker(tol=1e-8).fit(X, y, qid=qid)
    factor = np.array([1e3, 1e-3, 7.0, 1.0])
    rescaled = SoftNDCGRanker(tol=1e-8).fit(X * factor, y, qid=qid)
    np.testing.assert_allclose(
        rescaled.predict(X * factor), ranker.predict(X), rtol=1e-3
    )
    names = np.unique(qid)
    times = dict(zip(names, np.arange(len(names)) % 3, strict=True))
    weight = np.array([times[name] for name in qid])
    weighted = SoftNDCGRanker(tol=1e-8).fit(X, y, qid=qid, sample_weight=weight)
    copies = [np.flatnonzero(weight > i) for i in range(2)]
    rows = np.concatenate(copies)
    repeated_qid = [(name, i) for i in range(2) for name in qid[copies[i]]]
    repeated = SoftNDCGRanker(tol=1e-8).fit(X[rows], y[rows], qid=repeated_qid)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-3)


def test_network():
    X, y, qid = problem()
    params = {"hidden_layer_sizes": (5, 3), "random_state": 0, "tol": 0.01}
    ranker = SoftNDCGRanker(**params).fit(X, y, qid=qid)
    assert len(ranker.hidden_coefs_) == 3
    assert ranker.score(X, y, qid=qid) > 0.93
    # The curve ends at the loss of the fitted scores.
    from sksoft.losses import soft_ndcg_loss

    value, _ = soft_ndcg_loss(
        ranker.predict(X),
        y,
        groups=qid,
        regularization_strength=ranker.regularization_strength_,
    )
    assert value <= min(ranker.loss_curve_) + 1e-12
    again = pickle.loads(pickle.dumps(ranker))
    np.testing.assert_array_equal(again.predict(X), ranker.predict(X))


@pytest.mark.usefixtures("routing")
def test_cross_validation_with_one_array_of_queries():
    X, y, qid = problem()
    cv = GroupKFold(3).set_split_request(groups="qid")
    scores = cross_validate(SoftNDCGRanker(), X, y, cv=cv, params={"qid": qid})
    assert (scores["test_score"] > 0.85).all()
    scores = cross_val_score(
        SoftNDCGRanker(),
        X,
        y,
        cv=cv,
        params={"qid": qid},
        scoring=make_scorer(
            ndcg_score, k=3, gain="exp2", zero_division=1.0
        ).set_score_request(qid=True),
    )
    assert (scores > 0.8).all()


@pytest.mark.skipif(
    SKLEARN < (1, 8), reason="scikit-learn < 1.8 does not route to a pipeline's score"
)
@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_of_a_pipeline_with_one_array_of_queries(n_jobs):
    X, y, qid = problem()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SoftNDCGRanker()),
        {"softndcgranker__alpha": [1.0, 1e6]},
        cv=GroupKFold(3).set_split_request(groups="qid"),
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(X, y, qid=qid)
    assert search.best_score_ > 0.85
    assert search.best_estimator_.score(X, y, qid=qid) > 0.85


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_queries_needs_no_routing(library):
    frames = pytest.importorskip(library)
    X, y, qid = problem()
    frame = frames.DataFrame({**{f"x{i}": X[:, i] for i in range(4)}, "qid": qid})
    ranker = SoftNDCGRanker().fit(frame, y)
    assert ranker.n_features_in_ == 4
    if library == "pandas" or SKLEARN >= (1, 9):
        assert ranker.feature_names_in_.tolist() == ["x0", "x1", "x2", "x3"]
    expected = SoftNDCGRanker().fit(X, y, qid=qid)
    np.testing.assert_allclose(ranker.coef_, expected.coef_)
    assert ranker.score(frame, y) == pytest.approx(expected.score(X, y, qid=qid))
    if library == "pandas":
        scores = cross_val_score(
            SoftNDCGRanker(),
            frame,
            y,
            cv=GroupKFold(3),
            groups=qid,
            error_score="raise",
        )
        assert (scores > 0.85).all()


def test_missing_queries_are_an_error_that_names_the_setting():
    X, y, qid = problem()
    match = r"enable_metadata_routing=True"
    with pytest.raises(ValueError, match=match):
        SoftNDCGRanker().fit(X, y)
    ranker = SoftNDCGRanker().fit(X, y, qid=qid)
    with pytest.raises(ValueError, match=match):
        ranker.score(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(ValueError, match="qid must be given") as error:
            ranker.score(X, y)
        assert "set_config" not in str(error.value)


def test_constant_and_irrelevant_queries():
    X, y, qid = problem(10)
    X[:, 2] = 5.0
    y[qid == "query 0"] = 0
    y[qid == "query 1"] = 2
    ranker = SoftNDCGRanker().fit(X, y, qid=qid)
    assert np.isfinite(ranker.coef_).all()
    nothing = SoftNDCGRanker().fit(X, np.zeros(len(y)), qid=qid)
    assert not nothing.coef_.any()
    assert nothing.score(X, np.zeros(len(y)), qid=qid) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": 2.0}, TypeError, "k must be an integer or None"),
        ({"gain": "cubic"}, ValueError, "gain must be one of"),
        ({"method": "sinkhorn"}, ValueError, "method must be one of"),
        ({"regularization_strength": 0.0}, ValueError, "strength must be > 0"),
        ({"alpha": -1.0}, ValueError, "alpha must be a finite number >= 0, got -1.0"),
    ],
)
def test_errors_of_parameters(params, error, message):
    X, y, qid = problem(5)
    with pytest.raises(error, match=message):
        SoftNDCGRanker(**params).fit(X, y, qid=qid)


def test_errors_of_data():
    X, y, qid = problem(5)
    ranker = SoftNDCGRanker()
    with pytest.raises(ValueError, match=r"^y must be >= 0 everywhere, got"):
        ranker.fit(X, y - 1, qid=qid)
    assert not hasattr(ranker, "regularization_strength_")
    with pytest.raises(ValueError, match=r"^y must be at most 996"):
        SoftNDCGRanker().fit(X, 1000 * y, qid=qid)
    with pytest.raises(ValueError, match="qid must have the length of X"):
        SoftNDCGRanker().fit(X, y, qid=qid[:-1])
    weight = np.arange(1.0, len(y) + 1.0)
    with pytest.raises(ValueError, match="qid must name a query of at least two"):
        # Weights of zero leave one document.
        SoftNDCGRanker().fit(X[:3], y[:3], qid=[0, 0, 1], sample_weight=[0, 0, 1])
    with pytest.raises(ValueError, match="sample_weight must be equal within a group"):
        SoftNDCGRanker().fit(X, y, qid=qid, sample_weight=weight)


def test_pandas_series_of_queries():
    X, y, qid = problem(10)
    series = pd.Series(qid, index=np.arange(len(qid))[::-1])
    expected = SoftNDCGRanker().fit(X, y, qid=qid)
    np.testing.assert_allclose(
        SoftNDCGRanker().fit(X, y, qid=series).coef_, expected.coef_
    )


@parametrize_with_checks([OneQueryInSeven(), OneQueryInSeven(method="permutahedron")])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("as_given", "message"),
    [
        (lambda qid: pd.DataFrame({"query": qid}), "one dimension, got 2 in a DataFr"),
        (lambda qid: [[name] for name in qid], "qid must hold hashable values"),
        (lambda qid: pd.Series([None, *qid[1:]], dtype="string"), "qid must not be mi"),
    ],
)
def test_queries_that_are_none(as_given, message):
    X, y, qid = problem(5)
    with pytest.raises((TypeError, ValueError), match=message):
        SoftNDCGRanker().fit(X, y, qid=as_given(qid))


def test_score_takes_the_targets_that_fit_takes():
    X, y, qid = problem(10)
    expected = SoftNDCGRanker().fit(X, y, qid=qid).score(X, y, qid=qid)
    numbers = y.astype(object)
    ranker = SoftNDCGRanker().fit(X, numbers, qid=qid)
    assert ranker.score(X, numbers, qid=qid) == pytest.approx(expected)
