# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all operators share: axes, batches, dtypes, inputs left alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal

from sksoft import jvp, soft_rank, soft_sort, strength_bounds, vjp

OPERATORS = [
    (soft_rank, "l2"),
    (soft_rank, "entropic"),
    (soft_rank, "kl"),
    (soft_sort, "l2"),
    (soft_sort, "entropic"),
]
every_operator = pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
STRENGTH = 0.4


def bound_params(regularization, **params):
    params.setdefault("regularization_strength", STRENGTH)
    return {"regularization": regularization, **params}


def everything(operator, x, g, tangent, **params):
    """Return value, gradients and pushforward."""
    value, pullback = vjp(operator, x, wrt=("x", "regularization_strength"), **params)
    return [value, *pullback(g), jvp(operator, x, tangent, **params)[1]]


# --- axes and batches --------------------------------------------------------------


@every_operator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("strength", [0.01, 0.4, 30.0])
def test_many_short_rows_are_what_each_is_alone(
    operator, regularization, dtype, strength
):
    # To the last bit, whatever works on many rows side by side.
    rng = np.random.default_rng(0)
    params = bound_params(regularization, regularization_strength=strength)
    for n in (1, 2, 3, 7, 10, 16, 17):
        x, g, t = rng.normal(size=(3, 40, n)).astype(dtype)
        x[20:] = np.round(x[20:])
        together = everything(operator, x, g, t, **params)
        for i in range(len(x)):
            alone = everything(operator, x[i], g[i], t[i], **params)
            for place in (0, 1, 3):
                assert_array_equal(together[place][i], alone[place])


@every_operator
@given(data=st.data())
def test_any_axis_and_batch(operator, regularization, data):
    shape = data.draw(array_shapes(min_dims=1, max_dims=4, max_side=4))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x, g, t = data.draw(
        arrays(np.float64, (3, *shape), elements=st.floats(-9, 9), fill=st.nothing())
    )
    descending = data.draw(st.booleans())
    params = bound_params(regularization, descending=descending)
    actual = everything(operator, x, g, t, axis=axis, **params)
    actual[2] = float(actual[2])
    rows = [np.moveaxis(a, axis, -1).reshape(-1, shape[axis]) for a in (x, g, t)]
    by_row = [everything(operator, *row, **params) for row in zip(*rows, strict=True)]
    for place in (0, 1, 3):
        expected = np.stack([result[place] for result in by_row])
        moved = np.moveaxis(actual[place], axis, -1).reshape(expected.shape)
        assert_array_equal(moved, expected)
    assert actual[0].shape == actual[1].shape == actual[3].shape == shape
    assert_allclose(actual[2], sum(float(result[2]) for result in by_row), atol=1e-9)


@every_operator
@pytest.mark.parametrize("n", [3, 10, 300, 20_000])
def test_rows_are_independent(operator, regularization, n, rng):
    # Property 27, bit for bit: a batch changes no row of it.
    a, b, c = rng.normal(size=(3, n))
    for strength in (0.0, 1e-3, 0.1, 10.0):
        params = bound_params(regularization, regularization_strength=strength)
        alone = everything(operator, a, b, c, **params)
        both = everything(
            operator, *([[v, w] for v, w in ((a, c), (b, a), (c, b))]), **params
        )
        for place in (0, 1, 3):
            assert_array_equal(both[place][0], alone[place])


@every_operator
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3), (1,), (4, 1)])
def test_empty_and_single(operator, regularization, shape):
    x = np.full(shape, 2.5)
    for strength in (0.0, 1.0):
        params = bound_params(regularization, regularization_strength=strength)
        value, by_x, by_strength, moved = everything(operator, x, x, x, **params)
        assert value.shape == by_x.shape == moved.shape == shape
        assert by_strength == 0.0
        if operator is soft_sort:
            assert_array_equal(value, x)
            assert_array_equal(by_x, x)
        else:
            assert_array_equal(value, np.ones(shape))
            assert_array_equal(by_x, np.zeros(shape))
        for axis in range(len(shape)):
            assert operator(x, axis=axis, **params).shape == shape
    if operator is soft_rank:
        params = bound_params(regularization)
        ones = np.ones(shape)
        assert_allclose(soft_rank(x, weights=ones, **params), ones)
        assert_allclose(soft_rank(x, targets=ones, **params), ones)
    for bound in strength_bounds(operator, x, regularization=regularization):
        assert bound.shape == shape[:-1]


# --- dtypes and memory -------------------------------------------------------------


@every_operator
@pytest.mark.parametrize("n", [1, 7, 100, 400])
def test_float32_is_the_double_result_rounded(operator, regularization, n, rng):
    for scale in (1e-30, 1.0, 1e30):
        x = (scale * rng.normal(size=(5, n))).astype(np.float32)
        x[0, : n // 2] = x[0, 0]
        g, t = rng.normal(size=(2, 5, n)).astype(np.float32)
        wide = [a.astype(np.float64) for a in (x, g, t)]
        unit = scale if operator is soft_rank else 1.0 / scale
        for strength in (0.0, 1e-4 * unit, 0.3 * unit, 20.0 * unit):
            params = bound_params(regularization, regularization_strength=strength)
            narrow = everything(operator, x, g, t, **params)
            double = everything(operator, *wide, **params)
            for place in (0, 1, 3):
                assert narrow[place].dtype == np.float32
                assert_array_equal(narrow[place], double[place].astype(np.float32))
            assert_allclose(narrow[2], double[2], rtol=1e-12)


@every_operator
@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        np.int64,
        np.int8,
        np.uint16,
        np.float16,
        np.dtype(">f8").type,
        pd.Series,
    ],
)
def test_other_inputs_become_float64(operator, regularization, convert):
    numbers = [3, 1, 2, 2, 7]
    x = (
        np.array(numbers, convert)
        if isinstance(convert, type) and issubclass(convert, np.generic)
        else convert(numbers)
    )
    result = operator(x, **bound_params(regularization))
    assert type(result) is np.ndarray
    assert result.dtype == np.float64
    expected = operator(np.array(numbers, float), **bound_params(regularization))
    assert_array_equal(result, expected)


def test_booleans_and_frames():
    assert_array_equal(soft_rank([True, False], regularization_strength=0.1), [2, 1])
    frame = pd.DataFrame({"a": [3, 1, 2], "b": [0.5, 2.5, 1.5]})
    ranks = soft_rank(frame, axis=0, regularization_strength=0.1)
    assert_array_equal(ranks, [[3, 1], [1, 3], [2, 2]])


def layouts(a):
    """Return the same array in other places and orders of memory."""
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    backwards = np.ascontiguousarray(a[..., ::-1])
    readonly = a.copy()
    readonly.setflags(write=False)
    buffer = np.zeros(a.nbytes + 1, np.uint8)
    unaligned = buffer[1:].view(a.dtype).reshape(a.shape)
    unaligned[...] = a
    return {
        "C": a.copy(),
        "F": np.asfortranarray(a),
        "strided": wide[..., ::2],
        "backwards": backwards[..., ::-1],
        "read-only": readonly,
        "unaligned": unaligned,
        "swapped": a.astype(a.dtype.newbyteorder("S")),
        "transposed": np.ascontiguousarray(a.T).T,
        "subclass": a.copy().view(type("Sub", (np.ndarray,), {})),
    }


@every_operator
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_memory_layouts(operator, regularization, dtype, axis, rng):
    x, g, t = rng.normal(size=(3, 6, 50, 3)).astype(dtype)
    params = bound_params(regularization, axis=axis)
    reference = everything(operator, x, g, t, **params)
    copies = [layouts(a) for a in (x, g, t)]
    for name in copies[0]:
        arguments = [copy[name] for copy in copies]
        before = [a.tobytes() for a in arguments]
        for actual, expected in zip(
            everything(operator, *arguments, **params), reference, strict=True
        ):
            assert_array_equal(actual, expected, err_msg=name)
            assert actual.dtype == expected.dtype
            assert actual.dtype.isnative
        assert [a.tobytes() for a in arguments] == before


@every_operator
@pytest.mark.parametrize("strength", [0.0, 0.01, 1.0, 100.0])
def test_inputs_are_not_modified(operator, regularization, strength, rng):
    x, g, t = rng.normal(size=(3, 4, 300))
    extras = [{}]
    if operator is soft_rank:
        extras += [{"weights": rng.random((4, 300))}, {"targets": rng.random((4, 300))}]
    for extra in extras:
        arguments = [x, g, t, *extra.values()]
        strengths = np.full(4, strength)
        before = [a.copy() for a in arguments]
        for a in arguments:
            a.setflags(write=False)
        everything(
            operator,
            x,
            g,
            t,
            **bound_params(
                regularization, regularization_strength=strengths, descending=True
            ),
            **extra,
        )
        strength_bounds(operator, x, regularization=regularization, **extra)
        for a, b in zip(arguments, before, strict=True):
            assert_array_equal(a, b)


@every_operator
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("n", [8, 300])
def test_changes_after_the_call_do_not_change_gradients(
    operator, regularization, descending, n, rng
):
    x, g = rng.normal(size=(2, 2, n))
    params = {"descending": descending, "regularization": regularization}
    extras = [{}]
    if operator is soft_rank:
        extras += [
            {"weights": rng.random((2, n)) + 0.1},
            {"targets": rng.random((2, n)) + 1},
        ]
    for extra in extras:
        wrt = ("x", "regularization_strength", *(k for k in extra if k == "targets"))

        def call(x, wrt=wrt, extra=extra):
            strengths = np.array([0.05, 0.7])
            arguments = {k: v.copy() for k, v in extra.items()}
            value, pullback = vjp(
                operator,
                x,
                wrt=wrt,
                regularization_strength=strengths,
                **arguments,
                **params,
            )
            return value, pullback, [x, strengths, *arguments.values()]

        expected = call(x.copy())[1](g)
        value, pullback, arguments = call(x.copy())
        for array in (value, *arguments):
            array[...] = -17.0
        for _ in range(2):
            for actual, right in zip(pullback(g), expected, strict=True):
                assert_array_equal(actual, right)
                actual[...] = np.nan


def test_values_are_the_same_with_and_without_derivatives(rng):
    x = rng.normal(size=(3, 50))
    for operator, name in OPERATORS:
        params = bound_params(name)
        value = operator(x, **params)
        assert_array_equal(vjp(operator, x, **params)[0], value)
        assert_array_equal(jvp(operator, x, x, **params)[0], value)


# --- grids of strengths ------------------------------------------------------------


@every_operator
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("kind", ["batch", "row", "grid", "wide grid", "0-d"])
def test_grids_of_strengths(operator, regularization, axis, kind, rng):
    x = rng.normal(size=(2, 5, 3))
    batch = np.moveaxis(x, axis, -1).shape[:-1]
    shape = {
        "batch": batch,
        "row": batch[1:],
        "grid": (4, 1, 1),
        "wide grid": (2, 4, *batch),
        "0-d": (),
    }[kind]
    strengths = np.asarray(10.0 ** rng.uniform(-2, 1, shape))
    extras = [{}]
    if operator is soft_rank:
        extras += [{"weights": rng.random(x.shape) + 0.1}]
        extras += [{"targets": rng.random(x.shape) + 1.0}]
        extras += [{"targets": rng.random(x.shape[axis]) + 1.0}]
    for extra in extras:
        params = {"regularization": regularization, "axis": axis, **extra}
        wrt = ("x", "regularization_strength", *(k for k in extra if k == "targets"))
        value, pullback = vjp(
            operator, x, regularization_strength=strengths, wrt=wrt, **params
        )
        full = np.broadcast_shapes(batch, shape)
        assert np.moveaxis(value, axis - 3 if axis >= 0 else axis, -1).shape == (
            *full,
            x.shape[axis],
        )
        g = rng.normal(size=value.shape)
        gradients = pullback(g)
        originals = [x, strengths, *(extra[k] for k in extra if k == "targets")]
        assert [np.shape(a) for a in gradients] == [np.shape(a) for a in originals]
        # One strength at a time.
        lead = axis - 3 if axis >= 0 else axis
        rows = np.moveaxis(g, lead, -1)
        values = np.moveaxis(value, lead, -1)
        expected = [np.zeros(np.shape(a)) for a in originals]
        grid = np.broadcast_to(strengths, full)
        places = np.broadcast_to(np.arange(strengths.size).reshape(shape), full)
        for place in np.ndindex(full):
            inner = place[len(full) - len(batch) :]
            row = np.moveaxis(x, axis, -1)[inner]
            own = {
                k: v if v.ndim == 1 else np.moveaxis(v, axis, -1)[inner]
                for k, v in extra.items()
            }
            one, pull = vjp(
                operator,
                row,
                regularization=regularization,
                regularization_strength=grid[place],
                wrt=wrt,
                **own,
            )
            assert_array_equal(values[place], one)
            parts = pull(rows[place])
            np.moveaxis(expected[0], axis, -1)[inner] += parts[0]
            expected[1].reshape(-1)[places[place]] += parts[1]
            if len(parts) == 3:
                target = expected[2]
                if target.ndim == 1:
                    target += parts[2]
                else:
                    np.moveaxis(target, axis, -1)[inner] += parts[2]
        for actual, right in zip(gradients, expected, strict=True):
            assert_allclose(actual, right, rtol=1e-9, atol=1e-9)
        tangent = rng.normal(size=x.shape)
        _, moved = jvp(
            operator, x, tangent, regularization_strength=strengths, **params
        )
        assert_allclose((moved * g).sum(), (tangent * gradients[0]).sum(), rtol=1e-9)


def test_grid_of_zero_and_positive_strengths(rng):
    x = np.array([0.5, 0.5, 2.0, 1.0])
    for name in ("l2", "entropic", "kl"):
        grid = soft_rank(
            x, regularization=name, regularization_strength=[0.0, 0.5, 9.0]
        )
        assert_array_equal(grid[0], [1.5, 1.5, 4.0, 3.0])
        for strength, row in zip([0.0, 0.5, 9.0], grid, strict=True):
            params = bound_params(name, regularization_strength=strength)
            assert_array_equal(soft_rank(x, **params), row)
