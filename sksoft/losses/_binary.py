# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Targets of positive and negative entries, and the weights of these."""

import numpy as np

from sksoft._lists import checked_scores, checked_target
from sksoft._validation import real_array
from sksoft._weighted import as_counts

# The methods of soft_rank that add up distribution functions.
SUMS = ("laplace", "logistic", "gaussian")


def signed_weights(target, scores, weights):
    """Return the weights of entries, negative for negative entries; NaN stays NaN."""
    shape = checked_scores(scores).shape
    target = checked_target(target, shape, "target")
    wrong = ~(np.isnan(target) | (target == 0.0) | (target == 1.0))
    if wrong.any():
        raise ValueError(
            "target must hold 1 for positive and 0 for negative entries, or NaN, got "
            f"{target[wrong][0]:g}; (y == label) makes such a target of labels."
        )
    sign = 2.0 * target - 1.0
    if weights is None:
        return sign
    weights = real_array(weights, "weights").astype(np.float64)
    if weights.shape != shape:
        raise ValueError(
            f"weights must have the shape of scores, {shape}, got {weights.shape}."
        )
    if weights.size and weights.min() < 0.0:
        raise ValueError(f"weights must be >= 0, got {weights.min()}.")
    if weights.size and not weights.any():
        raise ValueError("weights must have a positive sum, got zeros only.")
    counts = as_counts(weights)
    return sign if counts is None else sign * counts
