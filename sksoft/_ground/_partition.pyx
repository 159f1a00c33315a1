# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Order statistics of rows without sorting them.

The numbers of a row are counted by a linear code, whose range is that of a sample; only
those that share the code of the one that is asked for are looked at again. Where codes
tell too few numbers apart, a number of the sample parts the row instead.
"""

from cython cimport floating
from libc.math cimport INFINITY
from libc.string cimport memset

from sksoft._ground.inline cimport next_equal

# Samples that spread less or more have no linear codes: what scales them, or what they are
# apart, might overflow.
cdef double TIGHT = 1e-290
cdef double WIDE = 1e300

cdef enum:
    CODES = 256
    SAMPLE = 32
    FEW = 24  # so many numbers are sorted at once
    SWEEPS = 3  # what a row may take, in sweeps over all of it


def order_statistics(
    const floating[:, ::1] x,
    const Py_ssize_t[::1] places,
    double[::1] value,
    double[::1] below,
    double[::1] work,
    unsigned char[::1] codes,
    unsigned char[::1] unfinished,
):
    """Write the numbers at places of the sorted rows, and those at the places before.

    Before the first there is minus infinity. Rows too skewed for linear codes are marked
    as unfinished; return their number.
    """
    cdef Py_ssize_t r, i, n = x.shape[1], n_unfinished = 0
    with nogil:
        for r in range(x.shape[0] if n > 0 else 0):
            for i in range(n):
                work[i] = x[r, i]
            unfinished[r] = not find(
                &work[0], n, places[r], &codes[0], &value[r], &below[r]
            )
            n_unfinished += unfinished[r]
    return n_unfinished


cdef bint find(
    double* s, Py_ssize_t n, Py_ssize_t place, unsigned char* codes, double* value, double* below
) noexcept nogil:
    # The candidates are s[:n], place counts among them; below is the largest number that is
    # smaller than all of them, which matters for the first place only.
    cdef double least, most, middle
    cdef Py_ssize_t before = 2 * n, left = SWEEPS * n
    below[0] = -INFINITY
    while left >= 0:
        if n <= FEW:
            sort_few(s, n)
            value[0] = s[place]
            if place > 0:
                below[0] = s[place - 1]
            return True
        left -= n
        sample_of(s, n, &least, &middle, &most)
        if 2 * n <= before and TIGHT < most - least < WIDE:
            before = n
            n = keep_code(s, n, &place, codes, least, (CODES - 1.0) / (most - least), below)
        else:
            before = 2 * n
            n = keep_side(s, n, &place, middle, below)
            if n == 0:
                value[0] = middle
                return True
    return False


cdef inline void sort_few(double* s, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double entry
    for i in range(1, n):
        entry = s[i]
        j = i
        while j > 0 and s[j - 1] > entry:
            s[j] = s[j - 1]
            j -= 1
        s[j] = entry


cdef inline void sample_of(
    const double* s, Py_ssize_t n, double* least, double* middle, double* most
) noexcept nogil:
    cdef double sample[SAMPLE]
    cdef Py_ssize_t i
    for i in range(SAMPLE):
        sample[i] = s[i * n // SAMPLE]
    sort_few(sample, SAMPLE)
    least[0] = sample[0]
    middle[0] = sample[SAMPLE // 2]
    most[0] = sample[SAMPLE - 1]


cdef Py_ssize_t keep_code(
    double* s, Py_ssize_t n, Py_ssize_t* place, unsigned char* codes, double least, double scale,
    double* below,
) noexcept nogil:
    # Keep the numbers that share the code of the one at the place; return their number.
    cdef unsigned int counts[CODES]
    cdef double t
    cdef Py_ssize_t i, code, start = 0, n_kept = 0
    memset(counts, 0, sizeof(counts))
    for i in range(n):
        t = (s[i] - least) * scale
        t = t if t > 0.0 else 0.0
        t = t if t < CODES - 1.0 else CODES - 1.0
        codes[i] = <unsigned char> <int> t
    for i in range(n):
        counts[codes[i]] += 1
    code = 0
    while start + counts[code] <= place[0]:
        start += counts[code]
        code += 1
    place[0] -= start
    if place[0] == 0 and start > 0:
        below[0] = largest_before(s, n, codes, counts, code)
    i = next_equal(codes, 0, n, code)
    while i < n:
        s[n_kept] = s[i]
        n_kept += 1
        i = next_equal(codes, i + 1, n, code)
    return n_kept


cdef inline double largest_before(
    const double* s, Py_ssize_t n, const unsigned char* codes, const unsigned int* counts,
    Py_ssize_t code,
) noexcept nogil:
    cdef double largest = -INFINITY
    cdef Py_ssize_t i
    code -= 1
    while counts[code] == 0:
        code -= 1
    i = next_equal(codes, 0, n, code)
    while i < n:
        largest = max(largest, s[i])
        i = next_equal(codes, i + 1, n, code)
    return largest


cdef Py_ssize_t keep_side(
    double* s, Py_ssize_t n, Py_ssize_t* place, double middle, double* below
) noexcept nogil:
    # Keep the numbers on the side of the middle where the place is, none if it is there.
    cdef Py_ssize_t i, n_less = 0, n_equal = 0, n_kept = 0
    cdef double largest = -INFINITY, smaller
    cdef bint kept, less
    for i in range(n):
        n_less += s[i] < middle
        n_equal += s[i] == middle
        smaller = s[i] if s[i] < middle else -INFINITY
        largest = smaller if smaller > largest else largest
    if n_less <= place[0] < n_less + n_equal:
        if place[0] > n_less:
            below[0] = middle
        elif n_less > 0:
            below[0] = largest
        return 0
    less = place[0] < n_less
    if not less:
        place[0] -= n_less + n_equal
        if place[0] == 0:
            below[0] = middle
    for i in range(n):
        kept = s[i] < middle if less else s[i] > middle
        s[n_kept] = s[i]
        n_kept += kept
    return n_kept
