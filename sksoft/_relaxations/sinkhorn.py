# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks, sorts, permutations and sorted selections as entropic transport on the line.

The semi-dual problem is minimised by Newton's method over the thresholds between
neighbouring targets, not over potentials. Started from the quantiles of the points,
which are the solution without entropy, and from the log ratios of the masses that
compete for a target, it takes a few Newton steps at any strength, where Sinkhorn's
iteration needs a number that grows as the strength vanishes.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._ground._blocks import put_rows
from sksoft._relaxations._comparisons import laplace_ranks, settle_ranks
from sksoft._relaxations._operator import Operator, directed, taken
from sksoft._relaxations._sinkhorn_derivative import differentiate_plans
from sksoft._relaxations._sinkhorn_plan import put_plans, read_plans, take_steps
from sksoft._relaxations._sinkhorn_solver import solve_plans, start_plans
from sksoft._threads import check_abandoned

# Newton steps at most. Twelve have been enough for all that was tried.
MAX_ITER = 60

# The relative error of a marginal above which a solution is reported as failed.
TOL = 1e-9

# A kernel is called for no more steps than this many multiplications, so that an
# interrupt is answered.
CALL_SIZE = 1 << 30


class Plans(NamedTuple):
    """Solved plans of some rows: all that they are computed from."""

    x: np.ndarray  # (n_rows, n), ascending
    order: np.ndarray  # (n_rows, n)
    strength: np.ndarray  # (n_rows,)
    offset: np.ndarray  # (n_rows, m - 1), the dual variables

    @property
    def size(self):
        """The numbers of rows, targets and points."""
        return (len(self.x), self.offset.shape[1] + 1, self.x.shape[1])

    def read(self):
        """Return the plans, an array of shape (n_rows, m, n)."""
        plan = np.ones(self.size)
        if self.offset.size:
            work, _, vectors = _room(self.size)
            read_plans(self.x, self.strength, self.offset, plan, work, vectors)
        return plan

    def differentiate(self, steps, read=False):
        """Apply the derivative of the plans in their logits, which is symmetric.

        Parameters
        ----------
        steps : ndarray of shape (n_rows, m - 1, n)
            Differences, from target to target, of a derivative of the logits or of a
            cotangent of the plans. Overwritten.
        read : bool, default=False
            Whether the derivatives of the plans are wanted.

        Returns
        -------
        tails : ndarray of shape (n_rows, m - 1, n)
            What the derivatives of the plans sum up to above each boundary, or the
            gradients in the steps of the logits.
        tangent_out : ndarray of shape (n_rows, m, n) or None
            The derivatives of the plans.
        """
        tangent_out = np.zeros(self.size) if read else None
        if steps.size:
            room = _room(self.size)
            problem = self.x, self.strength, self.offset
            differentiate_plans(*problem, steps, tangent_out, *room)
        return steps, tangent_out


def _room(size):
    _, m, n = size
    return np.empty((3, m - 1, n)), np.empty((m - 1, m - 1)), np.empty((4, n))


def solve(x, order, strength, m):
    """Return the plans from ascending rows of x to m targets, solved and read."""
    plans = Plans(x, order, strength, np.empty((len(x), m - 1)))
    plan = np.ones(plans.size)
    if not plans.offset.size:
        return plans, plan
    room = _room(plans.size)
    settled, residual = np.zeros(len(x), np.uint8), np.zeros(len(x))
    n_steps = max(1, min(MAX_ITER, CALL_SIZE // (len(x) * x.shape[1] * m**2)))
    start_plans(x, strength, plans.offset)
    for _ in range(0, MAX_ITER, n_steps):
        check_abandoned()
        solve_plans(x, strength, n_steps, plans.offset, settled, residual, plan, *room)
        if settled.all():
            break
    else:
        plan = plans.read()
    if not residual.max() <= TOL:
        warnings.warn(
            "The transport plan did not converge: the relative error of its "
            f"marginals is {residual.max():.1e}. Use a larger regularization_strength.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return plans, plan


class SinkhornOperator(Operator):
    """Something read off the entropic plan from the entries of a row to m targets.

    Subclasses say what is read off a plan, and how a cotangent gets back to it.
    """

    sorts = "always"
    keeps_rows = False

    def n_targets(self, n):
        """Return the number of targets: all but the last have the mass 1."""
        return n

    def work(self, n):
        # The products with the Hessian cost more than the plan where there are many.
        m = self.n_targets(n)
        return n * m * max(1, m // 16)

    def read(self, plans, plan, out):
        """Write what is read off solved plans, given as they are too."""
        raise NotImplementedError

    def spread(self, plans, cotangent):
        """Return the steps of a cotangent of the plans, from target to target."""
        raise NotImplementedError

    def read_tangent(self, plans, tangent, out):
        """Write the derivatives of what is read off along tangents of sorted rows."""
        raise NotImplementedError

    def pull_values(self, plans, cotangent):
        """Return the gradient in the sorted entries at fixed plans."""
        return 0.0

    def forward(self, rows, order, out, *, keep, regularization_strength):
        n = rows.shape[1]
        if not n:
            return None
        x = taken(rows, order)
        plans, plan = solve(x, order, regularization_strength, self.n_targets(n))
        self.read(plans, plan, out)
        return plans if keep else None

    def pullback(self, state, cotangent, out):
        if state is None:
            return
        tails, _ = state.differentiate(self.spread(state, cotangent))
        gradient = _quotient(tails.sum(axis=1), state.strength)
        put_rows(gradient + self.pull_values(state, cotangent), state.order, out)

    def pushforward(self, state, tangent, out):
        if state is not None:
            self.read_tangent(state, taken(tangent, state.order), out)

    def pull_regularization_strength(self, state, cotangent):
        """Return the gradient in the strength, for each row."""
        if state is None:
            return np.zeros(len(cotangent))
        tails, _ = state.differentiate(self.spread(state, cotangent))
        # A product of two numbers in the unit of x could overflow, or vanish.
        scale = np.abs(tails).max(axis=(1, 2), initial=0.0)
        scale = np.where(scale > 0.0, scale, 1.0)
        tails /= scale[:, None, None]
        # Differences from the boundaries: exactly zero where only ties are soft.
        n_steps = tails.shape[1]
        tails *= state.x[:, 1 : n_steps + 1, None] - state.x[:, None]
        once = _quotient(tails.sum(axis=(1, 2)), state.strength)
        twice = np.where(once == 0.0, 0.0, _quotient(scale, state.strength))
        return once * twice


class SinkhornRank(SinkhornOperator):
    """Expected targets of the entries under the plan to 1, ..., n."""

    def __init__(self, descending):
        self.negates = descending

    def read(self, plans, plan, out):
        n = out.shape[1]
        ranks = np.clip(np.arange(1.0, n + 1.0) @ plan, 1.0, n)
        settle_ranks(plans.x, ranks)
        hard = plans.strength == 0.0
        if hard.any():
            # Averages of the positions of ties, to the last digit.
            rows = plans.x[hard]
            averages = np.empty(rows.shape)
            laplace_ranks(rows, None, np.zeros(len(rows)), averages)
            ranks[hard] = averages
        put_rows(ranks, plans.order, out)

    def spread(self, plans, cotangent):
        return _repeated(plans, taken(cotangent, plans.order))

    def read_tangent(self, plans, tangent, out):
        tails, _ = plans.differentiate(_repeated(plans, tangent))
        put_rows(_quotient(tails.sum(axis=1), plans.strength), plans.order, out)


class SinkhornSort(SinkhornOperator):
    """Expected entries at the targets under the plan to 1, ..., n."""

    def __init__(self, descending):
        self.descending = descending

    def _directed(self, values):
        return values[:, ::-1] if self.descending else values

    def read(self, plans, plan, out):
        # Around an entry, so that equal entries are kept to the last digit.
        first, last = plans.x[:, :1], plans.x[:, -1:]
        values = _product(plan, plans.x - first) + first
        # Rounding must not exchange neighbours, nor leave the range.
        values = np.maximum.accumulate(np.clip(values, first, last), axis=1)
        # Zeros of both signs sort to the same bits.
        out[:] = self._directed(values) + 0.0

    def spread(self, plans, cotangent):
        cotangent = directed(cotangent, self.descending)
        return np.diff(_distances(plans) * cotangent[:, :, None], axis=1)

    def pull_values(self, plans, cotangent):
        cotangent = directed(cotangent, self.descending)
        return (cotangent[:, None] @ plans.read())[:, 0]

    def read_tangent(self, plans, tangent, out):
        _, plan_out = plans.differentiate(_repeated(plans, tangent), read=True)
        # A product of two numbers in the unit of x could overflow, or vanish.
        scale = np.abs(plan_out).max(axis=(1, 2), initial=0.0)[:, None]
        scale = np.where(scale > 0.0, scale, 1.0)
        plan_out /= scale[:, None]
        plan_out *= _distances(plans)
        inner = _quotient(plan_out.sum(axis=2), plans.strength) * scale
        out[:] = self._directed(inner + _product(plans.read(), tangent))


class SinkhornPermutation(SinkhornOperator):
    """The plan to 1, ..., n itself, a doubly stochastic matrix of sorted positions."""

    def __init__(self, descending):
        self.negates = descending

    def output_shape(self, n):
        return (n, n)

    def read(self, plans, plan, out):
        put_plans(plan, plans.order, self._by_entry(out))

    def spread(self, plans, cotangent):
        _, m, n = plans.size
        steps = np.empty((len(cotangent), m - 1, n))
        take_steps(self._by_entry(cotangent), plans.order, steps)
        return steps

    def read_tangent(self, plans, tangent, out):
        _, tangent_out = plans.differentiate(_repeated(plans, tangent), read=True)
        tangent_out = _quotient(tangent_out, plans.strength)
        put_plans(tangent_out, plans.order, self._by_entry(out))

    def _by_entry(self, matrices):
        return matrices.transpose(0, 2, 1)


class SinkhornTopK(SinkhornPermutation):
    """The plan to k targets of mass 1, and one that takes the rest."""

    def __init__(self, k, largest):
        self.k = k
        self.negates = largest

    def n_targets(self, n):
        return self.k + (self.k < n)

    def output_shape(self, n):
        return (n, self.k)

    def _by_entry(self, matrices):
        return matrices


def _repeated(plans, tangent):
    """Return the steps, from target to target, of targets times a tangent."""
    return np.repeat(tangent[:, None], plans.offset.shape[1], axis=1)


def _product(matrices, vectors):
    return (matrices @ vectors[:, :, None])[:, :, 0]


def _distances(plans):
    """Return the entries less the one sorted to each target, whose mass is fixed."""
    return plans.x[:, None] - plans.x[:, :, None]


def _quotient(values, strength):
    """Divide derivatives by the strengths; they are zero for a strength of zero."""
    strength = strength.reshape(-1, *[1] * (values.ndim - 1))
    with np.errstate(over="ignore"):
        return values / np.where(strength > 0.0, strength, np.inf)
