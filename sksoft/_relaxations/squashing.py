# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Standardising and squashing rows by the logistic function."""

import math
from typing import NamedTuple

import numpy as np

from sksoft._relaxations._operator import Operator

# The standard deviation of the standard logistic distribution.
LOGISTIC_SCALE = math.pi / math.sqrt(3.0)


class SquashState(NamedTuple):
    """Standardised rows, slopes of the curve, and the deviations in units of rows."""

    z: np.ndarray
    slope: np.ndarray
    deviation: np.ndarray
    unit: np.ndarray


class LogisticSquash(Operator):
    """u = sigmoid(LOGISTIC_SCALE (x - mean) / deviation)."""

    def forward(self, rows, order, out, *, keep):
        # Differences first, in units of the largest: nothing overflows or is lost.
        distance = rows.astype(np.float64) - rows[:, :1]
        unit = np.abs(distance).max(axis=1, initial=0.0, keepdims=True)
        unit[unit == 0.0] = 1.0
        distance /= unit
        if rows.size:
            distance -= distance.mean(axis=1, keepdims=True)
        deviation = np.sqrt(np.square(distance).sum(axis=1, keepdims=True))
        deviation /= math.sqrt(max(rows.shape[1], 1))
        constant = deviation == 0.0
        z = distance / np.where(constant, 1.0, deviation)
        squashed = 1.0 / (1.0 + np.exp(-LOGISTIC_SCALE * z))
        out[...] = squashed
        if not keep:
            return None
        slope = LOGISTIC_SCALE * squashed * (1.0 - squashed)
        slope[constant[:, 0]] = 0.0
        return SquashState(z, slope, deviation, unit)

    @staticmethod
    def _standardized(values, z):
        """Apply the derivative of (x - mean) / deviation, which is symmetric."""
        if not values.size:
            return values
        along = (values * z).mean(axis=1, keepdims=True)
        return values - values.mean(axis=1, keepdims=True) - z * along

    def pullback(self, state, cotangent, out):
        z, slope, deviation, unit = state
        values = self._standardized(slope * cotangent, z)
        out[...] = _scaled(values, deviation, unit)

    def pushforward(self, state, tangent, out):
        z, slope, deviation, unit = state
        values = slope * self._standardized(tangent.astype(np.float64), z)
        out[...] = _scaled(values, deviation, unit)


def _scaled(values, deviation, unit):
    with np.errstate(over="ignore"):
        return values / np.where(deviation == 0.0, 1.0, deviation) / unit
