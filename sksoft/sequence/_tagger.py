# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A tagger of sequences, trained through the beam search that decodes it."""

from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sksoft._documentation import DocumentationLinkMixin
from sksoft._lazy_rows import LazyRowsMixin
from sksoft._optimize import fit_progress
from sksoft._parameters import (
    check_parameters,
    integer,
    none_or,
    nonnegative_or_infinite,
    one_of,
    random_state,
    verbosity,
    word_or,
)
from sksoft._relaxations.beam import search
from sksoft._sequences import (
    check_sequences,
    is_list,
    rows_of_ids,
    stacked,
    stacked_labels,
)
from sksoft._sklearn_compat import (
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from sksoft._validation import check_flag, nonnegative_number, positive_number
from sksoft.losses._beam import OBJECTIVES, checked_objective
from sksoft.operators.sequences import checked_lengths, checked_transitions
from sksoft.sequence._training import (
    TaggerModel,
    TrainingSequences,
    rows_of_sequences,
)


class BeamPrediction(NamedTuple):
    """The best sequences of labels that a beam has found.

    Attributes
    ----------
    labels : ndarray of shape (n_rows, n_best) or list of ndarray
        The labels, the best sequence in the first column.
    scores : ndarray of shape (n_sequences, n_best)
        The scores of the sequences, numbered as they appear.
    probabilities : ndarray of shape (n_sequences, n_best)
        Their probabilities among all candidates of the last step.
    """

    labels: object
    scores: np.ndarray
    probabilities: np.ndarray


class BeamSearchTagger(
    DocumentationLinkMixin,
    LazyRowsMixin,
    CallbackSupportMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Label the rows of sequences, by a linear model trained through its beam search.

    The score of a sequence of labels is the sum of the emissions of its labels, linear
    in the features of their rows, and of the transitions between neighbours. A beam of
    the best prefixes looks for the largest score; the fit follows the right labels
    through this same beam and makes them win at each step. So a narrow beam, which
    costs less than exact decoding, finds them.

    Without `sequence` **each row is a sequence of its own**, and the model is
    multinomial logistic regression.

    Parameters
    ----------
    n_beams : int, default=4
        The width of the beam, in the fit and in predictions. Set another one after the
        fit to decode with it; one model serves all widths.

    order : {1, 2}, default=2
        Whether transitions score pairs of labels, or triples too.

    objective : {"cross_entropy", "membership", "hinge", "soft"}, \
            default="cross_entropy"
        What a step of the right labels loses in the beam, see
        :func:`sksoft.losses.beam_loss`. "soft" is the beam of Xie et al. [1]_; it costs
        many times as much and gains nothing in our benchmarks.

    regularization_strength : float, default=None
        Softness of the objectives "membership", positive, 1.0 by default, and "soft",
        at least 0, 0.3 by default, in the unit of the scores; None for the others.

    final_weight : float, default=3.0
        How often the last step of a sequence of several counts in the loss, at least 0;
        infinity counts it alone.

    alpha : float or "auto", default="auto"
        Penalty of the squared coefficients of the features: half of it is added to the
        sum of the losses of the sequences, as in
        :class:`sklearn.linear_model.LogisticRegression` with ``C=1 / alpha``.
        Intercepts and transitions are free. "auto" takes a fifth of the mean squared
        length of the rows of `X`, so that units do not matter.

    fit_intercept : bool, default=True
        Whether the model has an intercept for each label.

    learning_rate : float, default=0.07
        The first steps of Adam, positive, for features scaled to rows of length 5 (root
        mean square); it falls to 0 linearly.

    batch_size : int or None, default=32
        How many different sequences a step looks at, at most: an epoch has 20 steps or
        more. None takes all at once.

    max_iter : int, default=20
        Largest number of epochs; all of them are made. Where there are thousands of
        sequences, a few are enough.

    random_state : int, RandomState instance or None, default=None
        Draws the order of the sequences in each epoch.

    verbose : int, default=0
        Whether the loss of each epoch is printed.

    Attributes
    ----------
    alpha_ : float
        The penalty.

    classes_ : ndarray of shape (n_classes,)
        The labels.

    coef_ : ndarray of shape (n_classes, n_features)
        Coefficients of the emissions.

    intercept_ : ndarray of shape (n_classes,)
        Intercepts of the emissions.

    transitions_ : ndarray of shape (n_classes, n_classes) or tuple of two
        Scores of pairs ``[before, label]``; with ``order=2`` a tuple of these and of
        scores of triples ``[two before, before, label]``, which are added from the
        third row on. They are what :func:`beam_search` and :func:`viterbi` take.

    loss_curve_ : list of float
        The mean loss of the sequences, plus the penalty, over each epoch.

    n_iter_ : int
        Number of epochs.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sksoft.losses.beam_loss : The loss.
    sksoft.metrics.sequence_accuracy_scorer : Scores whole sequences.
    viterbi : Exact decoding, of ``decision_function(X)`` and ``transitions_``.

    Notes
    -----
    `sequence` names the sequence of each row by any hashable values; the rows of a
    sequence keep their order, and may lie between those of others. Enable
    scikit-learn's metadata routing to have it split along with the rows in
    cross-validation and pass through pipelines; the class requests it by default.
    Alternatively `X` and `y` are lists with an array for each sequence, and predictions
    are lists too.

    Features should have similar ranges. A weight of a sequence is a repetition, and the
    order of sequences does not matter: equal sequences are found by what they hold.
    There is no warm start, for training from zero leads to better beams than training
    from another model.

    References
    ----------
    .. [1] Xie, Dai, Chen, Dai, Zhao, Zha, Wei and Pfister, "Differentiable Top-k with
       Optimal Transport", NeurIPS 2020.
    .. [2] Wiseman and Rush, "Sequence-to-Sequence Learning as Beam-Search
       Optimization", EMNLP 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoft.sequence import BeamSearchTagger, sequence_from_lengths
    >>> X = np.array([[1, 0], [0, 1], [0, 0], [1, 0], [0, 0], [0, 0]])
    >>> y = ["c", "a", "t", "c", "u", "t"]
    >>> words = sequence_from_lengths([3, 3])
    >>> tagger = BeamSearchTagger(random_state=0).fit(X, y, sequence=words)
    >>> tagger.predict(X[:3], sequence=words[:3])
    array(['c', 'a', 't'], dtype='<U1')
    """

    __metadata_request__fit: ClassVar = {"sequence": True}
    __metadata_request__predict: ClassVar = {"sequence": True}
    __metadata_request__decision_function: ClassVar = {"sequence": True}
    __metadata_request__score: ClassVar = {"sequence": True}

    _parameter_checks: ClassVar = {
        "n_beams": integer(1),
        "order": integer(1),
        "objective": one_of(*OBJECTIVES),
        "regularization_strength": none_or(nonnegative_number),
        "final_weight": nonnegative_or_infinite,
        "alpha": word_or(("auto",), nonnegative_number),
        "fit_intercept": check_flag,
        "learning_rate": positive_number,
        "batch_size": none_or(integer(1)),
        "max_iter": integer(1),
        "random_state": random_state,
        "verbose": verbosity,
    }

    def __init__(
        self,
        n_beams: int = 4,
        *,
        order: Literal[1, 2] = 2,
        objective: Literal[
            "cross_entropy", "membership", "hinge", "soft"
        ] = "cross_entropy",
        regularization_strength: float | None = None,
        final_weight: float = 3.0,
        alpha: float | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        learning_rate: float = 0.07,
        batch_size: int | None = 32,
        max_iter: int = 20,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_beams = n_beams
        self.order = order
        self.objective = objective
        self.regularization_strength = regularization_strength
        self.final_weight = final_weight
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sequence: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit emissions and transitions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features) or list of these
            Features; a list has a matrix for each sequence.

        y : array-like of shape (n_rows,) or list of array-like
            The labels, of any type that scikit-learn's classifiers take.

        sequence : array-like of shape (n_rows,), default=None
            The sequence that each row belongs to, of any hashable type. With None each
            row is a sequence of its own, unless `X` is a list.

        sample_weight : array-like of shape (n_rows,) or (n_sequences,), default=None
            Non-negative weights of the sequences, equal for all rows of a sequence,
            which multiply their losses beside the penalty; with lists one for each
            sequence. An integer weight is a repetition.

        Returns
        -------
        self : BeamSearchTagger
            The fitted estimator.
        """
        check_parameters(self)
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, got {self.order}.")
        strength = checked_objective(self.objective, self.regularization_strength)
        in_lists = is_list(X)
        if in_lists:
            X, rows = stacked(X, sequence)
            y = stacked_labels(y, rows)
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64)
        check_classification_targets(y)
        if in_lists:
            if sample_weight is not None:
                check_sequences(sample_weight, rows, "sample_weight")
            weight = check_sample_weight(sample_weight, np.empty((len(rows), 1)))
        else:
            rows = rows_of_ids(sequence, len(y))
            weight = rows.weights(check_sample_weight(sample_weight, y))
        kept, starts = rows_of_sequences(rows.starts, np.flatnonzero(weight > 0.0))
        kept = rows.order[kept]
        X, y, weight = X[kept], y[kept], weight[weight > 0.0]
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                "The number of classes has to be greater than one; got 1 class."
            )
        sequences = TrainingSequences(X, labels.astype(np.intp), starts, weight)
        model = TaggerModel(
            sequences,
            classes,
            self.order,
            self.fit_intercept,
            self.alpha,
            (self.n_beams, self.objective, strength, float(self.final_weight)),
        )
        ids = np.repeat(np.arange(len(weight)), np.diff(starts))
        by_row = None if sample_weight is None else weight[ids]
        with fit_progress(self, X, y, sequence=ids, sample_weight=by_row) as progress:
            found, losses = model.fit(
                self.learning_rate,
                self.batch_size,
                self.max_iter,
                check_random_state(self.random_state),
                progress,
            )
        for name, value in found.items():
            setattr(self, name, value)
        self.loss_curve_ = losses
        self.n_iter_ = len(losses)
        return self

    def _emissions(self, X, sequence):
        """Return the rows of sequences, whether in lists, and their emissions."""
        check_is_fitted(self)
        in_lists = is_list(X)
        if in_lists:
            X, rows = stacked(X, sequence)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        if not in_lists:
            rows = rows_of_ids(sequence, X.shape[0])
        return rows, in_lists, X @ self.coef_.T + self.intercept_

    def _search(self, rows, emissions, n_best):
        """Return labels of the rows in their order, scores, and the log total."""
        integer(1)(self.n_beams, "n_beams")
        first, second, _ = checked_transitions(self.transitions_, len(self.classes_))
        labels, scores, log_total = search(
            np.ascontiguousarray(emissions[rows.order]),
            rows.starts,
            first,
            second,
            self.n_beams,
            n_best,
        )
        return rows.back(labels), scores, log_total

    def decision_function(self, X: Any, *, sequence: ArrayLike | None = None) -> Any:
        """Return the emissions: the scores of labels without their neighbours.

        With `transitions_` they are what :func:`beam_search` and :func:`viterbi` take.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features) or list of these
            Features.

        sequence : array-like of shape (n_rows,), default=None
            The sequence of each row, which does not matter here.

        Returns
        -------
        emissions : ndarray of shape (n_rows, n_classes) or (n_rows,), or list of these
            The scores; for two classes, that of the second minus that of the first.
        """
        rows, in_lists, emissions = self._emissions(X, sequence)
        if len(self.classes_) == 2:
            emissions = emissions[:, 1] - emissions[:, 0]
        return rows.split(emissions) if in_lists else emissions

    def predict(self, X: Any, *, sequence: ArrayLike | None = None) -> Any:
        """Return the labels of the best sequences that the beam finds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features) or list of these
            Features.

        sequence : array-like of shape (n_rows,), default=None
            The sequence of each row. With None each row is a sequence of its own,
            unless `X` is a list.

        Returns
        -------
        labels : ndarray of shape (n_rows,) or list of ndarray
            The labels.
        """
        rows, in_lists, emissions = self._emissions(X, sequence)
        labels = self.classes_[self._search(rows, emissions, 1)[0][:, 0]]
        return rows.split(labels) if in_lists else labels

    def predict_beam(
        self, X: Any, n_best: int | None = None, *, sequence: ArrayLike | None = None
    ) -> Any:
        """Return the best sequences of labels in the beam, with scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features) or list of these
            Features.

        n_best : int, default=None
            How many sequences of labels, between 1 and `n_beams`; None takes `n_beams`.

        sequence : array-like of shape (n_rows,), default=None
            The sequence of each row, as for :meth:`predict`.

        Returns
        -------
        prediction : BeamPrediction
            A named tuple: `labels` of shape (n_rows, n_best), or a list of such arrays;
            `scores` of shape (n_sequences, n_best), of sequences in the order in which
            they appear; `probabilities` of this shape, the softmax among all candidates
            of the last step. Where there are fewer sequences of labels than n_best, the
            first is repeated with score minus infinity and probability 0.
        """
        rows, in_lists, emissions = self._emissions(X, sequence)
        if n_best is None:
            n_best = self.n_beams
        integer(1)(n_best, "n_best")
        if n_best > self.n_beams:
            raise ValueError(
                f"n_best must lie between 1 and n_beams, {self.n_beams}, got {n_best}."
            )
        labels, scores, log_total = self._search(rows, emissions, n_best)
        labels = self.classes_[np.where(labels < 0, labels[:, :1], labels)]
        probabilities = np.exp(scores - log_total[:, np.newaxis])
        return BeamPrediction(
            rows.split(labels) if in_lists else labels, scores, probabilities
        )

    def score(
        self,
        X: Any,
        y: Any,
        *,
        sequence: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the share of rows whose labels are right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features) or list of these
            Features.

        y : array-like of shape (n_rows,) or list of array-like
            The right labels.

        sequence : array-like of shape (n_rows,), default=None
            The sequence of each row, as for :meth:`predict`.

        sample_weight : array-like of shape (n_rows,) or (n_sequences,), default=None
            Weights of the rows; with lists one for each sequence.

        Returns
        -------
        score : float
            Between 0 and 1. :func:`sksoft.metrics.sequence_accuracy_score` counts whole
            sequences.
        """
        predicted = self.predict(X, sequence=sequence)
        if isinstance(predicted, list):
            X, rows = stacked(X, sequence)
            y, predicted = stacked_labels(y, rows), np.concatenate(predicted)
            if sample_weight is not None:
                check_sequences(sample_weight, rows, "sample_weight")
                sample_weight = np.asarray(sample_weight)[rows.codes]
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))


def sequence_from_lengths(lengths: ArrayLike) -> NDArray[Any]:
    """Return the ids of sequences of given lengths, one id for each row.

    Parameters
    ----------
    lengths : array-like of int of shape (n_sequences,)
        How many rows each sequence has, at least 1, one after the other.

    Returns
    -------
    sequence : ndarray of int of shape (n_rows,)
        The number of each row's sequence, from 0.

    Raises
    ------
    TypeError
        If `lengths` do not hold integers.
    ValueError
        If `lengths` has not one dimension or holds numbers below 1.

    See Also
    --------
    BeamSearchTagger : Takes them as `sequence`.

    Examples
    --------
    >>> from sksoft.sequence import sequence_from_lengths
    >>> sequence_from_lengths([2, 3])
    array([0, 0, 1, 1, 1])
    """
    lengths = checked_lengths(lengths)
    return np.repeat(np.arange(len(lengths)), lengths)
