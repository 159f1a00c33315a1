# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Gradient and curvature of logistic losses of the pairs of queries.

The rows of a query follow each other by falling gain. A pair of gains G_i > G_j loses
weight * log(1 + exp(s_j - s_i)), where the weight is G_i - G_j, and for `ranked` also
the mean of the two slopes of the discount 1 / log2(1 + rank) at soft ranks. With
e = exp(s) the derivative is weight * e_j / (e_i + e_j): no exponential for each pair.
"""

from libc.math cimport exp, log2, sqrt

cdef double LN2 = 0.69314718055994530942
# Exponentials of scores this far from their middle neither vanish nor overflow.
cdef double WIDEST = 1400.0


cdef inline void shares(
    const double* e,
    const double* s,
    Py_ssize_t i,
    Py_ssize_t start,
    Py_ssize_t m,
    double scale,
    bint wide,
    double* share,
) noexcept nogil:
    """Write sigmoid((s_j - s_i) / scale) for j from start on."""
    cdef Py_ssize_t j
    if wide:
        for j in range(start, m):
            share[j] = 1.0 / (1.0 + exp((s[i] - s[j]) / scale))
    else:
        for j in range(start, m):
            share[j] = e[j] / (e[i] + e[j])


cdef inline double sum_from(const double* x, Py_ssize_t start, Py_ssize_t m) noexcept nogil:
    """Return the sum of the entries from start on, of four chains of additions."""
    cdef Py_ssize_t j, even = start + (m - start) // 4 * 4
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0
    for j in range(start, even, 4):
        a += x[j]
        b += x[j + 1]
        c += x[j + 2]
        d += x[j + 3]
    for j in range(even, m):
        a += x[j]
    return (a + b) + (c + d)


cdef void discount_slopes(
    const double* s,
    Py_ssize_t m,
    double middle,
    bint wide,
    double* e,
    double* share,
    double* slope,
) noexcept nogil:
    """Write -d/dr 1 / log2(1 + r) at the soft rank r of each score, the best first."""
    cdef Py_ssize_t i, j
    cdef double mean = 0.0, variance = 0.0, scale, term
    for i in range(m):
        mean += s[i] - middle
    mean /= m
    for i in range(m):
        term = s[i] - middle - mean
        variance += term * term
    scale = 3.0 * sqrt(variance / m)
    if scale < 1.0:
        scale = 1.0
    if not wide:
        for i in range(m):
            e[i] = exp((s[i] - middle) / scale)
    for i in range(m):
        slope[i] = 1.0
    for i in range(m):
        shares(e, s, i, i + 1, m, scale, wide, share)
        for j in range(i + 1, m):
            slope[j] += 1.0 - share[j]
        slope[i] += sum_from(share, i + 1, m)
    for i in range(m):
        term = log2(1.0 + slope[i])
        slope[i] = 1.0 / (LN2 * (1.0 + slope[i]) * term * term)


def pair_forces(
    const double[::1] scores,
    const double[::1] gains,
    const Py_ssize_t[::1] below,
    const Py_ssize_t[::1] starts,
    bint ranked,
    double[:, ::1] buffer,
    double[::1] gradient,
    double[::1] curvature,
):
    """Add the gradients and the curvatures of the pairs of each query.

    `below` holds for each row the first row of smaller gain, `starts` the bounds of the
    queries, and `buffer` five rows as long as the longest query.
    """
    cdef Py_ssize_t q, first, stop, m, i, j, start
    cdef double least, most, middle, gain, f, b, force_sum, bend_sum
    cdef double *e = &buffer[0, 0]
    cdef double *slope = &buffer[1, 0]
    cdef double *share = &buffer[2, 0]
    cdef double *force = &buffer[3, 0]
    cdef double *bend = &buffer[4, 0]
    cdef const double *s
    cdef const double *gains_here
    cdef double *pull
    cdef double *curve
    cdef bint wide
    with nogil:
        for q in range(starts.shape[0] - 1):
            first, stop = starts[q], starts[q + 1]
            m = stop - first
            if m < 2:
                continue
            s = &scores[first]
            gains_here = &gains[first]
            pull, curve = &gradient[first], &curvature[first]
            least = most = s[0]
            for i in range(m):
                least = min(least, s[i])
                most = max(most, s[i])
            middle = 0.5 * least + 0.5 * most
            wide = not most - least <= WIDEST
            if ranked:
                discount_slopes(s, m, middle, wide, e, share, slope)
            if not wide:
                for i in range(m):
                    e[i] = exp(s[i] - middle)
            for i in range(m):
                start = below[first + i] - first
                if start == m:
                    break
                shares(e, s, i, start, m, 1.0, wide, share)
                gain = gains_here[i]
                if not ranked:
                    force_sum = bend_sum = 0.0
                    for j in range(start, m):
                        f = (gain - gains_here[j]) * share[j]
                        b = f * (1.0 - share[j])
                        force_sum += f
                        bend_sum += b
                        pull[j] += f
                        curve[j] += b
                    pull[i] -= force_sum
                    curve[i] += bend_sum
                    continue
                for j in range(start, m):
                    force[j] = (
                        (gain - gains_here[j])
                        * (0.5 * (slope[i] + slope[j]))
                        * share[j]
                    )
                for j in range(start, m):
                    bend[j] = force[j] * (1.0 - share[j])
                    pull[j] += force[j]
                    curve[j] += bend[j]
                pull[i] -= sum_from(force, start, m)
                curve[i] += sum_from(bend, start, m)
