# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ascending order of rows is that of a stable argsort, entry by entry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from sksoft import _sorting, _threads
from sksoft._ground._order import embed_places, read_places
from sksoft._ground._radix import order_rows, read_long_places
from sksoft._sorting import (
    COUNTED,
    COUNTED_BATCH,
    LONG,
    PACKED,
    PACKED_FAST,
    SIDE_BY_SIDE,
    SMALL,
    TWO_DIGITS,
    _sorted_by_codes,
    _sorted_by_patterns,
    ascending_order,
)

DTYPES = [np.float64, np.float32]
# Lengths around that up to which places are counted, and around the powers of two,
# where the number of bits for places changes.
LENGTHS = [
    1,
    2,
    3,
    5,
    COUNTED_BATCH,
    COUNTED_BATCH + 1,
    10,
    COUNTED,
    COUNTED + 1,
    SIDE_BY_SIDE,
    SIDE_BY_SIDE + 1,
    64,
    127,
    128,
    129,
    255,
    256,
    257,
    511,
    512,
    513,
    PACKED,
    PACKED + 1,
    1023,
    1024,
    4099,
]
LONG_LENGTHS = [LONG, LONG + 1, TWO_DIGITS, TWO_DIGITS + 1]


def check(rows):
    rows = np.ascontiguousarray(rows)
    few = ascending_order(rows)
    assert few.dtype == np.intp
    assert_array_equal(few, rows.argsort(axis=1, kind="stable"))
    # Enough rows that the ways of a batch are taken.
    repeats = -(-SMALL // max(rows.size, 1)) + 1
    rows = np.ascontiguousarray(np.tile(rows, (repeats, 1)))
    order = ascending_order(rows)
    assert order.dtype == np.intp
    assert_array_equal(order, rows.argsort(axis=1, kind="stable"))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_random(n, dtype, rng):
    for scale in (1.0, 1e-30, 1e30):
        check((scale * rng.normal(size=(3, n))).astype(dtype))
        wide = scale * rng.lognormal(sigma=8.0, size=(2, n))
        check(np.minimum(wide, 1e38).astype(dtype))
        check(-np.abs(scale * rng.normal(size=(2, n))).astype(dtype))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_ties(n, dtype, rng):
    check(rng.integers(0, 4, size=(3, n)).astype(dtype))
    check(rng.integers(-2, 3, size=(3, n)).astype(dtype))
    check(np.full((2, n), -3.7, dtype))
    check(np.round(rng.normal(size=(3, n)), 1).astype(dtype))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_near_ties(n, dtype, rng):
    """Values a few units in the last place apart: their keys agree."""
    for centre in (1.0, -1.0, 1e-200 if dtype == np.float64 else 1e-30, 2.0):
        ulp = np.finfo(dtype).eps * np.abs(centre)
        steps = rng.integers(-6, 7, size=(3, n))
        check((centre + steps * ulp).astype(dtype))
    few = rng.normal(size=(3, 1)) * (1 + rng.integers(0, 3, size=(3, n)) * 2.0**-52)
    check(few.astype(dtype))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_and_zeros(n, dtype, rng):
    tiny = np.nextafter(dtype(0), dtype(1))
    for spread in (2, 10, 3000):
        steps = rng.integers(-spread, spread + 1, size=(4, n)).astype(dtype)
        check(steps * tiny)
    check(np.where(rng.random((4, n)) < 0.5, dtype(0.0), dtype(-0.0)))
    mixed = rng.choice(np.array([0.0, -0.0, tiny, -tiny, 1.0, -1.0], dtype), (4, n))
    check(mixed)


@pytest.mark.parametrize("n", LENGTHS)
def test_every_place_of_a_tiny_negative_number(n, rng):
    """Vectorised sorts may lose -0.0 beside 0.0; no key may become either of them."""
    for place in {0, 1 % n, n // 2, n - 1}:
        row = np.abs(rng.normal(size=(4, n)))
        row[:, 0] = 0.0
        row[:, place] = -5e-324
        check(row)
        check(-row)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes(dtype, rng):
    top = dtype(1e300) if dtype == np.float64 else np.finfo(dtype).max
    values = np.array([top, -top, 0.0, -0.0, 1.0, -1.0, np.finfo(dtype).tiny], dtype)
    check(rng.choice(values, (5, 300)))
    # As the columns of transformers may be, whose numbers are only finite.
    largest = np.finfo(dtype).max
    for n in (300, LONG + 1):
        rows = rng.normal(size=(1, n)).astype(dtype)
        rows[0, :4] = [largest, -largest, 0.0, -0.5 * largest]
        check(rows)
        check(rng.uniform(-1.0, 1.0, (1, n)).astype(dtype) * largest)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sorted_and_reversed(dtype, rng):
    rows = np.sort(rng.normal(size=(3, 1000)), axis=1).astype(dtype)
    check(rows)
    check(rows[:, ::-1])
    check(np.concatenate([rows, rows[:1, ::-1]]))
    check(np.floor(rows))


def test_long_rows(rng):
    n = 300_000
    check(rng.normal(size=(1, n)))
    check(rng.normal(size=(1, n)).astype(np.float32))
    check(np.round(rng.normal(size=(1, n)), 3))


def numbers_to_order(n, dtype, rng):
    """Yield one row of every kind that tells one way of sorting from another."""
    top = 1e300 if dtype == np.float64 else 1e38
    tiny = np.nextafter(dtype(0), dtype(1))
    normal = rng.normal(size=n)
    yield normal
    yield np.sort(normal)[::-1]
    yield np.minimum(np.exp(8.0 * normal), top)
    yield -np.minimum(np.exp(8.0 * normal), top)
    yield np.sign(normal) * np.minimum(np.exp(30.0 * np.abs(normal)), top)
    yield rng.integers(0, 2, n)
    yield rng.integers(-50, 50, n)
    yield np.where(rng.random(n) < 0.01, top, -top)
    yield np.where(rng.random(n) < 0.5, 0.0, -0.0)
    yield rng.integers(-3000, 3000, n) * tiny
    yield np.append(normal[1:], top)
    yield np.append(np.full(n - 1, 3.0), 2.0)
    # Numbers a few units in the last place apart, alone and beside others.
    near = 1.0 + rng.integers(-6, 7, n) * np.finfo(dtype).eps
    yield near
    yield np.where(rng.random(n) < 0.5, near, normal)
    yield 1.0 + np.arange(n, 0, -1) * np.finfo(dtype).eps
    yield np.append(1.0 + np.arange(n - 1, 0, -1) * np.finfo(dtype).eps, -1.0)


@pytest.fixture(params=[False, True], ids=["slow sort", "fast sort"])
def numpy_sort(request, monkeypatch):
    """Take numpy.sort for slow, and for fast."""
    monkeypatch.setattr(_sorting, "numpy_sorts_fast", lambda: request.param)


@pytest.mark.usefixtures("numpy_sort")
@pytest.mark.parametrize("n", [PACKED_FAST, *LONG_LENGTHS])
@pytest.mark.parametrize("dtype", DTYPES)
def test_long_rows_of_every_kind(n, dtype, rng):
    for row in numbers_to_order(n, dtype, rng):
        row = np.ascontiguousarray(row, dtype)[None]
        assert_array_equal(ascending_order(row), row.argsort(axis=1, kind="stable"))


def test_numpy_sort_is_measured_once():
    _sorting.numpy_sorts_fast.cache_clear()
    assert _sorting.numpy_sorts_fast() in (False, True)
    ascending_order(np.random.default_rng(0).normal(size=(1, LONG + 1)))
    assert _sorting.numpy_sorts_fast.cache_info().misses == 1


@pytest.mark.usefixtures("restore_threads", "numpy_sort")
@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_long_rows_in_pieces(n_threads, dtype, rng, monkeypatch):
    monkeypatch.setattr(_threads, "PIECE_SIZE", LONG // 2)
    monkeypatch.setattr(_threads, "SHARED_ROW_SIZE", LONG)
    _threads.set_num_threads(n_threads)
    for row in numbers_to_order(LONG + 7, dtype, rng):
        row = np.ascontiguousarray(row, dtype)[None]
        assert_array_equal(ascending_order(row), row.argsort(axis=1, kind="stable"))


@pytest.mark.parametrize("n", [LONG + 1, TWO_DIGITS + 1])
def test_which_way_a_long_row_takes(n, rng):
    """Skewed rows are told from the others, and near ties are left to numpy."""
    pieces = [slice(0, n // 3), slice(n // 3, n)]
    order = np.empty(n, np.intp)
    normal, skewed = rng.normal(size=n), rng.lognormal(sigma=8.0, size=n)
    near = np.append(1.0 + rng.permutation(n - 1) * 2.0**-36, 1e9)
    falling = np.append(1.0 + np.arange(n - 1, 0, -1) * 2.0**-52, 0.0)
    for row, expected in [
        (normal, [True, True, True]),
        (skewed, [False, True, True]),
        (near, [False, False, True]),
        (falling, [False, False, False]),
    ]:
        ways = [
            lambda row: _sorted_by_codes(row, pieces, order),
            lambda row: _sorted_by_patterns(row, 34, pieces, order),
            lambda row: _sorted_by_patterns(row, n.bit_length(), pieces, order),
        ]
        for way, done in zip(ways, expected, strict=True):
            assert way(row) == done
            if done:
                assert_array_equal(order, row.argsort(kind="stable"))
        assert_array_equal(ascending_order(row[None])[0], row.argsort(kind="stable"))


def test_a_run_of_equal_codes_belongs_to_the_piece_in_which_it_starts():
    x = np.array([4.0, 3.0, 2.0, 1.0, 0.0, 9.0])
    codes = np.array([0, 0, 0, 0, 0, 1], np.uint64)
    keys = codes << np.uint64(3) | np.arange(6, dtype=np.uint64)
    for stop in range(7):
        order = np.full(6, -1)
        assert read_long_places(x, keys, 3, 0, stop, order)
        assert read_long_places(x, keys, 3, stop, 6, order)
        assert_array_equal(order, [4, 3, 2, 1, 0, 5])


def test_which_rows_are_sorted_at_once(rng):
    n = 1000
    rows = np.stack(
        [
            rng.normal(size=n),
            rng.lognormal(sigma=8.0, size=n),
            np.full(n, 2.0),
            rng.uniform(-1e300, 1e300, n),
            rng.integers(-5, 6, n) * 5e-324,
        ]
    )
    order, unfinished = np.empty((20, n), np.intp), np.empty(20, np.uint8)
    rows = rows[[0] * 16 + [1, 2, 3, 4]]
    work = np.empty((2, n), np.uint32)
    assert order_rows(rows, work, order, unfinished)
    assert unfinished.tolist() == [0] * 16 + [1, 1, 0, 1]
    check(rows)
    # Where more than a few rows are skewed, none is.
    rows = rows[[0, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    assert not order_rows(rows, work, order, unfinished)
    check(rows)


@pytest.mark.parametrize("n", [600, 5000])
def test_rows_that_are_finished_by_argsort(n, rng):
    """Many near ties in descending order need too many moves one by one."""
    rows = 1.0 + 2.0**-52 * np.arange(n, 0, -1)
    rows = np.stack([rows, rng.normal(size=n), rows[rng.permutation(n)]])
    keys = rows + 0.0
    n_bits = n.bit_length()
    embed_places(keys.view(np.int64), n_bits)
    keys.sort(axis=1)
    order, unfinished = np.empty(rows.shape, np.intp), np.empty(3, np.uint8)
    read_places(keys.view(np.int64), rows, n_bits, order, unfinished)
    assert unfinished.tolist() == [1, 0, 1]
    check(rows)
    check(-rows)


@pytest.mark.parametrize(
    "shape", [(0, 5), (5, 0), (0, 0), (300, 1), (1, 300), (300, 2)]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes(shape, dtype, rng):
    rows = rng.normal(size=shape).astype(dtype)
    assert_array_equal(ascending_order(rows), rows.argsort(axis=1, kind="stable"))


def test_input_is_not_modified(rng):
    rows = rng.normal(size=(4, 200))
    rows[0, :3] = -0.0
    copy = rows.copy()
    rows.setflags(write=False)
    ascending_order(rows)
    assert rows.tobytes() == copy.tobytes()


@given(
    rows=arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 40)),
        elements=st.floats(-1e300, 1e300),
        fill=st.nothing(),
    )
)
def test_anything(rows):
    check(rows)
