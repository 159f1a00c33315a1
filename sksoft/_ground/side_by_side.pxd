# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What kernels of short rows share that work on 32 rows side by side.

The entries i of all rows follow each other, before the entries i + 1. One instruction
then serves several rows, and there are enough of them that compilers keep the loop.
"""

from cython cimport floating
from libc.stdint cimport uint16_t


cdef extern from *:
    """
    /* Compiled for processors with AVX2 besides, where one file can hold both. */
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) \
        && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
    #define SKSOFT_CLONED __attribute__((target_clones("avx2", "default")))
    #else
    #define SKSOFT_CLONED
    #endif
    """

cdef enum:
    LANES = 32
    LONGEST = 16
    STRIDE = 17
    ROOM = 544  # STRIDE * LANES


cdef inline double chosen(double x, double y, double one, double other) noexcept nogil:
    # Both are at hand before the choice, so that compilers need no branch.
    return one if x < y else other


cdef inline double* aligned(double* room) noexcept nogil:
    # The first place that vectors need not read across the lines of the cache.
    return <double*> ((<size_t> room + 63) & ~<size_t> 63)


cdef inline void set_offsets(uint16_t* offsets, Py_ssize_t n) noexcept nogil:
    # Where the entries of 32 rows are that stay in their places.
    cdef Py_ssize_t i, lane
    for i in range(n):
        for lane in range(LANES):
            offsets[i * LANES + lane] = <uint16_t> (lane * n + i)


cdef inline void transpose(const floating* rows, Py_ssize_t n, double* s) noexcept nogil:
    # Eight rows at a time, for which compilers find vector instructions.
    cdef Py_ssize_t i, first, lane
    for first in range(0, LANES, 8):
        for i in range(n):
            for lane in range(8):
                s[i * LANES + first + lane] = rows[(first + lane) * n + i]


cdef inline void gather(
    const floating* rows, const uint16_t* offsets, Py_ssize_t n, double* s
) noexcept nogil:
    cdef Py_ssize_t k, j
    for k in range(0, n * LANES, 8):
        for j in range(8):
            s[k + j] = rows[offsets[k + j]]


cdef inline void scatter(
    const double* s, const uint16_t* offsets, Py_ssize_t n, floating* rows
) noexcept nogil:
    cdef Py_ssize_t k, j
    for k in range(0, n * LANES, 8):
        for j in range(8):
            rows[offsets[k + j]] = <floating> s[k + j]
