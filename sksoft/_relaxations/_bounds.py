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
