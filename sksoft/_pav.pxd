# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from sksoft._ground.inline cimport Span


cdef Py_ssize_t partition_l2(
    const double* s, Py_ssize_t n, double strength, bint sort, Span* spans, double* offset,
    unsigned char* flags,
) noexcept nogil
