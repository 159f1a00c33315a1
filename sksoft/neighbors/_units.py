# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The units of distances and residuals, which weights change as repetitions do."""

import numpy as np


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


def weighted_quantile(values, q, weight):
    """Return a quantile that a weight of two moves as a repetition does."""
    return float(np.quantile(values, q, method="inverted_cdf", weights=weight))
