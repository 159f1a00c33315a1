# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A sorting network on rows that stand side by side, for files compiled as `_networks.pyx`."""

from libc.stdint cimport int64_t


cdef inline int64_t place_mask(Py_ssize_t n) noexcept nogil:
    # The lowest bits, that hold the places of n numbers, plus one.
    cdef int64_t mask = 1
    while mask <= n:
        mask = 2 * mask
    return mask - 1


cdef inline void sort_side_by_side(
    double* keys, Py_ssize_t n, Py_ssize_t n_lanes
) noexcept nogil:
    # Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M).
    cdef Py_ssize_t p = 1, q, r, d, i, lane, top
    while 2 * p < n:
        p = 2 * p
    top = p
    while p > 0:
        q = top
        r = 0
        d = p
        while True:
            for i in range(n - d):
                if i & p == r:
                    for lane in range(0, n_lanes, 8):
                        exchange(keys + i * n_lanes + lane, keys + (i + d) * n_lanes + lane)
            if q == p:
                break
            d = q - p
            q = q // 2
            r = p
        p = p // 2


cdef inline void exchange(double* a, double* b) noexcept nogil:
    # Copies show the compiler that no result is an operand.
    cdef double x[8]
    cdef double y[8]
    cdef Py_ssize_t lane
    for lane in range(8):
        x[lane] = a[lane]
        y[lane] = b[lane]
    for lane in range(8):
        a[lane] = x[lane] if x[lane] < y[lane] else y[lane]
    for lane in range(8):
        b[lane] = y[lane] if x[lane] < y[lane] else x[lane]
