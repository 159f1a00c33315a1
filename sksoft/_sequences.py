# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows that belong to sequences: stacked with an id for each row, or in lists."""

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d

from sksoft._lists import encode_groups
from sksoft._validation import check_unmasked


class Rows:
    """Where the rows of sequences are.

    Attributes
    ----------
    order : ndarray of int of shape (n_rows,)
        The rows of the first sequence, then those of the second, and so on; sequences
        are numbered as they appear.
    starts : ndarray of int of shape (n_sequences + 1,)
        Sequence i has the rows ``order[starts[i]:starts[i + 1]]``.
    codes : ndarray of int of shape (n_rows,)
        The sequence of each row.
    """

    def __init__(self, codes):
        self.codes = codes
        self.order = np.argsort(codes, kind="stable")
        self.starts = np.zeros(codes.max(initial=-1) + 2, np.intp)
        np.cumsum(np.bincount(codes), out=self.starts[1:])

    def __len__(self):
        return len(self.starts) - 1

    def back(self, values):
        """Return values of arranged rows in the order in which these were given."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    def split(self, values):
        """Return values of the rows as a list with an array for each sequence."""
        return np.split(values[self.order], self.starts[1:-1])

    def weights(self, sample_weight):
        """Return the weight of each sequence, given that of each row."""
        weight = sample_weight[self.order[self.starts[:-1]]]
        differs = weight[self.codes] != sample_weight
        if differs.any():
            i = int(np.argmax(differs))
            raise ValueError(
                "sample_weight must be equal within a sequence, got "
                f"{sample_weight[i]} at index {i} and {weight[self.codes[i]]} in "
                "the same sequence."
            )
        return weight


def rows_of_ids(sequence, n_rows):
    """Return the `Rows` of ids, one for each row; without ids each stands alone."""
    if sequence is None:
        return Rows(np.arange(n_rows))
    codes = encode_groups(sequence, n_rows, "sequence", "X")
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    return Rows(np.argsort(np.argsort(first))[codes])


def is_list(X):
    """Return whether X holds a matrix for each sequence."""
    if isinstance(X, np.ndarray) and not (X.dtype == object and X.ndim == 1):
        return False
    if not isinstance(X, list | tuple | np.ndarray) or not len(X):
        return False
    if sparse.issparse(X[0]) or getattr(X[0], "ndim", 0) == 2:
        return True
    first = X[0]
    if not isinstance(first, list | tuple) or not len(first):
        return False
    if isinstance(first[0], dict):
        raise TypeError(
            "X must hold numbers, got dictionaries: turn them into columns, for "
            "instance by sklearn.feature_extraction.DictVectorizer."
        )
    return isinstance(first[0], list | tuple) or getattr(first[0], "ndim", 0) == 1


def stacked(X, sequence):
    """Return a list of matrices as one matrix, and its `Rows`."""
    if sequence is not None:
        raise ValueError(
            "sequence must be None where X is a list with a matrix for each sequence."
        )
    matrices, lengths = [], []
    for i, matrix in enumerate(X):
        if not sparse.issparse(matrix):
            matrix = np.asarray(matrix)
        if matrix.ndim != 2 or matrix.shape[0] == 0:
            raise ValueError(
                f"X[{i}] must have shape (n_steps, n_features) with at least one step, "
                f"got {matrix.shape}."
            )
        if matrix.shape[1] != matrices[0].shape[1] if matrices else False:
            raise ValueError(
                f"X[{i}] must have {matrices[0].shape[1]} features as X[0] has, got "
                f"{matrix.shape[1]}."
            )
        matrices.append(matrix)
        lengths.append(matrix.shape[0])
    if any(sparse.issparse(matrix) for matrix in matrices):
        X = sparse.vstack(matrices, format="csr")
    else:
        X = np.concatenate(matrices)
    return X, Rows(np.repeat(np.arange(len(lengths)), lengths))


def stacked_labels(y, rows, name="y"):
    """Return labels in lists, one for each sequence, as one array."""
    check_sequences(y, rows, name)
    lengths = np.diff(rows.starts)
    found = []
    for i, labels in enumerate(y):
        labels = column_of_labels(labels, f"{name}[{i}]")
        if len(labels) != lengths[i]:
            raise ValueError(
                f"{name}[{i}] must have a label for each of {lengths[i]} steps, got "
                f"{len(labels)}."
            )
        found.append(labels)
    return np.concatenate(found)


def column_of_labels(labels, name):
    """Return labels as an array of one dimension."""
    check_unmasked(**{name: labels})
    try:
        return column_or_1d(labels)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold labels in a row: {error}") from None


def check_sequences(values, rows, name):
    """Raise unless there is one value for each sequence."""
    try:
        found = len(values)
    except TypeError:
        found = repr(values)
    if found != len(rows):
        raise ValueError(
            f"{name} must have one entry for each of {len(rows)} sequences, got "
            f"{found}."
        )


def labels_and_rows(y_true, y_pred, sequence):
    """Return two arrays of labels and their `Rows`, given alike in lists or stacked."""
    if isinstance(y_true, list | tuple) and y_true and np.ndim(y_true[0]) == 1:
        if sequence is not None:
            raise ValueError("sequence must be None where labels are in lists.")
        lengths = [len(labels) for labels in y_true]
        rows = Rows(np.repeat(np.arange(len(lengths)), lengths))
        return (
            stacked_labels(y_true, rows, "y_true"),
            stacked_labels(y_pred, rows, "y_pred"),
            rows,
            True,
        )
    y_true = column_of_labels(y_true, "y_true")
    y_pred = column_of_labels(y_pred, "y_pred")
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"y_pred must have the length of y_true, {len(y_true)}, got {len(y_pred)}."
        )
    return y_true, y_pred, rows_of_ids(sequence, len(y_true)), False
