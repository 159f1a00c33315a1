# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Kendall's coefficient of soft comparisons, as a loss."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from sksoft._lists import RowLoss
from sksoft.losses._pairs import pair_blocks
from sksoft.losses._reduction import list_loss, one_strength


class Kendall(RowLoss):
    """One minus Kendall's coefficient over the pairs that the target tells apart."""

    def __init__(self, strength):
        self.strength = strength

    def prepare(self, target):
        return target

    def evaluate(self, scores, target):
        g, m = scores.shape
        agreement, n_pairs = np.zeros(g), np.zeros(g)
        slope = np.zeros((g, m))
        for block in pair_blocks(g, m):
            sign = np.sign(target[:, block, np.newaxis] - target[:, np.newaxis])
            gap = scores[:, block, np.newaxis] - scores[:, np.newaxis]
            if self.strength > 0.0:
                gap /= self.strength
                soft = np.tanh(0.5 * gap)
                slope[:, block] = (sign * expit(gap) * expit(-gap)).sum(axis=2)
            else:
                soft = np.sign(gap)
            agreement += 0.5 * (sign * soft).sum(axis=(1, 2))
            n_pairs += 0.5 * np.abs(sign).sum(axis=(1, 2))
        compared = n_pairs > 0.0
        share = compared / np.where(compared, n_pairs, 1.0)
        # Divided last: sums of slopes that are infinite would not be numbers.
        slope *= -2.0 * share[:, np.newaxis]
        if self.strength > 0.0:
            slope /= self.strength
        return compared - share * agreement, slope


def soft_kendall_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """One minus a soft Kendall coefficient of scores and a target.

    Each pair of entries that the target tells apart adds
    ``tanh(gap / (2 regularization_strength))``, where the gap is the score of the entry
    with the larger target minus the other; the sum is divided by the number of such
    pairs. Without ties this becomes one minus Kendall's coefficient as the strength
    goes to zero. It costs O(m^2) time for a row of m entries.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores; each row of the last axis is ranked on its own. With `groups`, the
        entries of all rows one after the other.
    target : array-like of the shape of `scores`
        Any values in the wished order. NaN stands for an entry that is not to be
        compared.
    groups : array-like of shape (n_entries,), default=None
        The row that each entry belongs to, of any hashable type, in any order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each row; with `groups`, one for each entry, equal within a row.
    regularization_strength : float, default=1.0
        At least 0, in the unit of the scores. 0 compares exactly, with a zero gradient.

    Returns
    -------
    value : float
        The weighted mean over the rows. A row without a pair to compare counts as 0.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, or the weights are negative,
        all zero, or unequal within a group.

    See Also
    --------
    soft_spearman_loss : Compares ranks, in O(m log m).

    References
    ----------
    .. [1] M. G. Kendall, "A new measure of rank correlation", Biometrika 30, 1938.

    Examples
    --------
    >>> from sksoft.losses import soft_kendall_loss
    >>> value, gradient = soft_kendall_loss([2.0, 2.5, 0.0], [1.0, 3.0, 2.0])
    >>> round(value, 4), gradient.round(3)
    (0.8895, array([ 0.227, -0.203, -0.023]))
    """
    loss = Kendall(one_strength(regularization_strength))
    return list_loss(loss, scores, target, groups, sample_weight)
