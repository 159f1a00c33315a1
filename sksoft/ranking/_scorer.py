# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The scores that all rankers fit: linear in the features, plus a small network."""

import itertools
import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._optimize import minimize
from sksoft._validation import layer_sizes, nonnegative_number, positive_integer


class Scorer:
    """Scores of training rows as a function of one vector of parameters.

    The linear part is expressed in the eigenvectors of the features' Gram matrix,
    scaled so that least squares would be solved in one step, which makes L-BFGS quick;
    its last coefficient is the intercept.
    The network, of rectified linear units, is added to it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    n_outputs : int
        How many scores each row has.
    hidden_layer_sizes : tuple of int
        Sizes of the hidden layers; empty for a linear model.
    fit_intercept : bool
        Whether the scores have an intercept.
    ridge : float
        Ridge penalty, against the Gram matrix, that the scaling assumes.
    """

    def __init__(self, X, weight, n_outputs, hidden_layer_sizes, fit_intercept, ridge):
        # One layout, for rounding sets off hidden layers in different directions.
        X = np.ascontiguousarray(X)
        n_features = X.shape[1]
        self.centre = np.zeros(n_features)
        if fit_intercept:
            self.centre = weight @ X / weight.sum()
            X = X - self.centre
        self.fit_intercept = fit_intercept
        self.n_outputs = n_outputs
        self.weight = weight
        self.basis, self.shrinkage = _whitening(X, weight, ridge)
        self.design = X
        if fit_intercept:
            self._append_intercept()
        self.shapes = [(self.basis.shape[1], n_outputs)]
        self.hidden = tuple(hidden_layer_sizes)
        if self.hidden:
            scale = np.sqrt(weight @ X**2 / weight.sum())
            self.scale = np.where(scale > 0.0, scale, 1.0)
            self.inputs = X / self.scale
            sizes = (n_features, *self.hidden, n_outputs)
            for i, (wide, narrow) in enumerate(itertools.pairwise(sizes)):
                self.shapes.append((wide, narrow))
                if i < len(self.hidden):
                    self.shapes.append((narrow,))
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        self.slices = [slice(*pair) for pair in itertools.pairwise([0, *ends])]

    def _append_intercept(self):
        basis = np.zeros(np.add(self.basis.shape, 1))
        basis[:-1, :-1] = self.basis
        basis[-1, -1] = 1.0
        self.basis = basis
        self.shrinkage = np.append(self.shrinkage, 0.0)
        self.design = np.column_stack([self.design, np.ones(len(self.design))])

    def _split(self, params):
        return [
            params[piece].reshape(shape)
            for piece, shape in zip(self.slices, self.shapes, strict=True)
        ]

    def start(self, target, random_state):
        """Return the parameters of ridge regression; the network's share is zero."""
        weighted = self.weight[:, np.newaxis] * target
        pieces = [self.basis.T @ (self.design.T @ weighted) / self.weight.sum()]
        for i, shape in enumerate(self.shapes[1:]):
            last = i == 2 * len(self.hidden)
            if len(shape) == 2 and not last:
                bound = np.sqrt(6.0 / shape[0])
                pieces.append(random_state.uniform(-bound, bound, size=shape))
            else:
                pieces.append(np.zeros(shape))
        return np.concatenate([piece.ravel() for piece in pieces])

    def objective(self, loss, rate):
        """Return a function of the parameters: the loss plus a penalty, its gradient.

        Parameters
        ----------
        loss : callable
            Maps scores of shape (n_samples, n_outputs) to a value and its gradient.
        rate : float
            Half of this times the squared coefficients is added; intercepts are free.
        """
        shrinkage = rate * self.shrinkage[:, np.newaxis]

        def evaluate(params):
            linear, *network = self._split(params)
            scores, layers = self._forward(linear, network)
            value, gradient = loss(scores)
            gradients = self._backward(network, layers, gradient)
            shrunk = shrinkage * linear
            value += 0.5 * np.vdot(shrunk, linear)
            gradients[0] += shrunk
            for piece, slope in zip(network, gradients[1:], strict=True):
                if piece.ndim == 2:
                    value += 0.5 * rate * np.vdot(piece, piece)
                    slope += rate * piece
            return value, np.concatenate([piece.ravel() for piece in gradients])

        return evaluate

    def scores(self, params):
        """Return the scores of the training rows, of shape (n_samples, n_outputs)."""
        linear, *network = self._split(params)
        return self._forward(linear, network)[0]

    def _forward(self, linear, network):
        scores = self.design @ (self.basis @ linear)
        if not network:
            return scores, []
        layers = _activations(self.inputs, network)
        return scores + layers[-1] @ network[-1], layers

    def _backward(self, network, layers, gradient):
        gradients = [self.basis.T @ (self.design.T @ gradient)]
        if not network:
            return gradients
        slopes = [layers[-1].T @ gradient]
        for i in range(len(self.hidden) - 1, -1, -1):
            gradient = gradient @ network[2 * i + 2].T * (layers[i + 1] > 0.0)
            slopes += [gradient.sum(axis=0), layers[i].T @ gradient]
        return gradients + slopes[::-1]

    def attributes(self, params):
        """Return the fitted attributes that the parameters stand for."""
        linear, *network = self._split(params)
        coef = (self.basis @ linear).T
        intercept = np.zeros(self.n_outputs)
        if self.fit_intercept:
            coef, intercept = coef[:, :-1], coef[:, -1]
            intercept = intercept - coef @ self.centre
        coefs, intercepts = network[0::2], network[1::2]
        if self.hidden:
            coefs[0] = coefs[0] / self.scale[:, np.newaxis]
            intercepts[0] = intercepts[0] - self.centre @ coefs[0]
        return {
            "coef_": coef,
            "intercept_": intercept,
            "hidden_coefs_": coefs,
            "hidden_intercepts_": intercepts,
        }


def _whitening(X, weight, ridge):
    """Scale the eigenvectors of the Gram matrix such that ridge penalises all alike.

    Returns the vectors as columns, with which the features' mean square is one where
    the penalty is none, and their squared lengths.
    """
    rooted = np.sqrt(weight)[:, np.newaxis] * X
    dual = X.shape[0] < X.shape[1]
    gram = rooted @ rooted.T if dual else rooted.T @ rooted
    values, vectors = np.linalg.eigh(gram)
    kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    values, vectors = values[kept], vectors[:, kept]
    if dual:
        vectors = rooted.T @ vectors / np.sqrt(values)
    shrinkage = weight.sum() / (values + ridge)
    return vectors * np.sqrt(shrinkage), shrinkage


def _activations(X, network):
    """The inputs and the outputs of each hidden layer."""
    layers = [X]
    for coef, intercept in zip(network[0:-1:2], network[1::2], strict=True):
        layers.append(np.maximum(layers[-1] @ coef + intercept, 0.0))
    return layers


class ScorerMixin:
    """What estimators with a :class:`Scorer` share."""

    def _check_scorer_parameters(self):
        nonnegative_number(self.alpha, "alpha")
        positive_integer(self.max_iter, "max_iter")
        nonnegative_number(self.tol, "tol")
        return layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")

    def _first_fit(self, scorer, start, loss, rate):
        """Return parameters that minimise a loss, from which the fit begins."""
        with warnings.catch_warnings():
            # The first fit may stop anywhere.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self._minimized(scorer, start, loss, rate).x

    def _fit_scorer(self, scorer, start, loss, rate, progress, attributes):
        """Minimise a loss of the scores and store what was found.

        `attributes` maps parameters to the fitted attributes that they stand for.
        """
        solution = self._minimized(
            scorer, start, loss, rate, progress=progress, attributes=attributes
        )
        for name, value in attributes(solution.x).items():
            setattr(self, name, value)
        self.loss_curve_ = solution.loss_curve
        self.n_iter_ = max(solution.n_iter, 1)

    def _minimized(self, scorer, start, loss, rate, **reports):
        objective = scorer.objective(loss, rate)
        return minimize(
            objective, start, max_iter=self.max_iter, tol=self.tol, **reports
        )

    def _network(self, X):
        """Return what the hidden layers add to the scores, (n_samples, n_outputs)."""
        network = [self.hidden_coefs_[-1]]
        layers = zip(self.hidden_coefs_[:-1], self.hidden_intercepts_, strict=True)
        for coef, intercept in reversed(list(layers)):
            network = [coef, intercept, *network]
        return _activations(X, network)[-1] @ network[-1]


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
