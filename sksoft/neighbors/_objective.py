# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The training objective: the leave-one-out vote of the training rows."""

from typing import NamedTuple

import numpy as np

from sksoft.neighbors._distances import pull_distances
from sksoft.neighbors._selection import (
    blocks,
    candidate_count,
    distances_to,
    limited,
    nearest,
)


class Neighborhoods(NamedTuple):
    """What some queries select from."""

    # Numbers of members and their squared distances, (n_queries, n_candidates).
    candidates: np.ndarray
    distances: np.ndarray
    # What the candidates weigh, or None.
    weight: np.ndarray | None
    # How many each query selects.
    k: np.ndarray


class LeaveOneOut:
    """The vote of every sample's neighbours among the others.

    A sample is not its own neighbour: one unit of its weight is taken away where it
    meets itself, so that what remains are its repetitions.

    Parameters
    ----------
    vote : ClassVote or ValueVote
        What neighbours say and what it costs.

    mask : Mask
        How they are selected.

    k : ndarray of shape (n_samples,)
        How many neighbours each sample selects.

    weight : ndarray of shape (n_samples,) or None
        The weights of the samples.

    n_candidates : int or None
        How many of the nearest samples are looked at, all of them if None.

    trim_fraction : float, default=0.0
        The share of the samples, those with the largest losses, that do not count.
    """

    def __init__(self, vote, mask, k, weight, n_candidates, trim_fraction=0.0):
        self.vote = vote
        self.mask = mask
        self.k = k
        self.weight = weight
        self.n_candidates = n_candidates
        self.trim_fraction = trim_fraction

    def neighborhoods(self, Z, members, queries):
        """Return the `Neighborhoods` of queries among the members.

        Parameters
        ----------
        Z : ndarray of shape (n_members, n_components)
            The embedding of the members.

        members : ndarray of shape (n_members,)
            Sample numbers of the templates.

        queries : ndarray of shape (n_queries,)
            Positions among the members.
        """
        k = self.k[members[queries]]
        if self.weight is None:
            most = len(members) - 1
            count = most if self.n_candidates is None else min(self.n_candidates, most)
            candidates = nearest(Z[queries], Z, count, own=queries)
            distances = distances_to(Z[queries], Z, candidates)
            return Neighborhoods(candidates, distances, None, np.minimum(k, count))
        weight = self.weight[members]
        # Its own weight may stand in a query's way.
        wanted = None if self.n_candidates is None else self.n_candidates + 1
        count = candidate_count(wanted, weight)
        candidates = nearest(Z[queries], Z, count)
        distances = distances_to(Z[queries], Z, candidates)
        own = candidates == queries[:, None]
        weights = np.where(
            own, np.maximum(weight - 1.0, 0.0)[candidates], weight[candidates]
        )
        if self.n_candidates is not None:
            weights = limited(weights, distances, self.n_candidates)
        k = np.minimum(k, weights.sum(axis=1))
        return Neighborhoods(candidates, distances, weights, k)

    def around(self, Z, queries):
        """Return the `Neighborhoods` of queries among all samples, in blocks."""
        members = np.arange(len(Z))
        return [
            self.neighborhoods(Z, members, queries[block])
            for block in blocks(len(queries), len(Z))
        ]

    def evaluate(self, Z, members, queries, gradient):
        """Return the losses of queries and add the gradient of their mean.

        Parameters
        ----------
        Z, members, queries
            As in `neighborhoods`.

        gradient : ndarray of the shape of Z
            What the gradient is added to.
        """
        parts = []
        for block in blocks(len(queries), len(members)):
            some = queries[block]
            candidates, distances, weight, k = self.neighborhoods(Z, members, some)
            p, pullback = self.mask.linearized(distances, k, weight)
            losses, slope = self.vote.losses(
                members[some], members[candidates], p, weight, k
            )
            parts.append((losses, some, candidates, pullback(slope)))
        losses = np.concatenate([part[0] for part in parts])
        importance = self._importance(losses, members[queries])
        start = 0
        for part, some, candidates, slope in parts:
            stop = start + len(part)
            slope *= importance[start:stop, None]
            pull_distances(Z, some, candidates, slope, gradient)
            start = stop
        return losses @ importance

    def predicted_classes(self, around, n_classes):
        """Return the classes that the others vote for."""
        codes = []
        for candidates, distances, weight, k in around:
            p = self.mask.values(distances, k, weight)
            shares = self.vote.shares(candidates, p, weight, n_classes)
            codes.append(shares.argmax(axis=1))
        return np.concatenate(codes)

    def predicted_values(self, around):
        """Return the values that the others agree on."""
        values = []
        for candidates, distances, weight, k in around:
            p = self.mask.values(distances, k, weight)
            votes = p if weight is None else p * weight
            values.append(self.vote.locations(candidates, votes)[0])
        return np.concatenate(values)

    def total(self, losses, queries):
        """Return the mean loss of queries, with weights, without those trimmed."""
        return losses @ self._importance(losses, queries)

    def _importance(self, losses, samples):
        """Return weights of the samples for a mean, zero for those trimmed."""
        if self.weight is None:
            weight, mean = np.ones(len(samples)), 1.0
        else:
            # Batches of different weights are parts of one sum over all samples.
            weight, mean = self.weight[samples], self.weight.mean()
        if self.trim_fraction == 0.0:
            return weight / (len(samples) * mean)
        order = np.argsort(losses)
        mass = np.cumsum(weight[order])
        room = (1.0 - self.trim_fraction) * mass[-1] - (mass - weight[order])
        kept = np.empty_like(weight)
        kept[order] = np.clip(room, 0.0, weight[order])
        return kept / kept.sum()


class Problem:
    """The training loss: the leave-one-out loss and a pull towards the start."""

    def __init__(self, model, X, leave_one_out, alpha, start):
        self.model = model
        self.X = X
        self.leave_one_out = leave_one_out
        self.alpha = alpha
        self.start = start
        self.everyone = np.arange(len(X))
        self.value = self.first_value = None

    def __call__(self, theta):
        """Return the loss over all samples and its gradient."""
        value, gradient = self.batch(theta, self.everyone, self.everyone, 0.0, None)
        # L-BFGS ends its iterations where it evaluated last.
        self.value = value
        if self.first_value is None:
            self.first_value = value
        return value, gradient

    def batch(self, theta, members, queries, dropout, rng):
        """Return the loss of some samples among some others and its gradient."""
        X = self.X if members is self.everyone else self.X[members]
        Z, state = self.model.forward(theta, X, X, dropout, rng)
        pulled = np.zeros_like(Z)
        value = self.leave_one_out.evaluate(Z, members, queries, pulled)
        gradient = self.model.backward(theta, state, pulled)
        return self._pulled(theta, value, gradient)

    def held_out_loss(self, theta, queries):
        """Return the loss of some samples among all."""
        Z, _ = self.model.forward(theta, self.X, self.X)
        return self.leave_one_out.evaluate(Z, self.everyone, queries, np.zeros_like(Z))

    def _pulled(self, theta, value, gradient):
        away = theta - self.start
        value += 0.5 * self.alpha * (away @ away)
        gradient += self.alpha * away
        return value, gradient
