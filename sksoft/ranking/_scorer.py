# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The scores that all rankers fit: linear in the features, plus a small network."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._network import LinearPlusNetwork, network_outputs
from sksoft._optimize import minimize
from sksoft._weighted import column_scales

# Weights of hidden layers are as good as 0 with this.
LARGEST_LAYER_PENALTY = 1e30


class Scorer:
    """Scores of training rows as a function of one vector of parameters.

    The linear part is expressed in the eigenvectors of the features' Gram matrix,
    scaled so that least squares would be solved in one step, which makes L-BFGS quick;
    its last coefficient is the intercept.
    The network, of rectified linear units, is added to it.

    Parameters
    ----------
    design : Design
        The features.
    n_outputs : int
        How many scores each row has.
    hidden_layer_sizes : tuple of int
        Sizes of the hidden layers; empty for a linear model.
    penalty : float
        Ridge penalty of the coefficients of the design, against its Gram matrix.
    """

    def __init__(self, design, n_outputs, hidden_layer_sizes, penalty):
        self.design = design
        self.n_outputs = n_outputs
        total = design.weight.sum()
        with np.errstate(over="ignore", divide="ignore"):
            # How much of the curvature in a direction is that of the penalty.
            self.penalised = 1.0 / (1.0 + design.values / np.float64(penalty))
            scale = np.sqrt(total / (design.values + penalty))
        self.total = total
        self.basis = design.vectors * scale
        self.scale = scale
        self.columns = design.X @ self.basis
        if design.fit_intercept:
            self.columns = np.column_stack([self.columns, np.ones(len(design.X))])
        self.inputs, self.input_scale = None, 1.0
        if hidden_layer_sizes:
            self.input_scale = column_scales(design.X, design.weight)
            self.inputs = design.X / self.input_scale
            # Layers see features of deviation one, whose coefficients are larger.
            varies = self.inputs.any(axis=0)
            squares = np.mean(self.input_scale[varies] ** 2) if varies.any() else 1.0
            layer_penalty = penalty / squares
            self.layer_penalty = min(layer_penalty, LARGEST_LAYER_PENALTY)
        self.model = LinearPlusNetwork(
            self.columns.shape[1], design.X.shape[1], n_outputs, hidden_layer_sizes
        )

    def start(self, target, random_state):
        """Return the parameters of ridge regression; the network's share is zero."""
        weighted = self.design.weight[:, np.newaxis] * target
        linear = self.columns.T @ weighted / self.total
        return self.model.start(linear, random_state)

    def objective(self, loss, rate, kept=None):
        """Return a function of the parameters: the loss plus a penalty, its gradient.

        Parameters
        ----------
        loss : callable
            Maps scores of shape (n_samples, n_outputs) to a value and its gradient.
        rate : float
            Half of this times the penalty times the squared coefficients is added;
            intercepts are free.
        kept : tuple of (ndarray, float), default=None
            Parameters, and half of what is added for the squared distance of linear
            scores from theirs, instead of the penalty of linear coefficients.
        """
        factors = np.zeros(self.model.size)
        linear, *network = self.model.unpack(factors)
        share = rate * self.total * self.penalised
        linear[: len(share)] = share[:, np.newaxis]
        for piece in network[0::2]:
            piece[...] = rate * self.layer_penalty
        centre = np.zeros(self.model.size)
        if kept is not None:
            linear[: len(share)] = kept[1]
            self.model.unpack(centre)[0][...] = self.model.unpack(kept[0])[0]

        def evaluate(params):
            scores, state = self.model.forward(params, self.columns, self.inputs)
            value, gradient = loss(scores)
            gradient = self.model.backward(params, state, gradient)
            distance = params - centre
            shrunk = factors * distance
            return value + 0.5 * (shrunk @ distance), gradient + shrunk

        return evaluate

    def scores(self, params):
        """Return the scores of the training rows, of shape (n_samples, n_outputs)."""
        return self.model.forward(params, self.columns, self.inputs)[0]

    def attributes(self, params):
        """Return the fitted attributes that the parameters stand for."""
        design = self.design
        linear = self.model.unpack(params)[0]
        intercept = np.zeros(linear.shape[1])
        if design.fit_intercept:
            linear, intercept = linear[:-1], linear[-1]
        coef = (self.basis @ linear).T / design.unit
        if design.fit_intercept:
            intercept = intercept - coef @ design.centre
        coefs, intercepts = self.model.layers(
            params, design.centre, design.unit * self.input_scale
        )
        return {
            "coef_": coef,
            "intercept_": intercept,
            "hidden_coefs_": coefs,
            "hidden_intercepts_": intercepts,
        }

    def parameters(self, attributes):
        """Return the parameters that stand for fitted attributes, for a warm start.

        Parameters
        ----------
        attributes : dict
            What `attributes` returns.

        Raises
        ------
        ValueError
            If the shapes are those of another model.
        """
        design = self.design
        params = np.zeros(self.model.size)
        linear, *network = self.model.unpack(params)
        coef = np.atleast_2d(attributes["coef_"]).T
        layers = [None] * len(network)
        layers[0::2] = attributes["hidden_coefs_"]
        layers[1::2] = attributes["hidden_intercepts_"]
        found = [coef.shape, *(np.shape(layer) for layer in layers)]
        expected = [(design.X.shape[1], linear.shape[1]), *self.model.shapes[1:]]
        if found != expected:
            raise ValueError(
                "warm_start=True goes on from a fit with the same numbers of features, "
                f"outputs and hidden units: {expected}, got {found}."
            )
        along = design.vectors.T @ (coef * design.unit)
        within = np.zeros(along.shape)
        scale = self.scale[:, np.newaxis]
        np.divide(along, scale, out=within, where=scale > 0.0)
        linear[: len(within)] = within
        if design.fit_intercept:
            linear[-1] = attributes["intercept_"] + design.centre @ coef
        for piece, layer in zip(network, layers, strict=True):
            piece[...] = layer
        if network:
            network[1] += design.centre @ layers[0]
            scale = np.broadcast_to(design.unit * self.input_scale, len(layers[0]))
            network[0] *= scale[:, np.newaxis]
        return params


class ScorerMixin:
    """What estimators with a :class:`Scorer` share."""

    def _first_fit(self, scorer, start, loss, rate):
        """Return parameters that minimise a loss, from which the fit begins."""
        with warnings.catch_warnings():
            # The first fit may stop anywhere.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self._minimized(scorer, start, loss, rate).x

    def _fit_scorer(self, scorer, start, loss, rate, progress, attributes, kept=None):
        """Minimise a loss of the scores and store what was found.

        `attributes` maps parameters to the fitted attributes that they stand for.
        """
        solution = self._minimized(
            scorer, start, loss, rate, kept, progress=progress, attributes=attributes
        )
        found = attributes(solution.x)
        found["loss_curve_"] = solution.loss_curve
        found["n_iter_"] = max(solution.n_iter, 1)
        for name, value in found.items():
            setattr(self, name, value)

    def _minimized(self, scorer, start, loss, rate, kept=None, **reports):
        objective = scorer.objective(loss, rate, kept)
        return minimize(
            objective, start, max_iter=self.max_iter, tol=self.tol, **reports
        )

    def _network(self, X):
        """Return what the hidden layers add to the scores, (n_samples, n_outputs)."""
        return network_outputs(X, self.hidden_coefs_, self.hidden_intercepts_)


class SquaredError:
    """Squared distance of the scores to a target, the loss of the first fit.

    Parameters
    ----------
    target : ndarray of shape (n_samples, n_outputs)
        The target.
    weight : ndarray of the same shape, or broadcastable to it
        What each entry counts.
    """

    def __init__(self, target, weight):
        self.target = target
        self.weight = weight

    def __call__(self, scores):
        """Return the value and its gradient."""
        excess = scores - self.target
        weighted = self.weight * excess
        return np.vdot(weighted, excess), 2.0 * weighted
