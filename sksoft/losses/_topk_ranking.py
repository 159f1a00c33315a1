# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How far the soft rank of the right class lies beyond k."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from sksoft.losses._reduction import (
    LabelLoss,
    checked_classes,
    checked_k,
    label_loss,
    one_strength,
)
from sksoft.operators import soft_rank, vjp


class TopKRanking(LabelLoss):
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
        slope = squashed * expit(-scores)
        # Where the squashed scores are flat, infinite slopes of ranks do not count.
        gradient = np.zeros(scores.shape)
        np.multiply(pullback(beyond), slope, out=gradient, where=slope > 0.0)
        return np.maximum(excess, 0.0), gradient


def topk_ranking_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    k: int = 1,
    sample_weight: ArrayLike | None = None,
    method: str = "permutahedron",
    regularization: str | None = None,
    regularization_strength: float = 0.1,
) -> tuple[float, NDArray[Any]]:
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
    scores = checked_classes(scores)
    k = checked_k(k, scores.shape[-1])
    loss = TopKRanking(k, one_strength(regularization_strength), method, regularization)
    return label_loss(loss, scores, target, sample_weight)
