# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the transformers of columns share."""

import numpy as np
from sklearn.utils import check_array

from sksoft._features import check_range, validated
from sksoft._sorting import ascending_order
from sksoft._weighted import (
    as_counts,
    centred_columns,
    column_scales,
    positive_rows,
    weighted_quantile,
)

# The least probability; its normal quantile is -6.
EDGE = 1e-9

COLUMNS = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}


def fitted_columns(transformer, X, sample_weight):
    """Validate the sample of a fit.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        The rows of positive weight, in double precision.
    counts : ndarray of shape (n_rows,) or None
        How often each counts; None counts each once.
    """
    X = validated(transformer, X, reset=True, **COLUMNS)
    rows, weight = positive_rows(sample_weight, X)
    return X[rows].astype(np.float64), as_counts(weight)


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


def sorted_present(column, weight):
    """Return the values that are not missing, increasing, and their weights."""
    present = ~np.isnan(column)
    column = column[present]
    order = ascending_order(column[None])[0]
    return column[order], None if weight is None else weight[present][order]


def typical_gap(column, counts, total):
    """Return the interquartile range (else the deviation) over the number of gaps.

    1 where there is no gap.
    """
    if total <= 1 or column[0] == column[-1]:
        return 1.0
    spread = _interquartile_range(column, counts)
    if spread == 0.0:
        spread = _deviation(column, counts)
    return spread / (total - 1)


def sorted_spread(column, counts):
    """Return the standard deviation, or a robust estimate of it that is smaller.

    0 where all values are equal.
    """
    if len(column) == 0 or column[0] == column[-1]:
        return 0.0
    robust = _interquartile_range(column, counts) / 1.35
    deviation = _deviation(column, counts)
    return min(deviation, robust) if robust > 0.0 else deviation


def _interquartile_range(column, counts):
    low, high = weighted_quantile(column, [0.25, 0.75], counts)
    return float(high - low)


def _deviation(column, counts):
    _, centred = centred_columns(column[:, np.newaxis], counts)
    return float(column_scales(centred, counts)[0])


def interpolated(x, knots, images, linear):
    """Interpolate linearly between knots; beyond them stay constant, or go on."""
    if len(knots) == 0:
        return np.full(len(x), np.nan)
    out = interpolated_in_order(x, knots, images)
    if linear and len(knots) > 1:
        for outside, end, inner in ((x < knots[0], 0, 1), (x > knots[-1], -1, -2)):
            if knots[end] == knots[inner]:
                # The knots of an inverse, drawn together by a very large strength.
                continue
            slope = (images[end] - images[inner]) / (knots[end] - knots[inner])
            out[outside] = images[end] + slope * (x[outside] - knots[end])
    return out


def interpolated_in_order(x, knots, images):
    """Interpolate linearly between knots, constantly beyond; fast for many values."""
    missing = np.isnan(x)
    some = missing.any()
    if some:
        x = np.where(missing, 0.0, x)
    x = np.ascontiguousarray(x)
    order = ascending_order(x[None])[0]
    out = np.empty(len(x))
    out[order] = np.interp(x[order], knots, images)
    if some:
        out[missing] = np.nan
    return out
