# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What normal distributions of the classes say: votes of all samples together."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from sksoft.neighbors._candidates import blocks
from sksoft.neighbors._starts import shrinkage_within

# The covariance of a class counts that of all classes so often, times the number of
# components, beside its own samples.
PRIOR_SAMPLES = 2.0


class Gaussians(NamedTuple):
    """Normal distributions of the classes in an embedding.

    A covariance is a scatter about the means, that of a prior included, over a number
    of samples, those of the prior included.

    Attributes
    ----------
    means : ndarray of shape (n_classes, n_components)
        The means of the classes.

    sizes : ndarray of shape (n_classes,)
        What their samples weigh.

    whiteners : ndarray of shape (n_classes or 1, n_components, n_components)
        What rows are multiplied by so that the identity is the scatter: inverse
        triangular roots of their scatters, or of the one that they share.

    prior_size : float
        What the samples of the prior weigh.

    basis : ndarray of shape (n_inputs, n_components) or None
        Directions in which samples vary, where they do not in all.
    """

    means: np.ndarray
    sizes: np.ndarray
    whiteners: np.ndarray
    prior_size: float
    basis: np.ndarray | None = None

    def outcome(self, Z):
        """Return the probability of each class, (n_queries, n_classes)."""
        distances = [
            np.einsum("kij,kij->ik", away, away)
            for away in map(self._whitened, self._parts(Z))
        ]
        distances = np.concatenate(distances)
        sizes = np.broadcast_to(self.sizes, distances.shape)
        return self._probabilities(distances, sizes, self._log_dets()[None])

    def left_out(self, Z, codes, copy_weight):
        """Return the probabilities for samples, each without one copy of itself.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_components)
            All samples in the embedding.

        codes : ndarray of shape (n_samples,)
            Numbers of their classes.

        copy_weight : ndarray of shape (n_samples,)
            What one copy of each weighs.
        """
        parts = zip(*map(self._parts, (Z, codes, copy_weight)), strict=True)
        return np.concatenate([self._left_out(*part) for part in parts])

    def _parts(self, rows):
        """Return blocks of rows, at least one."""
        found = [rows[block] for block in blocks(len(rows), self.means.size)]
        return found or [rows]

    def _left_out(self, Z, codes, copy_weight):
        n_samples = len(Z)
        each, shared = np.arange(n_samples), len(self.whiteners) == 1
        sizes = np.tile(self.sizes, (n_samples, 1))
        size = self.sizes[codes]
        left = np.maximum(size - copy_weight, 0.0)
        sizes[each, codes] = left
        # Without the last of a class, which is its own mean, no scatter changes.
        grown = np.divide(size, left, out=np.ones_like(size), where=left > 0.0)
        removed = np.where(left > 0.0, copy_weight * grown, 0.0)
        away = self._whitened(Z)
        own = away[codes, each]
        # One minus the share of the scatter, in this direction, that goes.
        kept = 1.0 - removed * np.einsum("ij,ij->i", own, own)
        kept = np.maximum(kept, np.finfo(float).tiny)
        distances = np.einsum("kij,kij->ik", away, away)
        if shared:
            across = np.einsum("kij,ij->ik", away, own)
            distances += across**2 * (removed / kept)[:, None]
        own_distance = grown**2 * np.einsum("ij,ij->i", own, own) / kept
        distances[each, codes] = own_distance
        log_dets = np.tile(self._log_dets(), (n_samples, 1))
        # What all classes share does not change their probabilities.
        if not shared:
            log_dets[each, codes] += np.log(kept)
        return self._probabilities(distances, sizes, log_dets)

    def _whitened(self, Z):
        """Return whitened rows less each mean, (n_classes, n_rows, n_components)."""
        if self.basis is not None:
            Z = Z @ self.basis
        return Z @ self.whiteners - self.means[:, None] @ self.whiteners

    def _log_dets(self):
        diagonals = np.einsum("kii->ki", self.whiteners)
        log_dets = -2.0 * np.log(diagonals).sum(axis=1)
        return np.broadcast_to(log_dets, len(self.means))

    def _probabilities(self, distances, sizes, log_dets):
        total = sizes
        if len(self.whiteners) == 1:
            total = sizes.sum(axis=1, keepdims=True)
        # A scatter over so many samples is a covariance.
        total = total + self.prior_size
        log_dets = log_dets - self.means.shape[1] * np.log(total)
        with np.errstate(divide="ignore", over="ignore"):
            logs = np.log(sizes) - 0.5 * (log_dets + total * distances)
        logs -= logs.max(axis=1, keepdims=True, initial=-np.finfo(float).max)
        shares = np.exp(logs)
        total = shares.sum(axis=1, keepdims=True)
        return np.divide(shares, total, out=np.zeros_like(shares), where=total > 0.0)


def gaussian_classes(Z, codes, weight, n_classes):
    """Return normal distributions of one covariance, and those of a covariance each.

    The first is shrunk towards a multiple of the identity as Ledoit and Wolf do, the
    others towards the first.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
        Samples in an embedding.

    codes : ndarray of shape (n_samples,)
        Numbers of their classes.

    weight : ndarray of shape (n_samples,) or None
        What they weigh.

    n_classes : int
        Number of classes.
    """
    weight = np.ones(len(Z)) if weight is None else weight
    basis = varying_directions(Z, weight)
    if basis is not None:
        Z = Z @ basis
    return [
        rule._replace(basis=basis)
        for rule in _gaussian_classes(Z, codes, weight, n_classes)
    ]


def varying_directions(Z, weight):
    """Return a basis of the directions in which samples vary, None if that is in all.

    Elsewhere they would have the width of the prior alone, which is the narrower the
    larger a class. New samples vary where too few do not: of so few it is not asked.
    """
    if len(Z) <= Z.shape[1]:
        return None
    centred = (Z - np.average(Z, axis=0, weights=weight)) * np.sqrt(weight)[:, None]
    values, vectors = np.linalg.eigh(centred.T @ centred)
    varies = values > len(values) * np.finfo(float).eps * values[-1]
    return None if varies.all() or not varies.any() else vectors[:, varies]


def _gaussian_classes(Z, codes, weight, n_classes):
    n_components = Z.shape[1]
    sizes = np.bincount(codes, weight, n_classes)
    total = sizes.sum()
    means = np.zeros((n_classes, n_components))
    np.add.at(means, codes, weight[:, None] * Z)
    means /= np.where(sizes > 0.0, sizes, 1.0)[:, None]
    away = Z - means[codes]
    covariance, shrinkage, size = shrinkage_within(away, weight)
    shrinkage = min(shrinkage, 1.0 - 1e-6)
    prior_size = total * shrinkage / (1.0 - shrinkage)
    scatter = total * covariance
    scatter[np.diag_indices(n_components)] += prior_size * size
    same = Gaussians(means, sizes, whitener(scatter)[None], prior_size)
    if not covariance.any():
        # Where no class has a width, none has one of its own.
        return [same, same]
    prior_size_of_each = PRIOR_SAMPLES * n_components
    prior = prior_size_of_each / (total + prior_size) * scatter
    whiteners = np.empty((n_classes, n_components, n_components))
    for label in range(n_classes):
        some = codes == label
        rooted = away[some] * np.sqrt(weight[some])[:, None]
        whiteners[label] = whitener(prior + rooted.T @ rooted)
    return [same, Gaussians(means, sizes, whiteners, prior_size_of_each)]


def whitener(scatter):
    """Return the inverse transpose of the Cholesky factor of a matrix."""
    root = np.linalg.cholesky(scatter)
    return solve_triangular(root, np.eye(len(root)), lower=True, check_finite=False).T
