# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scale of the errors, from trimmed residuals."""

from functools import lru_cache

import numpy as np
from scipy import optimize, special

# Half of the standard normal distribution, on a grid.
NORMAL_GRID = np.linspace(0.0, 10.0, 4001)
NORMAL_WEIGHT = np.exp(-0.5 * NORMAL_GRID**2)
NORMAL_WEIGHT[0] *= 0.5
NORMAL_WEIGHT /= NORMAL_WEIGHT.sum()


def normal_mask(kept_share, strength, power, entropic):
    """Return the mask of standard normal residuals on half of the grid.

    Parameters
    ----------
    kept_share : float
        Mean of the mask, in (0, 1].

    strength : float
        Regularization strength, in units of the losses.

    power : {1, 2}
        The losses are ``abs(z) ** power``.

    entropic : bool
        Whether the mask is entropic.

    Returns
    -------
    mask : ndarray of shape (n_points,)
        At the points of `NORMAL_GRID`.
    """
    if kept_share >= 1 or np.isinf(strength):
        return np.ones(len(NORMAL_GRID))
    losses = NORMAL_GRID**power
    if strength < 0.01:
        bound = 2 * special.gammaincinv(0.5, kept_share)
        return (NORMAL_GRID**2 <= bound).astype(np.float64)

    def mask(threshold):
        depth = (threshold - losses) / strength
        return special.expit(depth) if entropic else np.clip(depth, 0.0, 1.0)

    threshold = optimize.brentq(
        lambda t: NORMAL_WEIGHT @ mask(t) - kept_share,
        -40 * strength,
        losses[-1] + 40 * strength,
        xtol=1e-10,
    )
    return mask(threshold)


@lru_cache(maxsize=1024)
def consistency_factor(kept_share, strength, power=2, entropic=False):
    """Return E[w z^2] / E[w] for a standard normal z and its mask w, in (0, 1].

    Parameters are those of `normal_mask`.
    """
    if kept_share < 1 and strength < 0.01:
        # In closed form, without the error of a grid.
        bound = 2 * special.gammaincinv(0.5, kept_share)
        return float(special.gammainc(1.5, bound / 2) / kept_share)
    mask = normal_mask(kept_share, strength, power, entropic)
    if (mask == 1).all():
        return 1.0
    return float(NORMAL_WEIGHT @ (mask * NORMAL_GRID**2) / kept_share)


@lru_cache(maxsize=1024)
def variance_factor(kept_share, strength, power=2, entropic=False):
    """Return the variance of a trimmed fit over that of least squares, at the normal.

    It is E[psi^2] / E[psi']^2 for psi, the derivative of the loss times the mask, and
    E[psi'] = E[z psi]. Parameters are those of `normal_mask`.
    """
    mask = normal_mask(kept_share, strength, power, entropic)
    psi = mask * NORMAL_GRID ** (power - 1)
    return float(NORMAL_WEIGHT @ psi**2 / (NORMAL_WEIGHT @ (NORMAL_GRID * psi)) ** 2)


# Where the small-sample factors were simulated: positions from the largest trimming
# (0) to none (1), and regularization strengths.
POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
STRENGTHS = (0.0, 1.0, 3.0, 10.0, 30.0, np.inf)

# (a, b) of log(raw scale / true scale) = -a z^b, z = -log(1 - n_parameters / n): rows
# are strengths, columns positions. By benchmarks/scale_calibration.py; without
# trimming it is the usual correction by degrees of freedom, (0.5, 1).
RAW = np.full((6, 5, 2), (0.5, 1.0))
RAW[:5, :4] = [
    [(2.897, 0.833), (2.104, 0.914), (1.413, 0.956), (0.888, 0.983)],
    [(1.377, 0.644), (1.797, 0.859), (1.365, 0.940), (0.876, 0.975)],
    [(0.800, 0.720), (1.071, 0.895), (1.321, 1.032), (0.917, 1.015)],
    [(0.309, 0.655), (0.432, 0.817), (0.518, 0.933), (0.566, 1.004)],
    [(0.378, 0.840), (0.420, 0.890), (0.441, 0.918), (0.450, 0.930)],
]

# The pair of the default, strength 3 at position 0, is not the curve nearest to all
# simulated designs but one that is within 5 % wherever n >= 50 and p <= n / 5.


def small_sample_factor(table, kept_share, ratio, strength):
    """Return the expected scale over the true one.

    Parameters
    ----------
    table : ndarray of shape (6, 5, 2)
        Constants of each strength and position.

    kept_share : float
        Share of the rows kept.

    ratio : float
        Number of coefficients over number of rows, in [0, 1).

    strength : float
        Regularization strength.

    Returns
    -------
    factor : float
        Positive; 1 for infinitely many rows.
    """
    z = -np.log1p(-ratio)
    logarithms = -table[..., 0] * z ** table[..., 1]
    least = (1 + ratio) / 2
    position = np.clip((kept_share - least) / (1 - least), 0.0, 1.0)
    by_strength = [np.interp(position, POSITIONS, row) for row in logarithms]
    return float(np.exp(np.interp(_bend(strength), _bend(STRENGTHS), by_strength)))


def _bend(strength):
    """Map strengths from [0, inf] to [0, 1], 3 to the middle."""
    return 1 - 3 / (3 + np.asarray(strength))
