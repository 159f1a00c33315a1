# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Small functions that the ground kernels share, inlined into each of them.

Blocks of pooled entries are noted by their starts and stops; an entry that is in none
of them is a block by itself.
"""

from libc.string cimport memchr


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
    Py_ssize_t start, const Py_ssize_t* starts, const Py_ssize_t* stops, Py_ssize_t n_blocks
) noexcept nogil:
    # The start of the block that ends where the newest one, not yet noted, begins.
    if n_blocks > 0 and stops[n_blocks - 1] == start:
        return starts[n_blocks - 1]
    return start - 1
