# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Beams through sequences of labels: the best prefixes of each length, and gradients.

Sequences lie one after the other: sequence i has rows starts[i] to starts[i + 1] of
the emissions. At row r each slot is a prefix that ends before r, and extending slot j
by label c is candidate j * n_labels + c. Row r of chosen holds, best first, the
candidates that survive it, which are the slots of row r + 1; -1 where there are fewer.
`first` scores pairs and `second` triples of labels; it is empty for the first order.
"""

from libc.math cimport INFINITY, exp, log

ctypedef Py_ssize_t intp_t


cdef inline void extend(
    double base,
    const double[::1] emission,
    const double* pair,
    const double* triple,
    double* out,
) noexcept nogil:
    cdef intp_t c
    cdef intp_t n_labels = emission.shape[0]
    if pair == NULL:
        for c in range(n_labels):
            out[c] = base + emission[c]
    elif triple == NULL:
        for c in range(n_labels):
            out[c] = base + (emission[c] + pair[c])
    else:
        for c in range(n_labels):
            out[c] = base + (emission[c] + pair[c] + triple[c])


cdef inline bint is_behind(const double* candidates, intp_t i, intp_t j) noexcept nogil:
    # Of equal candidates the first is better.
    return candidates[i] < candidates[j] or (candidates[i] == candidates[j] and i > j)


cdef inline void sift_down(
    const double* candidates, intp_t* heap, intp_t root, intp_t size
) noexcept nogil:
    # The worst is on top: move what stands at the root to where it belongs.
    cdef intp_t child
    cdef intp_t item = heap[root]
    while 2 * root + 1 < size:
        child = 2 * root + 1
        if child + 1 < size and is_behind(candidates, heap[child + 1], heap[child]):
            child += 1
        if not is_behind(candidates, heap[child], item):
            break
        heap[root] = heap[child]
        root = child
    heap[root] = item


cdef inline void choose_best(
    const double* candidates,
    intp_t n_candidates,
    intp_t excluded,
    intp_t k,
    intp_t* best,
) noexcept nogil:
    # A heap of the k best so far, which is sorted at the end.
    cdef intp_t i, worst
    cdef intp_t found = 0
    for i in range(n_candidates):
        if i == excluded:
            continue
        if found < k:
            best[found] = i
            found += 1
            if found == k:
                for worst in range(k // 2 - 1, -1, -1):
                    sift_down(candidates, best, worst, k)
        elif candidates[i] > candidates[best[0]]:
            best[0] = i
            sift_down(candidates, best, 0, k)
    if found < k:
        for i in range(found // 2 - 1, -1, -1):
            sift_down(candidates, best, i, found)
    for i in range(found - 1, 0, -1):
        worst = best[0]
        best[0] = best[i]
        best[i] = worst
        sift_down(candidates, best, 0, i)
    for i in range(found, k):
        best[i] = -1


def expand_beams(
    const double[:, ::1] emissions,
    const intp_t[::1] starts,
    const intp_t[::1] reference,
    const double[:, ::1] first,
    const double[:, :, ::1] second,
    intp_t k,
    double[:, ::1] candidates,
    intp_t[:, ::1] chosen,
    intp_t[::1] n_slots,
):
    """Follow the reference, in slot 0, and beside it the k best other prefixes.

    Slot j + 1 is what row j of chosen tells of the row before. Candidates of slots that
    are not in use are left as they are.
    """
    cdef intp_t n_labels = emissions.shape[1]
    cdef bint is_second = second.shape[0] > 0
    cdef intp_t i, r, j, own, last, parent, before
    cdef const double* pair
    cdef const double* triple
    with nogil:
        for i in range(starts.shape[0] - 1):
            for r in range(starts[i], starts[i + 1]):
                n_slots[r] = 1
                if r == starts[i]:
                    extend(0.0, emissions[r], NULL, NULL, &candidates[r, 0])
                else:
                    while n_slots[r] <= k and chosen[r - 1, n_slots[r] - 1] >= 0:
                        n_slots[r] += 1
                    for j in range(n_slots[r]):
                        own = reference[r - 1] if j == 0 else chosen[r - 1, j - 1]
                        last = own % n_labels
                        pair = &first[last, 0]
                        triple = NULL
                        if is_second and r > starts[i] + 1:
                            parent = own // n_labels
                            before = reference[r - 2]
                            if parent > 0:
                                before = chosen[r - 2, parent - 1] % n_labels
                            triple = &second[before, last, 0]
                        extend(
                            candidates[r - 1, own],
                            emissions[r],
                            pair,
                            triple,
                            &candidates[r, j * n_labels],
                        )
                choose_best(
                    &candidates[r, 0],
                    n_slots[r] * n_labels,
                    reference[r],
                    k,
                    &chosen[r, 0],
                )


def collect_gradients(
    double[:, ::1] cotangent,
    const intp_t[::1] starts,
    const intp_t[::1] reference,
    const intp_t[:, ::1] chosen,
    const intp_t[::1] n_slots,
    double[:, ::1] d_emissions,
    double[:, ::1] d_first,
    double[:, :, ::1] d_second,
):
    """Add to the gradients what the cotangent of the candidates of expand_beams makes.

    What a slot's extensions have is handed to the candidate that the slot was: the
    cotangent is changed. Candidates that are not in use must have none.
    """
    cdef intp_t n_labels = d_emissions.shape[1]
    cdef bint is_second = d_second.shape[0] > 0
    cdef intp_t i, r, j, c, own, last, parent, before
    cdef double total
    cdef double* share
    cdef double* target
    with nogil:
        for i in range(starts.shape[0] - 1):
            for r in range(starts[i + 1] - 1, starts[i] - 1, -1):
                for j in range(n_slots[r]):
                    share = &cotangent[r, j * n_labels]
                    total = 0.0
                    for c in range(n_labels):
                        d_emissions[r, c] += share[c]
                        total += share[c]
                    if r == starts[i]:
                        continue
                    own = reference[r - 1] if j == 0 else chosen[r - 1, j - 1]
                    last = own % n_labels
                    cotangent[r - 1, own] += total
                    target = &d_first[last, 0]
                    for c in range(n_labels):
                        target[c] += share[c]
                    if is_second and r > starts[i] + 1:
                        parent = own // n_labels
                        before = reference[r - 2]
                        if parent > 0:
                            before = chosen[r - 2, parent - 1] % n_labels
                        target = &d_second[before, last, 0]
                        for c in range(n_labels):
                            target[c] += share[c]


def search_beams(
    const double[:, ::1] emissions,
    const intp_t[::1] starts,
    const double[:, ::1] first,
    const double[:, :, ::1] second,
    intp_t k,
    double[::1] candidates,
    double[::1] kept,
    intp_t[:, ::1] chosen,
    double[:, ::1] scores,
    double[::1] log_total,
):
    """Keep the k best prefixes of each length; write scores of those that are whole.

    `candidates` and `kept`, of k * n_labels and k, are room to work in.
    `log_total` is the logarithm of the sum of the exponentials of the candidates of the
    last row.
    """
    cdef intp_t n_labels = emissions.shape[1]
    cdef bint is_second = second.shape[0] > 0
    cdef intp_t i, r, j, own, last, before, n_slots
    cdef intp_t n_candidates = 1
    cdef const double* pair
    cdef const double* triple
    cdef double total
    with nogil:
        for i in range(starts.shape[0] - 1):
            kept[0] = 0.0
            n_slots = 1
            for r in range(starts[i], starts[i + 1]):
                for j in range(n_slots):
                    pair = NULL
                    triple = NULL
                    if r > starts[i]:
                        own = chosen[r - 1, j]
                        last = own % n_labels
                        pair = &first[last, 0]
                        if is_second and r > starts[i] + 1:
                            before = chosen[r - 2, own // n_labels] % n_labels
                            triple = &second[before, last, 0]
                    extend(
                        kept[j], emissions[r], pair, triple, &candidates[j * n_labels]
                    )
                n_candidates = n_slots * n_labels
                choose_best(&candidates[0], n_candidates, -1, k, &chosen[r, 0])
                n_slots = min(k, n_candidates)
                for j in range(n_slots):
                    kept[j] = candidates[chosen[r, j]]
            for j in range(k):
                scores[i, j] = kept[j] if j < n_slots else -INFINITY
            total = 0.0
            if starts[i + 1] > starts[i]:
                for j in range(n_candidates):
                    total += exp(candidates[j] - kept[0])
            log_total[i] = kept[0] + log(total)


def trace_beams(
    const intp_t[:, ::1] chosen,
    const intp_t[::1] starts,
    intp_t n_labels,
    intp_t[:, ::1] labels,
):
    """Write the labels of the best whole prefixes, one a column; -1 where none is."""
    cdef intp_t i, r, j, own
    with nogil:
        for i in range(starts.shape[0] - 1):
            for j in range(labels.shape[1]):
                own = j
                for r in range(starts[i + 1] - 1, starts[i] - 1, -1):
                    if own >= 0:
                        own = chosen[r, own]
                    labels[r, j] = own % n_labels if own >= 0 else -1
                    own = own // n_labels if own >= 0 else -1
