# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""SoftRankTransformer: ranks of new samples against the training sample."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sksoft import soft_rank
from sksoft.preprocessing import SoftRankTransformer

STRENGTHS = [0.0, 1e-3, 0.1, 1.0, 10.0, 1e3]


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    X[:, 1] = np.exp(2.0 * X[:, 1])
    X[:, 2] = np.round(X[:, 2])
    return X


def test_strength_zero_gives_average_ranks(X):
    ranks = SoftRankTransformer(regularization_strength=0.0).fit_transform(X)
    assert_array_equal(ranks, rankdata(X, axis=0))


@pytest.mark.parametrize("regularization", ["l2", "kl", "entropic"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_training_values_get_their_soft_rank(X, strength, regularization):
    transformer = SoftRankTransformer(
        regularization_strength=strength, regularization=regularization
    ).fit(X)
    expected = soft_rank(
        X,
        axis=0,
        regularization=regularization,
        regularization_strength=strength * transformer.scale_,
    )
    found = transformer.transform(X)
    assert_array_equal(found[:, :2], expected[:, :2])
    # Ties are one value of some weight in the transformer, and many in the operator.
    assert_allclose(found[:, 2], expected[:, 2], rtol=1e-14)
    assert_array_equal(transformer.fit_transform(X), found)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("distribution", ["rank", "uniform", "normal"])
def test_strictly_increasing_between_the_extremes(X, strength, distribution):
    transformer = SoftRankTransformer(
        regularization_strength=strength, output_distribution=distribution
    ).fit(X)
    for j in range(2):
        grid = np.tile(np.linspace(X[:, j].min(), X[:, j].max(), 500)[:, None], 3)
        assert np.all(np.diff(transformer.transform(grid)[:, j]) > 0.0)


def test_scale_free(X):
    ranks = SoftRankTransformer().fit_transform(X)
    assert_allclose(
        SoftRankTransformer().fit_transform(1e6 * X + 3.0), ranks, rtol=1e-8
    )
    assert_allclose(SoftRankTransformer().fit_transform(1e-6 * X), ranks, rtol=1e-8)


def test_one_strength_means_the_same_for_every_sample_size():
    # In units of the typical gap, 0.001 is hard and 100 is affine.
    rng = np.random.default_rng(0)
    for n in (30, 300, 3000):
        X = rng.normal(size=(n, 1))
        hard = SoftRankTransformer(regularization_strength=1e-3).fit_transform(X)
        assert np.abs(hard - rankdata(X, axis=0)).max() <= 1.0
        affine = SoftRankTransformer(regularization_strength=100.0).fit_transform(X)
        assert np.corrcoef(X.ravel(), affine.ravel())[0, 1] > 1.0 - 1e-12


def test_output_distributions(X):
    ranks = SoftRankTransformer().fit_transform(X)
    uniform = SoftRankTransformer(output_distribution="uniform").fit_transform(X)
    normal = SoftRankTransformer(output_distribution="normal").fit_transform(X)
    assert_allclose(uniform, (ranks - 0.5) / len(X), rtol=1e-14)
    assert_allclose(normal, ndtri(uniform), rtol=1e-14)


def test_extrapolation(X):
    far = np.vstack([X.min(axis=0) - 10.0, X.max(axis=0) + 10.0])
    constant = SoftRankTransformer().fit(X)
    ranks = constant.transform(X)
    assert_array_equal(constant.transform(far), [ranks.min(axis=0), ranks.max(axis=0)])
    linear = SoftRankTransformer(extrapolation="linear").fit(X)
    for j, (values, scores) in enumerate(
        zip(linear.values_, linear.scores_, strict=True)
    ):
        slope = (scores[-1] - scores[-2]) / (values[-1] - values[-2])
        expected = scores[-1] + slope * 10.0
        assert linear.transform(far)[1, j] == pytest.approx(expected, rel=1e-12)
    assert_allclose(linear.inverse_transform(linear.transform(far)), far, rtol=1e-9)


@pytest.mark.parametrize("distribution", ["rank", "uniform", "normal"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_inverse_transform(X, strength, distribution):
    transformer = SoftRankTransformer(
        regularization_strength=strength, output_distribution=distribution
    ).fit(X)
    between = 0.5 * (np.sort(X, axis=0)[1:] + np.sort(X, axis=0)[:-1])
    for values in (X, between):
        restored = transformer.inverse_transform(transformer.transform(values))
        assert_allclose(restored, values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("regularization", ["l2", "kl", "entropic"])
def test_integer_weights_repeat(X, regularization):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    params = {"regularization": regularization, "output_distribution": "uniform"}
    weighted = SoftRankTransformer(**params).fit(X, sample_weight=weight)
    repeated = SoftRankTransformer(**params).fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.scale_, repeated.scale_, rtol=1e-14)
    assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-11)


def test_missing_values_are_kept(X):
    holes = X.copy()
    holes[::7, 0] = np.nan
    out = SoftRankTransformer().fit_transform(holes)
    assert_array_equal(np.isnan(out), np.isnan(holes))
    present = ~np.isnan(holes[:, 0])
    alone = SoftRankTransformer().fit_transform(X[present, :1])
    assert_array_equal(out[present, 0], alone[:, 0])


def test_feature_without_values():
    X = np.array([[1.0, np.nan], [2.0, np.nan]])
    out = (
        SoftRankTransformer(regularization_strength=0.0).fit(X).transform([[1.0, 5.0]])
    )
    assert_array_equal(out, [[1.0, np.nan]])


def test_constant_feature_and_single_sample():
    X = np.full((5, 1), 7.0)
    transformer = SoftRankTransformer().fit(X)
    assert_array_equal(transformer.transform([[6.0], [7.0], [8.0]]), [[3.0]] * 3)
    assert_array_equal(SoftRankTransformer().fit_transform([[3.0]]), [[1.0]])


def test_mostly_tied_feature_has_a_scale():
    X = np.zeros((40, 1))
    X[:5, 0] = np.arange(1, 6)
    transformer = SoftRankTransformer(regularization_strength=0.01).fit(X)
    assert transformer.scale_[0] > 0.0
    assert_allclose(transformer.transform(X), rankdata(X, axis=0), atol=1e-12)


def test_float32_is_the_rounded_double_result(X):
    X = X.astype(np.float32)
    out = SoftRankTransformer().fit_transform(X)
    assert out.dtype == np.float32
    double = SoftRankTransformer().fit_transform(X.astype(np.float64))
    assert_array_equal(out, double.astype(np.float32))


def test_pandas_output_and_names(X):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    transformer = SoftRankTransformer().set_output(transform="pandas").fit(frame)
    out = transformer.transform(frame)
    assert list(out.columns) == ["a", "b", "c"]
    assert_array_equal(out.to_numpy(), SoftRankTransformer().fit_transform(X))


def test_grid_search_in_a_pipeline():
    X, y = load_diabetes(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(SoftRankTransformer(output_distribution="normal"), Ridge()),
        {"softranktransformer__regularization_strength": [1e-2, 1.0, 100.0]},
        n_jobs=2,
    ).fit(X, y)
    assert search.best_score_ > 0.4
    again = pickle.loads(pickle.dumps(search))
    assert_array_equal(again.predict(X), search.predict(X))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"regularization_strength": -1.0}, ValueError, "regularization_strength.*-1"),
        (
            {"regularization_strength": np.nan},
            ValueError,
            "regularization_strength.*nan",
        ),
        ({"regularization_strength": "1"}, TypeError, "regularization_strength.*'1'"),
        ({"regularization": "l1"}, ValueError, "regularization.*'l2'.*'l1'"),
        ({"output_distribution": "beta"}, ValueError, "output_distribution.*'beta'"),
        ({"extrapolation": None}, ValueError, "extrapolation.*None"),
    ],
)
def test_bad_parameters(X, params, error, message):
    with pytest.raises(error, match=message):
        SoftRankTransformer(**params).fit(X)


def test_bad_input(X):
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        SoftRankTransformer().fit(X)
    with pytest.raises(ValueError, match=r"(?i)sample.weight.*non-zero"):
        SoftRankTransformer().fit(np.ones((3, 1)), sample_weight=np.zeros(3))


def test_inverse_of_ranks_drawn_together_goes_on_without_a_slope(X):
    transformer = SoftRankTransformer(
        regularization_strength=1e30, extrapolation="linear"
    ).fit(X)
    middle = transformer.transform(X)
    for shift in (-1.0, 0.0, 1.0):
        found = transformer.inverse_transform(middle + shift)
        assert (found >= X.min(axis=0)).all()
        assert (found <= X.max(axis=0)).all()


def test_weights_that_sum_to_less_than_one_still_give_probabilities():
    X = np.arange(1.0, 6.0)[:, np.newaxis]
    transformer = SoftRankTransformer(
        regularization_strength=0.0, output_distribution="uniform"
    )
    expected = transformer.fit(X, sample_weight=np.full(5, 0.2)).transform(X)
    found = transformer.fit(X, sample_weight=np.full(5, 0.02)).transform(X)
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("weight", [[1e-20, 1.0, 1e-20], [1e30, 1.0, 1.0]])
def test_normal_scores_are_finite_for_weights_of_any_size(weight):
    transformer = SoftRankTransformer(output_distribution="normal")
    scores = transformer.fit_transform([[1.0], [2.0], [3.0]], sample_weight=weight)
    assert (np.abs(scores) < 6.0).all()
    assert (np.diff(scores, axis=0) >= 0.0).all()
