# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Objectives of learning to rank for LightGBM and XGBoost."""

import functools
import itertools
import zlib
from collections.abc import Callable, Sized
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sksoft._gains import GAINS, check_relevance, checked_cutoff
from sksoft._ground._pairs import pair_forces
from sksoft._lists import encode_groups
from sksoft._threads import map_chunks
from sksoft._validation import check_option, real_array
from sksoft.metrics import ndcg_score
from sksoft.operators import soft_rank, soft_spearmanr

__all__ = ["RankObjective"]


def __dir__():
    return __all__


OBJECTIVES = ("pairwise", "ndcg", "spearman", "listnet")
METRICS = ("ndcg", "spearman")
# Curvatures are at least this share of what they are at equal scores.
LEAST_CURVATURE = 1e-3
# How many data sets an objective remembers, those of training and of validation; two
# items for each.
REMEMBERED = 8
# About so many pairs are compared by one call of a kernel.
PAIRS_AT_ONCE = 1 << 21

# In place of groups that a library does not pass at all.
NOT_PASSED = "not passed"


class RankObjective:
    """An objective of LightGBM and XGBoost for rows that are ranked within queries.

    One object serves both libraries, their scikit-learn and their native interfaces::

        LGBMRanker(objective=objective).fit(X, y, group=sizes)
        lightgbm.train({"objective": objective}, Dataset(X, y, group=sizes))
        xgboost.train(params, DMatrix(X, y, qid=qid), obj=objective)
        XGBRegressor(objective=RankObjective(groups=qid)).fit(X, y)

    Its curvature is of one size for all objectives: before the first tree, rows have
    the curvature 1 on the average, as with squared errors, so that `min_child_weight`,
    `min_sum_hessian_in_leaf` and `reg_lambda` count rows, and no query depends on the
    others. There is no strength to choose: scores are free to grow, and what anneals
    them is the learning rate times the number of trees.

    Parameters
    ----------
    objective : {"pairwise", "ndcg", "spearman", "listnet"}, default="pairwise"
        What is fitted. "pairwise" adds logistic losses of the pairs of a query,
        weighted by the difference of their gains [1]_. "ndcg" weights them by the slope
        of the discount too, at the soft ranks of the scores, as LambdaRank does by the
        difference of the discounts at the hard ones [2]_. "spearman" is the
        Fenchel-Young loss whose gradient is the L2 soft ranks of the scores minus the
        ranks of the target [3]_; the target may be any real numbers. "listnet" is the
        cross entropy of XE-NDCG, with random targets [4]_.

    gain : {"exp2", "linear"}, default="exp2"
        What a relevance counts in "pairwise", "ndcg" and the metric NDCG:
        ``2**relevance - 1`` or itself, which suffers less from noise in the grades.

    groups : array-like of shape (n_rows,), default=None
        The query of each row of the training set, of any hashable type and in any
        order, for interfaces that pass none: those of regressors. They then suit this
        training set only, no other rows and no cross-validation.

    See Also
    --------
    sksoft.ranking.SoftNDCGRanker : Linear scores and small networks.
    sksoft.losses.soft_ndcg_loss : NDCG at soft ranks, with its gradient.

    Notes
    -----
    Weights are those of queries: LightGBM takes one for each row, which must be equal
    within a query, and XGBoost one for each query. A whole number is a repetition of
    the query. Neither library applies weights to an objective of one's own; this one
    does.

    - XGBoost's default of ``min_child_weight=1`` overfits, 20 is a better start.
    - ``XGBRanker`` takes no objective of one's own: use ``xgboost.train``, or
      ``XGBRegressor`` with `groups`.
    - For early stopping, switch the metrics off that the libraries add of their own,
      any of which would stop the fit: ``metric="None"`` in LightGBM and
      ``disable_default_eval_metric=1`` in XGBoost. Then pass :meth:`metric`, as
      :doc:`/recipes/boosting` does in all four interfaces.
    - LightGBM hands labels over in single precision: 1e8 and 1e8 + 1 are a tie.
    - Predictions are raw scores: larger comes first, and only their order within a
      query has a meaning.

    References
    ----------
    .. [1] Burges, Shaked, Renshaw, Lazier, Deeds, Hamilton and Hullender, "Learning to
       Rank Using Gradient Descent", ICML 2005.
    .. [2] Burges, Ragno and Le, "Learning to Rank with Nonsmooth Cost Functions", NIPS
       2006.
    .. [3] Blondel, Martins and Niculae, "Learning with Fenchel-Young losses", Journal
       of Machine Learning Research 21, 2020.
    .. [4] Bruch, "An Alternative Cross Entropy Loss for Learning-to-Rank", The Web
       Conference 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.boosting import RankObjective
    >>> objective = RankObjective("pairwise")
    >>> y_true, y_pred = np.array([0.0, 2.0, 1.0, 1.0, 0.0]), np.zeros(5)
    >>> gradient, curvature = objective(y_true, y_pred, group=[3, 2])
    >>> gradient.round(3), curvature.round(3)
    (array([ 2. , -2.5,  0.5, -2. ,  2. ]), array([1.  , 1.25, 0.75, 1.  , 1.  ]))
    >>> objective.metric("ndcg", k=10)(y_true, np.array([0, 2, 1, 1, 0]), None, [3, 2])
    ('ndcg@10', 1.0, True)
    """

    def __init__(
        self,
        objective: Literal["pairwise", "ndcg", "spearman", "listnet"] = "pairwise",
        *,
        gain: Literal["exp2", "linear"] = "exp2",
        groups: ArrayLike | None = None,
    ) -> None:
        check_option(objective, "objective", OBJECTIVES)
        check_option(gain, "gain", tuple(GAINS))
        self.objective = objective
        self.gain = gain
        self.groups = groups
        self._queries = _queries_of_groups(groups)
        self._memory = []

    def __repr__(self):
        bound = "" if self.groups is None else ", groups=..."
        return f"RankObjective({self.objective!r}, gain={self.gain!r}{bound})"

    def __getstate__(self):
        # What is remembered of data sets is found again.
        return {**self.__dict__, "_memory": []}

    def _remembered(self, make, *arrays):
        """Return what was made of arrays of this content."""
        name = make.__name__
        for item in self._memory:
            if item[0] == name and all(map(np.array_equal, item[1], arrays)):
                break
        else:
            item = name, [array.copy() for array in arrays], make()
        # The last used is the first, and what was not used for long is forgotten.
        others = [other for other in self._memory if other is not item]
        self._memory = [item, *others][:REMEMBERED]
        return item[2]

    def __call__(self, y_true, y_pred, sample_weight=None, group=None):
        """Return the gradient and the curvature of the objective.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            The target; in native interfaces the raw scores.
        y_pred : array-like of shape (n_rows,), lightgbm.Dataset or xgboost.DMatrix
            The raw scores; in native interfaces the data set.
        sample_weight : array-like of shape (n_rows,) or (n_queries,), default=None
            Weights of the queries: one for each, or for each row, equal within a query.
        group : array-like of shape (n_queries,), default=None
            The number of rows of each query, one query after the other. None takes the
            queries of `groups`.

        Returns
        -------
        gradient : ndarray of shape (n_rows,)
            The first derivatives in the scores.
        curvature : ndarray of shape (n_rows,)
            Non-negative second derivatives, or what takes their place.

        Raises
        ------
        TypeError
            If an array does not hold real numbers.
        ValueError
            If queries are missing, do not add up to the rows or are all of one row, a
            grade is outside the range of the gain, a weight is negative or differs
            within a query, or scores are not finite.
        """
        y, scores, weight, queries = self._arguments(
            y_true, y_pred, sample_weight, group
        )
        prepared = self._prepare(y, queries)
        row_weight = queries.row_weights(weight)
        gradient, curvature = prepared(scores)
        curvature = np.maximum(curvature, LEAST_CURVATURE)
        return gradient * row_weight, curvature * row_weight

    def metric(
        self, name: Literal["ndcg", "spearman"] = "ndcg", k: int | None = None
    ) -> Callable[..., Any]:
        """Return an evaluation function for the same libraries and interfaces.

        Parameters
        ----------
        name : {"ndcg", "spearman"}, default="ndcg"
            The mean over the queries, weighted by their weights, of the NDCG, or of one
            minus Spearman's coefficient (called "1-spearman": XGBoost guesses from a
            name whether more is better). A query without relevant rows has the NDCG 1;
            one whose target is constant has no coefficient and is left out.
        k : int, default=None
            The cutoff of NDCG; None takes all rows.

        Returns
        -------
        metric : callable
            Takes what the objective takes. For LightGBM it returns a name, a value and
            whether more is better; for ``xgboost.train`` a name and a value; for the
            scikit-learn interface of XGBoost a value.
        """
        return RankMetric(self, name, k)

    def _arguments(self, first, second, sample_weight, group):
        """Return target, scores, weights and queries, whatever the interface."""
        if hasattr(second, "get_label"):
            y, scores = second.get_label(), first
            sample_weight, group = second.get_weight(), _group_sizes(second)
        else:
            y, scores = first, second
        y = real_array(y, "y_true").astype(np.float64, copy=False)
        scores = real_array(scores, "y_pred").astype(np.float64, copy=False)
        for name, array in (("y_true", y), ("y_pred", scores)):
            if array.ndim == 2 and array.shape[1] == 1:
                continue
            if array.ndim != 1:
                raise ValueError(
                    f"{name} must have one dimension, got shape {array.shape}."
                )
        y, scores = y.ravel(), scores.ravel()
        if y.shape != scores.shape:
            raise ValueError(
                f"y_pred must have the length of y_true, {len(y)}, got {len(scores)}."
            )
        queries = self._queries_for(len(y), group)
        return y, scores, sample_weight, queries

    def _queries_for(self, n_rows, group):
        if group is NOT_PASSED:
            group = None
        if group is not None and np.size(group):
            sizes = _checked_sizes(group, n_rows)

            def queries():
                codes = np.repeat(np.arange(len(sizes)), sizes)
                return _Queries(codes, len(sizes))

            return self._remembered(queries, sizes)
        if self._queries is None:
            raise ValueError(
                "group must be given, the number of rows of each query, got None: "
                "pass it to LGBMRanker.fit (and eval_group for validation), to "
                "lightgbm.Dataset, or qid to xgboost.DMatrix; regressors, which take "
                "none, need RankObjective(groups=...)."
            )
        if len(self._queries.codes) != n_rows:
            raise ValueError(
                f"groups must have the length of y_true, {n_rows}, got "
                f"{len(self._queries.codes)}: they suit one training set, and neither "
                "cross-validation nor rows for validation."
            )
        return self._queries

    def _prepare(self, y, queries):
        """Return the objective of a data set."""

        def prepared():
            if self.objective == "spearman":
                return _Ranks(y, queries)
            if self.objective == "listnet":
                return _Lists(y, queries)
            return _Pairs(y, queries, self.gain, self.objective == "ndcg")

        return self._remembered(prepared, y, queries.codes)


class RankMetric:
    """What :meth:`RankObjective.metric` returns."""

    def __init__(self, objective, name, k):
        check_option(name, "name", METRICS)
        self.k = checked_cutoff(k, "k")
        if name == "spearman" and k is not None:
            raise ValueError(f'k must be None for the metric "spearman", got {k}.')
        self.objective = objective
        self.name = name
        # XGBoost reports a metric of its scikit-learn interface by this name.
        self.__name__ = "1-spearman" if name == "spearman" else "ndcg"
        if self.k is not None:
            self.__name__ += f"@{k}"

    def __call__(self, y_true, y_pred, sample_weight=None, group=NOT_PASSED):
        """Evaluate the metric."""
        y, scores, weight, queries = self.objective._arguments(
            y_true, y_pred, sample_weight, group
        )
        weight = queries.query_weights(weight)
        if self.name == "ndcg":
            value = ndcg_score(
                y,
                scores,
                qid=queries.codes,
                k=self.k,
                gain=self.objective.gain,
                sample_weight=weight[queries.codes],
            )
        else:
            value = 1.0 - _mean_coefficient(y, scores, weight, queries)
        if hasattr(y_pred, "get_group") and hasattr(y_pred, "get_init_score"):
            return self.__name__, value, self.name == "ndcg"
        if hasattr(y_pred, "get_label"):
            return self.__name__, value
        if group is NOT_PASSED:
            return value
        return self.__name__, value, self.name == "ndcg"


def _mean_coefficient(y, scores, weight, queries):
    total = weight_sum = 0.0
    for which, index in queries.parts:
        target, found = y[index], scores[index]
        varies = np.ptp(target, axis=1) > 0.0
        if not varies.any():
            continue
        coefficient = soft_spearmanr(
            found[varies], target[varies], regularization_strength=0.0
        )
        total += weight[which][varies] @ coefficient
        weight_sum += weight[which][varies].sum()
    return total / weight_sum if weight_sum > 0.0 else 0.0


def _group_sizes(data):
    """Return the sizes of the queries of a data set of LightGBM or XGBoost."""
    if hasattr(data, "get_uint_info"):
        return np.diff(data.get_uint_info("group_ptr"))
    return data.get_group()


class _Queries:
    """Which rows belong to which query."""

    def __init__(self, codes, n_queries):
        self.codes = codes
        self.lengths = np.bincount(codes, minlength=n_queries)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.intp)

    @functools.cached_property
    def parts(self):
        """The queries of each length: their numbers, and matrices of their rows."""
        order = np.argsort(self.codes, kind="stable")
        parts = []
        for length in np.unique(self.lengths[self.lengths > 0]):
            which = np.flatnonzero(self.lengths == length)
            rows = order[self.starts[which][:, np.newaxis] + np.arange(length)]
            parts.append((which, rows))
        return parts

    def query_weights(self, weight):
        """Return the weight of each query."""
        n_queries, n_rows = len(self.lengths), len(self.codes)
        if weight is None or np.size(weight) == 0:
            return np.ones(n_queries)
        weight = real_array(weight, "sample_weight").astype(np.float64, copy=False)
        if weight.ndim != 1 or len(weight) not in (n_rows, n_queries):
            raise ValueError(
                f"sample_weight must have shape ({n_rows},) or ({n_queries},), one for "
                f"each row or query, got {weight.shape}."
            )
        if weight.min() < 0.0:
            raise ValueError(f"sample_weight must be >= 0, got {weight.min()}.")
        if not weight.any():
            raise ValueError("sample_weight must have a non-zero sum, got zeros only.")
        if len(weight) == n_queries:
            return weight
        of_query = np.ones(n_queries)
        of_query[self.codes] = weight
        unequal = of_query[self.codes] != weight
        if unequal.any():
            i = int(np.argmax(unequal))
            raise ValueError(
                f"sample_weight must be equal within a query, got {weight[i]} in row "
                f"{i} and {of_query[self.codes[i]]} in the same query."
            )
        return of_query

    def row_weights(self, weight):
        """Return the weight of its query for each row."""
        return self.query_weights(weight)[self.codes]


def _queries_of_groups(groups):
    if groups is None:
        return None
    n_rows = len(groups) if isinstance(groups, Sized) else 0
    codes = encode_groups(groups, n_rows)
    return _Queries(codes, int(codes.max()) + 1 if len(codes) else 0)


def _checked_sizes(group, n_rows):
    sizes = np.asarray(group)
    if sizes.dtype.kind not in "iu":
        raise TypeError(
            f"group must hold integers, the number of rows of each query, got dtype "
            f"{sizes.dtype}."
        )
    if sizes.ndim != 1 or sizes.min() < 0:
        raise ValueError(f"group must hold numbers of rows, got {group}.")
    if sizes.sum() != n_rows:
        raise ValueError(
            f"group must sum to the number of rows, {n_rows}, got {sizes.sum()}: it "
            "holds the number of rows of each query, not the query of each row."
        )
    if len(sizes) == n_rows > 1:
        # The numbers of queries may happen to have this sum.
        raise ValueError(
            f"group must hold the number of rows of each query, at least one of which "
            f"has two, got as many entries as rows, {n_rows}, from {sizes.min()} to "
            f"{sizes.max()}: of the query of each row make "
            "np.unique(query, return_counts=True)[1]."
        )
    return sizes


class _Pairs:
    """Logistic losses of the pairs of a query, weighted by their gains."""

    def __init__(self, y, queries, gain, ranked):
        check_relevance(y, gain, "y_true")
        gains = GAINS[gain](y)
        # By query, and by falling gain within.
        self.order = np.lexsort((-gains, queries.codes))
        self.starts = queries.starts
        self.ranked = ranked
        lengths = queries.lengths
        gains = gains[self.order]
        codes = np.repeat(np.arange(len(lengths)), lengths)
        # The sum over pairs of the differences of gains.
        place = np.arange(len(gains)) - self.starts[codes]
        spread = np.bincount(
            codes, gains * (lengths[codes] - 1.0 - 2.0 * place), len(lengths)
        )
        peak = np.zeros(len(lengths))
        np.maximum.at(peak, codes, gains)
        # Rounding of equal gains is no difference.
        told_apart = np.zeros(len(lengths), dtype=bool)
        differs = (gains[1:] != gains[:-1]) & (codes[1:] == codes[:-1])
        told_apart[codes[1:][differs]] = True
        unit = np.where(told_apart, peak, 1.0)
        self.gains = gains / unit[codes]
        half = 0.5 * spread / unit
        if ranked:
            rank = 0.5 * (lengths + 1.0)
            half /= np.log(2.0) * (1.0 + rank) * np.log2(1.0 + rank) ** 2
        scale = lengths / np.where(told_apart, half, np.inf)
        self.scale = scale[codes]
        self.below = _first_below(gains, self.starts) - self.starts[codes]
        self.longest = max(int(lengths.max(initial=0)), 1)
        self.pieces = _pieces(lengths)

    def __call__(self, scores):
        scores = scores[self.order]
        gradient, curvature = np.zeros(len(scores)), np.zeros(len(scores))

        def add(piece):
            pair_forces(
                scores,
                self.gains,
                self.below,
                self.starts[piece.start : piece.stop + 1],
                self.ranked,
                np.empty((4, self.longest)),
                gradient,
                curvature,
            )

        map_chunks(add, self.pieces)
        return self._restored(gradient), self._restored(curvature)

    def _restored(self, values):
        out = np.empty(len(values))
        out[self.order] = values * self.scale
        return out


def _first_below(gains, starts):
    """Return for each row the first row of its query of smaller gain."""
    n = len(gains)
    changes = np.ones(n + 1, dtype=bool)
    changes[1:-1] = gains[1:] != gains[:-1]
    changes[starts] = True
    places = np.flatnonzero(changes)
    return places[np.searchsorted(places, np.arange(n), side="right")]


def _pieces(lengths):
    """Return slices that cut queries into pieces of about equal work."""
    done = np.cumsum(lengths.astype(np.float64) ** 2)
    if not len(done):
        return [slice(0, 0)]
    number = np.floor(done / PAIRS_AT_ONCE)
    ends = np.flatnonzero(number[1:] != number[:-1]) + 1
    bounds = [0, *ends.tolist(), len(done)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]


class _Ranks:
    """The Fenchel-Young loss of L2 soft ranks."""

    def __init__(self, y, queries):
        self.parts = []
        for _, index in queries.parts:
            if index.shape[1] < 2:
                continue
            target = y[index]
            varies = np.ptp(target, axis=1) > 0.0
            if varies.any():
                ranks = soft_rank(target[varies], regularization_strength=0.0)
                self.parts.append((index[varies], ranks))

    def __call__(self, scores):
        gradient, curvature = np.zeros(len(scores)), np.zeros(len(scores))
        for index, ranks in self.parts:
            # The standard deviation of the target is 1.
            unit = np.sqrt(12.0) / ranks.shape[1]
            soft = soft_rank(scores[index], regularization_strength=unit)
            gradient[index] = unit * (soft - ranks)
            # The Jacobian is a projection.
            curvature[index] = 1.0
        return gradient, curvature


class _Lists:
    """The cross entropy of XE-NDCG between scores and random targets."""

    def __init__(self, y, queries):
        check_relevance(y, "linear", "y_true")
        self.parts = []
        for _, index in queries.parts:
            if index.shape[1] < 2:
                continue
            target = y[index]
            varies = np.ptp(target, axis=1) > 0.0
            if varies.any():
                target = target[varies]
                # Shares do not change if all are divided by the largest.
                most = target.max(axis=1, keepdims=True)
                self.parts.append(
                    (index[varies], np.exp2(target - most), np.exp2(-most))
                )

    def __call__(self, scores):
        gradient, curvature = np.zeros(len(scores)), np.zeros(len(scores))
        # Other draws for other scores, and the same for the same.
        rng = np.random.default_rng(zlib.crc32(scores.tobytes()))
        for index, gains, unit in self.parts:
            m = index.shape[1]
            shares = gains - unit * rng.uniform(size=gains.shape)
            shares /= shares.sum(axis=1, keepdims=True)
            found = scores[index]
            found = np.exp(found - found.max(axis=1, keepdims=True))
            found /= found.sum(axis=1, keepdims=True)
            # At equal scores the curvatures sum to 1 - 1 / m.
            scale = m / (1.0 - 1.0 / m)
            gradient[index] = scale * (found - shares)
            curvature[index] = scale * found * (1.0 - found)
        return gradient, curvature
