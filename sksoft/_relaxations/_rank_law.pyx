# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The distribution of the rank of each entry under normal noise (Taylor et al. 2008).

Given the shifted score of entry i, every other entry j is below it independently with
probability below(i, j) = Phi((x_i - x_j) / (scale sigma) + node), and the number of those
below follows by adding one entry at a time. Nodes with weights average over the noise of
entry i; the published recursion is the single node 0 with scale sqrt(2).
"""

from cython cimport floating
from libc.math cimport INFINITY, erfc, exp


cdef inline double shifted(
    double gap, double width, double node
) noexcept nogil:
    if gap == 0.0:
        return node
    if width > 0.0:
        return gap / width + node
    return INFINITY if gap > 0.0 else -INFINITY


cdef inline double normal_cdf(double t) noexcept nogil:
    return 0.5 * erfc(-0.70710678118654752440 * t)


cdef inline double normal_density(double t) noexcept nogil:
    return 0.39894228040143267794 * exp(-0.5 * t * t)


# The kernels go through steps, entry after entry and within it node after node, and a
# call takes those from start to stop.


def rank_law(
    const double[:, ::1] x,
    const double[::1] sigma,
    const double[::1] nodes,
    const double[::1] node_weights,
    double scale,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] work,
    double[:, ::1] law,
    floating[:, :, ::1] out,
):
    """out[row, i, k] = probability that entry i has rank k + 1.

    law keeps the sum over nodes of each row's entry from one call to the next.
    """
    cdef Py_ssize_t r, i, j, k, m, step, n = x.shape[1], count, here
    cdef double p, width
    with nogil:
        for r in range(x.shape[0]):
            width = scale * sigma[r]
            for step in range(start, stop):
                i = step // nodes.shape[0]
                m = step % nodes.shape[0]
                if m == 0:
                    for k in range(n):
                        law[r, k] = 0.0
                count = 0
                work[0, 0] = node_weights[m]
                for j in range(n):
                    if j != i:
                        p = normal_cdf(shifted(x[r, i] - x[r, j], width, nodes[m]))
                        here = count % 2
                        add_entry(&work[here, 0], count, p, &work[1 - here, 0])
                        count += 1
                for k in range(n):
                    law[r, k] += work[count % 2, k]
                if m == nodes.shape[0] - 1:
                    # The weights of the nodes sum to one up to rounding only.
                    for k in range(n):
                        out[r, i, k] = <floating> min(law[r, k], 1.0)


cdef inline void add_entry(
    const double* law, Py_ssize_t count, double p, double* out
) noexcept nogil:
    cdef Py_ssize_t k
    cdef double q = 1.0 - p
    out[0] = law[0] * q
    for k in range(1, count + 1):
        out[k] = law[k - 1] * p + law[k] * q
    out[count + 1] = law[count] * p


def pull_rank_law(
    const double[:, ::1] x,
    const floating[:, :, ::1] cotangent,
    const double[::1] sigma,
    const double[::1] nodes,
    const double[::1] node_weights,
    double scale,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] history,
    double[::1] adjoint,
    double[:, ::1] out,
):
    """Add to scale * sigma times the gradient in x: the recursion run backwards."""
    cdef Py_ssize_t r, i, j, k, m, step, n = x.shape[1], count
    cdef double t, p, slope, width
    with nogil:
        for r in range(x.shape[0]):
            width = scale * sigma[r]
            if width == 0.0:
                continue
            for step in range(start, stop):
                i = step // nodes.shape[0]
                m = step % nodes.shape[0]
                count = 0
                history[0, 0] = node_weights[m]
                for j in range(n):
                    if j != i:
                        p = normal_cdf(shifted(x[r, i] - x[r, j], width, nodes[m]))
                        add_entry(&history[count, 0], count, p, &history[count + 1, 0])
                        count += 1
                for k in range(n):
                    adjoint[k] = cotangent[r, i, k]
                for j in range(n - 1, -1, -1):
                    if j != i:
                        count -= 1
                        t = shifted(x[r, i] - x[r, j], width, nodes[m])
                        p = normal_cdf(t)
                        slope = 0.0
                        for k in range(count + 1):
                            slope += history[count, k] * (adjoint[k + 1] - adjoint[k])
                            adjoint[k] += p * (adjoint[k + 1] - adjoint[k])
                        slope *= normal_density(t)
                        out[r, i] += slope
                        out[r, j] -= slope


def push_rank_law(
    const double[:, ::1] x,
    const double[:, ::1] tangent,
    const double[::1] sigma,
    const double[::1] nodes,
    const double[::1] node_weights,
    double scale,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] work,
    double[:, ::1] law,
    floating[:, :, ::1] out,
):
    """Write the derivative of the distributions along a tangent of x.

    law keeps the sum over nodes of each row's entry from one call to the next.
    """
    cdef Py_ssize_t r, i, j, k, m, step, n = x.shape[1], count, here, there
    cdef double t, p, speed, width
    with nogil:
        for r in range(x.shape[0]):
            width = scale * sigma[r]
            for step in range(start, stop):
                i = step // nodes.shape[0]
                m = step % nodes.shape[0]
                if m == 0:
                    for k in range(n):
                        law[r, k] = 0.0
                if width > 0.0:
                    count = 0
                    work[0, 0] = node_weights[m]
                    work[2, 0] = 0.0
                    for j in range(n):
                        if j != i:
                            t = shifted(x[r, i] - x[r, j], width, nodes[m])
                            p = normal_cdf(t)
                            speed = normal_density(t) * (tangent[r, i] - tangent[r, j])
                            # The law in rows 0 and 1, its derivative in rows 2 and 3.
                            here = count % 2
                            there = 1 - here
                            add_entry(&work[here, 0], count, p, &work[there, 0])
                            add_entry(&work[2 + here, 0], count, p, &work[2 + there, 0])
                            for k in range(count + 1):
                                work[2 + there, k] -= work[here, k] * speed
                                work[2 + there, k + 1] += work[here, k] * speed
                            count += 1
                    for k in range(n):
                        law[r, k] += work[2 + count % 2, k]
                if m == nodes.shape[0] - 1:
                    for k in range(n):
                        out[r, i, k] = <floating> (law[r, k] / width if width > 0.0 else 0.0)
