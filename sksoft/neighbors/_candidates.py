# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which templates a query may select: the nearest, up to a weight, with their ties."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from sksoft._ground._partition import order_statistics
from sksoft._weighted import keep_smallest
from sksoft.neighbors._distances import squared_distances
from sksoft.neighbors._smallest import take_smallest

# Pairs of a query and a template are looked at so many at a time, which bounds the
# memory, and searched fewer at a time, which stay in the processor's cache.
PAIRS_AT_ONCE = 2_000_000
PAIRS_IN_CACHE = 100_000
# Fewer queries than this at a time would read all templates too often.
QUERIES_AT_ONCE = 16
# Distances that differ by less than this share are tied: rounding tells them apart.
TIED = 1e-10


class Candidates(NamedTuple):
    """What some queries may select.

    Attributes
    ----------
    places : ndarray of shape (n_queries, n_candidates)
        Row numbers of templates.

    distances : ndarray of shape (n_queries, n_candidates)
        Their squared distances.

    weight : ndarray of shape (n_queries, n_candidates) or None
        What they weigh, each one if None.
    """

    places: np.ndarray
    distances: np.ndarray
    weight: np.ndarray | None


def blocks(n_rows, n_columns, n_pairs=None, least=1):
    """Yield slices of the rows of a matrix that is too large to be held at once."""
    step = max(least, (n_pairs or PAIRS_AT_ONCE) // max(n_columns, 1))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def candidate_count(limit, n_templates, weight):
    """Return how many templates surely weigh the limit, or all there are."""
    if limit is None or limit >= n_templates:
        return n_templates
    if weight is None or weight.min() >= 1.0:
        return limit
    mass = np.cumsum(np.sort(weight))
    return min(int(np.searchsorted(mass, limit)) + 1, n_templates)


def among_members(queries, templates, limit, own):
    """Return candidates of queries that are templates themselves, without themselves.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_components)
        Rows of an embedding.

    templates : ndarray of shape (n_templates, n_components)
        More such rows, the queries among them.

    limit : int or None
        How many of the nearest are candidates; None for all.

    own : ndarray of shape (n_queries,)
        Row numbers of the queries.
    """
    most = len(templates) - 1
    count = most if limit is None else min(limit, most)
    places, tied = nearest(queries, templates, count, own)
    if not tied.any():
        return Candidates(places, distances_to(queries, templates, places), None)
    return _with_ties(queries, templates, places, tied, count, own=own)


def among_weighted(queries, templates, limit, weight, own, own_weight):
    """Return candidates of queries that are templates themselves, with weights.

    Parameters
    ----------
    queries, templates, own
        As in `among_members`.

    limit : int or None
        What the candidates weigh together; None for all of them.

    weight : ndarray of shape (n_templates,)
        What the templates weigh.

    own_weight : ndarray of shape (n_queries,)
        What a query itself weighs as one of its candidates.
    """
    # Its own weight may stand in a query's way.
    wanted = None if limit is None else limit + 1
    count = candidate_count(wanted, len(templates), weight)
    places, tied = nearest(queries, templates, count)

    def weigh(places):
        return np.where(places == own[:, None], own_weight[:, None], weight[places])

    if tied.any():
        return _with_ties(queries, templates, places, tied, limit, weigh)
    distances = distances_to(queries, templates, places)
    return Candidates(places, distances, limited(weigh(places), distances, limit))


def indexed(index, queries, templates, limit, weight):
    """Return candidates of new queries, found by an index.

    Parameters
    ----------
    index : NearestNeighbors or None
        Fitted to the templates; None where an index is not worth its time.

    queries, templates, limit
        As in `among_weighted`; no query is a template.

    weight : ndarray of shape (n_templates,) or None
        What the templates weigh.

    Returns
    -------
    candidates : Candidates or None
        None where so many queries have ties that their distances to all templates
        cannot be held at once.
    """
    n_templates = len(templates)
    count = candidate_count(limit, n_templates, weight)
    if index is None:
        places, tied = nearest(queries, templates, count)
        distances = distances_to(queries, templates, places)
    else:
        places = index.kneighbors(
            queries, min(count + 1, n_templates), return_distance=False
        )
        distances = distances_to(queries, templates, places)
        places = np.ascontiguousarray(places[:, :count])
        last = distances[:, :count].max(axis=1, initial=0.0)[:, None]
        tied = (distances[:, count:] <= last * (1.0 + TIED)).any(axis=1)
        distances = np.ascontiguousarray(distances[:, :count])
    if tied.any():
        if np.count_nonzero(tied) > max(1, PAIRS_AT_ONCE // n_templates):
            return None
        weigh = None if weight is None else weight.__getitem__
        return _with_ties(queries, templates, places, tied, limit, weigh)
    if weight is None:
        return Candidates(places, distances, None)
    return Candidates(places, distances, limited(weight[places], distances, limit))


def _with_ties(queries, templates, places, tied, limit, weigh=None, own=None):
    """Return candidates with all that tie with the last of them, which share its room.

    `weigh` maps places to weights. Each weighs one without it. Returns None where so
    many tie that all queries' candidates cannot be held at once.
    """
    count = places.shape[1]
    away = cdist(queries[tied], templates, "sqeuclidean")
    if own is not None:
        away[np.arange(len(away)), own[tied]] = np.inf
    last = np.partition(away, count - 1, axis=1)[:, count - 1, None]
    inside = away <= last * (1.0 + TIED)
    n_inside = inside.sum(axis=1)
    width = int(n_inside.max())
    if len(queries) > max(1, PAIRS_AT_ONCE // width):
        return None
    some = np.argsort(~inside, axis=1, kind="stable")[:, :width]
    # Rows with fewer candidates are filled up with absent ones.
    wide = np.zeros((len(queries), width), dtype=np.intp)
    wide[:, :count], wide[tied] = places, some
    mass = np.zeros(wide.shape)
    mass[:, :count], mass[tied] = 1.0, np.take_along_axis(inside, some, axis=1)
    absent = mass == 0.0
    distances = distances_to(queries, templates, wide)
    if weigh is None:
        # As `limited` would, but only rows with ties weigh more than the limit.
        last_ones = inside & (away >= last * (1.0 - TIED))
        n_last = last_ones.sum(axis=1)
        share = (count - (n_inside - n_last)) / n_last
        share = np.where(last_ones, share[:, None], inside)
        mass[tied] = np.take_along_axis(share, some, axis=1)
    else:
        mass = limited(mass * weigh(wide), distances, limit)
    distances[absent] = distances.max(initial=0.0, where=~absent)
    return Candidates(wide, distances, mass)


def limited(weight, distances, limit):
    """Return the weights of the nearest candidates that together weigh the limit.

    Those on the boundary keep the same share of their weights.
    """
    if limit is None:
        return weight
    return weight * nearest_mask(distances, np.full(len(weight), float(limit)), weight)


def nearest_mask(distances, k, weight):
    """Return the hard mask of the nearest; what ties up to rounding shares the rest.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_candidates)
        Squared distances, or others that are not negative.

    k : ndarray of shape (n_queries,)
        What the mask selects.

    weight : ndarray of shape (n_queries, n_candidates) or None
        What candidates weigh.

    Returns
    -------
    mask : ndarray of shape (n_queries, n_candidates)
        Between 0 and 1.
    """
    if distances.shape[1] == 0:
        return np.zeros(distances.shape)
    last = keep_smallest(distances, k, weight)[1][:, None]
    tied = np.abs(distances - last) <= TIED * last
    return keep_smallest(np.where(tied, last, distances), k, weight)[0]


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

    tied : ndarray of bool of shape (n_queries,)
        Whether others are as near as the last of them, up to rounding.
    """
    if count in (0, len(templates)):
        every = np.tile(np.arange(count), (len(queries), 1))
        return every, np.zeros(len(queries), dtype=bool)
    found = np.empty((len(queries), count), dtype=np.intp)
    tied = np.empty(len(queries), dtype=bool)
    norms = np.einsum("ij,ij->i", templates, templates)
    lengths = np.einsum("ij,ij->i", queries, queries)
    slack = 1e-13 * (lengths + norms.max())
    directions = -2.0 * templates.T
    parts = blocks(len(queries), len(templates), PAIRS_IN_CACHE, QUERIES_AT_ONCE)
    for block in parts:
        order = queries[block] @ directions
        order += norms
        if own is not None:
            order[np.arange(len(order)), own[block]] = np.inf
        found[block], tied[block] = smallest_places(
            order, count, lengths[block], slack[block]
        )
    return found, tied


def smallest_places(rows, count, offset=0.0, slack=0.0):
    """Return the places of the smallest entries of each row, in any order.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        The entries.

    count : int
        How many of the smallest to find.

    offset : float or ndarray of shape (n_rows,), default=0.0
        What to add to the entries to have distances, which are compared as a ratio.

    slack : float or ndarray of shape (n_rows,), default=0.0
        The error of the entries.

    Returns
    -------
    places : ndarray of shape (n_rows, count)
        Of entries that tie with the last of them, the first.

    tied : ndarray of bool of shape (n_rows,)
        Whether there may be more that tie with the last.
    """
    n_rows, n_columns = rows.shape
    last, following = np.empty(n_rows), np.empty(n_rows)
    unfinished = np.empty(n_rows, np.uint8)
    work, codes = np.empty(n_columns), np.empty(n_columns, np.uint8)
    at = np.full(n_rows, count)
    if order_statistics(rows, at, following, last, work, codes, unfinished):
        skewed = unfinished == 1
        parts = np.partition(rows[skewed], count - 1, axis=1)
        last[skewed] = parts[:, count - 1]
        following[skewed] = parts[:, count:].min(axis=1)
    places = np.empty((n_rows, count), dtype=np.intp)
    take_smallest(rows, last, places)
    return places, following <= last + TIED * np.abs(last + offset) + slack


def distances_to(queries, templates, candidates):
    """Return the squared distances of queries to their candidates."""
    out = np.zeros(candidates.shape)
    squared_distances(queries, templates, candidates, out)
    return out
