# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers: what parameters mean, data at the ends of numbers, refused fits."""

import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression

from sksoft.preprocessing import (
    QuantileNormalizer,
    SoftQuantileTransformer,
    SoftRankTransformer,
)

TRANSFORMERS = [SoftRankTransformer(), SoftQuantileTransformer(), QuantileNormalizer()]
INVERTIBLE = TRANSFORMERS[:2]


def test_the_typical_gap_is_the_interquartile_range_over_the_gaps():
    X = np.arange(9.0)[:, np.newaxis] ** 2
    transformer = SoftRankTransformer(regularization_strength=0.5).fit(X)
    # Quartiles are the third and the seventh of nine values, with eight gaps.
    assert transformer.scale_[0] == (36.0 - 4.0) / 8.0
    assert transformer.regularization_strength_[0] == 0.5 * 4.0
    row = QuantileNormalizer(regularization_strength=0.5).fit(X.T)
    hand = SoftRankTransformer(regularization_strength=0.5).fit_transform(X)
    mapped = np.interp(hand.ravel(), np.arange(1.0, 10.0), X.ravel())
    assert_allclose(row.transform(X.T).ravel(), mapped, rtol=1e-12)


def test_the_width_is_the_smaller_deviation_over_the_cube_root():
    X = np.r_[np.arange(26.0), 1e6][:, np.newaxis]
    transformer = SoftQuantileTransformer(regularization_strength=0.7).fit(X)
    low, high = np.quantile(X, [0.25, 0.75], method="averaged_inverted_cdf")
    expected = 0.7 * (high - low) / 1.35 / 3.0
    assert transformer.regularization_strength_[0] == pytest.approx(expected)
    X = np.repeat([0.0, 1.0], [25, 2])[:, np.newaxis]
    transformer = SoftQuantileTransformer(regularization_strength=0.7).fit(X)
    expected = 0.7 * X.std() / 3.0
    assert transformer.regularization_strength_[0] == pytest.approx(expected)


@pytest.mark.parametrize("constant", [1.0 / 27104, 0.01, 0.3, 1e-300, 2.5])
@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_uniform_weights_change_nothing(transformer, constant):
    X = np.random.default_rng(0).normal(size=(50, 3)).round(1)
    X[4, 1] = np.nan
    plain = copy.deepcopy(transformer).fit(X)
    weighted = copy.deepcopy(transformer).fit(X, sample_weight=np.full(50, constant))
    assert_array_equal(weighted.transform(X), plain.transform(X))
    for name in ("scale_", "regularization_strength_"):
        if hasattr(plain, name):
            assert_array_equal(getattr(weighted, name), getattr(plain, name))


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_only_ratios_of_weights_that_are_not_whole_count(transformer):
    rng = np.random.default_rng(1)
    X, weight = rng.normal(size=(40, 2)), rng.uniform(0.1, 2.0, size=40)
    weight[3] = 0.0
    expected = copy.deepcopy(transformer).fit(X, sample_weight=weight).transform(X)
    found = copy.deepcopy(transformer).fit(X, sample_weight=1e-3 * weight).transform(X)
    assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("value", [0.1, 0.7, 1e-200, 1.1e155, -3.3])
def test_constant_columns_are_constant(value):
    X = np.full((1000, 1), value)
    transformer = SoftQuantileTransformer().fit(X)
    new = [[value - 0.1 * abs(value)], [value], [value + 0.1 * abs(value)]]
    assert_array_equal(transformer.transform(new), [[0.5]] * 3)
    assert_array_equal(transformer.regularization_strength_, [0.0])
    ranks = SoftRankTransformer().fit(X)
    assert_array_equal(ranks.transform(new), [[500.5]] * 3)
    for weight in (np.full(1000, 3), np.linspace(0.1, 1.0, 1000)):
        weighted = SoftQuantileTransformer().fit(X, sample_weight=weight)
        assert_allclose(weighted.transform(new), 0.5, rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-250, 2.0**-700, 2.0**600, 1e250])
@pytest.mark.parametrize("transformer", INVERTIBLE)
def test_any_unit(transformer, factor):
    rng = np.random.default_rng(2)
    # The second column has no interquartile range.
    X = np.c_[rng.normal(size=80), rng.integers(0, 5, size=80) == 0]
    X[:, 1] *= rng.uniform(1.0, 2.0, size=80)
    expected = copy.deepcopy(transformer).fit_transform(X)
    scaled = copy.deepcopy(transformer).fit(factor * X)
    found = scaled.transform(factor * X)
    assert_allclose(found, expected, rtol=1e-9)
    new = factor * np.array([[-1e40, -1e40], [0.3, 0.7], [1e40, 1e40]])
    assert np.isfinite(scaled.transform(new)).all()
    assert_allclose(scaled.inverse_transform(found), factor * X, rtol=1e-6)


def test_features_beyond_the_range_are_named():
    for transformer in TRANSFORMERS:
        with pytest.raises(ValueError, match=r"X must hold numbers of magnitude at mo"):
            copy.deepcopy(transformer).fit([[1e305, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_masked_arrays_are_refused(transformer):
    X = np.random.default_rng(3).normal(size=(10, 2))
    masked = np.ma.array(X, mask=X > 1.0)
    with pytest.raises(TypeError, match="X must be a plain array, got a masked array"):
        copy.deepcopy(transformer).fit(masked)
    with pytest.raises(TypeError, match="sample_weight must be a plain array"):
        copy.deepcopy(transformer).fit(X, sample_weight=np.ma.ones(10))
    fitted = copy.deepcopy(transformer).fit(X)
    with pytest.raises(TypeError, match="X must be a plain array, got a masked array"):
        fitted.transform(masked)
    if hasattr(fitted, "inverse_transform"):
        with pytest.raises(TypeError, match="X must be a plain array, got a masked"):
            fitted.inverse_transform(masked)


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_a_refused_fit_leaves_the_old_model_whole(transformer):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(20, 3)), columns=["a", "b", "c"])
    fitted = copy.deepcopy(transformer).fit(frame)
    expected = fitted.transform(frame)
    other = rng.normal(size=(10, 5))
    with pytest.raises(ValueError, match="weight"):
        fitted.fit(other, sample_weight=np.zeros(10))
    with pytest.raises(ValueError, match=r"(?i)weight"):
        fitted.fit(other, sample_weight=np.ones(7))
    with pytest.raises(ValueError, match="infinity"):
        fitted.fit(np.full((4, 2), np.inf))
    assert_array_equal(fitted.transform(frame), expected)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    # A fit that succeeds leaves nothing of the old one.
    fitted.fit(other)
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.transform(other).shape == (10, 5)


@pytest.mark.parametrize("transformer", INVERTIBLE)
@pytest.mark.parametrize("output", ["default", "pandas"])
def test_inverse_transform_takes_arrays_and_frames(transformer, output):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    fitted = copy.deepcopy(transformer).set_output(transform=output).fit(frame)
    mapped = fitted.transform(frame)
    for given in (mapped, np.asarray(mapped), pd.DataFrame(np.asarray(mapped))):
        assert_allclose(fitted.inverse_transform(given), frame, rtol=1e-9)
    with pytest.raises(ValueError, match=r"X has 1 features, but .* expecting 2"):
        fitted.inverse_transform(np.asarray(mapped)[:, :1])


@pytest.mark.parametrize("transformer", INVERTIBLE)
@pytest.mark.parametrize("output", ["default", "pandas"])
def test_as_transformers_of_a_target(transformer, output):
    rng = np.random.default_rng(6)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    y = np.exp(X["a"] - X["b"])
    model = TransformedTargetRegressor(
        LinearRegression(),
        transformer=copy.deepcopy(transformer).set_output(transform=output),
    )
    for target in (y, y.to_numpy(), y.to_frame("target")):
        predicted = model.fit(X, target).predict(X)
        assert np.corrcoef(np.ravel(predicted), y)[0, 1] > 0.8


def limma(rows):
    """What limma's normalizeQuantiles computes, of samples in rows."""
    n = rows.shape[1]
    places = np.linspace(0.0, 1.0, n)
    complete = []
    for row in rows:
        values = np.sort(row[~np.isnan(row)])
        complete.append(np.interp(places, np.linspace(0.0, 1.0, len(values)), values))
    target = np.mean(complete, axis=0)
    out = rows.copy()
    for row in out:
        present = ~np.isnan(row)
        ranks = pd.Series(row[present]).rank().to_numpy()
        row[present] = np.interp((ranks - 1) / (present.sum() - 1), places, target)
    return out


def test_missing_values_are_placed_as_limma_does():
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(6, 9))
    rows[0, [2, 5]] = np.nan
    rows[3, :4] = np.nan
    normalizer = QuantileNormalizer().fit(rows)
    assert_allclose(normalizer.transform(rows), limma(rows), rtol=1e-12)
    target = QuantileNormalizer().fit([[1.0, 2.0, 3.5, 4.5]])
    assert_allclose(
        target.transform([[9.0, 2.0, np.nan, 5.0]]), [[4.5, 1.0, np.nan, 2.75]]
    )
    # A single value stands in the middle.
    assert target.transform([[np.nan, 7.0, np.nan, np.nan]])[0, 1] == 2.75
