# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lists of unequal length: groups, scores, relevance, and losses of their rows."""

from collections.abc import Sized
from numbers import Integral

import numpy as np

from sksoft._validation import LARGEST, real_array


class RowLoss:
    """A loss of single rows.

    Subclasses define ``prepare(target)``, which checks target rows of shape (g, m) and
    returns whatever of them is needed, once for all evaluations; and
    ``evaluate(scores, prepared)``, which returns the values, of shape (g,), and the
    gradients, of shape (g, m), of score rows.
    """


class Objective:
    """The weighted mean of a loss over rows, as a function of the scores.

    Parameters
    ----------
    loss : RowLoss
        The loss of one row.
    shape : tuple of int
        The shape of the scores; the last axis holds the entries of a row.
    target : ndarray of that shape
        NaN stands for an entry that is absent.
    groups : array-like of shape (n_entries,), default=None
        With scores of one dimension, the rows to which the entries belong.
    sample_weight : array-like, default=None
        A weight for each row; with `groups`, one for each entry, equal within a row.
    """

    def __init__(self, loss, shape, target, groups=None, sample_weight=None):
        self.loss = loss
        present = ~np.isnan(target)
        rows, n_rows = _row_of_entries(shape, groups)
        weight = row_weights(sample_weight, shape, groups, rows, n_rows)
        # Rows of one length need not be gathered, and have no index.
        self.dense = groups is None and target.size > 0 and bool(present.all())
        if self.dense:
            target = target.reshape(n_rows, -1)
            self.parts = [(None, weight, loss.prepare(target))]
        else:
            target = target.ravel()
            self.parts = [
                (index, weight[which], loss.prepare(target[index]))
                for which, index in _rows_by_length(rows, n_rows, present.ravel())
            ]

    def __call__(self, scores):
        """Return the value and its gradient in the scores."""
        gradient = None if self.dense else np.zeros(scores.size)
        total = 0.0
        for index, weight, rows, prepared in self.pieces(scores):
            values, slopes = self.loss.evaluate(rows, prepared)
            total += float(weight @ values)
            slopes = weight[:, np.newaxis] * slopes
            if self.dense:
                gradient = slopes
            else:
                gradient[index] = slopes
        return total, gradient.reshape(scores.shape)

    def pieces(self, scores):
        """Yield for each length where its rows are, weights, scores and targets."""
        for index, weight, prepared in self.parts:
            if self.dense:
                rows = scores.reshape(len(weight), -1)
            else:
                rows = scores.ravel()[index]
            yield index, weight, np.asarray(rows, dtype=np.float64), prepared


def encode_groups(groups, name="groups"):
    """Number the distinct values of groups, of any hashable type.

    Returns
    -------
    codes : ndarray of int of shape (n_entries,)
        The number of each entry's group.
    n_groups : int
        How many there are.
    """
    if not isinstance(groups, Sized) or getattr(groups, "ndim", 1) != 1:
        kind = type(groups).__name__
        found = f"{groups.ndim} in a {kind}" if hasattr(groups, "ndim") else kind
        raise ValueError(f"{name} must have one dimension, got {found}.")
    dtype = getattr(groups, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iubUS":
        values, codes = np.unique(np.asarray(groups), return_inverse=True)
        return codes, len(values)
    numbers = {}
    codes = np.empty(len(groups), dtype=np.intp)
    for i, group in enumerate(groups):
        try:
            codes[i] = numbers.setdefault(group, len(numbers))
        except TypeError:
            raise TypeError(
                f"{name} must hold hashable values, got {group!r} at index {i}."
            ) from None
    for group, code in numbers.items():
        if _is_missing(group):
            i = int(np.argmax(codes == code))
            raise ValueError(f"{name} must not be missing, got {group!r} at index {i}.")
    return codes, len(numbers)


def _is_missing(value):
    """Return whether a value is None, NaN, NaT or pandas.NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # Comparisons with pandas.NA are neither true nor false.
        return True


def checked_scores(scores, name="scores"):
    """Return scores as an array of finite numbers, with at least one dimension."""
    scores = real_array(scores, name)
    if scores.ndim == 0:
        raise ValueError(f"{name} must have at least one dimension, got a number.")
    return scores


def checked_target(target, shape, name, scores="scores"):
    """Return a float64 target of this shape, in which NaN may stand for absence."""
    target = np.asarray(target)
    if target.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must hold real numbers, got an array of dtype {target.dtype}."
        )
    target = target.astype(np.float64)
    if target.shape != shape:
        raise ValueError(
            f"{name} must have the shape of {scores}, {shape}, got {target.shape}."
        )
    if np.any(np.abs(target) > LARGEST):
        raise ValueError(
            f"{name} must hold numbers of magnitude at most {LARGEST:g} or NaN, got "
            f"{target.ravel()[np.nanargmax(np.abs(target))]}."
        )
    return target


def _row_of_entries(shape, groups):
    """Return the row of each entry and the number of rows."""
    if groups is None:
        n_rows = int(np.prod(shape[:-1], dtype=int))
        return np.repeat(np.arange(n_rows), shape[-1]), n_rows
    if len(shape) != 1:
        raise ValueError(
            f"scores must have one dimension where groups are given, got {len(shape)}."
        )
    codes, n_groups = encode_groups(groups)
    if len(codes) != shape[0]:
        raise ValueError(
            f"groups must have the length of scores, {shape[0]}, got {len(codes)}."
        )
    return codes, n_groups


def row_weights(sample_weight, shape, groups, rows, n_rows):
    """Return the share of each row in the mean."""
    if sample_weight is None:
        return np.full(n_rows, 1.0 / max(n_rows, 1))
    weight = real_array(sample_weight, "sample_weight").astype(np.float64)
    expected = shape[:-1] if groups is None else shape
    if weight.shape != expected:
        raise ValueError(
            f"sample_weight must have shape {expected}, got {weight.shape}."
        )
    if weight.size and weight.min() < 0.0:
        raise ValueError(f"sample_weight must be >= 0, got {weight.min()}.")
    if groups is None:
        weight = weight.ravel()
    else:
        entries = weight
        weight = np.zeros(n_rows)
        weight[rows] = entries
        if np.any(weight[rows] != entries):
            i = int(np.argmax(weight[rows] != entries))
            raise ValueError(
                "sample_weight must be equal within a group, got "
                f"{entries[i]} at index {i} and {weight[rows[i]]} in the same group."
            )
    total = weight.sum()
    if weight.size and total == 0.0:
        raise ValueError("sample_weight must have a non-zero sum, got zeros only.")
    return weight / total


def _rows_by_length(rows, n_rows, present):
    """Gather the rows of equal length: pairs of row numbers and matrices of entries."""
    entries = np.flatnonzero(present)
    entries = entries[np.argsort(rows[entries], kind="stable")]
    lengths = np.bincount(rows[entries], minlength=n_rows)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if n_rows else lengths
    parts = []
    for length in np.unique(lengths[lengths > 0]):
        which = np.flatnonzero(lengths == length)
        parts.append((which, entries[starts[which][:, np.newaxis] + np.arange(length)]))
    return parts


GAINS = {"exp2": lambda relevance: np.exp2(relevance) - 1.0, "linear": np.copy}


# Above this, sums of the gains 2**relevance - 1 could overflow.
EXP2_MOST = 996.0


def check_relevance(relevance, gain):
    """Raise unless all grades have gains, of which sums are finite."""
    if relevance.size and relevance.min() < 0.0:
        raise ValueError(f"relevance must be >= 0 everywhere, got {relevance.min()}.")
    if gain == "exp2" and relevance.size and relevance.max() > EXP2_MOST:
        raise ValueError(
            f"relevance must be at most {EXP2_MOST:g} for gain='exp2', got "
            f"{relevance.max()}; gain='linear' suits large grades."
        )


def ideal_dcg(gains, k):
    """Return the largest discounted cumulative gain of each row, among its first k."""
    best = -np.sort(-gains, axis=1)[:, :k]
    return best @ (1.0 / np.log2(2.0 + np.arange(best.shape[1])))


class Discounted(RowLoss):
    """What losses of discounted cumulative gain share: their target."""

    def __init__(self, k, gain):
        self.k = k
        self.gain = gain

    def prepare(self, target):
        """Return the gains, as shares of the ideal; zeros where nothing is relevant."""
        check_relevance(target, self.gain)
        gains = GAINS[self.gain](target)
        ideal = ideal_dcg(gains, self.k)
        return gains / np.where(ideal > 0.0, ideal, 1.0)[:, np.newaxis]


def checked_cutoff(k):
    """Return k, None or an integer of at least 1."""
    if k is None:
        return None
    if not isinstance(k, Integral) or isinstance(k, bool):
        raise TypeError(f"k must be an integer or None, got {k!r}.")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}.")
    return int(k)
