# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows of a regression that are worked through chunk by chunk: checks, counts, samples.

Memory maps and large arrays are cut into slices, Dask collections into their chunks.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.random import sample_without_replacement

from sksoft._chunks import RowChunks, row_chunks
from sksoft._lazy_rows import is_collection
from sksoft._selection import quantiles
from sksoft._weighted import are_whole
from sksoft.linear_model._chunked_design import ChunkedDesign
from sksoft.linear_model._design import (
    feature_units,
    make_design,
    standardized_target,
    target_units,
)

# Rows of the sample in which a fit begins, fewer if they are long, and at least so many
# for each coefficient.
SAMPLE_SIZE = 20_000
SAMPLE_ENTRIES = 2_000_000
SAMPLE_RATIO = 20
# Rows, or entries, up to which a fit is made in memory.
MEMORY_SIZE = 100_000
MEMORY_ENTRIES = 8_000_000
# Rows are worked with as they are given where no entry exceeds so many units, nor its
# centre so many.
FARTHEST_AS_GIVEN = 1e30
MOST_LOCATION = 1e3


def sample_size(n_columns):
    """Return how many rows make a sample."""
    fitting = min(SAMPLE_SIZE, SAMPLE_ENTRIES // n_columns)
    return max(fitting, SAMPLE_RATIO * n_columns)


def needs_chunks(n_rows, n_features):
    """Return whether so many rows are fitted chunk by chunk."""
    n_columns = n_features + 1
    few = min(MEMORY_SIZE, MEMORY_ENTRIES // n_columns)
    return n_rows > max(few, 2 * sample_size(n_columns))


def is_numeric(X):
    """Return whether X is a matrix of real numbers in memory or on a memory map."""
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "fiub"


class TrainingRows(NamedTuple):
    """Rows with their targets and weights.

    Attributes
    ----------
    given : RowChunks
        All rows; weights as they were given, or None.

    rows : RowChunks
        The rows of positive weight; pieces are features, targets of shape (n_rows,
        n_targets) and weights, None where each counts once.

    sizes : ndarray of shape (n_blocks,)
        Number of rows of positive weight in each block.

    n_targets : int or None
        None where there is one target, of one dimension.

    dtype : dtype
        float32 or float64, that of the features.

    total : float
        Weight of all rows.

    least : float
        Smallest positive weight.

    farthest : float
        Largest magnitude of an entry of the features.
    """

    given: RowChunks
    rows: RowChunks
    sizes: np.ndarray
    n_targets: int | None
    dtype: np.dtype
    total: float
    least: float
    farthest: float

    def median_prediction(self, coef, intercept):
        """Return the medians of the sizes of predictions of all rows."""
        coefs, intercepts = np.atleast_2d(coef), np.ravel(intercept)
        medians = []
        for slopes, constant in zip(coefs, intercepts, strict=True):

            def sizes(X, y, weight, slopes=slopes, constant=constant):
                return np.abs(_as_floats(X) @ slopes + constant), None

            n_rows, anywhere = self.given.n_rows, [(-np.inf, np.inf)]
            medians += list(
                quantiles(self.given.reduce, sizes, [0.5], n_rows, anywhere)
            )
        return medians[0] if self.n_targets is None else np.array(medians)

    def weights(self, designs, found):
        """Return the weights that rows have, or would have, in fits of the targets."""
        maps = [
            (design.standardizer(), target.coef, target.rule)
            for design, target in zip(designs, found, strict=True)
        ]
        return self.given.map_rows(
            partial(_rule_weights, maps, self.n_targets), np.float64, self._tail
        )

    def outlying(self, coef, intercept, threshold):
        """Return which rows are beyond the threshold, and how many."""
        outlying = partial(_is_outlying, coef, intercept, threshold)
        mask = self.given.map_rows(outlying, bool, self._tail)
        if isinstance(mask, np.ndarray):
            return mask, mask.sum(axis=0)
        count = self.given.reduce(lambda *piece: outlying(*piece).sum(axis=0))
        return mask, count

    @property
    def _tail(self):
        return () if self.n_targets is None else (self.n_targets,)


def training_rows(X, y, sample_weight, name):
    """Return checked `TrainingRows`.

    Parameters
    ----------
    X : ndarray or Dask collection of shape (n_samples, n_features)
        Features.

    y : array-like or Dask collection of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    sample_weight : array-like or Dask collection of shape (n_samples,), number or None
        How often each row counts, as in `sksoft._weighted.as_counts`.

    name : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        If numbers are not finite, or weights negative or all 0, or there is no row.
    """
    if not is_collection(y):
        y = np.asarray(y)
    if sample_weight is not None and not is_collection(sample_weight):
        sample_weight = np.asarray(sample_weight)
        if sample_weight.ndim == 0:
            n_rows = row_chunks(X).n_rows
            sample_weight = np.broadcast_to(sample_weight, n_rows)
    if sample_weight is not None and sample_weight.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {sample_weight.ndim}D "
            "array."
        )
    given = row_chunks(X, y, sample_weight)
    counted = given.reduce(partial(_checked_counts, name), _joined_counts)
    if counted is None:
        raise ValueError(
            f"Found array with 0 sample(s) while a minimum of 1 is required by {name}."
        )
    if not counted.n_rows:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    mean = counted.shares / counted.n_rows
    # Whole numbers are repetitions; other weights are brought to mean one.
    unit, divisor = (1.0, 1.0) if counted.whole else (counted.largest, mean)
    least, largest = (w / unit / divisor for w in (counted.least, counted.largest))
    equal = counted.least == counted.largest and (not counted.whole or largest == 1)
    if equal:
        least, total = 1.0, float(counted.n_rows)
    else:
        total = counted.shares * counted.largest / unit / divisor
    dtype = given.dtype if given.dtype in (np.float64, np.float32) else np.float64
    prepare = partial(_prepared, None if equal else (unit, divisor))
    rows = given.prepared(prepare)
    return TrainingRows(
        given,
        rows,
        rows.sizes(),
        None if y.ndim == 1 else y.shape[1],
        np.dtype(dtype),
        total,
        least,
        counted.farthest,
    )


def chunked_designs(rows, fit_intercept, alpha, robust, rng):
    """Return the `ChunkedDesign` of each target.

    Parameters
    ----------
    rows : TrainingRows
        The rows.

    fit_intercept : bool
        Whether there is a column of ones.

    alpha : float
        Ridge penalty.

    robust : bool
        Whether units are robust.

    rng : RandomState
        Draws the sample.

    Returns
    -------
    designs : list of ChunkedDesign
        All with the same sample.
    """
    n_rows = int(rows.sizes.sum())
    n_columns = rows.given.n_columns + fit_intercept
    size = min(sample_size(n_columns), n_rows)
    chosen = np.sort(sample_without_replacement(n_rows, size, random_state=rng))
    X, targets, weight = rows.rows.take(chosen, rows.sizes)
    # The penalty of few rows is their share of that of all.
    share = size / n_rows
    units = feature_units(X, weight, fit_intercept, alpha * share, robust)
    sample = make_design(X, weight, units, fit_intercept, alpha * share)
    # Differences to the centre lose digits of numbers far from zero.
    with np.errstate(over="ignore", under="ignore"):
        farthest = rows.farthest / units.scale.min()
    as_given = bool(farthest <= FARTHEST_AS_GIVEN)
    as_given &= bool((np.abs(units.location) <= MOST_LOCATION * units.scale).all())
    designs = []
    for column, target in enumerate(targets.T):
        unit = target_units(target, weight, fit_intercept, robust)
        designs.append(
            ChunkedDesign(
                rows.rows,
                n_rows,
                rows.total,
                units,
                unit,
                column,
                sample,
                standardized_target(target, unit),
                sample.penalty / share,
                as_given,
            )
        )
    return designs


class _Counts(NamedTuple):
    """How often rows count, weights as shares of the largest; the largest entry."""

    n_rows: int
    whole: bool
    least: float
    largest: float
    shares: float
    farthest: float


def _checked_counts(name, X, y, weight):
    """Raise unless a piece holds finite numbers; return its `_Counts`."""
    options = {"estimator": name, "ensure_min_features": 1}
    X = check_array(X, dtype=[np.float64, np.float32], input_name="X", **options)
    check_array(y, ensure_2d=False, input_name="y", estimator=name)
    farthest = float(max(X.max(), -X.min()))
    if weight is None:
        return _Counts(len(X), True, 1.0, 1.0, float(len(X)), farthest)
    weight = check_array(
        weight,
        ensure_2d=False,
        dtype=np.float64,
        input_name="sample_weight",
        estimator=name,
    )
    if (weight < 0).any():
        raise ValueError(
            "Negative values in data passed to `sample_weight` of "
            f"{name}, got {weight.min()}."
        )
    positive = weight[weight > 0]
    if not len(positive):
        return _Counts(0, True, np.inf, 0.0, 0.0, farthest)
    largest = positive.max()
    return _Counts(
        len(positive),
        are_whole(positive),
        float(positive.min()),
        float(largest),
        float((positive / largest).sum()),
        farthest,
    )


def _joined_counts(first, second):
    largest = max(first.largest, second.largest)
    shares = first.shares * (first.largest / (largest or 1.0))
    shares += second.shares * (second.largest / (largest or 1.0))
    return _Counts(
        first.n_rows + second.n_rows,
        first.whole and second.whole,
        min(first.least, second.least),
        largest,
        shares,
        max(first.farthest, second.farthest),
    )


def _as_floats(values):
    if values.dtype in (np.float64, np.float32):
        return values
    return values.astype(np.float64)


def _prepared(divisors, X, y, weight):
    """Return the rows of positive weight as functions see them."""
    targets = y.astype(np.float64, copy=False).reshape(len(y), -1)
    X = _as_floats(X)
    if weight is None:
        return X, targets, None
    weight = weight.astype(np.float64)
    present = weight > 0
    if not present.all():
        X, targets, weight = X[present], targets[present], weight[present]
    if divisors is None:
        return X, targets, None
    for divisor in divisors:
        weight = weight / divisor
    return X, targets, weight


def _rule_weights(maps, n_targets, X, y, weight):
    """Return the weights of a piece in the fit of each target."""
    X, targets, _ = _prepared(None, X, y, None)
    weights = np.empty((len(X), len(maps)))
    for column, (standardize, coef, rule) in zip(weights.T, maps, strict=True):
        design, z = standardize(X, targets, None)
        column[:] = rule(design.residual(coef, z), design)
    return weights[:, 0] if n_targets is None else weights


def _is_outlying(coef, intercept, threshold, X, y, weight):
    predicted = _as_floats(X) @ coef.T + intercept
    return np.abs(y.astype(np.float64, copy=False) - predicted) > threshold
