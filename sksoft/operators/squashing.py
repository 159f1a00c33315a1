# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Values brought to one scale before they are sorted or ranked."""

from typing import Any

from numpy.typing import ArrayLike, NDArray

from sksoft._relaxations.squashing import LogisticSquash
from sksoft.operators._call import bind, differentiable

__all__ = ["squash"]


@differentiable(per_row=())
def squash(x: ArrayLike, *, axis: int = -1) -> NDArray[Any]:
    """Map values into (0, 1) by a logistic curve of their own mean and deviation.

    The result is ``sigmoid(pi / sqrt(3) * (x - mean) / deviation)``, the logistic
    distribution function with the mean and the standard deviation of `x`, which keeps
    the order and does not depend on the unit of `x`. It is what Sinkhorn ranks and
    sorts were published with [1]_, so that one strength suits data of any scale;
    outliers do not stretch the others apart. Its derivatives include those of the mean
    and of the deviation.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    axis : int, default=-1
        The axis over which to take the mean and the deviation.

    Returns
    -------
    squashed : ndarray of the shape of `x`
        Between 0 and 1, and 0.5 where all values are equal (with a zero gradient).

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values.

    See Also
    --------
    soft_rank : Ranks of the squashed values, with ``method="sinkhorn"`` as published.

    References
    ----------
    .. [1] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.

    Examples
    --------
    >>> from sksoft import soft_rank, squash
    >>> squash([1.0, 2.0, 9.0]).round(3)
    array([0.178, 0.265, 0.927])
    >>> ranks = soft_rank(
    ...     squash([1.0, 2.0, 9.0]), method="sinkhorn", regularization_strength=0.01
    ... )
    >>> ranks.round(2)
    array([1.01, 1.99, 3.  ])
    """
    return bind(LogisticSquash(), x, axis, {})
