# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The MM-step over chunks of rows: iteratively weighted sums; see `_mm`."""

from typing import NamedTuple

import numpy as np

from sksoft._selection import expected_ranges, quantiles
from sksoft.linear_model._chunked_design import weighted_products
from sksoft.linear_model._leverage import (
    WRONG,
    Leverage,
    Posterior,
    leverage_is_worse,
    posterior_of,
)
from sksoft.linear_model._mm import (
    FEW_COEFFICIENTS,
    MAX_ROUNDS,
    MAX_STEPS,
    NEGLIGIBLE,
    bisquare_cutoff,
    bisquare_slope,
    error_inflation,
    mm_deviation,
    residual_variance,
    row_weights,
    second_round,
    weighted_variance,
)

# Where the scale of weighted residuals has settled.
SETTLED = 1e-10


class Bisquare(NamedTuple):
    """Rule of the MM-step.

    Attributes
    ----------
    scale, cutoff : float
        Rows beyond so many scales have no weight.

    posterior : Posterior or None
        How far rows of high leverage are believed.

    leverage : Leverage or None
        Tells which these are.
    """

    scale: float
    cutoff: float
    posterior: Posterior | None
    leverage: Leverage | None

    def __call__(self, residual, design):
        """Return the weights of residuals."""
        high = None
        if self.posterior is not None:
            high = _is_high(self.leverage, design)
        return row_weights(residual / self.scale, high, self.cutoff, self.posterior)


class MMSums(NamedTuple):
    """The result of the MM-step, in standardised units.

    Attributes
    ----------
    coef : ndarray of shape (n_columns,)
        Coefficients.

    scale : float
        Scale of the errors.

    rule : Bisquare
        Weights of the rows.

    root : ndarray of shape (n_columns, n_directions)
        Root of the covariance matrix of the coefficients.
    """

    coef: np.ndarray
    scale: float
    rule: Bisquare
    root: np.ndarray


def mm_fit_in_chunks(design, coef, scale, leverage, efficiency, inverse=None):
    """Return the MM-estimate that begins at a robust fit.

    Parameters
    ----------
    design : ChunkedDesign
        Rows and target.

    coef : ndarray of shape (n_columns,)
        Robust coefficients.

    scale : float
        Robust scale of the errors, positive.

    leverage : Leverage or None
        Which rows have high leverage; None if that is not to matter.

    efficiency : float
        Efficiency of the M-estimate at normal errors.

    inverse : ndarray of shape (n_columns, n_columns), default=None
        As in the fit in memory.

    Returns
    -------
    fit : MMSums
        Coefficients, scale and weights.
    """
    first = bisquare_cutoff(efficiency)
    high_weight = _high_weight(design, leverage)
    coef, rule, inverse = _m_estimate(
        design, coef, Bisquare(scale, first, None, leverage), high_weight, 1e-4, inverse
    )
    new_scale = _design_scale(design, coef, rule)

    def beyond(design, z):
        far = np.abs(design.residual(coef, z)) > first * scale
        return float(design.sample_weight @ far)

    new_scale, second = second_round(
        first,
        scale,
        new_scale,
        design.reduce(beyond) / design.total,
        design.rank,
        design.total,
    )
    rule = Bisquare(new_scale, second, None, leverage)
    coef, rule, _ = _m_estimate(design, coef, rule, high_weight, 1e-9, inverse)
    return MMSums(coef, new_scale, rule, _covariance_root(design, coef, rule))


def _is_high(leverage, design, rows=slice(None)):
    return leverage.is_high(design.features(rows))


def _high_weight(design, leverage):
    """Return the weight of the rows of high leverage."""
    if leverage is None:
        return 0.0

    def statistic(design, z):
        return float(design.sample_weight[_is_high(leverage, design)].sum())

    return design.reduce(statistic)


def _m_estimate(design, coef, rule, high_weight, tol, inverse):
    """Return coefficients, rule and the inverse matrix that served.

    Steps are those of the fit in memory; whether one is sure to descend is told by the
    pass of the next, and one that is not is taken back.
    """
    before, factor, last = np.inf, None, None
    for count in range(MAX_STEPS):
        if count < MAX_ROUNDS:
            rule = rule._replace(posterior=None)
        anew = inverse is None
        sums = _m_sums(design, coef, rule, anew, last)
        if last is not None:
            step = coef - last.coef
            if sums.curvature + design.penalty @ step**2 > 2 * (last.right @ step):
                coef, rule = last.coef, last.rule
                before, inverse, factor, last = np.inf, None, None, None
                continue
        if count < MAX_ROUNDS and leverage_is_worse(
            sums.both, design.total, sums.wrong, high_weight
        ):
            width = _wrong_width(design, coef, rule, sums.both)
            posterior = posterior_of(sums.both, high_weight, width)
            rule = rule._replace(posterior=posterior)
            sums = _m_sums(design, coef, rule, anew, None)
        mass = max(sums.mass, 1e-300)
        if anew:
            transform = design.whitener(sums.gram)
            inverse = mass * (transform @ transform.T)
        if factor is None:
            factor = np.clip(mass / max(sums.slopes, 1e-300), 1.0, 2.0) / mass
        right = sums.right - design.penalty * coef
        last = None if anew else _Step(coef, rule, right)
        step = factor * (inverse @ right)
        coef = coef + step
        size = np.abs(step).max(initial=0.0)
        if size <= tol * rule.scale:
            break
        if size > 0.5 * before:
            inverse, factor = None, None
        before = size
    return coef, rule, inverse


class _Step(NamedTuple):
    """Where a step began, the weights there, and the gradient."""

    coef: np.ndarray
    rule: Bisquare
    right: np.ndarray


class _MSums(NamedTuple):
    """Sums over rows of a step of the M-estimate.

    Attributes
    ----------
    mass : float
        Of the weights.

    slopes : float
        Of the slopes of the influence function.

    wrong, both : float
        Weight of the wrong rows, and of those of them that have high leverage.

    right : ndarray of shape (n_columns,)
        Of weighted rows times residuals.

    gram : ndarray of shape (n_columns, n_columns) or float
        Of the weighted products, 0 if it is not asked for.

    curvature : float
        Of squared changes of the residuals by the last step, weighted as before it; 0
        if there is none.
    """

    mass: float
    slopes: float
    wrong: float
    both: float
    right: np.ndarray
    gram: np.ndarray
    curvature: float


def _m_sums(design, coef, rule, with_gram, last):
    def statistic(design, z):
        residual = design.residual(coef, z)
        slope = design.sample_weight * rule(residual, design)
        standard = residual / rule.scale
        wrong = np.flatnonzero(np.abs(standard) > WRONG)
        both = np.zeros(0)
        if rule.leverage is not None and len(wrong):
            both = design.sample_weight[wrong[_is_high(rule.leverage, design, wrong)]]
        if with_gram:
            gram, right = weighted_products(design, slope, residual)
        else:
            gram, right = 0.0, design.pull(slope * residual)
        curvature = 0.0
        if last is not None:
            before = design.residual(last.coef, z)
            weight = design.sample_weight * last.rule(before, design)
            curvature = float(weight @ (residual - before) ** 2)
        return (
            float(slope.sum()),
            float(design.sample_weight @ bisquare_slope(standard, rule.cutoff)),
            float(design.sample_weight[wrong].sum()),
            float(both.sum()),
            right,
            gram,
            curvature,
        )

    return _MSums(*design.reduce(statistic))


def _wrong_width(design, coef, rule, weight):
    """Return the median size of wrong residuals of high leverage, in scales."""

    def sizes(design, z):
        size = np.abs(design.residual(coef, z)) / rule.scale
        wrong = np.flatnonzero(size > WRONG)
        wrong = wrong[_is_high(rule.leverage, design, wrong)]
        counts = design.weight_or_none
        return size[wrong], None if counts is None else counts[wrong]

    sampled, counts = sizes(design.sample, design.sample_target)
    guess = [(WRONG, np.inf)]
    if len(sampled):
        guess = expected_ranges(sampled, [0.5], counts)
    return quantiles(design.reduce, sizes, [0.5], weight, guess)[0]


def _design_scale(design, coef, rule):
    """Return the scale that the weighted residuals tell, each with its own variance."""
    n_columns, total = design.rank, design.total
    transform, start = None, rule
    if n_columns >= NEGLIGIBLE * total:
        transform = design.whitener(design.normal_equations(coef, rule).gram)
    expected = weighted_variance(rule.cutoff)

    def log_ratio(scale):
        at_scale = rule._replace(scale=scale)

        def statistic(design, z):
            residual = design.residual(coef, z)
            share = n_columns / total
            if transform is not None:
                along = design.matrix @ transform
                share = np.einsum("ij,ij->i", along, along) * start(residual, design)
            variance = residual_variance(share, rule.cutoff)
            residual = residual / np.sqrt(variance)
            weight = at_scale(residual, design) * variance * design.sample_weight
            return float(weight.sum()), float(weight @ (residual / scale) ** 2)

        mass, square = design.reduce(statistic)
        if not (mass > 0 and square > 0):
            return np.nan
        return 0.5 * np.log(square / mass / expected)

    return _root_of_log(log_ratio, rule.scale)


def _root_of_log(log_ratio, scale):
    """Return the scale at which ``scale * exp(log_ratio(scale))`` is the scale.

    Steps are those of the iteration, or of the secant through the last two where that
    promises to be near.
    """
    at, before = np.log(scale), None
    for _ in range(MAX_STEPS):
        value = log_ratio(np.exp(at))
        if np.isnan(value):
            break
        step = value
        if before is not None and before[0] != at:
            slope = (value - before[1]) / (at - before[0])
            if slope < -0.1:
                step = -value / slope
        before = at, value
        at += step
        if abs(step) <= SETTLED:
            break
    return float(np.exp(at))


def _covariance_root(design, coef, rule):
    """Return the root of the covariance matrix of the coefficients."""

    def statistic(design, z):
        residual = design.residual(coef, z)
        weight = rule(residual, design)
        standard = residual / rule.scale
        slope = bisquare_slope(standard, rule.cutoff)
        counts = design.sample_weight
        return (
            float(counts @ slope),
            float(counts @ slope**2),
            float(counts @ (weight * standard) ** 2),
            float(counts @ weight),
            weighted_products(design, counts * weight, residual)[0],
        )

    slope, square, influence, mass, gram = design.reduce(statistic)
    total = design.total
    deviation = mm_deviation(
        slope / total, square / total, influence, mass / total, design.rank, total
    )
    if design.rank > FEW_COEFFICIENTS * total:
        # The sample tells how slopes are distributed.
        sample = design.sample
        standard = sample.residual(coef, design.sample_target) / rule.scale
        deviation *= error_inflation(
            bisquare_slope(standard, rule.cutoff),
            sample.sample_weight / sample.total,
            design.rank / total,
        )
    return design.whitener(gram) * deviation * rule.scale
