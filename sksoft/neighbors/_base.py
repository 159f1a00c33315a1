# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the estimators of soft neighbours share: parameters, training, neighbours."""

from copy import deepcopy
from numbers import Integral
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._documentation import DocumentationLinkMixin
from sksoft._features import check_finite_target
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._optimize import fit_progress
from sksoft._parameters import (
    check_parameters,
    fraction,
    integer,
    none_or,
    one_of,
    random_state,
    verbosity,
    word_or,
)
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import (
    check_flag,
    check_option,
    check_unmasked,
    layer_sizes,
    nonnegative_number,
    positive_integer,
)
from sksoft._weighted import as_counts, positive_rows
from sksoft.neighbors._frame import frame_of
from sksoft.neighbors._objective import Samples
from sksoft.neighbors._reservoir import empty_reservoir
from sksoft.neighbors._state import Fitted, Task, each_row, mixed_embeddings
from sksoft.neighbors._training import CURVED_SAMPLES, Training
from sksoft.neighbors._voters import brought_near

DTYPES = (np.float64, np.float32)
# Fitted attributes that not every fit has.
OPTIONAL = ("coefs_", "intercepts_", "vote_weights_", "feature_names_in_")


def number_of_jobs(value, name):
    """Raise unless value is an integer that joblib takes for a number of jobs."""
    positive_integer(value, name, least=-np.inf)
    if value == 0:
        raise ValueError(f"{name} must be None or an integer but 0, got 0.")


# The checks of the parameters that all estimators of soft neighbours have.
CHECKS = {
    "n_neighbors": positive_integer,
    "n_components": none_or(positive_integer),
    "hidden_layer_sizes": layer_sizes,
    "regularization_strength": nonnegative_number,
    "regularization": one_of("entropic", "l2"),
    "alpha": word_or(("auto",), nonnegative_number),
    "n_candidates": none_or(word_or(("auto",), positive_integer)),
    "solver": one_of("auto", "lbfgs", "adam"),
    "batch_size": word_or(("auto",), positive_integer),
    "n_templates": none_or(word_or(("auto",), positive_integer)),
    "learning_rate_init": word_or(("auto",), nonnegative_number),
    "max_iter": word_or(("auto",), integer(0)),
    "reservoir_size": positive_integer,
    "tol": nonnegative_number,
    "dropout": fraction(1, below=True),
    "warm_start": check_flag,
    "random_state": random_state,
    "n_jobs": none_or(number_of_jobs),
    "verbose": verbosity,
}


class SoftNeighborsBase(
    DocumentationLinkMixin,
    LazyRowsMixin,
    Training,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """An embedding trained so that soft neighbours vote well."""

    # What the subclasses say; the transformer has no vote.
    vote = "soft"
    _y_options = MappingProxyType({})

    def _reader(self, y, weight):
        """Return what reads targets: an object with a method `encode`."""
        raise NotImplementedError

    def _renewed(self, reader, y, weight):
        """Return what reads the targets of a stream from now on."""
        return self._reader(y, as_counts(weight))

    def _strata(self, reader, y):
        """Return the classes that a stream is kept by, by number, and how many."""
        return np.zeros(len(reader.encode(y)), dtype=np.intp), 1

    def _reweighted(self, samples, reader):
        """Return samples with the weights of their classes."""
        return samples

    @with_callbacks
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,)
            Their targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, in the loss and in the vote. Whole numbers are
            repetitions, and 0 leaves a sample out; of other weights only the ratios
            count. Minibatches are drawn of rows, whatever these weigh.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_parameters()
        rng = check_random_state(self.random_state)
        before = getattr(self, "_fitted", None) if self.warm_start else None
        architecture = (self.n_components, self._hidden())
        if before is not None and before.plan.architecture != architecture:
            before = None
        seen, X, y = self._seen(X, y, reset=before is None)
        self._check_start(X.shape[1])
        members, given, weight = self._members(X, sample_weight)
        reader = self._reader(y[members], as_counts(weight))
        task = self._task(X, y, members, weight, reader, rng, before)
        rows = X[members], y[members]
        with fit_progress(self, *rows, sample_weight=given) as progress:
            found = self._trained(task, rng, progress)
        return self._assign(seen | found)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Add samples of a stream, and train anew when it has grown by half.

        Up to `reservoir_size` samples are kept as they come; of more, a random sample
        of so many, weighted so that it stands for all. Every call brings the templates
        up to date. The embedding, its unit and the mixture of the votes are those of a
        :meth:`fit` to what was kept when the stream, or a class in it, had last grown
        by more than half.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More training samples.

        y : array-like of shape (n_samples,)
            Their targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, as for :meth:`fit`, in the same unit in all calls.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._partial_fit(X, y, sample_weight)

    def _partial_fit(self, X, y, sample_weight, reader=None):
        self._check_parameters()
        rng = check_random_state(self.random_state)
        before = getattr(self, "_fitted", None)
        seen, X, y = self._seen(X, y, reset=before is None)
        self._check_start(X.shape[1])
        check_unmasked(sample_weight=sample_weight)
        rows, weight = positive_rows(sample_weight, X)
        X, y = X[rows], y[rows]
        if before is not None:
            reader = before.plan.reader
        elif reader is None:
            reader = self._reader(y, None)
        codes, n_strata = self._strata(reader, y)
        if self.reservoir_size < n_strata:
            raise ValueError(
                f"reservoir_size must be at least the number of classes, {n_strata}, "
                f"got {self.reservoir_size}."
            )
        reservoir = None if before is None else before.reservoir
        if reservoir is None:
            reservoir = empty_reservoir(X, y, n_strata, rng)
            if before is not None:
                reservoir = self._refilled(reservoir, before)
        weight = np.ones(len(X)) if weight is None else weight
        reservoir = reservoir.followed_by(X, y, weight, codes, self.reservoir_size)
        if not reservoir.has_grown:
            fitted = self._restocked(before, reservoir)
            return self._assign(seen | self._attributes(fitted, reservoir.X.dtype))
        weight = reservoir.stands_for
        reader = self._renewed(reader, reservoir.y, weight)
        members = np.arange(len(reservoir.X))
        task = self._task(reservoir.X, reservoir.y, members, weight, reader, rng)
        reservoir = reservoir._replace(trained=reservoir.seen)
        return self._assign(seen | self._trained(task, rng, reservoir=reservoir))

    def _refilled(self, reservoir, before):
        """Return a reservoir that was given the samples of a fit."""
        frame, reader = before.plan.frame, before.plan.reader
        X = frame.undo(before.X[before.members]).astype(self.components_.dtype)
        y = reader.decode(before.voters.samples.targets)
        weight = np.ones(len(X)) if before.weight is None else before.weight
        codes, _ = self._strata(reader, y)
        reservoir = reservoir.followed_by(X, y, weight, codes, self.reservoir_size)
        return reservoir._replace(trained=reservoir.seen)

    def _restocked(self, before, reservoir):
        """Return a fit with other templates."""
        plan, voters = before.plan, before.voters
        framed = plan.frame.apply(reservoir.X)
        members, weight, samples = self._samples(
            plan.reader,
            framed,
            reservoir.y,
            np.arange(len(framed)),
            reservoir.stands_for,
        )
        vote = voters.vote.of(samples.targets)
        spaces = self._spaces(before.embeddings, samples)
        voters = voters._replace(
            samples=samples,
            vote=vote,
            spaces=spaces,
            rules=self._rules(samples, spaces, vote) if voters.rules else (),
        )
        return before._replace(
            X=framed,
            members=members,
            weight=weight,
            voters=voters,
            reservoir=reservoir,
        )

    def _task(self, X, y, members, weight, reader, rng, before=None):
        """Return what there is to train on members of some rows."""
        counts = as_counts(weight)
        frame = frame_of(X[members], counts) if before is None else before.plan.frame
        framed = frame.apply(X)
        members, weight, samples = self._samples(reader, framed, y, members, weight)
        if before is None:
            plan = self._plan(samples, frame, reader, rng)
        else:
            plan = before.plan._replace(reader=reader)
        start = plan.origin if before is None else before.theta
        trial = self._trial(plan, samples, start, rng)
        task = Task(trial, None, samples, None, framed, members, weight, X.dtype)
        held_out, learnt = self._held_out(trial.samples)
        if held_out is None:
            return task
        return self._mixed_beforehand(task, plan, learnt, held_out, rng)

    def _mixed_beforehand(self, task, plan, learnt, held_out, rng):
        """Return a task with a mixture that a training on a part has told."""
        # What is drawn here leaves what the training of all draws as it is.
        rng = deepcopy(rng)
        plan = self._plan_of_part(plan, learnt)
        trial = self._trial(plan, learnt, plan.origin, rng)
        theta = self._minimize(trial, rng, stage="part").x
        if len(task.samples.X) >= CURVED_SAMPLES and not self._hidden():
            task = task._replace(curved=self._curved(trial, rng))
        embeddings = mixed_embeddings(plan, theta, task.curved)
        votes = self._held_out_votes(trial, embeddings, held_out)
        mixture = self._mixing_weights(votes, held_out, task.samples, trial.judge)
        return task._replace(mixture=mixture)

    def _trained(self, task, rng, progress=None, reservoir=None):
        """Return the attributes that a training arrives at."""
        trial = task.trial

        def attributes(theta):
            embeddings = task.embeddings(theta)
            fitted = Fitted(
                embeddings,
                task.framed,
                task.members,
                task.weight,
                self._voters(
                    trial, self._spaces(embeddings, task.samples), task.samples
                ),
                task.mixture,
                trial.strengths,
                reservoir,
            )
            return self._attributes(fitted, task.dtype)

        solution = self._minimize(trial, rng, progress, attributes)
        theta, score = self._guarded(trial, solution)
        return attributes(theta) | {
            "alpha_": trial.alpha,
            "loo_score_": score,
            "loss_curve_": solution.loss_curve,
            # A start without a slope takes a look, at least.
            "n_iter_": max(solution.n_iter, int(self.max_iter != 0)),
        }

    def _check_parameters(self):
        check_parameters(self)
        least = self.n_neighbors
        if isinstance(self.n_candidates, Integral) and self.n_candidates < least:
            raise ValueError(
                f"n_candidates must be at least n_neighbors={least}, "
                f"got {self.n_candidates}."
            )

    def _seen(self, X, y, reset):
        """Return attributes that tell of the features, and checked X and y."""
        check_unmasked(X=X, y=y)
        # What is learnt of X is kept apart until the fit is complete.
        scratch = type(self)() if reset else self
        X, y = validate_data(
            scratch, X, y, dtype=DTYPES, reset=reset, **self._y_options
        )
        if self._y_options:
            check_finite_target(y)
        names = ("n_features_in_", "feature_names_in_")
        return {n: getattr(scratch, n) for n in names if hasattr(scratch, n)}, X, y

    def _members(self, X, sample_weight):
        """Return numbers and weights of rows that have any, also as None for ones."""
        check_unmasked(sample_weight=sample_weight)
        rows, weight = positive_rows(sample_weight, X)
        members = np.arange(len(X))[rows]
        if sample_weight is not None and weight is None:
            return members, np.ones(len(members)), None
        return members, weight, weight

    def _samples(self, reader, framed, y, members, weight):
        """Return which rows are samples, their weights as given, and the samples."""
        counts, own = as_counts(weight), None
        if counts is not None:
            # One repetition is the sample itself; others are told from it.
            whole = (counts == np.floor(counts)).all()
            own = counts - 1.0 if whole else np.zeros(len(counts))
        targets = reader.encode(y[members])
        # All rows are held once.
        X = framed if len(members) == len(framed) else framed[members]
        samples = Samples(X, targets, counts, own)
        samples = self._reweighted(samples, reader)
        if samples.weight is not None and not samples.weight.all():
            some = samples.weight > 0.0
            members, samples = members[some], samples.take(some)
            weight = None if weight is None else weight[some]
        return members, weight, samples

    def _attributes(self, fitted, dtype):
        """Return the fitted attributes, for X as it is given."""
        plan, theta = fitted.plan, fitted.theta
        coefs, intercepts = plan.layers(theta)
        Z = plan.embed(theta, fitted.X) * plan.gain
        with np.errstate(over="ignore", under="ignore"):
            strength = np.square(plan.gain) * fitted.strengths[0]
        found = {
            "components_": plan.components(theta).astype(dtype),
            "embedding_": Z.astype(dtype),
            "regularization_strength_": float(strength),
            "_fitted": fitted,
            "_n_features_out": Z.shape[1],
        }
        if fitted.mixture is not None:
            found["vote_weights_"] = fitted.mixture.weights
        if coefs:
            found["coefs_"] = [part.astype(dtype) for part in coefs]
            found["intercepts_"] = [part.astype(dtype) for part in intercepts]
        return found

    def _assign(self, attributes):
        """Set all fitted attributes together."""
        for name in OPTIONAL:
            vars(self).pop(name, None)
        vars(self).update(attributes)
        return self

    def _framed(self, X):
        """Return checked samples in the frame of the fit, and the type of X."""
        check_unmasked(X=X)
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        return self._fitted.plan.frame.apply(X), X.dtype

    def transform(self, X: ArrayLike) -> NDArray[Any]:
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
        X, dtype = self._framed(X)
        plan = self._fitted.plan
        return (plan.embed(self._fitted.theta, X) * plan.gain).astype(dtype)

    def kneighbors(
        self,
        X: ArrayLike | None = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
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
            Row numbers of the training samples, which are those of `embedding_`; of
            these, samples of weight zero are nobody's neighbours.
        """
        check_is_fitted(self)
        fitted = self._fitted
        space = fitted.voters.spaces[0]
        if X is None:
            found = each_row(
                fitted,
                lambda: space.index.kneighbors(None, n_neighbors),
                lambda some: space.index.kneighbors(
                    fitted.plan.embed(fitted.theta, some), n_neighbors
                ),
            )
        else:
            Z = brought_near(fitted.plan.embed(fitted.theta, self._framed(X)[0]))
            found = space.index.kneighbors(Z, n_neighbors)
        distances, indices = found
        indices = fitted.members[indices]
        return (distances * fitted.plan.gain, indices) if return_distance else indices

    def kneighbors_graph(
        self,
        X: ArrayLike | None = None,
        n_neighbors: int | None = None,
        mode: Literal["connectivity", "distance"] = "connectivity",
    ) -> Any:
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
        check_option(mode, "mode", ("connectivity", "distance"))
        distances, indices = self.kneighbors(X, n_neighbors)
        if mode == "connectivity":
            distances = np.ones(distances.shape)
        ends = np.arange(len(indices) + 1) * indices.shape[1]
        shape = (len(indices), len(self._fitted.X))
        return csr_matrix((distances.ravel(), indices.ravel(), ends), shape=shape)

    def _outcome(self, X):
        """Return what the votes for queries, or for all training rows, come out as."""
        check_is_fitted(self)
        fitted = self._fitted
        if X is None:
            outcomes = each_row(
                fitted,
                fitted.voters.left_out,
                lambda some: fitted.voters.outcomes(fitted.place(some)),
            )
        else:
            outcomes = fitted.voters.outcomes(fitted.place(self._framed(X)[0]))
        if fitted.mixture is None:
            return outcomes[0]
        return fitted.mixture.mixed(outcomes)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
