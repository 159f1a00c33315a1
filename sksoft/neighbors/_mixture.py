# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Votes that are mixed: weights fitted to what votes say of samples held out."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

# Fewer samples tell too little of how to mix.
LEAST_SAMPLES = 20
# Each likelihood is at least this much: labels may be wrong.
LEAST_LIKELIHOOD = 1e-4
# What is believed of the weights beforehand, in samples that speak for all alike.
PRIOR_SAMPLES = 1.0
# Newton's method stops where a step would gain half the square of this.
SMALLEST_DECREMENT = 1e-6
STEPS = 200


class Mixture(NamedTuple):
    """Weights of votes, the last one that of what is known without any neighbour."""

    weights: np.ndarray
    prior: np.ndarray

    def mixed(self, outcomes):
        """Return the mixture of the outcomes of votes."""
        found = self.weights[-1] * self.prior
        for weight, outcome in zip(self.weights[:-1], outcomes, strict=True):
            found = found + weight * outcome
        return found


def dealt_out(samples, every):
    """Return one in so many samples, and the others.

    The parts depend on what samples are, not on where they stand: in the order of
    their targets, and then of their features, they are dealt out in turn, with each of
    their repetitions. So either part has its share of each class or size of target.

    Parameters
    ----------
    samples : Samples
        The samples.

    every : int
        One sample in so many is in the first part.

    Returns
    -------
    parts : tuple of two Samples
        Both parts.
    """
    n_samples = len(samples.X)
    copies, copy_weight = n_copies(samples), None
    if samples.weight is not None:
        copy_weight = samples.weight - samples.own_weight
    order = np.lexsort(np.column_stack([samples.targets, samples.X]).T[::-1])
    last = np.empty(n_samples)
    last[order] = np.cumsum(copies[order])
    # Copies are counted in that order, and the first of each `every` are taken.
    first = np.ceil(last / every) - np.ceil((last - copies) / every)
    return tuple(_part(samples, part, copy_weight) for part in (first, copies - first))


def n_copies(samples):
    """Return the number of repetitions of each sample, itself included."""
    if samples.weight is None:
        return np.ones(len(samples.X))
    return np.rint(samples.weight / (samples.weight - samples.own_weight))


def _part(samples, copies, copy_weight):
    """Return so many copies of each sample."""
    some = copies > 0.0
    part = samples.take(some)
    if copy_weight is None:
        return part
    copies, weight = copies[some], copy_weight[some]
    return part._replace(weight=copies * weight, own_weight=(copies - 1.0) * weight)


def likelihood_weights(likelihood, sample_weight):
    """Return the weights of a mixture that make what came most likely.

    Parameters
    ----------
    likelihood : ndarray of shape (n_samples, n_votes)
        How likely each vote thought what came.

    sample_weight : ndarray of shape (n_samples,) or None
        What the samples weigh.

    Returns
    -------
    weights : ndarray of shape (n_votes,)
        Non-negative, of sum one; a little each where samples are few.
    """
    likelihood = np.maximum(likelihood, LEAST_LIKELIHOOD)
    n_votes = likelihood.shape[1]
    weight = np.ones(len(likelihood)) if sample_weight is None else sample_weight
    prior = PRIOR_SAMPLES / n_votes
    # With this price of a unit of weight the weights sum to one where all is balanced.
    price = weight.sum() + PRIOR_SAMPLES
    mixed = np.full(n_votes, 1.0 / n_votes)
    for _ in range(STEPS):
        credit = likelihood / (likelihood @ mixed)[:, None]
        gradient = price - weight @ credit - prior / mixed
        curvature = (weight[:, None] * credit).T @ credit
        curvature[np.diag_indices(n_votes)] += prior / mixed**2
        step = np.linalg.solve(curvature, gradient)
        decrement = np.sqrt(max(gradient @ step, 0.0))
        # No weight shrinks to zero, and each step gains: in units of its prior the
        # likelihood is self-concordant.
        mixed = mixed - step / (1.0 + decrement / np.sqrt(prior))
        if decrement < SMALLEST_DECREMENT:
            break
    return mixed / mixed.sum()


def squared_weights(values, target, sample_weight):
    """Return the weights of a mixture that brings values nearest to a target.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_outputs, n_votes)
        What each vote said.

    target : ndarray of shape (n_samples, n_outputs)
        What came.

    sample_weight : ndarray of shape (n_samples,) or None
        What the samples weigh.

    Returns
    -------
    weights : ndarray of shape (n_votes,)
        Non-negative, of sum one.
    """
    error = values - target[:, :, None]
    if sample_weight is not None:
        error = error * np.sqrt(sample_weight)[:, None, None]
    error = error.reshape(-1, error.shape[2])
    # The smallest |error @ w| with sum(w) = 1 is, up to a factor, the w with which
    # the identical problem with a row of ones is solved.
    gram = error.T @ error
    scale = np.trace(gram) / len(gram)
    if scale <= 0.0:
        return np.full(len(gram), 1.0 / len(gram))
    root = np.linalg.cholesky(gram / scale + 1e-9 * np.eye(len(gram))).T
    system = np.vstack([root, np.ones(len(gram))])
    weights, _ = nnls(system, np.append(np.zeros(len(gram)), 1.0))
    return weights / weights.sum()
