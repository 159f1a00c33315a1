# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers of rank statistics."""

from sksoft.preprocessing._quantile_normalizer import QuantileNormalizer
from sksoft.preprocessing._quantiles import SoftQuantileTransformer
from sksoft.preprocessing._soft_rank import SoftRankTransformer

__all__ = ["QuantileNormalizer", "SoftQuantileTransformer", "SoftRankTransformer"]


def __dir__():
    return __all__
