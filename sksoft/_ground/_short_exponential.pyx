# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entropic soft ranks and sorts of short rows, 32 rows side by side and without a branch.

As in `_short_rows.pyx` blocks are found as the greatest convex minorant of cumulative
sums, here of the exponentials of a row against those of its targets, both ascending. A
sum of some of them is then no less than an n-th of the sum of all up to there, so that
differences of cumulative sums keep their digits. Rows in which two slopes are the same
but for rounding are left to the kernel of `_pav_exponential.pyx`.

Of ranks the gaps between entries are cut to 16 strengths. Nothing pools across such a gap:
the mean exponential above it is more than exp(16) times the mean below, and that of the
targets, which are at most 15 apart, is not. As for `_networks.pyx` setup.py allows
compilers to take these numbers to be finite.
"""

from cython cimport floating
from libc.math cimport exp, fabs, log
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcpy

from sksoft._ground.inline cimport Span
from sksoft._ground._exponentials cimport exp_lanes, log_lanes
from sksoft._ground._pav_exponential cimport project_row
from sksoft._ground._short_orders cimport order_lanes
from sksoft._ground.side_by_side cimport (
    LANES, LONGEST, ROOM, STRIDE, aligned, chosen, gather, scatter, set_offsets, transpose,
)

cdef extern from *:
    """
    struct sksoft_group;
    static int sksoft_is_hard(struct sksoft_group*, const double*, Py_ssize_t, int)
        SKSOFT_CLONED;
    static void sksoft_rank_exponents(struct sksoft_group*, Py_ssize_t) SKSOFT_CLONED;
    static void sksoft_sort_exponents(struct sksoft_group*, Py_ssize_t) SKSOFT_CLONED;
    static void sksoft_powers(struct sksoft_group*, Py_ssize_t) SKSOFT_CLONED;
    static void sksoft_find_starts(struct sksoft_group*, const double*, Py_ssize_t, int)
        SKSOFT_CLONED;
    static void sksoft_sum_up(struct sksoft_group*, Py_ssize_t, int) SKSOFT_CLONED;
    static void sksoft_rank_kl(struct sksoft_group*, Py_ssize_t) SKSOFT_CLONED;
    static void sksoft_rank_entropic(struct sksoft_group*, Py_ssize_t) SKSOFT_CLONED;
    static void sksoft_sort_entropic(struct sksoft_group*, Py_ssize_t) SKSOFT_CLONED;
    """

cdef enum:
    KL = 0
    ENTROPIC = 1
    SORT = 2
    WORK = 5608  # ten arrays of entries, five of rows, and what it takes to align them


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
    double power[ROOM]
    double inverse[ROOM]
    double strength[LANES]
    double distance[LANES]  # of the positions of a sort, and its exponential
    double step[LANES]
    double left[LANES]  # whether a row is left to the kernel for all rows
    double bits[LANES]

# Slopes nearer to each other than this are left to `project_row`.
cdef double NEAR = 1e-10
# Gaps, in strengths, up to which neighbours pool: of KL, entropic ranks.
cdef double LIMITS[2 * STRIDE]
# 1 / (the sum of targets, or of their exponentials, of the entries from i to j).
cdef double INVERSE[2 * STRIDE * STRIDE]
for i in range(STRIDE):
    LIMITS[i] = log((i + 1.0) / i) if i > 0 else 0.0
    LIMITS[STRIDE + i] = 1.0
    for j in range(STRIDE):
        INVERSE[i * STRIDE + j] = INVERSE[(STRIDE + i) * STRIDE + j] = 0.0
        if j > i:
            INVERSE[i * STRIDE + j] = 1.0 / sum(range(i + 1, j + 1))
            INVERSE[(STRIDE + i) * STRIDE + j] = 1.0 / sum(
                [exp(k - 16.0) for k in range(i + 1, j + 1)]
            )
cdef double EXP_1 = exp(-1.0)
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
    if n == 0 or n_rows == 0:
        return
    with nogil:
        if n_rows < LANES:
            for lane in range(LANES):
                few_strengths[lane] = strength[lane % n_rows]
                memcpy(few + lane * n, &x[lane % n_rows, 0], n * sizeof(floating))
            if share is not None:
                shares = &share[0, 0]
            project_group(
                few, few_strengths, n, kind, few_out, &offsets[0, 0], few_starts, shares
            )
            memcpy(&out[0, 0], few_out, n_rows * n * sizeof(floating))
            memcpy(&starts[0], few_starts, n_rows * sizeof(uint32_t))
        for r in range(0, n_rows if n_rows >= LANES else 0, 32):
            if share is not None:
                shares = &share[r // 32, 0]
            lane = min(r, n_rows - LANES)
            project_group(
                &x[lane, 0], &strength[lane], n, kind, &out[lane, 0], &offsets[r // 32, 0],
                &starts[lane], shares,
            )


cdef void project_group(
    const floating* x, const double* strength, Py_ssize_t n, int kind, floating* out,
    uint16_t* places, uint32_t* starts, double* share,
) noexcept nogil:
    cdef Py_ssize_t k, lane
    cdef uint16_t in_place[LONGEST * LANES]
    cdef double room[WORK]
    cdef Group* g = <Group*> aligned(room)
    set_offsets(in_place, n)
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
        if kind == SORT:
            sort_exponents(g, n)
            powers(g, n)
        else:
            rank_exponents(g, n)
            for lane in range(LANES):
                g.step[lane] = 1.0 if kind == KL else EXP_1
        memcpy(g.e, g.exponent, n * LANES * sizeof(double))
        exp_lanes(g.e, n * LANES)
        find_starts(g, INVERSE + kind % 2 * STRIDE * STRIDE, n, kind)
        sum_up(g, n, kind)
        if kind == KL:
            rank_kl(g, n)
        elif kind == ENTROPIC:
            rank_entropic(g, n)
        else:
            sort_entropic(g, n)
        for lane in range(LANES):
            starts[lane] = <uint32_t> g.bits[lane]
            if g.left[lane] > 0.0:
                starts[lane] = project_lane(
                    x, places + lane, strength[lane], n, kind, g.s + lane, g.share + lane
                )
        if share != NULL:
            memcpy(share, g.share, n * LANES * sizeof(double))
    scatter(g.s, &in_place[0] if kind == SORT else places, n, out)


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


cdef void rank_exponents "sksoft_rank_exponents" (Group* g, Py_ssize_t n) noexcept nogil:
    # (s - the last one) / strength, but for wide gaps.
    cdef Py_ssize_t i, lane, here
    cdef double gap, widest
    cdef double quotient[LANES]
    for lane in range(LANES):
        g.left[lane] = chosen(0.0, g.strength[lane], 0.0, 1.0)
        quotient[lane] = chosen(0.0, g.strength[lane], g.strength[lane], 1.0)
        g.exponent[(n - 1) * LANES + lane] = 0.0
    for i in range(n - 1, 0, -1):
        here = i * LANES
        for lane in range(LANES):
            gap = g.s[here + lane] - g.s[here - LANES + lane]
            widest = 16.0 * quotient[lane]
            gap = chosen(gap, widest, gap, widest)
            g.exponent[here - LANES + lane] = g.exponent[here + lane] - gap / quotient[lane]


cdef void sort_exponents "sksoft_sort_exponents" (Group* g, Py_ssize_t n) noexcept nogil:
    # s - the last one. Left are rows of too much or too little spread, or of long distances
    # between positions.
    cdef Py_ssize_t i, lane
    cdef double quotient, spread, value
    for lane in range(LANES):
        quotient = chosen(1e-300, g.strength[lane], g.strength[lane], 1e-300)
        g.distance[lane] = -1.0 / quotient
        spread = g.s[(n - 1) * LANES + lane] - g.s[lane]
        value = chosen(spread, 0.01, 1.0, 0.0) + chosen(500.0, spread, 1.0, 0.0)
        g.left[lane] = value + chosen(g.distance[lane] * n, -500.0, 1.0, 0.0)
    for i in range(n):
        for lane in range(LANES):
            value = g.s[i * LANES + lane] - g.s[(n - 1) * LANES + lane]
            g.exponent[i * LANES + lane] = chosen(value, -600.0, -600.0, value)


cdef void powers "sksoft_powers" (Group* g, Py_ssize_t n) noexcept nogil:
    # step = exp(distance), step^(i - n), and 1 / (1 + step + ... + step^(i - 1)).
    cdef Py_ssize_t i, lane
    cdef double sums[LANES]
    cdef double up[LANES]
    cdef double value
    for lane in range(LANES):
        value = g.distance[lane]
        g.step[lane] = value
        up[lane] = chosen(-500.0, value, -value, 500.0)
        g.power[n * LANES + lane] = 1.0
        sums[lane] = 0.0
    exp_lanes(g.step, LANES)
    exp_lanes(up, LANES)
    for i in range(n, 0, -1):
        for lane in range(LANES):
            g.power[(i - 1) * LANES + lane] = g.power[i * LANES + lane] * up[lane]
    for i in range(1, n + 1):
        for lane in range(LANES):
            sums[lane] = 1.0 + g.step[lane] * sums[lane]
            g.inverse[i * LANES + lane] = 1.0 / sums[lane]


cdef void find_starts "sksoft_find_starts" (
    Group* g, const double* inverse, Py_ssize_t n, int kind
) noexcept nogil:
    # Where the greatest slopes up to a place are below the least ones from there on: of the
    # sums of exponentials of ranks over those of targets, of sorts of minus the targets'
    # over the positions'.
    cdef Py_ssize_t i, j, lane
    cdef double sums[STRIDE * LANES]
    cdef double low[STRIDE * LANES]
    cdef double least[LANES]
    cdef double slope, other
    for lane in range(LANES):
        sums[lane] = 0.0
        g.begins[lane] = g.begins[n * LANES + lane] = 1.0
    for i in range(n):
        for lane in range(LANES):
            slope = g.e[i * LANES + lane]
            slope = -slope if kind == SORT else slope
            sums[(i + 1) * LANES + lane] = sums[i * LANES + lane] + slope
            low[(i + 1) * LANES + lane] = -1e300
    for i in range(n):
        for lane in range(LANES):
            least[lane] = 1e300
        for j in range(i + 1, n + 1):
            for lane in range(LANES):
                slope = sums[j * LANES + lane] - sums[i * LANES + lane]
                if kind == SORT:
                    slope *= g.power[j * LANES + lane] * g.inverse[(j - i) * LANES + lane]
                else:
                    slope *= inverse[i * STRIDE + j]
                other = least[lane]
                least[lane] = slope if slope < other else other
                other = low[j * LANES + lane]
                low[j * LANES + lane] = slope if slope > other else other
        for lane in range(LANES if i > 0 else 0):
            other = low[i * LANES + lane]
            g.begins[i * LANES + lane] = chosen(other, least[lane], 1.0, 0.0)
            slope = fabs(least[lane] - other)
            g.left[lane] += chosen(slope, NEAR * fabs(other), 1.0, 0.0)


cdef void sum_up "sksoft_sum_up" (Group* g, Py_ssize_t n, int kind) noexcept nogil:
    cdef Py_ssize_t i, lane, here
    cdef double bit = 1.0, number, before, mass
    for lane in range(LANES):
        g.bits[lane] = 1.0
        g.total[lane] = g.e[lane]
        g.mass[lane] = 1.0
    for i in range(1, n):
        bit *= 2.0
        number = i + 1 if kind == KL else 1.0
        here = i * LANES
        for lane in range(LANES):
            before = chosen(g.begins[here + lane], 0.5, g.total[here - LANES + lane], 0.0)
            g.total[here + lane] = g.e[here + lane] + before
            mass = chosen(g.begins[here + lane], 0.5, g.mass[here - LANES + lane], 0.0)
            g.mass[here + lane] = number + g.step[lane] * mass
            g.bits[lane] += g.begins[here + lane] * bit


cdef inline void renew(
    double* kept, const double* stops, const double* values
) noexcept nogil:
    # What is known at the stop of a block is kept for the rest of it, from the last on.
    cdef Py_ssize_t lane
    for lane in range(LANES):
        kept[lane] = chosen(0.5, stops[lane], values[lane], kept[lane])


cdef inline void renew_by(double* kept, const double* stops, double value) noexcept nogil:
    cdef Py_ssize_t lane
    for lane in range(LANES):
        kept[lane] = chosen(0.5, stops[lane], value, kept[lane])


cdef void rank_kl "sksoft_rank_kl" (Group* g, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, lane, here
    cdef const double* stops
    cdef double sum[LANES]
    cdef double mass[LANES]
    for i in range(n - 1, -1, -1):
        here = i * LANES
        stops = g.begins + here + LANES
        renew(sum, stops, g.total + here)
        renew(mass, stops, g.mass + here)
        for lane in range(LANES):
            g.share[here + lane] = g.e[here + lane] / sum[lane] * mass[lane]
    memcpy(g.s, g.share, n * LANES * sizeof(double))


cdef void rank_entropic "sksoft_rank_entropic" (Group* g, Py_ssize_t n) noexcept nogil:
    # The last target, plus the exponent less that of the last, plus log(mass e / total) of
    # the last.
    cdef Py_ssize_t i, lane, here
    cdef const double* stops
    cdef double level[LANES]
    cdef double last[LANES]
    cdef double sum[LANES]
    cdef double ratio[LANES]
    for i in range(n - 1, -1, -1):
        here = i * LANES
        stops = g.begins + here + LANES
        renew_by(level, stops, i + 1.0)
        renew(last, stops, g.exponent + here)
        renew(sum, stops, g.total + here)
        for lane in range(LANES):
            g.share[here + lane] = g.e[here + lane] / sum[lane]
            g.log[here + lane] = g.mass[here + lane] * g.share[here + lane]
            g.s[here + lane] = level[lane] + (g.exponent[here + lane] - last[lane])
        renew(ratio, stops, g.log + here)
        memcpy(g.log + here, ratio, sizeof(ratio))
    log_lanes(g.log, n * LANES)
    for i in range(n * LANES):
        g.s[i] += g.log[i]


cdef void sort_entropic "sksoft_sort_entropic" (Group* g, Py_ssize_t n) noexcept nogil:
    # The last number, less its distance, less log(mass e / total) of the last.
    cdef Py_ssize_t i, lane, here
    cdef const double* stops
    cdef double level[LANES]
    cdef double last[LANES]
    cdef double sum[LANES]
    cdef double ratio[LANES]
    for i in range(n - 1, -1, -1):
        here = i * LANES
        stops = g.begins + here + LANES
        renew(level, stops, g.s + here)
        renew_by(last, stops, i)
        renew(sum, stops, g.total + here)
        for lane in range(LANES):
            g.share[here + lane] = g.e[here + lane] / sum[lane]
            g.log[here + lane] = g.mass[here + lane] * g.share[here + lane]
            g.s[here + lane] = level[lane] + (last[lane] - i) * g.distance[lane]
        renew(ratio, stops, g.log + here)
        memcpy(g.log + here, ratio, sizeof(ratio))
    log_lanes(g.log, n * LANES)
    for i in range(n * LANES):
        g.s[i] -= g.log[i]


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
