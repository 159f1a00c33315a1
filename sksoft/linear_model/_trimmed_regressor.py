# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the trimmed linear regressions share: the interface of scikit-learn."""

import numbers

import numpy as np
from scipy import special
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_scalar
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._optimize import fit_progress
from sksoft._sklearn_compat import (
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from sksoft._validation import (
    check_flag,
    check_fraction,
    check_option,
    nonnegative_number,
    positive_integer,
)
from sksoft.linear_model._design import Standardizer
from sksoft.linear_model._target_fit import TargetFit


class TrimmedRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Base of the linear regressions on the rows with the smallest losses.

    Subclasses set ``_power``: the loss is the absolute residual to this power.
    """

    def __init__(
        self,
        *,
        trim_fraction="auto",
        regularization_strength=3.0,
        formulation="mask",
        regularization="l2",
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
        self.formulation = formulation
        self.regularization = regularization
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
            How often each row counts: 2 is a repetition, 0 is absence. Weights are
            counts, not shares: their sum stands for the number of rows.

        Returns
        -------
        self : object
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
        present, weight = self._check_weights(X, sample_weight)
        standardizer = Standardizer(X[present], weight, self.fit_intercept)
        design = standardizer.design(X[present], weight, self.alpha)
        kept = self._kept_weight(design)
        targets = y.astype(np.float64, copy=False).reshape(len(y), -1)
        fits = []
        with fit_progress(self, X, y) as progress:
            for index, target in enumerate(targets.T):
                task = TargetFit(
                    self,
                    design,
                    standardizer,
                    target[present],
                    kept,
                    self._power,
                    progress,
                )
                fits.append(task.run(self._given_starts(index)))
        self._store(X.dtype, y, present, fits, design, kept)
        if self.verbose > 0:
            print(
                f"{type(self).__name__}: objective {self.objective_}, reached by "
                f"{self.n_starts_at_optimum_} of the best candidates; "
                f"{self.n_iter_} iterations, scale {self.scale_}, "
                f"{int(np.sum(self.outlier_mask_))} outliers."
            )
        return self

    def _check_parameters(self):
        if not (isinstance(self.trim_fraction, str) and self.trim_fraction == "auto"):
            check_fraction(self.trim_fraction, "trim_fraction", 0.5)
        for name in ("regularization_strength", "tol"):
            nonnegative_number(getattr(self, name), name, finite=False)
        nonnegative_number(self.alpha, "alpha")
        for name in ("n_starts", "max_iter"):
            positive_integer(getattr(self, name), name)
        check_scalar(self.verbose, "verbose", numbers.Integral, min_val=0)
        for name in ("reweight", "fit_intercept", "warm_start"):
            check_flag(getattr(self, name), name)
        check_option(self.formulation, "formulation", ("mask", "sort"))
        check_option(self.regularization, "regularization", ("l2", "entropic"))
        if isinstance(self.starts, str):
            kinds = ("auto", "deterministic", "random", "ols")
            check_option(self.starts, "starts", kinds)

    def _check_weights(self, X, sample_weight):
        """Return the rows that count and their weights, None if all are one."""
        if sample_weight is None:
            return slice(None), None
        weight = check_sample_weight(sample_weight, X)
        if self.formulation == "sort" and not (weight == np.floor(weight)).all():
            raise ValueError(
                "sample_weight must hold whole numbers with formulation='sort', got "
                f"{weight[weight != np.floor(weight)][0]}."
            )
        present = weight > 0
        weight = weight[present]
        return present, None if (weight == 1).all() else weight

    def _kept_weight(self, design):
        """Return how much weight the fit keeps (h, for unit weights)."""
        total, n_columns = design.total, design.shape[1]
        least = min(np.floor((total + n_columns + 1) / 2), total)
        if self.trim_fraction == "auto":
            return least
        dropped = np.floor(self.trim_fraction * total + 1e-9)
        return max(total - dropped, least)

    def _given_starts(self, target):
        """Return the starts that come from outside, as pairs (coef, intercept)."""
        given = []
        n_features = self.n_features_in_
        if not isinstance(self.starts, str):
            starts = np.atleast_2d(np.asarray(self.starts, dtype=np.float64))
            if starts.ndim != 2 or starts.shape[1] != n_features + 1:
                raise ValueError(
                    f"starts must have shape (n_starts, n_features + 1) = (n_starts, "
                    f"{n_features + 1}), got {starts.shape}."
                )
            given += [(row[:-1], row[-1]) for row in starts]
        if self.warm_start and hasattr(self, "coef_"):
            previous = np.atleast_2d(self.coef_)
            if previous.shape[1] == n_features and target < len(previous):
                given.append((previous[target], np.ravel(self.intercept_)[target]))
        return given

    def _store(self, dtype, y, present, fits, design, kept):
        single = y.ndim == 1

        def stack(values, dtype=np.float64):
            values = np.array(values, dtype=dtype)
            return values[0] if single else values

        def rows(values, fill):
            full = np.full((len(y), len(fits)), fill)
            full[present] = np.column_stack(values)
            return full[:, 0] if single else full

        self.coef_ = stack([fit.coef for fit in fits], dtype)
        self.intercept_ = stack([fit.intercept for fit in fits], dtype)
        self.scale_ = stack([fit.scale for fit in fits])
        self.objective_ = stack([fit.objective for fit in fits])
        self.n_starts_at_optimum_ = stack([fit.n_agreeing for fit in fits], np.intp)
        self.sample_weights_ = rows([fit.mask for fit in fits], 0.0)
        self.support_ = rows([fit.support for fit in fits], False)
        self.outlier_mask_ = ~self.support_
        self.standard_errors_ = stack([fit.standard_errors for fit in fits])
        self.loss_curve_ = [fit.loss_curve for fit in fits]
        if single:
            self.loss_curve_ = self.loss_curve_[0]
        self.n_iter_ = max(max(len(fit.loss_curve) - 1 for fit in fits), 1)
        dropped = design.total - kept
        if self.regularization_strength > 0 and (
            self.formulation == "sort" or np.isinf(self.regularization_strength)
        ):
            dropped = 0.0
        self.breakdown_point_ = min((dropped + 1) / design.total, 1.0)
        self._quantiles = [
            np.quantile(fit.residuals, [0, 0.25, 0.5, 0.75, 1]) for fit in fits
        ]
        self._degrees_of_freedom = [
            max(design.sample_weight @ fit.support - design.shape[1], 1.0)
            for fit in fits
        ]

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

    def summary(self):
        """Return a table of the coefficients, their errors and the fate of the rows.

        The errors, t values and p values are those of least squares on the rows of
        ``support_``, as if these had been known beforehand.

        Returns
        -------
        table : str
            One block for each target.
        """
        check_is_fitted(self)
        names = getattr(
            self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)]
        )
        names = [*names, "(intercept)"] if self.fit_intercept else list(names)
        coefs = np.atleast_2d(self.coef_).astype(np.float64)
        intercepts = np.ravel(self.intercept_)
        errors = np.atleast_2d(self.standard_errors_)
        width = max(len(name) for name in names)
        blocks = []
        for target, coef in enumerate(coefs):
            support = self.support_.reshape(len(self.support_), -1)[:, target]
            freedom = self._degrees_of_freedom[target]
            quantiles = "".join(f"{value:11.4g}" for value in self._quantiles[target])
            lines = [
                f"{type(self).__name__}: {support.sum()} of {len(support)} rows kept",
                f"Residuals (min, 1Q, median, 3Q, max):{quantiles}",
                f"{'':{width}}   estimate  std. error    t value    Pr(>|t|)",
            ]
            values = np.append(coef, intercepts[target])[: len(names)]
            for name, value, error in zip(names, values, errors[target], strict=True):
                t = value / error if error > 0 else np.copysign(np.inf, value)
                p = 2 * special.stdtr(freedom, -abs(t))
                lines.append(
                    f"{name:{width}} {value:10.4g}  {error:10.4g} {t:10.3f}  {p:10.3g}"
                )
            lines.append(
                f"Scale of the errors {np.ravel(self.scale_)[target]:.4g} on "
                f"{freedom:g} degrees of freedom; breakdown point "
                f"{self.breakdown_point_:.3g}"
            )
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags
