# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Isotonic regression, whose blocks are averaged as those of the permutahedron are."""

from typing import NamedTuple

import numpy as np

from sksoft._relaxations._isotonic import fit_isotonic
from sksoft._relaxations._operator import Operator
from sksoft._relaxations._projection import Blocks
from sksoft._relaxations.permutahedron import VANISHING


class IsotonicState(NamedTuple):
    """Fitted rows, in the order in which they rise."""

    blocks: Blocks
    weight: np.ndarray | None
    # What an entry is above its fitted value, on the scale that is averaged.
    excess: np.ndarray
    # The weights with which the entries of a block are averaged.
    share: np.ndarray | None


class Isotonic(Operator):
    """The monotone row nearest to a row, in the Euclidean or the entropic sense."""

    keeps_rows = False

    def __init__(self, increasing, regularization):
        self.increasing = increasing
        self.entropic = regularization == "entropic"

    def _directed(self, rows):
        return rows if self.increasing else np.ascontiguousarray(rows[:, ::-1])

    def forward(self, rows, order, out, *, keep, weights=None):
        n_rows, n = rows.shape
        rows, blocks, weight = self._directed(rows), Blocks(rows.shape), None
        if weights is not None:
            floor = VANISHING * weights.max(axis=1, keepdims=True, initial=0.0)
            weight = self._directed(np.maximum(weights, floor))
        fit = np.empty((n_rows, n))
        fit_isotonic(
            rows,
            weight,
            self.entropic,
            fit,
            blocks.table,
            np.empty(n, np.intp),
            np.empty((2, n)),
        )
        out[...] = self._directed(fit)
        if not keep:
            return None
        excess, share = rows.astype(np.float64) - fit, weight
        if self.entropic:
            # No entry is above its fitted value by more than a logarithm of weights.
            share = np.exp(excess) if weight is None else weight * np.exp(excess)
            excess = np.expm1(excess)
        return IsotonicState(blocks, weight, excess, share)

    def pullback(self, state, cotangent, out):
        pooled = np.empty(out.shape, out.dtype)
        cotangent = self._directed(cotangent)
        state.blocks.pool(cotangent, pooled, share=state.share, transpose=True)
        out[...] = self._directed(pooled)

    def pushforward(self, state, tangent, out):
        pooled = np.empty(out.shape, out.dtype)
        state.blocks.pool(self._directed(tangent), pooled, share=state.share)
        out[...] = self._directed(pooled)

    def pull_weights(self, state, cotangent):
        """A heavier entry draws its block to itself."""
        cotangent = self._directed(cotangent).astype(np.float64)
        pooled = np.empty(cotangent.shape)
        # The sum of the cotangent over the block, over the weight of the block.
        state.blocks.pool(cotangent, pooled, share=state.weight, transpose=True)
        pooled /= state.weight
        return self._directed(pooled * state.excess)
