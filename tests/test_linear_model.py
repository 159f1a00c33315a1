# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
    MedianOfMeansRegressor,
    TrimmedLogisticRegression,
)


# One check has fewer rows than coefficients.
@pytest.mark.filterwarnings("ignore:There are .* samples of positive weight for")
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


def test_blocks_have_twice_as_many_rows_as_coefficients():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(110, 4)), rng.normal(size=110)
    # Ten and eleven rows for five and four coefficients: eleven and thirteen blocks.
    assert MedianOfMeansRegressor().fit(X, y).n_blocks_ == 11
    assert MedianOfMeansRegressor(fit_intercept=False).fit(X, y).n_blocks_ == 13


@pytest.mark.parametrize("C", [0.1, 3.0])
def test_objective_is_that_of_logistic_regression_without_trimming(C):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] + rng.normal(size=60) > 0.0).astype(int)
    model = TrimmedLogisticRegression(trim_fraction=0.0, C=C).fit(X, y)
    losses = log_loss(y, model.predict_proba(X), normalize=False)
    expected = C * losses + 0.5 * (model.coef_**2).sum()
    assert model.objective_ == pytest.approx(expected, rel=1e-9)
    weighted = TrimmedLogisticRegression(trim_fraction=0.0, C=C)
    weighted.fit(X, y, np.full(60, 2.0))
    twice = TrimmedLogisticRegression(trim_fraction=0.0, C=2.0 * C).fit(X, y)
    assert weighted.objective_ == pytest.approx(twice.objective_, rel=1e-9)
