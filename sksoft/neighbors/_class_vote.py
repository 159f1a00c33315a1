# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What selected neighbours say of a class, and what it costs where they are wrong."""

from typing import NamedTuple

import numpy as np

# The loss of a vote that is all wrong is bounded: labels may be wrong too.
LOG_FLOOR = 0.05


class ClassReader(NamedTuple):
    """What numbers classes."""

    classes: np.ndarray

    def encode(self, y):
        """Return the numbers of the classes of samples."""
        codes = np.searchsorted(self.classes, y)
        codes = np.minimum(codes, len(self.classes) - 1)
        unknown = self.classes[codes] != y
        if unknown.any():
            raise ValueError(
                f"y must hold classes among {self.classes.tolist()}, got "
                f"{y[unknown].tolist()[0]!r}."
            )
        return codes

    def decode(self, codes):
        """Return the classes of these numbers."""
        return self.classes[codes]

    def check_same(self, classes):
        """Raise unless these are the classes."""
        if not np.array_equal(classes, self.classes):
            raise ValueError(
                f"classes must be those of the first call, {self.classes.tolist()}, "
                f"got {classes.tolist()}."
            )


class ClassVote:
    """The share of a query's neighbours that are of its class.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Numbers of the classes.

    n_classes : int
        Number of classes.

    loss : {"log", "linear"}
        Minus the share, or minus the logarithm of the share and a little.
    """

    def __init__(self, codes, n_classes, loss):
        self.codes = codes
        self.n_classes = n_classes
        self.loss = loss

    def of(self, codes):
        """Return the same vote of other samples."""
        return ClassVote(codes, self.n_classes, self.loss)

    def losses(self, queries, templates, p, weight, k):
        """Return the loss of each query and its gradient in the mask.

        Parameters
        ----------
        queries : ndarray of shape (n_queries,)
            Sample numbers.

        templates : ndarray of shape (n_queries, n_candidates)
            Sample numbers.

        p : ndarray of shape (n_queries, n_candidates)
            The mask.

        weight : ndarray of shape (n_queries, n_candidates) or None
            The weights of the candidates.

        k : ndarray of shape (n_queries,)
            What the weighted mask sums to.
        """
        same = self.codes[templates] == self.codes[queries][:, None]
        # Where nobody has a vote there is nothing to learn.
        gradient = same / np.maximum(k, np.finfo(float).tiny)[:, None]
        if weight is not None:
            gradient *= weight
        share = (gradient * p).sum(axis=1)
        if self.loss == "linear":
            np.negative(gradient, out=gradient)
            return 1.0 - share, gradient
        gradient *= (-1.0 / (share + LOG_FLOOR))[:, None]
        return np.log((1.0 + LOG_FLOOR) / (share + LOG_FLOOR)), gradient

    def outcome(self, templates, p, weight):
        """Return the share of each class in the vote, zero where nobody votes.

        Parameters
        ----------
        templates, p, weight
            As in `losses`.

        Returns
        -------
        shares : ndarray of shape (n_queries, n_classes)
            The shares.
        """
        votes = p if weight is None else p * weight
        n_queries, n_classes = len(votes), self.n_classes
        cells = np.arange(n_queries)[:, None] * n_classes + self.codes[templates]
        counts = np.bincount(cells.ravel(), votes.ravel(), n_queries * n_classes)
        counts = counts.reshape(n_queries, n_classes).astype(np.float64, copy=False)
        total = counts.sum(axis=1, keepdims=True)
        return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0.0)
