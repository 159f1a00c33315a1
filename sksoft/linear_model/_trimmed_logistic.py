# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Logistic regression on the rows whose labels it can believe."""

import warnings
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._documentation import DocumentationLinkMixin
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._optimize import fit_progress, minimize
from sksoft._parameters import (
    check_parameters,
    class_weights,
    fraction,
    integer,
    nonnegative_or_infinite,
    positive_or_infinite,
    verbosity,
)
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import check_flag
from sksoft._weighted import as_counts, keep_smallest, positive_rows, robust_units
from sksoft._whole_fit import whole_fit
from sksoft.linear_model._design import (
    Units,
    feature_units,
    make_design,
    to_original,
    to_standard,
    whitener,
)
from sksoft.linear_model._trimming import MaskTrimming

# The scores of classes are in units of their own.
NO_UNITS = Units(0.0, 1.0)


class TrimmedLogisticRegression(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    ClassifierMixin,
    BaseEstimator,
):
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
        Inverse of the penalty of the squared coefficients, positive, as in
        :class:`sklearn.linear_model.LogisticRegression`.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in
        :class:`sklearn.linear_model.LogisticRegression`: they multiply those of the
        samples. "balanced" takes the inverse of the frequencies.

    max_iter : int, default=200
        Largest number of iterations from each start.

    tol : float, default=1e-8
        Tolerance on the gradient of the mean loss.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one: its coefficients
        are one more start.

    verbose : int, default=0
        Whether the loss of each iteration is printed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients; one row for two classes.

    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.

    regularization_strength_ : float
        Absolute strength ``epsilon``: the loss has a unit of its own, so it is
        ``regularization_strength``.

    sample_weights_ : ndarray of shape (n_samples,)
        Weight of each row in the fit, between 0 and 1. Rows of `sample_weight` 0 have
        the weight that their losses would have.

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

    _parameter_checks = {
        "trim_fraction": fraction(1, below=True),
        "regularization_strength": nonnegative_or_infinite,
        "C": positive_or_infinite,
        "fit_intercept": check_flag,
        "class_weight": class_weights,
        "max_iter": integer(1),
        "tol": nonnegative_or_infinite,
        "warm_start": check_flag,
        "verbose": verbosity,
    }

    def __init__(
        self,
        *,
        trim_fraction: float = 0.25,
        regularization_strength: float = 1.0,
        C: float = 1.0,
        fit_intercept: bool = True,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        max_iter: int = 200,
        tol: float = 1e-8,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.trim_fraction = trim_fraction
        self.regularization_strength = regularization_strength
        self.C = C
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    @with_callbacks
    @whole_fit
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Whole numbers are repetitions: 2 counts a row twice, 0
            leaves it out. Of other weights only the ratios count: they are brought to
            mean one over the rows that have any.

        Returns
        -------
        self : TrimmedLogisticRegression
            Fitted estimator.
        """
        check_parameters(self)
        X, y = validate_data(
            self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32]
        )
        check_classification_targets(y)
        present, weight = positive_rows(sample_weight, X)
        classes, labels = np.unique(y[present], return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                "y must hold at least two classes in rows of positive weight, got one "
                f"class: {classes.tolist()}."
            )
        weight = _weighted_classes(as_counts(weight), classes, labels, self)
        used = X[present]
        units = feature_units(used, weight, self.fit_intercept, 1 / self.C)
        design = make_design(used, weight, units, self.fit_intercept, 1 / self.C)
        losses = Losses(labels, len(classes))
        trimming = class_trimming(
            design, labels, self.trim_fraction, self.regularization_strength
        )
        transform = _whitening(design)

        def original(parameters):
            columns = transform @ parameters.reshape(-1, losses.n_columns)
            pairs = [to_original(column, units, NO_UNITS) for column in columns.T]
            coef, intercept = zip(*pairs, strict=True)
            return {
                "coef_": np.array(coef),
                "intercept_": np.array(intercept),
                "classes_": classes,
            }

        starts = find_starts(
            design, labels, losses, transform, self.trim_fraction, self.max_iter
        )
        if self.warm_start and self._previous_fits(classes, X.shape[1]):
            starts.append(self._previous(units, transform))
        objective = make_objective(design, losses, trimming, transform)
        with fit_progress(self, used, y[present], sample_weight=weight) as progress:
            solutions = [
                minimize(
                    objective,
                    start,
                    max_iter=self.max_iter,
                    tol=self.tol,
                    progress=progress,
                    attributes=original,
                    warn=False,
                )
                for start in starts
            ]
        solution = min(solutions, key=lambda solution: solution.value)
        if solution.message:
            warnings.warn(solution.message, ConvergenceWarning, stacklevel=2)
        found = original(solution.x)
        scores = design.matrix @ (transform @ solution.x.reshape(-1, losses.n_columns))
        mask = trimming(losses(scores)[0])[1]
        self.classes_ = classes
        self.coef_ = found["coef_"].astype(X.dtype)
        self.intercept_ = found["intercept_"].astype(X.dtype)
        self.sample_weights_ = self._weights_of_all_rows(
            X, y, present, labels, losses(scores)[0], mask
        )
        self.outlier_mask_ = self.sample_weights_ < 0.5
        self.regularization_strength_ = float(self.regularization_strength)
        self.objective_ = solution.value * self.C * design.total
        self.loss_curve_ = solution.loss_curve
        self.n_iter_ = max(solution.n_iter, 1)
        return self

    def _previous_fits(self, classes, n_features):
        """Return whether the previous fit can be a start of this one."""
        return (
            hasattr(self, "coef_")
            and np.array_equal(self.classes_, classes)
            and self.coef_.shape[1] == n_features
        )

    def _previous(self, units, transform):
        """Return the previous coefficients as parameters."""
        columns = [
            to_standard(coef, intercept, units, NO_UNITS, self.fit_intercept)
            for coef, intercept in zip(self.coef_, self.intercept_, strict=True)
        ]
        return (np.linalg.pinv(transform) @ np.transpose(columns)).ravel()

    def _weights_of_all_rows(self, X, y, present, labels, losses, mask):
        """Return the weights that rows have or, absent from the fit, would have."""
        weights = np.zeros(len(y))
        weights[present] = mask
        if isinstance(present, slice):
            return weights
        probabilities = self.predict_log_proba(X[~present])
        rest = np.flatnonzero(~present)
        for code, label in enumerate(self.classes_):
            own = np.flatnonzero(labels == code)
            order = own[np.argsort(losses[own])]
            rows = y[rest] == label
            weights[rest[rows]] = np.interp(
                -probabilities[rows, code], losses[order], mask[order]
            )
        return weights

    def decision_function(self, X: Any) -> NDArray[Any]:
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

    def predict_proba(self, X: Any) -> NDArray[Any]:
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

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        logarithms : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack(
                [-np.logaddexp(0.0, scores), -np.logaddexp(0.0, -scores)]
            ).astype(scores.dtype, copy=False)
        return special.log_softmax(scores, axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
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


class Losses:
    """Logistic losses of scores: one column for two classes, else one a class.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Numbers of the classes.

    n_classes : int
        Their number.
    """

    def __init__(self, labels: ArrayLike, n_classes: int) -> None:
        self.n_columns = 1 if n_classes == 2 else n_classes
        self.onehot = labels[:, None] == np.arange(n_classes)
        self.sign = np.where(self.onehot[:, 1], 1.0, -1.0)

    def __call__(self, scores):
        """Return the losses and their derivatives by the scores."""
        if self.n_columns == 1:
            margin = self.sign * scores[:, 0]
            slopes = -self.sign * special.expit(-margin)
            return np.logaddexp(0.0, -margin), slopes[:, None]
        logarithms = special.log_softmax(scores, axis=1)
        return -logarithms[self.onehot], np.exp(logarithms) - self.onehot


def _weighted_classes(weight, classes, labels, estimator):
    """Return the weights of rows times those of their classes."""
    if estimator.class_weight is None:
        return weight
    if weight is None:
        weight = np.ones(len(labels))
    if isinstance(estimator.class_weight, str):
        factors = weight.sum() / (len(classes) * np.bincount(labels, weight))
    else:
        known = dict.fromkeys(classes.tolist(), 1.0)
        unknown = [label for label in estimator.class_weight if label not in known]
        if unknown:
            raise ValueError(
                f"class_weight must hold labels of y, got {unknown[0]!r}; the classes "
                f"are {list(known)}."
            )
        known |= estimator.class_weight
        factors = np.array([float(known[label]) for label in classes.tolist()])
        if not factors.any():
            raise ValueError(
                "class_weight must be positive for a class of y, got only zeros."
            )
    return weight * factors[labels]


def _whitening(design):
    """Return the map of whitened to standardised coefficients."""
    gram = design.with_penalty(4 * design.penalty).gram(np.ones(design.shape[0]))
    return whitener(gram) * np.sqrt(4 * design.total)


def class_trimming(design, labels, trim_fraction, strength):
    """Return the map of losses to the sum of the classes' trimmed sums and the mask."""
    weight = design.sample_weight
    if trim_fraction == 0 or np.isinf(strength):
        mask = np.full(len(labels), 1.0 - trim_fraction)
        return lambda losses: (weight * mask @ losses, mask)
    parts = []
    for code in np.unique(labels):
        rows = labels == code
        own = np.ascontiguousarray(weight[rows])
        if own.any():
            kept = (1 - trim_fraction) * own.sum()
            parts.append((rows, MaskTrimming(own, kept, strength)))

    def trimmed(losses):
        value, mask = 0.0, np.ones(len(losses))
        for rows, trimming in parts:
            part, mask[rows] = trimming(losses[rows])
            value += part
        return value, mask

    return trimmed


def make_objective(design, losses, trimming, transform):
    """Return the function of whitened parameters to minimise, of value near 1."""
    matrix, unit = design.matrix, design.total

    def objective(parameters):
        coefs = transform @ parameters.reshape(-1, losses.n_columns)
        each, slopes = losses(matrix @ coefs)
        value, mask = trimming(each)
        slopes = slopes * (design.sample_weight * mask)[:, None]
        penalty = design.penalty[:, None] * coefs
        gradient = transform.T @ (matrix.T @ slopes + penalty)
        value += 0.5 * np.sum(penalty * coefs)
        return value / unit, gradient.ravel() / unit

    return objective


def find_starts(design, labels, losses, transform, trim_fraction, max_iter):
    """Return starts: all rows believed, and the compact half of each class."""
    weight = design.sample_weight
    masks = [np.ones(len(labels))]
    if trim_fraction > 0:
        masks.append(_compact_halves(design, labels, trim_fraction))
    origin = np.zeros(transform.shape[1] * losses.n_columns)
    starts = []
    for mask in masks:

        def fixed(each, mask=mask):
            return weight * mask @ each, mask

        objective = make_objective(design, losses, fixed, transform)
        solution = minimize(objective, origin, max_iter=max_iter, tol=1e-3, warn=False)
        starts.append(solution.x)
    return starts


def _compact_halves(design, labels, trim_fraction):
    """Return the mask of the half of each class nearest to its median."""
    mask = np.zeros(len(labels))
    for code in np.unique(labels):
        rows = np.flatnonzero(labels == code)
        own, weight = design.take(rows).matrix, design.sample_weight[rows]
        if not weight.any():
            continue
        centre, _ = robust_units(own, weight, True)
        distance = np.abs(np.tanh(own - centre)).sum(axis=1)
        half = 0.5 * (1 - trim_fraction) * weight.sum()
        mask[rows], _ = keep_smallest(distance, half, weight)
    return mask
