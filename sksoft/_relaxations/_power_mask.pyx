# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sparse top-k masks: a_i = clip((s_i - tau) / strength, 0, 1) ** power of weighted sum k.

This is the maximum of <x, a> minus strength times the sum of |a|^p / p over
0 <= a <= 1, sum a = k, where power = 1 / (p - 1) (Sander et al. 2023). The sum falls as
tau grows, so that its values at tau = s_j and at tau = s_j - strength tell which entries
are exactly 0 and exactly 1; neither threshold is ever formed.
"""

from libc.math cimport pow

from sksoft._ground.inline cimport divided, weight_at


cdef inline double raised(double t, int power) noexcept nogil:
    cdef double out = t
    if power == 0:
        return 1.0
    for _ in range(power - 1):
        out *= t
    return out


cdef double sum_at(
    Py_ssize_t j, bint one, const double* s, const double* weight, const double* mass,
    Py_ssize_t n, double strength, int power,
) noexcept nogil:
    # The sum for tau = s[j], or where entry j just becomes one; mass is the total weight
    # from each entry on.
    cdef Py_ssize_t i
    cdef double t, total = 0.0
    if one:
        for i in range(j - 1, -1, -1):
            t = divided(s[j] - s[i], strength)
            if t >= 1.0:
                break
            total += weight_at(weight, i) * raised(1.0 - t, power)
        return mass[j] + total
    for i in range(j + 1, n):
        t = divided(s[i] - s[j], strength)
        if t >= 1.0:
            return mass[i] + total
        total += weight_at(weight, i) * raised(t, power)
    return total


cdef Py_ssize_t boundary(
    double k, bint one, const double* s, const double* weight, const double* mass,
    Py_ssize_t n, double strength, int power,
) noexcept nogil:
    # The first entry that is not exactly zero, or the first that is exactly one.
    cdef Py_ssize_t low = 0, high = n, split
    cdef double total
    while low < high:
        split = (low + high) // 2
        total = sum_at(split, one, s, weight, mass, n, strength, power)
        if total > k if one else total >= k:
            low = split + 1
        else:
            high = split
    return low


cdef double distance_to_threshold(
    double k, const double* s, const double* weight, Py_ssize_t start, Py_ssize_t stop,
    double strength, int power,
) noexcept nogil:
    # t = (s[stop - 1] - tau) / strength: Newton from above on a convex function.
    cdef Py_ssize_t i
    cdef double t, u, total, slope, mass = 0.0, last = s[stop - 1], proposal
    for i in range(start, stop):
        mass += weight_at(weight, i)
    t = divided(last - s[start], strength) + pow(k / mass, 1.0 / power)
    if t > 1.0:
        t = 1.0
    for _ in range(200):
        total = slope = 0.0
        for i in range(start, stop):
            u = t - divided(last - s[i], strength)
            if u > 0.0:
                total += weight_at(weight, i) * raised(u, power)
                slope += weight_at(weight, i) * power * raised(u, power - 1)
        if slope == 0.0:
            break
        proposal = t - (total - k) / slope
        if not proposal < t:
            break
        t = proposal
    return t


def power_mask(
    const double[:, ::1] s,
    const double[:, ::1] weight,
    const double[::1] k,
    const double[::1] strength,
    int power,
    double[::1] mass,
    double[:, ::1] mask,
    double[:, ::1] share,
    double[::1] factor,
):
    """Write the masks of sorted rows, and their slopes factor * share / strength.

    Where a mask is exactly hard the factor is zero, and the shares are those of the two
    entries between which the threshold lies.
    """
    cdef Py_ssize_t r, i, start, stop, n = s.shape[1]
    cdef const double* w
    cdef double t, u, rest
    with nogil:
        for r in range(s.shape[0]):
            if n == 0:
                continue
            w = &weight[r, 0] if weight is not None else NULL
            mass[n] = 0.0
            for i in range(n - 1, -1, -1):
                mass[i] = mass[i + 1] + weight_at(w, i)
            start = boundary(k[r], False, &s[r, 0], w, &mass[0], n, strength[r], power)
            stop = boundary(k[r], True, &s[r, 0], w, &mass[0], n, strength[r], power)
            if stop < start:
                stop = start
            for i in range(n):
                mask[r, i] = 0.0 if i < start else 1.0
                share[r, i] = 0.0
            factor[r] = power
            rest = k[r] - mass[stop]
            if start == stop or mass[start] == mass[stop]:
                factor[r] = 0.0
                if start > 0:
                    share[r, start - 1] = 1.0
                if stop < n:
                    share[r, stop] = 1.0
                continue
            t = distance_to_threshold(
                max(rest, 0.0), &s[r, 0], w, start, stop, strength[r], power
            )
            for i in range(start, stop):
                u = t - divided(s[r, stop - 1] - s[r, i], strength[r])
                u = min(max(u, 0.0), 1.0)
                mask[r, i] = raised(u, power)
                share[r, i] = raised(u, power - 1)
