# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pool adjacent violators over sorted rows.

Every kernel works in double precision on C-contiguous rows, in place.
P(z, w) denotes the projection of z on the permutahedron of w, both ascending
(Blondel, Teboul, Berthet and Djolonga 2020): soft ranks are P(x / strength, 1..n), soft
sorts P(1..n / strength, x). A block keeps the statistics of its z and of its w apart:
two neighbours pool when the gap of z between them is at most the gap of w (the primal
form of the violation in Busing 2022), and no difference of z and w is ever formed.
"""

from libc.math cimport exp, expm1, log


cdef inline bint pools(double data, double position, double strength, bint sort) noexcept nogil:
    # data, position: the gaps between two blocks in the sorted data and in 1..n.
    return position <= strength * data if sort else data <= strength * position


def project_l2(
    double[:, ::1] s,
    const double[::1] strength,
    bint sort,
    Py_ssize_t[:, ::1] starts,
    Py_ssize_t[::1] n_blocks,
    double[::1] offset,
):
    """Replace sorted rows by their soft sort, or by their soft ranks against 1..n."""
    cdef Py_ssize_t r, n = s.shape[1]
    with nogil:
        for r in range(s.shape[0]):
            if n > 0:
                n_blocks[r] = partition_l2(
                    &s[r, 0], n, strength[r], sort, &starts[r, 0], &offset[0]
                )
                evaluate_l2(
                    &s[r, 0], n, strength[r], sort, &starts[r, 0], n_blocks[r], &offset[0]
                )


cdef Py_ssize_t partition_l2(
    const double* s, Py_ssize_t n, double strength, bint sort, Py_ssize_t* starts, double* offset
) noexcept nogil:
    # The newest block is (start, count, total), total being the sum of s - s[start] over
    # it; older ones lie on a stack with offset = total / count. Means of equal values are
    # then exact, and a block of consecutive positions needs no sum of positions.
    cdef Py_ssize_t b = 0, i = 1, start = 0, p
    cdef double total = 0.0, count = 1.0, before, gap
    while True:
        while i < n and pools(
            count * (s[i] - s[start]) - total, 0.5 * count * (count + 1.0), strength, sort
        ):
            total += s[i] - s[start]
            count += 1.0
            i += 1
        if b > 0 and count > 1.0:
            p = starts[b - 1]
            before = start - p
            gap = s[start] - s[p]
            if pools(
                count * (gap - offset[b - 1]) + total,
                0.5 * count * (before + count), strength, sort,
            ):
                total += count * gap + before * offset[b - 1]
                count += before
                start = p
                b -= 1
                continue
        starts[b] = start
        offset[b] = total / count
        b += 1
        if i == n:
            return b
        start = i
        total = 0.0
        count = 1.0
        i += 1


cdef void evaluate_l2(
    double* s, Py_ssize_t n, double strength, bint sort,
    const Py_ssize_t* starts, Py_ssize_t n_blocks, const double* offset,
) noexcept nogil:
    cdef Py_ssize_t b, i, start, stop
    cdef double first, middle
    for b in range(n_blocks):
        start = starts[b]
        stop = starts[b + 1] if b + 1 < n_blocks else n
        first = s[start]
        middle = 0.5 * (start + stop + 1)
        if sort:
            if stop - start > 1:
                for i in range(start, stop):
                    s[i] = first + (offset[b] + (i + 1 - middle) / strength)
        elif stop - start == 1 or strength == 0.0:
            for i in range(start, stop):
                s[i] = middle
        else:
            for i in range(start, stop):
                s[i] = middle + ((s[i] - first) - offset[b]) / strength


def rank_weighted_l2(
    double[:, ::1] s,
    const double[:, ::1] target,
    const double[:, ::1] weight,
    const double[::1] strength,
    Py_ssize_t[:, ::1] starts,
    Py_ssize_t[::1] n_blocks,
    double[:, ::1] work,
):
    """Replace sorted rows by their soft ranks against weighted, sorted targets."""
    cdef Py_ssize_t r, n = s.shape[1]
    with nogil:
        for r in range(s.shape[0]):
            if n > 0:
                n_blocks[r] = rank_weighted_l2_row(
                    &s[r, 0], &target[r, 0], &weight[r, 0], n, strength[r], &starts[r, 0],
                    &work[0, 0], &work[1, 0], &work[2, 0],
                )


cdef Py_ssize_t rank_weighted_l2_row(
    double* s, const double* target, const double* weight, Py_ssize_t n, double strength,
    Py_ssize_t* starts, double* mass, double* data, double* level,
) noexcept nogil:
    # Blocks on the stack: total weight, and weighted means of s - s[start] and of
    # target - target[start].
    cdef Py_ssize_t b = -1, i, k, p, q, stop, n_blocks
    cdef double gap, rise, total, first
    for i in range(n):
        b += 1
        starts[b] = i
        mass[b] = weight[i]
        data[b] = 0.0
        level[b] = 0.0
        while b > 0:
            p = starts[b - 1]
            q = starts[b]
            gap = s[q] - s[p] + data[b]
            rise = target[q] - target[p] + level[b]
            if gap - data[b - 1] > strength * (rise - level[b - 1]):
                break
            total = mass[b - 1] + mass[b]
            data[b - 1] += (gap - data[b - 1]) * (mass[b] / total)
            level[b - 1] += (rise - level[b - 1]) * (mass[b] / total)
            mass[b - 1] = total
            b -= 1
    n_blocks = b + 1
    for b in range(n_blocks):
        p = starts[b]
        stop = starts[b + 1] if b + 1 < n_blocks else n
        first = s[p]
        for k in range(p, stop):
            gap = (s[k] - first) - data[b]
            s[k] = target[p] + level[b] + (gap / strength if strength > 0.0 else 0.0)
    return n_blocks


cdef inline double divided(double gap, double strength) noexcept nogil:
    return 0.0 if gap == 0.0 else gap / strength


cdef inline double vanishing_exp(double gap) noexcept nogil:
    # The library's exp is many times slower where it underflows.
    return exp(gap) if gap > -745.0 else 0.0


cdef double POWERS[64]  # exp(-k): the decay between targets 1..n that are k apart
for k in range(64):
    POWERS[k] = exp(-k)


cdef inline double item(const double* row, Py_ssize_t i) noexcept nogil:
    # A row that is not there stands for 1..n.
    return row[i] if row != NULL else i + 1.0


def project_exponential(
    double[:, ::1] s,
    const double[:, ::1] target,
    const double[:, ::1] weight,
    const double[::1] strength,
    bint sort,
    bint kl,
    Py_ssize_t[:, ::1] starts,
    Py_ssize_t[::1] n_blocks,
    double[:, ::1] work,
):
    """Replace sorted rows by their entropic soft sort, or entropic or KL soft ranks.

    No target means 1..n, no weight means 1. A sort is P(1..n / strength, s), a rank
    P(s / strength, target), both in the log domain; the KL rank projects
    exp(s / strength) on the permutahedron of the target itself.
    """
    cdef Py_ssize_t r, n = s.shape[1]
    cdef const double* u
    cdef const double* v
    cdef const double* w
    with nogil:
        for r in range(s.shape[0]):
            if n > 0:
                u = v = w = NULL
                if sort:
                    v = &s[r, 0]
                else:
                    u = &s[r, 0]
                    if target is not None:
                        v = &target[r, 0]
                if weight is not None:
                    w = &weight[r, 0]
                n_blocks[r] = partition_exponential(
                    u, v, w, n, strength[r], kl, &starts[r, 0], &work[0, 0], &work[1, 0]
                )
                evaluate_exponential(
                    &s[r, 0], u, v, n, strength[r], kl, &starts[r, 0], n_blocks[r],
                    &work[0, 0], &work[1, 0],
                )


cdef Py_ssize_t partition_exponential(
    const double* u, const double* v, const double* weight, Py_ssize_t n, double strength,
    bint kl, Py_ssize_t* starts, double* share, double* mass,
) noexcept nogil:
    # A block keeps share = sum of weight * exp((u - its last u) / strength) and mass: for
    # KL the sum of weight * v, else the same sum of exponentials over v.
    cdef Py_ssize_t b = -1, i, p
    cdef double e, f, x, y
    for i in range(n):
        b += 1
        starts[b] = i
        share[b] = weight[i] if weight != NULL else 1.0
        mass[b] = share[b] * item(v, i) if kl else level_mass(weight, i)
        while b > 0:
            p = starts[b] - 1
            e = divided(item(u, p) - item(u, i), strength)
            f = 0.0 if kl else item(v, p) - item(v, i)
            x = vanishing_exp(e)
            if kl:
                y = 1.0
            elif v == NULL and i - p < 64:
                y = POWERS[i - p]
            else:
                y = vanishing_exp(f)
            if x > 1e-250 or y > 1e-250:
                if share[b] * mass[b - 1] * y > share[b - 1] * mass[b] * x:
                    break
            elif f + log(share[b] * mass[b - 1]) > e + log(share[b - 1] * mass[b]):
                break
            share[b - 1] = share[b] + share[b - 1] * x
            mass[b - 1] = mass[b] + mass[b - 1] * y
            b -= 1
    return b + 1


cdef inline double level_mass(const double* weight, Py_ssize_t i) noexcept nogil:
    # Sum of exp(t - t_last) over the targets t of an entry that is repeated weight times.
    cdef double one = 0.63212055882855767840  # 1 - exp(-1)
    return 1.0 if weight == NULL else -expm1(-weight[i]) / one


cdef void evaluate_exponential(
    double* out, const double* u, const double* v, Py_ssize_t n, double strength, bint kl,
    const Py_ssize_t* starts, Py_ssize_t n_blocks, const double* share, const double* mass,
) noexcept nogil:
    cdef Py_ssize_t b, i, start, stop
    cdef double last, base, scale
    for b in range(n_blocks):
        start = starts[b]
        stop = starts[b + 1] if b + 1 < n_blocks else n
        last = item(u, stop - 1)
        if stop - start == 1 and (kl or share[b] == mass[b]):
            out[start] = item(v, start)
        elif kl:
            scale = mass[b] / share[b]
            for i in range(start, stop):
                out[i] = scale * exp(divided(item(u, i) - last, strength))
        else:
            base = item(v, stop - 1) + log(mass[b] / share[b])
            for i in range(start, stop):
                out[i] = base + divided(item(u, i) - last, strength)
