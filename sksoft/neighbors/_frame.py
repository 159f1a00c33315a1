# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The frame in which features are seen: centred, in their own unit."""

from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """A centre and a unit, both in units of a power of two near the largest entry.

    Dividing by it changes no digit, and what is squared neither over- nor underflows,
    whatever the magnitude of the features.
    """

    scale: float
    centre: np.ndarray
    unit: float

    def apply(self, X):
        """Return features centred and in units of their root mean variance."""
        return np.ascontiguousarray((X / self.scale - self.centre) / self.unit)

    def undo(self, framed):
        """Return features as they were given."""
        return (framed * self.unit + self.centre) * self.scale

    @property
    def given_centre(self):
        """The centre in the unit of the features as they are given."""
        return self.centre * self.scale

    @property
    def given_unit(self):
        """The unit of the features as they are given."""
        return self.unit * self.scale


def frame_of(X, weight):
    """Return the frame of rows: their mean, and the root of their mean variance.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.

    weight : ndarray of shape (n_samples,) or None
        What they weigh.

    Returns
    -------
    frame : Frame
        Its unit is 1 (the scale) where all rows are the same.
    """
    scale = power_of_two(X)
    X = X.astype(np.float64) / scale
    # A constant is its own mean, exactly.
    centre = X[0] + np.average(X - X[0], axis=0, weights=weight)
    deviation = X - centre
    spread = np.abs(deviation).max(initial=0.0)
    if spread == 0.0:
        return Frame(scale, centre, 1.0)
    variance = np.average((deviation / spread) ** 2, axis=0, weights=weight)
    return Frame(scale, centre, float(spread * np.sqrt(variance.mean())))


def power_of_two(values):
    """Return a power of two near the largest magnitude, 1 where all is zero."""
    peak = float(np.abs(values).max(initial=0.0))
    return float(np.ldexp(1.0, int(np.frexp(peak)[1]) - 1)) if peak > 0.0 else 1.0
