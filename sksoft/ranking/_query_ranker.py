# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning to rank the documents of queries."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sksoft._documentation import DocumentationLinkMixin
from sksoft._features import validated
from sksoft._gains import GAINS, DiscountedGain, check_relevance, checked_cutoff
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._lists import Lists, Objective, encode_groups, list_weights
from sksoft._optimize import fit_progress
from sksoft._parameters import (
    check_parameters,
    integer,
    one_of,
    random_state,
    verbosity,
    word_or,
)
from sksoft._sklearn_compat import (
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from sksoft._validation import (
    check_flag,
    layer_sizes,
    nonnegative_number,
    positive_number,
)
from sksoft._weighted import as_counts, centred_columns, column_scales
from sksoft._whole_fit import whole_fit
from sksoft.losses._listnet import ListNet
from sksoft.losses._ndcg import SoftNDCG
from sksoft.metrics import ndcg_score
from sksoft.ranking._design import Design
from sksoft.ranking._scorer import Scorer, ScorerMixin

# How firmly the second fit is held at the first: scores that change by their own
# standard deviation cost half of this, divided by the number of queries.
HOLD = 30.0


class SoftNDCGRanker(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    ScorerMixin,
    BaseEstimator,
):
    """Rank the documents of queries by scores that maximise a soft NDCG.

    The score of a document is a linear function of its features, to which a small
    neural network may be added. The first fit minimises the convex loss of ListNet.
    From there the normalised discounted cumulative gain at soft ranks is maximised
    [1]_. Without hidden layers the scores are held at those of the first fit, the more
    firmly the fewer queries there are: to maximise the gain of less than some hundred
    queries freely is worse than ridge regression.

    Parameters
    ----------
    k : int, default=None
        Maximise and report NDCG at k, by the soft top-k mask; None takes all documents.

    gain : {"exp2", "linear"}, default="exp2"
        What a relevance counts: ``2**relevance - 1`` or itself.

    method : {"logistic", "permutahedron"}, default="logistic"
        How documents are ranked softly, see :func:`sksoft.soft_rank`; "logistic" is
        ApproxNDCG.

    regularization_strength : float or "auto", default="auto"
        Strength of the soft rank, positive, in units of the mean standard deviation of
        the first fit's scores within queries; "auto" is 0.3, and 1 with hidden layers,
        which a smaller one overfits. For "permutahedron" it is divided by
        the mean number of documents in a query, so that it spans as many ranks.

    alpha : float or "auto", default="auto"
        Penalty of the squared coefficients of features whose standard deviation within
        queries is one, at least 0: half of it is added to the sum of the losses of the
        queries in the first fit. "auto" takes one by generalised cross-validation of
        the ridge regression, on features and targets centred in each query, where that
        begins: on a logarithmic scale it is halfway between the best and the largest
        whose error is within 1 % of the least.

    hidden_layer_sizes : tuple of int, default=()
        Sizes of the hidden layers of rectified linear units that are added to the
        linear scores; none by default.

    max_iter : int, default=200
        Largest number of iterations of L-BFGS, of each of the two fits.

    tol : float, default=1e-4
        The fit ends when no entry of the gradient exceeds this, in units of the
        standard deviation of the scores.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one in its second fit;
        it must have had as many features and hidden units.

    verbose : int, default=0
        Whether the loss of each iteration is printed; those of the second
        fit.

    random_state : int, RandomState instance or None, default=None
        Draws the initial weights of the hidden layers.

    Attributes
    ----------
    alpha_ : float
        The penalty.

    coef_ : ndarray of shape (n_features,)
        Coefficients of the linear scores.

    hidden_coefs_ : list of ndarray
        Weights of the hidden layers and, last, from these to the scores; empty without
        hidden layers.

    hidden_intercepts_ : list of ndarray
        Intercepts of the hidden layers.

    regularization_strength_ : float
        The strength of the soft rank, in the unit of the first fit's scores.

    loss_curve_ : list of float
        One minus the soft NDCG, plus what departures from the first fit cost, at the
        start and after each iteration of the second fit.

    n_iter_ : int
        Number of iterations of the second fit.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sksoft.losses.soft_ndcg_loss : The loss.
    sksoft.metrics.ndcg_score : What :meth:`score` returns, with the gain of the fit.

    Notes
    -----
    `qid` names the query of each row: any hashable values, in any order. Enable
    scikit-learn's metadata routing to have it split along with the rows in
    cross-validation and pass through pipelines; the class requests it for ``fit`` and
    ``score`` by default. Without routing scikit-learn cannot pass it to ``score``: then
    `X` may be a data frame with a column "qid", which is not a feature. On tabular data
    with many queries, ensembles of trees usually rank better.

    References
    ----------
    .. [1] Qin, Liu and Li, "A general approximation framework for direct optimization
       of information retrieval measures", Information Retrieval 13, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.ranking import SoftNDCGRanker
    >>> X = np.array([[0.0], [1.0], [2.0], [5.0], [4.0], [6.0]])
    >>> y, qid = [0, 1, 2, 1, 0, 2], ["a", "a", "a", "b", "b", "b"]
    >>> ranker = SoftNDCGRanker().fit(X, y, qid=qid)
    >>> round(ranker.score(X, y, qid=qid), 6)
    1.0
    """

    _estimator_type = "ranker"
    __metadata_request__fit: ClassVar = {"qid": True}
    __metadata_request__score: ClassVar = {"qid": True}

    _parameter_checks: ClassVar = {
        "k": checked_cutoff,
        "gain": one_of(*GAINS),
        "method": one_of("logistic", "permutahedron"),
        "regularization_strength": word_or(("auto",), positive_number),
        "alpha": word_or(("auto",), nonnegative_number),
        "hidden_layer_sizes": layer_sizes,
        "max_iter": integer(1),
        "tol": nonnegative_number,
        "warm_start": check_flag,
        "verbose": verbosity,
        "random_state": random_state,
    }

    def __init__(
        self,
        *,
        k: int | None = None,
        gain: Literal["exp2", "linear"] = "exp2",
        method: Literal["logistic", "permutahedron"] = "logistic",
        regularization_strength: float | Literal["auto"] = "auto",
        alpha: float | Literal["auto"] = "auto",
        hidden_layer_sizes: Sequence[int] = (),
        max_iter: int = 200,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.k = k
        self.gain = gain
        self.method = method
        self.regularization_strength = regularization_strength
        self.alpha = alpha
        self.hidden_layer_sizes = hidden_layer_sizes
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "ranker"
        tags.target_tags.required = True
        return tags

    @with_callbacks
    @whole_fit
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        qid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the scores.

        Parameters
        ----------
        X : array-like of shape (n_documents, n_features)
            Features of documents; a data frame may hold `qid` as a column.

        y : array-like of shape (n_documents,)
            Relevance, at least 0, and at most 996 for the gain "exp2".

        qid : array-like of shape (n_documents,)
            The query that each document belongs to, of any hashable type, in any order.
            It may only be left out where `X` has a column "qid".

        sample_weight : array-like of shape (n_documents,), default=None
            Non-negative weights of the queries, equal for all documents of a query,
            which multiply their losses beside the penalty; an integer weight is a
            repetition of the query.

        Returns
        -------
        self : SoftNDCGRanker
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are not what they may be; the message says which.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If `max_iter` iterations do not suffice.
        """
        check_parameters(self)
        X, qid = split_qid(X, qid)
        X, y = validated(self, X, y, reset=True, dtype=np.float64, y_numeric=True)
        check_relevance(y, self.gain, "y")
        query = _checked_queries(qid, X)
        weight = check_sample_weight(sample_weight, X)
        query_weight = list_weights(weight, y.shape, query)
        if np.bincount(query[weight > 0.0]).max() < 2:
            raise ValueError(
                "qid must name a query of at least two documents, or there is no order "
                f"to learn, got one sample in each of {len(y)} queries."
            )
        rows = weight > 0.0
        X, y, query, weight = X[rows], y[rows].astype(float), query[rows], weight[rows]

        n_queries = query_weight.sum()
        within = _centred(X, query)
        centre, centred = centred_columns(X, weight)
        varies = within.any(axis=0)
        scale = column_scales(np.where(varies, within, centred), weight)
        lengths = np.bincount(query)
        # Rows share the curvature that the first fit has in their query.
        share = weight / lengths[query]
        design = Design(within / scale, share, True)
        target = _first_slope(y, query)[:, np.newaxis]
        if self.alpha == "auto":
            counts = as_counts(query_weight)
            counts = np.ones(len(lengths)) if counts is None else counts
            penalty, alpha = design.penalty(
                target, "largest", counts @ np.maximum(lengths - 1, 0)
            )
        else:
            penalty, alpha = design.in_units(self.alpha), float(self.alpha)
        hidden = layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        if hidden:
            # The network sees the level of a query, too.
            design = Design(centred / scale, share, True)
            penalty = design.in_units(alpha)
        rate = 1.0 / n_queries
        scorer = Scorer(design, 1, hidden, penalty)
        lists = Lists(np.ones(len(y), bool), query, query_weight)

        def loss_of_rows(loss):
            objective = Objective(loss, lists, y)

            def evaluate(scores):
                value, gradient = objective(scores[:, 0])
                return value, gradient[:, np.newaxis]

            return evaluate

        start = scorer.start(target, check_random_state(self.random_state))
        start = self._first_fit(scorer, start, loss_of_rows(ListNet()), rate)
        scores = _centred(scorer.scores(start)[:, 0], query)
        spread = column_scales(scores, weight)
        strength = self.regularization_strength
        if strength == "auto":
            strength = 1.0 if hidden else 0.3
        strength = strength * spread
        kept = None if hidden else (start, HOLD * rate / spread**2)
        if self.method == "permutahedron":
            strength /= weight.sum() / n_queries
        strength = float(strength)
        measure = DiscountedGain(self.k, self.gain)
        loss = SoftNDCG(measure, strength, self.method)
        if self.warm_start and hasattr(self, "coef_"):
            start = scorer.parameters(self._standardised(centre, scale))

        def fitted(params):
            found = scorer.attributes(params)
            # The scores matter up to a constant.
            del found["intercept_"]
            found["coef_"] = found["coef_"][0] / scale
            if hidden:
                first = found["hidden_coefs_"][0] / scale[:, np.newaxis]
                found["hidden_coefs_"][0] = first
                found["hidden_intercepts_"][0] -= centre @ first
            return {"alpha_": alpha, "regularization_strength_": strength, **found}

        given = None if sample_weight is None else weight
        with fit_progress(self, X, y, qid=query, sample_weight=given) as progress:
            self._fit_scorer(
                scorer, start, loss_of_rows(loss), rate, progress, fitted, kept
            )
        return self

    def _standardised(self, centre, scale):
        """Return the fitted attributes for features that are centred and scaled."""
        coefs = [coef.copy() for coef in self.hidden_coefs_]
        intercepts = [intercept.copy() for intercept in self.hidden_intercepts_]
        if intercepts and len(coefs[0]) == len(scale):
            intercepts[0] += centre @ coefs[0]
            coefs[0] *= scale[:, np.newaxis]
        coef = self.coef_ * scale if len(self.coef_) == len(scale) else self.coef_
        return {
            "coef_": coef,
            "intercept_": np.zeros(1),
            "hidden_coefs_": coefs,
            "hidden_intercepts_": intercepts,
        }

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the scores of documents, larger for what is to come first.

        Parameters
        ----------
        X : array-like of shape (n_documents, n_features)
            Features; a column "qid" of a data frame is left out.

        Returns
        -------
        scores : ndarray of shape (n_documents,)
            The scores, comparable within a query.
        """
        check_is_fitted(self)
        X, _ = split_qid(X, None)
        X = validated(self, X, reset=False, dtype=np.float64)
        scores = X @ self.coef_
        return scores + self._network(X)[:, 0] if self.hidden_coefs_ else scores

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        qid: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the mean NDCG of queries, at `k` if that is given.

        Parameters
        ----------
        X : array-like of shape (n_documents, n_features)
            Features; a data frame may hold `qid` as a column.

        y : array-like of shape (n_documents,)
            Relevance, at least 0, and at most 996 for the gain "exp2".

        qid : array-like of shape (n_documents,)
            The query of each document, as for :meth:`fit`.

        sample_weight : array-like of shape (n_documents,), default=None
            Weights of the queries, equal for all documents of a query.

        Returns
        -------
        score : float
            Between 0 and 1. Documents with equal scores share the mean of their
            discounts; a query without relevant documents counts 1.
        """
        scores = self.predict(X)
        X, qid = split_qid(X, qid)
        _check_given(qid)
        y = column_or_1d(y, dtype=np.float64, warn=True)
        return ndcg_score(
            y,
            scores,
            qid=qid,
            k=self.k,
            gain=self.gain,
            sample_weight=sample_weight,
            zero_division=1.0,
        )


def split_qid(X, qid):
    """Take the column "qid" out of a data frame, unless qid is given."""
    if "qid" not in getattr(X, "columns", ()):
        return X, qid
    column = X["qid"]
    X = X.drop("qid", axis=1) if hasattr(X, "iloc") else X.drop("qid")
    return X, column if qid is None else qid


def _checked_queries(qid, X):
    """Return the number of the query of each row."""
    _check_given(qid)
    return encode_groups(qid, len(X), "qid", "X")


def _check_given(qid):
    """Raise unless there are queries."""
    if qid is not None:
        return
    advice = (
        ""
        if get_config()["enable_metadata_routing"]
        else " Inside of scikit-learn's cross-validation and pipelines, first call "
        "sklearn.set_config(enable_metadata_routing=True), which passes qid on."
    )
    raise ValueError(
        "qid must be given, the query of each row, or X must be a data frame with "
        f'a column "qid", got None.{advice}'
    )


def _centred(values, query):
    """Subtract from values, or from rows of them, the mean of their query."""
    n_queries = query.max() + 1
    first = np.zeros((n_queries, *values.shape[1:]))
    first[query] = values
    # Differences to one of the values, so that equal values become exactly 0.
    values = values - first[query]
    order = np.argsort(query, kind="stable")
    lengths = np.bincount(query)
    present = lengths > 0
    starts = (np.cumsum(lengths) - lengths)[present]
    total = np.zeros(first.shape)
    total[present] = np.add.reduceat(values[order], starts, axis=0)
    lengths = np.maximum(lengths, 1).reshape(-1, *[1] * (values.ndim - 1))
    return values - (total / lengths)[query]


def _first_slope(y, query):
    """Return minus the slope of ListNet at equal scores, over its curvature there."""
    most = np.full(query.max() + 1, -np.inf)
    np.maximum.at(most, query, y)
    share = np.exp(y - most[query])
    share /= np.bincount(query, weights=share)[query]
    return np.bincount(query)[query] * share - 1.0
