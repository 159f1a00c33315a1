# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Summaries of columns: few knots whose ranks are known within bounds.

A summary keeps some of the values of a column, each with the weight that it surely has
and with bounds of the weight below it, as Greenwald and Khanna do ("Space-Efficient
Online Computation of Quantile Summaries", SIGMOD 2001). Bounds of two summaries add up
where they are merged; a value that only one of them keeps lies between two knots of the
other, whose bounds hold for it. Knots may be left out as long as the ranks of
neighbours that remain are close, by these bounds: so the error never exceeds what is
allowed, however the data came, and only the number of knots depends on that.
"""

from typing import NamedTuple

import numpy as np

from sksoft._weighted import ROUNDING
from sksoft.preprocessing._knots import (
    collect_knots,
    keep_knots,
    mean_and_deviation,
    merge_knots,
)

# Knots are left out when there are more than this over the tolerance.
CAPACITY = 5.0
# Bounds of the ranks of neighbours are this share of the tolerance apart: half-way
# between bounds, and on straight lines, ranks are then wrong by the tolerance at most.
APART = 0.8
# The part of that which each generation of merged summaries leaves to the next.
LEFT_OVER = 0.5


class QuantileSummary(NamedTuple):
    """What is known of the distribution of a column.

    Attributes
    ----------
    knots : ndarray of shape (4, n_knots)
        Values of the column, increasing, its least and its greatest among them; what
        each weighs at least; bounds of the weight of all that is less, from below and
        from above.

    total : float
        Weight of the column.

    generation : int
        0 where all values are kept. One more than before where two summaries of the
        same generation, in which some are not, are merged.

    moments : tuple of float or None
        Mean and standard deviation; None where all values are kept, which have them.
    """

    knots: np.ndarray
    total: float
    generation: int = 0
    moments: tuple[float, float] | None = None


def summarized(column, weights):
    """Return the summary of increasing values, which keeps them all.

    Parameters
    ----------
    column : ndarray of shape (n,)
        Increasing values.

    weights : ndarray of shape (n,) or None
        What each weighs, more than 0; None for 1.

    Returns
    -------
    summary : QuantileSummary
        Of the distinct values.
    """
    n = len(column)
    if n == 0:
        return QuantileSummary(np.empty((4, 0)), 0.0)
    knots = np.empty((4, n))
    n_knots = collect_knots(column, np.ones(1) if weights is None else weights, knots)
    if n_knots < n:
        knots = knots[:, :n_knots].copy()
    return QuantileSummary(knots, knots[2, -1] + knots[1, -1])


def merged(first, second):
    """Return the summary of two columns, one upon the other."""
    knots = np.empty((4, first.knots.shape[1] + second.knots.shape[1]))
    n_knots = merge_knots(first.knots, first.total, second.knots, second.total, knots)
    if n_knots < knots.shape[1]:
        knots = knots[:, :n_knots].copy()
    total = first.total + second.total
    generation = max(first.generation, second.generation)
    if generation == 0:
        return QuantileSummary(knots, total)
    generation += first.generation == second.generation
    return QuantileSummary(knots, total, generation, _moments_of_both(first, second))


def rescaled(summary, factor):
    """Return a summary whose weights are multiplied by a number."""
    if factor == 1.0:
        return summary
    knots = summary.knots.copy()
    knots[1:] *= factor
    return summary._replace(knots=knots, total=factor * summary.total)


def shortened(summary, tolerance):
    """Leave out knots, if there are many, such that summaries can still be merged.

    Parameters
    ----------
    summary : QuantileSummary
        The summary.

    tolerance : float
        How wrong ranks may be, as a share of the weight; 0 keeps all.

    Returns
    -------
    summary : QuantileSummary
        The same, or one with fewer knots.
    """
    if summary.knots.shape[1] * tolerance <= CAPACITY:
        return summary
    generation = max(summary.generation, 1)
    share = tolerance * (1.0 - LEFT_OVER**generation)
    return _thinned(summary, share)._replace(generation=generation)


def completed(summary, tolerance):
    """Leave out all knots that the tolerance allows, if some are left out already."""
    return summary if summary.generation == 0 else _thinned(summary, tolerance)


def _thinned(summary, tolerance):
    _, weights, least, most = summary.knots
    kept = np.empty(len(weights), np.intp)
    apart = APART * tolerance * summary.total
    n_kept = keep_knots(weights, least, most, apart, kept)
    knots = summary.knots.take(kept[:n_kept], axis=1)
    return summary._replace(knots=knots, moments=moments(summary))


def moments(summary):
    """Return the mean and the standard deviation of a column."""
    if summary.moments is not None:
        return summary.moments
    values, weights, *_ = summary.knots
    return mean_and_deviation(values, weights) if len(values) else (0.0, 0.0)


def _moments_of_both(first, second):
    share = second.total / (first.total + second.total)
    (mean, deviation), (other_mean, other_deviation) = moments(first), moments(second)
    shift = other_mean - mean
    parts = np.array([deviation, other_deviation, shift])
    peak = np.abs(parts).max()
    if peak == 0.0:
        return mean, 0.0
    shares = np.array([1.0 - share, share, share * (1.0 - share)])
    return mean + share * shift, peak * np.sqrt(shares @ np.square(parts / peak))


def distribution(summary):
    """Return weights of the knots, and the distribution function between them.

    Parameters
    ----------
    summary : QuantileSummary
        The summary.

    Returns
    -------
    weights : ndarray of shape (n_knots,)
        They add up to that of the column.

    between : ndarray of shape (n_knots - 1,)
        The weight up to what may lie between a knot and the next: half-way between its
        bounds, and constant there if `weights` are. NaN where nothing does.
    """
    _, weights, least, most = summary.knots
    if summary.generation == 0:
        return weights, np.full(max(len(weights) - 1, 0), np.nan)
    up_to, before_next = least[:-1] + weights[:-1], most[1:]
    function = 0.5 * (up_to + before_next)
    weights = np.diff(function, prepend=0.0, append=summary.total)
    nothing = before_next - up_to <= ROUNDING * summary.total
    return weights, np.where(nothing, np.nan, function)
