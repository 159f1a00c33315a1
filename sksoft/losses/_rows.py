# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all losses share: batches, groups of unequal length, absent entries, weights."""

import numpy as np

from sksoft._lists import Objective, checked_scores, checked_target, row_weights
from sksoft._validation import nonnegative


class LabelObjective:
    """The weighted mean of a loss whose target is one label for each row.

    Parameters
    ----------
    loss : RowLoss
        The loss of one row.
    shape : tuple of int
        The shape of the scores; the last axis holds the classes.
    labels : array-like of shape ``shape[:-1]``
        The class of each row, from 0 to the number of classes less one.
    sample_weight : array-like of shape ``shape[:-1]``, default=None
        A weight for each row.
    """

    def __init__(self, loss, shape, labels, sample_weight=None):
        self.loss = loss
        self.weight = row_weights(
            sample_weight, shape, None, None, int(np.prod(shape[:-1], dtype=int))
        )
        self.prepared = loss.prepare(checked_labels(labels, shape))

    def __call__(self, scores):
        """Return the value and its gradient in the scores."""
        rows = np.asarray(scores, dtype=np.float64).reshape(-1, scores.shape[-1])
        values, gradients = self.loss.evaluate(rows, self.prepared)
        gradient = self.weight[:, np.newaxis] * gradients
        return float(self.weight @ values), gradient.reshape(scores.shape)


def list_loss(loss, scores, target, groups, sample_weight, name="target"):
    """Evaluate a loss of lists: check its arguments, return (value, gradient)."""
    scores = checked_scores(scores)
    target = checked_target(target, scores.shape, name)
    value, gradient = Objective(loss, scores.shape, target, groups, sample_weight)(
        scores
    )
    return value, gradient.astype(scores.dtype, copy=False)


def label_loss(loss, scores, labels, sample_weight):
    """Evaluate a loss of classes: check its arguments, return (value, gradient)."""
    scores = checked_scores(scores)
    value, gradient = LabelObjective(loss, scores.shape, labels, sample_weight)(scores)
    return value, gradient.astype(scores.dtype, copy=False)


def one_strength(strength, name="regularization_strength"):
    """Return a strength, which must be one number of at least 0."""
    strength = nonnegative(strength, name)
    if np.ndim(strength):
        raise ValueError(
            f"{name} of a loss must be one number, got an array of shape "
            f"{np.shape(strength)}."
        )
    return float(strength)


def checked_labels(labels, shape):
    """Return class indices for scores of this shape, flattened."""
    labels = np.asarray(labels)
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
