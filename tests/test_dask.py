# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Dask arrays in, lazy Dask arrays out, equal to what NumPy arrays give."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sksoft import jvp, soft_rank, soft_sort, strength_bounds, vjp

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


def test_threads_of_dask(x):
    rows = np.tile(x.reshape(-1), (64, 100))
    expected = soft_rank(rows, regularization_strength=0.01)
    lazy = soft_rank(da.from_array(rows, (8, -1)), regularization_strength=0.01)
    assert_array_equal(lazy.compute(scheduler="threads"), expected)
