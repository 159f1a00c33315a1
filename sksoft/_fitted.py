# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fits that change an estimator only when they have succeeded."""

import copy

import numpy as np
from sklearn.utils.validation import validate_data

from sksoft._validation import LARGEST, check_unmasked

# What scikit-learn's validation sets at the beginning of a fit.
SEEN = ("n_features_in_", "feature_names_in_")


def validated_fit(estimator, X, y="no_validation", **params):
    """Validate the data of a fit; leave the estimator as it is.

    Parameters
    ----------
    estimator : estimator instance
        It is not changed.
    X : array-like of shape (n_samples, n_features)
        Features.
    y : array-like, default="no_validation"
        The target, where there is one.
    **params
        What :func:`sklearn.utils.validation.validate_data` takes.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The features, or a tuple of these and the target.
    seen : dict
        The fitted attributes ``n_features_in_`` and, where `X` has names,
        ``feature_names_in_``.
    """
    check_unmasked(X=X, y=y)
    # The copy takes what is set on the way.
    probe = copy.copy(estimator)
    data = validate_data(probe, X, y, reset=True, **params)
    check_range(data[0] if isinstance(data, tuple) else data)
    return data, {name: vars(probe)[name] for name in SEEN if name in vars(probe)}


def validated(estimator, X, **params):
    """Validate features for a fitted estimator."""
    check_unmasked(X=X)
    X = validate_data(estimator, X, reset=False, **params)
    check_range(X)
    return X


def check_range(X):
    """Raise if a feature is so large that differences could overflow."""
    if X.size and X.dtype == np.float64:
        peak = max(np.nanmax(X, initial=0.0), -np.nanmin(X, initial=0.0))
        if peak > LARGEST:
            raise ValueError(
                f"X must hold numbers of magnitude at most {LARGEST:g}, got {peak:g}."
            )


def replace_fitted(estimator, attributes):
    """Replace all fitted attributes of an estimator at once."""
    for name in list(vars(estimator)):
        if name.endswith("_") and not name.startswith("_"):
            delattr(estimator, name)
    for name, value in attributes.items():
        setattr(estimator, name, value)
