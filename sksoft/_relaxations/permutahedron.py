# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft sort and soft rank as projections onto the permutahedron."""

from typing import NamedTuple

import numpy as np

from sksoft._ground._blocks import scale_blocks
from sksoft._ground._exponentials import replace_by_exp
from sksoft._ground._pav_exponential import project_exponential
from sksoft._pav import rank_weighted_l2
from sksoft._relaxations._bounds import (
    bisect_pooled,
    hard_bound,
    pooled_bound,
    prefix_excess,
)
from sksoft._relaxations._operator import (
    Operator,
    put_entries,
    taken,
)
from sksoft._relaxations._projection import (
    Blocks,
    ShortBlocks,
    are_short,
    decays,
    is_narrow,
    project_short,
    project_uniform,
    softmax_ranks,
)
from sksoft._sorting import ascending_order, order_beats_sort

# The weight of an entry of weight zero, relative to the largest of its row: the other
# entries do not feel it, and its own rank is the limit of a vanishing weight.
VANISHING = 1e-100


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
        short = is_narrow(n) if self.entropic else are_short(rows.shape)
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
            decays(values),
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
        elif uniform and is_narrow(rows.shape[1]):
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
        decay = decays(values, strength)
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
