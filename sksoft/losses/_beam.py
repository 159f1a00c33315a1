# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of sequences of labels that fall out of a beam."""

import itertools
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sksoft._lists import list_shares
from sksoft._relaxations.beam import BeamTree
from sksoft._validation import check_option, nonnegative_number, positive_integer
from sksoft.losses._cross_entropy import CrossEntropy
from sksoft.losses._reduction import LabelLoss, checked_labels, one_strength
from sksoft.losses._topk_cross_entropy import TopKCrossEntropy
from sksoft.operators.sequences import checked_sequences, checked_transitions
from sksoft.operators.soft_beams import SoftBeams

OBJECTIVES = ("cross_entropy", "membership", "hinge", "soft")
# The default strengths; the others have none, which would only rescale the scores.
STRENGTHS = {"membership": 1.0, "soft": 0.3}
# Candidates of about this many sequences' rows are held at once.
CANDIDATES_AT_ONCE = 1 << 22


class TopKHinge(LabelLoss):
    """How far the right class is from leading the k-th best other by one."""

    def __init__(self, k):
        self.k = k

    def evaluate(self, scores, labels):
        gradient = np.zeros(scores.shape)
        if self.k >= scores.shape[1]:
            return np.zeros(len(scores)), gradient
        rows = np.arange(len(scores))
        others = scores.copy()
        others[rows, labels] = -np.inf
        rival = np.argpartition(-others, self.k - 1, axis=1)[:, self.k - 1]
        excess = 1.0 + scores[rows, rival] - scores[rows, labels]
        gradient[rows, rival] = excess > 0.0
        gradient[rows, labels] = -gradient[rows, rival]
        return np.maximum(excess, 0.0), gradient


class BeamObjective:
    """The weighted sum of a loss of sequences, as a function of what scores them.

    Parameters
    ----------
    starts : ndarray of int of shape (n_sequences + 1,)
        Where the rows of each sequence start.
    reference : ndarray of int of shape (n_rows,)
        The labels that should win.
    weight : ndarray of shape (n_sequences,)
        What each sequence counts.
    k : int
        How many other prefixes are kept.
    objective : str
        One of `OBJECTIVES`.
    strength : float or None
        Of "membership" and "soft".
    final_weight : float
        What the last step counts.
    """

    def __init__(
        self,
        starts: ArrayLike,
        reference: ArrayLike,
        weight: ArrayLike,
        k: int,
        objective: str,
        strength: float | None,
        final_weight: float,
    ) -> None:
        self.starts, self.reference, self.k = starts, reference, k
        self.is_soft, self.strength = objective == "soft", strength
        self.weight = step_weights(starts, final_weight)
        self.weight *= np.repeat(weight, np.diff(starts))
        self.is_last = np.zeros(len(reference), bool)
        self.is_last[starts[1:] - 1] = True
        self.final = CrossEntropy()
        self.inner = self.final
        if objective == "membership":
            self.inner = TopKCrossEntropy(k, strength)
        elif objective == "hinge":
            self.inner, self.final = TopKHinge(k), TopKHinge(1)

    def __call__(self, emissions, first, second):
        """Return the value and its gradients in emissions, first and second."""
        if self.is_soft:
            return self._soft(emissions, first, second)
        total, d_first, d_second = 0.0, np.zeros(first.shape), np.zeros(second.shape)
        d_emissions = np.empty(emissions.shape)
        for begins in self._pieces(emissions.shape[1]):
            rows = slice(int(begins[0]), int(begins[-1]))
            reference = self.reference[rows]
            tree = BeamTree(
                emissions[rows], begins - begins[0], reference, first, second, self.k
            )
            value, d_candidates = self._losses(tree, rows)
            total += value
            d_emissions[rows], of_first, of_second = tree.pullback(d_candidates)
            d_first += of_first
            d_second += of_second
        return total, d_emissions, d_first, d_second

    def _pieces(self, n_labels):
        """Return starts of sequences whose candidates are held at once."""
        starts = self.starts
        most = max(CANDIDATES_AT_ONCE // ((self.k + 1) * n_labels), 1)
        if starts[-1] <= most:
            return [starts]
        piece = (starts[1:] - 1) // most
        bounds = np.flatnonzero(np.diff(piece, prepend=-1, append=-1))
        return [starts[begin : end + 1] for begin, end in itertools.pairwise(bounds)]

    def _losses(self, tree, rows):
        """Return the weighted loss of candidates and its gradient."""
        weight, is_last = self.weight[rows], self.is_last[rows]
        labels = self.reference[rows]
        n_labels = tree.candidates.shape[1] // (self.k + 1)
        gradient = np.zeros(tree.candidates.shape)
        total = 0.0
        # Only rows with equally many slots in use can be evaluated at once.
        kind = 2 * tree.n_slots
        if self.inner is not self.final:
            kind = kind + is_last
        # A loss without weight counts nothing, infinite or not.
        counted = weight > 0.0
        for group in np.unique(kind[counted]):
            chosen = np.flatnonzero(counted & (kind == group))
            used = int(tree.n_slots[chosen[0]]) * n_labels
            loss = self.final if is_last[chosen[0]] else self.inner
            if isinstance(loss, TopKCrossEntropy) and self.k >= used:
                continue
            values, slopes = loss.evaluate(
                tree.candidates[chosen, :used], labels[chosen]
            )
            total += float(weight[chosen] @ values)
            gradient[chosen, :used] = weight[chosen, np.newaxis] * slopes
        return total, gradient

    def _soft(self, emissions, first, second):
        beams = SoftBeams(
            emissions,
            self.starts,
            first,
            second,
            self.k,
            self.strength,
            self.reference,
            False,
        )
        total, slopes = 0.0, []
        for rows, candidates in zip(beams.steps, beams.candidates, strict=True):
            weight = self.weight[rows]
            values, slope = self.final.evaluate(
                candidates.reshape(len(rows), -1), self.reference[rows]
            )
            values[weight == 0.0], slope[weight == 0.0] = 0.0, 0.0
            total += float(weight @ values)
            slope = weight[:, np.newaxis] * slope
            slopes.append(slope.reshape(candidates.shape))
        return total, *beams.pullback(d_candidates=slopes)


def step_weights(starts, final_weight):
    """Return what each row counts: the last of several final_weight times."""
    lengths = np.diff(starts)
    last = starts[1:][lengths > 1] - 1
    weight = np.ones(int(starts[-1]))
    if final_weight == np.inf:
        weight[np.repeat(lengths > 1, lengths)] = 0.0
        weight[last] = 1.0
    else:
        weight[last] = final_weight
    return weight


def checked_objective(objective, strength):
    """Return the strength of an objective, None where it has none."""
    check_option(objective, "objective", OBJECTIVES)
    if objective not in STRENGTHS:
        if strength is not None:
            raise ValueError(
                f"regularization_strength must be None for objective={objective!r}, "
                f"where it would only rescale the scores, got {strength!r}."
            )
        return None
    if strength is None:
        return STRENGTHS[objective]
    strength = one_strength(strength)
    if strength == 0.0 and objective == "membership":
        raise ValueError(
            "regularization_strength must be > 0 for objective='membership', got 0.0."
        )
    return strength


def beam_loss(
    emissions: ArrayLike,
    transitions: Any,
    target: ArrayLike,
    k: int,
    *,
    objective: Literal[
        "cross_entropy", "membership", "hinge", "soft"
    ] = "cross_entropy",
    final_weight: float = 3.0,
    regularization_strength: float | None = None,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, Any]:
    """Loss of sequences of labels that a beam should keep, with its gradients.

    At each step the prefix of the right labels, which always has a slot of its own,
    competes with all extensions of itself and of the k best wrong prefixes. The losses
    of all steps of a sequence are added.

    Parameters
    ----------
    emissions : array-like of shape (n_steps, n_labels) or \
            (n_sequences, n_steps, n_labels)
        The score of each label at each step. With `lengths`, the rows of all sequences
        one after the other.
    transitions : array-like or tuple of two
        Scores of pairs, of shape (n_labels, n_labels), of triples, of shape
        (n_labels, n_labels, n_labels), or a tuple of both, as in
        :func:`sksoft.sequence.beam_search`.
    target : array-like of int of shape (..., n_steps)
        The right labels, from 0 to n_labels - 1: `emissions` without its last axis.
    k : int
        The width of the beam, at least 1.
    objective : {"cross_entropy", "membership", "hinge", "soft"}, \
            default="cross_entropy"
        What a step loses: "cross_entropy", minus the logarithm of the softmax of the
        right prefix among all candidates, asks it to be the first; "membership", minus
        the logarithm of its entry in the soft top-k mask [1]_, and "hinge", its lack of
        a lead of one over the k-th wrong candidate [2]_, only to stay in the beam, and
        at the last step to be the first. "soft" is "cross_entropy" in a beam that
        mixes candidates by the sorted soft top-k [1]_: the only one that is continuous
        where other prefixes enter the beam.
    final_weight : float, default=3.0
        How often the last step of a sequence of several counts, at least 0; infinity
        counts it alone. With a beam that holds all prefixes this is then the exact
        negative log-likelihood of a conditional random field.
    regularization_strength : float, default=None
        Of "membership", positive, 1.0 by default, and of "soft", at least 0, 0.3 by
        default, in the unit of the scores; None for the others.
    lengths : array-like of int of shape (n_sequences,), default=None
        The lengths of sequences whose rows stand one after the other.
    sample_weight : array-like of shape (n_sequences,), default=None
        A weight for each sequence; a number for a single one.

    Returns
    -------
    value : float
        The weighted mean over the sequences.
    gradient : tuple of two
        The gradients in `emissions`, an array, and in `transitions`, an array or a
        tuple of two.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `target`, `k` or `lengths` are not
        integers.
    ValueError
        If a shape does not fit, an entry is not finite, a label, `k`, a weight or a
        strength is out of range, or `lengths` do not sum to the number of rows.

    See Also
    --------
    sksoft.sequence.BeamSearchTagger : Minimises it.
    sksoft.sequence.soft_beam_search : The soft beam.
    topk_cross_entropy_loss : The loss of "membership".

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Wiseman and Rush, "Sequence-to-Sequence Learning as Beam-Search
       Optimization", EMNLP 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.losses import beam_loss
    >>> emissions = [[2.0, 1.0], [1.0, 1.5], [0.0, 2.0]]
    >>> value, (d_emissions, d_transitions) = beam_loss(
    ...     emissions, np.eye(2), [0, 1, 1], k=1
    ... )
    >>> round(value, 4)
    3.5599
    >>> d_transitions.shape
    (2, 2)
    """
    positive_integer(k, "k")
    strength = checked_objective(objective, regularization_strength)
    final_weight = nonnegative_number(final_weight, "final_weight", finite=False)
    sequences = checked_sequences(emissions, lengths)
    shape, n_labels = sequences.shape, sequences.rows.shape[1]
    first, second, pack = checked_transitions(transitions, n_labels)
    target = checked_labels(target, shape)
    batch = (*sequences.batch, 1)
    weight = list_shares(sample_weight, batch)
    evaluate = BeamObjective(
        sequences.starts, target, weight, int(k), objective, strength, final_weight
    )
    value, d_emissions, d_first, d_second = evaluate(sequences.rows, first, second)
    with np.errstate(over="ignore"):
        d_emissions = d_emissions.astype(sequences.dtype, copy=False).reshape(shape)
    return value, (d_emissions, pack(d_first, d_second))
