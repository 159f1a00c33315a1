# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The fit of transformers that need a summary of each column."""

from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from sksoft._chunks import BLOCK_ENTRIES
from sksoft._documentation import DocumentationLinkMixin
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._parameters import check_parameters
from sksoft._sorting import ascending_order
from sksoft._whole_fit import whole_fit
from sksoft.preprocessing._columns import (
    check_not_empty,
    columns_of,
    fitted_chunks,
    in_units,
    tags_of_columns,
)
from sksoft.preprocessing._quantile_summary import (
    completed,
    distribution,
    merged,
    moments,
    rescaled,
    shortened,
    summarized,
)


class Column(NamedTuple):
    """What a transformer fits its function of a column to.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        Distinct values, increasing.

    counts : ndarray of shape (n_values,) or None
        How often each counts; None counts each once.

    between : ndarray of shape (n_values - 1,)
        How many values there are up to those that may lie between one and the next; NaN
        where there are none between.

    total : float
        How many values there are, repetitions included.

    deviation : float
        The standard deviation of the column.
    """

    values: np.ndarray
    counts: np.ndarray | None
    between: np.ndarray
    total: float
    deviation: float


class Summaries(NamedTuple):
    """What is known of the rows seen so far.

    Attributes
    ----------
    columns : list of QuantileSummary
        One for each column, of weights in `unit`.

    n_rows : int
        Number of rows of positive weight.

    total : float
        Sum of their weights.

    unit : float
        What a weight of one stands for.

    whole : bool
        Whether all weights were whole numbers.
    """

    columns: list
    n_rows: int
    total: float
    unit: float
    whole: bool


def _summaries(tolerance, rows, weight):
    whole = weight is None or bool((weight == np.floor(weight)).all())
    weight, unit = in_units(weight)
    columns = [
        shortened(_summarized_column(column, weight), tolerance)
        for column in columns_of(rows)
    ]
    total = float(len(rows) if weight is None else weight.sum())
    return Summaries(columns, len(rows), total, unit, whole)


def _summarized_column(column, weight):
    column = column.astype(np.float64, copy=False)
    missing = np.isnan(column)
    if missing.any():
        column = column[~missing]
        weight = None if weight is None else weight[~missing]
    order = ascending_order(column[np.newaxis])[0]
    return summarized(
        column.take(order), None if weight is None else weight.take(order)
    )


def _merged_summaries(tolerance, first, second):
    unit = max(first.unit, second.unit)
    shares = first.unit / unit, second.unit / unit
    columns = [
        shortened(merged(*map(rescaled, columns, shares)), tolerance)
        for columns in zip(first.columns, second.columns, strict=True)
    ]
    total = first.total * shares[0] + second.total * shares[1]
    n_rows, whole = first.n_rows + second.n_rows, first.whole and second.whole
    return Summaries(columns, n_rows, total, unit, whole)


def _columns(summaries):
    """Yield the columns in counts: weights that are not whole get the mean one."""
    factor = 1.0 if summaries.whole else summaries.n_rows / summaries.total
    for summary in summaries.columns:
        counts, between = distribution(summary)
        counts = counts * factor
        yield Column(
            values=summary.knots[0],
            counts=None if (counts == 1.0).all() else counts,
            between=between * factor,
            total=factor * summary.total,
            deviation=moments(summary)[1],
        )


class SummarizingTransformer(
    DocumentationLinkMixin,
    LazyRowsMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Base of the transformers that map each feature by a function of its ranks."""

    _chunked_fits = ("fit", "partial_fit")

    @whole_fit
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn the distribution of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training sample. That of a memory map or of a Dask array or data frame
            is worked through in chunks of rows.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight is a repetition of the sample.
            Weights that are not whole numbers count by their ratios: they are brought
            to mean one over the samples that have any.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.
        """
        return self._fit(X, sample_weight, None)

    @whole_fit
    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from more samples, as if they had come with those seen before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More of the training sample, as in :meth:`fit`.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight is a repetition of the sample.
            Weights that are not whole numbers count by their ratios: they are brought
            to mean one over the samples of all calls that have any.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.
        """
        return self._fit(X, sample_weight, getattr(self, "_summaries", None))

    def _fit(self, X, sample_weight, before):
        check_parameters(self)
        tolerance = self.rank_tolerance
        chunks = fitted_chunks(
            self,
            X,
            sample_weight,
            reset=before is None,
            # A summary of fewer rows is not smaller than they are.
            piece_entries=BLOCK_ENTRIES,
        )
        merge = partial(_merged_summaries, tolerance)
        seen = chunks.reduce(partial(_summaries, tolerance), merge)
        check_not_empty(seen, sample_weight)
        if before is not None:
            seen = merge(before, seen)
        columns = [completed(column, tolerance) for column in seen.columns]
        seen = seen._replace(columns=columns)
        self._fit_columns(list(_columns(seen)))
        self._summaries = seen
        return self

    def _fit_columns(self, columns):
        """Set the fitted attributes."""
        raise NotImplementedError

    def __sklearn_tags__(self):
        return tags_of_columns(super().__sklearn_tags__())
