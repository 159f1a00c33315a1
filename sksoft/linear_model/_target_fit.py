# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The trimmed fit of one target: search, soften, estimate the scale, reweight."""

from dataclasses import dataclass

import numpy as np
from scipy import special
from sklearn.utils import check_random_state

from sksoft._optimize import minimize
from sksoft._weighted import keep_smallest
from sksoft.linear_model._design import whitener
from sksoft.linear_model._scale import (
    RAW,
    REWEIGHTED,
    REWEIGHTED_TWICE,
    consistency_factor,
    small_sample_factor,
    truncation_factor,
)
from sksoft.linear_model._search import search
from sksoft.linear_model._trimming import MaskTrimming, SortTrimming

# Residuals within this quantile of the normal distribution survive reweighting.
CUTOFF = float(special.ndtri(0.9875))
# Absolute losses are rounded off within this share of the scale.
ROUNDED = 0.02
# An entropic mask is as soft as a quadratic one of this many times the strength: their
# transitions from 1 to 0 have the same standard deviation.
ENTROPIC_SOFTNESS = 2 * np.pi


@dataclass
class Fit:
    """What the fit of one target found, in the units of the data.

    Attributes are named as the estimator's. ``residuals`` are those of all rows.
    """

    coef: np.ndarray
    intercept: float
    scale: float
    support: np.ndarray
    mask: np.ndarray
    residuals: np.ndarray
    objective: float
    standard_errors: np.ndarray
    n_agreeing: int
    loss_curve: list


class TargetFit:
    """Fit one target.

    Parameters
    ----------
    estimator : LeastTrimmedSquaresRegressor or LeastTrimmedAbsoluteRegressor
        Holds the parameters.

    design : Design
        Standardised rows.

    standardizer : Standardizer
        Knows the units.

    y : ndarray of shape (n_samples,)
        Target, in its own units.

    kept : float
        Weight that the fit keeps.

    power : {1, 2}
        The loss is the absolute residual to this power.

    progress : FitProgress
        Receives the iterations.
    """

    def __init__(self, estimator, design, standardizer, y, kept, power, progress):
        self.estimator = estimator
        self.design = design
        self.standardizer = standardizer
        self.kept = kept
        self.power = power
        self.progress = progress
        standardizer.fit_target(y, design.weight_or_none)
        self.y = (y - standardizer.y_centre) / standardizer.y_scale
        self.penalty = design.penalty * standardizer.y_scale ** (2 - power)
        self.share = kept / design.total
        self.ratio = min(design.shape[1] / design.total, 0.9)

    def run(self, given):
        """Return the `Fit`.

        Parameters
        ----------
        given : list of (coef, intercept)
            Starts from outside, in the units of the data.
        """
        coef, mask, n_agreeing = self._search(given)
        weighted = self.design.sample_weight * mask
        residual = self._residual(coef)
        mean_square = np.sum(weighted * residual**2) / np.sum(weighted)
        rounding = self._rounding(coef)
        if np.sqrt(mean_square) <= rounding:
            return self._exact(coef, mask, n_agreeing, 1e3 * rounding)
        scale = self._raw_scale(mean_square, 0.0)
        value = np.sum(weighted * residual**2) + self.penalty @ coef**2
        loss_curve = [value]
        trimming = self._trimming(scale)
        if trimming is not None:
            coef, mask, loss_curve = self._descend(coef, mask, trimming, scale)
            residual = self._residual(coef)
            scale = self._soft_scale(residual, mask)
        objective = loss_curve[-1]
        support = np.abs(residual) <= CUTOFF * scale
        if self.estimator.reweight:
            # The second time the scale is known better, and fewer good rows are lost.
            for table in (REWEIGHTED, REWEIGHTED_TWICE):
                support = np.abs(residual) <= CUTOFF * scale
                coef, residual, scale, gram = self._reweight(
                    coef, support, scale, table
                )
        else:
            gram = self.design.gram(support)
        errors = self._standard_errors(gram, scale)
        return self._fit(
            coef,
            scale,
            support,
            mask,
            residual,
            objective,
            errors,
            n_agreeing,
            loss_curve,
        )

    def _residual(self, coef):
        return self.y - self.design.matrix @ coef

    def _search(self, given):
        """Return coefficients, mask and agreement of the hard least squares fit."""
        strength, starts = self.estimator.regularization_strength, self.estimator.starts
        everything = np.ones(len(self.y))
        if self.share >= 1 or np.isinf(strength):
            return self.design.solve(everything, self.y), everything * self.share, 1
        given = [self.standardizer.to_standard(*start) for start in given]
        if isinstance(starts, str) and starts == "ols":
            given.append(self.design.solve(everything, self.y))
        found = search(
            self.design,
            self.y,
            self.kept,
            n_features=len(self.standardizer.scale),
            starts=starts if isinstance(starts, str) else "given",
            n_starts=self.estimator.n_starts,
            given=np.reshape(given, (-1, self.design.shape[1])),
            exhaustive=strength == 0 and self.power == 2,
            rng=check_random_state(self.estimator.random_state),
        )
        return found.coef, found.mask, found.n_agreeing

    def _rounding(self, coef):
        """Return the size of residuals that rounding of the data alone explains."""
        slopes, _ = self.standardizer.to_original(coef)
        units = self.standardizer
        terms = np.abs(slopes) @ (np.abs(units.centre) + units.scale)
        size = 1 + (abs(units.y_centre) + terms) / units.y_scale
        return 64 * np.finfo(np.float64).eps * size

    def _trimming(self, scale):
        """Return the soft sum to minimise, None if the hard fit is the answer."""
        estimator, strength = self.estimator, self.estimator.regularization_strength
        weight = self.design.sample_weight
        if self.share >= 1 or np.isinf(strength):
            return None if self.power == 2 else _weighted_sum(weight, self.share)
        if strength == 0:
            return None if self.power == 2 else MaskTrimming(weight, self.kept, 0.0)
        unit = scale**self.power
        if estimator.formulation == "sort":
            softness = strength / (self.design.total * unit)
            return SortTrimming(weight, self.kept, softness, estimator.regularization)
        entropic = estimator.regularization == "entropic"
        return MaskTrimming(weight, self.kept, strength * unit, entropic)

    def _losses(self, residual, scale):
        """Return the losses and their derivatives."""
        if self.power == 2:
            return residual**2, 2 * residual
        rounded = np.hypot(residual, ROUNDED * scale)
        return rounded - ROUNDED * scale, residual / rounded

    def _descend(self, coef, mask, trimming, scale):
        """Minimise a soft sum of losses from the hard fit, in whitened coordinates.

        Returns
        -------
        coef : ndarray of shape (n_columns,)
            Coefficients.

        mask : ndarray of shape (n_samples,)
            Weights of the rows.

        loss_curve : list of float
            Soft sums at each iteration.
        """
        matrix, weight = self.design.matrix, self.design.weight_or_none
        transform = whitener(self.design.gram(mask)) * np.sqrt(self.kept / 2) * scale
        unit = self.kept * scale**self.power

        def evaluate(coef):
            losses, slopes = self._losses(self._residual(coef), scale)
            value, mask = trimming(losses)
            slopes *= mask
            if weight is not None:
                slopes *= weight
            penalty = self.penalty * coef
            gradient = 2 * penalty - matrix.T @ slopes
            return value + penalty @ coef, gradient, mask

        def objective(step):
            value, gradient, _ = evaluate(coef + transform @ step)
            return value / unit, transform.T @ gradient / unit

        def attributes(step):
            slopes, intercept = self.standardizer.to_original(coef + transform @ step)
            return {"coef_": slopes, "intercept_": intercept}

        solution = minimize(
            objective,
            np.zeros(transform.shape[1]),
            max_iter=self.estimator.max_iter,
            tol=self.estimator.tol,
            progress=self.progress,
            attributes=attributes,
        )
        coef = coef + transform @ solution.x
        loss_curve = [value * unit for value in solution.loss_curve]
        return coef, evaluate(coef)[2], loss_curve

    def _raw_scale(self, mean_square, strength, power=2, entropic=False):
        """Return the scale that the mean square under a mask tells."""
        factor = consistency_factor(self.share, strength, power, entropic)
        softness = strength * (ENTROPIC_SOFTNESS if entropic else 1.0)
        small = small_sample_factor(RAW, self.share, self.ratio, softness)
        return np.sqrt(mean_square / factor) / small

    def _soft_scale(self, residual, mask):
        strength = self.estimator.regularization_strength
        entropic = self.estimator.regularization == "entropic"
        power = self.power
        if self.estimator.formulation == "sort":
            # A soft sort gives no closed form: judge by the hard choice.
            mask, _ = keep_smallest(residual**2, self.kept, self.design.weight_or_none)
            strength, entropic, power = 0.0, False, 2
        mean_square = np.sum(self.design.sample_weight * mask * residual**2) / self.kept
        return self._raw_scale(mean_square, strength, power, entropic)

    def _reweight(self, coef, support, scale, table):
        """Fit the supporting rows; return coefficients, residuals, scale and Gram."""
        design = self.design
        if self.power == 2:
            coef, gram = design.solve_with_gram(support, self.y)
        else:
            gram = design.gram(support)
            trimming = _weighted_sum(design.sample_weight, support)
            coef = self._descend(coef, support.astype(float), trimming, scale)[0]
        residual = self._residual(coef)
        weighted = design.sample_weight * support
        freedom = max(weighted.sum() - design.shape[1], 1.0)
        scale = np.sqrt(weighted @ residual**2 / freedom / truncation_factor(CUTOFF))
        strength = self.estimator.regularization_strength
        if self.estimator.formulation == "sort":
            strength = 0.0
        elif self.estimator.regularization == "entropic":
            strength *= ENTROPIC_SOFTNESS
        scale /= small_sample_factor(table, self.share, self.ratio, strength)
        return coef, residual, scale, gram

    def _exact(self, coef, mask, n_agreeing, tolerance):
        """Return the fit of rows that lie on a plane."""
        support = np.abs(self._residual(coef)) <= tolerance
        if self.estimator.reweight:
            coef = self.design.solve(support, self.y)
        residual = self._residual(coef)
        errors = np.zeros(len(coef))
        return self._fit(
            coef, 0.0, support, mask, residual, 0.0, errors, n_agreeing, [0.0]
        )

    def _fit(
        self,
        coef,
        scale,
        support,
        mask,
        residual,
        objective,
        errors,
        n_agreeing,
        loss_curve,
    ):
        """Return the fit in the units of the data."""
        units = self.standardizer
        slopes, intercept = units.to_original(coef)
        unit = units.y_scale**self.power
        return Fit(
            slopes,
            intercept,
            scale * units.y_scale,
            support,
            mask,
            residual * units.y_scale,
            objective * unit,
            errors,
            n_agreeing,
            [value * unit for value in loss_curve],
        )

    def _standard_errors(self, gram, scale):
        """Return those of least squares on the supporting rows, in original units."""
        units = self.standardizer.y_scale / self.standardizer.scale
        to_original = np.eye(self.design.shape[1])
        np.fill_diagonal(to_original[: len(units), : len(units)], units)
        if self.standardizer.fit_intercept:
            to_original[-1, : len(units)] = -units * self.standardizer.centre
            to_original[-1, -1] = self.standardizer.y_scale
        root = to_original @ whitener(gram)
        return scale * np.sqrt(np.sum(root**2, axis=1))


def _weighted_sum(sample_weight, mask):
    """Return the trimming that keeps rows by a fixed mask."""
    mask = np.broadcast_to(np.asarray(mask, dtype=float), sample_weight.shape)
    return lambda losses: (np.sum(sample_weight * mask * losses), mask)
