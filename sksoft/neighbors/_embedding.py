# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Embeddings with parameters in one vector: linear, or linear plus a perceptron."""

import itertools

import numpy as np


class Embedding:
    """Z = X A + relu(... relu(X W_1 + b_1) ...) W_m, the last part starting at zero.

    Parameters
    ----------
    components : ndarray of shape (n_components, n_features)
        Where the linear part starts.

    hidden_layer_sizes : tuple of int
        Widths of the hidden layers, or () for the linear part alone.

    rng : RandomState
        Draws the hidden layers.
    """

    def __init__(self, components, hidden_layer_sizes, rng):
        n_components, n_features = components.shape
        sizes = [n_features, *hidden_layer_sizes]
        shapes = [(n_features, n_components)]
        for wide, narrow in itertools.pairwise(sizes):
            shapes += [(wide, narrow), (narrow,)]
        if hidden_layer_sizes:
            shapes += [(sizes[-1], n_components)]
        self._shapes = shapes
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes]).tolist()
        self._places = [slice(*pair) for pair in itertools.pairwise([0, *ends])]
        self.start = np.zeros(ends[-1])
        parts = self.unpack(self.start)
        parts[0][...] = components.T
        for weight in parts[1:-1:2]:
            bound = np.sqrt(6.0 / weight.shape[0])
            weight[...] = rng.uniform(-bound, bound, size=weight.shape)

    def unpack(self, theta):
        """Return views: the linear part, hidden weights and biases, the last part."""
        return [
            theta[place].reshape(shape)
            for place, shape in zip(self._places, self._shapes, strict=True)
        ]

    def forward(self, theta, X, dropout=0.0, rng=None):
        """Return the embedding of rows and what `backward` needs of it."""
        parts = self.unpack(theta)
        Z = X @ parts[0]
        if len(parts) == 1:
            return Z, (X, None)
        activations, keeps, hidden = [X], [], X
        for weight, bias in zip(parts[1:-1:2], parts[2:-1:2], strict=True):
            hidden = hidden @ weight
            hidden += bias
            np.maximum(hidden, 0.0, out=hidden)
            if dropout > 0.0:
                keep = (rng.random_sample(hidden.shape) >= dropout) / (1.0 - dropout)
                hidden *= keep
                keeps.append(keep)
            activations.append(hidden)
        Z += hidden @ parts[-1]
        return Z, (activations, keeps)

    def backward(self, theta, state, gradient):
        """Return the gradient in the parameters, given the one in the embedding."""
        out = np.empty_like(theta)
        pulled = self.unpack(out)
        activations, keeps = state
        if len(pulled) == 1:
            np.matmul(activations.T, gradient, out=pulled[0])
            return out
        parts = self.unpack(theta)
        np.matmul(activations[0].T, gradient, out=pulled[0])
        np.matmul(activations[-1].T, gradient, out=pulled[-1])
        down = gradient @ parts[-1].T
        for layer in range(len(activations) - 1, 0, -1):
            down *= activations[layer] > 0.0
            if keeps:
                down *= keeps[layer - 1]
            np.matmul(activations[layer - 1].T, down, out=pulled[2 * layer - 1])
            pulled[2 * layer][...] = down.sum(axis=0)
            if layer > 1:
                down = down @ parts[2 * layer - 1].T
        return out
