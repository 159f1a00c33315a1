# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear models that ignore the rows they cannot explain."""

from sksoft.linear_model._median_of_means import MedianOfMeansRegressor
from sksoft.linear_model._trimmed_linear import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
)
from sksoft.linear_model._trimmed_logistic import TrimmedLogisticRegression

__all__ = [
    "LeastTrimmedAbsoluteRegressor",
    "LeastTrimmedSquaresRegressor",
    "MedianOfMeansRegressor",
    "TrimmedLogisticRegression",
]


def __dir__():
    return __all__
