# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Templates that vote: in one or more embeddings, with one or more k."""

from typing import NamedTuple

import numpy as np
from sklearn import config_context
from sklearn.neighbors import NearestNeighbors

from sksoft.neighbors._candidates import blocks, candidate_count, indexed
from sksoft.neighbors._objective import LeaveOneOut, Samples, selected_weight
from sksoft.neighbors._selection import Mask

# Queries are brought so near that squared distances tell templates apart: from farther
# away it is their direction alone that tells which are near.
FAR = 1e7
# An index is of use for more samples than this.
INDEXED_SAMPLES = 5000


class Ballot(NamedTuple):
    """One vote: in which space, of how many neighbours, how softly selected."""

    space: int
    k: float
    strength: float


class Space(NamedTuple):
    """The templates in an embedding, and an index of them if it is worth its time."""

    Z: np.ndarray
    index: NearestNeighbors | None

    @property
    def sooner(self):
        """The index where it finds neighbours sooner than a look at all of them."""
        if self.index is None or self.index.n_jobs is not None:
            return self.index
        return None if len(self.Z) <= INDEXED_SAMPLES else self.index


def indexed_space(Z, n_neighbors, n_jobs):
    """Return a space of templates."""
    index = NearestNeighbors(n_neighbors=min(n_neighbors, len(Z)), n_jobs=n_jobs)
    # What is indexed was checked before.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        index.fit(Z)
    return Space(Z, index)


def voting_space(Z, n_neighbors, n_jobs):
    """Return a space of templates, with an index only where votes make use of it."""
    if n_jobs is None and len(Z) <= INDEXED_SAMPLES:
        return Space(Z, None)
    return indexed_space(Z, n_neighbors, n_jobs)


def brought_near(Z):
    """Return rows of an embedding, those too far away to square at a distance FAR."""
    size = np.abs(Z).max(axis=1, initial=0.0)
    far = size > FAR
    if far.any():
        Z = Z.copy()
        Z[far] *= (FAR / size[far])[:, None]
    return Z


class Voters(NamedTuple):
    """What predictions are made of.

    Attributes
    ----------
    samples : Samples
        The templates.

    vote : ClassVote or ValueVote
        What they say.

    spaces : list of Space
        Where they are.

    ballots : list of Ballot
        How they vote.

    regularization : {"entropic", "l2"}
        How they are selected.

    limit : int or None
        How many are looked at.

    rules : tuple of Gaussians
        What all templates say together, in the second of the spaces.
    """

    samples: Samples
    vote: object
    spaces: list
    ballots: list
    regularization: str
    limit: int | None
    rules: tuple = ()

    def outcomes(self, placed):
        """Return the outcome of each ballot, and of each rule, for new queries.

        Parameters
        ----------
        placed : list of ndarray of shape (n_queries, n_components)
            The queries in each of the spaces.
        """
        n_queries, n_templates = len(placed[0]), len(self.samples.X)
        count = candidate_count(self.limit, n_templates, self.samples.weight)
        found = []
        for block in blocks(n_queries, count):
            some = [Z[block] for Z in placed]
            cast = self._cast(some)
            if cast is not None:
                found.append(cast)
                continue
            for part in blocks(len(some[0]), n_templates):
                found.append(self._cast([Z[part] for Z in some]))
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _cast(self, placed):
        """Return the outcomes for queries, None if they are too many at once."""
        candidates, weight = [], self.samples.weight
        for space, Z in zip(self.spaces, placed, strict=True):
            some = indexed(space.sooner, brought_near(Z), space.Z, self.limit, weight)
            if some is None:
                return None
            candidates.append(some)
        outcomes = []
        for ballot in self.ballots:
            some = candidates[ballot.space]
            k = np.full(len(some.places), min(ballot.k, self.samples.total_weight))
            mask = Mask(ballot.strength, self.regularization)
            p = mask.values(some.distances, selected_weight(k, some), some.weight)
            outcomes.append(self.vote.outcome(some.places, p, some.weight))
        for rule in self.rules:
            outcomes.append(rule.outcome(brought_near(placed[1])))
        return outcomes

    def left_out(self):
        """Return the outcomes for the templates, each without itself."""
        samples = self.samples
        everyone = np.arange(len(samples.X))
        around = [
            LeaveOneOut(samples, None, None, None, self.limit).around(
                space.Z, everyone, everyone
            )
            for space in self.spaces
        ]
        found = []
        for ballot in self.ballots:
            k = np.full(len(everyone), ballot.k)
            mask = Mask(ballot.strength, self.regularization)
            judge = LeaveOneOut(samples, self.vote, mask, k, self.limit)
            found.append(judge.outcomes(around[ballot.space], everyone))
        for rule in self.rules:
            Z, codes = self.spaces[1].Z, samples.targets
            found.append(rule.left_out(Z, codes, samples.copy_weight))
        return found
