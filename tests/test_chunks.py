# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Passes over chunks of rows: in memory, on memory maps and on Dask collections."""

import numpy as np
import pandas as pd
import pytest

from sksoft import _chunks
from sksoft._chunks import row_chunks

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
dask = pytest.importorskip("dask")

N_ROWS = 500


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(_chunks, "PIECE_ENTRIES", 64)
    monkeypatch.setattr(_chunks, "BLOCK_ENTRIES", 300)
    monkeypatch.setattr(_chunks, "FAN_IN", 3)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 3))
    return X, rng.normal(size=N_ROWS), rng.integers(0, 3, N_ROWS).astype(np.float64)


def memory_map(X, y, w, path):
    mapped = np.memmap(path / "rows", np.float64, "w+", shape=X.shape)
    mapped[:] = X
    return mapped, y, w


def uneven(X, y, w, _):
    return da.from_array(X, chunks=((1, 0, 99, 400), (2, 1))), da.from_array(y), w


def single_rows(X, y, w, _):
    return da.from_array(X, chunks=(1, 3)), y, da.from_array(w, chunks=77)


def unknown_sizes(X, y, w, _):
    X = da.from_array(X, chunks=(60, 3))
    return X[X[:, 0] > -np.inf], y, w


def frame(X, y, w, _):
    columns = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=y)
    columns = dd.from_pandas(columns, npartitions=7)
    # Sizes of partitions that are filtered are not known.
    columns = columns[columns["a"] > -np.inf]
    return columns[["a", "b", "c"]], columns["y"], w


KINDS = [memory_map, uneven, single_rows, unknown_sizes, frame]


def drop_absent(X, y, w):
    present = w > 0
    return X[present], y[present], w[present]


def sums(X, y, w):
    return w @ X, float(w @ y), len(X)


def joined(*parts):
    return [part for both in parts for part in both]


@pytest.mark.parametrize("kind", KINDS)
def test_passes_see_every_row_in_order(kind, data, tmp_path):
    chunks = row_chunks(*kind(*data, tmp_path))
    assert chunks.n_rows == N_ROWS
    rows = chunks.reduce(lambda X, y, w: [(X, y, w)], joined)
    assert max(len(part[0]) for part in rows) <= 64 // 5
    for column, expected in enumerate(data):
        found = np.concatenate([part[column] for part in rows])
        np.testing.assert_array_equal(found, expected)


def test_statistics_that_need_larger_pieces(data, tmp_path):
    for kind in (memory_map, uneven):
        chunks = row_chunks(*kind(*data, tmp_path), piece_entries=128)
        sizes = chunks.reduce(lambda X, y, w: [len(X)], joined)
        assert 64 // 5 < max(sizes) <= 128 // 5
        assert sum(sizes) == N_ROWS


@pytest.mark.parametrize("kind", KINDS)
def test_sums_over_the_rows_that_are_left(kind, data, tmp_path):
    X, y, w = data
    chunks = row_chunks(*kind(*data, tmp_path), prepare=drop_absent)
    weighted, target, n_rows = chunks.reduce(sums)
    np.testing.assert_allclose(weighted, w @ X, rtol=1e-12)
    assert target == pytest.approx(w @ y, rel=1e-12)
    assert n_rows == chunks.sizes().sum() == np.sum(w > 0)
    chosen = np.flatnonzero(np.random.default_rng(1).random(n_rows) < 0.1)
    for found, expected in zip(chunks.take(chosen), drop_absent(X, y, w), strict=True):
        np.testing.assert_array_equal(found, expected[chosen])


@pytest.mark.parametrize("kind", KINDS)
def test_entries_of_rows(kind, data, tmp_path):
    X, y, _ = data
    chunks = row_chunks(*kind(*data, tmp_path), prepare=drop_absent)
    above = chunks.map_rows(lambda X, y, w: X[:, 0] > y, bool)
    pairs = chunks.map_rows(lambda X, y, w: X[:, :2], np.float64, (2,))
    assert isinstance(above, np.ndarray if kind is memory_map else da.Array)
    assert above.shape == (N_ROWS,)
    assert pairs.shape == (N_ROWS, 2)
    np.testing.assert_array_equal(np.asarray(above), X[:, 0] > y)
    np.testing.assert_array_equal(np.asarray(pairs), X[:, :2])


def test_what_is_missing_is_passed_on(data):
    X, y, _ = data
    for rows in (X, da.from_array(X, chunks=90)):
        chunks = row_chunks(rows, y, None)
        assert chunks.reduce(lambda X, y, w: int(w is None), min) == 1
        assert chunks.take(np.array([3]))[2] is None


def test_other_arrays_of_rows_in_memory_come_to_memory(data):
    X, y, _ = data
    chunks = row_chunks(X, da.from_array(y, chunks=100))
    assert chunks.reduce(lambda X, y: float(y.sum())) == pytest.approx(y.sum())


def test_no_row_has_no_statistic(data):
    X, y, w = data
    assert row_chunks(X[:0], y[:0], w[:0]).reduce(sums) is None
    assert row_chunks(da.from_array(X[:0]), y[:0], w[:0]).reduce(sums) is None
    nothing = row_chunks(X, y, 0 * w, prepare=drop_absent)
    assert nothing.reduce(sums) is None


def test_numbers_of_rows_must_agree(data):
    X, y, w = data
    for rows in (X, da.from_array(X)):
        with pytest.raises(ValueError, match=r"numbers of samples: \[500, 499\]"):
            row_chunks(rows, y[1:], w)


def test_the_collection_of_the_caller_is_left_as_it_is(data):
    X, y, _ = data
    rows = da.from_array(X, chunks=(60, 3))
    rows = rows[rows[:, 0] > 0]
    row_chunks(rows, y[X[:, 0] > 0]).reduce(lambda X, y: len(X))
    assert np.isnan(rows.shape[0])


@pytest.mark.parametrize("lazy", [False, True])
def test_errors_of_a_chunk_are_raised_as_they_are(lazy, data):
    X, y, _ = data

    def fail(X, y):
        if X[0, 0] < -1:
            raise KeyError("this piece")
        return len(X)

    chunks = row_chunks(da.from_array(X, chunks=(50, 3)) if lazy else X, y)
    with pytest.raises(KeyError, match="this piece"):
        chunks.reduce(fail)


def test_other_processes(data):
    chunks = row_chunks(da.from_array(data[0], chunks=(250, 3)))
    with dask.config.set(scheduler="processes", num_workers=1):
        assert chunks.reduce(np.sum) == pytest.approx(data[0].sum())
