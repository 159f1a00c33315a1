# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The smallest entries of rows, in no order."""


def take_smallest(
    const double[:, ::1] rows, const double[::1] largest, Py_ssize_t[:, ::1] out
):
    """out[r] = places of the smallest entries of rows[r], of which largest[r] is last.

    Of those that tie with the last, the first are taken; the places are in no order.
    """
    cdef Py_ssize_t r, i, found, count = out.shape[1]
    cdef double last
    with nogil:
        for r in range(rows.shape[0] if count > 0 else 0):
            last = largest[r]
            found = 0
            # Fewer than count are smaller: a place that is written too early is kept
            # free for the next.
            for i in range(rows.shape[1]):
                out[r, found] = i
                found += rows[r, i] < last
            i = 0
            while found < count:
                out[r, found] = i
                found += not (rows[r, i] < last or rows[r, i] > last)
                i += 1
