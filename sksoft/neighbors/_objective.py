# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The training objective: the leave-one-out vote of the training rows."""

from typing import NamedTuple

import numpy as np

from sksoft._weighted import keep_smallest
from sksoft.neighbors._candidates import (
    Candidates,
    among_members,
    among_weighted,
    blocks,
)
from sksoft.neighbors._distances import pull_distances

# Samples that are alike are merged if no more than this share is left.
MERGED = 2.0 / 3.0


class Samples(NamedTuple):
    """Training rows.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Their features, in their frame.

    targets : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Codes of classes, or values.

    weight : ndarray of shape (n_samples,) or None
        How often each counts; None for once.

    own_weight : ndarray of shape (n_samples,) or None
        What is left of the weight of each where it meets itself: its repetitions.
    """

    X: np.ndarray
    targets: np.ndarray
    weight: np.ndarray | None
    own_weight: np.ndarray | None

    def take(self, rows):
        """Return some of the rows."""
        return Samples(*(None if part is None else part[rows] for part in self))

    def merged(self):
        """Return samples that are alike as repetitions of one, if they are many."""
        most = MERGED * len(self.X)
        if len(np.unique(self.X.sum(axis=1))) > most:
            return self
        given = self._weighted()
        # Of unlike weights none is a repetition of the other.
        one = given.copy_weight
        rows = np.column_stack([self.X, self.targets, one])
        _, first, group = np.unique(
            rows, axis=0, return_index=True, return_inverse=True
        )
        if len(first) > most:
            return self
        weight = np.bincount(group.ravel(), given.weight)
        merged = given.take(first)
        return merged._replace(weight=weight, own_weight=weight - one[first])

    def _weighted(self):
        if self.weight is not None:
            return self
        n_samples = len(self.X)
        return self._replace(weight=np.ones(n_samples), own_weight=np.zeros(n_samples))

    @property
    def copy_weight(self):
        """What one repetition of each weighs."""
        if self.weight is None:
            return np.ones(len(self.X))
        return self.weight - self.own_weight

    @property
    def total_weight(self):
        """How many there are, with repetitions."""
        return float(len(self.X) if self.weight is None else self.weight.sum())


class LeaveOneOut:
    """The vote of every sample's neighbours among the others.

    A sample is not its own neighbour: one unit of its weight is taken away where it
    meets itself, so that what remains are its repetitions.

    Parameters
    ----------
    samples : Samples
        The samples; of their features nothing is used.

    vote : ClassVote or ValueVote
        What neighbours say and what it costs.

    mask : Mask
        How they are selected.

    k : ndarray of shape (n_samples,)
        How many neighbours each sample selects.

    limit : int or None
        How many of the nearest samples are looked at, all of them if None.

    trim_fraction : float, default=0.0
        The share of the samples, those with the largest losses, that do not count.
    """

    def __init__(self, samples, vote, mask, k, limit, trim_fraction=0.0):
        self.weight = samples.weight
        self.own_weight = samples.own_weight
        self.vote = vote
        self.mask = mask
        self.k = k
        self.limit = limit
        self.trim_fraction = trim_fraction

    def candidates(self, Z, members, queries):
        """Return the candidates of queries among the members.

        Parameters
        ----------
        Z : ndarray of shape (n_members, n_components)
            The embedding of the members.

        members : ndarray of shape (n_members,)
            Sample numbers of the templates.

        queries : ndarray of shape (n_queries,)
            Positions among the members.
        """
        if self.weight is None:
            return among_members(Z[queries], Z, self.limit, queries)
        return among_weighted(
            Z[queries],
            Z,
            self.limit,
            self.weight[members],
            queries,
            self.own_weight[members[queries]],
        )

    def around(self, Z, members, queries):
        """Return `candidates`, block by block."""
        return [
            self.candidates(Z, members, queries[block])
            for block in blocks(len(queries), len(members))
        ]

    def evaluate(self, Z, members, queries, gradient, around=None):
        """Return the mean loss of queries and add its gradient.

        Parameters
        ----------
        Z, members, queries
            As in `candidates`.

        gradient : ndarray of the shape of Z
            What the gradient is added to.

        around : list, default=None
            What the method of this name returns, where it is known.
        """
        parts = []
        for number, block in enumerate(blocks(len(queries), len(members))):
            some = queries[block]
            if around is None:
                found = self.candidates(Z, members, some)
            else:
                found = around[number]
            places, distances, weight = found
            k = selected_weight(self.k[members[some]], found)
            p, pullback = self.mask.linearized(distances, k, weight)
            losses, slope = self.vote.losses(
                members[some], members[places], p, weight, k
            )
            parts.append((losses, some, places, pullback(slope)))
        losses = np.concatenate([part[0] for part in parts])
        importance = self.importance(losses, members[queries])
        start = 0
        for part, some, places, slope in parts:
            stop = start + len(part)
            slope *= importance[start:stop, None]
            pull_distances(Z, some, places, slope, gradient)
            start = stop
        return losses @ importance

    def outcomes(self, around, queries):
        """Return what the votes of queries, among all samples, come out as."""
        outcomes = []
        for block, found in zip(blocks(len(queries), len(self.k)), around, strict=True):
            places, distances, weight = found
            k = selected_weight(self.k[queries[block]], found)
            p = self.mask.values(distances, k, weight)
            outcomes.append(self.vote.outcome(places, p, weight))
        return np.concatenate(outcomes)

    def importance(self, losses, samples):
        """Return weights of the samples for a mean, zero for those trimmed."""
        if self.weight is None:
            weight, mean = np.ones(len(samples)), 1.0
        else:
            # Batches of different weights are parts of one sum over all samples.
            weight, mean = self.weight[samples], self.weight.mean()
        if self.trim_fraction == 0.0:
            return weight / (len(samples) * mean)
        kept = (1.0 - self.trim_fraction) * weight.sum()
        kept = weight * keep_smallest(losses, kept, weight)[0]
        return kept / kept.sum()


def selected_weight(k, found: Candidates):
    """Return what masks of candidates sum to: k, or all of them if they weigh less."""
    if found.weight is None:
        return np.minimum(k, float(found.places.shape[1]))
    return np.minimum(k, found.weight.sum(axis=1))


class Surroundings:
    """What some samples vote among, without themselves, wherever parameters are.

    What was found at the start and where it was asked last is remembered: a
    minimisation begins at the one, and most often ends at the other.

    Parameters
    ----------
    embed : callable
        Maps parameters to where all samples are in the embedding.

    left_out : LeaveOneOut
        Finds candidates.

    queries : ndarray of shape (n_queries,)
        The samples that vote.

    start : ndarray of shape (n_parameters,)
        The start.

    at_start : list, default=None
        What they vote among there, if it is known.
    """

    def __init__(self, embed, left_out, queries, start, at_start=None):
        self.embed = embed
        self.left_out = left_out
        self.queries = queries
        if at_start is None:
            at_start = self._found(embed(start))
        self._start = self._last = (start, at_start)

    def elsewhere(self, embed, start):
        """Return those of an embedding that starts with samples at the same places."""
        return Surroundings(embed, self.left_out, self.queries, start, self._start[1])

    def _found(self, Z):
        return self.left_out.around(Z, np.arange(len(Z)), self.queries)

    def at(self, theta, Z=None):
        """Return candidates, block by block; `Z` is where theta puts all samples."""
        for known, around in (self._start, self._last):
            if np.array_equal(known, theta):
                return around
        self._last = theta.copy(), self._found(self.embed(theta) if Z is None else Z)
        return self._last[1]


class Problem:
    """The training loss: the leave-one-out loss and a pull towards the start.

    `surroundings`, if given, are those of all samples.
    """

    def __init__(self, model, X, leave_one_out, alpha, start, surroundings=None):
        self.model = model
        self.X = X
        self.leave_one_out = leave_one_out
        self.alpha = alpha
        self.start = start
        self.surroundings = surroundings
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
        pulled, around = np.zeros_like(Z), None
        if queries is self.everyone and self.surroundings is not None:
            around = self.surroundings.at(theta, Z)
        value = self.leave_one_out.evaluate(Z, members, queries, pulled, around)
        gradient = self.model.backward(theta, state, pulled)
        away = theta - self.start
        value += 0.5 * self.alpha * (away @ away)
        gradient += self.alpha * away
        return value, gradient
