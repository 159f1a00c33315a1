# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pool adjacent violators over sorted rows, for the entropic regularisations.

P(z, w) is here the Kullback-Leibler projection onto the permutahedron of exp(w), mapped
back by the logarithm, or that of exp(z) onto the permutahedron of w itself (Blondel,
Teboul, Berthet and Djolonga 2020). As in the L2 kernels a block keeps its statistics of
z and of w apart, each as a sum of exponentials relative to its last entry.
"""

from libc.math cimport exp, expm1, log, log1p


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


def write_gaps(const double[:, ::1] s, const double[::1] strength, double[:, ::1] out):
    """Write s[i - 1] - s[i], over the strength where there is one, but at least -600.

    Their exponentials vanish for all purposes, and are far from subnormal numbers,
    which cost far more. Ties have a gap of zero at any strength.
    """
    cdef Py_ssize_t r, i
    cdef double scale = 1.0, gap
    with nogil:
        for r in range(s.shape[0] if s.shape[1] > 0 else 0):
            out[r, 0] = 0.0
            if strength is not None:
                scale = strength[r]
            for i in range(1, s.shape[1]):
                gap = s[r, i - 1] - s[r, i]
                if scale > 0.0:
                    gap = gap / scale
                elif gap < 0.0:
                    gap = -600.0
                out[r, i] = gap if gap > -600.0 else -600.0


def project_exponential(
    double[:, ::1] s,
    double[:, ::1] decay,
    const double[:, ::1] target,
    const double[:, ::1] weight,
    const double[::1] strength,
    bint sort,
    bint kl,
    Py_ssize_t[:, ::1] starts,
    Py_ssize_t[::1] n_blocks,
    double[::1] work,
):
    """Replace sorted rows by their entropic soft sort or soft ranks.

    No target means 1..n, no weight means 1. A sort is P(1..n / strength, s), an entropic
    rank P(s / strength, target). The KL rank projects exp(s / strength) on the
    permutahedron of the target itself; with kl the result is the exponents of its
    blocks, and decay receives the scales by which to multiply their exponentials (see
    `scale_blocks`). decay holds exp(s[i - 1] - s[i]), for ranks with the gap over the
    strength, and is overwritten in any case.
    """
    cdef Py_ssize_t r, n = s.shape[1]
    cdef const double* u
    cdef const double* v
    cdef const double* w
    with nogil:
        for r in range(s.shape[0] if n > 0 else 0):
            u = v = w = NULL
            if sort:
                v = &s[r, 0]
            else:
                u = &s[r, 0]
                if target is not None:
                    v = &target[r, 0]
            if weight is not None:
                w = &weight[r, 0]
            if sort and s[r, n - 1] - s[r, 0] < NARROW:
                n_blocks[r] = sort_narrow(
                    &s[r, 0], n, strength[r], &starts[r, 0], &decay[r, 0], &work[0]
                )
                continue
            n_blocks[r] = partition_exponential(
                u, v, w, &decay[r, 0], n, strength[r], kl, &starts[r, 0], &work[0]
            )
            evaluate_exponential(
                &s[r, 0], u, v, n, strength[r], kl, &starts[r, 0], n_blocks[r],
                &decay[r, 0], &work[0],
            )


cdef Py_ssize_t partition_exponential(
    const double* u, const double* v, const double* weight, double* decay, Py_ssize_t n,
    double strength, bint kl, Py_ssize_t* starts, double* mass,
) noexcept nogil:
    # A block keeps share = sum of weight * exp((u - its last u) / strength) and mass: for
    # KL the sum of weight * v, else the same sum of exponentials over v. The newest block
    # is (start, one, two), with the decays dx, dy from the entry before it to its last;
    # older ones lie on a stack, whose shares take the place of decays that were used.
    cdef Py_ssize_t b = 0, i = 1, start = 0
    cdef double* share = decay
    # Only ratios matter: weights of any magnitude are brought near to one.
    cdef double scale = weight_scale(weight, n, kl)
    cdef double one = 1.0 if weight == NULL else weight[0] / scale
    cdef double two = one * item(v, 0) if kl else level_mass(weight, 0) / scale
    cdef double step = vanishing_exp(divided(-1.0, strength))
    cdef double new_one = one, new_two = two, x = 1.0, y = 1.0, dx = 1.0, dy = 1.0
    while True:
        while i < n:
            new_one = 1.0 if weight == NULL else weight[i] / scale
            new_two = new_one * item(v, i) if kl else level_mass(weight, i) / scale
            x = step if u == NULL else decay[i]
            y = decay[i] if u == NULL else target_decay(v, i - 1, i, kl)
            if not pooled(u, v, i - 1, i, strength, kl, x, y, one, two, new_one, new_two):
                break
            one = new_one + one * x
            two = new_two + two * y
            dx *= x
            dy *= y
            i += 1
        if b > 0 and i - start > 1:
            if i - start > 64:
                # Long products gather rounding errors.
                dx = vanishing_exp(divided(item(u, start - 1) - item(u, i - 1), strength))
                dy = target_decay(v, start - 1, i - 1, kl)
            if pooled(
                u, v, start - 1, i - 1, strength, kl, dx, dy, share[b - 1], mass[b - 1],
                one, two,
            ):
                b -= 1
                start = starts[b]
                one += share[b] * dx
                two += mass[b] * dy
                if b > 0:
                    dx = vanishing_exp(
                        divided(item(u, start - 1) - item(u, i - 1), strength)
                    )
                    dy = target_decay(v, start - 1, i - 1, kl)
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
        dx = x
        dy = y
        i += 1


cdef inline bint pooled(
    const double* u, const double* v, Py_ssize_t i, Py_ssize_t j, double strength, bint kl,
    double x, double y, double share1, double mass1, double share2, double mass2,
) noexcept nogil:
    # Blocks that end at i < j: is share2 mass1 y <= share1 mass2 x, where x and y are the
    # decays of u and v from i to j? By logarithms only where both decays vanish.
    if x > 1e-250 or y > 1e-250:
        return share2 * mass1 * y <= share1 * mass2 * x
    return (
        (0.0 if kl else item(v, i) - item(v, j)) + log(share2 * mass1)
        <= divided(item(u, i) - item(u, j), strength) + log(share1 * mass2)
    )


cdef double weight_scale(const double* weight, Py_ssize_t n, bint kl) noexcept nogil:
    cdef double largest = 0.0
    if weight == NULL:
        return 1.0
    for i in range(n):
        largest = max(largest, weight[i])
    # The mass of a large weight is bounded unless it is KL's.
    return largest if kl else min(largest, 1.0)


cdef inline double level_mass(const double* weight, Py_ssize_t i) noexcept nogil:
    # Sum of exp(t - t_last) over the targets t of an entry that is repeated weight times.
    return 1.0 if weight == NULL else expm1(-weight[i]) / expm1(-1.0)


cdef void evaluate_exponential(
    double* out, const double* u, const double* v, Py_ssize_t n, double strength, bint kl,
    const Py_ssize_t* starts, Py_ssize_t n_blocks, double* share, const double* mass,
) noexcept nogil:
    cdef Py_ssize_t b, i, start, stop
    cdef double last, base
    for b in range(n_blocks):
        start = starts[b]
        stop = starts[b + 1] if b + 1 < n_blocks else n
        last = item(u, stop - 1)
        if kl:
            base = 0.0
            share[b] = mass[b] / share[b]
        elif stop - start == 1 and share[b] == mass[b]:
            out[start] = item(v, start)
            continue
        else:
            base = item(v, stop - 1) + log(mass[b] / share[b])
        for i in range(start, stop):
            out[i] = base + divided(item(u, i) - last, strength)


def scale_blocks(
    double[:, ::1] out,
    const double[:, ::1] scale,
    const double[:, ::1] target,
    const Py_ssize_t[:, ::1] starts,
    const Py_ssize_t[::1] n_blocks,
):
    """Multiply each block by its scale; blocks of one become their target, else 1..n."""
    cdef Py_ssize_t r, b, i, start, stop, n = out.shape[1]
    with nogil:
        for r in range(out.shape[0]):
            for b in range(n_blocks[r]):
                start = starts[r, b]
                stop = starts[r, b + 1] if b + 1 < n_blocks[r] else n
                if stop - start == 1:
                    out[r, start] = stop if target is None else target[r, start]
                    continue
                for i in range(start, stop):
                    out[r, i] *= scale[r, b]


# Rows that spread less than this are sorted by their deviations, whose digits would be
# lost in sums of exponentials near to one.
cdef double NARROW = 0.01


cdef inline bint outgrows(
    double a, double b, double c, double d, double e, double f
) noexcept nogil:
    # Is (1 + a) (1 + b) (1 + c) > (1 + d) (1 + e) (1 + f), all of them near to one?
    return a + (b + c + b * c) * (1.0 + a) > d + (e + f + e * f) * (1.0 + d)


cdef Py_ssize_t sort_narrow(
    double* v, Py_ssize_t n, double strength, Py_ssize_t* starts, double* share, double* mass,
) noexcept nogil:
    # The entropic sort of a row of little spread. A block keeps the means of expm1 of
    # (i - its last i) / strength and of v - its last v.
    cdef Py_ssize_t b = -1, i, p, q, last, stop, n_blocks
    cdef double x, y, total, base
    for i in range(n):
        b += 1
        starts[b] = i
        share[b] = mass[b] = 0.0
        while b > 0:
            p = starts[b - 1]
            q = starts[b]
            x = expm1((q - 1 - i) / strength)
            y = expm1(v[q - 1] - v[i])
            if outgrows(share[b], mass[b - 1], y, share[b - 1], mass[b], x):
                break
            total = i + 1 - p
            share[b - 1] = (
                (q - p) * (share[b - 1] + x + share[b - 1] * x) + (i + 1 - q) * share[b]
            ) / total
            mass[b - 1] = (
                (q - p) * (mass[b - 1] + y + mass[b - 1] * y) + (i + 1 - q) * mass[b]
            ) / total
            b -= 1
    n_blocks = b + 1
    for b in range(n_blocks):
        p = starts[b]
        stop = starts[b + 1] if b + 1 < n_blocks else n
        last = stop - 1
        if stop - p > 1:
            base = log1p((mass[b] - share[b]) / (1.0 + share[b]))
            y = v[last]
            for i in range(p, stop):
                v[i] = y + (base + (i - last) / strength)
    return n_blocks
