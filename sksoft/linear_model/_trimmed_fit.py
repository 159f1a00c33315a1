# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The trimmed fit of one target: search, soften, estimate the scale, last step.

Each step is a function of the design, the target and the method, and returns values.
"""

from typing import NamedTuple

import numpy as np

from sksoft._optimize import minimize
from sksoft._weighted import keep_smallest, weighted_quantile
from sksoft.linear_model._design import (
    original_errors,
    standardized_target,
    target_units,
    to_original,
    to_standard,
    whitener,
)
from sksoft.linear_model._leverage import find_leverage
from sksoft.linear_model._mm import (
    bisquare_cutoff,
    bisquare_weight,
    half_weight,
    mm_covariance_root,
    mm_fit,
    row_weights,
)
from sksoft.linear_model._scale import (
    RAW,
    consistency_factor,
    small_sample_factor,
    variance_factor,
)
from sksoft.linear_model._search import search
from sksoft.linear_model._trimming import MaskTrimming, SortTrimming

# Absolute losses are rounded off within this share of the scale.
ROUNDED = 0.02
# An entropic mask is as soft as a quadratic one of this many times the strength: their
# transitions from 1 to 0 have the same standard deviation.
ENTROPIC_SOFTNESS = 2 * np.pi
# A row of an exact fit may be this many times farther off than rounding explains.
EXACT_TOLERANCE = 1e3
# Probabilities of the quantiles of the residuals that a summary tells.
QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Method(NamedTuple):
    """How a target is fitted; the names are those of the estimators' parameters.

    The loss is the absolute residual to the ``power``.
    """

    power: int
    regularization_strength: float
    formulation: str
    regularization: str
    reweight: bool
    efficiency: float
    starts: str
    n_starts: int
    max_iter: int
    tol: float

    @property
    def entropic(self):
        """Whether the mask is entropic."""
        return self.regularization == "entropic"


class Trimmed(NamedTuple):
    """A fit by trimmed losses, in standardised units.

    Attributes
    ----------
    coef : ndarray of shape (n_columns,)
        Coefficients.

    mask : ndarray of shape (n_samples,)
        Weights of the rows.

    scale : float
        Scale of the errors.

    strength : float
        Regularization strength, in units of the losses.

    loss_curve : list of float
        The objective at each iteration.

    inverse : ndarray of shape (n_columns, n_columns) or None
        Inverse matrix of the mean of ``x x^T`` over the rows kept, if it was needed.
    """

    coef: np.ndarray
    mask: np.ndarray
    scale: float
    strength: float
    loss_curve: list
    inverse: np.ndarray | None = None


class TargetFit(NamedTuple):
    """What the fit of one target found, in the units of the data.

    Attributes
    ----------
    coef, intercept, scale, strength, objective, loss_curve, n_agreeing
        As the estimator's.

    weight : ndarray of shape (n_samples,)
        Weights of the rows in the fit.

    threshold : float
        Size of the residual from which on a row is an outlier.

    standard_errors : ndarray of shape (n_columns,)
        Of the coefficients, that of the intercept last.

    quantiles : ndarray of shape (5,)
        Quartiles of the residuals.

    weight_of : callable
        Maps residuals, in the units of the data, and the `Design` of their rows to the
        weights that such rows get.
    """

    coef: np.ndarray
    intercept: float
    scale: float
    strength: float
    objective: float
    loss_curve: list
    n_agreeing: int
    weight: np.ndarray
    threshold: float
    standard_errors: np.ndarray
    quantiles: np.ndarray
    weight_of: object


def fit_target(design, units, y, kept, method, given, rng, progress):
    """Fit one target.

    Parameters
    ----------
    design : Design
        Standardised rows.

    units : Units
        Those of the features.

    y : ndarray of shape (n_samples,)
        Target, in its own units.

    kept : float
        Weight that the fit keeps.

    method : Method
        How to fit.

    given : list of (coef, intercept)
        Starts from outside, in the units of the data.

    rng : RandomState
        Source of randomness.

    progress : FitProgress
        Receives the iterations.

    Returns
    -------
    fit : TargetFit
        In the units of the data.
    """
    fit_intercept = design.shape[1] > len(units.scale)
    robust = not np.isinf(method.regularization_strength)
    target = target_units(y, design.weight_or_none, fit_intercept, robust)
    z = standardized_target(y, target)
    given = [to_standard(*start, units, target, fit_intercept) for start in given]

    def rounding(coef):
        return rounding_size(coef, units, target)

    coef, mask, n_agreeing = _hard_fit(design, z, kept, method, given, rounding, rng)
    mean_square = _mean_square(design, design.residual(coef, z), mask)
    if np.sqrt(mean_square) <= rounding(coef):
        tolerance = EXACT_TOLERANCE * rounding(coef)
        found = Trimmed(coef, mask, 0.0, 0.0, [0.0])
        return _exact_result(
            design, units, target, z, found, method, tolerance, n_agreeing
        )
    scale = raw_scale(design, mean_square, kept, 0.0)
    penalty = design.penalty * target.scale ** (2 - method.power)
    found = Trimmed(coef, mask, scale, 0.0, [])
    trimmed = _soften(
        design,
        z,
        kept,
        method,
        penalty,
        found,
        progress,
        original_attributes(units, target),
    )
    if method.reweight and robust:
        leverage = find_leverage(design, trimmed.mask, rng)
        return _mm_result(
            design, units, target, z, trimmed, method, leverage, n_agreeing
        )
    return _raw_result(design, units, target, z, kept, trimmed, method, n_agreeing)


def original_attributes(units, target):
    """Return the map of coefficients to the attributes that callbacks see."""

    def attributes(coef):
        slopes, intercept = to_original(coef, units, target)
        return {"coef_": slopes, "intercept_": intercept}

    return attributes


def rounding_size(coef, units, target):
    """Return the size of residuals that rounding of the data alone explains."""
    slopes, _ = to_original(coef, units, target)
    terms = np.abs(slopes) @ (np.abs(units.location) + units.scale)
    size = 1 + (abs(target.location) + terms) / target.scale
    return 64 * np.finfo(np.float64).eps * size


def _mean_square(design, residual, mask):
    weighted = design.sample_weight * mask
    return weighted @ residual**2 / np.sum(weighted)


def _hard_fit(design, z, kept, method, given, rounding, rng):
    """Return coefficients, mask and agreement of the hard least squares fit."""
    everything = np.ones(len(z))
    share = kept / design.total
    if share >= 1 or np.isinf(method.regularization_strength):
        return design.solve(everything, z), everything, 1
    if method.starts == "ols":
        given = [*given, design.solve(everything, z)]
    found = search(
        design,
        z,
        kept,
        starts=method.starts,
        n_starts=method.n_starts,
        given=np.reshape(given, (-1, design.shape[1])),
        exhaustive=method.regularization_strength == 0 and method.power == 2,
        rounding=rounding,
        rng=rng,
    )
    return found.coef, found.mask, found.n_agreeing


def raw_scale(design, mean_square, kept, strength, power=2, entropic=False):
    """Return the scale that the mean square under a mask tells."""
    share = min(kept / design.total, 1.0)
    ratio = min(design.rank / design.total, 0.9)
    factor = consistency_factor(share, strength, power, entropic)
    softness = strength * (ENTROPIC_SOFTNESS if entropic else 1.0)
    small = small_sample_factor(RAW, share, ratio, softness)
    return float(np.sqrt(mean_square / factor) / small)


def _soften(design, z, kept, method, penalty, hard, progress, attributes):
    """Return the minimum of the soft objective next to the hard fit."""
    strength, scale = method.regularization_strength, hard.scale
    untrimmed = kept >= design.total or np.isinf(strength)
    if method.power == 2 and (untrimmed or strength == 0):
        residual = design.residual(hard.coef, z)
        value = design.sample_weight @ (hard.mask * residual**2)
        value += penalty @ hard.coef**2
        absolute = strength * scale**2 if np.isfinite(strength) else strength
        if untrimmed:
            mean_square = _mean_square(design, residual, hard.mask)
            scale = raw_scale(design, mean_square, kept, np.inf)
        return hard._replace(
            scale=scale, strength=float(absolute), loss_curve=[float(value)]
        )
    absolute = strength
    if untrimmed:
        trimming = _plain_sum(design.sample_weight)
        if np.isfinite(strength):
            absolute = strength * scale**method.power
    elif method.formulation == "sort" and strength > 0:
        absolute = strength / (design.total * scale**method.power)
        trimming = SortTrimming(
            design.sample_weight, kept, absolute, method.regularization
        )
    else:
        absolute = strength * scale**method.power
        trimming = MaskTrimming(design.sample_weight, kept, absolute, method.entropic)
    whiten = whitener(design.gram(hard.mask))
    coef, residual, mask, loss_curve = _descend(
        design, z, kept, method, penalty, hard, whiten, trimming, progress, attributes
    )
    scale = _soft_scale(design, residual, kept, method, mask)
    inverse = kept * (whiten @ whiten.T)
    return Trimmed(coef, mask, scale, float(absolute), loss_curve, inverse)


def _descend(
    design, z, kept, method, penalty, hard, whiten, trimming, progress, attributes
):
    """Minimise a soft sum of losses from the hard fit, in whitened coordinates.

    Returns
    -------
    coef : ndarray of shape (n_columns,)
        Coefficients.

    residual : ndarray of shape (n_samples,)
        Residuals of the rows.

    mask : ndarray of shape (n_samples,)
        Weights of the rows.

    loss_curve : list of float
        Soft sums at each iteration.
    """
    start, scale, matrix = hard.coef, hard.scale, design.matrix
    transform = whiten * np.sqrt(kept / 2) * scale
    unit = kept * scale**method.power
    latest = {}

    def objective(step):
        coef = start + transform @ step
        residual = design.residual(coef, z)
        losses, slopes = row_losses(residual, method.power, scale)
        value, mask = trimming(losses)
        latest.update(step=step.copy(), residual=residual, mask=mask)
        slopes *= mask
        slopes *= design.sample_weight
        pull = penalty * coef
        value += pull @ coef
        gradient = transform.T @ (2 * pull - matrix.T @ slopes)
        return value / unit, gradient / unit

    solution = minimize(
        objective,
        np.zeros(transform.shape[1]),
        max_iter=method.max_iter,
        tol=method.tol,
        progress=progress,
        attributes=lambda step: attributes(start + transform @ step),
    )
    if not np.array_equal(latest["step"], solution.x):
        objective(solution.x)
    loss_curve = [value * unit for value in solution.loss_curve]
    coef = start + transform @ solution.x
    return coef, latest["residual"], latest["mask"], loss_curve


def row_losses(residual, power, scale):
    """Return the losses and their derivatives."""
    if power == 2:
        return residual**2, 2 * residual
    rounded = np.hypot(residual, ROUNDED * scale)
    return rounded - ROUNDED * scale, residual / rounded


def _plain_sum(sample_weight):
    """Return the trimming that keeps every row."""
    mask = np.ones(len(sample_weight))
    return lambda losses: (np.sum(sample_weight * losses), mask)


def _soft_scale(design, residual, kept, method, mask):
    """Return the scale under the mask of a soft fit."""
    strength, power, entropic = (
        method.regularization_strength,
        method.power,
        method.entropic,
    )
    if method.formulation == "sort" and np.isfinite(strength):
        # A soft sort gives no closed form: judge by the hard choice.
        mask, _ = keep_smallest(residual**2, kept, design.weight_or_none)
        strength, power, entropic = 0.0, 2, False
    mean_square = _mean_square(design, residual, mask)
    return raw_scale(design, mean_square, kept, strength, power, entropic)


def _mm_result(design, units, target, z, trimmed, method, leverage, n_agreeing):
    """Return the fit that ends with the MM-step."""

    def is_high(rows):
        if leverage is None:
            return None
        return leverage.is_high(rows.matrix[:, : rows.n_features])

    penalised = design
    if method.power == 1 and design.penalty.any():
        # A penalty beside absolute values is this large beside squares: the curvature
        # of the mean absolute value of normal errors is 2 / (scale sqrt(2 pi)).
        factor = target.scale * trimmed.scale * np.sqrt(np.pi / 2) * 2
        penalised = design.with_penalty(design.penalty * factor)
    high = is_high(design)
    mm = mm_fit(
        penalised,
        z,
        trimmed.coef,
        trimmed.scale,
        high,
        method.efficiency,
        trimmed.inverse,
    )
    scale = mm.scale * target.scale
    cutoff, posterior = mm.cutoff, mm.posterior

    def weight_of(residual, rows):
        return row_weights(residual / scale, is_high(rows), cutoff, posterior)

    return target_fit(
        units,
        target,
        method,
        trimmed._replace(coef=mm.coef, mask=mm.weight, scale=mm.scale),
        n_agreeing,
        threshold=half_weight(cutoff) * scale,
        root=mm_covariance_root(penalised, mm),
        quantiles=_quartiles(mm.residual, design),
        weight_of=weight_of,
    )


def _raw_result(design, units, target, z, kept, trimmed, method, n_agreeing):
    """Return the trimmed fit as it is."""
    strength = method.regularization_strength
    cutoff = bisquare_cutoff(method.efficiency)
    residual = design.residual(trimmed.coef, z)
    weight = np.ones(len(z))
    if np.isfinite(strength):
        weight = bisquare_weight(residual / trimmed.scale, cutoff)
    factor = variance_factor(
        min(kept / design.total, 1.0),
        0.0 if method.formulation == "sort" and np.isfinite(strength) else strength,
        method.power,
        method.entropic,
    )
    transform = whitener(design.gram(weight))
    mean_weight = design.sample_weight @ weight / design.total
    return target_fit(
        units,
        target,
        method,
        trimmed,
        n_agreeing,
        threshold=half_weight(cutoff) * trimmed.scale * target.scale,
        root=np.sqrt(factor * mean_weight) * trimmed.scale * transform,
        quantiles=_quartiles(residual, design),
        weight_of=_interpolated_mask(residual * target.scale, trimmed.mask),
    )


def _exact_result(design, units, target, z, found, method, tolerance, n_agreeing):
    """Return the fit of rows that lie on a plane."""
    coef = found.coef
    support = np.abs(design.residual(coef, z)) <= tolerance
    threshold = tolerance * target.scale
    weight_of = None
    if method.reweight and np.isfinite(method.regularization_strength):
        coef = design.solve(support.astype(np.float64), z)
        found = found._replace(coef=coef, mask=support.astype(np.float64))

        def weight_of(residual, rows):
            return (np.abs(residual) <= threshold).astype(np.float64)
    else:
        residual = design.residual(coef, z) * target.scale
        weight_of = _interpolated_mask(residual, found.mask)
    return target_fit(
        units,
        target,
        method,
        found,
        n_agreeing,
        threshold=threshold,
        root=np.zeros((len(coef), 1)),
        quantiles=_quartiles(design.residual(coef, z), design),
        weight_of=weight_of,
    )


def _interpolated_mask(residual, mask):
    """Return the map of residuals to the mask that rows between others would have."""
    size = np.abs(residual)
    order = np.argsort(size)
    size, mask = size[order], mask[order]
    return lambda residual, rows: np.interp(np.abs(residual), size, mask)


def _quartiles(residual, design):
    return weighted_quantile(residual, QUARTILES, design.weight_or_none)


def target_fit(
    units,
    target,
    method,
    found,
    n_agreeing,
    *,
    threshold,
    root,
    quantiles,
    weight_of,
):
    """Return the `TargetFit` of values in standardised units.

    Parameters
    ----------
    units, target : Units
        Of the features and of the target.

    method : Method
        How the target was fitted.

    found : Trimmed
        Coefficients, weights of the rows and scale.

    n_agreeing, threshold, weight_of
        As in `TargetFit`.

    root : ndarray of shape (n_columns, n_directions)
        Root of the covariance matrix of the coefficients.

    quantiles : ndarray of shape (5,)
        Quartiles of the residuals.
    """
    slopes, intercept = to_original(found.coef, units, target)
    with np.errstate(over="ignore"):
        unit = np.float64(target.scale) ** method.power
        loss_curve = [float(value * unit) for value in found.loss_curve]
        strength = found.strength
        if np.isfinite(strength):
            strength *= 1 / unit if _sorts(method) else unit
    return TargetFit(
        coef=slopes,
        intercept=intercept,
        scale=found.scale * target.scale,
        strength=float(strength),
        objective=loss_curve[-1],
        loss_curve=loss_curve,
        n_agreeing=n_agreeing,
        weight=found.mask,
        threshold=threshold,
        standard_errors=original_errors(root, units, target),
        quantiles=quantiles * target.scale,
        weight_of=weight_of,
    )


def _sorts(method):
    return method.formulation == "sort" and method.regularization_strength > 0
