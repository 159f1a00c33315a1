# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""RankObjective in LightGBM and XGBoost: make test-boosting."""

import pickle

import lightgbm
import numpy as np
import pytest
import xgboost
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sksoft.boosting import RankObjective
from sksoft.metrics import ndcg_score

N_QUERIES = 60
rng = np.random.default_rng(3)
SIZES = rng.integers(5, 20, size=N_QUERIES)
QUERY = np.repeat(np.arange(N_QUERIES), SIZES)
X = FEATURES = rng.normal(size=(len(QUERY), 5))
VALUE = X[:, 0] + np.abs(X[:, 1]) + 0.5 * rng.normal(size=len(QUERY))
Y = np.digitize(VALUE, [0.0, 1.0, 2.0])
WEIGHT = rng.integers(1, 4, size=N_QUERIES).astype(float)
OBJECTIVES = ("pairwise", "ndcg", "spearman", "listnet")
everyone = pytest.mark.parametrize("name", OBJECTIVES)
PARAMS = {"learning_rate": 0.1, "num_leaves": 8, "verbosity": -1, "num_threads": 1}
XGB = {"eta": 0.1, "max_depth": 3, "min_child_weight": 20, "nthread": 1}


def ranker(objective, **params):
    return lightgbm.LGBMRanker(
        n_estimators=30,
        learning_rate=0.1,
        num_leaves=8,
        verbosity=-1,
        n_jobs=1,
        objective=objective,
        **params,
    )


@everyone
def test_lightgbm(name):
    fitted = ranker(RankObjective(name)).fit(X, Y, group=SIZES)
    found = fitted.predict(X)
    assert ndcg_score(Y, found, qid=QUERY, k=5, gain="exp2") > 0.85
    data = lightgbm.Dataset(X, Y, group=SIZES)
    booster = lightgbm.train({**PARAMS, "objective": RankObjective(name)}, data, 30)
    assert_allclose(booster.predict(X), found, rtol=1e-12)
    bound = lightgbm.LGBMRegressor(
        n_estimators=30,
        learning_rate=0.1,
        num_leaves=8,
        verbosity=-1,
        n_jobs=1,
        objective=RankObjective(name, groups=QUERY),
    ).fit(X, Y)
    assert_allclose(bound.predict(X), found, rtol=1e-12)


@everyone
def test_xgboost(name):
    data = xgboost.DMatrix(X, Y, qid=QUERY)
    booster = xgboost.train(XGB, data, 30, obj=RankObjective(name))
    found = booster.predict(data)
    assert ndcg_score(Y, found, qid=QUERY, k=5, gain="exp2") > 0.85
    regressor = xgboost.XGBRegressor(
        n_estimators=30,
        learning_rate=0.1,
        max_depth=3,
        min_child_weight=20,
        n_jobs=1,
        objective=RankObjective(name, groups=QUERY),
    ).fit(X, Y)
    assert_allclose(regressor.predict(X), found, rtol=1e-5, atol=1e-6)


@everyone
def test_weights(name):
    if name == "listnet":
        return  # Its draws are those of all scores.
    n_copies = WEIGHT.astype(int)
    rows = np.concatenate(
        [
            np.flatnonzero(QUERY == q)
            for q, copies in enumerate(n_copies)
            for _ in range(copies)
        ]
    )
    sizes = np.repeat(SIZES, n_copies)
    # Neither bins nor leaves must depend on how often a value occurs.
    X = np.round(2.0 * FEATURES)
    params = {"min_child_samples": 1, "min_child_weight": 20.0, "min_data_in_bin": 1}
    weighted = ranker(RankObjective(name), **params)
    weighted.fit(X, Y, group=SIZES, sample_weight=WEIGHT[QUERY])
    repeated = ranker(RankObjective(name), **params)
    repeated.fit(X[rows], Y[rows], group=sizes)
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-5, atol=1e-6)
    weighted = xgboost.train(
        XGB,
        xgboost.DMatrix(X, Y, qid=QUERY, weight=WEIGHT),
        10,
        obj=RankObjective(name),
    )
    data = xgboost.DMatrix(X[rows], Y[rows])
    data.set_group(sizes)
    repeated = xgboost.train(XGB, data, 10, obj=RankObjective(name))
    found = [booster.predict(xgboost.DMatrix(X)) for booster in (weighted, repeated)]
    assert_allclose(*found, rtol=1e-3, atol=1e-4)


def test_clone_and_pickle():
    model = ranker(RankObjective("ndcg"))
    found = model.fit(X, Y, group=SIZES).predict(X)
    again = clone(model).fit(X, Y, group=SIZES).predict(X)
    assert_array_equal(found, again)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), found)


def test_early_stopping_in_lightgbm():
    train, test = QUERY < 40, QUERY >= 40
    objective = RankObjective()
    model = ranker(objective, metric="None").set_params(n_estimators=300)
    model.fit(
        X[train],
        Y[train],
        group=SIZES[:40],
        eval_X=X[test],
        eval_y=Y[test],
        eval_group=[SIZES[40:]],
        eval_metric=[objective.metric("ndcg", k=5), objective.metric("spearman")],
        callbacks=[lightgbm.early_stopping(20, first_metric_only=True, verbose=False)],
    )
    results = model.evals_result_["valid_0"]
    assert list(results) == ["ndcg@5", "1-spearman"]
    assert model.best_iteration_ == 1 + int(np.argmax(results["ndcg@5"]))
    found = model.predict(X[test])
    value = ndcg_score(Y[test], found, qid=QUERY[test], k=5, gain="exp2")
    assert_allclose(value, max(results["ndcg@5"]), rtol=1e-12)
    data = lightgbm.Dataset(X[train], Y[train], group=SIZES[:40])
    valid = lightgbm.Dataset(X[test], Y[test], group=SIZES[40:], reference=data)
    record = {}
    booster = lightgbm.train(
        {**PARAMS, "objective": objective, "metric": "None"},
        data,
        300,
        valid_sets=[valid],
        feval=objective.metric("ndcg", k=5),
        callbacks=[
            lightgbm.early_stopping(20, verbose=False),
            lightgbm.record_evaluation(record),
        ],
    )
    assert list(record["valid_0"]) == ["ndcg@5"]
    assert_allclose(record["valid_0"]["ndcg@5"], results["ndcg@5"], rtol=1e-12)
    assert booster.best_iteration == model.best_iteration_
    # What metric="None" is for: those that would stop the fit besides.
    model = ranker(objective).set_params(n_estimators=3)
    model.fit(
        X[train],
        Y[train],
        group=SIZES[:40],
        eval_X=X[test],
        eval_y=Y[test],
        eval_group=[SIZES[40:]],
        eval_metric=objective.metric("spearman"),
    )
    names = list(model.evals_result_["valid_0"])
    assert {"ndcg@1", "ndcg@5", "1-spearman"} <= set(names)


@pytest.mark.parametrize(("name", "k"), [("ndcg", 5), ("spearman", None)])
def test_early_stopping_in_xgboost(name, k):
    train, test = QUERY < 40, QUERY >= 40
    objective = RankObjective()
    metric = objective.metric(name, k)
    data = xgboost.DMatrix(X[train], Y[train], qid=QUERY[train])
    valid = xgboost.DMatrix(X[test], Y[test], qid=QUERY[test])
    record = {}
    booster = xgboost.train(
        {**XGB, "disable_default_eval_metric": 1},
        data,
        200,
        evals=[(valid, "valid")],
        obj=objective,
        custom_metric=metric,
        early_stopping_rounds=15,
        evals_result=record,
        verbose_eval=False,
    )
    values = record["valid"][metric.__name__]
    best = np.argmax(values) if name == "ndcg" else np.argmin(values)
    assert booster.best_iteration == best
    assert len(values) < 200


@pytest.mark.parametrize(("name", "k"), [("ndcg", 5), ("spearman", None)])
def test_early_stopping_of_an_xgboost_regressor(name, k):
    train, test = QUERY < 40, QUERY >= 40
    metric = RankObjective(groups=QUERY[test]).metric(name, k)
    model = xgboost.XGBRegressor(
        n_estimators=300,
        learning_rate=0.1,
        max_depth=3,
        min_child_weight=20,
        objective=RankObjective(groups=QUERY[train]),
        eval_metric=metric,
        disable_default_eval_metric=1,
        early_stopping_rounds=15,
        n_jobs=1,
    )
    model.fit(X[train], Y[train], eval_set=[(X[test], Y[test])], verbose=False)
    results = model.evals_result()["validation_0"]
    assert list(results) == [metric.__name__]
    values = results[metric.__name__]
    assert model.best_iteration == (np.argmax if name == "ndcg" else np.argmin)(values)
    assert len(values) < 300


def test_cross_validation_in_lightgbm():
    data = lightgbm.Dataset(X, Y, group=SIZES)
    objective = RankObjective("spearman")
    folds = [
        (np.flatnonzero(QUERY % 3 != i), np.flatnonzero(QUERY % 3 == i))
        for i in range(3)
    ]
    found = lightgbm.cv(
        {**PARAMS, "objective": objective, "metric": "None"},
        data,
        20,
        folds=iter(folds),
        feval=objective.metric("spearman"),
    )
    values = found["valid 1-spearman-mean"]
    assert values[-1] < values[0] < 1.0


@pytest.mark.parametrize("boosting", ["dart", "goss"])
def test_other_kinds_of_boosting(boosting):
    model = ranker(RankObjective(), boosting_type=boosting).fit(X, Y, group=SIZES)
    assert ndcg_score(Y, model.predict(X), qid=QUERY, k=5, gain="exp2") > 0.8


def test_wrong_input():
    with pytest.raises(ValueError, match="group must be given"):
        lightgbm.train(
            {**PARAMS, "objective": RankObjective()}, lightgbm.Dataset(X, Y), 2
        )
    with pytest.raises(ValueError, match="group must be given"):
        xgboost.train(XGB, xgboost.DMatrix(X, Y), 2, obj=RankObjective())
    with pytest.raises(ValueError, match="RankObjective\\(groups"):
        xgboost.XGBRegressor(objective=RankObjective(), n_estimators=2).fit(X, Y)
    with pytest.raises(ValueError, match="neither cross-validation"):
        xgboost.XGBRegressor(objective=RankObjective(groups=QUERY), n_estimators=2).fit(
            X[:-1], Y[:-1]
        )
    # Numbers of queries that happen to have the sum of sizes.
    query = np.zeros(len(Y), dtype=int)
    query[-2:] = len(Y) // 2, len(Y) - len(Y) // 2
    for fit in (
        lambda: ranker(RankObjective()).fit(X, Y, group=query),
        lambda: lightgbm.train(
            {**PARAMS, "objective": RankObjective()},
            lightgbm.Dataset(X, Y, group=query),
            2,
        ),
        lambda: xgboost.train(
            XGB, xgboost.DMatrix(X, Y, group=query), 2, obj=RankObjective()
        ),
    ):
        with pytest.raises(ValueError, match=r"^group must .*as many entries as rows"):
            fit()
    # Sizes that do not sum are refused by the libraries or by the objective.
    for fit in (
        lambda: ranker(RankObjective()).fit(X, Y, group=SIZES[:-1]),
        lambda: xgboost.train(
            XGB, xgboost.DMatrix(X, Y, group=SIZES[:-1]), 2, obj=RankObjective()
        ),
    ):
        with pytest.raises(Exception, match=r"(?i)group|sum of query counts"):
            fit()
    with pytest.raises(ValueError, match=r"^y_true must be >= 0 everywhere, got -1"):
        ranker(RankObjective(), metric="None").fit(X, Y - 1, group=SIZES)
    with pytest.raises(ValueError, match=r"^y_true must be >= 0 everywhere, got -1"):
        xgboost.train(
            XGB, xgboost.DMatrix(X, Y - 1, qid=QUERY), 2, obj=RankObjective("ndcg")
        )
    # XGBoost's own message.
    with pytest.raises(ValueError, match="XGBRanker"):
        xgboost.XGBRanker(objective=RankObjective()).fit(X, Y, qid=QUERY)
