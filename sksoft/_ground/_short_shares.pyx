# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The linear maps over blocks of short rows whose entries have shares, 32 rows side by side."""

from cython cimport floating
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcpy, memset

from sksoft._ground.side_by_side cimport (
    LANES, LONGEST, ROOM, STRIDE, aligned, chosen, gather, scatter, set_offsets,
)

cdef extern from *:
    """
    static void sksoft_pool_shares(double*, const double*, double*, const double*, Py_ssize_t,
        int, int, int) SKSOFT_CLONED;
    """


def pool_short_shares(
    const floating[:, ::1] values,
    const uint16_t[:, ::1] take,
    const uint16_t[:, ::1] put,
    const double[:, ::1] share,
    const double[::1] strength,
    const uint32_t[::1] starts,
    bint kl,
    bint transpose,
    floating[:, ::1] out,
):
    """Apply pooling by shares, or what it leaves, as `pool_blocks` does.

    Offsets and shares are as `project_short_exponential` wrote them. With kl a share is the
    rank itself, by which what is left is multiplied.
    """
    cdef Py_ssize_t r, lane, n = values.shape[1], n_rows = values.shape[0]
    cdef uint16_t in_place[LONGEST * LANES]
    cdef const uint16_t* source
    cdef const uint16_t* goal
    cdef floating few[LONGEST * LANES]
    cdef floating few_out[LONGEST * LANES]
    cdef double few_strengths[LANES]
    cdef uint32_t few_starts[LANES]
    cdef const double* divisor = NULL
    if n == 0 or n_rows == 0:
        return
    set_offsets(in_place, n)
    with nogil:
        for r in range(0, n_rows, 32):
            source = &in_place[0] if take is None else &take[r // 32, 0]
            goal = &in_place[0] if put is None else &put[r // 32, 0]
            if n_rows < LANES:
                for lane in range(LANES):
                    memcpy(few + lane * n, &values[lane % n_rows, 0], n * sizeof(floating))
                    few_starts[lane] = starts[lane % n_rows]
                    if strength is not None:
                        few_strengths[lane] = strength[lane % n_rows]
                        divisor = few_strengths
                pool_group(
                    few, source, goal, &share[0, 0], divisor, few_starts, n, kl, transpose,
                    few_out,
                )
                memcpy(&out[0, 0], few_out, n_rows * n * sizeof(floating))
                break
            lane = min(r, n_rows - LANES)
            if strength is not None:
                divisor = &strength[lane]
            pool_group(
                &values[lane, 0], source, goal, &share[r // 32, 0], divisor, &starts[lane], n,
                kl, transpose, &out[lane, 0],
            )


cdef void pool_group(
    const floating* values, const uint16_t* source, const uint16_t* goal,
    const double* share, const double* strength, const uint32_t* starts, Py_ssize_t n,
    bint kl, bint transpose, floating* out,
) noexcept nogil:
    cdef Py_ssize_t lane, n_single = 0
    cdef double room[ROOM + 8]
    cdef double* s = aligned(room)
    cdef double bits[LANES]
    cdef double divisor[LANES]
    cdef uint32_t single = (<uint32_t> 1 << n) - 1
    for lane in range(LANES):
        n_single += starts[lane] == single
        bits[lane] = starts[lane]
        divisor[lane] = 1.0 if strength == NULL else strength[lane]
    if strength != NULL and n_single == LANES:
        memset(out, 0, n * LANES * sizeof(floating))
        return
    gather(values, source, n, s)
    if n_single < LANES:
        pool_lanes(s, share, bits, divisor, n, strength != NULL, kl, transpose)
    scatter(s, goal, n, out)


cdef void pool_lanes "sksoft_pool_shares" (
    double* s, const double* share, double* bits, const double* strength, Py_ssize_t n,
    int residual, int kl, int transpose,
) noexcept nogil:
    # First each entry's block from it on: the sum, and that of the shares. What is left does
    # not change with a shift, by which nothing is left of equal tangents.
    cdef Py_ssize_t i, lane, here
    cdef double bit = 1.0, value, shared
    cdef double total[STRIDE * LANES]
    cdef double norm[STRIDE * LANES]
    cdef double begins[STRIDE * LANES]
    cdef double sum[LANES]
    cdef double last[LANES]
    cdef double quotient[LANES]
    for lane in range(LANES):
        quotient[lane] = chosen(0.0, strength[lane], strength[lane], 1.0)
        begins[n * LANES + lane] = 1.0
        total[n * LANES + lane] = norm[n * LANES + lane] = 0.0
        sum[lane] = 0.0
    for _ in range(n - 1):
        bit *= 2.0
    for i in range(n - 1, -1, -1):
        for lane in range(LANES if residual and not transpose else 0):
            here = i * LANES + lane
            last[lane] = chosen(0.0, begins[here + LANES], s[here], last[lane])
            s[here] -= last[lane]
        for lane in range(LANES):
            here = i * LANES + lane
            value = chosen(bits[lane], bit, 0.0, 1.0)
            bits[lane] -= value * bit
            begins[here] = value
            shared = s[here] if transpose and not kl else s[here] * share[here]
            value = begins[here + LANES]
            total[here] = shared + chosen(0.0, value, 0.0, total[here + LANES])
            if kl:
                norm[here] = share[here] + chosen(0.0, value, 0.0, norm[here + LANES])
        bit *= 0.5
    for i in range(n):
        for lane in range(LANES):
            here = i * LANES + lane
            value = total[here] / norm[here] if kl else total[here]
            sum[lane] = chosen(0.0, begins[here], value, sum[lane])
            if kl:
                value = share[here] * (s[here] - sum[lane])
            else:
                value = share[here] * sum[lane] if transpose else sum[lane]
                value = s[here] - value if residual else value
            if residual:
                value = value / quotient[lane]
                value = chosen(0.0, strength[lane], value, 0.0)
                # Of a block of one nothing is left.
                value = chosen(begins[here] + begins[here + LANES], 1.5, value, 0.0)
            s[here] = value
