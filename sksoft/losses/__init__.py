# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of rankings and of the first k: a value and its exact gradient."""

from sksoft.losses._auc import soft_auc_loss
from sksoft.losses._average_precision import soft_average_precision_loss
from sksoft.losses._beam import beam_loss
from sksoft.losses._fenchel_young import fenchel_young_rank_loss
from sksoft.losses._kendall import soft_kendall_loss
from sksoft.losses._listnet import listnet_loss
from sksoft.losses._ndcg import soft_ndcg_loss, softrank_ndcg_loss
from sksoft.losses._pairwise_logistic import pairwise_logistic_loss
from sksoft.losses._spearman import soft_spearman_loss
from sksoft.losses._topk_cross_entropy import topk_cross_entropy_loss
from sksoft.losses._topk_ranking import topk_ranking_loss
from sksoft.losses._topk_svm import smooth_topk_svm_loss

__all__ = [
    "beam_loss",
    "fenchel_young_rank_loss",
    "listnet_loss",
    "pairwise_logistic_loss",
    "smooth_topk_svm_loss",
    "soft_auc_loss",
    "soft_average_precision_loss",
    "soft_kendall_loss",
    "soft_ndcg_loss",
    "soft_spearman_loss",
    "softrank_ndcg_loss",
    "topk_cross_entropy_loss",
    "topk_ranking_loss",
]


def __dir__():
    return __all__
