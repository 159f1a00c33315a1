# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows in and out of sorted order, and the linear maps over blocks of sorted rows.

A block runs from its start to the next one. Most Jacobians of this package act on each
block as pooling 1 q^T, or as the identity less pooling, scaled.
"""

from cython cimport floating


def take_rows(const floating[:, ::1] x, const Py_ssize_t[:, ::1] order, double[:, ::1] out):
    """out[r, i] = x[r, order[r, i]]"""
    cdef Py_ssize_t r, i
    with nogil:
        for r in range(x.shape[0]):
            for i in range(x.shape[1]):
                out[r, i] = x[r, order[r, i]]


def put_rows(const double[:, ::1] values, const Py_ssize_t[:, ::1] order, floating[:, ::1] out):
    """out[r, order[r, i]] = values[r, i]"""
    cdef Py_ssize_t r, i
    with nogil:
        for r in range(values.shape[0]):
            for i in range(values.shape[1]):
                out[r, order[r, i]] = <floating> values[r, i]


def shift_blocks(double[:, ::1] values, const Py_ssize_t[:, ::1] starts,
                 const Py_ssize_t[::1] n_blocks):
    """Subtract from each value the last one of its block, in place."""
    cdef Py_ssize_t r, b, i, stop, n = values.shape[1]
    cdef double last
    with nogil:
        for r in range(values.shape[0]):
            for b in range(n_blocks[r]):
                stop = starts[r, b + 1] if b + 1 < n_blocks[r] else n
                last = values[r, stop - 1]
                for i in range(starts[r, b], stop):
                    values[r, i] -= last


def pool_blocks(
    const floating[:, ::1] values,
    const Py_ssize_t[:, ::1] take,
    const Py_ssize_t[:, ::1] put,
    const double[:, ::1] share,
    const double[:, ::1] factor,
    const double[::1] strength,
    bint transpose,
    const Py_ssize_t[:, ::1] starts,
    const Py_ssize_t[::1] n_blocks,
    floating[:, ::1] out,
    double[::1] work,
):
    """Apply a Jacobian, or its transpose, that acts on blocks of sorted rows.

    On a block it is the pooling 1 q^T, q being the block's share scaled to sum to one
    (uniform where there is no share). With a strength it is
    diag(factor) (I - 1 q^T) / strength instead, and zero for a strength of zero. Values
    are taken in the order of `take` and results put back in that of `put`, where given.
    """
    cdef Py_ssize_t r, b, i, start, stop, n = values.shape[1]
    cdef const floating* value
    cdef floating* result
    cdef const Py_ssize_t* source = NULL
    cdef const Py_ssize_t* goal = NULL
    cdef const double* part = NULL
    cdef const double* scale = NULL
    cdef double quotient = 1.0
    cdef bint residual = strength is not None
    # Rows of a single uniform block need no order.
    cdef bint anywhere = take is not None and put is not None and share is None
    anywhere = anywhere and factor is None
    with nogil:
        for r in range(values.shape[0] if n > 0 else 0):
            value = &values[r, 0]
            result = &out[r, 0]
            source = NULL if take is None else &take[r, 0]
            goal = NULL if put is None else &put[r, 0]
            part = NULL if share is None else &share[r, 0]
            scale = NULL if factor is None else &factor[r, 0]
            if anywhere and n_blocks[r] == 1:
                source = goal = NULL
            if residual:
                for i in range(n):
                    result[i] = 0.0
                quotient = strength[r]
                if n_blocks[r] == n or quotient == 0.0:
                    continue
            for b in range(n_blocks[r]):
                start = starts[r, b]
                stop = starts[r, b + 1] if b + 1 < n_blocks[r] else n
                if stop - start > 1:
                    for i in range(start, stop):
                        work[i] = value[at(source, i)]
                        if scale != NULL and transpose:
                            work[i] *= scale[i]
                    pool(&work[0], part, start, stop, transpose, residual, quotient)
                    for i in range(start, stop):
                        if scale != NULL and not transpose:
                            work[i] *= scale[i]
                        result[at(goal, i)] = <floating> work[i]
                elif not residual:
                    result[at(goal, start)] = value[at(source, start)]


cdef inline Py_ssize_t at(const Py_ssize_t* order, Py_ssize_t i) noexcept nogil:
    return i if order == NULL else order[i]


cdef void pool(
    double* values, const double* share, Py_ssize_t start, Py_ssize_t stop, bint transpose,
    bint residual, double strength,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total, norm, pooled
    if share == NULL:
        norm = stop - start
        total = sum_of(values + start, stop - start)
    else:
        norm = sum_of(share + start, stop - start)
        total = 0.0
        for i in range(start, stop):
            total += values[i] if transpose else share[i] * values[i]
    total /= norm
    for i in range(start, stop):
        pooled = total * share[i] if transpose and share != NULL else total
        values[i] = (values[i] - pooled) / strength if residual else pooled


cdef double sum_of(const double* values, Py_ssize_t n) noexcept nogil:
    # Four running sums, so that an addition need not wait for the one before.
    cdef Py_ssize_t i, quads = n - n % 4
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0
    for i in range(0, quads, 4):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
    for i in range(quads, n):
        a += values[i]
    return (a + b) + (c + d)
