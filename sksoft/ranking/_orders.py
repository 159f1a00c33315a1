# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks and orders of labels, two ways to write the same thing."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sksoft._validation import plain_array

# How scikit-learn is to validate ranks.
RANKS = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}


def ranks_from_order(order: ArrayLike) -> NDArray[Any]:
    """Return the ranks of labels that are listed from best to worst.

    Parameters
    ----------
    order : array-like of int of shape (..., n_labels)
        The labels 0 to ``n_labels - 1``, best first.

    Returns
    -------
    ranks : ndarray of int of shape (..., n_labels)
        The rank of each label: 1 is the best.

    Raises
    ------
    TypeError
        If `order` does not hold numbers.
    ValueError
        If a row does not hold each label once.

    See Also
    --------
    order_from_ranks : The inverse.

    References
    ----------
    .. [1] Cheng, Hühn and Hüllermeier, "Decision Tree and Instance-Based Learning for
       Label Ranking", ICML 2009.

    Examples
    --------
    >>> from sksoft.ranking import ranks_from_order
    >>> ranks_from_order([2, 0, 1])
    array([2, 3, 1])
    """
    order = plain_array(order, "order")
    if order.ndim == 0:
        raise ValueError(f"order must have at least one dimension, got {order}.")
    n_labels = order.shape[-1]
    places = np.argsort(order, axis=-1)
    if not np.array_equal(
        np.take_along_axis(order, places, axis=-1),
        np.broadcast_to(np.arange(n_labels), order.shape),
    ):
        raise ValueError(
            f"order must hold each label from 0 to {n_labels - 1} once in every row."
        )
    return places + 1


def order_from_ranks(ranks: ArrayLike) -> NDArray[Any]:
    """Return the labels from best to worst, given their ranks.

    Parameters
    ----------
    ranks : array-like of shape (..., n_labels)
        The rank of each label: 1 is the best. Tied labels keep their order.

    Returns
    -------
    order : ndarray of int of shape (..., n_labels)
        The labels 0 to ``n_labels - 1``, best first.

    Raises
    ------
    TypeError
        If `ranks` do not hold numbers.
    ValueError
        If a rank is missing.

    See Also
    --------
    ranks_from_order : The inverse.

    References
    ----------
    .. [1] Cheng, Hühn and Hüllermeier, "Decision Tree and Instance-Based Learning for
       Label Ranking", ICML 2009.

    Examples
    --------
    >>> from sksoft.ranking import order_from_ranks
    >>> order_from_ranks([2, 3, 1])
    array([2, 0, 1])
    """
    ranks = plain_array(ranks, "ranks").astype(np.float64)
    if ranks.ndim == 0:
        raise ValueError(f"ranks must have at least one dimension, got {ranks}.")
    if np.isnan(ranks).any():
        raise ValueError("ranks must not be missing, got NaN: the order is unknown.")
    return np.argsort(ranks, axis=-1, kind="stable")


def check_ranks(y):
    """Raise unless y holds ranks, in which NaN may stand for absence."""
    n_labels = y.shape[1]
    if n_labels > 1 and np.any((y < 1.0) | (y > n_labels)):
        i, j = np.argwhere((y < 1.0) | (y > n_labels))[0]
        raise ValueError(
            f"y must hold ranks between 1 (the best) and the number of labels, "
            f"{n_labels}, or NaN, got {y[i, j]:g} in row {i}. If y lists the labels of "
            "each row from best to worst, convert it by ranks_from_order."
        )
