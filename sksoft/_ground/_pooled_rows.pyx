# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""L2 and entropic ranks of rows that are one block whatever their order."""

from cython cimport floating
from libc.math cimport exp, expm1, log

from sksoft._ground._exponentials cimport exp_lanes, replace
from sksoft._ground.inline cimport rank_pooled, spreads_little, sum_of


def rank_where_pooled(
    const floating[:, ::1] x, const double[::1] strength, floating[:, ::1] out
):
    """Write soft ranks as long as rows spread so little that they are one block.

    Return whether all rows do: ranks of such rows need no order.
    """
    cdef Py_ssize_t r, n = x.shape[1]
    cdef double least = 0.0
    if n < 2:
        return False
    with nogil:
        for r in range(x.shape[0]):
            if not spreads_little(&x[r, 0], n, strength[r], &least):
                with gil:
                    return False
            rank_pooled(&x[r, 0], n, least, strength[r], &out[r, 0])
    return True


def rank_where_one_softmax(
    const floating[:, ::1] x,
    const double[::1] strength,
    floating[:, ::1] out,
    double[:, ::1] share,
    unsigned char[::1] pooled,
):
    """Write entropic ranks of the rows that are surely one block, and note which are.

    Of those, share receives the exponentials of what is above the largest number over the
    strength; of others out and share may be anything.
    """
    cdef Py_ssize_t r, n = x.shape[1]
    with nogil:
        for r in range(x.shape[0] if n > 1 else 0):
            pooled[r] = rank_one_softmax(&x[r, 0], n, strength[r], &out[r, 0], &share[r, 0])


cdef bint rank_one_softmax(
    const floating* row, Py_ssize_t n, double strength, floating* out, double* share
) noexcept nogil:
    cdef Py_ssize_t i, start
    cdef double least = row[0], most = row[0], widest = strength * (log(n) + 8.0), total, base
    # Most rows that are not one block show soon that they spread too much.
    for start in range(0, n, 128):
        for i in range(start, min(start + 128, n)):
            least = min(least, row[i])
            most = max(most, row[i])
        if not most - least < widest:
            return False
    for i in range(n):
        share[i] = (row[i] - most) / strength
    replace(share, n, exp_lanes)
    total = sum_of(share, n)
    if not is_one_block(exp((least - most) / strength), total, n):
        return False
    base = log(expm1(-n) / expm1(-1.0) / total)
    for i in range(n):
        out[i] = <floating> (n + (base + (row[i] - most) / strength))
    return True


cdef inline bint is_one_block(double least, double total, Py_ssize_t n) noexcept nogil:
    # A row is one block if, for all m, its m largest exponentials are at most as large a
    # share of all as those of the m largest targets are, (1 - exp(-m)) / (1 - exp(-n)). With
    # a largest exponential of 1 they are at most m, and at most total - (n - m) least. So it
    # is enough that total (1 - exp(-m)) - m is positive up to some m, and (n - m) least -
    # total exp(-m) from there on to n - 1. Both are concave in m: only ends need be looked
    # at. A little is left for rounding.
    cdef double m = max(1.0, min(<double> <Py_ssize_t> (0.98 * total), n - 1.0))
    total *= 1.0 - 1e-9
    if total * -expm1(-1.0) < 1.0 or total * -expm1(-m) < m:
        return False
    total *= 1.0 + 2e-9
    return (n - m) * least > total * exp(-m) and least > total * exp(1.0 - n)
