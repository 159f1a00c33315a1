# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators that rank: labels, documents of a query, the first k classes."""

from sksoft.ranking._label_ranker import SoftLabelRanker
from sksoft.ranking._orders import order_from_ranks, ranks_from_order
from sksoft.ranking._query_ranker import SoftNDCGRanker
from sksoft.ranking._topk_classifier import TopKLogisticRegression

__all__ = [
    "SoftLabelRanker",
    "SoftNDCGRanker",
    "TopKLogisticRegression",
    "order_from_ranks",
    "ranks_from_order",
]


def __dir__():
    return __all__
