# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the trimmed linear regressions share: the interface of scikit-learn."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._chunks import example_rows, row_chunks
from sksoft._documentation import DocumentationLinkMixin
from sksoft._features import check_finite_target
from sksoft._lazy_rows import LazyRowsMixin, in_memory, is_collection
from sksoft._optimize import fit_progress
from sksoft._parameters import (
    check_parameters,
    fraction,
    integer,
    nonnegative_or_infinite,
    one_of,
    random_state,
    verbosity,
    word_or,
)
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import check_flag, nonnegative_number, real_array
from sksoft._weighted import as_counts, positive_rows
from sksoft._whole_fit import whole_fit
from sksoft.linear_model._breakdown import breakdown_point
from sksoft.linear_model._chunked_fit import fit_target_in_chunks
from sksoft.linear_model._chunked_rows import (
    chunked_designs,
    is_numeric,
    needs_chunks,
    training_rows,
)
from sksoft.linear_model._design import (
    feature_units,
    make_design,
    warn_if_undetermined,
)
from sksoft.linear_model._trimmed_fit import Method, fit_target


def _efficiency(value, name):
    """Raise unless value is a number from 0.3 to below 1."""
    if not 0.3 <= nonnegative_number(value, name) < 1:
        raise ValueError(f"{name} must be at least 0.3 and below 1, got {value}.")


def _starts(value, name):
    """Raise unless value is the name of a kind of starts, or numbers."""
    # The shape of given coefficients is that of the data, and checked with them.
    word_or(("auto", "deterministic", "random", "ols"), real_array)(value, name)


def _check_whole(weight):
    if weight is not None and not (weight == np.floor(weight)).all():
        raise ValueError(
            "sample_weight must hold whole numbers with formulation='sort', got "
            f"{weight[weight != np.floor(weight)][0]}."
        )


class TrimmedRegressor(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    RegressorMixin,
    BaseEstimator,
):
    """Base of the linear regressions on the rows with the smallest losses.

    Subclasses set ``_power``: the loss is the absolute residual to this power.
    """

    _chunked_fits = ("fit",)
    _parameter_checks = {
        "trim_fraction": word_or(("auto",), fraction(0.5)),
        "regularization_strength": nonnegative_or_infinite,
        "formulation": one_of("mask", "sort"),
        "regularization": one_of("l2", "entropic"),
        "alpha": nonnegative_number,
        "reweight": check_flag,
        "efficiency": _efficiency,
        "starts": _starts,
        "n_starts": integer(1),
        "fit_intercept": check_flag,
        "max_iter": integer(1),
        "tol": nonnegative_or_infinite,
        "warm_start": check_flag,
        "random_state": random_state,
        "verbose": verbosity,
    }

    def __init__(
        self,
        *,
        trim_fraction: float | Literal["auto"] = "auto",
        regularization_strength: float = 3.0,
        formulation: Literal["mask", "sort"] = "mask",
        regularization: Literal["l2", "entropic"] = "l2",
        alpha: float = 0.0,
        reweight: bool = True,
        efficiency: float = 0.95,
        starts: ArrayLike = "auto",
        n_starts: int = 500,
        fit_intercept: bool = True,
        max_iter: int = 100,
        tol: float = 1e-6,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.trim_fraction = trim_fraction
        self.regularization_strength = regularization_strength
        self.formulation = formulation
        self.regularization = regularization
        self.alpha = alpha
        self.reweight = reweight
        self.efficiency = efficiency
        self.starts = starts
        self.n_starts = n_starts
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @whole_fit
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, Dask array or data frame} of shape \
                (n_samples, n_features)
            Training data; at most 2000 features if it is sparse. More than about
            100 000 rows, of a memory map or a Dask collection too, are fitted in passes
            over chunks of them, and never held at once.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target values. Each target is fitted on its own. A Dask collection too, as
            `sample_weight` may be.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Whole numbers are repetitions: 2 counts a row twice, 0
            leaves it out. Of other weights only the ratios count: they are brought to
            mean one over the rows that have any.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        TypeError
            If the rows are a Dask collection and ``formulation="sort"``, which sorts
            the losses of all rows.
        """
        check_parameters(self)
        if is_collection(X):
            return self._fit_collection(X, y, sample_weight)
        y, sample_weight = in_memory(y), in_memory(sample_weight)
        if is_numeric(X) and self._needs_chunks(*X.shape):
            self._check_columns(X)
            return self._fit_chunks(X, y, sample_weight)
        return self._fit_in_memory(X, y, sample_weight)

    def _fit_in_memory(self, X, y, sample_weight):
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
        )
        if is_numeric(X) and self._needs_chunks(*X.shape):
            return self._fit_chunks(X, y, sample_weight)
        check_finite_target(y)
        targets = y.astype(np.float64, copy=False).reshape(len(y), -1)
        given = [self._given_starts(target) for target in range(targets.shape[1])]
        present, weight = positive_rows(sample_weight, X)
        weight = as_counts(weight)
        n_samples = X[present].shape[0]
        warn_if_undetermined(n_samples, X.shape[1], self.fit_intercept, self.alpha)
        if self.formulation == "sort":
            _check_whole(weight)
        robust = not np.isinf(self.regularization_strength)
        units = feature_units(
            X[present], weight, self.fit_intercept, self.alpha, robust
        )
        design = make_design(X[present], weight, units, self.fit_intercept, self.alpha)
        kept = self._kept_weight(design)
        method = self._method()
        with fit_progress(self, X[present], y[present], sample_weight=weight) as told:
            fits = [
                fit_target(
                    design,
                    units,
                    target[present],
                    kept,
                    method,
                    starts,
                    check_random_state(self.random_state),
                    told,
                )
                for target, starts in zip(targets.T, given, strict=True)
            ]
        weights = self._weights_of_all_rows(X, targets, present, units, fits)
        least = 1.0 if weight is None else weight.min()
        self._store(fits, y.ndim == 1, X.dtype, design, kept, least)
        predicted = safe_sparse_dot(X, self.coef_.T, dense_output=True)
        predicted += self.intercept_
        if X.dtype == np.float32:
            self._round_threshold(np.median(np.abs(predicted), axis=0))
        outlying = np.abs(y.astype(np.float64, copy=False) - predicted)
        outlying = outlying > self.outlier_threshold_
        self._store_rows(weights.reshape(y.shape), outlying, outlying.sum(axis=0))
        return self

    def _fit_collection(self, X, y, sample_weight):
        """Fit Dask collections: in memory where they are small, else in chunks."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        if self._sorts():
            raise TypeError(
                f"{type(self).__name__}.fit with formulation='sort' takes data in "
                f"memory, for it sorts all losses, got a Dask {type(X).__name__}. Pass "
                "X.compute() if it fits in memory, or choose formulation='mask'."
            )
        self._check_columns(X)
        chunks = row_chunks(X, y)
        if self._needs_chunks(chunks.n_rows, example_rows(X).shape[1]):
            return self._fit_chunks(X, y, sample_weight)
        # Few rows are a sample of themselves.
        self._fit_in_memory(*map(in_memory, (X, y, sample_weight)))
        self._store_rows(
            *map(chunks.beside, (self.sample_weights_, self.outlier_mask_)),
            self._n_outlying,
        )
        return self

    def _check_columns(self, X):
        """Take the number and the names of the features from a row."""
        if sparse.issparse(getattr(X, "_meta", None)):
            raise TypeError(
                f"{type(self).__name__}.fit takes dense chunks, got a Dask Array of "
                f"sparse ones. Pass X.map_blocks(lambda rows: rows.toarray()), or "
                "X.compute() if it fits in memory."
            )
        validate_data(self, example_rows(X), dtype=[np.float64, np.float32], reset=True)

    def _fit_chunks(self, X, y, sample_weight):
        """Fit in passes over chunks of the rows, never holding all of them."""
        rows = training_rows(X, y, sample_weight, type(self).__name__)
        single, dtype = rows.n_targets is None, rows.dtype
        given = [self._given_starts(target) for target in range(rows.n_targets or 1)]
        robust = not np.isinf(self.regularization_strength)
        designs = chunked_designs(
            rows,
            self.fit_intercept,
            self.alpha,
            robust,
            check_random_state(self.random_state),
        )
        kept = self._kept_weight(designs[0])
        method = self._method()
        with fit_progress(self, X, y, sample_weight=sample_weight) as told:
            found = [
                fit_target_in_chunks(
                    design,
                    kept,
                    method,
                    starts,
                    check_random_state(self.random_state),
                    told,
                )
                for design, starts in zip(designs, given, strict=True)
            ]
        fits = [target.fit for target in found]
        self._store(fits, single, dtype, designs[0], kept, rows.least)
        if dtype == np.float32:
            self._round_threshold(rows.median_prediction(self.coef_, self.intercept_))
        self._store_rows(
            rows.weights(designs, found),
            *rows.outlying(self.coef_, self.intercept_, self.outlier_threshold_),
        )
        return self

    def _sorts(self):
        return self.formulation == "sort" and 0 < self.regularization_strength < np.inf

    def _needs_chunks(self, n_rows, n_features):
        return needs_chunks(n_rows, n_features) and not self._sorts()

    def _method(self):
        return Method(
            power=self._power,
            regularization_strength=float(self.regularization_strength),
            formulation=self.formulation,
            regularization=self.regularization,
            reweight=self.reweight,
            efficiency=float(self.efficiency),
            starts=self.starts if isinstance(self.starts, str) else "given",
            n_starts=self.n_starts,
            max_iter=self.max_iter,
            tol=self.tol,
        )

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

    def _weights_of_all_rows(self, X, targets, present, units, fits):
        """Return the weights that rows have or, absent from the fit, would have."""
        weights = np.empty((len(targets), len(fits)))
        weights[present] = np.column_stack([fit.weight for fit in fits])
        if isinstance(present, slice):
            return weights
        rest = ~present
        design = make_design(X[rest], None, units, self.fit_intercept, self.alpha)
        for column, (fit, target) in enumerate(zip(fits, targets.T, strict=True)):
            predicted = safe_sparse_dot(X[rest], fit.coef) + fit.intercept
            weights[rest, column] = fit.weight_of(target[rest] - predicted, design)
        return weights

    def _breakdown_point(self, total, kept, least):
        borne = total - kept
        if self.regularization_strength > 0 and (
            self.formulation == "sort" or np.isinf(self.regularization_strength)
        ):
            borne = 0.0
        robust = isinstance(self.starts, str) and self.starts != "ols"
        return breakdown_point(total, least, borne, robust)

    def _store(self, fits, single, dtype, design, kept, least):
        """Set the attributes that have no entry for each row."""

        def stack(values, dtype=np.float64):
            values = np.array(values, dtype=dtype)
            return values[0] if single else values

        loss_curves = [fit.loss_curve for fit in fits]
        self.coef_ = stack([fit.coef for fit in fits], dtype)
        self.intercept_ = stack([fit.intercept for fit in fits], dtype)
        self.scale_ = stack([fit.scale for fit in fits])
        self.regularization_strength_ = stack([fit.strength for fit in fits])
        self.objective_ = stack([fit.objective for fit in fits])
        self.n_starts_at_optimum_ = stack([fit.n_agreeing for fit in fits], np.intp)
        self.outlier_threshold_ = stack([fit.threshold for fit in fits])
        self.standard_errors_ = stack([fit.standard_errors for fit in fits])
        self.loss_curve_ = loss_curves[0] if single else loss_curves
        self.n_iter_ = max(max(len(curve) - 1 for curve in loss_curves), 1)
        self.breakdown_point_ = self._breakdown_point(design.total, kept, least)
        self._quantiles = [fit.quantiles for fit in fits]
        freedom = design.total - design.rank
        if design.penalty.any():
            freedom = max(freedom, 1.0)
        if freedom <= 0:
            # Rows without freedom tell nothing about their errors.
            self.standard_errors_ = np.full_like(self.standard_errors_, np.nan)
        self._degrees_of_freedom = max(freedom, 0.0)

    def _round_threshold(self, size):
        """Allow for the rounding of single predictions of such sizes."""
        self.outlier_threshold_ = np.maximum(
            self.outlier_threshold_, 32 * np.finfo(np.float32).eps * size
        )

    def _store_rows(self, weights, outlying, n_outlying):
        """Set the attributes that have an entry for each row, and tell of the fit."""
        self.sample_weights_ = weights
        self.outlier_mask_ = outlying
        self._n_outlying = n_outlying
        if self.verbose > 0:
            print(
                f"{type(self).__name__}: objective {self.objective_}, reached by "
                f"{self.n_starts_at_optimum_} of the best candidates; "
                f"{self.n_iter_} iterations, scale {self.scale_}, "
                f"{int(np.sum(n_outlying))} outliers."
            )

    def predict(self, X: Any) -> NDArray[Any]:
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

    def summary(self) -> str:
        """Return a table of the coefficients, their errors and the fate of the rows.

        Errors are those of ``standard_errors_``; tests and 95 % intervals refer to
        Student's distribution with as many degrees of freedom as there are rows beyond
        the coefficients that they determine. What they do not tell is printed as nan.

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
        freedom = self._degrees_of_freedom
        reach = special.stdtrit(freedom, 0.975)
        blocks = []
        for target, coef in enumerate(coefs):
            n_rows = self.outlier_mask_.shape[0]
            n_kept = n_rows - np.ravel(self._n_outlying)[target]
            quantiles = "".join(f"{value:11.4g}" for value in self._quantiles[target])
            lines = [
                f"{type(self).__name__}: {n_kept} of {n_rows} rows kept",
                f"Residuals (min, 1Q, median, 3Q, max):{quantiles}",
                f"{'':{width}}   estimate  std. error    t value    Pr(>|t|)"
                "      [0.025      0.975]",
            ]
            values = np.append(coef, intercepts[target])[: len(names)]
            for name, value, error in zip(names, values, errors[target], strict=True):
                with np.errstate(divide="ignore", invalid="ignore"):
                    t = value / error
                p = 2 * special.stdtr(freedom, -abs(t))
                low, high = value - reach * error, value + reach * error
                lines.append(
                    f"{name:{width}} {value:10.4g}  {error:10.4g} {t:10.3f}  {p:10.3g}"
                    f"  {low:10.4g} {high:10.4g}"
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
