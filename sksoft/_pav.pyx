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

from sksoft._ground.inline cimport (
    Span, at, block_after, is_whole, next_equal, rank_pooled, spans_of, spreads_little,
    start_before,
)

cdef enum:
    SHORT = 16  # the longest rows of `_short_rows.pyx`

ctypedef fused row_t:
    float
    double


cdef inline bint pools(double data, double position, double strength, bint sort) noexcept nogil:
    # data, position: the gaps between two blocks in the sorted data and in 1..n.
    return position <= strength * data if sort else data <= strength * position


def project_l2(
    const floating[:, ::1] x,
    const Py_ssize_t[:, ::1] order,
    const double[::1] strength,
    bint sort,
    floating[:, ::1] out,
    Py_ssize_t[:, ::1] blocks,
    double[::1] work,
):
    """Soft ranks of rows against 1..n, where they stand; or their soft sort, in order.

    Without an order the rows are sorted already. There is room for a row, for half a row
    and for its flags in 7 n / 4 + 2 numbers.
    """
    cdef Py_ssize_t r, b, n_blocks, n = x.shape[1]
    cdef double least = 0.0
    cdef double* s
    cdef double* offset
    cdef unsigned char* flags
    cdef Span* spans
    cdef const floating* row
    cdef const Py_ssize_t* place
    cdef floating* result
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            s = &work[0]
            offset = s + n
            flags = <unsigned char*> (offset + n // 2 + 1)
            spans = spans_of(&blocks[r, 0])
            row = &x[r, 0]
            place = NULL if order is None else &order[r, 0]
            result = &out[r, 0]
            if not sort and spreads_little(row, n, strength[r], &least):
                rank_pooled(row, n, least, strength[r], result)
                blocks[r, 0] = 1
                spans[0] = Span(0, n)
                continue
            take(row, place, n, s)
            n_blocks = note_blocks(s, n, strength[r], sort, &blocks[r, 0], offset, flags)
            for b in range(n_blocks if n <= SHORT else 0):
                offset[b] = mean_excess(s, spans[b])
            write_entries(
                row, s, place, n, strength[r], sort, spans, n_blocks, offset, 0, n, result
            )


def note_long_row(
    const double[::1] s, double strength, bint sort, Py_ssize_t[::1] blocks, double[::1] work
):
    """Note the blocks of one sorted row; their offsets go to work, as long as 3 n / 4 + 2."""
    cdef Py_ssize_t n = s.shape[0]
    with nogil:
        note_blocks(
            &s[0], n, strength, sort, &blocks[0], &work[0],
            <unsigned char*> (&work[0] + n // 2 + 1),
        )


def project_entries(
    const floating[::1] x,
    const double[::1] s,
    const Py_ssize_t[::1] order,
    double strength,
    bint sort,
    const Py_ssize_t[::1] blocks,
    const double[::1] work,
    Py_ssize_t first,
    Py_ssize_t last,
    floating[::1] out,
):
    """The soft ranks or the soft sort of the entries of one row from first to last.

    s is the row in order, blocks and work are as `note_long_row` left them. A sort needs
    no order.
    """
    with nogil:
        write_entries(
            &x[0], &s[0], NULL if order is None else &order[0], x.shape[0], strength, sort,
            spans_of(&blocks[0]), blocks[0], &work[0], first, last, &out[0],
        )


cdef inline Py_ssize_t note_blocks(
    const double* s, Py_ssize_t n, double strength, bint sort, Py_ssize_t* blocks,
    double* offset, unsigned char* flags,
) noexcept nogil:
    if sort:
        blocks[0] = partition_l2(s, n, strength, True, spans_of(blocks), offset, flags)
    else:
        blocks[0] = partition_l2(s, n, strength, False, spans_of(blocks), offset, flags)
    return blocks[0]


cdef inline void write_entries(
    const floating* row, const double* s, const Py_ssize_t* place, Py_ssize_t n,
    double strength, bint sort, const Span* spans, Py_ssize_t n_blocks, const double* offset,
    Py_ssize_t first, Py_ssize_t last, floating* out,
) noexcept nogil:
    cdef Py_ssize_t b, i, start, stop
    cdef double middle, base, mean
    if not sort and is_whole(spans, n_blocks, n):
        # Entries of a single block need no order.
        rank_entries_l2(row, first, last, 0.5 * (n + 1), s[0], offset[0], strength, NULL, out)
        return
    for i in range(first, last):
        # Zeros of both signs sort to the same bits.
        out[i if sort else place[i]] = <floating> (s[i] + 0.0 if sort else i + 1)
    for b in range(block_after(spans, n_blocks, first), n_blocks):
        if spans[b].start >= last:
            break
        start = max(spans[b].start, first)
        stop = min(spans[b].stop, last)
        middle = 0.5 * (spans[b].start + spans[b].stop + 1)
        base = s[spans[b].start]
        mean = offset[b]
        if sort:
            for i in range(start, stop):
                out[i] = <floating> (base + (mean + (i + 1 - middle) / strength))
        else:
            rank_entries_l2(s, start, stop, middle, base, mean, strength, place, out)


cdef inline double mean_excess(const double* s, Span span) noexcept nogil:
    # The mean of s - s[start], summed up in order as that of rows side by side is.
    cdef Py_ssize_t i
    cdef double total = 0.0
    for i in range(span.start + 1, span.stop):
        total += s[i] - s[span.start]
    return total / (span.stop - span.start)


cdef inline void take(
    const floating* row, const Py_ssize_t* place, Py_ssize_t n, double* s
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        s[i] = row[at(place, i)]


cdef Py_ssize_t partition_l2(
    const double* s, Py_ssize_t n, double strength, bint sort, Span* spans, double* offset,
    unsigned char* flags,
) noexcept nogil:
    # The newest block is (start, count, total), total being the sum of s - s[start] over
    # it; older ones lie on a stack with offset = total / count. Means of equal values are
    # then exact, and a block of consecutive positions needs no sum of positions. Nothing
    # happens but where an entry pools with the one before it: such places are flagged.
    cdef Py_ssize_t b = 0, i = 1, start, p
    cdef double total, count, before, back, gap
    for i in range(1, n):
        flags[i] = pools(s[i] - s[i - 1], 1.0, strength, sort)
    i = next_equal(flags, 1, n, 1)
    while i < n:
        start = i - 1
        total = 0.0
        count = 1.0
        while True:
            while i < n and pools(
                count * (s[i] - s[start]) - total, 0.5 * count * (count + 1.0), strength, sort
            ):
                total += s[i] - s[start]
                count += 1.0
                i += 1
            if start == 0:
                break
            p = start_before(start, spans, b)
            before = start - p
            back = offset[b - 1] if before > 1.0 else 0.0
            gap = s[start] - s[p]
            if not pools(
                count * (gap - back) + total, 0.5 * count * (before + count), strength, sort
            ):
                break
            total += count * gap + before * back
            count += before
            start = p
            b -= before > 1.0
        spans[b].start = start
        spans[b].stop = i
        offset[b] = total / count
        b += 1
        i = next_equal(flags, i + 1, n, 1)
    return b


cdef inline void rank_entries_l2(
    const row_t* row, Py_ssize_t start, Py_ssize_t stop, double middle, double first,
    double offset, double strength, const Py_ssize_t* place, floating* out,
) noexcept nogil:
    cdef Py_ssize_t i
    if strength == 0.0:
        for i in range(start, stop):
            out[at(place, i)] = <floating> middle
    else:
        for i in range(start, stop):
            out[at(place, i)] = <floating> (middle + ((row[i] - first) - offset) / strength)


def rank_weighted_l2(
    double[:, ::1] s,
    const double[:, ::1] target,
    const double[:, ::1] weight,
    const double[::1] strength,
    Py_ssize_t[:, ::1] blocks,
    double[:, ::1] work,
):
    """Replace sorted rows by their soft ranks against weighted, sorted targets."""
    cdef Py_ssize_t r, n = s.shape[1]
    with nogil:
        for r in range(s.shape[0] if n > 0 else 0):
            blocks[r, 0] = rank_weighted_l2_row(
                &s[r, 0], &target[r, 0], &weight[r, 0], n, strength[r],
                spans_of(&blocks[r, 0]), &work[0, 0], &work[1, 0], &work[2, 0],
            )


cdef Py_ssize_t rank_weighted_l2_row(
    double* s, const double* target, const double* weight, Py_ssize_t n, double strength,
    Span* spans, double* masses, double* excesses, double* levels,
) noexcept nogil:
    # Of a block: its total weight, and the weighted means of s - s[start] and of
    # target - target[start].
    cdef Py_ssize_t b = 0, i, j, p, start
    cdef double mass, excess, level, left_mass, left_excess, left_level, gap, rise, total
    for i in range(n):
        start = i
        mass = weight[i]
        excess = level = 0.0
        while start > 0:
            p = start_before(start, spans, b)
            left_mass = weight[p]
            left_excess = left_level = 0.0
            if start - p > 1:
                left_mass = masses[b - 1]
                left_excess = excesses[b - 1]
                left_level = levels[b - 1]
            gap = s[start] - s[p] + excess
            rise = target[start] - target[p] + level
            if gap - left_excess > strength * (rise - left_level):
                break
            total = left_mass + mass
            excess = left_excess + (gap - left_excess) * (mass / total)
            level = left_level + (rise - left_level) * (mass / total)
            mass = total
            b -= start - p > 1
            start = p
        if i > start:
            spans[b].start = start
            spans[b].stop = i + 1
            masses[b] = mass
            excesses[b] = excess
            levels[b] = level
            b += 1
    start = 0
    for j in range(b):
        for i in range(start, spans[j].start):
            s[i] = target[i]
        start = spans[j].start
        total = s[start]
        for i in range(start, spans[j].stop):
            gap = (s[i] - total) - excesses[j]
            s[i] = target[start] + levels[j] + (gap / strength if strength > 0.0 else 0.0)
        start = spans[j].stop
    for i in range(start, n):
        s[i] = target[i]
    return b
