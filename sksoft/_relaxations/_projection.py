# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Projections of rows onto the permutahedron, and the linear maps over their blocks."""

import numpy as np

from sksoft._ground._blocks import pool_blocks, shift_blocks
from sksoft._ground._exponentials import replace_by_exp, write_gaps
from sksoft._ground._pooled_rows import rank_where_one_softmax, rank_where_pooled
from sksoft._ground._short_blocks import pool_short_rows
from sksoft._ground._short_exponential import project_short_exponential
from sksoft._ground._short_rows import project_short_rows
from sksoft._ground._short_shares import pool_short_shares
from sksoft._pav import note_long_row, project_entries, project_l2
from sksoft._relaxations._operator import (
    map_entries,
    taken,
)
from sksoft._sorting import INTP, ascending_order
from sksoft._threads import is_cut

# As many or more rows of up to so many numbers are projected faster side by side.
SIDE_BY_SIDE = 32
SHORT = 16


class Blocks:
    """Blocks of two or more entries of a chunk of rows, as the kernels write them."""

    def __init__(self, shape):
        n_rows, n = shape
        self.n = n
        # Of each row their number, then the start and the stop of each.
        self.table = np.empty((n_rows, 1 + (n // 2 or 1) * 2), INTP)
        if not n:
            self.table.fill(0)

    @property
    def single(self):
        """Whether each row is one block."""
        if self.n < 2:
            return np.ones(len(self.table), bool)
        return (self.table[:, :3] == [1, 0, self.n]).all(axis=1)

    def pool(
        self,
        values,
        out,
        take=None,
        put=None,
        share=None,
        factor=None,
        strength=None,
        transpose=False,
    ):
        """Apply pooling, or what it leaves; see the kernel ``pool_blocks``."""
        table = self.table
        if is_cut(values.shape) and not self.single[0]:
            _pool_pieces(
                values, take, put, share, factor, strength, transpose, table, out
            )
            return
        pool_blocks(
            values,
            take,
            put,
            share,
            factor,
            strength,
            transpose,
            table,
            out,
            np.empty(self.n),
            0,
            self.n,
        )

    def _places(self):
        """Return where all blocks start in the flat array of rows, and their sizes.

        Here an entry by itself is a block too.
        """
        n_rows = len(self.table)
        starts, stops = self.table[:, 1::2], self.table[:, 2::2]
        noted = np.arange(starts.shape[1]) < self.table[:, :1]
        first = self.n * np.arange(n_rows)[:, None]
        # One from the second entry of a block on, to its stop.
        steps = np.zeros(n_rows * self.n + 1, np.intp)
        steps[(first + starts)[noted] + 1] += 1
        steps[(first + stops)[noted]] -= 1
        starts = np.flatnonzero(np.cumsum(steps[:-1]) == 0)
        return starts, np.diff(starts, append=n_rows * self.n)

    def sums(self, values):
        """Return, for each entry, the sum over its block."""
        starts, sizes = self._places()
        sums = np.add.reduceat(values.ravel(), starts) if len(starts) else starts
        return np.repeat(sums, sizes).reshape(values.shape)

    def later(self, values):
        """Return, for each entry, the sum over what comes after its block."""
        n_rows, n = values.shape
        starts, sizes = self._places()
        beyond = np.zeros((n_rows, n + 1))
        beyond[:, :n] = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
        # Where blocks stop, in rows that are longer by one.
        stops = starts + sizes + starts // max(n, 1)
        return np.repeat(beyond.ravel()[stops], sizes).reshape(values.shape)

    def last(self, values):
        """Return, for each entry, the last value of its block."""
        starts, sizes = self._places()
        return np.repeat(values.ravel()[starts + sizes - 1], sizes).reshape(
            values.shape
        )

    def softmax(self, values, weight=None):
        """Make it weight * exp(values) on each block, up to a factor for each block."""
        shift_blocks(values, self.table)
        replace_by_exp(values.reshape(-1))
        if weight is not None:
            values *= weight
        return values


def _pool_pieces(*arguments):
    """Pool the blocks of one row, piece by piece of its entries."""
    *_, strength, _, _, out = arguments
    n = out.shape[1]
    if strength is not None:
        map_entries(lambda part: out[:, part].fill(0.0), out.shape)
    map_entries(
        lambda part: pool_blocks(*arguments, np.empty(n), part.start, part.stop),
        out.shape,
    )


def decays(values, strength=None):
    """Return exp of minus the gap (over the strength) before each sorted value."""
    out = np.empty_like(values)
    write_gaps(values, strength, out)
    replace_by_exp(out.reshape(-1))
    return out


class ShortBlocks(Blocks):
    """Blocks of short rows that were projected side by side."""

    def __init__(self, shape):
        n_rows, self.n = shape
        # Of each row the bits of the entries at which its blocks start.
        self.starts = np.empty(n_rows, np.uint32)

    def pool(
        self,
        values,
        out,
        take=None,
        put=None,
        share=None,
        factor=None,
        strength=None,
        transpose=False,
    ):
        """Apply pooling, or what it leaves; see the kernels of short rows."""
        if share is None:
            pool_short_rows(values, take, put, strength, self.starts, out)
            return
        pool_short_shares(
            values,
            take,
            put,
            share,
            strength,
            self.starts,
            factor is not None,
            transpose,
            out,
        )

    def noted(self):
        """Return the same blocks as the kernels of longer rows note them."""
        blocks = Blocks((len(self.starts), self.n))
        begins = (self.starts[:, None] >> np.arange(self.n + 1, dtype=np.uint32)) & 1
        begins[:, self.n] = 1
        goes_on = begins[:, 1:] == 0
        starts = (begins[:, :-1] == 1) & goes_on
        stops = (begins[:, :-1] == 0) & ~goes_on
        blocks.table[:, 0] = starts.sum(axis=1)
        for column, places, shift in ((1, starts, 0), (2, stops, 1)):
            rows, entries = np.nonzero(places)
            number = np.cumsum(places, axis=1)[places] - 1
            blocks.table[rows, column + 2 * number] = entries + shift
        return blocks


def is_narrow(n):
    """Return whether entropic projections of rows of n numbers sort them."""
    return 0 < n <= SHORT


def are_short(shape):
    """Return whether L2 projections of rows run side by side, and sort them."""
    return shape[0] >= SIDE_BY_SIDE and is_narrow(shape[1])


def project_short(rows, strength, sort, kl, out, keep):
    """Write entropic soft sorts or ranks of short rows.

    Return the order as the blocks take it, the blocks, and the shares where they are
    kept.
    """
    n_rows, n = rows.shape
    blocks = ShortBlocks(rows.shape)
    grouped = -(-n_rows // SIDE_BY_SIDE), SIDE_BY_SIDE * n
    offsets = np.empty(grouped, np.uint16)
    share = np.empty(grouped) if keep else None
    project_short_exponential(
        rows, strength, sort, kl, out, offsets, blocks.starts, share
    )
    return offsets, blocks, share


def project_uniform(rows, order, strength, sort, out):
    """Write L2 soft sorts, or ranks against 1..n; return the order and the blocks.

    The order is whatever the blocks take: there is none where ranks need none.
    """
    n_rows, n = rows.shape
    if are_short(rows.shape):
        blocks = ShortBlocks(rows.shape)
        offsets = np.empty((-(-n_rows // SIDE_BY_SIDE), SIDE_BY_SIDE * n), np.uint16)
        project_short_rows(rows, strength, sort, out, offsets, blocks.starts)
        return offsets, blocks
    blocks = Blocks(rows.shape)
    if not sort:
        if rank_where_pooled(rows, strength, out):
            blocks.table[:, :3] = 1, 0, n
            return None, blocks
        if order is None:
            order = ascending_order(rows)
    if is_cut(rows.shape):
        _project_long(rows, order, strength, sort, out, blocks)
        return order, blocks
    work = np.empty(7 * n // 4 + 2)
    project_l2(rows, order, strength, sort, out, blocks.table, work)
    return order, blocks


def softmax_ranks(rows, strength, out):
    """Write the entropic ranks of rows that are one block, whatever their order.

    Return which are, and the exponentials of those; nothing if there are none.
    """
    pooled, share = np.zeros(len(rows), np.uint8), np.empty(rows.shape)
    rank_where_one_softmax(rows, strength, out, share, pooled)
    return (pooled.view(bool), share) if pooled.any() else (None, None)


def _project_long(rows, order, strength, sort, out, blocks):
    """Project one row, its entries in pieces; only its blocks are noted in one go."""
    if order is None:
        (values,) = rows.astype(np.float64, copy=False)
    else:
        (values,) = taken(rows, order)
    (table,), (strength,) = blocks.table, strength
    work = np.empty(3 * len(values) // 4 + 2)
    note_long_row(values, strength, sort, table, work)

    def write(part):
        project_entries(
            rows[0],
            values,
            None if order is None else order[0],
            strength,
            sort,
            table,
            work,
            part.start,
            part.stop,
            out[0],
        )

    map_entries(write, rows.shape)
