# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Votes that are mixed by what they say of samples held out."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_classification, make_friedman1
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    _training,
)
from sksoft.neighbors._mixture import dealt_out, likelihood_weights, squared_weights
from sksoft.neighbors._objective import Samples
from sksoft.neighbors._solvers import Minibatches


def test_weights_make_what_came_most_likely(rng):
    truth = np.array([0.6, 0.3, 0.1])
    votes = rng.dirichlet(np.ones(4), size=(5000, 3))
    mixed = np.einsum("nvc,v->nc", votes, truth)
    came = (rng.random((5000, 1)) > np.cumsum(mixed, axis=1)).sum(axis=1)
    likelihood = votes[np.arange(5000), :, came]
    weights = likelihood_weights(likelihood, None)
    np.testing.assert_allclose(weights.sum(), 1.0)
    np.testing.assert_allclose(weights, truth, atol=0.06)
    double = likelihood_weights(likelihood[:50], np.full(50, 2.0))
    repeated = likelihood_weights(np.repeat(likelihood[:50], 2, axis=0), None)
    np.testing.assert_allclose(double, repeated)


@pytest.mark.parametrize("n_votes", [2, 8])
def test_no_vote_gains_by_more_weight(rng, n_votes):
    # Votes that are alike, and weights of many magnitudes, are hard cases.
    likelihood = rng.uniform(size=(80, 1)) + 0.1 * rng.uniform(size=(80, n_votes))
    likelihood[:20] = rng.uniform(size=(20, n_votes)) < 0.2
    sample_weight = rng.exponential(size=80) ** 6
    sample_weight /= sample_weight.mean()
    weights = likelihood_weights(likelihood, sample_weight)
    # One sample in all speaks for each vote alike.
    likelihood = np.maximum(likelihood, 1e-4)
    gain = (sample_weight / (likelihood @ weights)) @ likelihood
    np.testing.assert_allclose(gain + 1.0 / n_votes / weights, 81.0, rtol=1e-6)
    np.testing.assert_allclose(weights.sum(), 1.0)


def test_no_samples_leave_all_votes_alike():
    np.testing.assert_allclose(likelihood_weights(np.zeros((0, 4)), None), 0.25)


def test_weights_bring_values_nearest(rng):
    truth = np.array([0.7, 0.3, 0.0])
    values = rng.normal(size=(500, 2, 3))
    target = values @ truth + 0.1 * rng.normal(size=(500, 2))
    weights = squared_weights(values, target, None)
    np.testing.assert_allclose(weights, truth, atol=0.02)
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(), 1.0)
    # The best of a fine grid is no better.
    ends = np.linspace(0.0, 1.0, 51)
    grid = [(a, b, 1.0 - a - b) for a in ends for b in ends if a + b <= 1.0]
    cost = [((values @ np.array(w) - target) ** 2).sum() for w in grid]
    assert ((values @ weights - target) ** 2).sum() <= min(cost) * (1.0 + 1e-6)
    np.testing.assert_allclose(
        squared_weights(values[:, :, :1].repeat(2, axis=2), values[:, :, 0], None), 0.5
    )


def drawn(rng, weight=None):
    X, y = rng.integers(0, 3, size=(61, 2)).astype(float), rng.integers(3, size=61)
    own = None if weight is None else np.maximum(weight - 1.0, 0.0)
    return Samples(X, y, weight, own)


def rows(samples):
    """Return sorted rows with all repetitions."""
    whole = np.column_stack([samples.targets, samples.X])
    if samples.weight is not None:
        whole = np.repeat(whole, samples.weight.astype(int), axis=0)
    return whole[np.lexsort(whole.T)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("every", [2, 5])
def test_parts_do_not_depend_on_where_samples_stand(rng, weighted, every):
    weight = rng.integers(1, 4, size=61).astype(float) if weighted else None
    samples = drawn(rng, weight)
    first = dealt_out(samples, every)
    shuffled = dealt_out(samples.take(rng.permutation(61)), every)
    for one, other in zip(first, shuffled, strict=True):
        np.testing.assert_array_equal(rows(one), rows(other))
        if weighted:
            np.testing.assert_array_equal(one.own_weight, one.weight - 1.0)
    both = np.concatenate([rows(part) for part in first])
    np.testing.assert_array_equal(both[np.lexsort(both.T)], rows(samples))
    sizes = [np.bincount(rows(part)[:, 0].astype(int)) for part in first]
    assert np.abs((every - 1) * sizes[0] - sizes[1]).max() <= every
    # A weight is so many rows.
    if weighted:
        copies = np.repeat(np.arange(61), weight.astype(int))
        repeated = samples.take(copies)._replace(weight=None, own_weight=None)
        for one, other in zip(first, dealt_out(repeated, every), strict=True):
            np.testing.assert_array_equal(rows(one), rows(other))


def test_few_samples_are_not_held_out(rng):
    X, y = rng.normal(size=(19, 2)), np.arange(19) % 2
    one = SoftKNeighborsClassifier(max_iter=0).fit(X, y)
    assert not hasattr(one, "vote_weights_")
    other = SoftKNeighborsClassifier(vote="soft", max_iter=0).fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_labels_without_meaning_are_told_by_their_frequencies(rng):
    X, y = rng.normal(size=(200, 6)), (rng.random(200) < 0.3).astype(int)
    model = SoftKNeighborsClassifier(max_iter=0).fit(X[:100], y[:100])
    assert model.vote_weights_.shape == (6,)
    assert model.vote_weights_[0] < 0.2
    assert model.vote_weights_[-1] > 0.3
    soft = SoftKNeighborsClassifier(vote="soft", max_iter=0).fit(X[:100], y[:100])

    def log_loss(model):
        found = model.predict_proba(X[100:])[np.arange(100), y[100:]]
        return -np.log(np.maximum(found, 1e-3)).mean()

    assert log_loss(model) < log_loss(soft) - 0.02


def test_mixed_probabilities_are_less_sure_where_classes_are_noisy():
    X, y = make_classification(
        400, 8, n_informative=4, flip_y=0.3, class_sep=0.8, random_state=0
    )
    losses = []
    for vote in ("mixed", "soft"):
        model = SoftKNeighborsClassifier(vote=vote).fit(X[:200], y[:200])
        found = model.predict_proba(X[200:])
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
        losses.append(-np.log(np.maximum(found[np.arange(200), y[200:]], 1e-3)).mean())
    assert losses[0] < losses[1] - 0.1


def test_mixed_values_are_better_where_targets_are_noisy():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    mixed, plain = SoftKNeighborsRegressor(), SoftKNeighborsRegressor(vote="mean")
    folds = KFold(5, shuffle=True, random_state=0)
    scores = [cross_val_score(model, X, y, cv=folds) for model in (mixed, plain)]
    assert scores[0].mean() > scores[1].mean() + 0.02
    mixed.fit(X[::2], y[::2])
    plain.fit(X[::2], y[::2])
    assert not hasattr(plain, "vote_weights_")
    np.testing.assert_allclose(mixed.vote_weights_.sum(), 1.0)
    # Another kind of vote forgets the weights.
    mixed.set_params(vote="mean").fit(X[::2], y[::2])
    assert not hasattr(mixed, "vote_weights_")
    np.testing.assert_array_equal(mixed.predict(X), plain.predict(X))


def test_a_plane_that_tells_values():
    # As metric learning for kernel regression: a map that serves other regressors.
    X, y = make_friedman1(400, random_state=0)
    X = StandardScaler().fit_transform(X)
    model = SoftKNeighborsRegressor(n_components=2, vote="mean").fit(X[::2], y[::2])
    scores = []
    for transformer in (model, PCA(2).fit(X[::2])):
        Z = transformer.transform(X)
        plain = KNeighborsRegressor().fit(Z[::2], y[::2])
        scores.append(plain.score(Z[1::2], y[1::2]))
    assert scores[0] > scores[1] + 0.2


@pytest.fixture
def learnt(monkeypatch):
    """Return a list that is told the samples, and the plan, of every training."""
    told = []
    minimize = _training.Training._minimize

    def noted(self, trial, *args, **options):
        told.append((len(trial.samples.X), trial.plan.curved))
        return minimize(self, trial, *args, **options)

    monkeypatch.setattr(_training.Training, "_minimize", noted)
    return told


@pytest.mark.parametrize(
    "estimator", [SoftKNeighborsClassifier, SoftKNeighborsRegressor]
)
def test_what_is_trained_on_what(rng, monkeypatch, learnt, estimator):
    X, y = rng.normal(size=(900, 3)), rng.integers(3, size=900)

    def trained(n_samples, **options):
        learnt.clear()
        model = estimator(max_iter=1, random_state=0, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X[:n_samples], y[:n_samples])
        # All of them vote in the end.
        assert model.kneighbors(X)[1].max() == n_samples - 1
        return learnt

    assert trained(19) == [(19, False)]
    assert trained(90) == [(60, False), (90, False)]
    assert trained(900) == [(675, False), (675, True), (900, False)]
    assert trained(900, hidden_layer_sizes=(2,)) == [(675, False), (900, False)]
    monkeypatch.setattr(_training, "HELD_OUT_MOST", 50)
    assert trained(900) == [(850, False), (850, True), (900, False)]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("hidden", [(), (3,)], ids=str)
def test_the_embedding_is_that_of_the_soft_vote(rng, monkeypatch, solver, hidden):
    # Samples held out are trained on all the same, of many samples as of few.
    monkeypatch.setattr(_training, "SCORED_SAMPLES", 100)
    X = rng.normal(size=(300, 4))
    y = (X[:, 0] + X[:, 1] > 0.0).astype(int)
    options = {"solver": solver, "hidden_layer_sizes": hidden, "random_state": 0}
    mixed = SoftKNeighborsClassifier(**options).fit(X, y)
    soft = SoftKNeighborsClassifier(vote="soft", **options).fit(X, y)
    assert mixed.vote_weights_.shape == ((6,) if hidden else (8,))
    np.testing.assert_array_equal(mixed.components_, soft.components_)
    assert mixed.loss_curve_ == soft.loss_curve_


def test_a_training_that_tells_how_to_mix_is_shorter(rng, monkeypatch):
    epochs, epoch = [], Minibatches.epoch

    def noted(self, problem, *args):
        epochs.append(len(problem.X))
        return epoch(self, problem, *args)

    monkeypatch.setattr(Minibatches, "epoch", noted)
    X, y = rng.normal(size=(240, 3)), np.arange(240) % 2
    model = SoftKNeighborsClassifier(solver="adam", random_state=0).fit(X, y)
    few, many = epochs.count(160), epochs.count(240)
    assert few + many == len(epochs)
    assert many == model.n_iter_
    # Batches of 32: five or eight make an epoch, and a third of the steps are made.
    assert 5 * few == pytest.approx(8 * many / 3, abs=5)


def test_iterations_that_tell_how_to_mix_are_fewer(rng, monkeypatch):
    found, by_lbfgs = {}, _training.by_lbfgs

    def noted(*args, stage, **options):
        solution = by_lbfgs(*args, stage=stage, **options)
        found.setdefault(stage, []).append(solution.n_iter)
        return solution

    monkeypatch.setattr(_training, "by_lbfgs", noted)
    X = rng.normal(size=(700, 10))
    for y in (X[:, 0] > 0.0, X[:, 0] * X[:, 1] > 0.0):
        SoftKNeighborsClassifier().fit(X, y)
    most = {stage: max(each) for stage, each in found.items()}
    assert (most["part"], most["curved"]) == (5, 7)
    assert 7 < most["whole"] <= 15


@pytest.mark.parametrize(("n_samples", "n_votes"), [(120, 4), (300, 6)])
def test_neighbours_can_be_all_that_vote(rng, n_samples, n_votes):
    X = rng.normal(size=(n_samples, 3))
    y = (X[:, 0] + X[:, 1] > 0.0).astype(int)
    mixed = SoftKNeighborsClassifier().fit(X, y)
    model = SoftKNeighborsClassifier(vote="neighbors").fit(X, y)
    assert mixed.vote_weights_.shape == (n_votes + 2,)
    assert model.vote_weights_.shape == (n_votes,)
    np.testing.assert_allclose(model.vote_weights_.sum(), 1.0)
    np.testing.assert_array_equal(model.components_, mixed.components_)
    # Far away neighbours stay what they are, and normal distributions are sure.
    far = 1e3 * np.array([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]])
    frequencies = model.vote_weights_[-1] * np.bincount(y) / n_samples
    least = np.array([[frequencies[0], frequencies[1]]])
    assert (model.predict_proba(far) >= least - 1e-12).all()
    assert len(model._fitted.voters.rules) == 0
    assert len(mixed._fitted.voters.rules) == 2


@pytest.mark.parametrize("votes", [("mixed", "neighbors"), ("neighbors", "mixed")])
def test_another_vote_takes_effect_with_the_next_fit(rng, votes):
    X = rng.normal(size=(120, 3))
    y = (X[:, 0] > 0.0).astype(int)
    one = SoftKNeighborsClassifier(vote=votes[0], max_iter=0).partial_fit(X, y)
    other = SoftKNeighborsClassifier(vote=votes[0], max_iter=0).partial_fit(X, y)
    one.set_params(vote=votes[1])
    # Too few for another training: templates alone are new.
    for model in (one, other):
        model.partial_fit(X[:5] + 0.1, y[:5])
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(one.vote_weights_, other.vote_weights_)


def test_a_model_holds_few_copies_of_its_samples(rng):
    X, y = rng.normal(size=(2000, 50)), rng.integers(2, size=2000)
    model = SoftKNeighborsClassifier(max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    # As they came, trained, with squares, and what is shown of them.
    assert len(pickle.dumps(model)) < 4.4 * X.nbytes
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_squares_tell_a_class_around_another(rng):
    X = rng.normal(size=(900, 8))
    y = ((X**2).sum(axis=1) > 7.3).astype(int)
    model = SoftKNeighborsClassifier().fit(X[:300], y[:300])
    assert model.vote_weights_.shape == (8,)
    # Squares are asked, and classes of different widths.
    assert model.vote_weights_[[3, 4, 6]].sum() > 0.8
    soft = SoftKNeighborsClassifier(vote="soft").fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > soft.score(X[300:], y[300:]) + 0.05


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_squares_have_no_scale(rng, factor):
    X = rng.normal(size=(300, 4))
    y = (X[:, 0] ** 2 + X[:, 1] > 0.5).astype(int)
    one = SoftKNeighborsClassifier().fit(X, y)
    other = SoftKNeighborsClassifier().fit(factor * X - 7.0, y)
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(factor * X - 7.0), atol=1e-6
    )


def test_weights_of_squared_errors_are_repetitions(rng):
    values, target = rng.normal(size=(8, 2, 3)), rng.normal(size=(8, 2))
    copies = np.array([1, 3, 2, 1, 5, 1, 2, 4])
    found = squared_weights(values, target, copies.astype(float))
    repeated = squared_weights(
        np.repeat(values, copies, axis=0), np.repeat(target, copies, axis=0), None
    )
    np.testing.assert_allclose(found, repeated, atol=1e-9)


@pytest.mark.filterwarnings("ignore:The minimisation reached")
def test_squares_are_pulled_to_their_start_four_times_as_much(rng, monkeypatch):
    penalties, minimize = {}, _training.Training._minimize

    def noted(self, trial, *args, **options):
        penalties[trial.plan.curved] = trial.alpha
        return minimize(self, trial, *args, **options)

    monkeypatch.setattr(_training.Training, "_minimize", noted)
    X, y = rng.normal(size=(260, 3)), rng.integers(2, size=260)
    SoftKNeighborsClassifier(alpha=0.1, max_iter=1).fit(X, y)
    assert penalties == {False: 0.1, True: 0.4}
