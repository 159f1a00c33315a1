# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pool adjacent violators over sorted rows.

Every kernel computes in double precision on C-contiguous rows.
P(z, w) denotes the projection of z on the permutahedron of w, both ascending
(Blondel, Teboul, Berthet and Djolonga 2020): soft ranks are P(x / strength, 1..n), soft
sorts P(1..n / strength, x). A block keeps the statistics of its z and of its w apart:
two neighbours pool when the gap of z between them is at most the gap of w (the primal
form of the violation in Busing 2022), and no difference of z and w is ever formed.
"""

from cython cimport floating
from libc.math cimport exp, expm1, log


cdef inline bint pools(double data, double position, double strength, bint sort) noexcept nogil:
    # data, position: the gaps between two blocks in the sorted data and in 1..n.
    return position <= strength * data if sort else data <= strength * position


def project_l2(
    const floating[:, ::1] x,
    const Py_ssize_t[:, ::1] order,
    const double[::1] strength,
    bint sort,
    floating[:, ::1] out,
    Py_ssize_t[:, ::1] starts,
    Py_ssize_t[::1] n_blocks,
    double[:, ::1] work,
):
    """Soft ranks of rows against 1..n, where they stand; or their soft sort, in order.

    Without an order the rows are sorted already.
    """
    cdef Py_ssize_t r, i, n = x.shape[1]
    cdef double* s
    cdef const floating* row
    cdef const Py_ssize_t* place = NULL
    cdef floating* result
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            s = &work[0, 0]
            row = &x[r, 0]
            result = &out[r, 0]
            if order is None:
                for i in range(n):
                    s[i] = row[i]
            else:
                place = &order[r, 0]
                for i in range(n):
                    s[i] = row[place[i]]
            n_blocks[r] = partition_l2(s, n, strength[r], sort, &starts[r, 0], &work[1, 0])
            evaluate_l2(s, n, strength[r], sort, &starts[r, 0], n_blocks[r], &work[1, 0])
            if sort:
                for i in range(n):
                    result[i] = <floating> s[i]
            else:
                for i in range(n):
                    result[place[i]] = <floating> s[i]


cdef Py_ssize_t partition_l2(
    const double* s, Py_ssize_t n, double strength, bint sort, Py_ssize_t* starts, double* offset
) noexcept nogil:
    # The newest block is (start, count, total), total being the sum of s - s[start] over
    # it; older ones lie on a stack with offset = total / count. Means of equal values are
    # then exact, and a block of consecutive positions needs no sum of positions.
    cdef Py_ssize_t b = 0, i = 1, start = 0, p
    cdef double total = 0.0, count = 1.0, before, gap
    while True:
        while i < n and count == 1.0 and not pools(s[i] - s[start], 1.0, strength, sort):
            # Blocks of one, which is what most rows are made of at a small strength.
            starts[b] = start
            offset[b] = 0.0
            b += 1
            start = i
            i += 1
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
        offset[b] = total / count if count > 1.0 else 0.0
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
        if stop - start == 1:
            if not sort:
                s[start] = stop
            continue
        first = s[start]
        middle = 0.5 * (start + stop + 1)
        if sort:
            for i in range(start, stop):
                s[i] = first + (offset[b] + (i + 1 - middle) / strength)
        elif strength == 0.0:
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
    if gap == 0.0:
        return 1.0
    return exp(gap) if gap > -745.0 else 0.0


cdef double POWERS[64]  # exp(-k): the decay between targets out of 1..n that are k apart
for k in range(64):
    POWERS[k] = exp(-k)


cdef inline double target_decay(
    const double* v, Py_ssize_t i, Py_ssize_t j, bint kl
) noexcept nogil:
    if kl:
        return 1.0
    if v == NULL:
        return POWERS[j - i] if j - i < 64 else vanishing_exp(i - j)
    return vanishing_exp(v[i] - v[j])


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
    # KL the sum of weight * v, else the same sum of exponentials over v. The newest block
    # is (start, one, two); older ones lie on a stack.
    cdef Py_ssize_t b = 0, i = 1, start = 0
    cdef double one = 1.0 if weight == NULL else weight[0]
    cdef double two = one * item(v, 0) if kl else level_mass(weight, 0)
    cdef double new_one = one, new_two = two, e, f, x, y
    while True:
        while i < n:
            new_one = 1.0 if weight == NULL else weight[i]
            new_two = new_one * item(v, i) if kl else level_mass(weight, i)
            e = divided(item(u, i - 1) - item(u, i), strength)
            y = target_decay(v, i - 1, i, kl)
            # exp(e) is at most 1 / (1 - e), which often tells without it.
            if y > 1e-250 and new_one * two * y * (1.0 - e) > one * new_two:
                break
            x = vanishing_exp(e)
            f = 0.0 if kl else item(v, i - 1) - item(v, i)
            if not pooled(e, f, x, y, one, two, new_one, new_two):
                break
            one = new_one + one * x
            two = new_two + two * y
            i += 1
        if b > 0 and i - start > 1:
            e = divided(item(u, start - 1) - item(u, i - 1), strength)
            f = 0.0 if kl else item(v, start - 1) - item(v, i - 1)
            x = vanishing_exp(e)
            y = target_decay(v, start - 1, i - 1, kl)
            if pooled(e, f, x, y, share[b - 1], mass[b - 1], one, two):
                b -= 1
                start = starts[b]
                one += share[b] * x
                two += mass[b] * y
                continue
        starts[b] = start
        share[b] = one
        mass[b] = two
        b += 1
        if i == n:
            return b
        start = i
        one = new_one
        two = new_two
        i += 1


cdef inline bint pooled(
    double e, double f, double x, double y, double share1, double mass1, double share2,
    double mass2,
) noexcept nogil:
    # Blocks 1 < 2: is share2 mass1 exp(f) <= share1 mass2 exp(e)? By logarithms only
    # where both exponentials, x and y, vanish.
    if x > 1e-250 or y > 1e-250:
        return share2 * mass1 * y <= share1 * mass2 * x
    return f + log(share2 * mass1) <= e + log(share1 * mass2)


cdef inline double level_mass(const double* weight, Py_ssize_t i) noexcept nogil:
    # Sum of exp(t - t_last) over the targets t of an entry that is repeated weight times.
    return 1.0 if weight == NULL else expm1(-weight[i]) / expm1(-1.0)


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
                out[i] = scale * vanishing_exp(divided(item(u, i) - last, strength))
        else:
            base = item(v, stop - 1) + log(mass[b] / share[b])
            for i in range(start, stop):
                out[i] = base + divided(item(u, i) - last, strength)
