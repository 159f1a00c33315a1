# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classification that is judged by the first k classes."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sksoft._documentation import DocumentationLinkMixin
from sksoft._features import validated
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._optimize import fit_progress
from sksoft._parameters import (
    check_parameters,
    class_weights,
    fraction,
    integer,
    one_of,
    positive_or_infinite,
    verbosity,
    word_or,
)
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import (
    check_flag,
    nonnegative_number,
    positive_integer,
    positive_number,
)
from sksoft._weighted import as_counts, positive_rows
from sksoft._whole_fit import whole_fit
from sksoft.losses._cross_entropy import CrossEntropy
from sksoft.losses._reduction import LabelObjective, checked_k
from sksoft.losses._topk_cross_entropy import TopKCrossEntropy
from sksoft.losses._topk_ranking import TopKRanking
from sksoft.losses._topk_svm import SmoothTopKSVM
from sksoft.ranking._design import Design
from sksoft.ranking._scorer import Scorer, ScorerMixin

# Inverses of smaller numbers could not be multiplied.
LEAST_C = 1e-300


class TopKLogisticRegression(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    ScorerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Logistic regression that puts the right class among the first k.

    Minimises ``mix`` times the cross entropy plus ``1 - mix`` times a loss that is
    small where the right class is among the k largest scores, beginning at the solution
    for the cross entropy.

    Parameters
    ----------
    k : int, default=3
        How many classes may be named, at least 1. With as many classes or fewer the
        cross entropy alone is minimised.

    mix : float, default=0.5
        Share of the cross entropy, between 0 and 1. 1 is logistic regression.

    loss : {"ranking", "cross_entropy", "svm"}, default="cross_entropy"
        The top-k loss: the excess of the right class's soft rank [1]_, minus the
        logarithm of its entry in the soft top-k mask [2]_, or the smoothed top-k
        hinge [3]_.

    C : float or "auto", default="auto"
        Inverse of the penalty of the squared coefficients, positive, as in
        :class:`sklearn.linear_model.LogisticRegression`. "auto" takes one by
        generalised cross-validation of ridge regression on the indicators of the
        classes, whose squares have about the curvature of the cross entropy where all
        classes are as likely.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in
        :class:`sklearn.linear_model.LogisticRegression`: they multiply those of the
        samples. "balanced" takes the inverse of the frequencies.

    regularization_strength : float, default=0.3
        Softness of the top-k loss, positive. In units of the scores for "cross_entropy"
        and "svm"; for "ranking" in units of a gap between scores that are squashed to
        [0, 1] and evenly spaced, ``1 / (n_classes - 1)``.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=200
        Largest number of iterations of L-BFGS, of each of the two fits.

    tol : float, default=1e-4
        The fit ends when no entry of the gradient exceeds this, in units of the
        standard deviation of the scores.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one, which must have
        had as many features and the same classes.

    verbose : int, default=0
        Whether the loss of each iteration is printed; those of the second
        fit where there are two.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.

    coef_ : ndarray of shape (n_classes, n_features) or (1, n_features)
        Coefficients of the scores; for two classes, of their difference.

    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts of the scores; for two classes, of their difference.

    C_ : float
        The inverse of the penalty.

    regularization_strength_ : float
        The strength of the top-k loss, in units of the scores; for "ranking", of the
        squashed scores.

    loss_curve_ : list of float
        The objective at the start and after each iteration of the second fit.

    n_iter_ : int
        Number of iterations of the second fit.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sklearn.metrics.top_k_accuracy_score : What is gained, at this k.
    sksoft.losses.topk_ranking_loss : The loss "ranking".

    Notes
    -----
    What is gained at k is lost at the first place: classes that are among the first k
    need not be told apart. The gain needs clean labels and little regularisation; with
    wrong labels the cross entropy is as good at every k. Probabilities are calibrated
    for ``mix=1`` only.

    References
    ----------
    .. [1] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.
    .. [2] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [3] Berrada, Zisserman and Kumar, "Smooth Loss Functions for Deep Top-k
       Classification", ICLR 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sksoft.ranking import TopKLogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = TopKLogisticRegression(k=2).fit(X, y)
    >>> classifier.predict_topk(X[[0, 60, 120]])
    array([[0, 1],
           [1, 0],
           [2, 1]])
    """

    _parameter_checks: ClassVar = {
        "k": positive_integer,
        "mix": fraction(1.0),
        "loss": one_of("ranking", "cross_entropy", "svm"),
        "C": word_or(("auto",), positive_or_infinite),
        "class_weight": class_weights,
        "regularization_strength": positive_number,
        "fit_intercept": check_flag,
        "max_iter": integer(1),
        "tol": nonnegative_number,
        "warm_start": check_flag,
        "verbose": verbosity,
    }

    def __init__(
        self,
        *,
        k: int = 3,
        mix: float = 0.5,
        loss: Literal["ranking", "cross_entropy", "svm"] = "cross_entropy",
        C: float | Literal["auto"] = "auto",
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        regularization_strength: float = 0.3,
        fit_intercept: bool = True,
        max_iter: int = 200,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.k = k
        self.mix = mix
        self.loss = loss
        self.C = C
        self.class_weight = class_weight
        self.regularization_strength = regularization_strength
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    @with_callbacks
    @whole_fit
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            The classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, which multiply the losses of samples beside the
            penalty, as in :class:`sklearn.linear_model.LogisticRegression`; an integer
            weight is a repetition of the sample.

        Returns
        -------
        self : TopKLogisticRegression
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If `max_iter` iterations do not suffice.
        """
        check_parameters(self)
        X, y = validated(self, X, y, reset=True, dtype=np.float64)
        check_classification_targets(y)
        rows, weight = positive_rows(sample_weight, X)
        X, y = X[rows], y[rows]
        weight = np.ones(len(X)) if weight is None else weight
        given = None if sample_weight is None else weight
        counts = as_counts(given)
        classes, labels = np.unique(y, return_inverse=True)
        n_classes = len(classes)
        if n_classes < 2:
            raise ValueError(
                "The number of classes has to be greater than one; got 1 class."
            )
        if self.class_weight is not None:
            weight = weight * _class_weights(self.class_weight, y, weight)

        shape = (len(X), n_classes)
        binary = n_classes == 2
        entropy = LabelObjective(CrossEntropy(), shape, labels, weight)
        # About the curvature of the cross entropy in a score.
        curvature = 0.25 if binary else (n_classes - 1.0) / n_classes**2
        design = Design(X, weight, self.fit_intercept)
        if self.C == "auto":
            indicators = (labels[:, np.newaxis] == np.arange(n_classes)).astype(float)
            # Weights of classes do not make rows more or fewer.
            n_free = len(X) if counts is None else counts.sum()
            penalty, alpha = design.penalty(
                indicators, n_free=n_free - self.fit_intercept
            )
            with np.errstate(over="ignore", divide="ignore"):
                C = float(1.0 / np.float64(alpha * curvature))
        else:
            penalty = design.in_units(1.0 / (max(self.C, LEAST_C) * curvature))
            C = float(self.C)
        scorer = Scorer(design, 1 if binary else n_classes, (), penalty)
        rate = curvature / weight.sum()

        def fitted(params):
            found = scorer.attributes(params)
            linear = {name: found[name] for name in ("coef_", "intercept_")}
            return {
                "classes_": classes,
                "C_": C,
                "regularization_strength_": strength,
                **linear,
            }

        strength = float(self.regularization_strength)
        if self.loss == "ranking":
            strength /= n_classes - 1.0
        objective = _of_one_score(entropy) if binary else entropy
        topk_counts = self.mix < 1.0 and self.k < n_classes
        if self.warm_start and hasattr(self, "coef_"):
            start = scorer.parameters(
                {**vars(self), "hidden_coefs_": [], "hidden_intercepts_": []}
            )
        else:
            start = scorer.start(np.zeros((len(X), scorer.n_outputs)), None)
            if topk_counts:
                start = self._first_fit(scorer, start, objective, rate)
        if topk_counts:
            loss = self._topk_loss(strength)
            topk = LabelObjective(loss, shape, labels, weight)
            mixed = _mixed(entropy, topk, self.mix)
            objective = _of_one_score(mixed) if binary else mixed
        with fit_progress(self, X, y, sample_weight=given) as progress:
            self._fit_scorer(scorer, start, objective, rate, progress, fitted)
        return self

    def _topk_loss(self, strength):
        if self.loss == "ranking":
            return TopKRanking(self.k, strength, "permutahedron", None)
        loss = TopKCrossEntropy if self.loss == "cross_entropy" else SmoothTopKSVM
        return loss(self.k, strength)

    def _all_scores(self, X):
        """Return the scores of all classes; of two, these are opposite."""
        check_is_fitted(self)
        X = validated(self, X, reset=False, dtype=np.float64)
        scores = X @ self.coef_.T + self.intercept_
        return _two_scores(scores) if len(self.classes_) == 2 else scores

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            The scores; for two classes, that of the second minus that of the first.
        """
        scores = self._all_scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the first class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        classes : ndarray of shape (n_samples,)
            The class of the largest score.
        """
        scores = self._all_scores(X)
        return self.classes_[np.argmax(scores, axis=1)]

    def predict_topk(self, X: ArrayLike, k: int | None = None) -> NDArray[Any]:
        """Return the first k classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        k : int, default=None
            How many, at most the number of classes; None takes that of the fit.

        Returns
        -------
        classes : ndarray of shape (n_samples, k)
            The classes of the k largest scores, the best first.
        """
        scores = self._all_scores(X)
        n_classes = len(self.classes_)
        k = min(self.k, n_classes) if k is None else checked_k(k, n_classes)
        return self.classes_[np.argsort(-scores, axis=1, kind="stable")[:, :k]]

    def predict_log_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The logarithm of the softmax of the scores.
        """
        return log_softmax(self._all_scores(X), axis=1)

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            The softmax of the scores.
        """
        return np.exp(self.predict_log_proba(X))


def _two_scores(difference):
    """Return opposite scores of two classes with a given difference."""
    return np.hstack([-0.5 * difference, 0.5 * difference])


def _of_one_score(objective):
    """Return the objective of two scores as one of their difference."""

    def evaluate(difference):
        value, gradient = objective(_two_scores(difference))
        return value, 0.5 * (gradient[:, 1:] - gradient[:, :1])

    return evaluate


def _mixed(first, second, share):
    """Return the sum of two objectives, the first one's share being given."""

    def evaluate(scores):
        value, gradient = first(scores)
        other, slope = second(scores)
        value = share * value + (1.0 - share) * other
        return value, share * gradient + (1.0 - share) * slope

    return evaluate


def _class_weights(class_weight, y, sample_weight):
    """Return the weight of each sample's class."""
    if class_weight != "balanced":
        return compute_sample_weight(class_weight, y)
    # Frequencies are those of the weighted samples.
    classes, labels = np.unique(y, return_inverse=True)
    mass = np.bincount(labels, weights=sample_weight)
    return (mass.sum() / (len(classes) * mass))[labels]
