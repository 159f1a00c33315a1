# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The tagger of sequences: what it learns, its formats, weights, and errors."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.losses import beam_loss
from sksoft.losses._beam import OBJECTIVES
from sksoft.metrics import sequence_accuracy_score, sequence_accuracy_scorer
from sksoft.sequence import (
    BeamSearchTagger,
    beam_search,
    sequence_from_lengths,
    viterbi,
)
from sksoft.sequence._training import TrainingSequences

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def problem(n_sequences=60, seed=0, n_labels=4, noise=0.7):
    """Return features, labels and ids of sequences whose labels depend on the last two.

    The next label is the sum of the two before, modulo their number; a row shows its
    label through noise.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 8, size=n_sequences)
    labels = []
    for length in lengths:
        word = rng.integers(n_labels, size=length)
        for t in range(2, length):
            word[t] = (word[t - 2] + word[t - 1] + (rng.random() < 0.1)) % n_labels
        labels.append(word)
    y = np.concatenate(labels)
    X = np.eye(n_labels)[y] + noise * rng.normal(size=(len(y), n_labels))
    return X, np.array(list("abcdefgh"))[y], sequence_from_lengths(lengths)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def split(values, sequence):
    return np.split(values, np.flatnonzero(np.diff(sequence)) + 1)


@pytest.fixture(scope="module")
def fitted():
    X, y, sequence = problem(200)
    return BeamSearchTagger(random_state=0).fit(X, y, sequence=sequence)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_learns_from_neighbours(objective):
    X, y, sequence = problem(150)
    tagger = BeamSearchTagger(objective=objective, max_iter=8, random_state=0)
    tagger.fit(X, y, sequence=sequence)
    assert tagger.n_iter_ == len(tagger.loss_curve_) == 8
    assert tagger.loss_curve_[-1] < 0.8 * tagger.loss_curve_[0]
    new_X, new_y, new_sequence = problem(300, seed=1)
    alone = LogisticRegression().fit(X, y).score(new_X, new_y)
    score = tagger.score(new_X, new_y, sequence=new_sequence)
    assert score > alone + 0.05
    assert score == np.mean(tagger.predict(new_X, sequence=new_sequence) == new_y)
    # Pairs of neighbours say nothing here.
    pairs = tagger.set_params(order=1).fit(X, y, sequence=sequence)
    assert pairs.transitions_.shape == (4, 4)
    assert pairs.score(new_X, new_y, sequence=new_sequence) < score


def test_rows_alone_are_multinomial_logistic_regression():
    X, y, _ = problem(25)
    tagger = BeamSearchTagger(
        alpha=2.0, learning_rate=0.2, batch_size=None, max_iter=600, random_state=0
    ).fit(X, y)
    logistic = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(X, y)
    assert_allclose(tagger.coef_, logistic.coef_, atol=1e-5)
    # Intercepts matter up to a constant.
    intercept = tagger.intercept_ - tagger.intercept_.mean()
    assert_allclose(intercept, logistic.intercept_, atol=1e-5)
    assert not np.any(tagger.transitions_[0])
    found = tagger.predict_beam(X, n_best=4)
    assert_array_equal(found.labels[:, 0], logistic.predict(X))
    assert_allclose(
        found.probabilities,
        -np.sort(-logistic.predict_proba(X), axis=1),
        atol=1e-5,
    )


def test_the_objective_is_what_the_docs_say():
    X, y, sequence = problem(30)
    lengths = np.bincount(sequence)
    options = {"batch_size": None, "alpha": 50.0, "random_state": 0}
    tagger = BeamSearchTagger(3, max_iter=1, **options).fit(X, y, sequence=sequence)
    labels = np.searchsorted(tagger.classes_, y)
    flat = np.zeros((len(y), 4)), (np.zeros((4, 4)), np.zeros((4, 4, 4)))
    start, _ = beam_loss(*flat, labels, 3, lengths=lengths)
    assert tagger.loss_curve_ == [pytest.approx(start, rel=1e-12)]
    # A beam that holds all prefixes of up to three labels has a smooth loss.
    first = np.concatenate([np.arange(min(length, 3)) for length in lengths])
    rows = first + np.repeat(np.cumsum(lengths) - lengths, np.minimum(lengths, 3))
    tagger = BeamSearchTagger(16, max_iter=400, fit_intercept=False, **options)
    tagger.fit(X[rows], y[rows], sequence=sequence[rows])
    assert not tagger.intercept_.any()
    value, (slope, _) = beam_loss(
        X[rows] @ tagger.coef_.T,
        tagger.transitions_,
        labels[rows],
        16,
        lengths=np.minimum(lengths, 3),
    )
    gradient = slope.T @ X[rows] + 50.0 / len(lengths) * tagger.coef_
    assert np.abs(gradient).max() < 1e-3
    penalty = 25.0 / len(lengths) * (tagger.coef_**2).sum()
    assert tagger.loss_curve_[-1] == pytest.approx(value + penalty, rel=1e-4)


def test_order_of_rows_and_names_of_sequences_do_not_matter(fitted):
    X, y, sequence = problem(200)
    names = np.array([f"word {i}" for i in range(200)])
    rng = np.random.default_rng(1)
    # Rows of different sequences are mixed, those of one stay in order.
    keys = rng.random(len(y))
    for rows in split(np.arange(len(y)), sequence):
        keys[rows] = np.sort(keys[rows])
    order = np.argsort(keys)
    tuples = [("id", int(i)) for i in rng.permutation(200)[sequence]]
    again = BeamSearchTagger(random_state=0)
    for ids in (names[sequence], tuples):
        ids = [ids[i] for i in order]
        again.fit(X[order], y[order], sequence=ids)
        assert_array_equal(again.coef_, fitted.coef_)
        assert_array_equal(again.transitions_[1], fitted.transitions_[1])
        predicted = again.predict(X[order], sequence=ids)
        assert_array_equal(predicted, fitted.predict(X, sequence=sequence)[order])
        assert again.score(X[order], y[order], sequence=ids) == fitted.score(
            X, y, sequence=sequence
        )


def test_lists_are_stacked_rows(fitted):
    X, y, sequence = problem(200)
    lists = BeamSearchTagger(random_state=0)
    lists.fit(split(X, sequence), split(y, sequence))
    assert_array_equal(lists.coef_, fitted.coef_)
    matrices = split(X, sequence)[:9]
    rows = slice(0, sum(map(len, matrices)))
    ids = sequence[rows]
    for X_list in (matrices, [sparse.csr_matrix(matrix) for matrix in matrices]):
        predicted = lists.predict(X_list)
        assert isinstance(predicted, list)
        assert_array_equal(
            np.concatenate(predicted), fitted.predict(X[rows], sequence=ids)
        )
    found = fitted.predict_beam(X[rows], sequence=ids)
    in_lists = lists.predict_beam([matrix.tolist() for matrix in matrices])
    assert_array_equal(np.concatenate(in_lists.labels), found.labels)
    assert_array_equal(in_lists.scores, found.scores)
    emissions = lists.decision_function(matrices)
    assert_array_equal(np.concatenate(emissions), fitted.decision_function(X[rows]))
    y_list = split(y, sequence)[:9]
    weight = np.arange(1.0, 10.0)
    assert lists.score(matrices, y_list) == fitted.score(X[rows], y[rows], sequence=ids)
    assert lists.score(matrices, y_list, sample_weight=weight) == pytest.approx(
        fitted.score(X[rows], y[rows], sequence=ids, sample_weight=weight[ids])
    )
    assert sequence_accuracy_score(y_list, predicted) == sequence_accuracy_score(
        y[rows], np.concatenate(predicted), sequence=ids
    )
    weighted = BeamSearchTagger(max_iter=2, random_state=0)
    weighted.fit(matrices, y_list, sample_weight=weight)
    stacked = clone(weighted).fit(
        X[rows], y[rows], sequence=ids, sample_weight=weight[ids]
    )
    assert_array_equal(weighted.coef_, stacked.coef_)


def test_the_penalty_is_a_fifth_of_the_mean_squared_length_of_rows():
    X, y = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]]), [0, 1, 0]
    tagger = BeamSearchTagger(max_iter=1)
    weighted = clone(tagger).fit(X, y, sample_weight=[1.0, 2.0, 4.0])
    assert weighted.alpha_ == pytest.approx(0.2 * (1.0 + 2 * 9.0 + 4 * 4.0) / 7)
    rows = np.repeat(np.arange(3), [1, 2, 4])
    repeated = clone(tagger).fit(X[rows], np.array(y)[rows])
    assert repeated.alpha_ == pytest.approx(weighted.alpha_)


@pytest.mark.parametrize("batch_size", [32, 3, None])
def test_a_weight_is_a_repetition(batch_size):
    X, y, sequence = problem(50)
    times = np.arange(50) % 3
    tagger = BeamSearchTagger(batch_size=batch_size, max_iter=5, random_state=0)
    tagger.fit(X, y, sequence=sequence, sample_weight=times[sequence])
    copies = [times[sequence] > i for i in range(2)]
    repeated = clone(tagger).fit(
        np.concatenate([X[rows] for rows in copies]),
        np.concatenate([y[rows] for rows in copies]),
        sequence=np.concatenate(
            [sequence[rows] + 50 * i for i, rows in enumerate(copies)]
        ),
    )
    assert_array_equal(repeated.coef_, tagger.coef_)
    assert_array_equal(repeated.transitions_[1], tagger.transitions_[1])
    # Beside the penalty, as for scikit-learn's logistic regression, weights count.
    tagger.set_params(alpha=1.0).fit(X, y, sequence=sequence)
    tripled = clone(tagger).set_params(alpha=3.0)
    tripled.fit(X, y, sequence=sequence, sample_weight=np.full(len(y), 3.0))
    assert_allclose(tripled.coef_, tagger.coef_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_batches", [1, 2, 5, 40])
def test_batches_are_equal_shares_of_the_weights(n_batches):
    X, names, sequence = problem(n_sequences=40)
    y = np.unique(names, return_inverse=True)[1]
    starts = np.concatenate([np.flatnonzero(np.diff(sequence, prepend=-1)), [len(y)]])
    weight = np.random.default_rng(0).uniform(0.1, 3.0, size=len(starts) - 1)
    sequences = TrainingSequences(X, y, starts, weight)
    total = np.zeros(len(sequences.weight))
    for chosen, share in sequences.batches(n_batches, np.random.RandomState(0)):
        assert_allclose(share.sum(), weight.sum() / n_batches)
        total[chosen] += share
    assert_allclose(total, sequences.weight)


def test_features_that_are_all_zero_leave_the_labels_to_their_neighbours():
    X, y, sequence = problem()
    tagger = BeamSearchTagger(random_state=0).fit(
        np.zeros_like(X), y, sequence=sequence
    )
    assert_array_equal(tagger.coef_, 0.0)
    labels = tagger.predict(X, sequence=sequence)
    assert_array_equal(labels, tagger.predict(np.zeros_like(X), sequence=sequence))


def test_units_do_not_matter(fitted):
    X, y, sequence = problem(200)
    scaled = BeamSearchTagger(random_state=0).fit(8.0 * X, y, sequence=sequence)
    assert_allclose(8.0 * scaled.coef_, fitted.coef_, rtol=1e-6)
    assert scaled.alpha_ == pytest.approx(64.0 * fitted.alpha_)
    single = BeamSearchTagger(random_state=0).fit(
        X.astype(np.float32), y, sequence=sequence
    )
    assert_allclose(single.coef_, fitted.coef_, rtol=0.05, atol=0.05)
    assert_array_equal(
        single.predict(X.astype(np.float32)), single.predict(X.astype(np.float32))
    )


def text(n_sequences=40):
    """Return rows of dictionaries, labels and ids: a noun follows an article."""
    rng = np.random.default_rng(0)
    words = {"D": ["the", "a"], "N": ["run", "dog", "walk"], "V": ["run", "walk", "is"]}
    rows, y, sequence = [], [], []
    for i in range(n_sequences):
        for tag in ["D", "N", "V"][rng.integers(2) :] * rng.integers(1, 3):
            word = str(rng.choice(words[tag]))
            rows.append({"word": word, "last=" + word[-1]: 1.0})
            y.append(tag)
            sequence.append(i)
    return rows, y, sequence


@pytest.mark.parametrize(
    "vectorizer", [DictVectorizer(), FeatureHasher(2**18, alternate_sign=False)]
)
def test_sparse_features_of_text(vectorizer, monkeypatch):
    rows, y, sequence = text()
    X = vectorizer.fit_transform(rows)
    tagger = BeamSearchTagger(random_state=0)
    if X.shape[1] < 100:
        dense = clone(tagger).fit(X.toarray(), y, sequence=sequence)

    def refuse(*args, **kwargs):
        raise AssertionError("a sparse matrix is made dense")

    for kind in (sparse.csr_matrix, sparse.csr_array):
        for name in ("toarray", "todense"):
            monkeypatch.setattr(kind, name, refuse)
    tagger.fit(X, y, sequence=sequence)
    assert tagger.coef_.shape == (3, X.shape[1])
    assert np.count_nonzero(tagger.coef_) <= 3 * len(np.unique(X.indices))
    assert tagger.score(X, y, sequence=sequence) == 1.0
    again = clone(tagger).fit(sparse.csc_matrix(X), y, sequence=sequence)
    assert_array_equal(again.coef_, tagger.coef_)
    if X.shape[1] < 100:
        assert_allclose(tagger.coef_, dense.coef_, rtol=1e-6, atol=1e-9)


def test_decoding(fitted):
    X, _, sequence = problem(40, seed=3)
    emissions, lengths = fitted.decision_function(X), np.bincount(sequence)
    tagger = pickle.loads(pickle.dumps(fitted))
    for k in (1, 3, 300):
        tagger.set_params(n_beams=k)
        labels, scores = beam_search(
            emissions, fitted.transitions_, k, n_best=min(k, 3), lengths=lengths
        )
        assert_array_equal(
            tagger.classes_[labels[:, 0]], tagger.predict(X, sequence=sequence)
        )
        found = tagger.predict_beam(X, n_best=min(k, 3), sequence=sequence)
        assert_array_equal(found.labels[:, 0], tagger.predict(X, sequence=sequence))
        assert_allclose(found.scores, scores, rtol=1e-13)
    # The beam of 300 prefixes is exact up to 5 labels.
    best, score = viterbi(emissions, fitted.transitions_, lengths=lengths)
    short = lengths <= 5
    assert_allclose(found.scores[short, 0], score[short], rtol=1e-12)
    rows = short[sequence]
    assert_array_equal(found.labels[rows, 0], tagger.classes_[best[rows]])
    # Longer than any in training.
    long = np.concatenate([X] * 3)
    assert len(tagger.predict(long, sequence=np.zeros(len(long)))) == len(long)


def test_probabilities_are_those_of_the_candidates_of_the_last_step(fitted):
    X, _, _ = problem(30, seed=4)
    few, labels, sequence = problem(20)
    tagger = clone(fitted).set_params(n_beams=4**3)
    tagger.fit(few, labels, sequence=sequence)
    tagger.__dict__.update(
        {name: vars(fitted)[name] for name in ("coef_", "intercept_", "transitions_")}
    )
    found = tagger.predict_beam(X[:3], sequence=[0, 0, 0])
    _, scores = beam_search(
        tagger.decision_function(X[:3]), tagger.transitions_, 64, n_best=64
    )
    assert_allclose(found.probabilities[0], softmax(scores), rtol=1e-10)
    # Fewer sequences of labels than asked for: the first again, of probability 0.
    found = tagger.predict_beam(X[:1], n_best=9)
    assert_array_equal(found.labels[0, 4:], found.labels[0, 0])
    assert_array_equal(found.probabilities[0, 4:], 0.0)
    assert_array_equal(found.scores[0, 4:], -np.inf)
    assert found.probabilities.sum() == pytest.approx(1.0)


def test_two_labels():
    X, y, sequence = problem(60, n_labels=2)
    tagger = BeamSearchTagger(random_state=0).fit(X, y == "a", sequence=sequence)
    assert tagger.decision_function(X).shape == (len(y),)
    predicted = tagger.predict(X)
    assert predicted.dtype == bool
    assert_array_equal(predicted, tagger.decision_function(X) > 0.0)


@pytest.mark.usefixtures("routing")
def test_grid_search_with_one_array_of_sequences():
    X, y, sequence = problem(80)
    pipeline = make_pipeline(
        StandardScaler(), BeamSearchTagger(max_iter=4, random_state=0)
    )
    grid = {"beamsearchtagger__n_beams": [1, 4]}
    cv = GroupKFold(4).set_split_request(groups="sequence")
    if SKLEARN >= (1, 8):  # before, the score of a pipeline is not routed
        search = GridSearchCV(pipeline, grid, cv=cv).fit(X, y, sequence=sequence)
        assert search.best_score_ > 0.6
        assert search.score(X, y, sequence=sequence) > search.best_score_
    search = GridSearchCV(pipeline, grid, cv=cv, scoring=sequence_accuracy_scorer)
    search.fit(X, y, sequence=sequence)
    assert 0.1 < search.best_score_ < search.score(X, y, sequence=sequence)
    assert search.score(X, y, sequence=sequence) == sequence_accuracy_score(
        y, search.best_estimator_.predict(X, sequence=sequence), sequence=sequence
    )
    scores = cross_validate(
        BeamSearchTagger(max_iter=4, random_state=0),
        X,
        y,
        cv=cv,
        params={"sequence": sequence},
        scoring={"whole": sequence_accuracy_scorer},
    )["test_whole"]
    assert len(scores) == 4


def test_grid_search_of_lists():
    X, y, sequence = problem(60)
    search = GridSearchCV(
        BeamSearchTagger(max_iter=4, random_state=0),
        {"order": [1, 2]},
        cv=3,
        scoring=sequence_accuracy_scorer,
    ).fit(split(X, sequence), split(y, sequence))
    assert search.best_score_ > 0.1
    assert repr(sequence_accuracy_scorer) == "sequence_accuracy_scorer"


def test_scores_of_sequences():
    y_true, y_pred = [0, 1, 1, 0, 2], [0, 1, 1, 1, 2]
    ids = ["a", "b", "a", "b", "c"]
    assert sequence_accuracy_score(y_true, y_pred, sequence=ids) == pytest.approx(2 / 3)
    assert sequence_accuracy_score(y_true, y_pred) == 0.8
    assert sequence_accuracy_score(
        y_true, y_pred, sequence=ids, sample_weight=[1, 2, 1, 2, 1]
    ) == pytest.approx(0.5)
    assert sequence_accuracy_score([[0, 1], [2]], [[0, 1], [1]]) == 0.5
    assert sequence_accuracy_score(
        [[0, 1], [2]], [[0, 1], [1]], sample_weight=[3.0, 1.0]
    ) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="sample_weight must be equal within a seq"):
        sequence_accuracy_score(
            y_true, y_pred, sequence=ids, sample_weight=[1, 2, 3, 4, 5]
        )
    with pytest.raises(ValueError, match=r"y_pred\[1\] must have a label for each"):
        sequence_accuracy_score([[0, 1], [2]], [[0, 1], [1, 2]])


def test_verbose_prints_each_epoch(capsys):
    X, y, sequence = problem(20)
    BeamSearchTagger(max_iter=3, verbose=1).fit(X, y, sequence=sequence)
    printed = capsys.readouterr().out
    assert printed.count("[BeamSearchTagger] Iteration") == 3


def test_callbacks_are_shown_models_that_predict():
    pytest.importorskip("sklearn.callback")

    class Stopper:
        def __init__(self):
            self.shown, self.metadata = [], None

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, metadata, fitted_estimator):
            if context.task_name != "iteration" or fitted_estimator is None:
                return False
            self.metadata = metadata
            self.shown.append(
                fitted_estimator.predict(X, sequence=metadata["sequence"])
            )
            return len(self.shown) == 3

        def teardown(self, estimator, context):
            pass

    X, y, sequence = problem(40)
    stopper = Stopper()
    tagger = BeamSearchTagger(random_state=0).set_callbacks(stopper)
    tagger.fit(X, y, sequence=sequence)
    assert len(stopper.shown) == tagger.n_iter_ == 3
    assert_array_equal(stopper.shown[-1], tagger.predict(X, sequence=sequence))
    assert_array_equal(stopper.metadata["sequence"], sequence)


def test_a_refused_fit_leaves_the_model():
    X, y, sequence = problem(40)
    tagger = BeamSearchTagger(max_iter=2, random_state=0).fit(X, y, sequence=sequence)
    before = pickle.dumps(vars(tagger))
    with pytest.raises(ValueError, match="classes has to be greater than one"):
        tagger.fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="sequence must have the length of X"):
        tagger.fit(X, y, sequence=sequence[:-1])
    assert pickle.dumps(vars(tagger)) == before


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"n_beams": 0}, ValueError, "n_beams must be an integer >= 1, got 0"),
        ({"n_beams": 2.5}, TypeError, "n_beams must be an integer"),
        ({"order": 3}, ValueError, "order must be 1 or 2, got 3"),
        ({"objective": "final"}, ValueError, "objective must be one of"),
        ({"alpha": "best"}, ValueError, "alpha must be one of 'auto'"),
        ({"alpha": -1.0}, ValueError, "alpha must be a finite number >= 0"),
        ({"final_weight": np.nan}, ValueError, "final_weight must be"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be > 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be an integer >= 1"),
        ({"max_iter": 0}, ValueError, "max_iter must be an integer >= 1"),
        ({"verbose": -1}, ValueError, "verbose must be"),
        ({"regularization_strength": 1.0}, ValueError, "must be None for objective"),
    ],
)
def test_wrong_parameters(params, error, message):
    X, y, sequence = problem(10)
    with pytest.raises(error, match=message):
        BeamSearchTagger(**params).fit(X, y, sequence=sequence)


def test_wrong_data(fitted):
    X, y, sequence = problem(10)
    tagger = BeamSearchTagger()
    lists, y_lists = split(X, sequence), split(y, sequence)
    weight = np.arange(len(y)) + 1.0
    cases = [
        ((X, y, sequence[:-1]), "sequence must have the length of X"),
        ((X, y, sequence[:, np.newaxis]), "sequence must have one dimension"),
        ((X, y, [None] * len(y)), "sequence must not be missing"),
        ((X, y, sequence, weight), "sample_weight must be equal within a sequence"),
        ((X, y, sequence, -np.ones(len(y))), "Negative values in data"),
        ((np.where(X > 2.0, np.nan, X), y, sequence), "NaN"),
        ((lists, y_lists, sequence), "sequence must be None where X is a list"),
        ((lists, y_lists[:-1]), "y must have one entry for each of 10 sequences"),
        ((lists, [*y_lists[:-1], ["a"] * 9]), r"y\[9\] must have a label for each"),
        ((lists, y_lists, None, [1.0]), "sample_weight must have one entry for each"),
        (([*lists[:-1], np.ones((2, 3))], y_lists), r"X\[9\] must have 4 features"),
        (([*lists[:-1], np.ones(3)], y_lists), r"X\[9\] must have shape"),
    ]
    for (features, labels, *rest), message in cases:
        named = dict(zip(("sequence", "sample_weight"), rest, strict=False))
        with pytest.raises(ValueError, match=message):
            tagger.fit(features, labels, **named)
    with pytest.raises(TypeError, match="X must hold numbers, got dictionaries"):
        tagger.fit([[{"a": 1.0}]], [["x"]])
    with pytest.raises(ValueError, match="n_best must lie between 1 and n_beams, 4"):
        fitted.predict_beam(X, n_best=5)
    with pytest.raises(ValueError, match="sequence must have the length of X"):
        fitted.predict(X, sequence=sequence[1:])
    with pytest.raises(ValueError, match="n_beams must be an integer >= 1"):
        pickle.loads(pickle.dumps(fitted)).set_params(n_beams=0).predict(X)
    with pytest.raises(ValueError, match="lengths must be at least 1, got 0 at index"):
        sequence_from_lengths([2, 0])
    with pytest.raises(TypeError, match="lengths must hold integers"):
        sequence_from_lengths([2.5])
