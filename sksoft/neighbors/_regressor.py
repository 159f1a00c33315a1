# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Regression by soft nearest neighbours."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin

from sksoft._parameters import fraction, one_of, word_or
from sksoft._validation import real_array
from sksoft._weighted import keep_smallest, weighted_median
from sksoft.neighbors._base import CHECKS, SoftNeighborsBase
from sksoft.neighbors._mixture import Mixture, squared_weights
from sksoft.neighbors._objective import LeaveOneOut
from sksoft.neighbors._selection import Mask
from sksoft.neighbors._starts import partial_least_squares_start
from sksoft.neighbors._value_vote import (
    FARTHEST,
    ValueVote,
    brought_near,
    value_reader,
)

# Where Huber's loss turns linear, in robust standard deviations of the residuals.
HUBER_CORNER = 1.345
# Targets are brought as near, in their unit, where a start must resist outliers.
FARTHEST_RESISTED = 3.0


class SoftKNeighborsRegressor(MultiOutputMixin, RegressorMixin, SoftNeighborsBase):
    """Predict by soft nearest neighbours in a learnt embedding.

    The embedding, linear or a linear map plus a small multilayer perceptron, is trained
    so that the soft top-k neighbours [1]_ of each sample, itself left out, agree on its
    target. A median or a trimmed vote, or such a loss, resists outliers in `y`.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbours vote, or all samples (their total weight) where there are
        fewer.

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

    loss : {"squared_error", "huber", "trimmed"}, default="squared_error"
        Half the squared error, Huber's loss of its length, or half the squared error
        without the share `trim_fraction` of the samples where it is largest.

    init : {"auto", "identity", "pca", "pls"} or array-like of shape \
            (n_components, n_features), default="auto"
        Where the linear part starts. "auto" is the identity, or "pls" if there are
        fewer components than features: the directions of partial least squares
        regression. "pca" is the principal components.

    alpha : float or "auto", default="auto"
        Weight of half the squared distance of the parameters from their start, in a
        unit in which the rows of the linear start have length one in the root mean
        square. "auto" is 0.1 times the number of features over the number of samples.

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

    vote : {"mixed", "mean", "median", "trimmed"}, default="mixed"
        What the selected neighbours agree on: "mean" is their mean; "median" a median,
        softened by `regularization_strength` times the typical residual of the start;
        "trimmed" the mean without the share `trim_fraction` that is farthest from their
        least-trimmed location. "mixed" is a mixture of the means of `n_neighbors` and
        of 3 times as many in the trained embedding, of 3 times as many in the one it
        starts from, of both numbers in a linear embedding of the features and their
        squares, and of all samples. Its weights predict samples held out best, which
        are a third of fewer than 400 samples and a quarter of more, at most 1000;
        training is repeated with them. Squares are embedded for at least 250 samples
        without hidden layers. Of fewer than 20 samples the vote is "mean". Another vote
        takes effect with the next fit.

    trim_fraction : float, default=0.25
        The share that a trimmed loss or vote leaves out, in [0, 0.5].

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
    components_ : ndarray of shape (n_components, `n_features_in_`)
        The linear part of the embedding, which is that of the centred features.

    coefs_ : list of ndarray
        With hidden layers, their weights, and last those of the embedding.

    intercepts_ : list of ndarray
        With hidden layers, their biases.

    embedding_ : ndarray of shape (n_samples, n_components)
        Where training put its samples, those of weight zero too; by
        :meth:`partial_fit`, those kept of the stream.

    vote_weights_ : ndarray of shape (6,) or (4,)
        With ``vote="mixed"``, the weights of the votes in the order above, of sum one;
        four without squares.

    regularization_strength_ : float
        The strength of the mask in units of squared distances of the embedding.

    alpha_ : float
        The weight of the pull towards the start.

    loss_curve_ : list of float
        The loss at the start and after each iteration, or of each epoch.

    loo_score_ : float
        One less the loss of the leave-one-out predictions over that of a constant: R2
        for "squared_error". Estimated on at most 2000 training samples.

    n_iter_ : int
        Number of iterations or epochs.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    SoftKNeighborsClassifier : The same for classes.
    sklearn.neighbors.KNeighborsRegressor : Without training.

    Notes
    -----
    No sample is its own neighbour in training: one unit of its weight is taken away
    where it meets itself. Distances are to a unit that is the features' root mean
    variance, so that rescaling `X` changes nothing; features of unlike scales should be
    standardised all the same. Memory grows with the number of samples times that of
    candidates.

    The embedding that training arrives at is kept only if its leave-one-out score is
    at least that of the start; otherwise the start is kept, with a warning.

    ``X=None`` in the methods that predict stands for the training samples, each without
    itself, as in scikit-learn's neighbours.

    With few `n_components` the embedding is one for pictures or for other regressors,
    as that of metric learning for kernel regression [3]_: the estimator is a
    transformer too.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Goldberger, Roweis, Hinton and Salakhutdinov, "Neighbourhood Components
       Analysis", NeurIPS 2004.
    .. [3] Weinberger and Tesauro, "Metric Learning for Kernel Regression", AISTATS
       2007.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sksoft.neighbors import SoftKNeighborsRegressor
    >>> X, y = make_friedman1(400, random_state=0)
    >>> model = make_pipeline(StandardScaler(), SoftKNeighborsRegressor())
    >>> model.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.85
    True
    >>> plane = SoftKNeighborsRegressor(n_components=2).fit(X[::2], y[::2])
    >>> plane.transform(X[1::2]).shape
    (200, 2)
    """

    _parameter_checks = CHECKS | {
        "loss": one_of("squared_error", "huber", "trimmed"),
        "init": word_or(("auto", "identity", "pca", "pls"), real_array),
        "vote": one_of("mixed", "mean", "median", "trimmed"),
        "trim_fraction": fraction(0.5),
    }
    _y_options = MappingProxyType({"multi_output": True, "y_numeric": True})
    _auto_alpha = 0.1

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        n_components: int | None = None,
        hidden_layer_sizes: Sequence[int] = (),
        regularization_strength: float = 0.3,
        regularization: Literal["entropic", "l2"] = "entropic",
        loss: Literal["squared_error", "huber", "trimmed"] = "squared_error",
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
        vote: Literal["mixed", "mean", "median", "trimmed"] = "mixed",
        trim_fraction: float = 0.25,
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
        self.warm_start = warm_start
        self.reservoir_size = reservoir_size
        self.random_state = random_state
        self.verbose = verbose
        self.vote = vote
        self.trim_fraction = trim_fraction
        self.n_jobs = n_jobs

    def _reader(self, y, weight):
        return value_reader(y, weight, self.loss == "squared_error")

    def _named_start(self, reader, n_components, n_features):
        if self.init == "auto" and n_components < n_features:
            return "pls"
        return super()._named_start(reader, n_components, n_features)

    def _supervised_start(self, samples, reader, n_components, unit):
        most = FARTHEST if self.loss == "squared_error" else FARTHEST_RESISTED
        targets = np.clip(samples.targets, -most, most)
        return partial_least_squares_start(
            samples.X, targets, samples.weight, n_components, unit
        )

    def _judge(self, samples, reader, strength, around, queries):
        vote = "mean" if self.vote == "mixed" else self.vote
        judge = ValueVote(
            samples.targets, self.loss, vote, 0.0, self.trim_fraction, np.inf
        )
        if vote != "median" and self.loss != "huber":
            return judge
        # The size of a residual, for soft medians and for Huber's loss: that of the
        # hard vote of the starting neighbours.
        mask = Mask(0.0, self.regularization)
        k = np.full(len(samples.X), float(self.n_neighbors))
        left_out = LeaveOneOut(samples, judge, mask, k, None)
        found = left_out.outcomes(around, queries)
        size = np.abs(found - samples.targets[queries]).mean(axis=1)
        weight = None if samples.weight is None else samples.weight[queries]
        residual = float(weighted_median(size, weight))
        judge.softness = self.regularization_strength * residual
        if residual > 0.0:
            judge.corner = HUBER_CORNER * residual / 0.6745
        return judge

    def _trimmed_samples(self):
        return self.trim_fraction if self.loss == "trimmed" else 0.0

    def _score(self, outcomes, left_out, targets, queries):
        targets = brought_near(targets)
        loss, _ = left_out.vote.cost(brought_near(outcomes) - targets)
        constant, _ = left_out.vote.cost(-targets)
        total = [
            losses @ left_out.importance(losses, queries) for losses in (loss, constant)
        ]
        return 1.0 - total[0] / total[1] if total[1] > 0.0 else 0.0

    def _mixing_weights(self, outcomes, held_out, samples, judge):
        prior = np.average(samples.targets, axis=0, weights=samples.weight)
        constant = np.broadcast_to(prior, outcomes[0].shape)
        values = brought_near(np.stack([*outcomes, constant], axis=2))
        targets = brought_near(held_out.targets)
        weight = self._resistant(values[:, :, 0] - targets, judge, held_out.weight)
        weights = squared_weights(values, targets, weight)
        return Mixture(weights, prior)

    def _resistant(self, residual, judge, weight):
        """Return weights of rows for which squared errors cost what the loss costs."""
        if self.loss == "squared_error":
            return weight
        weight = np.ones(len(residual)) if weight is None else weight
        if self.loss == "trimmed":
            size = (residual**2).sum(axis=1)
            kept = (1.0 - self.trim_fraction) * weight.sum()
            return weight * keep_smallest(size, kept, weight)[0]
        _, clipped = judge.cost(residual)
        size, held = (np.sqrt((part**2).sum(axis=1)) for part in (residual, clipped))
        return weight * np.divide(held, size, out=np.ones_like(size), where=size > 0.0)

    def predict(self, X: ArrayLike | None) -> NDArray[Any]:
        """Return what the neighbours agree on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            The samples; None for those of the fit, each without itself.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Their predicted targets.
        """
        values = self._outcome(X)
        values = self._fitted.plan.reader.decode(values)
        return values.astype(self.components_.dtype, copy=False)
