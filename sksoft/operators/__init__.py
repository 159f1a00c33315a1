# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft operators: arrays in, arrays out, with exact derivatives."""

from sksoft.operators.derivatives import jvp, strength_bounds, vjp
from sksoft.operators.ordering import soft_rank, soft_sort
from sksoft.operators.selection import soft_topk

__all__ = ["jvp", "soft_rank", "soft_sort", "soft_topk", "strength_bounds", "vjp"]
