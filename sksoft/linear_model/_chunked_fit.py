# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The trimmed fit of one target by passes over chunks of rows; see `_trimmed_fit`.

A sample of the rows tells where the fit begins; passes over all of them do the rest.
"""

from typing import NamedTuple

import numpy as np

from sksoft._optimize import minimize
from sksoft.linear_model._chunked_design import (
    ChunkedDesign,
    Within,
    everything,
    weighted_products,
)
from sksoft.linear_model._chunked_mm import mm_fit_in_chunks
from sksoft.linear_model._design import to_standard
from sksoft.linear_model._leverage import find_leverage
from sksoft.linear_model._mm import bisquare_cutoff, bisquare_weight, half_weight
from sksoft.linear_model._scale import variance_factor
from sksoft.linear_model._search import search
from sksoft.linear_model._trimmed_fit import (
    EXACT_TOLERANCE,
    QUARTILES,
    TargetFit,
    Trimmed,
    original_attributes,
    raw_scale,
    rounding_size,
    row_losses,
    target_fit,
)
from sksoft.linear_model._trimming import MaskTrimming

# Concentration steps on all rows: where the fit is to be an optimum, and where it is a
# start for the soft objective.
MAX_STEPS = 50
FEW_STEPS = 1
# Steps go on while they shrink the objective to less than this share.
WORTHWHILE = 0.5
# The soft mask may miss the weight that it is to keep by this share.
MASS_TOLERANCE = 1e-9
MAX_THRESHOLDS = 200


class ChunkedFit(NamedTuple):
    """The fit of one target, and the weights of rows as a rule.

    Attributes
    ----------
    fit : TargetFit
        In the units of the data, without the weights of the rows.

    coef : ndarray of shape (n_columns,)
        Coefficients in standardised units.

    rule : callable
        Maps residuals and the `Design` of their rows to weights.
    """

    fit: TargetFit
    coef: np.ndarray
    rule: object


class SoftRule(NamedTuple):
    """Rule of the soft mask.

    Attributes
    ----------
    threshold, strength : float
        Losses below the threshold have weight.

    power : {1, 2}
        Kind of the losses.

    scale : float
        That of the errors, within a share of which absolute losses are rounded off.

    entropic : bool
        Whether the mask is entropic.
    """

    threshold: float
    strength: float
    power: int
    scale: float
    entropic: bool

    def __call__(self, residual, design):
        """Return the weights of residuals."""
        return self.shares(row_losses(residual, self.power, self.scale)[0])

    def shares(self, losses):
        """Return the weights of losses."""
        depth = (self.threshold - losses) / self.strength
        if self.entropic:
            return _logistic(depth)
        return np.clip(depth, 0.0, 1.0)


def _logistic(depth):
    small = np.exp(-np.abs(depth))
    return np.where(depth >= 0, 1.0, small) / (1.0 + small)


def fit_target_in_chunks(design, kept, method, given, rng, progress):
    """Fit one target.

    Parameters
    ----------
    design : ChunkedDesign
        Rows and target.

    kept : float
        Weight that the fit keeps.

    method : Method
        How to fit; losses are not sorted.

    given : list of (coef, intercept)
        Starts from outside, in the units of the data.

    rng : RandomState
        Source of randomness.

    progress : FitProgress
        Receives the iterations.

    Returns
    -------
    fit : ChunkedFit
        The fit and the rule of the weights.
    """
    units, target = design.units, design.target
    given = [
        to_standard(*start, units, target, design.fit_intercept) for start in given
    ]

    def rounding(coef):
        return rounding_size(coef, units, target)

    robust = not np.isinf(method.regularization_strength)
    coef, rule, n_agreeing = _hard_fit(design, kept, method, given, rounding, rng)
    found = design.normal_equations(coef, rule)
    mean_square = found.square / found.mass
    if np.sqrt(mean_square) <= rounding(coef):
        return _exact_result(
            design, coef, rule, method, EXACT_TOLERANCE * rounding(coef), n_agreeing
        )
    scale = raw_scale(design, mean_square, kept, 0.0)
    hard = Trimmed(coef, rule, scale, 0.0, [])
    penalty = design.penalty * target.scale ** (2 - method.power)
    trimmed = _soften(design, kept, method, penalty, hard, found, progress)
    if method.reweight and robust:
        return _mm_result(design, trimmed, method, rng, n_agreeing)
    return _raw_result(design, kept, trimmed, method, n_agreeing)


def _hard_fit(design, kept, method, given, rounding, rng):
    """Return coefficients, rule and agreement of the hard least squares fit."""
    nothing = np.zeros(design.shape[1])
    if kept >= design.total or np.isinf(method.regularization_strength):
        return design.solve(everything, nothing), everything, 1
    if method.starts == "ols":
        given = [*given, design.solve(everything, nothing)]
    sample = design.sample
    exhaustive = method.regularization_strength == 0 and method.power == 2
    found = search(
        sample,
        design.sample_target,
        kept / design.total * sample.total,
        starts=method.starts,
        n_starts=method.n_starts,
        given=np.reshape(given, (-1, design.shape[1])),
        exhaustive=exhaustive,
        rounding=rounding,
        rng=rng,
    )
    steps = MAX_STEPS if exhaustive else FEW_STEPS
    coef, rule = _concentrate(design, found.coef, kept, steps)
    return coef, rule, found.n_agreeing


def _concentrate(design, coef, kept, n_steps):
    """Alternate between the best rule and the best coefficients."""
    rule = design.smallest(coef, kept)
    found = design.normal_equations(coef, rule)
    value = found.square + design.penalty @ coef**2
    for count in range(MAX_STEPS):
        new_coef, _ = design.improved(coef, found, rule)
        new_rule = design.smallest(new_coef, kept)
        new_found = design.normal_equations(new_coef, new_rule)
        new_value = new_found.square + design.penalty @ new_coef**2
        if not new_value < value:
            break
        much = new_value < WORTHWHILE * value
        coef, rule, found, value = new_coef, new_rule, new_found, new_value
        if count + 1 >= n_steps and not much:
            break
    return coef, rule


def _soften(design, kept, method, penalty, hard, found, progress):
    """Return the minimum of the soft objective next to the hard fit."""
    strength, scale = method.regularization_strength, hard.scale
    untrimmed = kept >= design.total or np.isinf(strength)
    if method.power == 2 and (untrimmed or strength == 0):
        value = found.square + penalty @ hard.coef**2
        absolute = strength * scale**2 if np.isfinite(strength) else strength
        if untrimmed:
            scale = raw_scale(design, found.square / found.mass, kept, np.inf)
        return hard._replace(
            scale=scale, strength=float(absolute), loss_curve=[float(value)]
        )
    absolute = strength * scale**method.power if np.isfinite(strength) else strength
    objective = _Objective(design, kept, method, penalty, scale, absolute, untrimmed)
    whiten = design.whitener(found.gram)
    inverse = found.mass * (whiten @ whiten.T)
    transform = whiten * np.sqrt(kept / 2) * scale
    start = _sample_optimum(objective, hard.coef, transform, method)
    coef, loss_curve = _descend(objective, start, transform, method, progress)
    rule = objective(coef)[2]
    found = design.normal_equations(coef, rule)
    scale = raw_scale(
        design,
        found.square / found.mass,
        kept,
        strength,
        method.power,
        method.entropic,
    )
    return Trimmed(coef, rule, scale, float(absolute), loss_curve, inverse)


def _sample_optimum(objective, coef, transform, method):
    """Return coefficients of which the soft objective of the sample is least."""
    design = objective.design
    sample, z = design.sample, design.sample_target
    rows = _SampleRows(sample, z, design)
    share = sample.total / design.total
    few = _Objective(
        rows,
        objective.kept * share,
        method,
        objective.penalty * share,
        objective.scale,
        objective.strength,
        objective.untrimmed,
    )
    best, _ = _descend(few, coef, transform, method, None)
    objective.threshold = few.threshold
    return best


class _SampleRows(ChunkedDesign):
    """The sample as one piece."""

    def __init__(self, sample, z, design):
        self.piece = sample, z
        self.sample, self.sample_target = sample, z
        self.total, self.shape = sample.total, sample.shape
        self.target = design.target

    def reduce(self, statistic, combine=None):
        return statistic(*self.piece)


def _descend(objective, start, transform, method, progress):
    """Minimise a soft sum of losses, in whitened coordinates.

    Returns
    -------
    coef : ndarray of shape (n_columns,)
        Coefficients.

    loss_curve : list of float
        Soft sums at each iteration.
    """
    unit = objective.kept * objective.scale**method.power
    attributes = None
    if progress is not None:
        original = original_attributes(objective.design.units, objective.design.target)

        def attributes(step):
            return original(start + transform @ step)

    def scaled(step):
        value, gradient, _ = objective(start + transform @ step)
        return value / unit, transform.T @ gradient / unit

    solution = minimize(
        scaled,
        np.zeros(transform.shape[1]),
        max_iter=method.max_iter,
        tol=method.tol,
        progress=progress,
        attributes=attributes,
        warn=progress is not None,
    )
    curve = [value * unit for value in solution.loss_curve]
    return start + transform @ solution.x, curve


class _Objective:
    """The soft sum of the losses, its gradient and the rule of the weights."""

    def __init__(self, design, kept, method, penalty, scale, strength, untrimmed):
        self.design = design
        self.kept = kept
        self.power, self.entropic = method.power, method.entropic
        self.penalty = penalty
        self.scale = scale
        self.strength = strength
        self.untrimmed = untrimmed
        self.threshold = None

    def __call__(self, coef):
        """Return value, gradient and rule at coefficients."""
        if self.untrimmed:
            rule = everything
            value, gradient = self._weighted_losses(coef, rule)
        elif self.strength == 0:
            rule = self.design.smallest(coef, self.kept)
            value, gradient = self._weighted_losses(coef, rule)
        else:
            value, gradient, rule = self._soft(coef)
        pull = self.penalty * coef
        return value + pull @ coef, gradient + 2 * pull, rule

    def _weighted_losses(self, coef, rule):
        power, scale = self.power, self.scale

        def statistic(design, z):
            residual = design.residual(coef, z)
            losses, slopes = row_losses(residual, power, scale)
            weight = design.sample_weight * rule(residual, design)
            return float(weight @ losses), design.pull(weight * -slopes)

        return self.design.reduce(statistic)

    def _soft(self, coef):
        """Find the threshold by Newton's method, kept in a bracket by bisection."""
        if self.threshold is None:
            self.threshold = self._sampled_threshold(coef)
        threshold, low, high, reach = self.threshold, -np.inf, np.inf, self.strength
        for _ in range(MAX_THRESHOLDS):
            mass, growing, value, gradient = self._soft_sums(coef, threshold)
            missing = self.kept - mass
            if abs(missing) <= MASS_TOLERANCE * self.kept:
                break
            if missing > 0:
                low = threshold
            else:
                high = threshold
            proposal = threshold + missing / growing if growing > 0 else np.nan
            if not low < proposal < high:
                if np.isinf(low) or np.isinf(high):
                    proposal = threshold + np.copysign(reach, missing)
                    reach *= 2
                else:
                    proposal = low + 0.5 * (high - low)
                    if not low < proposal < high:
                        break
            threshold = proposal
        self.threshold = threshold
        # What the mask misses is paid at the price of the constraint: the value is
        # then right to second order.
        price = threshold
        if not self.entropic:
            price -= self.strength * self.kept / self.design.total
        return value + price * missing, gradient, self._rule(threshold)

    def _rule(self, threshold):
        return SoftRule(threshold, self.strength, self.power, self.scale, self.entropic)

    def _sampled_threshold(self, coef):
        sample = self.design.sample
        residual = sample.residual(coef, self.design.sample_target)
        trimming = MaskTrimming(
            sample.sample_weight,
            self.kept / self.design.total * sample.total,
            self.strength,
            self.entropic,
        )
        trimming(row_losses(residual, self.power, self.scale)[0])
        return trimming.threshold

    def _soft_sums(self, coef, threshold):
        """Return mass of the mask, its slope, value and gradient at a threshold."""
        rule, mean = self._rule(threshold), self.kept / self.design.total
        power, scale = self.power, self.scale
        strength, entropic = self.strength, self.entropic

        def statistic(design, z):
            losses, slopes = row_losses(design.residual(coef, z), power, scale)
            shares = rule.shares(losses)
            counts = design.sample_weight
            if entropic:
                depth = (threshold - losses) / strength
                growing = counts @ (shares * (1 - shares))
                soft = np.maximum(depth, 0.0) + np.log1p(np.exp(-np.abs(depth)))
                value = counts @ (shares * threshold - strength * soft)
            else:
                growing = counts @ ((shares > 0) & (shares < 1))
                spread = shares - mean
                value = counts @ (shares * losses + 0.5 * strength * spread**2)
            slopes *= shares
            slopes *= counts
            return (
                float(counts @ shares),
                float(growing) / strength,
                float(value),
                -design.pull(slopes),
            )

        return self.design.reduce(statistic)


def _mm_result(design, trimmed, method, rng, n_agreeing):
    """Return the fit that ends with the MM-step."""
    sample, target = design.sample, design.target
    residual = sample.residual(trimmed.coef, design.sample_target)
    leverage = find_leverage(sample, trimmed.mask(residual, sample), rng)
    penalised = design
    if method.power == 1 and design.penalty.any():
        # As in the fit in memory.
        factor = target.scale * trimmed.scale * np.sqrt(np.pi / 2) * 2
        penalised = design.with_penalty(design.penalty * factor)
    mm = mm_fit_in_chunks(
        penalised,
        trimmed.coef,
        trimmed.scale,
        leverage,
        method.efficiency,
        trimmed.inverse,
    )
    return _result(
        design,
        trimmed._replace(coef=mm.coef, scale=mm.scale, mask=mm.rule),
        method,
        n_agreeing,
        threshold=half_weight(mm.rule.cutoff) * mm.scale * target.scale,
        root=mm.root,
    )


def _raw_result(design, kept, trimmed, method, n_agreeing):
    """Return the trimmed fit as it is."""
    strength, scale, coef = method.regularization_strength, trimmed.scale, trimmed.coef
    cutoff = bisquare_cutoff(method.efficiency)

    def statistic(design, z):
        residual = design.residual(coef, z)
        weight = design.sample_weight
        if np.isfinite(strength):
            weight = weight * bisquare_weight(residual / scale, cutoff)
        return float(weight.sum()), weighted_products(design, weight, residual)[0]

    mass, gram = design.reduce(statistic)
    factor = variance_factor(
        min(kept / design.total, 1.0), strength, method.power, method.entropic
    )
    root = np.sqrt(factor * mass / design.total) * scale
    return _result(
        design,
        trimmed,
        method,
        n_agreeing,
        threshold=half_weight(cutoff) * scale * design.target.scale,
        root=root * design.whitener(gram),
    )


def _exact_result(design, coef, rule, method, tolerance, n_agreeing):
    """Return the fit of rows that lie on a plane."""
    if method.reweight and np.isfinite(method.regularization_strength):
        rule = Within(tolerance)
        coef = design.solve(rule, coef)
    return _result(
        design,
        Trimmed(coef, rule, 0.0, 0.0, [0.0]),
        method,
        n_agreeing,
        threshold=tolerance * design.target.scale,
        root=np.zeros((len(coef), 1)),
    )


def _result(design, found, method, n_agreeing, *, threshold, root):
    """Return the `ChunkedFit` of values in standardised units."""
    fit = target_fit(
        design.units,
        design.target,
        method,
        found._replace(mask=None),
        n_agreeing,
        threshold=threshold,
        root=root,
        quantiles=design.residual_quantiles(found.coef, QUARTILES),
        weight_of=None,
    )
    return ChunkedFit(fit, found.coef, found.mask)
