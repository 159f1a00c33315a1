# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Dask arrays in, lazy Dask arrays out, equal to what NumPy arrays give."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sksoft
from sksoft import (
    jvp,
    losses,
    sequence,
    soft_median,
    soft_median_of_means,
    soft_quantile,
    soft_quantile_normalize,
    soft_rank,
    soft_sort,
    soft_spearmanr,
    soft_topk,
    strength_bounds,
    vjp,
)
from sksoft.operators import _dask

da = pytest.importorskip("dask.array")

OPERATORS = [
    (soft_rank, "l2"),
    (soft_rank, "entropic"),
    (soft_rank, "kl"),
    (soft_sort, "l2"),
    (soft_sort, "entropic"),
]
every_operator = pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
CHUNKS = [(4, 6, 5), (2, 3, 2), (1, 6, 1), (4, 1, 5), ((1, 3), (2, 4), (5,))]


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 6, 5))


def check(lazy, expected):
    assert isinstance(lazy, da.Array)
    assert lazy.shape == expected.shape
    assert lazy.dtype == expected.dtype
    computed = lazy.compute(scheduler="synchronous")
    assert computed.dtype == expected.dtype
    assert_array_equal(computed, expected)


@every_operator
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("axis", [-1, 0, 1, 2, -2, -3])
def test_chunks_and_axes(operator, regularization, chunks, axis, x):
    params = {
        "axis": axis,
        "regularization": regularization,
        "regularization_strength": 0.3,
        "descending": True,
    }
    check(operator(da.from_array(x, chunks), **params), operator(x, **params))


@every_operator
@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_dtypes(operator, regularization, dtype, x):
    x = (3 * x).astype(dtype)
    params = {"regularization": regularization}
    check(operator(da.from_array(x, 2), **params), operator(x, **params))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("kind", ["batch", "row", "grid"])
@pytest.mark.parametrize("lazy", [False, True])
def test_grids_of_strengths(axis, kind, lazy, x, rng):
    batch = np.moveaxis(x, axis, -1).shape[:-1]
    shape = {"batch": batch, "row": batch[1:], "grid": (3, 1, 1)}[kind]
    strengths = rng.uniform(0.01, 1.0, shape)
    for operator in (soft_rank, soft_sort):
        expected = operator(x, axis=axis, regularization_strength=strengths)
        given = da.from_array(strengths, 2) if lazy else strengths
        check(
            operator(da.from_array(x, 2), axis=axis, regularization_strength=given),
            expected,
        )


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["weights", "targets"])
@pytest.mark.parametrize("lazy", [False, True])
def test_vectors(axis, name, lazy, x, rng):
    for shape in (x.shape, (x.shape[axis],)):
        vector = rng.uniform(0.5, 2.0, shape)
        params = {"axis": axis, "regularization_strength": 0.3}
        expected = soft_rank(x, **{name: vector}, **params)
        given = da.from_array(vector, 2) if lazy else vector
        check(soft_rank(da.from_array(x, 2), **{name: given}, **params), expected)


@every_operator
def test_nothing_is_computed(operator, regularization):
    def fail(block):
        raise RuntimeError("computed")

    x = da.zeros((4, 6), chunks=2).map_blocks(fail, dtype=float, meta=np.empty((0, 0)))
    lazy = operator(x, regularization=regularization)
    assert lazy.shape == (4, 6)
    with pytest.raises(RuntimeError, match="computed"):
        lazy.compute(scheduler="synchronous")


@pytest.mark.parametrize("operator", [soft_rank, soft_sort])
def test_what_is_refused(operator, x):
    lazy = da.from_array(x, 2)
    for function in (vjp, strength_bounds):
        with pytest.raises(TypeError, match=r"x .*Dask arrays are not offered"):
            function(operator, lazy)
    with pytest.raises(TypeError, match=r"x .*Dask arrays are not offered"):
        jvp(operator, lazy, x)
    with pytest.raises(ValueError, match=r"axis must be in \[-3, 2\].*got 3"):
        operator(lazy, axis=3)
    with pytest.raises(TypeError, match="axis must be an integer, got None"):
        operator(lazy, axis=None)
    with pytest.raises(TypeError, match="strength"):
        operator(lazy, strength=1.0)
    with pytest.raises(ValueError, match=r"x must hold finite numbers.*nan"):
        operator(lazy * np.nan).compute(scheduler="synchronous")


@pytest.mark.parametrize(
    ("operator", "args", "params", "error", "message"),
    [
        (soft_rank, (), {"method": "magic"}, ValueError, "method.*'magic'"),
        (soft_rank, (), {"regularization_strength": -1.0}, ValueError, "got -1.0"),
        (soft_rank, (), {"regularization_strength": [-1.0] * 6}, ValueError, "-1.0"),
        (soft_rank, (), {"descending": "yes"}, TypeError, "descending.*'yes'"),
        (soft_rank, (), {"weights": np.ones(4)}, ValueError, r"weights.*5.*\(4,\)"),
        (soft_rank, (), {"weights": -np.ones(5)}, ValueError, "weights.*-1.0"),
        (soft_rank, (), {"targets": da.ones((1, 4))}, ValueError, "targets.*5"),
        (soft_topk, (9,), {}, ValueError, "k must lie between 0 and.*5, got 9"),
        (soft_topk, ([2] * 5 + [9],), {}, ValueError, "k must lie.*5, got 9"),
        (soft_quantile, (2.0,), {}, ValueError, "q must lie.*2.0"),
        (soft_median, (), {"keepdims": 3}, TypeError, "keepdims.*3"),
        (soft_median_of_means, (9,), {}, ValueError, "n_groups.*5, got 9"),
        (soft_spearmanr, (np.ones(3),), {}, ValueError, r"y must have.*\(3,\)"),
        (soft_quantile_normalize, (), {}, TypeError, "target must be given.*Dask"),
        (soft_quantile_normalize, ([],), {}, ValueError, "target must be a non-empty"),
    ],
)
def test_wrong_arguments_are_reported_at_once(
    operator, args, params, error, message, x
):
    with pytest.raises(error, match=message):
        operator(da.from_array(x, 2), *args, **params)


def test_wrong_arrays_are_reported_at_once(x):
    lazy = da.from_array(x, 2)
    for dtype in (complex, object, "S1"):
        with pytest.raises(TypeError, match="x must hold real numbers"):
            soft_rank(lazy.astype(dtype))
    with pytest.raises(ValueError, match="x must have at least one dimension"):
        soft_rank(lazy.sum())


def test_rows_of_unknown_number(x):
    rows = x.reshape(-1, 5)
    lazy = da.from_array(rows, (3, 5))
    lazy, kept = lazy[lazy[:, 0] > 0.0], rows[rows[:, 0] > 0.0]
    computed = soft_rank(lazy).compute(scheduler="synchronous")
    assert_array_equal(computed, soft_rank(kept))
    with pytest.raises(ValueError, match=r"x must have a known.*compute_chunk_sizes"):
        soft_rank(lazy, axis=0)


REQUIRED = {
    "rank_distribution": {"sigma": 1.0},
    "soft_ecdf": {"points": 1.0},
    "soft_median_of_means": {"n_groups": 2},
    "soft_quantile": {"q": 0.5},
    "soft_spearmanr": {"y": [1.0, 2.0, 3.0]},
    "soft_topk": {"k": 1},
    "soft_topk_sorted": {"k": 1},
    "soft_trimmed_mean": {"proportiontocut": 0.2},
    "superquantile": {"q": 0.5},
}


all_operators = pytest.mark.parametrize(
    "operator",
    [
        getattr(sksoft.operators, name)
        for name in sksoft.operators.__all__
        if name not in ("jvp", "strength_bounds", "vjp")
    ],
    ids=lambda operator: operator.__name__,
)


@all_operators
def test_large_chunks_are_told(operator, monkeypatch):
    name = operator.__name__
    required = REQUIRED.get(name, {})
    if name == "soft_quantile_normalize":
        required = {"target": [1.0, 2.0]}
    monkeypatch.setattr(_dask, "LARGEST_CHUNK", 3 * 8)
    # One row of three fits; two do not.
    told = rf"^{name} works on whole rows along axis 0 of x, .* 3 chunks"
    with pytest.warns(UserWarning, match=told) as caught:
        operator(da.zeros((3, 2), chunks=(1, 2)), axis=0, **required)
    assert caught[0].filename == __file__
    assert "x.rechunk({0: -1, 1: 'auto'})" in str(caught[0].message)
    operator(da.zeros((3, 2), chunks=1), axis=0, **required)
    # Chunks that the caller made already are no news.
    operator(da.zeros((3, 2), chunks=3), axis=0, **required)


def test_sizes_of_chunks_that_are_told(monkeypatch):
    # Nothing is computed.
    x = da.zeros((1_000_000, 1000), dtype=np.float32, chunks=(1000, 1000))
    with pytest.warns(UserWarning, match="1000 chunks there: .* chunk of 4000 MB"):
        soft_median(x, axis=0)
    soft_median(x[:, :70].rechunk((1000, 70)), axis=0)
    monkeypatch.setattr(_dask, "LARGEST_CHUNK", 5_000_000)
    x = da.zeros((10, 1_000_000), chunks=(10, 100))
    with pytest.warns(UserWarning, match=r"of 80 MB .* A single row takes 8 MB: apply"):
        soft_rank(x)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (sequence.viterbi, (np.zeros((3, 3)),)),
        (sequence.beam_search, (np.zeros((3, 3)), 2)),
        (losses.soft_spearman_loss, (np.arange(6.0).reshape(2, 3),)),
        (losses.topk_cross_entropy_loss, ([0, 1],)),
    ],
)
def test_what_is_no_operator_takes_arrays_in_memory(function, args):
    with pytest.raises(TypeError, match=r"(scores|emissions) must be in memory, got a"):
        function(da.zeros((2, 3), chunks=1), *args)
    with pytest.raises(TypeError, match=r"weights must be in memory.*weights.compute"):
        soft_rank(np.zeros(3), weights=da.ones(3))


@all_operators
def test_arguments_that_are_cut_with_the_rows_are_declared(operator):
    required = REQUIRED.get(operator.__name__, {})
    call = operator.bind([3.0, 1.0, 2.0], **required)
    call = getattr(call, "call", call)
    assert set(operator.per_row) == call.scalars.keys()
    names = inspect.signature(operator).parameters
    assert set(operator.per_entry) == names.keys() & {"weights", "targets", "y"}


def test_threads_of_dask(x):
    rows = np.tile(x.reshape(-1), (64, 100))
    expected = soft_rank(rows, regularization_strength=0.01)
    lazy = soft_rank(da.from_array(rows, (8, -1)), regularization_strength=0.01)
    assert_array_equal(lazy.compute(scheduler="threads"), expected)
