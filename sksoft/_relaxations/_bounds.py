# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The strengths up to which a relaxation is hard and from which it is pooled."""

import numpy as np

from sksoft._threads import check_abandoned


def hard_bound(gap, rise):
    """Smallest ratio of gaps over the last axis, infinite where there is none."""
    ratio = np.full(gap.shape, np.inf)
    with np.errstate(over="ignore"):
        np.divide(gap, rise, out=ratio, where=rise > 0.0)
    return ratio.min(axis=1, initial=np.inf)


def prefix_excess(values, weight):
    """Mean of each row minus the mean of each proper prefix."""
    values = values - values[:, :1]
    total = np.cumsum(values * weight, axis=1)
    mass = np.cumsum(weight, axis=1)
    return total[:, -1:] / mass[:, -1:] - total[:, :-1] / mass[:, :-1]


def pooled_bound(excess, rise):
    """Largest ratio of excesses, which is where a row becomes a single block."""
    ratio = np.zeros(excess.shape)
    positive = excess > 0.0
    with np.errstate(over="ignore"):
        np.divide(excess, rise, out=ratio, where=positive & (rise > 0.0))
    ratio[positive & (rise <= 0.0)] = np.inf
    return ratio.max(axis=1, initial=0.0)


def bisect_pooled(start, is_pooled):
    """Find, row by row, the strength at which a row becomes a single block."""
    low = high = np.where((start > 0.0) & np.isfinite(start), start, 1.0)
    for _ in range(500):
        check_abandoned()
        open_above = ~is_pooled(high)
        if not open_above.any():
            break
        high = np.where(open_above, 4.0 * high, high)
    for _ in range(500):
        open_below = is_pooled(low)
        if not open_below.any():
            break
        low = np.where(open_below, 0.25 * low, low)
    while True:
        check_abandoned()
        middle = np.sqrt(low) * np.sqrt(high)
        # A row that is done stays as it is, whatever the others need.
        active = (high > low * (1.0 + 1e-14)) & (low < middle) & (middle < high)
        if not active.any():
            return high
        pooled = is_pooled(np.where(active, middle, high))
        low = np.where(active & ~pooled, middle, low)
        high = np.where(active & pooled, middle, high)


# Strengths beyond this are as good as infinite.
LARGEST = 1e300
# Approximate bounds are found to this ratio.
RATIO = 1.0 + 1e-6


def approximate_bounds(evaluate, rows, pools, tolerance):
    """Find the strengths up to which, and from which on, results are near a limit.

    Parameters
    ----------
    evaluate : callable
        Maps strengths, shape (n_rows,), to results of shape (n_rows, size).
    rows : ndarray of shape (n_rows, n)
        What strengths are compared with.
    pools : bool
        Whether results have a limit as the strength grows.
    tolerance : float
        How near a limit results come, as a share of the distance between the limits;
        where there is only one, of the spread of the rows.

    Returns
    -------
    hard, pooled : tuple of ndarray of shape (n_rows,)
        The two bounds.
    """
    n_rows, n = rows.shape
    hard = evaluate(np.zeros(n_rows))
    if hard.size == 0:
        return np.full(n_rows, np.inf), np.zeros(n_rows)
    ordered = np.sort(rows, axis=1)
    spread = ordered[:, -1] - ordered[:, 0]
    soft = evaluate(np.full(n_rows, LARGEST)) if pools else None
    scale = np.abs(hard - soft).max(axis=1) if pools else spread
    # Limits that differ by rounding are the same.
    same = scale <= 1e-13 * np.abs(hard).max(axis=1)

    def near(limit):
        def is_near(strength):
            check_abandoned()
            error = np.abs(evaluate(strength) - limit).max(axis=1)
            return error <= tolerance * scale

        return is_near

    gaps = np.diff(ordered, axis=1)
    smallest = np.where(gaps > 0.0, gaps, np.inf).min(axis=1, initial=np.inf)
    unit = np.where(spread > 0.0, spread, np.maximum(np.abs(ordered).max(axis=1), 1.0))
    # What is so many strengths away is below the tolerance, for all entries together.
    reach = 10.0 + np.log(n / tolerance)
    start = np.minimum(smallest, unit) / reach
    hard_below = _last_near(near(hard), start, 2.0, same)
    pooled_above = np.full(n_rows, np.inf)
    if pools:
        start = unit * (reach * n / tolerance)
        pooled_above = _last_near(near(soft), start, 0.5, same)
    return np.where(same, np.inf, hard_below), np.where(same, 0.0, pooled_above)


def _last_near(is_near, start, factor, skipped):
    """Go away from a limit by a factor; return the last strength that is near it.

    Rows to be skipped stay where they are. The limit is 0 for a factor above 1, and
    infinity for one below. Results may come back near to it later, but that is not the
    same regime.
    """
    inside = np.clip(start, 1e-300, LARGEST)
    while True:
        far = ~(is_near(inside) | skipped)
        moving = far & (inside > 0.0) & (inside < LARGEST)
        if not moving.any():
            break
        back = np.clip(inside / factor**16, 0.0, LARGEST)
        inside = np.where(moving, back, inside)
    outside, moving = inside, ~(far | skipped)
    while moving.any():
        outside = np.where(moving, np.clip(outside * factor, 0.0, LARGEST), outside)
        moving &= (outside > 0.0) & (outside < LARGEST)
        moving &= is_near(outside)
        inside = np.where(moving, outside, inside)
    while True:
        middle = np.sqrt(inside) * np.sqrt(outside)
        low, high = np.minimum(inside, outside), np.maximum(inside, outside)
        active = (high > low * RATIO) & (low < middle) & (middle < high)
        if not active.any():
            break
        near_middle = is_near(np.where(active, middle, inside))
        inside = np.where(active & near_middle, middle, inside)
        outside = np.where(active & ~near_middle, middle, outside)
    return np.where(far, np.inf if factor < 1.0 else 0.0, inside)
