# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores of rankings against SciPy and scikit-learn."""

import doctest
import inspect

import numpy as np
import pytest
import sklearn.metrics
from scipy.stats import kendalltau, spearmanr
from sklearn.exceptions import UndefinedMetricWarning

import sksoft.metrics
from sksoft.metrics import kendall_tau_score, ndcg_score, spearman_score

COEFFICIENTS = [(spearman_score, spearmanr), (kendall_tau_score, kendalltau)]


@pytest.mark.parametrize(("score", "reference"), COEFFICIENTS)
def test_mean_over_rows_with_ties_and_missing_labels(score, reference):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, size=(20, 7)).astype(float)
    predicted = rng.integers(0, 5, size=(20, 7)).astype(float)
    true[rng.uniform(size=true.shape) < 0.2] = np.nan
    weight = rng.uniform(size=20)
    expected = []
    for a, b in zip(true, predicted, strict=True):
        expected.append(reference(a[~np.isnan(a)], b[~np.isnan(a)]).statistic)
    assert score(true, predicted, sample_weight=weight) == pytest.approx(
        np.average(expected, weights=weight), rel=1e-12
    )
    assert score(true[3], predicted[3]) == pytest.approx(expected[3], rel=1e-12)


@pytest.mark.parametrize(("score", "reference"), COEFFICIENTS)
def test_rows_without_a_coefficient_are_left_out(score, reference):
    assert score([[1, 1, 1], [1, 2, 3]], [[1, 2, 3], [1, 2, 3]]) == 1.0
    with pytest.warns(UndefinedMetricWarning, match="no sample has one"):
        assert np.isnan(score([[1.0, 1.0]], [[1.0, 2.0]]))
    for true in ([[1.0], [1.0]], [[np.nan, 1.0], [2.0, np.nan]]):
        with pytest.raises(ValueError, match="list of at least 2 entries"):
            score(true, np.zeros(np.shape(true)))


@pytest.mark.parametrize("k", [None, 1, 4, 50])
def test_ndcg_agrees_with_scikit_learn_for_queries_of_one_length(k):
    rng = np.random.default_rng(1)
    grades = rng.integers(0, 5, size=(30, 8))
    grades[:, 0] = 1
    scores = rng.integers(0, 4, size=(30, 8)).astype(float)
    for gain, gains in (("exp2", 2.0**grades - 1.0), ("linear", grades)):
        expected = sklearn.metrics.ndcg_score(gains, scores, k=k)
        assert ndcg_score(grades, scores, k=k, gain=gain) == pytest.approx(expected)
        order = rng.permutation(grades.size)
        qid = np.repeat(np.arange(30), 8)[order]
        value = ndcg_score(
            grades.ravel()[order], scores.ravel()[order], qid=qid, k=k, gain=gain
        )
        assert value == pytest.approx(expected)


def test_ndcg_of_queries_without_relevant_documents():
    qid = ["a", "a", "b", "b"]
    grades, scores = [0, 0, 1, 0], [1.0, 0.0, 1.0, 0.0]
    assert ndcg_score(grades, scores, qid=qid, zero_division=1.0) == 1.0
    assert ndcg_score(grades, scores, qid=qid) == 0.5
    weight = [3.0, 3.0, 1.0, 1.0]
    assert (
        ndcg_score(grades, scores, qid=qid, zero_division=0.0, sample_weight=weight)
        == 0.25
    )


def test_errors():
    with pytest.raises(ValueError, match="y_true must have the shape of y_pred"):
        spearman_score([[1, 2]], [[1, 2], [1, 2]])
    with pytest.raises(ValueError, match="y_pred must hold finite numbers"):
        kendall_tau_score([[1, 2]], [[1, np.nan]])
    with pytest.raises(ValueError, match=r"^y_true must be >= 0 everywhere, got"):
        ndcg_score([-1, 0], [0.0, 1.0])
    with pytest.raises(ValueError, match="gain must be one of"):
        ndcg_score([1, 0], [0.0, 1.0], gain="square")
    with pytest.raises(ValueError, match="y_score must hold finite numbers"):
        ndcg_score([1, 0], [0.0, np.nan])
    with pytest.raises(ValueError, match="y_true must have the shape of y_score"):
        ndcg_score([1, 0, 0], [0.0, 1.0])
    with pytest.raises(ValueError, match="y_pred must have at least one dimension"):
        spearman_score(1.0, 1.0)
    with pytest.raises(ValueError, match=r"^y_true must be at most 996"):
        ndcg_score([2000, 0], [0.0, 1.0], gain="exp2")
    with pytest.raises(ValueError, match="zero_division must be a finite number"):
        ndcg_score([0, 0], [0.0, 1.0], zero_division=np.nan)
    with pytest.raises(ValueError, match="qid must not be missing, got None"):
        ndcg_score([1, 0], [0.0, 1.0], qid=["a", None])


@pytest.mark.parametrize("score", [spearman_score, kendall_tau_score])
def test_perfect_and_reversed_rankings_stay_within_the_range(score):
    for n in range(1, 60):
        ranks = np.tile(np.arange(1.0, 4.0), (n, 1))
        assert 1.0 - 1e-12 < score(ranks, ranks) <= 1.0
        assert -1.0 <= score(ranks, -ranks) < -1.0 + 1e-12


def test_kendall_of_a_long_list_takes_no_pairs():
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 5000, size=(2, 30_000)).astype(float)
    y += 0.3 * x
    expected = kendalltau(x, y).statistic
    assert kendall_tau_score(x, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", [None, 3])
@pytest.mark.parametrize("ignore_ties", [False, True])
def test_ndcg_is_that_of_scikit_learn_at_its_defaults(k, ignore_ties):
    rng = np.random.default_rng(3)
    grades = rng.integers(0, 4, size=(20, 6))
    grades[:3] = 0
    scores = rng.integers(0, 4, size=(20, 6)).astype(float)
    weight = rng.uniform(size=20)
    params = {"k": k, "ignore_ties": ignore_ties, "sample_weight": weight}
    assert ndcg_score(grades, scores, **params) == pytest.approx(
        sklearn.metrics.ndcg_score(grades, scores, **params)
    )
    shared = inspect.signature(sklearn.metrics.ndcg_score).parameters
    ours = inspect.signature(ndcg_score).parameters
    for name, parameter in shared.items():
        assert ours[name].default == parameter.default
    # Keywords come in the same order.
    assert list(shared) == [name for name in ours if name in shared]


MASKED = np.ma.array([[1.0, 2.0, 9.0]], mask=[[False, False, True]])


@pytest.mark.parametrize("score", [spearman_score, kendall_tau_score, ndcg_score])
def test_masked_arrays_are_refused(score):
    plain = [[1.0, 2.0, 0.0]]
    with pytest.raises(TypeError, match="y_true must be a plain array, got a masked"):
        score(MASKED, plain)
    name = "y_score" if score is ndcg_score else "y_pred"
    with pytest.raises(TypeError, match=f"{name} must be a plain array, got a masked"):
        score(plain, MASKED)
    with pytest.raises(TypeError, match="sample_weight must be a plain array"):
        score(plain, plain, sample_weight=np.ma.ones(1))


@pytest.mark.parametrize(
    "name",
    [
        "kendall_tau_scorer",
        "neg_trimmed_mean_absolute_error_scorer",
        "neg_trimmed_mean_squared_error_scorer",
        "spearman_scorer",
    ],
)
def test_scorers_are_documented(name):
    documentation = getattr(sksoft.metrics, name).__doc__
    test = doctest.DocTestParser().get_doctest(documentation, {}, name, None, 0)
    assert test.examples
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
