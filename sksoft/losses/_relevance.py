# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of learning to rank: the order of scores judged by graded relevance."""

import numpy as np
from scipy.special import log_softmax, softmax

from sksoft._lists import GAINS, Discounted, RowLoss, checked_cutoff
from sksoft._validation import check_flag, check_option
from sksoft.losses._rows import list_loss, one_strength
from sksoft.operators import rank_distribution, soft_rank, soft_topk, vjp


class SoftNDCG(Discounted):
    """One minus the NDCG at soft ranks, cut off by a soft mask."""

    def __init__(self, k, gain, strength, method, regularization):
        super().__init__(k, gain)
        self.strength = strength
        self.params = {
            "descending": True,
            "method": method,
            "regularization": regularization,
            "regularization_strength": strength,
        }

    def evaluate(self, scores, gains):
        ranks, pull_ranks = vjp(soft_rank, scores, **self.params)
        log_ranks = np.log2(1.0 + ranks)
        found = gains / log_ranks
        # The derivative of 1 / log2(1 + rank).
        slope = -found / (log_ranks * (1.0 + ranks) * np.log(2.0))
        if self.k is None or self.k >= scores.shape[1]:
            gradient = -pull_ranks(slope)
        else:
            mask, pull_mask = vjp(
                soft_topk, scores, self.k, regularization_strength=self.strength
            )
            gradient = -pull_ranks(mask * slope) - pull_mask(found)
            found = mask * found
        return gains.any(axis=1) - found.sum(axis=1), gradient


class SoftRankNDCG(Discounted):
    """One minus the expected NDCG under normal noise of the scores."""

    def __init__(self, k, gain, sigma, exact):
        super().__init__(k, gain)
        self.params = {"sigma": sigma, "descending": True, "exact": exact}

    def evaluate(self, scores, gains):
        m = scores.shape[1]
        discount = 1.0 / np.log2(2.0 + np.arange(m))
        discount[m if self.k is None else self.k :] = 0.0
        law, pullback = vjp(rank_distribution, scores, **self.params)
        reward = gains[:, :, np.newaxis] * discount
        return gains.any(axis=1) - (law * reward).sum(axis=(1, 2)), pullback(-reward)


class ListNet(RowLoss):
    """Cross entropy between the top-one probabilities of target and scores."""

    def prepare(self, target):
        return softmax(target, axis=1)

    def evaluate(self, scores, share):
        log_share = log_softmax(scores, axis=1)
        return -(share * log_share).sum(axis=1), np.exp(log_share) - share


def soft_ndcg_loss(
    scores,
    relevance,
    *,
    groups=None,
    sample_weight=None,
    k=None,
    gain="exp2",
    method="logistic",
    regularization=None,
    regularization_strength=1.0,
):
    """One minus the normalised discounted cumulative gain (NDCG) at soft ranks.

    A list has the gain ``sum(gain / log2(1 + rank))``, divided by the largest possible.
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
        within a group, or an option is unknown.

    See Also
    --------
    approx_ndcg_loss : The same with pairwise ranks and without a cutoff.
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
    """
    loss = SoftNDCG(
        checked_cutoff(k),
        _checked_gain(gain),
        one_strength(regularization_strength),
        method,
        regularization,
    )
    return list_loss(loss, scores, relevance, groups, sample_weight, "relevance")


def approx_ndcg_loss(
    scores,
    relevance,
    *,
    groups=None,
    sample_weight=None,
    gain="exp2",
    regularization_strength=1.0,
):
    """ApproxNDCG: one minus the NDCG at ranks that are sums of sigmoids over pairs.

    The rank of an entry is one plus the sum of
    ``sigmoid((other - score) / regularization_strength)`` over the others [1]_.

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
    gain : {"exp2", "linear"}, default="exp2"
        What a relevance counts: ``2**relevance - 1`` or itself.
    regularization_strength : float, default=1.0
        The temperature of the sigmoid, at least 0, in the unit of the scores; the
        reciprocal of the paper's alpha.

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
    soft_ndcg_loss : With other ranks and a cutoff.

    References
    ----------
    .. [1] Qin, Liu and Li, "A general approximation framework for direct optimization
       of information retrieval measures", Information Retrieval 13, 2010.

    Examples
    --------
    >>> from sksoft.losses import approx_ndcg_loss
    >>> value, gradient = approx_ndcg_loss([0.5, 1.0, 0.0], [2, 1, 0])
    >>> round(value, 4), gradient.round(3)
    (0.2826, array([-0.056,  0.004,  0.052]))
    """
    strength = one_strength(regularization_strength)
    loss = SoftNDCG(None, _checked_gain(gain), strength, "logistic", None)
    return list_loss(loss, scores, relevance, groups, sample_weight, "relevance")


def softrank_ndcg_loss(
    scores,
    relevance,
    *,
    groups=None,
    sample_weight=None,
    k=None,
    gain="exp2",
    sigma=1.0,
    exact=False,
):
    """SoftRank: one minus the expected NDCG of scores with normal noise.

    The discount of an entry is its mean under the distribution of its rank [1]_, see
    :func:`sksoft.rank_distribution`. It costs O(m^3) for a list of m entries.

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
    exact : bool, default=False
        Whether the exact distribution is used, or the faster recursion of the paper.

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
    (0.2133, array([-0.087,  0.022,  0.065]))
    """
    check_flag(exact, "exact")
    loss = SoftRankNDCG(
        checked_cutoff(k), _checked_gain(gain), one_strength(sigma, "sigma"), exact
    )
    return list_loss(loss, scores, relevance, groups, sample_weight, "relevance")


def listnet_loss(scores, relevance, *, groups=None, sample_weight=None):
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


def _checked_gain(gain):
    check_option(gain, "gain", tuple(GAINS))
    return gain
