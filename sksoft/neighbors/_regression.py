# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft neighbours that agree on a value."""

from types import MappingProxyType

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from sksoft._validation import nonnegative_number
from sksoft.neighbors._base import SoftNeighborsBase, weighted_quantile
from sksoft.neighbors._votes import ValueVote

# The interquartile range of the standard normal distribution.
NORMAL_RANGE = 1.349
# Where Huber's loss turns linear, in robust standard deviations of the residuals.
HUBER_CORNER = 1.345


class SoftKNeighborsRegressor(MultiOutputMixin, RegressorMixin, SoftNeighborsBase):
    """Predict by soft nearest neighbours in a learnt embedding."""

    _losses = ("squared_error", "huber", "trimmed")
    _votes = ("mean", "median", "trimmed")
    _y_options = MappingProxyType({"multi_output": True, "y_numeric": True})

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
        n_templates=2000,
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
        if nonnegative_number(self.trim_fraction, "trim_fraction") > 0.5:
            raise ValueError(
                f"trim_fraction must lie in [0, 0.5], got {self.trim_fraction}."
            )

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

    def _set_strength(self, theta, rng):
        super()._set_strength(theta, rng)
        # The size of a residual, for soft medians and for Huber's loss: that of the
        # hard vote of the starting neighbours.
        self._softness, self._corner = 0.0, np.inf
        if self.vote != "median" and self.loss != "huber":
            return
        queries = self._scored(len(self._X), rng)
        left_out = self._leave_one_out(
            self._training_vote(), 0.0, np.full(len(self._X), float(self.n_neighbors))
        )
        found = left_out.predicted_values(self._embed(theta), queries)
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

    def _loo_score(self, Z, queries):
        left_out = self._leave_one_out(
            self._training_vote(),
            self.regularization_strength_,
            np.full(len(Z), float(self.n_neighbors)),
        )
        found = left_out.predicted_values(Z, queries)
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
