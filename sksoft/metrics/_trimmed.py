# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores that a share of wrong rows cannot fool."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import make_scorer
from sklearn.utils import check_array

from sksoft._validation import LARGEST, check_fraction, check_unmasked
from sksoft._weighted import keep_smallest, positive_rows


def trimmed_mean_squared_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    trim_fraction: float = 0.5,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean of the smallest squared errors.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Observed target values.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)
        Predicted target values.

    trim_fraction : float, default=0.5
        Share of the rows, those with the largest errors, that is left out, in [0, 1).
        It should be at least the share of wrong rows.

    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts.

    Returns
    -------
    error : float
        Averaged over the targets, each trimmed on its own.

    Raises
    ------
    TypeError
        If `trim_fraction` is not a number.
    ValueError
        If `trim_fraction` lies outside [0, 1), shapes differ, an array holds NaN or
        infinite values, or no weight is positive.

    See Also
    --------
    sklearn.metrics.median_absolute_error : Trims half, and looks at one row only.

    Examples
    --------
    >>> from sksoft.metrics import trimmed_mean_squared_error
    >>> trimmed_mean_squared_error([1, 2, 3, 4], [1, 2, 4, 99], trim_fraction=0.25)
    0.333...
    """
    return _trimmed_mean(y_true, y_pred, trim_fraction, sample_weight, np.square)


def trimmed_mean_absolute_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    trim_fraction: float = 0.5,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean of the smallest absolute errors.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Observed target values.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)
        Predicted target values.

    trim_fraction : float, default=0.5
        Share of the rows, those with the largest errors, that is left out, in [0, 1).
        It should be at least the share of wrong rows.

    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts.

    Returns
    -------
    error : float
        Averaged over the targets, each trimmed on its own.

    Raises
    ------
    TypeError
        If `trim_fraction` is not a number.
    ValueError
        If `trim_fraction` lies outside [0, 1), shapes differ, an array holds NaN or
        infinite values, or no weight is positive.

    Examples
    --------
    >>> from sksoft.metrics import trimmed_mean_absolute_error
    >>> trimmed_mean_absolute_error([1, 2, 3, 4], [1, 2, 4, 99], trim_fraction=0.25)
    0.333...
    """
    return _trimmed_mean(y_true, y_pred, trim_fraction, sample_weight, np.abs)


def _trimmed_mean(y_true, y_pred, trim_fraction, sample_weight, loss):
    check_unmasked(y_true=y_true, y_pred=y_pred, sample_weight=sample_weight)
    check_fraction(trim_fraction, "trim_fraction", 1, below=True)
    y_true, y_pred = _targets(y_true, "y_true"), _targets(y_pred, "y_pred")
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"y_pred must have the length of y_true, {len(y_true)}, got {len(y_pred)}."
        )
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "y_true and y_pred must have the same number of targets, got "
            f"{y_true.shape[1]} and {y_pred.shape[1]}."
        )
    rows, weight = positive_rows(sample_weight, y_true)
    with np.errstate(over="ignore"):
        losses = np.minimum(loss(y_true - y_pred), LARGEST)[rows].T
    kept = (1 - trim_fraction) * (losses.shape[1] if weight is None else weight.sum())
    mask, _ = keep_smallest(losses, kept, weight)
    if weight is not None:
        mask *= weight
    return float(np.mean(np.sum(mask * losses, axis=1) / kept))


def _targets(values, name):
    """Return targets as a matrix of finite numbers."""
    try:
        values = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold finite numbers: {error}") from None
    return values.reshape(len(values), -1)


neg_trimmed_mean_squared_error_scorer = make_scorer(
    trimmed_mean_squared_error, greater_is_better=False
)
neg_trimmed_mean_squared_error_scorer.__doc__ = """\
Score predictions by minus the trimmed mean of squared errors.

A scorer made of :func:`trimmed_mean_squared_error`, for the ``scoring`` of searches
and cross-validation, at its default ``trim_fraction``; larger is better. For another
share of wrong rows make one by :func:`sklearn.metrics.make_scorer`.

Parameters
----------
estimator : estimator instance
    Fitted.

X : array-like of shape (n_samples, n_features)
    Test samples.

y : array-like of shape (n_samples,) or (n_samples, n_targets)
    Their targets.

sample_weight : array-like of shape (n_samples,), default=None
    Weights of the samples.

Returns
-------
score : float
    Minus the error, at most 0.

Examples
--------
>>> from sklearn.datasets import load_diabetes
>>> from sklearn.linear_model import Ridge
>>> from sklearn.model_selection import cross_val_score
>>> from sksoft.metrics import neg_trimmed_mean_squared_error_scorer
>>> X, y = load_diabetes(return_X_y=True)
>>> cross_val_score(
...     Ridge(0.01), X, y, scoring=neg_trimmed_mean_squared_error_scorer, cv=2
... ).round()
array([-580., -360.])
"""


neg_trimmed_mean_absolute_error_scorer = make_scorer(
    trimmed_mean_absolute_error, greater_is_better=False
)
neg_trimmed_mean_absolute_error_scorer.__doc__ = """\
Score predictions by minus the trimmed mean of absolute errors.

A scorer made of :func:`trimmed_mean_absolute_error`, for the ``scoring`` of searches
and cross-validation, at its default ``trim_fraction``; larger is better. For another
share of wrong rows make one by :func:`sklearn.metrics.make_scorer`.

Parameters
----------
estimator : estimator instance
    Fitted.

X : array-like of shape (n_samples, n_features)
    Test samples.

y : array-like of shape (n_samples,) or (n_samples, n_targets)
    Their targets.

sample_weight : array-like of shape (n_samples,), default=None
    Weights of the samples.

Returns
-------
score : float
    Minus the error, at most 0.

Examples
--------
>>> from sklearn.datasets import load_diabetes
>>> from sklearn.linear_model import Ridge
>>> from sklearn.model_selection import cross_val_score
>>> from sksoft.metrics import neg_trimmed_mean_absolute_error_scorer
>>> X, y = load_diabetes(return_X_y=True)
>>> cross_val_score(
...     Ridge(0.01), X, y, scoring=neg_trimmed_mean_absolute_error_scorer, cv=2
... ).round()
array([-21., -16.])
"""
