# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entropic soft ranks and sorts of short rows, 32 rows side by side and without a branch.

Here are their order, rows without blocks of two or more, and rows that are left to the
kernel of `_pav_exponential.pyx`; the rest is in `_short_minorants.pyx`. As for
`_networks.pyx` setup.py allows compilers to take these numbers to be finite.
"""

from cython cimport floating
from libc.math cimport log
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcpy

from sksoft._ground.inline cimport Span
from sksoft._ground._exponentials cimport exp_lanes
from sksoft._ground._pav_exponential cimport project_row
from sksoft._ground._short_minorants cimport (
    ENTROPIC, Group, KL, NEAR, SORT, WORK, project_lanes,
)
from sksoft._ground._short_orders cimport order_lanes
from sksoft._ground.side_by_side cimport (
    LANES, LONGEST, STRIDE, aligned, chosen, gather, scatter, set_offsets, transpose,
)

cdef extern from *:
    """
    struct sksoft_group;
    static int sksoft_is_hard(struct sksoft_group*, const double*, Py_ssize_t, int)
        SKSOFT_CLONED;
    """

# Gaps, in strengths, up to which neighbours pool: of KL, entropic ranks.
cdef double LIMITS[2 * STRIDE]
for i in range(STRIDE):
    LIMITS[i] = log((i + 1.0) / i) if i > 0 else 0.0
    LIMITS[STRIDE + i] = 1.0
# No constant: the compiler would not add it.
cdef double ZERO = 0.0


def project_short_exponential(
    const floating[:, ::1] x,
    const double[::1] strength,
    bint sort,
    bint kl,
    floating[:, ::1] out,
    uint16_t[:, ::1] offsets,
    uint32_t[::1] starts,
    double[:, ::1] share,
):
    """Write entropic soft ranks or sorts, as `project_exponential` has them.

    The rows are of up to 16 numbers. Of each 32, the last of which may have been among
    those before, offsets say where their entries are in ascending order, and share what
    `pool_short_shares` takes; starts say of each row where blocks start.
    """
    cdef Py_ssize_t r, lane, n = x.shape[1], n_rows = x.shape[0]
    cdef int kind = SORT if sort else KL if kl else ENTROPIC
    cdef double* shares = NULL
    cdef floating few[LONGEST * LANES]
    cdef floating few_out[LONGEST * LANES]
    cdef double few_strengths[LANES]
    cdef uint32_t few_starts[LANES]
    cdef uint16_t in_place[LONGEST * LANES]
    cdef double room[WORK]
    cdef Group* g = <Group*> aligned(room)
    if n == 0 or n_rows == 0:
        return
    g.n_powers = 0
    set_offsets(in_place, n)
    with nogil:
        if n_rows < LANES:
            for lane in range(LANES):
                few_strengths[lane] = strength[lane % n_rows]
                memcpy(few + lane * n, &x[lane % n_rows, 0], n * sizeof(floating))
            if share is not None:
                shares = &share[0, 0]
            project_group(
                g, few, few_strengths, n, kind, in_place, few_out, &offsets[0, 0], few_starts,
                shares,
            )
            memcpy(&out[0, 0], few_out, n_rows * n * sizeof(floating))
            memcpy(&starts[0], few_starts, n_rows * sizeof(uint32_t))
        for r in range(0, n_rows if n_rows >= LANES else 0, 32):
            if share is not None:
                shares = &share[r // 32, 0]
            lane = min(r, n_rows - LANES)
            project_group(
                g, &x[lane, 0], &strength[lane], n, kind, in_place, &out[lane, 0],
                &offsets[r // 32, 0], &starts[lane], shares,
            )


cdef void project_group(
    Group* g, const floating* x, const double* strength, Py_ssize_t n, int kind,
    const uint16_t* in_place, floating* out, uint16_t* places, uint32_t* starts,
    double* share,
) noexcept nogil:
    cdef Py_ssize_t k, lane
    transpose(x, n, g.s)
    order_lanes(x, g.s, n, places)
    gather(x, places, n, g.s)
    memcpy(g.strength, strength, sizeof(g.strength))
    if is_hard(g, LIMITS + kind % 2 * STRIDE, n, kind):
        for lane in range(LANES):
            starts[lane] = (<uint32_t> 1 << n) - 1
        for k in range(n * LANES):
            g.s[k] = g.s[k] + ZERO if kind == SORT else k // LANES + 1
    else:
        project_lanes(g, n, kind)
        for lane in range(LANES):
            starts[lane] = <uint32_t> g.bits[lane]
            if g.left[lane] > 0.0:
                starts[lane] = project_lane(
                    x, places + lane, strength[lane], n, kind, g.s + lane, g.share + lane
                )
        if share != NULL:
            memcpy(share, g.share, n * LANES * sizeof(double))
    scatter(g.s, in_place if kind == SORT else places, n, out)


cdef int is_hard "sksoft_is_hard" (
    Group* g, const double* limits, Py_ssize_t n, int kind
) noexcept nogil:
    # Whether no neighbours pool in any of the rows, and none comes near to it.
    cdef Py_ssize_t i, lane
    cdef double gap, data, position
    cdef double pooled[LANES]
    for lane in range(LANES):
        pooled[lane] = 0.0
    for i in range(1, n):
        for lane in range(LANES):
            gap = g.s[i * LANES + lane] - g.s[(i - 1) * LANES + lane]
            if kind == SORT:
                data = g.strength[lane] * gap * (1.0 + NEAR)
                pooled[lane] += chosen(data, 1.0, 0.0, 1.0)
            else:
                position = g.strength[lane] * (limits[i] * (1.0 + NEAR))
                pooled[lane] += chosen(position, gap, 0.0, 1.0)
    for lane in range(1, LANES):
        pooled[0] += pooled[lane]
    return pooled[0] == 0.0


cdef uint32_t project_lane(
    const floating* x, const uint16_t* places, double strength, Py_ssize_t n, int kind,
    double* s, double* share,
) noexcept nogil:
    # One row by the kernel for all rows; returns the bits of its starts.
    cdef Py_ssize_t i, b, last, n_blocks
    cdef double row[LONGEST]
    cdef double decay[LANES]
    cdef double values[LANES]
    cdef double work[LONGEST]
    cdef Span spans[LONGEST]
    cdef uint32_t bits = (<uint32_t> 1 << n) - 1
    cdef double gap, total
    for i in range(LANES):
        decay[i] = values[i] = 0.0
    for i in range(n):
        row[i] = x[places[i * LANES]] + ZERO
        share[i * LANES] = 1.0
        if i > 0:
            gap = row[i - 1] - row[i]
            if kind != SORT and gap < 0.0:
                gap = gap / strength if strength > 0.0 else -600.0
            decay[i] = gap if gap > -600.0 else -600.0
    if kind != SORT and strength == 0.0:
        n_blocks = rank_ties(row, n, spans)
    else:
        exp_lanes(decay, LANES)
        n_blocks = project_row(
            row, decay, NULL, NULL, n, strength, kind == SORT, kind == KL, spans, work
        )
    for i in range(n):
        s[i * LANES] = i + 1.0 if kind == KL else row[i]
    for b in range(n_blocks):
        last = spans[b].stop - 1
        for i in range(spans[b].start, spans[b].stop):
            values[i] = row[i] - row[last]
            if kind == SORT:
                values[i] = <double> x[places[i * LANES]] - x[places[last * LANES]]
    exp_lanes(values, LANES)
    for b in range(n_blocks):
        total = 0.0
        for i in range(spans[b].start, spans[b].stop):
            total += values[i]
        for i in range(spans[b].start, spans[b].stop):
            bits &= ~(<uint32_t> (i > spans[b].start) << i)
            share[i * LANES] = values[i] / total
            if kind == KL:
                s[i * LANES] = row[i] if strength == 0.0 else values[i] * decay[b]
                share[i * LANES] = s[i * LANES]
    return bits


cdef Py_ssize_t rank_ties(double* row, Py_ssize_t n, Span* spans) noexcept nogil:
    # Ranks of strength zero, of which ties take the average; returns how many ties there are.
    cdef Py_ssize_t b = 0, i = 0, j, stop
    while i < n:
        stop = i + 1
        while stop < n and row[stop] == row[i]:
            stop += 1
        if stop > i + 1:
            spans[b] = Span(i, stop)
            b += 1
        for j in range(i, stop):
            row[j] = 0.5 * (i + 1 + stop)
        i = stop
    return b
