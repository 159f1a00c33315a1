# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Differentiable sorting, ranking and top-k for scikit-learn."""

from sksoft._threads import get_num_threads, set_num_threads
from sksoft._versions import show_versions
from sksoft.operators import (
    jvp,
    rank_distribution,
    soft_ecdf,
    soft_median,
    soft_median_of_means,
    soft_permutation,
    soft_quantile,
    soft_quantile_normalize,
    soft_rank,
    soft_sort,
    soft_spearmanr,
    soft_topk,
    soft_topk_sorted,
    soft_trimmed_mean,
    squash,
    strength_bounds,
    vjp,
)

__all__ = [
    "get_num_threads",
    "jvp",
    "rank_distribution",
    "set_num_threads",
    "show_versions",
    "soft_ecdf",
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
    "vjp",
]

__version__ = "0.1.0.dev0"
