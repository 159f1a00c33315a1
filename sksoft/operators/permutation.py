# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The public soft permutation matrix: one name for all its methods."""

from sksoft._validation import check_flag, nonnegative
from sksoft.operators._methods import check_method
from sksoft.operators._operator import bind, differentiable
from sksoft.operators.pairwise import RelaxedPermutation

__all__ = ["soft_permutation"]

# The regularisations of each method, the default first.
PERMUTATION_METHODS = {"neuralsort": (), "softsort": ()}


@differentiable("(n)->(n,n)")
def soft_permutation(
    x,
    *,
    axis=-1,
    descending=False,
    method="neuralsort",
    regularization=None,
    regularization_strength=1.0,
):
    """Return a soft permutation matrix: which entry stands at each place of the order.

    Row i holds the weights of the entries at place i, and ``matrix @ x`` is the soft
    sort of the same method. Rows sum to 1 and have their largest weight at the entry
    that the exact sort puts there, for every strength; columns need not sum to 1.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis to sort along.
    descending : bool, default=False
        Whether the largest value comes first.
    method : {"neuralsort", "softsort"}, default="neuralsort"
        "neuralsort" [1]_ takes the softmax of ``(2 i - n - 1) x`` minus the sum of the
        absolute differences to `x`, "softsort" [2]_ of minus the distance to the i-th
        smallest value. Both cost O(n^2).
    regularization : None, default=None
        Neither method has a choice.
    regularization_strength : float or array-like, default=1.0
        The temperature, at least 0 and in the unit of `x`; one value, or values that
        broadcast against the batch shape. 0 gives the permutation matrix, on which
        entries that tie share their places, with a zero gradient.

    Returns
    -------
    matrix : ndarray of shape (..., n, n)
        The weights. The two axes come last, whatever `axis`.

    Raises
    ------
    TypeError
        If `x` or the strength does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, the strength is negative or does not
        broadcast, or an option is unknown.

    See Also
    --------
    soft_sort : The sorted values, without the matrix.
    vjp : The exact gradient.

    References
    ----------
    .. [1] Grover, Wang, Zweig and Ermon, "Stochastic Optimization of Sorting Networks
       via Continuous Relaxations", ICLR 2019.
    .. [2] Prillo and Eisenschlos, "SoftSort: A Continuous Relaxation for the argsort
       Operator", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_permutation
    >>> soft_permutation([3.0, 1.0, 2.0], regularization_strength=0.5).round(3)
    array([[0.   , 0.881, 0.119],
           [0.107, 0.107, 0.787],
           [0.881, 0.   , 0.119]])
    """
    check_flag(descending, "descending")
    check_method(method, regularization, PERMUTATION_METHODS)
    strength = nonnegative(regularization_strength, "regularization_strength")
    operator = RelaxedPermutation(method, descending)
    return bind(operator, x, axis, {"regularization_strength": strength})
