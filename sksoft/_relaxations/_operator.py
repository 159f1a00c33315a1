# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a relaxation provides: a map of rows and its two linear maps."""

import math

import numpy as np

from sksoft._ground._blocks import put_rows, take_rows
from sksoft._relaxations._bounds import approximate_bounds
from sksoft._threads import entry_pieces, is_cut, map_chunks


class Operator:
    """A differentiable map of the rows of a matrix, each row by itself.

    Subclasses write into preallocated outputs of the dtype of `rows` and compute in
    double precision. Parameters arrive by name, scalars as float64 arrays of shape
    (n_rows,), vectors as float64 arrays of shape (n_rows, n); each that can be
    differentiated has a method ``pull_<name>(state, cotangent)``.
    """

    # Who finds the ascending order of each row: the caller, "always", or the operator,
    # "itself", as far as it is needed, unless the caller knows it; or nobody, "never".
    sorts = "never"
    # The map is written for -x: the other direction of a ranking or of a selection.
    negates = False
    # The output has the degree-0 homogeneity f(c x, c strength) = f(x, strength), and
    # does not change when x is shifted.
    homogeneous = False
    # The name of the strength.
    strength = "regularization_strength"
    # The output has a limit as the strength grows.
    pools = True
    # The state may refer to the rows.
    keeps_rows = True
    # The output is a statistic: the axis is gone, or kept with length 1, and what the
    # output has instead comes first.
    reduces = False
    keepdims = False

    def output_shape(self, n):
        """Shape of the output for a row of n entries."""
        return (n,)

    def work(self, n):
        """Steps, about, that a row of n entries takes: the measure of a chunk."""
        return n

    def forward(self, rows, order, out, *, keep, **parameters):
        """Write the values; return the state for the linear maps if it is to keep."""
        raise NotImplementedError

    def pullback(self, state, cotangent, out):
        """Write J^T cotangent, row by row."""
        raise NotImplementedError

    def pushforward(self, state, tangent, out):
        """Write J tangent, row by row."""
        raise NotImplementedError

    def bounds(self, rows, order, tolerance, **parameters):
        """Return the strengths up to which each row is hard and from which pooled.

        Without exact regimes, that is where results are within the tolerance of their
        limits. The strength itself is not among the parameters.
        """
        rows = rows.astype(np.float64)

        def evaluate(strength):
            shape = self.output_shape(rows.shape[1])
            out = np.empty((len(rows), *shape))
            every = {**parameters, self.strength: strength}
            self.forward(rows, order, out, keep=False, **every)
            return out.reshape(len(rows), math.prod(shape))

        return approximate_bounds(evaluate, rows, self.pools, tolerance)


def taken(rows, order):
    """Return rows in sorted order, in double precision."""
    out = np.empty(rows.shape)
    map_entries(lambda part: take_rows(rows, order[:, part], out[:, part]), rows.shape)
    return out


def put_entries(values, order, out):
    """Write sorted rows where their entries stand."""
    map_entries(lambda part: put_rows(values[:, part], order[:, part], out), out.shape)


def map_entries(function, shape):
    """Call a function with pieces of the entries of a long row, else with all."""
    if is_cut(shape):
        map_chunks(function, entry_pieces(shape[1]))
    else:
        function(slice(0, shape[1]))


def directed(rows, descending):
    """Return rows of a sorted output in ascending order, in double precision."""
    rows = rows[:, ::-1] if descending else rows
    return rows.astype(np.float64, order="C")
