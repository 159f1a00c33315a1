# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear regression by the median of the mean losses of blocks of rows."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._optimize import fit_progress, minimize
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import check_flag, nonnegative_number, positive_integer
from sksoft._weighted import robust_scale
from sksoft.linear_model._design import Standardizer, whitener
from sksoft.linear_model._trimming import MaskTrimming


class MedianOfMeansRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
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

    random_state : int, RandomState instance or None, default=None
        Draws the partitions.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.

    intercept_ : float
        Intercept.

    n_blocks_ : int
        Number of blocks.

    breakdown_point_ : float
        Share of wrong rows that can spoil the fit, half the blocks.

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

    def __init__(
        self,
        *,
        n_blocks="auto",
        n_partitions=10,
        regularization_strength=1.0,
        fit_intercept=True,
        max_iter=500,
        tol=1e-4,
        random_state=None,
    ):
        self.n_blocks = n_blocks
        self.n_partitions = n_partitions
        self.regularization_strength = regularization_strength
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @with_callbacks
    def fit(self, X, y):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            Target values.

        Returns
        -------
        self : MedianOfMeansRegressor
            Fitted estimator.
        """
        self._check_parameters()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            y_numeric=True,
        )
        standardizer = Standardizer(X, None, self.fit_intercept)
        y = y.astype(np.float64, copy=False)
        standardizer.fit_target(y, None)
        design = standardizer.design(X, None, 0.0)
        y = (y - standardizer.y_centre) / standardizer.y_scale
        self.n_blocks_ = self._count_blocks(*design.shape)
        rng = check_random_state(self.random_state)
        order = np.arange(len(y)) % self.n_blocks_
        blocks = [rng.permutation(order) for _ in range(self.n_partitions)]
        start = _median_of_fits(design, y, blocks[0])
        with fit_progress(self, X, y) as progress:
            coef, solution = self._descend(
                design, y, blocks, start, standardizer, progress
            )
        slopes, intercept = standardizer.to_original(coef)
        self.coef_ = slopes.astype(X.dtype)
        self.intercept_ = X.dtype.type(intercept)
        self.breakdown_point_ = np.ceil(self.n_blocks_ / 2) / len(y)
        self.loss_curve_ = solution.loss_curve
        self.n_iter_ = max(solution.n_iter, 1)
        return self

    def _check_parameters(self):
        if not (isinstance(self.n_blocks, str) and self.n_blocks == "auto"):
            positive_integer(self.n_blocks, "n_blocks")
        for name in ("n_partitions", "max_iter"):
            positive_integer(getattr(self, name), name)
        for name in ("regularization_strength", "tol"):
            nonnegative_number(getattr(self, name), name, finite=False)
        check_flag(self.fit_intercept, "fit_intercept")

    def _count_blocks(self, n_samples, n_columns):
        if isinstance(self.n_blocks, str):
            return max((n_samples // (2 * n_columns) - 1) // 2 * 2 + 1, 1)
        if self.n_blocks > n_samples:
            raise ValueError(
                f"n_blocks must be at most n_samples = {n_samples}, got "
                f"{self.n_blocks}."
            )
        return self.n_blocks

    def _descend(self, design, y, blocks, start, standardizer, progress):
        """Minimise the averaged soft median from the start."""
        n_blocks, matrix = self.n_blocks_, design.matrix
        size = np.bincount(blocks[0], minlength=n_blocks)
        residual = y - matrix @ start
        unit = robust_scale(residual) ** 2
        means = np.bincount(blocks[0], residual**2, n_blocks) / size
        spread = robust_scale(means - np.median(means))
        strength = self.regularization_strength * spread
        medians = [_SoftMedian(n_blocks, strength) for _ in blocks]
        near = residual**2 <= np.quantile(residual**2, 0.5)
        transform = whitener(design.gram(near)) * np.sqrt(near.sum() * unit)

        def objective(step):
            residual = y - matrix @ (start + transform @ step)
            losses = residual**2
            value, weight = 0.0, np.zeros(len(y))
            for labels, median in zip(blocks, medians, strict=True):
                means = np.bincount(labels, losses, n_blocks) / size
                part, slopes = median(means)
                value += part
                weight += (slopes / size)[labels]
            gradient = -2 * (transform.T @ (matrix.T @ (weight * residual)))
            scale = len(blocks) * unit
            return value / scale, gradient / scale

        def attributes(step):
            slopes, intercept = standardizer.to_original(start + transform @ step)
            return {"coef_": slopes, "intercept_": intercept}

        solution = minimize(
            objective,
            np.zeros(transform.shape[1]),
            max_iter=self.max_iter,
            tol=self.tol,
            progress=progress,
            attributes=attributes,
        )
        return start + transform @ solution.x, solution

    def predict(self, X):
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


def _median_of_fits(design, y, blocks):
    """Return the median, column by column, of the least squares fits of the blocks."""
    fits = []
    for block in np.unique(blocks):
        rows = design.take(np.flatnonzero(blocks == block))
        fits.append(rows.solve(np.ones(rows.shape[0]), y[blocks == block]))
    return np.median(fits, axis=0)
