# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The check that numbers are finite and not too large, in one pass."""

from cython cimport floating
from libc.math cimport fabs


def is_within(const floating[::1] values, double limit):
    """Return whether no magnitude exceeds a limit; NaN does."""
    cdef Py_ssize_t i
    cdef bint within = True
    with nogil:
        for i in range(values.shape[0]):
            within &= fabs(values[i]) <= limit
    return within
