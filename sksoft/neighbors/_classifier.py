# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classification by soft nearest neighbours."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from sksoft._parameters import one_of
from sksoft.neighbors._class_base import CLASS_CHECKS, ClassNeighborsBase


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
        nearest neighbours. Training is 3 times as soft where there are fewer components
        than directions that tell classes apart, which are one fewer than classes.

    regularization : {"entropic", "l2"}, default="entropic"
        How the mask falls from 1 to 0 with the squared distance: as a logistic function
        or as a clipped linear one, for which 1 to 3 is a good strength.

    loss : {"log", "linear"}, default="log"
        Of the share c of a sample's class in the vote: ``-log(c + 0.05)``, bounded in
        view of wrong labels, or ``1 - c``.

    init : {"auto", "identity", "pca", "lda"} or array-like of shape \
            (n_components, n_features), default="auto"
        Where the linear part starts. "auto" is the identity, or, with fewer components
        than features, "lda" if there are fewer than classes, else "pca". "lda" takes
        directions that tell the classes apart, whitened within them by a shrunk
        covariance; there is one fewer than classes, and `n_components` at most as many.

    alpha : float or "auto", default="auto"
        Weight of half the squared distance of the parameters from their start, in a
        unit in which the rows of the linear start have length one in the root mean
        square. "auto" is 0.03 times the number of features over the number of samples.

    n_candidates : int, "auto" or None, default="auto"
        How many of the nearest samples may be selected at all, at least `n_neighbors`;
        "auto" is 10 times as many and 10 more, None all samples.

    solver : {"auto", "lbfgs", "adam"}, default="auto"
        L-BFGS over all samples, or Adam over minibatches. "auto" is L-BFGS for a linear
        embedding of at most 2000 samples.

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
        of at most 15 iterations, fewer where one gains next to nothing, or as many
        epochs, from 10 to 60, as make 256 steps (600 with hidden layers), fewer than 10
        where these make 1500: stopping there is part of the method, and no warning is
        given.

    tol : float, default=1e-5
        L-BFGS stops when no entry of the gradient is larger. Adam with a given
        `max_iter` stops when 10 epochs in a row have not improved the loss by as much.

    dropout : float, default=0.2
        Share of the hidden units that a step of Adam leaves out, in [0, 1).

    vote : {"mixed", "neighbors", "soft", "hard"}, default="mixed"
        What predictions use: "soft" is the soft mask, as in training, "hard" exactly
        `n_neighbors` equal votes. "neighbors" is a mixture of the soft votes of
        `n_neighbors` and of 3 times as many in the trained embedding, of 3 times as
        many in the one it starts from, of both numbers in a linear embedding of the
        features and their squares, and of the frequencies of the classes. "mixed" adds
        what is no vote of neighbours: normal distributions of the classes in the
        embedding that training starts from, with one covariance (linear discriminant
        analysis) and with a covariance each. The weights make the classes of samples
        held out most likely, which are a third of fewer than 400 samples and a quarter
        of more, at most 1000; training is repeated with them. Squares are embedded for
        at least 250 samples without hidden layers; normal distributions are left out
        where their covariances would have more than 10 million entries. Of fewer than
        20 samples the vote is "soft". Another vote takes effect with the next fit.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in
        :class:`sklearn.linear_model.LogisticRegression`: they multiply those of the
        samples. "balanced" takes the inverse of the frequencies. Only their
        ratios count.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one, its embedding,
        if that has the same `n_components` and `hidden_layer_sizes`; the features must
        then be the same.

    reservoir_size : int, default=10000
        How many samples :meth:`partial_fit` keeps at most.

    random_state : int, RandomState instance or None, default=None
        Draws hidden layers, batches, templates and, of more than 2000 samples, those
        that the leave-one-out score is estimated on.

    n_jobs : int, default=None
        Number of jobs of the search for neighbours when predicting.

    verbose : int, default=0
        Whether the loss of each iteration is printed, and a summary.

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
        Where training put its samples, those of weight zero too; by
        :meth:`partial_fit`, those kept of the stream.

    vote_weights_ : ndarray of shape (8,), (6,) or (4,)
        With ``vote="mixed"``, the weights of the votes of neighbours in the order
        above, of the two normal distributions and of the frequencies, of sum one; two
        fewer without squares, and without normal distributions.

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
    at least that of the start; otherwise the start is kept, with a warning.

    :meth:`transform`, :meth:`kneighbors` and ``embedding_`` are those of the trained
    embedding. Predictions by these neighbours alone are those of ``vote="soft"`` and
    ``vote="hard"``; what share the others have in a mixture is in ``vote_weights_``.

    ``X=None`` in the methods that predict stands for the training samples, each without
    itself, as in scikit-learn's neighbours.

    The covariance that the classes share is shrunk as by Ledoit and Wolf [3]_; that of
    a class counts it as often as twice its dimension, beside the samples of the class.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Goldberger, Roweis, Hinton and Salakhutdinov, "Neighbourhood Components
       Analysis", NeurIPS 2004.
    .. [3] Ledoit and Wolf, "A Well-Conditioned Estimator for Large-Dimensional
       Covariance Matrices", Journal of Multivariate Analysis 2004.

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
    array([[0.99, 0.  , 0.  ]])
    """

    _parameter_checks = CLASS_CHECKS | {
        "vote": one_of("mixed", "neighbors", "soft", "hard")
    }

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        n_components: int | None = None,
        hidden_layer_sizes: Sequence[int] = (),
        regularization_strength: float = 0.3,
        regularization: Literal["entropic", "l2"] = "entropic",
        loss: Literal["log", "linear"] = "log",
        init: ArrayLike = "auto",
        alpha: float | Literal["auto"] = "auto",
        n_candidates: int | Literal["auto"] | None = "auto",
        solver: Literal["auto", "lbfgs", "adam"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        n_templates: int | Literal["auto"] | None = "auto",
        learning_rate_init: float | Literal["auto"] = "auto",
        max_iter: int | Literal["auto"] = "auto",
        tol: float = 1e-5,
        dropout: float = 0.2,
        vote: Literal["mixed", "neighbors", "soft", "hard"] = "mixed",
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        warm_start: bool = False,
        reservoir_size: int = 10_000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.regularization_strength = regularization_strength
        self.regularization = regularization
        self.loss = loss
        self.init = init
        self.alpha = alpha
        self.n_candidates = n_candidates
        self.solver = solver
        self.batch_size = batch_size
        self.n_templates = n_templates
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.dropout = dropout
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.reservoir_size = reservoir_size
        self.random_state = random_state
        self.verbose = verbose
        self.vote = vote
        self.n_jobs = n_jobs

    def predict_proba(self, X: ArrayLike | None) -> NDArray[Any]:
        """Return the share of each class in the vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            The samples; None for those of the fit, each without itself.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to one.
        """
        shares = self._outcome(X)
        return shares.astype(self.components_.dtype, copy=False)

    def predict_log_proba(self, X: ArrayLike | None) -> NDArray[Any]:
        """Return the logarithms of the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            The samples; None for those of the fit, each without itself.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Minus infinity for a class without a vote.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: ArrayLike | None) -> NDArray[Any]:
        """Return the class with the largest share in the vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            The samples; None for those of the fit, each without itself.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Their classes; the first in ``classes_`` of those that tie.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]
