# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parity with results of other packages, which are kept as data under tests/data/."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoft import (
    soft_ecdf,
    soft_isotonic,
    soft_median,
    soft_quantile,
    soft_rank,
    soft_sort,
    soft_spearmanr,
    soft_trimmed_mean,
)
from sksoft.losses import soft_ndcg_loss, soft_spearman_loss
from sksoft.metrics import kendall_tau_score, ndcg_score

DATA = Path(__file__).parent / "data"


def cases(name):
    content = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return content["cases"]


HARD = {"regularization_strength": 0.0}


@pytest.mark.parametrize("case", cases("scipy"))
def test_order_statistics_of_scipy(case):
    x = np.array(case["x"])
    for method in ("permutahedron", "sinkhorn", "logistic", "gaussian", "laplace"):
        assert_array_equal(soft_rank(x, method=method, **HARD), case["rankdata"])
    for method in ("permutahedron", "sinkhorn", "laplace"):
        quantiles = soft_quantile(x, case["levels"], method=method, **HARD)
        assert_allclose(quantiles, case["quantile"], rtol=1e-13)
        assert_allclose(soft_median(x, method=method, **HARD), case["median"])
        for cut, expected in case["trim_mean"].items():
            mean = soft_trimmed_mean(x, float(cut), method=method, **HARD)
            assert_allclose(mean, expected, rtol=1e-12)
    points, probabilities = case["ecdf"]
    for method in ("logistic", "gaussian", "laplace"):
        assert_array_equal(soft_ecdf(x, points, method=method, **HARD), probabilities)
    assert_array_equal(soft_sort(x, **HARD), np.sort(x))


@pytest.mark.parametrize("case", cases("scipy"))
def test_isotonic_regression_of_scipy(case):
    x, weights = case["x"], case["weights"]
    assert_allclose(soft_isotonic(x), case["isotonic"], rtol=1e-13)
    weighted = soft_isotonic(x, weights=weights)
    assert_allclose(weighted, case["isotonic_weighted"], rtol=1e-13)


@pytest.mark.parametrize("case", [c for c in cases("scipy") if "spearmanr" in c])
def test_correlations_of_scipy(case):
    x, y = case["x"], case["y"]
    assert_allclose(soft_spearmanr(x, y, **HARD), case["spearmanr"], rtol=1e-13)
    # One row of scores.
    tau = kendall_tau_score([y], [x])
    assert_allclose(tau, case["kendalltau"], rtol=1e-13)
    if len(set(x)) == len(x) and len(set(y)) == len(y):
        loss = soft_spearman_loss(x, y, **HARD)[0]
        assert_allclose(loss, 1.0 - case["spearmanr"], rtol=1e-13)


@pytest.mark.parametrize("case", cases("scikit_learn"))
def test_ndcg_and_isotonic_regression_of_scikit_learn(case):
    for k, expected in case["ndcg"].items():
        actual = ndcg_score(
            case["relevance"],
            case["scores"],
            k=int(k),
            sample_weight=case["sample_weight"],
        )
        assert_allclose(actual, expected, rtol=1e-12)
    fit = soft_isotonic(case["scores"][0], increasing=False)
    assert_allclose(fit, case["isotonic_decreasing"], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("case", cases("lightgbm"))
def test_ndcg_of_lightgbm(case):
    qid = np.repeat(np.arange(len(case["sizes"])), case["sizes"])
    for k, expected in case["ndcg"].items():
        # LightGBM counts a query without relevant documents as 1.
        actual = ndcg_score(
            case["relevance"],
            case["scores"],
            qid=qid,
            k=int(k),
            gain="exp2",
            zero_division=1.0,
        )
        assert_allclose(actual, expected, rtol=1e-12)
    # The loss is its soft form. Queries without relevant documents do not count.
    relevance = np.array(case["relevance"])
    graded = np.isin(qid, np.unique(qid[relevance > 0]))
    loss = soft_ndcg_loss(
        np.array(case["scores"])[graded],
        relevance[graded],
        groups=qid[graded],
        k=3,
        method="permutahedron",
        regularization_strength=1e-9,
    )[0]
    n_queries, n_graded = len(case["sizes"]), len(np.unique(qid[graded]))
    expected = (case["ndcg"]["3"] * n_queries - (n_queries - n_graded)) / n_graded
    assert_allclose(1.0 - loss, expected, rtol=1e-9)
