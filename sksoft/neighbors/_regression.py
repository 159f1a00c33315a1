# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft neighbours that agree on a value."""

from types import MappingProxyType

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from sksoft._validation import check_fraction
from sksoft._weighted import weighted_quantile
from sksoft.neighbors._base import SoftNeighborsBase
from sksoft.neighbors._votes import ValueVote

# The interquartile range of the standard normal distribution.
NORMAL_RANGE = 1.349
# Where Huber's loss turns linear, in robust standard deviations of the residuals.
HUBER_CORNER = 1.345


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

    init : {"auto", "identity", "pca"} or array-like of shape \
            (n_components, n_features), default="auto"
        Where the linear part starts. "auto" is the identity, or the principal
        components if there are fewer components than features.

    alpha : float or "auto", default="auto"
        Weight of half the squared distance of the parameters from their start. "auto"
        is 0.1 times the number of features over the number of samples.

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

    vote : {"mean", "median", "trimmed"}, default="mean"
        What the selected neighbours agree on: their mean; a median, softened by
        `regularization_strength` times the typical residual of the start; or the mean
        without the share `trim_fraction` that is farthest from their least-trimmed
        location.

    trim_fraction : float, default=0.25
        The share that a trimmed loss or vote leaves out, in [0, 0.5].

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
    at least that of the start; otherwise the start is kept.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Goldberger, Roweis, Hinton and Salakhutdinov, "Neighbourhood Components
       Analysis", NeurIPS 2004.

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
    """

    _losses = ("squared_error", "huber", "trimmed")
    _votes = ("mean", "median", "trimmed")
    _y_options = MappingProxyType({"multi_output": True, "y_numeric": True})
    _auto_alpha = 0.1

    def __init__(
        self,
        n_neighbors=5,
        *,
        n_components=None,
        hidden_layer_sizes=(),
        regularization_strength=0.3,
        regularization="entropic",
        loss="squared_error",
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
        vote="mean",
        trim_fraction=0.25,
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
        self.trim_fraction = trim_fraction
        self.n_jobs = n_jobs

    def _check_parameters(self):
        super()._check_parameters()
        check_fraction(self.trim_fraction, "trim_fraction", 0.5)

    def _encoded(self, y, reset, weight, classes=None):
        y = y.astype(np.float64)
        columns = y[:, None] if y.ndim == 1 else y
        if reset:
            self._single_output = y.ndim == 1
            self._y_center = np.empty(columns.shape[1])
            self._y_unit = np.empty(columns.shape[1])
            for output, column in enumerate(columns.T):
                self._set_target_unit(output, column, weight)
        elif columns.shape[1] != len(self._y_center):
            raise ValueError(
                f"y must have {len(self._y_center)} outputs as before, got "
                f"{columns.shape[1]}."
            )
        return (columns - self._y_center) / self._y_unit

    def _set_target_unit(self, output, column, weight):
        """Centre a target and take its interquartile range, else its deviation."""
        low, middle, high = (
            weighted_quantile(column, q, weight) for q in (0.25, 0.5, 0.75)
        )
        squared = self.loss == "squared_error"
        centre = np.average(column, weights=weight) if squared else middle
        unit = (high - low) / NORMAL_RANGE
        if unit == 0.0:
            unit = np.sqrt(np.average((column - centre) ** 2, weights=weight))
        self._y_center[output] = centre
        self._y_unit[output] = unit if unit > 0.0 else 1.0

    def _set_strength(self, around, queries):
        super()._set_strength(around, queries)
        # The size of a residual, for soft medians and for Huber's loss: that of the
        # hard vote of the starting neighbours.
        self._softness, self._corner = 0.0, np.inf
        if self.vote != "median" and self.loss != "huber":
            return
        left_out = self._leave_one_out(self._training_vote(), 0.0, None)
        found = left_out.predicted_values(around)
        size = np.abs(found - self._targets[queries]).mean(axis=1)
        weight = None if self._weight is None else self._weight[queries]
        residual = weighted_quantile(size, 0.5, weight)
        self._softness = self.regularization_strength * residual
        if residual > 0.0:
            self._corner = HUBER_CORNER * residual / 0.6745

    def _training_vote(self):
        return ValueVote(
            self._targets,
            self.loss,
            self.vote,
            self._softness,
            self.trim_fraction,
            self._corner,
        )

    def _trimmed_samples(self):
        return self.trim_fraction if self.loss == "trimmed" else 0.0

    def _loo_score(self, around, queries):
        left_out = self._leave_one_out(
            self._training_vote(), self.regularization_strength_, None
        )
        found = left_out.predicted_values(around)
        loss, _ = left_out.vote.cost(found - self._targets[queries])
        constant, _ = left_out.vote.cost(-self._targets[queries])
        at_most = left_out.total(constant, queries)
        return 1.0 - left_out.total(loss, queries) / at_most if at_most > 0.0 else 0.0

    def predict(self, X):
        """Return what the neighbours agree on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Their predicted targets.
        """
        candidates, p, weight = self._selected(X)
        votes = p if weight is None else p * weight
        values, _ = self._training_vote().locations(candidates, votes)
        values = values * self._y_unit + self._y_center
        values = values.astype(self.components_.dtype, copy=False)
        return values[:, 0] if self._single_output else values
