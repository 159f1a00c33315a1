# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The public soft top-k: one name for all its methods."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._relaxations.masks import (
    POWERS,
    ROUNDING,
    LaplaceSelection,
    SinkhornSelection,
    SparseSelection,
)
from sksoft._relaxations.sinkhorn import SinkhornTopK
from sksoft._validation import (
    check_flag,
    check_integer,
    nonnegative,
    normalized_axis,
)
from sksoft.operators._call import bind, differentiable
from sksoft.operators._methods import check_method

__all__ = ["soft_topk", "soft_topk_sorted"]

# The regularisations of each method, the default first.
TOPK_METHODS = {
    "sinkhorn": ("entropic",),
    "permutahedron": tuple(POWERS),
    "laplace": (),
}
# What the methods make of a regularisation, the direction and the presence of weights.
SELECTIONS = {
    "sinkhorn": lambda _, largest, weighted: SinkhornSelection(largest, weighted),
    "permutahedron": lambda power, largest, _: SparseSelection(power, largest),
    "laplace": lambda _, largest, __: LaplaceSelection(largest),
}


@differentiable(per_row=("k", "regularization_strength"), per_entry=("weights",))
def soft_topk(
    x: ArrayLike,
    k: ArrayLike,
    *,
    axis: int = -1,
    largest: bool = True,
    method: Literal["sinkhorn", "permutahedron", "laplace"] = "sinkhorn",
    regularization: Literal["entropic", "l2", "l3/2", "l4/3"] | None = None,
    regularization_strength: ArrayLike = 1.0,
    weights: Any = None,
) -> NDArray[Any]:
    """Select softly the k largest entries: a differentiable mask that sums to k.

    With ``method="sinkhorn"`` the mask is
    ``p = sigmoid((x - tau) / regularization_strength)``, with the one threshold `tau`
    for which ``sum(p) = k``. This is exactly the SOFT top-k of Xie et al. [1]_, the
    entropic transport plan from the entries to the targets 0 and 1 for the cost
    ``(x - y)**2``, whose epsilon is twice the strength here. It is solved to the last
    digits in O(n), without Sinkhorn iterations.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    k : float or array-like
        How many entries to select, between 0 and n and not necessarily whole; one
        value, or values that broadcast against the batch shape, which is the shape of
        `x` without `axis`: for rows of their own k in a matrix, shape (n_rows,), not
        (n_rows, 1). With `weights`, between 0 and their sum.
    axis : int, default=-1
        The axis to select along.
    largest : bool, default=True
        Whether the largest entries are selected, or the smallest.
    method : {"sinkhorn", "permutahedron", "laplace"}, default="sinkhorn"
        How the mask is relaxed. "permutahedron" maximises
        ``sum(x * p) - strength * sum(abs(p)**r / r)`` over the masks that sum to k,
        the sparse top-k of Sander et al. [2]_: entries away from the boundary are
        exactly 0 and exactly 1. "laplace" replaces the logistic function by the
        distribution function of the Laplace law [3]_. Both cost O(n log n).
    regularization : {"entropic", "l2", "l3/2", "l4/3"} or None, default=None
        What the mask is regularised by. None takes the default of the method:
        "entropic" for "sinkhorn", its only one; "l2" for "permutahedron", the
        exponent r = 2, where the mask is a projection. "l3/2" and "l4/3" are the
        exponents r = 3/2 and 4/3, whose masks are smoother: the powers 2 and 3 of
        ``clip((x - tau) / strength, 0, 1)``. "laplace" has no choice.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape. 0 gives the hard mask (entries that tie at the boundary share what
        is left, with a zero gradient). With "permutahedron" the mask is exactly hard up
        to the gap between the entries k and k + 1, see :func:`strength_bounds`; with
        the other methods it is all but hard where the gap is many strengths. It is
        close to ``k / n`` everywhere where the strength exceeds the spread of `x`,
        which the default often does.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative: the mask satisfies ``sum(weights * p) = k`` instead. An integer
        weight is a repetition of the entry.

    Returns
    -------
    mask : ndarray of the shape of `x`
        Numbers between 0 and 1; with strengths or k of a larger shape, one mask for
        each.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, `k` is negative or above n (above the sum
        of the weights), the strength or a weight is negative, a shape does not
        broadcast, or an option is unknown.

    See Also
    --------
    soft_rank : The ranks.
    vjp : The exact gradient, in `x`, `k`, the strength and `weights`.
    strength_bounds : The useful range of the strength.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Sander, Puigcerver, Djolonga, Peyre and Blondel, "Fast, Differentiable and
       Sparse Top-k: a Convex Analysis Perspective", ICML 2023.
    .. [3] Struski, Bednarczyk, Podolak and Tabor, "LapSum - One Method to Differentiate
       Them All: Ranking, Sorting and Top-k Selection", ICML 2025.

    Examples
    --------
    >>> from sksoft import soft_topk
    >>> soft_topk([3.0, 1.0, 2.0, 0.0], 2, regularization_strength=0.25).round(3)
    array([0.998, 0.119, 0.881, 0.002])
    >>> soft_topk([3.0, 1.0, 2.0, 0.0], 2, regularization_strength=0.0)
    array([1., 0., 1., 0.])
    >>> soft_topk([3.0, 1.0, 2.0, 0.0], 1, largest=False, regularization_strength=0.0)
    array([0., 0., 0., 1.])
    >>> soft_topk([3.0, 1.0, 2.0, 0.0], 2, method="permutahedron",
    ...           regularization_strength=2.0)
    array([1.  , 0.25, 0.75, 0.  ])
    >>> soft_topk([[3.0, 1.0, 2.0], [5.0, 6.0, 4.0]], [1, 2], regularization_strength=0)
    array([[1., 0., 0.],
           [1., 1., 0.]])
    """
    check_flag(largest, "largest")
    regularization = check_method(method, regularization, TOPK_METHODS)
    scalars = {
        "k": _checked_k(k, x, axis),
        "regularization_strength": nonnegative(
            regularization_strength, "regularization_strength"
        ),
    }
    vectors = {}
    if weights is not None:
        vectors["weights"] = nonnegative(weights, "weights")
    operator = SELECTIONS[method](regularization, largest, weights is not None)
    call = bind(operator, x, axis, scalars, vectors)
    _check_k(call)
    return call


@differentiable()
def soft_topk_sorted(
    x: ArrayLike,
    k: int,
    *,
    axis: int = -1,
    largest: bool = True,
    regularization_strength: ArrayLike = 1.0,
) -> NDArray[Any]:
    """Select softly the k largest entries in order: one soft one-hot column for each.

    Column l tells where the entry of rank l + 1 is. It is the entropic transport plan
    from the entries to the targets 0, ..., k for the cost ``(x - y)**2``, each of the
    first k targets taking one entry and the last one the others: the sorted SOFT top-k
    [1]_, with its epsilon twice the strength here. It takes O(n k**2) time, in a few
    steps of Newton's method.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    k : int
        How many entries to select, between 0 and n.
    axis : int, default=-1
        The axis to select along.
    largest : bool, default=True
        Whether the first column is for the largest entry, or for the smallest.
    regularization_strength : float or array-like, default=1.0
        At least 0, in the unit of `x`; one value, or values that broadcast against the
        batch shape, the shape of `x` without `axis`. 0 gives the hard columns (entries
        that tie share them, with a zero gradient).

    Returns
    -------
    columns : ndarray of shape (..., n, k)
        Non-negative. The two last axes are the entries, wherever `axis` was, and the
        columns. A column sums to one; the k entries of a row of it sum to at most one,
        and with k = 1 are :func:`soft_topk`.

    Raises
    ------
    TypeError
        If `x` or the strength does not hold real numbers, or `k` is not an integer.
    ValueError
        If `x` holds NaN or infinite values, `k` is negative or above n, or the strength
        is negative or does not broadcast.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the masses of the plan are not met. Not seen to happen so far.

    See Also
    --------
    soft_topk : The mask without the order.
    strength_bounds : The useful range of the strength.
    soft_permutation : All entries in order.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.

    Examples
    --------
    >>> from sksoft import soft_topk_sorted
    >>> soft_topk_sorted([1.0, 3.0, 0.0, 2.0], 2, regularization_strength=0.2).round(2)
    array([[0.  , 0.07],
           [0.93, 0.07],
           [0.  , 0.  ],
           [0.07, 0.85]])
    """
    check_flag(largest, "largest")
    check_integer(k, "k")
    strength = nonnegative(regularization_strength, "regularization_strength")
    operator = SinkhornTopK(int(k), largest)
    call = bind(operator, x, axis, {"regularization_strength": strength})
    if not 0 <= k <= call.n:
        raise ValueError(
            "k must lie between 0 and the number of entries along the axis, "
            f"{call.n}, got {k}."
        )
    return call


def _checked_k(k, x, axis):
    """Return k; refuse a column where each row seems to want an entry of it."""
    k = nonnegative(k, "k")
    if isinstance(k, float) or k.size < 2 or k.shape[-1] != 1:
        return k
    shape = np.shape(x)
    axis = normalized_axis(axis, len(shape))
    if k.shape[:-1] == shape[:axis] + shape[axis + 1 :]:
        raise ValueError(
            "k must have one value for each row, in the shape of x without its axis, "
            f"{k.shape[:-1]}, got shape {k.shape}: pass k[..., 0]. To select each of "
            "these numbers from every row, broadcast k to all pairs."
        )
    return k


def _check_k(call):
    """Raise unless there are k entries, or weights, to select from."""
    k, weights = call.scalars["k"], call.parameters.get("weights")
    if weights is None:
        most = k if isinstance(k, float) else k.max(initial=0.0)
        if most > call.n:
            raise ValueError(
                f"k must lie between 0 and the number of entries along the axis, "
                f"{call.n}, got {most}."
            )
        return
    k = call.parameters["k"]
    excess = k - weights.sum(axis=1) * (1.0 + ROUNDING)
    if k.size and excess.max() > 0.0:
        row = np.argmax(excess)
        raise ValueError(
            f"k must lie between 0 and the sum of the weights, {weights[row].sum()}, "
            f"got {k[row]}."
        )
