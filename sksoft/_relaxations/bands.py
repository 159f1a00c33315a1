# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Means of the values between two ranks, by the difference of two masks.

In a sorted sample of total weight N, entry i of weight w covers w units of mass. The
mean over the units between two levels is a mean, a trimmed mean, a median or a
quantile: its weights are the difference of two masks that select the largest entries.
Soft masks make it differentiable, and an entry that both masks select, or both leave,
keeps weight 0.
"""

import numpy as np

from sksoft._blocks import put_rows
from sksoft._relaxations._operator import Operator, taken
from sksoft._relaxations.masks import EntropicSelection, lapsum_mask, sparse_mask


def _entropic_mask(values, weight, k, strength):
    operator = EntropicSelection(True, weight is not None)
    order = np.tile(np.arange(values.shape[1]), (len(values), 1))
    mask = np.empty(values.shape)
    state = operator.forward(
        values,
        order,
        mask,
        keep=True,
        k=k,
        regularization_strength=strength,
        weights=weight,
    )
    return mask, state[1], np.ones(len(values))


def _sparse_mask(values, weight, k, strength):
    return sparse_mask(1, values, weight, k, strength)


# Masks of sorted rows, and their slopes times strength as shares and factors.
MASKS = {
    "permutahedron": _sparse_mask,
    "sinkhorn": _entropic_mask,
    "laplace": lapsum_mask,
}


class _Edge:
    """One end of a band: a mask, its slope, and the mean of the values at the edge."""

    def __init__(self, mask, values, weight, k, strength, centre):
        self.mask, share, factor = mask(values, weight, k, strength)
        if weight is not None:
            share = share * weight
        norm = share.sum(axis=1, keepdims=True)
        safe = np.where(norm > 0.0, norm, 1.0)
        mean = (share * (values - centre)).sum(axis=1, keepdims=True) / safe
        distance = values - centre - mean
        safe = np.where(strength > 0.0, strength, 1.0)[:, None]
        slope = share * factor[:, None] * distance
        self.slope = np.where(strength[:, None] > 0.0, slope / safe, 0.0)
        self.variance = (self.slope * distance).sum(axis=1)
        self.mean = (centre + mean)[:, 0]


class BandMean(Operator):
    """The means of each row over bands of its sorted mass."""

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
        strength = regularization_strength
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        mass = np.cumsum(np.ones_like(values) if weight is None else weight, axis=1)
        total = mass[:, -1]
        low, high = self.bands(total, **parameters)
        with np.errstate(over="ignore", invalid="ignore"):
            means, gradients, slopes = self._means_of(
                values, weight, strength, mass, low, high, keep
            )
        out[...] = means.reshape(out.shape)
        return (order, gradients, slopes) if keep else None

    def _means_of(self, values, weight, strength, mass, low, high, keep):
        """Return means, gradients in the values, slopes in the strength and in q."""
        n_rows, n = values.shape
        total = mass[:, -1]
        means = np.empty((n_rows, len(low)))
        gradients = np.empty((n_rows, len(low), n))
        slopes = np.empty((2, n_rows, len(low)))
        for band, (start, stop) in enumerate(zip(low, high, strict=True)):
            # Far values must not drown the others: sums run over distances to one of
            # the values in the band.
            inside = mass <= (0.5 * (start + stop))[:, None]
            place = np.minimum(inside.sum(axis=1), n - 1)
            centre = values[np.arange(n_rows), place][:, None]
            above = [np.maximum(total - level, 0.0) for level in (start, stop)]
            lower, upper = (
                _Edge(self.mask, values, weight, k, strength, centre) for k in above
            )
            width = stop - start
            share = (lower.mask - upper.mask) / width[:, None]
            if weight is not None:
                share *= weight
            means[:, band] = centre[:, 0] + (share * (values - centre)).sum(axis=1)
            if keep:
                tilt = (lower.slope - upper.slope) / width[:, None]
                gradients[:, band] = share + tilt
                safe = np.where(strength > 0.0, strength, 1.0)
                slopes[0, :, band] = (upper.variance - lower.variance) / width / safe
                slopes[1, :, band] = (upper.mean - lower.mean) / width * (total - 1.0)
        return means, gradients, slopes

    def pullback(self, state, cotangent, out):
        order, gradients, _ = state
        cotangent = cotangent.reshape(*gradients.shape[:2], 1)
        put_rows((gradients * cotangent).sum(axis=1), order, out)

    def pushforward(self, state, tangent, out):
        order, gradients, _ = state
        moved = (gradients * taken(tangent, order)[:, None, :]).sum(axis=2)
        out[...] = moved.reshape(out.shape)

    def pull_regularization_strength(self, state, cotangent):
        slope = state[2][0]
        return (slope * cotangent.reshape(slope.shape)).sum(axis=1)


class Quantile(BandMean):
    """The unit of mass from (N - 1) q on: linear interpolation between two entries."""

    def __init__(self, method, keepdims, shape):
        super().__init__(method, keepdims)
        self.shape = shape

    def output_shape(self, n):
        return self.shape

    def bands(self, total, q):
        start = (total - 1.0) * q.reshape(-1, 1)
        return start, start + 1.0

    def pull_q(self, state, cotangent):
        """A band that moves exchanges the values at its two ends."""
        slope = state[2][1].reshape(cotangent.shape)
        return slope * cotangent


class Median(BandMean):
    """The unit of mass in the middle."""

    def bands(self, total):
        start = 0.5 * (total - 1.0)[None]
        return start, start + 1.0


class TrimmedMean(BandMean):
    """What is left without a whole number of entries on either side."""

    def __init__(self, method, keepdims, proportiontocut):
        super().__init__(method, keepdims)
        self.proportiontocut = proportiontocut

    def bands(self, total):
        cut = np.floor(self.proportiontocut * total)[None]
        return cut, total - cut


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
        return (*state, rows.shape[1]) if keep else None

    def pullback(self, state, cotangent, out):
        _, sizes = self._groups(state[-1])
        gradient = np.empty((len(out), self.n_groups))
        super().pullback(state[:-1], cotangent, gradient)
        out[...] = np.repeat(gradient / sizes, sizes, axis=1)

    def pushforward(self, state, tangent, out):
        super().pushforward(state[:-1], self._means(tangent), out)
