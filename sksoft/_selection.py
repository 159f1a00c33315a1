# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Order statistics of weighted values that are seen chunk by chunk, exactly.

Numbers are ordered as whole numbers are that have their bits; a histogram of these
narrows the range that holds an order statistic, pass by pass, until few values are left
or one that many rows share.
"""

from typing import NamedTuple

import numpy as np

from sksoft._chunks import add
from sksoft._weighted import ROUNDING

# Bins of a histogram, a power of two.
BIN_BITS = 10
# Ranges with at most so many values are sorted.
MAX_SORTED = 10_000
SIGN = np.uint64(1 << 63)
LARGEST_KEY = (1 << 64) - 1


class OrderStatistic(NamedTuple):
    """A value in the order of all.

    Attributes
    ----------
    value : float
        The value.

    below : float
        Weight of the smaller values.

    tied : float
        Weight of the equal values.
    """

    value: float
    below: float
    tied: float


class _Range(NamedTuple):
    """Keys from ``first`` to ``last``; ``n_values`` of them, if that is known."""

    first: int
    last: int
    n_values: float = np.inf


def order_statistics(reduce, values, masses, total, ranges):
    """Return the smallest values up to which rows have given weights.

    Parameters
    ----------
    reduce : callable
        ``reduce(function, combine)`` as that of `sksoft._chunks.RowChunks`.

    values : callable
        Maps the arrays of a piece to its values, finite, and their weights, positive,
        or None where each counts once.

    masses : sequence of float
        The weights, positive; the largest value answers those that exceed `total`.

    total : float
        Weight of all rows.

    ranges : sequence of (float, float)
        Where each value is expected. It need not be there.

    Returns
    -------
    found : list of OrderStatistic
        One for each mass.
    """
    masses = np.minimum(masses, total * (1 - ROUNDING))
    found = [None] * len(masses)
    places = [_Range(int(a), int(b)) for a, b in (_keys(np.array(r)) for r in ranges)]
    while None in found:
        asked = sorted({p for p, f in zip(places, found, strict=True) if f is None})
        counted = reduce(lambda *piece: _count(asked, *values(*piece)), add)
        counts = dict(zip(asked, counted, strict=True))
        for index, mass in enumerate(masses):
            if found[index] is None:
                place = places[index]
                places[index], found[index] = _narrowed(place, mass, *counts[place])
    return found


def quantiles(reduce, values, probabilities, total, guesses):
    """Return the quantiles that `sksoft._weighted.weighted_quantile` defines.

    Parameters
    ----------
    reduce, values
        As those of `order_statistics`.

    probabilities : sequence of float
        Above 0 and below 1.

    total : float
        Weight of all rows.

    guesses : sequence of (float, float)
        Where each quantile is expected.

    Returns
    -------
    quantiles : ndarray of shape (n_quantiles,)
        Half-way between two values where the share of the weight ends between them.
    """
    reached = np.asarray(probabilities) * total
    masses = np.append(
        reached * (1 - ROUNDING), np.nextafter(reached * (1 + ROUNDING), np.inf)
    )
    found = order_statistics(reduce, values, masses, total, [*guesses, *guesses])
    low, high = np.reshape([statistic.value for statistic in found], (2, -1))
    return low + 0.5 * (high - low)


def expected_ranges(values, probabilities, sample_weight=None):
    """Return where quantiles of all rows are, to judge by those of a sample.

    Parameters
    ----------
    values : ndarray of shape (n_sampled,)
        Values of the sampled rows.

    probabilities : sequence of float
        Of the quantiles.

    sample_weight : ndarray of shape (n_sampled,) or None
        Weights of these rows.

    Returns
    -------
    ranges : list of (float, float)
        Five standard errors to either side; infinite beyond the sample.
    """
    order = np.argsort(values)
    weight = np.ones(len(values)) if sample_weight is None else sample_weight[order]
    mass = np.cumsum(weight) / weight.sum()
    p = np.asarray(probabilities)
    variance = (p * (1 - p) + 1 / len(values)) * np.sum(weight**2)
    error = 5 * np.sqrt(variance) / weight.sum()
    ordered = np.concatenate([[-np.inf], values[order], [np.inf]])
    low = np.searchsorted(mass, p - error)
    high = np.searchsorted(mass, p + error) + 2
    return [
        (ordered[first], ordered[min(last, len(ordered) - 1)])
        for first, last in zip(low, high, strict=True)
    ]


def _keys(values):
    """Return unsigned integers in the order of numbers."""
    # Both zeros are one number.
    bits = (values + 0.0).view(np.uint64)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _value(key):
    """Return the number of a key."""
    bits = np.uint64(key)
    bits = bits ^ SIGN if bits & SIGN else ~bits
    return float(bits.view(np.float64))


def _shift(place):
    return max((place.last - place.first).bit_length() - BIN_BITS, 0)


def _count(places, values, weight):
    """Return what a piece adds to each range: weight below, and what is inside."""
    keys = _keys(np.ascontiguousarray(values, dtype=np.float64))
    return tuple(_count_range(place, keys, values, weight) for place in places)


def _count_range(place, keys, values, weight):
    first = np.uint64(place.first)
    below = keys < first
    mass = float(np.count_nonzero(below) if weight is None else weight[below].sum())
    offset = keys - first
    inside = np.flatnonzero(offset <= np.uint64(place.last - place.first))
    if place.n_values <= MAX_SORTED:
        shares = np.ones(len(inside)) if weight is None else weight[inside]
        return mass, [(values[inside], shares)]
    bins = (offset[inside] >> np.uint64(_shift(place))).astype(np.intp)
    counts = np.bincount(bins, minlength=1 << BIN_BITS)
    if weight is None:
        return mass, counts, counts
    return mass, counts, np.bincount(bins, weight[inside], minlength=1 << BIN_BITS)


def _narrowed(place, mass, below, *inside):
    """Return a narrower range, and the order statistic where that is known."""
    if len(inside) == 1:
        return place, _sorted_statistic(mass, below, inside[0])
    counts, weights = inside
    total = below + np.cumsum(weights)
    if mass <= below and place.first > 0 and below > 0:
        return _Range(0, place.first - 1), None
    if mass > total[-1]:
        if place.last < LARGEST_KEY:
            return _Range(place.last + 1, LARGEST_KEY), None
        mass = total[-1]  # Rounding alone makes a difference.
    # The first bin that holds a row and reaches the mass.
    bin_ = int(np.argmax((total >= mass) & (counts > 0)))
    width = 1 << _shift(place)
    first = place.first + bin_ * width
    narrower = _Range(first, min(first + width - 1, place.last), int(counts[bin_]))
    if narrower.first < narrower.last:
        return narrower, None
    below = total[bin_] - weights[bin_]
    return narrower, OrderStatistic(_value(first), float(below), float(weights[bin_]))


def _sorted_statistic(mass, below, parts):
    values = np.concatenate([part[0] for part in parts])
    weight = np.concatenate([part[1] for part in parts])
    order = np.argsort(values, kind="stable")
    values, weight = values[order], weight[order]
    reached = below + np.cumsum(weight) >= mass
    value = values[np.argmax(reached)] if reached.any() else values[-1]
    smaller = np.searchsorted(values, value)
    larger = np.searchsorted(values, value, side="right")
    return OrderStatistic(
        float(value),
        float(below + weight[:smaller].sum()),
        float(weight[smaller:larger].sum()),
    )
