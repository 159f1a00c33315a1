# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Selections, ranks, sorts and permutations as entropic transport, solved exactly."""

import math

import numpy as np

from sksoft._sinkhorn import (
    select_rows,
    selection_product,
    shift_rows,
    start_rows,
    start_weighted_rows,
)
from sksoft.operators._line_transport import LineTransport
from sksoft.operators._operator import Operator

# Weights that sum to k up to rounding select exactly those entries.
ROUNDING = 1e-14


class EntropicSelection(Operator):
    """p = sigmoid((x - tau) / strength) with sum(weights * p) = k."""

    def __init__(self, largest, weighted):
        self.negates = not largest
        self.sorts = "always" if weighted else "never"

    def forward(
        self, rows, order, out, *, keep, k, regularization_strength, weights=None
    ):
        strength = regularization_strength
        pivot, offset = np.empty(len(rows)), np.empty(len(rows))
        balanced = np.empty(len(rows), np.uint8)
        if weights is None:
            parts = _partitioned(rows, k)
            start_rows(parts, k, strength, pivot, offset, balanced)
        else:
            start_weighted_rows(
                rows, order, weights, k, strength, pivot, offset, balanced
            )
        slope = np.empty(rows.shape)
        _select(rows, weights, k, pivot, strength, balanced, offset, keep, out, slope)
        return (rows, slope, pivot, offset, strength, weights) if keep else None

    def pullback(self, state, cotangent, out):
        _, slope, _, _, strength, weights = state
        selection_product(slope, weights, strength, cotangent, True, out)

    def pushforward(self, state, tangent, out):
        _, slope, _, _, strength, weights = state
        selection_product(slope, weights, strength, tangent, False, out)

    def _multiplier(self, state, cotangent):
        """<cotangent, dp/dk>: what one more unit to select is worth."""
        _, slope, _, _, _, weights = state
        norm = slope.sum(axis=1) if weights is None else (slope * weights).sum(axis=1)
        product = (slope * cotangent).sum(axis=1)
        return np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0.0)

    def pull_k(self, state, cotangent):
        """Return the gradient in k, for each row."""
        return self._multiplier(state, cotangent)

    def pull_weights(self, state, cotangent):
        """Return the gradient in the weights, each where it stood."""
        rows, _, pivot, offset, strength, _ = state
        e = np.empty(rows.shape)
        shift_rows(rows, pivot, strength, offset, e)
        p = 1.0 / (1.0 + np.exp(e, out=e))
        return -p * self._multiplier(state, cotangent)[:, None]

    def pull_regularization_strength(self, state, cotangent):
        """Return the gradient in the strength, -<cotangent, J x / strength>, by row."""
        rows, slope, pivot, _, strength, weights = state
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.where(slope > 0.0, pivot[:, None] - rows, 0.0)
        moved = np.empty_like(slope)
        selection_product(slope, weights, strength, distance, False, moved)
        product = (moved * cotangent).sum(axis=1)
        return np.divide(
            product, strength, out=np.zeros_like(product), where=strength > 0.0
        )


def _partitioned(rows, k):
    """Return rows with their ceil(k)-th largest entries in place."""
    n = rows.shape[1]
    parts = rows.copy()
    if len(k) == 1 or (len(k) and (k == k[0]).all()):
        if n:
            parts.partition(n - min(max(math.ceil(k[0]), 1), n), axis=1)
    else:
        parts.sort(axis=1)
    return parts


def _select(rows, weights, k, pivot, strength, balanced, offset, keep, out, slope):
    """Write the selection, and its slopes if to keep; move the offset to the root."""
    settled = np.empty(len(rows), np.uint8)
    shift_rows(rows, pivot, strength, offset, slope)
    np.exp(slope, out=slope)
    if not select_rows(slope, weights, k, balanced, offset, keep, out, settled):
        return
    # The exponentials of some rows are too far from their root: start again nearer.
    far = settled == 0
    far_offset, far_out, far_slope = offset[far], out[far], slope[far]
    _select(
        rows[far],
        None if weights is None else weights[far],
        k[far],
        pivot[far],
        strength[far],
        balanced[far],
        far_offset,
        keep,
        far_out,
        far_slope,
    )
    offset[far], out[far], slope[far] = far_offset, far_out, far_slope


class LineOperator(Operator):
    """Something read off the entropic plan from the entries of a row to m targets.

    The plan, of shape (n, m), has rows in ascending order of the entries, which sum
    to one. Subclasses say what is read off it, and how a cotangent gets back to it.
    """

    sorts = "always"

    def targets(self, n):
        """Return the places of the targets, ascending, and their masses."""
        return np.arange(1.0, n + 1.0), np.ones(n)

    def read(self, problem, order, out):
        """Write what is read off a plan."""
        raise NotImplementedError

    def spread(self, problem, order, cotangent):
        """Return the cotangent of the plan."""
        raise NotImplementedError

    def read_tangent(self, problem, moved, tangent, order, out):
        """Write the same of a derivative, `moved` being strength times the plan's."""
        raise NotImplementedError

    def pull_values(self, problem, cotangent):
        """Return the gradient in the entries at a fixed plan."""
        return 0.0

    def forward(self, rows, order, out, *, keep, regularization_strength):
        problems = []
        for r in range(len(rows) if rows.shape[1] else 0):
            problem = self._problem(rows[r], order[r], regularization_strength[r])
            self.read(problem, order[r], out[r])
            problems.append(problem.offset)
        return (rows, order, regularization_strength, problems) if keep else None

    def _problem(self, row, order, strength, offset=None):
        x = row[order].astype(np.float64, copy=False)
        targets, mass = self.targets(len(x))
        return LineTransport(x, np.ones(len(x)), targets, mass, strength, offset)

    def _problems(self, state):
        """Yield each row's problem again, one at a time, and its order."""
        rows, order, strength, offsets = state
        for r, offset in enumerate(offsets):
            yield r, self._problem(rows[r], order[r], strength[r], offset), order[r]

    def pullback(self, state, cotangent, out):
        for r, problem, order in self._problems(state):
            given = cotangent[r].astype(np.float64, copy=False)
            pulled = problem.pullback(self.spread(problem, order, given))
            gradient = _quotient(problem.pull_x(pulled), problem.strength)
            out[r, order] = gradient + self.pull_values(problem, given)

    def pushforward(self, state, tangent, out):
        for r, problem, order in self._problems(state):
            given = tangent[r, order].astype(np.float64, copy=False)
            moved = problem.pushforward(given)
            self.read_tangent(problem, moved, given, order, out[r])

    def pull_regularization_strength(self, state, cotangent):
        """Return the gradient in the strength, for each row."""
        gradient = np.zeros(len(state[2]))
        for r, problem, order in self._problems(state):
            given = cotangent[r].astype(np.float64, copy=False)
            pulled = problem.pullback(self.spread(problem, order, given))
            # A product of two numbers in the unit of x could overflow, or vanish.
            scale = np.abs(pulled).max(initial=0.0) or 1.0
            once = _quotient(problem.pull_strength(pulled / scale), problem.strength)
            if once != 0.0:
                gradient[r] = once * _quotient(scale, problem.strength)
        return gradient


class TransportRank(LineOperator):
    """Expected targets of the entries under the plan to 1, ..., n."""

    def __init__(self, descending):
        self.negates = descending

    def read(self, problem, order, out):
        out[order] = problem.plan @ problem.targets

    def spread(self, problem, order, cotangent):
        return cotangent[order][:, None] * problem.targets

    def read_tangent(self, problem, moved, tangent, order, out):
        out[order] = _quotient(moved @ problem.targets, problem.strength)


class TransportSort(LineOperator):
    """Expected entries at the targets under the plan to 1, ..., n."""

    def __init__(self, descending):
        self.descending = descending

    def _directed(self, values):
        return values[::-1] if self.descending else values

    def read(self, problem, order, out):
        # Around an entry, so that equal entries are kept to the last digit.
        first = problem.x[0]
        out[:] = self._directed((problem.x - first) @ problem.plan + first)

    def spread(self, problem, order, cotangent):
        return self._distance(problem) * self._directed(cotangent)

    def pull_values(self, problem, cotangent):
        return problem.plan @ self._directed(cotangent)

    def read_tangent(self, problem, moved, tangent, order, out):
        # A product of two numbers in the unit of x could overflow, or vanish.
        scale = np.abs(moved).max(initial=0.0) or 1.0
        inner = (self._distance(problem) * (moved / scale)).sum(axis=0)
        inner = _quotient(inner, problem.strength) * scale
        out[:] = self._directed(inner + tangent @ problem.plan)

    def _distance(self, problem):
        """Return the entries less the main one at each target, whose mass is fixed."""
        return problem.x[:, None] - problem.x[problem.plan.argmax(axis=0)]


class TransportPermutation(LineOperator):
    """The plan to 1, ..., n itself, a doubly stochastic matrix of sorted positions."""

    def __init__(self, descending):
        self.negates = descending

    def output_shape(self, n):
        return (n, n)

    def read(self, problem, order, out):
        out[:, order] = problem.plan.T

    def spread(self, problem, order, cotangent):
        return cotangent[:, order].T

    def read_tangent(self, problem, moved, tangent, order, out):
        out[:, order] = _quotient(moved.T, problem.strength)


class TransportTopK(LineOperator):
    """The plan to k targets of mass 1, and one that takes the rest."""

    def __init__(self, k, largest):
        self.k = k
        self.negates = largest

    def output_shape(self, n):
        return (n, self.k)

    def targets(self, n):
        mass = np.ones(self.k + 1)
        mass[self.k] = n - self.k
        n_targets = self.k + (self.k < n)
        return np.arange(n_targets, dtype=np.float64), mass[:n_targets]

    def read(self, problem, order, out):
        out[order] = problem.plan[:, : self.k]

    def spread(self, problem, order, cotangent):
        full = np.zeros(problem.plan.shape)
        full[:, : self.k] = cotangent[order]
        return full

    def read_tangent(self, problem, moved, tangent, order, out):
        out[order] = _quotient(moved[:, : self.k], problem.strength)


def _quotient(values, strength):
    """Divide a derivative by the strength; it is zero for a strength of zero."""
    if strength == 0.0:
        return np.zeros_like(values)
    with np.errstate(over="ignore"):
        return values / strength
