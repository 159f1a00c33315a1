# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores of whole sequences of labels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import MetadataRequest

from sksoft._sequences import check_sequences, labels_and_rows
from sksoft._sklearn_compat import check_sample_weight


def sequence_accuracy_score(
    y_true: Any,
    y_pred: Any,
    *,
    sequence: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of sequences whose labels are all right.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or list of array-like
        The right labels; a list has the labels of each sequence.

    y_pred : array-like of shape (n_rows,) or list of array-like
        The predicted labels, in the same form.

    sequence : array-like of shape (n_rows,), default=None
        The sequence that each row belongs to, of any hashable type. With None and
        labels that are not in lists, each row is a sequence of its own.

    sample_weight : array-like of shape (n_rows,) or (n_sequences,), default=None
        Weights of the sequences, equal for all rows of a sequence; with lists one for
        each sequence.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If lengths differ, an id is missing, or weights differ within a sequence, are
        negative or all zero.

    See Also
    --------
    sklearn.metrics.accuracy_score : The share of single labels.
    sksoft.sequence.BeamSearchTagger : Predicts such sequences.

    Examples
    --------
    >>> from sksoft.metrics import sequence_accuracy_score
    >>> y_true, y_pred = ["t", "o", "b", "e"], ["t", "o", "h", "e"]
    >>> sequence_accuracy_score(y_true, y_pred, sequence=[0, 0, 1, 1])
    0.5
    """
    y_true, y_pred, rows, in_lists = labels_and_rows(y_true, y_pred, sequence)
    right = np.ones(len(rows), bool)
    np.logical_and.at(right, rows.codes, y_true == y_pred)
    if in_lists:
        if sample_weight is not None:
            check_sequences(sample_weight, rows, "sample_weight")
        weight = check_sample_weight(sample_weight, right)
    else:
        weight = rows.weights(check_sample_weight(sample_weight, y_true))
    return float(weight @ right / weight.sum())


class SequenceAccuracyScorer:
    """Score a tagger by the share of sequences whose labels are all right.

    scikit-learn's scorers predict without metadata; this one hands `sequence` on to the
    prediction. It requests `sequence`, and nothing else, where metadata are routed.
    """

    def __call__(self, estimator, X, y, sequence=None, sample_weight=None):
        """Return the score of the predictions of X."""
        given = {} if sequence is None else {"sequence": sequence}
        return sequence_accuracy_score(
            y,
            estimator.predict(X, **given),
            sequence=sequence,
            sample_weight=sample_weight,
        )

    def __repr__(self):
        return "sequence_accuracy_scorer"

    def get_metadata_routing(self) -> Any:
        """Return what metadata this object requests.

        Returns
        -------
        request : MetadataRequest
            `sequence` for the method score.
        """
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sequence", alias=True)
        request.score.add_request(param="sample_weight", alias=None)
        return request


sequence_accuracy_scorer = SequenceAccuracyScorer()
