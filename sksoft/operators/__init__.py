# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft operators: arrays in, arrays out, with exact derivatives."""

from sksoft.operators.derivatives import jvp, strength_bounds, vjp
from sksoft.operators.isotonic import soft_isotonic
from sksoft.operators.ordering import (
    rank_distribution,
    soft_permutation,
    soft_rank,
    soft_sort,
)
from sksoft.operators.rank_statistics import soft_quantile_normalize, soft_spearmanr
from sksoft.operators.selection import soft_topk, soft_topk_sorted
from sksoft.operators.squashing import squash
from sksoft.operators.statistics import (
    soft_ecdf,
    soft_median,
    soft_median_of_means,
    soft_quantile,
    soft_trimmed_mean,
    superquantile,
)

__all__ = [
    "jvp",
    "rank_distribution",
    "soft_ecdf",
    "soft_isotonic",
    "soft_median",
    "soft_median_of_means",
    "soft_permutation",
    "soft_quantile",
    "soft_quantile_normalize",
    "soft_rank",
    "soft_sort",
    "soft_spearmanr",
    "soft_topk",
    "soft_topk_sorted",
    "soft_trimmed_mean",
    "squash",
    "strength_bounds",
    "superquantile",
    "vjp",
]


def __dir__():
    return __all__
