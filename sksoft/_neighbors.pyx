# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Distances to candidate neighbours, the way back, and a selection with corners.

Queries and templates are rows of embeddings; `candidates` holds, for each query, the
numbers of a few templates, in any order. Distances are squared.
"""

from libc.math cimport INFINITY


def squared_distances(
    const double[:, ::1] queries,
    const double[:, ::1] templates,
    const Py_ssize_t[:, ::1] candidates,
    double[:, ::1] out,
):
    """out[r, c] = |queries[r] - templates[candidates[r, c]]|^2."""
    cdef Py_ssize_t r, c
    with nogil:
        for r in range(candidates.shape[0] if queries.shape[1] > 0 else 0):
            for c in range(candidates.shape[1]):
                out[r, c] = squared_distance(
                    &queries[r, 0], &templates[candidates[r, c], 0], queries.shape[1]
                )


cdef inline double squared_distance(
    const double* a, const double* b, Py_ssize_t n
) noexcept nogil:
    # Four sums, so that additions need not wait for one another.
    cdef double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0, d0, d1, d2, d3
    cdef Py_ssize_t i = 0
    while i + 4 <= n:
        d0 = a[i] - b[i]
        d1 = a[i + 1] - b[i + 1]
        d2 = a[i + 2] - b[i + 2]
        d3 = a[i + 3] - b[i + 3]
        s0 += d0 * d0
        s1 += d1 * d1
        s2 += d2 * d2
        s3 += d3 * d3
        i += 4
    while i < n:
        d0 = a[i] - b[i]
        s0 += d0 * d0
        i += 1
    return (s0 + s1) + (s2 + s3)


def pull_distances(
    const double[:, ::1] queries,
    const double[:, ::1] templates,
    const Py_ssize_t[:, ::1] candidates,
    const double[:, ::1] cotangent,
    double[:, ::1] query_gradient,
    double[:, ::1] template_gradient,
):
    """Add the gradients of sum(cotangent * squared distances); both may be one array."""
    cdef Py_ssize_t r, c, i, q = queries.shape[1]
    cdef double twice, part
    cdef const double* a
    cdef const double* b
    cdef double* down
    cdef double* up
    with nogil:
        for r in range(candidates.shape[0] if q > 0 else 0):
            a = &queries[r, 0]
            up = &query_gradient[r, 0]
            for c in range(candidates.shape[1]):
                twice = 2.0 * cotangent[r, c]
                if twice == 0.0:
                    continue
                b = &templates[candidates[r, c], 0]
                down = &template_gradient[candidates[r, c], 0]
                for i in range(q):
                    part = twice * (a[i] - b[i])
                    up[i] += part
                    down[i] -= part


def clipped_selection(
    const double[:, ::1] x,
    const double[:, ::1] weight,
    const double[::1] k,
    double strength,
    double[:, ::1] out,
    double[:, ::1] slope,
):
    """out = clip((tau - x) / strength, 0, 1) with sum w out = k; slope is 1 inside."""
    cdef Py_ssize_t r, j, n = x.shape[1]
    cdef double tau, p
    cdef const double* w = NULL
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            if weight is not None:
                w = &weight[r, 0]
            tau = clipped_threshold(&x[r, 0], w, n, k[r], strength)
            for j in range(n):
                p = (tau - x[r, j]) / strength
                slope[r, j] = 1.0 if 0.0 < p < 1.0 else 0.0
                out[r, j] = min(max(p, 0.0), 1.0)


cdef double clipped_threshold(
    const double* x, const double* w, Py_ssize_t n, double k, double strength
) noexcept nogil:
    # Newton's method on a piecewise linear function ends on the root's own piece.
    cdef double left = INFINITY, right = -INFINITY, tau, p, weight, total, inside
    cdef Py_ssize_t j
    for j in range(n):
        left = min(left, x[j])
        right = max(right, x[j] + strength)
    if k <= 0.0:
        return left
    tau = left
    for _ in range(200):
        total = -k
        inside = 0.0
        for j in range(n):
            p = (tau - x[j]) / strength
            weight = 1.0 if w == NULL else w[j]
            if p >= 1.0:
                total += weight
            elif p >= 0.0:
                total += weight * p
                inside += weight
        if total == 0.0:
            break
        if total < 0.0:
            left = tau
        else:
            right = tau
        p = tau - total * strength / inside if inside > 0.0 else 0.5 * (left + right)
        if not left < p < right:
            p = 0.5 * (left + right)
        if p == tau or not left < p < right:
            break
        tau = p
    return tau
