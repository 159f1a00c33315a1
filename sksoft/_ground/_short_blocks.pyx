# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The linear maps over blocks of short rows, 32 rows side by side."""

from cython cimport floating
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memset

from sksoft._ground.side_by_side cimport (
    LANES, LONGEST, ROOM, STRIDE, aligned, chosen, gather, scatter, set_offsets,
)

cdef extern from *:
    """
    static void sksoft_pool_whole(double*, const double*, Py_ssize_t, int) SKSOFT_CLONED;
    static void sksoft_pool(double*, double*, const double*, const double*, Py_ssize_t, int)
        SKSOFT_CLONED;
    """


def pool_short_rows(
    const floating[:, ::1] values,
    const uint16_t[:, ::1] take,
    const uint16_t[:, ::1] put,
    const double[::1] strength,
    const uint32_t[::1] starts,
    floating[:, ::1] out,
):
    """Apply uniform pooling, or what it leaves over the strength, as `pool_blocks` does."""
    cdef Py_ssize_t r, lane, group, n_single, n_whole
    cdef Py_ssize_t n = values.shape[1], n_rows = values.shape[0]
    cdef uint16_t in_place[LONGEST * LANES]
    cdef const uint16_t* source
    cdef const uint16_t* goal
    cdef double room[ROOM + 8]
    cdef double* s = aligned(room)
    cdef double bits[LANES]
    cdef double divisor[LANES]
    cdef double sums[LANES]
    cdef uint32_t single = (<uint32_t> 1 << n) - 1
    cdef bint residual = strength is not None
    set_offsets(in_place, n)
    for lane in range(LANES):
        divisor[lane] = 1.0
    with nogil:
        for r in range(0, n_rows if n > 0 else 0, 32):
            group = r // 32
            r = min(r, n_rows - LANES)
            source = &in_place[0] if take is None else &take[group, 0]
            goal = &in_place[0] if put is None else &put[group, 0]
            n_single = n_whole = 0
            for lane in range(LANES):
                n_single += starts[r + lane] == single
                n_whole += starts[r + lane] == 1
                bits[lane] = starts[r + lane]
                if residual:
                    divisor[lane] = strength[r + lane]
            if residual and n_single == LANES:
                memset(&out[r, 0], 0, n * LANES * sizeof(floating))
                continue
            if residual and n_whole == LANES:
                # What is left of a row that is one block needs no order.
                source = goal = &in_place[0]
            gather(&values[r, 0], source, n, s)
            if n_whole == LANES:
                pool_whole(s, divisor, n, residual)
            elif n_single < LANES:
                for lane in range(LANES if residual and n_whole > 0 else 0):
                    if starts[r + lane] == 1:
                        sums[lane] = sum_in_place(&values[r + lane, 0], n)
                pool_lanes(s, bits, divisor, sums, n, residual)
            scatter(s, goal, n, &out[r, 0])


cdef inline double sum_in_place(const floating* row, Py_ssize_t n) noexcept nogil:
    cdef double total = 0.0
    for i in range(n - 1, -1, -1):
        total = row[i] + total
    return total


cdef void pool_whole "sksoft_pool_whole" (
    double* s, const double* strength, Py_ssize_t n, int residual
) noexcept nogil:
    # Every row is one block.
    cdef Py_ssize_t i, lane
    cdef double size = n
    cdef double total[LANES]
    cdef double quotient[LANES]
    cdef double value
    for lane in range(LANES):
        total[lane] = 0.0
        quotient[lane] = size * chosen(0.0, strength[lane], strength[lane], 1.0)
    for i in range(n - 1, -1, -1):
        for lane in range(LANES):
            total[lane] = s[i * LANES + lane] + total[lane]
    for i in range(n):
        for lane in range(LANES):
            value = total[lane] / size
            if residual:
                value = (size * s[i * LANES + lane] - total[lane]) / quotient[lane]
                value = chosen(0.0, strength[lane], value, 0.0)
            s[i * LANES + lane] = value


cdef void pool_lanes "sksoft_pool" (
    double* s, double* bits, const double* strength, const double* sums, Py_ssize_t n,
    int residual,
) noexcept nogil:
    # First each entry's block from it on: its stop, and its sum.
    cdef Py_ssize_t i, lane, here
    cdef double bit = 1.0, value
    cdef double total[STRIDE * LANES]
    cdef double count[STRIDE * LANES]
    cdef double begins[STRIDE * LANES]
    cdef double size[LANES]
    cdef double sum[LANES]
    cdef double quotient[LANES]
    cdef double whole[LANES]
    for lane in range(LANES):
        whole[lane] = chosen(bits[lane], 1.5, 1.0, 0.0)
        quotient[lane] = chosen(0.0, strength[lane], strength[lane], 1.0)
        begins[n * LANES + lane] = 1.0
        total[n * LANES + lane] = count[n * LANES + lane] = 0.0
        size[lane] = 1.0
        sum[lane] = 0.0
    for _ in range(n - 1):
        bit *= 2.0
    for i in range(n - 1, -1, -1):
        for lane in range(LANES):
            here = i * LANES + lane
            value = chosen(bits[lane], bit, 0.0, 1.0)
            bits[lane] -= value * bit
            begins[here] = value
            value = begins[here + LANES]
            total[here] = s[here] + chosen(0.0, value, 0.0, total[here + LANES])
            count[here] = 1.0 + chosen(0.0, value, 0.0, count[here + LANES])
        bit *= 0.5
    for lane in range(LANES if residual else 0):
        # As where nobody knows the order.
        total[lane] = chosen(0.0, whole[lane], sums[lane], total[lane])
    for i in range(n):
        for lane in range(LANES):
            here = i * LANES + lane
            size[lane] = chosen(0.0, begins[here], count[here], size[lane])
            sum[lane] = chosen(0.0, begins[here], total[here], sum[lane])
            if residual:
                # One division, of which the dividend is 0.0 in blocks of one.
                value = size[lane] * s[here] - sum[lane]
                value = chosen(1.0, size[lane], value, 0.0)
                value = value / (size[lane] * quotient[lane])
                s[here] = chosen(0.0, strength[lane], value, 0.0)
            else:
                s[here] = sum[lane] / size[lane]
