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
    cdef Py_ssize_t r, i, n = slope.shape[1]
    cdef double mean, entry
    cdef const double* w = NULL
    with nogil:
        for r in range(slope.shape[0] if n > 0 else 0):
            if weight is not None:
                w = &weight[r, 0]
            mean = mean_value(&slope[r, 0], w, NULL if transpose else w, &values[r, 0], n)
            for i in range(n):
                entry = 0.0
                if slope[r, i] * strength[r] != 0.0:
                    entry = mean if w == NULL or not transpose else mean * w[i]
                    entry = slope[r, i] * (values[r, i] - entry) / strength[r]
                out[r, i] = <floating> entry


cdef double mean_value(
    const double* s, const double* w, const double* factor, const floating* values, Py_ssize_t n
) noexcept nogil:
    # sum(factor s values) / sum(w s), and 0 where all is saturated.
    cdef double total = 0.0, norm = 0.0, part, part_norm, product
    cdef Py_ssize_t start, i
    for start in range(0, n, 512):
        part = part_norm = 0.0
        for i in range(start, min(start + 512, n)):
            product = s[i] * values[i]
            part += product if factor == NULL else product * factor[i]
            part_norm += s[i] if w == NULL else s[i] * w[i]
        total += part
        norm += part_norm
    return total / norm if norm > 0.0 else 0.0
