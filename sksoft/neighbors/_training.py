# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The leave-one-out loss of an embedding, its gradient, and how it is minimised."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._neighbors import pull_distances
from sksoft._optimize import Solution, minimize
from sksoft.neighbors._selection import (
    blocks,
    candidate_count,
    distances_to,
    limited,
    nearest,
)

# Epochs without an improvement by tol after which Adam stops.
PATIENCE = 10
# Iterations of L-BFGS that training takes by itself. It goes on while one gains such a
# share of all that was gained, and so much in the sum of the samples' losses: smaller
# gains say nothing of new samples.
LBFGS_BUDGET = 15
LEAST_SHARE = 0.003
LEAST_GAIN = 0.4
# Steps of Adam, with and without hidden layers.
LEAST_STEPS = 256
LEAST_STEPS_HIDDEN = 600
# The share of the samples held out to stop early.
HELD_OUT = 0.1


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

    def __init__(self, embedding, X, leave_one_out, alpha, start):
        self.embedding = embedding
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
        Z, state = self.embedding.forward(theta, X, dropout, rng)
        pulled = np.zeros_like(Z)
        value = self.leave_one_out.evaluate(Z, members, queries, pulled)
        gradient = self.embedding.backward(theta, state, pulled)
        return self._pulled(theta, value, gradient)

    def held_out_loss(self, theta, queries):
        """Return the loss of some samples among all."""
        Z, _ = self.embedding.forward(theta, self.X)
        return self.leave_one_out.evaluate(Z, self.everyone, queries, np.zeros_like(Z))

    def _pulled(self, theta, value, gradient):
        away = theta - self.start
        value += 0.5 * self.alpha * (away @ away)
        gradient += self.alpha * away
        return value, gradient


class Adam:
    """The moments of the gradient, and the step they suggest."""

    def __init__(self, size):
        self.first = np.zeros(size)
        self.second = np.zeros(size)
        self.count = 0

    def step(self, gradient, rate):
        """Return what to add to the parameters."""
        self.count += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient**2 - self.second)
        first = self.first / (1.0 - 0.9**self.count)
        second = self.second / (1.0 - 0.999**self.count)
        return -rate * first / (np.sqrt(second) + 1e-8)


class Budget:
    """Progress that ends a search when an iteration has gained next to nothing."""

    def __init__(self, progress, problem):
        self.progress = progress
        self.problem = problem
        self.begin_iteration = progress.begin_iteration
        weight = problem.leave_one_out.weight
        self.least_gain = LEAST_GAIN / (
            len(problem.X) if weight is None else weight.sum()
        )
        self.previous = self.first = None

    def end_iteration(self, iteration, attributes=None):
        """Close an iteration; return whether to stop."""
        value = self.problem.value
        if self.first is None:
            self.first = self.previous = self.problem.first_value
        gain, self.previous = self.previous - value, value
        stop = self.progress.end_iteration(iteration, attributes)
        least = max(LEAST_SHARE * (self.first - value), self.least_gain)
        return stop or gain < least


def by_lbfgs(problem, theta, *, max_iter, tol, progress, attributes):
    """Minimise over all samples; a `max_iter` of None is a budget, not a promise."""
    with warnings.catch_warnings():
        if max_iter is None:
            warnings.simplefilter("ignore", ConvergenceWarning)
            progress = Budget(progress, problem)
        return minimize(
            problem,
            theta,
            max_iter=LBFGS_BUDGET if max_iter is None else max_iter,
            tol=tol,
            progress=progress,
            attributes=attributes,
        )


class Minibatches:
    """Stochastic minimisation: some queries at a time, among some of the samples.

    Parameters
    ----------
    batch_size : int
        How many queries a step looks at.

    n_templates : int or None
        How many samples they find their neighbours among, all of them if None.

    rate : float
        The learning rate of the first step.

    dropout : float
        The share of hidden units that a step leaves out.

    rng : RandomState
        Draws all of them.
    """

    def __init__(self, batch_size, n_templates, rate, dropout, rng):
        self.batch_size = batch_size
        self.n_templates = n_templates
        self.rate = rate
        self.dropout = dropout
        self.rng = rng

    def step(self, problem, theta, adam, queries, rate):
        """Return the loss of queries and the parameters after a step."""
        n_samples = len(problem.X)
        members, places = problem.everyone, queries
        if self.n_templates is not None and self.n_templates < n_samples:
            others = np.ones(n_samples, dtype=bool)
            others[queries] = False
            some = max(self.n_templates - len(queries), 0)
            rest = self.rng.choice(np.flatnonzero(others), some, replace=False)
            members = np.concatenate([queries, rest])
            places = np.arange(len(queries))
        value, gradient = problem.batch(theta, members, places, self.dropout, self.rng)
        return value, theta + adam.step(gradient, rate)

    def epoch(self, problem, theta, adam, samples, rates=None):
        """Return the mean loss of samples and the parameters after looking at each."""
        order = self.rng.permutation(samples)
        total = 0.0
        batches = np.array_split(order, n_batches(len(order), self.batch_size))
        rates = [self.rate] * len(batches) if rates is None else rates
        for queries, rate in zip(batches, rates, strict=True):
            value, theta = self.step(problem, theta, adam, queries, rate)
            total += value * len(queries)
        return total / len(samples), theta

    def minimize(
        self, problem, theta, *, max_iter, tol, early_stopping, progress, attributes
    ):
        """Minimise by Adam with a learning rate that falls to zero as a cosine."""
        samples, held_out = problem.everyone, None
        if early_stopping and len(samples) > 1:
            order = self.rng.permutation(len(samples))
            cut = max(1, int(HELD_OUT * len(samples)))
            held_out, samples = np.sort(order[:cut]), np.sort(order[cut:])
        steps = n_batches(len(samples), self.batch_size)
        n_epochs = max_iter
        if max_iter is None:
            hidden = len(problem.embedding.unpack(theta)) > 1
            least = LEAST_STEPS_HIDDEN if hidden else LEAST_STEPS
            n_epochs = int(np.clip(-(-least // steps), 10, 60))
        adam = Adam(len(theta))
        solution = Solution(x=theta, value=np.inf)
        # A budget is used up, for the last and smallest steps gain most.
        patience = PATIENCE if held_out is not None or max_iter is not None else np.inf
        stale = 0
        for epoch in range(n_epochs):
            iteration = progress.begin_iteration()
            at = (epoch * steps + np.arange(steps)) / (n_epochs * steps)
            rates = 0.5 * self.rate * (1.0 + np.cos(np.pi * at))
            loss, theta = self.epoch(problem, theta, adam, samples, rates)
            solution.loss_curve.append(float(loss))
            solution.n_iter += 1
            if held_out is not None:
                loss = problem.held_out_loss(theta, held_out)
            stale = 0 if loss < solution.value - tol else stale + 1
            if held_out is None or loss < solution.value:
                solution.x = theta
            solution.value = min(float(loss), solution.value)
            current = theta.copy()
            stop = progress.end_iteration(iteration, lambda x=current: attributes(x))
            if stop or stale > patience:
                break
        return solution


def n_batches(n_samples, batch_size):
    """Return into how many batches samples are split."""
    return max(1, -(-n_samples // batch_size))
