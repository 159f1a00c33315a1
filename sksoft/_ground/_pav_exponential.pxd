# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What other kernels call of _pav_exponential.pyx."""

from sksoft._ground.inline cimport Span


cdef Py_ssize_t project_row(
    double* s, double* decay, const double* target, const double* weight, Py_ssize_t n,
    double strength, bint sort, bint kl, Span* spans, double* work,
) noexcept nogil
