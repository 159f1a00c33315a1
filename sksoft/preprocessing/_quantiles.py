# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A transformer of features by their smoothed distribution functions."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sksoft._documentation import DocumentationLinkMixin
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._parameters import check_parameters, integer, none_or, one_of
from sksoft._validation import nonnegative_number
from sksoft._whole_fit import whole_fit
from sksoft.operators import soft_rank
from sksoft.preprocessing._columns import (
    EDGE,
    fitted_columns,
    interpolated_in_order,
    new_columns,
    sorted_present,
    sorted_spread,
    tags_of_columns,
    transformed_columns,
)


class SoftQuantileTransformer(
    DocumentationLinkMixin,
    LazyRowsMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    BaseEstimator,
):
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

    Examples
    --------
    >>> from sksoft.preprocessing import SoftQuantileTransformer
    >>> X = [[1.0], [2.0], [4.0], [1000.0]]
    >>> transformer = SoftQuantileTransformer(regularization_strength=0.0).fit(X)
    >>> transformer.transform([[1.0], [3.0], [2000.0]]).ravel()
    array([0.125, 0.5  , 0.875])
    >>> transformer.inverse_transform([[0.5]])
    array([[3.]])
    """

    _parameter_checks: ClassVar = {
        "regularization_strength": nonnegative_number,
        "output_distribution": one_of("uniform", "normal"),
        "n_quantiles": none_or(integer(2)),
    }

    def __init__(
        self,
        *,
        regularization_strength: float = 0.3,
        output_distribution: Literal["uniform", "normal"] = "uniform",
        n_quantiles: int | None = 1000,
    ) -> None:
        self.regularization_strength = regularization_strength
        self.output_distribution = output_distribution
        self.n_quantiles = n_quantiles

    @whole_fit
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Compute the smoothed distribution functions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training sample.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight is a repetition of the sample.
            Weights that are not whole numbers count by their ratios: they are brought
            to mean one over the samples that have any.

        Returns
        -------
        self : SoftQuantileTransformer
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.
        """
        check_parameters(self)
        X, counts = fitted_columns(self, X, sample_weight)
        features = [self._fit_feature(column, counts) for column in X.T]
        values, probabilities, widths = zip(*features, strict=True)
        self.values_, self.probabilities_ = list(values), list(probabilities)
        self.regularization_strength_ = np.array(widths)
        return self

    def _fit_feature(self, column, counts):
        """Return the values where the function is kept, the function, its width."""
        column, counts = sorted_present(column, counts)
        total = len(column) if counts is None else counts.sum()
        width = self.regularization_strength * sorted_spread(column, counts)
        width /= max(total, 1.0) ** (1.0 / 3.0)
        ranks = soft_rank(
            column,
            method="laplace",
            regularization_strength=width,
            weights=counts if len(column) else None,
        )
        distinct = np.flatnonzero(np.diff(column, prepend=-np.inf))
        if self.n_quantiles is not None and len(distinct) > self.n_quantiles:
            kept = np.linspace(0, len(distinct) - 1, self.n_quantiles).round()
            distinct = distinct[kept.astype(np.intp)]
        return column[distinct], (ranks[distinct] - 0.5) / total, width

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
        out = np.empty_like(X)
        for j, column in enumerate(X.T.astype(np.float64)):
            mapped = self._probabilities(j, column)
            out[:, j] = (
                ndtri(mapped) if self.output_distribution == "normal" else mapped
            )
        return out

    def _probabilities(self, j, column):
        values, probabilities = self.values_[j], self.probabilities_[j]
        if len(values) == 0:
            return np.full(len(column), np.nan)
        mapped = interpolated_in_order(column, values, probabilities)
        width = self.regularization_strength_[j]
        if width > 0.0:
            below, above = column < values[0], column > values[-1]
            # What is infinitely many widths away has a tail of 0.
            with np.errstate(over="ignore"):
                mapped[below] *= np.exp((column[below] - values[0]) / width)
                decay = np.exp((values[-1] - column[above]) / width)
            mapped[above] = 1.0 - (1.0 - mapped[above]) * decay
        return np.clip(mapped, EDGE, 1.0 - EDGE)

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
        out = np.empty_like(X)
        for j, column in enumerate(X.T.astype(np.float64)):
            if self.output_distribution == "normal":
                column = ndtr(column)
            out[:, j] = self._values(j, np.clip(column, EDGE, 1.0 - EDGE))
        return out

    def _values(self, j, column):
        values, probabilities = self.values_[j], self.probabilities_[j]
        if len(values) == 0:
            return np.full(len(column), np.nan)
        found = interpolated_in_order(column, probabilities, values)
        width = self.regularization_strength_[j]
        if width > 0.0:
            below, above = column < probabilities[0], column > probabilities[-1]
            found[below] += width * np.log(column[below] / probabilities[0])
            share = (1.0 - column[above]) / (1.0 - probabilities[-1])
            found[above] -= width * np.log(share)
        return found

    def __sklearn_tags__(self):
        return tags_of_columns(super().__sklearn_tags__())
