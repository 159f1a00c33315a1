# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which templates a query selects, softly, and how gradients find their way back."""

import numpy as np

from sksoft._weighted import weighted_quantile
from sksoft.neighbors._distances import gather_up_to, squared_distances, take_smallest
from sksoft.operators import soft_topk, vjp

# Pairs of a query and a template are looked at so many at a time, which bounds the
# memory, and searched fewer at a time, which stay in the processor's cache.
PAIRS_AT_ONCE = 2_000_000
PAIRS_IN_CACHE = 100_000
# Of longer rows, one in so many entries tells where the smallest may end.
SAMPLING = 4


def blocks(n_rows, n_columns, n_pairs=None):
    """Yield slices of the rows of a matrix that is too large to be held at once."""
    step = max(1, (n_pairs or PAIRS_AT_ONCE) // max(n_columns, 1))
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
    directions = -2.0 * templates.T
    for block in blocks(len(queries), len(templates), PAIRS_IN_CACHE):
        order = queries[block] @ directions
        order += norms
        if own is not None:
            order[np.arange(len(order)), own[block]] = np.inf
        found[block] = smallest_places(order, count)
    return found


def smallest_places(rows, count):
    """Return the places of the smallest entries of each row, in any order.

    Of entries that tie with the last of them, the first are taken.
    """
    room = 4 * count
    if rows.shape[1] < 2 * room:
        return _partitioned_places(rows, count)
    # Among twice as many as are wanted, going by a sample, they are found sooner.
    sample = np.ascontiguousarray(rows[:, ::SAMPLING])
    at = 2 * count // SAMPLING
    bound = np.partition(sample, at, axis=1)[:, at].copy()
    values = np.empty((len(rows), room))
    places = np.empty((len(rows), room), dtype=np.intp)
    found = np.empty(len(rows), dtype=np.intp)
    gather_up_to(rows, bound, values, places, found)
    some = _partitioned_places(values, count)
    out = np.take_along_axis(places, some, axis=1)
    missed = (found < count) | (found == room)
    if missed.any():
        out[missed] = _partitioned_places(rows[missed], count)
    return out


def _partitioned_places(rows, count):
    # Values alone are partitioned several times faster than places are.
    largest = np.partition(rows, count - 1, axis=1)[:, count - 1].copy()
    places = np.empty((len(rows), count), dtype=np.intp)
    take_smallest(rows, largest, places)
    return places


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
        method = "sinkhorn" if self.regularization == "entropic" else "permutahedron"
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


def kth_distance(distances, weight, k, query_weight):
    """Return the median over queries of the distance at which weights reach k.

    Without weights, k is a number of candidates, the same for all queries.
    """
    if distances.shape[1] == 0:
        return 1.0
    if weight is None:
        at = int(k[0]) - 1
        reached = np.partition(distances, at, axis=1)[:, at]
    else:
        order = np.argsort(distances, axis=1)
        mass = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
        at = np.argmax(mass >= k[:, None] * (1.0 - 1e-12), axis=1)
        last = np.take_along_axis(order, at[:, None], axis=1)
        reached = np.take_along_axis(distances, last, axis=1)[:, 0]
    unit = weighted_quantile(reached, 0.5, query_weight)
    if unit > 0.0:
        return unit
    # So many samples coincide: the nearest that do not tell the unit.
    apart = np.where(distances > 0.0, distances, np.inf).min(axis=1)
    some = np.isfinite(apart)
    if not some.any():
        return 1.0
    kept = None if query_weight is None else query_weight[some]
    return weighted_quantile(apart[some], 0.5, kept)
