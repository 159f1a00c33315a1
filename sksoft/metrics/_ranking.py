# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores of rankings."""

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length

from sksoft._lists import (
    GAINS,
    Discounted,
    Objective,
    RowLoss,
    checked_cutoff,
    checked_scores,
    checked_target,
    encode_groups,
)
from sksoft._validation import check_fraction, check_option

# The most pairs of a ranking compared at once.
PAIRS_AT_ONCE = 1 << 20


def spearman_score(y_true, y_pred, *, sample_weight=None):
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
    ValueError
        If the shapes differ, `y_pred` is not finite, or the weights do not fit.

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
    return _mean_coefficient(_Spearman(), y_true, y_pred, sample_weight)


def kendall_tau_score(y_true, y_pred, *, sample_weight=None):
    """Mean of Kendall's rank correlation coefficient tau-b over samples.

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
    ValueError
        If the shapes differ, `y_pred` is not finite, or the weights do not fit.

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
    return _mean_coefficient(_Kendall(), y_true, y_pred, sample_weight)


def ndcg_score(
    y_true,
    y_score,
    *,
    qid=None,
    k=None,
    gain="exp2",
    sample_weight=None,
    zero_division=1.0,
):
    """Mean over queries of the normalised discounted cumulative gain.

    Unlike :func:`sklearn.metrics.ndcg_score` it takes the documents of queries of
    unequal length one after the other. Documents with equal scores share the mean of
    their discounts, so that their order does not matter.

    Parameters
    ----------
    y_true : array-like of shape (n_documents,) or (n_queries, n_documents)
        Relevance, at least 0.

    y_score : array-like of the shape of `y_true`
        Predicted scores, larger for what comes first.

    qid : array-like of shape (n_documents,), default=None
        The query that each document belongs to, of any hashable type, in any order.
        None takes each row for a query, and one dimension for a single query.

    k : int, default=None
        Count only the first k documents of each query; None counts all.

    gain : {"exp2", "linear"}, default="exp2"
        What a relevance counts: ``2**relevance - 1`` or itself.

    sample_weight : array-like of shape (n_documents,) or (n_queries,), default=None
        Weights of the queries; with `qid`, one for each document, equal within a query.

    zero_division : float, default=1.0
        What a query without relevant documents counts, between 0 and 1.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a shape does not fit, a relevance is negative or, for the gain "exp2", above
        996, `y_score` is not finite, a query is missing, or an option is unknown.

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
    check_option(gain, "gain", tuple(GAINS))
    check_fraction(zero_division, "zero_division", 1.0)
    if qid is not None:
        qid, _ = encode_groups(qid, "qid")
        check_consistent_length(y_true, y_score, qid)
    measure = _DiscountedGain(checked_cutoff(k), gain)
    values, weights = _by_row(measure, y_true, y_score, qid, sample_weight, "y_score")
    values = np.where(np.isnan(values), zero_division, values)
    return float(weights @ values)


class _Spearman(RowLoss):
    """Correlation of average ranks; NaN where one side is constant."""

    def prepare(self, target):
        return _centred_ranks(target)

    def values(self, scores, true):
        predicted = _centred_ranks(scores)
        spread = (true**2).sum(axis=1) * (predicted**2).sum(axis=1)
        return _quotient((true * predicted).sum(axis=1), spread)


class _Kendall(RowLoss):
    """Kendall's tau-b; NaN where one side is constant."""

    def prepare(self, target):
        return target

    def values(self, scores, target):
        g, m = scores.shape
        agreement, true_pairs, predicted_pairs = np.zeros((3, g))
        step = max(PAIRS_AT_ONCE // max(g * m, 1), 1)
        for start in range(0, m, step):
            block = slice(start, start + step)
            true = np.sign(target[:, block, np.newaxis] - target[:, np.newaxis])
            predicted = np.sign(scores[:, block, np.newaxis] - scores[:, np.newaxis])
            agreement += (true * predicted).sum(axis=(1, 2))
            true_pairs += np.abs(true).sum(axis=(1, 2))
            predicted_pairs += np.abs(predicted).sum(axis=(1, 2))
        return _quotient(agreement, true_pairs * predicted_pairs)


class _DiscountedGain(Discounted):
    """NDCG with the discounts of ties averaged; NaN where nothing is relevant."""

    def values(self, scores, gains):
        m = scores.shape[1]
        discount = 1.0 / np.log2(2.0 + np.arange(m))
        discount[m if self.k is None else self.k :] = 0.0
        total = np.concatenate([[0.0], np.cumsum(discount)])
        first = rankdata(-scores, method="min", axis=1).astype(np.intp) - 1
        last = rankdata(-scores, method="max", axis=1).astype(np.intp)
        mean = (total[last] - total[first]) / (last - first)
        return np.where(gains.any(axis=1), (gains * mean).sum(axis=1), np.nan)


def _centred_ranks(values):
    return rankdata(values, axis=1) - (values.shape[1] + 1) / 2.0


def _quotient(agreement, squared_spread):
    value = np.full(len(agreement), np.nan)
    defined = squared_spread > 0.0
    value[defined] = agreement[defined] / np.sqrt(squared_spread[defined])
    return np.clip(value, -1.0, 1.0)


def _by_row(measure, y_true, y_pred, groups, sample_weight, name):
    """Return the value of each row and its share in the weight of all rows."""
    y_pred = checked_scores(y_pred, name).astype(np.float64, copy=False)
    y_true = checked_target(y_true, y_pred.shape, "y_true", name)
    rows = Objective(measure, y_pred.shape, y_true, groups, sample_weight)
    values, weights = [np.empty(0)], [np.empty(0)]
    for _, weight, scores, prepared in rows.pieces(y_pred):
        values.append(measure.values(scores, prepared))
        weights.append(weight)
    return np.concatenate(values), np.concatenate(weights)


def _mean_coefficient(measure, y_true, y_pred, sample_weight):
    values, weights = _by_row(measure, y_true, y_pred, None, sample_weight, "y_pred")
    defined = ~np.isnan(values)
    total = weights[defined].sum()
    if total == 0.0:
        return np.nan
    # Rounding must not lead out of the range.
    return float(np.clip(weights[defined] @ values[defined] / total, -1.0, 1.0))


spearman_scorer = make_scorer(spearman_score)
kendall_tau_scorer = make_scorer(kendall_tau_score)
