# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers of columns: summaries of bounded size, and fits by chunks of rows."""

import copy
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
from sksoft.preprocessing import (
    QuantileNormalizer,
    SoftQuantileTransformer,
    SoftRankTransformer,
)
from sksoft.preprocessing._quantile_summary import (
    completed,
    distribution,
    merged,
    moments,
    shortened,
    summarized,
)

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

TRANSFORMERS = [
    SoftRankTransformer(),
    SoftQuantileTransformer(),
    QuantileNormalizer(regularization_strength=0.5),
]
# Those that summarise columns.
SUMMARIZING = TRANSFORMERS[:2]
TOLERANCE = 0.01


def streams(n):
    """Return samples in orders that are hard to summarise."""
    rng = np.random.default_rng(0)
    t = np.arange(n, dtype=np.float64)
    normal = rng.normal(size=n)
    heavy_late = np.where((t > n / 2) & (rng.random(n) < 0.7), 0.1, normal)
    return {
        "random": normal,
        "sorted": t,
        "reversed": -t,
        "few values": np.round(3.0 * normal),
        "heavy tails": rng.standard_cauchy(n),
        "mostly zeros": np.where(rng.random(n) < 0.6, 0.0, normal),
        "heavy value late": heavy_late,
        "two clusters": normal + 50.0 * (rng.random(n) < 0.5),
        "into the middle": np.sign(normal)
        * np.exp(-200.0 * t / n)
        * (1 + rng.random(n)),
        "outwards": np.where(t % 2 == 1, t, -t),
    }


STREAMS = streams(8_000)


def of_batch(batch):
    return shortened(summarized(np.sort(batch), None), TOLERANCE)


def left_to_right(parts):
    whole = parts[0]
    for part in parts[1:]:
        whole = shortened(merged(whole, part), TOLERANCE)
    return whole


def in_groups(size):
    def merge(parts):
        while len(parts) > 1:
            groups = range(0, len(parts), size)
            parts = [left_to_right(parts[i : i + size]) for i in groups]
        return parts[0]

    return merge


SHAPES = {
    "chain": (100, left_to_right),
    "chain of single rows": (1, left_to_right),
    "pairs": (500, in_groups(2)),
    "groups of eight": (100, in_groups(8)),
    "backwards": (100, lambda parts: left_to_right(parts[::-1])),
    "at once": (10**6, left_to_right),
}


def weights_at(values, sample):
    """Return how much of a sample is below each value, and up to it."""
    ordered = np.sort(sample)
    return [np.searchsorted(ordered, values, side) for side in ("left", "right")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stream", STREAMS)
def test_bounds_of_ranks_hold_and_are_narrow(stream, shape):
    sample = STREAMS[stream]
    size, merge = SHAPES[shape]
    if size == 1:
        sample = sample[:: len(sample) // 1000]
    n = len(sample)
    parts = [of_batch(sample[i : i + size]) for i in range(0, n, size)]
    summary = completed(merge(parts), TOLERANCE)
    values, weights, least, most = summary.knots
    below, up_to = weights_at(values, sample)
    assert summary.total == n
    assert (np.diff(values) > 0.0).all()
    assert (values[0], values[-1]) == (sample.min(), sample.max())
    assert (least <= below).all()
    assert (below <= most).all()
    assert (weights >= 1.0).all()
    assert (least + weights <= up_to).all()
    assert (up_to <= most + weights).all()
    # Between knots the rank is known within the tolerance, or nothing lies there.
    # A value that was heavy in one part alone may lie beside some that it hides.
    counts, between = distribution(summary)
    assert counts.sum() == pytest.approx(n, rel=1e-12)
    for i in range(len(values) - 1):
        inside = (sample > values[i]) & (sample < values[i + 1])
        if np.isnan(between[i]):
            assert not inside.any()
        else:
            error = np.abs(between[i] - np.array([up_to[i], below[i + 1]]))
            assert (error <= 0.5 * TOLERANCE * n).all()
    mean, deviation = moments(summary)
    assert mean == pytest.approx(sample.mean(), rel=1e-9, abs=1e-9 * sample.std())
    assert deviation == pytest.approx(sample.std(), rel=1e-9)
    if stream == "few values":
        assert summary.generation == 0
        assert_array_equal(values, np.unique(sample))
        assert_array_equal(weights, np.unique(sample, return_counts=True)[1])


@pytest.mark.parametrize("stream", STREAMS)
def test_summaries_of_streams_hardly_grow(stream):
    sizes = []
    for n in (10_000, 40_000):
        sample = streams(n)[stream]
        parts = [of_batch(sample[i : i + 100]) for i in range(0, n, 100)]
        sizes.append(left_to_right(parts).knots.shape[1])
    assert max(sizes) < 20 / TOLERANCE
    # With the logarithm of the number of rows at worst.
    assert sizes[1] < sizes[0] + 2 * 5 / TOLERANCE


def fitted_in_parts(transformer, X, n_parts, sample_weight=None):
    model = copy.deepcopy(transformer)
    weights = np.full(n_parts, None)
    if sample_weight is not None:
        weights = np.array_split(sample_weight, n_parts)
    for part, weight in zip(np.array_split(X, n_parts), weights, strict=True):
        model.partial_fit(part, sample_weight=weight)
    return model


def exact_twin(model, X):
    """Return a model of the same strength, in the unit of X, that keeps all values."""
    twin = copy.deepcopy(model).set_params(rank_tolerance=0.0).fit(X)
    unit = twin.regularization_strength_[0]
    if unit > 0.0:
        factor = model.regularization_strength_[0] / unit
        twin.set_params(regularization_strength=model.regularization_strength * factor)
    return twin.fit(X)


def allowed(model):
    entropic = getattr(model, "regularization", "l2") != "l2"
    return model.rank_tolerance * (2 if entropic else 1)


@pytest.mark.parametrize("n_parts", [3, 80])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(
    "transformer",
    [
        SoftRankTransformer(regularization_strength=0.0),
        SoftRankTransformer(),
        SoftRankTransformer(regularization_strength=20.0),
        SoftRankTransformer(regularization="kl"),
        SoftRankTransformer(regularization="entropic", regularization_strength=0.1),
        SoftQuantileTransformer(regularization_strength=0.0, n_quantiles=None),
        SoftQuantileTransformer(n_quantiles=None),
    ],
)
def test_ranks_are_wrong_by_the_tolerance_at_most(transformer, stream, n_parts):
    X = STREAMS[stream][:, np.newaxis]
    transformer = copy.deepcopy(transformer)
    if isinstance(transformer, SoftRankTransformer):
        transformer.set_params(output_distribution="uniform")
    transformer.set_params(rank_tolerance=TOLERANCE)
    for model in (
        fitted_in_parts(transformer, X, n_parts),
        copy.deepcopy(transformer).fit(X),
    ):
        exact = exact_twin(model, X)
        error = np.abs(model.transform(X) - exact.transform(X)).max()
        assert error <= allowed(model)
        assert model.values_[0][0] == X.min()
        assert model.values_[0][-1] == X.max()


@pytest.mark.parametrize("n_parts", [1, 10])
def test_the_unit_of_the_strength_follows(n_parts):
    X = np.random.default_rng(12).normal(size=(60_000, 1))
    # A quantile is as wrong as twice the tolerance in its rank.
    shares = np.array([0.25, 0.75])[:, None] + 2e-3 * np.array([-1.0, 1.0])
    (least_low, most_low), (least_high, most_high) = np.quantile(X, shares)
    model = SoftRankTransformer(rank_tolerance=1e-3)
    spread = fitted_in_parts(model, X, n_parts).scale_[0] * (len(X) - 1)
    assert least_high - most_low <= spread <= most_high - least_low
    assert spread != pytest.approx(np.quantile(X, 0.75) - np.quantile(X, 0.25), 1e-9)
    model = SoftQuantileTransformer(rank_tolerance=1e-3, regularization_strength=1.0)
    width = fitted_in_parts(model, X, n_parts).regularization_strength_[0]
    assert width == pytest.approx(X.std() * len(X) ** (-1 / 3), rel=1e-9)
    # Where there is no interquartile range, the deviation is exact.
    X *= np.random.default_rng(13).random(X.shape) < 0.3
    model = SoftRankTransformer(rank_tolerance=1e-3)
    scale = fitted_in_parts(model, X, n_parts).scale_[0]
    assert scale == pytest.approx(X.std() / (len(X) - 1), rel=1e-9)


@pytest.mark.parametrize("regularization", ["l2", "kl", "entropic"])
@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0, 10.0, 1e3])
def test_soft_ranks_of_many_values(strength, regularization):
    rng = np.random.default_rng(1)
    # One column at a time: the strength of each is its own.
    columns = np.c_[
        rng.normal(size=60_000),
        rng.standard_cauchy(size=60_000),
        rng.normal(size=60_000) * (rng.random(60_000) < 0.3),
    ]
    params = {
        "regularization": regularization,
        "regularization_strength": strength,
        "output_distribution": "uniform",
    }
    for X in np.hsplit(columns, 3):
        model = SoftRankTransformer(**params, rank_tolerance=1e-3)
        model = fitted_in_parts(model, X, 11)
        assert len(model.values_[0]) < 10_000
        mapped = model.transform(X)
        error = np.abs(mapped - exact_twin(model, X).transform(X)).max()
        assert error <= allowed(model)
        again = model.transform(model.inverse_transform(mapped))
        assert_allclose(again, mapped, atol=1e-9)


def test_ranks_are_exact_up_to_five_over_the_tolerance():
    X = np.random.default_rng(2).permutation(600.0 * np.arange(501))[:, np.newaxis]
    params = {"rank_tolerance": TOLERANCE, "regularization_strength": 0.0}
    for n, exact in ((500, True), (501, False)):
        model = SoftRankTransformer(**params).fit(X[:n])
        assert (len(model.values_[0]) == n) == exact
        model = fitted_in_parts(SoftRankTransformer(**params), X[:n], 5)
        assert (len(model.values_[0]) == n) == exact
    # Ties do not count.
    model = SoftRankTransformer(**params).fit(np.repeat(X[:500], 9, axis=0))
    assert len(model.values_[0]) == 500
    model = SoftRankTransformer(rank_tolerance=0.0).fit(X)
    assert len(model.values_[0]) == 501


@pytest.mark.parametrize("transformer", TRANSFORMERS)
@pytest.mark.parametrize("weights", ["none", "whole", "fractions", "equal fractions"])
def test_parts_are_as_good_as_the_whole(transformer, weights):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(90, 3)).round(1)
    X[rng.random(X.shape) < 0.1] = np.nan
    weight = {
        "none": None,
        "whole": np.maximum(rng.integers(0, 4, 90), np.arange(90) % 3 == 0),
        "fractions": rng.uniform(0.0, 2.0, 90) * (rng.random(90) < 0.8),
        "equal fractions": np.full(90, 1e-3),
    }[weights]
    whole = copy.deepcopy(transformer).fit(X, sample_weight=weight)
    for n_parts in (2, 5, 30):
        model = fitted_in_parts(transformer, X, n_parts, weight)
        assert_allclose(model.transform(X), whole.transform(X), rtol=1e-10)
        for name in ("scale_", "regularization_strength_"):
            if hasattr(whole, name):
                assert_allclose(getattr(model, name), getattr(whole, name), rtol=1e-12)
    if weights != "fractions" and transformer in SUMMARIZING:
        assert_array_equal(model.transform(X), whole.transform(X))


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_batches_whose_weights_are_whole_and_not(transformer):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 2))
    weight = np.r_[np.ones(20), np.full(20, 0.25), rng.uniform(0.1, 3.0, 20)]
    whole = copy.deepcopy(transformer).fit(X, sample_weight=weight)
    model = copy.deepcopy(transformer).partial_fit(X[:20])
    model.partial_fit(X[20:40], sample_weight=weight[20:40])
    model.partial_fit(X[40:], sample_weight=weight[40:])
    assert_allclose(model.transform(X), whole.transform(X), rtol=1e-10)


@pytest.mark.parametrize("transformer", SUMMARIZING)
def test_the_first_sample_does_not_settle_the_unit(transformer):
    X = 1e6 + 1e3 * np.random.default_rng(5).normal(size=(200, 2))
    whole = copy.deepcopy(transformer).fit(X)
    model = copy.deepcopy(transformer).partial_fit(X[:1])
    model.partial_fit(X[1:2]).partial_fit(X[2:])
    assert_array_equal(model.regularization_strength_, whole.regularization_strength_)
    assert_array_equal(model.transform(X), whole.transform(X))


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_a_fit_begins_anew_and_refused_batches_change_nothing(transformer):
    rng = np.random.default_rng(6)
    X, other = rng.normal(size=(40, 2)), rng.normal(size=(50, 3))
    model = copy.deepcopy(transformer).partial_fit(X)
    expected = model.transform(X)
    for bad, weight in ((other, None), (X + np.inf, None), (X, -np.ones(40))):
        with pytest.raises(ValueError, match=r"features|infinity|(?i:weight)"):
            model.partial_fit(bad, sample_weight=weight)
        assert_array_equal(model.transform(X), expected)
    model.fit(other)
    assert_array_equal(
        model.transform(other), copy.deepcopy(transformer).fit_transform(other)
    )


def laid_out(X, layout, path):
    if layout == "memory map":
        mapped = np.memmap(path / "rows", X.dtype, "w+", shape=X.shape)
        mapped[:] = X
        return mapped
    if layout == "array":
        return da.from_array(X, chunks=((1, 0, 99, len(X) - 100), (2, 1)))
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    return dd.from_pandas(frame, npartitions=7)


def in_memory(X, layout):
    return pd.DataFrame(X, columns=["a", "b", "c"]) if layout == "frame" else X


LAYOUTS = ["memory map", "array", "frame"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_chunks_are_as_good_as_memory(transformer, layout, weighted, tmp_path):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(500, 3)).round(2)
    X[rng.random(X.shape) < 0.05] = np.nan
    weight = rng.uniform(0.0, 2.0, 500) * (rng.random(500) < 0.8) if weighted else None
    rows = laid_out(X, layout, tmp_path)
    X = in_memory(X, layout)
    expected = copy.deepcopy(transformer).fit(X, sample_weight=weight)
    model = copy.deepcopy(transformer).fit(rows, sample_weight=weight)
    assert_allclose(model.transform(X), expected.transform(X), rtol=1e-10)
    assert model.n_features_in_ == 3
    model.partial_fit(rows, sample_weight=weight)
    expected.partial_fit(X, sample_weight=weight)
    assert_allclose(model.transform(X), expected.transform(X), rtol=1e-10)
    if weighted and layout != "memory map":
        lazy = da.from_array(weight, chunks=77)
        model.fit(rows, sample_weight=lazy)
        expected.fit(X, sample_weight=weight)
        assert_allclose(model.transform(X), expected.transform(X), rtol=1e-10)
        assert_allclose(
            model.transform(rows).compute(), expected.transform(X), rtol=1e-10
        )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("transformer", SUMMARIZING)
def test_chunks_of_many_rows_are_as_good_within_the_tolerance(
    transformer, layout, tmp_path
):
    X = np.random.default_rng(8).standard_cauchy(size=(30_000, 3))
    model = copy.deepcopy(transformer).set_params(rank_tolerance=TOLERANCE)
    if isinstance(model, SoftRankTransformer):
        model.set_params(output_distribution="uniform")
    rows, X = laid_out(X, layout, tmp_path), in_memory(X, layout)
    memory = copy.deepcopy(model).fit(X)
    chunks = copy.deepcopy(model).fit(rows)
    if layout == "memory map":
        # The same slices.
        assert_array_equal(chunks.transform(X), memory.transform(X))
    assert np.abs(chunks.transform(X) - memory.transform(X)).max() <= 2 * TOLERANCE
    # The same chunks give the same model.
    again = copy.deepcopy(model).fit(rows)
    assert_array_equal(again.transform(X), chunks.transform(X))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_bad_rows_of_chunks_are_refused(transformer, layout, tmp_path):
    X = np.random.default_rng(9).normal(size=(300, 3))
    model = copy.deepcopy(transformer)
    bad = X.copy()
    bad[250, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.fit(laid_out(bad, layout, tmp_path))
    bad[250, 1] = 1e305
    with pytest.raises(ValueError, match="X must hold numbers of magnitude at most"):
        model.fit(laid_out(bad, layout, tmp_path))
    rows = laid_out(X, layout, tmp_path)
    with pytest.raises(
        ValueError, match=r"(?i)weights must contain at least one non-z"
    ):
        model.fit(rows, sample_weight=np.zeros(300))
    with pytest.raises(ValueError, match=r"(?i)sample.?weight"):
        model.fit(rows, sample_weight=np.full(300, -1.0))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples|shape"):
        model.fit(rows, sample_weight=np.ones(299))
    assert not hasattr(model, "n_features_in_")
    twice = copy.deepcopy(transformer).fit(rows, sample_weight=2)
    X = in_memory(X, layout)
    expected = copy.deepcopy(transformer).fit(X, sample_weight=2)
    assert_allclose(twice.transform(X), expected.transform(X), rtol=1e-12)


def peak_of_fit(transformer, n_rows, path):
    """Return the model of a memory map of normal rows, and the peak of its memory."""
    rows = np.memmap(path, np.float32, "w+", shape=(n_rows, 8))
    rng = np.random.default_rng(10)
    for first in range(0, n_rows, 50_000):
        rows[first : first + 50_000] = rng.normal(size=(50_000, 8))
    model = copy.deepcopy(transformer)
    if hasattr(model, "rank_tolerance"):
        model.set_params(rank_tolerance=1e-3)
    tracemalloc.start()
    try:
        model.fit(rows)
        return model, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_memory_maps_are_never_in_memory_as_a_whole(
    transformer, tmp_path, restore_threads
):
    # Each thread has a chunk of its own, at a time that differs: look at one.
    sksoft.set_num_threads(1)
    _, peak = peak_of_fit(transformer, 400_000, tmp_path / "rows")
    model, peak_of_more = peak_of_fit(transformer, 1_200_000, tmp_path / "more rows")
    assert peak < 400_000 * 8 * np.dtype(np.float64).itemsize
    # What is kept of the other chunks, until it is merged, are their summaries.
    assert peak_of_more - peak < 0.25 * 800_000 * 8 * np.dtype(np.float32).itemsize
    assert len(pickle.dumps(model)) < 2e6


def test_models_of_many_rows_are_small():
    X = np.random.default_rng(11).normal(size=(300_000, 1))
    for transformer in SUMMARIZING:
        model = copy.deepcopy(transformer).fit(X)
        assert len(pickle.dumps(model)) < 0.6 * X.nbytes
        # The tolerance is a share of the rows, so more rows do not make it larger.
        more = copy.deepcopy(model).partial_fit(X + 1e-7).partial_fit(X - 1e-7)
        assert len(pickle.dumps(more)) < 1.5 * len(pickle.dumps(model)) + 1e6


@pytest.mark.parametrize(
    "transformer",
    [
        SoftQuantileTransformer(n_quantiles=None),
        SoftRankTransformer(regularization_strength=20.0),
        SoftRankTransformer(regularization_strength=20.0, regularization="entropic"),
    ],
)
def test_smooth_functions_need_few_points_beside_the_values_kept(transformer):
    # Between values that lie far from each other by chance, too, they rise in a line.
    X = np.random.default_rng(14).normal(size=(40_000, 1))
    model = copy.deepcopy(transformer).set_params(rank_tolerance=1e-3).fit(X)
    points = [v for v in model.values_[0] if v not in X]
    assert len(points) < 0.02 * len(model.values_[0])
