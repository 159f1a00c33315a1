# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The law of the ranks of noisy scores."""

import math
from typing import NamedTuple

import numpy as np

from sksoft._relaxations._operator import Operator
from sksoft._relaxations._rank_law import pull_rank_law, push_rank_law, rank_law
from sksoft._threads import pieces


class RankLawState(NamedTuple):
    """Entries and the deviation of their noise."""

    x: np.ndarray
    sigma: np.ndarray


class RankLaw(Operator):
    """The probabilities of the ranks under normal noise of each entry."""

    strength = "sigma"

    def __init__(self, exact, descending):
        self.exact = exact
        self.negates = descending

    def output_shape(self, n):
        return (n, n)

    def work(self, n):
        return n * n * n * self._n_nodes(n)

    def _noise(self, n):
        """Return the nodes and weights for the noise of the entry itself, the scale."""
        if not self.exact:
            return np.zeros(1), np.ones(1), math.sqrt(2.0)
        count = self._n_nodes(n) // 2
        nodes = self._step(n) * np.arange(-count, count + 1.0)
        weights = np.exp(-0.5 * nodes**2)
        return nodes, weights / weights.sum(), 1.0

    @staticmethod
    def _step(n):
        # The trapezoidal rule converges beyond any power of the step; the integrands
        # are normal densities times bumps no narrower than about 1.25 / sqrt(n).
        return min(0.5, 0.8 / math.sqrt(max(n, 1)))

    def _n_nodes(self, n):
        return 2 * math.ceil(8.5 / self._step(n)) + 1 if self.exact else 1

    def _pieces(self, shape):
        """Yield the bounds of pieces of the steps: the pairs of an entry and a node."""
        n_rows, n = shape
        return pieces(n * self._n_nodes(n), n_rows * n * n)

    def forward(self, rows, order, out, *, keep, sigma):
        x = rows.astype(np.float64)
        n = x.shape[1]
        noise, work, law = self._noise(n), np.empty((2, n + 1)), np.empty(x.shape)
        for piece in self._pieces(x.shape):
            rank_law(x, sigma, *noise, *piece, work, law, out)
        return RankLawState(x, sigma) if keep else None

    def pullback(self, state, cotangent, out):
        x, sigma = state
        n = x.shape[1]
        noise, gradient = self._noise(n), np.zeros(x.shape)
        history, adjoint = np.empty((n + 1, n + 1)), np.empty(n + 1)
        for piece in self._pieces(x.shape):
            pull_rank_law(
                x, cotangent, sigma, *noise, *piece, history, adjoint, gradient
            )
        width = noise[-1] * sigma
        with np.errstate(over="ignore"):
            out[...] = gradient / np.where(width > 0.0, width, 1.0)[:, None]

    def pushforward(self, state, tangent, out):
        x, sigma = state
        n = x.shape[1]
        tangent = tangent.astype(np.float64)
        noise, work, law = self._noise(n), np.empty((4, n + 1)), np.empty(x.shape)
        for piece in self._pieces(x.shape):
            push_rank_law(x, tangent, sigma, *noise, *piece, work, law, out)

    def pull_sigma(self, state, cotangent):
        """The law only depends on x / sigma."""
        x, sigma = state
        tangent_out = np.empty(cotangent.shape)
        self.pushforward(state, x, tangent_out)
        product = (tangent_out * cotangent).sum(axis=(1, 2))
        safe = np.where(sigma > 0.0, sigma, 1.0)
        with np.errstate(over="ignore"):
            return np.where(sigma > 0.0, -product / safe, 0.0)
