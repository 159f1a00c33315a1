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
    _inits = ("auto", "identity", "pca", "lda")

    def _encoded(self, y, reset, weight, classes=None):
        check_classification_targets(y)
        if classes is not None:
            classes = np.unique(classes)
            if len(classes) == 0:
                raise ValueError("classes must hold at least one class, got none.")
            if not (reset or np.array_equal(classes, self.classes_)):
                raise ValueError(
                    f"classes must be those of the first call, "
                    f"{self.classes_.tolist()}, got {classes.tolist()}."
                )
        if reset:
            self.classes_ = np.unique(y) if classes is None else classes
        codes = np.searchsorted(self.classes_, y)
        codes = np.minimum(codes, len(self.classes_) - 1)
        unknown = self.classes_[codes] != y
        if unknown.any():
            raise ValueError(
                f"y must hold classes among {self.classes_.tolist()}, got "
                f"{y[unknown].tolist()[0]!r}."
            )
        return codes

    def _training_vote(self):
        return ClassVote(self._targets, self.loss)

    def _training_k(self, targets, weight):
        # More neighbours than half of the others of a class cannot all be of it.
        sizes = np.bincount(targets, weight, len(self.classes_))
        most = np.maximum(np.floor((sizes - 1.0) / 2.0), 1.0)
        return np.minimum(float(self.n_neighbors), most)[targets]

    def _loo_score(self, around, queries):
        vote = self._training_vote()
        left_out = self._leave_one_out(vote, self._vote_strength(), None)
        codes = left_out.predicted_classes(around, len(self.classes_))
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
    so that the soft top-k neighbours [1]_ of each sample, itself left out, are of its
    class. The mask of the neighbours is :func:`sksoft.soft_topk` of the squared
    distances; the probability of a class is its share in the mask.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbours vote, or all samples (their total weight) where there are
        fewer. In training no more than half of the others of
        a class: more cannot all be of it.

    n_components : int, default=None
        Dimension of the embedding, at most the number of features; as many by default.

    hidden_layer_sizes : tuple of int, default=()
        Widths of the hidden layers of rectified units that are added to the linear
        embedding; none by default.

    regularization_strength : float, default=0.3
        How soft the selection is: at least 0, in units of the median squared distance
        to the neighbour number `n_neighbors` in the starting embedding. 0 selects
        exactly that many, which leaves nothing to train: the estimator is then plain
        nearest neighbours.

    regularization : {"entropic", "l2"}, default="entropic"
        How the mask falls from 1 to 0 with the squared distance: as a logistic function
        or as a clipped linear one, for which 1 to 3 is a good strength.

    loss : {"log", "linear"}, default="log"
        Of the share c of a sample's class in the vote: ``-log(c + 0.05)``, bounded in
        view of wrong labels, or ``1 - c``.

    init : {"auto", "identity", "pca", "lda"} or array-like of shape \
            (n_components, n_features), default="auto"
        Where the linear part starts. "auto" is the identity, or the principal
        components if there are fewer components than features. "lda" takes
        directions that tell the classes apart, whitened within them.

    alpha : float or "auto", default="auto"
        Weight of half the squared distance of the parameters from their start. "auto"
        is 0.03 times the number of features over the number of samples.

    n_candidates : int, "auto" or None, default="auto"
        How many of the nearest samples may be selected at all, at least `n_neighbors`;
        "auto" is 10 times as many and 10 more, None all samples.

    solver : {"auto", "lbfgs", "adam"}, default="auto"
        L-BFGS over all samples, or Adam over minibatches. "auto" is L-BFGS for a linear
        embedding of at most 2000 samples without `early_stopping`.

    batch_size : int or "auto", default="auto"
        Number of samples that a step of Adam looks at; "auto" is a twelfth of them,
        between 32 and 256.

    n_templates : int, "auto" or None, default="auto"
        Number of samples, drawn for each step of Adam, that a batch finds its
        neighbours among, itself included. "auto" is all of up to 1500 samples, and 1000
        of more; None is all.

    learning_rate_init : float or "auto", default="auto"
        Learning rate of the first step of Adam; it falls to zero as a cosine. "auto" is
        0.05 over the square root of the number of features, or 0.005 with hidden
        layers.

    max_iter : int or "auto", default="auto"
        Largest number of iterations of L-BFGS, or of epochs of Adam. "auto" is a budget
        of at most 15 iterations, fewer where they gain next to nothing, or as many
        epochs, from 10 to 60, as make 256 steps (600 with hidden layers): stopping
        there is part of the method, and no warning is given.

    tol : float, default=1e-5
        L-BFGS stops when no entry of the gradient is larger. Adam with a given
        `max_iter` or with `early_stopping` stops when 10 epochs in a row have not
        improved the loss by as much.

    early_stopping : bool, default=False
        Whether Adam leaves a tenth of the samples out of the loss, though not out of
        the vote, and returns to the epoch where theirs was smallest.

    dropout : float, default=0.2
        Share of the hidden units that a step of Adam leaves out, in [0, 1).

    vote : {"soft", "hard"}, default="soft"
        Whether predictions use the soft mask, as training does, or exactly
        `n_neighbors` equal votes.

    warm_start : bool, default=False
        Whether `fit` goes on from the embedding of the previous one, if it has the same
        `n_components` and `hidden_layer_sizes`; the features must then be the same.

    random_state : int, RandomState instance or None, default=None
        Draws hidden layers, batches, templates and, of more than 2000 samples, those
        that the leave-one-out score is estimated on.

    n_jobs : int, default=None
        Number of jobs of the search for neighbours when predicting.

    verbose : int, default=0
        Whether `fit` prints a summary.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.

    components_ : ndarray of shape (n_components, `n_features_in_`)
        The linear part of the embedding, which is that of the centred features.

    coefs_ : list of ndarray
        With hidden layers, their weights, and last those of the embedding.

    intercepts_ : list of ndarray
        With hidden layers, their biases.

    embedding_ : ndarray of shape (n_samples, n_components)
        Where training put its samples.

    regularization_strength_ : float
        The strength of the mask in units of squared distances of the embedding.

    alpha_ : float
        The weight of the pull towards the start.

    loss_curve_ : list of float
        The loss at the start and after each iteration, or of each epoch.

    loo_score_ : float
        The share of the training samples, or of 2000 of them, that the others
        classify rightly.

    n_iter_ : int
        Number of iterations or epochs.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    SoftKNeighborsRegressor : The same for continuous targets.
    SoftNeighborhoodComponents : The embedding alone.
    sklearn.neighbors.KNeighborsClassifier : Without training.

    Notes
    -----
    No sample is its own neighbour in training: one unit of its weight is taken away
    where it meets itself. Distances are to a unit that is the features' root mean
    variance, so that rescaling `X` changes nothing; features of unlike scales should be
    standardised all the same. Memory grows with the number of samples times that of
    candidates.

    The embedding that training arrives at is kept only if its leave-one-out score is
    at least that of the start; otherwise the start is kept.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Goldberger, Roweis, Hinton and Salakhutdinov, "Neighbourhood Components
       Analysis", NeurIPS 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sksoft.neighbors import SoftKNeighborsClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), SoftKNeighborsClassifier())
    >>> model.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.95
    True
    >>> model.predict_proba(X[:1]).round(2)
    array([[1., 0., 0.]])
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
        n_templates="auto",
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
            before or the first samples show them all; later the same, or None.

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
    """Learn an embedding in which soft neighbours are of the same class.

    A drop-in for scikit-learn's neighbourhood components analysis [2]_ whose loss
    counts the soft top-k neighbours [1]_ of a sample rather than a softmax over all
    others, and which may add a small multilayer perceptron to the linear map.

    Parameters
    ----------
    n_components : int, default=None
        Dimension of the embedding, at most the number of features; as many by default.

    n_neighbors : int, default=5
        How many neighbours vote, or all samples (their total weight) where there are
        fewer. In training no more than half of the others of
        a class: more cannot all be of it.

    hidden_layer_sizes : tuple of int, default=()
        Widths of the hidden layers of rectified units that are added to the linear
        embedding; none by default.

    regularization_strength : float, default=0.3
        How soft the selection is: at least 0, in units of the median squared distance
        to the neighbour number `n_neighbors` in the starting embedding. 0 selects
        exactly that many, which leaves nothing to train: the estimator is then plain
        nearest neighbours.

    regularization : {"entropic", "l2"}, default="entropic"
        How the mask falls from 1 to 0 with the squared distance: as a logistic function
        or as a clipped linear one, for which 1 to 3 is a good strength.

    loss : {"log", "linear"}, default="log"
        Of the share c of a sample's class in the vote: ``-log(c + 0.05)``, bounded in
        view of wrong labels, or ``1 - c``.

    init : {"auto", "identity", "pca", "lda"} or array-like of shape \
            (n_components, n_features), default="auto"
        Where the linear part starts. "auto" is the identity, or the principal
        components if there are fewer components than features. "lda" takes
        directions that tell the classes apart, whitened within them.

    alpha : float or "auto", default="auto"
        Weight of half the squared distance of the parameters from their start. "auto"
        is 0.03 times the number of features over the number of samples.

    n_candidates : int, "auto" or None, default="auto"
        How many of the nearest samples may be selected at all, at least `n_neighbors`;
        "auto" is 10 times as many and 10 more, None all samples.

    solver : {"auto", "lbfgs", "adam"}, default="auto"
        L-BFGS over all samples, or Adam over minibatches. "auto" is L-BFGS for a linear
        embedding of at most 2000 samples without `early_stopping`.

    batch_size : int or "auto", default="auto"
        Number of samples that a step of Adam looks at; "auto" is a twelfth of them,
        between 32 and 256.

    n_templates : int, "auto" or None, default="auto"
        Number of samples, drawn for each step of Adam, that a batch finds its
        neighbours among, itself included. "auto" is all of up to 1500 samples, and 1000
        of more; None is all.

    learning_rate_init : float or "auto", default="auto"
        Learning rate of the first step of Adam; it falls to zero as a cosine. "auto" is
        0.05 over the square root of the number of features, or 0.005 with hidden
        layers.

    max_iter : int or "auto", default="auto"
        Largest number of iterations of L-BFGS, or of epochs of Adam. "auto" is a budget
        of at most 15 iterations, fewer where they gain next to nothing, or as many
        epochs, from 10 to 60, as make 256 steps (600 with hidden layers): stopping
        there is part of the method, and no warning is given.

    tol : float, default=1e-5
        L-BFGS stops when no entry of the gradient is larger. Adam with a given
        `max_iter` or with `early_stopping` stops when 10 epochs in a row have not
        improved the loss by as much.

    early_stopping : bool, default=False
        Whether Adam leaves a tenth of the samples out of the loss, though not out of
        the vote, and returns to the epoch where theirs was smallest.

    dropout : float, default=0.2
        Share of the hidden units that a step of Adam leaves out, in [0, 1).

    warm_start : bool, default=False
        Whether `fit` goes on from the embedding of the previous one, if it has the same
        `n_components` and `hidden_layer_sizes`; the features must then be the same.

    random_state : int, RandomState instance or None, default=None
        Draws hidden layers, batches, templates and, of more than 2000 samples, those
        that the leave-one-out score is estimated on.

    verbose : int, default=0
        Whether `fit` prints a summary.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.

    components_ : ndarray of shape (n_components, `n_features_in_`)
        The linear part of the embedding, which is that of the centred features.

    coefs_ : list of ndarray
        With hidden layers, their weights, and last those of the embedding.

    intercepts_ : list of ndarray
        With hidden layers, their biases.

    embedding_ : ndarray of shape (n_samples, n_components)
        Where training put its samples.

    regularization_strength_ : float
        The strength of the mask in units of squared distances of the embedding.

    alpha_ : float
        The weight of the pull towards the start.

    loss_curve_ : list of float
        The loss at the start and after each iteration, or of each epoch.

    loo_score_ : float
        The share of the training samples, or of 2000 of them, that the others
        classify rightly.

    n_iter_ : int
        Number of iterations or epochs.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    SoftKNeighborsClassifier : Votes among the neighbours in this embedding.
    sklearn.neighbors.NeighborhoodComponentsAnalysis : Softmax instead of top-k.

    Notes
    -----
    No sample is its own neighbour in training: one unit of its weight is taken away
    where it meets itself. Distances are to a unit that is the features' root mean
    variance, so that rescaling `X` changes nothing; features of unlike scales should be
    standardised all the same. Memory grows with the number of samples times that of
    candidates.

    The embedding that training arrives at is kept only if its leave-one-out score is
    at least that of the start; otherwise the start is kept.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Goldberger, Roweis, Hinton and Salakhutdinov, "Neighbourhood Components
       Analysis", NeurIPS 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sksoft.neighbors import SoftNeighborhoodComponents
    >>> X, y = load_wine(return_X_y=True)
    >>> embedding = make_pipeline(StandardScaler(), SoftNeighborhoodComponents(2))
    >>> embedding.fit_transform(X, y).shape
    (178, 2)
    """

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
        n_templates="auto",
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
