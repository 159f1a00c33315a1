# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks and sorts that compare every pair of values, and the law of noisy ranks."""

import math

import numpy as np

from sksoft._blocks import put_rows
from sksoft._lapsum import laplace_averages, laplace_sort
from sksoft._pairwise import (
    laplace_differences,
    laplace_ranks,
    pairwise_differences,
    pairwise_ranks,
)
from sksoft._rank_law import pull_rank_law, push_rank_law, rank_law
from sksoft._relaxed_sort import (
    pull_relaxed_permutation,
    pull_relaxed_sort,
    push_relaxed_permutation,
    push_relaxed_sort,
    relaxed_permutation,
    relaxed_sort,
)
from sksoft._validation import check_flag, nonnegative
from sksoft.operators._operator import Operator, bind, differentiable, taken

__all__ = ["rank_distribution"]


def directed(rows, descending):
    """Return rows of a sorted output in ascending order, in double precision."""
    rows = rows[:, ::-1] if descending else rows
    return rows.astype(np.float64, order="C")


class PairwiseRank(Operator):
    """Sums over pairs of a distribution function; "pairwise" is the logistic."""

    sorts = "always"
    homogeneous = True

    def __init__(self, law, descending):
        self.law = law
        self.negates = descending

    def work(self, n):
        return n if self.law == "laplace" else n * n

    def forward(self, rows, order, out, *, keep, regularization_strength, weights=None):
        values = taken(rows, order)
        weight = None if weights is None else taken(weights, order)
        ranks = np.empty(rows.shape)
        if self.law == "laplace":
            laplace_ranks(values, weight, regularization_strength, ranks)
        else:
            gaussian = self.law == "gaussian"
            pairwise_ranks(values, weight, regularization_strength, gaussian, ranks)
        put_rows(ranks, order, out)
        return (order, values, weight, regularization_strength) if keep else None

    def _apply(self, state, vector, out, transpose):
        order, values, weight, strength = state
        vector = taken(vector, order)
        moved = np.empty_like(vector)
        if self.law == "laplace":
            laplace_differences(values, weight, vector, strength, transpose, moved)
        else:
            gaussian = self.law == "gaussian"
            pairwise_differences(
                values, weight, vector, strength, gaussian, transpose, moved
            )
        put_rows(moved, order, out)

    def pullback(self, state, cotangent, out):
        self._apply(state, cotangent, out, True)

    def pushforward(self, state, tangent, out):
        self._apply(state, tangent, out, False)


class LaplaceSort(Operator):
    """The levels 1/2, 3/2, ... of the sum of Laplace distribution functions."""

    sorts = "always"

    def __init__(self, descending):
        self.descending = descending

    def forward(self, rows, order, out, *, keep, regularization_strength):
        values = taken(rows, order)
        n = values.shape[1]
        result = np.empty(values.shape)
        before = np.empty(values.shape, np.intp)
        distances = np.empty((2, *values.shape))
        laplace_sort(
            values,
            regularization_strength,
            np.empty((3, n + 1)),
            result,
            before,
            *distances,
        )
        out[...] = result[:, ::-1] if self.descending else result
        if not keep:
            return None
        return order, values, before, distances, regularization_strength

    def _average(self, state, vector, transpose):
        _, values, before, distances, strength = state
        out = np.empty(values.shape)
        slide = np.empty(values.shape)
        laplace_averages(
            values,
            strength,
            before,
            *distances,
            vector,
            transpose,
            np.empty((6, values.shape[1])),
            out,
            slide,
        )
        return out, slide

    def pullback(self, state, cotangent, out):
        gradient = directed(cotangent, self.descending)
        put_rows(self._average(state, gradient, True)[0], state[0], out)

    def pushforward(self, state, tangent, out):
        moved = self._average(state, taken(tangent, state[0]), False)[0]
        out[...] = moved[:, ::-1] if self.descending else moved

    def pull_regularization_strength(self, state, cotangent):
        """The levels move by the average distance, in strengths, to the entries."""
        gradient = directed(cotangent, self.descending)
        slide = self._average(state, gradient, True)[1]
        return np.where(state[-1] > 0.0, (gradient * slide).sum(axis=1), 0.0)


class RelaxedSort(Operator):
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
        relaxed_sort(values, regularization_strength, self.neural, work, result)
        out[...] = result[:, ::-1] if self.descending else result
        return (order, values, regularization_strength) if keep else None

    def _pull(self, state, cotangent):
        _, values, strength = state
        out = np.empty(values.shape)
        slide = np.empty(len(values))
        pull_relaxed_sort(
            values,
            directed(cotangent, self.descending),
            strength,
            self.neural,
            np.empty((3, values.shape[1])),
            out,
            slide,
        )
        return out, slide

    def pullback(self, state, cotangent, out):
        put_rows(self._pull(state, cotangent)[0], state[0], out)

    def pull_regularization_strength(self, state, cotangent):
        return self._pull(state, cotangent)[1]

    def pushforward(self, state, tangent, out):
        order, values, strength = state
        moved = np.empty(values.shape)
        work = np.empty((2, values.shape[1]))
        push_relaxed_sort(
            values, taken(tangent, order), strength, self.neural, work, moved
        )
        out[...] = moved[:, ::-1] if self.descending else moved


class RelaxedPermutation(Operator):
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
        relaxed_permutation(
            values,
            order,
            regularization_strength,
            self.neural,
            self.descending,
            np.empty(values.shape[1]),
            out,
        )
        return (order, values, regularization_strength) if keep else None

    def pullback(self, state, cotangent, out):
        order, values, strength = state
        gradient = np.empty(values.shape)
        pull_relaxed_permutation(
            values,
            order,
            cotangent,
            strength,
            self.neural,
            self.descending,
            np.empty((2, values.shape[1])),
            gradient,
        )
        put_rows(gradient, order, out)

    def pushforward(self, state, tangent, out):
        order, values, strength = state
        push_relaxed_permutation(
            values,
            order,
            taken(tangent, order),
            strength,
            self.neural,
            self.descending,
            np.empty((2, values.shape[1])),
            out,
        )


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


@differentiable(per_row=("sigma",))
def rank_distribution(x, sigma, *, axis=-1, descending=False, exact=True):
    """Return the distribution of the rank of each value under normal noise.

    Every value receives independent normal noise of standard deviation `sigma`; the
    result holds the probabilities of its rank among the noisy values, the model of
    SoftRank [1]_. The mean of the distribution is
    ``soft_rank(x, method="gaussian", regularization_strength=sigma)``, at a lower cost.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    sigma : float or array-like
        Standard deviation of the noise, at least 0; one value, or values that broadcast
        against the batch shape. At 0 only ties are uncertain.
    axis : int, default=-1
        The axis to rank along.
    descending : bool, default=False
        Whether the largest value has rank 1.
    exact : bool, default=True
        Whether to integrate over the noise of the value itself, which all its
        comparisons share. The published recursion, ``exact=False``, takes the
        comparisons for independent: the means agree, but the variance is too small, and
        the probabilities of one rank over all values do not sum to 1. It costs O(n^3);
        the integral takes about ``21 sqrt(n)`` times as long, and is correct to
        rounding.

    Returns
    -------
    probabilities : ndarray of shape (..., n, n)
        ``probabilities[..., i, k]`` is the probability that value i has rank k + 1. The
        two axes come last, whatever `axis`.

    Raises
    ------
    TypeError
        If `x` or `sigma` does not hold real numbers.
    ValueError
        If `x` holds NaN or infinite values, or `sigma` is negative or does not
        broadcast.

    See Also
    --------
    soft_rank : The expected ranks, with ``method="gaussian"``.
    vjp : The exact gradient.

    References
    ----------
    .. [1] Taylor, Guiver, Robertson and Minka, "SoftRank: Optimizing Non-Smooth Rank
       Metrics", WSDM 2008.

    Examples
    --------
    >>> from sksoft import rank_distribution
    >>> rank_distribution([0.0, 1.0, 5.0], sigma=1.0).round(3)
    array([[0.76 , 0.24 , 0.   ],
           [0.24 , 0.758, 0.002],
           [0.   , 0.002, 0.997]])
    """
    check_flag(descending, "descending")
    check_flag(exact, "exact")
    operator = RankLaw(exact, descending)
    return bind(operator, x, axis, {"sigma": nonnegative(sigma, "sigma")})
