# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft ranks of new samples within the training sample."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted

from sksoft._parameters import fraction, one_of
from sksoft._validation import nonnegative_number
from sksoft.operators import soft_rank
from sksoft.preprocessing._columns import (
    EDGE,
    exponential_bend,
    interpolated,
    new_columns,
    transformed_columns,
    typical_gap,
)
from sksoft.preprocessing._summarizing import SummarizingTransformer

# Rises of a block agree with its line up to this share.
ROUNDING = 1e-9
# Points that show an exponential.
CURVE = 100


class SoftRankTransformer(SummarizingTransformer):
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

    rank_tolerance : float, default=1e-4
        How wrong the rank of a training value may be, as a share of the number of
        samples, at least 0 and below 1; twice as much with other regularisations than
        "l2". Ranks are exact while a feature has at most ``5 / rank_tolerance``
        distinct values, 50 000 by default; of more, only so many are kept as this
        takes. 0 keeps all.

    Attributes
    ----------
    values_ : list of ndarray, one for each feature
        The distinct training values of each feature, increasing, or those kept of very
        many.

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

    .. [2] Greenwald and Khanna, "Space-Efficient Online Computation of Quantile
       Summaries", SIGMOD 2001: which values are kept of very many.

    Examples
    --------
    >>> from sksoft.preprocessing import SoftRankTransformer
    >>> X = [[1.0], [2.0], [4.0], [5.0], [1000.0]]
    >>> SoftRankTransformer(regularization_strength=0.0).fit_transform(X).ravel()
    array([1., 2., 3., 4., 5.])
    >>> ranks = SoftRankTransformer(regularization_strength=0.01).fit(X)
    >>> ranks.transform([[3.0], [2000.0]]).ravel()
    array([2.5, 5. ])
    >>> ranks.partial_fit([[6.0], [7.0]]).transform([[6.0]]).ravel()
    array([5.])
    """

    _parameter_checks: ClassVar = {
        "regularization_strength": nonnegative_number,
        "regularization": one_of("l2", "kl", "entropic"),
        "output_distribution": one_of("rank", "uniform", "normal"),
        "extrapolation": one_of("constant", "linear"),
        "rank_tolerance": fraction(1.0, below=True),
    }

    def __init__(
        self,
        *,
        regularization_strength: float = 1.0,
        regularization: Literal["l2", "kl", "entropic"] = "l2",
        output_distribution: Literal["rank", "uniform", "normal"] = "rank",
        extrapolation: Literal["constant", "linear"] = "constant",
        rank_tolerance: float = 1e-4,
    ) -> None:
        self.regularization_strength = regularization_strength
        self.regularization = regularization
        self.output_distribution = output_distribution
        self.extrapolation = extrapolation
        self.rank_tolerance = rank_tolerance

    def _fit_columns(self, columns):
        fitted = [self._scores(column) for column in columns]
        values, scores, scale = zip(*fitted, strict=True)
        self.values_, self.scores_ = list(values), list(scores)
        self.scale_ = np.array(scale)
        self.regularization_strength_ = self.regularization_strength * self.scale_

    def _scores(self, column):
        """Return the values of a feature, their scores, the typical gap."""
        values, counts, between, total, deviation = column
        scale = typical_gap(values, counts, total, deviation)
        strength = self.regularization_strength * scale
        scores = soft_rank(
            values,
            regularization=self.regularization,
            regularization_strength=strength,
            weights=counts if len(values) else None,
        )
        most = self.rank_tolerance * total
        exponential = self.regularization == "kl"
        bent = _bent_rises(values, scores, strength, exponential)
        steep = (bent > most) & ~np.isnan(between)
        if steep.any():
            # There blocks of pooled values end, though little lies between two values.
            values, scores = _with_ends_of_blocks(
                values, scores, between + 0.5, steep, strength, exponential
            )
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
        out = interpolated(X, knots, images)
        if self.extrapolation == "linear":
            for j, (at, to) in enumerate(zip(knots, images, strict=True)):
                # The knots of an inverse, drawn together by a very large strength, may
                # coincide.
                for end, inner, sign in ((0, 1, -1.0), (-1, -2, 1.0)):
                    if len(at) > 1 and at[end] != at[inner]:
                        outside = sign * X[:, j] > sign * at[end]
                        slope = (to[end] - to[inner]) / (at[end] - at[inner])
                        shift = X[outside, j].astype(np.float64) - at[end]
                        out[outside, j] = to[end] + slope * shift
        return out.astype(X.dtype, copy=False)


def _bent_rises(values, ranks, strength, exponential):
    """Return rises of ranks from value to value; of a block only what is no line."""
    rises = np.diff(ranks)
    if strength == 0.0:
        return rises
    with np.errstate(over="ignore"):
        steps = np.diff(values) / strength
    if not exponential:
        return np.where(rises > steps * (1.0 - ROUNDING), 0.0, rises)
    growth = np.exp(np.minimum(steps, 99.0))
    in_block = ranks[1:] > ranks[:-1] * growth * (1.0 - ROUNDING)
    return np.where(in_block, rises * exponential_bend(steps), rises)


def _with_ends_of_blocks(values, ranks, hard, steep, strength, exponential):
    """Add points where ranks rise steeply though little lies between two values.

    There they rise as in the block of the lower value up to the hard rank, stay there,
    and rise on as in the block of the higher value.

    Parameters
    ----------
    values, ranks : ndarray of shape (n,)
        Increasing values and their soft ranks.

    hard, steep : ndarray of shape (n - 1,)
        The hard rank between two values, and whether to add points there.

    strength : float
        Of the regularisation: ranks rise by one over it, or exponentially.

    exponential : bool
        Whether ranks rise exponentially in a block.

    Returns
    -------
    values, ranks : ndarray of shape (n_points,)
        Those given and those added, increasing.
    """
    (at,) = np.nonzero(steep)
    first, last, low, high = (
        ends[:, np.newaxis]
        for ends in (values[at], values[at + 1], ranks[at], ranks[at + 1])
    )
    level = np.clip(hard[at][:, np.newaxis], low, high)
    shares = np.linspace(0.0, 1.0, CURVE if exponential else 2)
    up = low + (level - low) * shares[1:]
    down = level + (high - level) * shares[:-1]
    if exponential:
        rises = np.log(up / low), np.log(high / down)
    else:
        rises = up - low, high - down
    points = np.hstack([first + strength * rises[0], last - strength * rises[1]])
    points = np.clip(points, np.nextafter(first, last), np.nextafter(last, first))
    points = np.maximum.accumulate(points, axis=1)
    places = np.repeat(at + 1, points.shape[1])
    values = np.insert(values, places, points.ravel())
    ranks = np.insert(ranks, places, np.hstack([up, down]).ravel())
    rising = np.diff(values, prepend=-np.inf) > 0.0
    return values[rising], ranks[rising]
