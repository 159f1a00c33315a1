# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""ListNet: the cross entropy of probabilities to come first."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax

from sksoft._lists import RowLoss
from sksoft.losses._reduction import list_loss


class ListNet(RowLoss):
    """Cross entropy between the top-one probabilities of target and scores."""

    def prepare(self, target):
        return softmax(target, axis=1)

    def evaluate(self, scores, share):
        log_share = log_softmax(scores, axis=1)
        return -(share * log_share).sum(axis=1), np.exp(log_share) - share


def listnet_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, NDArray[Any]]:
    """ListNet: the cross entropy of the softmax of scores from that of the relevance.

    The softmax of a list holds the probabilities of its entries to come first in the
    model of Plackett and Luce [1]_. The loss is convex in the scores, and least where
    they are the relevance up to a constant.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores, larger for what is to come first; each row of the last axis is a
        list of its own. With `groups`, the entries of all lists one after the other.
    relevance : array-like of the shape of `scores`
        The grades; any numbers. NaN stands for an entry that is absent.
    groups : array-like of shape (n_entries,), default=None
        The list (the query) that each entry belongs to, of any hashable type, in any
        order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each list; with `groups`, one for each entry, equal within a list.

    Returns
    -------
    value : float
        The weighted mean over the lists.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, the weights are
        negative, all zero, or unequal within a group, or an option is unknown.

    See Also
    --------
    soft_ndcg_loss : Rewards the first places more.

    References
    ----------
    .. [1] Cao, Qin, Liu, Tsai and Li, "Learning to Rank: From Pairwise Approach to
       Listwise Approach", ICML 2007.

    Examples
    --------
    >>> from sksoft.losses import listnet_loss
    >>> value, gradient = listnet_loss([0.5, 1.0, 0.0], [2, 1, 0])
    >>> round(value, 4), gradient.round(3)
    (1.1029, array([-0.358,  0.262,  0.096]))
    """
    return list_loss(ListNet(), scores, relevance, groups, sample_weight, "relevance")
