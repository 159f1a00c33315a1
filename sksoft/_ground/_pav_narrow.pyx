# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pool adjacent violators for the entropic soft sort of a row of little spread.

Digits of its differences would be lost in sums of exponentials near to one, so this is
done with their deviations from one.
"""

from libc.math cimport expm1, log1p

from sksoft._ground.inline cimport Span, start_before


cdef inline bint outgrows(
    double a, double b, double c, double d, double e, double f
) noexcept nogil:
    # Is (1 + a) (1 + b) (1 + c) > (1 + d) (1 + e) (1 + f), all of them near to one?
    return a + (b + c + b * c) * (1.0 + a) > d + (e + f + e * f) * (1.0 + d)


cdef Py_ssize_t sort_narrow(
    double* v, Py_ssize_t n, double strength, Span* spans, double* shares, double* masses
) noexcept nogil:
    # Returns the number of blocks. A block keeps the means of expm1 of (i - its last i) /
    # strength and of v - its last v, in n / 2 numbers each.
    cdef Py_ssize_t b = 0, i, p, start, stop
    cdef double x, y, total, base, share, mass, left_share, left_mass
    for i in range(n):
        start = i
        share = mass = 0.0
        while start > 0:
            p = start_before(start, spans, b)
            left_share = left_mass = 0.0
            if start - p > 1:
                left_share = shares[b - 1]
                left_mass = masses[b - 1]
            x = expm1((start - 1 - i) / strength)
            y = expm1(v[start - 1] - v[i])
            if outgrows(share, left_mass, y, left_share, mass, x):
                break
            total = i + 1 - p
            share = (
                (start - p) * (left_share + x + left_share * x) + (i + 1 - start) * share
            ) / total
            mass = (
                (start - p) * (left_mass + y + left_mass * y) + (i + 1 - start) * mass
            ) / total
            b -= start - p > 1
            start = p
        if start < i:
            spans[b].start = start
            spans[b].stop = i + 1
            shares[b] = share
            masses[b] = mass
            b += 1
    for p in range(b):
        start = spans[p].start
        stop = spans[p].stop
        base = log1p((masses[p] - shares[p]) / (1.0 + shares[p]))
        y = v[stop - 1]
        for i in range(start, stop):
            v[i] = y + (base + (i + 1 - stop) / strength)
    return b
