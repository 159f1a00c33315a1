# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The law of the ranks of noisy scores."""

import math

import numpy as np

from sksoft._relaxations._operator import Operator
from sksoft._relaxations._rank_law import pull_rank_law, push_rank_law, rank_law


class RankLaw(Operator):
    """The probabilities of the ranks under normal noise of each entry."""

    def __init__(self, exact, descending):
        self.exact = exact
        self.negates = descending

    def output_shape(self, n):
        return (n, n)

    def work(self, n):
        return n**3

    def _noise(self, n):
        """Return the nodes and weights for the noise of the entry itself, the scale."""
        if not self.exact:
            return np.zeros(1), np.ones(1), math.sqrt(2.0)
        # The trapezoidal rule converges beyond any power of the step; the integrands
        # are normal densities times bumps no narrower than about 1.25 / sqrt(n).
        step = min(0.5, 0.8 / math.sqrt(max(n, 1)))
        count = math.ceil(8.5 / step)
        nodes = step * np.arange(-count, count + 1.0)
        weights = np.exp(-0.5 * nodes**2)
        return nodes, weights / weights.sum(), 1.0

    def forward(self, rows, order, out, *, keep, sigma):
        x = rows.astype(np.float64)
        n = x.shape[1]
        rank_law(x, sigma, *self._noise(n), np.empty((3, n + 1)), out)
        return (x, sigma) if keep else None

    def pullback(self, state, cotangent, out):
        x, sigma = state
        n = x.shape[1]
        gradient = np.empty(x.shape)
        pull_rank_law(
            x,
            cotangent,
            sigma,
            *self._noise(n),
            np.empty((n + 1, n + 1)),
            np.empty(n + 1),
            gradient,
        )
        out[...] = gradient

    def pushforward(self, state, tangent, out):
        x, sigma = state
        n = x.shape[1]
        tangent = tangent.astype(np.float64)
        push_rank_law(x, tangent, sigma, *self._noise(n), np.empty((5, n + 1)), out)

    def pull_sigma(self, state, cotangent):
        """The law only depends on x / sigma."""
        x, sigma = state
        moved = np.empty(cotangent.shape)
        self.pushforward(state, x, moved)
        product = (moved * cotangent).reshape(len(x), -1).sum(axis=1)
        return np.where(sigma > 0.0, -product / np.where(sigma > 0.0, sigma, 1.0), 0.0)
