# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pool adjacent violators over sorted rows, for the entropic regularisations.

P(z, w) is here the Kullback-Leibler projection onto the permutahedron of exp(w), mapped
back by the logarithm, or that of exp(z) onto the permutahedron of w itself (Blondel,
Teboul, Berthet and Djolonga 2020). As in the L2 kernels a block keeps its statistics of
z and of w apart, each as a sum of exponentials relative to its last entry.
"""

from libc.math cimport exp, expm1, log

from sksoft._ground._pav_narrow cimport sort_narrow
from sksoft._ground.inline cimport Span, divided, divided_by, next_equal, spans_of, start_before

# Rows that spread less than this are sorted by their deviations, whose digits would be
# lost in sums of exponentials near to one.
cdef double NARROW = 0.01


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
    return row[i] if row != NULL else i + 1.0  # without a row, 1..n


def project_exponential(
    double[:, ::1] s,
    double[:, ::1] decay,
    const double[:, ::1] target,
    const double[:, ::1] weight,
    const double[::1] strength,
    bint sort,
    bint kl,
    Py_ssize_t[:, ::1] blocks,
    double[::1] work,
):
    """Replace sorted rows by their entropic soft sort or soft ranks.

    No target means 1..n, no weight means 1. A sort is P(1..n / strength, s), an entropic
    rank P(s / strength, target). The KL rank projects exp(s / strength) on the
    permutahedron of the target itself; with kl the result is the exponents of its
    blocks, and decay receives the scales by which to multiply their exponentials (see
    `scale_blocks`). decay holds exp(s[i - 1] - s[i]), for ranks with the gap over the
    strength, and is overwritten in any case. There is room for half a row and its flags
    in 3 n / 4 + 2 numbers.
    """
    cdef Py_ssize_t r, n = s.shape[1]
    cdef const double* v = NULL
    cdef const double* w = NULL
    with nogil:
        for r in range(s.shape[0] if n > 0 else 0):
            if target is not None:
                v = &target[r, 0]
            if weight is not None:
                w = &weight[r, 0]
            blocks[r, 0] = project_row(
                &s[r, 0], &decay[r, 0], v, w, n, strength[r], sort, kl,
                spans_of(&blocks[r, 0]), &work[0],
            )


cdef Py_ssize_t project_row(
    double* s, double* decay, const double* target, const double* weight, Py_ssize_t n,
    double strength, bint sort, bint kl, Span* spans, double* work,
) noexcept nogil:
    # Returns the number of blocks.
    cdef const double* u = s
    cdef const double* v = target
    cdef unsigned char* flags = <unsigned char*> (work + n // 2 + 1)
    cdef Py_ssize_t n_blocks
    if sort:
        if s[n - 1] - s[0] < NARROW:
            return sort_narrow(s, n, strength, spans, decay, work)
        u = NULL
        v = s
    n_blocks = partition(u, v, weight, decay, n, strength, kl, spans, work, flags)
    evaluate_exponential(s, u, v, weight, n, strength, kl, spans, n_blocks, decay, work)
    return n_blocks


cdef Py_ssize_t partition(
    const double* u, const double* v, const double* w, double* decay, Py_ssize_t n,
    double strength, bint kl, Span* spans, double* mass, unsigned char* flags,
) noexcept nogil:
    # Ranks against 1..n by themselves: what is asked in each step is then known before.
    if u == NULL or v != NULL or w != NULL:
        return pool(u, v, w, decay, n, strength, kl, spans, mass, flags)
    if kl:
        return pool(u, NULL, NULL, decay, n, strength, True, spans, mass, flags)
    return pool(u, NULL, NULL, decay, n, strength, False, spans, mass, flags)


cdef inline Py_ssize_t pool(
    const double* u, const double* v, const double* weight, double* decay, Py_ssize_t n,
    double strength, bint kl, Span* spans, double* mass, unsigned char* flags,
) noexcept nogil:
    # A block keeps share = sum of weight * exp((u - its last u) / strength) and mass: for
    # KL the sum of weight * v, else the same sum of exponentials over v. The newest block
    # is (start, one, two), with the decays dx, dy from the entry before it to its last;
    # older ones lie on a stack, whose shares take the place of decays that were used.
    # Nothing happens but where an entry pools with the one before it, which is flagged.
    cdef Py_ssize_t b = 0, i, start, p
    cdef double* share = decay
    # Only ratios matter: weights of any magnitude are brought near to one.
    cdef double scale = weight_scale(weight, n, kl)
    cdef double step = vanishing_exp(divided(-1.0, strength))
    cdef double one, two, new_one, new_two, x, y, dx, dy
    flag_neighbours(u, v, weight, decay, n, strength, scale, step, kl, flags)
    i = next_equal(flags, 1, n, 1)
    while i < n:
        start = i - 1
        one = entry_share(weight, start, scale)
        two = entry_mass(v, weight, start, scale, kl)
        dx = dy = 1.0
        if start > 0:
            dx = step if u == NULL else decay[start]
            dy = decay[start] if u == NULL else target_decay(v, start - 1, start, kl)
        while True:
            while i < n:
                new_one = entry_share(weight, i, scale)
                new_two = entry_mass(v, weight, i, scale, kl)
                x = step if u == NULL else decay[i]
                y = decay[i] if u == NULL else target_decay(v, i - 1, i, kl)
                if not pooled(
                    u, v, i - 1, i, strength, kl, x, y, one, two, new_one, new_two
                ):
                    break
                one = new_one + one * x
                two = new_two + two * y
                dx *= x
                dy *= y
                i += 1
            if start == 0:
                break
            if i - start > 64:
                # Long products gather rounding errors.
                dx = vanishing_exp(divided(item(u, start - 1) - item(u, i - 1), strength))
                dy = target_decay(v, start - 1, i - 1, kl)
            p = start_before(start, spans, b)
            if start - p > 1:
                x = share[b - 1]
                y = mass[b - 1]
            else:
                x = entry_share(weight, p, scale)
                y = entry_mass(v, weight, p, scale, kl)
            if not pooled(u, v, start - 1, i - 1, strength, kl, dx, dy, x, y, one, two):
                break
            one += x * dx
            two += y * dy
            b -= start - p > 1
            start = p
            if start > 0:
                dx = vanishing_exp(divided(item(u, start - 1) - item(u, i - 1), strength))
                dy = target_decay(v, start - 1, i - 1, kl)
        spans[b] = Span(start, i)
        share[b] = one
        mass[b] = two
        b += 1
        i = next_equal(flags, i + 1, n, 1)
    return b


cdef inline void flag_neighbours(
    const double* u, const double* v, const double* weight, const double* decay, Py_ssize_t n,
    double strength, double scale, double step, bint kl, unsigned char* flags,
) noexcept nogil:
    # Whether each entry would pool with the one before it, each by itself: what `pooled`
    # says, in a few operations where all weights are one and one of the decays is fixed.
    cdef Py_ssize_t i
    cdef double x, y
    if weight == NULL and u == NULL and step > 1e-250:
        for i in range(1, n):
            flags[i] = decay[i] <= step
    elif weight == NULL and v == NULL and kl:
        for i in range(1, n):
            flags[i] = i <= (i + 1.0) * decay[i]
    elif weight == NULL and v == NULL:
        for i in range(1, n):
            flags[i] = POWERS[1] <= decay[i]
    else:
        for i in range(1, n):
            x = step if u == NULL else decay[i]
            y = decay[i] if u == NULL else target_decay(v, i - 1, i, kl)
            flags[i] = pooled(
                u, v, i - 1, i, strength, kl, x, y,
                entry_share(weight, i - 1, scale), entry_mass(v, weight, i - 1, scale, kl),
                entry_share(weight, i, scale), entry_mass(v, weight, i, scale, kl),
            )


cdef inline double entry_share(const double* weight, Py_ssize_t i, double scale) noexcept nogil:
    return 1.0 if weight == NULL else weight[i] / scale


cdef inline double entry_mass(
    const double* v, const double* weight, Py_ssize_t i, double scale, bint kl
) noexcept nogil:
    if kl:
        return entry_share(weight, i, scale) * item(v, i)
    # Sum of exp(t - t_last) over the targets t of an entry that is repeated weight times.
    return 1.0 if weight == NULL else expm1(-weight[i]) / expm1(-1.0) / scale


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


cdef void evaluate_exponential(
    double* out, const double* u, const double* v, const double* weight, Py_ssize_t n,
    double strength, bint kl, const Span* spans, Py_ssize_t n_blocks, double* share,
    const double* mass,
) noexcept nogil:
    cdef Py_ssize_t b, i, done = 0
    cdef double last, base
    # Over a strength of zero all gaps are infinite but those of ties.
    cdef double divisor = max(strength, 5e-324), inverse = 1.0 / divisor
    for b in range(n_blocks):
        evaluate_entries(out, v, weight, done, spans[b].start, kl)
        done = spans[b].stop
        last = item(u, done - 1)
        if kl:
            base = 0.0
            share[b] = mass[b] / share[b]
        else:
            base = item(v, done - 1) + log(mass[b] / share[b])
        for i in range(spans[b].start, done):
            out[i] = base + divided_by(item(u, i) - last, divisor, inverse)
    evaluate_entries(out, v, weight, done, n, kl)


cdef inline void evaluate_entries(
    double* out, const double* v, const double* weight, Py_ssize_t start, Py_ssize_t stop,
    bint kl,
) noexcept nogil:
    # Entries that are blocks by themselves.
    cdef Py_ssize_t i
    for i in range(start, stop):
        out[i] = 0.0 if kl else item(v, i)
        if weight != NULL and not kl:
            out[i] += log(entry_mass(v, weight, i, 1.0, kl) / weight[i])
