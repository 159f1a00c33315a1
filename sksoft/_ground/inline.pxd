# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Small functions that the kernels share, inlined into each of them.

Blocks of two or more entries are noted in a row of integers: their number, then the
start and the stop of each. An entry that is in none of them is a block by itself.
"""

from cython cimport floating
from libc.math cimport exp
from libc.string cimport memchr


cdef struct Span:
    Py_ssize_t start, stop


cdef inline Span* spans_of(const Py_ssize_t* blocks) noexcept nogil:
    # The spans of the blocks of a row, after their number.
    return <Span*> (blocks + 1)


cdef inline bint is_whole(const Span* spans, Py_ssize_t n_blocks, Py_ssize_t n) noexcept nogil:
    # Whether a row is a single block.
    return n_blocks == 1 and spans[0].stop - spans[0].start == n


cdef inline Py_ssize_t at(const Py_ssize_t* order, Py_ssize_t i) noexcept nogil:
    return i if order == NULL else order[i]


cdef inline double divided(double gap, double strength) noexcept nogil:
    # Ties have a gap of zero at any strength.
    return 0.0 if gap == 0.0 else gap / strength


cdef inline double divided_by(double x, double strength, double inverse) noexcept nogil:
    # x / strength, given 1 / strength: a product takes a fraction of the time.
    return x * inverse if inverse < 1e300 else x / strength


cdef inline double pooling_spread(double strength, Py_ssize_t n) noexcept nogil:
    # L2 ranks of n numbers that spread less than this are one block: so far apart are the
    # mean positions of the halves of any cut. A little less, for rounding.
    return 0.4999999 * n * strength


cdef inline bint spreads_little(
    const floating* row, Py_ssize_t n, double strength, double* least
) noexcept nogil:
    # Whether L2 ranks are one block, and the least number. Most rows show soon that they are
    # not. Four pairs of bounds, for speed.
    cdef floating low[4]
    cdef floating high[4]
    cdef double most
    cdef Py_ssize_t i, start, stop, j
    if n < 2:
        return False
    for j in range(4):
        low[j] = high[j] = row[0]
    for start in range(0, n, 128):
        stop = min(start + 128, n)
        for i in range(start, stop - stop % 4, 4):
            for j in range(4):
                low[j] = row[i + j] if row[i + j] < low[j] else low[j]
                high[j] = row[i + j] if row[i + j] > high[j] else high[j]
        for i in range(stop - stop % 4, stop):
            low[0] = min(low[0], row[i])
            high[0] = max(high[0], row[i])
        least[0] = min(min(low[0], low[1]), min(low[2], low[3]))
        most = max(max(high[0], high[1]), max(high[2], high[3]))
        if not most - least[0] < pooling_spread(strength, n):
            return False
    return True


cdef inline double excess_of(
    const floating* row, Py_ssize_t n, double least
) noexcept nogil:
    # The sum of row - least. Four sums, so that an addition need not wait for another.
    cdef Py_ssize_t i, j, quads = n - n % 4
    cdef double total[4]
    for j in range(4):
        total[j] = 0.0
    for i in range(0, quads, 4):
        for j in range(4):
            total[j] += row[i + j] - least
    for i in range(quads, n):
        total[i % 4] += row[i] - least
    return (total[0] + total[1]) + (total[2] + total[3])


cdef inline void rank_pooled(
    const floating* row, Py_ssize_t n, double least, double strength, floating* out
) noexcept nogil:
    # Ranks of a row that is one block.
    cdef Py_ssize_t i
    cdef double middle = 0.5 * (n + 1), mean = excess_of(row, n, least) / n
    for i in range(n):
        out[i] = <floating> (middle + ((row[i] - least) - mean) / strength)


cdef inline double decay(double gap, double strength) noexcept nogil:
    # The library's exp is many times slower where it underflows.
    cdef double t = divided(gap, strength)
    return exp(-t) if t < 745.0 else 0.0


cdef inline double weight_at(const double* weight, Py_ssize_t i) noexcept nogil:
    # Entries without weights weigh one each.
    return 1.0 if weight == NULL else weight[i]


cdef inline double sum_of(const floating* values, Py_ssize_t n) noexcept nogil:
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


cdef inline Py_ssize_t next_equal(
    const unsigned char* bytes, Py_ssize_t i, Py_ssize_t n, int value
) noexcept nogil:
    # The first place from i on whose byte has the value, else n.
    cdef const unsigned char* found = NULL
    if i < n:
        found = <const unsigned char*> memchr(bytes + i, value, n - i)
    return n if found == NULL else found - bytes


cdef inline Py_ssize_t start_before(
    Py_ssize_t start, const Span* spans, Py_ssize_t n_blocks
) noexcept nogil:
    # The start of the block that ends where the newest one, not yet noted, begins.
    if n_blocks > 0 and spans[n_blocks - 1].stop == start:
        return spans[n_blocks - 1].start
    return start - 1


cdef inline Py_ssize_t block_after(
    const Span* spans, Py_ssize_t n_blocks, Py_ssize_t i
) noexcept nogil:
    # The first block that stops after an entry.
    cdef Py_ssize_t low = 0, high = n_blocks, middle
    while i > 0 and low < high:
        middle = (low + high) // 2
        if spans[middle].stop > i:
            high = middle
        else:
            low = middle + 1
    return low
