# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models that are a linear map plus a small network, their parameters in one vector."""

import itertools
import math

import numpy as np


class LinearPlusNetwork:
    """The model D A + relu(... relu(X W_1 + b_1) ...) W_m.

    D, the design, is what the linear part sees, and X, the inputs, what the network
    sees; without hidden layers there is no network, and no inputs are needed.

    Parameters
    ----------
    n_linear : int
        Number of columns of the design.

    n_inputs : int
        Number of columns of the inputs.

    n_outputs : int
        Number of columns of the outputs.

    hidden_layer_sizes : tuple of int
        Widths of the hidden layers, or () for the linear part alone.
    """

    def __init__(self, n_linear, n_inputs, n_outputs, hidden_layer_sizes):
        shapes = [(n_linear, n_outputs)]
        if hidden_layer_sizes:
            sizes = (n_inputs, *hidden_layer_sizes, n_outputs)
            for wide, narrow in itertools.pairwise(sizes):
                shapes += [(wide, narrow), (narrow,)]
            # The outputs have no bias.
            shapes.pop()
        ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
        self.shapes = shapes
        self.size = ends[-1]
        self._places = [slice(*pair) for pair in itertools.pairwise([0, *ends])]

    def unpack(self, theta):
        """Return views: A, then the weights and biases of the layers, W_m the last."""
        return [
            theta[place].reshape(shape)
            for place, shape in zip(self._places, self.shapes, strict=True)
        ]

    def start(self, linear, rng):
        """Return parameters with a given linear part, to which the network adds 0.

        Parameters
        ----------
        linear : ndarray of shape (n_linear, n_outputs)
            The linear part A.

        rng : RandomState
            Draws the weights of the hidden layers.
        """
        theta = np.zeros(self.size)
        parts = self.unpack(theta)
        parts[0][...] = linear
        for weight in parts[1:-1:2]:
            bound = np.sqrt(6.0 / weight.shape[0])
            weight[...] = rng.uniform(-bound, bound, size=weight.shape)
        return theta

    def forward(self, theta, design, inputs, dropout=0.0, rng=None):
        """Return the outputs of rows and the state that `backward` needs.

        Parameters
        ----------
        theta : ndarray of shape (size,)
            The parameters.

        design : ndarray of shape (n_samples, n_linear)
            What the linear part sees.

        inputs : ndarray of shape (n_samples, n_inputs) or None
            What the network sees.

        dropout : float, default=0.0
            The share of the hidden units that are left out; the others make up for it.

        rng : RandomState, default=None
            Draws the units that are left out.
        """
        linear, *network = self.unpack(theta)
        outputs = design @ linear
        if not network:
            return outputs, (design, [], [])
        layers, kept = [inputs], []
        for weight, bias in zip(network[0:-1:2], network[1::2], strict=True):
            hidden = rectified(layers[-1], weight, bias)
            if dropout > 0.0:
                keep = (rng.random_sample(hidden.shape) >= dropout) / (1.0 - dropout)
                hidden *= keep
                kept.append(keep)
            layers.append(hidden)
        outputs += layers[-1] @ network[-1]
        return outputs, (design, layers, kept)

    def backward(self, theta, state, gradient):
        """Return the gradient in the parameters, given the one in the outputs."""
        design, layers, kept = state
        out = np.empty_like(theta)
        pulled = self.unpack(out)
        np.matmul(design.T, gradient, out=pulled[0])
        if not layers:
            return out
        parts = self.unpack(theta)
        np.matmul(layers[-1].T, gradient, out=pulled[-1])
        down = gradient @ parts[-1].T
        for layer in range(len(layers) - 1, 0, -1):
            down *= layers[layer] > 0.0
            if kept:
                down *= kept[layer - 1]
            np.matmul(layers[layer - 1].T, down, out=pulled[2 * layer - 1])
            pulled[2 * layer][...] = down.sum(axis=0)
            if layer > 1:
                down = down @ parts[2 * layer - 1].T
        return out

    def layers(self, theta, centre=0.0, unit=1.0):
        """Return the network for inputs that are not yet centred and scaled.

        Parameters
        ----------
        theta : ndarray of shape (size,)
            The parameters, for inputs ``(X - centre) / unit``.

        centre, unit : float or ndarray of shape (n_inputs,), default=0.0 and 1.0
            What X is centred and scaled by.

        Returns
        -------
        weights : list of ndarray
            Copies of W_1 to W_m; empty without hidden layers.

        biases : list of ndarray
            Copies of the biases of the hidden layers.
        """
        network = [part.copy() for part in self.unpack(theta)[1:]]
        weights, biases = network[0::2], network[1::2]
        if network:
            weights[0] /= np.reshape(np.broadcast_to(unit, len(weights[0])), (-1, 1))
            biases[0] -= np.broadcast_to(centre, len(weights[0])) @ weights[0]
        return weights, biases


def rectified(inputs, weight, bias):
    """Return a layer of rectified linear units."""
    hidden = inputs @ weight
    hidden += bias
    return np.maximum(hidden, 0.0, out=hidden)


def network_outputs(X, weights, biases):
    """Return what the layers that `LinearPlusNetwork.layers` returns make of rows."""
    for weight, bias in zip(weights[:-1], biases, strict=True):
        X = rectified(X, weight, bias)
    return X @ weights[-1]
