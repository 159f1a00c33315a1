# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where the search for the threshold of an entropic selection starts.

The threshold is kept as tau = pivot + strength * offset, see `_sinkhorn_mask.pyx`. The
pivot is the entry at which the largest ones reach the weight k.
"""

from cython cimport floating
from libc.math cimport INFINITY, ceil, fabs

# Weights that sum to k up to rounding select exactly those entries.
cdef double ROUNDING = 1e-14


def largest_places(Py_ssize_t n, const double[::1] k, Py_ssize_t[::1] places):
    """Write the places of the ceil(k)-th largest entries in sorted rows."""
    cdef Py_ssize_t r
    for r in range(k.shape[0]):
        places[r] = n - n_largest(k[r], n)


cdef inline Py_ssize_t n_largest(double k, Py_ssize_t n) noexcept nogil:
    return min(max(<Py_ssize_t> ceil(k), 1), n)


def start_rows(
    Py_ssize_t n,
    const double[::1] k,
    const double[::1] strength,
    double[::1] pivot,
    const double[::1] below,
    double[::1] offset,
    unsigned char[::1] balanced,
):
    """Start rows of n entries at their ceil(k)-th largest; below is the next one."""
    cdef Py_ssize_t r
    with nogil:
        for r in range(pivot.shape[0]):
            balanced[r] = start(
                below[r], k[r], k[r] >= n, n_largest(k[r], n) == k[r], strength[r], &pivot[r],
                &offset[r],
            )


def start_parted_rows(
    const floating[:, ::1] parts,
    const double[::1] k,
    const double[::1] strength,
    double[::1] pivot,
    double[::1] offset,
    unsigned char[::1] balanced,
):
    """Start rows partitioned at the place of their ceil(k)-th largest entry."""
    cdef Py_ssize_t r, i, n = parts.shape[1], place
    cdef double below
    with nogil:
        for r in range(parts.shape[0]):
            place = n - n_largest(k[r], n)
            pivot[r] = parts[r, place] if n > 0 else 0.0
            below = -INFINITY
            for i in range(place):
                below = max(below, <double> parts[r, i])
            balanced[r] = start(
                below, k[r], k[r] >= n, n - place == k[r], strength[r], &pivot[r], &offset[r]
            )


def start_weighted_rows(
    const floating[:, ::1] x,
    const Py_ssize_t[:, ::1] order,
    const double[:, ::1] weight,
    const double[::1] k,
    const double[::1] strength,
    double[::1] pivot,
    double[::1] offset,
    unsigned char[::1] balanced,
):
    """Start rows at the entry where the weight of the largest reaches k."""
    cdef Py_ssize_t r, i, n = x.shape[1]
    cdef double below, total, mass, w
    cdef bint whole
    with nogil:
        for r in range(x.shape[0]):
            total = mass = 0.0
            for i in range(n):
                total += weight[r, i]
            pivot[r] = below = -INFINITY
            whole = False
            for i in range(n - 1, -1, -1):
                w = weight[r, order[r, i]]
                if w > 0.0 and mass < k[r] * (1.0 - ROUNDING):
                    mass += w
                    pivot[r] = x[r, order[r, i]]
                    whole = fabs(mass - k[r]) <= ROUNDING * total
                elif w > 0.0:
                    below = x[r, order[r, i]]
                    break
            balanced[r] = start(
                below, k[r], k[r] >= total * (1.0 - ROUNDING), whole, strength[r],
                &pivot[r], &offset[r],
            )


cdef bint start(
    double below, double k, bint full, bint whole, double strength, double* pivot, double* offset
) noexcept nogil:
    # Whether just the entries from the pivot on weigh k: the offset then starts in the
    # middle of the gap. An infinite offset selects what is not below the pivot.
    cdef double gap = pivot[0] - below
    cdef bint balanced = whole and gap > strength
    offset[0] = 0.0
    if k == 0.0 or full:
        pivot[0] = INFINITY if k == 0.0 else -INFINITY
        offset[0] = -INFINITY
    elif balanced:
        offset[0] = -INFINITY if gap / 1500.0 > strength else -0.5 * (gap / strength)
    return balanced
