# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
    MedianOfMeansRegressor,
    TrimmedLogisticRegression,
)


@parametrize_with_checks(
    [
        LeastTrimmedSquaresRegressor(n_starts=20),
        LeastTrimmedSquaresRegressor(n_starts=20, regularization_strength=0.0),
        LeastTrimmedSquaresRegressor(n_starts=20, regularization="entropic"),
        LeastTrimmedSquaresRegressor(n_starts=20, formulation="sort"),
        LeastTrimmedAbsoluteRegressor(n_starts=20),
        TrimmedLogisticRegression(),
        MedianOfMeansRegressor(),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def contaminated(rng, n_samples=100, n_features=3, n_outliers=30):
    """Return rows of the plane with coefficients 1 and intercept 1, and wrong ones."""
    X = rng.normal(size=(n_samples, n_features))
    y = X.sum(axis=1) + 1 + 0.1 * rng.normal(size=n_samples)
    X[:n_outliers, 0] += 10
    y[:n_outliers] = -50
    return X, y


@pytest.mark.parametrize("strength", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("starts", ["auto", "deterministic", "random"])
def test_ignores_a_group_of_bad_leverage_points(strength, starts):
    X, y = contaminated(np.random.default_rng(0))
    reg = LeastTrimmedSquaresRegressor(
        regularization_strength=strength, starts=starts, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(reg.coef_, 1.0, atol=0.05)
    np.testing.assert_allclose(reg.intercept_, 1.0, atol=0.05)
    assert reg.outlier_mask_[:30].all()
    assert (reg.sample_weights_[:30] == 0).all()
    assert reg.loss_curve_[-1] <= reg.loss_curve_[0]


def test_infinite_strength_is_ordinary_least_squares():
    X, y = contaminated(np.random.default_rng(0))
    reg = LeastTrimmedSquaresRegressor(
        regularization_strength=np.inf, reweight=False
    ).fit(X, y)
    ols = LinearRegression().fit(X, y)
    np.testing.assert_allclose(reg.coef_, ols.coef_, rtol=1e-10)
    np.testing.assert_allclose(reg.intercept_, ols.intercept_, rtol=1e-10)
