# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Locations of votes that resist outliers, and their gradients in the votes."""

import numpy as np

from sksoft._weighted import weighted_median, weighted_quantile
from sksoft.neighbors._candidates import nearest_mask
from sksoft.operators import soft_topk

# Steps that look for the least-trimmed location of a neighbourhood.
CONCENTRATION_STEPS = 20
# The quantiles of the votes that they start from.
STARTS = (0.5, 0.25, 0.75, 0.1, 0.9)


def soft_medians(y, votes, total, softness):
    """Return the threshold that halves the votes softly, and its gradient in them.

    It is the threshold of the soft top-k mask of half of the votes.

    Parameters
    ----------
    y : ndarray of shape (n_queries, n_candidates)
        Values.

    votes : ndarray of shape (n_queries, n_candidates)
        Their say.

    total : ndarray of shape (n_queries,)
        The sums of the votes.

    softness : float
        The strength of the mask; 0 for weighted medians.

    Returns
    -------
    medians : ndarray of shape (n_queries,)
        The thresholds.

    gradient : ndarray of shape (n_queries, n_candidates)
        Their derivatives in the votes, zero where the median is hard.
    """
    gradient = np.zeros(y.shape)
    if softness == 0.0:
        return weighted_median(y, votes), gradient
    y = np.ascontiguousarray(y)
    above = soft_topk(y, 0.5 * total, regularization_strength=softness, weights=votes)
    # An entry of which about half is above tells where the threshold is.
    near = np.where((above > 0.0) & (votes > 0.0), np.abs(above - 0.5), np.inf)
    pivot = near.argmin(axis=1)[:, None]
    half = np.take_along_axis(above, pivot, axis=1)[:, 0]
    curvature = (votes * above * (1.0 - above)).sum(axis=1)
    soft = (half < 1.0) & (curvature > 0.0)
    medians = np.take_along_axis(y, pivot, axis=1)[:, 0]
    with np.errstate(divide="ignore"):
        medians = medians - softness * np.where(soft, np.log(half / (1.0 - half)), 0.0)
    if not soft.all():
        medians[~soft] = weighted_median(y[~soft], votes[~soft])
    gradient[soft] = (above[soft] - 0.5) * (softness / curvature[soft])[:, None]
    return medians, gradient


def least_trimmed(y, votes, kept):
    """Return means of the kept votes nearest to them, and gradients in the votes.

    From the best of several starts, quantiles of the votes in each output, steps to the
    mean of the nearest votes that weigh `kept` decrease their squared distances until
    nothing changes. Votes that are equally far share what is left of it.

    Parameters
    ----------
    y : ndarray of shape (n_queries, n_candidates, n_outputs)
        Values.

    votes : ndarray of shape (n_queries, n_candidates)
        Their say.

    kept : ndarray of shape (n_queries,)
        How much of it is kept.

    Returns
    -------
    locations : ndarray of shape (n_queries, n_outputs)
        The means.

    gradient : ndarray of shape (n_queries, n_candidates, n_outputs)
        Their derivatives in the votes, up to a constant for each query.
    """
    best = np.full(len(y), np.inf)
    location = np.zeros((len(y), y.shape[2]))
    for centre in STARTS:
        start = [
            weighted_quantile(column, centre, votes) for column in np.moveaxis(y, 2, 0)
        ]
        value, found = _concentrated(y, votes, kept, np.transpose(start), 2)
        # Rounding does not choose among starts that are equally good.
        better = value < best * (1.0 - 1e-10)
        best[better], location[better] = value[better], found[better]
    _, location = _concentrated(y, votes, kept, location, CONCENTRATION_STEPS)
    share, last = _nearest_share(y, votes, kept, location)
    held = (share * votes)[:, :, None]
    values = (held * y).sum(axis=1) / kept[:, None]
    # One vote more leaves less room to those on the boundary.
    at_boundary = (votes * last)[:, :, None]
    boundary = (at_boundary * y).sum(axis=1) / at_boundary.sum(axis=1)
    gradient = share[:, :, None] * (y - boundary[:, None, :]) / kept[:, None, None]
    return values, gradient


def _nearest_share(y, votes, kept, location):
    """Return the share of each vote that is kept, and which are the last of them."""
    distance = ((y - location[:, None, :]) ** 2).sum(axis=2)
    distance[votes <= 0.0] = np.inf
    share = nearest_mask(distance, kept, votes)
    last = np.max(distance, axis=1, where=share > 0.0, initial=0.0, keepdims=True)
    return share, (share > 0.0) & (distance >= last * (1.0 - 1e-9))


def _concentrated(y, votes, kept, location, n_steps):
    """Move locations to the means of their nearest votes; return objectives too."""
    for _ in range(n_steps):
        share, _ = _nearest_share(y, votes, kept, location)
        held = (share * votes)[:, :, None]
        before = location
        location = (held * y).sum(axis=1) / held.sum(axis=1)
        if np.array_equal(before, location):
            break
    value = (held * (y - location[:, None, :]) ** 2).sum(axis=(1, 2))
    return value, location
