# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scale of the errors, from trimmed residuals."""

import numpy as np
from scipy import optimize, special


def _moment(order, bound):
    """Return E[z^order; z^2 < bound] of a standard normal z, for order 0, 2 or 4."""
    factor = {0: 1.0, 2: 1.0, 4: 3.0}[order]
    return factor * special.gammainc((order + 1) / 2, np.maximum(bound, 0.0) / 2)


def consistency_factor(kept_share, strength):
    """Return E[w z^2] / E[w] for a standard normal z and its mask w.

    Parameters
    ----------
    kept_share : float
        E[w], in (0, 1].

    strength : float
        Regularization strength of the mask, in units of the variance.

    Returns
    -------
    factor : float
        In (0, 1].
    """
    if kept_share >= 1 or np.isinf(strength):
        return 1.0
    if strength == 0:
        bound = 2 * special.gammaincinv(0.5, kept_share)
        return float(_moment(2, bound) / kept_share)

    def mask_moment(order, threshold):
        full = _moment(order, threshold - strength)
        part = threshold * (_moment(order, threshold) - full)
        part -= _moment(order + 2, threshold) - _moment(order + 2, threshold - strength)
        return full + part / strength

    upper = 1.0 + strength
    while mask_moment(0, upper) < kept_share:
        upper *= 2
        if upper > 1e12 * (1.0 + strength):
            return 1.0
    threshold = optimize.brentq(
        lambda t: mask_moment(0, t) - kept_share, 0.0, upper, xtol=1e-12
    )
    return float(mask_moment(2, threshold) / kept_share)


def truncation_factor(cutoff):
    """Return E[z^2 given z^2 < cutoff^2] of a standard normal z."""
    return float(_moment(2, cutoff**2) / _moment(0, cutoff**2))


def small_sample_factor(kept_share, ratio):
    """Return the expected raw scale over the true one.

    Parameters
    ----------
    kept_share : float
        Share of the rows kept.

    ratio : float
        Number of coefficients over number of rows.

    Returns
    -------
    factor : float
        In (0, 1]; 1 for infinitely many rows.
    """
    if kept_share >= 1:
        return float(np.sqrt(max(1 - ratio, 0.0)))
    position = np.clip((kept_share - 0.5) / 0.25, 0.0, 2.0)
    height = 2.95 + (1.52 - 2.95) * position
    power = 0.836 + (0.98 - 0.836) * position
    return float(np.exp(-max(height, 0.5) * ratio**power))
