# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training of linear emissions and transitions by Adam, through a beam.

A sequence is known by what it holds: equal ones are put together, and all are put in an
order of their own, so that repetitions are weights and the order of rows is nothing.
"""

import itertools
import math

import numpy as np
from scipy import sparse

from sksoft._optimize import Adam
from sksoft.losses._beam import BeamObjective

# An epoch has at least so many steps, by which a share of each sequence is gone.
STEPS_OF_EPOCH = 20
# The root mean square of the length of a row of features, to which they are scaled.
ROW_LENGTH = 5.0
# The default penalty of the coefficients of features with rows of length 1.
PENALTY = 0.2


def mixed(keys):
    """Mix the bits of unsigned integers, one to one (the end of splitmix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def content_keys(X, labels, starts):
    """Return a number for each sequence, equal where features and labels are.

    Of the features' values only the order matters: it stays in other units.
    """
    if sparse.issparse(X):
        present = X.data != 0.0
        values, columns = X.data[present], X.indices[present]
        bounds = np.concatenate([[0], np.cumsum(present)])[X.indptr]
    else:
        rows, columns = np.nonzero(X)
        values = X[rows, columns]
        bounds = np.searchsorted(rows, np.arange(len(X) + 1))
    ranks = np.unique(values, return_inverse=True)[1].astype(np.uint64)
    entries = mixed(ranks + mixed(columns.astype(np.uint64)))
    rows = mixed(_sums(entries, bounds) + mixed(labels.astype(np.uint64)))
    place = np.arange(len(labels)) - np.repeat(starts[:-1], np.diff(starts))
    return _sums(mixed(rows + mixed(place.astype(np.uint64))), starts)


def _sums(values, bounds):
    """Sum unsigned integers between bounds, modulo 2**64."""
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values)])
    return total[bounds[1:]] - total[bounds[:-1]]


class TrainingSequences:
    """Different sequences with their weights, and how they are put into batches.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Features of the rows of all sequences, one after the other.
    labels : ndarray of int of shape (n_rows,)
        The labels.
    starts : ndarray of int of shape (n_sequences + 1,)
        Where sequences start.
    weight : ndarray of shape (n_sequences,)
        Positive weights of the sequences.
    """

    def __init__(self, X, labels, starts, weight):
        keys = content_keys(X, labels, starts)
        self.keys, first, place = np.unique(
            keys, return_index=True, return_inverse=True
        )
        self.weight = np.bincount(place, weights=weight)
        rows, self.starts = rows_of_sequences(starts, first)
        self.X, self.labels = X[rows], labels[rows]

    def batches(self, n_batches, random_state):
        """Yield pairs of sequences and weights: an epoch, cut into equal weights.

        The sequence at a cut has a share in both batches.
        """
        salt = random_state.randint(2**32, size=1, dtype=np.uint64)
        order = np.argsort(mixed(self.keys ^ mixed(salt)), kind="stable")
        ends = np.cumsum(self.weight[order])
        begins = ends - self.weight[order]
        cuts = ends[-1] * (np.arange(n_batches + 1) / n_batches)
        for low, high in itertools.pairwise(cuts):
            share = np.minimum(ends, high) - np.maximum(begins, low)
            present = share > 1e-9 * (high - low)
            yield order[present], share[present]


def rows_of_sequences(starts, which):
    """Return the rows of some sequences, and where these start among them."""
    lengths = np.diff(starts)[which]
    begins = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    offset = np.repeat(starts[which] - begins[:-1], lengths)
    return offset + np.arange(begins[-1]), begins


class TaggerModel:
    """Emissions and transitions in one vector, and the loss of a batch.

    Parameters
    ----------
    sequences : TrainingSequences
        What is trained on.
    classes : ndarray of shape (n_labels,)
        The labels that numbers stand for.
    order : int
        1 for transitions of pairs, 2 for triples too.
    fit_intercept : bool
        Whether emissions have an intercept.
    alpha : float or str
        The penalty of squared coefficients, or "auto".
    objective : tuple
        What follows the weights in `BeamObjective`.
    """

    def __init__(self, sequences, classes, order, fit_intercept, alpha, objective):
        self.sequences, self.objective = sequences, objective
        self.classes, n_labels = classes, len(classes)
        self.fit_intercept = fit_intercept
        X = sequences.X
        self.n_features = X.shape[1]
        # Features that are always zero have coefficients that are.
        self.used = np.unique(X.indices) if sparse.issparse(X) else slice(None)
        X = X[:, self.used]
        weight = np.repeat(sequences.weight, np.diff(sequences.starts))
        squares = X.multiply(X) if sparse.issparse(X) else X * X
        length = float(weight @ np.asarray(squares.sum(axis=1)).ravel() / weight.sum())
        self.alpha = PENALTY * length if isinstance(alpha, str) else float(alpha)
        self.scale = math.sqrt(length) / ROW_LENGTH if length > 0.0 else 1.0
        self.X = X / self.scale
        if sparse.issparse(self.X):
            self.X = self.X.tocsr()
        self.rate = self.alpha / (self.scale**2 * sequences.weight.sum())
        triples = (n_labels,) * 3 if order == 2 else (0, 0, 0)
        self.shapes = [
            (self.X.shape[1], n_labels),
            (n_labels if fit_intercept else 0,),
            (n_labels, n_labels),
            triples,
        ]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        self.slices = [slice(*pair) for pair in itertools.pairwise([0, *ends])]

    def split(self, params):
        """Return coefficients, intercepts and scores of pairs and triples."""
        return [
            params[piece].reshape(shape)
            for piece, shape in zip(self.slices, self.shapes, strict=True)
        ]

    def loss(self, params, which, weight):
        """Return the mean loss of weighted sequences with the penalty, its gradient."""
        coef, intercept, first, second = self.split(params)
        rows, begins = rows_of_sequences(self.sequences.starts, which)
        X = self.X[rows]
        emissions = X @ coef
        if self.fit_intercept:
            emissions += intercept
        evaluate = BeamObjective(
            begins, self.sequences.labels[rows], weight / weight.sum(), *self.objective
        )
        value, d_emissions, d_first, d_second = evaluate(emissions, first, second)
        shrunk = self.rate * coef
        value += 0.5 * float(np.vdot(shrunk, coef))
        d_intercept = d_emissions.sum(axis=0) if self.fit_intercept else np.empty(0)
        gradient = [X.T @ d_emissions + shrunk, d_intercept, d_first, d_second]
        return value, np.concatenate([part.ravel() for part in gradient])

    def attributes(self, params):
        """Return the fitted attributes that parameters stand for."""
        coef, intercept, first, second = self.split(params)
        full = np.zeros((coef.shape[1], self.n_features))
        full[:, self.used] = coef.T / self.scale
        return {
            "alpha_": self.alpha,
            "classes_": self.classes,
            "coef_": full,
            "intercept_": intercept.copy() if intercept.size else np.zeros(len(full)),
            "transitions_": (first.copy(), second.copy())
            if second.size
            else first.copy(),
        }

    def fit(self, learning_rate, batch_size, max_iter, random_state, progress):
        """Minimise by Adam, with a rate that falls to 0; return attributes and losses.

        The parameters start at 0: from a model of single labels a beam learns worse.
        """
        n_sequences = len(self.sequences.weight)
        n_batches = 1
        if batch_size is not None:
            n_batches = max(-(-n_sequences // batch_size), STEPS_OF_EPOCH)
        params = np.zeros(self.slices[-1].stop)
        adam = Adam(len(params))
        n_steps = n_batches * max_iter
        losses = []

        def state():
            return self.attributes(params)

        for _ in range(max_iter):
            iteration = progress.begin_iteration(state)
            total = 0.0
            for which, weight in self.sequences.batches(n_batches, random_state):
                value, gradient = self.loss(params, which, weight)
                rate = learning_rate * (1.0 - adam.count / n_steps)
                params = params + adam.step(gradient, rate)
                total += value / n_batches
            losses.append(total)
            if progress.end_iteration(iteration, state, total):
                break
        return self.attributes(params), losses
