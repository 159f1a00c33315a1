# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A transformer of features by their smoothed distribution functions."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from sklearn.utils.validation import check_is_fitted

from sksoft._parameters import fraction, integer, none_or, one_of
from sksoft._validation import nonnegative_number
from sksoft.operators import soft_rank
from sksoft.preprocessing._columns import (
    EDGE,
    exponential_bend,
    interpolated,
    new_columns,
    robust_spread,
    transformed_columns,
)
from sksoft.preprocessing._summarizing import SummarizingTransformer

# The ends of a column without values: nothing lies beyond them.
EMPTY = (-np.inf, np.inf)


class SoftQuantileTransformer(SummarizingTransformer):
    """Map each feature through its smoothed distribution function.

    The distribution function of the training sample is smoothed by replacing each of
    its steps by a Laplace distribution function [1]_; new values are mapped through the
    same function, to a uniform or normal distribution. All training values count: none
    are drawn from a large sample.

    Parameters
    ----------
    regularization_strength : float, default=0.3
        Width of the smoothed steps, at least 0, in units of a feature's standard
        deviation (or, if smaller, its interquartile range over 1.35) times
        ``n_samples ** (-1 / 3)``. 0 is the empirical distribution function, half way up
        its steps at the training values and linear between these.

    output_distribution : {"uniform", "normal"}, default="uniform"
        The distribution to map to.

    n_quantiles : int or None, default=1000
        At how many training values, evenly spaced in order, the function is kept; it
        is interpolated linearly between them. None keeps it at all of them.

    rank_tolerance : float, default=1e-4
        How wrong the function may be at a training value, besides, as a probability, at
        least 0 and below 1. It is exact while a feature has at most
        ``5 / rank_tolerance`` distinct values, 50 000 by default; of more, only so many
        are kept as this takes. 0 keeps all.

    Attributes
    ----------
    values_ : list of `n_features_in_` ndarrays
        The training values of each feature at which the function is kept, increasing.

    probabilities_ : list of `n_features_in_` ndarrays
        The function at these values.

    regularization_strength_ : ndarray of shape (`n_features_in_`,)
        The width of the smoothed steps of each feature, in its own unit.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    SoftRankTransformer : Soft ranks within the training sample.
    sklearn.preprocessing.QuantileTransformer : Interpolates quantiles of a subsample.

    Notes
    -----
    NaN stands for a missing value: it is disregarded in :meth:`fit` and kept by
    :meth:`transform`. Beyond the training sample the smoothed function goes on as it
    is, by the tails of the Laplace distribution, down to a probability of 1e-9 and up
    to one less that: so the normal quantiles lie within 6.

    References
    ----------
    .. [1] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
       Them All: Ranking, Sorting and Top-k Selection", ICML 2025.

    .. [2] Greenwald and Khanna, "Space-Efficient Online Computation of Quantile
       Summaries", SIGMOD 2001: which values are kept of very many.

    Examples
    --------
    >>> from sksoft.preprocessing import SoftQuantileTransformer
    >>> X = [[1.0], [2.0], [4.0], [1000.0]]
    >>> transformer = SoftQuantileTransformer(regularization_strength=0.0).fit(X)
    >>> transformer.transform([[1.0], [3.0], [2000.0]]).ravel()
    array([0.125, 0.5  , 0.875])
    >>> transformer.inverse_transform([[0.5]])
    array([[3.]])
    >>> transformer.partial_fit([[3.0]]).transform([[3.0]])
    array([[0.5]])
    """

    _parameter_checks: ClassVar = {
        "regularization_strength": nonnegative_number,
        "output_distribution": one_of("uniform", "normal"),
        "n_quantiles": none_or(integer(2)),
        "rank_tolerance": fraction(1.0, below=True),
    }

    def __init__(
        self,
        *,
        regularization_strength: float = 0.3,
        output_distribution: Literal["uniform", "normal"] = "uniform",
        n_quantiles: int | None = 1000,
        rank_tolerance: float = 1e-4,
    ) -> None:
        self.regularization_strength = regularization_strength
        self.output_distribution = output_distribution
        self.n_quantiles = n_quantiles
        self.rank_tolerance = rank_tolerance

    def _fit_columns(self, columns):
        fitted = [self._function(column) for column in columns]
        values, probabilities, widths = zip(*fitted, strict=True)
        self.values_, self.probabilities_ = list(values), list(probabilities)
        self.regularization_strength_ = np.array(widths)

    def _function(self, column):
        """Return the values where the function is kept, the function, its width."""
        values, counts, between, total, deviation = column
        width = self.regularization_strength * robust_spread(values, counts, deviation)
        width /= max(total, 1.0) ** (1.0 / 3.0)
        counts = counts if len(values) else None
        ranks = _ranks(values, counts, width)
        most = self.rank_tolerance * total
        with np.errstate(divide="ignore", over="ignore"):
            bend = exponential_bend(np.diff(values) / width)
        steep = (np.diff(ranks) * bend > most) & ~np.isnan(between)
        if steep.any():
            # There steps of heavy values are smoothed, though little lies between two.
            places, points = _points(values, ranks / most, width, np.flatnonzero(steep))
            values = np.insert(values, places, points)
            # What weighs nothing has a rank but does not change those of others.
            counts = np.insert(counts, places, 0.0)
            ranks = _ranks(values, counts, width)
        probabilities = (ranks - 0.5) / total
        if self.n_quantiles is not None and len(values) > self.n_quantiles:
            kept = np.linspace(0, len(values) - 1, self.n_quantiles).round()
            kept = kept.astype(np.intp)
            values, probabilities = values[kept], probabilities[kept]
        return values, probabilities, width

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Map values through the smoothed distribution functions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The values to map.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            Probabilities, or normal quantiles of these.
        """
        check_is_fitted(self)
        X = new_columns(self, X)
        out = interpolated(X, self.values_, self.probabilities_)
        for j, below, above in self._tails(X, self.values_):
            values, width = self.values_[j], self.regularization_strength_[j]
            # What is infinitely many widths away has a tail of 0.
            with np.errstate(over="ignore"):
                out[below, j] *= np.exp((X[below, j] - values[0]) / width)
                decay = np.exp((values[-1] - X[above, j]) / width)
            out[above, j] = 1.0 - (1.0 - out[above, j]) * decay
        np.clip(out, EDGE, 1.0 - EDGE, out=out)
        if self.output_distribution == "normal":
            ndtri(out, out=out)
        return out.astype(X.dtype, copy=False)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Map probabilities, or normal quantiles of these, back to values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            What :meth:`transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Values of the features.
        """
        check_is_fitted(self)
        X = transformed_columns(self, X)
        mapped = X.astype(np.float64)
        if self.output_distribution == "normal":
            ndtr(mapped, out=mapped)
        np.clip(mapped, EDGE, 1.0 - EDGE, out=mapped)
        out = interpolated(mapped, self.probabilities_, self.values_)
        for j, below, above in self._tails(mapped, self.probabilities_):
            ends, width = self.probabilities_[j], self.regularization_strength_[j]
            out[below, j] += width * np.log(mapped[below, j] / ends[0])
            share = (1.0 - mapped[above, j]) / (1.0 - ends[-1])
            out[above, j] -= width * np.log(share)
        return out.astype(X.dtype, copy=False)

    def _tails(self, X, knots):
        """Yield columns, and which of their values lie beyond the smoothed steps."""
        first, last = np.transpose([at[[0, -1]] if len(at) else EMPTY for at in knots])
        beyond = (X < first) | (X > last)
        if not beyond.any():
            return
        smoothed = self.regularization_strength_ > 0.0
        for j in np.flatnonzero(beyond.any(axis=0) & smoothed):
            rows = np.flatnonzero(beyond[:, j])
            is_below = X[rows, j] < first[j]
            yield j, rows[is_below], rows[~is_below]


def _ranks(values, counts, width):
    return soft_rank(
        values, method="laplace", regularization_strength=width, weights=counts
    )


def _points(values, ranks, width, steep):
    """Return points between values, so many that ranks rise little between them.

    Parameters
    ----------
    values, ranks : ndarray of shape (n,)
        Values and their ranks, in units of how much they may rise.

    width : float
        Width of the smoothed steps.

    steep : ndarray of shape (n_steep,)
        Which values come before a steep rise.

    Returns
    -------
    places, points : ndarray of shape (n_points,)
        Before which value to insert each of the points, which increase.
    """
    n_points = (ranks[steep + 1] - ranks[steep]).astype(np.intp) + 1
    # Where the tail of a step beside them has risen by equal parts.
    before = np.repeat(np.cumsum(n_points) - n_points, n_points)
    parts = (np.arange(len(before)) - before) / np.repeat(n_points, n_points)
    away = -width * np.log1p(-parts)
    places = np.repeat(steep + 1, n_points)
    first, last = values[places - 1], values[places]
    inner = np.nextafter(first, last), np.nextafter(last, first)
    points = np.concatenate([first + away, last - away])
    points = np.sort(np.clip(points, *np.tile(inner, 2)))
    new = np.append(True, points[1:] > points[:-1])
    return np.repeat(places, 2)[new], points[new]
