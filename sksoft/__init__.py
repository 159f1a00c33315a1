# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Differentiable sorting, ranking and top-k for scikit-learn."""

import importlib

from sksoft._threads import get_num_threads, set_num_threads
from sksoft._versions import show_versions
from sksoft.operators import (
    jvp,
    rank_distribution,
    soft_ecdf,
    soft_isotonic,
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
    superquantile,
    vjp,
)

__all__ = [
    "get_num_threads",
    "jvp",
    "rank_distribution",
    "set_num_threads",
    "show_versions",
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

__version__ = "0.1.0.dev0"

# Loaded when they are first asked for.
_SUBPACKAGES = [
    "boosting",
    "datasets",
    "inspection",
    "linear_model",
    "losses",
    "metrics",
    "neighbors",
    "operators",
    "preprocessing",
    "ranking",
    "sequence",
]
# They need packages that may be missing, so that dir() does not offer them.
_BRIDGES = ["jax", "torch"]


def __dir__():
    return sorted([*__all__, *_SUBPACKAGES, "__version__"])


def __getattr__(name):
    if name in _SUBPACKAGES or name in _BRIDGES:
        return importlib.import_module(f"sksoft.{name}")
    if not name.startswith("_"):
        for subpackage in _SUBPACKAGES:
            if name in importlib.import_module(f"sksoft.{subpackage}").__all__:
                # An AttributeError would lose its message in "from sksoft import ...".
                raise ImportError(
                    f"{name} is in sksoft.{subpackage}: "
                    f"from sksoft.{subpackage} import {name}"
                )
    raise AttributeError(f"module 'sksoft' has no attribute {name!r}")
