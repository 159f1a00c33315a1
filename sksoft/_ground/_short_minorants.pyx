# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The blocks of 32 short rows side by side, and what their entries become; without a branch.

As in `_short_rows.pyx` blocks are found as the greatest convex minorant of cumulative
sums, here of the exponentials of a row against those of its targets, both ascending. A
sum of some of them is then no less than an n-th of the sum of all up to there, so that
differences of cumulative sums keep their digits. Rows in which two slopes are the same
but for rounding are left to the kernel of `_pav_exponential.pyx`.

Of ranks the gaps between entries are cut to 16 strengths. Nothing pools across such a gap:
the mean exponential above it is at least exp(16) times the mean below, and that of the
targets at most exp(15) times, or of KL the mean target itself at most 16 times. As for
`_networks.pyx` setup.py allows compilers to take these numbers to be finite.
"""

from libc.math cimport exp, fabs
from libc.string cimport memcmp, memcpy

from sksoft._ground._exponentials cimport exp_lanes, log_lanes
from sksoft._ground.side_by_side cimport LANES, STRIDE, chosen

cdef extern from *:
    """
    struct sksoft_group;
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

# 1 / (the sum of targets, or of their exponentials, of the entries from i to j).
cdef double INVERSE[2 * STRIDE * STRIDE]
for i in range(STRIDE):
    for j in range(STRIDE):
        INVERSE[i * STRIDE + j] = INVERSE[(STRIDE + i) * STRIDE + j] = 0.0
        if j > i:
            INVERSE[i * STRIDE + j] = 1.0 / sum(range(i + 1, j + 1))
            INVERSE[(STRIDE + i) * STRIDE + j] = 1.0 / sum(
                [exp(k - 16.0) for k in range(i + 1, j + 1)]
            )
cdef double EXP_1 = exp(-1.0)


cdef void project_lanes(Group* g, Py_ssize_t n, int kind) noexcept nogil:
    cdef Py_ssize_t lane
    cdef const double* inverse = INVERSE + kind % 2 * STRIDE * STRIDE
    if kind == SORT:
        if g.n_powers == 0 or memcmp(g.powered, g.strength, sizeof(g.strength)) != 0:
            powers(g, n)
        sort_exponents(g, n)
        inverse = &g.table[0] if g.n_powers == 1 else NULL
    else:
        rank_exponents(g, n)
        for lane in range(LANES):
            g.step[lane] = 1.0 if kind == KL else EXP_1
    memcpy(g.e, g.exponent, n * LANES * sizeof(double))
    exp_lanes(g.e, n * LANES)
    find_starts(g, inverse, n, kind == SORT)
    sum_up(g, n, kind)
    if kind == KL:
        rank_kl(g, n)
    elif kind == ENTROPIC:
        rank_entropic(g, n)
    else:
        sort_entropic(g, n)


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
    cdef double spread, value
    for lane in range(LANES):
        spread = g.s[(n - 1) * LANES + lane] - g.s[lane]
        value = chosen(spread, 0.01, 1.0, 0.0) + chosen(500.0, spread, 1.0, 0.0)
        g.left[lane] = value + chosen(g.distance[lane] * n, -500.0, 1.0, 0.0)
    for i in range(n):
        for lane in range(LANES):
            value = g.s[i * LANES + lane] - g.s[(n - 1) * LANES + lane]
            g.exponent[i * LANES + lane] = chosen(value, -600.0, -600.0, value)


cdef void powers "sksoft_powers" (Group* g, Py_ssize_t n) noexcept nogil:
    # step = exp(distance), step^(i - n), and 1 / (1 + step + ... + step^(i - 1)).
    cdef Py_ssize_t i, j, lane
    cdef double sums[LANES]
    cdef double up[LANES]
    cdef double value
    g.n_powers = 1
    memcpy(g.powered, g.strength, sizeof(g.powered))
    for lane in range(LANES):
        if g.strength[lane] != g.strength[0]:
            g.n_powers = LANES
        value = chosen(1e-300, g.strength[lane], g.strength[lane], 1e-300)
        g.distance[lane] = value = -1.0 / value
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
    for i in range(n):
        for j in range(i + 1, n + 1):
            g.table[i * STRIDE + j] = g.power[j * LANES] * g.inverse[(j - i) * LANES]


cdef void find_starts "sksoft_find_starts" (
    Group* g, const double* inverse, Py_ssize_t n, int sort
) noexcept nogil:
    # Where the greatest slopes up to a place are below the least ones from there on: of the
    # sums of exponentials of ranks over those of targets, of sorts of minus the targets'
    # over the positions'; without inverses of these, of each row by its own powers.
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
            slope = -slope if sort else slope
            sums[(i + 1) * LANES + lane] = sums[i * LANES + lane] + slope
            low[(i + 1) * LANES + lane] = -1e300
    for i in range(n):
        for lane in range(LANES):
            least[lane] = 1e300
        for j in range(i + 1, n + 1):
            for lane in range(LANES):
                slope = sums[j * LANES + lane] - sums[i * LANES + lane]
                if inverse == NULL:
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
    cdef double sum[LANES]
    cdef double ratio[LANES]
    for lane in range(LANES):
        level[lane] = 0.0
    for i in range(n - 1, -1, -1):
        here = i * LANES
        stops = g.begins + here + LANES
        for lane in range(LANES):
            level[lane] += g.distance[lane]
        renew(level, stops, g.s + here)
        renew(sum, stops, g.total + here)
        for lane in range(LANES):
            g.share[here + lane] = g.e[here + lane] / sum[lane]
            g.log[here + lane] = g.mass[here + lane] * g.share[here + lane]
            g.s[here + lane] = level[lane]
        renew(ratio, stops, g.log + here)
        memcpy(g.log + here, ratio, sizeof(ratio))
    log_lanes(g.log, n * LANES)
    for i in range(n * LANES):
        g.s[i] -= g.log[i]
