# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Data sets made of other data sets."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import check_random_state, check_X_y
from sklearn.utils.multiclass import check_classification_targets

from sksoft._validation import check_fraction, check_unmasked

__all__ = ["make_label_ranking"]


def __dir__():
    return __all__


def make_label_ranking(
    X: ArrayLike,
    y: ArrayLike,
    *,
    missing: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Make a label ranking problem of a classification problem.

    The labels are the classes; each sample ranks them by the probabilities that naive
    Bayes, fitted to all samples, gives them. This is how the sets of type A of the
    literature were made [1]_.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features.

    y : array-like of shape (n_samples,)
        Classes.

    missing : float, default=0.0
        Probability with which each label of a sample is left unranked, between 0 and 1.

    random_state : int, RandomState instance or None, default=None
        Draws what is missing.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The features.

    ranks : ndarray of shape (n_samples, n_classes)
        The rank of each class among those that are ranked, 1 for the most probable; NaN
        for what is not ranked. The columns follow the sorted classes.

    Raises
    ------
    TypeError
        If an array is masked.
    ValueError
        If the arrays do not fit, no feature varies, `y` does not hold classes, or
        `missing` is not between 0 and 1.

    See Also
    --------
    sksoft.ranking.SoftLabelRanker : Learns such ranks.

    References
    ----------
    .. [1] Cheng, Hühn and Hüllermeier, "Decision Tree and Instance-Based Learning for
       Label Ranking", ICML 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sksoft.datasets import make_label_ranking
    >>> X, ranks = make_label_ranking(*load_iris(return_X_y=True))
    >>> ranks[[0, 50, 100]]
    array([[1., 2., 3.],
           [3., 1., 2.],
           [3., 2., 1.]])
    """
    check_fraction(missing, "missing", 1.0)
    check_unmasked(X=X, y=y)
    X, y = check_X_y(X, y, dtype=np.float64)
    check_classification_targets(y)
    if not np.ptp(X, axis=0).any():
        raise ValueError("X must have a feature that varies, got constants only.")
    # Squares of very large or small features would not be numbers.
    scaled = np.ldexp(X, -np.frexp(np.abs(X).max())[1])
    score = GaussianNB().fit(scaled, y).predict_joint_log_proba(scaled)
    order = np.argsort(-score, axis=1, kind="stable")
    dropped = check_random_state(random_state).uniform(size=order.shape) < missing
    kept = ~np.take_along_axis(dropped, order, axis=1)
    ranks = np.empty(order.shape)
    places = np.where(kept, np.cumsum(kept, axis=1), np.nan)
    np.put_along_axis(ranks, order, places, axis=1)
    return X, ranks
