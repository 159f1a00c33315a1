# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks, sorts, permutations and sorted selections as entropic transport on the line.

The semi-dual problem is minimised by Newton's method over the thresholds between
neighbouring targets, not over potentials. Started from the quantiles of the points,
which are the solution without entropy, it takes a few Newton steps at any strength,
where Sinkhorn's iteration needs a number that grows as the strength vanishes. The
Hessian, with the entries sum_i mass_i below[i, min(j, l)] above[i, max(j, l)], is a
sum of positive terms: nothing cancels, and with a unit diagonal it is well conditioned.
"""

import warnings

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from sklearn.exceptions import ConvergenceWarning

from sksoft._relaxations._operator import Operator
from sksoft._relaxations._sinkhorn_plan import (
    cumulate_plan,
    marginal_excess,
    plan_logits,
)
from sksoft._threads import check_abandoned


class LineOperator(Operator):
    """Something read off the entropic plan from the entries of a row to m targets.

    The plan, of shape (n, m), has rows in ascending order of the entries, which sum
    to one. Subclasses say what is read off it, and how a cotangent gets back to it.
    """

    sorts = "always"

    def targets(self, n):
        """Return the places of the targets, ascending, and their masses."""
        return np.arange(1.0, n + 1.0), np.ones(n)

    def n_targets(self, n):
        """Return the number of targets."""
        return n

    def work(self, n):
        # A step of BLAS is a fraction of a step.
        return max(n, n * self.n_targets(n) ** 2 // 64)

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
            check_abandoned()
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
            check_abandoned()
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
        n_targets = self.n_targets(n)
        return np.arange(n_targets, dtype=np.float64), mass[:n_targets]

    def n_targets(self, n):
        return self.k + (self.k < n)

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


MAX_ITER = 60


# A Newton step this short is the last one: convergence is quadratic.
LAST_STEP = 1e-7


# The relative error of a marginal above which a solution is reported as failed.
TOL = 1e-9


# Entries this many logits apart are as if infinitely far from each other.
SATURATED = 3000.0


class LineTransport:
    """The plan from sorted points with masses to sorted targets with masses.

    Both masses have the same sum, and every mass is positive.

    Parameters
    ----------
    x, mass : ndarray of shape (n,)
        The points in ascending order, and their masses.
    targets, target_mass : ndarray of shape (m,)
        The targets in ascending order, and their masses.
    strength : float
        Half the weight of the entropy against the cost ``(x - y)**2``.
    offset : ndarray of shape (m - 1,), default=None
        The solution, where it is known; solved for otherwise.
    """

    def __init__(self, x, mass, targets, target_mass, strength, offset=None):
        self.x, self.mass, self.strength = x, mass, strength
        self.targets, self.target_mass = targets, target_mass
        self.rise = np.diff(targets)
        with np.errstate(over="ignore", divide="ignore"):
            self.rate = self.rise / strength
        self._factor = None
        self._place_boundaries()
        n, m = len(x), len(targets)
        self.plan = np.empty((n, m))
        self.below, self.above = np.empty((2, n, m - 1))
        if m == 1:
            self.offset = np.empty(0)
            self.plan[:] = 1.0
        elif offset is None:
            self._solve()
        else:
            self._evaluate(offset)

    def _place_boundaries(self):
        """Find the entries at which the mass of the largest reaches that of targets."""
        tail = np.cumsum(self.mass[::-1])
        wanted = np.cumsum(self.target_mass[::-1])[-2::-1]
        count = np.searchsorted(tail, wanted * (1.0 - 1e-14)) + 1
        self.boundary = len(self.x) - count
        self.surplus = tail[count - 1] - wanted
        self.surplus[np.abs(self.surplus) <= 1e-14 * tail[-1]] = 0.0
        self.pivot = self.x[self.boundary]

    def _start(self):
        """Start from the boundaries: in the middle of a gap, or else on an entry."""
        gap = np.zeros(len(self.rise))
        inner = np.flatnonzero((self.surplus == 0.0) & (self.boundary > 0))
        step = self.pivot[inner] - self.x[self.boundary[inner] - 1]
        with np.errstate(over="ignore", invalid="ignore"):
            gap[inner] = np.where(step > 0.0, step * self.rate[inner], 0.0)
        return -0.5 * np.minimum(gap, SATURATED)

    def _evaluate(self, offset):
        """Set the plan; return the mass that too much of it has above each boundary."""
        self.offset = offset
        logits = self.plan
        plan_logits(self.x, self.pivot, self.rate, offset, logits)
        # Deeper than this, exp has nothing but underflow to report.
        np.maximum(logits, -800.0, out=logits)
        with np.errstate(under="ignore"):
            np.exp(logits, out=self.plan)
        cumulate_plan(self.plan, self.below, self.above)
        excess = self.surplus.copy()
        marginal_excess(self.below, self.above, self.mass, self.boundary, excess)
        return excess

    def _residual(self, excess):
        """Return the largest relative error of a target's mass."""
        error = np.diff(excess, prepend=0.0, append=0.0)
        return np.abs(error / self.target_mass).max()

    def _solve(self):
        excess = self._evaluate(self._start())
        for _ in range(MAX_ITER):
            check_abandoned()
            step = self.solve_hessian(excess)
            excess = self._search(excess, step)
            if np.abs(step).max() <= LAST_STEP:
                break
        residual = self._residual(excess)
        if not residual <= TOL:
            warnings.warn(
                "The transport plan did not converge: the relative error of its "
                f"marginals is {residual:.1e}. Use a larger regularization_strength.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _search(self, excess, step):
        """Move along a Newton step, not far beyond the minimum of the dual on it."""
        start, slope, scale = self.offset, excess @ step, 1.0
        while True:
            excess = self._evaluate(start + scale * step)
            moved = excess @ step
            if moved >= -0.5 * slope or scale < 1e-8:
                return excess
            scale *= max(0.1, slope / (slope - moved))

    def solve_hessian(self, vector):
        """Solve with the Hessian of the dual in the thresholds, 0 where saturated."""
        if not len(vector):
            return vector
        if self._factor is None or self._factor[0] is not self.offset:
            self._factor = (self.offset, *self._factorized())
        _, scale, factor = self._factor
        return scale * cho_solve(factor, scale * vector, check_finite=False)

    def _factorized(self):
        hessian = (self.below * self.mass[:, None]).T @ self.above
        diagonal = hessian.diagonal()
        alive = diagonal > 1e-290
        scale = np.zeros_like(diagonal)
        scale[alive] = 1.0 / np.sqrt(diagonal[alive])
        hessian *= scale
        hessian *= scale[:, None]
        np.fill_diagonal(hessian, 1.0)
        ridge = 0.0
        while True:
            try:
                return scale, cho_factor(hessian, check_finite=False)
            except LinAlgError:
                ridge = max(10.0 * ridge, 1e-15 * len(hessian))
                np.fill_diagonal(hessian, 1.0 + ridge)

    def centred(self, values):
        """Return values of shape (n, m) less their mean over each row of the plan."""
        # Around the largest entry, so that what is small beside it keeps its digits.
        mode = self.plan.argmax(axis=1)[:, None]
        values = values - np.take_along_axis(values, mode, axis=1)
        values -= (self.plan * values).sum(axis=1, keepdims=True)
        return values

    def _tails(self, values):
        """Sum the plan times centred values over the targets above each boundary."""
        weighted = self.plan * values
        mode = self.plan.argmax(axis=1)[:, None]
        head = np.cumsum(weighted, axis=1)[:, :-1]
        tail = np.cumsum(weighted[:, ::-1], axis=1)[:, -2::-1]
        return np.where(np.arange(tail.shape[1]) < mode, -head, tail)

    def pullback(self, cotangent):
        """Return the gradient in the logits of the plan, given that in the plan.

        It includes what the fixed masses do. It is -2 strength times the gradient in
        the cost, and its rows and columns sum to zero.
        """
        multiplier = self.solve_hessian(
            self._tails(self.centred(cotangent)).sum(axis=0)
        )
        adjusted = cotangent - self.mass[:, None] * _potential(multiplier)
        return self.plan * self.centred(adjusted)

    def pull_x(self, pulled):
        """Return strength times the gradient in x, given that in the logits."""
        return (pulled * self._centred_targets()).sum(axis=1)

    def pull_strength(self, pulled):
        """Return strength^2 times the gradient in the strength."""
        # Differences from the pivots: exactly zero where a tie is all that is soft.
        steps = (self.x[:, None] - self.pivot) * self.rise
        return -(pulled * self.centred(_potential(steps))).sum()

    def pushforward(self, tangent):
        """Return strength times the derivative of the plan along a tangent of x."""
        moved = self._centred_targets() * tangent[:, None]
        steps = self.solve_hessian(self.mass @ self._tails(moved))
        level = np.broadcast_to(_potential(steps), self.plan.shape)
        return self.plan * (moved - self.centred(level))

    def _centred_targets(self):
        return self.centred(np.broadcast_to(self.targets, self.plan.shape))


def _potential(steps):
    """Return what steps between neighbouring targets add up to at each target."""
    start = np.zeros((*steps.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(steps, axis=-1)], axis=-1)
