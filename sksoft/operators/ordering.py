# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The public soft sort, rank and permutation: one name each for all their methods."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._relaxations.distribution_sums import DistributionSumRank, LaplaceSort
from sksoft._relaxations.permutahedron import PermutahedronRank, PermutahedronSort
from sksoft._relaxations.rank_law import RankLaw
from sksoft._relaxations.sinkhorn import (
    SinkhornPermutation,
    SinkhornRank,
    SinkhornSort,
)
from sksoft._relaxations.softmax_sort import SoftmaxPermutation, SoftmaxSort
from sksoft._validation import check_flag, nonnegative, real_array
from sksoft.operators._call import bind, differentiable
from sksoft.operators._methods import check_method

__all__ = ["soft_permutation", "soft_rank", "soft_sort"]

# The regularisations of each method, the default first.
SORT_METHODS = {
    "permutahedron": ("l2", "entropic", "kl"),
    "sinkhorn": ("entropic",),
    "neuralsort": (),
    "softsort": (),
    "laplace": (),
}
RANK_METHODS = {
    "permutahedron": ("l2", "entropic", "kl"),
    "sinkhorn": ("entropic",),
    "logistic": (),
    "gaussian": (),
    "laplace": (),
}
PERMUTATION_METHODS = {"sinkhorn": ("entropic",), "neuralsort": (), "softsort": ()}

# What the methods make of a regularisation and the direction.
SORTS = {
    "permutahedron": PermutahedronSort,
    "sinkhorn": lambda _, descending: SinkhornSort(descending),
    "neuralsort": lambda _, descending: SoftmaxSort("neuralsort", descending),
    "softsort": lambda _, descending: SoftmaxSort("softsort", descending),
    "laplace": lambda _, descending: LaplaceSort(descending),
}
RANKS = {
    "permutahedron": PermutahedronRank,
    "sinkhorn": lambda _, descending: SinkhornRank(descending),
    "logistic": lambda _, descending: DistributionSumRank("logistic", descending),
    "gaussian": lambda _, descending: DistributionSumRank("gaussian", descending),
    "laplace": lambda _, descending: DistributionSumRank("laplace", descending),
}
PERMUTATIONS = {
    "sinkhorn": lambda _, descending: SinkhornPermutation(descending),
    "neuralsort": lambda _, descending: SoftmaxPermutation("neuralsort", descending),
    "softsort": lambda _, descending: SoftmaxPermutation("softsort", descending),
}


@differentiable()
def soft_sort(
    x: ArrayLike,
    *,
    axis: int = -1,
    descending: bool = False,
    method: str = "permutahedron",
    regularization: Literal["l2", "entropic", "kl"] | None = None,
    regularization_strength: ArrayLike = 1.0,
) -> NDArray[Any]:
    """Sort softly: a differentiable relaxation of :func:`numpy.sort`.

    With ``method="permutahedron"`` the result is the projection of
    ``(1, ..., n) / regularization_strength`` onto the permutahedron of `x`, the convex
    hull of its permutations [1]_. It costs O(n log n). With ``method="sinkhorn"`` it is
    ``P @ x`` with the doubly stochastic matrix of :func:`soft_permutation` [2]_; with
    ``method="neuralsort"`` [3]_ or "softsort" [4]_ it is ``P @ x`` with the matrices of
    these names, in O(n**2) time (less where the strength is small) and O(n) memory.
    ``method="laplace"`` takes the points y where the sum of the Laplace distribution
    functions of ``(y - x) / regularization_strength`` is 1/2, 3/2, ... [5]_, in
    O(n log n). Beware that these points spread without bound as the strength grows,
    beyond the range of `x`, even where all values are equal.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis to sort along.
    descending : bool, default=False
        Whether the largest value comes first. The descending result is the ascending
        one reversed, for every regularisation.
    method : str, default="permutahedron"
        How the sort is relaxed: "permutahedron", "sinkhorn", "neuralsort", "softsort"
        or "laplace".
    regularization : {"l2", "entropic", "kl"} or None, default=None
        None takes the default of the method: "l2" for "permutahedron",
        "entropic", the only choice, for "sinkhorn"; the others have no choice. For
        "permutahedron", "l2" preserves the sum of `x`; "entropic" works in the log
        domain and preserves the sum of ``exp(x)``. "kl" is another word for "entropic"
        here, as in other packages.
    regularization_strength : float or array-like, default=1.0
        At least 0; one value, or values that broadcast against the batch shape, the
        shape of `x` without `axis`. 0 sorts exactly. Data that grow are sorted more
        softly, the other way round from :func:`soft_rank`: the sort is exact up to the
        reciprocal of the largest gap between neighbouring values, and the default pools
        values whose gaps are above 1. See :func:`strength_bounds`. With the other
        methods it is in the unit of `x`, as in :func:`soft_rank`.

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
    .. [2] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.
    .. [3] Grover, Wang, Zweig and Ermon, "Stochastic Optimization of Sorting Networks
       via Continuous Relaxations", ICLR 2019.
    .. [4] Prillo and Eisenschlos, "SoftSort: A Continuous Relaxation for the argsort
       Operator", ICML 2020.
    .. [5] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
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
    operator = SORTS[method](regularization, descending)
    return bind(operator, x, axis, {"regularization_strength": strength})


@differentiable(per_entry=("weights", "targets"))
def soft_rank(
    x: ArrayLike,
    *,
    axis: int = -1,
    descending: bool = False,
    method: str = "permutahedron",
    regularization: Literal["l2", "entropic", "kl"] | None = None,
    regularization_strength: ArrayLike = 1.0,
    weights: Any = None,
    targets: Any = None,
) -> NDArray[Any]:
    """Rank softly: a differentiable relaxation of :func:`scipy.stats.rankdata`.

    Ranks start at 1, and with ``descending=False`` the smallest value has rank 1. With
    ``method="permutahedron"`` the result is the projection of
    ``x / regularization_strength`` onto the permutahedron of 1, ..., n, the convex hull
    of its permutations [1]_. It costs O(n log n). With ``method="sinkhorn"`` it is the
    expected position under the doubly stochastic matrix of :func:`soft_permutation`
    [2]_.

    The other methods add up ``F((x_i - x_j) / regularization_strength)`` over the other
    entries j. "logistic" takes the logistic function [3]_; "gaussian" the probability
    that one of two values with normal noise exceeds the other, which gives the expected
    ranks of SoftRank [4]_; both take O(n**2) time (less where the strength is small)
    and O(n) memory. "laplace" takes the Laplace distribution function [5]_, in
    O(n log n).

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis to rank along.
    descending : bool, default=False
        Whether the largest value has rank 1. The result is the rank of ``-x``.
    method : str, default="permutahedron"
        How the ranking is relaxed: "permutahedron", "sinkhorn", "logistic", "gaussian"
        or "laplace".
    regularization : {"l2", "entropic", "kl"} or None, default=None
        None takes the default of the method: "l2" for "permutahedron",
        "entropic", the only choice, for "sinkhorn"; the others have no choice. For
        "permutahedron", "l2" is the Euclidean projection; "kl" projects
        ``exp(x / strength)`` in the Kullback-Leibler sense. Both keep the sum of the
        ranks and give tied values their average rank. "entropic" is the
        Kullback-Leibler projection onto the permutahedron of ``exp(1), ..., exp(n)``,
        mapped back by the logarithm: the form of the paper, a different geometry from
        "kl".
    regularization_strength : float or array-like, default=1.0
        At least 0; one value, or values that broadcast against the batch shape, the
        shape of `x` without `axis`. 0 ranks exactly (average ranks for ties, zero
        gradient). With "permutahedron", ranks are exact up to the smallest gap between
        values, and the default pools most real inputs into one block, on which L2 ranks
        are an affine function of `x`: see :func:`strength_bounds`. With the other
        methods, ranks are all but exact where gaps are many strengths.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative. An integer weight is a repetition of the value; zero is absence:
        the others are ranked without it, and its own rank is the limit of a vanishing
        weight. Not for "sinkhorn".
    targets : array-like of shape (n,) or of the shape of `x`, default=None
        The numbers to hand out instead of the ranks 1, ..., n: the smallest value gets
        the smallest (with `descending`, the largest value does). Positive for "kl". For
        "permutahedron" only.

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
        are not positive for "kl", both `weights` and `targets` are given, or one of
        them for a method that has none.

    See Also
    --------
    soft_sort : The sorted values.
    rank_distribution : The probabilities of all ranks, for ``method="gaussian"``.
    vjp : The exact gradient, in `x`, the strength, `weights` and `targets`.
    strength_bounds : The useful range of the strength.
    squash : One scale for all data, as Sinkhorn ranks were published.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.
    .. [2] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.
    .. [3] Qin, Liu and Li, "A General Approximation Framework for Direct Optimization
       of Information Retrieval Measures", Information Retrieval 13, 2010.
    .. [4] Taylor, Guiver, Robertson and Minka, "SoftRank: Optimizing Non-Smooth Rank
       Metrics", WSDM 2008.
    .. [5] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
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
    if method == "sinkhorn":
        _check_unused(method, weights=weights)
    if method != "permutahedron":
        _check_unused(method, targets=targets)
    vectors = {}
    if weights is not None:
        vectors["weights"] = nonnegative(weights, "weights")
    if targets is not None:
        vectors["targets"] = _checked_targets(targets, weights, regularization)
    operator = RANKS[method](regularization, descending)
    call = bind(operator, x, axis, {"regularization_strength": strength}, vectors)
    if weights is not None and call.n:
        if not call.parameters["weights"].any(axis=1).all():
            raise ValueError("weights must have a positive sum, got only zeros.")
    return call


@differentiable()
def soft_permutation(
    x: ArrayLike,
    *,
    axis: int = -1,
    descending: bool = False,
    method: Literal["sinkhorn", "neuralsort", "softsort"] = "sinkhorn",
    regularization: Literal["entropic"] | None = None,
    regularization_strength: ArrayLike = 1.0,
) -> NDArray[Any]:
    """Relax the matrix that sorts a vector: ``soft_permutation(x) @ x`` is a soft sort.

    With ``method="sinkhorn"`` the matrix is doubly stochastic: the entropic transport
    plan between the entries and the positions 1, ..., n for the cost
    ``(x - position)**2``, whose epsilon is twice the strength here [1]_. In other words
    it maximises the sum of ``position * x`` over the matrix, plus the strength times
    its entropy. It takes O(n**3) time, in a few steps of Newton's method at any
    strength: no Sinkhorn iteration, whose number of steps grows as the strength
    vanishes.

    With ``method="neuralsort"`` [2]_ or "softsort" [3]_ only the rows sum to one, but
    each has its largest weight at the entry that the exact sort puts there, at any
    strength. Row i is the softmax, over the entries, of ``(2 i - n - 1) x`` minus the
    sum of the absolute differences to `x`, or of minus the distance to the i-th
    smallest entry, divided by the strength. It takes O(n**2) time.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis to sort along.
    descending : bool, default=False
        Whether the first row is for the largest value.
    method : {"sinkhorn", "neuralsort", "softsort"}, default="sinkhorn"
        How the matrix is relaxed.
    regularization : {"entropic"} or None, default=None
        None takes the default of the method, "entropic" for "sinkhorn"; the others have
        no choice.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape, the shape of `x` without `axis`. 0 gives the permutation matrix
        (ties share their positions, with a zero gradient), and the matrix is all but
        hard where the smallest gap is many strengths. For positions on a grid from 0 to
        1, as in the literature, divide the strength by n - 1.

    Returns
    -------
    matrix : ndarray of shape (..., n, n)
        Non-negative: one row for each position, one column for each entry, wherever
        `axis` was.

    Raises
    ------
    TypeError
        If `x` or the strength does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, the strength is negative or does not
        broadcast, or an option is unknown.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the rows and columns do not sum to one. Not seen to happen so far.

    See Also
    --------
    soft_sort : The sorted values.
    soft_topk_sorted : The columns of the first k positions only, for less.
    strength_bounds : The useful range of the strength.

    References
    ----------
    .. [1] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.
    .. [2] Grover, Wang, Zweig and Ermon, "Stochastic Optimization of Sorting Networks
       via Continuous Relaxations", ICLR 2019.
    .. [3] Prillo and Eisenschlos, "SoftSort: A Continuous Relaxation for the argsort
       Operator", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_permutation
    >>> soft_permutation([3.0, 1.0, 2.0], regularization_strength=0.2).round(2)
    array([[0.  , 0.93, 0.07],
           [0.07, 0.07, 0.85],
           [0.93, 0.  , 0.07]])
    """
    check_flag(descending, "descending")
    regularization = check_method(method, regularization, PERMUTATION_METHODS)
    strength = nonnegative(regularization_strength, "regularization_strength")
    operator = PERMUTATIONS[method](regularization, descending)
    return bind(operator, x, axis, {"regularization_strength": strength})


def _check_unused(method, **arguments):
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"{name} must be None for method={method!r}, got an array of shape "
                f"{np.shape(value)}."
            )


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


@differentiable(per_row=("sigma",))
def rank_distribution(
    x: ArrayLike,
    sigma: ArrayLike,
    *,
    axis: int = -1,
    descending: bool = False,
    exact: bool = True,
) -> NDArray[Any]:
    """Return the distribution of the rank of each value under normal noise.

    Every value receives independent normal noise of standard deviation `sigma`; the
    result holds the probabilities of its rank among the noisy values, the model of
    SoftRank [1]_. The mean of the distribution is
    ``soft_rank(x, method="gaussian", regularization_strength=sigma)``, at a lower cost.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    sigma : float or array-like
        Standard deviation of the noise, at least 0; one value, or values that broadcast
        against the batch shape. At 0 only ties are uncertain.
    axis : int, default=-1
        The axis to rank along.
    descending : bool, default=False
        Whether the largest value has rank 1.
    exact : bool, default=True
        Whether to integrate over the noise of the value itself, which all its
        comparisons share. The published recursion, ``exact=False``, takes the
        comparisons for independent: the means agree, but the variance is too small, and
        the probabilities of one rank over all values do not sum to 1. It costs O(n^3);
        the integral takes about ``21 sqrt(n)`` times as long, and is correct to
        rounding.

    Returns
    -------
    probabilities : ndarray of shape (..., n, n)
        ``probabilities[..., i, k]`` is the probability that value i has rank k + 1. The
        two axes come last, whatever `axis`.

    Raises
    ------
    TypeError
        If `x` or `sigma` does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, or `sigma` is negative or does not
        broadcast.

    See Also
    --------
    soft_rank : The expected ranks, with ``method="gaussian"``.
    vjp : The exact gradient.

    References
    ----------
    .. [1] Taylor, Guiver, Robertson and Minka, "SoftRank: Optimizing Non-Smooth Rank
       Metrics", WSDM 2008.

    Examples
    --------
    >>> from sksoft import rank_distribution
    >>> rank_distribution([0.0, 1.0, 5.0], sigma=1.0).round(3)
    array([[0.76 , 0.24 , 0.   ],
           [0.24 , 0.758, 0.002],
           [0.   , 0.002, 0.997]])
    """
    check_flag(descending, "descending")
    check_flag(exact, "exact")
    operator = RankLaw(exact, descending)
    return bind(operator, x, axis, {"sigma": nonnegative(sigma, "sigma")})
