# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Order statistics of weighted values: medians, quantiles, scales, smallest shares."""

import numpy as np


def weighted_median(values, sample_weight=None):
    """Return the lower-middle value; an integer weight is a repetition."""
    if sample_weight is None:
        return np.median(values, axis=0)
    order = np.argsort(values)
    mass = np.cumsum(sample_weight[order])
    middle = 0.5 * mass[-1]
    first = np.searchsorted(mass, middle * (1 - 1e-12))
    second = min(np.searchsorted(mass, middle * (1 + 1e-12), "right"), len(mass) - 1)
    return 0.5 * (values[order[first]] + values[order[second]])


def column_medians(values):
    """Return the median of each column."""
    size = len(values)
    middle = [(size - 1) // 2, size // 2]
    columns = np.array(values.T, order="C")
    columns.partition(middle, axis=1)
    return 0.5 * (columns[:, middle[0]] + columns[:, middle[1]])


def robust_scale(deviations, sample_weight=None):
    """Return the median of absolute deviations, of the non-zero ones if it is 0."""
    deviations = np.abs(deviations)
    if not deviations.any():
        return 1.0
    scale = weighted_median(deviations, sample_weight)
    if scale > 0:
        return scale
    moved = deviations > 0
    return weighted_median(
        deviations[moved], None if sample_weight is None else sample_weight[moved]
    )


def robust_units(values, sample_weight, centred):
    """Return the location and scale of each column.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        The columns.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts; None counts each once.

    centred : bool
        Whether the location is the median; it is 0 otherwise.

    Returns
    -------
    location : ndarray of shape (n_columns,)
        Medians or zeros.

    scale : ndarray of shape (n_columns,)
        Median of absolute deviations, or what `robust_scale` takes for it.
    """
    location = np.zeros(values.shape[1])
    if sample_weight is None:
        if centred:
            location = column_medians(values)
        scale = column_medians(np.abs(values - location))
        for j in np.flatnonzero(scale == 0):
            scale[j] = robust_scale(values[:, j] - location[j])
        return location, scale
    scale = np.ones(values.shape[1])
    for j, column in enumerate(values.T):
        if centred:
            location[j] = weighted_median(column, sample_weight)
        scale[j] = robust_scale(column - location[j], sample_weight)
    return location, scale


def hard_mask(losses, sample_weight, kept):
    """Return the mask of the smallest losses, of total weight ``kept``.

    Rows tied at the boundary share what is left, so the order of rows is immaterial.

    Parameters
    ----------
    losses : ndarray of shape (n_samples,)
        Losses.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts; None counts each once.

    kept : float
        Sum of the weighted mask.

    Returns
    -------
    mask : ndarray of shape (n_samples,)
        Between 0 and 1.
    """
    if sample_weight is None:
        position = min(int(np.ceil(kept)), len(losses)) - 1
        boundary = np.partition(losses, position)[position]
        sample_weight = 1.0
    else:
        order = np.argsort(losses)
        mass = np.cumsum(sample_weight[order])
        position = np.searchsorted(mass, kept * (1 - 1e-12))
        boundary = losses[order[min(position, len(losses) - 1)]]
    below = losses < boundary
    tied = losses == boundary
    mask = below.astype(np.float64)
    left = kept - np.sum(below * sample_weight)
    mask[tied] = np.clip(left / np.sum(tied * sample_weight), 0.0, 1.0)
    return mask


def weighted_quantile(values, q, weight):
    """Return a quantile that a weight of two moves as a repetition does."""
    return float(np.quantile(values, q, method="inverted_cdf", weights=weight))
