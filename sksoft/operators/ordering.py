# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The public soft sort and soft rank: one name each for all their methods."""

import numpy as np

from sksoft._validation import check_flag, check_option, nonnegative, real_array
from sksoft.operators._operator import bind, differentiable
from sksoft.operators.permutahedron import PermutahedronRank, PermutahedronSort

__all__ = ["soft_rank", "soft_sort"]


@differentiable()
def soft_sort(
    x,
    *,
    axis=-1,
    descending=False,
    method="permutahedron",
    regularization="l2",
    regularization_strength=1.0,
):
    """Sort softly: a differentiable relaxation of :func:`numpy.sort`.

    With ``method="permutahedron"`` the result is the projection of
    ``(1, ..., n) / regularization_strength`` onto the permutahedron of `x`, the convex
    hull of its permutations [1]_. It costs O(n log n).

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis to sort along.
    descending : bool, default=False
        Whether the largest value comes first. The descending result is the ascending
        one reversed, for every regularisation.
    method : {"permutahedron"}, default="permutahedron"
        How the sort is relaxed.
    regularization : {"l2", "entropic", "kl"}, default="l2"
        "l2" preserves the sum of `x`; "entropic" works in the log domain and preserves
        the sum of ``exp(x)``. "kl" is another word for "entropic" here, as in other
        packages.
    regularization_strength : float or array-like, default=1.0
        At least 0; one value, or values that broadcast against the batch shape, the
        shape of `x` without `axis`. 0 sorts exactly. Data that grow are sorted more
        softly, the other way round from :func:`soft_rank`: the sort is exact up to the
        reciprocal of the largest gap between neighbouring values, and the default pools
        values whose gaps are above 1. See :func:`strength_bounds`.

    Returns
    -------
    values : ndarray of the shape of `x`
        The softly sorted values; with strengths of a larger shape, one result for each.

    Raises
    ------
    TypeError
        If `x` or the strength does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, the strength is negative or does not
        broadcast, or an option is unknown.

    See Also
    --------
    soft_rank : The ranks.
    vjp : The exact gradient.
    strength_bounds : The useful range of the strength.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_sort
    >>> soft_sort([3.0, 1.0, 2.0], regularization_strength=0.1)
    array([1., 2., 3.])
    >>> soft_sort([3.0, 1.0, 2.0], regularization_strength=2.0)
    array([1.5, 2. , 2.5])
    """
    check_flag(descending, "descending")
    check_option(method, "method", ("permutahedron",))
    check_option(regularization, "regularization", ("l2", "entropic", "kl"))
    strength = nonnegative(regularization_strength, "regularization_strength")
    operator = PermutahedronSort(regularization, descending)
    return bind(operator, x, axis, {"regularization_strength": strength})


@differentiable()
def soft_rank(
    x,
    *,
    axis=-1,
    descending=False,
    method="permutahedron",
    regularization="l2",
    regularization_strength=1.0,
    weights=None,
    targets=None,
):
    """Rank softly: a differentiable relaxation of :func:`scipy.stats.rankdata`.

    Ranks start at 1, and with ``descending=False`` the smallest value has rank 1. With
    ``method="permutahedron"`` the result is the projection of
    ``x / regularization_strength`` onto the permutahedron of 1, ..., n, the convex hull
    of its permutations [1]_. It costs O(n log n).

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis to rank along.
    descending : bool, default=False
        Whether the largest value has rank 1. The result is the rank of ``-x``.
    method : {"permutahedron"}, default="permutahedron"
        How the ranking is relaxed.
    regularization : {"l2", "entropic", "kl"}, default="l2"
        "l2" is the Euclidean projection; "kl" projects ``exp(x / strength)`` in the
        Kullback-Leibler sense. Both keep the sum of the ranks and give tied values
        their average rank. "entropic" is the Kullback-Leibler projection onto the
        permutahedron of ``exp(1), ..., exp(n)``, mapped back by the logarithm: the form
        of the paper, a different geometry from "kl".
    regularization_strength : float or array-like, default=1.0
        At least 0; one value, or values that broadcast against the batch shape, the
        shape of `x` without `axis`. 0 ranks exactly (average ranks for ties, zero
        gradient). Ranks are exact up to the smallest gap between values. The default
        pools most real inputs into one block, on which L2 ranks are an affine function
        of `x`: see :func:`strength_bounds`.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative. An integer weight is a repetition of the value; zero is absence:
        the others are ranked without it, and its own rank is the limit of a vanishing
        weight.
    targets : array-like of shape (n,) or of the shape of `x`, default=None
        The numbers to hand out instead of the ranks 1, ..., n: the smallest value gets
        the smallest (with `descending`, the largest value does). Positive for "kl".

    Returns
    -------
    ranks : ndarray of the shape of `x`
        The soft ranks; with strengths of a larger shape, one result for each.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, the strength is negative or does not
        broadcast, an option is unknown, `weights` are negative or all zero, `targets`
        are not positive for "kl", or both `weights` and `targets` are given.

    See Also
    --------
    soft_sort : The sorted values.
    vjp : The exact gradient.
    strength_bounds : The useful range of the strength.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_rank
    >>> soft_rank([2.9, 0.1, 1.2], regularization_strength=0.1)
    array([3., 1., 2.])
    >>> soft_rank([2.9, 0.1, 1.2], regularization_strength=2.0).round(3)
    array([2.75, 1.35, 1.9 ])
    >>> soft_rank([2.9, 0.1, 1.2], regularization_strength=0.1, weights=[1, 3, 1])
    array([5., 2., 4.])
    """
    check_flag(descending, "descending")
    check_option(method, "method", ("permutahedron",))
    check_option(regularization, "regularization", ("l2", "entropic", "kl"))
    strength = nonnegative(regularization_strength, "regularization_strength")
    vectors = {}
    if weights is not None:
        vectors["weights"] = nonnegative(weights, "weights")
    if targets is not None:
        vectors["targets"] = _checked_targets(targets, weights, regularization)
    operator = PermutahedronRank(regularization, descending)
    call = bind(operator, x, axis, {"regularization_strength": strength}, vectors)
    if weights is not None and call.n:
        if not call.parameters["weights"].any(axis=1).all():
            raise ValueError("weights must have a positive sum, got only zeros.")
    return call


def _checked_targets(targets, weights, regularization):
    if weights is not None:
        raise ValueError(
            "targets must be None where weights are given: repeated values have no "
            f"targets of their own, got targets of shape {np.shape(targets)}."
        )
    targets = real_array(targets, "targets")
    if regularization == "kl" and targets.size and not np.all(targets > 0):
        raise ValueError(
            f'targets must be positive for regularization="kl", got {targets.min()}.'
        )
    return targets
