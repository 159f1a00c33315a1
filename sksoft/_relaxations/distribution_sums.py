# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks, sorts and distribution functions as sums of a law around each value."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from sksoft._ground._blocks import put_rows
from sksoft._relaxations._comparisons import (
    laplace_differences,
    laplace_ranks,
    pairwise_differences,
    pairwise_ranks,
    settle_ranks,
)
from sksoft._relaxations._laplace import laplace_averages, laplace_sort
from sksoft._relaxations._operator import Operator, directed, taken
from sksoft._threads import check_abandoned, pieces


class RankState(NamedTuple):
    """Sorted rows and what they were ranked with."""

    order: np.ndarray
    values: np.ndarray
    weight: np.ndarray | None
    strength: np.ndarray


class DistributionSumRank(Operator):
    """Sums over pairs of the distribution function of a law."""

    sorts = "always"
    homogeneous = True

    def __init__(self, law, descending):
        self.law = law
        self.negates = descending

    def work(self, n):
        return n if self.law == "laplace" else n * n

    def forward(self, rows, order, out, *, keep, regularization_strength, weights=None):
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        ranks = np.empty(rows.shape)
        self._rank(values, weight, regularization_strength, ranks)
        settle_ranks(values, ranks)
        put_rows(ranks, order, out)
        if not keep:
            return None
        return RankState(order, values, weight, regularization_strength)

    def _rank(self, values, weight, strength, out):
        """Write the ranks of sorted rows, in sorted order."""
        if self.law == "laplace":
            laplace_ranks(values, weight, strength, out)
            return
        gaussian = self.law == "gaussian"
        for start, stop in pieces(values.shape[1], values.size):
            pairwise_ranks(values, weight, strength, gaussian, start, stop, out)

    def _apply(self, state, vector, out, transpose):
        order, values, weight, strength = state
        vector = taken(vector, order)
        product = np.empty_like(vector)
        if self.law == "laplace":
            laplace_differences(values, weight, vector, strength, transpose, product)
        else:
            gaussian = self.law == "gaussian"
            for start, stop in pieces(values.shape[1], values.size):
                pairwise_differences(
                    values,
                    weight,
                    vector,
                    strength,
                    gaussian,
                    transpose,
                    start,
                    stop,
                    product,
                )
        put_rows(product, order, out)

    def pullback(self, state, cotangent, out):
        self._apply(state, cotangent, out, True)

    def pushforward(self, state, tangent, out):
        self._apply(state, tangent, out, False)

    def pull_weights(self, state, cotangent):
        """A weight adds to all ranks; F(-t) = 1 - F(t) makes their sum ranks itself."""
        order, values, _, strength = state
        cotangent = taken(cotangent, order)
        ranks = np.empty(values.shape)
        self._rank(values, cotangent, strength, ranks)
        gradient = np.empty(values.shape)
        put_rows(cotangent.sum(axis=1, keepdims=True) - (ranks - 0.5), order, gradient)
        return gradient


class LaplaceSortState(NamedTuple):
    """Sorted rows, and where their levels lie between the entries."""

    order: np.ndarray
    values: np.ndarray
    # The entry before each level, and the distances to it and to the one after it.
    before: np.ndarray
    distances: np.ndarray
    strength: np.ndarray


class LaplaceSort(Operator):
    """The levels 1/2, 3/2, ... of the sum of Laplace distribution functions."""

    sorts = "always"
    pools = False

    def __init__(self, descending):
        self.descending = descending

    def forward(self, rows, order, out, *, keep, regularization_strength):
        values = taken(rows, order)
        n = values.shape[1]
        result = np.empty(values.shape)
        before = np.empty(values.shape, np.intp)
        distances = np.empty((2, *values.shape))
        laplace_sort(
            values,
            regularization_strength,
            np.empty((3, n + 1)),
            result,
            before,
            *distances,
        )
        # Zeros of both signs sort to the same bits.
        result += 0.0
        with np.errstate(over="ignore"):
            out[...] = result[:, ::-1] if self.descending else result
        if not keep:
            return None
        return LaplaceSortState(
            order, values, before, distances, regularization_strength
        )

    def _average(self, state, vector, transpose):
        _, values, before, distances, strength = state
        out = np.empty(values.shape)
        d_strength = np.empty(values.shape)
        laplace_averages(
            values,
            strength,
            before,
            *distances,
            vector,
            transpose,
            np.empty((6, values.shape[1])),
            out,
            d_strength,
        )
        return out, d_strength

    def pullback(self, state, cotangent, out):
        gradient = directed(cotangent, self.descending)
        put_rows(self._average(state, gradient, True)[0], state.order, out)

    def pushforward(self, state, tangent, out):
        levels = self._average(state, taken(tangent, state.order), False)[0]
        with np.errstate(over="ignore"):
            out[...] = levels[:, ::-1] if self.descending else levels

    def pull_regularization_strength(self, state, cotangent):
        """The levels move by the average distance, in strengths, to the entries."""
        gradient = directed(cotangent, self.descending)
        d_strength = self._average(state, gradient, True)[1]
        return np.where(state.strength > 0.0, (gradient * d_strength).sum(axis=1), 0.0)


def _laplace_cdf(t):
    return np.where(t < 0.0, 0.5 * np.exp(-np.abs(t)), 1.0 - 0.5 * np.exp(-np.abs(t)))


# The distribution functions and densities of the laws.
LAWS = {
    "logistic": (expit, lambda t: expit(t) * expit(-t)),
    "gaussian": (ndtr, lambda t: np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi)),
    "laplace": (_laplace_cdf, lambda t: 0.5 * np.exp(-np.abs(t))),
}


class EcdfState(NamedTuple):
    """Entries, their weights and the sums of these, points, and strengths."""

    x: np.ndarray
    weight: np.ndarray
    total: np.ndarray
    points: np.ndarray
    strength: np.ndarray


class Ecdf(Operator):
    """The mean of F((point - x_i) / strength)."""

    def __init__(self, method, shape):
        self.cdf, self.density = LAWS[method]
        self.shape = shape

    def output_shape(self, n):
        return self.shape

    def work(self, n):
        return n * max(math.prod(self.shape), 1)

    def forward(
        self, rows, order, out, *, keep, regularization_strength, points, weights=None
    ):
        x = rows.astype(np.float64)
        weight = np.ones_like(x) if weights is None else weights
        total = weight.sum(axis=1)
        points = points.reshape(-1)
        columns = out.reshape(len(x), len(points))
        for column, point in enumerate(points):
            check_abandoned()
            below = self._below(x, point, regularization_strength)
            # Divided once: nothing that sums to the total exceeds one.
            columns[:, column] = np.clip((weight * below).sum(axis=1) / total, 0, 1)
        if not keep:
            return None
        return EcdfState(x, weight, total, points, regularization_strength)

    def _below(self, x, point, strength):
        """Return F for each entry: a step at the entry itself for a strength of 0."""
        below = self.cdf(_steps(point - x, strength))
        return np.where(strength[:, None] == 0.0, x <= point, below)

    def _slope(self, state, point):
        check_abandoned()
        x, weight, total, _, strength = state
        steps = _steps(point - x, strength)
        with np.errstate(over="ignore"):
            return weight * self.density(steps) / total[:, None], steps

    def pullback(self, state, cotangent, out):
        x, _, _, points, strength = state
        cotangent = cotangent.reshape(len(x), len(points))
        gradient = np.zeros_like(x)
        for column, point in enumerate(points):
            gradient -= self._slope(state, point)[0] * cotangent[:, column, None]
        with np.errstate(over="ignore"):
            out[...] = _steps(gradient, strength, hard=0.0)

    def pushforward(self, state, tangent, out):
        x, _, _, points, strength = state
        columns = out.reshape(len(x), len(points))
        for column, point in enumerate(points):
            change = -(self._slope(state, point)[0] * tangent).sum(axis=1)
            with np.errstate(over="ignore"):
                columns[:, column] = _steps(change[:, None], strength, hard=0.0)[:, 0]

    def pull_points(self, state, cotangent):
        _, _, _, points, strength = state
        density = np.empty((len(strength), len(points)))
        for column, point in enumerate(points):
            density[:, column] = self._slope(state, point)[0].sum(axis=1)
        density = _steps(density, strength, hard=0.0)
        return cotangent * density.reshape(cotangent.shape)

    def pull_weights(self, state, cotangent):
        """Return the gradient in the weights: what each entry adds to the mean."""
        x, weight, total, points, strength = state
        gradient = np.zeros_like(x)
        cotangent = cotangent.reshape(len(x), len(points))
        for column, point in enumerate(points):
            check_abandoned()
            below = self._below(x, point, strength)
            mean = (weight * below).sum(axis=1) / total
            gradient += cotangent[:, column, None] * (below - mean[:, None])
        return gradient / total[:, None]

    def pull_regularization_strength(self, state, cotangent):
        _, _, _, points, strength = state
        total = np.zeros(len(strength))
        cotangent = cotangent.reshape(len(strength), len(points))
        for column, point in enumerate(points):
            slope, steps = self._slope(state, point)
            steps = np.where(slope > 0.0, steps, 0.0)
            total -= cotangent[:, column] * (slope * steps).sum(axis=1)
        return _steps(total[:, None], strength, hard=0.0)[:, 0]


def _steps(gap, strength, hard=np.inf):
    """Gaps in strengths; for a strength of zero, this number with their sign."""
    strength = strength[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        steps = gap / np.where(strength > 0.0, strength, 1.0)
        far = np.where(gap == 0.0, 0.0, hard * np.sign(gap))
    return np.where(strength > 0.0, steps, far)
