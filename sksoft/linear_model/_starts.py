# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where the search for the trimmed fit begins."""

import numpy as np
from scipy import linalg, special

from sksoft._weighted import robust_units, weighted_median

# Directions along which the rows are split into two groups.
N_SPLITS = 3


def deterministic_starts(design, y):
    """Find starts through five robust correlation matrices of features and target.

    Each matrix gives three: the regression that it implies, and least squares on the
    half of the rows nearest to the centre in its directions, judged by features and
    target, and by the features alone. Three more regress the larger of two groups,
    along the directions where the rows fall into two groups most clearly. The first
    kind copes with gross errors of the target, the second with scattered leverage, the
    third with groups of outliers.

    Parameters
    ----------
    design : Design
        Standardised rows, dense.

    y : ndarray of shape (n_samples,)
        Standardised target.

    Returns
    -------
    starts : ndarray of shape (18, n_columns)
        From hyperbolic tangents, ranks, normal scores, spatial signs and wrapping.

    References
    ----------
    .. [1] M. Hubert, P. J. Rousseeuw and T. Verdonck (2012). A deterministic
       algorithm for robust location and scatter. Journal of Computational and
       Graphical Statistics 21(3), 618-637.
    .. [2] J. Raymaekers and P. J. Rousseeuw (2021). Fast robust correlation for
       high-dimensional data. Technometrics 63(2), 184-198.
    """
    weight = design.weight_or_none
    n_features = design.n_features
    centred = design.shape[1] > n_features
    Z, scale = _standardize(
        np.column_stack([design.matrix[:, :n_features], y]), weight, centred
    )
    scores = _signed_ranks(Z, design.sample_weight)
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    transformed = [
        np.tanh(Z),
        scores,
        special.ndtri(0.5 + 0.5 * scores),
        Z / np.maximum(length, np.finfo(np.float64).tiny),
        _wrap(Z),
    ]
    starts = []
    for T in transformed:
        correlation = _correlation(T, design.sample_weight, centred)
        slopes = linalg.lstsq(correlation[:-1, :-1], correlation[:-1, -1], cond=1e-10)
        slopes = slopes[0] * scale[-1] / scale[:-1]
        intercept = y - design.matrix[:, :n_features] @ slopes
        starts.append(
            np.append(slopes, weighted_median(intercept, weight) if centred else [])
        )
        for columns in (slice(None), slice(n_features)):
            _, directions = linalg.eigh(correlation[columns, columns])
            along = np.clip(Z[:, columns] @ directions, -1e15, 1e15)
            # Single precision suffices to tell which rows are near.
            along, _ = _standardize(along.astype(np.float32), weight, centred)
            distance = np.einsum("ij,ij->i", along, along)
            near = distance <= weighted_median(distance, weight)
            starts.append(design.solve(near, y))
    T = transformed[0]
    _, directions = linalg.eigh(_correlation(T, design.sample_weight, centred))
    for larger in _larger_groups(T, directions, design.sample_weight):
        starts.append(design.solve(larger, y))
    return np.array(starts)


def _larger_groups(T, directions, sample_weight):
    """Split the rows in two along each direction; return the larger parts.

    Parameters
    ----------
    T : ndarray of shape (n_samples, n_columns)
        Bounded transforms of features and target.

    directions : ndarray of shape (n_columns, n_columns)
        Their principal directions; the columns themselves are tried as well.

    sample_weight : ndarray of shape (n_samples,)
        How often each row counts.

    Returns
    -------
    larger : ndarray of shape (N_SPLITS, n_samples)
        Masks of the larger part, of the directions with the clearest two groups.
    """
    along = np.hstack([T, T @ directions])
    along = along - np.average(along, axis=0, weights=sample_weight)
    order = np.argsort(along, axis=0)
    mass = np.cumsum(sample_weight[order], axis=0)[:-1]
    moment = np.cumsum(
        np.take_along_axis(along, order, axis=0) * sample_weight[order], axis=0
    )
    spread = np.average(along**2, axis=0, weights=sample_weight)
    total = sample_weight.sum()
    # Variance between the two groups, of each possible cut of the sorted values.
    between = moment[:-1] ** 2 / (mass * (total - mass))
    cut = np.argmax(between, axis=0)
    columns = np.arange(along.shape[1])
    clearness = between[cut, columns] / np.where(spread > 0, spread, np.inf)
    larger = []
    for j in np.argsort(-clearness, kind="stable")[:N_SPLITS]:
        below = along[:, j] <= along[order[cut[j], j], j]
        larger.append(below if 2 * mass[cut[j], j] >= total else ~below)
    return larger


def _standardize(Z, weight, centred):
    """Return the columns of Z in robust units, and these units."""
    location, scale = robust_units(Z, weight, centred)
    scale = Z.dtype.type(1.4826) * scale
    return (Z - location) / scale, scale


def _signed_ranks(Z, sample_weight):
    """Return the sign of each entry times the mid-rank of its size, in (-1, 1)."""
    ranks = np.empty_like(Z)
    for column, out in zip(np.abs(Z).T, ranks.T, strict=True):
        _, level = np.unique(column, return_inverse=True)
        mass = np.bincount(level, sample_weight)
        out[:] = ((np.cumsum(mass) - 0.5 * mass) / mass.sum())[level]
    return np.sign(Z) * ranks


def _wrap(Z):
    """Return the wrapping transform with its published constants."""
    b, c, q1, q2 = 1.5, 4.0, 1.540793, 0.8622731
    size = np.abs(Z)
    bent = q1 * np.tanh(q2 * (c - np.minimum(size, c)))
    return np.where(size < b, Z, np.sign(Z) * bent)


def _correlation(T, sample_weight, centred):
    """Return the correlation matrix of the columns, about 0 if not centred."""
    if centred:
        T = T - np.average(T, axis=0, weights=sample_weight)
    covariance = (T * sample_weight[:, None]).T @ T
    size = np.sqrt(np.diag(covariance))
    size[size == 0] = 1.0
    return covariance / np.outer(size, size)


def elemental_subsets(sample_weight, n_subsets, size, rng):
    """Draw subsets of rows without replacement; an integer weight is a repetition.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        How often each row counts.

    n_subsets : int
        Number of subsets.

    size : int
        Rows in each.

    rng : RandomState
        Source of randomness.

    Returns
    -------
    rows : ndarray of shape (n_subsets, size)
        Indices.
    """
    copies = np.cumsum(sample_weight)
    n_copies = max(int(np.ceil(copies[-1])), size)
    # Floyd's sampling of `size` out of `n_copies`, for all subsets at once.
    chosen = np.empty((n_subsets, size), dtype=np.intp)
    for column in range(size):
        last = n_copies - size + column
        drawn = rng.randint(0, last + 1, size=n_subsets)
        taken = (chosen[:, :column] == drawn[:, None]).any(axis=1)
        chosen[:, column] = np.where(taken, last, drawn)
    rows = np.searchsorted(copies, chosen + 0.5)
    return np.minimum(rows, len(copies) - 1)


def has_dummies(matrix):
    """Return whether a column repeats its median in more than a fifth of the rows.

    Random subsets of rows are then easily singular.
    """
    middle = np.median(matrix, axis=0)
    return bool(((matrix == middle).mean(axis=0) > 0.2).any())


def full_rank_subsets(rows, sample_weight, subsets, rng):
    """Replace subsets of rows that are singular by others of full rank.

    Rows are taken in random order, those left out that depend on the rows taken before.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_columns)
        Whitened rows.

    sample_weight : ndarray of shape (n_samples,)
        How often each row counts.

    subsets : ndarray of shape (n_subsets, n_columns)
        Indices of rows.

    rng : RandomState
        Source of randomness.

    Returns
    -------
    subsets : ndarray of shape (n_subsets, n_columns)
        As many as before, of full rank where the rows have it.

    References
    ----------
    .. [1] M. Koller and W. A. Stahel (2017). Nonsingular subsampling for regression S
       estimators with categorical predictors. Computational Statistics 32, 631-646.
    """
    subsets = subsets.copy()
    chosen = rows[subsets].astype(np.float64)
    length = np.linalg.norm(chosen, axis=2, keepdims=True)
    chosen /= np.where(length > 0, length, 1.0)
    least = np.linalg.svd(chosen, compute_uv=False)[:, -1]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit_rows = (rows / np.where(length > 0, length, 1.0)).astype(np.float64)
    for index in np.flatnonzero(least < 1e-4):
        # Exponential times over weights: heavy rows come early.
        order = np.argsort(rng.exponential(size=len(rows)) / sample_weight)
        left, taken = unit_rows[order], []
        for _ in range(rows.shape[1]):
            free = np.flatnonzero(np.einsum("ij,ij->i", left, left) > 1e-6)
            if not len(free):
                break
            direction = left[free[0]] / np.linalg.norm(left[free[0]])
            left = left - np.outer(left @ direction, direction)
            taken.append(order[free[0]])
        subsets[index, : len(taken)] = taken
    return subsets
