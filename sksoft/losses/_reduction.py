# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all losses share: checked arguments, and the weighted mean over rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sksoft._lists import (
    Objective,
    checked_lists,
    checked_scores,
    checked_target,
    list_shares,
)
from sksoft._validation import NUMBERS, check_integer, nonnegative, plain_array


class LabelLoss:
    """A loss of rows whose target is the index of one of their entries.

    Subclasses define ``evaluate(scores, labels)``, which returns the values, of shape
    (g,), and the gradients, of shape (g, m), of score rows and their labels.
    """


class LabelObjective:
    """The weighted mean of a loss of labels over rows, as a function of the scores.

    Parameters
    ----------
    loss : LabelLoss
        The loss of one row.
    shape : tuple of int
        The shape of the scores; the last axis holds the classes.
    labels : array-like of shape ``shape[:-1]``
        The class of each row, from 0 to the number of classes less one.
    sample_weight : array-like of shape ``shape[:-1]``, default=None
        A weight for each row.
    """

    def __init__(
        self,
        loss: Any,
        shape: Sequence[int],
        labels: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        self.loss = loss
        labels = checked_labels(labels, shape)
        share = list_shares(sample_weight, shape)
        self.rows = slice(None) if share.all() else np.flatnonzero(share)
        self.share, self.labels = share[self.rows], labels[self.rows]

    def __call__(self, scores):
        """Return the value and its gradient in the scores."""
        rows = np.asarray(scores, dtype=np.float64).reshape(-1, scores.shape[-1])
        gradient = np.zeros(rows.shape)
        # A tiny strength may give slopes beyond the largest number: infinite ones.
        with np.errstate(over="ignore"):
            values, slopes = self.loss.evaluate(rows[self.rows], self.labels)
            gradient[self.rows] = self.share[:, np.newaxis] * slopes
            return float(self.share @ values), gradient.reshape(scores.shape)


def list_loss(loss, scores, target, groups, sample_weight, name="target"):
    """Evaluate a loss of lists: check its arguments, return (value, gradient)."""
    scores = checked_scores(scores)
    target = checked_target(target, scores.shape, name)
    lists = checked_lists(~np.isnan(target), groups, sample_weight)
    return _rounded(*Objective(loss, lists, target)(scores), scores.dtype)


def label_loss(loss, scores, labels, sample_weight):
    """Evaluate a loss of classes: check its arguments, return (value, gradient)."""
    objective = LabelObjective(loss, scores.shape, labels, sample_weight)
    return _rounded(*objective(scores), scores.dtype)


def _rounded(value, gradient, dtype):
    if gradient.dtype == dtype:
        return value, gradient
    # What is beyond the largest float32 becomes infinite.
    with np.errstate(over="ignore"):
        return value, gradient.astype(dtype)


def checked_classes(scores):
    """Return scores of two classes or more as an array of finite numbers."""
    scores = checked_scores(scores)
    if scores.shape[-1] < 2:
        raise ValueError(
            "scores must hold at least two classes along the last axis, got shape "
            f"{scores.shape}."
        )
    return scores


def checked_k(k, most):
    """Return k, an integer from 1 to most."""
    check_integer(k, "k")
    if not 1 <= k <= most:
        raise ValueError(f"k must lie between 1 and {most}, got {k}.")
    return int(k)


def one_strength(strength, name="regularization_strength"):
    """Return a strength, which must be one number of at least 0."""
    strength = nonnegative(strength, name)
    if np.ndim(strength):
        raise ValueError(
            f"{name} of a loss must be one number, got an array of shape "
            f"{np.shape(strength)}."
        )
    return float(strength)


def positive_strength(strength, name="regularization_strength"):
    """Return a strength, which must be one positive number."""
    if isinstance(strength, NUMBERS) and strength <= 0.0:
        raise ValueError(f"{name} must be > 0, got {float(strength)}.")
    return one_strength(strength, name)


def checked_labels(labels, shape):
    """Return class indices for scores of this shape, flattened."""
    labels = plain_array(labels, "target")
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"target must hold class indices, integers, got dtype {labels.dtype}."
        )
    if labels.shape != shape[:-1]:
        raise ValueError(
            f"target must have the shape of scores without the last axis, "
            f"{shape[:-1]}, got {labels.shape}."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < shape[-1]:
        raise ValueError(
            f"target must hold class indices between 0 and {shape[-1] - 1}, got values "
            f"from {labels.min()} to {labels.max()}."
        )
    return labels.ravel()
