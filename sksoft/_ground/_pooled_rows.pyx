# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""L2 ranks of rows that are one block whatever their order."""

from cython cimport floating

from sksoft._ground.inline cimport rank_pooled, spreads_little


def rank_where_pooled(
    const floating[:, ::1] x, const double[::1] strength, floating[:, ::1] out
):
    """Write soft ranks as long as rows spread so little that they are one block.

    Return whether all rows do: ranks of such rows need no order.
    """
    cdef Py_ssize_t r, n = x.shape[1]
    cdef double least = 0.0
    if n < 2:
        return False
    with nogil:
        for r in range(x.shape[0]):
            if not spreads_little(&x[r, 0], n, strength[r], &least):
                with gil:
                    return False
            rank_pooled(&x[r, 0], n, least, strength[r], &out[r, 0])
    return True
