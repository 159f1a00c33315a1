# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sums of Laplace distribution functions over sorted rows, and their inverse.

f(y) = sum_j weight_j F((y - s_j) / strength), F being the distribution function of the
standard Laplace law (Struski et al. 2025). With above_i and below_i the sums of
weight_j exp(-|s_i - s_j| / strength) over the entries after and before i, two sweeps
give f at every entry. Between neighbours f(y) = level is a quadratic equation in
exp(y / strength). A solution is kept as its distances, in strengths, to the entries
around it, never as a number y that far entries could drown.
"""

from libc.math cimport INFINITY, exp, log, sqrt

from sksoft._ground.inline cimport decay, divided, weight_at


cdef struct Place:
    Py_ssize_t before    # the last entry at or below the solution, -1 for none
    double to_before     # the distances in strengths, infinite beyond the ends
    double to_after


cdef void sums(
    const double* s, const double* weight, Py_ssize_t n, double strength, double* below,
    double* above,
) noexcept nogil:
    # Both without the entry itself.
    cdef Py_ssize_t i
    below[0] = 0.0
    for i in range(1, n):
        below[i] = (below[i - 1] + weight_at(weight, i - 1)) * decay(s[i] - s[i - 1], strength)
    above[n - 1] = 0.0
    for i in range(n - 2, -1, -1):
        above[i] = (above[i + 1] + weight_at(weight, i + 1)) * decay(s[i + 1] - s[i], strength)


cdef double middle(
    Py_ssize_t i, const double* weight, const double* mass, const double* below,
    const double* above,
) noexcept nogil:
    # f at entry i; mass is the total weight before each entry.
    return mass[i] + 0.5 * weight_at(weight, i) + 0.5 * (above[i] - below[i])


cdef Place solve(
    double level, Py_ssize_t before, const double* s, const double* weight, Py_ssize_t n,
    double strength, const double* mass, const double* below, const double* above,
) noexcept nogil:
    # f(y) = level, given the last entry where f is at most level.
    cdef Place place
    cdef Py_ssize_t after = before + 1
    cdef double left = 0.0, right = 0.0, gap, d, q
    place.before = before
    place.to_before = place.to_after = INFINITY
    if before >= 0:
        left = below[before] + weight_at(weight, before)
    if after < n:
        right = above[after] + weight_at(weight, after)
    if before < 0:
        place.to_after = -log(2.0 * level / right) if level > 0.0 else INFINITY
    elif after == n:
        d = mass[n] - level
        place.to_before = -log(2.0 * d / left) if d > 0.0 else INFINITY
    else:
        gap = divided(s[after] - s[before], strength)
        d = level - mass[after]
        q = sqrt(d * d + left * right * (exp(-gap) if gap < 745.0 else 0.0))
        if q == 0.0:
            # In the middle of a wide gap, next to entries without weight where one is 0.
            q = 0.5 * log(right / left) if left > 0.0 and right > 0.0 else 0.0
            place.to_after = 0.5 * gap + q
            place.to_before = 0.5 * gap - q
        elif d >= 0.0:
            place.to_after = -log((d + q) / right)
            place.to_before = gap - place.to_after
        else:
            place.to_before = -log((q - d) / left)
            place.to_after = gap - place.to_before
    if place.to_before < 0.0:
        place.to_before = 0.0
    if place.to_after < 0.0:
        place.to_after = 0.0
    return place


cdef void masses(const double* weight, Py_ssize_t n, double* mass) noexcept nogil:
    cdef Py_ssize_t i
    mass[0] = 0.0
    for i in range(n):
        mass[i + 1] = mass[i] + weight_at(weight, i)


def laplace_mask(
    const double[:, ::1] s,
    const double[:, ::1] weight,
    const double[::1] k,
    const double[::1] strength,
    double[:, ::1] work,
    double[:, ::1] mask,
    double[:, ::1] share,
    double[::1] factor,
):
    """Write the masks F((s_i - y) / strength) of weighted sum k, and their slopes.

    The slopes are factor * share; the largest share is 1/2 or 1.
    """
    cdef Py_ssize_t r, i, low, high, split, n = s.shape[1]
    cdef const double* w
    cdef Place place
    cdef double level, near, t
    with nogil:
        for r in range(s.shape[0]):
            if n == 0:
                continue
            w = &weight[r, 0] if weight is not None else NULL
            masses(w, n, &work[0, 0])
            sums(&s[r, 0], w, n, strength[r], &work[1, 0], &work[2, 0])
            level = work[0, n] - k[r]
            low = 0
            high = n if level > 0.0 else 0
            while low < high:
                split = (low + high) // 2
                if middle(split, w, &work[0, 0], &work[1, 0], &work[2, 0]) <= level:
                    low = split + 1
                else:
                    high = split
            place = solve(
                level, low - 1, &s[r, 0], w, n, strength[r], &work[0, 0], &work[1, 0],
                &work[2, 0],
            )
            near = min(place.to_before, place.to_after)
            factor[r] = 0.5 * exp(-near)
            for i in range(low):
                t = divided(s[r, low - 1] - s[r, i], strength[r])
                mask[r, i] = 0.5 * exp(-(t + place.to_before))
                if place.to_before > near:
                    t += place.to_before - near
                share[r, i] = exp(-t)
            for i in range(low, n):
                t = divided(s[r, i] - s[r, low], strength[r])
                mask[r, i] = 1.0 - 0.5 * exp(-(t + place.to_after))
                if place.to_after > near:
                    t += place.to_after - near
                share[r, i] = exp(-t)


def laplace_sort(
    const double[:, ::1] s,
    const double[::1] strength,
    double[:, ::1] work,
    double[:, ::1] out,
    Py_ssize_t[:, ::1] before,
    double[:, ::1] to_before,
    double[:, ::1] to_after,
):
    """Write the solutions of f(y) = 1/2, 3/2, ..., n - 1/2, and where they lie."""
    cdef Py_ssize_t r, i, j, n = s.shape[1]
    cdef Place place
    with nogil:
        for r in range(s.shape[0]):
            if n == 0:
                continue
            masses(NULL, n, &work[0, 0])
            sums(&s[r, 0], NULL, n, strength[r], &work[1, 0], &work[2, 0])
            j = 0
            for i in range(n):
                while j < n and (
                    middle(j, NULL, &work[0, 0], &work[1, 0], &work[2, 0]) <= i + 0.5
                ):
                    j += 1
                place = solve(
                    i + 0.5, j - 1, &s[r, 0], NULL, n, strength[r], &work[0, 0],
                    &work[1, 0], &work[2, 0],
                )
                before[r, i] = j - 1
                to_before[r, i] = place.to_before
                to_after[r, i] = place.to_after
                if place.to_before <= place.to_after:
                    out[r, i] = s[r, j - 1] + strength[r] * place.to_before
                else:
                    out[r, i] = s[r, j] - strength[r] * place.to_after


def laplace_averages(
    const double[:, ::1] s,
    const double[::1] strength,
    const Py_ssize_t[:, ::1] before,
    const double[:, ::1] to_before,
    const double[:, ::1] to_after,
    const double[:, ::1] values,
    bint transpose,
    double[:, ::1] work,
    double[:, ::1] out,
    double[:, ::1] d_strength,
):
    """Apply the Jacobian of the sort, or its transpose.

    Row i of the Jacobian averages with weights exp(-|y_i - s_j| / strength). With
    transpose, d_strength receives the derivatives of the sort in the strength: the averages
    of (y_i - s_j) / strength.
    """
    cdef Py_ssize_t r, i, j, n = s.shape[1]
    cdef double near, left, right, gap, total, norm, first, last
    with nogil:
        for r in range(s.shape[0]):
            if n == 0:
                continue
            # work[0], work[1]: sums of the kernel; work[2], work[3]: of kernel * values,
            # from below and from above, or the gradients on their way out.
            sums(&s[r, 0], NULL, n, strength[r], &work[0, 0], &work[1, 0])
            for j in range(n):
                work[0, j] += 1.0
                work[1, j] += 1.0
                work[2, j] = work[3, j] = 0.0
                work[4, j] = work[5, j] = 0.0
                if not transpose:
                    work[2, j] = work[3, j] = values[r, j]
            if not transpose:
                for j in range(1, n):
                    work[2, j] += work[2, j - 1] * decay(s[r, j] - s[r, j - 1], strength[r])
                for j in range(n - 2, -1, -1):
                    work[3, j] += work[3, j + 1] * decay(s[r, j + 1] - s[r, j], strength[r])
            else:
                # Sums of kernel * distance in strengths.
                for j in range(1, n):
                    gap = divided(s[r, j] - s[r, j - 1], strength[r])
                    if gap < 745.0:
                        work[4, j] = exp(-gap) * (work[4, j - 1] + gap * work[0, j - 1])
                for j in range(n - 2, -1, -1):
                    gap = divided(s[r, j + 1] - s[r, j], strength[r])
                    if gap < 745.0:
                        work[5, j] = exp(-gap) * (work[5, j + 1] + gap * work[1, j + 1])
            for i in range(n):
                j = before[r, i]
                near = min(to_before[r, i], to_after[r, i])
                left = exp(near - to_before[r, i]) if j >= 0 else 0.0
                right = exp(near - to_after[r, i]) if j + 1 < n else 0.0
                norm = 0.0
                if j >= 0:
                    norm += left * work[0, j]
                if j + 1 < n:
                    norm += right * work[1, j + 1]
                total = 0.0
                if transpose:
                    if left > 0.0:
                        work[2, j] += left * values[r, i] / norm
                        total += left * (work[4, j] + to_before[r, i] * work[0, j])
                    if right > 0.0:
                        work[3, j + 1] += right * values[r, i] / norm
                        total -= right * (work[5, j + 1] + to_after[r, i] * work[1, j + 1])
                    d_strength[r, i] = total / norm
                else:
                    if left > 0.0:
                        total += left * work[2, j]
                    if right > 0.0:
                        total += right * work[3, j + 1]
                    out[r, i] = total / norm
            if transpose:
                first = last = 0.0
                for j in range(n):
                    if j > 0:
                        last *= decay(s[r, j] - s[r, j - 1], strength[r])
                    last += work[3, j]
                    out[r, j] = last
                for j in range(n - 1, -1, -1):
                    if j < n - 1:
                        first *= decay(s[r, j + 1] - s[r, j], strength[r])
                    first += work[2, j]
                    out[r, j] += first
