# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Differentiable sorting, ranking and top-k for scikit-learn."""

from sksoft._threads import get_num_threads, set_num_threads
from sksoft._versions import show_versions
from sksoft.operators import (
    jvp,
    soft_permutation,
    soft_rank,
    soft_sort,
    soft_topk,
    soft_topk_sorted,
    strength_bounds,
    vjp,
)

__all__ = [
    "get_num_threads",
    "jvp",
    "set_num_threads",
    "show_versions",
    "soft_permutation",
    "soft_rank",
    "soft_sort",
    "soft_topk",
    "soft_topk_sorted",
    "strength_bounds",
    "vjp",
]

__version__ = "0.1.0.dev0"
