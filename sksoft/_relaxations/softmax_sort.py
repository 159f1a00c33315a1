# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""NeuralSort and SoftSort: a softmax over the values for each place of the order."""

from typing import NamedTuple

import numpy as np

from sksoft._ground._blocks import put_rows
from sksoft._relaxations._operator import Operator, directed, taken
from sksoft._relaxations._softmax_sort import (
    pull_relaxed_permutation,
    pull_relaxed_sort,
    push_relaxed_permutation,
    push_relaxed_sort,
    relaxed_permutation,
    relaxed_sort,
)
from sksoft._threads import pieces


class SoftmaxState(NamedTuple):
    """Sorted rows and their strengths."""

    order: np.ndarray
    values: np.ndarray
    strength: np.ndarray


class SoftmaxSort(Operator):
    """Average the values with the weights of NeuralSort or SoftSort."""

    sorts = "always"

    def __init__(self, method, descending):
        self.neural = method == "neuralsort"
        self.descending = descending

    def work(self, n):
        return n * n

    def forward(self, rows, order, out, *, keep, regularization_strength):
        values = taken(rows, order)
        result = np.empty(values.shape)
        work = np.empty(values.shape[1])
        for piece in pieces(values.shape[1], values.size):
            relaxed_sort(
                values, regularization_strength, self.neural, *piece, work, result
            )
        # Rounding must not exchange neighbours.
        np.maximum.accumulate(result, axis=1, out=result)
        # Zeros of both signs sort to the same bits.
        result += 0.0
        out[...] = result[:, ::-1] if self.descending else result
        return SoftmaxState(order, values, regularization_strength) if keep else None

    def _pull(self, state, cotangent):
        _, values, strength = state
        out, d_strength = np.zeros(values.shape), np.zeros(len(values))
        gradient = directed(cotangent, self.descending)
        work = np.empty((3, values.shape[1]))
        for piece in pieces(values.shape[1], values.size):
            pull_relaxed_sort(
                values, gradient, strength, self.neural, *piece, work, out, d_strength
            )
        return out, d_strength

    def pullback(self, state, cotangent, out):
        put_rows(self._pull(state, cotangent)[0], state.order, out)

    def pull_regularization_strength(self, state, cotangent):
        return self._pull(state, cotangent)[1]

    def pushforward(self, state, tangent, out):
        order, values, strength = state
        tangent_out = np.empty(values.shape)
        work = np.empty((2, values.shape[1]))
        tangent = taken(tangent, order)
        for piece in pieces(values.shape[1], values.size):
            push_relaxed_sort(
                values, tangent, strength, self.neural, *piece, work, tangent_out
            )
        out[...] = tangent_out[:, ::-1] if self.descending else tangent_out


class SoftmaxPermutation(Operator):
    """The weights of NeuralSort or SoftSort: a softmax for each place in the order."""

    sorts = "always"
    homogeneous = True

    def __init__(self, method, descending):
        self.neural = method == "neuralsort"
        self.descending = descending

    def output_shape(self, n):
        return (n, n)

    def work(self, n):
        return n * n

    def forward(self, rows, order, out, *, keep, regularization_strength):
        values = taken(rows, order)
        work = np.empty(values.shape[1])
        for piece in pieces(values.shape[1], values.size):
            relaxed_permutation(
                values,
                order,
                regularization_strength,
                self.neural,
                self.descending,
                *piece,
                work,
                out,
            )
        return SoftmaxState(order, values, regularization_strength) if keep else None

    def pullback(self, state, cotangent, out):
        order, values, strength = state
        gradient = np.zeros(values.shape)
        work = np.empty((2, values.shape[1]))
        for piece in pieces(values.shape[1], values.size):
            pull_relaxed_permutation(
                values,
                order,
                cotangent,
                strength,
                self.neural,
                self.descending,
                *piece,
                work,
                gradient,
            )
        with np.errstate(over="ignore"):
            gradient /= np.where(strength > 0.0, strength, 1.0)[:, None]
        put_rows(gradient, order, out)

    def pushforward(self, state, tangent, out):
        order, values, strength = state
        tangent = taken(tangent, order)
        work = np.empty((2, values.shape[1]))
        for piece in pieces(values.shape[1], values.size):
            push_relaxed_permutation(
                values,
                order,
                tangent,
                strength,
                self.neural,
                self.descending,
                *piece,
                work,
                out,
            )
