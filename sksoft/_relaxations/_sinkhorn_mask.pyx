# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entropic transport of rows to two targets: sigmoids that sum to k.

A selection is p_i = sigmoid((x_i - tau) / strength) with sum_i w_i p_i = k (Xie et al.
2020, whose plan it is). The threshold is kept as tau = pivot + strength * offset, the
pivot being an entry of the row near it: no digit is lost at any strength. One
exponential per entry, e_i = exp(offset - (x_i - pivot) / strength), serves all steps:
moving the offset by c multiplies it by exp(c). Sums run over blocks of 8192 entries, 32 at
a time, so that rounding does not grow with n.
"""

from cython cimport floating
from libc.math cimport INFINITY, exp, fabs, isinf, log
from libc.string cimport memset

from sksoft._ground.side_by_side cimport LANES, chosen

cdef extern from *:
    """
    static void sksoft_add_up(const double*, const double*, Py_ssize_t, double, double,
        double*) SKSOFT_CLONED;
    """

# Beyond this a logistic function is 0 or 1, and so is exp where it is about to overflow.
cdef double SATURATED = 700.0
cdef double FAR = 705.0
# The offset moves this far before the exponentials are evaluated anew.
cdef double REACH = 25.0


cdef enum:
    # Sums over the entries below and above the pivot: of p and of 1 - p, with their first
    # and second derivatives in the offset.
    LOW, LOW_1, LOW_2, HIGH, HIGH_1, HIGH_2, N_SUMS


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
    cdef Py_ssize_t r, n = x.shape[1]
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            if isinf(offset[r]):
                split_row(&x[r, 0], n, pivot[r], &out[r, 0])
            else:
                shift_row(&x[r, 0], n, pivot[r], strength[r], offset[r], &out[r, 0])


cdef void split_row(
    const floating* x, Py_ssize_t n, double pivot, double* out
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = FAR if x[i] < pivot else -FAR


cdef void shift_row(
    const floating* x, Py_ssize_t n, double pivot, double strength, double offset, double* out
) noexcept nogil:
    # Without branches, which nobody could foresee.
    cdef Py_ssize_t i
    cdef double difference, t
    for i in range(n):
        difference = pivot - x[i]
        t = offset + difference / strength
        t = offset if difference == 0.0 else t
        t = FAR if t > SATURATED else t
        out[i] = -FAR if t < -SATURATED else t


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
    cdef double sums[N_SUMS]
    cdef double c = 0.0, left = -INFINITY, right = INFINITY, step, excess = 0.0
    cdef double value, slope, curve, a, b
    if not balanced:
        excess = weight_below(e, w, n, split)
        excess = max(excess - k, 0.0)
    for _ in range(100):
        add_up(e, w, n, exp(c), split, sums)
        sums[LOW] += excess
        if sums[LOW] == 0.0 and sums[HIGH] == 0.0:
            break
        if sums[LOW] == 0.0 or sums[HIGH] == 0.0:
            value = -INFINITY if sums[LOW] == 0.0 else INFINITY
            step = REACH if value > 0.0 else -REACH
        else:
            a = sums[LOW_1] / sums[LOW]
            b = sums[HIGH_1] / sums[HIGH]
            value = log(sums[LOW]) - log(sums[HIGH])
            slope = a - b
            curve = (sums[LOW_2] / sums[LOW] - a * a) - (sums[HIGH_2] / sums[HIGH] - b * b)
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


cdef double weight_below(
    const double* e, const double* w, Py_ssize_t n, double split
) noexcept nogil:
    # The weight of the entries from the pivot on, whose exponentials are not above the split.
    cdef Py_ssize_t i, count = 0
    cdef double total = 0.0
    if w == NULL:
        for i in range(n):
            count += e[i] <= split
        return count
    for i in range(n):
        total += w[i] if e[i] <= split else 0.0
    return total


cdef void add_up "sksoft_add_up" (
    const double* e, const double* w, Py_ssize_t n, double factor, double split, double* sums
) noexcept nogil:
    cdef double parts[N_SUMS * LANES]
    cdef double rest[N_SUMS]
    cdef Py_ssize_t i, j, start, whole = n - n % LANES
    for i in range(N_SUMS):
        rest[i] = 0.0
    for i in range(whole, n):
        add_entry(e[i], 1.0 if w == NULL else w[i], factor, split, rest, 1)
    for i in range(N_SUMS):
        sums[i] = rest[i]
    for start in range(0, whole, 8192):
        memset(parts, 0, sizeof(parts))
        for i in range(start, min(start + 8192, whole), 32):
            if w == NULL:
                for j in range(LANES):
                    add_entry(e[i + j], 1.0, factor, split, parts + j, LANES)
            else:
                for j in range(LANES):
                    add_entry(e[i + j], w[i + j], factor, split, parts + j, LANES)
        for i in range(N_SUMS):
            for j in range(LANES):
                sums[i] += parts[i * LANES + j]


cdef inline void add_entry(
    double entry, double weight, double factor, double split, double* sums, Py_ssize_t step
) noexcept nogil:
    cdef double v = entry * factor
    cdef double p = 1.0 / (1.0 + v)
    cdef double q = chosen(v, 1e305, v, 1e305) * p
    cdef double s = p * q
    cdef double d = s * (p - q)
    # Products instead of choices, of which compilers would make a branch.
    cdef double above = weight * chosen(split, entry, 1.0, 0.0)
    cdef double below = weight - above
    sums[LOW * step] += above * p
    sums[LOW_1 * step] -= above * s
    sums[LOW_2 * step] -= above * d
    sums[HIGH * step] += below * q
    sums[HIGH_1 * step] += below * s
    sums[HIGH_2 * step] += below * d


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
            e[i] = p * ((v if v < 1e305 else 1e305) * p)
