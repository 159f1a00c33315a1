# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pool adjacent violators over rows in the order given: isotonic regression.

Blocks are kept as those of the soft ranks are: by their start, their weight, and the level
of their entries relative to the first of them, so that equal entries stay exactly equal.
The level is the weighted mean, or the logarithm of the weighted mean of exponentials.
"""

from cython cimport floating
from libc.math cimport INFINITY, exp, expm1, log, log1p

from sksoft._ground.inline cimport Span, spans_of


def fit_isotonic(
    const floating[:, ::1] x,
    const double[:, ::1] weight,
    bint entropic,
    double[:, ::1] out,
    Py_ssize_t[:, ::1] blocks,
    Py_ssize_t[::1] heads,
    double[:, ::1] work,
):
    """Write non-decreasing rows; note their blocks of two or more entries.

    heads is of shape (n,) and work of shape (2, n).
    """
    cdef Py_ssize_t r, i, b, start, stop, n = x.shape[1], count
    cdef double value
    cdef Span* spans
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            count = pool_row(
                &x[r, 0], NULL if weight is None else &weight[r, 0], n, entropic, &heads[0],
                &work[0, 0], &work[1, 0],
            )
            spans = spans_of(&blocks[r, 0])
            blocks[r, 0] = 0
            value = -INFINITY
            for b in range(count):
                start = heads[b]
                stop = heads[b + 1] if b + 1 < count else n
                # Rounding must not make it fall.
                value = max(value, x[r, start] + work[1, b])
                for i in range(start, stop):
                    out[r, i] = value
                if stop - start > 1:
                    spans[blocks[r, 0]].start = start
                    spans[blocks[r, 0]].stop = stop
                    blocks[r, 0] += 1


cdef Py_ssize_t pool_row(
    const floating* x, const double* weight, Py_ssize_t n, bint entropic, Py_ssize_t* heads,
    double* masses, double* levels,
) noexcept nogil:
    # Return the number of blocks. Equal blocks pool, as tied entries do in soft ranks.
    cdef Py_ssize_t i, b = 0
    cdef double mass, level, gap, share
    for i in range(n):
        heads[b] = i
        masses[b] = 1.0 if weight == NULL else weight[i]
        levels[b] = 0.0
        b += 1
        while b > 1:
            # The level of the newest block less that of the one before.
            gap = <double> x[heads[b - 1]] - x[heads[b - 2]]
            gap += levels[b - 1] - levels[b - 2]
            if gap > 0.0:
                break
            mass = masses[b - 2] + masses[b - 1]
            share = masses[b - 1] / mass
            if not entropic:
                level = share * gap
            elif gap > -1.0:
                level = log1p(share * expm1(gap))
            else:
                level = log(masses[b - 2] / mass + share * exp(gap))
            levels[b - 2] += level
            masses[b - 2] = mass
            b -= 1
    return b
