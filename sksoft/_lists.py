# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lists of unequal length: groups, their weights, and the mean of a loss over them."""

import math
from collections.abc import Sized

import numpy as np

from sksoft._validation import (
    LARGEST,
    check_unmasked,
    is_within,
    plain_array,
    real_array,
)


class RowLoss:
    """A loss of single rows.

    Subclasses define ``prepare(target)``, which checks target rows of shape (g, m) and
    returns whatever of them is needed, once for all evaluations; and
    ``evaluate(scores, prepared)``, which returns the values, of shape (g,), and the
    gradients, of shape (g, m), of score rows.
    """


class Lists:
    """Which entries form which list, and the share of each list in a mean.

    Parameters
    ----------
    present : ndarray of bool
        Which entries there are. Without `codes`, each row of the last axis is a list.
    codes : ndarray of int of shape (n_entries,), default=None
        With one dimension, the number of the list that each entry belongs to.
    weight : ndarray of shape (n_lists,), default=None
        Weights >= 0, not all 0; None counts each list once. Lists of weight 0, and
        those without entries, are never gathered.

    Attributes
    ----------
    shares : list of ndarray of shape (n_lists_of_one_length,)
        For each length, the share of each list of this length in the mean.
    longest : int
        The largest number of entries of a list.
    """

    def __init__(self, present, codes=None, weight=None):
        self.shape = present.shape
        if codes is None:
            n_lists = math.prod(self.shape[:-1])
        else:
            n_lists = int(codes.max()) + 1 if codes.size else 0
        share = _shares(weight, n_lists)
        # Rows of one length need not be gathered, and have no index.
        whole = codes is None and present.size > 0 and bool(present.all())
        if whole and (weight is None or share.all()):
            self._indices, self.shares = [None], [share]
            self.longest = self.shape[-1]
            return
        if codes is None:
            codes = np.repeat(np.arange(n_lists), self.shape[-1])
        self._indices, self.shares = [], []
        entries = np.flatnonzero(present.ravel() & (share[codes] > 0.0))
        entries = entries[np.argsort(codes[entries], kind="stable")]
        lengths = np.bincount(codes[entries], minlength=n_lists)
        starts = np.cumsum(lengths) - lengths
        for length in np.unique(lengths[lengths > 0]):
            which = np.flatnonzero(lengths == length)
            self._indices.append(entries[starts[which][:, None] + np.arange(length)])
            self.shares.append(share[which])
        self.longest = int(lengths.max(initial=0))

    def rows(self, values):
        """Gather values: for each length a matrix, one row for each list of it."""
        values = np.asarray(values, dtype=np.float64)
        return [
            values.reshape(len(share), -1) if index is None else values.ravel()[index]
            for index, share in zip(self._indices, self.shares, strict=True)
        ]

    def entries(self, parts):
        """Put matrices back where `rows` took them from; the other entries are 0."""
        if self._indices and self._indices[0] is None:
            return parts[0].reshape(self.shape)
        values = np.zeros(int(np.prod(self.shape, dtype=int)))
        for index, part in zip(self._indices, parts, strict=True):
            values[index] = part
        return values.reshape(self.shape)


class Objective:
    """The weighted mean of a loss over lists, as a function of the scores.

    Parameters
    ----------
    loss : RowLoss
        The loss of one row.
    lists : Lists
        The lists that the scores form.
    target : ndarray
        What the loss compares the scores with, of their shape.
    """

    def __init__(self, loss, lists, target):
        self.loss = loss
        self.lists = lists
        self.prepared = [loss.prepare(rows) for rows in lists.rows(target)]

    def __call__(self, scores):
        """Return the value and its gradient in the scores."""
        total, slopes = 0.0, []
        parts = zip(
            self.lists.rows(scores), self.lists.shares, self.prepared, strict=True
        )
        # A tiny strength may give slopes beyond the largest number: infinite ones.
        with np.errstate(over="ignore"):
            for rows, share, prepared in parts:
                values, gradients = self.loss.evaluate(rows, prepared)
                total += float(share @ values)
                slopes.append(share[:, np.newaxis] * gradients)
        return total, self.lists.entries(slopes)


def encode_groups(groups, n_entries, name="groups", of="scores"):
    """Number the groups of entries, which have names of any hashable type.

    Parameters
    ----------
    groups : sequence of length `n_entries`
        The group of each entry.
    n_entries : int
        How many entries there are.
    name, of : str
        What the groups and what the entries are called in messages.

    Returns
    -------
    codes : ndarray of int of shape (n_entries,)
        The number of each entry's group, from 0.
    """
    check_unmasked(**{name: groups})
    if not isinstance(groups, Sized) or getattr(groups, "ndim", 1) != 1:
        kind = type(groups).__name__
        found = f"{groups.ndim} in a {kind}" if hasattr(groups, "ndim") else kind
        raise ValueError(f"{name} must have one dimension, got {found}.")
    if len(groups) != n_entries:
        raise ValueError(
            f"{name} must have the length of {of}, {n_entries}, got {len(groups)}."
            + _advice_on_sizes(groups, n_entries, name)
        )
    dtype = getattr(groups, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iubUS":
        return np.unique(np.asarray(groups), return_inverse=True)[1]
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
    return codes


def _advice_on_sizes(groups, n_entries, name):
    """Return what to do where the sizes of groups seem to be given."""
    try:
        sizes = np.asarray(groups)
        sum_fits = sizes.dtype.kind in "iuf" and sizes.sum() == n_entries
    except (TypeError, ValueError):
        return ""
    if not sum_fits:
        return ""
    return (
        f" These look like the sizes of groups: pass np.repeat(np.arange(len({name})), "
        f"{name})."
    )


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
    target = plain_array(target, name)
    if target.dtype.kind in "iu":
        target = real_array(target, name)
    target = target.astype(np.float64)
    if target.shape != shape:
        raise ValueError(
            f"{name} must have the shape of {scores}, {shape}, got {target.shape}."
        )
    if not is_within(target, LARGEST) and np.any(np.abs(target) > LARGEST):
        raise ValueError(
            f"{name} must hold numbers of magnitude at most {LARGEST:g} or NaN, got "
            f"{target.ravel()[np.nanargmax(np.abs(target))]}."
        )
    return target


def checked_lists(
    present, groups, sample_weight, name="scores", groups_name="groups", least=2
):
    """Return the lists that entries form, one of which at least has `least` entries.

    Parameters
    ----------
    present : ndarray of bool
        Which entries there are.
    groups : array-like of shape (n_entries,) or None
        With one dimension, the list that each entry belongs to.
    sample_weight : array-like or None
        A weight for each row; with groups, one for each entry, equal within a group.
    name, groups_name : str
        What the entries and the groups are called in messages.
    least : int, default=2
        How many entries the longest list must have, where there are any.

    Returns
    -------
    lists : Lists
        The lists.
    """
    codes = None
    if groups is not None:
        if present.ndim != 1:
            raise ValueError(
                f"{name} must have one dimension where {groups_name} are given, got "
                f"{present.ndim}."
            )
        codes = encode_groups(groups, len(present), groups_name, name)
    weight = list_weights(sample_weight, present.shape, codes)
    lists = Lists(present, codes, weight)
    if present.size and lists.longest < least:
        raise ValueError(
            f"{name} must form a list of at least {least} entries that are present, "
            f"got at most {lists.longest} in a list from the shape {present.shape}: "
            f"rows of the last axis are lists, or with {groups_name}= the entries of "
            "equal value there."
        )
    return lists


def list_weights(sample_weight, shape, codes):
    """Return the weight of each list, None where each counts once."""
    if sample_weight is None:
        return None
    weight = real_array(sample_weight, "sample_weight").astype(np.float64)
    expected = shape[:-1] if codes is None else shape
    if weight.shape != expected:
        raise ValueError(
            f"sample_weight must have shape {expected}, got {weight.shape}."
        )
    if weight.size and weight.min() < 0.0:
        raise ValueError(f"sample_weight must be >= 0, got {weight.min()}.")
    if codes is None:
        weight = weight.ravel()
    else:
        entries = weight
        weight = np.zeros(int(codes.max(initial=-1)) + 1)
        weight[codes] = entries
        if np.any(weight[codes] != entries):
            i = int(np.argmax(weight[codes] != entries))
            raise ValueError(
                "sample_weight must be equal within a group, got "
                f"{entries[i]} at index {i} and {weight[codes[i]]} in the same group."
            )
    if weight.size and weight.sum() == 0.0:
        raise ValueError("sample_weight must have a non-zero sum, got zeros only.")
    return weight


def list_shares(sample_weight, shape):
    """Return the share of each row of the last axis in the weighted mean."""
    weight = list_weights(sample_weight, shape, None)
    return _shares(weight, math.prod(shape[:-1]))


def _shares(weight, n_lists):
    """Return weights, or as many ones, over their sum."""
    if weight is None:
        share = np.empty(n_lists)
        share.fill(1.0 / max(n_lists, 1))
        return share
    return weight / weight.sum() if n_lists else weight
