# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ascending orders by radix sorts, the least significant digit first.

A key is a code of a number, above the place of the number in its row. Codes rise with
the numbers, and numbers whose codes agree are put right by their values at the end. A
linear code has few digits but tells numbers apart only where they are spread evenly
enough, which the counts of its leading digit show before anything is moved. The bit
pattern of a float64 number, less the bits that the place takes, suits all numbers.
"""

from cython cimport floating
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

# Numbers that spread less or more have no linear codes: what scales them, or what they are
# apart, might overflow.
cdef double TIGHT = 1e-290
cdef double WIDE = 1e307

# Linear codes are given up where a number shares its code with more others than this.
cdef double CROWDED = 3.0

ctypedef fused key_t:
    uint32_t
    uint64_t

cdef enum:
    RADIX = 256  # the values of a digit of rows that are ordered at once


cdef void bounds_of(const floating* x, Py_ssize_t n, double* least, double* most) noexcept nogil:
    # Four pairs, so that a comparison need not wait for the one before.
    cdef floating low[4]
    cdef floating high[4]
    cdef Py_ssize_t i, j, quads = n - n % 4
    for j in range(4):
        low[j] = high[j] = x[0]
    for i in range(0, quads, 4):
        for j in range(4):
            low[j] = x[i + j] if x[i + j] < low[j] else low[j]
            high[j] = x[i + j] if x[i + j] > high[j] else high[j]
    for i in range(quads, n):
        low[0] = min(low[0], x[i])
        high[0] = max(high[0], x[i])
    least[0] = min(min(low[0], low[1]), min(low[2], low[3]))
    most[0] = max(max(high[0], high[1]), max(high[2], high[3]))


cdef inline void accumulate(uint32_t* counts, Py_ssize_t n) noexcept nogil:
    # Replace counts by the number of keys before each.
    cdef uint32_t total = 0, count
    cdef Py_ssize_t d
    for d in range(n):
        count = counts[d]
        counts[d] = total
        total += count


def order_rows(
    const floating[:, ::1] x,
    uint32_t[:, ::1] work,
    Py_ssize_t[:, ::1] order,
    unsigned char[::1] unfinished,
):
    """Write the ascending orders of rows of up to 2^16 numbers, by linear codes.

    Rows that are too skewed for these are marked as unfinished; return False at once
    where they are more than a few.
    """
    cdef Py_ssize_t r, n = x.shape[1], n_skewed = 0
    with nogil:
        for r in range(x.shape[0]):
            unfinished[r] = not order_row(&x[r, 0], n, &work[0, 0], &work[1, 0], &order[r, 0])
            n_skewed += unfinished[r]
            if n_skewed > 1 + r // 8:
                with gil:
                    return False
    return True


cdef bint order_row(
    const floating* x, Py_ssize_t n, uint32_t* keys, uint32_t* spare, Py_ssize_t* order
) noexcept nogil:
    cdef uint32_t low[RADIX]
    cdef uint32_t high[RADIX]
    cdef uint32_t code, key
    cdef double least, most, scale, crowded = 0.0
    cdef Py_ssize_t i
    bounds_of(x, n, &least, &most)
    if not TIGHT < most - least < WIDE:
        return False
    scale = (RADIX * RADIX - 1.0) / (most - least)
    memset(low, 0, sizeof(low))
    memset(high, 0, sizeof(high))
    for i in range(n):
        code = <uint32_t> <int32_t> ((x[i] - least) * scale)
        low[code % RADIX] += 1
        high[code // RADIX] += 1
        keys[i] = (code << 16) | <uint32_t> i
    for i in range(RADIX):
        crowded += (<double> high[i]) * high[i]
    # Were numbers even within a leading digit, so many others would share their codes.
    if crowded / RADIX > CROWDED * n:
        return False
    accumulate(low, RADIX)
    accumulate(high, RADIX)
    for i in range(n):
        key = keys[i]
        code = (key >> 16) % RADIX
        spare[low[code]] = key
        low[code] += 1
    for i in range(n):
        key = spare[i]
        code = key >> 24
        keys[high[code]] = key
        high[code] += 1
    return settle(x, keys, 16, 0, n, order)


cdef bint settle(
    const floating* x, const key_t* keys, Py_ssize_t place_bits, Py_ssize_t start,
    Py_ssize_t stop, Py_ssize_t* order,
) noexcept nogil:
    # Read places off sorted keys, and insert numbers among those before them whose codes
    # agree; stop at too many moves.
    cdef Py_ssize_t i, j, place, moves = 2 * (stop - start)
    cdef key_t mask = ((<key_t> 1) << place_bits) - 1
    cdef floating value
    for i in range(start, stop):
        order[i] = <Py_ssize_t> (keys[i] & mask)
    for i in range(start + 1, stop):
        if (keys[i] ^ keys[i - 1]) >> place_bits == 0:
            place = order[i]
            value = x[place]
            j = i
            while j > start and x[order[j - 1]] > value:
                order[j] = order[j - 1]
                j -= 1
            order[j] = place
            moves -= i - j
            if moves < 0:
                return False
    return True


# -- long rows, piece by piece --------------------------------------------------------


def write_codes(
    const floating[::1] x,
    Py_ssize_t first,
    double least,
    double scale,
    Py_ssize_t place_bits,
    uint64_t[::1] keys,
):
    """Write keys with the codes (x - least) * scale, for places from `first` on."""
    cdef Py_ssize_t i
    cdef int32_t code
    with nogil:
        for i in range(x.shape[0]):
            code = <int32_t> ((x[i] - least) * scale)
            keys[i] = (<uint64_t> code << place_bits) | <uint64_t> (first + i)


def write_patterns(
    const floating[::1] x, Py_ssize_t first, Py_ssize_t place_bits, uint64_t[::1] keys
):
    """Write keys with the leading bits of float64 patterns, for places from `first` on."""
    cdef Py_ssize_t i
    cdef uint64_t pattern, sign = (<uint64_t> 1) << 63
    cdef uint64_t mask = ((<uint64_t> 1) << place_bits) - 1
    cdef double value
    with nogil:
        for i in range(x.shape[0]):
            # Adding zero turns -0.0, which would sort before 0.0, into 0.0.
            value = x[i] + 0.0
            memcpy(&pattern, &value, 8)
            # Among negative numbers the larger pattern is the smaller number.
            pattern = ~pattern if pattern & sign else pattern | sign
            keys[i] = (pattern & ~mask) | <uint64_t> (first + i)


def count_digits(const uint64_t[::1] keys, Py_ssize_t shift, Py_ssize_t[:, ::1] counts):
    """Count the values of one digit or of several that follow, from a bit on."""
    cdef Py_ssize_t i, n_digits = counts.shape[0], n_values = counts.shape[1]
    cdef Py_ssize_t n = keys.shape[0]
    with nogil:
        for i in range(n_digits * n_values):
            (&counts[0, 0])[i] = 0
        if n == 0:
            pass
        elif n_digits == 1:
            # The compiler writes a loop for each number of digits.
            count(&keys[0], n, shift, 1, n_values, &counts[0, 0])
        elif n_digits == 2:
            count(&keys[0], n, shift, 2, n_values, &counts[0, 0])
        elif n_digits == 3:
            count(&keys[0], n, shift, 3, n_values, &counts[0, 0])
        else:
            count(&keys[0], n, shift, n_digits, n_values, &counts[0, 0])


cdef inline void count(
    const uint64_t* keys, Py_ssize_t n, Py_ssize_t shift, Py_ssize_t n_digits,
    Py_ssize_t n_values, Py_ssize_t* counts,
) noexcept nogil:
    cdef Py_ssize_t i, d, bits = 0
    cdef uint64_t key, mask = n_values - 1
    while 1 << bits < n_values:
        bits += 1
    for i in range(n):
        key = keys[i] >> shift
        for d in range(n_digits):
            counts[d * n_values + <Py_ssize_t> (key & mask)] += 1
            key >>= bits


def distribute(
    const uint64_t[::1] keys, Py_ssize_t shift, Py_ssize_t[::1] starts, uint64_t[::1] out
):
    """Put the keys of each value of the digit in a row, from its start on."""
    cdef Py_ssize_t i, place
    cdef uint64_t digit, mask = starts.shape[0] - 1
    with nogil:
        for i in range(keys.shape[0]):
            digit = (keys[i] >> shift) & mask
            place = starts[digit]
            out[place] = keys[i]
            starts[digit] = place + 1


def read_long_places(
    const floating[::1] x,
    const uint64_t[::1] keys,
    Py_ssize_t place_bits,
    Py_ssize_t start,
    Py_ssize_t stop,
    Py_ssize_t[::1] order,
):
    """Write the order from `start` to `stop`; return whether it took few enough moves.

    A run of equal codes belongs to the piece in which it starts.
    """
    cdef Py_ssize_t n = x.shape[0]
    cdef bint finished
    with nogil:
        while 0 < start < stop and (keys[start] ^ keys[start - 1]) >> place_bits == 0:
            start += 1
        while start < stop < n and (keys[stop] ^ keys[stop - 1]) >> place_bits == 0:
            stop += 1
        finished = settle(&x[0], &keys[0], place_bits, start, stop, &order[0])
    return finished
