# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The scores that all rankers fit: linear in the features, plus a small network."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sksoft._network import LinearPlusNetwork, network_outputs
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
        self.weight = weight
        self.basis, self.shrinkage = _whitening(X, weight, ridge)
        self.design = X @ self.basis
        if fit_intercept:
            self.design = np.column_stack([self.design, np.ones(len(X))])
            self.shrinkage = np.append(self.shrinkage, 0.0)
        self.inputs, self.scale = None, 1.0
        if hidden_layer_sizes:
            scale = np.sqrt(weight @ X**2 / weight.sum())
            self.scale = np.where(scale > 0.0, scale, 1.0)
            self.inputs = X / self.scale
        self.model = LinearPlusNetwork(
            self.design.shape[1], n_features, n_outputs, hidden_layer_sizes
        )

    def start(self, target, random_state):
        """Return the parameters of ridge regression; the network's share is zero."""
        weighted = self.weight[:, np.newaxis] * target
        linear = self.design.T @ weighted / self.weight.sum()
        return self.model.start(linear, random_state)

    def objective(self, loss, rate):
        """Return a function of the parameters: the loss plus a penalty, its gradient.

        Parameters
        ----------
        loss : callable
            Maps scores of shape (n_samples, n_outputs) to a value and its gradient.
        rate : float
            Half of this times the squared coefficients is added; intercepts are free.
        """
        factors = np.zeros(self.model.size)
        first, *network = self.model.unpack(factors)
        first[...] = self.shrinkage[:, np.newaxis]
        for piece in network[0::2]:
            piece[...] = 1.0
        factors *= rate

        def evaluate(params):
            scores, state = self.model.forward(params, self.design, self.inputs)
            value, gradient = loss(scores)
            gradient = self.model.backward(params, state, gradient)
            shrunk = factors * params
            return value + 0.5 * (shrunk @ params), gradient + shrunk

        return evaluate

    def scores(self, params):
        """Return the scores of the training rows, of shape (n_samples, n_outputs)."""
        return self.model.forward(params, self.design, self.inputs)[0]

    def attributes(self, params):
        """Return the fitted attributes that the parameters stand for."""
        linear = self.model.unpack(params)[0]
        intercept = np.zeros(linear.shape[1])
        if self.fit_intercept:
            linear, intercept = linear[:-1], linear[-1]
        coef = (self.basis @ linear).T
        if self.fit_intercept:
            intercept = intercept - coef @ self.centre
        coefs, intercepts = self.model.layers(params, self.centre, self.scale)
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
