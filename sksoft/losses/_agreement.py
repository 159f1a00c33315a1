# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses that compare the order of scores with the order of a target."""

import numpy as np

from sksoft._lists import RowLoss
from sksoft._pav import rank_distance_l2
from sksoft._sorting import ascending_order
from sksoft._threads import map_chunks, row_chunks
from sksoft._validation import check_option, real_array
from sksoft.losses._rows import list_loss, one_strength
from sksoft.operators import soft_rank, vjp

# The most pairs compared at once.
PAIRS_AT_ONCE = 1 << 20


class Spearman(RowLoss):
    """One minus Spearman's coefficient, with soft ranks of the scores."""

    def __init__(self, strength, method, regularization):
        self.strength = strength
        self.method = method
        self.regularization = regularization

    def prepare(self, target):
        return soft_rank(target, regularization_strength=0.0)

    def evaluate(self, scores, ranks):
        m = scores.shape[1]
        scale = 6.0 / (m * (m**2 - 1.0)) if m > 1 else 0.0
        if self.method == "permutahedron" and self.regularization in (None, "l2"):
            distance, slope = _l2_distance(scores, ranks, self.strength)
        else:
            soft, pullback = vjp(
                soft_rank,
                scores,
                method=self.method,
                regularization=self.regularization,
                regularization_strength=self.strength,
            )
            excess = soft - ranks
            distance = np.einsum("ij,ij->i", excess, excess)
            slope = pullback(excess)
        return scale * distance, 2.0 * scale * slope


def _l2_distance(scores, ranks, strength):
    """Squared distances of L2 soft ranks to ranks, half their gradients, at once."""
    scores = np.ascontiguousarray(real_array(scores, "scores"))
    m = scores.shape[1]
    distance, slope = np.zeros(len(scores)), np.empty(scores.shape)

    def evaluate(part):
        rows = scores[part]
        rank_distance_l2(
            rows,
            ascending_order(rows),
            ranks[part],
            strength,
            distance[part],
            slope[part],
            np.empty((2, max(m // 2, 1)), np.intp),
            np.empty((3, m)),
            np.empty(m, np.uint8),
        )

    map_chunks(evaluate, row_chunks(len(scores), m))
    return distance, slope


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


class Kendall(RowLoss):
    """One minus Kendall's coefficient over the pairs that the target tells apart."""

    def __init__(self, strength):
        self.strength = strength

    def prepare(self, target):
        return target

    def evaluate(self, scores, target):
        g, m = scores.shape
        agreement, n_pairs = np.zeros(g), np.zeros(g)
        gradient = np.empty((g, m))
        step = max(PAIRS_AT_ONCE // max(g * m, 1), 1)
        for start in range(0, m, step):
            block = slice(start, start + step)
            sign = np.sign(target[:, block, np.newaxis] - target[:, np.newaxis])
            gap = scores[:, block, np.newaxis] - scores[:, np.newaxis]
            if self.strength > 0.0:
                soft = np.tanh(gap / (2.0 * self.strength))
                slope = sign * (1.0 - soft**2) / (2.0 * self.strength)
                gradient[:, block] = slope.sum(axis=2)
            else:
                soft = np.sign(gap)
                gradient[:, block] = 0.0
            agreement += 0.5 * (sign * soft).sum(axis=(1, 2))
            n_pairs += 0.5 * np.abs(sign).sum(axis=(1, 2))
        compared = n_pairs > 0.0
        share = compared / np.where(compared, n_pairs, 1.0)
        return compared - share * agreement, -share[:, np.newaxis] * gradient


def soft_spearman_loss(
    scores,
    target,
    *,
    groups=None,
    sample_weight=None,
    method="permutahedron",
    regularization=None,
    regularization_strength=1.0,
):
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


def fenchel_young_rank_loss(
    scores,
    target,
    *,
    groups=None,
    sample_weight=None,
    regularization="l2",
    regularization_strength=1.0,
):
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


def soft_kendall_loss(
    scores, target, *, groups=None, sample_weight=None, regularization_strength=1.0
):
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
