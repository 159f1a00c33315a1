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


@lru_cache(maxsize=1024)
def consistency_factor(kept_share, strength, power=2, entropic=False):
    """Return E[w z^2] / E[w] for a standard normal z and its mask w.

    Parameters
    ----------
    kept_share : float
        E[w], in (0, 1].

    strength : float
        Regularization strength of the mask, in units of the unit scale's losses.

    power : {1, 2}, default=2
        The losses are ``abs(z) ** power``.

    entropic : bool, default=False
        Whether the mask is entropic.

    Returns
    -------
    factor : float
        In (0, 1].
    """
    if kept_share >= 1 or np.isinf(strength):
        return 1.0
    if strength < 0.01:
        bound = 2 * special.gammaincinv(0.5, kept_share)
        return float(special.gammainc(1.5, bound / 2) / kept_share)
    losses = NORMAL_GRID**power

    def mask(threshold):
        depth = (threshold - losses) / strength
        return special.expit(depth) if entropic else np.clip(depth, 0.0, 1.0)

    threshold = optimize.brentq(
        lambda t: NORMAL_WEIGHT @ mask(t) - kept_share,
        -40 * strength,
        losses[-1] + 40 * strength,
        xtol=1e-10,
    )
    return float(NORMAL_WEIGHT @ (mask(threshold) * NORMAL_GRID**2) / kept_share)


def truncation_factor(cutoff):
    """Return E[z^2 given z^2 < cutoff^2] of a standard normal z."""
    bound = 0.5 * cutoff**2
    return float(special.gammainc(1.5, bound) / special.gammainc(0.5, bound))


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
#
# The same for the scale of the rows that survive reweighting.
REWEIGHTED = np.full((6, 5, 2), (-0.27, 2.0))
REWEIGHTED[:5, :4] = [
    [(0.457, 0.743), (0.748, 1.013), (0.796, 1.126), (0.576, 1.085)],
    [(0.378, 0.638), (0.572, 0.893), (0.661, 1.041), (0.497, 1.029)],
    [(0.600, 0.850), (0.663, 0.974), (0.741, 1.092), (0.530, 1.044)],
    [(0.048, 0.300), (0.044, 0.423), (0.047, 0.661), (0.033, 0.736)],
    [(-0.254, 2.0), (-0.258, 2.0), (-0.275, 2.0), (-0.27, 2.0)],
]

# The same for the scale after a second reweighting.
REWEIGHTED_TWICE = np.full((6, 5, 2), (-0.25, 2.0))
REWEIGHTED_TWICE[:5, :4] = [
    [(0.351, 0.939), (0.646, 1.264), (0.722, 1.377), (0.633, 1.327)],
    [(0.241, 0.692), (0.465, 1.056), (0.616, 1.271), (0.527, 1.219)],
    [(0.287, 0.754), (0.551, 1.031), (0.659, 1.230), (0.584, 1.264)],
    [(0.038, 0.300), (0.024, 0.300), (0.030, 0.571), (0.017, 0.798)],
    [(-0.349, 2.000), (-0.329, 1.963), (-0.329, 1.963), (-0.329, 1.963)],
]


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
