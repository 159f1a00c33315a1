# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of classification that ask for the right class among the first k."""

import numpy as np
from scipy.special import expit, log_softmax, logit

from sksoft._lists import RowLoss
from sksoft._validation import check_integer
from sksoft.losses._rows import label_loss, one_strength
from sksoft.operators import soft_rank, soft_topk, vjp


class CrossEntropy(RowLoss):
    """Multinomial logistic loss."""

    def prepare(self, labels):
        return labels

    def evaluate(self, scores, labels):
        log_share = log_softmax(scores, axis=1)
        gradient = np.exp(log_share)
        rows = np.arange(len(scores))
        gradient[rows, labels] -= 1.0
        return -log_share[rows, labels], gradient


class TopKRanking(CrossEntropy):
    """How far the soft rank of the right class lies beyond k."""

    def __init__(self, k, strength, method, regularization):
        self.k = k
        self.params = {
            "descending": True,
            "method": method,
            "regularization": regularization,
            "regularization_strength": strength,
        }

    def evaluate(self, scores, labels):
        rows = np.arange(len(scores))
        squashed = expit(scores)
        ranks, pullback = vjp(soft_rank, squashed, **self.params)
        excess = ranks[rows, labels] - self.k
        beyond = np.zeros(scores.shape)
        beyond[rows, labels] = excess > 0.0
        gradient = pullback(beyond) * squashed * expit(-scores)
        return np.maximum(excess, 0.0), gradient


class TopKCrossEntropy(CrossEntropy):
    """Minus the logarithm of the right class's entry in the soft top-k mask."""

    def __init__(self, k, strength):
        self.k = k
        self.strength = strength

    def evaluate(self, scores, labels):
        if self.k == scores.shape[1]:
            return np.zeros(len(scores)), np.zeros(scores.shape)
        threshold, share = self._threshold(scores)
        rows = np.arange(len(scores))
        depth = (threshold - scores[rows, labels]) / self.strength
        slope = expit(depth) / self.strength
        gradient = slope[:, np.newaxis] * share
        gradient[rows, labels] -= slope
        return np.logaddexp(0.0, depth), gradient

    def _threshold(self, scores):
        """Return where the mask is 1/2, and the derivative of this in the scores."""
        mask = soft_topk(scores, self.k, regularization_strength=self.strength)
        rows = np.arange(len(scores))
        spread = mask * (1.0 - mask)
        softest = np.argmax(np.minimum(mask, 1.0 - mask), axis=1)
        soft = spread[rows, softest] > 0.0
        # A mask that is hard in floating point: halfway between its two sides.
        order = np.argsort(-scores, axis=1)
        for entry in (order[:, self.k - 1], order[:, self.k]):
            spread[rows[~soft], entry[~soft]] = 0.5
        halfway = (spread * scores).sum(axis=1)
        place = np.where(soft, mask[rows, softest], 0.5)
        threshold = np.where(
            soft, scores[rows, softest] - self.strength * logit(place), halfway
        )
        return threshold, spread / spread.sum(axis=1, keepdims=True)


class SmoothTopKSVM(CrossEntropy):
    """The smoothed top-k hinge of Berrada et al."""

    def __init__(self, k, strength):
        self.k = k
        self.strength = strength

    def evaluate(self, scores, labels):
        k, strength = self.k, self.strength
        rows = np.arange(len(scores))
        others = scores / (k * strength)
        right = others[rows, labels]
        others[rows, labels] = -np.inf
        (below, at), (share_below, share_at) = _log_symmetric(others, k)
        depth = 1.0 / strength + at - below - right
        slope = (expit(depth) / k)[:, np.newaxis]
        gradient = slope * (share_at - share_below)
        gradient[rows, labels] = -slope[:, 0]
        return strength * np.logaddexp(0.0, depth), gradient


def _log_symmetric(x, k):
    """Logarithms of the elementary symmetric polynomials of exp(x), and gradients.

    Returns the pairs of degrees k - 1 and k, of shapes (g,) and (g, m).
    """
    prefix = _prefix_symmetric(x, k)
    suffix = _prefix_symmetric(x[:, ::-1], k)[::-1]
    total = prefix[-1, :, k - 1], prefix[-1, :, k]
    shares = np.zeros(x.shape), np.zeros(x.shape)
    for degree, value, share in zip((k - 1, k), total, shares, strict=True):
        if degree:
            without = prefix[:-1, :, :degree] + suffix[1:, :, degree - 1 :: -1]
            without = np.logaddexp.reduce(without, axis=2).T
            share[...] = np.exp(x + without - value[:, np.newaxis])
    return total, shares


def _prefix_symmetric(x, k):
    """Log-polynomials of degrees 0 to k of the first 0, 1, ..., m columns."""
    g, m = x.shape
    prefix = np.full((m + 1, g, k + 1), -np.inf)
    prefix[:, :, 0] = 0.0
    for j in range(m):
        prefix[j + 1, :, 1:] = np.logaddexp(
            prefix[j, :, 1:], x[:, j, np.newaxis] + prefix[j, :, :-1]
        )
    return prefix


def topk_ranking_loss(
    scores,
    target,
    *,
    k=1,
    sample_weight=None,
    method="permutahedron",
    regularization=None,
    regularization_strength=0.1,
):
    """How far the soft rank of the right class lies beyond k.

    The scores are squashed to [0, 1] by the logistic function, ranked softly so that
    the largest has rank 1, and a sample loses ``max(0, rank - k)`` [1]_ [2]_.

    Parameters
    ----------
    scores : array-like of shape (..., n_classes)
        The scores of the classes; each row of the last axis is a sample.
    target : array-like of int of shape (...)
        The index of the right class of each sample, from 0 to ``n_classes - 1``.
    k : int, default=1
        How many classes may be named, from 1 to the number of classes.
    sample_weight : array-like of shape (...), default=None
        A weight for each sample.
    method : str, default="permutahedron"
        How the squashed scores are ranked, see :func:`sksoft.soft_rank`.
    regularization : str, default=None
        As for :func:`sksoft.soft_rank`.
    regularization_strength : float, default=0.1
        As for :func:`sksoft.soft_rank`, but of scores in [0, 1]: the typical gap is
        about ``1 / n_classes``, and the loss is flat where gaps are larger than the
        strength.

    Returns
    -------
    value : float
        The weighted mean over the samples.
    gradient : ndarray of the shape of `scores`
        The gradient of the value.

    Raises
    ------
    TypeError
        If `scores` are not real, or `target` or `k` are not integers.
    ValueError
        If a shape does not fit, `scores` are not finite, a class or `k` is out of
        range, the strength is negative, or the weights are negative or all zero.

    See Also
    --------
    topk_cross_entropy_loss : Never flat where the right class is missed.
    smooth_topk_svm_loss : A smoothed hinge.

    References
    ----------
    .. [1] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.
    .. [2] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft.losses import topk_ranking_loss
    >>> value, gradient = topk_ranking_loss([[1.0, 0.8, -1.0]], [2], k=2)
    >>> round(value, 4)
    1.0
    """
    scores_shape = np.shape(scores)
    k = checked_k(k, scores_shape[-1] if scores_shape else 1)
    loss = TopKRanking(k, one_strength(regularization_strength), method, regularization)
    return label_loss(loss, scores, target, sample_weight)


def topk_cross_entropy_loss(
    scores, target, *, k=1, sample_weight=None, regularization_strength=1.0
):
    """Minus the logarithm of the right class's entry in the soft top-k mask.

    The mask is that of :func:`sksoft.soft_topk`, whose entries lie between 0 and 1 and
    sum to k [1]_. The loss grows linearly where the right class is missed by far.

    Parameters
    ----------
    scores : array-like of shape (..., n_classes)
        The scores of the classes; each row of the last axis is a sample.
    target : array-like of int of shape (...)
        The index of the right class of each sample, from 0 to ``n_classes - 1``.
    k : int, default=1
        How many classes may be named, from 1 to the number of classes.
    sample_weight : array-like of shape (...), default=None
        A weight for each sample.
    regularization_strength : float, default=1.0
        Positive, in the unit of the scores; see :func:`sksoft.soft_topk`.

    Returns
    -------
    value : float
        The weighted mean over the samples.
    gradient : ndarray of the shape of `scores`
        The gradient of the value.

    Raises
    ------
    TypeError
        If `scores` are not real, or `target` or `k` are not integers.
    ValueError
        If a shape does not fit, `scores` are not finite, a class or `k` is out of
        range, the strength is not positive, or the weights are negative or all zero.

    See Also
    --------
    topk_ranking_loss : Loses the excess rank.
    smooth_topk_svm_loss : A smoothed hinge.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.

    Examples
    --------
    >>> from sksoft.losses import topk_cross_entropy_loss
    >>> value, gradient = topk_cross_entropy_loss([[1.0, 0.8, -1.0]], [2], k=2)
    >>> round(value, 4), gradient.round(3)
    (0.9527, array([[ 0.164,  0.185, -0.349]]))
    """
    scores_shape = np.shape(scores)
    k = checked_k(k, scores_shape[-1] if scores_shape else 1)
    loss = TopKCrossEntropy(k, _positive_strength(regularization_strength))
    return label_loss(loss, scores, target, sample_weight)


def smooth_topk_svm_loss(
    scores, target, *, k=1, sample_weight=None, regularization_strength=1.0
):
    """Smoothed top-k hinge: the margin by which the right class is among the first k.

    Compares the soft maximum of the sum of k scores over all sets of k classes, plus a
    margin of 1, with that over the sets that contain the right class [1]_. The sums
    over sets are elementary symmetric polynomials, computed in the log domain: the
    value costs O(n_classes k), the gradient O(n_classes k^2).

    Parameters
    ----------
    scores : array-like of shape (..., n_classes)
        The scores of the classes; each row of the last axis is a sample.
    target : array-like of int of shape (...)
        The index of the right class of each sample, from 0 to ``n_classes - 1``.
    k : int, default=1
        How many classes may be named, from 1 to ``n_classes - 1``.
    sample_weight : array-like of shape (...), default=None
        A weight for each sample.
    regularization_strength : float, default=1.0
        The temperature of the soft maximum, positive, in the unit of the scores. The
        loss tends to the top-k hinge as it goes to 0.

    Returns
    -------
    value : float
        The weighted mean over the samples.
    gradient : ndarray of the shape of `scores`
        The gradient of the value.

    Raises
    ------
    TypeError
        If `scores` are not real, or `target` or `k` are not integers.
    ValueError
        If a shape does not fit, `scores` are not finite, a class or `k` is out of
        range, the strength is not positive, or the weights are negative or all zero.

    See Also
    --------
    topk_ranking_loss : Loses the excess rank.
    topk_cross_entropy_loss : The logarithm of a soft mask.

    References
    ----------
    .. [1] Berrada, Zisserman and Kumar, "Smooth Loss Functions for Deep Top-k
       Classification", ICLR 2018.

    Examples
    --------
    >>> from sksoft.losses import smooth_topk_svm_loss
    >>> value, gradient = smooth_topk_svm_loss([[1.0, 0.8, -1.0]], [2], k=2)
    >>> round(value, 4)
    1.5063
    """
    scores_shape = np.shape(scores)
    k = checked_k(k, scores_shape[-1] - 1 if scores_shape else 1)
    loss = SmoothTopKSVM(k, _positive_strength(regularization_strength))
    return label_loss(loss, scores, target, sample_weight)


def checked_k(k, most):
    """Return k, an integer from 1 to most."""
    check_integer(k, "k")
    if not 1 <= k <= most:
        raise ValueError(f"k must lie between 1 and {most}, got {k}.")
    return int(k)


def _positive_strength(strength):
    strength = one_strength(strength)
    if strength == 0.0:
        raise ValueError("regularization_strength must be > 0, got 0.0.")
    return strength
