# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What selected neighbours say, and what it costs where they are wrong."""

import numpy as np

from sksoft._relaxations.masks import sinkhorn_threshold

# The loss of a vote that is all wrong is bounded: labels may be wrong too.
LOG_FLOOR = 0.05
# Steps that look for the least-trimmed location of a neighbourhood.
CONCENTRATION_STEPS = 20


class ClassVote:
    """The share of a query's neighbours that are of its class.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Numbers of the classes.

    loss : {"log", "linear"}
        Minus the share, or minus the logarithm of the share and a little.
    """

    def __init__(self, codes, loss):
        self.codes = codes
        self.loss = loss

    def losses(self, queries, templates, p, weight, k):
        """Return the loss of each query and its gradient in the mask.

        Parameters
        ----------
        queries : ndarray of shape (n_queries,)
            Sample numbers.

        templates : ndarray of shape (n_queries, n_candidates)
            Sample numbers.

        p : ndarray of shape (n_queries, n_candidates)
            The mask.

        weight : ndarray of shape (n_queries, n_candidates) or None
            The weights of the candidates.

        k : ndarray of shape (n_queries,)
            What the weighted mask sums to.
        """
        same = self.codes[templates] == self.codes[queries][:, None]
        gradient = same / k[:, None]
        if weight is not None:
            gradient *= weight
        share = (gradient * p).sum(axis=1)
        if self.loss == "linear":
            np.negative(gradient, out=gradient)
            return 1.0 - share, gradient
        gradient *= (-1.0 / (share + LOG_FLOOR))[:, None]
        return np.log((1.0 + LOG_FLOOR) / (share + LOG_FLOOR)), gradient

    def shares(self, templates, p, weight, n_classes):
        """Return the share of each class in the vote, zero where nobody votes."""
        votes = p if weight is None else p * weight
        n_queries = len(votes)
        cells = np.arange(n_queries)[:, None] * n_classes + self.codes[templates]
        counts = np.bincount(cells.ravel(), votes.ravel(), n_queries * n_classes)
        counts = counts.reshape(n_queries, n_classes).astype(np.float64, copy=False)
        total = counts.sum(axis=1, keepdims=True)
        return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0.0)


class ValueVote:
    """The location of the targets of a query's neighbours, and how far it is off.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, n_outputs)
        What is to be predicted.

    loss : {"squared_error", "huber", "trimmed"}
        Half the squared error, Huber's loss of the length of the error, or half the
        squared error where the trainer drops the largest.

    vote : {"mean", "median", "trimmed"}
        The location of a neighbourhood.

    softness : float
        How soft a median is, in units of the targets.

    trim_fraction : float
        The share of a neighbourhood that a trimmed vote leaves out.

    corner : float
        Where Huber's loss turns linear, in units of the targets.
    """

    def __init__(self, targets, loss, vote, softness, trim_fraction, corner):
        self.targets = targets
        self.loss = loss
        self.vote = vote
        self.softness = softness
        self.trim_fraction = trim_fraction
        self.corner = corner

    def losses(self, queries, templates, p, weight, k):
        """Return the loss of each query and its gradient in the mask."""
        votes = p if weight is None else p * weight
        values, slopes = self.locations(templates, votes)
        loss, residual = self.cost(values - self.targets[queries])
        gradient = (slopes * residual[:, None, :]).sum(axis=2)
        if weight is not None:
            gradient *= weight
        return loss, gradient

    def cost(self, residual):
        """Return the loss of residuals and its gradient in them."""
        loss = 0.5 * (residual**2).sum(axis=1)
        if self.loss == "huber":
            size = np.sqrt(2.0 * loss)
            far = size > self.corner
            loss[far] = self.corner * (size[far] - 0.5 * self.corner)
            residual = residual.copy()
            residual[far] *= (self.corner / size[far])[:, None]
        return loss, residual

    def locations(self, templates, votes):
        """Return the location of each neighbourhood and its gradient in the votes.

        Parameters
        ----------
        templates : ndarray of shape (n_queries, n_candidates)
            Sample numbers.

        votes : ndarray of shape (n_queries, n_candidates)
            Their say.

        Returns
        -------
        values : ndarray of shape (n_queries, n_outputs)
            The locations.

        slopes : ndarray of shape (n_queries, n_candidates, n_outputs)
            Their derivatives.
        """
        y = self.targets[templates]
        if y.shape[1] == 0:
            # A sample alone is told nothing; targets are centred.
            return np.zeros((len(y), y.shape[2])), np.zeros(y.shape)
        total = votes.sum(axis=1)
        if not total.all():
            # Where nobody has a vote, everybody has the same.
            votes = np.where(total[:, None] > 0.0, votes, 1.0)
            total = votes.sum(axis=1)
        if self.vote == "median":
            return self._medians(y, votes, total)
        if self.vote == "trimmed" and self.trim_fraction > 0.0:
            return least_trimmed(y, votes, (1.0 - self.trim_fraction) * total)
        values = (votes[:, None, :] @ y)[:, 0] / total[:, None]
        return values, (y - values[:, None, :]) / total[:, None, None]

    def _medians(self, y, votes, total):
        values = np.empty((len(y), y.shape[2]))
        slopes = np.empty(y.shape)
        for output in range(y.shape[2]):
            values[:, output], slopes[:, :, output] = soft_medians(
                y[:, :, output], votes, total, self.softness
            )
        return values, slopes


def soft_medians(y, votes, total, softness):
    """Return the threshold that halves the votes softly, and its gradient in them.

    It is the threshold of the soft top-k mask of half of the votes.
    """
    y = np.ascontiguousarray(y)
    order = np.argsort(y, axis=1)
    strength = np.full(len(y), softness)
    above, slope, median = sinkhorn_threshold(y, order, votes, 0.5 * total, strength)
    hard = ~np.isfinite(median)
    if hard.any():
        median[hard] = _hard_medians(y[hard], votes[hard], order[hard])
    curvature = (slope * votes).sum(axis=1)
    gradient = np.zeros_like(y)
    soft = ~hard & (curvature > 0.0)
    gradient[soft] = (above[soft] - 0.5) * (softness / curvature[soft])[:, None]
    return median, gradient


def _hard_medians(y, votes, order):
    """Return weighted medians, halfway where half of the votes are on either side."""
    ascending = np.take_along_axis(y, order, axis=1)
    mass = np.cumsum(np.take_along_axis(votes, order, axis=1), axis=1)
    half = 0.5 * mass[:, -1:]
    rounding = 1e-12 * mass[:, -1:]
    low = np.argmax(mass >= half - rounding, axis=1)
    high = np.argmax(mass > half + rounding, axis=1)
    each = np.arange(len(y))
    return 0.5 * (ascending[each, low] + ascending[each, high])


def least_trimmed(y, votes, kept):
    """Return means of the kept votes nearest to them, and gradients in the votes.

    From the best of several starts, quantiles of the votes in each output, steps to the
    mean of the nearest votes that weigh `kept` decrease their squared distances until
    nothing changes.
    """
    n_queries, _, n_outputs = y.shape
    best = np.full(n_queries, np.inf)
    location = np.zeros((n_queries, n_outputs))
    for start in _starts(y, votes, kept):
        value, found = _concentrated(y, votes, kept, start, 2)
        better = value < best
        best[better], location[better] = value[better], found[better]
    _, location = _concentrated(y, votes, kept, location, CONCENTRATION_STEPS)
    share, boundary = _nearest_share(y, votes, kept, location)
    values = (share[:, :, None] * votes[:, :, None] * y).sum(axis=1) / kept[:, None]
    at_boundary = np.take_along_axis(y, boundary[:, None, None], axis=1)
    inside = (share == 1.0)[:, :, None]
    return values, inside * (y - at_boundary) / kept[:, None, None]


def _starts(y, votes, kept):
    """Yield locations that a trimmed mean may start from."""
    total = votes.sum(axis=1)
    n_outputs = y.shape[2]
    for centre in (0.5, 0.25, 0.75, 0.1, 0.9):
        start = np.empty((len(y), n_outputs))
        for output in range(n_outputs):
            column = y[:, :, output]
            order = np.argsort(column, axis=1)
            mass = np.cumsum(np.take_along_axis(votes, order, axis=1), axis=1)
            at = np.argmax(mass >= centre * (1.0 - 1e-12) * total[:, None], axis=1)
            at = np.take_along_axis(order, at[:, None], axis=1)
            start[:, output] = np.take_along_axis(column, at, axis=1)[:, 0]
        yield start


def _nearest_share(y, votes, kept, location):
    """Return the share of each vote that is kept, and the last of them to be."""
    distance = ((y - location[:, None, :]) ** 2).sum(axis=2)
    distance[votes <= 0.0] = np.inf
    order = np.argsort(distance, axis=1)
    mass = np.take_along_axis(votes, order, axis=1)
    reached = np.cumsum(mass, axis=1)
    before = reached - mass
    room = np.clip(kept[:, None] - before, 0.0, mass)
    share = np.empty_like(votes)
    ratio = np.divide(room, mass, out=np.zeros_like(mass), where=mass > 0.0)
    ratio[reached <= kept[:, None]] = 1.0
    at = np.argmax(reached >= kept[:, None] * (1.0 - 1e-12), axis=1)
    np.put_along_axis(
        ratio,
        at[:, None],
        np.minimum(np.take_along_axis(ratio, at[:, None], axis=1), 1.0 - 2.0**-53),
        axis=1,
    )
    np.put_along_axis(share, order, ratio, axis=1)
    return share, np.take_along_axis(order, at[:, None], axis=1)[:, 0]


def _concentrated(y, votes, kept, location, n_steps):
    """Move locations to the means of their nearest votes; return objectives too."""
    for _ in range(n_steps):
        share, _ = _nearest_share(y, votes, kept, location)
        held = (share * votes)[:, :, None]
        moved = (held * y).sum(axis=1) / held.sum(axis=1)
        unchanged = np.array_equal(moved, location)
        location = moved
        if unchanged:
            break
    value = (held * (y - location[:, None, :]) ** 2).sum(axis=(1, 2))
    return value, location
