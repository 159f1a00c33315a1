# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where the linear part of an embedding starts."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from sklearn.cross_decomposition import PLSRegression


class Start(NamedTuple):
    """Components whose rows have length one in the root mean square, and a gain.

    In that unit the pull towards the start means the same whatever the start's scale;
    the gain brings the embedding to the unit that its components were given in.
    """

    components: np.ndarray
    gain: float


def normalized(components, gain):
    """Return a start that is gain times some components, in a unit of its own."""
    peak = np.abs(components).max(initial=0.0)
    if peak == 0.0:
        return Start(components, gain)
    components = components / peak
    size = np.sqrt((components**2).sum() / len(components))
    return Start(components / size, gain * peak * size)


def given_start(init, unit):
    """Return the start at components of features as they are given."""
    return normalized(np.asarray(init, dtype=np.float64), unit)


def identity_start(n_components, n_features, unit):
    """Return the start at the first features."""
    return Start(np.eye(n_components, n_features), unit)


def principal_start(X, weight, n_components, unit):
    """Return the start at the principal components of centred features."""
    weighted = X if weight is None else X * np.sqrt(weight)[:, None]
    axes = np.linalg.eigh(weighted.T @ weighted)[1].T[::-1]
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(len(axes)), largest])[:, None]
    return Start(axes[:n_components], unit)


def discriminant_start(X, codes, weight, n_classes, n_components):
    """Return the start at the directions that tell classes apart, whitened within them.

    The scatter within the classes is shrunk towards a multiple of the identity as
    Ledoit and Wolf do, so that it may be singular.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features.

    codes : ndarray of shape (n_samples,)
        Numbers of the classes.

    weight : ndarray of shape (n_samples,) or None
        Weights.

    n_classes : int
        Number of classes.

    n_components : int
        How many directions, fewer than classes.
    """
    weight = np.ones(len(X)) if weight is None else weight
    total = weight.sum()
    sizes = np.bincount(codes, weight, n_classes)
    indicator = np.eye(n_classes)[codes] * weight[:, None]
    means = (indicator.T @ X) / np.maximum(sizes, np.finfo(float).tiny)[:, None]
    within = shrunk_covariance(X - means[codes], weight)
    between = (means * sizes[:, None]).T @ means / total
    return normalized(eigh(between, within)[1].T[::-1][:n_components], 1.0)


def partial_least_squares_start(X, targets, weight, n_components, unit):
    """Return the start at the directions of partial least squares, of length one.

    Where these explain all that features tell of the targets, principal components of
    what is left of the features come next.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features.

    targets : ndarray of shape (n_samples, n_outputs)
        Targets.

    weight : ndarray of shape (n_samples,) or None
        Weights.

    n_components : int
        How many directions.

    unit : float
        The unit of the features as they were given.
    """
    rooted = []
    for part in (X, targets):
        part = part - np.average(part, axis=0, weights=weight)
        if weight is not None:
            part *= np.sqrt(weight)[:, None]
        # Rows and their negatives have a mean of zero, which need not be subtracted.
        rooted.append(np.vstack([part, -part]))
    model = PLSRegression(min(n_components, len(X)), scale=False)
    with warnings.catch_warnings():
        # Of what is left of targets that are explained nothing is learnt.
        warnings.simplefilter("ignore")
        axes = model.fit(*rooted).x_weights_.T
    axes = axes[np.isfinite(axes).all(axis=1)]
    axes = axes[np.abs((axes**2).sum(axis=1) - 1.0) < 1e-6]
    missing = n_components - len(axes)
    if missing:
        rest = principal_start(X - (X @ axes.T) @ axes, weight, missing, unit)
        axes = np.vstack([axes, rest.components])
    return Start(axes, unit)


def shrunk_covariance(X, weight):
    """Return the covariance of centred rows, shrunk as Ledoit and Wolf do.

    An integer weight is a repetition, as in
    :func:`sklearn.covariance.ledoit_wolf` of the repeated rows.
    """
    covariance, shrinkage, size = shrinkage_within(X, weight)
    out = (1.0 - shrinkage) * covariance
    out[np.diag_indices(len(out))] += shrinkage * size
    return out


def shrinkage_within(X, weight):
    """Return the covariance of centred rows, and how it is shrunk by Ledoit and Wolf.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.

    weight : ndarray of shape (n_samples,)
        How often each counts.

    Returns
    -------
    covariance : ndarray of shape (n_features, n_features)
        The covariance.

    shrinkage : float
        The share, in (0, 1], of a multiple of the identity that takes its place.

    size : float
        That multiple; 1 where all rows are zero.
    """
    n_features, total = X.shape[1], weight.sum()
    covariance = (X * weight[:, None]).T @ X / total
    size = np.trace(covariance) / n_features
    if size == 0.0:
        return covariance, 1.0, 1.0
    squares = (covariance**2).sum()
    away = squares / n_features - size**2
    fourth = weight @ (X**2).sum(axis=1) ** 2 / total
    error = min((fourth - squares) / (n_features * total), away)
    shrinkage = error / away if error > 0.0 else 0.0
    # What is singular all the same gets a little.
    return covariance, float(np.clip(shrinkage, 1e-6, 1.0)), size
