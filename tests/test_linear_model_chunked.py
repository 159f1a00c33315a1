# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Trimmed regression by chunks: in memory, on memory maps and on Dask collections."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

import sksoft
from sksoft import _chunks, _selection
from sksoft._chunks import row_chunks
from sksoft._selection import expected_ranges, order_statistics, quantiles
from sksoft._weighted import weighted_quantile
from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
    _chunked_rows,
)
from sksoft.linear_model._chunked_mm import mm_fit_in_chunks
from sksoft.linear_model._chunked_rows import chunked_designs, training_rows
from sksoft.linear_model._leverage import Leverage

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

N_ROWS = 2000
BOTH = [LeastTrimmedSquaresRegressor, LeastTrimmedAbsoluteRegressor]
# Attributes that have no entry for each row.
SUMS = [
    "coef_",
    "intercept_",
    "scale_",
    "regularization_strength_",
    "objective_",
    "outlier_threshold_",
    "standard_errors_",
    "breakdown_point_",
    "_quantiles",
    "_n_outlying",
]


@pytest.fixture
def small_chunks(monkeypatch):
    """Let small data count as large, and cut them into many pieces."""
    monkeypatch.setattr(_chunked_rows, "MEMORY_SIZE", 0)
    monkeypatch.setattr(_chunked_rows, "SAMPLE_SIZE", 800)
    monkeypatch.setattr(_chunks, "PIECE_ENTRIES", 1000)
    monkeypatch.setattr(_chunks, "BLOCK_ENTRIES", 3000)
    monkeypatch.setattr(_selection, "MAX_SORTED", 30)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 3)) * [1, 10, 0.1] + [0, 5, 0]
    y = X @ [1.0, -2.0, 3.0] + 4 + rng.normal(size=N_ROWS)
    wrong = rng.random(N_ROWS) < 0.2
    y[wrong] += 30
    return X, y


def weights(kind):
    rng = np.random.default_rng(1)
    return {
        "unit": None,
        "whole": rng.integers(0, 3, N_ROWS).astype(np.float64),
        "real": rng.random(N_ROWS) * (rng.random(N_ROWS) < 0.9),
    }[kind]


def memory_map(X, y, w, path):
    arrays = []
    for name, values in {"X": X, "y": y, "w": w}.items():
        if values is not None:
            np.save(path / name, values)
            values = np.load(path / f"{name}.npy", mmap_mode="r")
        arrays.append(values)
    return arrays


def uneven(X, y, w, _):
    X = da.from_array(X, chunks=((1, 0, 99, len(X) - 100), (2, 1)))
    return X, da.from_array(y, chunks=700), w


def short(X, y, w, _):
    return da.from_array(X, chunks=(57, 3)), y, None if w is None else da.from_array(w)


def frame(X, y, w, _):
    columns = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=y)
    if w is not None:
        columns["w"] = w
    columns = dd.from_pandas(columns, npartitions=5)
    # Sizes of partitions that are filtered are not known.
    columns = columns[columns["a"] > -np.inf]
    return columns[["a", "b", "c"]], columns["y"], None if w is None else columns["w"]


KINDS = [memory_map, uneven, short, frame]


def assert_same(found, expected, rtol=1e-9):
    for name in SUMS:
        np.testing.assert_allclose(
            getattr(found, name),
            getattr(expected, name),
            rtol=rtol,
            atol=rtol,
            err_msg=name,
        )
    for name in ("sample_weights_", "outlier_mask_"):
        np.testing.assert_allclose(
            np.asarray(getattr(found, name), dtype=np.float64),
            getattr(expected, name),
            rtol=rtol,
            atol=10 * rtol,
            err_msg=name,
        )
    assert found.n_iter_ == expected.n_iter_
    assert found.summary().splitlines()[0] == expected.summary().splitlines()[0]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", ["unit", "whole", "real"])
@pytest.mark.parametrize("estimator", BOTH)
def test_where_the_rows_are_does_not_matter(estimator, weighted, kind, data, tmp_path):
    w = weights(weighted)
    model = estimator(random_state=0, alpha=2.0)
    expected = clone(model).fit(*data, w)
    found = clone(model).fit(*kind(*data, w, tmp_path))
    assert_same(found, expected)
    lazy = da.Array if kind is not memory_map else np.ndarray
    assert isinstance(found.sample_weights_, lazy)
    assert isinstance(found.outlier_mask_, lazy)
    if kind is frame:
        assert list(found.feature_names_in_) == ["a", "b", "c"]


PARAMETERS = [
    {},
    {"reweight": False},
    {"regularization": "entropic"},
    {"regularization_strength": 0.0},
    {"regularization_strength": np.inf},
    {"trim_fraction": 0.0},
    {"fit_intercept": False},
    {"starts": "ols"},
    {"starts": [[1.0, -2.0, 3.0, 4.0]]},
    {"alpha": 100.0},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
@pytest.mark.parametrize("weighted", ["unit", "real"])
@pytest.mark.parametrize("estimator", BOTH)
def test_chunks_find_what_the_fit_in_memory_finds(
    estimator, weighted, parameters, data, request
):
    # Few rows: both find an optimum next to their own hard fit.
    w = weights(weighted)
    model = estimator(random_state=0, **parameters)
    expected = clone(model).fit(*data, w)
    request.getfixturevalue("small_chunks")
    found = clone(model).fit(*data, w)
    error = np.atleast_2d(expected.standard_errors_)[0]
    if expected.intercept_ == 0:
        error = error[:3]
    difference = np.append(found.coef_ - expected.coef_, found.intercept_)
    difference[-1] -= expected.intercept_
    robust = parameters.get("regularization_strength") != np.inf
    close = 0.3 if robust else 1e-4
    assert (np.abs(difference[: len(error)]) <= close * error).all()
    assert found.scale_ == pytest.approx(expected.scale_, rel=0.05)
    assert found.breakdown_point_ == pytest.approx(
        expected.breakdown_point_, nan_ok=True
    )
    np.testing.assert_allclose(
        found.standard_errors_, expected.standard_errors_, rtol=0.1
    )


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("reweight", [False, True])
def test_one_row_in_a_chunk(reweight, data):
    X, y = (values[:300] for values in data)
    model = LeastTrimmedSquaresRegressor(random_state=0, reweight=reweight)
    expected = clone(model).fit(X, y)
    assert_same(clone(model).fit(da.from_array(X, chunks=(1, 3)), y), expected)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("estimator", BOTH)
def test_whole_weights_are_repetitions(estimator, data):
    X, y = data
    w = weights("whole").astype(int)
    # Without trimming the sample has no say in the fit.
    model = estimator(random_state=0, trim_fraction=0.0, alpha=3.0, tol=1e-9)
    weighted = clone(model).fit(X, y, w)
    repeated = clone(model).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-6)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-6)
    np.testing.assert_allclose(
        weighted.standard_errors_, repeated.standard_errors_, rtol=1e-6
    )
    np.testing.assert_allclose(weighted._quantiles, repeated._quantiles, rtol=1e-5)


@pytest.mark.usefixtures("small_chunks")
def test_only_ratios_of_weights_count(data):
    w = weights("real")
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(*data, w)
    for factor in (1e-200, 1e200):
        found = LeastTrimmedSquaresRegressor(random_state=0).fit(*data, w * factor)
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("strength", [0.0, 3.0])
@pytest.mark.parametrize("weighted", ["unit", "whole", "real"])
def test_ties_at_the_threshold(weighted, strength):
    # Each row 20 times: kept and dropped rows are tied at the boundary.
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(N_ROWS // 20, 2)), 20, axis=0)
    y = X @ [2.0, 1.0] + np.repeat(rng.normal(size=N_ROWS // 20), 20)
    w = weights(weighted)
    model = LeastTrimmedSquaresRegressor(
        trim_fraction=0.3337,
        regularization_strength=strength,
        reweight=False,
        random_state=0,
    )
    expected = clone(model).fit(X, y, w)
    found = clone(model).fit(da.from_array(X, chunks=(307, 2)), y, w)
    assert_same(found, expected, 1e-7)
    counts = np.ones(N_ROWS) if w is None else w
    if weighted == "real":
        counts = counts / counts[counts > 0].mean()
    kept = counts.sum() - np.floor(0.3337 * counts.sum())
    assert counts @ found.sample_weights_.compute() == pytest.approx(kept, rel=1e-9)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("estimator", BOTH)
def test_rows_on_a_plane(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 3))
    y = X @ [1.0, 2.0, 3.0] - 5
    y[:800] = rng.normal(size=800) * 100
    for rows in (X, da.from_array(X, chunks=(450, 3))):
        model = estimator(random_state=0).fit(rows, y)
        np.testing.assert_allclose(model.coef_, [1.0, 2.0, 3.0], rtol=1e-10)
        assert model.scale_ == 0
        assert np.asarray(model.outlier_mask_).sum() == 800


@pytest.mark.usefixtures("small_chunks")
def test_constant_and_repeated_columns(data):
    X, y = data
    X = np.column_stack([X, X[:, 0], np.full(N_ROWS, 7.0), np.zeros(N_ROWS)])
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    lazy = da.from_array(X, chunks=(311, 6))
    found = LeastTrimmedSquaresRegressor(random_state=0).fit(lazy, y)
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-7)
    for model in (expected, found):
        assert np.isfinite(model.coef_).all()
        assert model.coef_[5] == 0
        np.testing.assert_allclose(model.coef_[0] + model.coef_[3], 1.0, atol=0.1)


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_features_far_from_zero_and_gross_leverage(shift, data, request):
    X, y = data
    X = X + shift
    X[:100, 1] = 1e200
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    request.getfixturevalue("small_chunks")
    lazy = da.from_array(X, chunks=(450, 3))
    found = LeastTrimmedSquaresRegressor(random_state=0).fit(lazy, y)
    error = expected.standard_errors_[:3]
    assert (np.abs(found.coef_ - expected.coef_) <= 0.3 * error).all()
    assert found.scale_ == pytest.approx(expected.scale_, rel=0.05)


@pytest.mark.usefixtures("small_chunks")
def test_several_targets_and_single_precision(data):
    X, y = data
    Y = np.column_stack([y, -3 * y + 1])
    X = X.astype(np.float32)
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, Y)
    lazy = da.from_array(X, chunks=(400, 3))
    found = LeastTrimmedSquaresRegressor(random_state=0).fit(lazy, da.from_array(Y))
    assert found.coef_.dtype == np.float32
    assert found.sample_weights_.shape == (N_ROWS, 2)
    assert_same(found, expected, 1e-6)
    np.testing.assert_allclose(found.coef_[1], -3 * found.coef_[0], rtol=1e-4)


@pytest.mark.usefixtures("small_chunks")
def test_worse_leverage_is_told_in_chunks(data):
    X, y = data
    X, y = X.copy(), y.copy()
    X[:200, 0] += 8
    y[:200] += 5
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    lazy = da.from_array(X, chunks=(333, 3))
    assert_same(LeastTrimmedSquaresRegressor(random_state=0).fit(lazy, y), expected)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("n_wrong", [15, 100])
def test_weights_of_the_last_step_are_repetitions(n_wrong, monkeypatch):
    # The sample, which tells the units, is all rows.
    monkeypatch.setattr(_chunked_rows, "SAMPLE_SIZE", 10_000)
    rng = np.random.default_rng(0)
    X, errors = rng.normal(size=(1500, 3)), rng.normal(size=1500)
    errors[:n_wrong] += 5.0 + rng.exponential(6.0, size=n_wrong)
    X[:100, 0] += 9.0
    # Weights that follow the errors change the share of wrong rows, and their median.
    w = np.where(np.abs(errors) > 8.0, 3, 1) + (np.arange(1500) % 2)
    start = np.array([0.1, 0.2, 0.3, 0.0])

    def fit(X, y, w):
        rows = training_rows(X, y, w, "Regressor")
        (design,) = chunked_designs(rows, True, 0.0, True, np.random.RandomState(0))
        leverage = Leverage(np.zeros(3), np.eye(3), 16.0)
        fit = mm_fit_in_chunks(design, start, 0.6, leverage, 0.95)
        return fit.coef, fit.scale, fit.rule.cutoff, fit.rule.posterior

    y = X @ [1.0, 2.0, 3.0] * 0.3 + errors
    weighted = fit(X, y, w.astype(float))
    repeated = fit(np.repeat(X, w, axis=0), np.repeat(y, w), None)
    for found, expected in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("distance", [30.0, 1e3, 1e5])
def test_last_step_descends_where_a_good_row_of_high_leverage_returns(distance):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 3)), rng.normal(size=2000)
    X[0] *= distance
    rows = training_rows(X, y, None, "Regressor")
    (design,) = chunked_designs(rows, True, 0.0, True, np.random.RandomState(0))
    start = np.array([*np.full(3, 0.05 / distance), 0.05])
    known = mm_fit_in_chunks(design, start, 1.5, None, 0.95)
    few = np.column_stack([X[1:] - design.units.location, np.ones(1999)])
    few[:, :3] /= design.units.scale
    inverse = np.linalg.inv(few.T @ few / len(few))
    found = mm_fit_in_chunks(design, start, 1.5, None, 0.95, inverse)
    np.testing.assert_allclose(found.coef, known.coef, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.scale, known.scale, rtol=1e-6)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("reweight", [False, True])
def test_lazy_entries_are_pickled_with_the_model(reweight, data):
    X, y = data
    lazy = da.from_array(X, chunks=(450, 3))
    model = LeastTrimmedSquaresRegressor(random_state=0, reweight=reweight)
    model.fit(lazy, y)
    copied = pickle.loads(pickle.dumps(model))
    for name in ("sample_weights_", "outlier_mask_"):
        np.testing.assert_array_equal(
            getattr(copied, name).compute(), getattr(model, name).compute()
        )


def test_few_rows_of_a_collection_are_fitted_as_in_memory(data):
    X, y = data
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    lazy = da.from_array(X, chunks=(700, 3))
    found = LeastTrimmedSquaresRegressor(random_state=0).fit(lazy, da.from_array(y))
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert isinstance(found.outlier_mask_, da.Array)
    assert found.outlier_mask_.chunks == ((700, 700, 600),)
    np.testing.assert_array_equal(found.outlier_mask_.compute(), expected.outlier_mask_)


def bad_entry(X, y, w):
    X = X.copy()
    X[1234, 1] = np.nan
    return X, y, w


def bad_target(X, y, w):
    y = y.copy()
    y[3] = np.inf
    return X, y, w


def bad_weight(X, y, w):
    w = w.copy()
    w[-1] = -1
    return X, y, w


def no_weight(X, y, w):
    return X, y, 0 * w


def fewer_targets(X, y, w):
    return X, y[1:], w


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (bad_entry, "Input X contains NaN"),
        (bad_target, "Input y contains infinity"),
        (bad_weight, "Negative values in data passed to `sample_weight`"),
        (no_weight, "at least one non-zero number"),
        (fewer_targets, r"inconsistent numbers of samples: \[2000, 1999\]"),
    ],
)
def test_bad_rows_are_told_as_in_memory(spoil, message, lazy, data, monkeypatch):
    X, y, w = spoil(*data, weights("real"))
    if lazy:
        X = da.from_array(X, chunks=(500, 3))
    model = LeastTrimmedSquaresRegressor()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, w)
    assert not hasattr(model, "coef_")


@pytest.mark.usefixtures("small_chunks")
def test_a_chunk_that_fails_ends_the_fit(data):
    X, y = data

    def load(block, block_id=None):
        if block_id[0] == 2:
            raise OSError("disk of chunk 2")
        return block

    lazy = da.from_array(X, chunks=(500, 3)).map_blocks(load, dtype=X.dtype)
    model = LeastTrimmedSquaresRegressor(random_state=0)
    with pytest.raises(OSError, match="disk of chunk 2"):
        model.fit(lazy, y)
    assert not hasattr(model, "coef_")


@pytest.mark.usefixtures("small_chunks")
def test_frames_in_memory_keep_their_names(data):
    X, y = data
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = LeastTrimmedSquaresRegressor(random_state=0).fit(frame, pd.Series(y))
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert model.predict(frame).shape == y.shape
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)


@pytest.mark.usefixtures("small_chunks")
def test_whole_numbers_are_features_too(data):
    X, y = data
    X = np.rint(X * 10)
    expected = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    found = LeastTrimmedSquaresRegressor(random_state=0).fit(X.astype(np.int16), y)
    assert_same(found, expected)


@pytest.mark.usefixtures("small_chunks")
def test_warm_starts_and_printed_iterations(data):
    X, y = data
    lazy = da.from_array(X, chunks=(600, 3))
    model = LeastTrimmedSquaresRegressor(random_state=0, warm_start=True, verbose=1)
    first = model.fit(lazy, y).objective_
    assert model.fit(lazy, y).objective_ == pytest.approx(first, rel=1e-3)


def test_what_cannot_be_chunked_is_refused(data):
    X, y = data
    lazy = da.from_array(X)
    thin = lazy.map_blocks(sparse.csr_array)
    with pytest.raises(TypeError, match=r"dense chunks, .* rows.toarray\(\)"):
        LeastTrimmedSquaresRegressor().fit(thin, y)
    with pytest.raises(TypeError, match=r"formulation='sort' takes data in memory"):
        LeastTrimmedSquaresRegressor(formulation="sort").fit(lazy, y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        LeastTrimmedSquaresRegressor().fit(lazy, None)


def test_memory_of_a_fit_is_that_of_its_chunks(tmp_path, restore_threads):
    # Each thread has a chunk of its own, at a time that differs: look at one.
    sksoft.set_num_threads(1)
    n_rows, n_features = 400_000, 8
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", "w+", np.float64, (n_rows, n_features)
    )
    rng = np.random.default_rng(0)
    y = np.empty(n_rows)
    for first in range(0, n_rows, 50_000):
        block = rng.normal(size=(50_000, n_features))
        X[first : first + 50_000] = block
        y[first : first + 50_000] = block.sum(axis=1) + rng.normal(size=50_000)
    model = LeastTrimmedSquaresRegressor(random_state=0, n_starts=100)
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_allclose(model.coef_, 1, atol=0.01)
    # Weights and outliers are 9 bytes a row; the sample and its search are the rest.
    assert peak - 9 * n_rows < X.nbytes / 2
    small = tracemalloc_peak_of_search(n_features)
    assert peak - 9 * n_rows < small + 10e6


def tracemalloc_peak_of_search(n_features):
    """Return the peak memory of a fit of the size of a sample, in memory."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(_chunked_rows.sample_size(n_features + 1), n_features))
    model = LeastTrimmedSquaresRegressor(random_state=0, n_starts=100)
    tracemalloc.start()
    model.fit(X, X.sum(axis=1) + rng.normal(size=len(X)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("seed", range(30))
def test_order_statistics_are_exact(seed, monkeypatch):
    monkeypatch.setattr(_selection, "MAX_SORTED", 5)
    monkeypatch.setattr(_chunks, "BLOCK_ENTRIES", 500)
    monkeypatch.setattr(_chunks, "PIECE_ENTRIES", 100)
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 2000))
    values = [
        rng.normal(size=n),
        rng.integers(-3, 4, n).astype(np.float64),
        rng.choice([0.0, -0.0, 1e-300, 1e300, -1.0], n),
    ][seed % 3]
    w = [None, rng.integers(1, 4, n).astype(np.float64), rng.random(n) + 0.01][
        seed // 3 % 3
    ]
    counts = np.ones(n) if w is None else w
    chunks = row_chunks(values[:, None], w)

    def column(X, w):
        return X[:, 0], w

    q = np.array([0.1, 0.5, rng.random()])
    sampled = rng.integers(0, n, min(n, 50))
    ranges = expected_ranges(values[sampled], q, None if w is None else w[sampled])
    found = quantiles(chunks.reduce, column, q, counts.sum(), ranges)
    np.testing.assert_array_equal(found, weighted_quantile(values, q, w))
    mass = rng.random() * counts.sum()
    (found,) = order_statistics(
        chunks.reduce, column, [mass], counts.sum(), [(5.0, 6.0)]
    )
    order = np.argsort(values)
    expected = values[order][np.argmax(np.cumsum(counts[order]) >= mass)]
    assert found.value == expected
    assert found.below == pytest.approx(counts[values < expected].sum(), abs=1e-9)
    assert found.tied == pytest.approx(counts[values == expected].sum())
