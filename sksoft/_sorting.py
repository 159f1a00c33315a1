# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ascending order of rows, several times faster than numpy.argsort."""

import functools
import time

import numpy as np

from sksoft._ground._networks import order_side_by_side
from sksoft._ground._order import count_places, embed_places, is_ascending, read_places
from sksoft._ground._radix import (
    count_digits,
    distribute,
    order_rows,
    read_long_places,
    write_codes,
    write_patterns,
)
from sksoft._threads import entry_pieces, get_num_threads, map_chunks

# The type itself: NumPy takes longer to look it up from np.intp.
INTP = np.dtype(np.intp)

# Rows of up to this many numbers are sorted faster by counting: few rows, and many.
COUNTED = 24
COUNTED_BATCH = 5
# Eight or more rows of up to this many are sorted faster side by side.
SIDE_BY_SIDE = 40
# Fewer numbers than this are sorted faster in one call.
SMALL = 256
# Rows of up to this many numbers are sorted faster by numpy.sort of packed keys: where
# that is slow, and where it is fast.
PACKED = 250
PACKED_FAST = 600
# Longer rows than this are sorted one by one, each in pieces if there are threads.
LONG = 16384
# The bits of a digit of long rows, and the most numbers that two digits tell apart.
DIGIT_BITS = 10
TWO_DIGITS = 40_000
# Linear codes are given up where a number shares its code with more others than this.
CROWDED = 0.4


def ascending_order(rows):
    """Return what a stable ``rows.argsort(axis=1)`` does.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n), float32 or float64, C-contiguous
        Finite numbers.

    Returns
    -------
    order : ndarray of shape (n_rows, n) of intp
        Equal values stand in the order of their places.
    """
    n_rows, n = rows.shape
    order = np.empty((n_rows, n), INTP)
    if n <= COUNTED_BATCH:
        count_places(rows, order)
    elif n <= SIDE_BY_SIDE and n_rows >= 8:
        order_side_by_side(rows, order)
    elif n <= COUNTED:
        count_places(rows, order)
    elif rows.size < SMALL:
        return rows.argsort(axis=1, kind="stable")
    elif is_ascending(rows):
        order[...] = np.arange(n)
    elif n <= PACKED or (n <= PACKED_FAST and numpy_sorts_fast()):
        _order_packed(rows, order)
    elif n <= LONG:
        _order_at_once(rows, order)
    else:
        for row, places in zip(rows, order, strict=True):
            _order_long(row, places)
    return order


def order_beats_sort(shape):
    """Return whether the order of rows comes faster than numpy.sort of the rows."""
    n_rows, n = shape
    if n <= SIDE_BY_SIDE:
        return n_rows >= 8
    return n > PACKED and not numpy_sorts_fast()


def _order_packed(rows, order):
    """Sort numbers whose lowest bits are replaced by their places."""
    # One place more than there are: a negative number never turns into -0.0, which a
    # vectorised sort may replace by 0.0.
    place_bits = rows.shape[1].bit_length()
    # Adding zero turns -0.0, which would sort before 0.0, into 0.0.
    keys = np.add(rows, 0.0, dtype=np.float64)
    patterns = keys.view(np.int64)
    embed_places(patterns, place_bits)
    keys.sort(axis=1)
    unfinished = np.empty(len(rows), np.uint8)
    read_places(patterns, rows, place_bits, order, unfinished)
    for row in np.flatnonzero(unfinished):
        order[row] = rows[row].argsort(kind="stable")


def _order_at_once(rows, order):
    """Sort rows by linear codes, and those too skewed for them as packed keys."""
    unfinished = np.empty(len(rows), np.uint8)
    work = np.empty((2, rows.shape[1]), np.uint32)
    if not order_rows(rows, work, order, unfinished):
        _order_packed(rows, order)
        return
    skewed = np.flatnonzero(unfinished)
    if len(skewed):
        places = np.empty((len(skewed), rows.shape[1]), np.intp)
        _order_packed(rows[skewed], places)
        order[skewed] = places


def _order_long(row, order):
    """Sort one row by linear codes, else by bit patterns, else by numpy.

    Where numpy.sort is fast, a radix sort is not faster on one thread.
    """
    pieces = entry_pieces(len(row))
    alone = len(pieces) == 1 or get_num_threads() == 1
    if alone and numpy_sorts_fast():
        _order_packed(row[None], order[None])
    elif not _sorted_by_codes(row, pieces, order):
        _order_by_patterns(row, pieces, order)


def _order_by_patterns(row, pieces, order):
    """Sort one row by few leading bits, else by as many as the places leave."""
    if not (
        _sorted_by_patterns(row, 64 - 3 * DIGIT_BITS, pieces, order)
        or _sorted_by_patterns(row, len(row).bit_length(), pieces, order)
    ):
        order[:] = row.argsort(kind="stable")


@functools.cache
def numpy_sorts_fast():
    """Return whether numpy.sort of packed keys beats a radix sort of bit patterns.

    It does by a factor of two with the vector instructions of some processors, and
    loses by two to five with those of others: measured once, in some milliseconds.
    """
    row = np.random.default_rng(0).standard_cauchy(4 * LONG)
    order = np.empty((1, len(row)), np.intp)
    pieces = [slice(0, len(row))]
    times = {}
    for _ in range(3):
        for name, run in (
            ("numpy", lambda: _order_packed(row[None], order)),
            ("radix", lambda: _order_by_patterns(row, pieces, order[0])),
        ):
            start = time.perf_counter()
            run()
            elapsed = time.perf_counter() - start
            times[name] = min(times.get(name, elapsed), elapsed)
    return times["numpy"] < times["radix"]


def _sorted_by_codes(row, pieces, order):
    """Write the order, unless the row is too skewed; return whether it was written."""
    n = len(row)
    ends = map_chunks(lambda part: (row[part].min(), row[part].max()), pieces)
    least, most = float(min(ends)[0]), float(max(high for _, high in ends))
    # Differences that are smaller might overflow as divisors, larger ones themselves.
    if least < -1e306 or most > 1e306 or not most - least > 1e-290:
        return False
    place_bits = n.bit_length()
    n_digits = 2 if n <= TWO_DIGITS else 3
    n_codes = 1 << n_digits * DIGIT_BITS
    scale = (n_codes - 1) / (most - least)
    keys, spare = _room(order, n_digits)
    map_chunks(
        lambda part: write_codes(
            row[part], part.start, least, scale, place_bits, keys[part]
        ),
        pieces,
    )
    shifts = range(place_bits, place_bits + n_digits * DIGIT_BITS, DIGIT_BITS)
    counts = _digit_counts(keys, shifts, pieces)
    leading = counts[-1].sum(axis=0)
    # Were numbers even within a leading digit, so many others would share their codes.
    others = np.square(leading, dtype=np.float64).sum() / n * (1 << DIGIT_BITS)
    if others / n_codes > CROWDED:
        return False
    keys = _sorted_keys(keys, spare, shifts, counts, pieces)
    return _read(row, keys, place_bits, pieces, order)


def _sorted_by_patterns(row, place_bits, pieces, order):
    """Write the order, unless the leading bits of too many numbers agree."""
    shifts = range(place_bits, 64, DIGIT_BITS)
    keys, spare = _room(order, len(shifts))
    map_chunks(
        lambda part: write_patterns(row[part], part.start, place_bits, keys[part]),
        pieces,
    )
    counts = _digit_counts(keys, shifts, pieces)
    keys = _sorted_keys(keys, spare, shifts, counts, pieces)
    return _read(row, keys, place_bits, pieces, order)


def _room(order, n_passes):
    """Return two arrays for keys, one in place of the order: not the last one used."""
    keys, spare = order.view(np.uint64), np.empty(len(order), np.uint64)
    return (keys, spare) if n_passes % 2 else (spare, keys)


def _sorted_keys(keys, spare, shifts, counts, pieces):
    """Return keys sorted by the digits that begin at these bits."""
    moved = False
    for shift, count in zip(shifts, counts, strict=True):
        if moved and len(pieces) > 1:
            # From one piece to another.
            (count,) = _digit_counts(keys, [shift], pieces)
        if count.sum(axis=0).max() < len(keys):
            _distribute(keys, shift, count, pieces, spare)
            keys, spare = spare, keys
            moved = True
    return keys


def _digit_counts(keys, shifts, pieces):
    """Return, for each digit, how many keys of each piece have each of its values."""
    counts = np.empty((len(pieces), len(shifts), 1 << DIGIT_BITS), np.intp)
    map_chunks(
        lambda part, count: count_digits(keys[part], shifts[0], count), pieces, counts
    )
    return counts.swapaxes(0, 1)


def _distribute(keys, shift, counts, pieces, out):
    # The keys of each value of the digit come piece after piece.
    ends = np.cumsum(counts.T.ravel()).reshape(counts.T.shape).T
    map_chunks(
        lambda part, starts: distribute(keys[part], shift, starts, out),
        pieces,
        np.ascontiguousarray(ends - counts),
    )


def _read(row, keys, place_bits, pieces, order):
    """Write the order; return whether few enough keys shared their codes."""
    if keys.base is order:
        keys = keys.copy()
    return all(
        map_chunks(
            lambda part: read_long_places(
                row, keys, place_bits, part.start, part.stop, order
            ),
            pieces,
        )
    )
