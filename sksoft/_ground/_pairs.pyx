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


cdef inline double share(
    const double* e, const double* s, Py_ssize_t i, Py_ssize_t j, double scale, bint wide
) noexcept nogil:
    """Return sigmoid((s_j - s_i) / scale)."""
    if wide:
        return 1.0 / (1.0 + exp((s[i] - s[j]) / scale))
    return e[j] / (e[i] + e[j])


cdef void discount_slopes(
    const double* s, Py_ssize_t m, double middle, bint wide, double* e, double* slope
) noexcept nogil:
    """Write -d/dr 1 / log2(1 + r) at the soft rank r of each score, the best first."""
    cdef Py_ssize_t i, j
    cdef double mean = 0.0, variance = 0.0, scale, p, term
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
        for j in range(i + 1, m):
            p = share(e, s, i, j, scale, wide)
            slope[i] += p
            slope[j] += 1.0 - p
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
    queries, and `buffer` two rows as long as the longest query.
    """
    cdef Py_ssize_t q, first, stop, m, i, j
    cdef double least, most, middle, p, weight, force, bend, force_sum, bend_sum
    cdef double *e = &buffer[0, 0]
    cdef double *slope = &buffer[1, 0]
    cdef const double *s
    cdef bint wide
    with nogil:
        for q in range(starts.shape[0] - 1):
            first, stop = starts[q], starts[q + 1]
            m = stop - first
            if m < 2:
                continue
            s = &scores[first]
            least = most = s[0]
            for i in range(m):
                least = min(least, s[i])
                most = max(most, s[i])
            middle = 0.5 * least + 0.5 * most
            wide = not most - least <= WIDEST
            if ranked:
                discount_slopes(s, m, middle, wide, e, slope)
            if not wide:
                for i in range(m):
                    e[i] = exp(s[i] - middle)
            for i in range(m):
                force_sum = bend_sum = 0.0
                for j in range(below[first + i] - first, m):
                    weight = gains[first + i] - gains[first + j]
                    if ranked:
                        weight *= 0.5 * (slope[i] + slope[j])
                    p = share(e, s, i, j, 1.0, wide)
                    force = weight * p
                    bend = force * (1.0 - p)
                    force_sum += force
                    bend_sum += bend
                    gradient[first + j] += force
                    curvature[first + j] += bend
                gradient[first + i] -= force_sum
                curvature[first + i] += bend_sum
