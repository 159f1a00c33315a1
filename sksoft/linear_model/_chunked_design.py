# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows in standardised units that are made anew in every pass over chunks of rows.

What a trimmed fit needs of all rows are sums over them, order statistics of residuals,
and a sample. Weights of rows are never held: they are functions of the residuals.
"""

from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from scipy import linalg

from sksoft._chunks import add
from sksoft._selection import expected_ranges, order_statistics, quantiles
from sksoft._weighted import ROUNDING
from sksoft.linear_model._design import (
    FARTHEST,
    RANK_TOLERANCE,
    Design,
    directions_gram,
    gram_rank,
    standardized_target,
    whitener,
)

# Below this reciprocal condition number normal equations lose too many digits.
LEAST_CONDITION = 1e-10


class ChunkedDesign:
    """Standardised rows and one target, made anew piece by piece in every pass.

    Parameters
    ----------
    rows : RowChunks
        Pieces are features, targets of shape (n_rows, n_targets) and weights or None.

    n_rows : int
        Number of rows of positive weight.

    total : float
        Weight of all rows.

    units, target : Units
        Of the features and of the target.

    column : int
        Which of the targets is fitted.

    sample : Design
        Some of the rows, in memory.

    sample_target : ndarray of shape (n_sampled,)
        Their standardised targets.

    penalty : ndarray of shape (n_columns,)
        Ridge penalty of each column in standardised units.

    as_given : bool
        Whether rows are near enough to their centre to be worked with as given.
    """

    def __init__(
        self,
        rows,
        n_rows,
        total,
        units,
        target,
        column,
        sample,
        sample_target,
        penalty,
        as_given,
    ):
        self.rows = rows
        self.total = total
        self.units = units
        self.target = target
        self.column = column
        self.sample = sample
        self.sample_target = sample_target
        self.penalty = penalty
        self.as_given = as_given
        self.shape = (n_rows, sample.shape[1])

    @cached_property
    def rank(self):
        """Number of coefficients that the rows determine; all under a penalty."""
        rank = self.sample.rank
        if rank < self.shape[1]:
            rank = gram_rank(
                self.reduce(lambda design, z: directions_gram(design.matrix))
            )
        return rank

    @property
    def fit_intercept(self):
        """Whether there is a column of ones."""
        return self.shape[1] > self.sample.n_features

    def with_penalty(self, penalty):
        """Return the same rows under another ridge penalty."""
        return ChunkedDesign(
            self.rows,
            self.shape[0],
            self.total,
            self.units,
            self.target,
            self.column,
            self.sample,
            self.sample_target,
            penalty,
            self.as_given,
        )

    def standardizer(self):
        """Return the map of pieces of rows to their `Design` and standardised target.

        It is small, to be sent to other processes.
        """
        return partial(
            _standardized,
            self.units,
            self.fit_intercept,
            self.as_given,
            self.target,
            self.column,
        )

    def reduce(self, statistic, combine=add):
        """Return the reduction of ``statistic(design, z)`` over all pieces."""
        return self.rows.reduce(
            partial(_on_piece, self.standardizer(), statistic), combine
        )

    def solve(self, rule, coef):
        """Return least squares weighted by a rule of the residuals of coefficients."""
        found = self.normal_equations(coef, rule, coef)
        new, refine = self.improved(coef, found, rule)
        if not refine:
            return new
        # One step of refinement makes normal equations as good as orthogonal ones.
        found = self.normal_equations(new, rule, coef)
        return self.improved(new, found, rule)[0]

    def normal_equations(self, coef, rule, rule_coef=None):
        """Return the `NormalEquations` of a step from coefficients.

        The weights are those of the residuals of `rule_coef`, those of `coef` if that
        is None.
        """

        def statistic(design, z):
            residual = design.residual(coef, z)
            judged = residual if rule_coef is None else design.residual(rule_coef, z)
            slope = design.sample_weight * rule(judged, design)
            return (
                *weighted_products(design, slope, residual),
                float(slope @ residual**2),
                float(slope.sum()),
            )

        return NormalEquations(*self.reduce(statistic))

    def improved(self, coef, found, rule):
        """Return coefficients after the step of normal equations, and how they came.

        Returns
        -------
        coef : ndarray of shape (n_columns,)
            New coefficients.

        refine : bool
            Whether another such step would make them more precise.
        """
        gram = found.gram + np.diag(self.penalty)
        right = found.right - self.penalty * coef
        factor, info = linalg.lapack.dpotrf(gram)
        if info == 0:
            norm = np.abs(gram).sum(axis=0).max()
            condition, _ = linalg.lapack.dpocon(factor, norm)
            if condition >= LEAST_CONDITION:
                return coef + linalg.lapack.dpotrs(factor, right)[0], True
        return self._solve_by_orthogonal_factors(coef, rule), False

    def _solve_by_orthogonal_factors(self, rule_coef, rule):
        def statistic(design, z):
            residual = design.residual(rule_coef, z)
            root = np.sqrt(design.sample_weight * rule(residual, design))
            rows = np.column_stack([design.matrix, z]) * root[:, None]
            return np.linalg.qr(rows, mode="r")

        triangle = self.reduce(
            statistic, lambda a, b: np.linalg.qr(np.vstack([a, b]), mode="r")
        )
        matrix = np.vstack([triangle[:, :-1], np.diag(np.sqrt(self.penalty))])
        target = np.append(triangle[:, -1], np.zeros(len(self.penalty)))
        coef = np.linalg.lstsq(matrix, target, rcond=RANK_TOLERANCE)[0]
        # What no row spans has no coefficient, not a rounding error.
        coef[~matrix.any(axis=0)] = 0.0
        return coef

    def whitener(self, gram):
        """Return the whitening transform of a Gram matrix without the penalty."""
        return whitener(gram + np.diag(self.penalty))

    def smallest(self, coef, kept):
        """Return the rule that keeps the rows with the smallest residuals."""
        if kept >= self.total:
            return everything
        residual = np.abs(self.sample.residual(coef, self.sample_target))
        share = kept / self.total
        ranges = expected_ranges(residual, [share], self.sample.weight_or_none)

        def sizes(design, z):
            return np.abs(design.residual(coef, z)), design.weight_or_none

        (boundary,) = order_statistics(
            self.reduce, sizes, [kept * (1 - ROUNDING)], self.total, ranges
        )
        share = np.clip((kept - boundary.below) / boundary.tied, 0.0, 1.0)
        return Smallest(boundary.value, float(share))

    def residual_quantiles(self, coef, probabilities):
        """Return quantiles of the residuals; 0 and 1 are first and last."""
        inner = probabilities[1:-1]
        residual = self.sample.residual(coef, self.sample_target)
        ranges = expected_ranges(residual, inner, self.sample.weight_or_none)

        def residuals(design, z):
            return design.residual(coef, z), design.weight_or_none

        def extremes(design, z):
            residual = design.residual(coef, z)
            return residual.min(), residual.max()

        low, high = self.reduce(
            extremes, lambda a, b: (min(a[0], b[0]), max(a[1], b[1]))
        )
        middle = quantiles(self.reduce, residuals, inner, self.total, ranges)
        return np.array([low, *middle, high])


class NormalEquations(NamedTuple):
    """Weighted sums over rows: a step of least squares from coefficients.

    Attributes
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Sum of ``w x x^T``.

    right : ndarray of shape (n_columns,)
        Sum of ``w x r`` for residuals ``r``.

    square : float
        Sum of ``w r^2``.

    mass : float
        Sum of the weights ``w``.
    """

    gram: np.ndarray
    right: np.ndarray
    square: float
    mass: float


class Smallest(NamedTuple):
    """Rule that keeps residuals below a boundary, and a share of those at it."""

    boundary: float
    share: float

    def __call__(self, residual, design):
        """Return the weights of residuals."""
        size = np.abs(residual)
        return (size < self.boundary) + self.share * (size == self.boundary)


class Within(NamedTuple):
    """Rule that keeps residuals up to a bound."""

    bound: float

    def __call__(self, residual, design):
        """Return the weights of residuals."""
        return (np.abs(residual) <= self.bound).astype(np.float64)


def everything(residual, design):
    """Rule that keeps every row."""
    return np.ones(len(residual))


def weighted_products(design, slope, residual):
    """Return the sums of ``slope x x^T`` and ``slope x residual`` over a piece."""
    root = np.sqrt(slope)
    columns = design.matrix.T * root
    return columns @ columns.T, columns @ (root * residual)


class Piece(Design):
    """Rows of a piece, standardised where that is needed.

    Residuals and sums of the rows as given are those of standardised rows, but for
    rounding.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows as given.

    sample_weight : ndarray of shape (n_rows,) or None
        How often each row counts; None counts each once.

    units : Units
        Of the features.

    fit_intercept : bool
        Whether there is a column of ones.

    as_given : bool
        Whether rows are tame enough to be worked with as given.
    """

    def __init__(self, X, sample_weight, units, fit_intercept, as_given):
        self._X = X
        self._units = units
        self._fit_intercept = fit_intercept
        self._as_given = as_given
        self.n_features = X.shape[1]
        self.weighted = sample_weight is not None
        self.sample_weight = sample_weight if self.weighted else np.ones(len(X))

    @cached_property
    def matrix(self):
        """The standardised rows, columns contiguous."""
        columns = np.empty((self.n_features + self._fit_intercept, len(self._X)))
        features = columns[: self.n_features]
        np.subtract(self._X.T, self._units.location[:, None], out=features)
        features /= self._units.scale[:, None]
        # Squares of rows this far out must not overflow; nothing believes them.
        np.clip(features, -FARTHEST, FARTHEST, out=features)
        columns[self.n_features :] = 1.0
        return columns.T

    def residual(self, coef, y):
        """Return the residuals of coefficients."""
        if not self._as_given:
            return super().residual(coef, y)
        slopes = coef[: self.n_features] / self._units.scale
        residual = y - self._X @ slopes
        constant = -slopes @ self._units.location
        residual -= constant + coef[-1] if self._fit_intercept else constant
        return residual

    def pull(self, values):
        """Return the sum of the rows, each times a value."""
        if not self._as_given:
            return super().pull(values)
        total = values.sum()
        sums = self._X.T @ values - total * self._units.location
        sums /= self._units.scale
        return np.append(sums, total) if self._fit_intercept else sums

    def features(self, rows):
        """Return chosen rows without the column of ones."""
        # All rows are standardised faster by columns.
        if not self._as_given or isinstance(rows, slice):
            return super().features(rows)
        return (self._X[rows] - self._units.location) / self._units.scale


def _on_piece(standardizer, statistic, X, targets, weight):
    return statistic(*standardizer(X, targets, weight))


def _standardized(units, fit_intercept, as_given, target, column, X, targets, weight):
    """Return the `Piece` of some rows, and its standardised target."""
    piece = Piece(X, weight, units, fit_intercept, as_given)
    return piece, standardized_target(targets[:, column], target)
