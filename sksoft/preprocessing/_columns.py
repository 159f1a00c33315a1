# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the transformers of columns share."""

import numpy as np
from sklearn.utils.validation import validate_data

from sksoft._sklearn_compat import check_sample_weight
from sksoft._sorting import ascending_order

# The least probability; its normal quantile is -6.
EDGE = 1e-9


def validated(transformer, X, reset):
    return validate_data(
        transformer,
        X,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
        reset=reset,
    )


def kept_rows(X, sample_weight):
    """Drop the rows of weight zero; return what is left and its weights."""
    if sample_weight is None:
        return X, None
    sample_weight = check_sample_weight(sample_weight, X)
    kept = sample_weight > 0.0
    return X[kept], sample_weight[kept]


def tags_of_columns(tags):
    tags.input_tags.allow_nan = True
    tags.transformer_tags.preserves_dtype = ["float64", "float32"]
    return tags


def sorted_present(column, weight):
    """Return the values that are not missing, increasing, and their weights."""
    present = ~np.isnan(column)
    column = column[present]
    if weight is None:
        return np.sort(column), None
    order = np.argsort(column, kind="stable")
    return column[order], weight[present][order]


def typical_gap(column, weight, total):
    """Return the interquartile range (else the deviation) over the number of gaps."""
    if total <= 1 or column[0] == column[-1]:
        return 1.0
    low, high = _quartiles(column, weight)
    spread = high - low if high > low else _deviation(column, weight)
    return spread / (total - 1)


def sorted_spread(column, weight):
    """Return the standard deviation, or a robust estimate of it that is smaller."""
    if len(column) == 0:
        return 1.0
    low, high = _quartiles(column, weight)
    robust = float(high - low) / 1.35
    deviation = _deviation(column, weight)
    return min(deviation, robust) if robust > 0.0 else deviation


def _quartiles(column, weight):
    """Return the first values at which a quarter and three quarters are reached."""
    n = len(column)
    if weight is None:
        return column[-(-n // 4) - 1], column[-(-3 * n // 4) - 1]
    mass = np.cumsum(weight)
    return column[np.searchsorted(mass, mass[-1] * np.array([0.25, 0.75]))]


def _deviation(column, weight):
    mean = np.average(column, weights=weight)
    return np.sqrt(np.average((column - mean) ** 2, weights=weight))


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
