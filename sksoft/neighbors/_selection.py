# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which templates a query selects, softly, and how gradients find their way back."""

import numpy as np

from sksoft._neighbors import squared_distances, take_smallest
from sksoft.operators import soft_topk, vjp

# Distances to all templates are held for so many pairs at a time.
PAIRS_AT_ONCE = 2_000_000


def blocks(n_rows, n_columns):
    """Yield slices of the rows of a matrix that is too large to be held at once."""
    step = max(1, PAIRS_AT_ONCE // max(n_columns, 1))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def candidate_count(n_candidates, weight):
    """Return how many templates surely weigh `n_candidates`, or all there are."""
    if n_candidates is None or n_candidates >= len(weight):
        return len(weight)
    if weight.min() >= 1.0:
        return n_candidates
    mass = np.cumsum(np.sort(weight))
    return min(int(np.searchsorted(mass, n_candidates)) + 1, len(weight))


def nearest(queries, templates, count, own=None):
    """Return the numbers of the nearest templates of each query, in any order.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_components)
        Rows of an embedding.

    templates : ndarray of shape (n_templates, n_components)
        More such rows.

    count : int
        How many of them to find.

    own : ndarray of shape (n_queries,), default=None
        For each query a template that is not to be found.

    Returns
    -------
    candidates : ndarray of shape (n_queries, count)
        Row numbers of `templates`.
    """
    if count in (0, len(templates)):
        return np.tile(np.arange(count), (len(queries), 1))
    found = np.empty((len(queries), count), dtype=np.intp)
    norms = np.einsum("ij,ij->i", templates, templates)
    for block in blocks(len(queries), len(templates)):
        order = queries[block] @ (-2.0 * templates.T)
        order += norms
        if own is not None:
            order[np.arange(len(order)), own[block]] = np.inf
        # Values alone are partitioned several times faster than places are.
        largest = np.partition(order, count - 1, axis=1)[:, count - 1].copy()
        take_smallest(order, largest, found[block])
    return found


def distances_to(queries, templates, candidates):
    """Return the squared distances of queries to their candidates."""
    out = np.zeros(candidates.shape)
    squared_distances(queries, templates, candidates, out)
    return out


def limited(weight, distances, limit):
    """Return the weights of the nearest candidates that together weigh `limit`.

    The one on the boundary keeps a part of its weight, as if each row of weight two
    were two rows.
    """
    order = np.argsort(distances, axis=1)
    sorted_weight = np.take_along_axis(weight, order, axis=1)
    before = np.cumsum(sorted_weight, axis=1) - sorted_weight
    out = np.empty_like(weight)
    np.put_along_axis(out, order, np.clip(limit - before, 0.0, sorted_weight), axis=1)
    return out


class Mask:
    """The soft mask of the k nearest candidates, and its pullback.

    Parameters
    ----------
    strength : float
        The regularisation strength, in units of squared distances.

    regularization : {"entropic", "l2"}
        A logistic function of the distance, or a clipped linear one.
    """

    def __init__(self, strength, regularization):
        self.strength = strength
        self.regularization = regularization

    def _arguments(self, k, weight):
        method = "transport" if self.regularization == "entropic" else "permutahedron"
        return {
            "k": k,
            "largest": False,
            "method": method,
            "regularization_strength": self.strength,
            "weights": weight,
        }

    def values(self, distances, k, weight):
        """Return p with sum(weight * p) = k along each row."""
        return soft_topk(distances, **self._arguments(k, weight))

    def linearized(self, distances, k, weight):
        """Return p and the map of gradients in p to gradients in the distances."""
        return vjp(soft_topk, distances, **self._arguments(k, weight))
