# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the training objective is minimised: L-BFGS, or Adam on minibatches."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._optimize import Adam, Solution, minimize

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

    @property
    def stopped(self):
        """Whether a callback has ended the fit."""
        return self.progress.stopped

    def end_iteration(self, iteration, attributes=None, loss=None):
        """Close an iteration; return whether to stop."""
        value = self.problem.value
        if self.first is None:
            self.first = self.previous = self.problem.first_value
        gain, self.previous = self.previous - value, value
        stop = self.progress.end_iteration(iteration, attributes, loss)
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
            hidden = len(problem.model.shapes) > 1
            least = LEAST_STEPS_HIDDEN if hidden else LEAST_STEPS
            n_epochs = int(np.clip(-(-least // steps), 10, 60))
        adam = Adam(len(theta))
        solution = Solution(x=theta, value=np.inf)
        # A budget is used up, for the last and smallest steps gain most.
        patience = PATIENCE if held_out is not None or max_iter is not None else np.inf
        stale = 0
        for epoch in range(n_epochs):
            before = theta
            iteration = progress.begin_iteration(lambda x=before: attributes(x))
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
            stop = progress.end_iteration(
                iteration, lambda x=current: attributes(x), loss
            )
            if stop or stale > patience:
                break
        return solution


def n_batches(n_samples, batch_size):
    """Return into how many batches samples are split."""
    return max(1, -(-n_samples // batch_size))
