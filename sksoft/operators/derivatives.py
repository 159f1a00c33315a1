# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Exact linear maps of every soft operator, and the useful range of its strength."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray

from sksoft._validation import positive_number
from sksoft.operators._call import bound_call

__all__ = ["jvp", "strength_bounds", "vjp"]


def vjp(
    operator: Callable[..., Any],
    x: ArrayLike,
    *args: Any,
    wrt: str | tuple[str, ...] = "x",
    **params: Any,
) -> tuple[NDArray[Any], Callable[..., Any]]:
    """Evaluate a soft operator and return its exact pullback (vector-Jacobian product).

    Nothing is unrolled or approximated: the pullback costs about as much as one pass
    over the data. It may be called any number of times. Second derivatives are not
    offered.

    Parameters
    ----------
    operator : callable
        A soft operator of this package, for instance :func:`sksoft.soft_rank`.
    x : array-like of shape (..., n, ...)
        The input, as for `operator`.
    *args
        Further arguments of `operator`.
    wrt : str or tuple of str, default="x"
        The arguments to differentiate: "x", "regularization_strength" ("sigma"), and
        where the operator has them "k", "q", "points", "weights", "targets" or
        "target". Weights of ranks, masks, quantiles and distribution functions have
        gradients with every method.
    **params
        Further arguments of `operator`.

    Returns
    -------
    value : ndarray
        What ``operator(x, *args, **params)`` returns.
    pullback : callable
        Maps a cotangent of the shape of `value` to the gradient with respect to `wrt`,
        an array of that argument's shape; to a tuple of such arrays where `wrt` is a
        tuple.

    Raises
    ------
    TypeError
        If `operator` is not a soft operator, or `x` is a Dask array.
    ValueError
        If `wrt` names an argument that has no derivative; else as `operator`.

    See Also
    --------
    jvp : The other direction, for one tangent.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft import soft_rank, vjp
    >>> value, pullback = vjp(soft_rank, [0.3, 0.1, 0.2], regularization_strength=0.1)
    >>> pullback(value - np.array([1.0, 3.0, 2.0])).round(6)
    array([ 20., -20.,   0.])
    """
    call = bound_call(operator, x, args, params)
    names = wrt if isinstance(wrt, tuple) else (wrt,)
    call.check_wrt(names)
    value, gradients, _ = call.linearize(names)

    def pullback(cotangent):
        result = gradients(cotangent)
        return result if isinstance(wrt, tuple) else result[0]

    return value, pullback


def jvp(
    operator: Callable[..., Any],
    x: ArrayLike,
    tangent: ArrayLike,
    *args: Any,
    **params: Any,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Evaluate a soft operator and its exact derivative along a tangent of x.

    Parameters
    ----------
    operator : callable
        A soft operator of this package, for instance :func:`sksoft.soft_sort`.
    x : array-like of shape (..., n, ...)
        The input, as for `operator`.
    tangent : array-like of the shape of `x`
        The direction.
    *args, **params
        Further arguments of `operator`.

    Returns
    -------
    value : ndarray
        What ``operator(x, *args, **params)`` returns.
    tangent_out : ndarray of the shape of `value`
        The Jacobian times `tangent`.

    Raises
    ------
    TypeError
        If `operator` is not a soft operator, or `x` is a Dask array.
    ValueError
        If `tangent` has another shape than `x`; else as `operator`.

    See Also
    --------
    vjp : The gradient of a function of the value.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft import jvp, soft_sort
    >>> value, tangent_out = jvp(soft_sort, [2.0, 1.0], [1.0, 0.0])
    >>> value
    array([1., 2.])
    >>> tangent_out
    array([0.5, 0.5])
    """
    call = bound_call(operator, x, args, params)
    value, _, pushforward = call.linearize(())
    return value, pushforward(tangent)


def strength_bounds(
    operator: Callable[..., Any],
    x: ArrayLike,
    *args: Any,
    tolerance: float = 0.01,
    **params: Any,
) -> tuple[float | NDArray[Any], float | NDArray[Any]]:
    """Return the strengths between which a soft operator is neither hard nor pooled.

    The default strength of the literature, 1.0, pools most real inputs completely: L2
    soft ranks are then an affine function of `x`. Choose a strength between the two
    bounds, for instance their geometric mean.

    Parameters
    ----------
    operator : callable
        A soft operator with a strength, for instance :func:`sksoft.soft_rank`.
    x : array-like of shape (..., n, ...)
        The input, as for `operator`.
    *args
        Further arguments of `operator`.
    tolerance : float, default=0.01
        Above 0 and below 1. With ``method="permutahedron"`` the bounds are exact, and
        this has no effect. The other methods come near their limits without reaching
        them: the bounds are then those at which no entry of the result is further from
        its limit than this share of the largest difference, over the row, between the
        hard and the pooled result.
    **params
        Further arguments of `operator`; the strength itself does not matter. That of
        :func:`sksoft.rank_distribution` is `sigma`.

    Returns
    -------
    hard_below : float or ndarray of the batch shape
        Up to this strength the output is the hard one, exactly or within the tolerance.
        0 where no strength is hard: for exact ranks of ties, and at a point of
        :func:`sksoft.soft_ecdf` that is a value. Infinite where the hard and the pooled
        result are the same.
    pooled_above : float or ndarray of the batch shape
        From this strength on each row is one block, exactly or within the tolerance.
        For functions of ranks it is that of the ranks. Infinite for soft sorts with
        ``method="laplace"``, which spread without bound.

    Raises
    ------
    TypeError
        If `operator` is not a soft operator, `x` is a Dask array, or `tolerance` is not
        a number.
    ValueError
        If the operator has no strength, or `tolerance` is not between 0 and 1; else as
        `operator`.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_rank, soft_topk, strength_bounds
    >>> hard, pooled = strength_bounds(soft_rank, [0.0, 1.0, 3.0])
    >>> float(hard), round(float(pooled), 6)
    (1.0, 1.666667)
    >>> hard, pooled = strength_bounds(soft_topk, [0.0, 1.0, 3.0], 1, tolerance=0.05)
    >>> round(float(hard), 3), round(float(pooled), 1)
    (0.295, 11.2)
    """
    tolerance = positive_number(tolerance, "tolerance")
    if tolerance >= 1.0:
        raise ValueError(f"tolerance must be above 0 and below 1, got {tolerance}.")
    call = bound_call(operator, x, args, params)
    if not operator.per_row:
        raise ValueError(
            f"operator must have a strength, which {operator.__name__} has not."
        )
    return call.bounds(tolerance)
