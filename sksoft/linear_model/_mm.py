# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The last step of a trimmed fit: an MM-estimate with weights told by leverage.

From coefficients and a scale that resist nearly half of the rows, an M-estimate with
Tukey's bisquare function, its scale estimated anew from its own weighted residuals, and
another M-estimate at that scale. Where rows of high leverage are worse than the others,
they are believed by the posterior probability of being good.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from sksoft.linear_model._design import whitener
from sksoft.linear_model._leverage import (
    Posterior,
    find_apart,
    find_posterior,
    log_association,
)

# The standard normal distribution on a grid.
GRID = np.linspace(-10.0, 10.0, 8001)
DENSITY = np.exp(-0.5 * GRID**2)
DENSITY /= DENSITY.sum()
# How far the second cutoff may exceed the first, in units of 1 / sqrt(n), where no row
# is beyond the first, and the share of rows beyond it from which on it may not.
SCALE_ERRORS = 3.0
LONG_TAILS = 0.04
# Where there are fewer coefficients than this share of the rows, the share of each row
# in the fit cannot change the scale by more than half of it.
NEGLIGIBLE = 1e-3
# Shares of a row in the fit at which the scale of its residual is found.
SHARES = np.linspace(0.0, 1.0, 41)
LEAST_SCALE = 0.2
# Nodes and weights of averages over two independent standard normal variables.
ERRORS, ERROR_WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
NOISE, NOISE_WEIGHTS = np.polynomial.hermite_e.hermegauss(20)
# Where there are fewer coefficients than this share of the rows, terms of its square
# do not matter in standard errors.
FEW_COEFFICIENTS = 0.01
# Least derivative of a leave-one-out residual by the residual.
LEAST_GROWTH = 0.5
# Standard errors may exceed Huber's this many times: beyond, too few rows tell them.
MOST_INFLATION = 2.0
# Error variances, beyond one, that a dropped good row takes out of the sum of squares,
# found at 40 and 60 rows for 20 to 30 coefficients; shares of coefficients from which
# on, and at which, this counts in full; degrees of freedom up to which it does; the
# most that it makes of standard errors.
CHOSEN_VARIANCES = 2.0
MANY_COEFFICIENTS = 1 / 3, 1 / 2
FEW_FREEDOM = 30.0
MOST_CHOICE = 4.0
# Where there are more coefficients than this share of the rows, some may fit most rows
# by chance and seem robust: the level of a test that the rows they drop are wrong.
SHORT_OF_ROWS = 0.1
CHANCE_LEVEL = 0.1
MAX_STEPS = 100
MAX_ROUNDS = 20


def bisquare_weight(residual, cutoff):
    """Return Tukey's bisquare weights of residuals."""
    # In place: new memory for many rows takes longer than the arithmetic.
    weight = residual / cutoff
    np.square(weight, out=weight)
    np.subtract(1.0, weight, out=weight)
    np.maximum(weight, 0.0, out=weight)
    return np.square(weight, out=weight)


def bisquare_slope(residual, cutoff):
    """Return the derivative of residual times weight."""
    share = residual / cutoff
    np.square(share, out=share)
    np.minimum(share, 1.0, out=share)
    slope = 1 - 5 * share
    np.subtract(1.0, share, out=share)
    slope *= share
    return slope


@lru_cache(maxsize=64)
def bisquare_cutoff(efficiency):
    """Return the cutoff, in scales, of which the M-estimate has an efficiency."""

    def excess(cutoff):
        influence = GRID * bisquare_weight(GRID, cutoff)
        slope = DENSITY @ bisquare_slope(GRID, cutoff)
        return slope**2 / (DENSITY @ influence**2) - efficiency

    return float(optimize.brentq(excess, 1.0, 60.0))


def half_weight(cutoff):
    """Return the residual, in scales, that has half of the full weight."""
    return cutoff * np.sqrt(1 - np.sqrt(0.5))


@lru_cache(maxsize=64)
def weighted_variance(cutoff):
    """Return E[w z^2] / E[w] of a standard normal z and its bisquare weight."""
    weight = DENSITY * bisquare_weight(GRID, cutoff)
    return float(weight @ GRID**2 / weight.sum())


@lru_cache(maxsize=64)
def _residual_scales(cutoff):
    """Return the scales of residuals, in those of their errors, at each of `SHARES`.

    A row with a share ``h`` in the fit of normal errors has about the residual
    ``e - h psi(e) / E[psi'] + z sqrt(h (1 - h) E[psi^2]) / E[psi']`` where ``z`` comes
    from the other rows, a standard normal variable. The scale ``t`` is such that the
    weighted variance of this over ``t`` is that of errors.

    References
    ----------
    .. [1] M. Koller and W. A. Stahel (2011). Sharpening Wald-type inference in robust
       regression for small samples. Computational Statistics & Data Analysis 55(8),
       2504-2515.
    """
    influence = GRID * bisquare_weight(GRID, cutoff)
    slope = DENSITY @ bisquare_slope(GRID, cutoff)
    variance = DENSITY @ influence**2 / slope**2
    share = SHARES[:, None, None]
    own = ERRORS[:, None] * bisquare_weight(ERRORS[:, None], cutoff)
    residual = ERRORS[:, None] - share * own / slope
    residual = residual + np.sqrt(share * (1 - share) * variance) * NOISE
    mass = ERROR_WEIGHTS[:, None] * NOISE_WEIGHTS
    expected = weighted_variance(cutoff)
    scales = np.ones_like(share)
    for _ in range(MAX_STEPS):
        standard = residual / scales
        weight = mass * bisquare_weight(standard, cutoff)
        total = weight.sum(axis=(1, 2), keepdims=True)
        squares = (weight * standard**2).sum(axis=(1, 2), keepdims=True)
        ratio = np.sqrt(squares / total / expected)
        scales = scales * ratio
        if np.abs(ratio - 1).max() <= 1e-4:
            break
    # At low efficiencies the linear part overstates what large shares do.
    return np.minimum.accumulate(np.clip(scales.ravel(), LEAST_SCALE, 1.0))


class MMFit(NamedTuple):
    """What the last step found, in standardised units.

    Attributes
    ----------
    coef : ndarray of shape (n_columns,)
        Coefficients.

    scale : float
        Scale of the errors.

    cutoff : float
        Residual, in scales, from which on rows have no weight.

    posterior : Posterior or None
        How far rows of high leverage are believed.

    weight : ndarray of shape (n_samples,)
        Weights of the rows, sample weights apart.

    residual : ndarray of shape (n_samples,)
        Residuals of the rows.
    """

    coef: np.ndarray
    scale: float
    cutoff: float
    posterior: Posterior | None
    weight: np.ndarray
    residual: np.ndarray


def row_weights(residual, high, cutoff, posterior):
    """Return the weights of residuals in scales."""
    weight = bisquare_weight(residual, cutoff)
    if posterior is not None:
        weight[high] *= posterior.weight(residual[high])
    return weight


def mm_fit(design, y, coef, scale, high, efficiency, inverse=None):
    """Return the MM-estimate that begins at a robust fit.

    Parameters
    ----------
    design : Design
        Standardised rows.

    y : ndarray of shape (n_samples,)
        Standardised target.

    coef : ndarray of shape (n_columns,)
        Robust coefficients.

    scale : float
        Robust scale of the errors, positive.

    high : ndarray of shape (n_samples,) or None
        Which rows have high leverage; None if that is not to matter.

    efficiency : float
        Efficiency of the M-estimate at normal errors.

    inverse : ndarray of shape (n_columns, n_columns), default=None
        About the inverse matrix of the mean of ``x x^T`` over the good rows, with the
        penalty's share of it, if that is known.

    Returns
    -------
    fit : MMFit
        Coefficients, scale and weights.

    Notes
    -----
    With many coefficients for the rows, some coefficients fit most rows well by chance.
    There the estimate must drop rows that are significantly wrong; otherwise it is the
    one that begins at least squares, if that drops fewer.

    References
    ----------
    .. [1] V. J. Yohai (1987). High breakdown-point and high efficiency robust estimates
       for regression. The Annals of Statistics 15(2), 642-656.
    .. [2] M. Koller and W. A. Stahel (2011). Sharpening Wald-type inference in robust
       regression for small samples. Computational Statistics & Data Analysis 55(8),
       2504-2515.
    """
    fit = _fit_from(design, y, coef, scale, high, efficiency, inverse)
    if design.rank <= SHORT_OF_ROWS * design.total:
        return fit
    kept, counts = fit.weight > 0, design.sample_weight
    freedom, n_dropped = design.total - design.rank, counts @ ~kept
    if not 0 < n_dropped < freedom:
        return fit
    coef, square = _least_squares(design, y, np.ones(len(y)))
    _, square_kept = _least_squares(design, y, kept.astype(np.float64))
    chance = log_chance(square, square_kept, n_dropped, freedom)
    chance += log_choices(design.total, n_dropped)
    if chance > np.log(CHANCE_LEVEL):
        # Where those dropped are apart in their features too, there were fewer choices.
        apart = find_apart(design, kept)
        if apart is not None:
            n_both = counts @ (apart & ~kept)
            chance += log_association(n_both, design.total, n_dropped, counts @ apart)
    if chance <= np.log(CHANCE_LEVEL):
        return fit
    scale = np.sqrt(square / freedom)
    other = _fit_from(design, y, coef, scale, high, efficiency, None)
    return other if counts @ (other.weight == 0) < n_dropped else fit


def _least_squares(design, y, mask):
    """Return the coefficients of some rows, and their sum of squares."""
    coef = design.solve(mask, y)
    squares = mask * design.residual(coef, y) ** 2
    return coef, design.sample_weight @ squares + design.penalty @ coef**2


def log_chance(square, square_kept, n_dropped, freedom):
    """Return the logarithm of the level at which the F test calls rows wrong.

    Parameters
    ----------
    square, square_kept : float
        Least sums of squares of all rows, and of those kept.

    n_dropped, freedom : float
        Weight of the others, less than the degrees of freedom.
    """
    left = freedom - n_dropped
    excess = max(square - square_kept, 0.0) / n_dropped
    ratio = excess * left / max(square_kept, 1e-300)
    return stats.f.logsf(ratio, n_dropped, left)


def log_choices(total, n_dropped):
    """Return the logarithm of the number of choices of so many rows."""
    return -np.log(total + 1) - special.betaln(n_dropped + 1, total - n_dropped + 1)


def _fit_from(design, y, coef, scale, high, efficiency, inverse):
    """Return the MM-estimate that begins at coefficients and a scale."""
    first = bisquare_cutoff(efficiency)
    coef, residual, posterior, inverse = m_estimate(
        design, y, coef, scale, high, first, 1e-4, inverse
    )
    new_scale = design_scale(design, residual, scale, high, first, posterior)
    beyond = design.sample_weight @ (np.abs(residual) > first * scale) / design.total
    new_scale, second = second_round(
        first, scale, new_scale, beyond, design.rank, design.total
    )
    coef, residual, posterior, _ = m_estimate(
        design, y, coef, new_scale, high, second, 1e-9, inverse
    )
    weight = row_weights(residual / new_scale, high, second, posterior)
    return MMFit(coef, new_scale, second, posterior, weight, residual)


def second_round(cutoff, scale, new_scale, beyond, n_columns, total):
    """Return scale and cutoff of the second M-estimate.

    Parameters
    ----------
    cutoff, scale : float
        Of the first M-estimate.

    new_scale : float
        What its weighted residuals tell.

    beyond : float
        Share of the rows beyond its cutoff.

    n_columns, total : float
        Number of coefficients, and weight of all rows.
    """
    # The fit of few rows per coefficient follows them: it needs a wider cutoff for the
    # same efficiency. Long tails would widen it too: the more rows are beyond the
    # first, the less.
    second = cutoff * (1 + 0.5 * n_columns / total)
    errors = SCALE_ERRORS * max(0.0, 1 - beyond / LONG_TAILS)
    most = cutoff * scale * np.exp(errors / np.sqrt(total))
    new_scale = min(new_scale, most / cutoff)
    return float(new_scale), float(min(second, most / new_scale))


def m_estimate(design, y, coef, scale, high, cutoff, tol, inverse):
    """Return M-estimated coefficients, residuals, posterior, and the inverse used.

    The inverse matrix of the weighted mean of ``x x^T`` serves for many steps, each
    scaled as Newton's would be on average. It is formed anew where steps do not shrink
    quickly, where there is none, and where a step is too long to be sure to descend:
    the loss is below the parabola that touches it, whose curvature the weights are. A
    row of high leverage whose weight has grown makes it so.
    """
    before, posterior, factor = np.inf, None, None
    residual = design.residual(coef, y)
    for count in range(MAX_STEPS):
        standard = residual / scale
        if count < MAX_ROUNDS:
            posterior = find_posterior(standard, high, design.sample_weight)
        weight = row_weights(standard, high, cutoff, posterior)
        slope = design.sample_weight * weight
        mass = max(slope.sum(), 1e-300)
        right = design.pull(slope * residual) - design.penalty * coef
        sure = False
        while not sure:
            sure = inverse is None
            if inverse is None:
                transform = whitener(design.gram(weight))
                inverse = mass * (transform @ transform.T)
            if factor is None:
                slopes = design.sample_weight @ bisquare_slope(standard, cutoff)
                factor = np.clip(mass / max(slopes, 1e-300), 1.0, 2.0) / mass
            step = factor * (inverse @ right)
            moved = design.residual(coef + step, y)
            if not sure:
                curvature = slope @ (moved - residual) ** 2
                curvature += design.penalty @ step**2
                sure = curvature <= 2 * (right @ step)
            if not sure:
                inverse, factor = None, None
        coef, residual = coef + step, moved
        size = np.abs(step).max(initial=0.0)
        # Steps shrink by a factor: what is left is the rest of a geometric series.
        left = size
        if size < 0.5 * before < np.inf:
            left *= size / (before - size)
        if left <= tol * scale:
            break
        if size > 0.5 * before:
            inverse, factor = None, None
        before = size
    return coef, residual, posterior, inverse


def design_scale(design, residual, scale, high, cutoff, posterior):
    """Return the scale that the weighted residuals tell, each with its own variance.

    A residual is smaller than its error by the share that its row has in the fit.
    """
    n_columns, total = design.rank, design.total
    if n_columns < NEGLIGIBLE * total:
        share = n_columns / total
    else:
        weight = row_weights(residual / scale, high, cutoff, posterior)
        share = weight * design.leverages(design.gram(weight))
    variance = residual_variance(share, cutoff)
    residual = residual / np.sqrt(variance)
    variance = variance * design.sample_weight
    expected = weighted_variance(cutoff)
    for _ in range(MAX_STEPS):
        standard = residual / scale
        weight = row_weights(standard, high, cutoff, posterior)
        weight *= variance
        mass = weight.sum()
        if not mass > 0:
            break
        standard *= standard
        ratio = np.sqrt(weight @ standard / mass / expected)
        if not ratio > 0:
            break
        scale = scale * ratio
        if abs(ratio - 1) <= 1e-6:
            break
    return scale


def residual_variance(share, cutoff):
    """Return the variance of residuals over that of errors.

    `share` is the part that a row has in its own fit.
    """
    return np.interp(share, SHARES, _residual_scales(cutoff)) ** 2


def mm_covariance_root(design, fit):
    """Return a root of the covariance matrix of the coefficients of an `MMFit`.

    Times its transpose it is the matrix, Huber's: errors are independent of the
    features. The number of coefficients and the spread of the slopes of the influence
    function correct it for small samples: as Huber does where there are few
    coefficients, else by the factor that holds where their number grows with that of
    the rows.

    References
    ----------
    .. [1] P. J. Huber (1981). Robust statistics. Wiley, section 7.6.
    .. [2] N. El Karoui, D. Bean, P. J. Bickel, C. Lim and B. Yu (2013). On robust
       regression with high-dimensional predictors. PNAS 110(36), 14557-14562.
    """
    residual = fit.residual / fit.scale
    weight, counts = fit.weight, design.sample_weight
    slope = bisquare_slope(residual, fit.cutoff)
    deviation = mm_deviation(
        counts @ slope / design.total,
        counts @ slope**2 / design.total,
        counts @ (weight * residual) ** 2,
        counts @ weight / design.total,
        design.rank,
        design.total,
    )
    if design.rank > FEW_COEFFICIENTS * design.total:
        ratio = design.rank / max(design.total, design.rank + 1.0)
        deviation *= error_inflation(slope, counts / design.total, ratio)
        deviation *= choice_inflation(counts @ (weight == 0), design.rank, design.total)
    return whitener(design.gram(weight)) * deviation * fit.scale


def choice_inflation(n_dropped, n_columns, total):
    """Return what standard errors are where dropped rows may have nothing wrong.

    With nearly as many coefficients as residual degrees of freedom, and few of these,
    an M-estimate may drop good rows because the others then fit well. Each takes more
    out of the sum of squares than the one variance that it takes if it is wrong.

    Parameters
    ----------
    n_dropped : float
        Weight of the rows that have no weight in the fit.

    n_columns, total : float
        Number of coefficients, and weight of all rows.
    """
    freedom = total - n_columns
    least, most = MANY_COEFFICIENTS
    many = np.clip((n_columns / total - least) / (most - least), 0.0, 1.0)
    few = min(1.0, FEW_FREEDOM / max(freedom, 1.0))
    excess = CHOSEN_VARIANCES * many * few * n_dropped
    if excess == 0:
        return 1.0
    left = max(freedom - n_dropped, 1e-300)
    return float(1 / np.sqrt(max(1 - excess / left, MOST_CHOICE**-2)))


def error_inflation(slope, share, ratio):
    """Return what standard errors of many coefficients are over Huber's.

    A residual ``r`` is pulled towards its own error: without its row it were
    ``r + pull psi(r)``. The part of the rows in the fit, the mean of
    ``pull slope / (1 + pull slope)``, is the number of coefficients over that of rows,
    and the noise of the coefficients is that of ``pull / ratio psi(r)``.

    Parameters
    ----------
    slope : ndarray of shape (n_samples,)
        Slopes of the influence function.

    share : ndarray of shape (n_samples,)
        Share of each row in the sum of the sample weights.

    ratio : float
        Number of coefficients over that of rows, below one.
    """
    mean_slope = share @ slope
    if not mean_slope > 0.05:
        return 1.0
    spread = share @ slope**2 / mean_slope**2 - 1
    huber = ratio * (1 + ratio * spread) / (1 - ratio) / mean_slope

    def excess(inflation):
        part = inflation * huber * slope
        return share @ (part / np.maximum(1 + part, LEAST_GROWTH)) - ratio

    if excess(MOST_INFLATION) <= 0:
        return MOST_INFLATION
    return optimize.brentq(excess, 0.0, MOST_INFLATION, xtol=1e-10)


def mm_deviation(mean_slope, mean_square, influence, mean_weight, n_columns, total):
    """Return the deviation of whitened coefficients of an MM-estimate, in scales.

    Parameters
    ----------
    mean_slope, mean_square : float
        Means of the slopes of the influence function and of their squares.

    influence : float
        Sum of the squared influences.

    mean_weight : float
        Mean weight of the rows.

    n_columns, total : float
        Number of coefficients, and weight of all rows.
    """
    if mean_slope > 0.05:
        spread = max(mean_square / mean_slope**2 - 1, 0.0)
    else:
        mean_slope, spread = 0.05, 0.0
    correction = 1 + n_columns / total * spread
    variance = influence / max(total - n_columns, 1.0)
    return correction * np.sqrt(variance * mean_weight) / mean_slope
