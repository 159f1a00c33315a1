# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The average precision at soft ranks, as a loss."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._lists import RowLoss
from sksoft._validation import check_option
from sksoft.losses._binary import SUMS, signed_weights
from sksoft.losses._reduction import list_loss, one_strength
from sksoft.operators import soft_rank, vjp


class SoftAveragePrecision(RowLoss):
    """One minus the mean over positive entries of the precision at their ranks."""

    def __init__(self, strength, method):
        self.params = {
            "descending": True,
            "method": method,
            "regularization_strength": strength,
        }

    def prepare(self, target):
        positive = np.maximum(target, 0.0)
        total = positive.sum(axis=1)
        rows = np.flatnonzero(total)
        share = positive[rows] / total[rows, np.newaxis]
        return rows, share, positive[rows], np.abs(target[rows])

    def evaluate(self, scores, prepared):
        rows, share, positive, everything = prepared
        values, gradients = np.zeros(len(scores)), np.zeros(scores.shape)
        if len(rows):
            scores = scores[rows]
            among, pull_among = vjp(soft_rank, scores, weights=positive, **self.params)
            ranks, pull_ranks = vjp(
                soft_rank, scores, weights=everything, **self.params
            )
            precision = share * among / ranks
            values[rows] = np.maximum(1.0 - precision.sum(axis=1), 0.0)
            gradients[rows] = pull_ranks(precision / ranks) - pull_among(share / ranks)
        return values, gradients


def soft_average_precision_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    method: Literal["laplace", "logistic", "gaussian"] = "laplace",
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """One minus a soft average precision.

    The precision at a positive entry is its rank among the positive entries divided by
    its rank among all; the loss is one minus the mean of this over the positive
    entries, at soft ranks [1]_. As the strength goes to zero it becomes one minus the
    average precision; entries that tie have their average rank. With the Laplace law
    [2]_ it costs O(m log m) time for a list of m entries.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores, larger for positive entries; each row of the last axis is a list of
        its own. With `groups`, the entries of all lists one after the other.
    target : array-like of the shape of `scores`
        1 for positive entries, 0 for negative ones. NaN stands for an entry that is
        absent.
    groups : array-like of shape (n_entries,), default=None
        The list that each entry belongs to, of any hashable type, in any order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each list; with `groups`, one for each entry, equal within a list.
    weights : array-like of the shape of `scores`, default=None
        A weight for each entry; an integer weight is a repetition of the entry. Weights
        that are not whole numbers count by their ratios: they are brought to mean one
        over the entries that have any.
    method : {"laplace", "logistic", "gaussian"}, default="laplace"
        The law whose distribution function compares scores, see
        :func:`sksoft.soft_rank`; "logistic" is Smooth-AP. The others take O(m^2) time.
    regularization_strength : float, default=1.0
        At least 0, in the unit of the scores. 0 ranks exactly, with a zero gradient.

    Returns
    -------
    value : float
        The weighted mean over the lists. A list without positive entries counts as 0.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, `target` holds other numbers
        than 0 and 1, the weights are negative, all zero, or `sample_weight` is unequal
        within a group, or an option is unknown.

    See Also
    --------
    soft_auc_loss : Rewards all places alike.
    soft_ndcg_loss : For graded relevance.

    References
    ----------
    .. [1] Brown, Xie, Kalogeiton and Zisserman, "Smooth-AP: Smoothing the Path Towards
       Large-Scale Image Retrieval", ECCV 2020.
    .. [2] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
       Them All: Ranking, Sorting and Top-k Selection", ICML 2025.

    Examples
    --------
    >>> from sksoft.losses import soft_average_precision_loss
    >>> value, gradient = soft_average_precision_loss([2.0, 2.5, 0.0], [1, 0, 0])
    >>> round(value, 4), gradient.round(3)
    (0.4332, array([-0.119,  0.097,  0.022]))
    """
    check_option(method, "method", SUMS)
    loss = SoftAveragePrecision(one_strength(regularization_strength), method)
    target = signed_weights(target, scores, weights)
    return list_loss(loss, scores, target, groups, sample_weight)
