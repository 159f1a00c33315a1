# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from sksoft._ground.inline cimport Span


cdef Py_ssize_t sort_narrow(
    double* v, Py_ssize_t n, double strength, Span* spans, double* shares, double* masses
) noexcept nogil
