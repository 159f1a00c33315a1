# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""NeuralSort and SoftSort: a softmax over the entries for each position of the output.

In a sorted row the logits of position i fall away from its own entry on both sides: the
gap between neighbours m places away counts 2 m + 1 times for NeuralSort (Grover, Wang,
Zweig and Ermon 2019; its difference of sums, summed by parts) and once for SoftSort
(Prillo and Eisenschlos 2020). Walking outwards, nothing cancels and far entries are
never visited.
"""

from cython cimport floating
from libc.math cimport exp

from sksoft._ground.inline cimport divided

cdef double REACH = 60.0  # weights below exp(-60) of the largest are left out


cdef struct Window:
    Py_ssize_t start
    Py_ssize_t stop


cdef inline double slope(Py_ssize_t m, bint neural) noexcept nogil:
    return 2.0 * m + 1.0 if neural else 1.0


cdef Window softmax_row(
    const double* s, Py_ssize_t n, Py_ssize_t i, double strength, bint neural, double* p
) noexcept nogil:
    cdef Window window
    cdef Py_ssize_t j
    cdef double distance, t, total = 1.0
    p[i] = 1.0
    distance = 0.0
    window.stop = n
    for j in range(i + 1, n):
        distance += (s[j] - s[j - 1]) * slope(j - 1 - i, neural)
        t = divided(distance, strength)
        if t > REACH:
            window.stop = j
            break
        p[j] = exp(-t)
        total += p[j]
    distance = 0.0
    window.start = 0
    for j in range(i - 1, -1, -1):
        distance += (s[j + 1] - s[j]) * slope(i - 1 - j, neural)
        t = divided(distance, strength)
        if t > REACH:
            window.start = j + 1
            break
        p[j] = exp(-t)
        total += p[j]
    for j in range(window.start, window.stop):
        p[j] /= total
    return window


cdef double pull_row(
    const double* s, Py_ssize_t i, Window window, double strength, bint neural,
    const double* p, double* cotangent, double* out,
) noexcept nogil:
    # Adds strength times the gradient in s; returns the derivative in log(strength). Gaps
    # are short in strengths, so that nothing overflows. The cotangent of the weights is
    # overwritten by that of the logits.
    cdef Py_ssize_t j
    cdef double mean = 0.0, beyond, c, d_strength = 0.0
    for j in range(window.start, window.stop):
        mean += p[j] * cotangent[j]
    for j in range(window.start, window.stop):
        cotangent[j] = p[j] * (cotangent[j] - mean)
    beyond = 0.0
    for j in range(window.stop - 1, i, -1):
        beyond += cotangent[j]
        c = beyond * slope(j - 1 - i, neural)
        out[j] -= c
        out[j - 1] += c
        d_strength += c * ((s[j] - s[j - 1]) / strength)
    beyond = 0.0
    for j in range(window.start, i):
        beyond += cotangent[j]
        c = beyond * slope(i - 1 - j, neural)
        out[j + 1] -= c
        out[j] += c
        d_strength += c * ((s[j + 1] - s[j]) / strength)
    return d_strength


cdef void push_row(
    const double* tangent, Py_ssize_t i, Window window, bint neural, const double* p,
    double* change,
) noexcept nogil:
    # Writes strength times the derivatives of the weights.
    cdef Py_ssize_t j
    cdef double distance = 0.0, mean = 0.0
    change[i] = 0.0
    for j in range(i + 1, window.stop):
        distance += (tangent[j] - tangent[j - 1]) * slope(j - 1 - i, neural)
        change[j] = -distance
    distance = 0.0
    for j in range(i - 1, window.start - 1, -1):
        distance += (tangent[j + 1] - tangent[j]) * slope(i - 1 - j, neural)
        change[j] = -distance
    for j in range(window.start, window.stop):
        mean += p[j] * change[j]
    for j in range(window.start, window.stop):
        change[j] = p[j] * (change[j] - mean)


def relaxed_sort(
    const double[:, ::1] s,
    const double[::1] strength,
    bint neural,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[::1] work,
    double[:, ::1] out,
):
    """Write the relaxed sort of sorted rows, at the positions from start to stop."""
    cdef Py_ssize_t r, i, j, n = s.shape[1]
    cdef Window window
    cdef double change
    with nogil:
        for r in range(s.shape[0]):
            for i in range(start, stop):
                window = softmax_row(&s[r, 0], n, i, strength[r], neural, &work[0])
                change = 0.0
                for j in range(window.start, window.stop):
                    change += work[j] * (s[r, j] - s[r, i])
                out[r, i] = s[r, i] + change


def pull_relaxed_sort(
    const double[:, ::1] s,
    const double[:, ::1] cotangent,
    const double[::1] strength,
    bint neural,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] work,
    double[:, ::1] out,
    double[::1] d_strength,
):
    """Add to the gradients in sorted rows, and in the strength.

    What a call adds is due to the positions from start to stop.
    """
    cdef Py_ssize_t r, i, j, n = s.shape[1]
    cdef Window window
    cdef double total, g
    with nogil:
        for r in range(s.shape[0]):
            total = 0.0
            for i in range(n):
                work[2, i] = 0.0
            for i in range(start, stop):
                window = softmax_row(&s[r, 0], n, i, strength[r], neural, &work[0, 0])
                g = cotangent[r, i]
                for j in range(window.start, window.stop):
                    out[r, j] += work[0, j] * g
                    work[1, j] = g * (s[r, j] - s[r, i])
                if strength[r] > 0.0:
                    total += pull_row(
                        &s[r, 0], i, window, strength[r], neural, &work[0, 0], &work[1, 0],
                        &work[2, 0],
                    )
            if strength[r] > 0.0:
                d_strength[r] += total / strength[r]
                for i in range(n):
                    out[r, i] += work[2, i] / strength[r]


def push_relaxed_sort(
    const double[:, ::1] s,
    const double[:, ::1] tangent,
    const double[::1] strength,
    bint neural,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] work,
    double[:, ::1] out,
):
    """Write the derivatives of the relaxed sort along tangents of sorted rows.

    A call writes those at the positions from start to stop.
    """
    cdef Py_ssize_t r, i, j, n = s.shape[1]
    cdef Window window
    cdef double change
    with nogil:
        for r in range(s.shape[0]):
            for i in range(start, stop):
                window = softmax_row(&s[r, 0], n, i, strength[r], neural, &work[0, 0])
                out[r, i] = 0.0
                for j in range(window.start, window.stop):
                    out[r, i] += work[0, j] * tangent[r, j]
                if strength[r] > 0.0:
                    push_row(&tangent[r, 0], i, window, neural, &work[0, 0], &work[1, 0])
                    change = 0.0
                    for j in range(window.start, window.stop):
                        change += work[1, j] * ((s[r, j] - s[r, i]) / strength[r])
                    out[r, i] += change


def relaxed_permutation(
    const double[:, ::1] s,
    const Py_ssize_t[:, ::1] order,
    const double[::1] strength,
    bint neural,
    bint descending,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[::1] work,
    floating[:, :, ::1] out,
):
    """Write the weights themselves: a row for each position, a column for each entry.

    A call writes those of the positions from start to stop.
    """
    cdef Py_ssize_t r, i, j, k, n = s.shape[1]
    cdef Window window
    with nogil:
        for r in range(s.shape[0]):
            for i in range(start, stop):
                window = softmax_row(&s[r, 0], n, i, strength[r], neural, &work[0])
                k = n - 1 - i if descending else i
                for j in range(n):
                    out[r, k, j] = 0.0
                for j in range(window.start, window.stop):
                    out[r, k, order[r, j]] = <floating> work[j]


def pull_relaxed_permutation(
    const double[:, ::1] s,
    const Py_ssize_t[:, ::1] order,
    const floating[:, :, ::1] cotangent,
    const double[::1] strength,
    bint neural,
    bint descending,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] work,
    double[:, ::1] out,
):
    """Add to the strength times the gradients in sorted rows, 0 for a strength of 0.

    What a call adds is due to the positions from start to stop.
    """
    cdef Py_ssize_t r, i, j, k, n = s.shape[1]
    cdef Window window
    with nogil:
        for r in range(s.shape[0]):
            if strength[r] == 0.0:
                continue
            for i in range(start, stop):
                window = softmax_row(&s[r, 0], n, i, strength[r], neural, &work[0, 0])
                k = n - 1 - i if descending else i
                for j in range(window.start, window.stop):
                    work[1, j] = cotangent[r, k, order[r, j]]
                pull_row(
                    &s[r, 0], i, window, strength[r], neural, &work[0, 0], &work[1, 0],
                    &out[r, 0],
                )


def push_relaxed_permutation(
    const double[:, ::1] s,
    const Py_ssize_t[:, ::1] order,
    const double[:, ::1] tangent,
    const double[::1] strength,
    bint neural,
    bint descending,
    Py_ssize_t start,
    Py_ssize_t stop,
    double[:, ::1] work,
    floating[:, :, ::1] out,
):
    """Write the derivatives of the weights along tangents of sorted rows.

    A call writes those of the positions from start to stop.
    """
    cdef Py_ssize_t r, i, j, k, n = s.shape[1]
    cdef Window window
    with nogil:
        for r in range(s.shape[0]):
            for i in range(start, stop):
                k = n - 1 - i if descending else i
                for j in range(n):
                    out[r, k, j] = 0.0
                if strength[r] == 0.0:
                    continue
                window = softmax_row(&s[r, 0], n, i, strength[r], neural, &work[0, 0])
                push_row(&tangent[r, 0], i, window, neural, &work[0, 0], &work[1, 0])
                for j in range(window.start, window.stop):
                    out[r, k, order[r, j]] = <floating> (work[1, j] / strength[r])
