# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entropic transport of rows to two targets: sigmoids that sum to k.

A selection is p_i = sigmoid((x_i - tau) / strength) with sum_i w_i p_i = k (Xie et al.
2020, whose plan it is). The threshold is kept as tau = pivot + strength * offset, the
pivot being an entry of the row near it: no digit is lost at any strength. One
exponential per entry, e_i = exp(offset - (x_i - pivot) / strength), serves all steps:
moving the offset by c multiplies it by exp(c). Sums run over blocks of 512 entries, so
that rounding does not grow with n.
"""

from cython cimport floating
from libc.math cimport INFINITY, ceil, exp, fabs, isinf, log

# Beyond this a logistic function is 0 or 1, and so is exp where it is about to overflow.
cdef double SATURATED = 700.0
cdef double FAR = 705.0
# Weights that sum to k up to rounding select exactly those entries.
cdef double ROUNDING = 1e-14
# The offset moves this far before the exponentials are evaluated anew.
cdef double REACH = 25.0


cdef struct Balance:
    # Sums over the entries below and above the pivot: of p and of 1 - p, with their
    # first and second derivatives in the offset.
    double low, low_1, low_2, high, high_1, high_2


def start_rows(
    const floating[:, ::1] parts,
    const double[::1] k,
    const double[::1] strength,
    double[::1] pivot,
    double[::1] offset,
    unsigned char[::1] balanced,
):
    """Start rows partitioned at the place of their ceil(k)-th largest entry."""
    cdef Py_ssize_t r, i, n = parts.shape[1], place
    cdef double below
    with nogil:
        for r in range(parts.shape[0]):
            place = n - min(max(<Py_ssize_t> ceil(k[r]), 1), n)
            pivot[r] = parts[r, place] if n > 0 else 0.0
            below = -INFINITY
            for i in range(place):
                below = max(below, <double> parts[r, i])
            balanced[r] = start(
                below, k[r], k[r] >= n, n - place == k[r], strength[r], &pivot[r], &offset[r]
            )


def start_weighted_rows(
    const floating[:, ::1] x,
    const Py_ssize_t[:, ::1] order,
    const double[:, ::1] weight,
    const double[::1] k,
    const double[::1] strength,
    double[::1] pivot,
    double[::1] offset,
    unsigned char[::1] balanced,
):
    """Start rows at the entry where the weight of the largest reaches k."""
    cdef Py_ssize_t r, i, n = x.shape[1]
    cdef double below, total, mass, w
    cdef bint whole
    with nogil:
        for r in range(x.shape[0]):
            total = mass = 0.0
            for i in range(n):
                total += weight[r, i]
            pivot[r] = below = -INFINITY
            whole = False
            for i in range(n - 1, -1, -1):
                w = weight[r, order[r, i]]
                if w > 0.0 and mass < k[r] * (1.0 - ROUNDING):
                    mass += w
                    pivot[r] = x[r, order[r, i]]
                    whole = fabs(mass - k[r]) <= ROUNDING * total
                elif w > 0.0:
                    below = x[r, order[r, i]]
                    break
            balanced[r] = start(
                below, k[r], k[r] >= total * (1.0 - ROUNDING), whole, strength[r],
                &pivot[r], &offset[r],
            )


cdef bint start(
    double below, double k, bint full, bint whole, double strength, double* pivot, double* offset
) noexcept nogil:
    # Whether just the entries from the pivot on weigh k: the offset then starts in the
    # middle of the gap. An infinite offset selects what is not below the pivot.
    cdef double gap = pivot[0] - below
    cdef bint balanced = whole and gap > strength
    offset[0] = 0.0
    if k == 0.0 or full:
        pivot[0] = INFINITY if k == 0.0 else -INFINITY
        offset[0] = -INFINITY
    elif balanced:
        offset[0] = -INFINITY if gap / 1500.0 > strength else -0.5 * (gap / strength)
    return balanced


def shift_rows(
    const floating[:, ::1] x,
    const double[::1] pivot,
    const double[::1] strength,
    const double[::1] offset,
    double[:, ::1] out,
):
    """out = offset - (x - pivot) / strength, FAR from 0 where a logistic saturates.

    Exponentials of infinite numbers take longer; `saturate` puts in what they would be.
    """
    cdef Py_ssize_t r, i
    cdef double difference, t
    with nogil:
        for r in range(x.shape[0]):
            for i in range(x.shape[1]):
                difference = pivot[r] - x[r, i]
                if isinf(offset[r]):
                    t = FAR if difference > 0.0 else -FAR
                elif difference == 0.0:
                    t = offset[r]
                else:
                    t = offset[r] + difference / strength[r]
                if t > SATURATED:
                    t = FAR
                elif t < -SATURATED:
                    t = -FAR
                out[r, i] = t


def saturate(double[:, ::1] e):
    """Replace exponentials of FAR by infinity, and those of -FAR by 0."""
    cdef Py_ssize_t r, i
    cdef double value, largest = exp(0.5 * (SATURATED + FAR)), least = 1.0 / largest
    with nogil:
        for r in range(e.shape[0]):
            for i in range(e.shape[1]):
                value = e[r, i]
                value = INFINITY if value > largest else value
                e[r, i] = 0.0 if value < least else value


def select_rows(
    double[:, ::1] e,
    const double[:, ::1] weight,
    const double[::1] k,
    const unsigned char[::1] balanced,
    double[::1] offset,
    bint keep,
    floating[:, ::1] out,
    unsigned char[::1] settled,
):
    """Move the offset to the root of sum w p = k, or nearer; return how many rows lack it.

    Settled rows got there: out receives p and, if it is to keep, e becomes p (1 - p).
    balanced says that the entries from the pivot on weigh k exactly.
    """
    cdef Py_ssize_t r, n = e.shape[1], n_far = 0
    cdef double split, shift
    cdef const double* w
    with nogil:
        for r in range(e.shape[0]):
            shift = 0.0
            settled[r] = n == 0 or isinf(offset[r])
            if not settled[r]:
                w = NULL if weight is None else &weight[r, 0]
                split = exp(offset[r]) * (1.0 + 1e-12)
                settled[r] = find_root(&e[r, 0], w, n, k[r], balanced[r], split, &shift)
                n_far += not settled[r]
                offset[r] += shift
            if settled[r] and n > 0:
                write_selection(&e[r, 0], n, exp(shift), keep, &out[r, 0])
    return n_far


cdef bint find_root(
    const double* e, const double* w, Py_ssize_t n, double k, bint balanced, double split,
    double* root,
) noexcept nogil:
    # Newton's method, to second order, on log(low + excess) - log(high), which is nearly
    # linear in c both where all entries saturate and where none does.
    cdef Balance sums
    cdef double c = 0.0, left = -INFINITY, right = INFINITY, step, excess = 0.0
    cdef double value, slope, curve, a, b
    cdef Py_ssize_t i
    if not balanced:
        for i in range(n):
            if e[i] <= split:
                excess += 1.0 if w == NULL else w[i]
        excess = max(excess - k, 0.0)
    for _ in range(100):
        add_up(e, w, n, exp(c), split, &sums)
        sums.low += excess
        if sums.low == 0.0 and sums.high == 0.0:
            break
        if sums.low == 0.0 or sums.high == 0.0:
            value = -INFINITY if sums.low == 0.0 else INFINITY
            step = REACH if value > 0.0 else -REACH
        else:
            a = sums.low_1 / sums.low
            b = sums.high_1 / sums.high
            value = log(sums.low) - log(sums.high)
            slope = a - b
            curve = (sums.low_2 / sums.low - a * a) - (sums.high_2 / sums.high - b * b)
            curve = 2.0 * slope * slope - value * curve
            step = -2.0 * value * slope / curve if curve > 0.0 else -value / slope
            step = min(max(step, -REACH), REACH)
        if value >= 0.0:
            left = c
        if value <= 0.0:
            right = c
        if not left < c + step < right and fabs(step) > 1e-5:
            if not isinf(left) and not isinf(right):
                step = 0.5 * (left + right) - c
        c += step
        root[0] = c
        if fabs(step) <= 1e-5:
            break
        if fabs(c) > REACH:
            return False
    return True


cdef void add_up(
    const double* e, const double* w, Py_ssize_t n, double factor, double split, Balance* sums
) noexcept nogil:
    cdef Py_ssize_t start, i
    cdef double v, p, q, s, d, low, low_1, low_2, high, high_1, high_2
    sums.low = sums.low_1 = sums.low_2 = sums.high = sums.high_1 = sums.high_2 = 0.0
    for start in range(0, n, 512):
        low = low_1 = low_2 = high = high_1 = high_2 = 0.0
        for i in range(start, min(start + 512, n)):
            v = e[i] * factor
            p = 1.0 / (1.0 + v)
            q = min(v, 1e305) * p
            s = p * q
            d = s * (p - q)
            if w != NULL:
                p *= w[i]
                q *= w[i]
                s *= w[i]
                d *= w[i]
            if e[i] <= split:
                high += q
                high_1 += s
                high_2 += d
            else:
                low += p
                low_1 -= s
                low_2 -= d
        sums.low += low
        sums.low_1 += low_1
        sums.low_2 += low_2
        sums.high += high
        sums.high_1 += high_1
        sums.high_2 += high_2


cdef void write_selection(
    double* e, Py_ssize_t n, double factor, bint keep, floating* out
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v, p
    for i in range(n):
        v = e[i] * factor
        p = 1.0 / (1.0 + v)
        out[i] = <floating> p
        if keep:
            e[i] = p * (min(v, 1e305) * p)
