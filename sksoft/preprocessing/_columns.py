# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the transformers of columns share: samples of a fit, interpolation."""

from functools import partial

import numpy as np
from sklearn.utils import check_array

from sksoft._chunks import example_rows, row_chunks
from sksoft._features import check_range, validated
from sksoft._lazy_rows import is_collection
from sksoft._sklearn_compat import check_sample_weight
from sksoft._sorting import ascending_order
from sksoft._threads import map_chunks
from sksoft._threads import row_chunks as slices_of_rows
from sksoft._weighted import ROUNDING
from sksoft.preprocessing._knots import interpolate

# The least probability; its normal quantile is -6.
EDGE = 1e-9
# Among more knots than this, values are found faster when they are sorted before.
MANY_KNOTS = 100_000

COLUMNS = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}


def fitted_chunks(transformer, X, sample_weight, *, reset, piece_entries=None):
    """Return the sample of a fit in chunks of rows.

    Parameters
    ----------
    transformer : estimator instance
        Its attributes of the features are set.

    X : array-like or Dask collection of shape (n_samples, n_features)
        The sample. That of a memory map or a collection is checked piece by piece, so
        that it is never in memory as a whole.

    sample_weight : array-like, Dask collection, number or None
        The weights as given to ``fit``.

    reset : bool
        Whether the fit begins anew.

    piece_entries : int, default=None
        See `row_chunks`.

    Returns
    -------
    chunks : RowChunks
        Functions see the rows of positive weight, and their weights or None.
    """
    lazy = is_collection(X)
    if lazy:
        validated(transformer, example_rows(X), reset=reset, **COLUMNS)
    elif isinstance(X, np.memmap):
        validated(transformer, X[:1], reset=reset, **COLUMNS)
    else:
        X = validated(transformer, X, reset=reset, **COLUMNS)
    checked = not lazy and not isinstance(X, np.memmap)
    if not lazy and sample_weight is not None:
        if is_collection(sample_weight):
            sample_weight = sample_weight.compute()
        sample_weight = check_sample_weight(sample_weight, X)
    same = sample_weight if np.ndim(sample_weight) == 0 else None
    return row_chunks(
        X,
        None if np.ndim(sample_weight) == 0 else sample_weight,
        prepare=partial(_checked_piece, None if checked else transformer, same),
        piece_entries=piece_entries,
    )


def _checked_piece(transformer, same, X, weight):
    """Return rows of positive weight, checked unless there is no transformer."""
    if transformer is not None:
        X = check_array(X, estimator=transformer, input_name="X", **COLUMNS)
        check_range(X)
    if weight is None and same is not None:
        weight = np.full(len(X), same)
    if weight is None:
        return X, None
    weight = np.asarray(weight, dtype=np.float64)
    if not (weight >= 0.0).all() or np.isinf(weight).any():
        wrong = weight[~((weight >= 0.0) & np.isfinite(weight))][0]
        raise ValueError(f"sample_weight must hold finite numbers >= 0, got {wrong}.")
    rows = weight > 0.0
    return (X, weight) if rows.all() else (X[rows], weight[rows])


def check_not_empty(statistic, sample_weight):
    """Raise if a pass over the chunks of a fit has met no row."""
    if statistic is None:
        if sample_weight is None:
            raise ValueError("X must have at least one row, got none.")
        raise ValueError("Sample weights must contain at least one non-zero number.")


def in_units(weight):
    """Return weights as multiples of a unit, None where each is one, and the unit.

    The unit is 1 for whole numbers, else the largest weight: so equal weights, however
    small, count exactly alike.
    """
    if weight is None:
        return None, 1.0
    unit = 1.0
    if (weight != np.floor(weight)).any():
        unit = float(weight.max())
        weight = weight / unit
    return (None if (weight == 1.0).all() else weight), unit


def new_columns(transformer, X):
    """Validate samples for a fitted transformer."""
    return validated(transformer, X, reset=False, **COLUMNS)


def transformed_columns(transformer, X):
    """Validate what a fitted transformer may have returned, of any names."""
    X = check_array(X, estimator=transformer, input_name="X", **COLUMNS)
    if X.shape[1] != transformer.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(transformer).__name__} is "
            f"expecting {transformer.n_features_in_} features as input."
        )
    check_range(X)
    return X


def tags_of_columns(tags):
    tags.input_tags.allow_nan = True
    tags.transformer_tags.preserves_dtype = ["float64", "float32"]
    return tags


def typical_gap(values, counts, total, deviation):
    """Return the interquartile range (else the deviation) over the number of gaps.

    1 where there is no gap.
    """
    if total <= 1 or values[0] == values[-1]:
        return 1.0
    spread = _interquartile_range(values, counts)
    return (spread if spread > 0.0 else deviation) / (total - 1)


def robust_spread(values, counts, deviation):
    """Return the standard deviation, or a robust estimate of it that is smaller.

    0 where all values are equal.
    """
    if len(values) == 0 or values[0] == values[-1]:
        return 0.0
    robust = _interquartile_range(values, counts) / 1.35
    return min(deviation, robust) if robust > 0.0 else deviation


def _interquartile_range(values, counts):
    # As `weighted_quantile`, of values that increase already.
    mass = np.arange(1.0, len(values) + 1) if counts is None else np.cumsum(counts)
    reached = np.array([0.25, 0.75]) * mass[-1]
    below = np.searchsorted(mass, reached * (1 - ROUNDING))
    above = np.searchsorted(mass, reached * (1 + ROUNDING), side="right")
    below, above = (values[np.minimum(at, len(values) - 1)] for at in (below, above))
    low, high = below + 0.5 * (above - below)
    return float(high - low)


def exponential_bend(steps):
    """Bound how far a sum of exponentials of rate one leaves a line, within steps.

    As a share of half its rise.
    """
    # The second derivative is at most the first, which changes by the exponential.
    steps = np.minimum(steps, 2.0)
    return np.minimum(1.0, 0.25 * steps * np.exp(steps))


def interpolated(X, knots, images):
    """Interpolate linearly between the knots of each column, constantly beyond.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns), float32 or float64
        Values, which may be missing.

    knots, images : list of ndarrays of shape (n_knots,)
        Increasing numbers for each column.

    Returns
    -------
    out : ndarray of the shape of X, float64
        NaN for missing values, and where there are no knots.
    """
    out = np.empty(X.shape)

    def write(rows):
        columns = columns_of(X[rows])
        found = np.empty(columns.shape)
        for column in zip(columns, knots, images, found, strict=True):
            _interpolate_column(*column)
        _transpose(found, out[rows])

    map_chunks(write, slices_of_rows(len(X), 1))
    return out


def _interpolate_column(x, knots, images, out):
    if len(knots) == 0:
        out[:] = np.nan
    elif len(knots) <= MANY_KNOTS:
        interpolate(x, knots, images, out)
    else:
        order = ascending_order(np.nan_to_num(x)[np.newaxis])[0]
        ordered = np.empty(len(x))
        interpolate(x[order], knots, images, ordered)
        out[order] = ordered


def columns_of(X):
    """Return the columns of an array as rows, C-contiguous."""
    if X.T.flags.c_contiguous:
        return X.T
    columns = np.empty(X.shape[::-1], X.dtype)
    _transpose(X, columns)
    return columns


def _transpose(array, out):
    """Write the transpose of an array, of many rows or columns."""
    # In blocks, for which the cache has room.
    for first in range(0, max(array.shape), 2048):
        block = slice(first, first + 2048)
        if len(array) == max(array.shape):
            out[:, block] = array[block].T
        else:
            out[block] = array[:, block].T
