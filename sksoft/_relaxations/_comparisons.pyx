# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks as sums over pairs: rank_i = 1/2 + sum_j weight_j F((s_i - s_j) / strength).

F is symmetric about zero, so that one evaluation serves both ends of a pair. Rows come
sorted: a pair further apart than REACH strengths is counted, not computed, and hard
ranks, where every pair is, come out exact with ties sharing their average. For the
Laplace law the sums are recurrences along the row (Struski et al. 2025).
"""

from libc.math cimport erfc, exp, sqrt

from sksoft._ground.inline cimport decay, divided, weight_at

cdef double REACH = 40.0  # beyond it the tail of either law is below 1e-17
cdef double FAR = 100.0  # beyond it the density is below 4e-44, less than single precision has


cdef inline double tail(double t, bint gaussian) noexcept nogil:
    # 1 - F(t) for t >= 0; the difference of two normal variables has variance 2.
    cdef double e
    if gaussian:
        return 0.5 * erfc(0.5 * t)
    e = exp(-t)
    return e / (1.0 + e)


cdef inline double density(double t, bint gaussian) noexcept nogil:
    cdef double e
    if gaussian:
        return exp(-0.25 * t * t) * 0.28209479177387814347  # 1 / (2 sqrt(pi))
    e = exp(-t)
    return e / ((1.0 + e) * (1.0 + e))


def pairwise_ranks(
    const double[:, ::1] s,
    const double[:, ::1] weight,
    const double[::1] strength,
    bint gaussian,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] out,
):
    """Write the ranks of sorted rows; no weight means 1.

    A call adds the pairs whose first entry is one from start to stop. The first call,
    from 0 on, begins.
    """
    cdef Py_ssize_t r, n = s.shape[1]
    with nogil:
        for r in range(s.shape[0]):
            if n > 0:
                ranks_row(
                    &s[r, 0], &weight[r, 0] if weight is not None else NULL, n, strength[r],
                    gaussian, start, stop, &out[r, 0],
                )


cdef void ranks_row(
    const double* s, const double* weight, Py_ssize_t n, double strength, bint gaussian,
    Py_ssize_t start, Py_ssize_t stop, double* out,
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double t, p, before = 0.0, here, change
    if start == 0:
        for i in range(n):
            here = weight_at(weight, i)
            out[i] = 0.5 + before + 0.5 * here
            before += here
    for i in range(start, stop):
        here = weight_at(weight, i)
        change = 0.0
        for j in range(i + 1, n):
            t = divided(s[j] - s[i], strength)
            if t > REACH:
                break
            p = tail(t, gaussian)
            change += weight_at(weight, j) * p
            out[j] -= here * p
        out[i] += change


def settle_ranks(const double[:, ::1] s, double[:, ::1] out):
    """Give ties one rank, and let no rank fall, where rounding made them differ."""
    cdef Py_ssize_t r, i
    with nogil:
        for r in range(s.shape[0]):
            for i in range(1, s.shape[1]):
                if s[r, i] == s[r, i - 1] or out[r, i] < out[r, i - 1]:
                    out[r, i] = out[r, i - 1]


def pairwise_differences(
    const double[:, ::1] s,
    const double[:, ::1] weight,
    const double[:, ::1] values,
    const double[::1] strength,
    bint gaussian,
    bint transpose,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] out,
):
    """out_i = sum_j weight_j f((s_i - s_j) / strength) (values_i - values_j) / strength.

    This is the Jacobian of the ranks, zero for a strength of zero; transpose applies its
    transpose, which exchanges the weights of the two ends. A call adds the pairs whose
    first entry is one from start to stop; the first begins and the last one, to n, ends.
    """
    cdef Py_ssize_t r, n = s.shape[1]
    with nogil:
        for r in range(s.shape[0]):
            if n > 0:
                differences_row(
                    &s[r, 0], &weight[r, 0] if weight is not None else NULL, &values[r, 0],
                    n, strength[r], gaussian, transpose, start, stop, &out[r, 0],
                )


cdef void differences_row(
    const double* s, const double* weight, const double* values, Py_ssize_t n,
    double strength, bint gaussian, bint transpose, Py_ssize_t start, Py_ssize_t stop,
    double* out,
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double t, f, change, reach
    reach = 2.0 * sqrt(FAR) if gaussian else FAR
    if start == 0:
        for i in range(n):
            out[i] = 0.0
    if strength == 0.0:
        return
    for i in range(start, stop):
        change = 0.0
        for j in range(i + 1, n):
            t = divided(s[j] - s[i], strength)
            if t > reach:
                break
            f = density(t, gaussian)
            if transpose:
                f *= weight_at(weight, j) * values[i] - weight_at(weight, i) * values[j]
                change += f
                out[j] -= f
            else:
                f *= values[i] - values[j]
                change += weight_at(weight, j) * f
                out[j] -= weight_at(weight, i) * f
        out[i] += change
    if stop == n:
        for i in range(n):
            out[i] /= strength


def laplace_ranks(
    const double[:, ::1] s,
    const double[:, ::1] weight,
    const double[::1] strength,
    double[:, ::1] out,
):
    """Write the ranks of sorted rows for the Laplace law, in two sweeps."""
    cdef Py_ssize_t r, i, n = s.shape[1]
    cdef const double* w
    cdef double before, below, above
    with nogil:
        for r in range(s.shape[0]):
            w = &weight[r, 0] if weight is not None and n > 0 else NULL
            before = below = above = 0.0
            for i in range(n):
                if i > 0:
                    below += weight_at(w, i - 1)
                    below *= decay(s[r, i] - s[r, i - 1], strength[r])
                out[r, i] = 0.5 + before + 0.5 * (weight_at(w, i) - below)
                before += weight_at(w, i)
            for i in range(n - 2, -1, -1):
                above = (above + weight_at(w, i + 1)) * decay(s[r, i + 1] - s[r, i], strength[r])
                out[r, i] += 0.5 * above


def laplace_differences(
    const double[:, ::1] s,
    const double[:, ::1] weight,
    const double[:, ::1] values,
    const double[::1] strength,
    bint transpose,
    double[:, ::1] out,
):
    """Apply the Jacobian of the ranks or its transpose; zero for a strength of zero.

    out_i = sum_j exp(-|s_i - s_j| / strength) c_ij / (2 strength), where c_ij is
    weight_j (values_i - values_j), or weight_j values_i - weight_i values_j.
    """
    cdef Py_ssize_t r, i, k, n = s.shape[1], step
    cdef const double* w
    cdef double total, change, e
    with nogil:
        for r in range(s.shape[0]):
            w = &weight[r, 0] if weight is not None and n > 0 else NULL
            for i in range(n):
                out[r, i] = 0.0
            if strength[r] == 0.0:
                continue
            for step in range(-1, 2, 2):
                # total and change: the sums of weight_j and of c_ij / values on one side.
                total = change = 0.0
                for k in range(1, n):
                    i = k if step == 1 else n - 1 - k
                    e = decay(step * (s[r, i] - s[r, i - step]), strength[r])
                    total += weight_at(w, i - step)
                    if transpose and w != NULL:
                        change = e * (change + values[r, i - step])
                        total *= e
                        out[r, i] += total * values[r, i] - w[i] * change
                    else:
                        change = e * (change + total * (values[r, i] - values[r, i - step]))
                        total *= e
                        out[r, i] += change
            for i in range(n):
                out[r, i] = 0.5 * out[r, i] / strength[r]
