# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft neighbours that vote for classes, and the transformer they train."""

import numpy as np
from scipy.linalg import eigh
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from sksoft.neighbors._base import SoftNeighborsBase
from sksoft.neighbors._votes import ClassVote


class ClassNeighborsBase(SoftNeighborsBase):
    """An embedding in which soft neighbours are of the same class."""

    _losses = ("log", "linear")

    def _encoded(self, y, reset, weight, classes=None):
        check_classification_targets(y)
        if reset:
            seen = np.unique(y)
            self.classes_ = seen if classes is None else np.unique(classes)
        codes = np.searchsorted(self.classes_, y)
        codes = np.minimum(codes, len(self.classes_) - 1)
        unknown = self.classes_[codes] != y
        if unknown.any():
            raise ValueError(
                f"y must hold classes among {self.classes_.tolist()}, got "
                f"{y[unknown][0]!r}."
            )
        return codes

    def _training_vote(self):
        return ClassVote(self._targets, self.loss)

    def _training_k(self, targets, weight):
        # More neighbours than half of the others of a class cannot all be of it.
        sizes = np.bincount(targets, weight, len(self.classes_))
        most = np.maximum(np.floor((sizes - 1.0) / 2.0), 1.0)
        return np.minimum(float(self.n_neighbors), most)[targets]

    def _loo_score(self, Z, queries):
        k = np.full(len(Z), float(self.n_neighbors))
        strength = 0.0 if self.vote == "hard" else self.regularization_strength_
        left_out = self._leave_one_out(self._training_vote(), strength, k)
        codes = left_out.predicted_classes(Z, queries, len(self.classes_))
        weight = None if self._weight is None else self._weight[queries]
        return np.average(codes == self._targets[queries], weights=weight)

    def _discriminant_components(self, X, targets, weight, n_components):
        """Return the directions that tell classes apart best, whitened within them."""
        weight = np.ones(len(X)) if weight is None else weight
        sizes = np.bincount(targets, weight, len(self.classes_))
        indicator = np.eye(len(self.classes_))[targets] * weight[:, None]
        means = (indicator.T @ X) / np.maximum(sizes, np.finfo(float).tiny)[:, None]
        inner = X - means[targets]
        within = (inner * weight[:, None]).T @ inner / weight.sum()
        between = (means * sizes[:, None]).T @ means / weight.sum()
        # Directions without spread get a little, so that they can be whitened.
        within += 1e-6 * np.eye(X.shape[1])
        return eigh(between, within)[1].T[::-1][:n_components]


class SoftKNeighborsClassifier(ClassifierMixin, ClassNeighborsBase):
    """Classify by the soft vote of nearest neighbours in a learnt embedding.

    The embedding, linear or a linear map plus a small multilayer perceptron, is trained
    so that the soft top-k neighbours of each sample, itself left out, are of its class.
    The mask of the neighbours is :func:`sksoft.soft_topk` of the squared distances, the
    probability of a class its share in the mask.
    """

    _votes = ("soft", "hard")

    def __init__(
        self,
        n_neighbors=5,
        *,
        n_components=None,
        hidden_layer_sizes=(),
        regularization_strength=0.3,
        regularization="entropic",
        loss="log",
        init="auto",
        alpha="auto",
        n_candidates="auto",
        solver="auto",
        batch_size="auto",
        n_templates=2000,
        learning_rate_init="auto",
        max_iter="auto",
        tol=1e-5,
        early_stopping=False,
        dropout=0.2,
        vote="soft",
        warm_start=False,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        super().__init__(
            n_neighbors=n_neighbors,
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            regularization_strength=regularization_strength,
            regularization=regularization,
            loss=loss,
            init=init,
            alpha=alpha,
            n_candidates=n_candidates,
            solver=solver,
            batch_size=batch_size,
            n_templates=n_templates,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            dropout=dropout,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.vote = vote
        self.n_jobs = n_jobs

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train by one pass over more samples, which are added to the templates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More training samples.

        y : array-like of shape (n_samples,)
            Their classes.

        classes : array-like of shape (n_classes,), default=None
            All classes there will ever be, needed in the first call unless `fit` came
            before or the first samples show them all.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : SoftKNeighborsClassifier
            The fitted estimator.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict_proba(self, X):
        """Return the share of each class in the vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to one.
        """
        candidates, p, weight = self._selected(X)
        vote = self._training_vote()
        shares = vote.shares(candidates, p, weight, len(self.classes_))
        return shares.astype(self.components_.dtype, copy=False)

    def predict_log_proba(self, X):
        """Return the logarithms of the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Minus infinity for a class without a vote.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X):
        """Return the class with the largest share in the vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Their classes; the first in ``classes_`` of those that tie.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]


class SoftNeighborhoodComponents(ClassNeighborsBase):
    """Learn an embedding in which soft neighbours are of the same class."""

    def __init__(
        self,
        n_components=None,
        *,
        n_neighbors=5,
        hidden_layer_sizes=(),
        regularization_strength=0.3,
        regularization="entropic",
        loss="log",
        init="auto",
        alpha="auto",
        n_candidates="auto",
        solver="auto",
        batch_size="auto",
        n_templates=2000,
        learning_rate_init="auto",
        max_iter="auto",
        tol=1e-5,
        early_stopping=False,
        dropout=0.2,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_neighbors=n_neighbors,
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            regularization_strength=regularization_strength,
            regularization=regularization,
            loss=loss,
            init=init,
            alpha=alpha,
            n_candidates=n_candidates,
            solver=solver,
            batch_size=batch_size,
            n_templates=n_templates,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            dropout=dropout,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
