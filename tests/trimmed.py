# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of trimmed linear regressions share."""

import numpy as np

from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
)

BOTH = [LeastTrimmedSquaresRegressor, LeastTrimmedAbsoluteRegressor]


def contaminated(seed=0, n_samples=100, n_features=3, n_outliers=30):
    """Return rows of the plane with coefficients 1 and intercept 1, and wrong ones."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    y = X.sum(axis=1) + 1 + 0.1 * rng.normal(size=n_samples)
    X[:n_outliers, 0] += 10
    y[:n_outliers] = -50 + rng.normal(size=n_outliers)
    return X, y


def squares(**parameters):
    return LeastTrimmedSquaresRegressor(random_state=0, **parameters)


def parameters_of(reg):
    return np.append(reg.coef_, reg.intercept_)
