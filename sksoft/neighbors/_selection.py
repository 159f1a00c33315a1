# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How softly candidates are selected, and the unit of that softness."""

import numpy as np

from sksoft._weighted import keep_smallest, weighted_median
from sksoft.neighbors._candidates import nearest_mask
from sksoft.operators import soft_topk, vjp


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
        if self.strength == 0.0:
            return nearest_mask(distances, k, weight)
        return soft_topk(distances, **self._arguments(k, weight))

    def linearized(self, distances, k, weight):
        """Return p and the map of gradients in p to gradients in the distances."""
        return vjp(soft_topk, distances, **self._arguments(k, weight))


def kth_distances(distances, weight, k):
    """Return the distance of each query at which the weights of candidates reach k."""
    if distances.shape[1] == 0:
        return np.ones(len(distances))
    return keep_smallest(distances, k, weight)[1]


def distance_unit(reached, distances, query_weight):
    """Return the median over queries of distances that reach k, or of what is not 0.

    Parameters
    ----------
    reached : ndarray of shape (n_queries,)
        Of each query the distance of its neighbour number k.

    distances : list of ndarray of shape (n_some_queries, n_candidates)
        Distances of all candidates, query after query.

    query_weight : ndarray of shape (n_queries,) or None
        What the queries weigh.
    """
    unit = weighted_median(reached, query_weight)
    if unit > 0.0:
        return float(unit)
    # So many samples coincide: the nearest that do not tell the unit.
    apart = np.concatenate(
        [
            np.where(part > 0.0, part, np.inf).min(axis=1, initial=np.inf)
            for part in distances
        ]
    )
    some = np.isfinite(apart)
    if not some.any():
        return 1.0
    kept = None if query_weight is None else query_weight[some]
    return float(weighted_median(apart[some], kept))
