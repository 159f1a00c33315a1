# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of rankings and of the first k: a value and its exact gradient."""

from sksoft.losses._agreement import (
    fenchel_young_rank_loss,
    soft_kendall_loss,
    soft_spearman_loss,
)
from sksoft.losses._beam import beam_loss
from sksoft.losses._labels import (
    smooth_topk_svm_loss,
    topk_cross_entropy_loss,
    topk_ranking_loss,
)
from sksoft.losses._relevance import (
    approx_ndcg_loss,
    listnet_loss,
    soft_ndcg_loss,
    softrank_ndcg_loss,
)

__all__ = [
    "approx_ndcg_loss",
    "beam_loss",
    "fenchel_young_rank_loss",
    "listnet_loss",
    "smooth_topk_svm_loss",
    "soft_kendall_loss",
    "soft_ndcg_loss",
    "soft_spearman_loss",
    "softrank_ndcg_loss",
    "topk_cross_entropy_loss",
    "topk_ranking_loss",
]
