# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""NDCG at soft ranks and in expectation, as losses."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._gains import DiscountedGain
from sksoft._lists import RowLoss
from sksoft._validation import check_flag
from sksoft.losses._reduction import list_loss, one_strength
from sksoft.operators import rank_distribution, soft_rank, soft_topk, vjp


class SoftNDCG(RowLoss):
    """One minus the NDCG at soft ranks, cut off by a soft mask."""

    def __init__(self, measure, strength, method="logistic", regularization=None):
        self.measure = measure
        self.strength = strength
        self.params = {
            "descending": True,
            "method": method,
            "regularization": regularization,
            "regularization_strength": strength,
        }

    def prepare(self, target):
        return self.measure.shares(target)

    def evaluate(self, scores, gains):
        ranks, pull_ranks = vjp(soft_rank, scores, **self.params)
        discount, slope = self.measure.discount_and_slope(ranks)
        found, slope = gains * discount, gains * slope
        k = self.measure.k
        if k is None or k >= scores.shape[1]:
            gradient = -pull_ranks(slope)
        else:
            mask, pull_mask = vjp(
                soft_topk, scores, k, regularization_strength=self.strength
            )
            gradient = -pull_ranks(mask * slope) - pull_mask(found)
            found = mask * found
        return gains.any(axis=1) - found.sum(axis=1), gradient


class SoftRankNDCG(RowLoss):
    """One minus the expected NDCG under normal noise of the scores."""

    def __init__(self, measure, sigma, exact):
        self.measure = measure
        self.params = {"sigma": sigma, "descending": True, "exact": exact}

    def prepare(self, target):
        return self.measure.shares(target)

    def evaluate(self, scores, gains):
        law, pullback = vjp(rank_distribution, scores, **self.params)
        reward = gains[:, :, np.newaxis] * self.measure.discounts(scores.shape[1])
        return gains.any(axis=1) - (law * reward).sum(axis=(1, 2)), pullback(-reward)


def soft_ndcg_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    k: int | None = None,
    gain: Literal["exp2", "linear"] = "exp2",
    discount: Literal["log2"] | Callable[..., Any] = "log2",
    method: str = "logistic",
    regularization: str | None = None,
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """One minus the normalised discounted cumulative gain (NDCG) at soft ranks.

    A list has the gain ``sum(gain * discount(rank))``, divided by the largest possible.
    The ranks are soft; with `k`, each entry is multiplied by the mask of
    :func:`sksoft.soft_topk`, a cutoff with an exact gradient which selects k entries
    in all. As the strength goes to zero this becomes one minus NDCG or NDCG at k.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores, larger for what is to come first; each row of the last axis is a
        list of its own. With `groups`, the entries of all lists one after the other.
    relevance : array-like of the shape of `scores`
        The grades, at least 0. NaN stands for an entry that is absent.
    groups : array-like of shape (n_entries,), default=None
        The list (the query) that each entry belongs to, of any hashable type, in any
        order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each list; with `groups`, one for each entry, equal within a list.
    k : int, default=None
        Count only the first k entries; None counts all.
    gain : {"exp2", "linear"}, default="exp2"
        What a relevance counts: ``2**relevance - 1`` or itself.
    discount : {"log2"} or callable, default="log2"
        What a rank counts: ``1 / log2(1 + rank)``, or what a function returns for an
        array of ranks, which are numbers >= 1 and need not be whole: a tuple of the
        discounts, at least 0 and not increasing with the rank, and their derivatives.
    method : str, default="logistic"
        How the scores are ranked, see :func:`sksoft.soft_rank`. "logistic" is
        ApproxNDCG [1]_.
    regularization : str, default=None
        As for :func:`sksoft.soft_rank`.
    regularization_strength : float, default=1.0
        As for :func:`sksoft.soft_rank` and :func:`sksoft.soft_topk`.

    Returns
    -------
    value : float
        The weighted mean over the lists. A list without relevant entries counts as 0.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, a relevance is negative or,
        for the gain "exp2", above 996, the weights are negative, all zero, or unequal
        within a group, an option is unknown, or a discount is negative, not finite or
        increases with the rank.

    See Also
    --------
    pairwise_logistic_loss : Weighs pairs by what their exchange changes in the NDCG.
    softrank_ndcg_loss : The expected NDCG of noisy scores.

    References
    ----------
    .. [1] Qin, Liu and Li, "A general approximation framework for direct optimization
       of information retrieval measures", Information Retrieval 13, 2010.

    Examples
    --------
    >>> from sksoft.losses import soft_ndcg_loss
    >>> scores, grades, queries = [0.0, 3.0, 1.0, 0.0], [2, 0, 1, 0], list("aabb")
    >>> value, gradient = soft_ndcg_loss(
    ...     scores, grades, groups=queries, regularization_strength=0.2
    ... )
    >>> round(value, 4)
    0.1869

    Reciprocal ranks as discounts:

    >>> value, gradient = soft_ndcg_loss(
    ...     scores,
    ...     grades,
    ...     groups=queries,
    ...     discount=lambda rank: (1.0 / rank, -1.0 / rank**2),
    ...     regularization_strength=0.2,
    ... )
    >>> round(value, 4)
    0.2533
    """
    measure = DiscountedGain(k, gain, discount)
    strength = one_strength(regularization_strength)
    loss = SoftNDCG(measure, strength, method, regularization)
    return list_loss(loss, scores, relevance, groups, sample_weight, "relevance")


def softrank_ndcg_loss(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    k: int | None = None,
    gain: Literal["exp2", "linear"] = "exp2",
    sigma: float = 1.0,
    exact: bool = True,
) -> tuple[float, NDArray[Any]]:
    """SoftRank: one minus the expected NDCG of scores with normal noise.

    The discount of an entry is its mean under the distribution of its rank [1]_, see
    :func:`sksoft.rank_distribution`. With ``exact=False`` it costs O(m^3) for a list of
    m entries.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores, larger for what is to come first; each row of the last axis is a
        list of its own. With `groups`, the entries of all lists one after the other.
    relevance : array-like of the shape of `scores`
        The grades, at least 0. NaN stands for an entry that is absent.
    groups : array-like of shape (n_entries,), default=None
        The list (the query) that each entry belongs to, of any hashable type, in any
        order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each list; with `groups`, one for each entry, equal within a list.
    k : int, default=None
        Count only the ranks 1 to k, exactly; None counts all.
    gain : {"exp2", "linear"}, default="exp2"
        What a relevance counts: ``2**relevance - 1`` or itself.
    sigma : float, default=1.0
        Standard deviation of the noise, at least 0.
    exact : bool, default=True
        Whether the exact distribution is used, or the recursion of the paper, which
        takes the comparisons of an entry for independent. The exact one takes about
        ``21 sqrt(m)`` times as long.

    Returns
    -------
    value : float
        The weighted mean over the lists. A list without relevant entries counts as 0.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, a relevance is negative or,
        for the gain "exp2", above 996, the weights are negative, all zero, or unequal
        within a group, or an option is unknown.

    See Also
    --------
    soft_ndcg_loss : The NDCG at soft ranks, at a lower cost.

    References
    ----------
    .. [1] Taylor, Guiver, Robertson and Minka, "SoftRank: Optimizing Non-Smooth Rank
       Metrics", WSDM 2008.

    Examples
    --------
    >>> from sksoft.losses import softrank_ndcg_loss
    >>> value, gradient = softrank_ndcg_loss([0.5, 1.0, 0.0], [2, 1, 0])
    >>> round(value, 4), gradient.round(3)
    (0.1954, array([-0.087,  0.029,  0.058]))
    """
    check_flag(exact, "exact")
    measure = DiscountedGain(k, gain)
    loss = SoftRankNDCG(measure, one_strength(sigma, "sigma"), exact)
    return list_loss(loss, scores, relevance, groups, sample_weight, "relevance")
