# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The area under the ROC curve at soft comparisons, as a loss."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._lists import RowLoss
from sksoft._validation import check_option
from sksoft.losses._binary import SUMS, signed_weights
from sksoft.losses._reduction import list_loss, one_strength
from sksoft.operators import soft_rank, vjp


class SoftAUC(RowLoss):
    """The share of pairs of a positive and a negative entry in the wrong order."""

    def __init__(self, strength, method):
        self.params = {
            "descending": True,
            "method": method,
            "regularization_strength": strength,
        }

    def prepare(self, target):
        positive, negative = np.maximum(target, 0.0), np.maximum(-target, 0.0)
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        rows = np.flatnonzero(pairs)
        return rows, positive[rows] / pairs[rows, np.newaxis], negative[rows]

    def evaluate(self, scores, prepared):
        rows, share, negative = prepared
        values, gradients = np.zeros(len(scores)), np.zeros(scores.shape)
        if len(rows):
            # A positive entry's rank among the negative ones is 1/2 plus their sum.
            ranks, pullback = vjp(
                soft_rank, scores[rows], weights=negative, **self.params
            )
            values[rows] = (share * (ranks - 0.5)).sum(axis=1)
            gradients[rows] = pullback(share)
        return values, gradients


def soft_auc_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    method: Literal["laplace", "logistic", "gaussian"] = "laplace",
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """One minus a soft area under the ROC curve.

    The mean over the pairs of a positive and a negative entry of
    ``F((negative - positive) / regularization_strength)``, where F is a distribution
    function. As the strength goes to zero this becomes the share of pairs in the wrong
    order, ties counting one half: one minus the area under the curve [1]_. With the
    Laplace law [2]_ it costs O(m log m) time for a list of m entries.

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
        A weight for each entry; an integer weight is a repetition of the entry.
    method : {"laplace", "logistic", "gaussian"}, default="laplace"
        The law of the distribution function. The others take O(m^2) time.
    regularization_strength : float, default=1.0
        At least 0, in the unit of the scores. 0 compares exactly, with a zero gradient.

    Returns
    -------
    value : float
        The weighted mean over the lists. A list of positive or of negative entries only
        counts as 0.
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
    soft_average_precision_loss : Rewards the first places more.
    pairwise_logistic_loss : Convex in the scores.

    References
    ----------
    .. [1] Hanley and McNeil, "The Meaning and Use of the Area under a Receiver
       Operating Characteristic (ROC) Curve", Radiology 143, 1982.
    .. [2] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
       Them All: Ranking, Sorting and Top-k Selection", ICML 2025.

    Examples
    --------
    >>> from sksoft.losses import soft_auc_loss
    >>> value, gradient = soft_auc_loss([2.0, 2.5, 0.0], [1, 0, 0])
    >>> round(value, 4), gradient.round(3)
    (0.3822, array([-0.185,  0.152,  0.034]))
    """
    check_option(method, "method", SUMS)
    loss = SoftAUC(one_strength(regularization_strength), method)
    target = signed_weights(target, scores, weights)
    return list_loss(loss, scores, target, groups, sample_weight)
