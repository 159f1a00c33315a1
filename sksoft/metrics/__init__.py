# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores that wrong rows cannot fool, of rankings, and of whole sequences."""

from sksoft.metrics._ranking import (
    kendall_tau_score,
    kendall_tau_scorer,
    ndcg_score,
    spearman_score,
    spearman_scorer,
)
from sksoft.metrics._sequences import (
    sequence_accuracy_score,
    sequence_accuracy_scorer,
)
from sksoft.metrics._trimmed import (
    neg_trimmed_mean_absolute_error_scorer,
    neg_trimmed_mean_squared_error_scorer,
    trimmed_mean_absolute_error,
    trimmed_mean_squared_error,
)

__all__ = [
    "kendall_tau_score",
    "kendall_tau_scorer",
    "ndcg_score",
    "neg_trimmed_mean_absolute_error_scorer",
    "neg_trimmed_mean_squared_error_scorer",
    "sequence_accuracy_score",
    "sequence_accuracy_scorer",
    "spearman_score",
    "spearman_scorer",
    "trimmed_mean_absolute_error",
    "trimmed_mean_squared_error",
]


def __dir__():
    return __all__
