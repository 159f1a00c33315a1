# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The smoothed top-k hinge."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from sksoft.losses._reduction import (
    LabelLoss,
    checked_classes,
    checked_k,
    label_loss,
    positive_strength,
)

# A class whose score is this many temperatures above the k-th is in all sets of k, up
# to a share of exp(-60).
FAR = 60.0


class SmoothTopKSVM(LabelLoss):
    """The smoothed top-k hinge of Berrada et al."""

    def __init__(self, k, strength):
        self.k = k
        self.strength = strength

    def evaluate(self, scores, labels):
        k, strength = self.k, self.strength
        rows = np.arange(len(scores))
        others = scores.copy()
        others[rows, labels] = -np.inf
        # The margin at the k-th of the others is exact; sums over sets only add what
        # the classes close to it do.
        pivot = -np.partition(-others, k - 1, axis=1)[:, k - 1]
        margin = 1.0 + (pivot - scores[rows, labels]) / k
        others = (others - pivot[:, np.newaxis]) / k / strength
        others = np.minimum(others, FAR)
        others[rows, labels] = -np.inf
        (below, at), (share_below, share_at) = _log_symmetric(others, k)
        depth = margin / strength + (at - below)
        slope = (expit(depth) / k)[:, np.newaxis]
        gradient = slope * (share_at - share_below)
        gradient[rows, labels] = -slope[:, 0]
        value = np.maximum(margin + strength * (at - below), 0.0)
        return value + strength * np.log1p(np.exp(-np.abs(depth))), gradient


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


def smooth_topk_svm_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    k: int = 1,
    sample_weight: ArrayLike | None = None,
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
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
    scores = checked_classes(scores)
    k = checked_k(k, scores.shape[-1] - 1)
    loss = SmoothTopKSVM(k, positive_strength(regularization_strength))
    return label_loss(loss, scores, target, sample_weight)
