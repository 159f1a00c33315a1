# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the training objective is minimised: L-BFGS, or Adam on minibatches."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._optimize import Adam, Solution, minimize

# Epochs without an improvement by tol after which Adam stops.
PATIENCE = 10
# A training on a part of the samples takes one in so many epochs of Adam.
PART_OF_EPOCHS = 3
# Steps of Adam, with and without hidden layers.
LEAST_STEPS = 256
LEAST_STEPS_HIDDEN = 600
# Epochs: at most so many, and at least so many unless they make so many steps.
MOST_EPOCHS = 60
LEAST_EPOCHS = 10
MANY_STEPS = 1500


class Budget(NamedTuple):
    """Iterations of L-BFGS that a training takes by itself.

    Smaller gains than these say nothing of new samples.

    Attributes
    ----------
    most : int
        How many at most.

    least : int
        How many at least: the first ones, which know nothing of the curvature, may gain
        little before others gain much.

    gain : float
        What an iteration gains, in the sum of the samples' losses, if others follow.

    share : float, default=0.003
        What share of all that was gained.
    """

    most: int
    least: int
    gain: float
    share: float = 0.003


# For all samples; for a part of them, which only tells how votes are mixed; and for
# squares, whose embedding votes but is trained on that part alone.
BUDGETS = {
    "whole": Budget(most=15, least=4, gain=0.4),
    "part": Budget(most=5, least=3, gain=2.0),
    "curved": Budget(most=7, least=4, gain=2.0),
}


class Spending:
    """Progress that ends a search when an iteration has gained next to nothing.

    Parameters
    ----------
    progress : FitProgress or None
        What is told of the iterations.

    problem : Problem
        What is minimised.

    budget : Budget
        How many iterations, and what is next to nothing.
    """

    def __init__(self, progress, problem, budget):
        self.progress = progress
        self.problem = problem
        self.budget = budget
        weight = problem.leave_one_out.weight
        n_samples = len(problem.X) if weight is None else weight.sum()
        self.least_gain = budget.gain / n_samples
        self.previous, self.count = None, 0

    @property
    def stopped(self):
        """Whether a callback has ended the fit."""
        return self.progress is not None and self.progress.stopped

    def begin_iteration(self, attributes=None):
        """Open an iteration."""
        if self.progress is None:
            return None
        return self.progress.begin_iteration(attributes)

    def end_iteration(self, iteration, attributes=None, loss=None):
        """Close an iteration; return whether to stop."""
        stop = False
        if self.progress is not None:
            stop = self.progress.end_iteration(iteration, attributes, loss)
        first, value = self.problem.first_value, self.problem.value
        gain = (first if self.previous is None else self.previous) - value
        self.previous = value
        self.count += 1
        least = max(self.budget.share * (first - value), self.least_gain)
        return stop or (self.count >= self.budget.least and gain < least)


def by_lbfgs(problem, theta, *, max_iter, tol, progress, attributes, stage):
    """Minimise over all samples; a `max_iter` of None is a budget, not a promise."""
    with warnings.catch_warnings():
        if max_iter is None or stage != "whole":
            warnings.simplefilter("ignore", ConvergenceWarning)
        if max_iter is None:
            budget = BUDGETS[stage]
            progress = Spending(progress, problem, budget)
            max_iter = budget.most
        return minimize(
            problem,
            theta,
            max_iter=max_iter,
            tol=tol,
            progress=progress,
            attributes=attributes,
        )


def cosine_rates(first, epoch, n_epochs, n_steps):
    """Return the learning rates of the steps of an epoch.

    Over all epochs they fall from the first rate towards zero as half a cosine.
    """
    at = (epoch * n_steps + np.arange(n_steps)) / (n_epochs * n_steps)
    return 0.5 * first * (1.0 + np.cos(np.pi * at))


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

    def _templates(self, order, start, stop):
        """Return members for the queries order[start:stop], which come first."""
        n_samples, n_queries = len(order), stop - start
        count = max(self.n_templates - n_queries, 0)
        # A stretch of a random order is a random sample, without a pass over all.
        first = stop + self.rng.randint(n_samples - n_queries - count + 1)
        others = np.arange(first, first + count) % n_samples
        return np.concatenate([order[start:stop], order[others]])

    def epoch(self, problem, theta, adam, rates):
        """Return the mean loss of samples and the parameters after looking at each."""
        n_samples = len(problem.X)
        order = self.rng.permutation(n_samples)
        few = self.n_templates is not None and self.n_templates < n_samples
        total, start = 0.0, 0
        for queries, rate in zip(np.array_split(order, len(rates)), rates, strict=True):
            stop = start + len(queries)
            members, places = problem.everyone, queries
            if few:
                members = self._templates(order, start, stop)
                places = np.arange(len(queries))
            value, gradient = problem.batch(
                theta, members, places, self.dropout, self.rng
            )
            theta = theta + adam.step(gradient, rate)
            total += value * len(queries)
            start = stop
        return total / n_samples, theta

    def minimize(self, problem, theta, *, max_iter, tol, progress, attributes, stage):
        """Minimise by Adam with a learning rate that falls to zero as a cosine."""
        n_steps = n_batches(len(problem.X), self.batch_size)
        n_epochs = max_iter
        if max_iter is None:
            hidden = len(problem.model.shapes) > 1
            least = LEAST_STEPS_HIDDEN if hidden else LEAST_STEPS
            fewest = min(LEAST_EPOCHS, -(-MANY_STEPS // n_steps))
            n_epochs = int(np.clip(-(-least // n_steps), fewest, MOST_EPOCHS))
            if stage != "whole":
                n_epochs = -(-n_epochs // PART_OF_EPOCHS)
        adam = Adam(len(theta))
        solution = Solution(x=theta, value=np.inf)
        stale = 0
        for epoch in range(n_epochs):
            iteration = None
            if progress is not None:
                iteration = progress.begin_iteration(lambda x=theta: attributes(x))
            rates = cosine_rates(self.rate, epoch, n_epochs, n_steps)
            loss, theta = self.epoch(problem, theta, adam, rates)
            stale = 0 if loss < solution.value - tol else stale + 1
            solution.x, solution.value = theta, min(float(loss), solution.value)
            solution.loss_curve.append(float(loss))
            solution.n_iter += 1
            if progress is not None and progress.end_iteration(
                iteration, lambda x=theta: attributes(x), solution.loss_curve[-1]
            ):
                break
            # A budget is used up, for the last and smallest steps gain most.
            if max_iter is not None and stale > PATIENCE:
                break
        return solution


def n_batches(n_samples, batch_size):
    """Return into how many batches samples are split."""
    return max(1, -(-n_samples // batch_size))
