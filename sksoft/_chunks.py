# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fits by chunks of rows: a map to small statistics, and their reduction.

What a fit needs of all rows it asks for in passes. A pass maps each piece of the rows
to a statistic of a size that does not depend on the number of rows, and combines the
statistics in a fixed order. Arrays in memory and memory maps are cut into slices, on
our threads; the chunks of Dask arrays and the partitions of Dask data frames are worked
through where Dask's scheduler in force puts them. Dask is imported only where a
collection of it is passed.
"""

from copy import copy
from functools import partial
from itertools import count, pairwise
from uuid import uuid4

import numpy as np

from sksoft._lazy_rows import in_memory, is_collection
from sksoft._threads import map_chunks

# Entries of a piece, which a function sees at once: its temporary arrays stay in cache.
PIECE_ENTRIES = 1 << 16
# Entries of a block in memory, which one thread works through piece by piece.
BLOCK_ENTRIES = 1 << 20
# Statistics that are held or sent at once.
FAN_IN = 32


def row_chunks(X, *others, prepare=None, piece_entries=None):
    """Return the `MemoryChunks` or `DaskChunks` of arrays that lie side by side.

    Parameters
    ----------
    X : ndarray, dask.array.Array or dask.dataframe.DataFrame
        Rows of shape (n_rows, n_columns).

    *others : array-like, Dask collection or None
        What else there is for each row, such as targets and weights, with as many rows
        as `X`; None is passed on to every function.

    prepare : callable, default=None
        Maps the arrays of a piece to the arrays that functions see of it: it may
        convert, check and leave out rows.

    piece_entries : int, default=None
        Entries of a piece: more than the usual 65536 where that would make a statistic
        no smaller than the piece.

    Returns
    -------
    chunks : MemoryChunks or DaskChunks
        Memory chunks where `X` is in memory; the others are brought there then.

    Raises
    ------
    ValueError
        If the numbers of rows differ.
    """
    piece_entries = piece_entries or PIECE_ENTRIES
    if is_collection(X):
        return DaskChunks([X, *others], prepare, piece_entries)
    arrays = [None if a is None else np.asarray(in_memory(a)) for a in others]
    return MemoryChunks([X, *arrays], prepare, piece_entries)


def example_rows(X):
    """Return one row in memory with the columns, names and types of a collection."""
    if hasattr(X, "_meta_nonempty"):
        return X._meta_nonempty
    if X.ndim != 2:
        raise ValueError(
            f"X must have two dimensions, got shape {X.shape}. Make one column of it "
            "by X[:, None]."
        )
    return np.zeros((1, X.shape[1]), X.dtype)


def add(first, second):
    """Return the sum of two statistics: numbers, arrays, or tuples of them."""
    if isinstance(first, tuple):
        return tuple(map(add, first, second))
    return first + second


class RowChunks:
    """Blocks of rows of arrays that lie side by side; see `row_chunks`.

    A block is worked through piece by piece: functions see pieces.

    Attributes
    ----------
    n_rows : int
        Number of rows, those included that ``prepare`` leaves out.
    """

    def reduce(self, function, combine=add):
        """Return the statistic of all rows.

        Parameters
        ----------
        function : callable
            Maps the arrays of a piece, of at least one row, to its statistic. On a
            cluster it is sent to the workers: what it refers to must be small.

        combine : callable, default=add
            Maps the statistics of some rows and of the rows after them to the statistic
            of both. It must be associative, but for rounding.

        Returns
        -------
        statistic : object
            None if there is no row. The order of combination depends on the sizes of
            the blocks alone.
        """
        raise NotImplementedError

    def map_rows(self, function, dtype, tail=()):
        """Return an array with an entry for each row, whatever ``prepare`` leaves out.

        Parameters
        ----------
        function : callable
            Maps the arrays of a piece, not prepared, to the entries of its rows.

        dtype : dtype
            Type of the entries.

        tail : tuple of int, default=()
            Shape of an entry.

        Returns
        -------
        entries : ndarray or dask.array.Array of shape (n_rows, *tail)
            In memory for arrays in memory, lazy for Dask collections.
        """
        raise NotImplementedError

    @property
    def dtype(self):
        """Type of the entries of the first array."""
        return self._arrays[0].dtype

    @property
    def n_columns(self):
        """Number of columns of the first array."""
        return self._arrays[0].shape[1]

    def prepared(self, prepare):
        """Return the same rows, of which functions see what ``prepare`` makes."""
        chunks = copy(self)
        _, piece_entries = self._pieces.args
        chunks._pieces = partial(_pieces, prepare, piece_entries)
        return chunks

    def sizes(self):
        """Return the number of rows that ``prepare`` leaves of each block."""
        counts = self._map(partial(_count, self._pieces), range(len(self._rows)))
        return np.array(counts, dtype=np.intp)

    def take(self, rows, sizes=None):
        """Return chosen rows of each array.

        Parameters
        ----------
        rows : ndarray of shape (n_taken,)
            Indices among the rows that ``prepare`` leaves, in increasing order.

        sizes : ndarray of shape (n_blocks,), default=None
            What `sizes` returned, if it is known.

        Returns
        -------
        arrays : list of ndarray or None
            As functions see them.
        """
        ends = np.cumsum(self.sizes() if sizes is None else sizes)
        parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
        blocks = [block for block, part in enumerate(parts) if len(part)]
        starts = np.append(0, ends)
        chosen = [parts[block] - starts[block] for block in blocks]
        found = self._map(partial(_take, self._pieces), blocks, chosen)
        return [
            None if arrays[0] is None else np.concatenate(arrays)
            for arrays in zip(*found, strict=True)
        ]


class MemoryChunks(RowChunks):
    """Slices of arrays in memory or on a memory map, worked through on our threads."""

    def __init__(self, arrays, prepare, piece_entries):
        self._arrays = arrays
        self._pieces = partial(_pieces, prepare, piece_entries)
        self.n_rows = len(arrays[0])
        for array in arrays:
            _check_length(self.n_rows, self.n_rows if array is None else len(array))
        step = max(1, BLOCK_ENTRIES // _row_entries(arrays))
        bounds = [*range(0, self.n_rows, step), self.n_rows]
        self._rows = [slice(*pair) for pair in pairwise(bounds)]

    def reduce(self, function, combine=add):
        """Return the statistic of all rows, see `RowChunks`."""
        fold, total = partial(_fold, self._pieces, function, combine), None
        for first in range(0, len(self._rows), FAN_IN):
            blocks = range(len(self._rows))[first : first + FAN_IN]
            total = _combine(combine, [total, *self._map(fold, blocks)])
        return total

    def map_rows(self, function, dtype, tail=()):
        """Return an array with an entry for each row, see `RowChunks`."""
        entries = np.empty((self.n_rows, *tail), dtype)

        def write(block):
            rows = self._rows[block]
            entries[rows] = _entries(function, dtype, tail, self._cut(block))

        map_chunks(write, range(len(self._rows)))
        return entries

    def _cut(self, block):
        rows = self._rows[block]
        return [None if array is None else array[rows] for array in self._arrays]

    def _map(self, function, blocks, *arguments):
        def call(block, *values):
            return function(*values, self._cut(block))

        return map_chunks(call, blocks, *arguments) if len(blocks) else []


class DaskChunks(RowChunks):
    """Chunks of Dask collections, worked through by Dask's scheduler in force.

    Unknown sizes of chunks are found by a pass of their own.
    """

    def __init__(self, arrays, prepare, piece_entries):
        import dask

        self._pieces = partial(_pieces, prepare, piece_entries)
        first = _with_known_sizes(arrays[0])
        if first.ndim != 2:
            raise ValueError(f"X must have two dimensions, got shape {first.shape}.")
        self._rows = first.chunks[0]
        self.n_rows = sum(self._rows)
        arrays = [_cut_alike(array, self._rows) for array in (first, *arrays[1:])]
        self._arrays = dask.optimize(*arrays)

    def reduce(self, function, combine=add):
        """Return the statistic of all rows, see `RowChunks`."""
        fold = partial(_fold, self._pieces, function, combine)
        merge = partial(_combine, combine)
        name = f"reduce-{uuid4().hex}"
        level = [(name, 0, i) for i in range(len(self._rows))]
        graph = self._graph(level, fold, range(len(level)))
        for depth in count(1):
            if depth > 1 and len(level) == 1:
                return self._compute(name, graph, level)[0]
            groups = [level[i : i + FAN_IN] for i in range(0, len(level), FAN_IN)]
            level = [(name, depth, i) for i in range(len(groups))]
            graph |= {
                key: (merge, group) for key, group in zip(level, groups, strict=True)
            }

    def map_rows(self, function, dtype, tail=()):
        """Return a lazy array with an entry for each row, see `RowChunks`."""
        import dask.array as da

        name = f"map-rows-{uuid4().hex}"
        apply = partial(_entries, function, dtype, tail)
        keys = [(name, i, *(0 for _ in tail)) for i in range(len(self._rows))]
        graph = self._graph(keys, apply, range(len(keys)))
        chunks = (self._rows, *((size,) for size in tail))
        return da.Array(self._whole(name, graph), name, chunks, dtype)

    def beside(self, values):
        """Return an array of as many rows as a Dask array, with these chunks."""
        return _cut_alike(values, self._rows)

    def _map(self, function, blocks, *arguments):
        name = f"map-{uuid4().hex}"
        keys = [(name, i) for i in range(len(blocks))]
        return self._compute(
            name, self._graph(keys, function, blocks, *arguments), keys
        )

    def _graph(self, keys, function, blocks, *arguments):
        """Return the tasks that apply a function to blocks."""
        return {
            key: (
                function,
                *values,
                [
                    None if a is None else (a.name, block, *(0 for _ in a.shape[1:]))
                    for a in self._arrays
                ],
            )
            for key, block, *values in zip(keys, blocks, *arguments, strict=True)
        }

    def _whole(self, name, graph):
        """Return tasks together with those that they need."""
        from dask.highlevelgraph import HighLevelGraph

        arrays = [array for array in self._arrays if array is not None]
        return HighLevelGraph.from_collections(name, graph, arrays)

    def _compute(self, name, graph, keys):
        from dask.delayed import Delayed

        name_of_all = f"all-{name}"
        graph[name_of_all] = (list, keys)
        whole = self._whole(name, graph)
        return Delayed(name_of_all, whole, layer=name).compute()


def _check_length(n_rows, length):
    if length != n_rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[n_rows, length]}"
        )


def _row_entries(arrays):
    return sum(np.prod(a.shape[1:], dtype=int) for a in arrays if a is not None)


def _with_known_sizes(collection):
    """Return a collection as a Dask array whose chunks of rows have known sizes."""
    if hasattr(collection, "to_dask_array"):
        return collection.to_dask_array(lengths=True)
    if np.isnan(sum(map(sum, collection.chunks))):
        # The sizes are written into the array: leave the caller's as it is.
        collection = collection.copy().compute_chunk_sizes()
    return collection


def _cut_alike(array, rows):
    """Return an array as a Dask array with a chunk for each of so many rows."""
    import dask.array as da

    if array is None:
        return None
    if is_collection(array):
        array = _with_known_sizes(array)
    else:
        array = da.from_array(np.asarray(array))
    _check_length(sum(rows), array.shape[0])
    return da.rechunk(array, {0: rows, 1: -1} if array.ndim > 1 else {0: rows})


def _pieces(prepare, piece_entries, arrays):
    """Yield the pieces of a block as functions see them."""
    step = max(1, piece_entries // max(_row_entries(arrays), 1))
    for first in range(0, len(arrays[0]), step):
        piece = [None if a is None else a[first : first + step] for a in arrays]
        yield piece if prepare is None else prepare(*piece)


def _fold(pieces, function, combine, arrays):
    """Return the statistic of a block, None if it has no row."""
    return _combine(combine, (function(*p) for p in pieces(arrays) if len(p[0])))


def _combine(combine, statistics):
    """Return the statistic of all, None where there is none."""
    total = None
    for statistic in statistics:
        if total is None:
            total = statistic
        elif statistic is not None:
            total = combine(total, statistic)
    return total


def _count(pieces, arrays):
    return sum(len(piece[0]) for piece in pieces(arrays))


def _take(pieces, rows, arrays):
    """Return chosen rows of a block, which prepare leaves, of each array."""
    taken, first = [], 0
    for piece in pieces(arrays):
        last = first + len(piece[0])
        local = rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first
        taken.append([None if array is None else array[local] for array in piece])
        first = last
    return [
        None if parts[0] is None else np.concatenate(parts)
        for parts in zip(*taken, strict=True)
    ]


def _entries(function, dtype, tail, arrays):
    """Return the entries of the rows of a block."""
    entries, first = np.empty((len(arrays[0]), *tail), dtype), 0
    for piece in _pieces(None, PIECE_ENTRIES, arrays):
        last = first + len(piece[0])
        entries[first:last] = function(*piece)
        first = last
    return entries
