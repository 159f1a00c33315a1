# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A transformer that gives all samples the same distribution of values."""

from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sksoft._documentation import DocumentationLinkMixin
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._parameters import check_parameters
from sksoft._validation import nonnegative_number
from sksoft._whole_fit import whole_fit
from sksoft.operators import soft_quantile_normalize, soft_rank
from sksoft.preprocessing._columns import (
    check_not_empty,
    fitted_chunks,
    in_units,
    new_columns,
    tags_of_columns,
    typical_gap,
)
from sksoft.preprocessing._quantile_summary import moments, summarized


class Average(NamedTuple):
    """Sum of the sorted samples, of their weights, and the unit of these."""

    ordered: NDArray[Any]
    weight: float
    unit: float


class QuantileNormalizer(
    DocumentationLinkMixin,
    LazyRowsMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    BaseEstimator,
):
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
    interpolated at their ranks, the first at its first and the last at its last value,
    as ``normalizeQuantiles`` of limma does. The strength in the unit of the values is
    another for each sample, so no fitted attribute holds it.

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

    _chunked_fits = ("fit", "partial_fit")
    _parameter_checks: ClassVar = {"regularization_strength": nonnegative_number}

    def __init__(self, *, regularization_strength: float = 0.0) -> None:
        self.regularization_strength = regularization_strength

    @whole_fit
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Average the sorted samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training samples. Those of a memory map or of a Dask array or data frame
            are worked through in chunks.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, of which only the ratios count; an integer weight is a
            repetition of the sample.

        Returns
        -------
        self : QuantileNormalizer
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
        """Average more samples with those seen before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More training samples, as in :meth:`fit`.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, of which only the ratios count, also to those of
            other calls; an integer weight is a repetition of the sample.

        Returns
        -------
        self : QuantileNormalizer
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.
        """
        return self._fit(X, sample_weight, getattr(self, "_average", None))

    def _fit(self, X, sample_weight, before):
        check_parameters(self)
        chunks = fitted_chunks(self, X, sample_weight, reset=before is None)
        average = chunks.reduce(_averaged, _average_of_both)
        check_not_empty(average, sample_weight)
        if before is not None:
            average = _average_of_both(before, average)
        if average.weight == 0.0:
            raise ValueError("X must hold a value that is not NaN, got none.")
        self.target_ = average.ordered / average.weight
        self._average = average
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
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
        X = new_columns(self, X)
        present = ~np.isnan(X)
        if present.all():
            return self._normalized(np.ascontiguousarray(X))
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
            gaps = [_typical_gap(row) for row in ordered]
            strength = strength * np.array(gaps)
        n_present, n_features = rows.shape[1], len(self.target_)
        if n_present == n_features:
            return soft_quantile_normalize(
                rows, self.target_, regularization_strength=strength
            )
        if n_present == 1:
            return _resized(self.target_, 1)[np.newaxis]
        ranks = soft_rank(rows, regularization_strength=strength)
        places = (ranks.astype(np.float64) - 1) / (n_present - 1)
        return np.interp(places, np.linspace(0.0, 1.0, n_features), self.target_)

    def __sklearn_tags__(self):
        return tags_of_columns(super().__sklearn_tags__())


def _averaged(X, weight):
    weight, unit = in_units(weight)
    weight = np.ones(len(X)) if weight is None else weight
    # NaN goes last.
    ordered = np.sort(X.astype(np.float64), axis=1)
    n_features = ordered.shape[1]
    if not np.isnan(ordered[:, -1]).any():
        return Average(weight @ ordered, weight.sum(), unit)
    n_present = n_features - np.isnan(ordered).sum(axis=1)
    weight = np.where(n_present > 0, weight, 0.0)
    for i in np.flatnonzero((n_present > 0) & (n_present < n_features)):
        ordered[i] = _resized(ordered[i, : n_present[i]], n_features)
    ordered[n_present == 0] = 0.0
    return Average(weight @ ordered, weight.sum(), unit)


def _average_of_both(first, second):
    unit = max(first.unit, second.unit)
    shares = first.unit / unit, second.unit / unit
    ordered = first.ordered * shares[0] + second.ordered * shares[1]
    weight = first.weight * shares[0] + second.weight * shares[1]
    return Average(ordered, weight, unit)


def _typical_gap(ordered):
    _, deviation = moments(summarized(ordered, None))
    return typical_gap(ordered, None, len(ordered), deviation)


def _resized(ordered, n):
    """Return n values that run from the first to the last of increasing ones."""
    if len(ordered) == n:
        return ordered
    places = np.linspace(0.0, 1.0, n) if n > 1 else np.array([0.5])
    if len(ordered) == 1:
        return np.full(n, ordered[0])
    return np.interp(places, np.linspace(0.0, 1.0, len(ordered)), ordered)
