# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Least trimmed squares, hard and soft."""

import numbers
from dataclasses import dataclass

import numpy as np
from scipy import special
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._optimize import fit_progress, minimize
from sksoft._sklearn_compat import (
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from sksoft._trimmed import soft_mask
from sksoft.linear_model._design import Standardizer, whitener
from sksoft.linear_model._scale import (
    RAW,
    consistency_factor,
    small_sample_factor,
    truncation_factor,
)
from sksoft.linear_model._search import search

# Residuals within this quantile of the normal distribution survive reweighting.
REWEIGHT_CUTOFF = float(special.ndtri(0.9875))


@dataclass
class _Fit:
    """What the fit of one target found, in the units of the data."""

    coef: np.ndarray
    intercept: float
    scale: float
    support: np.ndarray
    mask: np.ndarray
    objective: float
    standard_errors: np.ndarray
    n_agreeing: int
    loss_curve: list


class LeastTrimmedSquaresRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Linear regression on the rows that fit best, deaf to the others.

    Least trimmed squares finds the coefficients whose ``h`` smallest squared residuals
    have the least sum; nearly half of the rows may be wrong in any way. Here the
    choice of rows is soft: the rows receive weights between 0 and 1,

    ``min over coef and 0 <= w <= 1, sum(w) = h, of sum(w r^2 + epsilon / 2 w^2)``,

    which uses more of the good rows and is still deaf to rows far away: their weight
    is exactly 0, so the breakdown point is that of the hard choice.

    Parameters
    ----------
    trim_fraction : "auto" or float, default="auto"
        Share of the rows dropped, in [0, 0.5]. ``"auto"`` drops as many as the fit can
        tell apart: ``h = (n_samples + n_parameters + 1) // 2`` rows are kept, never
        fewer. Users of R's ``ltsReg`` know ``1 - trim_fraction`` as ``alpha``.

    regularization_strength : float, default=3.0
        Softness, free of units: ``epsilon`` is this times the squared scale of the
        errors. 0 is hard least trimmed squares, infinity ordinary least squares.

    alpha : float, default=0.0
        Ridge penalty on ``coef_``, as in :class:`sklearn.linear_model.Ridge`.

    reweight : bool, default=True
        Whether to finish by least squares on all rows whose residuals are within the
        98.75 % quantile of the normal distribution. Efficient on clean rows.

    starts : {"auto", "deterministic", "random", "ols"} or array-like of shape \
            (n_starts, n_features + 1), default="auto"
        Where the search begins: from robust correlations and splits of the rows, from
        fits to small random subsets, from both, from ordinary least squares (not
        robust), or from given coefficients, intercept last.

    n_starts : int, default=500
        Number of random subsets.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=100
        Largest number of iterations on the soft objective.

    tol : float, default=1e-6
        Tolerance on the gradient of the soft objective.

    warm_start : bool, default=False
        Whether the coefficients of the previous fit are one more start.

    random_state : int, RandomState instance or None, default=None
        Draws the random subsets.

    verbose : int, default=0
        If positive, print how the search went.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.

    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.

    scale_ : float or ndarray of shape (n_targets,)
        Standard deviation of the errors of the good rows, if these are normal.

    support_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Whether the residual of a row is an ordinary one.

    outlier_mask_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The opposite of ``support_``.

    sample_weights_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Weight of each row in the trimmed fit, before the reweighting.

    objective_ : float or ndarray of shape (n_targets,)
        Objective of the trimmed fit; the sum of the smallest squared residuals if
        ``regularization_strength`` is 0.

    breakdown_point_ : float
        Smallest share of wrong rows that can spoil the fit.

    n_starts_at_optimum_ : int or ndarray of shape (n_targets,)
        How many of the 10 best candidates ended at the fit.

    standard_errors_ : ndarray of shape (n_parameters,) or (n_targets, n_parameters)
        Standard errors of the coefficients and, last, of the intercept.

    loss_curve_ : list of float or list of lists
        Soft objective at each iteration.

    n_iter_ : int
        Number of iterations on the soft objective.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if they have names.

    See Also
    --------
    sklearn.linear_model.HuberRegressor : Robust to errors of the target only.
    sklearn.linear_model.RANSACRegressor : Random consensus; needs a threshold.

    Notes
    -----
    The fit is a local optimum, the best that the starts lead to; the global one is out
    of reach for any method of reasonable cost. Contamination beyond
    ``breakdown_point_`` defeats any trimming.

    References
    ----------
    .. [1] P. J. Rousseeuw and K. Van Driessen (2006). Computing LTS regression for
       large data sets. Data Mining and Knowledge Discovery 12, 29-45.
    .. [2] M. Blondel, O. Teboul, Q. Berthet and J. Djolonga (2020). Fast
       differentiable sorting and ranking. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.linear_model import LeastTrimmedSquaresRegressor
    >>> X = np.arange(20.0)[:, np.newaxis]
    >>> y = 3 * X.ravel() + 1
    >>> y[:6] = 100
    >>> reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    >>> reg.coef_.round(6), round(float(reg.intercept_), 6)
    (array([3.]), 1.0)
    >>> int(reg.outlier_mask_.sum())
    6
    """

    def __init__(
        self,
        *,
        trim_fraction="auto",
        regularization_strength=3.0,
        alpha=0.0,
        reweight=True,
        starts="auto",
        n_starts=500,
        fit_intercept=True,
        max_iter=100,
        tol=1e-6,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.trim_fraction = trim_fraction
        self.regularization_strength = regularization_strength
        self.alpha = alpha
        self.reweight = reweight
        self.starts = starts
        self.n_starts = n_starts
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target values. Each target is fitted on its own.

        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: 2 is a repetition, 0 is absence.

        Returns
        -------
        self : LeastTrimmedSquaresRegressor
            Fitted estimator.
        """
        self._check_parameters()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
        )
        weight = None
        present = slice(None)
        if sample_weight is not None:
            weight = check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            if not weight.any():
                raise ValueError("sample_weight must not be zero for every row.")
            present = weight > 0
            if (weight[present] == 1).all():
                weight = None
            else:
                weight = weight[present]
        standardizer = Standardizer(X[present], weight, self.fit_intercept)
        design = standardizer.design(X[present], weight, self.alpha)
        targets = y.astype(np.float64, copy=False).reshape(len(y), -1)
        with fit_progress(self, X, y) as progress:
            fits = [
                self._fit_target(design, standardizer, target[present], j, progress)
                for j, target in enumerate(targets.T)
            ]
        self._store(X, y, present, fits, design)
        return self

    def _check_parameters(self):
        if self.trim_fraction != "auto":
            check_scalar(
                self.trim_fraction,
                "trim_fraction",
                numbers.Real,
                min_val=0,
                max_val=0.5,
            )
        check_scalar(
            self.regularization_strength,
            "regularization_strength",
            numbers.Real,
            min_val=0,
        )
        check_scalar(self.alpha, "alpha", numbers.Real, min_val=0)
        check_scalar(self.n_starts, "n_starts", numbers.Integral, min_val=1)
        check_scalar(self.max_iter, "max_iter", numbers.Integral, min_val=1)
        check_scalar(self.tol, "tol", numbers.Real, min_val=0)
        kinds = ("auto", "deterministic", "random", "ols")
        if isinstance(self.starts, str) and self.starts not in kinds:
            raise ValueError(
                f"starts == {self.starts!r}, must be one of {kinds} or an array of "
                "shape (n_starts, n_features + 1)."
            )

    def _kept_weight(self, design):
        """Return how much weight the fit keeps (h, for unit weights)."""
        total, n_columns = design.total, design.shape[1]
        least = min(np.floor((total + n_columns + 1) / 2), total)
        if self.trim_fraction == "auto":
            return least
        dropped = np.floor(self.trim_fraction * total + 1e-9)
        return max(total - dropped, least)

    def _given_starts(self, design, standardizer, y, target):
        """Return the starts that come from the user, in standardised units."""
        given = []
        if not isinstance(self.starts, str):
            starts = np.atleast_2d(np.asarray(self.starts, dtype=np.float64))
            n_features = self.n_features_in_
            if starts.shape[1] != n_features + 1:
                raise ValueError(
                    f"starts has shape {starts.shape}, must be (n_starts, "
                    f"n_features + 1) = (n_starts, {n_features + 1})."
                )
            given += [(row[:-1], row[-1]) for row in starts]
        if self.warm_start and hasattr(self, "coef_"):
            previous = np.atleast_2d(self.coef_)
            if previous.shape[1] == self.n_features_in_ and target < len(previous):
                given.append((previous[target], np.ravel(self.intercept_)[target]))
        given = [standardizer.to_standard(*start) for start in given]
        if isinstance(self.starts, str) and self.starts == "ols":
            given.append(design.solve(np.ones(design.shape[0]), y))
        return np.reshape(given, (-1, design.shape[1]))

    def _fit_target(self, design, standardizer, y, target, progress):
        standardizer.fit_target(y, design.weight_or_none)
        y = (y - standardizer.y_centre) / standardizer.y_scale
        everything = np.ones(design.shape[0])
        kept = self._kept_weight(design)
        n_agreeing = 1
        if kept >= design.total or np.isinf(self.regularization_strength):
            coef = design.solve(everything, y)
            mask = everything * (kept / design.total)
            kept = design.total
        else:
            given = self._given_starts(design, standardizer, y, target)
            kinds = self.starts if isinstance(self.starts, str) else "given"
            found = search(
                design,
                y,
                kept,
                n_features=self.n_features_in_,
                starts=kinds,
                n_starts=self.n_starts,
                given=given,
                exhaustive=self.regularization_strength == 0,
                rng=check_random_state(self.random_state),
            )
            coef, mask, n_agreeing = found.coef, found.mask, found.n_agreeing
        return self._refine(
            design, standardizer, y, kept, coef, mask, n_agreeing, progress
        )

    def _refine(self, design, standardizer, y, kept, coef, mask, n_agreeing, progress):
        """Soften the hard fit, estimate the scale, reweight."""
        weight = design.sample_weight
        share = kept / design.total
        ratio = min(design.shape[1] / design.total, 0.9)
        residual = y - design.matrix @ coef
        mean_square = np.sum(weight * mask * residual**2) / np.sum(weight * mask)
        rounding = (
            64 * np.finfo(np.float64).eps * self._magnitude(design, standardizer, coef)
        )
        loss_curve = [float(np.sum(weight * mask * residual**2))]
        if np.sqrt(mean_square) <= rounding:
            return self._exact_fit(
                design, standardizer, y, coef, mask, n_agreeing, 1e3 * rounding
            )
        scale = np.sqrt(mean_square / consistency_factor(share, 0.0))
        scale /= small_sample_factor(RAW, share, ratio, 0.0)
        strength = self.regularization_strength
        if 0 < strength < np.inf and share < 1:
            solution, mask = self._soften(
                design, standardizer, y, kept, coef, mask, scale, progress
            )
            coef, loss_curve = solution.x, solution.loss_curve
            residual = y - design.matrix @ coef
            mean_square = np.sum(weight * mask * residual**2) / kept
            scale = np.sqrt(mean_square / consistency_factor(share, strength))
            scale /= small_sample_factor(RAW, share, ratio, strength)
        objective = np.sum(weight * mask * residual**2) + design.penalty @ coef**2
        support = np.abs(residual) <= REWEIGHT_CUTOFF * scale
        if self.reweight:
            coef, gram = design.solve_with_gram(support, y)
            residual = y - design.matrix @ coef
            left = np.sum(weight * support)
            freedom = max(left - design.shape[1], 1.0)
            scale = np.sqrt(np.sum(weight * support * residual**2) / freedom)
            scale /= np.sqrt(truncation_factor(REWEIGHT_CUTOFF))
        else:
            gram = design.gram(support)
        unit = standardizer.y_scale
        slopes, intercept = standardizer.to_original(coef)
        return _Fit(
            slopes,
            intercept,
            scale * unit,
            support,
            mask,
            objective * unit**2,
            self._standard_errors(standardizer, gram, scale),
            n_agreeing,
            [value * unit**2 for value in loss_curve],
        )

    def _standard_errors(self, standardizer, gram, scale):
        """Return those of least squares on the supporting rows, in original units."""
        units = standardizer.y_scale / standardizer.scale
        to_original = np.eye(len(gram))
        np.fill_diagonal(to_original[: len(units), : len(units)], units)
        if self.fit_intercept:
            to_original[-1, : len(units)] = -units * standardizer.centre
            to_original[-1, -1] = standardizer.y_scale
        root = to_original @ whitener(gram)
        return scale * np.sqrt(np.einsum("ij,ij->i", root, root))

    def _magnitude(self, design, standardizer, coef):
        """Return the size of the numbers whose rounding errors residuals carry."""
        slopes, _ = standardizer.to_original(coef)
        terms = np.abs(slopes) @ (np.abs(standardizer.centre) + standardizer.scale)
        return 1 + (abs(standardizer.y_centre) + terms) / standardizer.y_scale

    def _exact_fit(self, design, standardizer, y, coef, mask, n_agreeing, tolerance):
        support = np.abs(y - design.matrix @ coef) <= tolerance
        if self.reweight:
            coef = design.solve(support, y)
        slopes, intercept = standardizer.to_original(coef)
        return _Fit(
            slopes,
            intercept,
            0.0,
            support,
            mask,
            0.0,
            np.zeros(design.shape[1]),
            n_agreeing,
            [0.0],
        )

    def _soften(self, design, standardizer, y, kept, coef, mask, scale, progress):
        """Minimise the soft objective from the hard fit, in whitened coordinates."""
        transform = whitener(design.gram(mask)) * np.sqrt(kept / 2)
        weight = design.weight_or_none
        epsilon = self.regularization_strength * scale**2
        unit = kept * scale**2
        threshold = epsilon
        mask = np.empty(len(y))

        def objective(step):
            nonlocal threshold
            b = coef + transform @ step
            residual = y - design.matrix @ b
            value, threshold = soft_mask(
                residual**2, design.sample_weight, epsilon, kept, threshold, mask
            )
            residual *= mask
            if weight is not None:
                residual *= weight
            penalty = design.penalty * b
            gradient = transform.T @ (penalty - design.matrix.T @ residual)
            return (value + penalty @ b) / unit, gradient * (2 / unit)

        def attributes(step):
            slopes, intercept = standardizer.to_original(coef + transform @ step)
            return {"coef_": slopes, "intercept_": intercept}

        solution = minimize(
            objective,
            np.zeros(transform.shape[1]),
            max_iter=self.max_iter,
            tol=self.tol,
            progress=progress,
            attributes=attributes,
        )
        objective(solution.x)
        solution.x = coef + transform @ solution.x
        solution.loss_curve = [value * unit for value in solution.loss_curve]
        return solution, mask

    def _store(self, X, y, present, fits, design):
        single = y.ndim == 1
        dtype = X.dtype

        def stack(values, dtype=np.float64):
            values = np.array(values, dtype=dtype)
            return values[0] if single else values

        def rows(values, fill, dtype):
            full = np.full((len(y), len(fits)), fill, dtype=dtype)
            full[present] = np.column_stack(values)
            return full[:, 0] if single else full

        self.coef_ = stack([fit.coef for fit in fits], dtype)
        self.intercept_ = stack([fit.intercept for fit in fits], dtype)
        self.scale_ = stack([fit.scale for fit in fits])
        self.objective_ = stack([fit.objective for fit in fits])
        self.n_starts_at_optimum_ = stack([fit.n_agreeing for fit in fits], np.intp)
        self.sample_weights_ = rows([fit.mask for fit in fits], 0.0, np.float64)
        self.support_ = rows([fit.support for fit in fits], False, bool)
        self.outlier_mask_ = ~self.support_
        self.standard_errors_ = stack([fit.standard_errors for fit in fits])
        self.loss_curve_ = [fit.loss_curve for fit in fits]
        if single:
            self.loss_curve_ = self.loss_curve_[0]
        self.n_iter_ = max(max(len(fit.loss_curve) - 1 for fit in fits), 1)
        kept = self._kept_weight(design)
        if np.isinf(self.regularization_strength):
            kept = design.total
        self.breakdown_point_ = (design.total - kept + 1) / design.total

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predicted values.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        return safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags
