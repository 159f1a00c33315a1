# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sums of the smallest losses, hard and soft, and the weights that are their slopes."""

import numpy as np

from sksoft._weighted import keep_smallest
from sksoft.linear_model._trimmed_mask import soft_mask
from sksoft.operators import soft_sort, vjp


class MaskTrimming:
    """Sum of the losses under the soft mask of the smallest ones.

    It is concave in the losses, and the mask is its gradient.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        How often each row counts.

    kept : float
        Sum of the weighted mask.

    strength : float
        Regularization strength, in units of the losses; 0 is the hard mask.

    entropic : bool, default=False
        Whether the entropy of the mask regularizes it, instead of its square.
    """

    def __init__(self, sample_weight, kept, strength, entropic=False):
        self.sample_weight = sample_weight
        self.kept = kept
        self.strength = strength
        self.entropic = entropic
        self.threshold = strength

    def __call__(self, losses):
        """Return the soft sum and the mask."""
        if self.strength == 0:
            mask, _ = keep_smallest(losses, self.kept, self.sample_weight)
            return np.sum(self.sample_weight * mask * losses), mask
        mask = np.empty(len(losses))
        # The threshold of the previous call is a good guess in an iterative fit.
        value, self.threshold = soft_mask(
            losses,
            self.sample_weight,
            self.strength,
            self.kept,
            self.threshold,
            self.entropic,
            mask,
        )
        return value, mask


class SortTrimming:
    """Sum of the smallest soft-sorted losses.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        How often each row counts; whole numbers.

    kept : float
        How many sorted losses count.

    strength : float
        Regularization strength of the soft sort.

    regularization : {"l2", "entropic"}
        Regularization of the soft sort.

    References
    ----------
    .. [1] M. Blondel, O. Teboul, Q. Berthet and J. Djolonga (2020). Fast
       differentiable sorting and ranking. ICML.
    """

    def __init__(self, sample_weight, kept, strength, regularization):
        self.parameters = {
            "regularization": regularization,
            "regularization_strength": strength,
        }
        self.rows = np.repeat(np.arange(len(sample_weight)), sample_weight.astype(int))
        self.sample_weight = sample_weight
        self.share = np.clip(kept - np.arange(len(self.rows)), 0.0, 1.0)

    def __call__(self, losses):
        """Return the soft sum and its gradient, per repetition of a row."""
        ordered, pullback = vjp(soft_sort, losses[self.rows], **self.parameters)
        slopes = pullback(self.share)
        mask = np.bincount(self.rows, slopes, len(losses)) / self.sample_weight
        return self.share @ ordered, mask
