# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Isotonic regression as an operator with exact derivatives."""

from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from sksoft._relaxations.isotonic import Isotonic
from sksoft._validation import check_flag, check_option, nonnegative
from sksoft.operators._call import bind, differentiable

__all__ = ["soft_isotonic"]

# "kl" is another word for "entropic", as for soft sorts.
REGULARIZATIONS = {"l2": "l2", "entropic": "entropic", "kl": "entropic"}


@differentiable(per_row=(), per_entry=("weights",))
def soft_isotonic(
    x: ArrayLike,
    *,
    increasing: bool = True,
    weights: Any = None,
    regularization: Literal["l2", "entropic", "kl"] = "l2",
    axis: int = -1,
) -> NDArray[Any]:
    """Fit the nearest monotone sequence: isotonic regression with exact derivatives.

    With ``regularization="l2"`` this is the weighted least squares fit among all
    non-decreasing sequences, equal to :func:`scipy.optimize.isotonic_regression` and to
    :func:`sklearn.isotonic.isotonic_regression`. Where the values rise already they are
    kept; elsewhere neighbours are pooled into blocks that share their mean [1]_. It is
    the step that :func:`soft_sort` and :func:`soft_rank` are made of [2]_, in O(n).

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values, in the order in which the fit is to rise. float32 and float64 are
        kept, other real types become float64.
    increasing : bool, default=True
        Whether the fit does not fall, or does not rise.
    weights : array-like of shape (n,) or of the shape of `x`, default=None
        Non-negative. An integer weight is a repetition of the value; zero is absence:
        the others are fitted without it, and its own fit is the limit of a vanishing
        weight.
    regularization : {"l2", "entropic", "kl"}, default="l2"
        The blocks of "l2" share their mean; those of "entropic", for which "kl" is
        another word, the logarithm of the mean of ``exp(x)``, which leans to the larger
        values: the isotonic regression of ``exp(x)`` in the Kullback-Leibler sense,
        mapped back by the logarithm.
    axis : int, default=-1
        The axis along which the fit is monotone.

    Returns
    -------
    fit : ndarray of the shape of `x`
        Monotone along the axis.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `increasing` is not a bool.
    ValueError
        If `x` holds NaN or infinite values, `weights` are negative or all zero or do
        not match `x`, or `regularization` is unknown.

    See Also
    --------
    soft_sort : The sorted values, which pool in the same way.
    vjp : The exact gradient, in `x` and `weights`.

    Notes
    -----
    The fit is piecewise linear in `x` for "l2". Where two blocks have just met, the
    derivative is that of the pooled block, as for soft ranks.

    References
    ----------
    .. [1] Busing, "Monotone Regression: A Simple and Fast O(n) PAVA Implementation",
       Journal of Statistical Software 102, 2022.
    .. [2] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_isotonic, vjp
    >>> soft_isotonic([1.0, 3.0, 2.0, 4.0])
    array([1. , 2.5, 2.5, 4. ])
    >>> soft_isotonic([1.0, 3.0, 2.0, 4.0], weights=[1, 1, 3, 1])
    array([1.  , 2.25, 2.25, 4.  ])
    >>> fit, pullback = vjp(soft_isotonic, [1.0, 3.0, 2.0, 4.0])
    >>> pullback([0.0, 1.0, 0.0, 0.0])
    array([0. , 0.5, 0.5, 0. ])
    """
    check_flag(increasing, "increasing")
    check_option(regularization, "regularization", tuple(REGULARIZATIONS))
    vectors = {}
    if weights is not None:
        vectors["weights"] = nonnegative(weights, "weights")
    operator = Isotonic(increasing, REGULARIZATIONS[regularization])
    call = bind(operator, x, axis, {}, vectors)
    if weights is not None and call.n:
        if not call.parameters["weights"].any(axis=1).all():
            raise ValueError("weights must have a positive sum, got only zeros.")
    return call
