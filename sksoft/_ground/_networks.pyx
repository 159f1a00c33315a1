# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ascending orders of short rows by a sorting network that runs across rows.

Eight rows stand side by side, so that one comparator of the network, the exchange of two
entries where they are out of order, serves eight rows by a few vector instructions and
without a branch. Places ride in the lowest bits of the numbers, as in `_order.pyx`.

Compilers find those instructions only where they may take numbers to be finite and -0.0
to be 0.0, as the keys are: setup.py allows that to this file alone.
"""

from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from sksoft._ground.network cimport place_mask, sort_side_by_side

cdef extern from *:
    """
    /* Compiled for processors with AVX2 besides, where one file can hold both. */
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) \
        && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
    static void sksoft_sort_lanes(double*, Py_ssize_t)
        __attribute__((target_clones("avx2", "default")));
    #endif
    """

cdef enum:
    LANES = 8
    LONGEST = 63

# No constant: the compiler would not add it.
cdef double ZERO = 0.0


def order_side_by_side(const floating[:, ::1] x, Py_ssize_t[:, ::1] order):
    """Write the ascending orders of eight or more rows of up to 63 numbers."""
    cdef Py_ssize_t r, n = x.shape[1], n_rows = x.shape[0]
    cdef int64_t mask = place_mask(n)
    cdef int64_t keys[LONGEST * LANES]
    cdef double numbers[LONGEST * LANES]
    with nogil:
        for r in range(0, n_rows if n > 0 else 0, 8):
            # The last eight rows may have been among those before.
            r = min(r, n_rows - LANES)
            pack(&x[r, 0], n, mask, keys)
            memcpy(numbers, keys, n * LANES * sizeof(double))
            sort_lanes(numbers, n)
            memcpy(keys, numbers, n * LANES * sizeof(double))
            if unpack(keys, n, mask, &order[r, 0]):
                settle(keys, &x[r, 0], n, mask, &order[r, 0])


cdef inline void pack(
    const floating* x, Py_ssize_t n, int64_t mask, int64_t* keys
) noexcept nogil:
    # The lowest bits hold the place plus one: no key is then 0.0 or -0.0.
    cdef Py_ssize_t i, lane
    cdef double values[LANES]
    cdef int64_t patterns[LANES]
    for i in range(n):
        for lane in range(LANES):
            # Turns -0.0, which would sort before 0.0, into 0.0.
            values[lane] = x[lane * n + i] + ZERO
        memcpy(patterns, values, sizeof(values))
        for lane in range(LANES):
            keys[i * LANES + lane] = (patterns[lane] & ~mask) | (i + 1)


cdef inline bint unpack(
    const int64_t* keys, Py_ssize_t n, int64_t mask, Py_ssize_t* order
) noexcept nogil:
    # Returns whether in any lane there are keys that agree but for the places.
    cdef Py_ssize_t i, lane
    cdef int64_t change
    cdef int64_t agree[LANES]
    for lane in range(LANES):
        agree[lane] = 0
        order[lane * n] = <Py_ssize_t> (keys[lane] & mask) - 1
    for i in range(1, n):
        for lane in range(LANES):
            change = (keys[i * LANES + lane] ^ keys[i * LANES + lane - LANES]) & ~mask
            # Negative where there is no change.
            agree[lane] |= (change - 1) & ~change
            order[lane * n + i] = <Py_ssize_t> (keys[i * LANES + lane] & mask) - 1
    for lane in range(1, LANES):
        agree[0] |= agree[lane]
    return agree[0] < 0


cdef void settle(
    const int64_t* keys, const floating* x, Py_ssize_t n, int64_t mask, Py_ssize_t* order
) noexcept nogil:
    # Insert numbers among those before them whose keys agree; equal ones by their places.
    cdef Py_ssize_t i, j, lane, place
    cdef floating value
    for lane in range(LANES):
        for i in range(1, n):
            if (keys[i * LANES + lane] ^ keys[i * LANES + lane - LANES]) & ~mask == 0:
                place = order[i]
                value = x[place]
                j = i
                while j > 0 and (
                    x[order[j - 1]] > value or (x[order[j - 1]] == value and order[j - 1] > place)
                ):
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = place
        x += n
        order += n


cdef void sort_lanes "sksoft_sort_lanes" (double* keys, Py_ssize_t n) noexcept nogil:
    sort_side_by_side(keys, n, LANES)
