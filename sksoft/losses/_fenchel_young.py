# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Fenchel-Young loss of the permutahedron."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._lists import RowLoss
from sksoft._validation import check_option
from sksoft.losses._reduction import list_loss, one_strength
from sksoft.operators import soft_rank


class FenchelYoungRanks(RowLoss):
    """The convex loss whose gradient is soft ranks minus ranks."""

    def __init__(self, strength, regularization, scale=1.0):
        self.strength = strength
        self.regularization = regularization
        self.scale = scale

    def prepare(self, target):
        return soft_rank(target, regularization_strength=0.0)

    def evaluate(self, scores, ranks):
        soft = soft_rank(
            scores,
            regularization=self.regularization,
            regularization_strength=self.strength,
        )
        excess = soft - ranks
        if self.regularization == "kl":
            # The divergence of the entropy, which is linear in equal sums of ranks.
            slope = scores - self.strength * np.log(soft)
            divergence = ranks * np.log(ranks / soft) - ranks + soft
        else:
            slope = scores - self.strength * soft
            divergence = 0.5 * excess**2
        values = (slope * excess + self.strength * divergence).sum(axis=1)
        return self.scale * np.maximum(values, 0.0), self.scale * excess


def fenchel_young_rank_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    regularization: Literal["l2", "kl"] = "l2",
    regularization_strength: float = 1.0,
) -> tuple[float, NDArray[Any]]:
    """Convex loss of scores that is zero where their soft ranks are the target's ranks.

    The Fenchel-Young loss of the permutahedron [1]_: its gradient in a row is the soft
    ranks of the scores minus the ranks of the target, and it is at least
    ``regularization_strength / 2`` times their squared distance for L2. For models
    linear in their parameters every minimum is global.

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
    regularization : {"l2", "kl"}, default="l2"
        As for :func:`sksoft.soft_rank`.
    regularization_strength : float, default=1.0
        As for :func:`sksoft.soft_rank`.

    Returns
    -------
    value : float
        The weighted mean over the rows of the sum over their entries.
    gradient : ndarray of the shape of `scores`
        The gradient of the value, 0 for absent entries.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If a shape does not fit, `scores` are not finite, the weights are negative, all
        zero, or unequal within a group, or an option is unknown.

    See Also
    --------
    soft_spearman_loss : The squared distance of ranks itself.

    References
    ----------
    .. [1] Blondel, Martins and Niculae, "Learning with Fenchel-Young losses", Journal
       of Machine Learning Research 21, 2020.

    Examples
    --------
    >>> from sksoft.losses import fenchel_young_rank_loss
    >>> value, gradient = fenchel_young_rank_loss([2.0, 2.5, 0.0], [1.0, 3.0, 2.0])
    >>> round(value, 4), gradient.round(3)
    (2.0625, array([ 1.25, -0.25, -1.  ]))
    """
    check_option(regularization, "regularization", ("l2", "kl"))
    strength = one_strength(regularization_strength)
    loss = FenchelYoungRanks(strength, regularization)
    return list_loss(loss, scores, target, groups, sample_weight)
