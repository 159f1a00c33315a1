# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from cython cimport floating
from libc.stdint cimport uint16_t


cdef void order_lanes(
    const floating* rows, const double* s, Py_ssize_t n, uint16_t* offsets
) noexcept nogil

cdef bint rank_where_pooled(double* s, const double* strength, Py_ssize_t n) noexcept nogil
