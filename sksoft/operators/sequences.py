# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The best sequences of labels, by a beam or exactly; public in sksoft.sequence."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._relaxations import beam
from sksoft._validation import (
    check_integer,
    plain_array,
    positive_integer,
    real_array,
)

__all__ = ["beam_search", "viterbi"]


class Sequences(NamedTuple):
    """Validated emissions: the rows of all sequences, one after the other.

    Attributes
    ----------
    rows : ndarray of float64 of shape (n_rows, n_labels)
        The emissions.
    starts : ndarray of int of shape (n_sequences + 1,)
        Sequence i has the rows starts[i] to starts[i + 1].
    shape : tuple of int
        The shape of the emissions as they were given.
    batch : tuple of int
        The shape of what there is one of for each sequence.
    dtype : dtype
        Of the emissions as they were given.
    """

    rows: np.ndarray
    starts: np.ndarray
    shape: tuple
    batch: tuple
    dtype: np.dtype


def checked_sequences(emissions, lengths):
    """Return the emissions of sequences as `Sequences`."""
    emissions = real_array(emissions, "emissions")
    if emissions.ndim not in (2, 3):
        raise ValueError(
            "emissions must have shape (n_steps, n_labels) or (n_sequences, n_steps, "
            f"n_labels), got {emissions.shape}."
        )
    if emissions.shape[-1] == 0:
        raise ValueError(
            f"emissions must have at least one label, got shape {emissions.shape}."
        )
    n_rows = int(np.prod(emissions.shape[:-1]))
    if lengths is not None:
        if emissions.ndim != 2:
            raise ValueError(
                "lengths go with emissions of shape (n_rows, n_labels), got "
                f"{emissions.shape}."
            )
        lengths = checked_lengths(lengths)
        if lengths.sum() != n_rows:
            raise ValueError(
                f"lengths must sum to the number of rows of emissions, {n_rows}, got "
                f"{lengths.sum()}."
            )
        batch = lengths.shape
    else:
        batch = emissions.shape[:-2]
        n_steps = emissions.shape[-2]
        if n_steps == 0:
            raise ValueError(
                f"emissions must have at least one step, got shape {emissions.shape}."
            )
        lengths = np.full(n_rows // n_steps, n_steps)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    rows = np.ascontiguousarray(emissions, np.float64)
    rows = rows.reshape(n_rows, emissions.shape[-1])
    return Sequences(rows, starts, emissions.shape, batch, emissions.dtype)


def checked_lengths(lengths):
    """Return lengths of sequences, integers of at least 1, as an array."""
    lengths = plain_array(lengths, "lengths")
    if lengths.ndim != 1:
        raise ValueError(f"lengths must have one dimension, got {lengths.ndim}.")
    if lengths.size == 0:
        return lengths.astype(np.intp)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must hold integers, got dtype {lengths.dtype}.")
    if lengths.min() < 1:
        i = int(np.argmin(lengths))
        raise ValueError(f"lengths must be at least 1, got {lengths[i]} at index {i}.")
    return lengths.astype(np.intp)


class Transitions(NamedTuple):
    """Validated scores of pairs and triples of labels.

    Attributes
    ----------
    first : ndarray of shape (n_labels, n_labels)
        Scores of pairs; zeros where only triples are scored.
    second : ndarray of shape (n_labels, n_labels, n_labels) or (0, 0, 0)
        Scores of triples.
    pack : callable
        Maps a pair of arrays like these to the form in which they were given.
    """

    first: np.ndarray
    second: np.ndarray
    pack: object


def checked_transitions(transitions, n_labels):
    """Return the scores of pairs and triples as `Transitions`."""
    both = isinstance(transitions, tuple)
    arrays = [
        real_array(array, "transitions")
        for array in (transitions if both else (transitions,))
    ]
    shapes = {ndim: (n_labels,) * ndim for ndim in (2, 3)}
    expected = ([shapes[2], shapes[3]],) if both else ([shapes[2]], [shapes[3]])
    if [array.shape for array in arrays] not in expected:
        found = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(
            f"transitions must be an array of shape {shapes[2]} or {shapes[3]}, or a "
            f"tuple of both, got {f'({found})' if both else found}."
        )
    dtypes = [array.dtype for array in arrays]
    arrays = [np.ascontiguousarray(array, np.float64) for array in arrays]

    if both:
        first, second = arrays
    elif arrays[0].ndim == 2:
        first, second = arrays[0], np.empty((0, 0, 0))
    else:
        first, second = np.zeros(shapes[2]), arrays[0]

    def pack(of_first, of_second):
        if both:
            return (
                of_first.astype(dtypes[0], copy=False),
                of_second.astype(dtypes[1], copy=False),
            )
        given = of_first if arrays[0].ndim == 2 else of_second
        return given.astype(dtypes[0], copy=False)

    return Transitions(first, second, pack)


def beam_search(
    emissions: ArrayLike,
    transitions: Any,
    k: int,
    *,
    n_best: int = 1,
    lengths: ArrayLike | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find sequences of labels with large scores, keeping k prefixes at each step.

    The score of a sequence of labels is the sum of the emissions of its labels and of
    the transitions between neighbours. Two prefixes that end alike are both kept: for
    :func:`viterbi` to find nothing better for sure, k must be as large as the number of
    prefixes that are one label shorter than the longest sequence.

    Parameters
    ----------
    emissions : array-like of shape (n_steps, n_labels) or \
            (n_sequences, n_steps, n_labels)
        The score of each label at each step, finite; -1e9, for instance, forbids one.
        With `lengths`, the rows of all sequences one after the other.
    transitions : array-like, tuple of two or callable
        Of shape (n_labels, n_labels), the scores of pairs ``[before, label]``; of shape
        (n_labels, n_labels, n_labels), those of triples ``[two before, before,
        label]``, from the third step on; or a tuple of both. A callable is called
        once for a step, as ``scores, state = transitions(labels, state)``: `labels`, of
        shape (n_prefixes,), are the last labels of all prefixes, and `state` is the
        state that the callable returned for their parents, an array whose first axis
        are the prefixes. `scores`, of shape (n_prefixes, n_labels), are added to the
        emissions. At the first step both are None, and what is returned is for the one
        empty prefix: None or scores of shape (n_labels,), and its state or None.
    k : int
        The width of the beam, at least 1; it may exceed the number of prefixes.
    n_best : int, default=1
        How many sequences of labels to return, between 1 and k.
    lengths : array-like of int of shape (n_sequences,), default=None
        The lengths of sequences whose rows stand one after the other; they sum to the
        number of rows.

    Returns
    -------
    labels : ndarray of int of shape (..., n_steps, n_best)
        The sequences found, the best first: the last axis of `emissions` is replaced.
        Where there are fewer than n_best, the rest is -1.
    scores : ndarray of shape (..., n_best)
        Their scores, minus infinity where there is none; with `lengths` of shape
        (n_sequences, n_best).

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `k`, `n_best` or `lengths` are not
        integers.
    ValueError
        If a shape does not fit, an entry is not finite, `k` is below 1, `n_best` does
        not lie between 1 and k, or `lengths` do not sum to the number of rows.

    See Also
    --------
    viterbi : The best sequence, exactly, at a cost that grows with the labels' square.
    soft_beam_search : The differentiable beam.
    BeamSearchTagger : Learns emissions and transitions.

    References
    ----------
    .. [1] B. T. Lowerre, "The Harpy Speech Recognition System", PhD thesis, Carnegie
       Mellon University, 1976.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.sequence import beam_search
    >>> emissions = [[2.0, 1.2], [1.0, 1.5], [0.0, 1.0]]
    >>> stay = np.eye(2)
    >>> labels, scores = beam_search(emissions, stay, k=4, n_best=2)
    >>> labels.T
    array([[1, 1, 1],
           [0, 1, 1]])
    >>> scores
    array([5.7, 5.5])
    """
    positive_integer(k, "k")
    check_integer(n_best, "n_best")
    if not 1 <= n_best <= k:
        raise ValueError(f"n_best must lie between 1 and k, {k}, got {n_best}.")
    sequences = checked_sequences(emissions, lengths)
    if callable(transitions):
        labels, scores = _search_steps(sequences, transitions, k, n_best)
    else:
        first, second, _ = checked_transitions(transitions, sequences.rows.shape[1])
        labels, scores, _ = beam.search(
            sequences.rows, sequences.starts, first, second, k, n_best
        )
    return (
        labels.reshape(*sequences.shape[:-1], n_best),
        scores.astype(sequences.dtype).reshape(*sequences.batch, n_best),
    )


def _search_steps(sequences, step, k, n_best):
    """Search with transitions that a callable tells step by step."""
    labels = np.full((len(sequences.rows), n_best), -1, np.intp)
    scores = np.full((len(sequences.starts) - 1, n_best), -np.inf)
    for which, rows in equal_lengths(sequences.starts):
        found, values = _search_batch(sequences.rows[rows], step, k, n_best)
        labels[rows, : found.shape[2]] = found
        scores[which, : values.shape[1]] = values
    return labels, scores


def _search_batch(emissions, step, k, n_best):
    n, n_steps, n_labels = emissions.shape
    scores, labels, state = np.zeros((n, 1)), None, None
    sequence = np.arange(n)[:, np.newaxis]
    history = []
    for t in range(n_steps):
        added, state = _checked_step(step, labels, state, scores.size, n_labels, n)
        candidates = scores[:, :, np.newaxis] + emissions[:, t, np.newaxis]
        candidates = candidates + added.reshape(n, -1, n_labels)
        candidates = candidates.reshape(n, -1)
        kept = np.argsort(-candidates, axis=1, kind="stable")[:, :k]
        scores = candidates[sequence, kept]
        parent, label = np.divmod(kept, n_labels)
        labels = label.ravel()
        if state is not None:
            state = state[
                (sequence * (candidates.shape[1] // n_labels) + parent).ravel()
            ]
        history.append((parent, label))
    width = min(n_best, scores.shape[1])
    slot = np.broadcast_to(np.arange(width), (n, width))
    found = np.empty((n, n_steps, width), np.intp)
    for t in range(n_steps - 1, -1, -1):
        parent, label = history[t]
        found[:, t] = label[sequence, slot]
        slot = parent[sequence, slot]
    return found, scores[:, :width]


def _checked_step(step, labels, state, n_prefixes, n_labels, n_sequences):
    """Return what a callable adds to the emissions, and its states, as arrays."""
    answer = step(labels, state)
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TypeError(
            "transitions must return a tuple of scores and states, got "
            f"{type(answer).__name__}."
        )
    scores, state = answer
    if labels is None and scores is None:
        scores = np.zeros(n_labels)
    scores = real_array(scores, "the scores that transitions returns")
    if labels is None and scores.shape == (n_labels,):
        # All sequences begin alike.
        scores = np.broadcast_to(scores, (n_sequences, n_labels))
    if scores.shape != (n_prefixes, n_labels):
        raise ValueError(
            f"transitions must return scores of shape {(n_prefixes, n_labels)}, got "
            f"{scores.shape}."
        )
    if state is not None:
        state = np.asarray(state)
        if labels is None:
            state = np.broadcast_to(state, (n_sequences, *state.shape))
        if state.ndim == 0 or len(state) != n_prefixes:
            raise ValueError(
                f"transitions must return a state for each of {n_prefixes} prefixes, "
                f"got shape {state.shape}."
            )
    return scores, state


def viterbi(
    emissions: ArrayLike, transitions: Any, *, lengths: ArrayLike | None = None
) -> tuple[NDArray[Any], float | NDArray[Any]]:
    """Find the sequence of labels with the largest score, exactly.

    Each step costs the square of the number of labels, for triples its cube, whatever
    the length: it is the better choice where labels are few.

    Parameters
    ----------
    emissions : array-like of shape (n_steps, n_labels) or \
            (n_sequences, n_steps, n_labels)
        The score of each label at each step. With `lengths`, the rows of all sequences
        one after the other.
    transitions : array-like or tuple of two
        Scores of pairs, of shape (n_labels, n_labels), of triples, of shape
        (n_labels, n_labels, n_labels), or a tuple of both, as in :func:`beam_search`.
    lengths : array-like of int of shape (n_sequences,), default=None
        The lengths of sequences whose rows stand one after the other.

    Returns
    -------
    labels : ndarray of int of shape (..., n_steps)
        The best labels: `emissions` without its last axis.
    scores : float or ndarray of shape (n_sequences,)
        Their scores.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, `lengths` are not integers, or
        `transitions` is callable.
    ValueError
        If a shape does not fit, an entry is not finite, or `lengths` do not sum to the
        number of rows.

    See Also
    --------
    beam_search : Several sequences, at a cost that the width of the beam sets.

    References
    ----------
    .. [1] A. J. Viterbi, "Error bounds for convolutional codes and an asymptotically
       optimum decoding algorithm", IEEE Transactions on Information Theory 13, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.sequence import viterbi
    >>> labels, score = viterbi([[2.0, 1.0], [1.0, 1.5], [0.0, 2.0]], np.eye(2))
    >>> labels
    array([0, 1, 1])
    >>> float(score)
    6.5
    """
    if callable(transitions):
        raise TypeError(
            "transitions must be an array or a tuple of two: a callable's scores may "
            "depend on all labels before, where beam_search helps."
        )
    sequences = checked_sequences(emissions, lengths)
    first, second, _ = checked_transitions(transitions, sequences.rows.shape[1])
    labels, scores = beam.best_paths(sequences.rows, sequences.starts, first, second)
    scores = scores.astype(sequences.dtype).reshape(sequences.batch)
    return labels.reshape(sequences.shape[:-1]), scores[()]


def equal_lengths(starts):
    """Return pairs of sequences of one length and their rows, (n, length)."""
    lengths = np.diff(starts)
    groups = []
    for length in np.unique(lengths):
        which = np.flatnonzero(lengths == length)
        groups.append((which, starts[which][:, np.newaxis] + np.arange(length)))
    return groups
