# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the data that estimators are given, beyond those of scikit-learn."""

import numpy as np
from sklearn.utils.validation import validate_data

from sksoft._validation import LARGEST, is_within


def validated(estimator, X, y="no_validation", *, reset, **params):
    """Validate features, and a target, as scikit-learn does; refuse what is too large.

    Parameters
    ----------
    estimator : estimator instance
        In a fit its attributes of the features are set.
    X : array-like of shape (n_samples, n_features)
        Features.
    y : array-like, default="no_validation"
        The target, where there is one.
    reset : bool
        Whether this is a fit.
    **params
        What :func:`sklearn.utils.validation.validate_data` takes.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The features, or a tuple of these and the target.
    """
    data = validate_data(estimator, X, y, reset=reset, **params)
    check_range(data[0] if isinstance(data, tuple) else data)
    if params.get("y_numeric"):
        check_finite_target(data[1])
    return data


def check_finite_target(y):
    """Raise unless a numeric target is finite: None has become NaN unseen."""
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        i = int(np.argmax(~np.isfinite(y.reshape(len(y), -1)).all(axis=1)))
        raise ValueError(f"y must hold finite numbers, got {y[i]} in row {i}.")


def check_range(X):
    """Raise if a feature is so large that differences could overflow."""
    if X.size and X.dtype == np.float64 and not is_within(X, LARGEST):
        # Too large, or NaN, which stands for a missing value.
        peak = max(np.nanmax(X, initial=0.0), -np.nanmin(X, initial=0.0))
        if peak > LARGEST:
            raise ValueError(
                f"X must hold numbers of magnitude at most {LARGEST:g}, got {peak:g}."
            )
