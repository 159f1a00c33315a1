# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Knots of distribution functions: merged, left out, interpolated between."""

from cython cimport floating
from libc.math cimport NAN, fmin, sqrt

cdef enum:
    CODES = 256  # how finely values are told apart before they are searched for


def collect_knots(const double[::1] column, const double[::1] weights,
                  double[:, ::1] out):
    """Collect equal values into knots.

    Parameters
    ----------
    column : memoryview of shape (n,)
        Increasing values, at least one.

    weights : memoryview of shape (n,) or (1,)
        Weight of each value, or of all.

    out : memoryview of shape (4, n)
        Receives values, which increase strictly; their weights; the weight below, twice.

    Returns
    -------
    n_knots : int
        Their number.
    """
    cdef Py_ssize_t n = column.shape[0], n_knots = 0, i
    cdef Py_ssize_t step = 0 if weights.shape[0] < n else 1
    cdef double below = 0.0, weight = weights[0]
    with nogil:
        for i in range(1, n + 1):
            if i < n and column[i] == column[i - 1]:
                weight += weights[i * step]
                continue
            out[0, n_knots] = column[i - 1]
            out[1, n_knots] = weight
            out[2, n_knots] = below
            out[3, n_knots] = below
            n_knots += 1
            below += weight
            if i < n:
                weight = weights[i * step]
    return n_knots


def keep_knots(const double[::1] weights, const double[::1] least,
               const double[::1] most, double apart, Py_ssize_t[::1] kept):
    """Choose few knots such that ranks rise little between neighbours.

    Parameters
    ----------
    weights : memoryview of shape (n_knots,)
        Weight of each knot.

    least, most : memoryview of shape (n_knots,)
        Bounds of the weight below, increasing.

    apart : double
        From one kept knot to the next the rank rises by at most this, by these bounds,
        unless no knot lies between them.

    kept : memoryview of shape (n_knots,)
        Receives the places of the knots, the first and the last among them.

    Returns
    -------
    n_kept : int
        Their number.
    """
    cdef Py_ssize_t n_knots = weights.shape[0], n_kept = 1, last = 0, i
    cdef double low
    with nogil:
        kept[0] = 0
        low = least[0] + 0.5 * weights[0]
        for i in range(2, n_knots):
            if most[i] + 0.5 * weights[i] - low > apart and last < i - 1:
                last = i - 1
                low = least[last] + 0.5 * weights[last]
                kept[n_kept] = last
                n_kept += 1
        if n_knots > 1:
            kept[n_kept] = n_knots - 1
            n_kept += 1
    return n_kept


def merge_knots(const double[:, ::1] first, double first_total,
                const double[:, ::1] second, double second_total,
                double[:, ::1] out):
    """Merge the knots of two columns, one upon the other.

    Parameters
    ----------
    first, second : memoryview of shape (4, n_knots)
        Values, increasing; weights; bounds of the weight below, from below and above.

    first_total, second_total : double
        Weight of each column.

    out : memoryview of shape (4, number of both knots)
        Receives the merged knots.

    Returns
    -------
    n_knots : int
        Their number: equal values are one knot.
    """
    cdef Py_ssize_t n_first = first.shape[1], n_second = second.shape[1]
    cdef Py_ssize_t n_knots = 0, i = 0, j = 0
    cdef bint from_first, from_second
    with nogil:
        while i < n_first or j < n_second:
            from_first = i < n_first and (
                j == n_second or first[0, i] <= second[0, j])
            from_second = j < n_second and (
                i == n_first or second[0, j] <= first[0, i])
            out[0, n_knots] = first[0, i] if from_first else second[0, j]
            out[1, n_knots] = 0.0
            out[2, n_knots] = _least(first, i, from_first) + _least(
                second, j, from_second)
            out[3, n_knots] = (first[3, i] if i < n_first else first_total) + (
                second[3, j] if j < n_second else second_total)
            if from_first:
                out[1, n_knots] += first[1, i]
                i += 1
            if from_second:
                out[1, n_knots] += second[1, j]
                j += 1
            n_knots += 1
    return n_knots


cdef inline double _least(const double[:, ::1] knots, Py_ssize_t i,
                          bint is_knot) noexcept nogil:
    """Return what surely lies below a value that is knot i or comes before it."""
    if is_knot:
        return knots[2, i]
    return knots[1, i - 1] + knots[2, i - 1] if i > 0 else 0.0


def mean_and_deviation(const double[::1] values, const double[::1] weights):
    """Return the mean and the standard deviation of values, which increase."""
    cdef Py_ssize_t n = values.shape[0], i
    cdef double first = values[0], width = values[n - 1] - first
    cdef double total = 0.0, mean = 0.0, square = 0.0, scaled
    with nogil:
        # Between 0 and 1, squares neither overflow nor vanish.
        if width > 0.0:
            for i in range(n):
                total += weights[i]
                mean += weights[i] * ((values[i] - first) / width)
            mean /= total
            for i in range(n):
                scaled = (values[i] - first) / width - mean
                square += weights[i] * scaled * scaled
            square /= total
    return first + width * mean, width * sqrt(square)


def interpolate(const floating[::1] x, const double[::1] knots,
                const double[::1] images, double[::1] out):
    """Write the piecewise linear function through knots, constant beyond; NaN stays.

    Parameters
    ----------
    x : memoryview of shape (n,)
        Where the function is asked for.

    knots, images : memoryview of shape (n_knots,)
        At least one knot, and the function there; both increase.

    out : memoryview of shape (n,)
        Receives the function.
    """
    cdef Py_ssize_t n = x.shape[0], n_knots = knots.shape[0]
    cdef Py_ssize_t first, n_abreast, widest, size, half, i
    cdef Py_ssize_t starts[CODES]
    cdef Py_ssize_t at[8]
    cdef double value[8]
    cdef double scale
    with nogil:
        scale = _code_scale(knots[0], knots[n_knots - 1])
        widest = _write_starts(knots, scale, starts)
        for first in range(0, n, 8):
            n_abreast = n - first if n - first < 8 else 8
            for i in range(8):
                value[i] = x[first + i] if i < n_abreast else knots[0]
                at[i] = starts[_code(value[i], knots[0], scale)]
            size = widest
            while size > 1:
                half = size >> 1
                # Without a branch, for none could be foretold, and eight searches side
                # by side, so that their steps overlap.
                for i in range(8):
                    at[i] += half * (knots[at[i] + half] <= value[i])
                size -= half
            for i in range(n_abreast):
                out[first + i] = _between(value[i], at[i], knots, images)


cdef inline double _code_scale(double first, double last) noexcept nogil:
    # Linear codes of the values between; one code for all where this might overflow.
    return (CODES - 1.0) / (last - first) if 1e-290 < last - first < 1e300 else 0.0


cdef inline Py_ssize_t _code(double x, double first, double scale) noexcept nogil:
    cdef double t = (x - first) * scale
    t = t if t > 0.0 else 0.0
    return <int> (t if t < CODES - 1.0 else CODES - 1.0)


cdef Py_ssize_t _write_starts(const double[::1] knots, double scale,
                              Py_ssize_t* starts) noexcept nogil:
    """Write from which knot on to search for values of each code.

    The last knot that is not above a value of the code is among as many knots from
    there on as are returned, all of which there are.
    """
    cdef Py_ssize_t n_knots = knots.shape[0], widest = 1, start = 0, stop = 0, code
    for code in range(CODES):
        while stop < n_knots and _code(knots[stop], knots[0], scale) <= code:
            stop += 1
        # The knot before may be the last that is not above.
        starts[code] = start - 1 if start > 0 else 0
        widest = max(widest, stop - starts[code])
        start = stop
    for code in range(CODES):
        starts[code] = min(starts[code], n_knots - widest)
    return widest


cdef inline double _between(double x, Py_ssize_t at, const double[::1] knots,
                            const double[::1] images) noexcept nogil:
    """Return the function at x, of which `at` is the last knot that is not above."""
    cdef double low = images[at], high
    if x != x:
        return NAN
    if at + 1 == knots.shape[0] or x <= knots[at]:
        return low
    high = images[at + 1]
    # A rounded sum must not lead beyond the next knot.
    return fmin(low + (x - knots[at]) / (knots[at + 1] - knots[at]) * (high - low),
                high)
