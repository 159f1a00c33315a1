# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Means of the values between two ranks, by the difference of two masks.

In a sorted sample of total weight N, entry i of weight w covers w units of mass. The
mean over the units between two levels is a mean, a trimmed mean, a median or a
quantile: its weights are the difference of two masks that select the largest entries.
Soft masks make it differentiable, and an entry that both masks select, or both leave,
keeps weight 0.
"""

import math
from typing import NamedTuple

import numpy as np

from sksoft._ground._blocks import put_rows
from sksoft._relaxations._operator import Operator, taken
from sksoft._relaxations.masks import (
    SparseSelection,
    laplace_mask,
    sinkhorn_mask,
    sparse_mask,
)
from sksoft._threads import check_abandoned

# At q = 0 and q = 1 levels are moved by this, to the side where they are allowed.
ASIDE = 1e-13

# Masks of sorted rows, and their slopes times strength as shares and factors.
MASKS = {
    "permutahedron": sparse_mask,
    "sinkhorn": sinkhorn_mask,
    "laplace": laplace_mask,
}


def _finite(values):
    """What overflowed to both sides must not sum to NaN."""
    return np.clip(values, -1e280, 1e280)


class _Edge:
    """One end of a band: its mask, and the shares of the slope of the mask."""

    def __init__(self, solve, values, weight, k, strength):
        self.mask, share, self.factor = solve(values, weight, k, strength)
        self.share = share if weight is None else share * weight

    def differentiate(self, distance, strength):
        """Find the mean of the values at the edge, given as distances to a centre."""
        norm = self.share.sum(axis=1, keepdims=True)
        safe = np.where(norm > 0.0, norm, 1.0)
        self.mean = (self.share * distance).sum(axis=1, keepdims=True) / safe
        distance = distance - self.mean
        strength = strength[:, None]
        slope = self.share * self.factor[:, None] * distance
        slope /= np.where(strength > 0.0, strength, 1.0)
        self.slope = np.where(strength > 0.0, slope, 0.0)
        self.variance = (self.slope * distance).sum(axis=1)


class _Band:
    """The mean between two levels of mass, in a chunk of sorted rows."""

    def __init__(self, solve, sample, ends, differentiate):
        values, weight, strength, mass = sample
        start, stop = ends
        total = mass[:, -1]
        # Far values must not drown the others: sums run over distances to one of the
        # values in the band.
        inside = mass <= (0.5 * (start + stop))[:, None]
        place = np.minimum(inside.sum(axis=1), values.shape[1] - 1)
        centre = values[np.arange(len(values)), place]
        distance = values - centre[:, None]
        self.width = stop - start
        self.lower, self.upper = (
            _Edge(solve, values, weight, np.maximum(total - level, 0.0), strength)
            for level in ends
        )
        share = (self.lower.mask - self.upper.mask) / self.width[:, None]
        if weight is not None:
            share *= weight
        self.offset = (share * distance).sum(axis=1)
        self.mean = np.clip(centre + self.offset, values[:, 0], values[:, -1])
        if not differentiate:
            return
        for edge in (self.lower, self.upper):
            edge.differentiate(distance, strength)
        self.distance, self.strength = distance, strength
        tilt = (self.lower.slope - self.upper.slope) / self.width[:, None]
        self.gradient = _finite(share + tilt)

    def by_strength(self):
        """Return the derivative in the strength."""
        change = (self.upper.variance - self.lower.variance) / self.width
        with np.errstate(over="ignore"):
            change /= np.where(self.strength > 0.0, self.strength, 1.0)
        return _finite(change)

    def by_levels(self):
        """Return the derivative in both levels: values are exchanged at the ends."""
        return (self.upper.mean - self.lower.mean)[:, 0] / self.width

    def by_weights(self, growth):
        """Return the derivatives in the weights, the levels growing with the total."""
        lower, upper = self.lower, self.upper
        gain = (lower.mask - upper.mask) * (self.distance - lower.mean)
        gain += upper.mask * (upper.mean - lower.mean)
        below, above = growth
        gain += (1.0 - below) * lower.mean - (1.0 - above) * upper.mean
        gain -= (above - below) * self.offset[:, None]
        return gain / self.width[:, None]


class Sample(NamedTuple):
    """Sorted values and weights of some rows, and the mass up to each value."""

    values: np.ndarray
    weight: np.ndarray | None
    strength: np.ndarray
    mass: np.ndarray


class BandState(NamedTuple):
    """The bands of some rows."""

    order: np.ndarray
    sample: Sample
    ends: list
    growth: list
    # The band, where there is only one.
    only: _Band | None
    # The power of two by which the weights of each row were divided, if they were.
    exponent: np.ndarray | None = None


class BandMean(Operator):
    """The means of each row over bands of its sorted mass.

    A band needs memory in the size of the rows: of several bands only the ends are
    kept, and the linear maps find the masks again.
    """

    sorts = "always"
    reduces = True

    def __init__(self, method, keepdims):
        self.mask = MASKS[method]
        self.keepdims = keepdims

    def output_shape(self, n):
        return ()

    def bands(self, total, **parameters):
        """Return the ends of each band, shape (n_bands, n_rows), given the masses."""
        raise NotImplementedError

    def growth(self, **parameters):
        """Return what the ends of each band gain with the mass, shape (n_bands,)."""
        raise NotImplementedError

    def forward(
        self,
        rows,
        order,
        out,
        *,
        keep,
        regularization_strength,
        weights=None,
        **parameters,
    ):
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        mass = np.cumsum(np.ones_like(values) if weight is None else weight, axis=1)
        sample = Sample(values, weight, regularization_strength, mass)
        ends = list(zip(*self.bands(mass[:, -1], **parameters), strict=True))
        means = np.empty((len(values), len(ends)))
        only = None
        for place, pair in enumerate(ends):
            only = self._band(sample, pair, keep and len(ends) == 1)
            means[:, place] = only.mean
        # Rounding must not exchange the quantiles of two levels.
        ascending = np.argsort([pair[0][:1].sum() for pair in ends])
        means[:, ascending] = np.maximum.accumulate(means[:, ascending], axis=1)
        # Zeros of both signs give the same bits.
        out[...] = means.reshape(out.shape) + 0.0
        if not keep:
            return None
        growth = list(zip(*self.growth(**parameters), strict=True))
        return BandState(order, sample, ends, growth, only if len(ends) == 1 else None)

    def bounds(self, rows, order, tolerance, weights=None, **parameters):
        if self.mask is not sparse_mask:
            if weights is not None:
                parameters["weights"] = weights
            return super().bounds(rows, order, tolerance, **parameters)
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        total = (np.ones_like(values) if weight is None else weight).sum(axis=1)
        hard, pooled = np.full(len(values), np.inf), np.zeros(len(values))
        selection = SparseSelection("l2", True)
        for ends in zip(*self.bands(total, **parameters), strict=True):
            for level in ends:
                bounds = selection.bounds_of(
                    values, weight, np.maximum(total - level, 0)
                )
                hard, pooled = np.fmin(hard, bounds[0]), np.fmax(pooled, bounds[1])
        return hard, pooled

    def _band(self, sample, ends, differentiate):
        check_abandoned()
        with np.errstate(over="ignore", invalid="ignore"):
            return _Band(self.mask, sample, ends, differentiate)

    def _each(self, state):
        """Yield the place of each band and the band, one at a time."""
        for place, pair in enumerate(state.ends):
            yield place, state.only or self._band(state.sample, pair, True)

    def pullback(self, state, cotangent, out):
        cotangent = cotangent.reshape(len(cotangent), len(state.ends)).astype(
            np.float64
        )
        total = np.zeros(state.order.shape)
        for place, band in self._each(state):
            total += band.gradient * cotangent[:, place, None]
        put_rows(total, state.order, out)

    def pushforward(self, state, tangent, out):
        tangent = taken(tangent, state.order)
        columns = out.reshape(len(tangent), len(state.ends))
        for place, band in self._each(state):
            with np.errstate(over="ignore"):
                columns[:, place] = (band.gradient * tangent).sum(axis=1)

    def pull_regularization_strength(self, state, cotangent):
        cotangent = cotangent.reshape(len(cotangent), len(state.ends))
        total = np.zeros(len(cotangent))
        for place, band in self._each(state):
            total += band.by_strength() * cotangent[:, place]
        return total

    def pull_weights(self, state, cotangent):
        """Return the gradient in the weights, each where it stood."""
        cotangent = cotangent.reshape(len(cotangent), len(state.ends))
        total = np.zeros(state.order.shape)
        for place, band in self._each(state):
            gain = band.by_weights(state.growth[place])
            total += gain * cotangent[:, place, None]
        gradient = np.empty(state.order.shape)
        put_rows(total, state.order, gradient)
        return gradient


class Quantile(BandMean):
    """The unit of mass from (N - 1) q on: linear interpolation between two entries."""

    def __init__(self, method, keepdims, shape):
        super().__init__(method, keepdims)
        self.shape = shape

    def output_shape(self, n):
        return self.shape

    def work(self, n):
        return n * max(math.prod(self.shape), 1)

    def bands(self, total, q):
        start = (total - 1.0) * q.reshape(-1, 1)
        return start, start + 1.0

    def growth(self, q):
        return q.reshape(-1), q.reshape(-1)

    def pull_q(self, state, cotangent):
        """A band that moves exchanges the values at its two ends."""
        gradient = np.empty(cotangent.shape)
        columns = gradient.reshape(len(cotangent), len(state.ends))
        total = state.sample.mass[:, -1]
        for place, band in self._each(state):
            start, stop = state.ends[place]
            first, last = start <= 0.0, stop >= total
            if first.any() or last.any():
                # The band can move to one side only, into the next entry.
                start = np.where(last, start - ASIDE * total, start)
                stop = np.where(first, stop + ASIDE * total, stop)
                ends = np.maximum(start, 0.0), np.minimum(stop, total)
                band = self._band(state.sample, ends, True)
            columns[:, place] = band.by_levels() * band.width * (total - 1.0)
        return cotangent * gradient


class Superquantile(Quantile):
    """All the mass from N q on: the mean of the largest values."""

    def forward(self, rows, order, out, *, weights=None, **parameters):
        if weights is None:
            return super().forward(rows, order, out, **parameters)
        # Only ratios of weights matter: their sums neither vanish nor overflow.
        exponent = np.frexp(weights.max(axis=1, keepdims=True))[1]
        weights = np.ldexp(weights, -exponent)
        state = super().forward(rows, order, out, weights=weights, **parameters)
        return None if state is None else state._replace(exponent=exponent)

    def pull_weights(self, state, cotangent):
        with np.errstate(over="ignore"):
            return np.ldexp(super().pull_weights(state, cotangent), -state.exponent)

    def bands(self, total, q):
        start = total * q.reshape(-1, 1)
        return start, np.broadcast_to(total, start.shape)

    def growth(self, q):
        return q.reshape(-1), np.ones(q.size)

    def pull_q(self, state, cotangent):
        """A band that starts later loses the value at its start."""
        gradient = np.empty(cotangent.shape)
        columns = gradient.reshape(len(cotangent), len(state.ends))
        total = state.sample.mass[:, -1]
        for place, band in self._each(state):
            first = band.lower.mean[:, 0]
            columns[:, place] = (band.offset - first) / band.width * total
        return cotangent * gradient


class Median(BandMean):
    """The unit of mass in the middle."""

    def bands(self, total):
        start = 0.5 * (total - 1.0)[None]
        return start, start + 1.0

    def growth(self):
        return (0.5,), (0.5,)


class TrimmedMean(BandMean):
    """What is left without a whole number of entries on either side."""

    def __init__(self, method, keepdims, proportiontocut):
        super().__init__(method, keepdims)
        self.proportiontocut = proportiontocut

    def bands(self, total):
        cut = np.floor(self.proportiontocut * total)[None]
        return cut, total - cut

    def growth(self):
        return (0.0,), (1.0,)


class GroupState(NamedTuple):
    """The bands of means of groups, and the number of entries behind them."""

    means: BandState
    n: int


class MedianOfMeans(Median):
    """The median of the means of consecutive groups, of sizes as equal as possible."""

    sorts = "never"

    def __init__(self, method, keepdims, n_groups):
        super().__init__(method, keepdims)
        self.n_groups = n_groups

    def _groups(self, n):
        edges = [n * group // self.n_groups for group in range(self.n_groups + 1)]
        return np.array(edges[:-1]), np.diff(edges)

    def _means(self, rows):
        starts, sizes = self._groups(rows.shape[1])
        sums = np.add.reduceat(rows, starts, axis=1, dtype=np.float64)
        return sums / sizes

    def forward(self, rows, order, out, *, keep, regularization_strength):
        means = self._means(rows)
        state = super().forward(
            means,
            np.argsort(means, axis=1),
            out,
            keep=keep,
            regularization_strength=regularization_strength,
        )
        return GroupState(state, rows.shape[1]) if keep else None

    def bounds(self, rows, order, tolerance):
        means = self._means(rows)
        return super().bounds(means, np.argsort(means, axis=1), tolerance)

    def pullback(self, state, cotangent, out):
        _, sizes = self._groups(state.n)
        gradient = np.empty((len(out), self.n_groups))
        super().pullback(state.means, cotangent, gradient)
        out[...] = np.repeat(gradient / sizes, sizes, axis=1)

    def pushforward(self, state, tangent, out):
        super().pushforward(state.means, self._means(tangent), out)

    def pull_regularization_strength(self, state, cotangent):
        return super().pull_regularization_strength(state.means, cotangent)
