# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Gradient and curvature of logistic losses of the pairs of queries.

The rows of a query follow each other by falling gain. A pair of gains G_i > G_j loses
weight * log(1 + exp(s_j - s_i)), where the weight is G_i - G_j, and for `ranked` also
the mean of the two slopes of the discount 1 / log2(1 + rank) at soft ranks. With
e = exp(s) the derivative is weight * e_j / (e_i + e_j): no exponential for each pair.
"""

from libc.math cimport exp, log2, sqrt

from sksoft._ground.inline cimport sum_of

# It brings SKSOFT_CLONED.
cimport sksoft._ground.side_by_side

cdef extern from *:
    """
    static void sksoft_query(const double*, const double*, const Py_ssize_t*, Py_ssize_t,
        int, double*, Py_ssize_t, double*, double*) SKSOFT_CLONED;
    """
    # Numbers that no other pointer of a function leads to.
    ctypedef double* alone "double* __restrict"
    ctypedef const double* read_alone "const double* __restrict"

cdef double LN2 = 0.69314718055994530942
# Exponentials of scores this far from their middle neither vanish nor overflow.
cdef double WIDEST = 1400.0


cdef inline void shares(
    read_alone e,
    Py_ssize_t i,
    Py_ssize_t start,
    Py_ssize_t m,
    double scale,
    bint wide,
    alone share,
) noexcept nogil:
    """Write sigmoid((s_j - s_i) / scale) for j from start on; e holds s if `wide`."""
    cdef Py_ssize_t j
    cdef double own = e[i]
    if wide:
        for j in range(start, m):
            share[j] = 1.0 / (1.0 + exp((own - e[j]) / scale))
    else:
        for j in range(start, m):
            share[j] = e[j] / (own + e[j])


cdef inline void exponentials(
    read_alone s, Py_ssize_t m, double middle, double scale, bint wide, alone e
) noexcept nogil:
    """Write exp((s - middle) / scale), or s itself if `wide`."""
    cdef Py_ssize_t i
    for i in range(m):
        e[i] = s[i] if wide else exp((s[i] - middle) / scale)


cdef inline void fall_behind(
    read_alone share, Py_ssize_t start, Py_ssize_t m, alone rank
) noexcept nogil:
    """Add to the ranks from start on what is left of the shares."""
    cdef Py_ssize_t j
    for j in range(start, m):
        rank[j] += 1.0 - share[j]


cdef inline void discount_slopes(
    read_alone s,
    Py_ssize_t m,
    double middle,
    bint wide,
    alone e,
    alone share,
    alone slope,
) noexcept nogil:
    """Write -d/dr 1 / log2(1 + r) at the soft rank r of each score, the best first."""
    cdef Py_ssize_t i
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
    exponentials(s, m, middle, scale, wide, e)
    for i in range(m):
        slope[i] = 1.0
    for i in range(m):
        shares(e, i, i + 1, m, scale, wide, share)
        fall_behind(share, i + 1, m, slope)
        slope[i] += sum_of(share + i + 1, m - i - 1)
    for i in range(m):
        term = log2(1.0 + slope[i])
        slope[i] = 1.0 / (LN2 * (1.0 + slope[i]) * term * term)


cdef inline void forces(
    double gain,
    double own_slope,
    Py_ssize_t start,
    Py_ssize_t m,
    read_alone gains,
    read_alone slope,
    bint ranked,
    alone force,
    alone bend,
    alone pull,
    alone curve,
) noexcept nogil:
    """Turn the shares in `force` into forces, and add those and their slopes."""
    cdef Py_ssize_t j
    cdef double f, p, b
    if ranked:
        for j in range(start, m):
            p = force[j]
            f = (gain - gains[j]) * (0.5 * (own_slope + slope[j])) * p
            b = f * (1.0 - p)
            force[j] = f
            bend[j] = b
            pull[j] += f
            curve[j] += b
    else:
        for j in range(start, m):
            p = force[j]
            f = (gain - gains[j]) * p
            b = f * (1.0 - p)
            force[j] = f
            bend[j] = b
            pull[j] += f
            curve[j] += b


cdef void query_forces "sksoft_query"(
    const double* s,
    const double* gains,
    const Py_ssize_t* below,
    Py_ssize_t m,
    bint ranked,
    double* buffer,
    Py_ssize_t width,
    double* pull,
    double* curve,
) noexcept nogil:
    """Add the gradients and the curvatures of the pairs of one query."""
    cdef Py_ssize_t i, start
    cdef double least = s[0], most = s[0], middle
    cdef double *e = buffer
    cdef double *slope = buffer + width
    cdef double *force = buffer + 2 * width
    cdef double *bend = buffer + 3 * width
    cdef bint wide
    for i in range(m):
        least = min(least, s[i])
        most = max(most, s[i])
    middle = 0.5 * least + 0.5 * most
    wide = not most - least <= WIDEST
    if ranked:
        discount_slopes(s, m, middle, wide, e, force, slope)
    exponentials(s, m, middle, 1.0, wide, e)
    for i in range(m):
        start = below[i]
        if start == m:
            break
        shares(e, i, start, m, 1.0, wide, force)
        forces(
            gains[i],
            slope[i] if ranked else 0.0,
            start,
            m,
            gains,
            slope,
            ranked,
            force,
            bend,
            pull,
            curve,
        )
        pull[i] -= sum_of(force + start, m - start)
        curve[i] += sum_of(bend + start, m - start)


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

    `below` holds for each row the first row of its query of smaller gain, counted from
    the start of the query, `starts` the bounds of the queries, and `buffer` four rows
    as long as the longest query.
    """
    cdef Py_ssize_t q, first, m
    with nogil:
        for q in range(starts.shape[0] - 1):
            first = starts[q]
            m = starts[q + 1] - first
            if m >= 2:
                query_forces(
                    &scores[first],
                    &gains[first],
                    &below[first],
                    m,
                    ranked,
                    &buffer[0, 0],
                    buffer.shape[1],
                    &gradient[first],
                    &curvature[first],
                )
