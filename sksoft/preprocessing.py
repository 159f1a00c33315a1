# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers of rank statistics."""

from numbers import Integral

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._sklearn_compat import check_sample_weight
from sksoft._validation import check_option, nonnegative_number
from sksoft.operators import soft_quantile_normalize, soft_rank

__all__ = ["QuantileNormalizer", "SoftQuantileTransformer", "SoftRankTransformer"]

# The least probability; its normal quantile is -6.
EDGE = 1e-9


class SoftRankTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace each feature by its soft rank within the training sample.

    Each feature is mapped through the increasing, piecewise linear function that takes
    every training value to its soft rank, so a new sample is ranked against the
    training sample alone. A small strength gives ranks, which resist outliers and
    skewness; a large one keeps the shape of the data.

    Parameters
    ----------
    regularization_strength : float, default=1.0
        At least 0, in units of the typical gap between neighbouring values of a
        feature: its interquartile range over the number of samples less one. 0 gives
        exact ranks, with average ranks for ties; so does anything well below 0.01 on
        continuous data. Above about 10 the ranks are an affine function of the feature,
        and a large strength draws them all to the middle.

    regularization : {"l2", "kl", "entropic"}, default="l2"
        The regularisation of :func:`sksoft.soft_rank`.

    output_distribution : {"rank", "uniform", "normal"}, default="rank"
        "rank" gives ranks from 1 to the number of samples n (the sum of the weights,
        with `sample_weight`); "uniform" gives (rank - 0.5) / n, between 0 and 1;
        "normal" gives the normal quantiles of the latter.

    extrapolation : {"constant", "linear"}, default="constant"
        What happens to values outside the range of the training sample: they are mapped
        as the nearest training value, or along the first or the last segment.

    Attributes
    ----------
    values_ : list of ndarray, one for each feature
        The distinct training values of each feature, increasing.

    scores_ : list of ndarray, one for each feature
        What each of these values is mapped to.

    scale_ : ndarray of shape (n_features,)
        The absolute strength for `regularization_strength=1`: the typical gap of each
        feature.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sksoft.soft_rank : The operator behind it.
    sklearn.preprocessing.QuantileTransformer : Ranks by interpolated quantiles.

    Notes
    -----
    NaN stands for a missing value: it is disregarded in :meth:`fit` and kept by
    :meth:`transform`. Where more than half of the values are tied, so that the
    interquartile range is zero, the standard deviation takes its place.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft.preprocessing import SoftRankTransformer
    >>> X = [[1.0], [2.0], [4.0], [1000.0]]
    >>> SoftRankTransformer(regularization_strength=0.0).fit_transform(X).ravel()
    array([1., 2., 3., 4.])
    >>> ranks = SoftRankTransformer(regularization_strength=0.01).fit(X)
    >>> ranks.transform([[3.0], [2000.0]]).ravel()
    array([2.5, 4. ])
    """

    def __init__(
        self,
        *,
        regularization_strength=1.0,
        regularization="l2",
        output_distribution="rank",
        extrapolation="constant",
    ):
        self.regularization_strength = regularization_strength
        self.regularization = regularization
        self.output_distribution = output_distribution
        self.extrapolation = extrapolation

    def fit(self, X, y=None, sample_weight=None):
        """Rank the training sample.

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
        self : SoftRankTransformer
            The fitted transformer.
        """
        strength = nonnegative_number(
            self.regularization_strength, "regularization_strength"
        )
        check_option(self.regularization, "regularization", ("l2", "kl", "entropic"))
        check_option(
            self.output_distribution,
            "output_distribution",
            ("rank", "uniform", "normal"),
        )
        check_option(self.extrapolation, "extrapolation", ("constant", "linear"))
        X = _validated(self, X, reset=True)
        X, sample_weight = _kept_rows(X, sample_weight)
        self.values_, self.scores_ = [], []
        self.scale_ = np.empty(X.shape[1])
        for j, column in enumerate(X.T.astype(np.float64)):
            self._fit_feature(j, column, sample_weight, strength)
        return self

    def _fit_feature(self, j, column, weight, strength):
        present = ~np.isnan(column)
        column = column[present]
        weight = None if weight is None else weight[present]
        total = len(column) if weight is None else weight.sum()
        self.scale_[j] = _typical_gap(column, weight, total)
        ranks = soft_rank(
            column,
            regularization=self.regularization,
            regularization_strength=strength * self.scale_[j],
            weights=weight if len(column) else None,
        )
        values, first = np.unique(column, return_index=True)
        scores = ranks[first]
        if self.output_distribution != "rank":
            # Rounding must not lead out of the range of the ranks.
            scores = np.clip((scores - 0.5) / max(total, 1), 0.0, 1.0)
        if self.output_distribution == "normal":
            scores = ndtri(scores)
        self.values_.append(values)
        self.scores_.append(scores)

    def transform(self, X):
        """Map each value to its soft rank within the training sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples to rank.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            Ranks, or what `output_distribution` makes of them.
        """
        check_is_fitted(self)
        X = _validated(self, X, reset=False)
        return self._mapped(X, self.values_, self.scores_)

    def inverse_transform(self, X):
        """Map ranks back to values of the features.

        Where a very large strength has drawn the ranks together, so do the values that
        can be told apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Ranks, or what `output_distribution` makes of them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Values of the features; scores outside the range of the training sample are
            treated as `extrapolation` says.
        """
        check_is_fitted(self)
        X = _validated(self, X, reset=False)
        return self._mapped(X, self.scores_, self.values_)

    def _mapped(self, X, knots, images):
        out = np.empty_like(X)
        for j, (at, to) in enumerate(zip(knots, images, strict=True)):
            out[:, j] = _interpolated(
                X[:, j].astype(np.float64), at, to, self.extrapolation == "linear"
            )
        return out

    def __sklearn_tags__(self):
        return _tags_of_columns(super().__sklearn_tags__())


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
    values_ : list of n_features_in_ ndarrays
        The training values of each feature at which the function is kept, increasing.

    probabilities_ : list of n_features_in_ ndarrays
        The function at these values.

    widths_ : ndarray of shape (n_features_in_,)
        The width of the steps of each feature.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
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
        X = _validated(self, X, reset=True)
        X, sample_weight = _kept_rows(X, sample_weight)
        n_features = X.shape[1]
        self.values_, self.probabilities_ = [], []
        self.widths_ = np.empty(n_features)
        for j, column in enumerate(X.T.astype(np.float64)):
            present = ~np.isnan(column)
            weight = None if sample_weight is None else sample_weight[present]
            self._fit_feature(j, column[present], weight, strength)
        return self

    def _fit_feature(self, j, column, weight, strength):
        order = np.argsort(column)
        column = column[order]
        weight = None if weight is None else weight[order]
        total = len(column) if weight is None else weight.sum()
        width = strength * _sorted_spread(column, weight)
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
        self.probabilities_.append((ranks[distinct] - 0.5) / max(total, 1.0))
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
        X = _validated(self, X, reset=False)
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
        mapped = _interpolated_in_order(column, values, probabilities)
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
        X = _validated(self, X, reset=False)
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
        found = _interpolated_in_order(column, probabilities, values)
        width = self.widths_[j]
        if width > 0.0:
            below, above = column < probabilities[0], column > probabilities[-1]
            found[below] += width * np.log(column[below] / probabilities[0])
            share = (1.0 - column[above]) / (1.0 - probabilities[-1])
            found[above] -= width * np.log(share)
        return found

    def __sklearn_tags__(self):
        return _tags_of_columns(super().__sklearn_tags__())


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
    target_ : ndarray of shape (n_features_in_,)
        The target distribution, increasing.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
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
        X = _validated(self, X, reset=True)
        X, weight = _kept_rows(X, sample_weight)
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
        X = _validated(self, X, reset=False)
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
            gaps = [_typical_gap(row, None, len(row)) for row in rows.astype(float)]
            strength = strength * np.array(gaps)
        return soft_quantile_normalize(
            rows, self.target_, regularization_strength=strength
        )

    def __sklearn_tags__(self):
        return _tags_of_columns(super().__sklearn_tags__())


def _validated(transformer, X, reset):
    return validate_data(
        transformer,
        X,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
        reset=reset,
    )


def _kept_rows(X, sample_weight):
    """Drop the rows of weight zero; return what is left and its weights."""
    if sample_weight is None:
        return X, None
    sample_weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    kept = sample_weight > 0.0
    if not kept.any():
        raise ValueError("sample_weight must have a non-zero sum, got zeros.")
    return X[kept], sample_weight[kept]


def _tags_of_columns(tags):
    tags.input_tags.allow_nan = True
    tags.transformer_tags.preserves_dtype = ["float64", "float32"]
    return tags


def _typical_gap(column, weight, total):
    """Return the interquartile range (else the deviation) over the number of gaps."""
    if total <= 1 or column.min() == column.max():
        return 1.0
    low, high = np.quantile(column, [0.25, 0.75], method="inverted_cdf", weights=weight)
    spread = high - low if high > low else _deviation(column, weight)
    return spread / (total - 1)


def _sorted_spread(column, weight):
    """Return the standard deviation, or a robust estimate of it that is smaller."""
    n = len(column)
    if n == 0:
        return 1.0
    if weight is None:
        quartiles = [-(-n // 4) - 1, -(-3 * n // 4) - 1]
    else:
        mass = np.cumsum(weight)
        quartiles = np.searchsorted(mass, mass[-1] * np.array([0.25, 0.75]))
    robust = float(np.diff(column[quartiles])[0]) / 1.35
    deviation = _deviation(column, weight)
    return min(deviation, robust) if robust > 0.0 else deviation


def _deviation(column, weight):
    mean = np.average(column, weights=weight)
    return np.sqrt(np.average((column - mean) ** 2, weights=weight))


def _interpolated(x, knots, images, linear):
    """Interpolate linearly between knots; beyond them stay constant, or go on."""
    if len(knots) == 0:
        return np.full(len(x), np.nan)
    out = _interpolated_in_order(x, knots, images)
    if linear and len(knots) > 1:
        for outside, end, inner in ((x < knots[0], 0, 1), (x > knots[-1], -1, -2)):
            slope = (images[end] - images[inner]) / (knots[end] - knots[inner])
            out[outside] = images[end] + slope * (x[outside] - knots[end])
    return out


def _interpolated_in_order(x, knots, images):
    """Interpolate linearly between knots, constantly beyond; fast for many values."""
    order = np.argsort(x)
    out = np.empty(len(x))
    out[order] = np.interp(x[order], knots, images)
    return out
