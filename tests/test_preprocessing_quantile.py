# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Smoothed distribution functions of features, quantile normalisation of samples."""

import pickle

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm, rankdata

from sksoft import soft_ecdf
from sksoft.preprocessing import QuantileNormalizer, SoftQuantileTransformer
from sksoft.preprocessing._knots import interpolate


@pytest.mark.parametrize("output_distribution", ["uniform", "normal"])
def test_hard_limit_is_rankdata(output_distribution):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 30, size=(200, 2)).astype(float)
    transformer = SoftQuantileTransformer(
        regularization_strength=0.0, output_distribution=output_distribution
    )
    expected = (rankdata(X, axis=0) - 0.5) / 200
    if output_distribution == "normal":
        expected = ndtri(expected)
    np.testing.assert_allclose(transformer.fit_transform(X), expected, rtol=1e-13)


@pytest.mark.parametrize("n_quantiles", [None, 1000, 50])
def test_is_the_smoothed_distribution_function(n_quantiles):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(500, 1))
    transformer = SoftQuantileTransformer(n_quantiles=n_quantiles).fit(X)
    tolerance = 1e-12 if n_quantiles != 50 else 0.01
    outside = np.concatenate([X.ravel(), X.min() - [0.01, 0.1], X.max() + [0.01, 0.1]])
    expected = soft_ecdf(
        X.ravel(),
        outside,
        method="laplace",
        regularization_strength=transformer.regularization_strength_[0],
    )
    mapped = transformer.transform(outside[:, np.newaxis]).ravel()
    np.testing.assert_allclose(mapped, expected, atol=tolerance)


def test_smooth_function_is_closer_to_the_truth():
    rng = np.random.default_rng(2)
    grid = np.linspace(-2.0, 2.0, 201)
    errors = {0.0: [], 0.3: []}
    for _ in range(30):
        X = rng.normal(size=(100, 1))
        for strength, list_of_errors in errors.items():
            transformer = SoftQuantileTransformer(regularization_strength=strength)
            mapped = transformer.fit(X).transform(grid[:, np.newaxis]).ravel()
            list_of_errors.append(np.mean((mapped - norm.cdf(grid)) ** 2))
    assert np.mean(errors[0.3]) < np.mean(errors[0.0])


@pytest.mark.parametrize("strength", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("output_distribution", ["uniform", "normal"])
def test_inverse(strength, output_distribution):
    rng = np.random.default_rng(3)
    X = rng.lognormal(size=(300, 2))
    transformer = SoftQuantileTransformer(
        regularization_strength=strength, output_distribution=output_distribution
    ).fit(X)
    # Training values, and some just outside, where there is a tail.
    width = transformer.regularization_strength_[:, np.newaxis] * [-0.1, 0.1]
    X = np.vstack([X, X.min(axis=0) + width[:, 0], X.max(axis=0) + width[:, 1]])
    back = transformer.inverse_transform(transformer.transform(X))
    np.testing.assert_allclose(back, X, rtol=1e-6)


def test_tails_are_bounded_and_increasing():
    X = np.random.default_rng(4).normal(size=(100, 1))
    transformer = SoftQuantileTransformer(output_distribution="normal").fit(X)
    far = transformer.transform([[-1e6], [X.min() - 1e-3], [X.max() + 1e-3], [1e6]])
    assert far[0] == ndtri(1e-9)
    assert far[3] == ndtri(1.0 - 1e-9)
    assert far[0] < far[1] < far[2] < far[3]


def test_large_samples_are_not_subsampled():
    rng = np.random.default_rng(5)
    X = rng.standard_cauchy(size=(200_000, 1))
    mapped = SoftQuantileTransformer().fit_transform(X).ravel()
    expected = (rankdata(X.ravel()) - 0.5) / len(X)
    assert np.abs(mapped - expected).max() < 2e-3
    assert (np.diff(mapped[np.argsort(X.ravel())]) >= 0.0).all()


def test_weights_are_repetitions_and_units_do_not_matter():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(60, 2)).round(1)
    X[3, 0] = np.nan
    times = rng.integers(0, 4, size=60)
    new = rng.normal(size=(20, 2))
    weighted = SoftQuantileTransformer().fit(X, sample_weight=times)
    repeated = SoftQuantileTransformer().fit(np.repeat(X, times, axis=0))
    np.testing.assert_allclose(
        weighted.transform(new), repeated.transform(new), rtol=1e-9
    )
    rescaled = SoftQuantileTransformer().fit(1e6 * X + 3.0)
    plain = SoftQuantileTransformer().fit(X)
    np.testing.assert_allclose(
        rescaled.transform(1e6 * new + 3.0), plain.transform(new), rtol=1e-7
    )


def test_missing_values_are_kept_and_disregarded():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(50, 2))
    holed = np.vstack([X, [[np.nan, np.nan]]])
    transformer = SoftQuantileTransformer().fit(holed)
    expected = SoftQuantileTransformer().fit_transform(X)
    mapped = transformer.transform(holed)
    np.testing.assert_allclose(mapped[:-1], expected)
    assert np.isnan(mapped[-1]).all()
    assert np.isnan(transformer.inverse_transform([[np.nan, 0.5]])[0, 0])
    nothing = SoftQuantileTransformer().fit(np.full((3, 1), np.nan))
    assert np.isnan(nothing.transform([[1.0]])).all()
    assert np.isnan(nothing.inverse_transform([[0.5]])).all()


def test_constant_feature():
    transformer = SoftQuantileTransformer().fit(np.full((10, 1), 3.0))
    np.testing.assert_allclose(transformer.transform([[3.0]]), 0.5)
    np.testing.assert_allclose(transformer.inverse_transform([[0.5]]), 3.0)


def test_dtype_names_and_pickle():
    X = np.random.default_rng(8).normal(size=(30, 2)).astype(np.float32)
    for transformer in (SoftQuantileTransformer(), QuantileNormalizer()):
        mapped = transformer.fit_transform(X)
        assert mapped.dtype == np.float32
        again = pickle.loads(pickle.dumps(transformer))
        np.testing.assert_array_equal(again.transform(X), mapped)
        transformer.set_output(transform="pandas")
        assert transformer.transform(X).columns.tolist() == ["x0", "x1"]


def test_normalizer_is_quantile_normalisation():
    # The example of the article on quantile normalisation, samples in rows.
    X = np.array([[5.0, 2.0, 3.0, 4.0], [4.0, 1.0, 4.0, 2.0], [3.0, 4.0, 6.0, 8.0]])
    normalizer = QuantileNormalizer().fit(X)
    np.testing.assert_allclose(normalizer.target_, np.sort(X, axis=1).mean(axis=0))
    mapped = normalizer.transform(X)
    np.testing.assert_allclose(mapped[0], normalizer.target_[[3, 0, 1, 2]])
    # Tied values share the target at their average rank.
    tied = normalizer.target_[2:].mean()
    np.testing.assert_allclose(
        mapped[1], [tied, *normalizer.target_[:1], tied, normalizer.target_[1]]
    )


def test_normalizer_maps_new_samples_one_by_one():
    rng = np.random.default_rng(9)
    X = rng.lognormal(size=(10, 40))
    normalizer = QuantileNormalizer().fit(X[:6])
    together = normalizer.transform(X)
    alone = np.vstack([normalizer.transform(row[np.newaxis]) for row in X])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(
        np.sort(together, axis=1), np.tile(normalizer.target_, (10, 1))
    )
    np.testing.assert_allclose(normalizer.transform(100.0 * X), together)
    soft = QuantileNormalizer(regularization_strength=1.0).fit(X[:6])
    np.testing.assert_allclose(soft.transform(100.0 * X), soft.transform(X), rtol=1e-9)
    spread = np.ptp(soft.transform(X), axis=1) / np.ptp(together, axis=1)
    assert (spread <= 1.0).all()
    assert spread.mean() < 1.0


def test_normalizer_with_missing_values_and_weights():
    rng = np.random.default_rng(10)
    X = rng.normal(size=(5, 30))
    holed = X.copy()
    holed[0, ::3] = np.nan
    holed = np.vstack([holed, np.full(30, np.nan)])
    normalizer = QuantileNormalizer().fit(holed)
    mapped = normalizer.transform(holed)
    assert (np.isnan(mapped) == np.isnan(holed)).all()
    present = ~np.isnan(holed[0])
    assert (rankdata(mapped[0, present]) == rankdata(holed[0, present])).all()
    assert normalizer.target_[0] <= mapped[0, present].min()
    times = [2, 0, 1, 1, 3]
    np.testing.assert_allclose(
        QuantileNormalizer().fit(X, sample_weight=times).target_,
        QuantileNormalizer().fit(np.repeat(X, times, axis=0)).target_,
    )
    with pytest.raises(ValueError, match="X must hold a value that is not NaN"):
        QuantileNormalizer().fit(np.full((2, 3), np.nan))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"regularization_strength": -1.0}, "regularization_strength must be"),
        ({"output_distribution": "cauchy"}, "output_distribution must be one of"),
        ({"n_quantiles": 1}, "n_quantiles must be an integer >= 2"),
        ({"n_quantiles": 2.5}, "n_quantiles must be an integer >= 2"),
    ],
)
def test_errors(params, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SoftQuantileTransformer(**params).fit([[1.0], [2.0]])


@pytest.mark.parametrize("estimator", [SoftQuantileTransformer(), QuantileNormalizer()])
def test_errors_of_weights(estimator):
    with pytest.raises(ValueError, match=r"(?i)sample.weight.* non-zero"):
        estimator.fit([[1.0], [2.0]], sample_weight=[0.0, 0.0])


def test_weights_that_sum_to_less_than_one_still_give_probabilities():
    X = np.random.default_rng(0).normal(size=(50, 2))
    transformer = SoftQuantileTransformer(regularization_strength=0.0)
    expected = transformer.fit(X).transform(X)
    found = transformer.fit(X, sample_weight=np.full(50, 0.001)).transform(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["even", "skewed", "every magnitude", "equal"])
@pytest.mark.parametrize("n_knots", [1, 2, 3, 30, 1000])
def test_interpolation_between_knots_of_any_spacing(kind, n_knots, rng):
    knots = rng.normal(size=n_knots)
    if kind == "skewed":
        knots = np.exp(8.0 * knots)
    if kind == "every magnitude":
        knots = np.sign(knots) * np.exp(150.0 * np.abs(knots))
    if kind == "equal":
        knots = 1.0 + 2.2e-16 * np.arange(n_knots)
    knots = np.unique(knots)
    images = np.sort(rng.random(len(knots)))
    x = np.concatenate(
        [knots, 0.5 * knots[:-1] + 0.5 * knots[1:], [-1e300, 1e300, -0.0, np.nan]]
    )
    out = np.empty(len(x))
    interpolate(x, knots, images, out)
    expected = np.where(np.isnan(x), np.nan, np.interp(x, knots, images))
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_are_normalised_in_any_memory_order(dtype, rng):
    X = rng.normal(size=(300, 7)).astype(dtype)
    missing = X.copy()
    missing[5, 2] = np.nan
    for strength in (0.0, 1.0):
        normalizer = QuantileNormalizer(regularization_strength=strength).fit(X)
        expected = normalizer.transform(X)
        assert expected.dtype == dtype
        np.testing.assert_array_equal(
            normalizer.transform(np.asfortranarray(X)), expected
        )
        # A sample with missing values changes nothing of the others.
        others = np.delete(normalizer.transform(missing), 5, axis=0)
        np.testing.assert_array_equal(others, np.delete(expected, 5, axis=0))
