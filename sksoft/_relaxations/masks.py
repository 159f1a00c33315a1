# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Masks that select k entries of a row: by entropic transport, sparse, and LapSum."""

import math

import numpy as np

from sksoft._blocks import put_rows
from sksoft._relaxations._bounds import bisect_pooled, hard_bound
from sksoft._relaxations._laplace import laplace_mask
from sksoft._relaxations._operator import Operator, taken
from sksoft._relaxations._power_mask import power_mask
from sksoft._relaxations._sinkhorn_mask import (
    select_rows,
    selection_product,
    shift_rows,
    start_rows,
    start_weighted_rows,
)

# The exponent 1 / (p - 1) of the masks regularised by a p-norm.
POWERS = {"l2": 1, "l3/2": 2, "l4/3": 3}


def sparse_mask(power, values, weight, k, strength):
    """Return masks of sorted rows; slopes times strength as shares and factors."""
    mask, share, factor = _room(values)
    room = np.empty(values.shape[1] + 1)
    power_mask(values, weight, k, strength, power, room, mask, share, factor)
    return mask, share, factor


def lapsum_mask(values, weight, k, strength):
    """Return masks of sorted rows; slopes times strength as shares and factors."""
    mask, share, factor = _room(values)
    work = np.empty((3, values.shape[1] + 1))
    laplace_mask(values, weight, k, strength, work, mask, share, factor)
    return mask, share, factor


def _room(values):
    return np.empty(values.shape), np.empty(values.shape), np.zeros(len(values))


class _Selection(Operator):
    """mask_i = F((x_i - tau) / strength) with sum(weights * mask) = k.

    Its Jacobian is factor (diag(s) - s (w s)^T / sum(w s)) / strength, s being shares
    that never vanish together, however small the slope.
    """

    sorts = "always"

    def __init__(self, largest):
        self.negates = not largest

    def solve(self, values, weight, k, strength):
        """Return masks, shares and factors of sorted rows."""
        raise NotImplementedError

    def forward(
        self, rows, order, out, *, keep, k, regularization_strength, weights=None
    ):
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        mask, share, factor = self.solve(values, weight, k, regularization_strength)
        put_rows(mask, order, out)
        if not keep:
            return None
        return order, values, mask, share, factor, weight, regularization_strength

    def _apply(self, state, vector, out, transpose):
        order, _, _, share, factor, weight, strength = state
        moved = np.empty(share.shape)
        slope = share * factor[:, None]
        vector = taken(vector, order)
        selection_product(slope, weight, strength, vector, transpose, moved)
        put_rows(moved, order, out)

    def pullback(self, state, cotangent, out):
        self._apply(state, cotangent, out, True)

    def pushforward(self, state, tangent, out):
        self._apply(state, tangent, out, False)

    def pull_k(self, state, cotangent):
        """<cotangent, d mask / dk>: what one more unit to select is worth."""
        order, _, _, share, _, weight, _ = state
        product = (share * taken(cotangent, order)).sum(axis=1)
        norm = (share if weight is None else share * weight).sum(axis=1)
        return np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0.0)

    def pull_regularization_strength(self, state, cotangent):
        """-<cotangent, J x> / strength, with x from an entry at the threshold on."""
        order, values, _, share, _, _, strength = state
        if values.shape[1] == 0:
            return np.zeros(len(values))
        pivot = np.take_along_axis(values, share.argmax(axis=1)[:, None], axis=1)
        rows = np.empty_like(values)
        put_rows(np.where(share > 0.0, values - pivot, 0.0), order, rows)
        moved = np.empty_like(values)
        self._apply(state, rows, moved, False)
        product = (moved * cotangent).sum(axis=1)
        return np.divide(
            -product, strength, out=np.zeros_like(product), where=strength > 0.0
        )

    def pull_weights(self, state, cotangent):
        """A heavier entry leaves less to select."""
        order, _, mask = state[:3]
        gradient = np.empty(mask.shape)
        put_rows(-mask * self.pull_k(state, cotangent)[:, None], order, gradient)
        return gradient


class SparseSelection(_Selection):
    """Maximise <x, a> - strength sum |a|^p / p over 0 <= a <= 1, sum a = k."""

    def __init__(self, regularization, largest):
        super().__init__(largest)
        self.power = POWERS[regularization]

    def solve(self, values, weight, k, strength):
        return sparse_mask(self.power, values, weight, k, strength)

    def bounds(self, rows, order, tolerance, k, weights=None):
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        return self.bounds_of(values, weight, k)

    def bounds_of(self, values, weight, k):
        """Return the bounds of sorted rows."""
        mass = np.ones_like(values) if weight is None else weight
        # The hard mask of fractional k rises in two steps, which are compared before
        # they are raised to a power.
        mask = self.solve(values, weight, k, np.zeros(len(values)))[0]
        level = mask ** (1.0 / self.power)
        hard = hard_bound(np.diff(values, axis=1), np.diff(level, axis=1))

        def is_pooled(strength):
            mask = self.solve(values, weight, k, strength)[0]
            return np.all((mask > 0.0) & (mask < 1.0), axis=1)

        spread = np.ptp(values, axis=1) if values.shape[1] else np.zeros(len(values))
        inside = (k > 0.0) & (k < mass.sum(axis=1)) & (spread > 0.0)
        pooled = np.where(inside, np.inf, 0.0)
        if inside.any():
            solved = bisect_pooled(spread, lambda s: is_pooled(s) | ~inside)
            pooled = np.where(inside, solved, pooled)
        return hard, pooled


class LaplaceSelection(_Selection):
    """The Laplace distribution function of (x - tau) / strength."""

    def solve(self, values, weight, k, strength):
        return lapsum_mask(values, weight, k, strength)


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
