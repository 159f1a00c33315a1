# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Weighted rows: which count and how often, quantiles, scales, smallest shares."""

import numpy as np

from sksoft._sklearn_compat import check_sample_weight
from sksoft._validation import LARGEST_EXACT

# Sums of weights are compared up to this share of them.
ROUNDING = 1e-12


def positive_rows(sample_weight, X):
    """Return which rows have a positive weight, and their weights.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), number or None
        The weights as given to ``fit``.

    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The rows; only their number counts.

    Returns
    -------
    rows : slice or ndarray of shape (n_samples,)
        Indexes the rows of positive weight; a slice where these are all.

    weight : ndarray of shape (n_rows,) or None
        Their weights; None where each is one.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or all are 0.
    """
    if sample_weight is None:
        return slice(None), None
    weight = check_sample_weight(sample_weight, X)
    rows = weight > 0
    if rows.all():
        rows = slice(None)
    weight = weight[rows]
    return rows, None if (weight == 1).all() else weight


def are_whole(weight):
    """Return whether weights are whole numbers, which numbers beyond 2**53 always seem.

    There they cannot be told from others, and are no numbers of repetitions.
    """
    return bool((weight == np.floor(weight)).all() and weight.max() < LARGEST_EXACT)


def as_counts(weight):
    """Return how often each row counts where a fit counts rows.

    Whole numbers are repetitions. Other weights say how much each row matters and only
    their ratios count: they are brought to mean one over the rows that have any.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,) or None
        Weights >= 0, not all 0; None if each is one.

    Returns
    -------
    counts : ndarray of shape (n_samples,) or None
        None if each is one.
    """
    if weight is None or are_whole(weight):
        return weight
    positive = weight[weight > 0]
    if len(positive) == len(weight) and positive.min() == positive.max():
        return None
    largest = positive.max()
    return weight / largest / (positive / largest).mean()


def weighted_quantile(values, q, sample_weight=None):
    """Return quantiles along the last axis that a weight of two moves as a repetition.

    Where a share `q` of the weight ends between two values, it is half-way between
    them; so the quantile of 0.5 is the median.

    Parameters
    ----------
    values : ndarray of shape (..., n_values)
        Numbers; ``n_values`` is positive.

    q : float or array-like of shape (n_quantiles,)
        Probabilities in [0, 1].

    sample_weight : ndarray of shape (n_values,) or (..., n_values) or None
        How often each value counts, at least one along each row; None counts each once.

    Returns
    -------
    quantiles : ndarray of shape (...) or (n_quantiles, ...)
        A quantile of each row.
    """
    if sample_weight is None:
        return np.quantile(values, q, axis=-1, method="averaged_inverted_cdf")
    sample_weight = np.broadcast_to(sample_weight, values.shape)
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    weight = np.take_along_axis(sample_weight, order, axis=-1)
    mass = np.cumsum(weight, axis=-1)
    quantiles = []
    for share in np.atleast_1d(q):
        reached = share * mass[..., -1:]
        # An absent value is not a quantile, though the mass is reached there.
        low = (mass >= reached * (1 - ROUNDING)) & (weight > 0)
        high = (mass > reached * (1 + ROUNDING)) & (weight > 0)
        high[..., -1] |= ~high.any(axis=-1)
        low = np.argmax(low, axis=-1)[..., None]
        high = np.argmax(high, axis=-1)[..., None]
        low, high = (np.take_along_axis(ordered, at, axis=-1) for at in (low, high))
        at_end = reached >= mass[..., -1:]
        high = np.where(at_end, low, high)
        quantiles.append((low + 0.5 * (high - low))[..., 0])
    return quantiles[0] if np.ndim(q) == 0 else np.array(quantiles)


def weighted_median(values, sample_weight=None):
    """Return medians along the last axis, as `weighted_quantile` does."""
    if sample_weight is not None:
        return weighted_quantile(values, 0.5, sample_weight)
    size = values.shape[-1]
    # One position is found sooner than two, by vector instructions where there are any.
    ordered = np.partition(values, size // 2, axis=-1)
    high = ordered[..., size // 2]
    if size % 2:
        return high
    return 0.5 * ordered[..., : size // 2].max(axis=-1) + 0.5 * high


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
    columns = np.array(values.T, order="C")
    location = np.zeros(len(columns), dtype=columns.dtype)
    if centred:
        location = weighted_median(columns, sample_weight)
        columns -= location[:, None]
    scale = weighted_median(np.abs(columns), sample_weight)
    for j in np.flatnonzero(scale == 0):
        scale[j] = robust_scale(columns[j], sample_weight)
    return location, scale


def keep_smallest(losses, kept, sample_weight=None):
    """Return the mask of the smallest losses along the last axis, of a given weight.

    Losses tied at the boundary share what is left, so the order of rows is immaterial.

    Parameters
    ----------
    losses : ndarray of shape (..., n_losses)
        Losses, in float32 or float64; infinite ones are the last to be kept.

    kept : float or ndarray of shape (...)
        The weight to keep along each row; at most that of all, else all are kept.

    sample_weight : ndarray of shape (n_losses,) or (..., n_losses) or None
        How often each loss counts; None counts each once.

    Returns
    -------
    mask : ndarray of the shape and dtype of losses
        Between 0 and 1; ``sum(sample_weight * mask) = kept``.

    boundary : ndarray of shape (...)
        The largest loss that is kept, in whole or in part: below it the mask is 1,
        above it 0.
    """
    one_position = sample_weight is None and np.ndim(kept) == 0
    kept = np.asarray(kept, dtype=np.float64)[..., None]
    if one_position:
        position = min(max(int(np.ceil(kept[0])), 1), losses.shape[-1]) - 1
        boundary = np.partition(losses, position, axis=-1)[..., position, None]
        mask = losses <= boundary
        if (mask.sum(axis=-1) == kept).all():
            return mask.astype(losses.dtype), boundary[..., 0]
    else:
        weight = 1.0 if sample_weight is None else sample_weight
        weight = np.broadcast_to(weight, losses.shape)
        order = np.argsort(losses, axis=-1)
        mass = np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1)
        reached = mass >= np.minimum(kept, mass[..., -1:]) * (1 - ROUNDING)
        last = np.take_along_axis(order, np.argmax(reached, axis=-1)[..., None], -1)
        boundary = np.take_along_axis(losses, last, axis=-1)
    below = losses < boundary
    tied = losses == boundary
    if sample_weight is None:
        below_weight, tied_weight = below, tied
    else:
        below_weight, tied_weight = below * sample_weight, tied * sample_weight
    left = kept - below_weight.sum(axis=-1, keepdims=True)
    room = tied_weight.sum(axis=-1, keepdims=True)
    share = np.divide(left, room, out=np.zeros(left.shape), where=room > 0)
    mask = below.astype(losses.dtype)
    np.copyto(mask, np.clip(share, 0.0, 1.0), where=tied, casting="same_kind")
    return mask, boundary[..., 0]


def centred_columns(X, sample_weight=None):
    """Return the mean of each column, and the columns less their means.

    A column whose values are all equal has exactly this mean and becomes exactly 0:
    means of differences to the first row are not rounded there.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The columns, at least one row of them.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts; None counts each once.

    Returns
    -------
    mean : ndarray of shape (n_columns,)
        Means.

    centred : ndarray of shape (n_samples, n_columns)
        The differences.
    """
    first = X[0]
    centred = X - first
    shift = np.average(centred, axis=0, weights=sample_weight)
    centred -= shift
    return first + shift, centred


def column_scales(centred, sample_weight=None):
    """Return the root mean square of each column, 1 where that is 0.

    Columns are brought to scale before they are squared, so that any finite numbers
    have a scale.

    Parameters
    ----------
    centred : ndarray of shape (n_samples, n_columns)
        The columns, less their means.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts; None counts each once.

    Returns
    -------
    scales : ndarray of shape (n_columns,)
        Positive numbers.
    """
    peak = np.abs(centred).max(axis=0, initial=0.0)
    peak = np.where(peak > 0.0, peak, 1.0)
    squares = np.average((centred / peak) ** 2, axis=0, weights=sample_weight)
    scales = peak * np.sqrt(squares)
    return np.where(scales > 0.0, scales, 1.0)
