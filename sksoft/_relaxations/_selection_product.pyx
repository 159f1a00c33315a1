# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Jacobian of a selection of k entries, and its transpose."""

from cython cimport floating


def selection_product(
    const double[:, ::1] slope,
    const double[:, ::1] weight,
    const double[::1] strength,
    const floating[:, ::1] values,
    bint transpose,
    floating[:, ::1] out,
):
    """(diag(s) - s (w s)^T / sum(w s)) values / strength, or its transpose."""
    cdef Py_ssize_t r, n = slope.shape[1]
    cdef double mean
    cdef const double* w = NULL
    with nogil:
        for r in range(slope.shape[0] if n > 0 else 0):
            if weight is not None:
                w = &weight[r, 0]
            mean = mean_value(&slope[r, 0], w, NULL if transpose else w, &values[r, 0], n)
            multiply(
                &slope[r, 0], w if transpose else NULL, &values[r, 0], n, mean, strength[r],
                &out[r, 0],
            )


cdef double mean_value(
    const double* s, const double* w, const double* factor, const floating* values, Py_ssize_t n
) noexcept nogil:
    # sum(factor s values) / sum(w s), and 0 where all is saturated. Two sums of each, so
    # that a processor may add to both at once.
    cdef double total = 0.0, norm = 0.0
    cdef double part[2]
    cdef double part_norm[2]
    cdef Py_ssize_t start, stop, i, j
    for start in range(0, n, 512):
        stop = min(start + 512, n)
        part[0] = part[1] = part_norm[0] = part_norm[1] = 0.0
        for i in range(start, stop - 1, 2):
            for j in range(2):
                part[j] += product(s, factor, i + j) * values[i + j]
                part_norm[j] += product(s, w, i + j)
        if (stop - start) % 2:
            part[0] += product(s, factor, stop - 1) * values[stop - 1]
            part_norm[0] += product(s, w, stop - 1)
        total += part[0] + part[1]
        norm += part_norm[0] + part_norm[1]
    return total / norm if norm > 0.0 else 0.0


cdef inline double product(const double* s, const double* w, Py_ssize_t i) noexcept nogil:
    return s[i] if w == NULL else s[i] * w[i]


cdef void multiply(
    const double* s, const double* w, const floating* values, Py_ssize_t n, double mean,
    double strength, floating* out,
) noexcept nogil:
    # s (values - mean w) / strength, and 0 where either factor vanishes, or both all but.
    cdef Py_ssize_t i
    cdef double entry
    for i in range(n):
        entry = s[i] * (values[i] - (mean if w == NULL else mean * w[i])) / strength
        out[i] = <floating> (entry if s[i] * strength != 0.0 else 0.0)
