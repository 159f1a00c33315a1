# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows whose features are far from the others', and how far these are believed."""

from typing import NamedTuple

import numpy as np
from scipy import sparse, stats
from sklearn.utils.random import sample_without_replacement

from sksoft._weighted import keep_smallest, weighted_median
from sksoft.linear_model._design import whitener

# A row whose residual is beyond this many scales counts as wrong in the comparison of
# high with low leverage.
WRONG = 2.5
WRONG_NORMAL = 2 * stats.norm.sf(WRONG)
# Rows of high leverage are those beyond this quantile of the normal distances.
LEVERAGE_QUANTILE = 0.975
# Level of the test that rows of high leverage are worse than others.
LEVEL = 0.01
# Rows that tell the scatter of the features.
SCATTER_SIZE = 5000
# Rows whose leverage is told at a time, few enough for the processor's cache.
LEVERAGE_ROWS = 2000
MAX_ROUNDS = 20


class Leverage(NamedTuple):
    """Which rows have features far from the others'.

    Attributes
    ----------
    location : ndarray of shape (n_features,)
        Centre of the standardised features.

    transform : ndarray of shape (n_features, n_directions)
        Squared lengths of transformed features are squared robust distances.

    limit : float
        Squared distance beyond which leverage is high.
    """

    location: np.ndarray
    transform: np.ndarray
    limit: float

    def is_high(self, features):
        """Return which rows of standardised features have high leverage."""
        high = np.empty(len(features), dtype=bool)
        centre = self.location @ self.transform
        for first in range(0, len(features), LEVERAGE_ROWS):
            block = slice(first, first + LEVERAGE_ROWS)
            along = features[block] @ self.transform
            along -= centre
            high[block] = np.einsum("ij,ij->i", along, along) > self.limit
        return high


def find_leverage(design, mask, rng):
    """Return the `Leverage` by the scatter of the half of the rows that lie closest.

    Concentration, as in the minimum covariance determinant, begins at the rows that the
    trimmed fit keeps; then the rows within the limit tell the scatter.

    Parameters
    ----------
    design : Design
        Standardised rows.

    mask : ndarray of shape (n_samples,)
        Weights of the rows in the trimmed fit.

    rng : RandomState
        Draws the rows where there are too many.

    Returns
    -------
    leverage : Leverage or None
        The scatter of the features and the limit; None where rows are sparse, so that
        half of them easily coincide, or half of them do.
    """
    n_features = design.n_features
    if n_features == 0 or sparse.issparse(design.matrix):
        return None
    features, weight = design.matrix[:, :n_features], design.sample_weight
    if len(features) > SCATTER_SIZE:
        rows = sample_without_replacement(len(features), SCATTER_SIZE, random_state=rng)
        features, weight, mask = features[rows], weight[rows], mask[rows]
    counts = weight if design.weighted else None
    middle, limit = stats.chi2.ppf([0.5, LEVERAGE_QUANTILE], n_features)
    distance = _scatter(features, weight * mask)[2]
    half = np.floor((weight.sum() + n_features + 2) / 2)
    previous = None
    for _ in range(MAX_ROUNDS):
        near, _ = keep_smallest(distance, half, counts)
        if previous is not None and np.array_equal(near, previous):
            break
        distance, previous = _scatter(features, weight * near)[2], near
    typical = weighted_median(distance, counts)
    if not typical > 0:
        return None
    near = weight * (distance <= limit * typical / middle)
    location, transform, distance = _scatter(features, near)
    limit *= weighted_median(distance, counts) / middle
    return Leverage(location, transform, float(limit))


def find_apart(design, kept):
    """Return which rows lie far from those kept, each judged by the others alone.

    Squared distances are beyond a quantile of Hotelling's distribution of normal
    features, so that rows do not seem apart because they were left out.

    Parameters
    ----------
    design : Design
        Standardised rows.

    kept : ndarray of shape (n_samples,)
        Which rows are kept.

    Returns
    -------
    apart : ndarray of shape (n_samples,) or None
        None where rows are sparse, or too few are kept to tell.
    """
    if sparse.issparse(design.matrix):
        return None
    features, counts = design.matrix[:, : design.n_features], design.sample_weight
    counts = counts * kept
    total = counts.sum()
    centred = features - counts @ features / total
    transform = whitener((centred.T * counts) @ centred)
    size = transform.shape[1]
    freedom = total - size - 1
    if size == 0 or freedom <= 0:
        return None
    along = centred @ transform
    square = np.einsum("ij,ij->i", along, along)
    inside = np.clip(total / (total - 1) * square, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        inside = inside / (1 - inside) * freedom / size
    outside = total / (total + 1) * square * (freedom + 1) / size
    return np.where(
        kept,
        inside > stats.f.ppf(LEVERAGE_QUANTILE, size, freedom),
        outside > stats.f.ppf(LEVERAGE_QUANTILE, size, freedom + 1),
    )


def _scatter(features, weight):
    """Return mean, whitening transform and squared distances of weighted rows."""
    location = weight @ features / weight.sum()
    centred = features - location
    counted = weight > 0
    rows = centred[counted] * np.sqrt(weight[counted])[:, None]
    covariance = rows.T @ rows / weight.sum()
    # A column that is constant among these rows sets those apart where it is not.
    values, vectors = np.linalg.eigh(covariance)
    floor = max(1e-9 * values[-1], np.finfo(np.float64).tiny)
    transform = vectors / np.sqrt(np.maximum(values, floor))
    along = centred @ transform
    return location, transform, np.einsum("ij,ij->i", along, along)


class Posterior(NamedTuple):
    """How far a row of high leverage is believed.

    Good residuals are normal, wrong ones have a flat density.

    Attributes
    ----------
    wrong : float
        Share of wrong rows.

    density : float
        Density of their residuals, in scales.
    """

    wrong: float
    density: float

    def weight(self, residual):
        """Return the probability that rows of such residuals, in scales, are good."""
        good = (1 - self.wrong) * stats.norm.pdf(residual)
        return good / (good + self.wrong * self.density)


def find_posterior(residual, high, sample_weight):
    """Return the `Posterior` of high leverage, None where that is no worse than low.

    Parameters
    ----------
    residual : ndarray of shape (n_samples,)
        Residuals in scales.

    high : ndarray of shape (n_samples,) or None
        Which rows have high leverage.

    sample_weight : ndarray of shape (n_samples,)
        How often each row counts.

    Returns
    -------
    posterior : Posterior or None
        None unless the share of wrong rows is significantly larger.
    """
    if high is None:
        return None
    size = np.abs(residual)
    wrong = np.flatnonzero(size > WRONG)
    both = wrong[high[wrong]]
    if not len(both):
        return None
    total, n_high = sample_weight.sum(), sample_weight[high].sum()
    n_wrong, n_both = sample_weight[wrong].sum(), sample_weight[both].sum()
    if not leverage_is_worse(n_both, total, n_wrong, n_high):
        return None
    width = weighted_median(size[both], sample_weight[both])
    return posterior_of(n_both, n_high, width)


def leverage_is_worse(n_both, total, n_wrong, n_high):
    """Return whether rows of high leverage are significantly worse than others.

    Parameters
    ----------
    n_both, total, n_wrong, n_high : float
        Weight of the rows that are both wrong and of high leverage, of all rows, of the
        wrong ones, of those of high leverage.
    """
    if not n_both > 0:
        return False
    if n_both * total <= n_wrong * n_high:
        return False
    return bool(log_association(n_both, total, n_wrong, n_high) <= np.log(LEVEL))


def log_association(n_both, total, n_wrong, n_high):
    """Return the logarithm of the chance that so many rows are both by accident.

    Parameters are those of `leverage_is_worse`.
    """
    n_both, total, n_wrong, n_high = np.round([n_both, total, n_wrong, n_high])
    return stats.hypergeom.logsf(n_both - 1, total, n_wrong, n_high)


def posterior_of(n_both, n_high, width):
    """Return the `Posterior`; `width` is the median residual of the wrong rows."""
    share = (n_both / n_high - WRONG_NORMAL) / (1 - WRONG_NORMAL)
    share = np.clip(share, 0.0, n_high / (n_high + 1))
    return Posterior(float(share), float(1 / (4 * width)))
