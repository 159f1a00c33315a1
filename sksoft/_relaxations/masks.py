# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Masks that select k entries of a row: by entropic transport, sparse, and Laplace."""

import math
from typing import NamedTuple

import numpy as np

from sksoft._ground._blocks import put_rows
from sksoft._ground._partition import order_statistics
from sksoft._relaxations._bounds import bisect_pooled, hard_bound
from sksoft._relaxations._laplace import laplace_mask as solve_laplace
from sksoft._relaxations._operator import Operator, taken
from sksoft._relaxations._power_mask import power_mask
from sksoft._relaxations._selection_product import selection_product
from sksoft._relaxations._sinkhorn_mask import saturate, select_rows, shift_rows
from sksoft._relaxations._sinkhorn_start import (
    largest_places,
    start_parted_rows,
    start_rows,
    start_weighted_rows,
)
from sksoft._sorting import numpy_sorts_fast

# The exponent 1 / (p - 1) of the masks regularised by a p-norm.
POWERS = {"l2": 1, "l3/2": 2, "l4/3": 3}


def sparse_mask(values, weight, k, strength, power=1):
    """Return masks of sorted rows; slopes times strength as shares and factors."""
    mask, share, factor = _room(values)
    room = np.empty(values.shape[1] + 1)
    power_mask(values, weight, k, strength, power, room, mask, share, factor)
    return mask, share, factor


def laplace_mask(values, weight, k, strength):
    """Return masks of sorted rows; slopes times strength as shares and factors."""
    mask, share, factor = _room(values)
    work = np.empty((3, values.shape[1] + 1))
    solve_laplace(values, weight, k, strength, work, mask, share, factor)
    if weight is not None:
        # Shares that vanish next to an entry without weight are hard ones.
        hard = (share * weight).sum(axis=1) == 0.0
        if hard.any():
            zeros = np.zeros(hard.sum())
            sample = values[hard], weight[hard], k[hard], zeros
            share[hard], factor[hard] = sparse_mask(*sample)[1], 0.0
    return mask, share, factor


def sinkhorn_mask(values, weight, k, strength):
    """Return masks of sorted rows; slopes times strength as shares and factors."""
    order = np.tile(np.arange(values.shape[1]), (len(values), 1))
    mask, state = _selected(values, order, weight, k, strength)
    share, _ = state.shares()
    # Where slopes vanish, only their shares count.
    factor = np.ones(len(values))
    if share is not state.slope:
        factor[:] = state.slope.any(axis=1)
    return mask, share, factor


def _selected(rows, order, weights, k, strength):
    """Return entropic masks of the largest entries and their states."""
    mask = np.empty(rows.shape)
    state = SinkhornSelection(True, weights is not None).forward(
        rows,
        order,
        mask,
        keep=True,
        k=k,
        regularization_strength=strength,
        weights=weights,
    )
    return mask, state


def sinkhorn_threshold(rows, order, weights, k, strength):
    """Return entropic masks of the largest entries and what they are made of.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n)
        The values.
    order : ndarray of shape (n_rows, n)
        Their ascending order.
    weights : ndarray of shape (n_rows, n) or None
        The weights of the entries.
    k, strength : ndarray of shape (n_rows,)
        The weight to select, and the strength.

    Returns
    -------
    mask : ndarray of shape (n_rows, n)
        The selection.
    slope : ndarray of shape (n_rows, n)
        Its slopes times the strength.
    threshold : ndarray of shape (n_rows,)
        Where an entry would be selected by half; not finite where the mask is hard.
    """
    mask, state = _selected(rows, order, weights, k, strength)
    with np.errstate(invalid="ignore"):
        threshold = state.pivot + strength * state.offset
    return mask, state.slope, np.where(strength > 0.0, threshold, np.nan)


def _room(values):
    return np.empty(values.shape), np.empty(values.shape), np.zeros(len(values))


class SelectionState(NamedTuple):
    """Masks of sorted rows and their slopes times strength, shares times factors."""

    order: np.ndarray
    values: np.ndarray
    mask: np.ndarray
    share: np.ndarray
    factor: np.ndarray
    weight: np.ndarray | None
    strength: np.ndarray


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
        return SelectionState(
            order, values, mask, share, factor, weight, regularization_strength
        )

    def _apply(self, state, vector, out, transpose):
        product = np.empty(state.share.shape)
        slope = state.share * state.factor[:, None]
        vector = taken(vector, state.order)
        selection_product(
            slope, state.weight, state.strength, vector, transpose, product
        )
        put_rows(product, state.order, out)

    def pullback(self, state, cotangent, out):
        self._apply(state, cotangent, out, True)

    def pushforward(self, state, tangent, out):
        self._apply(state, tangent, out, False)

    def pull_k(self, state, cotangent):
        """<cotangent, d mask / dk>: what one more unit to select is worth."""
        share, weight = state.share, state.weight
        product = (share * taken(cotangent, state.order)).sum(axis=1)
        norm = (share if weight is None else share * weight).sum(axis=1)
        return np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0.0)

    def pull_regularization_strength(self, state, cotangent):
        """-<cotangent, J x> / strength, with x from an entry at the threshold on."""
        values, share, strength = state.values, state.share, state.strength
        if values.shape[1] == 0:
            return np.zeros(len(values))
        pivot = np.take_along_axis(values, share.argmax(axis=1)[:, None], axis=1)
        rows = np.empty_like(values)
        put_rows(np.where(share > 0.0, values - pivot, 0.0), state.order, rows)
        tangent_out = np.empty_like(values)
        self._apply(state, rows, tangent_out, False)
        product = (tangent_out * cotangent).sum(axis=1)
        return np.divide(
            -product, strength, out=np.zeros_like(product), where=strength > 0.0
        )

    def pull_weights(self, state, cotangent):
        """A heavier entry leaves less to select."""
        gradient = np.empty(state.mask.shape)
        worth = self.pull_k(state, cotangent)[:, None]
        put_rows(-state.mask * worth, state.order, gradient)
        return gradient


class SparseSelection(_Selection):
    """Maximise <x, a> - strength sum |a|^p / p over 0 <= a <= 1, sum a = k."""

    def __init__(self, regularization, largest):
        super().__init__(largest)
        self.power = POWERS[regularization]

    def solve(self, values, weight, k, strength):
        return sparse_mask(values, weight, k, strength, self.power)

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
        return laplace_mask(values, weight, k, strength)


# Rows of up to this many entries are sorted faster than they are partitioned.
SORTED = 32
# Rows of up to this many are partitioned by NumPy even where it is slow.
PARTITIONED = 250
# To call NumPy takes longer for up to so many numbers.
SMALL = 512

# Weights that sum to k up to rounding select exactly those entries.
ROUNDING = 1e-14


class SinkhornSelectionState(NamedTuple):
    """Entropic masks: their slopes times strength, and their thresholds."""

    rows: np.ndarray
    slope: np.ndarray
    # The threshold is pivot + strength * offset.
    pivot: np.ndarray
    offset: np.ndarray
    strength: np.ndarray
    weights: np.ndarray | None

    def shares(self):
        """Return what the slopes are in proportion to, and its weighted sums.

        Slopes vanish where none or all is selected, and where strengths are small and k
        is a whole number; their ratios have limits.
        """
        share = self.slope
        norm = self._sum(share)
        empty = np.flatnonzero(norm == 0.0)
        if len(empty) and share.shape[1]:
            share = share.copy()
            share[empty] = _limits(
                self.rows[empty].astype(np.float64),
                None if self.weights is None else self.weights[empty],
                self.pivot[empty, None],
                self.strength[empty, None],
            )
            norm = self._sum(share)
        return share, norm

    def _sum(self, share):
        return (share if self.weights is None else share * self.weights).sum(axis=1)


def _limits(rows, weights, pivot, strength):
    """Return the limits of the ratios of vanishing slopes."""
    if weights is None:
        weights = np.ones_like(rows)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        # None is selected: the largest entries are next; or all are, but the smallest.
        signed = rows * np.where(pivot < 0.0, -1.0, 1.0)
        first = np.where(weights > 0.0, signed, -np.inf).max(axis=1, keepdims=True)
        distance = np.minimum(signed - first, 0.0)
        tails = np.exp(np.where(distance == 0.0, 0.0, distance / strength))
        # Between two entries: the last that is selected, and the first that is not.
        below = np.where((weights > 0.0) & (rows < pivot), rows, -np.inf)
        neighbours = np.zeros_like(rows)
        for end in (pivot, below.max(axis=1, keepdims=True)):
            same = rows == end
            mass = (same * weights).sum(axis=1, keepdims=True)
            neighbours += np.where(same & (mass > 0.0), 1.0 / mass, 0.0)
    return np.where(np.isinf(pivot), tails, neighbours)


class SinkhornSelection(Operator):
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
            _start(rows, k, strength, pivot, offset, balanced)
        else:
            start_weighted_rows(
                rows, order, weights, k, strength, pivot, offset, balanced
            )
        slope = np.empty(rows.shape)
        _select(rows, weights, k, pivot, strength, balanced, offset, keep, out, slope)
        if not keep:
            return None
        return SinkhornSelectionState(rows, slope, pivot, offset, strength, weights)

    def pullback(self, state, cotangent, out):
        self._apply(state, cotangent, True, out)

    def pushforward(self, state, tangent, out):
        self._apply(state, tangent, False, out)

    def _apply(self, state, vector, transpose, out):
        selection_product(
            state.slope, state.weights, state.strength, vector, transpose, out
        )

    def _multiplier(self, state, cotangent):
        """<cotangent, dp/dk>: what one more unit to select is worth."""
        share, norm = state.shares()
        product = (share * cotangent).sum(axis=1)
        return np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0.0)

    def pull_k(self, state, cotangent):
        """Return the gradient in k, for each row."""
        return self._multiplier(state, cotangent)

    def pull_weights(self, state, cotangent):
        """Return the gradient in the weights, each where it stood."""
        e = np.empty(state.rows.shape)
        shift_rows(state.rows, state.pivot, state.strength, state.offset, e)
        np.exp(e, out=e)
        saturate(e)
        p = 1.0 / (1.0 + e)
        return -p * self._multiplier(state, cotangent)[:, None]

    def pull_regularization_strength(self, state, cotangent):
        """Return the gradient in the strength, -<cotangent, J x / strength>, by row."""
        strength = state.strength
        with np.errstate(invalid="ignore", over="ignore"):
            distance = state.pivot[:, None] - state.rows
        distance = np.where(state.slope > 0.0, distance, 0.0)
        tangent_out = np.empty_like(distance)
        self._apply(state, distance, False, tangent_out)
        product = (tangent_out * cotangent).sum(axis=1)
        return np.divide(
            product, strength, out=np.zeros_like(product), where=strength > 0.0
        )


def _start(rows, k, strength, pivot, offset, balanced):
    """Start rows at their ceil(k)-th largest entries, found in the fastest way."""
    n_rows, n = rows.shape
    if n <= SORTED or (rows.size > SMALL and (n <= PARTITIONED or numpy_sorts_fast())):
        _start_by_numpy(rows, k, strength, pivot, offset, balanced)
        return
    places, below = np.empty(n_rows, np.intp), np.empty(n_rows)
    largest_places(n, k, places)
    work, codes = np.empty(n), np.empty(n, np.uint8)
    unfinished = np.empty(n_rows, np.uint8)
    n_unfinished = order_statistics(rows, places, pivot, below, work, codes, unfinished)
    start_rows(n, k, strength, pivot, below, offset, balanced)
    if n_unfinished:
        skewed = np.flatnonzero(unfinished)
        few = pivot[skewed], offset[skewed], balanced[skewed]
        _start_by_numpy(rows[skewed], k[skewed], strength[skewed], *few)
        pivot[skewed], offset[skewed], balanced[skewed] = few


def _start_by_numpy(rows, k, strength, pivot, offset, balanced):
    n = rows.shape[1]
    parts = rows.copy()
    if n > SORTED and len(k) and (k == k[0]).all():
        parts.partition(n - min(max(math.ceil(k[0]), 1), n), axis=1)
    else:
        parts.sort(axis=1)
    start_parted_rows(parts, k, strength, pivot, offset, balanced)


def _select(rows, weights, k, pivot, strength, balanced, offset, keep, out, slope):
    """Write the selection, and its slopes if to keep; move the offset to the root."""
    settled = np.empty(len(rows), np.uint8)
    shift_rows(rows, pivot, strength, offset, slope)
    np.exp(slope, out=slope)
    saturate(slope)
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
