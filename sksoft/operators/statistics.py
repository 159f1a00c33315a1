# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft order statistics: quantiles, trimmed means, distribution functions."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._relaxations.bands import (
    MASKS,
    Median,
    MedianOfMeans,
    Quantile,
    Superquantile,
    TrimmedMean,
)
from sksoft._relaxations.distribution_sums import LAWS, Ecdf
from sksoft._validation import (
    check_flag,
    check_integer,
    check_option,
    nonnegative,
    nonnegative_number,
    real_array,
)
from sksoft.operators._call import bind, differentiable

__all__ = [
    "soft_ecdf",
    "soft_median",
    "soft_median_of_means",
    "soft_quantile",
    "soft_trimmed_mean",
    "superquantile",
]


# In sums of more repetitions one would be lost to rounding.
MOST_REPETITIONS = 1e12


def _bind_bands(operator, x, axis, strength, weights=None, shared=None, *, count=True):
    check_flag(operator.keepdims, "keepdims")
    strength = nonnegative(strength, "regularization_strength")
    vectors = {}
    if weights is not None:
        vectors["weights"] = nonnegative(weights, "weights")
    scalars = {"regularization_strength": strength}
    call = bind(operator, x, axis, scalars, vectors, shared)
    if call.n == 0:
        raise ValueError(
            f"x must have at least one entry along the axis, got shape {np.shape(x)}."
        )
    if weights is not None and call.n_rows:
        total = call.parameters["weights"].sum(axis=1)
        if total.min() == 0.0:
            raise ValueError("weights must have a positive sum, got only zeros.")
        for sum_ in (total.min(), total.max()):
            if count and not 1.0 <= sum_ <= MOST_REPETITIONS:
                raise ValueError(
                    "weights count repetitions and must sum to at least 1 and at most "
                    f"{MOST_REPETITIONS:g} along the axis, got a sum of {sum_}."
                )
    return call


def _checked_probabilities(q):
    q = real_array(q, "q").astype(np.float64)
    if q.ndim > 1:
        raise ValueError(f"q must be a number or one-dimensional, got shape {q.shape}.")
    if q.size and not (q.min() >= 0.0 and q.max() <= 1.0):
        raise ValueError(f"q must lie between 0 and 1, got {q}.")
    return q


def _mask_method(method):
    check_option(method, "method", tuple(MASKS))
    return method


@differentiable(per_entry=("weights",))
def soft_quantile(
    x: ArrayLike,
    q: ArrayLike,
    *,
    axis: int = -1,
    weights: Any = None,
    keepdims: bool = False,
    method: Literal["permutahedron", "sinkhorn", "laplace"] = "permutahedron",
    regularization_strength: ArrayLike = 1.0,
) -> float | NDArray[Any]:
    """Compute quantiles softly: a differentiable :func:`numpy.quantile`.

    The q-th quantile of n values, with linear interpolation, is the mean of the sorted
    sample over the unit of mass that starts at ``(n - 1) * q``. Its weights are the
    difference of two top-k masks, here soft ones (see :func:`soft_topk`): every result
    is an average of the values near the quantile. Values far from it have no weight,
    however far: a soft sort would pool them first.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values, n at least 1. float32 and float64 are kept, other real types become
        float64.
    q : float or array-like of shape (n_quantiles,)
        The probabilities, between 0 and 1, in any order.
    axis : int, default=-1
        The axis of the samples.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative repetitions of the values, with a sum of at least 1 and at most
        1e12.
    keepdims : bool, default=False
        Whether the axis is kept, with length 1.
    method : {"permutahedron", "sinkhorn", "laplace"}, default="permutahedron"
        The masks: sparse L2 masks, where all but the values within about a strength of
        the quantile have weight exactly 0, or those of the logistic or of the Laplace
        law.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape, which is the shape of `x` without `axis`. 0 gives the quantiles of
        :func:`numpy.quantile`; so does "permutahedron" up to the smallest gap between
        the values involved. Where the strength exceeds the spread of `x` all quantiles
        approach the mean.

    Returns
    -------
    quantiles : float or ndarray of shape (n_quantiles, ...)
        As :func:`numpy.quantile`: the axis of the quantiles comes first and is absent
        for a single number.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If `x` is empty along the axis, holds NaN or infinite values, `q` lies outside
        [0, 1], the strength or a weight is negative, the weights sum to less than 1
        or to more than 1e12, a shape does not broadcast, or an option is unknown.

    See Also
    --------
    soft_median : The quantile at 1/2.
    vjp : The exact gradient, in `x`, `q`, the strength and `weights`.
    strength_bounds : The useful range of the strength.

    Notes
    -----
    At q = 0 and q = 1 the derivative in q is the one-sided one. Where a quantile is a
    single value of the sample and the strength is so small that it has a kink there, it
    is the mean of those on both sides.

    References
    ----------
    .. [1] Sander, Puigcerver, Djolonga, Peyre and Blondel, "Fast, Differentiable and
       Sparse Top-k: a Convex Analysis Perspective", ICML 2023.
    .. [2] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.

    Examples
    --------
    >>> from sksoft import soft_quantile
    >>> x = [1.0, 2.0, 4.0, 8.0, 1e6]
    >>> soft_quantile(x, [0.75, 0.5], regularization_strength=0.0)
    array([8., 4.])
    >>> soft_quantile(x, [0.75, 0.5], regularization_strength=3.0).round(3)
    array([8.   , 3.667])
    """
    q = _checked_probabilities(q)
    operator = Quantile(_mask_method(method), keepdims, q.shape)
    strength = regularization_strength
    return _bind_bands(operator, x, axis, strength, weights, {"q": q})


@differentiable(per_entry=("weights",))
def soft_median(
    x: ArrayLike,
    *,
    axis: int = -1,
    weights: Any = None,
    keepdims: bool = False,
    method: Literal["permutahedron", "sinkhorn", "laplace"] = "permutahedron",
    regularization_strength: ArrayLike = 1.0,
) -> float | NDArray[Any]:
    """Compute the median softly: a differentiable :func:`numpy.median`.

    The result is an average of the values near the median, see :func:`soft_quantile`:
    outliers have no weight, however far.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values, n at least 1. float32 and float64 are kept, other real types become
        float64.
    axis : int, default=-1
        The axis of the samples.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative repetitions of the values, with a sum of at least 1 and at most
        1e12.
    keepdims : bool, default=False
        Whether the axis is kept, with length 1.
    method : {"permutahedron", "sinkhorn", "laplace"}, default="permutahedron"
        The masks, as for :func:`soft_quantile`.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape. 0 gives the exact median, a large one the mean.

    Returns
    -------
    median : float or ndarray of the batch shape
        The soft medians.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        As :func:`soft_quantile`.

    See Also
    --------
    soft_quantile : Any quantiles.
    soft_trimmed_mean : The mean of more of the middle.

    References
    ----------
    .. [1] Sander, Puigcerver, Djolonga, Peyre and Blondel, "Fast, Differentiable and
       Sparse Top-k: a Convex Analysis Perspective", ICML 2023.

    Examples
    --------
    >>> from sksoft import soft_median
    >>> float(soft_median([1.0, 2.0, 4.0, 8.0, 1e6], regularization_strength=1.0))
    4.0
    """
    operator = Median(_mask_method(method), keepdims)
    strength = regularization_strength
    return _bind_bands(operator, x, axis, strength, weights)


@differentiable(per_entry=("weights",))
def soft_trimmed_mean(
    x: ArrayLike,
    proportiontocut: float,
    *,
    axis: int = -1,
    weights: Any = None,
    keepdims: bool = False,
    method: Literal["permutahedron", "sinkhorn", "laplace"] = "permutahedron",
    regularization_strength: ArrayLike = 1.0,
) -> float | NDArray[Any]:
    """Compute a trimmed mean softly: a differentiable :func:`scipy.stats.trim_mean`.

    The weights are the difference of two soft top-k masks (see :func:`soft_topk`), one
    at each end: values far beyond the cuts have weight 0, however far. Trimming a
    :func:`soft_sort` instead is not robust, since far values are pooled first.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values, n at least 1. float32 and float64 are kept, other real types become
        float64.
    proportiontocut : float
        Fraction to cut off at each end, at least 0 and below 0.5: the whole number of
        values below ``proportiontocut * n``.
    axis : int, default=-1
        The axis of the samples.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative repetitions of the values, with a sum of at least 1 and at most
        1e12.
    keepdims : bool, default=False
        Whether the axis is kept, with length 1.
    method : {"permutahedron", "sinkhorn", "laplace"}, default="permutahedron"
        The masks, as for :func:`soft_quantile`.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape. 0 gives the exact trimmed mean, a large one the mean.

    Returns
    -------
    mean : float or ndarray of the batch shape
        The soft trimmed means.

    Raises
    ------
    TypeError
        If an array, or `proportiontocut`, does not hold real numbers.
    ValueError
        If `proportiontocut` lies outside [0, 0.5); else as :func:`soft_quantile`.

    See Also
    --------
    soft_median : The limit of trimming.

    References
    ----------
    .. [1] Sander, Puigcerver, Djolonga, Peyre and Blondel, "Fast, Differentiable and
       Sparse Top-k: a Convex Analysis Perspective", ICML 2023.

    Examples
    --------
    >>> from sksoft import soft_trimmed_mean
    >>> x = [1.0, 2.0, 4.0, 8.0, 1e6]
    >>> round(float(soft_trimmed_mean(x, 0.2, regularization_strength=0.5)), 3)
    4.667
    """
    proportiontocut = nonnegative_number(proportiontocut, "proportiontocut")
    if proportiontocut >= 0.5:
        raise ValueError(
            f"proportiontocut must be at least 0 and below 0.5, got {proportiontocut}."
        )
    operator = TrimmedMean(_mask_method(method), keepdims, proportiontocut)
    strength = regularization_strength
    return _bind_bands(operator, x, axis, strength, weights)


@differentiable(per_entry=("weights",))
def superquantile(
    x: ArrayLike,
    q: ArrayLike,
    *,
    axis: int = -1,
    weights: Any = None,
    keepdims: bool = False,
    method: Literal["permutahedron", "sinkhorn", "laplace"] = "permutahedron",
    regularization_strength: ArrayLike = 0.0,
) -> float | NDArray[Any]:
    """Average the largest share of a sample: the mean of what lies above a quantile.

    The superquantile, or conditional value at risk, is the mean of the share 1 - q with
    the largest values [1]_: of losses, the mean of the worst. Where that share is no
    whole number of values, the last one counts in part. It is convex and continuous in
    `x`, so that it has exact derivatives without any softening; a strength softens
    which values belong to the share, as for :func:`soft_trimmed_mean`, whose mirror
    this is: it keeps the tail that a trimmed mean cuts off. The mean of the smallest
    share is ``-superquantile(-x, q)``.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values, n at least 1. float32 and float64 are kept, other real types become
        float64.
    q : float or array-like of shape (n_quantiles,)
        The share of the smallest values that is left out, at least 0, which gives the
        mean, and below 1. From ``1 - 1 / n`` on the result is the maximum.
    axis : int, default=-1
        The axis of the samples.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative, with a positive sum. An integer weight is a repetition of the
        value; only ratios of weights matter.
    keepdims : bool, default=False
        Whether the axis is kept, with length 1.
    method : {"permutahedron", "sinkhorn", "laplace"}, default="permutahedron"
        The mask at the quantile, as for :func:`soft_quantile`.
    regularization_strength : float or array-like, default=0.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape. 0 gives the exact superquantile, a large one the mean.

    Returns
    -------
    superquantiles : float or ndarray of shape (n_quantiles, ...)
        As for :func:`soft_quantile`: the axis of the quantiles comes first and is
        absent for a single number.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If `q` is negative or not below 1, the weights are all zero; else as
        :func:`soft_quantile`.

    See Also
    --------
    soft_quantile : The value at which the share begins.
    soft_trimmed_mean : The mean without both tails.
    vjp : The exact gradient, in `x`, `q`, the strength and `weights`.

    References
    ----------
    .. [1] Rockafellar and Uryasev, "Optimization of Conditional Value-at-Risk", Journal
       of Risk 2, 2000.

    Examples
    --------
    >>> from sksoft import superquantile, vjp
    >>> float(superquantile([1.0, 2.0, 4.0, 8.0], 0.5))
    6.0
    >>> value, pullback = vjp(superquantile, [1.0, 2.0, 4.0, 8.0], 0.375)
    >>> pullback(1.0)
    array([0. , 0.2, 0.4, 0.4])
    """
    q = _checked_probabilities(q)
    if q.size and q.max() == 1.0:
        raise ValueError(f"q must be at least 0 and below 1, got {q}.")
    operator = Superquantile(_mask_method(method), keepdims, q.shape)
    strength = regularization_strength
    return _bind_bands(operator, x, axis, strength, weights, {"q": q}, count=False)


@differentiable()
def soft_median_of_means(
    x: ArrayLike,
    n_groups: int,
    *,
    axis: int = -1,
    keepdims: bool = False,
    method: Literal["permutahedron", "sinkhorn", "laplace"] = "permutahedron",
    regularization_strength: ArrayLike = 1.0,
) -> float | NDArray[Any]:
    """Compute the soft median of the means of consecutive groups.

    The median of means is an estimate of the mean that tolerates outliers in fewer than
    half of the groups [1]_. Groups are consecutive entries, of sizes as equal as
    possible: shuffle data whose order means something.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    n_groups : int
        The number of groups, from 1 (the mean) to n (the median).
    axis : int, default=-1
        The axis of the samples.
    keepdims : bool, default=False
        Whether the axis is kept, with length 1.
    method : {"permutahedron", "sinkhorn", "laplace"}, default="permutahedron"
        The masks of the median, as for :func:`soft_quantile`.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape. 0 gives the exact median of the means, a large one their mean.

    Returns
    -------
    estimate : float or ndarray of the batch shape
        The soft medians of means.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `n_groups` is not an integer.
    ValueError
        If `n_groups` is below 1 or above n; else as :func:`soft_quantile`.

    See Also
    --------
    soft_median : The soft median of the values themselves.

    References
    ----------
    .. [1] Lugosi and Mendelson, "Mean Estimation and Regression Under Heavy-Tailed
       Distributions: A Survey", Foundations of Computational Mathematics 19, 2019.

    Examples
    --------
    >>> from sksoft import soft_median_of_means
    >>> x = [1.0, 2.0, 3.0, 1e6, 0.0, 2.0]
    >>> float(soft_median_of_means(x, 3, regularization_strength=0.0))
    1.5
    """
    check_integer(n_groups, "n_groups")
    operator = MedianOfMeans(_mask_method(method), keepdims, int(n_groups))
    call = _bind_bands(operator, x, axis, regularization_strength)
    if not 1 <= n_groups <= call.n:
        raise ValueError(
            "n_groups must lie between 1 and the number of entries along the axis, "
            f"{call.n}, got {n_groups}."
        )
    return call


@differentiable(per_entry=("weights",))
def soft_ecdf(
    x: ArrayLike,
    points: ArrayLike,
    *,
    axis: int = -1,
    weights: Any = None,
    method: Literal["logistic", "gaussian", "laplace"] = "logistic",
    regularization_strength: ArrayLike = 1.0,
) -> NDArray[Any]:
    """Evaluate a smoothed empirical distribution function: a soft step at each value.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The sample, n at least 1. float32 and float64 are kept, other real types become
        float64.
    points : float or array-like of shape (n_points,)
        Where to evaluate it.
    axis : int, default=-1
        The axis of the samples.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative, with a positive sum.
    method : {"logistic", "gaussian", "laplace"}, default="logistic"
        The shape of a step: the logistic function, the normal or the Laplace
        distribution function.
    regularization_strength : float or array-like, default=1.0
        Width of the steps, at least 0 and in the unit of `x`; one value, or values that
        broadcast against the batch shape. 0 gives the fraction of values at most each
        point, as :func:`scipy.stats.ecdf`; steps of any width are half way up at the
        value itself.

    Returns
    -------
    probabilities : ndarray
        The shape of `x` with the axis of length n_points; without the axis for a single
        point.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If `x` is empty along the axis, an array holds NaN or infinite values, the
        strength or a weight is negative, all weights are zero, a shape does not
        broadcast, or an option is unknown.

    See Also
    --------
    soft_quantile : The inverse.
    soft_rank : The same sums at the values themselves.

    References
    ----------
    .. [1] Qin, Liu and Li, "A General Approximation Framework for Direct Optimization
       of Information Retrieval Measures", Information Retrieval 13, 2010.

    Examples
    --------
    >>> from sksoft import soft_ecdf
    >>> x, points = [1.0, 2.0, 4.0], [0.0, 2.0, 5.0]
    >>> soft_ecdf(x, points, regularization_strength=0.0).round(3)
    array([0.   , 0.667, 1.   ])
    >>> soft_ecdf(x, points, regularization_strength=0.3).round(3)
    array([0.012, 0.489, 0.989])
    """
    check_option(method, "method", tuple(LAWS))
    points = real_array(points, "points").astype(np.float64)
    if points.ndim > 1:
        raise ValueError(
            f"points must be a number or one-dimensional, got shape {points.shape}."
        )
    strength = nonnegative(regularization_strength, "regularization_strength")
    vectors = {}
    if weights is not None:
        vectors["weights"] = nonnegative(weights, "weights")
    operator = Ecdf(method, points.shape)
    scalars = {"regularization_strength": strength}
    call = bind(operator, x, axis, scalars, vectors, {"points": points})
    if call.n == 0:
        raise ValueError(
            f"x must have at least one entry along the axis, got shape {np.shape(x)}."
        )
    if weights is not None and not call.parameters["weights"].sum(axis=1).all():
        raise ValueError("weights must have a positive sum, got only zeros.")
    return call
