# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The family of soft neighbours, for the tests of all its members."""

import pytest

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
)

ESTIMATORS = [
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def output(model, X):
    """Return what a model says of samples, as numbers."""
    for name in ("predict_proba", "predict", "transform"):
        if hasattr(model, name):
            return getattr(model, name)(X)
    raise AssertionError
