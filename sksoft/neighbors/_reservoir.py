# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A bounded sample of a stream of rows, which stands for all of them."""

from copy import deepcopy
from typing import NamedTuple

import numpy as np

# An embedding is trained anew once a class, or all rows, have grown by so much.
GROWTH = 1.5


class Reservoir(NamedTuple):
    """Rows drawn from a stream by priority sampling, in each class apart.

    A row of weight w gets the priority w / u, with u uniform between 0 and 1, and is
    kept while its priority is above the threshold of its class, the largest that was
    ever given up there. It then stands for a weight of max(w, threshold), so that sums
    over the rows kept are unbiased estimates of sums over all rows [1]_. Nothing
    depends on how the stream is cut into batches, and without a threshold the rows are
    all that came.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.

    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their targets.

    weight : ndarray of shape (n_rows,)
        Their weights, as they came.

    priority : ndarray of shape (n_rows,)
        Their priorities.

    codes : ndarray of shape (n_rows,)
        Numbers of their classes.

    threshold : ndarray of shape (n_classes,)
        The largest priority of each class that was given up, at first zero.

    seen : ndarray of shape (n_classes,)
        The weight of all rows that came.

    trained : ndarray of shape (n_classes,)
        The same, when the embedding was trained last.

    rng : numpy.random.Generator
        Draws priorities.

    References
    ----------
    .. [1] Duffield, Lund and Thorup, "Priority sampling for estimation of arbitrary
       subset sums", Journal of the ACM 54(6), 2007.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    priority: np.ndarray
    codes: np.ndarray
    threshold: np.ndarray
    seen: np.ndarray
    trained: np.ndarray
    rng: np.random.Generator

    def followed_by(self, X, y, weight, codes, size):
        """Return the reservoir after more rows.

        Parameters
        ----------
        X, y, weight, codes : ndarray
            What came, as in the attributes; weights are positive.

        size : int
            How many rows are kept at most.
        """
        rng = deepcopy(self.rng)
        priority = weight / (1.0 - rng.random(len(weight)))
        seen = self.seen + np.bincount(codes, weight, len(self.seen))
        y = np.reshape(y, (len(y), *self.y.shape[1:]))
        new = (X, y, weight, priority, codes)
        rows = [np.concatenate(pair) for pair in zip(self[:5], new, strict=True)]
        priority, codes = rows[3:]
        threshold = self.threshold.copy()
        kept = priority > threshold[codes]
        sizes = np.bincount(codes[kept], minlength=len(seen))
        rooms = shared_room(sizes, seen, size)
        for code in np.flatnonzero(sizes > rooms):
            places = np.flatnonzero(kept & (codes == code))
            order = places[np.argsort(-priority[places], kind="stable")]
            threshold[code] = priority[order[rooms[code]]]
            kept[order[rooms[code] :]] = False
        rows = [part[kept] for part in rows]
        return Reservoir(*rows, threshold, seen, self.trained, rng)

    @property
    def stands_for(self):
        """What each row stands for; None where all stand for as much."""
        weight = np.maximum(self.weight, self.threshold[self.codes])
        same = (weight == weight[0]).all() and (self.threshold > 0.0).any()
        return None if same or (weight == 1.0).all() else weight

    @property
    def has_grown(self):
        """Whether the embedding is to be trained anew."""
        return bool((self.seen > GROWTH * self.trained).any())


def empty_reservoir(X, y, n_classes, rng):
    """Return a reservoir for rows like some, without any."""
    nothing = np.zeros(n_classes)
    rows = np.empty(0), np.empty(0), np.empty(0, dtype=np.intp)
    rng = np.random.default_rng(rng.randint(2**31 - 1))
    return Reservoir(X[:0], y[:0], *rows, nothing, nothing, nothing, rng)


def shared_room(sizes, seen, size):
    """Return how many rows of each class are kept.

    Half of the room is shared equally and half by what was seen of the classes, and
    what a class cannot fill goes to the others in the same way.

    Parameters
    ----------
    sizes : ndarray of shape (n_classes,)
        How many rows there are of each class.

    seen : ndarray of shape (n_classes,)
        What was seen of each class.

    size : int
        How many rows are kept of all, at least as many as there are classes.

    Returns
    -------
    rooms : ndarray of shape (n_classes,)
        At least one for each class that has any.
    """
    rooms = sizes.copy()
    if sizes.sum() <= size:
        return rooms
    wanting = np.flatnonzero(sizes)
    while True:
        some, left = len(wanting), size - rooms.sum() + rooms[wanting].sum()
        part = 1.0 / some + seen[wanting] / seen[wanting].sum()
        share = 1.0 + 0.5 * (left - some) * part
        full = sizes[wanting] <= share
        if not full.any():
            rooms[wanting] = share.astype(np.intp)
            return rooms
        wanting = wanting[~full]
