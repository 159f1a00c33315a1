# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Differentiable sorting, ranking and top-k for scikit-learn."""

__version__ = "0.1.0.dev0"
