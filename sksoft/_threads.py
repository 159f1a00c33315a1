# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""One thread pool for all operators; results never depend on its size."""

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib

from sksoft._validation import positive_integer

# Rows are worked through in pieces of about this many entries, so that the temporary
# arrays of a piece stay in a processor's cache.
CHUNK_SIZE = 1 << 16
# A batch is shared between threads from this many entries on.
THREADING_SIZE = 1 << 15

# A long row is worked through in pieces of at most this many entries, so that an
# interrupt need not wait long; from this many entries on, threads share it.
PIECE_SIZE = 1 << 24
SHARED_ROW_SIZE = 1 << 18

# The one chunk of a small batch.
EVERYTHING = slice(None)

_state = {"n_threads": None, "pool": None}
# Whether the thread is one of the pool, which must not wait for the pool.
_local = threading.local()


def _default_num_threads():
    limits = [joblib.cpu_count()]
    for name in ("SKSOFT_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            limits.append(int(value))
    return min(limits)


def get_num_threads():
    """Return the number of threads that the operators use for large batches.

    Returns
    -------
    n_threads : int
        What :func:`set_num_threads` asked for, else the number of processors at hand,
        limited by the environment variables ``SKSOFT_NUM_THREADS`` and
        ``OMP_NUM_THREADS``.

    Examples
    --------
    >>> import sksoft
    >>> sksoft.get_num_threads() >= 1
    True
    """
    if _state["n_threads"] is None:
        _state["n_threads"] = _default_num_threads()
    return _state["n_threads"]


def set_num_threads(n_threads):
    """Set the number of threads that the operators use for large batches.

    Results are bitwise independent of it: threads share out rows, and no sum crosses
    rows.

    Parameters
    ----------
    n_threads : int or None
        At least 1. None goes back to the default, see :func:`get_num_threads`.

    Raises
    ------
    TypeError
        If `n_threads` is neither None nor an integer.
    ValueError
        If `n_threads` is below 1.

    Examples
    --------
    >>> import sksoft
    >>> sksoft.set_num_threads(1)
    >>> sksoft.get_num_threads()
    1
    >>> sksoft.set_num_threads(None)
    """
    if n_threads is not None:
        positive_integer(n_threads, "n_threads")
    # The pool may be in use: its threads end with the last reference to it.
    _state["pool"] = None
    _state["n_threads"] = n_threads


def _forget_pool():
    # A child process inherits the pool but not its threads.
    _state["pool"] = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def row_chunks(n_rows, row_size):
    """Return slices that cut rows into pieces, one piece for a small batch."""
    size = n_rows * row_size
    if size < THREADING_SIZE or n_rows < 2:
        return [EVERYTHING]
    n_threads = get_num_threads()
    n_chunks = -(-size // (CHUNK_SIZE * n_threads)) * n_threads
    n_chunks = min(n_chunks, n_rows)
    bounds = [n_rows * i // n_chunks for i in range(n_chunks + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def entry_pieces(n):
    """Return slices that cut a row of n entries into pieces, one for a short row."""
    n_pieces = -(-n // PIECE_SIZE)
    if n >= SHARED_ROW_SIZE and not _in_pool():
        n_pieces = max(n_pieces, get_num_threads())
    bounds = [n * i // n_pieces for i in range(n_pieces + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def _in_pool():
    return getattr(_local, "in_pool", False)


def _enter_pool():
    _local.in_pool = True


def map_chunks(function, *sequences):
    """Apply a function to each chunk, on the thread pool where there are several."""
    if len(sequences[0]) == 1 or get_num_threads() == 1 or _in_pool():
        return list(map(function, *sequences))
    pool = _state["pool"]
    if pool is None:
        pool = ThreadPoolExecutor(get_num_threads(), "sksoft", _enter_pool)
        _state["pool"] = pool
    return list(pool.map(function, *sequences))
