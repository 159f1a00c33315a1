# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft operators: arrays in, arrays out, with exact derivatives."""

from sksoft.operators.derivatives import jvp, strength_bounds, vjp
from sksoft.operators.ordering import soft_permutation, soft_rank, soft_sort
from sksoft.operators.selection import soft_topk, soft_topk_sorted

__all__ = [
    "jvp",
    "soft_permutation",
    "soft_rank",
    "soft_sort",
    "soft_topk",
    "soft_topk_sorted",
    "strength_bounds",
    "vjp",
]
