# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classification that is judged by the first k classes."""

import numpy as np
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
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
    positive_number,
)
from sksoft.losses._labels import (
    CrossEntropy,
    SmoothTopKSVM,
    TopKCrossEntropy,
    TopKRanking,
    checked_k,
)
from sksoft.losses._rows import LabelObjective
from sksoft.ranking._scorer import Scorer, ScorerMixin

LOSSES = ("ranking", "cross_entropy", "svm")


class TopKLogisticRegression(
    CallbackSupportMixin, ScorerMixin, ClassifierMixin, BaseEstimator
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

    C : float, default=1.0
        Inverse of the penalty of the squared coefficients, positive, as in
        :class:`sklearn.linear_model.LogisticRegression`.

    regularization_strength : float, default=0.3
        Softness of the top-k loss, positive. In units of the scores for "cross_entropy"
        and "svm"; for "ranking" in units of a gap between scores that are squashed to
        [0, 1] and evenly spaced, ``1 / (n_classes - 1)``.

    fit_intercept : bool, default=True
        Whether the scores have an intercept.

    max_iter : int, default=200
        Largest number of iterations of L-BFGS, of each of the two fits.

    tol : float, default=1e-4
        The fit ends when no entry of the gradient exceeds this, in units of the
        standard deviation of the scores.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.

    coef_ : ndarray of shape (n_classes, n_features)
        Coefficients of the scores.

    intercept_ : ndarray of shape (n_classes,)
        Intercepts of the scores.

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

    def __init__(
        self,
        *,
        k=3,
        mix=0.5,
        loss="cross_entropy",
        C=1.0,
        regularization_strength=0.3,
        fit_intercept=True,
        max_iter=200,
        tol=1e-4,
    ):
        self.k = k
        self.mix = mix
        self.loss = loss
        self.C = C
        self.regularization_strength = regularization_strength
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fit the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,)
            The classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight is a repetition of the sample.

        Returns
        -------
        self : TopKLogisticRegression
            The fitted estimator.
        """
        checked_k(self.k, np.inf)
        check_fraction(self.mix, "mix", 1.0)
        check_option(self.loss, "loss", LOSSES)
        positive_number(self.C, "C", finite=False)
        strength = positive_number(
            self.regularization_strength, "regularization_strength"
        )
        check_flag(self.fit_intercept, "fit_intercept")
        positive_integer(self.max_iter, "max_iter")
        nonnegative_number(self.tol, "tol")
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        weight = check_sample_weight(sample_weight, X)
        kept = weight > 0.0
        X, weight = X[kept], weight[kept]
        self.classes_, labels = np.unique(y[kept], return_inverse=True)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                "The number of classes has to be greater than one; got 1 class."
            )

        shape = (len(X), n_classes)
        entropy = LabelObjective(CrossEntropy(), shape, labels, weight)
        rate = 1.0 / (self.C * weight.sum())
        # About the curvature of the cross entropy in a score.
        curvature = (n_classes - 1.0) / n_classes**2
        scorer = Scorer(
            X, weight, n_classes, (), self.fit_intercept, 1.0 / (self.C * curvature)
        )
        start = scorer.start(np.zeros(shape), None)

        def fitted(params):
            found = scorer.attributes(params)
            return {name: found[name] for name in ("coef_", "intercept_")}

        with fit_progress(self, X, y) as progress:
            if self.mix == 1.0 or self.k >= n_classes:
                self._fit_scorer(scorer, start, entropy, rate, progress, fitted)
                return self
            start = self._first_fit(scorer, start, entropy, rate)
            topk = LabelObjective(
                self._topk_loss(strength, n_classes), shape, labels, weight
            )

            def mixed(scores):
                first, slope = entropy(scores)
                second, change = topk(scores)
                value = self.mix * first + (1.0 - self.mix) * second
                return value, self.mix * slope + (1.0 - self.mix) * change

            self._fit_scorer(scorer, start, mixed, rate, progress, fitted)
        return self

    def _topk_loss(self, strength, n_classes):
        if self.loss == "ranking":
            return TopKRanking(
                self.k, strength / (n_classes - 1.0), "permutahedron", None
            )
        loss = TopKCrossEntropy if self.loss == "cross_entropy" else SmoothTopKSVM
        return loss(self.k, strength)

    def _all_scores(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_.T + self.intercept_

    def decision_function(self, X):
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

    def predict(self, X):
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

    def predict_topk(self, X, k=None):
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

    def predict_log_proba(self, X):
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

    def predict_proba(self, X):
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
