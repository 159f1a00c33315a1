# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft ranks of new samples within the training sample."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sksoft._documentation import DocumentationLinkMixin
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._parameters import check_parameters, one_of
from sksoft._validation import nonnegative_number
from sksoft._whole_fit import whole_fit
from sksoft.operators import soft_rank
from sksoft.preprocessing._columns import (
    EDGE,
    fitted_columns,
    interpolated,
    new_columns,
    sorted_present,
    tags_of_columns,
    transformed_columns,
    typical_gap,
)


class SoftRankTransformer(
    DocumentationLinkMixin,
    LazyRowsMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    BaseEstimator,
):
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
        "normal" gives the normal quantiles of the latter, which lie within 6.

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
        The typical gap between neighbouring values of each feature.

    regularization_strength_ : ndarray of shape (n_features,)
        The strength for each feature, in its own unit: `regularization_strength` times
        the typical gap.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
    >>> X = [[1.0], [2.0], [4.0], [5.0], [1000.0]]
    >>> SoftRankTransformer(regularization_strength=0.0).fit_transform(X).ravel()
    array([1., 2., 3., 4., 5.])
    >>> ranks = SoftRankTransformer(regularization_strength=0.01).fit(X)
    >>> ranks.transform([[3.0], [2000.0]]).ravel()
    array([2.5, 5. ])
    """

    _parameter_checks: ClassVar = {
        "regularization_strength": nonnegative_number,
        "regularization": one_of("l2", "kl", "entropic"),
        "output_distribution": one_of("rank", "uniform", "normal"),
        "extrapolation": one_of("constant", "linear"),
    }

    def __init__(
        self,
        *,
        regularization_strength: float = 1.0,
        regularization: Literal["l2", "kl", "entropic"] = "l2",
        output_distribution: Literal["rank", "uniform", "normal"] = "rank",
        extrapolation: Literal["constant", "linear"] = "constant",
    ) -> None:
        self.regularization_strength = regularization_strength
        self.regularization = regularization
        self.output_distribution = output_distribution
        self.extrapolation = extrapolation

    @whole_fit
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Rank the training sample.

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
        self : SoftRankTransformer
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.
        """
        check_parameters(self)
        X, counts = fitted_columns(self, X, sample_weight)
        features = [self._fit_feature(column, counts) for column in X.T]
        values, scores, scale = zip(*features, strict=True)
        self.values_, self.scores_ = list(values), list(scores)
        self.scale_ = np.array(scale)
        self.regularization_strength_ = self.regularization_strength * self.scale_
        return self

    def _fit_feature(self, column, counts):
        """Return the distinct values of a feature, their scores, the typical gap."""
        column, counts = sorted_present(column, counts)
        total = len(column) if counts is None else counts.sum()
        scale = typical_gap(column, counts, total)
        ranks = soft_rank(
            column,
            regularization=self.regularization,
            regularization_strength=self.regularization_strength * scale,
            weights=counts if len(column) else None,
        )
        first = np.ones(len(column), dtype=bool)
        np.not_equal(column[1:], column[:-1], out=first[1:])
        values, scores = column, ranks
        if not first.all():
            values, scores = column[first], ranks[first]
        if self.output_distribution != "rank":
            # Rounding must not lead out of the range of the ranks.
            scores = np.clip((scores - 0.5) / total, 0.0, 1.0)
        if self.output_distribution == "normal":
            scores = ndtri(np.clip(scores, EDGE, 1.0 - EDGE))
        return values, scores, scale

    def transform(self, X: ArrayLike) -> NDArray[Any]:
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
        return self._mapped(new_columns(self, X), self.values_, self.scores_)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
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
        return self._mapped(transformed_columns(self, X), self.scores_, self.values_)

    def _mapped(self, X, knots, images):
        out = np.empty_like(X)
        for j, (at, to) in enumerate(zip(knots, images, strict=True)):
            out[:, j] = interpolated(
                X[:, j].astype(np.float64), at, to, self.extrapolation == "linear"
            )
        return out

    def __sklearn_tags__(self):
        return tags_of_columns(super().__sklearn_tags__())
