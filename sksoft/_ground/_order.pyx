# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ascending orders by way of a sort of values: indices ride in the lowest bits.

Sorting numbers is several times faster than sorting indices by them. Each float64 key
has its lowest bits replaced by its place in the row, the keys are sorted, and the places
read off. Keys that agree in all the other bits are then put right by their full values.
Equal values end in the order of their places. Rows of a few numbers are faster counted.
"""

from cython cimport floating
from libc.stdint cimport int64_t


cdef inline int64_t mirrored(int64_t key, int64_t place, int64_t mask) noexcept nogil:
    # Among negative numbers the larger pattern is the smaller number: count backwards.
    return (place ^ (key >> 63)) & mask


def is_ascending(const floating[:, ::1] x):
    """Return whether no row ever descends."""
    cdef Py_ssize_t r, i
    cdef bint ascending = True
    with nogil:
        for r in range(x.shape[0]):
            for i in range(1, x.shape[1]):
                if x[r, i] < x[r, i - 1]:
                    ascending = False
                    break
            if not ascending:
                break
    return ascending


def count_places(const floating[:, ::1] x, Py_ssize_t[:, ::1] order):
    """Write the ascending order of short rows: the place of a value is how many precede it."""
    cdef Py_ssize_t r, i, j, place, n = x.shape[1]
    cdef const floating* row
    cdef floating value
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            row = &x[r, 0]
            for i in range(n):
                value = row[i]
                place = 0
                for j in range(i):
                    place += row[j] <= value
                for j in range(i + 1, n):
                    place += row[j] < value
                order[r, place] = i


def embed_places(int64_t[:, ::1] keys, Py_ssize_t n_bits):
    """Replace the lowest bits of float64 bit patterns by the place in the row."""
    cdef Py_ssize_t r, i
    cdef int64_t mask = ((<int64_t> 1) << n_bits) - 1
    cdef int64_t* row
    with nogil:
        for r in range(keys.shape[0] if keys.shape[1] > 0 else 0):
            row = &keys[r, 0]
            for i in range(keys.shape[1]):
                row[i] = (row[i] & ~mask) | mirrored(row[i], i, mask)


def read_places(
    const int64_t[:, ::1] keys,
    const floating[:, ::1] x,
    Py_ssize_t n_bits,
    Py_ssize_t[:, ::1] order,
    unsigned char[::1] unfinished,
):
    """Read the places off sorted keys and finish the sort where keys were too coarse.

    Rows that would need more than a few moves for each entry are marked as unfinished.
    """
    cdef Py_ssize_t r, i, j, n = x.shape[1], i_place, moves
    cdef int64_t mask = ((<int64_t> 1) << n_bits) - 1
    cdef int64_t coarse, previous
    cdef const int64_t* key
    cdef Py_ssize_t* place
    cdef floating value
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            key = &keys[r, 0]
            place = &order[r, 0]
            for i in range(n):
                place[i] = mirrored(key[i], key[i], mask)
            moves = 0
            previous = key[0] & ~mask
            for i in range(1, n):
                coarse = key[i] & ~mask
                if coarse == previous:
                    j = i
                    i_place = place[i]
                    value = x[r, i_place]
                    while j > 0 and x[r, place[j - 1]] > value and moves <= 4 * n:
                        place[j] = place[j - 1]
                        j -= 1
                        moves += 1
                    place[j] = i_place
                previous = coarse
            unfinished[r] = moves > 4 * n
