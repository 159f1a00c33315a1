# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows in and out of sorted order, and the linear maps over blocks of sorted rows.

A block runs from its start to the next one. Most Jacobians of this package act on each
block as the identity, as pooling 1 q^T, or as their difference.
"""

from cython cimport floating
from libc.math cimport exp


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


def block_softmax(
    const double[:, ::1] values,
    const double[:, ::1] weight,
    const Py_ssize_t[:, ::1] starts,
    const Py_ssize_t[::1] n_blocks,
    double[:, ::1] out,
):
    """out = weight * exp(values - last value of the block), not normalised."""
    cdef Py_ssize_t r, b, i, stop, n = values.shape[1]
    with nogil:
        for r in range(values.shape[0]):
            for b in range(n_blocks[r]):
                stop = starts[r, b + 1] if b + 1 < n_blocks[r] else n
                for i in range(starts[r, b], stop):
                    out[r, i] = exp(values[r, i] - values[r, stop - 1])
                    if weight is not None:
                        out[r, i] *= weight[r, i]


def pool_blocks(
    double[:, ::1] values,
    const double[:, ::1] share,
    const Py_ssize_t[:, ::1] starts,
    const Py_ssize_t[::1] n_blocks,
    bint transpose,
    const double[::1] strength,
):
    """Pool the values of each block, or keep what pooling leaves over the strength.

    Pooling is the matrix 1 q^T on each block, q being the block's share scaled to sum to
    one (uniform where there is no share); transpose applies q 1^T instead. With a strength
    the result is (values - pooled) / strength, and zero for a strength of zero.
    """
    cdef Py_ssize_t r, b, start, stop, n = values.shape[1]
    cdef const double* q
    cdef double scale
    with nogil:
        for r in range(values.shape[0]):
            scale = 1.0 if strength is None else strength[r]
            for b in range(n_blocks[r]):
                start = starts[r, b]
                stop = starts[r, b + 1] if b + 1 < n_blocks[r] else n
                q = NULL
                if share is not None:
                    q = &share[r, start]
                if strength is not None and (stop - start == 1 or scale == 0.0):
                    for start in range(start, stop):
                        values[r, start] = 0.0
                elif stop - start > 1:
                    pool(
                        &values[r, start], q, stop - start, transpose,
                        strength is not None, scale,
                    )


cdef void pool(
    double* values, const double* share, Py_ssize_t n, bint transpose, bint residual,
    double scale,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0.0, norm = 0.0, pooled
    for i in range(n):
        total += values[i] if transpose or share == NULL else share[i] * values[i]
    if share == NULL:
        norm = n
    else:
        for i in range(n):
            norm += share[i]
    total /= norm
    for i in range(n):
        pooled = total * share[i] if transpose and share != NULL else total
        values[i] = (values[i] - pooled) / scale if residual else pooled
