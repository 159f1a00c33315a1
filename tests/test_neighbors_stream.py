# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft neighbours of a stream: what `partial_fit` keeps, and what it trains on."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine, make_classification
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
    _reservoir,
)

each_estimator = pytest.mark.parametrize(
    "estimator",
    [SoftKNeighborsClassifier, SoftKNeighborsRegressor, SoftNeighborhoodComponents],
)


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(178)
    return StandardScaler().fit_transform(X)[order], y[order]


@pytest.fixture(scope="module")
def hard():
    """Return samples of four classes, and others to predict."""
    X, y = make_classification(
        2400, 12, n_informative=8, n_classes=4, class_sep=1.5, random_state=0
    )
    return X[:1600], y[:1600], X[1600:], y[1600:]


def streamed(model, X, y, cuts, sample_weight=None):
    """Return a clone that has seen the rows between cuts, one batch after another."""
    model = clone(model)
    options = {} if is_regressor(model) else {"classes": np.unique(y)}
    for start, stop in pairwise([0, *cuts, len(X)]):
        weight = None if sample_weight is None else sample_weight[start:stop]
        model.partial_fit(X[start:stop], y[start:stop], sample_weight=weight, **options)
    return model


def is_regressor(model):
    return isinstance(model, SoftKNeighborsRegressor)


def test_what_is_kept_is_bounded(hard):
    X, y = hard[:2]
    for model in (
        SoftKNeighborsClassifier(reservoir_size=100, max_iter=0),
        SoftKNeighborsRegressor(reservoir_size=100, max_iter=0),
    ):
        for stop, step in ((150, 150), (1500, 50)):
            sizes = set()
            model = clone(model).set_params(random_state=0)
            for start in range(0, stop, step):
                model.partial_fit(X[start : start + step], y[start : start + step])
                sizes.add(len(pickle.dumps(model)))
                assert len(model.embedding_) <= 100
            assert len(model.embedding_) >= 97
        # Pickles hold all that is kept.
        assert max(sizes) < 1.05 * len(pickle.dumps(clone(model).fit(X[:300], y[:300])))
        _, indices = model.kneighbors(X[:9])
        assert indices.max() < len(model.embedding_)
        assert model.kneighbors_graph(X[:9]).shape == (9, len(model.embedding_))
        assert len(model.predict(None)) == len(model.embedding_)


@each_estimator
def test_a_stream_that_has_just_been_trained_on_is_a_fit(wine, estimator):
    X, y = wine
    fitted = estimator(random_state=0).fit(X, y)
    model = streamed(estimator(random_state=0), X, y, [1, 20, 90])
    np.testing.assert_allclose(model.components_, fitted.components_, rtol=1e-9)
    np.testing.assert_allclose(model.embedding_, fitted.embedding_, atol=1e-9)
    assert model.regularization_strength_ == fitted.regularization_strength_
    assert model.loo_score_ == fitted.loo_score_
    if hasattr(model, "predict"):
        np.testing.assert_allclose(model.predict(X), fitted.predict(X), atol=1e-9)
        np.testing.assert_allclose(model.vote_weights_, fitted.vote_weights_)


@each_estimator
def test_the_first_batch_fixes_neither_unit_nor_centre(wine, estimator):
    X, y = wine
    X = 1e3 * X + 5e4
    classes = {} if estimator is SoftKNeighborsRegressor else {"classes": [0, 1, 2]}
    model = estimator(random_state=0).partial_fit(X[:1], y[:1], **classes)
    first = model.regularization_strength_
    if hasattr(model, "predict"):
        np.testing.assert_allclose(model.predict(X[:3]), y[0])
    for start in range(1, 178, 40):
        model.partial_fit(X[start : start + 40], y[start : start + 40])
    fitted = estimator(random_state=0).fit(X, y)
    # It was trained last when two thirds had come, at least.
    assert 0.8 < model.regularization_strength_ / fitted.regularization_strength_ < 1.2
    assert first != model.regularization_strength_
    if hasattr(model, "score"):
        assert model.score(X, y) > 0.97 * fitted.score(X, y)


def test_training_follows_the_growth_of_the_stream(wine):
    X, y = wine
    model = SoftKNeighborsRegressor(random_state=0)
    trained = []
    for start in range(0, 170, 10):
        before = getattr(model, "components_", None)
        model.partial_fit(X[start : start + 10], y[start : start + 10].astype(float))
        if model.components_ is not before and not np.array_equal(
            model.components_, before
        ):
            trained.append(start + 10)
        assert len(model.embedding_) == start + 10
    assert trained == [10, 20, 40, 70, 110, 170]


def test_a_stream_is_close_to_a_fit_on_all(hard):
    X, y, X_test, y_test = hard
    fitted = SoftKNeighborsClassifier(random_state=0).fit(X, y)
    everything = fitted.score(X_test, y_test)
    cuts = range(70, 1600, 70)
    whole = streamed(SoftKNeighborsClassifier(random_state=0), X, y, cuts)
    assert whole.score(X_test, y_test) > everything - 0.02
    # What is kept is worth as much as a fit to so many rows.
    size = 400
    model = SoftKNeighborsClassifier(reservoir_size=size, random_state=0)
    part = clone(model).fit(X[:size], y[:size]).score(X_test, y_test)
    assert part < everything - 0.02
    assert streamed(model, X, y, cuts).score(X_test, y_test) > part - 0.02


def test_the_order_of_batches_does_not_matter(hard):
    X, y, X_test, y_test = hard
    model = SoftKNeighborsClassifier(reservoir_size=400, random_state=0)
    scores = []
    for order in (
        np.arange(1600), np.arange(1600)[::-1], np.argsort(y), np.argsort(X[:, 0])
    ):  # fmt: skip
        stream = streamed(model, X[order], y[order], range(100, 1600, 100))
        kept = stream._fitted.reservoir
        shares = np.bincount(kept.codes, kept.stands_for) / kept.stands_for.sum()
        np.testing.assert_allclose(shares, np.bincount(y) / 1600, atol=0.06)
        scores.append(stream.score(X_test, y_test))
    assert np.ptp(scores) < 0.06


def test_batches_are_cut_anywhere(wine):
    X, y = wine
    model = SoftKNeighborsClassifier(reservoir_size=60, random_state=0)
    kept = [
        streamed(model, X, y, cuts)._fitted.reservoir
        for cuts in ([50, 100], [1, 2, 3, 150])
    ]
    np.testing.assert_array_equal(*(part.threshold for part in kept))
    np.testing.assert_array_equal(*(part.X for part in kept))
    other = streamed(clone(model).set_params(random_state=1), X, y, [50, 100])
    assert not np.array_equal(other._fitted.reservoir.X, kept[0].X)


def test_a_class_that_appears_late(wine):
    X, y = wine
    order = np.argsort(y == 2, kind="stable")
    X, y = X[order], y[order]
    model = SoftKNeighborsClassifier(random_state=0, reservoir_size=90)
    model.partial_fit(X[:130], y[:130], classes=[0, 1, 2, 3])
    assert set(model.predict(X)) == {0, 1}
    np.testing.assert_array_equal(model.predict_proba(X)[:, 2:], 0.0)
    for start in range(130, 178, 6):
        model.partial_fit(X[start : start + 6], y[start : start + 6])
    assert model.score(X, y) > 0.95
    np.testing.assert_array_equal(model.predict_proba(X)[:, 3], 0.0)
    # Few of them came, and none was given up for the many others.
    assert (model._fitted.reservoir.codes == 2).sum() >= 25
    with pytest.raises(ValueError, match="y must hold classes among"):
        model.partial_fit(X[:2], [7, 8])


def test_few_samples_of_a_class_are_kept(rng):
    X, y = rng.normal(size=(2000, 2)), (np.arange(2000) % 100 == 7).astype(int)
    model = SoftKNeighborsClassifier(reservoir_size=60, max_iter=0, random_state=0)
    model = streamed(model, X, y, range(100, 2000, 100))
    kept = model._fitted.reservoir
    assert (kept.codes == 1).sum() >= 15
    # They do not outvote the others for that.
    assert model.predict_proba(X)[:, 1].mean() < 0.06


def test_weights_of_rows_that_are_kept_are_repetitions(wine, rng):
    X, y = wine
    weight = rng.integers(0, 3, size=178)
    kept = np.repeat(np.arange(178), weight)
    cuts = [60, 100]
    for model in (SoftKNeighborsClassifier(), SoftKNeighborsRegressor()):
        one = streamed(model, X, y, cuts, weight.astype(float))
        ends = [np.searchsorted(kept, cut) for cut in cuts]
        other = streamed(model, X[kept], y[kept], ends)
        np.testing.assert_allclose(one.predict(X), other.predict(X), atol=1e-6)
        np.testing.assert_allclose(one.loo_score_, other.loo_score_)
        assert len(one.embedding_) == (weight > 0).sum()


@pytest.mark.parametrize("unit", [1.0, 0.01, 30.5])
def test_only_ratios_of_weights_of_a_stream_count(hard, unit):
    X, y, X_test, _ = hard
    X, y = X[:600], y[:600]
    weight = np.where(X[:, 0] > 0.0, 1.5, 0.5)
    model = SoftKNeighborsClassifier(reservoir_size=200, random_state=0)
    one = streamed(model, X, y, [100, 300], weight)
    other = streamed(model, X, y, [100, 300], unit * weight)
    np.testing.assert_allclose(
        one.predict_proba(X_test), other.predict_proba(X_test), atol=1e-6
    )


def test_sums_over_what_is_kept_are_those_of_the_stream():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(500, 1)), rng.exponential(size=500) ** 3
    codes = rng.integers(2, size=500)
    found = []
    for seed in range(300):
        kept = _reservoir.empty_reservoir(X, codes, 2, np.random.RandomState(seed))
        for start in (0, 100, 130):
            stop = {0: 100, 100: 130, 130: 500}[start]
            rows = (part[start:stop] for part in (X, codes, weight, codes))
            kept = kept.followed_by(*rows, 60)
        assert len(kept.X) in (59, 60)
        some = kept.codes == 1
        found.append([kept.stands_for[some].sum(), (kept.stands_for @ kept.X)[0]])
    wanted = np.array([weight[codes == 1].sum(), weight @ X[:, 0]])
    error = np.std(found, axis=0) / np.sqrt(300)
    assert (np.abs(np.mean(found, axis=0) - wanted) < 4.0 * error).all()
    # The heavy rows are kept and stand for themselves.
    assert error[0] * np.sqrt(300) < 0.1 * wanted[0]


def test_room_is_shared():
    def room(sizes, size, seen=None):
        seen = sizes if seen is None else seen
        return _reservoir.shared_room(np.array(sizes), np.array(seen), size).tolist()

    assert room([3, 4], 7) == [3, 4]
    assert room([100, 100], 20) == [10, 10]
    assert room([900, 100], 100) == [69, 30]
    assert room([900, 0, 5], 100) == [95, 0, 5]
    assert room([1000, 1, 1, 9], 4) == [1, 1, 1, 1]


@each_estimator
def test_a_stream_goes_on_after_a_fit(wine, estimator):
    X, y = wine
    model = estimator(random_state=0).fit(X[:100].astype("f4"), y[:100])
    before = model.transform(X)
    model.partial_fit(X[100:120], y[100:120])
    np.testing.assert_array_equal(model.transform(X), before)
    assert len(model.embedding_) == 120
    model.partial_fit(X[120:], y[120:])
    assert len(model.embedding_) == 178
    fitted = estimator(random_state=0).fit(X, y)
    np.testing.assert_allclose(model.components_, fitted.components_, atol=1e-4)
    small = estimator(reservoir_size=50, random_state=0).fit(X, y)
    small.partial_fit(X[:1], y[:1])
    assert len(small.embedding_) <= 50


def test_a_stream_goes_on_after_a_fit_with_weights(wine):
    X, y = wine
    weight = np.where(y == 1, 3.0, 1.0)
    model = SoftKNeighborsClassifier(vote="soft", class_weight={0: 2.0, 1: 0.5, 2: 1.5})
    one = clone(model).fit(X[:90], y[:90], sample_weight=weight[:90])
    one.partial_fit(X[90:], y[90:], sample_weight=weight[90:])
    other = clone(model).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_balanced_classes_of_a_stream(rng):
    X = rng.normal(size=(600, 3))
    y = (rng.random(600) < 0.1).astype(int)
    model = SoftKNeighborsClassifier(
        50, class_weight="balanced", reservoir_size=200, max_iter=0, random_state=0
    )
    model = streamed(model, X, y, [100, 300])
    assert 0.4 < model.predict_proba(X)[:, 1].mean() < 0.6


def test_classes_of_partial_fit(wine):
    X, y = wine
    with pytest.raises(ValueError, match="classes must hold at least one class"):
        SoftKNeighborsClassifier().partial_fit(X, y, classes=[])
    model = SoftKNeighborsClassifier().partial_fit(X, y, classes=[0, 1, 2, 3])
    model.partial_fit(X[:9], y[:9], classes=[3, 2, 1, 0])
    with pytest.raises(ValueError, match=r"classes must be those of the first call"):
        model.partial_fit(X[:9], y[:9], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="reservoir_size must be at least the number"):
        SoftKNeighborsClassifier(reservoir_size=2).partial_fit(X, y)
    with pytest.raises(ValueError, match="reservoir_size must be an integer >= 1"):
        SoftKNeighborsRegressor(reservoir_size=0).partial_fit(X, y)


def test_several_targets_of_a_stream(rng):
    X = rng.normal(size=(90, 3))
    y = X[:, :2] * [1e3, 1e-3] + [7.0, 3.0]
    model = streamed(SoftKNeighborsRegressor(), X, y, [1, 30])
    np.testing.assert_allclose(
        model.predict(X), SoftKNeighborsRegressor().fit(X, y).predict(X)
    )
    with pytest.raises(ValueError, match="y must have 2 outputs as before, got 3"):
        model.partial_fit(X, X)
