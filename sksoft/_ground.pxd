# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Small functions that the ground kernels share, inlined into each of them.

Blocks of two or more entries are noted in a row of integers: their number, then the
start and the stop of each. An entry that is in none of them is a block by itself.
"""

from libc.string cimport memchr


cdef struct Span:
    Py_ssize_t start, stop


cdef inline Span* spans_of(const Py_ssize_t* blocks) noexcept nogil:
    # The spans of the blocks of a row, after their number.
    return <Span*> (blocks + 1)


cdef inline Py_ssize_t at(const Py_ssize_t* order, Py_ssize_t i) noexcept nogil:
    return i if order == NULL else order[i]


cdef inline double divided(double gap, double strength) noexcept nogil:
    # Ties have a gap of zero at any strength.
    return 0.0 if gap == 0.0 else gap / strength


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
