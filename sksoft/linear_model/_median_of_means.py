# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear regression by the median of the mean losses of blocks of rows."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._documentation import DocumentationLinkMixin
from sksoft._features import check_finite_target
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._optimize import fit_progress, minimize
from sksoft._parameters import (
    check_parameters,
    integer,
    nonnegative_or_infinite,
    random_state,
    verbosity,
    word_or,
)
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import check_flag
from sksoft._weighted import (
    as_counts,
    positive_rows,
    robust_scale,
    weighted_quantile,
)
from sksoft._whole_fit import whole_fit
from sksoft.linear_model._breakdown import block_breakdown_point
from sksoft.linear_model._design import (
    feature_units,
    make_design,
    standardized_target,
    target_units,
    to_original,
    to_standard,
    warn_if_undetermined,
    whitener,
)
from sksoft.linear_model._trimming import MaskTrimming

# Whole weights of a larger sum are not written out as rows.
MOST_COPIES = 10_000_000


class MedianOfMeansRegressor(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    RegressorMixin,
    BaseEstimator,
):
    """Linear regression that a few gross errors or long tails do not disturb.

    The rows fall into random blocks, and the soft median of the mean squared residuals
    of the blocks is minimised, averaged over several partitions into blocks. A block
    with a wrong row has no say, so there must be fewer wrong rows than half the blocks:
    this is a method for few gross errors and for long tails, not for 40 % of outliers.

    Parameters
    ----------
    n_blocks : "auto" or int, default="auto"
        Number of blocks. ``"auto"`` gives each block twice as many rows as there are
        coefficients, and is odd.

    n_partitions : int, default=10
        Number of partitions of the rows into blocks.

    regularization_strength : float, default=1.0
        Softness of the median, in units of the spread of the losses of the blocks. 0 is
        the hard median; infinity averages all blocks.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=500
        Largest number of iterations.

    tol : float, default=1e-4
        Tolerance on the gradient.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one: its coefficients
        are one more start.

    random_state : int, RandomState instance or None, default=None
        Draws the partitions.

    verbose : int, default=0
        Whether the loss of each iteration is printed.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.

    intercept_ : float
        Intercept.

    n_blocks_ : int
        Number of blocks.

    regularization_strength_ : float
        Absolute strength of the median, in squared units of the target.

    breakdown_point_ : float
        Smallest share of wrong rows, by weight, that can spoil the fit: one row in each
        of half the blocks, or a single one if the strength is infinite.

    loss_curve_ : list of float
        Objective at each iteration, over the squared scale of the residuals.

    n_iter_ : int
        Number of iterations.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if they have names.

    See Also
    --------
    LeastTrimmedSquaresRegressor : Withstands nearly half of the rows being wrong.

    References
    ----------
    .. [1] G. Lecue and M. Lerasle (2020). Robust machine learning by median-of-means:
       theory and practice. The Annals of Statistics 48(2), 906-931.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.linear_model import MedianOfMeansRegressor
    >>> X = np.arange(100.0)[:, np.newaxis]
    >>> y = 3 * X.ravel() + 1 + np.cos(np.arange(100))
    >>> y[::20] = 1e6
    >>> reg = MedianOfMeansRegressor(random_state=0).fit(X, y)
    >>> reg.predict([[50.0]]).round()
    array([151.])
    """

    _parameter_checks = {
        "n_blocks": word_or(("auto",), integer(1)),
        "n_partitions": integer(1),
        "regularization_strength": nonnegative_or_infinite,
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
        n_blocks: Literal["auto"] | int = "auto",
        n_partitions: int = 10,
        regularization_strength: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 500,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_blocks = n_blocks
        self.n_partitions = n_partitions
        self.regularization_strength = regularization_strength
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
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data; at most 2000 features if it is sparse.

        y : array-like of shape (n_samples,)
            Target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Whole numbers are repetitions: 2 counts a row twice, 0
            leaves it out. Of other weights only the ratios count: they are brought to
            mean one over the rows that have any. Repetitions fall
            into blocks of their own, and a row of another weight is in one block.

        Returns
        -------
        self : MedianOfMeansRegressor
            Fitted estimator.
        """
        check_parameters(self)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            y_numeric=True,
        )
        check_finite_target(y)
        present, weight = positive_rows(sample_weight, X)
        weight = as_counts(weight)
        warn_if_undetermined(X[present].shape[0], X.shape[1], self.fit_intercept)
        used, copies, shares = X[present], None, weight
        values = y.astype(np.float64, copy=False)[present]
        if weight is not None and _are_repetitions(weight):
            copies, shares = np.repeat(np.arange(len(values)), weight.astype(int)), None
        robust = not np.isinf(self.regularization_strength)
        units = feature_units(used, weight, self.fit_intercept, robust=robust)
        target = target_units(values, weight, self.fit_intercept, robust)
        design = make_design(used, weight, units, self.fit_intercept, 0.0)
        z = standardized_target(values, target)
        if copies is not None:
            design, z = design.take(copies).unweighted(), z[copies]
        n_blocks = self._count_blocks(*design.shape)
        rng = check_random_state(self.random_state)
        order = np.arange(len(z)) % n_blocks
        blocks = [rng.permutation(order) for _ in range(self.n_partitions)]
        starts = [_median_of_fits(design, z, blocks[0])]
        if self.warm_start and np.shape(getattr(self, "coef_", 0)) == (X.shape[1],):
            starts.append(
                to_standard(
                    self.coef_, self.intercept_, units, target, self.fit_intercept
                )
            )

        def attributes(coef):
            slopes, intercept = to_original(coef, units, target)
            return {"coef_": slopes, "intercept_": intercept}

        with fit_progress(self, used, y[present], sample_weight=weight) as progress:
            problem = _Problem(
                design, z, blocks, n_blocks, starts, self.regularization_strength
            )
            solution = minimize(
                problem.objective,
                np.zeros(problem.transform.shape[1]),
                max_iter=self.max_iter,
                tol=self.tol,
                progress=progress,
                attributes=lambda step: attributes(problem.coef(step)),
            )
        slopes, intercept = to_original(problem.coef(solution.x), units, target)
        self.coef_ = slopes.astype(X.dtype)
        self.intercept_ = X.dtype.type(intercept)
        self.n_blocks_ = n_blocks
        self.regularization_strength_ = float(problem.strength * target.scale**2)
        self.breakdown_point_ = block_breakdown_point(
            len(z), shares, n_blocks if robust else 1
        )
        self.loss_curve_ = solution.loss_curve
        self.n_iter_ = max(solution.n_iter, 1)
        return self

    def _count_blocks(self, n_samples, n_columns):
        if isinstance(self.n_blocks, str):
            return max((n_samples // (2 * n_columns) - 1) // 2 * 2 + 1, 1)
        if self.n_blocks > n_samples:
            raise ValueError(
                f"n_blocks must be at most n_samples = {n_samples}, got "
                f"{self.n_blocks}."
            )
        return self.n_blocks

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted values.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        return safe_sparse_dot(X, self.coef_, dense_output=True) + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _are_repetitions(weight):
    """Return whether weights are whole numbers, few enough to be written out."""
    return (weight == np.floor(weight)).all() and weight.sum() <= MOST_COPIES


class _Problem:
    """The soft median of block means, averaged over partitions, from the best start.

    Parameters are steps from the start in whitened coordinates.
    """

    def __init__(self, design, z, blocks, n_blocks, starts, strength):
        self.design = design
        self.z = z
        self.blocks = blocks
        self.n_blocks = n_blocks
        self.weight = design.weight_or_none
        self.masses = [
            np.bincount(labels, self.weight, n_blocks).astype(np.float64)
            for labels in blocks
        ]
        losses = [np.median(self._means(start)[0]) for start in starts]
        self.start = starts[int(np.argmin(losses))]
        residual = design.residual(self.start, z)
        self.unit = robust_scale(residual, self.weight) ** 2
        means = self._means(self.start)[0]
        spread = robust_scale(means - np.median(means))
        self.strength = strength * spread if strength else 0.0
        self.medians = [_SoftMedian(n_blocks, self.strength) for _ in blocks]
        squares = residual**2
        near = squares <= weighted_quantile(squares, 0.5, self.weight)
        mass = design.sample_weight @ near
        self.transform = whitener(design.gram(near)) * np.sqrt(mass * self.unit)

    def coef(self, step):
        """Return coefficients in standardised units."""
        return self.start + self.transform @ step

    def _means(self, coef):
        """Return the mean losses of the blocks of each partition."""
        losses = self.design.residual(coef, self.z) ** 2
        if self.weight is not None:
            losses = losses * self.weight
        return [
            np.bincount(labels, losses, self.n_blocks) / mass
            for labels, mass in zip(self.blocks, self.masses, strict=True)
        ]

    def objective(self, step):
        """Return the value, over the squared scale of the residuals, and gradient."""
        coef = self.coef(step)
        value, weight = 0.0, np.zeros(len(self.z))
        for means, labels, median, mass in zip(
            self._means(coef), self.blocks, self.medians, self.masses, strict=True
        ):
            part, slopes = median(means)
            value += part
            weight += (slopes / mass)[labels]
        if self.weight is not None:
            weight *= self.weight
        residual = self.design.residual(coef, self.z)
        gradient = self.transform.T @ (self.design.matrix.T @ (weight * residual))
        scale = len(self.blocks) * self.unit
        return value / scale, -2 * gradient / scale


class _SoftMedian:
    """The soft sum of the smallest half of the losses, less that without the median.

    Its weights are those of losses near the median; a far one has weight 0, which a
    soft sort would not give it.
    """

    def __init__(self, n_losses, strength):
        ones = np.ones(n_losses)
        self.single = n_losses == 1 or np.isinf(strength)
        if not self.single:
            self.upper = MaskTrimming(ones, (n_losses + 1) / 2, strength)
            self.lower = MaskTrimming(ones, (n_losses - 1) / 2, strength)

    def __call__(self, losses):
        """Return the soft median and its gradient."""
        if self.single:
            return losses.mean(), np.full(len(losses), 1 / len(losses))
        upper, lower = self.upper(losses), self.lower(losses)
        return upper[0] - lower[0], upper[1] - lower[1]


def _median_of_fits(design, z, blocks):
    """Return the median, column by column, of the least squares fits of the blocks."""
    fits = []
    for block in np.unique(blocks):
        rows = design.take(np.flatnonzero(blocks == block))
        fits.append(rows.solve(np.ones(rows.shape[0]), z[blocks == block]))
    return np.median(fits, axis=0)
