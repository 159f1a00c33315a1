# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Nearest neighbours in embeddings that are trained through soft top-k."""

from sksoft.neighbors._classification import (
    SoftKNeighborsClassifier,
    SoftNeighborhoodComponents,
)
from sksoft.neighbors._regression import SoftKNeighborsRegressor

__all__ = [
    "SoftKNeighborsClassifier",
    "SoftKNeighborsRegressor",
    "SoftNeighborhoodComponents",
]


def __dir__():
    return __all__
