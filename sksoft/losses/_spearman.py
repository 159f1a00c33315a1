# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Spearman's coefficient at soft ranks, as a loss."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._lists import RowLoss
from sksoft.losses._reduction import list_loss, one_strength
from sksoft.operators import soft_rank, vjp


class Spearman(RowLoss):
    """One minus Spearman's coefficient, with soft ranks of the scores."""

    def __init__(self, strength, method="permutahedron", regularization=None):
        self.params = {
            "method": method,
            "regularization": regularization,
            "regularization_strength": strength,
        }

    def prepare(self, target):
        return soft_rank(target, regularization_strength=0.0)

    def evaluate(self, scores, ranks):
        m = scores.shape[1]
        scale = 6.0 / (m * (m**2 - 1.0)) if m > 1 else 0.0
        soft, pullback = vjp(soft_rank, scores, **self.params)
        excess = soft - ranks
        distance = np.einsum("ij,ij->i", excess, excess)
        return scale * distance, pullback(2.0 * scale * excess)


def soft_spearman_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    method: str = "permutahedron",
    regularization: str | None = None,
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """Squared distance of the soft ranks of scores to the ranks of a target.

    For a row of m entries without ties this is ``6 / (m (m^2 - 1))`` times the squared
    distance, so that it becomes one minus Spearman's coefficient as the strength goes
    to zero [1]_. Large scores go with large targets: for a target of ranks, in which 1
    is best, pass its negative.

    Parameters
    ----------
    scores : array-like of shape (..., m) or (n_entries,)
        The scores; each row of the last axis is ranked on its own. With `groups`, the
        entries of all rows one after the other.
    target : array-like of the shape of `scores`
        Any values in the wished order; equal values get their average rank. NaN stands
        for an entry that is not to be compared: its row is shorter.
    groups : array-like of shape (n_entries,), default=None
        The row that each entry belongs to, of any hashable type, in any order.
    sample_weight : array-like of shape (...) or (n_entries,), default=None
        A weight for each row; with `groups`, one for each entry, equal within a row.
    method : str, default="permutahedron"
        How the scores are ranked, see :func:`sksoft.soft_rank`.
    regularization : str, default=None
        As for :func:`sksoft.soft_rank`.
    regularization_strength : float, default=1.0
        As for :func:`sksoft.soft_rank`. With "permutahedron" and L2, ranks are scores
        divided by the strength, clipped to the permutahedron: what suits scores fitted
        to ranks is 1.

    Returns
    -------
    value : float
        The weighted mean over the rows. A row with less than two entries counts as 0.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, or the weights are negative,
        all zero, or unequal within a group; else as :func:`sksoft.soft_rank`.

    See Also
    --------
    fenchel_young_rank_loss : A convex loss for the same target.
    soft_kendall_loss : Compares pairs.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft.losses import soft_spearman_loss
    >>> value, gradient = soft_spearman_loss([2.0, 2.5, 0.0], [1.0, 3.0, 2.0])
    >>> round(value, 4), gradient.round(3)
    (0.6562, array([ 0.375, -0.375,  0.   ]))
    """
    strength = one_strength(regularization_strength)
    loss = Spearman(strength, method, regularization)
    return list_loss(loss, scores, target, groups, sample_weight)
