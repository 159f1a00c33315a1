# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import pytest
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
