# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The linear maps over blocks of short rows, 32 rows side by side."""

from cython cimport floating
from libc.stdint cimport uint32_t
from libc.string cimport memset

from sksoft._ground.inline cimport Span, spans_of
from sksoft._ground.side_by_side cimport LANES, ROOM, STRIDE, aligned, chosen, gather, scatter

cdef extern from *:
    """
    static void sksoft_pool(double*, double*, const double*, Py_ssize_t, int)
        SKSOFT_CLONED;
    """


def pool_short_rows(
    const floating[:, ::1] values,
    const Py_ssize_t[:, ::1] take,
    const Py_ssize_t[:, ::1] put,
    const double[::1] strength,
    const uint32_t[::1] starts,
    floating[:, ::1] out,
):
    """Apply uniform pooling, or what it leaves over the strength, as `pool_blocks` does."""
    cdef Py_ssize_t r, lane, n = values.shape[1], n_rows = values.shape[0]
    cdef const Py_ssize_t* place
    cdef double room[ROOM + 8]
    cdef double* s = aligned(room)
    cdef double bits[LANES]
    cdef double ones[LANES]
    cdef uint32_t single = (<uint32_t> 1 << n) - 1
    cdef bint pooled, residual = strength is not None
    for lane in range(LANES):
        ones[lane] = 1.0
    with nogil:
        for r in range(0, n_rows if n > 0 else 0, 32):
            r = min(r, n_rows - LANES)
            for lane in range(LANES):
                place = NULL if take is None else &take[r + lane, 0]
                bits[lane] = starts[r + lane]
                gather(&values[r + lane, 0], place, n, s + lane)
            pooled = False
            for lane in range(LANES):
                pooled |= starts[r + lane] != single
            if pooled:
                pool_lanes(s, bits, &strength[r] if residual else ones, n, residual)
            elif residual:
                memset(s, 0, n * LANES * sizeof(double))
            for lane in range(LANES):
                place = NULL if put is None else &put[r + lane, 0]
                scatter(s + lane, place, n, &out[r + lane, 0])


cdef void pool_lanes "sksoft_pool" (
    double* s, double* bits, const double* strength, Py_ssize_t n, int residual
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
    for lane in range(LANES):
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


def list_blocks(const uint32_t[::1] starts, Py_ssize_t n, Py_ssize_t[:, ::1] blocks):
    """Note blocks of two or more entries by their starts and stops."""
    cdef Py_ssize_t r, i, b, start
    cdef Span* spans
    with nogil:
        for r in range(starts.shape[0]):
            spans = spans_of(&blocks[r, 0])
            b = start = 0
            for i in range(1, n + 1):
                if i == n or (starts[r] >> i) & 1:
                    if i - start > 1:
                        spans[b].start = start
                        spans[b].stop = i
                        b += 1
                    start = i
            blocks[r, 0] = b
