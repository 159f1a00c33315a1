# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Differentiable sorting, ranking and top-k for scikit-learn."""

import importlib
import sys

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
    if name in _SUBPACKAGES:
        return importlib.import_module(f"sksoft.{name}")
    if name in _BRIDGES:
        try:
            return importlib.import_module(f"sksoft.{name}")
        except ImportError as error:
            raise _missing(str(error)) from error
    hint = f"module 'sksoft' has no attribute {name!r}"
    if not name.startswith("_"):
        for subpackage in _SUBPACKAGES:
            if name in importlib.import_module(f"sksoft.{subpackage}").__all__:
                hint = (
                    f"{name} is in sksoft.{subpackage}: "
                    f"from sksoft.{subpackage} import {name}"
                )
                raise _missing(hint)
    raise AttributeError(hint)


def _missing(message):
    """Return an AttributeError; in "from sksoft import ..." it would lose its words."""
    asks = sys._getframe(2).f_globals.get("__name__")
    imports = asks in ("importlib._bootstrap", "_frozen_importlib")
    return ImportError(message) if imports else AttributeError(message)
