# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ascending orders of 32 short rows side by side, and ranks of rows that need none.

As for `_networks.pyx` setup.py allows compilers to take these numbers to be finite.
"""

from cython cimport floating
from libc.math cimport fabs
from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memcpy

from sksoft._ground.inline cimport pooling_spread
from sksoft._ground.network cimport place_mask, sort_side_by_side
from sksoft._ground.side_by_side cimport LANES, LONGEST, chosen

cdef extern from *:
    """
    static int sksoft_sort_lanes(const double*, Py_ssize_t, double, uint16_t*)
        SKSOFT_CLONED;
    static int sksoft_spread_little(const double*, const double*, Py_ssize_t, double*,
        double*) SKSOFT_CLONED;
    static void sksoft_rank_pooled(double*, const double*, Py_ssize_t, const double*,
        const double*) SKSOFT_CLONED;
    """

# No constant: the compiler would not add it.
cdef double ZERO = 0.0


cdef void order_lanes(
    const floating* rows, const double* s, Py_ssize_t n, uint16_t* offsets
) noexcept nogil:
    # Write where the entries of rows are in ascending order, of which s has the columns.
    if sort_lanes(s, n, ZERO, offsets):
        settle(rows, n, offsets)


cdef int sort_lanes "sksoft_sort_lanes" (
    const double* s, Py_ssize_t n, double zero, uint16_t* offsets
) noexcept nogil:
    # Places ride in the lowest bits, as in `_networks.pyx`. Returns whether in any
    # lane there are keys that agree but for the places.
    cdef Py_ssize_t i, lane
    cdef int64_t mask = place_mask(n), change
    cdef double numbers[LONGEST * LANES]
    cdef int64_t agree[LANES]
    cdef int64_t patterns[LANES]
    cdef int64_t before[LANES]
    for i in range(n):
        for lane in range(LANES):
            numbers[i * LANES + lane] = s[i * LANES + lane] + zero
        memcpy(patterns, numbers + i * LANES, sizeof(patterns))
        for lane in range(LANES):
            patterns[lane] = (patterns[lane] & ~mask) | (i + 1)
        memcpy(numbers + i * LANES, patterns, sizeof(patterns))
    sort_side_by_side(numbers, n, LANES)
    for lane in range(LANES):
        # Anything that is not negative, and nothing that is a key.
        agree[lane] = 1
        before[lane] = -2
    for i in range(n):
        memcpy(patterns, numbers + i * LANES, sizeof(patterns))
        for lane in range(LANES):
            # Negative where there is no change.
            change = (patterns[lane] ^ before[lane]) & ~mask
            agree[lane] |= (change - 1) & ~change
            before[lane] = patterns[lane]
            offsets[i * LANES + lane] = <uint16_t> (lane * n + (patterns[lane] & mask) - 1)
    for lane in range(1, LANES):
        agree[0] |= agree[lane]
    return agree[0] < 0


cdef void settle(
    const floating* rows, Py_ssize_t n, uint16_t* offsets
) noexcept nogil:
    # Insert numbers among those before them whose keys agree; equal ones by their places.
    cdef Py_ssize_t i, j, lane
    cdef uint16_t offset, other
    cdef floating value
    for lane in range(LANES):
        for i in range(1, n):
            offset = offsets[i * LANES + lane]
            value = rows[offset]
            j = i
            while j > 0:
                other = offsets[(j - 1) * LANES + lane]
                if rows[other] < value or (rows[other] == value and other < offset):
                    break
                offsets[j * LANES + lane] = other
                j -= 1
            offsets[j * LANES + lane] = offset


cdef bint rank_where_pooled(double* s, const double* strength, Py_ssize_t n) noexcept nogil:
    # Write the ranks if all rows spread so little that they are one block each; return
    # whether they do. Of most groups a few rows show that they do not.
    cdef Py_ssize_t i, lane
    cdef double least[LANES]
    cdef double excess[LANES]
    for lane in range(4):
        for i in range(1, n):
            if fabs(s[i * LANES + lane] - s[lane]) >= pooling_spread(strength[lane], n):
                return False
    if not spread_little(s, strength, n, least, excess):
        return False
    rank_pooled(s, strength, n, least, excess)
    return True


cdef int spread_little "sksoft_spread_little" (
    const double* s, const double* strength, Py_ssize_t n, double* least, double* excess
) noexcept nogil:
    # The least numbers and the sums of what is above them, as `excess_of` adds that up.
    cdef Py_ssize_t i, lane
    cdef double most[LANES]
    cdef double total[4 * LANES]
    cdef double number, n_little = 0.0
    for lane in range(LANES):
        least[lane] = most[lane] = s[lane]
    for i in range(1, n):
        for lane in range(LANES):
            number = s[i * LANES + lane]
            least[lane] = number if number < least[lane] else least[lane]
            most[lane] = number if number > most[lane] else most[lane]
    for lane in range(LANES):
        number = pooling_spread(strength[lane], n)
        n_little += chosen(most[lane] - least[lane], number, 1.0, 0.0)
    if n < 2 or n_little < LANES:
        return False
    for lane in range(4 * LANES):
        total[lane] = 0.0
    for i in range(n):
        for lane in range(LANES):
            total[i % 4 * LANES + lane] += s[i * LANES + lane] - least[lane]
    for lane in range(LANES):
        number = total[lane] + total[LANES + lane]
        excess[lane] = number + (total[2 * LANES + lane] + total[3 * LANES + lane])
    return True


cdef void rank_pooled "sksoft_rank_pooled" (
    double* s, const double* strength, Py_ssize_t n, const double* least,
    const double* excess,
) noexcept nogil:
    cdef Py_ssize_t i, lane
    cdef double middle = 0.5 * (n + 1)
    cdef double mean[LANES]
    cdef double above
    for lane in range(LANES):
        mean[lane] = excess[lane] / n
    for i in range(n):
        for lane in range(LANES):
            above = s[i * LANES + lane] - least[lane]
            s[i * LANES + lane] = middle + (above - mean[lane]) / strength[lane]
