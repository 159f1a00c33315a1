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


def rank_distance_l2(
    const double[:, ::1] x,
    const Py_ssize_t[:, ::1] order,
    const double[:, ::1] target,
    double strength,
    double[::1] distance,
    double[:, ::1] gradient,
    Py_ssize_t[::1] starts,
    double[:, ::1] work,
):
    """Squared distances of soft ranks to targets, and half their gradients, row by row."""
    cdef Py_ssize_t r, b, i, start, stop, n_blocks, n = x.shape[1]
    cdef double* s
    cdef const double* row
    cdef const double* wanted
    cdef const Py_ssize_t* place
    cdef double* slope
    cdef double total, mean
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            s = &work[0, 0]
            row = &x[r, 0]
            wanted = &target[r, 0]
            place = &order[r, 0]
            slope = &gradient[r, 0]
            for i in range(n):
                s[i] = row[place[i]]
            n_blocks = partition_l2(s, n, strength, False, &starts[0], &work[1, 0])
            evaluate_l2(s, n, strength, False, &starts[0], n_blocks, &work[1, 0])
            total = 0.0
            for i in range(n):
                s[i] -= wanted[place[i]]
                total += s[i] * s[i]
            distance[r] = total
            # The Jacobian of a block takes its mean away and divides by the strength.
            for b in range(n_blocks):
                start = starts[b]
                stop = starts[b + 1] if b + 1 < n_blocks else n
                if stop - start == 1 or strength == 0.0:
                    for i in range(start, stop):
                        slope[place[i]] = 0.0
                    continue
                mean = 0.0
                for i in range(start, stop):
                    mean += s[i]
                mean /= stop - start
                for i in range(start, stop):
                    slope[place[i]] = (s[i] - mean) / strength


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
