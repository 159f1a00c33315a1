# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""RankNet and LambdaRank: the logistic loss of pairs."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from sksoft._gains import DiscountedGain, tied_discounts, tied_places
from sksoft._lists import RowLoss
from sksoft._validation import check_option
from sksoft.losses._pairs import pair_blocks
from sksoft.losses._reduction import list_loss, positive_strength


class PairwiseLogistic(RowLoss):
    """The logistic loss of pairs, all alike or weighted by changes of the NDCG."""

    def __init__(self, strength, measure=None):
        self.strength = strength
        self.measure = measure

    def prepare(self, target):
        shares = None if self.measure is None else self.measure.shares(target)
        return target, shares

    def evaluate(self, scores, prepared):
        target, gains = prepared
        g, m = scores.shape
        value, total, gradient = np.zeros(g), np.zeros(g), np.zeros((g, m))
        if gains is not None:
            discounts = self.measure.discounts(m)
            places = tied_discounts(scores, discounts)
            within = _gap_within_ties(scores, discounts)
        for block in pair_blocks(g, m):
            above = target[:, block, np.newaxis] > target[:, np.newaxis]
            gap = scores[:, block, np.newaxis] - scores[:, np.newaxis]
            weight = above.astype(np.float64)
            if gains is not None:
                apart = np.abs(places[:, block, np.newaxis] - places[:, np.newaxis])
                apart = np.where(gap == 0.0, within[:, block, np.newaxis], apart)
                change = gains[:, block, np.newaxis] - gains[:, np.newaxis]
                weight *= change * apart
            gap /= self.strength
            loss = np.zeros(gap.shape)
            np.multiply(weight, np.logaddexp(0.0, -gap), out=loss, where=weight > 0.0)
            slope = weight * expit(-gap)
            value += loss.sum(axis=(1, 2))
            total += weight.sum(axis=(1, 2))
            gradient[:, block] -= slope.sum(axis=2)
            gradient += slope.sum(axis=1)
        if gains is None:
            value /= np.where(total > 0.0, total, 1.0)
            gradient /= np.where(total > 0.0, total, 1.0)[:, np.newaxis]
        return value, gradient / self.strength


def _gap_within_ties(scores, discounts):
    """Return how far the discounts of two scores that tie are apart, in the mean.

    All orders of tied scores are equally likely; 0 where a score has no tie.
    """
    before, until = tied_places(scores)
    places = np.arange(1.0, scores.shape[1] + 1.0)
    total = np.concatenate([[0.0], np.cumsum(discounts)])
    moment = np.concatenate([[0.0], np.cumsum(places * discounts)])
    size = until - before
    total = total[until] - total[before]
    moment = moment[until] - moment[before] - before * total
    pairs = np.where(size > 1, 0.5 * size * (size - 1.0), 1.0)
    return np.where(size > 1, ((size + 1.0) * total - 2.0 * moment) / pairs, 0.0)


def pairwise_logistic_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    pair_weights: Literal["uniform", "ndcg"] = "uniform",
    k: int | None = None,
    gain: Literal["exp2", "linear"] = "exp2",
    discount: Literal["log2"] | Callable[..., Any] = "log2",
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """Logistic loss of the pairs that the relevance tells apart.

    A pair of entries, of which the first is more relevant, loses
    ``log(1 + exp(-gap / regularization_strength))``, where the gap is the score of the
    first minus that of the second. With "uniform" weights a list has the mean over its
    pairs: RankNet [1]_. With "ndcg" it has the sum, each pair weighted by how much the
    NDCG changes if the two exchange their places in the order of the scores:
    LambdaRank [2]_. It costs O(m^2) time for a list of m entries.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores, larger for what is to come first; each row of the last axis is a
        list of its own. With `groups`, the entries of all lists one after the other.
    relevance : array-like of the shape of `scores`
        The grades: any numbers for "uniform" weights, at least 0 for "ndcg". NaN stands
        for an entry that is absent.
    groups : array-like of shape (n_entries,), default=None
        The list (the query) that each entry belongs to, of any hashable type, in any
        order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each list; with `groups`, one for each entry, equal within a list.
    pair_weights : {"uniform", "ndcg"}, default="uniform"
        How pairs are weighted: all alike, or by the difference of their gains times the
        difference of the discounts of their places, divided by the largest possible
        discounted gain of the list. The places are constants for the gradient; scores
        that tie share theirs, in the mean over their orders.
    k : int, default=None
        For "ndcg" weights: only the first k places have a discount; None counts all.
    gain : {"exp2", "linear"}, default="exp2"
        For "ndcg" weights, what a relevance counts: ``2**relevance - 1`` or itself.
    discount : {"log2"} or callable, default="log2"
        For "ndcg" weights, what a rank counts: ``1 / log2(1 + rank)``, or what a
        function returns for an array of ranks: a tuple of the discounts, at least 0 and
        not increasing with the rank, and their derivatives.
    regularization_strength : float, default=1.0
        Positive, in the unit of the scores.

    Returns
    -------
    value : float
        The weighted mean over the lists. A list without a pair to compare counts as 0.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, the strength is not positive,
        the weights are negative, all zero, or unequal within a group, an option is
        unknown, or, for "ndcg" weights, a relevance is negative or, for the gain
        "exp2", above 996, or a discount is negative, not finite or increases with the
        rank.

    See Also
    --------
    soft_ndcg_loss : The NDCG itself, at soft ranks.
    soft_kendall_loss : Pairs that are far apart count no more than others.

    References
    ----------
    .. [1] Burges, Shaked, Renshaw, Lazier, Deeds, Hamilton and Hullender, "Learning to
       Rank using Gradient Descent", ICML 2005.
    .. [2] Burges, Ragno and Le, "Learning to Rank with Nonsmooth Cost Functions",
       NeurIPS 2006.

    Examples
    --------
    >>> from sksoft.losses import pairwise_logistic_loss
    >>> value, gradient = pairwise_logistic_loss([0.5, 1.0, 0.0], [2, 1, 0])
    >>> round(value, 4), gradient.round(3)
    (0.5871, array([-0.333,  0.118,  0.215]))
    >>> value, gradient = pairwise_logistic_loss(
    ...     [0.5, 1.0, 0.0], [2, 1, 0], pair_weights="ndcg"
    ... )
    >>> round(value, 4), gradient.round(3)
    (0.2924, array([-0.167,  0.09 ,  0.078]))
    """
    check_option(pair_weights, "pair_weights", ("uniform", "ndcg"))
    measure = DiscountedGain(k, gain, discount)
    strength = positive_strength(regularization_strength)
    loss = PairwiseLogistic(strength, measure if pair_weights == "ndcg" else None)
    return list_loss(loss, scores, relevance, groups, sample_weight, "relevance")
