# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft ranks and sorts of short rows, 32 rows side by side and without a branch.

A block starts between two sorted entries where the least slope of the cumulative sums
from there on is above the greatest slope up to there, as a vertex of their greatest convex
minorant (Best and Chakravarti 1990, Mathematical Programming 47). For a few entries all
slopes are cheaper than the mispredicted branches of pooling. Rows in which two such
slopes are the same but for rounding are left to the kernel of `_pav.pyx`, and so are
numbers whose sums might overflow or vanish.

Blocks are noted by a row of bits, of which bit i says that one starts at entry i. As for
`_networks.pyx` setup.py allows compilers to take these numbers to be finite.
"""

from cython cimport floating
from libc.math cimport fabs
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcpy

from sksoft._ground.inline cimport Span, excess_of, pooling_spread
from sksoft._ground._short_orders cimport order_lanes, rank_where_pooled
from sksoft._ground.side_by_side cimport (
    LANES, LONGEST, ROOM, STRIDE, aligned, chosen, gather, scatter, set_offsets, transpose,
)
from sksoft._pav cimport partition_l2

cdef extern from *:
    """
    static int sksoft_is_hard(const double*, const double*, Py_ssize_t, int) SKSOFT_CLONED;
    static void sksoft_accumulate(const double*, const double*, Py_ssize_t, int, double*)
        SKSOFT_CLONED;
    static void sksoft_vertices(const double*, const double*, Py_ssize_t, double*, double*,
        double*) SKSOFT_CLONED;
    static void sksoft_evaluate(double*, const double*, const double*, const double*,
        Py_ssize_t, int, const double*, double*) SKSOFT_CLONED;
    """


# 1 / (j - i), the slope's divisor, for j > i.
cdef double INVERSE[STRIDE * STRIDE]
for i in range(STRIDE):
    for j in range(STRIDE):
        INVERSE[i * STRIDE + j] = 1.0 / (j - i) if j > i else 0.0


def project_short_rows(
    const floating[:, ::1] x,
    const double[::1] strength,
    bint sort,
    floating[:, ::1] out,
    uint16_t[:, ::1] offsets,
    uint32_t[::1] starts,
):
    """Write L2 soft ranks or sorts, as `project_l2` does, and where blocks start.

    There are 32 or more rows, of up to 16 numbers. Of each 32 the offsets say where their
    entries are in ascending order, unless all are pooled whatever their order.
    """
    cdef Py_ssize_t r, k, lane, n = x.shape[1], n_rows = x.shape[0]
    cdef uint16_t* places
    cdef uint16_t in_place[LONGEST * LANES]
    cdef double room[4 * ROOM + 8]
    cdef double* s = aligned(room)
    cdef double* low = s + ROOM
    cdef double* high = low + ROOM
    cdef double* sums = high + ROOM
    cdef double bits[LANES]
    cdef double excess[LANES]
    cdef double spread
    set_offsets(in_place, n)
    with nogil:
        for r in range(0, n_rows if n > 0 else 0, 32):
            places = &offsets[r // 32, 0]
            # The last 32 rows may have been among those before.
            r = min(r, n_rows - LANES)
            transpose(&x[r, 0], n, s)
            if not sort and rank_where_pooled(s, &strength[r], n):
                memcpy(places, in_place, n * LANES * sizeof(uint16_t))
                for lane in range(LANES):
                    starts[r + lane] = 1
                scatter(s, in_place, n, &out[r, 0])
                continue
            order_lanes(&x[r, 0], s, n, places)
            gather(&x[r, 0], places, n, s)
            if is_hard(s, &strength[r], n, sort):
                for lane in range(LANES):
                    starts[r + lane] = (<uint32_t> 1 << n) - 1
                if not sort:
                    for k in range(n * LANES):
                        s[k] = k // LANES + 1
            else:
                find_starts(s, &strength[r], n, sort, low, high, sums)
                for lane in range(0 if sort else LANES):
                    # Below zero where `evaluate` is to add up in order.
                    excess[lane] = -1.0
                    spread = s[(n - 1) * LANES + lane] - s[lane]
                    if spread < pooling_spread(strength[r + lane], n):
                        excess[lane] = excess_of(&x[r + lane, 0], n, s[lane])
                evaluate(s, low, high, &strength[r], n, sort, excess, bits)
                for lane in range(LANES):
                    starts[r + lane] = <uint32_t> bits[lane]
            scatter(s, &in_place[0] if sort else places, n, &out[r, 0])


cdef int is_hard "sksoft_is_hard" (
    const double* s, const double* strength, Py_ssize_t n, int sort
) noexcept nogil:
    # Whether no neighbours pool in any of the rows.
    cdef Py_ssize_t i, lane
    cdef double gap, data, position
    cdef double pooled[LANES]
    for lane in range(LANES):
        pooled[lane] = 0.0
    for i in range(1, n):
        for lane in range(LANES):
            gap = s[i * LANES + lane] - s[(i - 1) * LANES + lane]
            data = strength[lane] * gap if sort else gap
            position = 1.0 if sort else strength[lane]
            if sort:
                pooled[lane] += chosen(data, position, 0.0, 1.0)
            else:
                pooled[lane] += chosen(position, data, 0.0, 1.0)
    for lane in range(1, LANES):
        pooled[0] += pooled[lane]
    return pooled[0] == 0.0


cdef inline void find_starts(
    const double* s, const double* strength, Py_ssize_t n, bint sort, double* low,
    double* high, double* sums,
) noexcept nogil:
    cdef Py_ssize_t lane
    cdef double nearest[LANES]
    cdef double span, size
    accumulate(s, strength, n, sort, sums)
    vertices(sums, INVERSE, n, low, high, nearest)
    for lane in range(LANES):
        span = s[(n - 1) * LANES + lane] - s[lane]
        size = strength[lane] * span + n if sort else span + strength[lane] * n
        # Rounding may have moved slopes by so much.
        if nearest[lane] < 1e-15 * n * n * size or not 1e-280 < size < 1e280:
            pool_lane(s + lane, strength[lane], n, sort, low + lane, high + lane)


cdef void accumulate "sksoft_accumulate" (
    const double* s, const double* strength, Py_ssize_t n, int sort, double* sums
) noexcept nogil:
    cdef Py_ssize_t i, lane
    cdef double rise
    for lane in range(LANES):
        sums[lane] = 0.0
    for i in range(n):
        for lane in range(LANES):
            rise = s[i * LANES + lane] - s[lane]
            rise = i - strength[lane] * rise if sort else rise - strength[lane] * i
            sums[(i + 1) * LANES + lane] = sums[i * LANES + lane] + rise


cdef void pool_lane(
    const double* s, double strength, Py_ssize_t n, bint sort, double* low, double* high
) noexcept nogil:
    cdef double row[LONGEST]
    cdef double offset[LONGEST]
    cdef unsigned char flags[LONGEST]
    cdef Span spans[LONGEST]
    cdef Py_ssize_t i, b, n_blocks
    for i in range(n):
        row[i] = s[i * LANES]
        low[i * LANES] = 0.0
        high[i * LANES] = 1.0
    n_blocks = partition_l2(row, n, strength, sort, spans, offset, flags)
    for b in range(n_blocks):
        for i in range(spans[b].start + 1, spans[b].stop):
            high[i * LANES] = -1.0


cdef void vertices "sksoft_vertices" (
    const double* sums, const double* inverse, Py_ssize_t n, double* low, double* high,
    double* nearest,
) noexcept nogil:
    # The greatest slopes up to each place, the least from there on, how near they come.
    cdef Py_ssize_t i, j, lane
    cdef double least[LANES]
    cdef double slope, other
    for lane in range(LANES):
        nearest[lane] = 1e300
        low[lane] = low[n * LANES + lane] = 0.0
        high[lane] = high[n * LANES + lane] = 1.0
    for j in range(1, n):
        for lane in range(LANES):
            low[j * LANES + lane] = sums[j * LANES + lane] * inverse[j]
    for i in range(1, n):
        for lane in range(LANES):
            least[lane] = (
                (sums[n * LANES + lane] - sums[i * LANES + lane]) * inverse[i * STRIDE + n]
            )
        for j in range(i + 1, n):
            for lane in range(LANES):
                slope = (
                    (sums[j * LANES + lane] - sums[i * LANES + lane]) * inverse[i * STRIDE + j]
                )
                other = least[lane]
                least[lane] = slope if slope < other else other
                other = low[j * LANES + lane]
                low[j * LANES + lane] = slope if slope > other else other
        for lane in range(LANES):
            high[i * LANES + lane] = least[lane]
            other = nearest[lane]
            slope = fabs(least[lane] - low[i * LANES + lane])
            nearest[lane] = slope if slope < other else other


cdef void evaluate "sksoft_evaluate" (
    double* s, const double* low, const double* high, const double* strength, Py_ssize_t n,
    int sort, const double* excess, double* bits,
) noexcept nogil:
    # First each entry's block up to it: its start, first value, sum of what is above that.
    cdef Py_ssize_t i, lane, here
    cdef double start[LONGEST * LANES]
    cdef double first[LONGEST * LANES]
    cdef double total[LONGEST * LANES]
    cdef double stop[LANES]
    cdef double last[LANES]
    cdef double quotient[LANES]
    cdef double below, above, middle, offset, value, bit = 1.0
    for lane in range(LANES):
        quotient[lane] = strength[lane] if strength[lane] > 0.0 else 1.0
        start[lane] = 0.0
        first[lane] = s[lane]
        total[lane] = 0.0
        stop[lane] = 0.0
        last[lane] = 0.0
        bits[lane] = 1.0
    for i in range(1, n):
        bit *= 2.0
        for lane in range(LANES):
            here = i * LANES + lane
            start[here] = chosen(low[here], high[here], i, start[here - LANES])
            first[here] = chosen(low[here], high[here], s[here], first[here - LANES])
            value = total[here - LANES] + (s[here] - first[here])
            total[here] = chosen(low[here], high[here], 0.0, value)
            bits[lane] += chosen(low[here], high[here], bit, 0.0)
    here = (n - 1) * LANES
    for lane in range(LANES if not sort else 0):
        total[here + lane] = chosen(excess[lane], 0.0, total[here + lane], excess[lane])
    for i in range(n - 1, -1, -1):
        for lane in range(LANES):
            here = i * LANES + lane
            below, above = low[here + LANES], high[here + LANES]
            stop[lane] = chosen(below, above, i + 1.0, stop[lane])
            last[lane] = chosen(below, above, total[here], last[lane])
            middle = 0.5 * (start[here] + stop[lane] + 1.0)
            offset = last[lane] / (stop[lane] - start[here])
            if sort:
                s[here] = first[here] + (offset + (i + 1 - middle) / quotient[lane])
            else:
                value = (s[here] - first[here]) - offset
                value = chosen(0.0, strength[lane], value, 0.0)
                s[here] = middle + value / quotient[lane]
