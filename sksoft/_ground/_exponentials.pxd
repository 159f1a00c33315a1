# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What other kernels call of _exponentials.pyx."""


ctypedef void (*lanes_function)(double*, Py_ssize_t) noexcept nogil

# Of whole multiples of 32 numbers.
cdef void exp_lanes "sksoft_exp" (double* x, Py_ssize_t n) noexcept nogil

cdef void log_lanes "sksoft_log" (double* x, Py_ssize_t n) noexcept nogil

# Of any number of them, by one of these.
cdef void replace(double* x, Py_ssize_t n, lanes_function function) noexcept nogil
