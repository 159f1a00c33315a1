# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows in and out of sorted order, and the linear maps over blocks of sorted rows.

Blocks are noted by their starts and stops; an entry in none of them is one by itself.
Most Jacobians of this package act on each block as pooling 1 q^T, or as the identity
less pooling, scaled.
"""

from cython cimport floating
from libc.string cimport memset

from sksoft._ground.inline cimport Span, at, block_after, divided_by, is_whole, spans_of, sum_of
from sksoft._ground.side_by_side cimport LONGEST


def take_rows(const floating[:, ::1] x, const Py_ssize_t[:, ::1] order, double[:, ::1] out):
    """out[r, i] = x[r, order[r, i]]"""
    cdef Py_ssize_t r, i
    with nogil:
        for r in range(order.shape[0]):
            for i in range(order.shape[1]):
                out[r, i] = x[r, order[r, i]]


def put_rows(const double[:, ::1] values, const Py_ssize_t[:, ::1] order, floating[:, ::1] out):
    """out[r, order[r, i]] = values[r, i]"""
    cdef Py_ssize_t r, i
    with nogil:
        for r in range(values.shape[0]):
            for i in range(values.shape[1]):
                out[r, order[r, i]] = <floating> values[r, i]


def shift_blocks(
    double[:, ::1] values,
    const Py_ssize_t[:, ::1] blocks,
):
    """Subtract from each value the last one of its block, in place."""
    cdef Py_ssize_t r, b, i, done, n = values.shape[1]
    cdef const Span* spans
    cdef double last
    with nogil:
        for r in range(values.shape[0]):
            done = 0
            spans = spans_of(&blocks[r, 0])
            for b in range(blocks[r, 0]):
                for i in range(done, spans[b].start):
                    values[r, i] = 0.0
                done = spans[b].stop
                last = values[r, done - 1]
                for i in range(spans[b].start, done):
                    values[r, i] -= last
            for i in range(done, n):
                values[r, i] = 0.0


def scale_blocks(
    double[:, ::1] out,
    const double[:, ::1] scale,
    const double[:, ::1] target,
    const Py_ssize_t[:, ::1] blocks,
):
    """Multiply each block by its scale; blocks of one become their target, else 1..n."""
    cdef Py_ssize_t r, b, i, done, n = out.shape[1]
    cdef const Span* spans
    with nogil:
        for r in range(out.shape[0]):
            done = 0
            spans = spans_of(&blocks[r, 0])
            for b in range(blocks[r, 0]):
                for i in range(done, spans[b].start):
                    out[r, i] = i + 1 if target is None else target[r, i]
                done = spans[b].stop
                for i in range(spans[b].start, done):
                    out[r, i] *= scale[r, b]
            for i in range(done, n):
                out[r, i] = i + 1 if target is None else target[r, i]


def pool_blocks(
    const floating[:, ::1] values,
    const Py_ssize_t[:, ::1] take,
    const Py_ssize_t[:, ::1] put,
    const double[:, ::1] share,
    const double[:, ::1] factor,
    const double[::1] strength,
    bint transpose,
    const Py_ssize_t[:, ::1] blocks,
    floating[:, ::1] out,
    double[::1] work,
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Apply a Jacobian, or its transpose, that acts on blocks of sorted rows.

    On a block it is the pooling 1 q^T, q being the block's share scaled to sum to one
    (uniform where there is no share). With a strength it is
    diag(factor) (I - 1 q^T) / strength instead, and zero for a strength of zero. Values
    are taken in the order of `take` and results put back in that of `put`, where given.

    This is done for the entries of each row from first to last, and the whole of blocks
    that start there. With a strength, out holds zeros if these are not all entries.
    """
    cdef Py_ssize_t r, b, i, start, stop, done, n = values.shape[1]
    cdef const floating* value
    cdef floating* result
    cdef const Py_ssize_t* source
    cdef const Py_ssize_t* goal
    cdef const Span* spans
    cdef const double* part
    cdef const double* scale
    cdef double quotient
    cdef bint residual = strength is not None
    # A row that is one uniform block needs no order; of short ones as `_short_blocks.pyx`.
    cdef bint anywhere = take is not None and put is not None and n > LONGEST
    anywhere = (anywhere or residual) and share is None and factor is None
    with nogil:
        for r in range(values.shape[0] if n > 0 else 0):
            value = &values[r, 0]
            result = &out[r, 0]
            source = NULL if take is None else &take[r, 0]
            goal = NULL if put is None else &put[r, 0]
            spans = spans_of(&blocks[r, 0])
            quotient = strength[r] if residual else 1.0
            if anywhere and quotient != 0.0 and is_whole(spans, blocks[r, 0], n):
                source = goal = NULL
                if n > LONGEST:
                    pool_row(value, n, residual, quotient, result)
                    continue
            if residual and last - first == n:
                memset(result, 0, n * sizeof(floating))
            if quotient == 0.0:
                continue
            b = block_after(spans, blocks[r, 0], first)
            done = first
            if b < blocks[r, 0] and spans[b].start < first:
                # Done with the entries before.
                done = spans[b].stop
                b += 1
            while done < last:
                start = spans[b].start if b < blocks[r, 0] else n
                for i in range(done, 0 if residual else min(start, last)):
                    result[at(goal, i)] = value[at(source, i)]
                if start >= last:
                    break
                stop = done = spans[b].stop
                b += 1
                part = NULL if share is None else &share[r, start]
                scale = NULL if factor is None else &factor[r, start]
                if part == NULL and n <= LONGEST:
                    for i in range(stop - start):
                        work[i] = value[at(source, start + i)]
                    pool_short(&work[0], stop - start, residual, quotient)
                    for i in range(stop - start):
                        result[at(goal, start + i)] = <floating> work[i]
                elif part == NULL:
                    pool(
                        value, source, goal, start, stop, residual, quotient, &work[0], result
                    )
                elif transpose:
                    pool_shares(
                        value, source, goal, start, stop, part, scale, True, residual,
                        quotient, &work[0], result,
                    )
                else:
                    pool_shares(
                        value, source, goal, start, stop, part, scale, False, residual,
                        quotient, &work[0], result,
                    )


cdef inline void pool_row(
    const floating* values, Py_ssize_t n, bint residual, double strength, floating* out
) noexcept nogil:
    # As `pool` without shares, of a row that nobody reorders.
    cdef Py_ssize_t i
    cdef double pooled = sum_of(values, n) / n
    for i in range(n):
        out[i] = <floating> ((values[i] - pooled) / strength if residual else pooled)


cdef inline void pool_short(
    double* values, Py_ssize_t n, bint residual, double strength
) noexcept nogil:
    # Step by step what the kernel for many short rows does, so that a row is mapped to
    # the same bits by itself.
    cdef Py_ssize_t i
    cdef double total = 0.0, size = n
    for i in range(n - 1, -1, -1):
        total = values[i] + total
    for i in range(n):
        if residual:
            values[i] = (size * values[i] - total) / (size * strength)
        else:
            values[i] = total / size


cdef inline void pool(
    const floating* values, const Py_ssize_t* source, const Py_ssize_t* goal,
    Py_ssize_t start, Py_ssize_t stop, bint residual, double strength, double* work,
    floating* out,
) noexcept nogil:
    # Sums are added up as `sum_of` does, while values are taken.
    cdef Py_ssize_t i, j, n = stop - start, quads = n - n % 4
    cdef double total[4]
    cdef double value
    for j in range(4):
        total[j] = 0.0
    for i in range(0, quads, 4):
        for j in range(4):
            value = values[at(source, start + i + j)]
            total[j] += value
            if residual:
                work[i + j] = value
    for i in range(quads, n):
        work[i] = values[at(source, start + i)]
        total[0] += work[i]
    value = ((total[0] + total[1]) + (total[2] + total[3])) / n
    for i in range(n):
        out[at(goal, start + i)] = <floating> (
            (work[i] - value) / strength if residual else value
        )


cdef inline void pool_shares(
    const floating* values, const Py_ssize_t* source, const Py_ssize_t* goal,
    Py_ssize_t start, Py_ssize_t stop, const double* share, const double* scale,
    bint transpose, bint residual, double strength, double* work, floating* out,
) noexcept nogil:
    cdef Py_ssize_t i, j, n = stop - start, quads = n - n % 4
    cdef double total[4]
    cdef double norm[4]
    cdef double value, pooled, inverse = 1.0 / strength
    for j in range(4):
        total[j] = norm[j] = 0.0
    for i in range(0, quads, 4):
        for j in range(4):
            value = values[at(source, start + i + j)]
            if transpose and scale != NULL:
                value *= scale[i + j]
            work[i + j] = value
            total[j] += value if transpose else share[i + j] * value
            norm[j] += share[i + j]
    for i in range(quads, n):
        value = values[at(source, start + i)]
        if transpose and scale != NULL:
            value *= scale[i]
        work[i] = value
        total[0] += value if transpose else share[i] * value
        norm[0] += share[i]
    pooled = (total[0] + total[1]) + (total[2] + total[3])
    pooled /= (norm[0] + norm[1]) + (norm[2] + norm[3])
    for i in range(n):
        value = pooled * share[i] if transpose else pooled
        if residual:
            value = divided_by(work[i] - value, strength, inverse)
        if not transpose and scale != NULL:
            value *= scale[i]
        out[at(goal, start + i)] = <floating> value
