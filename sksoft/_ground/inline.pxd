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


cdef inline Py_ssize_t next_flag(
    const unsigned char* flags, Py_ssize_t i, Py_ssize_t n
) noexcept nogil:
    # The first place from i on whose flag is 1, else n.
    cdef const unsigned char* found = NULL
    if i < n:
        found = <const unsigned char*> memchr(flags + i, 1, n - i)
    return n if found == NULL else found - flags


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
