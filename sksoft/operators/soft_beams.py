# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft beams: candidates mixed by the sorted soft top-k; public in sksoft.sequence."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._validation import nonnegative_number, positive_integer, real_array
from sksoft.operators.derivatives import vjp
from sksoft.operators.selection import soft_topk_sorted
from sksoft.operators.sequences import checked_sequences, checked_transitions

__all__ = ["soft_beam_search", "soft_beam_step"]


class SoftBeamStep(NamedTuple):
    """What one step of a soft beam keeps.

    Attributes
    ----------
    scores : ndarray of shape (..., k)
        Mixed scores of the slots, the best first.
    states : ndarray of shape (..., k, n_dimensions)
        Mixed states.
    columns : ndarray of shape (..., n_candidates, k)
        The shares of the candidates in each slot.
    pointers : ndarray of int of shape (..., k)
        The candidate of the largest share in each slot.
    """

    scores: np.ndarray
    states: np.ndarray
    columns: np.ndarray
    pointers: np.ndarray


def soft_beam_step(
    scores: ArrayLike,
    states: ArrayLike,
    k: int,
    *,
    regularization_strength: float = 0.3,
) -> tuple[Any, Callable[..., Any]]:
    """Keep k candidates of a beam softly: mix their scores and states, with gradients.

    Slot l of the new beam is the mean of all candidates under column l of
    :func:`sksoft.soft_topk_sorted`, which tells softly which of them has rank l + 1.
    Gradients flow to all candidates, not only to those that a hard beam would keep.

    Parameters
    ----------
    scores : array-like of shape (..., n_candidates)
        Scores of the candidates.
    states : array-like of shape (..., n_candidates, n_dimensions)
        What goes on with a candidate: embeddings of labels, hidden states.
    k : int
        How many slots to fill, between 1 and the number of candidates.
    regularization_strength : float, default=0.3
        At least 0, in the unit of the scores; 0 is the hard beam. Small positive
        strengths are no better: near ties then make gradients large.

    Returns
    -------
    step : SoftBeamStep
        A named tuple of `scores` of shape (..., k), `states` of shape (..., k,
        n_dimensions), `columns` of shape (..., n_candidates, k) and `pointers` of shape
        (..., k), the candidates with the largest shares.
    pullback : callable
        Maps cotangents of the new scores and states to the gradients in `scores` and
        `states`.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `k` is not an integer.
    ValueError
        If a shape does not fit, an entry is not finite, `k` does not lie between 1 and
        the number of candidates, or the strength is negative.

    See Also
    --------
    soft_beam_search : All steps of a sequence.
    sksoft.soft_topk_sorted : The columns.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.sequence import soft_beam_step
    >>> step, pullback = soft_beam_step([1.0, 3.0, 2.5], np.eye(3), 2)
    >>> step.pointers
    array([1, 2])
    >>> step.scores.round(2)
    array([2.85, 2.55])
    >>> d_scores, d_states = pullback(np.array([1.0, 0.0]), np.zeros((2, 3)))
    >>> d_scores.shape
    (3,)
    """
    positive_integer(k, "k")
    strength = nonnegative_number(regularization_strength, "regularization_strength")
    scores = real_array(scores, "scores")
    states = real_array(states, "states")
    if scores.ndim == 0 or states.shape[:-1] != scores.shape or states.ndim < 2:
        raise ValueError(
            "states must have the shape of scores and one axis more, got "
            f"{states.shape} for scores of shape {scores.shape}."
        )
    if k > scores.shape[-1]:
        raise ValueError(
            f"k must lie between 1 and the number of candidates, {scores.shape[-1]}, "
            f"got {k}."
        )
    columns, pull_scores = vjp(
        soft_topk_sorted, scores, k, regularization_strength=strength
    )
    turned = np.swapaxes(columns, -1, -2)
    step = SoftBeamStep(
        np.matmul(turned, scores[..., np.newaxis])[..., 0],
        np.matmul(turned, states),
        columns,
        np.argmax(columns, axis=-2),
    )

    def pullback(d_scores, d_states):
        d_scores, d_states = np.asarray(d_scores), np.asarray(d_states)
        d_columns = scores[..., np.newaxis] * d_scores[..., np.newaxis, :]
        d_columns = d_columns + np.matmul(states, np.swapaxes(d_states, -1, -2))
        mixed = np.matmul(columns, d_scores[..., np.newaxis])[..., 0]
        return mixed + pull_scores(d_columns), np.matmul(columns, d_states)

    return step, pullback


class SoftBeams:
    """Soft beams through sequences, step by step together, with or without a reference.

    With a reference slot 0 is the reference itself, and what is mixed are the other
    candidates. A slot has a score, a distribution of its last label and, for triples,
    one of the label before. The longest sequences come first, so that those that go on
    are the first of a step.

    Attributes
    ----------
    order : ndarray of int of shape (n_sequences,)
        The sequences, the longest first.
    steps : list of ndarray of int
        For each step the rows of the sequences that have it.
    candidates : list of ndarray of shape (n, n_slots, n_labels)
        For each step the scores of the extensions of all slots.
    kept : list of SoftBeamStep
        What was kept after each step; the states are the distributions of the last
        label.
    """

    def __init__(self, rows, starts, first, second, k, strength, reference, keep_last):
        lengths = np.diff(starts)
        self.order = np.argsort(-lengths, kind="stable")
        begins, n_steps = starts[:-1][self.order], int(lengths.max(initial=0))
        self.steps = [begins[: np.sum(lengths > t)] + t for t in range(n_steps)]
        self._first, self._second = first, second
        self._reference = reference
        self.n_labels = rows.shape[1]
        self.candidates, self.kept = [], []
        self._slots, self._parts = [], []
        slots = None
        for t, at in enumerate(self.steps):
            if slots is not None:
                slots = tuple(part[: len(at)] for part in slots)
            self._slots.append(slots)
            self.candidates.append(self._extended(slots, rows[at], t))
            n_going = len(at)
            if not keep_last:
                n_going = len(self.steps[t + 1]) if t + 1 < n_steps else 0
            if n_going:
                slots = self._keep(t, n_going, k, strength)

    def _extended(self, slots, emission, t):
        """Return the scores of the extensions of slots."""
        if slots is None:
            return emission[:, np.newaxis].copy()
        scores, last, before = slots
        found = emission[:, np.newaxis] + last @ self._first
        found += scores[:, :, np.newaxis]
        if t >= 2 and len(self._second):
            pairs = self._pairs(before, last)
            found += pairs @ self._second.reshape(-1, self.n_labels)
        return found

    def _pairs(self, before, last):
        """Return the joint distributions of the last two labels, flattened."""
        pairs = before[..., np.newaxis] * last[:, :, np.newaxis]
        return pairs.reshape(*last.shape[:2], -1)

    def _keep(self, t, n, k, strength):
        """Mix candidates of the first n sequences into the slots of the next step."""
        n_labels, slots = self.n_labels, self._slots[t]
        candidates = self.candidates[t][:n]
        n_slots = candidates.shape[1]
        last = np.zeros((n, n_slots, n_labels)) if slots is None else slots[1][:n]
        scores = flat = candidates.reshape(n, -1)
        label = others = None
        if self._reference is not None:
            # Slot 0 comes first, and the label is the place in it.
            label = self._reference[self.steps[t][:n]]
            others = np.arange(flat.shape[1] - 1)
            others = others + (others >= label[:, np.newaxis])
            scores = np.take_along_axis(flat, others, axis=1)
        columns, pull_scores = vjp(
            soft_topk_sorted,
            scores,
            min(k, scores.shape[1]),
            regularization_strength=strength,
        )
        if others is not None:
            chosen = columns
            columns = np.zeros((n, flat.shape[1], chosen.shape[2]))
            np.put_along_axis(columns, others[:, :, np.newaxis], chosen, axis=1)
        # As soft_beam_step does for states that are the labels, one-hot, and those of
        # the parents, but without writing them out.
        shares = columns.reshape(*candidates.shape, -1)
        of_parents = shares.sum(axis=2)
        step = SoftBeamStep(
            np.matmul(flat[:, np.newaxis], columns)[:, 0],
            np.swapaxes(shares.sum(axis=1), -1, -2),
            columns,
            columns.argmax(axis=1),
        )
        self._parts.append((last, others, of_parents, pull_scores))
        self.kept.append(step)
        kept_scores, kept_last = step.scores, step.states
        kept_before = np.matmul(np.swapaxes(of_parents, -1, -2), last)
        if self._reference is not None:
            own = candidates[np.arange(n), 0, label]
            kept_scores = np.column_stack([own, kept_scores])
            ends = np.eye(n_labels)[label][:, np.newaxis]
            kept_last = np.concatenate([ends, kept_last], axis=1)
            kept_before = np.concatenate([last[:, :1], kept_before], axis=1)
        return kept_scores, kept_last, kept_before

    def pullback(
        self, d_candidates: Any = None, d_kept: Any = None
    ) -> tuple[NDArray[Any], ...]:
        """Return the gradients in the rows, first and second.

        Parameters
        ----------
        d_candidates : list of ndarray, default=None
            Cotangents of the candidates of each step.
        d_kept : list of tuple, default=None
            Without a reference, cotangents of the scores and of the distributions of
            the last label that are kept after each step.
        """
        n_labels = self.n_labels
        d_rows = np.zeros((sum(map(len, self.steps)), n_labels))
        d_first, d_second = np.zeros_like(self._first), np.zeros_like(self._second)
        # Cotangents of the slots that step t + 1 extends: scores, last label, before.
        d_slots = None
        for t in range(len(self.steps) - 1, -1, -1):
            d_found = np.zeros(self.candidates[t].shape)
            if d_candidates is not None:
                d_found += d_candidates[t]
            d_parents = np.zeros((*d_found.shape[:2], n_labels))
            if t < len(self.kept):
                self._pull_step(t, d_slots, d_kept, d_found, d_parents)
                # What overflows must not become NaN where it is multiplied and added.
                limit = self._steepest(t)
                np.clip(d_found, -limit, limit, out=d_found)
            d_rows[self.steps[t]] = d_found.sum(axis=1)
            if t == 0:
                break
            _, last, before = self._slots[t]
            d_parents += d_found @ self._first.T
            d_first += _summed_product(last, d_found)
            d_before = np.zeros_like(before)
            if t >= 2 and len(self._second):
                flat = self._second.reshape(-1, n_labels)
                pairs = self._pairs(before, last)
                d_second += _summed_product(pairs, d_found).reshape(d_second.shape)
                d_pairs = (d_found @ flat.T).reshape(*last.shape, n_labels)
                d_before = np.einsum("njab,njb->nja", d_pairs, last)
                d_parents += np.einsum("njab,nja->njb", d_pairs, before)
            d_slots = d_found.sum(axis=2), d_parents, d_before
        return d_rows, d_first, d_second

    def _steepest(self, t):
        """Return what a cotangent may be for no product of it to overflow."""
        shared = max(
            np.abs(table).max(initial=1.0) for table in (self._first, self._second)
        )
        candidates = self.candidates[t]
        largest = np.abs(candidates).max(axis=(1, 2), initial=shared, keepdims=True)
        return 1e280 / (largest * candidates[0].size)

    def _pull_step(self, t, d_slots, d_kept, d_found, d_parents):
        """Add to the cotangents of candidates and parents what the kept slots have."""
        last, others, of_parents, pull_scores = self._parts[t]
        n_labels = self.n_labels
        n, n_kept = self.kept[t].scores.shape
        n_kept += others is not None
        d_found, d_parents = d_found[:n], d_parents[:n]
        d_scores = np.zeros((n, n_kept))
        d_last, d_before = np.zeros((2, n, n_kept, n_labels))
        if d_slots is not None:
            n_going = len(d_slots[0])
            d_scores[:n_going], d_last[:n_going], d_before[:n_going] = d_slots
        if d_kept is not None:
            d_scores += d_kept[t][0]
            d_last += d_kept[t][1]
        if others is not None:
            label = self._reference[self.steps[t][:n]]
            d_found[np.arange(n), 0, label] += d_scores[:, 0]
            d_parents[:, 0] += d_before[:, 0]
            d_scores, d_last, d_before = d_scores[:, 1:], d_last[:, 1:], d_before[:, 1:]
        columns, candidates = self.kept[t].columns, self.candidates[t][:n]
        d_columns = candidates[..., np.newaxis] * d_scores[:, np.newaxis, np.newaxis]
        d_columns += np.swapaxes(d_last, -1, -2)[:, np.newaxis]
        d_columns += np.matmul(last, np.swapaxes(d_before, -1, -2))[:, :, np.newaxis]
        d_columns = d_columns.reshape(columns.shape)
        d_flat = np.matmul(columns, d_scores[..., np.newaxis])[..., 0]
        if others is None:
            d_flat += pull_scores(d_columns)
        else:
            chosen = np.take_along_axis(d_columns, others[:, :, np.newaxis], axis=1)
            rows = np.arange(n)[:, np.newaxis]
            d_flat[rows, others] += pull_scores(chosen)
        d_found += d_flat.reshape(d_found.shape)
        d_parents += np.matmul(of_parents, d_before)


def _summed_product(left, right):
    """Return the sum over all slots of the outer products of two of their vectors."""
    return left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])


class SoftBeam(NamedTuple):
    """What a soft beam search found.

    Attributes
    ----------
    labels : ndarray of int of shape (..., n_steps, k)
        The labels on the way to each slot of the end, traced back along the largest
        shares; -1 where there are fewer slots.
    scores : ndarray of shape (..., k)
        Mixed scores of the slots at the end, minus infinity where there are fewer.
    states : ndarray of shape (..., n_steps, k, n_labels)
        The distributions of the last label in the slots after each step.
    """

    labels: np.ndarray
    scores: np.ndarray
    states: np.ndarray


def soft_beam_search(
    emissions: ArrayLike,
    transitions: Any,
    k: int,
    *,
    regularization_strength: float = 0.3,
    lengths: ArrayLike | None = None,
) -> tuple[Any, Callable[..., Any]]:
    """Search by soft beams, differentiable from the end to the first step.

    After each step :func:`soft_beam_step` mixes scores and labels of all candidates, so
    that a slot has a distribution of labels, under which the next transitions are
    averaged.

    Parameters
    ----------
    emissions : array-like of shape (n_steps, n_labels) or \
            (n_sequences, n_steps, n_labels)
        The score of each label at each step. With `lengths`, the rows of all sequences
        one after the other.
    transitions : array-like or tuple of two
        Scores of pairs, of shape (n_labels, n_labels), of triples, of shape
        (n_labels, n_labels, n_labels), or a tuple of both, as in :func:`beam_search`.
    k : int
        The width of the beam, at least 1.
    regularization_strength : float, default=0.3
        At least 0, in the unit of the scores; 0 is the hard beam.
    lengths : array-like of int of shape (n_sequences,), default=None
        The lengths of sequences whose rows stand one after the other.

    Returns
    -------
    found : SoftBeam
        A named tuple: `labels` of shape (..., n_steps, k), traced back along the
        largest shares; `scores` of shape (..., k) at the end; `states` of shape (...,
        n_steps, k, n_labels), the distributions of labels after each step. Slots that
        are not filled have the label -1, minus infinity and zeros.
    pullback : callable
        Maps a cotangent of the scores and, as second argument, none or one of the
        states to the gradients in `emissions` and `transitions`. Entries of slots that
        are not filled are disregarded.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, `k` or `lengths` are not integers, or
        `transitions` is callable.
    ValueError
        If a shape does not fit, an entry is not finite, `k` is below 1, the strength is
        negative, or `lengths` do not sum to the number of rows.

    See Also
    --------
    soft_beam_step : A single step, for models of one's own.
    sksoft.losses.beam_loss : Losses of a reference in the beam.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.sequence import soft_beam_search
    >>> emissions = [[2.0, 1.0], [1.0, 1.5], [0.0, 2.0]]
    >>> found, pullback = soft_beam_search(emissions, np.eye(2), 2)
    >>> found.labels[:, 0]
    array([0, 1, 1])
    >>> d_emissions, d_transitions = pullback(np.array([1.0, 0.0]))
    >>> d_emissions.round(2) + 0.0
    array([[0.69, 0.31],
           [0.14, 0.86],
           [0.  , 1.  ]])
    """
    positive_integer(k, "k")
    strength = nonnegative_number(regularization_strength, "regularization_strength")
    if callable(transitions):
        raise TypeError(
            "transitions must be an array or a tuple of two, got a callable: build on "
            "soft_beam_step."
        )
    sequences = checked_sequences(emissions, lengths)
    n_labels = sequences.rows.shape[1]
    first, second, pack = checked_transitions(transitions, n_labels)
    dtype = sequences.dtype
    labels = np.full((len(sequences.rows), k), -1, np.intp)
    scores = np.full((len(sequences.starts) - 1, k), -np.inf)
    states = np.zeros((len(sequences.rows), k, n_labels))
    beams = SoftBeams(
        sequences.rows, sequences.starts, first, second, k, strength, None, True
    )
    slot = np.full(scores.shape, -1, np.intp)
    n_going = [len(at) for at in beams.steps[1:]] + [0]
    for t in range(len(beams.steps) - 1, -1, -1):
        at, step = beams.steps[t], beams.kept[t]
        width = step.scores.shape[1]
        states[at, :width] = step.states
        ended = slice(n_going[t], len(at))
        scores[beams.order[ended], :width] = step.scores[ended]
        slot[ended, :width] = np.arange(width)
        now = slot[: len(at)]
        pointer = np.take_along_axis(step.pointers, np.maximum(now, 0), axis=1)
        labels[at] = np.where(now < 0, -1, pointer % n_labels)
        slot[: len(at)] = np.where(now < 0, -1, pointer // n_labels)
    found = SoftBeam(
        labels.reshape(*sequences.shape[:-1], k),
        scores.astype(dtype).reshape(*sequences.batch, k),
        states.astype(dtype).reshape(*sequences.shape[:-1], k, n_labels),
    )

    def pullback(d_scores, d_states=None):
        d_scores = np.asarray(d_scores, np.float64).reshape(scores.shape)
        if d_states is not None:
            d_states = np.asarray(d_states, np.float64).reshape(states.shape)
        d_kept = []
        for t, (at, step) in enumerate(zip(beams.steps, beams.kept, strict=True)):
            width = step.scores.shape[1]
            ended = slice(n_going[t], len(at))
            of_scores = np.zeros(step.scores.shape)
            of_scores[ended] = d_scores[beams.order[ended], :width]
            d_kept.append(
                (of_scores, 0.0 if d_states is None else d_states[at, :width])
            )
        d_emissions, d_first, d_second = beams.pullback(d_kept=d_kept)
        with np.errstate(over="ignore"):
            d_emissions = d_emissions.astype(dtype).reshape(sequences.shape)
        return d_emissions, pack(d_first, d_second)

    return found, pullback
