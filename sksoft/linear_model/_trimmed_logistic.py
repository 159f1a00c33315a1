# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Logistic regression on the rows whose labels it can believe."""

import numpy as np
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._optimize import fit_progress, minimize
from sksoft._sklearn_compat import (
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from sksoft._validation import (
    check_flag,
    check_fraction,
    nonnegative_number,
    positive_integer,
    positive_number,
)
from sksoft._weighted import robust_units
from sksoft.linear_model._design import Design, Standardizer, whitener
from sksoft.linear_model._trimming import MaskTrimming


class TrimmedLogisticRegression(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Logistic regression that ignores rows whose labels look wrong.

    In each class the rows with the largest logistic losses are left out, by soft
    weights ``w`` between 0 and 1 that are found together with the coefficients:

    ``min of 1/2 norm(coef)^2 + C sum(w loss + epsilon / 2 w^2)``, where the weights of
    each class have the sum ``(1 - trim_fraction)`` times its number of rows.

    Parameters
    ----------
    trim_fraction : float, default=0.25
        Share of the rows of each class that is left out, in [0, 1). It should be at
        least the share of wrong labels.

    regularization_strength : float, default=1.0
        Softness ``epsilon`` of the choice of rows, in units of the logistic loss, which
        is 0.69 for a row on the border. 0 is hard trimming; infinity weights all rows
        alike.

    C : float, default=1.0
        Inverse of the strength of the ridge penalty, as in
        :class:`sklearn.linear_model.LogisticRegression`.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=200
        Largest number of iterations from each start.

    tol : float, default=1e-8
        Tolerance on the gradient of the mean loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients; one row for two classes.

    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.

    sample_weights_ : ndarray of shape (n_samples,)
        Weight of each row in the fit, between 0 and 1.

    outlier_mask_ : ndarray of shape (n_samples,)
        Whether the weight of a row is less than a half.

    objective_ : float
        The objective at the solution.

    loss_curve_ : list of float
        Objective over ``C`` times the weight of all rows, at each iteration.

    n_iter_ : int
        Number of iterations from the best start.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if they have names.

    See Also
    --------
    sklearn.linear_model.LogisticRegression : Believes every label.
    LeastTrimmedSquaresRegressor : The same idea for regression.

    Notes
    -----
    The probabilities are those of the kept rows, which agree with the model better than
    all rows do: they are too sure of themselves where no label is wrong.

    References
    ----------
    .. [1] A. S. Hadi and A. Luceno (1997). Maximum trimmed likelihood estimators: a
       unified approach, examples, and algorithms. Computational Statistics & Data
       Analysis 25(3), 251-272.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.linear_model import TrimmedLogisticRegression
    >>> X = np.linspace(-2, 2, 40)[:, np.newaxis]
    >>> y = (X.ravel() > 0).astype(int)
    >>> y[:5] = 1
    >>> clf = TrimmedLogisticRegression().fit(X, y)
    >>> clf.predict([[-2.0], [2.0]])
    array([0, 1])
    >>> bool(clf.outlier_mask_[:5].all())
    True
    """

    def __init__(
        self,
        *,
        trim_fraction=0.25,
        regularization_strength=1.0,
        C=1.0,
        fit_intercept=True,
        max_iter=200,
        tol=1e-8,
    ):
        self.trim_fraction = trim_fraction
        self.regularization_strength = regularization_strength
        self.C = C
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: 2 is a repetition, 0 is absence.

        Returns
        -------
        self : TrimmedLogisticRegression
            Fitted estimator.
        """
        self._check_parameters()
        X, y = validate_data(
            self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32]
        )
        check_classification_targets(y)
        weight = check_sample_weight(sample_weight, X)
        present = weight > 0
        self.classes_, labels = np.unique(y[present], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "y must hold at least two classes in rows of positive weight, got one "
                f"class: {self.classes_.tolist()}."
            )
        standardizer = Standardizer(X[present], weight[present], self.fit_intercept)
        standardizer.y_centre, standardizer.y_scale = 0.0, 1.0
        design = standardizer.design(X[present], weight[present], 1 / self.C)
        problem = _Problem(design, labels, len(self.classes_), self)
        with fit_progress(self, X, y) as progress:
            solution, mask = self._search(problem, standardizer, progress)
        self._store_coefficients(problem, standardizer, solution.x, X.dtype)
        self.sample_weights_ = np.zeros(len(y))
        self.sample_weights_[present] = mask
        self.outlier_mask_ = self.sample_weights_ < 0.5
        self.objective_ = solution.value * self.C * design.total
        self.loss_curve_ = solution.loss_curve
        self.n_iter_ = max(solution.n_iter, 1)
        return self

    def _check_parameters(self):
        check_fraction(self.trim_fraction, "trim_fraction", 1, below=True)
        for name in ("regularization_strength", "tol"):
            nonnegative_number(getattr(self, name), name, finite=False)
        positive_number(self.C, "C", finite=False)
        positive_integer(self.max_iter, "max_iter")
        check_flag(self.fit_intercept, "fit_intercept")

    def _search(self, problem, standardizer, progress):
        """Descend from each start; return the best solution and its mask."""

        def attributes(parameters):
            coef, intercept = self._coefficients(problem, standardizer, parameters)
            return {
                "coef_": coef,
                "intercept_": intercept,
                "classes_": self.classes_,
            }

        best = None
        for start in problem.starts():
            solution = minimize(
                problem.objective(problem.trimmed),
                start,
                max_iter=self.max_iter,
                tol=self.tol,
                progress=progress,
                attributes=attributes,
            )
            if best is None or solution.value < best.value:
                best = solution
        return best, problem.trimmed(problem.losses(best.x))[1]

    def _coefficients(self, problem, standardizer, parameters):
        pairs = [
            standardizer.to_original(column) for column in problem.columns(parameters).T
        ]
        return np.array([coef for coef, _ in pairs]), np.array([b for _, b in pairs])

    def _store_coefficients(self, problem, standardizer, parameters, dtype):
        coef, intercept = self._coefficients(problem, standardizer, parameters)
        self.coef_, self.intercept_ = coef.astype(dtype), intercept.astype(dtype)

    def decision_function(self, X):
        """Return the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the score of the second.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        scores = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X):
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([special.expit(-scores), special.expit(scores)])
        return special.softmax(scores, axis=1)

    def predict(self, X):
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return self.classes_[(scores > 0).astype(np.intp)]
        return self.classes_[np.argmax(scores, axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _Problem:
    """Logistic losses of all rows, their trimmed sums, and where to start.

    Parameters are coefficients in whitened coordinates, class by class; for two classes
    those of the second only.
    """

    def __init__(self, design, labels, n_classes, estimator):
        self.design = design
        self.labels = labels
        self.estimator = estimator
        self.n_columns = 1 if n_classes == 2 else n_classes
        curvature = Design(
            design.matrix, design.sample_weight, 4 * design.penalty, design.weighted
        ).gram(np.ones(len(labels)))
        self.transform = whitener(curvature) * np.sqrt(4 * design.total)
        self.onehot = labels[:, None] == np.arange(n_classes)
        self.classes = []
        for rows in self.onehot.T:
            weight = np.ascontiguousarray(design.sample_weight[rows])
            kept = (1 - estimator.trim_fraction) * weight.sum()
            trimming = MaskTrimming(weight, kept, estimator.regularization_strength)
            self.classes.append((rows, trimming))

    def columns(self, parameters):
        """Return the coefficients in standardised units, one column a class."""
        return self.transform @ parameters.reshape(-1, self.n_columns)

    def _losses_and_slopes(self, scores):
        """Return the losses and their derivatives by the scores."""
        if self.n_columns == 1:
            sign = np.where(self.onehot[:, 1], 1.0, -1.0)
            margin = sign * scores[:, 0]
            slopes = -sign * special.expit(-margin)
            return np.logaddexp(0.0, -margin), slopes[:, None]
        logarithms = scores - special.logsumexp(scores, axis=1, keepdims=True)
        return -logarithms[self.onehot], np.exp(logarithms) - self.onehot

    def losses(self, parameters):
        """Return the losses of all rows."""
        return self._losses_and_slopes(self.design.matrix @ self.columns(parameters))[0]

    def trimmed(self, losses):
        """Return the sum of the soft sums of the classes, and the mask."""
        strength, value = self.estimator.regularization_strength, 0.0
        mask = np.ones(len(losses))
        if self.estimator.trim_fraction == 0 or np.isinf(strength):
            mask *= 1 - self.estimator.trim_fraction
            return self.design.sample_weight * mask @ losses, mask
        for rows, trimming in self.classes:
            part, mask[rows] = trimming(losses[rows])
            value += part
        return value, mask

    def objective(self, trimmed):
        """Return the function to minimise, of value near 1."""
        matrix, unit = self.design.matrix, self.design.total

        def evaluate(parameters):
            coefs = self.columns(parameters)
            losses, slopes = self._losses_and_slopes(matrix @ coefs)
            value, mask = trimmed(losses)
            slopes *= (self.design.sample_weight * mask)[:, None]
            penalty = self.design.penalty[:, None] * coefs
            gradient = self.transform.T @ (matrix.T @ slopes + penalty)
            value += 0.5 * np.sum(penalty * coefs)
            return value / unit, gradient.ravel() / unit

        return evaluate

    def starts(self):
        """Yield starts: all rows believed, and the compact half of each class."""
        weight = self.design.sample_weight
        origin = np.zeros(self.transform.shape[1] * self.n_columns)
        everything = np.ones(len(self.labels))
        masks = [everything]
        if self.estimator.trim_fraction > 0:
            masks.append(self._compact_halves())
        for mask in masks:

            def fixed(losses, mask=mask):
                return weight * mask @ losses, mask

            yield minimize(self.objective(fixed), origin, max_iter=1000, tol=1e-3).x

    def _compact_halves(self):
        """Return the mask of the half of each class nearest to its median."""
        mask = np.zeros(len(self.labels))
        for rows, trimming in self.classes:
            own = self.design.take(np.flatnonzero(rows)).matrix
            centre, _ = robust_units(own, trimming.sample_weight, True)
            distance = np.abs(np.tanh(own - centre)).sum(axis=1)
            half = MaskTrimming(trimming.sample_weight, 0.5 * trimming.kept, 0.0)
            mask[rows] = half(distance)[1]
        return mask
