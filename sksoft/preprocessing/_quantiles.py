# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers by quantiles: to a distribution, or to one that samples share."""

from numbers import Integral

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sksoft._validation import check_option, nonnegative_number
from sksoft.operators import soft_quantile_normalize, soft_rank
from sksoft.preprocessing._columns import (
    EDGE,
    interpolated_in_order,
    kept_rows,
    sorted_present,
    sorted_spread,
    tags_of_columns,
    typical_gap,
    validated,
)


class SoftQuantileTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
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

    widths_ : ndarray of shape (`n_features_in_`,)
        The width of the steps of each feature.

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

    def __init__(
        self,
        *,
        regularization_strength=0.3,
        output_distribution="uniform",
        n_quantiles=1000,
    ):
        self.regularization_strength = regularization_strength
        self.output_distribution = output_distribution
        self.n_quantiles = n_quantiles

    def fit(self, X, y=None, sample_weight=None):
        """Compute the smoothed distribution functions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training sample.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight is a repetition of the sample.

        Returns
        -------
        self : SoftQuantileTransformer
            The fitted transformer.
        """
        strength = nonnegative_number(
            self.regularization_strength, "regularization_strength"
        )
        check_option(
            self.output_distribution, "output_distribution", ("uniform", "normal")
        )
        n_kept = self.n_quantiles
        if n_kept is not None and not (isinstance(n_kept, Integral) and n_kept >= 2):
            raise ValueError(
                f"n_quantiles must be an integer of at least 2 or None, got {n_kept!r}."
            )
        X = validated(self, X, reset=True)
        X, sample_weight = kept_rows(X, sample_weight)
        n_features = X.shape[1]
        self.values_, self.probabilities_ = [], []
        self.widths_ = np.empty(n_features)
        for j, column in enumerate(X.T.astype(np.float64)):
            self._fit_feature(j, column, sample_weight, strength)
        return self

    def _fit_feature(self, j, column, weight, strength):
        column, weight = sorted_present(column, weight)
        total = len(column) if weight is None else weight.sum()
        width = strength * sorted_spread(column, weight)
        width /= max(total, 1.0) ** (1.0 / 3.0)
        ranks = soft_rank(
            column,
            method="laplace",
            regularization_strength=width,
            weights=weight if len(column) else None,
        )
        distinct = np.flatnonzero(np.diff(column, prepend=-np.inf))
        if self.n_quantiles is not None and len(distinct) > self.n_quantiles:
            kept = np.linspace(0, len(distinct) - 1, self.n_quantiles).round()
            distinct = distinct[kept.astype(np.intp)]
        self.values_.append(column[distinct])
        self.probabilities_.append((ranks[distinct] - 0.5) / total)
        self.widths_[j] = width

    def transform(self, X):
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
        X = validated(self, X, reset=False)
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
        width = self.widths_[j]
        if width > 0.0:
            below, above = column < values[0], column > values[-1]
            mapped[below] *= np.exp((column[below] - values[0]) / width)
            decay = np.exp((values[-1] - column[above]) / width)
            mapped[above] = 1.0 - (1.0 - mapped[above]) * decay
        return np.clip(mapped, EDGE, 1.0 - EDGE)

    def inverse_transform(self, X):
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
        X = validated(self, X, reset=False)
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
        width = self.widths_[j]
        if width > 0.0:
            below, above = column < probabilities[0], column > probabilities[-1]
            found[below] += width * np.log(column[below] / probabilities[0])
            share = (1.0 - column[above]) / (1.0 - probabilities[-1])
            found[above] -= width * np.log(share)
        return found

    def __sklearn_tags__(self):
        return tags_of_columns(super().__sklearn_tags__())


class QuantileNormalizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Give every sample the same distribution of values.

    Quantile normalisation of genomics [1]_: the values of a sample, a row, are replaced
    by those of equal rank in a target distribution. The target is fitted, as the mean
    over the training samples of their sorted values, so that new samples are mapped one
    by one, without a look at each other.

    Parameters
    ----------
    regularization_strength : float, default=0.0
        Strength of the soft rank, at least 0, in units of the typical gap between
        neighbouring values of a sample: its interquartile range over the number of
        values less one. 0 ranks exactly.

    Attributes
    ----------
    target_ : ndarray of shape (`n_features_in_`,)
        The target distribution, increasing.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sksoft.soft_quantile_normalize : The operator behind it.
    SoftQuantileTransformer : Maps features, not samples.

    Notes
    -----
    Samples are rows here, as everywhere in scikit-learn; packages of genomics often
    have them in columns. Tied values get the target at their average rank. NaN stands
    for a missing value: the others are ranked without it, and the target is
    interpolated at their number.

    References
    ----------
    .. [1] Bolstad, Irizarry, Astrand and Speed, "A Comparison of Normalization Methods
       for High Density Oligonucleotide Array Data Based on Variance and Bias",
       Bioinformatics 19, 2003.

    Examples
    --------
    >>> from sksoft.preprocessing import QuantileNormalizer
    >>> X = [[5.0, 2.0, 3.0, 4.0], [4.0, 1.0, 5.0, 2.0], [3.0, 4.0, 6.0, 8.0]]
    >>> normalizer = QuantileNormalizer().fit(X)
    >>> normalizer.target_.round(2)
    array([2.  , 3.  , 4.67, 6.  ])
    >>> normalizer.transform([[10.0, 70.0, 30.0, 20.0]]).round(2)
    array([[2.  , 6.  , 4.67, 3.  ]])
    """

    def __init__(self, *, regularization_strength=0.0):
        self.regularization_strength = regularization_strength

    def fit(self, X, y=None, sample_weight=None):
        """Average the sorted samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training samples.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight is a repetition of the sample.

        Returns
        -------
        self : QuantileNormalizer
            The fitted transformer.
        """
        nonnegative_number(self.regularization_strength, "regularization_strength")
        X = validated(self, X, reset=True)
        X, weight = kept_rows(X, sample_weight)
        weight = np.ones(len(X)) if weight is None else weight
        # NaN goes last.
        ordered = np.sort(X.astype(np.float64), axis=1)
        n_features = ordered.shape[1]
        n_present = n_features - np.isnan(ordered).sum(axis=1)
        weight = np.where(n_present > 0, weight, 0.0)
        if not weight.any():
            raise ValueError("X must hold a value that is not NaN, got none.")
        at = (np.arange(n_features) + 0.5) / n_features
        for i in np.flatnonzero((n_present > 0) & (n_present < n_features)):
            n = n_present[i]
            ordered[i] = np.interp(at, (np.arange(n) + 0.5) / n, ordered[i, :n])
        ordered[n_present == 0] = 0.0
        self.target_ = weight @ ordered / weight.sum()
        return self

    def transform(self, X):
        """Replace the values of each sample by those of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            The normalised samples.
        """
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        present = ~np.isnan(X)
        complete = present.all(axis=1)
        out = np.full_like(X, np.nan)
        out[complete] = self._normalized(X[complete])
        for i in np.flatnonzero(~complete):
            if present[i].any():
                out[i, present[i]] = self._normalized(X[np.newaxis, i, present[i]])[0]
        return out

    def _normalized(self, rows):
        strength = self.regularization_strength
        if strength > 0.0:
            ordered = np.sort(rows.astype(np.float64), axis=1)
            gaps = [typical_gap(row, None, len(row)) for row in ordered]
            strength = strength * np.array(gaps)
        return soft_quantile_normalize(
            rows, self.target_, regularization_strength=strength
        )

    def __sklearn_tags__(self):
        return tags_of_columns(super().__sklearn_tags__())
