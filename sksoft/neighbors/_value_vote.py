# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What selected neighbours say of a value, and what it costs where they are wrong."""

from copy import copy
from typing import NamedTuple

import numpy as np

from sksoft._validation import LARGEST
from sksoft._weighted import weighted_quantile
from sksoft.neighbors._frame import power_of_two
from sksoft.neighbors._locations import least_trimmed, soft_medians

# The interquartile range of the standard normal distribution.
NORMAL_RANGE = 1.349
# What is squared is brought as near as this, in the unit of the targets.
FARTHEST = 1e50


class ValueReader(NamedTuple):
    """What brings targets to a unit, and predictions back.

    Attributes
    ----------
    scale, centre, unit : ndarray of shape (n_outputs,)
        Of each target a power of two, and the centre and the unit in units of it.

    single : bool
        Whether targets are one-dimensional.
    """

    scale: np.ndarray
    centre: np.ndarray
    unit: np.ndarray
    single: bool

    def encode(self, y):
        """Return targets in their unit, of shape (n_samples, n_outputs)."""
        columns = y.astype(np.float64).reshape(len(y), -1)
        if columns.shape[1] != len(self.centre):
            raise ValueError(
                f"y must have {len(self.centre)} outputs as before, got "
                f"{columns.shape[1]}."
            )
        with np.errstate(over="ignore"):
            values = (columns / self.scale - self.centre) / self.unit
        return np.clip(values, -LARGEST, LARGEST)

    def decode(self, values):
        """Return predictions in the unit of the targets as they were given."""
        values = (values * self.unit + self.centre) * self.scale
        return values[:, 0] if self.single else values


def value_reader(y, weight, squared):
    """Return what reads targets: in units of their interquartile range, else deviation.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Targets.

    weight : ndarray of shape (n_samples,) or None
        How often each counts.

    squared : bool
        Whether they are centred at the mean, or at the median.
    """
    read = []
    for column in y.astype(np.float64).reshape(len(y), -1).T:
        scale = power_of_two(column)
        column = column / scale
        low, middle, high = weighted_quantile(column, [0.25, 0.5, 0.75], weight)
        centre = middle
        if squared:
            centre = column[0] + np.average(column - column[0], weights=weight)
        unit = (high - low) / NORMAL_RANGE
        if unit == 0.0:
            unit = np.sqrt(np.average((column - centre) ** 2, weights=weight))
        read.append((scale, centre, unit if unit > 0.0 else 1.0))
    scale, centre, unit = np.transpose(read)
    return ValueReader(scale, centre, unit, y.ndim == 1)


def brought_near(values):
    """Return values whose squares can be summed."""
    return np.clip(values, -FARTHEST, FARTHEST)


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

    def of(self, targets):
        """Return the same vote of other samples."""
        other = copy(self)
        other.targets = targets
        return other

    def losses(self, queries, templates, p, weight, k):
        """Return the loss of each query and its gradient in the mask."""
        votes = p if weight is None else p * weight
        y = brought_near(self.targets[templates])
        values, slopes = self.locations(y, votes)
        loss, residual = self.cost(values - brought_near(self.targets[queries]))
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

    def outcome(self, templates, p, weight):
        """Return the location of each neighbourhood, (n_queries, n_outputs)."""
        votes = p if weight is None else p * weight
        y = self.targets[templates]
        if self.vote == "trimmed":
            y = brought_near(y)
        return self.locations(y, votes)[0]

    def locations(self, y, votes):
        """Return the location of each neighbourhood and its gradient in the votes.

        Parameters
        ----------
        y : ndarray of shape (n_queries, n_candidates, n_outputs)
            Targets of candidates.

        votes : ndarray of shape (n_queries, n_candidates)
            Their say.

        Returns
        -------
        values : ndarray of shape (n_queries, n_outputs)
            The locations.

        slopes : ndarray of shape (n_queries, n_candidates, n_outputs)
            Their derivatives.
        """
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
