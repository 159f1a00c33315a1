# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What `_short_exponential.pyx` knows of `_short_minorants.pyx`."""

from sksoft._ground.side_by_side cimport LANES, ROOM, STRIDE

cdef extern from *:
    """
    /* Neighbours or slopes nearer to each other than this are left to `project_row`. */
    #define SKSOFT_NEAR 1e-10
    """
    double NEAR "SKSOFT_NEAR"

cdef enum:
    KL = 0
    ENTROPIC = 1
    SORT = 2
    # Ten arrays of entries, six of rows, a table, and what it takes to align them.
    WORK = 5930


cdef struct Group "sksoft_group":
    # What is known of the entries of 32 rows. In one struct, so that compilers see that no
    # array is part of another.
    double s[ROOM]  # the sorted rows, then their soft ranks or sorts
    double exponent[ROOM]
    double e[ROOM]  # its exponential
    double begins[ROOM]  # 1.0 where a block begins, else 0.0
    double total[ROOM]  # the sum of e over the block up to an entry
    double mass[ROOM]  # that of the targets, or of their exponentials over the entry's
    double share[ROOM]
    double log[ROOM]
    double power[ROOM]  # of the step of a sort, and inverse sums of powers
    double inverse[ROOM]
    double strength[LANES]
    double distance[LANES]  # of the positions of a sort, and its exponential
    double step[LANES]
    double left[LANES]  # whether a row is left to the kernel for all rows
    double bits[LANES]
    double powered[LANES]  # the strengths whose powers are known
    Py_ssize_t n_powers  # 1 where they are all the same, with a table of their products
    double table[STRIDE * STRIDE]


cdef void project_lanes(Group* g, Py_ssize_t n, int kind) noexcept nogil
