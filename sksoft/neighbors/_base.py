# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the estimators of soft neighbours share: parameters, training, neighbours."""

from numbers import Integral
from types import MappingProxyType

import numpy as np
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._lazy_rows import LazyRowsMixin
from sksoft._network import LinearPlusNetwork
from sksoft._optimize import Adam, Solution, fit_progress
from sksoft._sklearn_compat import (
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from sksoft._validation import (
    check_flag,
    check_fraction,
    check_integer,
    check_option,
    layer_sizes,
    nonnegative_number,
    positive_integer,
    real_array,
)
from sksoft.neighbors._objective import LeaveOneOut, Problem
from sksoft.neighbors._selection import (
    Mask,
    candidate_count,
    distances_to,
    kth_distance,
    limited,
)
from sksoft.neighbors._solvers import Minibatches, by_lbfgs

# learning_rate_init="auto" is this much over the square root of the number of inputs
# of the linear part; with hidden layers, the second number.
AUTO_RATE = 0.05
AUTO_RATE_HIDDEN = 0.005
# solver="auto" is L-BFGS up to so many samples.
LBFGS_SAMPLES = 2000
# n_templates="auto" is all of up to so many samples, and fewer of more.
ALL_TEMPLATES = 1500
SOME_TEMPLATES = 1000
# Leave-one-out scores, and the unit of distance, are estimated on so many samples.
SCORED_SAMPLES = 2000


def is_auto(value):
    """Return whether a parameter, of any type, is "auto"."""
    return isinstance(value, str) and value == "auto"


class SoftNeighborsBase(
    LazyRowsMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """An embedding trained so that soft neighbours vote well."""

    def __init__(
        self,
        n_neighbors,
        n_components,
        hidden_layer_sizes,
        regularization_strength,
        regularization,
        loss,
        init,
        alpha,
        n_candidates,
        solver,
        batch_size,
        n_templates,
        learning_rate_init,
        max_iter,
        tol,
        early_stopping,
        dropout,
        warm_start,
        random_state,
        verbose,
    ):
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
        self.early_stopping = early_stopping
        self.dropout = dropout
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # What the subclasses say; the transformer has no such parameters.
    _losses = ()
    _votes = ("soft",)
    _inits = ("auto", "identity", "pca")
    vote = "soft"
    n_jobs = None
    _y_options = MappingProxyType({})
    # alpha="auto" is this much, times the number of features over that of samples.
    _auto_alpha = 0.03

    def _encoded(self, y, reset, weight, classes=None):
        """Return targets as an array of numbers, and remember how to read them."""
        raise NotImplementedError

    def _training_vote(self):
        """Return the vote that training improves."""
        raise NotImplementedError

    def _training_k(self, targets, weight):
        """Return how many neighbours each sample selects in training."""
        return np.full(len(targets), float(self.n_neighbors))

    def _loo_score(self, around, queries):
        """Return the score of the votes of what is around the queries."""
        raise NotImplementedError

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Train the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,)
            Their targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, in the loss and in the vote: an integer weight is a
            repetition of the sample, and one of zero leaves it out.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_parameters()
        rng = check_random_state(self.random_state)
        hidden = self._hidden()
        goes_on = (
            self.warm_start
            and hasattr(self, "_theta")
            and self._architecture == (self.n_components, hidden)
        )
        X, y, weight = self._validated(X, y, sample_weight, reset=not goes_on)
        self._check_start(X.shape[1])
        self._targets = self._encoded(y, True, weight)
        self._weight, self._dtype = weight, X.dtype
        if goes_on:
            self._X = self._scaled(X)
        else:
            self._begin(X, hidden, rng)
        start = self._theta
        queries = self._scored(rng)
        around = self._around(start, queries)
        self._set_strength(around, queries)
        self.alpha_ = self._absolute_alpha()
        problem = self._problem(start)
        before = self._loo_score(around, queries)
        with fit_progress(self, X, y) as progress:
            solution = self._minimize(problem, start, rng, progress)
        after = self._loo_score(self._around(solution.x, queries), queries)
        # The guard: never worse than the start in leave-one-out score.
        self._theta = solution.x if after >= before else start.copy()
        self.loo_score_ = float(max(before, after))
        self.loss_curve_ = solution.loss_curve
        # A start without a slope takes a look, at least.
        self.n_iter_ = max(solution.n_iter, int(self.max_iter != 0))
        self._adam = None
        if self.verbose:
            print(
                f"[{type(self).__name__}] {self.n_iter_} iterations, leave-one-out "
                f"score {before:.4f} at the start, {after:.4f} at the end"
            )
        return self._finish()

    def partial_fit(self, X, y, sample_weight=None):
        """Train by one pass over more samples, which are added to the templates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More training samples.

        y : array-like of shape (n_samples,)
            Their targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._partial_fit(X, y, sample_weight)

    def _partial_fit(self, X, y, sample_weight, classes=None):
        first = not hasattr(self, "_theta")
        self._check_parameters()
        rng = check_random_state(self.random_state)
        X, y, weight = self._validated(X, y, sample_weight, reset=first)
        self._check_start(X.shape[1])
        targets = self._encoded(y, first, weight, classes)
        if first:
            self._targets, self._weight = targets, weight
            self._begin(X, self._hidden(), rng)
            queries = self._scored(rng)
            self._set_strength(self._around(self._theta, queries), queries)
            self.loss_curve_, self.n_iter_, self._adam = [], 0, None
            new = np.arange(len(X))
        else:
            new = len(self._X) + np.arange(len(X))
            self._append(self._scaled(X), targets, weight)
        self._dtype = X.dtype
        self.alpha_ = self._absolute_alpha()
        problem = self._problem(self._start)
        if self._adam is None:
            self._adam = Adam(len(self._theta))
        batches = self._minibatches(rng)
        if problem.leave_one_out.mask.strength > 0.0:
            loss, self._theta = batches.epoch(problem, self._theta, self._adam, new)
            self.loss_curve_.append(float(loss))
            self.n_iter_ += 1
        queries = self._scored(rng)
        around = self._around(self._theta, queries)
        self.loo_score_ = float(self._loo_score(around, queries))
        return self._finish()

    def _begin(self, X, hidden, rng):
        """Start an embedding of samples whose targets and weights are known."""
        self._set_unit(X, self._weight)
        self._X = self._scaled(X)
        start = self._initial_components(self._X, self._targets, self._weight)
        n_components, n_features = start.shape
        self._model = LinearPlusNetwork(n_features, n_features, n_components, hidden)
        self._architecture = (self.n_components, hidden)
        self._theta = self._start = self._model.start(start.T, rng)

    def _append(self, X, targets, weight):
        if weight is not None or self._weight is not None:
            old = np.ones(len(self._X)) if self._weight is None else self._weight
            new = np.ones(len(X)) if weight is None else weight
            self._weight = np.concatenate([old, new])
        self._X = np.concatenate([self._X, X])
        self._targets = np.concatenate([self._targets, targets])

    def _validated(self, X, y, sample_weight, reset):
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], reset=reset, **self._y_options
        )
        if sample_weight is None:
            return X, y, None
        weight = check_sample_weight(sample_weight, X)
        kept = weight > 0.0
        return X[kept], y[kept], weight[kept]

    def _check_parameters(self):
        positive_integer(self.n_neighbors, "n_neighbors")
        nonnegative_number(self.regularization_strength, "regularization_strength")
        check_option(self.regularization, "regularization", ("entropic", "l2"))
        check_option(self.loss, "loss", self._losses)
        check_option(self.vote, "vote", self._votes)
        check_option(self.solver, "solver", ("auto", "lbfgs", "adam"))
        if self.n_components is not None:
            positive_integer(self.n_components, "n_components")
        for name in ("alpha", "learning_rate_init"):
            if not is_auto(getattr(self, name)):
                nonnegative_number(getattr(self, name), name)
        for name in ("n_templates", "n_candidates"):
            value = getattr(self, name)
            if value is not None and not is_auto(value):
                positive_integer(value, name)
        least = self.n_neighbors
        if isinstance(self.n_candidates, Integral) and self.n_candidates < least:
            raise ValueError(
                f"n_candidates must be at least n_neighbors={least}, "
                f"got {self.n_candidates}."
            )
        if not is_auto(self.batch_size):
            positive_integer(self.batch_size, "batch_size")
        if not is_auto(self.max_iter):
            positive_integer(self.max_iter, "max_iter", least=0)
        nonnegative_number(self.tol, "tol")
        check_flag(self.early_stopping, "early_stopping")
        check_flag(self.warm_start, "warm_start")
        check_fraction(self.dropout, "dropout", 1, below=True)
        check_scalar(self.verbose, "verbose", Integral, min_val=0)
        if self.n_jobs is not None:
            check_integer(self.n_jobs, "n_jobs")
            if self.n_jobs == 0:
                raise ValueError("n_jobs must be None or an integer but 0, got 0.")
        self._hidden()
        if self.solver == "lbfgs" and self.early_stopping:
            raise ValueError("early_stopping=True needs solver='adam', got 'lbfgs'.")

    def _check_start(self, n_features):
        """Check the parameters that depend on the number of features."""
        n_components = self.n_components or n_features
        if n_components > n_features:
            raise ValueError(
                f"n_components must be at most the number of features, {n_features}, "
                f"got {n_components}."
            )
        if isinstance(self.init, str):
            check_option(self.init, "init", self._inits)
            return
        init = real_array(self.init, "init")
        if init.shape != (n_components, n_features):
            raise ValueError(
                f"init must have shape {(n_components, n_features)}, got {init.shape}."
            )

    def _hidden(self):
        return layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")

    def _set_unit(self, X, weight):
        """Centre the features, and take their mean variance for the unit."""
        X = X.astype(np.float64)
        self._center = np.average(X, axis=0, weights=weight)
        variance = np.average((X - self._center) ** 2, axis=0, weights=weight)
        unit = np.sqrt(variance.mean())
        self._unit = unit if unit > 0.0 else 1.0

    def _scaled(self, X):
        return np.ascontiguousarray((X - self._center) / self._unit)

    def _initial_components(self, X, targets, weight):
        n_features = X.shape[1]
        n_components = self.n_components or n_features
        init = self.init
        if not isinstance(init, str):
            return np.asarray(init, dtype=np.float64) * self._unit
        if init == "auto":
            init = "identity" if n_components == n_features else "pca"
        if init == "identity":
            return np.eye(n_components, n_features)
        if init == "pca":
            weighted = X if weight is None else X * np.sqrt(weight)[:, None]
            axes = np.linalg.eigh(weighted.T @ weighted)[1].T[::-1]
            largest = np.abs(axes).argmax(axis=1)
            axes *= np.sign(axes[np.arange(n_features), largest])[:, None]
            return axes[:n_components]
        return self._discriminant_components(X, targets, weight, n_components)

    def _discriminant_components(self, X, targets, weight, n_components):
        """Return the directions that tell classes apart."""
        raise NotImplementedError

    def _embed(self, theta, X=None):
        X = self._X if X is None else X
        return self._model.forward(theta, X, X)[0]

    def _limit(self):
        """Return what candidates may weigh in total, None for no limit."""
        if self.n_candidates == "auto":
            return 10 * self.n_neighbors + 10
        return self.n_candidates

    def _leave_one_out(self, vote, strength, k):
        mask = Mask(strength, self.regularization)
        return LeaveOneOut(
            vote, mask, k, self._weight, self._limit(), self._trimmed_samples()
        )

    def _trimmed_samples(self):
        """Return the share of the samples that the loss leaves out."""
        return 0.0

    def _around(self, theta, queries):
        """Return what the queries vote among, without themselves."""
        k = np.full(len(self._X), float(self.n_neighbors))
        return self._leave_one_out(None, 0.0, k).around(self._embed(theta), queries)

    def _set_strength(self, around, queries):
        """Take the median distance to the k-th neighbour for the unit of strength."""
        weighted = self._weight is not None
        unit = kth_distance(
            np.concatenate([block.distances for block in around]),
            np.concatenate([block.weight for block in around]) if weighted else None,
            np.concatenate([block.k for block in around]),
            self._weight[queries] if weighted else None,
        )
        self.regularization_strength_ = self.regularization_strength * unit

    def _total_weight(self):
        return float(len(self._X) if self._weight is None else self._weight.sum())

    def _absolute_alpha(self):
        if self.alpha != "auto":
            return float(self.alpha)
        return self._auto_alpha * self._X.shape[1] / self._total_weight()

    def _vote_strength(self):
        return 0.0 if self.vote == "hard" else self.regularization_strength_

    def _problem(self, start):
        k = self._training_k(self._targets, self._weight)
        leave_one_out = self._leave_one_out(
            self._training_vote(), self.regularization_strength_, k
        )
        return Problem(self._model, self._X, leave_one_out, self.alpha_, start)

    def _scored(self, rng):
        """Return the samples that the leave-one-out score is estimated on."""
        n_samples = len(self._X)
        if n_samples <= SCORED_SAMPLES:
            return np.arange(n_samples)
        return np.sort(rng.choice(n_samples, SCORED_SAMPLES, replace=False))

    def _minibatches(self, rng):
        n_samples = len(self._X)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = int(np.clip(n_samples // 12, 32, 256))
        rate = self.learning_rate_init
        if rate == "auto":
            rate = AUTO_RATE / np.sqrt(self._X.shape[1])
            if self._hidden():
                rate = AUTO_RATE_HIDDEN
        dropout = self.dropout if self._hidden() else 0.0
        n_templates = self.n_templates
        if n_templates == "auto":
            n_templates = None if n_samples <= ALL_TEMPLATES else SOME_TEMPLATES
        return Minibatches(batch_size, n_templates, rate, dropout, rng)

    def _minimize(self, problem, start, rng, progress):
        solver = self.solver
        if solver == "auto":
            small = len(self._X) <= LBFGS_SAMPLES and not self._hidden()
            solver = "lbfgs" if small and not self.early_stopping else "adam"
        max_iter = None if self.max_iter == "auto" else self.max_iter
        if self.regularization_strength_ == 0.0:
            # A hard mask has no gradient: nothing can be learnt.
            max_iter = 0
        options = {
            "max_iter": max_iter,
            "tol": self.tol,
            "progress": progress,
            "attributes": self._fitted_attributes,
        }
        if max_iter == 0:
            return Solution(x=start, value=np.nan)
        if solver == "lbfgs":
            return by_lbfgs(problem, start, **options)
        batches = self._minibatches(rng)
        return batches.minimize(
            problem, start, early_stopping=self.early_stopping, **options
        )

    def _fitted_maps(self, theta):
        """Return the fitted attributes of an embedding, for X as it is given."""
        linear = self._model.unpack(theta)[0]
        maps = {"components_": (linear / self._unit).T.copy()}
        coefs, intercepts = self._model.layers(theta, self._center, self._unit)
        return maps | ({"coefs_": coefs, "intercepts_": intercepts} if coefs else {})

    def _fitted_attributes(self, theta):
        """Return all that predictions need of an embedding, and index it."""
        found = {}
        for name, value in self._fitted_maps(theta).items():
            cast = [part.astype(self._dtype, copy=False) for part in value]
            found[name] = np.array(cast) if name == "components_" else cast
        Z = self._embed(theta)
        index = NearestNeighbors(
            n_neighbors=min(self.n_neighbors, len(Z)), n_jobs=self.n_jobs
        )
        # What is indexed was checked before.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            index.fit(Z)
        return found | {
            "embedding_": Z.astype(self._dtype, copy=False),
            "_theta": theta,
            "_Z": Z,
            "_neighbors": index,
            "_n_features_out": Z.shape[1],
        }

    def _finish(self):
        """Set the fitted attributes."""
        for name in ("coefs_", "intercepts_"):
            vars(self).pop(name, None)
        for name, value in self._fitted_attributes(self._theta).items():
            setattr(self, name, value)
        return self

    def _transformed(self, X):
        return self._embed(self._theta, self._scaled(X))

    def transform(self, X):
        """Map samples into the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        X_embedded : ndarray of shape (n_samples, n_components)
            Where they are in the embedding.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self._transformed(X).astype(X.dtype, copy=False)

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Find the nearest training samples in the embedding.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            The queries; by default the training samples, each without itself.

        n_neighbors : int, default=None
            How many to find; `n_neighbors` of the estimator by default.

        return_distance : bool, default=True
            Whether distances are returned too.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Distances in the embedding, not squared, ascending.

        indices : ndarray of shape (n_queries, n_neighbors)
            Row numbers of the training samples, without those of weight zero.
        """
        check_is_fitted(self)
        return self._neighbors.kneighbors(
            self._queries(X), n_neighbors, return_distance
        )

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        """Return the graph of the nearest training samples in the embedding.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            The queries; by default the training samples, each without itself.

        n_neighbors : int, default=None
            How many to find; `n_neighbors` of the estimator by default.

        mode : {"connectivity", "distance"}, default="connectivity"
            Whether edges are ones or distances.

        Returns
        -------
        graph : sparse matrix of shape (n_queries, n_samples)
            In CSR format.
        """
        check_is_fitted(self)
        return self._neighbors.kneighbors_graph(self._queries(X), n_neighbors, mode)

    def _queries(self, X):
        if X is None:
            return None
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self._transformed(X)

    def _selected(self, X):
        """Return candidates of queries, their mask and their weights."""
        check_is_fitted(self)
        Z = self._queries(X)
        k = np.full(len(Z), min(float(self.n_neighbors), self._total_weight()))
        weight = np.ones(len(self._X)) if self._weight is None else self._weight
        count = candidate_count(self._limit(), weight)
        candidates = self._neighbors.kneighbors(Z, count, return_distance=False)
        distances = distances_to(Z, self._Z, candidates)
        weights = None
        if self._weight is not None:
            weights = self._weight[candidates]
            if self._limit() is not None:
                weights = limited(weights, distances, self._limit())
            k = np.minimum(k, weights.sum(axis=1))
        mask = Mask(self._vote_strength(), self.regularization)
        return candidates, mask.values(distances, k, weights), weights

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
