# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""One thread pool for all operators; results never depend on its size.

An interrupt (Ctrl-C) reaches the main thread between two bytecodes only. Long work
therefore runs on a thread of its own, for which the main thread waits, and loops over
long kernels ask between two pieces whether anybody still waits for them.
"""

import itertools
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import joblib
import numpy as np

from sksoft._validation import positive_integer

# Rows are worked through in pieces of about this many entries, so that the temporary
# arrays of a piece stay in a processor's cache.
CHUNK_SIZE = 1 << 16
# A batch is shared between threads from this many entries on.
THREADING_SIZE = 1 << 15

# A kernel takes at most about this many steps at a time, so that an interrupt need not
# wait long; from this many entries on, threads share a row.
PIECE_SIZE = 1 << 24
SHARED_ROW_SIZE = 1 << 18

# The temporary arrays of a call come and go. glibc gives memory beyond twice the
# largest piece freed so far back to the system, and to get it again takes longer than
# the work on a batch of short rows: free a piece of nearly 32 MB, the most that counts,
# once and untouched.
np.empty((1 << 22) - 4096)

# The one chunk of a small batch.
EVERYTHING = slice(None)


@dataclass(frozen=True)
class _Threads:
    """The threads that were asked for: a number and its pool, which belong together."""

    n_threads: int
    pool: ThreadPoolExecutor


# Replaced as a whole, never changed: several threads may ask for it at any time;
# None before anybody did. The threads of a pool end with the last reference to it.
_threads = None
_lock = threading.Lock()
# For each thread, whether it works on a chunk, for which it must not wait for the pool,
# and the event that tells it that nobody waits for it any more.
_local = threading.local()


class Abandoned(BaseException):
    """Ends work on a thread for which nobody waits any more."""


def _default_num_threads():
    limits = [joblib.cpu_count()]
    for name in ("SKSOFT_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            limits.append(int(value))
    return min(limits)


def get_num_threads() -> int:
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
    return _current_threads().n_threads


def _current_threads():
    global _threads
    current = _threads
    if current is None:
        with _lock:
            # Somebody else may have been faster.
            current = _threads = _threads or _new_threads(_default_num_threads())
    return current


def _new_threads(n_threads):
    # A pool starts its threads with the first work; whoever calls is one thread more.
    pool = ThreadPoolExecutor(max(n_threads - 1, 1), "sksoft", _always_has_chunk)
    return _Threads(int(n_threads), pool)


def set_num_threads(n_threads: int | None) -> None:
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
    global _threads
    threads = None
    if n_threads is not None:
        positive_integer(n_threads, "n_threads")
        threads = _new_threads(n_threads)
    with _lock:
        _threads = threads


def _renew_pool():
    # A child process inherits the pool but not its threads, nor whoever has the lock.
    global _threads, _lock
    _lock = threading.Lock()
    if _threads is not None:
        _threads = _new_threads(_threads.n_threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_pool)


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
    n_pieces = max(-(-n // PIECE_SIZE), 1)
    if n >= SHARED_ROW_SIZE and not _has_chunk():
        n_pieces = max(n_pieces, get_num_threads())
    bounds = [n * i // n_pieces for i in range(n_pieces + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def is_cut(shape):
    """Return whether an array of this shape is a single row of several pieces."""
    n_rows, n = shape
    return n_rows == 1 and n >= SHARED_ROW_SIZE and len(entry_pieces(n)) > 1


def _has_chunk():
    return getattr(_local, "has_chunk", False)


def _always_has_chunk():
    _local.has_chunk = True


def map_chunks(function, *sequences):
    """Apply a function to each chunk, on the thread pool and here if there are several.

    The pool takes them from the first on. This thread takes what is left from the last
    on, for the time to wake another is as long as short work takes.
    """
    if len(sequences[0]) == 1:
        return [function(*chunk) for chunk in zip(*sequences, strict=True)]

    def run(*chunk):
        check_abandoned()
        return function(*chunk)

    threads = _current_threads()
    if threads.n_threads == 1 or _has_chunk():
        return list(map(run, *sequences))
    # Whoever waits for this thread waits for those of the pool.
    abandoned = getattr(_local, "abandoned", None) or threading.Event()

    def run_in_pool(*chunk):
        _local.abandoned = abandoned
        return run(*chunk)

    chunks = list(zip(*sequences, strict=True))
    try:
        _local.has_chunk = True
        futures = [
            _submitted(threads.pool, run_in_pool, chunk) for chunk in chunks[:-1]
        ]
        results = [
            run(*chunk) if future is None or future.cancel() else future.result()
            for future, chunk in zip([None, *futures[::-1]], chunks[::-1], strict=True)
        ]
    except BaseException:
        abandoned.set()
        raise
    finally:
        _local.has_chunk = False
    return results[::-1]


def _submitted(pool, function, arguments):
    """Return the future of a call, None where the pool takes no more work."""
    try:
        return pool.submit(function, *arguments)
    except RuntimeError:
        # The interpreter is ending.
        return None


def interruptible(n_steps, function, *arguments):
    """Call a function, and if it takes long let an interrupt end the wait for it."""
    if n_steps < PIECE_SIZE or not _in_main_thread():
        return function(*arguments)
    abandoned, future = threading.Event(), Future()

    def run():
        _local.abandoned = abandoned
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    try:
        # A daemon, for which the interpreter does not wait when it ends.
        threading.Thread(target=run, name="sksoft-long", daemon=True).start()
    except RuntimeError:
        return function(*arguments)
    try:
        return future.result()
    except BaseException:
        abandoned.set()
        raise


def _in_main_thread():
    return threading.current_thread() is threading.main_thread()


def check_abandoned():
    """Raise if nobody waits for this thread any more."""
    abandoned = getattr(_local, "abandoned", None)
    if abandoned is not None and abandoned.is_set():
        raise Abandoned


def pieces(n, step_size):
    """Yield the bounds of pieces of a loop of n passes of so many steps each."""
    size = max(PIECE_SIZE // max(step_size, 1), 1)
    for start in range(0, n, size):
        check_abandoned()
        yield start, min(start + size, n)
