# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Label ranking: predict an order of labels for each sample."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from sksoft._documentation import DocumentationLinkMixin
from sksoft._features import validated
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._lists import Lists, Objective
from sksoft._optimize import fit_progress
from sksoft._parameters import (
    check_parameters,
    integer,
    one_of,
    random_state,
    verbosity,
    word_or,
)
from sksoft._sklearn_compat import CallbackSupportMixin, with_callbacks
from sksoft._validation import (
    check_flag,
    layer_sizes,
    nonnegative_number,
)
from sksoft._weighted import positive_rows
from sksoft._whole_fit import whole_fit
from sksoft.losses._fenchel_young import FenchelYoungRanks
from sksoft.losses._spearman import Spearman
from sksoft.metrics import spearman_score
from sksoft.operators import soft_rank
from sksoft.ranking._design import Design
from sksoft.ranking._orders import RANKS, check_ranks, ranks_from_order
from sksoft.ranking._scorer import Scorer, ScorerMixin, SquaredError


class SoftLabelRanker(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    ScorerMixin,
    BaseEstimator,
):
    """Rank labels by scores that are fitted to soft ranks.

    The score of each label is a linear function of the features, to which a small
    neural network may be added. The soft ranks of a sample's scores, the projection on
    the permutahedron, are brought close to the given ranks: in squared distance, which
    is Spearman's coefficient, or in a convex loss [1]_. Scores that overshoot in the
    right direction cost nothing, unlike in regression on ranks, where the fit begins.

    Parameters
    ----------
    loss : {"spearman", "fenchel_young"}, default="spearman"
        What is minimised: the squared distance of soft ranks and ranks, or the convex
        Fenchel-Young loss, whose minimum does not depend on where the fit begins.

    alpha : float or "auto", default="auto"
        Penalty of the squared coefficients, at least 0, as in
        :class:`sklearn.linear_model.Ridge` on the ranks. "auto" takes one by
        generalised cross-validation of the regression on ranks where the fit begins;
        without hidden layers it is lowered, on a logarithmic scale, halfway to the
        smallest whose error is within 1 % of the least, for soft ranks want less of a
        penalty than regression does. Hidden layers see features of standard deviation
        one, and their weights are penalised as coefficients of these would be.

    hidden_layer_sizes : tuple of int, default=()
        Sizes of the hidden layers of rectified linear units that are added to the
        linear scores; none by default.

    regularization_strength : float, default=1.0
        Strength of the soft rank, at least 0, in units of a rank. At 1 the scores live
        on the scale of ranks: those of regression are unchanged by the projection where
        they lie inside the permutahedron. Smaller strengths are closer to hard ranks.

    fit_intercept : bool, default=True
        Whether the model has an intercept.

    max_iter : int, default=200
        Largest number of iterations of L-BFGS.

    tol : float, default=1e-3
        The fit ends when no entry of the gradient exceeds this, in units of the
        standard deviation of the scores.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the solution of the last one, which must have
        had as many features, labels and hidden units.

    verbose : int, default=0
        Whether the loss of each iteration is printed.

    random_state : int, RandomState instance or None, default=None
        Draws the initial weights of the hidden layers.

    Attributes
    ----------
    alpha_ : float
        The penalty.

    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients of the linear scores.

    intercept_ : ndarray of shape (n_labels,)
        Intercepts of the scores.

    hidden_coefs_ : list of ndarray
        Weights of the hidden layers and, last, from these to the scores; empty without
        hidden layers.

    hidden_intercepts_ : list of ndarray
        Intercepts of the hidden layers.

    loss_curve_ : list of float
        Loss, about one minus the mean of Spearman's coefficient, plus the penalty, at
        the start and after each iteration.

    n_iter_ : int
        Number of iterations.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sksoft.losses.soft_spearman_loss : The loss.
    ranks_from_order : Ranks of labels that are listed from best to worst.
    sksoft.metrics.spearman_score : What :meth:`score` returns.

    Notes
    -----
    Features of similar scale are expected, as for ridge regression. An *order* (labels
    from best to worst) is not a vector of *ranks* (the place of each label): a sample
    that prefers label 2, then 0, then 1 has the order ``[2, 0, 1]`` and the ranks
    ``[2, 3, 1]``. Orders that count labels from 0 are refused; those that count from 1
    cannot be told from ranks.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft.ranking import SoftLabelRanker
    >>> X = [[0.0], [1.0], [2.0], [3.0], [4.0]]
    >>> y = [[1, 2, 3], [1, 2, 3], [2, 1, 3], [3, 1, 2], [3, 2, 1]]
    >>> ranker = SoftLabelRanker().fit(X, y)
    >>> ranker.predict([[0.5], [4.0]])
    array([[1, 2, 3],
           [3, 2, 1]])
    >>> ranker.predict_order([[0.5], [4.0]])
    array([[0, 1, 2],
           [2, 1, 0]])
    """

    _estimator_type = "label_ranker"

    _parameter_checks: ClassVar = {
        "loss": one_of("spearman", "fenchel_young"),
        "alpha": word_or(("auto",), nonnegative_number),
        "hidden_layer_sizes": layer_sizes,
        "regularization_strength": nonnegative_number,
        "fit_intercept": check_flag,
        "max_iter": integer(1),
        "tol": nonnegative_number,
        "warm_start": check_flag,
        "verbose": verbosity,
        "random_state": random_state,
    }

    def __init__(
        self,
        *,
        loss: Literal["spearman", "fenchel_young"] = "spearman",
        alpha: float | Literal["auto"] = "auto",
        hidden_layer_sizes: Sequence[int] = (),
        regularization_strength: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 200,
        tol: float = 1e-3,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.loss = loss
        self.alpha = alpha
        self.hidden_layer_sizes = hidden_layer_sizes
        self.regularization_strength = regularization_strength
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "label_ranker"
        tags.target_tags.required = True
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags

    @with_callbacks
    @whole_fit
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples, n_labels)
            The ranks of the labels: 1 is the best. Ties share a rank in any convention
            (dense, least or average ranks); NaN stands for a label that is not ranked.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, which multiply the losses of samples beside the
            penalty, as in :class:`sklearn.linear_model.Ridge`; an integer weight is a
            repetition of the sample.

        Returns
        -------
        self : SoftLabelRanker
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
        separately = {"dtype": np.float64}, RANKS
        X, y = validated(self, X, y, reset=True, validate_separately=separately)
        check_ranks(y)
        check_consistent_length(X, y)
        rows, weight = positive_rows(sample_weight, X)
        X, y = X[rows], y[rows]
        if np.isnan(y).all():
            raise ValueError("y must rank a label, got NaN only.")
        weight = np.ones(len(X)) if weight is None else weight

        given = None if sample_weight is None else weight
        n_labels = y.shape[1]
        target = _centred_scores(y)
        design = Design(X, weight, self.fit_intercept)
        hidden = layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        if self.alpha == "auto":
            towards = "best" if hidden else "smallest"
            penalty, alpha = design.penalty(target, towards)
        else:
            penalty, alpha = design.in_units(self.alpha), float(self.alpha)
        scorer = Scorer(design, n_labels, hidden, penalty)
        # Half the squared error of the ranks, over this, is one minus Spearman's rho.
        unit = max(n_labels * (n_labels**2 - 1) / 12.0, 1.0)
        rate = 1.0 / (weight.sum() * unit)
        if self.loss == "spearman":
            loss = Spearman(self.regularization_strength)
        else:
            loss = FenchelYoungRanks(self.regularization_strength, "l2", 1.0 / unit)
        objective = Objective(loss, Lists(~np.isnan(y), weight=weight), -y)
        if self.warm_start and hasattr(self, "coef_"):
            start = scorer.parameters(vars(self))
        else:
            start = scorer.start(target, check_random_state(self.random_state))
            if hidden:
                share = weight[:, np.newaxis] / (2.0 * unit * weight.sum())
                squares = SquaredError(target, share * ~np.isnan(y))
                start = self._first_fit(scorer, start, squares, rate)

        def fitted(params):
            return {"alpha_": alpha, **scorer.attributes(params)}

        with fit_progress(self, X, y, sample_weight=given) as progress:
            self._fit_scorer(scorer, start, objective, rate, progress, fitted)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the scores of the labels, larger for what is preferred.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_labels)
            The scores, about minus the ranks up to a constant.
        """
        check_is_fitted(self)
        X = validated(self, X, reset=False, dtype=np.float64)
        scores = X @ self.coef_.T + self.intercept_
        return scores + self._network(X) if self.hidden_coefs_ else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the predicted ranks of the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ranks : ndarray of int of shape (n_samples, n_labels)
            The numbers 1 (the best) to n_labels in each row.
        """
        return ranks_from_order(self.predict_order(X))

    def predict_order(self, X: ArrayLike) -> NDArray[Any]:
        """Return the labels from best to worst.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        order : ndarray of int of shape (n_samples, n_labels)
            Indices of labels, from 0; the first is the best.
        """
        return np.argsort(-self.decision_function(X), axis=1, kind="stable")

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the mean of Spearman's coefficient.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples.

        y : array-like of shape (n_samples, n_labels)
            Their ranks, NaN where a label is not ranked.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            Between -1 and 1; NaN for a single label, which has no order.
        """
        y = check_array(y, input_name="y", **RANKS)
        check_ranks(y)
        predicted = self.predict(X)
        if y.shape[1] < 2:
            return np.nan
        most = (~np.isnan(y)).sum(axis=1).max()
        if most < 2:
            raise ValueError(
                f"y must rank two labels of a sample, got at most {most} in each."
            )
        return spearman_score(y, predicted, sample_weight=sample_weight)


def _centred_scores(y):
    """Return minus the ranks, centred, and spread as if all labels were ranked."""
    ranked = ~np.isnan(y)
    n_labels = y.shape[1]
    # Labels without a rank come last, where they do not change the other ranks.
    places = soft_rank(np.where(ranked, y, n_labels + 1.0), regularization_strength=0.0)
    n_ranked = ranked.sum(axis=1, keepdims=True)
    scores = (0.5 - places / (n_ranked + 1.0)) * (n_labels + 1.0)
    return np.where(ranked, scores, 0.0)
