# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft sort and soft rank as projections onto the permutahedron."""

from typing import NamedTuple

import numpy as np

from sksoft._ground._blocks import pool_blocks, scale_blocks, shift_blocks
from sksoft._ground._exponentials import replace_by_exp
from sksoft._ground._pav_exponential import project_exponential, write_gaps
from sksoft._ground._pooled_rows import rank_where_one_softmax, rank_where_pooled
from sksoft._ground._short_blocks import pool_short_rows
from sksoft._ground._short_exponential import project_short_exponential
from sksoft._ground._short_rows import project_short_rows
from sksoft._ground._short_shares import pool_short_shares
from sksoft._pav import note_long_row, project_entries, project_l2, rank_weighted_l2
from sksoft._relaxations._bounds import (
    bisect_pooled,
    hard_bound,
    pooled_bound,
    prefix_excess,
)
from sksoft._relaxations._operator import (
    Operator,
    map_entries,
    put_entries,
    taken,
)
from sksoft._sorting import INTP, ascending_order, order_beats_sort
from sksoft._threads import is_cut

# The weight of an entry of weight zero, relative to the largest of its row: the other
# entries do not feel it, and its own rank is the limit of a vanishing weight.
VANISHING = 1e-100

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


def _decays(values, strength=None):
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


def are_short(shape):
    """Return whether L2 projections of rows run side by side, and sort them."""
    return shape[0] >= SIDE_BY_SIDE and 0 < shape[1] <= SHORT


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


class SortState(NamedTuple):
    """Blocks of sorted rows, and the shares of their entries if not uniform."""

    # For short rows with L2 regularisation what `pool_short_rows` calls offsets.
    order: np.ndarray
    blocks: Blocks
    share: np.ndarray | None
    strength: np.ndarray


class PermutahedronSort(Operator):
    """P(1..n / strength, x) with L2 or entropic regularisation."""

    sorts = "itself"
    keeps_rows = False

    def __init__(self, regularization, descending):
        self.entropic = regularization != "l2"
        self.descending = descending

    def forward(self, rows, order, out, *, keep, regularization_strength):
        share = None
        target = np.empty_like(out) if self.descending else out
        n = rows.shape[1]
        short = 0 < n <= SHORT if self.entropic else are_short(rows.shape)
        if not short and order is None:
            if keep or order_beats_sort(rows.shape):
                order = ascending_order(rows)
            else:
                # Zeros of both signs sort to the same bits.
                rows = np.add(rows, 0.0)
                rows.sort(axis=1)
        if self.entropic and short:
            order, blocks, share = project_short(
                rows, regularization_strength, True, False, target, keep
            )
        elif self.entropic:
            blocks = Blocks(rows.shape)
            values = rows.astype(np.float64) if order is None else taken(rows, order)
            result = target if target.dtype == np.float64 else np.empty(target.shape)
            result[...] = values
            self._project(result, regularization_strength, blocks)
            if result is not target:
                target[...] = result
            if keep:
                share = blocks.softmax(values)
        else:
            order, blocks = project_uniform(
                rows, order, regularization_strength, True, target
            )
        if order is not None and self.entropic != short:
            # As above; the kernels of other rows do.
            np.add(target, 0.0, out=target)
        if self.descending:
            out[...] = target[:, ::-1]
        if not keep:
            return None
        return SortState(order, blocks, share, regularization_strength)

    def _project(self, values, strength, blocks):
        project_exponential(
            values,
            _decays(values),
            None,
            None,
            strength,
            True,
            False,
            blocks.table,
            np.empty(3 * values.shape[1] // 4 + 2),
        )

    def _directed(self, rows):
        return np.ascontiguousarray(rows[:, ::-1]) if self.descending else rows

    def pullback(self, state, cotangent, out):
        order, blocks, share, _ = state
        values = self._directed(cotangent)
        blocks.pool(values, out, put=order, share=share, transpose=True)

    def pushforward(self, state, tangent, out):
        order, blocks, share, _ = state
        target = np.empty_like(out) if self.descending else out
        blocks.pool(tangent, target, take=order, share=share)
        if self.descending:
            out[...] = target[:, ::-1]

    def pull_regularization_strength(self, state, cotangent):
        """<cotangent, -(i - pooled i) / strength^2>, the derivative in the strength."""
        _, blocks, _, strength = state
        if self.entropic and isinstance(blocks, ShortBlocks):
            blocks = blocks.noted()
        positions = np.tile(np.arange(1.0, blocks.n + 1.0), (len(strength), 1))
        # Finite numbers differ by too little for a strength below this to pool them.
        safe = np.maximum(strength, 1e-301)
        share = blocks.softmax(positions / safe[:, None]) if self.entropic else None
        residual = np.empty_like(positions)
        blocks.pool(positions, residual, share=share, strength=strength)
        with np.errstate(over="ignore"):
            return -(residual * self._directed(cotangent)).sum(axis=1) / safe

    def bounds(self, rows, order, tolerance):
        ascending = taken(rows, ascending_order(rows) if order is None else order)
        n = ascending.shape[1]
        gap = np.diff(ascending, axis=1)
        hard = hard_bound(np.ones_like(gap), gap)
        rise = 0.5 * np.arange(n - 1, 0, -1.0) * np.ones((len(rows), 1))
        pooled = pooled_bound(rise, prefix_excess(ascending, np.ones_like(ascending)))
        if self.entropic:
            blocks = Blocks(rows.shape)

            def is_pooled(strength):
                self._project(ascending.copy(), strength, blocks)
                return blocks.single

            settled = np.isinf(pooled) | (n < 2)
            pooled = np.where(settled, pooled, bisect_pooled(pooled, is_pooled))
        return hard, pooled


class RankState(NamedTuple):
    """Blocks of sorted rows, and the shares and factors of the Jacobian on them."""

    # None, or offsets of short rows, for ranks from 1 to n with L2 regularisation.
    order: np.ndarray | None
    # None for ranks from 1 to n with L2 regularisation.
    problem: "_RankProblem | None"
    blocks: Blocks
    share: np.ndarray | None
    factor: np.ndarray | None
    strength: np.ndarray


class PermutahedronRank(Operator):
    """P(x / strength, targets) with L2, entropic or KL regularisation."""

    sorts = "itself"
    homogeneous = True
    keeps_rows = False

    def __init__(self, regularization, descending):
        self.regularization = regularization
        self.negates = descending

    def forward(
        self,
        rows,
        order,
        out,
        *,
        keep,
        regularization_strength,
        weights=None,
        targets=None,
    ):
        problem = share = factor = None
        uniform = weights is None and targets is None
        if self.regularization == "l2" and uniform:
            order, blocks = project_uniform(
                rows, order, regularization_strength, False, out
            )
        elif uniform and 0 < rows.shape[1] <= SHORT:
            kl = self.regularization == "kl"
            order, blocks, share = project_short(
                rows, regularization_strength, False, kl, out, keep
            )
            factor = share if kl else None
        else:
            blocks = Blocks(rows.shape)
            pooled = None
            if uniform and self.regularization == "entropic":
                pooled, share = softmax_ranks(rows, regularization_strength, out)
            if pooled is not None and pooled.all():
                order = None
                blocks.table[:, :3] = 1, 0, blocks.n
            else:
                order = ascending_order(rows) if order is None else order
                values = taken(rows, order)
                problem = _RankProblem(self.regularization, order, weights, targets)
                problem.project(values, regularization_strength, blocks)
                if pooled is not None:
                    # These are written already; their entries keep their order.
                    order = np.where(pooled[:, None], np.arange(blocks.n), order)
                    values[pooled] = out[pooled]
                    blocks.table[pooled, :3] = 1, 0, blocks.n
                put_entries(values, order, out)
                if keep:
                    if weights is not None:
                        problem.ranks = values.copy()
                    softmax = share
                    share, factor = self._linear(problem, blocks, values)
                    if pooled is not None:
                        share[pooled] = softmax[pooled]
        if not keep:
            return None
        return RankState(order, problem, blocks, share, factor, regularization_strength)

    def _linear(self, problem, blocks, values):
        """Return the shares and factors of the Jacobian, given the sorted ranks."""
        if self.regularization == "l2":
            return problem.weight, None
        if self.regularization == "entropic":
            return blocks.softmax(values, problem.weight), None
        share = values if problem.weight is None else values * problem.weight
        return share, values

    def _apply(self, state, vector, out, transpose):
        order, _, blocks, share, factor, strength = state
        blocks.pool(
            vector,
            out,
            take=order,
            put=order,
            share=share,
            factor=factor,
            strength=strength,
            transpose=transpose,
        )

    def pullback(self, state, cotangent, out):
        self._apply(state, cotangent, out, True)

    def pushforward(self, state, tangent, out):
        self._apply(state, tangent, out, False)

    def pull_targets(self, state, cotangent):
        """Return the gradient in the targets, each where it stood."""
        order, problem, blocks, _, factor, strength = state
        transpose = self.regularization == "entropic"
        share = factor
        if transpose:
            # A hard rank averages the targets of ties.
            share = blocks.softmax(
                np.where(strength[:, None] > 0.0, problem.target, 0.0)
            )
        out = np.empty(cotangent.shape)
        blocks.pool(
            cotangent.astype(np.float64),
            out,
            take=order,
            put=problem.target_order,
            share=share,
            transpose=transpose,
        )
        return out

    def pull_weights(self, state, cotangent):
        """Return the gradient in the weights, each where it stood.

        A heavier entry moves the later blocks on by as much. Its own block moves on by
        half of that, and towards or away from the entry, whose share has grown.
        """
        order, problem, blocks, _, _, strength = state
        ranks, weight = problem.ranks, problem.weight
        mass = blocks.sums(weight)
        last = blocks.last(ranks)
        mean = last + blocks.sums(weight * (ranks - last)) / mass
        within = 0.5 - (ranks - mean) / mass
        cotangent = taken(cotangent, order)
        if self.regularization == "kl":
            cotangent *= ranks / mean
        if self.regularization == "entropic":
            share = np.exp(ranks - last)
            share /= blocks.sums(weight * share) / mass
            soft = strength[:, None] > 0.0
            within = np.where(soft, _growth(mass) + (1.0 - share) / mass, within)
        gradient = blocks.later(cotangent) + blocks.sums(cotangent) * within
        out = np.empty(gradient.shape)
        put_entries(gradient, order, out)
        return out

    def bounds(self, rows, order, tolerance, weights=None, targets=None):
        order = ascending_order(rows) if order is None else order
        ascending = taken(rows, order)
        problem = _RankProblem(self.regularization, order, weights, targets)
        level = problem.level(ascending.shape)
        gap = np.diff(ascending, axis=1)
        hard = hard_bound(gap, np.diff(level, axis=1))
        mean, weight = problem.mean_target(ascending.shape)
        pooled = pooled_bound(
            prefix_excess(ascending, weight), prefix_excess(mean, weight)
        )
        if self.regularization != "l2":
            blocks = Blocks(rows.shape)

            def is_pooled(strength):
                problem.project(ascending.copy(), strength, blocks)
                return blocks.single

            constant = pooled == 0.0
            pooled = np.where(constant, 0.0, bisect_pooled(pooled, is_pooled))
        return hard, pooled


def _growth(mass):
    """Return 1 / (1 - exp(-mass)) - 1 / mass: the growth of the target of a block."""
    small = 0.5 + mass / 12.0 - mass**3 / 720.0
    large = np.maximum(mass, 1e-2)
    return np.where(mass < 1e-2, small, -1.0 / np.expm1(-large) - 1.0 / large)


class _RankProblem:
    """The targets and weights of a chunk of rows, in sorted order."""

    def __init__(self, regularization, order, weights, targets):
        self.regularization = regularization
        self.order = order
        self.weight = self.target = None
        if weights is not None:
            weight = taken(weights, order)
            floor = VANISHING * weight.max(axis=1, keepdims=True, initial=0.0)
            self.weight = np.maximum(weight, floor)
            self.before = np.cumsum(weight, axis=1) - weight
            # An entry of weight w takes the targets before + 1, ..., before + w.
            span = self.weight if regularization == "entropic" else 0.5 * weight + 0.5
            self.target = self.before + span
        if targets is not None:
            self.target_order = ascending_order(targets)
            self.target = taken(targets, self.target_order)

    def project(self, values, strength, blocks):
        """Replace sorted rows by their soft ranks and note the blocks."""
        if self.regularization == "l2":
            self._project_l2(values, strength, blocks)
            return
        kl = self.regularization == "kl"
        hard = None if kl or strength.all() else strength == 0.0
        ascending = None if hard is None else values.copy()
        decay = _decays(values, strength)
        project_exponential(
            values,
            decay,
            self.target,
            self.weight,
            strength,
            False,
            kl,
            blocks.table,
            np.empty(3 * values.shape[1] // 4 + 2),
        )
        if kl:
            replace_by_exp(values.reshape(-1))
            scale_blocks(
                values,
                decay,
                self.target,
                blocks.table,
            )
        if hard is not None:
            self._project_hard(values, ascending, hard, blocks)

    def _project_l2(self, values, strength, blocks):
        if self.target is None:
            target, weight = self.mean_target(values.shape)
        else:
            target = self.target
            weight = np.ones_like(values) if self.weight is None else self.weight
        rank_weighted_l2(
            values,
            target,
            weight,
            strength,
            blocks.table,
            np.empty((3, values.shape[1])),
        )

    def _project_hard(self, values, ascending, hard, blocks):
        """Ranks of strength zero: ties take their average, as in the L2 limit."""
        rows = np.ascontiguousarray(ascending[hard])
        target, weight = self.mean_target(values.shape)
        part = Blocks(rows.shape)
        rank_weighted_l2(
            rows,
            np.ascontiguousarray(target[hard]),
            np.ascontiguousarray(weight[hard]),
            np.zeros(len(rows)),
            part.table,
            np.empty((3, values.shape[1])),
        )
        values[hard] = rows
        blocks.table[hard] = part.table

    def mean_target(self, shape):
        """Return the mean target of each sorted entry, and the weights."""
        if self.weight is not None:
            return self.before + 0.5 * self.weight + 0.5, self.weight
        if self.target is not None:
            return self.target, np.ones(shape)
        return np.tile(np.arange(1.0, shape[1] + 1.0), (shape[0], 1)), np.ones(shape)

    def level(self, shape):
        """Return what the ranks of single entries are compared by: the dual targets."""
        target, weight = self.mean_target(shape)
        if self.regularization == "kl":
            return np.log(target)
        if self.regularization == "entropic" and self.weight is not None:
            return self.target + np.log(-np.expm1(-weight) / (-np.expm1(-1.0) * weight))
        return target
