# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The logarithm of the right class's entry in the soft top-k mask."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from sksoft.losses._reduction import (
    LabelLoss,
    checked_classes,
    checked_k,
    label_loss,
    positive_strength,
)
from sksoft.operators import soft_topk

# Slopes that overflow are this large: where they are weighted and added up, they must
# not become NaN.
STEEPEST = 1e280


class TopKCrossEntropy(LabelLoss):
    """Minus the logarithm of the right class's entry in the soft top-k mask."""

    def __init__(self, k, strength):
        self.k = k
        self.strength = strength

    def evaluate(self, scores, labels):
        if self.k == scores.shape[1]:
            return np.zeros(len(scores)), np.zeros(scores.shape)
        rows = np.arange(len(scores))
        with np.errstate(over="ignore"):
            depth, share = self._depth(scores, scores[rows, labels])
            slope = expit(depth)
            gradient = slope[:, np.newaxis] * share
            gradient[rows, labels] -= slope
            gradient = np.clip(gradient / self.strength, -STEEPEST, STEEPEST)
        return np.logaddexp(0.0, depth), gradient

    def _depth(self, scores, right):
        """Return how deep the right score lies below where the mask is 1/2.

        In units of the strength; and the derivative of this place in the scores.
        """
        mask = soft_topk(scores, self.k, regularization_strength=self.strength)
        rows = np.arange(len(scores))
        spread = mask * (1.0 - mask)
        softest = np.argmax(np.minimum(mask, 1.0 - mask), axis=1)
        place = mask[rows, softest]
        soft = spread[rows, softest] > 0.0
        # A mask that is hard in floating point is 1/2 halfway between its two sides.
        order = np.argsort(-scores, axis=1, kind="stable")
        sides = order[:, self.k - 1], order[:, self.k]
        # Differences of scores come first: the threshold itself would be rounded.
        halfway = 0.0
        for side in sides:
            halfway += 0.5 * (scores[rows, side] - right)
            spread[rows[~soft], side[~soft]] = 0.5
        gap = np.where(soft, scores[rows, softest] - right, halfway)
        depth = gap / self.strength - logit(np.where(soft, place, 0.5))
        return depth, spread / spread.sum(axis=1, keepdims=True)


def topk_cross_entropy_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    k: int = 1,
    sample_weight: ArrayLike | None = None,
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
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
    scores = checked_classes(scores)
    k = checked_k(k, scores.shape[-1])
    loss = TopKCrossEntropy(k, positive_strength(regularization_strength))
    return label_loss(loss, scores, target, sample_weight)
