# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The public soft sort and soft rank: one name each for all their methods."""

import numpy as np

from sksoft._validation import check_flag, nonnegative
from sksoft.operators._methods import check_method
from sksoft.operators._operator import bind, differentiable
from sksoft.operators.pairwise import LaplaceSort, PairwiseRank, RelaxedSort
from sksoft.operators.permutahedron import PermutahedronRank, PermutahedronSort

__all__ = ["soft_rank", "soft_sort"]

# The regularisations of each method, the default first.
SORT_METHODS = {
    "permutahedron": ("l2", "entropic", "kl"),
    "neuralsort": (),
    "softsort": (),
    "laplace": (),
}
RANK_METHODS = {
    "permutahedron": ("l2", "entropic", "kl"),
    "pairwise": (),
    "gaussian": (),
    "laplace": (),
}


@differentiable()
def soft_sort(
    x,
    *,
    axis=-1,
    descending=False,
    method="permutahedron",
    regularization=None,
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
    method : {"permutahedron", "neuralsort", "softsort", "laplace"}
        How the sort is relaxed, "permutahedron" by default. "neuralsort" [2]_ and
        "softsort" [3]_ average `x` with the rows of :func:`soft_permutation`, in O(n^2)
        time (less where the strength is small) and O(n) memory. "laplace" [4]_ takes
        the points where the sum of the Laplace distribution functions of
        ``(y - x) / strength`` is 1/2, 3/2, ..., in O(n log n): its results spread
        without bound as the strength grows, beyond the range of `x`, even for equal
        values.
    regularization : {"l2", "entropic", "kl"} or None, default=None
        None takes the default of the method, "l2" for "permutahedron"; the other
        methods have no choice. "l2" preserves the sum of `x`; "entropic" works in the
        log domain and preserves the sum of ``exp(x)``. "kl" is another word for
        "entropic", as in other packages.
    regularization_strength : float or array-like, default=1.0
        At least 0; one value, or values that broadcast against the batch shape, which is
        the shape of `x` without `axis`. 0 sorts exactly. For "permutahedron", data that
        grow are sorted more softly, the other way round from :func:`soft_rank`: the
        sort is exact up to the reciprocal of the largest gap between neighbouring
        values, and the default pools values whose gaps are above 1, far outliers first.
        See :func:`strength_bounds`. For the other methods the strength is in the unit
        of `x`, and the sort all but exact where gaps are many strengths.

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
    soft_permutation : The weights that NeuralSort and SoftSort average with.
    vjp : The exact gradient.
    strength_bounds : The useful range of the strength.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.
    .. [2] Grover, Wang, Zweig and Ermon, "Stochastic Optimization of Sorting Networks
       via Continuous Relaxations", ICLR 2019.
    .. [3] Prillo and Eisenschlos, "SoftSort: A Continuous Relaxation for the argsort
       Operator", ICML 2020.
    .. [4] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
       Them All: Ranking, Sorting and Top-k Selection", ICML 2025.

    Examples
    --------
    >>> from sksoft import soft_sort
    >>> soft_sort([3.0, 1.0, 2.0], regularization_strength=0.1)
    array([1., 2., 3.])
    >>> soft_sort([3.0, 1.0, 2.0], regularization_strength=2.0)
    array([1.5, 2. , 2.5])
    """
    check_flag(descending, "descending")
    regularization = check_method(method, regularization, SORT_METHODS)
    strength = nonnegative(regularization_strength, "regularization_strength")
    if method == "permutahedron":
        operator = PermutahedronSort(regularization, descending)
    elif method == "laplace":
        operator = LaplaceSort(descending)
    else:
        operator = RelaxedSort(method, descending)
    return bind(operator, x, axis, {"regularization_strength": strength})


@differentiable()
def soft_rank(
    x,
    *,
    axis=-1,
    descending=False,
    method="permutahedron",
    regularization=None,
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
    method : {"permutahedron", "pairwise", "gaussian", "laplace"}
        How the ranking is relaxed, "permutahedron" by default. The other methods add up
        ``F((x_i - x_j) / strength)`` over the other entries j: "pairwise" with the
        logistic function [2]_, "gaussian" with the normal distribution function for the
        difference of two noisy values, the expected rank of SoftRank [3]_, both in
        O(n^2) time (less where the strength is small) and O(n) memory; "laplace" [4]_
        with the Laplace distribution function, in O(n log n).
    regularization : {"l2", "entropic", "kl"} or None, default=None
        None takes the default of the method, "l2" for "permutahedron"; the other
        methods have no choice. "l2" is the Euclidean projection; "kl" projects
        ``exp(x / strength)`` in the Kullback-Leibler sense. Both keep the sum of the
        ranks and give tied values their average rank. "entropic" is the
        Kullback-Leibler projection on the permutahedron of ``exp(1), ..., exp(n)``,
        mapped back by the logarithm: the form of the paper, a different geometry from
        "kl".
    regularization_strength : float or array-like, default=1.0
        At least 0; one value, or values that broadcast against the batch shape, which is
        the shape of `x` without `axis`. 0 ranks exactly (average ranks for ties, zero
        gradient). For "permutahedron", ranks are exact up to the smallest gap between
        values, and the default pools most real inputs into one block, on which L2 ranks
        are an affine function of `x`: see :func:`strength_bounds`. For the other
        methods it is the scale of F, and ranks are all but exact where gaps are many
        strengths.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative. An integer weight is a repetition of the value; zero is absence:
        the others are ranked without it, and its own rank is the limit of a vanishing
        weight.
    targets : array-like of shape (n,) or of the shape of `x`, default=None
        The numbers to hand out instead of the ranks 1, ..., n: the smallest value gets
        the smallest (with `descending`, the largest value does). Positive for "kl".
        Only for "permutahedron".

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
        are not positive for "kl", both `weights` and `targets` are given, or the method
        has no `targets`.

    See Also
    --------
    soft_sort : The sorted values.
    rank_distribution : The probabilities of all ranks, for ``method="gaussian"``.
    vjp : The exact gradient.
    strength_bounds : The useful range of the strength.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.
    .. [2] Qin, Liu and Li, "A General Approximation Framework for Direct Optimization
       of Information Retrieval Measures", Information Retrieval 13, 2010.
    .. [3] Taylor, Guiver, Robertson and Minka, "SoftRank: Optimizing Non-Smooth Rank
       Metrics", WSDM 2008.
    .. [4] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
       Them All: Ranking, Sorting and Top-k Selection", ICML 2025.

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
    regularization = check_method(method, regularization, RANK_METHODS)
    strength = nonnegative(regularization_strength, "regularization_strength")
    vectors = {}
    if weights is not None:
        vectors["weights"] = _checked_weights(weights, axis)
    if targets is not None:
        if method != "permutahedron":
            raise ValueError(
                'targets must be None except for method="permutahedron", got targets '
                f"of shape {np.shape(targets)} for method={method!r}."
            )
        vectors["targets"] = _checked_targets(targets, weights, regularization)
    operator = rank_operator(method, regularization, descending)
    return bind(operator, x, axis, {"regularization_strength": strength}, vectors)


def rank_operator(method, regularization, descending=False):
    """Return the operator of a checked method and regularisation."""
    if method == "permutahedron":
        return PermutahedronRank(regularization, descending)
    return PairwiseRank(method, descending)


def _checked_weights(weights, axis):
    weights = nonnegative(np.asarray(weights), "weights")
    total = weights.sum(axis=axis if weights.ndim > 1 else None)
    if weights.size and np.any(total == 0.0):
        raise ValueError("weights must have a positive sum, got only zeros.")
    return weights


def _checked_targets(targets, weights, regularization):
    if weights is not None:
        raise ValueError(
            "targets must be None where weights are given: repeated values have no "
            f"targets of their own, got targets of shape {np.shape(targets)}."
        )
    targets = np.asarray(targets)
    if regularization == "kl" and targets.size and not np.all(targets > 0):
        raise ValueError(
            f'targets must be positive for regularization="kl", got {targets.min()}.'
        )
    return targets
