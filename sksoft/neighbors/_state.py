# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a fit of soft neighbours starts from, works with, and leaves behind."""

from typing import NamedTuple

import numpy as np

from sksoft._network import LinearPlusNetwork
from sksoft.neighbors._frame import Frame
from sksoft.neighbors._mixture import Mixture
from sksoft.neighbors._objective import Samples, Surroundings
from sksoft.neighbors._reservoir import Reservoir
from sksoft.neighbors._voters import Voters

# Squares grow no more beyond so many units.
FARTHEST_SQUARED = 3.0


def with_squares(X):
    """Return features and their squares, which matter as much where they are normal."""
    near = np.clip(X, -FARTHEST_SQUARED, FARTHEST_SQUARED)
    return np.hstack([X, (near**2 - 1.0) / np.sqrt(2.0)])


class Plan(NamedTuple):
    """An embedding before it is trained.

    Attributes
    ----------
    frame : Frame
        How features are seen.

    reader : ClassReader or ValueReader
        How targets are read.

    model : LinearPlusNetwork
        The embedding as a function of its parameters.

    origin : ndarray of shape (n_parameters,)
        Where they start.

    gain : float
        The unit of this embedding in that of the one that users see.

    architecture : tuple
        `n_components` and the widths of the hidden layers.

    curved : bool, default=False
        Whether the squares of the features are inputs too.
    """

    frame: Frame
    reader: object
    model: LinearPlusNetwork
    origin: np.ndarray
    gain: float
    architecture: tuple
    curved: bool = False

    def inputs(self, X):
        """Return what the model makes of framed features."""
        return with_squares(X) if self.curved else X

    def embed(self, theta, X):
        """Return the embedding of framed features, in its own unit."""
        X = self.inputs(X)
        return self.model.forward(theta, X, X)[0]

    def components(self, theta):
        """Return the linear part for features as they are given."""
        linear = self.model.unpack(theta)[0]
        return linear.T * (self.gain / self.frame.given_unit)

    def layers(self, theta):
        """Return weights and biases of the network for features as they are given."""
        frame = self.frame
        weights, biases = self.model.layers(theta, frame.given_centre, frame.given_unit)
        if weights:
            weights[-1] *= self.gain
        return weights, biases


class Embedding(NamedTuple):
    """A plan and the parameters that it arrived at."""

    plan: Plan
    theta: np.ndarray

    def place(self, X):
        """Return the embedding of framed features."""
        return self.plan.embed(self.theta, X)


class Trial(NamedTuple):
    """One training of an embedding on some samples.

    Attributes
    ----------
    plan : Plan
        The embedding.

    samples : Samples
        What it is trained on.

    start : ndarray of shape (n_parameters,)
        Where the training starts.

    judge : ClassVote or ValueVote
        What the vote costs.

    strengths : tuple of float
        Those of the masks of the numbers of neighbours that vote.

    alpha : float
        The pull towards the start.

    surroundings : Surroundings
        What the samples that scores are estimated on vote among.
    """

    plan: Plan
    samples: Samples
    start: np.ndarray
    judge: object
    strengths: tuple
    alpha: float
    surroundings: Surroundings


class Task(NamedTuple):
    """A training of an embedding whose votes may be mixed.

    Attributes
    ----------
    trial : Trial
        The training.

    curved : Embedding or None
        An embedding of features and squares.

    samples : Samples
        All samples.

    mixture : Mixture or None
        How votes are mixed; None if they are not.

    framed : ndarray of shape (n_rows, n_features)
        All rows of the fit in their frame, those of weight zero too.

    members : ndarray of shape (n_samples,)
        The numbers of those that are samples.

    weight : ndarray of shape (n_samples,) or None
        Their weights as they were given, None for ones.

    dtype : dtype
        The type of the numbers as they were given.
    """

    trial: Trial
    curved: Embedding | None
    samples: Samples
    mixture: Mixture | None
    framed: np.ndarray
    members: np.ndarray
    weight: np.ndarray | None
    dtype: np.dtype

    def embeddings(self, theta):
        """Return where to vote: at theta, and if votes are mixed elsewhere too."""
        plan = self.trial.plan
        if self.mixture is None:
            return [Embedding(plan, theta)]
        return mixed_embeddings(plan, theta, self.curved)


def mixed_embeddings(plan, theta, curved):
    """Return where mixed votes vote: in one embedding, at its origin, and curved."""
    found = [Embedding(plan, theta), Embedding(plan, plan.origin)]
    return found if curved is None else [*found, curved]


class Fitted(NamedTuple):
    """All that predictions, and further training, need.

    Attributes
    ----------
    embeddings : list of Embedding
        Where the voters vote: that which was trained, and if votes are mixed that which
        it started from and perhaps a curved one.

    X : ndarray of shape (n_samples, n_features)
        All rows of the fit in their frame, those of weight zero too.

    members : ndarray of shape (n_members,)
        Numbers of the rows that have a weight.

    weight : ndarray of shape (n_members,) or None
        These weights as they were given, None for ones.

    voters : Voters
        The templates, which are the members.

    mixture : Mixture or None
        Weights of their ballots; None for the first alone.

    strengths : tuple of float
        Those of the masks.

    reservoir : Reservoir or None
        What `partial_fit` keeps of a stream.
    """

    embeddings: list
    X: np.ndarray
    members: np.ndarray
    weight: np.ndarray | None
    voters: Voters
    mixture: Mixture | None
    strengths: tuple
    reservoir: Reservoir | None

    @property
    def plan(self):
        """The plan that was trained."""
        return self.embeddings[0].plan

    @property
    def theta(self):
        """Its parameters."""
        return self.embeddings[0].theta

    def place(self, X):
        """Return where framed features are in each space of the voters."""
        return [embedding.place(X) for embedding in self.embeddings]


def each_row(fitted, of_members, of_others):
    """Return arrays for all rows of a fit: for members, and for those without weight.

    Parameters
    ----------
    fitted : Fitted
        The fit.

    of_members : callable
        Returns a sequence of arrays for the members.

    of_others : callable
        Returns such arrays for other rows, given their features.
    """
    found = of_members()
    others = np.ones(len(fitted.X), dtype=bool)
    others[fitted.members] = False
    if not others.any():
        return found
    rest = of_others(fitted.X[others])
    whole = []
    for one, other in zip(found, rest, strict=True):
        both = np.empty((len(others), *one.shape[1:]), dtype=one.dtype)
        both[fitted.members], both[others] = one, other
        whole.append(both)
    return whole
