# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hard beams through sequences: the tree of prefixes that a reference competes with.

Sequences lie one after the other, sequence i in rows starts[i] to starts[i + 1]. The
scores of pairs and triples of labels are `first`, of shape (n_labels, n_labels), and
`second`, of shape (n_labels, n_labels, n_labels), empty for the first order.
"""

import numpy as np

from sksoft._relaxations._beam import (
    collect_gradients,
    expand_beams,
    search_beams,
    trace_beams,
)
from sksoft._relaxations._viterbi import best_paths_of_pairs, best_paths_of_triples
from sksoft._threads import EVERYTHING, map_chunks, row_chunks


class BeamTree:
    """At each step a reference and the k best wrong prefixes, and what extends them.

    Attributes
    ----------
    candidates : ndarray of shape (n_rows, (k + 1) * n_labels)
        The scores of the extensions of all slots by all labels, slot by slot. Slot 0 is
        the reference, so that its own candidate is the one of its label.
    n_slots : ndarray of int of shape (n_rows,)
        How many slots there are; the candidates of others mean nothing.
    """

    def __init__(self, emissions, starts, reference, first, second, k):
        n_rows, n_labels = emissions.shape
        self.candidates = np.empty((n_rows, (k + 1) * n_labels))
        self.n_slots = np.empty(n_rows, np.intp)
        self._chosen = np.empty((n_rows, k), np.intp)
        self._place = starts, reference
        self._shapes = emissions.shape, first.shape, second.shape
        expand_beams(
            emissions,
            starts,
            reference,
            first,
            second,
            k,
            self.candidates,
            self._chosen,
            self.n_slots,
        )

    def pullback(self, cotangent):
        """Return the gradients in emissions, first and second.

        The cotangent of the candidates is overwritten; those that mean nothing must
        have none. The tree itself is held fixed: the gradient is exact wherever no two
        candidates at the edge of the beam are equal.
        """
        gradients = tuple(np.zeros(shape) for shape in self._shapes)
        starts, reference = self._place
        collect_gradients(
            cotangent, starts, reference, self._chosen, self.n_slots, *gradients
        )
        return gradients


def search(emissions, starts, first, second, k, n_best):
    """Return the n_best sequences of labels that a beam of width k finds.

    Returns
    -------
    labels : ndarray of int of shape (n_rows, n_best)
        The best first; -1 where there are fewer.
    scores : ndarray of shape (n_sequences, n_best)
        Their scores; minus infinity where there are fewer.
    log_total : ndarray of shape (n_sequences,)
        The logarithm of the sum of the exponentials of all candidates at the end.
    """
    n_sequences, n_labels = len(starts) - 1, emissions.shape[1]
    k = min(k, _most_hypotheses(starts, n_labels))
    width = min(n_best, k)
    labels = np.full((len(emissions), n_best), -1, np.intp)
    scores = np.full((n_sequences, n_best), -np.inf)
    log_total = np.empty(n_sequences)

    def decode(part):
        rows, begins = _rows_of(part, starts)
        chosen = np.empty((rows.stop - rows.start, k), np.intp)
        kept = np.empty((len(begins) - 1, k))
        found = np.empty((len(chosen), width), np.intp)
        search_beams(
            emissions[rows],
            begins,
            first,
            second,
            k,
            np.empty(k * n_labels),
            np.empty(k),
            chosen,
            kept,
            log_total[part],
        )
        trace_beams(chosen, begins, n_labels, found)
        labels[rows, :width] = found
        scores[part, :width] = kept[:, :width]

    map_chunks(decode, _sequence_chunks(starts, k * n_labels))
    return labels, scores, log_total


def best_paths(emissions, starts, first, second):
    """Return labels of shape (n_rows,) and scores of shape (n_sequences,), exactly."""
    n_labels = emissions.shape[1]
    labels = np.empty(len(emissions), np.intp)
    scores = np.empty(len(starts) - 1)
    triples = second.shape[0] > 0

    def decode(part):
        rows, begins = _rows_of(part, starts)
        if triples:
            longest = int(np.diff(begins).max(initial=0))
            best_paths_of_triples(
                emissions[rows],
                begins,
                first,
                second,
                np.empty((2, n_labels, n_labels)),
                np.empty((longest, n_labels, n_labels), np.intp),
                labels[rows],
                scores[part],
            )
        else:
            best_paths_of_pairs(
                emissions[rows],
                begins,
                first,
                np.empty((2, n_labels)),
                np.empty((rows.stop - rows.start, n_labels), np.intp),
                labels[rows],
                scores[part],
            )

    map_chunks(decode, _sequence_chunks(starts, n_labels ** (3 if triples else 2)))
    return labels, scores


def _most_hypotheses(starts, n_labels):
    """Return how many prefixes the longest sequence has, or a large number."""
    most = 1
    for _ in range(int(np.diff(starts).max(initial=0))):
        most *= n_labels
        if most > 1 << 30:
            break
    return max(most, 1)


def _sequence_chunks(starts, row_size):
    n_sequences = len(starts) - 1
    size = -(-int(starts[-1]) * row_size // max(n_sequences, 1))
    return row_chunks(n_sequences, size)


def _rows_of(part, starts):
    """Return the rows of some sequences, and where these start among them."""
    if part is EVERYTHING:
        part = slice(0, len(starts) - 1)
    begins = starts[part.start : part.stop + 1]
    return slice(int(begins[0]), int(begins[-1])), begins - begins[0]
