# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What kernels of short rows share that work on 32 rows side by side.

The entries i of all rows follow each other, before the entries i + 1. One instruction
then serves several rows, and there are enough of them that compilers keep the loop.
"""

from cython cimport floating


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


cdef inline void gather(
    const floating* row, const Py_ssize_t* place, Py_ssize_t n, double* s
) noexcept nogil:
    cdef Py_ssize_t i
    if place == NULL:
        for i in range(n):
            s[i * LANES] = row[i]
    else:
        for i in range(n):
            s[i * LANES] = row[place[i]]


cdef inline void scatter(
    const double* s, const Py_ssize_t* place, Py_ssize_t n, floating* row
) noexcept nogil:
    cdef Py_ssize_t i
    if place == NULL:
        for i in range(n):
            row[i] = <floating> s[i * LANES]
    else:
        for i in range(n):
            row[place[i]] = <floating> s[i * LANES]
