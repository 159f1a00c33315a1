# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The best sequence of labels, exactly, by dynamic programming (Viterbi 1967).

Sequences lie one after the other, as in _beam.pyx. A state is the last label, or the
last two; `origin` holds, for each row and state, the label before them that is best.
"""

from libc.math cimport INFINITY

ctypedef Py_ssize_t intp_t


def best_paths_of_pairs(
    const double[:, ::1] emissions,
    const intp_t[::1] starts,
    const double[:, ::1] first,
    double[:, ::1] state,
    intp_t[:, ::1] origin,
    intp_t[::1] labels,
    double[::1] scores,
):
    """Write labels and scores where pairs are scored; `state` is (2, n_labels)."""
    cdef intp_t n_labels = emissions.shape[1]
    cdef intp_t i, r, b, c, best
    cdef intp_t now = 0
    cdef double score
    with nogil:
        for i in range(starts.shape[0] - 1):
            for c in range(n_labels):
                state[now, c] = emissions[starts[i], c]
            for r in range(starts[i] + 1, starts[i + 1]):
                for c in range(n_labels):
                    state[1 - now, c] = -INFINITY
                for b in range(n_labels):
                    for c in range(n_labels):
                        score = state[now, b] + first[b, c]
                        if score > state[1 - now, c]:
                            state[1 - now, c] = score
                            origin[r, c] = b
                for c in range(n_labels):
                    state[1 - now, c] += emissions[r, c]
                now = 1 - now
            best = 0
            for c in range(n_labels):
                if state[now, c] > state[now, best]:
                    best = c
            scores[i] = state[now, best]
            r = starts[i + 1] - 1
            labels[r] = best
            while r > starts[i]:
                labels[r - 1] = origin[r, labels[r]]
                r -= 1


def best_paths_of_triples(
    const double[:, ::1] emissions,
    const intp_t[::1] starts,
    const double[:, ::1] first,
    const double[:, :, ::1] second,
    double[:, :, ::1] state,
    intp_t[:, :, ::1] origin,
    intp_t[::1] labels,
    double[::1] scores,
):
    """Write labels and scores where pairs and triples are scored.

    `state` is (2, n_labels, n_labels); `origin` has rows for the longest sequence.
    """
    cdef intp_t n_labels = emissions.shape[1]
    cdef intp_t i, r, t, a, b, c, last, before
    cdef intp_t now = 0
    cdef double score
    with nogil:
        for i in range(starts.shape[0] - 1):
            r = starts[i]
            for b in range(n_labels):
                for c in range(n_labels):
                    # A sequence of one label has no label before: states of one row.
                    state[now, b, c] = -INFINITY if b else emissions[r, c]
                    if starts[i + 1] > r + 1:
                        state[now, b, c] = (
                            emissions[r, b] + first[b, c] + emissions[r + 1, c]
                        )
            for t in range(2, starts[i + 1] - starts[i]):
                r = starts[i] + t
                for b in range(n_labels):
                    for c in range(n_labels):
                        state[1 - now, b, c] = -INFINITY
                    for a in range(n_labels):
                        for c in range(n_labels):
                            score = state[now, a, b] + second[a, b, c]
                            if score > state[1 - now, b, c]:
                                state[1 - now, b, c] = score
                                origin[t, b, c] = a
                    for c in range(n_labels):
                        state[1 - now, b, c] += first[b, c] + emissions[r, c]
                now = 1 - now
            before = 0
            last = 0
            for b in range(n_labels):
                for c in range(n_labels):
                    if state[now, b, c] > state[now, before, last]:
                        before = b
                        last = c
            scores[i] = state[now, before, last]
            t = starts[i + 1] - starts[i] - 1
            labels[starts[i] + t] = last
            if t > 0:
                labels[starts[i] + t - 1] = before
            while t > 1:
                labels[starts[i] + t - 2] = origin[
                    t, labels[starts[i] + t - 1], labels[starts[i] + t]
                ]
                t -= 1
