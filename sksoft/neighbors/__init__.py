# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Nearest neighbours in embeddings that are trained through soft top-k."""

from sksoft.neighbors._classifier import SoftKNeighborsClassifier
from sksoft.neighbors._components import SoftNeighborhoodComponents
from sksoft.neighbors._regressor import SoftKNeighborsRegressor

__all__ = [
    "SoftKNeighborsClassifier",
    "SoftKNeighborsRegressor",
    "SoftNeighborhoodComponents",
]


def __dir__():
    return __all__
