# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Distances to candidate neighbours, and the way back of their gradients.

Queries and templates are rows of embeddings; `candidates` holds, for each query, the
numbers of a few templates, in any order. Distances are squared.
"""


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
    const double[:, ::1] Z,
    const Py_ssize_t[::1] queries,
    const Py_ssize_t[:, ::1] candidates,
    const double[:, ::1] cotangent,
    double[:, ::1] gradient,
):
    """Add the gradient in Z of sum(cotangent[r, c] * |Z[queries[r]] - Z[candidate]|^2)."""
    cdef Py_ssize_t r, c, i, q = Z.shape[1]
    cdef double twice, part
    cdef const double* a
    cdef const double* b
    cdef double* down
    cdef double* up
    with nogil:
        for r in range(candidates.shape[0] if q > 0 else 0):
            a = &Z[queries[r], 0]
            up = &gradient[queries[r], 0]
            for c in range(candidates.shape[1]):
                twice = 2.0 * cotangent[r, c]
                if twice == 0.0:
                    continue
                b = &Z[candidates[r, c], 0]
                down = &gradient[candidates[r, c], 0]
                for i in range(q):
                    part = twice * (a[i] - b[i])
                    up[i] += part
                    down[i] -= part
