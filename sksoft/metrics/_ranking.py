# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores of rankings."""

import warnings
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import make_scorer

from sksoft._gains import DiscountedGain, tied_discounts
from sksoft._lists import checked_lists, checked_scores, checked_target
from sksoft._validation import check_flag, check_fraction


def spearman_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean of Spearman's rank correlation coefficient over samples.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_labels) or (n_values,)
        Ranks, or any values whose order matters; each row is one sample, and one
        dimension is one sample. NaN stands for a label that is not ranked.

    y_pred : array-like of the shape of `y_true`
        Predicted ranks or values. Tied values get their average rank.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    score : float
        Between -1 and 1. Samples with fewer than two different values on either side
        have no coefficient and are left out; NaN if none remains.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If the shapes differ, no sample has two values, `y_pred` is not finite, or the
        weights do not fit.

    Warns
    -----
    sklearn.exceptions.UndefinedMetricWarning
        If no sample has a coefficient.

    See Also
    --------
    kendall_tau_score : The share of pairs in the right order.
    sksoft.losses.soft_spearman_loss : A loss with a gradient.

    References
    ----------
    .. [1] C. Spearman, "The proof and measurement of association between two things",
       American Journal of Psychology 15, 1904.

    Examples
    --------
    >>> from sksoft.metrics import spearman_score
    >>> spearman_score([[1, 2, 3], [1, 2, 3]], [[1, 3, 2], [1, 2, 3]])
    0.75
    """
    return _mean_coefficient(_spearman, y_true, y_pred, sample_weight)


def kendall_tau_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean of Kendall's rank correlation coefficient tau-b over samples.

    It costs O(m log(m)^2) time for a sample of m values.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_labels) or (n_values,)
        Ranks, or any values whose order matters; each row is one sample, and one
        dimension is one sample. NaN stands for a label that is not ranked.

    y_pred : array-like of the shape of `y_true`
        Predicted ranks or values.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    score : float
        Between -1 and 1. Samples with fewer than two different values on either side
        have no coefficient and are left out; NaN if none remains.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If the shapes differ, no sample has two values, `y_pred` is not finite, or the
        weights do not fit.

    Warns
    -----
    sklearn.exceptions.UndefinedMetricWarning
        If no sample has a coefficient.

    See Also
    --------
    spearman_score : The correlation of ranks.
    sksoft.losses.soft_kendall_loss : A loss with a gradient.

    References
    ----------
    .. [1] M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33,
       1945.

    Examples
    --------
    >>> from sksoft.metrics import kendall_tau_score
    >>> round(kendall_tau_score([[1, 2, 3], [1, 2, 3]], [[1, 3, 2], [1, 2, 3]]), 4)
    0.6667
    """
    return _mean_coefficient(_kendall, y_true, y_pred, sample_weight)


def ndcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    qid: ArrayLike | None = None,
    k: int | None = None,
    gain: Literal["exp2", "linear"] = "linear",
    sample_weight: ArrayLike | None = None,
    ignore_ties: bool = False,
    zero_division: float = 0.0,
) -> float:
    """Mean over queries of the normalised discounted cumulative gain.

    This is :func:`sklearn.metrics.ndcg_score`, which also takes the documents of
    queries of unequal length, one after the other, and other gains than the relevance.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_documents) or (n_documents,)
        Relevance, at least 0.

    y_score : array-like of the shape of `y_true`
        Predicted scores, larger for what comes first.

    qid : array-like of shape (n_documents,), default=None
        The query that each document belongs to, of any hashable type, in any order.
        None takes each row for a query, and one dimension for a single query.

    k : int, default=None
        Count only the first k documents of each query; None counts all.

    gain : {"exp2", "linear"}, default="linear"
        What a relevance counts: ``2**relevance - 1``, as is usual for ranking and in
        :class:`sksoft.ranking.SoftNDCGRanker`, or itself.

    sample_weight : array-like of shape (n_queries,) or (n_documents,), default=None
        Weights of the queries; with `qid`, one for each document, equal within a query.

    ignore_ties : bool, default=False
        Whether documents with equal scores take the places that sorting happens to give
        them. Otherwise they share the mean of their discounts, so that their order does
        not matter.

    zero_division : float, default=0.0
        What a query without relevant documents counts, between 0 and 1.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `k` is not an integer.
    ValueError
        If a shape does not fit, no query has two documents, a relevance is negative or,
        for the gain "exp2", above 996, `y_score` is not finite, a query is missing, or
        an option is unknown.

    See Also
    --------
    sksoft.losses.soft_ndcg_loss : A loss with a gradient.

    References
    ----------
    .. [1] Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques",
       ACM Transactions on Information Systems 20, 2002.

    Examples
    --------
    >>> from sksoft.metrics import ndcg_score
    >>> grades, scores = [2, 0, 1, 0], [0.0, 3.0, 1.0, 0.0]
    >>> round(ndcg_score(grades, scores, qid=["a", "a", "b", "b"]), 4)
    0.8155
    """
    measure = DiscountedGain(k, gain)
    check_flag(ignore_ties, "ignore_ties")
    check_fraction(zero_division, "zero_division", 1.0)
    values, shares = _by_list(
        lambda true, scores: _ndcg(measure, true, scores, ignore_ties),
        y_true,
        y_score,
        qid,
        sample_weight,
        "y_score",
    )
    return float(shares @ np.where(np.isnan(values), zero_division, values))


def _spearman(true, predicted):
    """Correlations of average ranks; NaN where one side is constant."""
    true, predicted = _centred_ranks(true), _centred_ranks(predicted)
    spread = (true**2).sum(axis=1) * (predicted**2).sum(axis=1)
    return _quotient((true * predicted).sum(axis=1), spread)


def _kendall(true, predicted):
    """Kendall's tau-b; NaN where one side is constant."""
    m = true.shape[1]
    true = rankdata(true, method="dense", axis=1).astype(np.int64)
    predicted = rankdata(predicted, method="dense", axis=1).astype(np.int64)
    # In the order of the truth, pairs in the wrong order are inversions.
    both = np.sort(true * (m + 1) + predicted, axis=1)
    true_pairs = m * (m - 1) // 2 - _tied_pairs(true)
    predicted_pairs = m * (m - 1) // 2 - _tied_pairs(predicted)
    compared = true_pairs - _tied_pairs(predicted) + _tied_pairs(both)
    agreement = compared - 2 * _inversions(both % (m + 1))
    return _quotient(agreement, true_pairs * predicted_pairs.astype(np.float64))


def _tied_pairs(ranks):
    """Return the number of pairs of equal entries in each row."""
    first = rankdata(ranks, method="min", axis=1)
    last = rankdata(ranks, method="max", axis=1)
    return ((last - first).sum(axis=1) / 2.0).astype(np.int64)


def _inversions(rows):
    """Return how many pairs of entries of each row decrease, by merging halves."""
    g, m = rows.shape
    counts = np.zeros(g, dtype=np.int64)
    size = 1 << max(m - 1, 0).bit_length()
    # What fills up a row comes last, and in order.
    rows = np.pad(rows, ((0, 0), (0, size - m)), constant_values=m + 1)
    half = 1
    while half < size:
        blocks = rows.reshape(g, -1, 2 * half)
        order = np.argsort(blocks, axis=2, kind="stable")
        from_right = order >= half
        # Each entry of the right half jumps over what is left of the left half.
        jumped = half - np.cumsum(~from_right, axis=2)
        counts += (jumped * from_right).sum(axis=(1, 2))
        rows = np.take_along_axis(blocks, order, axis=2)
        half *= 2
    return counts


def _ndcg(measure, relevance, scores, ignore_ties):
    """NDCG of rows; NaN where nothing is relevant."""
    gains = measure.shares(relevance, "y_true")
    discounts = measure.discounts(scores.shape[1])
    if ignore_ties:
        order = np.argsort(scores, axis=1)[:, ::-1]
        found = np.take_along_axis(gains, order, axis=1) @ discounts
    else:
        found = (gains * tied_discounts(scores, discounts)).sum(axis=1)
    return np.where(gains.any(axis=1), np.clip(found, 0.0, 1.0), np.nan)


def _centred_ranks(values):
    return rankdata(values, axis=1) - (values.shape[1] + 1) / 2.0


def _quotient(agreement, squared_spread):
    value = np.full(len(agreement), np.nan)
    defined = squared_spread > 0.0
    value[defined] = agreement[defined] / np.sqrt(squared_spread[defined])
    return np.clip(value, -1.0, 1.0)


def _by_list(measure, y_true, y_pred, qid, sample_weight, name):
    """Return the value of each list and its share in the weight of all lists."""
    y_pred = checked_scores(y_pred, name).astype(np.float64, copy=False)
    y_true = checked_target(y_true, y_pred.shape, "y_true", name)
    lists = checked_lists(~np.isnan(y_true), qid, sample_weight, name, "qid")
    values, shares = [np.empty(0)], [np.empty(0), *lists.shares]
    for true, predicted in zip(lists.rows(y_true), lists.rows(y_pred), strict=True):
        values.append(measure(true, predicted))
    return np.concatenate(values), np.concatenate(shares)


def _mean_coefficient(measure, y_true, y_pred, sample_weight):
    values, shares = _by_list(measure, y_true, y_pred, None, sample_weight, "y_pred")
    defined = ~np.isnan(values)
    if not defined.any():
        warnings.warn(
            "The coefficient is not defined where all values of a sample are equal, on "
            "either side: no sample has one, and the score is NaN.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return np.nan
    mean = shares[defined] @ values[defined] / shares[defined].sum()
    # Rounding must not lead out of the range.
    return float(np.clip(mean, -1.0, 1.0))


spearman_scorer = make_scorer(spearman_score)
spearman_scorer.__doc__ = """Score predictions by the mean of Spearman's coefficient.

A scorer made of :func:`spearman_score`, for the ``scoring`` of searches and
cross-validation; larger is better.

Parameters
----------
estimator : estimator instance
    Fitted; its ``predict`` returns ranks, or values in the order of ranks.

X : array-like of shape (n_samples, n_features)
    Test samples.

y : array-like of shape (n_samples, n_labels)
    Their ranks, NaN where a label is not ranked.

sample_weight : array-like of shape (n_samples,), default=None
    Weights of the samples.

Returns
-------
score : float
    Between -1 and 1.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from sklearn.linear_model import Ridge
>>> from sklearn.model_selection import cross_val_score
>>> from sksoft.datasets import make_label_ranking
>>> from sksoft.metrics import spearman_scorer
>>> X, y = make_label_ranking(*load_iris(return_X_y=True))
>>> cross_val_score(Ridge(), X, y, scoring=spearman_scorer, cv=2).round(2)
array([0.63, 0.67])
"""

kendall_tau_scorer = make_scorer(kendall_tau_score)
kendall_tau_scorer.__doc__ = """Score predictions by the mean of Kendall's tau-b.

A scorer made of :func:`kendall_tau_score`, for the ``scoring`` of searches and
cross-validation; larger is better.

Parameters
----------
estimator : estimator instance
    Fitted; its ``predict`` returns ranks, or values in the order of ranks.

X : array-like of shape (n_samples, n_features)
    Test samples.

y : array-like of shape (n_samples, n_labels)
    Their ranks, NaN where a label is not ranked.

sample_weight : array-like of shape (n_samples,), default=None
    Weights of the samples.

Returns
-------
score : float
    Between -1 and 1.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from sklearn.linear_model import Ridge
>>> from sklearn.model_selection import cross_val_score
>>> from sksoft.datasets import make_label_ranking
>>> from sksoft.metrics import kendall_tau_scorer
>>> X, y = make_label_ranking(*load_iris(return_X_y=True))
>>> cross_val_score(Ridge(), X, y, scoring=kendall_tau_scorer, cv=2).round(2)
array([0.53, 0.56])
"""
