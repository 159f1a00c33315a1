# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of entries of a row, compared in blocks that fit in memory."""

from collections.abc import Iterator

# The most pairs compared at once.
PAIRS_AT_ONCE = 1 << 20


def pair_blocks(n_rows: int, m: int) -> Iterator[slice]:
    """Yield slices of the m entries of rows, to be compared with all entries at once.

    Parameters
    ----------
    n_rows, m : int
        The shape of the rows.
    """
    step = max(PAIRS_AT_ONCE // max(n_rows * m, 1), 1)
    for start in range(0, m, step):
        yield slice(start, start + step)
