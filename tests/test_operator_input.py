# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all operators reject: values, dtypes, axes, strengths, options, vectors."""

import re

import numpy as np
import pytest

from sksoft import jvp, soft_rank, soft_sort, strength_bounds, vjp


def rejects(error, *words):
    """Expect an error whose message holds each of the words, in their order."""
    return pytest.raises(error, match=".*".join(re.escape(str(w)) for w in words))


each_operator = pytest.mark.parametrize("operator", [soft_rank, soft_sort])


@each_operator
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e300])
@pytest.mark.parametrize("size", [5, 5000])
def test_rejects_values_that_are_not_finite(operator, bad, size):
    x = np.zeros((2, size))
    x[1, 3] = bad
    message = ["x", "finite", "at most 1e+300", bad, "(1, 3)"]
    with rejects(ValueError, *message):
        operator(x)
    with rejects(ValueError, *message):
        vjp(operator, x)
    with rejects(ValueError, *message):
        strength_bounds(operator, x)
    if not np.isfinite(bad):
        with rejects(ValueError, "x", "finite", bad, "(1, 3)"):
            operator(x.astype(np.float32))


@each_operator
@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (np.array([1j, 2]), "complex128"),
        (np.array([1, 2], object), "object"),
        ([None, 1.0], "object"),
        (["a", "b"], "<U1"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64[D]"),
        (None, "None"),
    ],
)
def test_rejects_what_is_not_real(operator, x, dtype):
    with rejects(TypeError, "x", "real numbers", dtype):
        operator(x)


@each_operator
def test_rejects_odd_containers(operator):
    with rejects(TypeError, "x", "masked array"):
        operator(np.ma.array([1.0, 2.0], mask=[True, False]))
    with rejects(ValueError, "x", "one dimension", "3.0"):
        operator(3.0)
    with rejects(ValueError, "x", "regular shape"):
        operator([[1.0, 2.0], [3.0]])


@each_operator
@pytest.mark.parametrize("axis", [2, -3, 100])
def test_rejects_an_axis_out_of_range(operator, axis):
    with rejects(np.exceptions.AxisError, "axis", "[-2, 1]", axis):
        operator(np.zeros((2, 3)), axis=axis)
    with rejects(ValueError, "axis", "[-2, 1]", axis):
        vjp(operator, np.zeros((2, 3)), axis=axis)
    if operator is soft_rank:
        with rejects(ValueError, "axis", "[-2, 1]", axis):
            soft_rank(np.zeros((2, 3)), axis=axis, weights=np.ones((2, 3)))


@each_operator
@pytest.mark.parametrize("axis", [1.0, None, "0", (0,), True])
def test_rejects_an_axis_of_another_type(operator, axis):
    with rejects(TypeError, "axis", "integer", repr(axis)):
        operator(np.zeros((2, 3)), axis=axis)


@each_operator
@pytest.mark.parametrize("strength", [-1.0, -1e-300, np.nan, np.inf, -np.inf])
def test_rejects_a_strength_that_is_not_a_finite_number(operator, strength):
    with rejects(ValueError, "regularization_strength", "finite", ">= 0", strength):
        operator([1.0, 2.0], regularization_strength=strength)
    name = "regularization_strength"
    words = [">= 0", strength] if np.isfinite(strength) else ["finite", strength]
    if strength == -np.inf:
        words = ["finite", "-inf"]
    with rejects(ValueError, name, *words):
        operator([1.0, 2.0], regularization_strength=[0.5, strength])


@each_operator
@pytest.mark.parametrize("strength", ["1", None, 1j, [1j], {}])
def test_rejects_a_strength_that_is_no_number(operator, strength):
    with rejects(TypeError, "regularization_strength", "real numbers"):
        operator([1.0, 2.0], regularization_strength=strength)


@each_operator
def test_rejects_strengths_that_do_not_broadcast(operator):
    x = np.zeros((4, 3))
    words = ["regularization_strength", "broadcast", "(4,)", "(3,)"]
    with rejects(ValueError, *words):
        operator(x, regularization_strength=[1.0, 2.0, 3.0])
    with rejects(
        ValueError, "regularization_strength", "broadcast", "(3,)", "(4, 3, 2)"
    ):
        operator(x, axis=0, regularization_strength=np.ones((4, 3, 2)))


@each_operator
@pytest.mark.parametrize("value", ["L2", "", None, 2, "log_kl", ["l2"]])
def test_rejects_unknown_options(operator, value):
    if value is not None:  # the default of the method
        allowed = ["'l2'", "'entropic'", "'kl'", repr(value)]
        with rejects(ValueError, "regularization", *allowed):
            operator([1.0, 2.0], regularization=value)
    with rejects(ValueError, "method", "'permutahedron'", repr(value)):
        operator([1.0, 2.0], method=value)


@each_operator
@pytest.mark.parametrize("value", [1, None, "DESCENDING", np.array([True])])
def test_rejects_a_direction_that_is_no_flag(operator, value):
    with rejects(TypeError, "descending", "True or False", repr(value)):
        operator([1.0, 2.0], descending=value)


@pytest.mark.parametrize("name", ["weights", "targets"])
def test_rejects_bad_vectors(name):
    x = np.arange(6.0).reshape(2, 3)
    for bad, error, words in [
        (np.ones(2), ValueError, ["3", "(2,)"]),
        (np.ones((2, 4)), ValueError, ["3", "(2, 4)"]),
        (np.ones((5, 3)), ValueError, ["broadcast", "(2,)", "(5,)"]),
        (3.0, ValueError, ["3", "()"]),
        ([1.0, np.nan, 2.0], ValueError, ["finite", "nan", "(1,)"]),
        ([1.0, np.inf, 2.0], ValueError, ["finite", "inf", "(1,)"]),
        (["a", "b", "c"], TypeError, ["real numbers", "<U1"]),
        ([1j, 2, 3], TypeError, ["real numbers", "complex128"]),
        (np.array([1, 2, None]), TypeError, ["real numbers", "object"]),
        (np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]), TypeError, ["masked"]),
        ([[1.0], [2.0, 3.0]], ValueError, ["regular shape"]),
    ]:
        for regularization in ("l2", "kl"):
            with rejects(error, name, *words):
                soft_rank(x, regularization=regularization, **{name: bad})


def test_rejects_bad_weights():
    x = np.arange(6.0).reshape(2, 3)
    with rejects(ValueError, "weights", ">= 0", "-0.5"):
        soft_rank(x, weights=[1.0, -0.5, 1.0])
    for zero in (np.zeros(3), np.array([[1.0, 0, 0], [0, 0, 0]])):
        with rejects(ValueError, "weights", "positive sum", "zeros"):
            soft_rank(x, weights=zero)
    # A row of zeros along the axis, not along another one.
    soft_rank(x, axis=0, weights=[[0, 0, 1], [1, 1, 0]])
    soft_rank(np.zeros((2, 2, 3)), axis=1, weights=[[1, 1, 1], [0, 0, 0]])
    with rejects(ValueError, "weights", "positive sum", "zeros"):
        soft_rank(x, axis=0, weights=[[0, 0, 1], [0, 1, 0]])
    with rejects(ValueError, "targets", "None", "weights", "(3,)"):
        soft_rank(x, weights=np.ones(3), targets=np.ones(3))


@pytest.mark.parametrize("bad", [0.0, -2.0])
def test_rejects_targets_that_kl_cannot_have(bad):
    with rejects(ValueError, "targets", "positive", "kl", bad):
        soft_rank([1.0, 2.0, 3.0], regularization="kl", targets=[1.0, bad, 3.0])
    soft_rank([1.0, 2.0, 3.0], targets=[1.0, bad, 3.0])


@each_operator
@pytest.mark.parametrize(
    "wrt", ["y", "weights", "targets", ("x", "axis"), 3, None, ["x"]]
)
def test_rejects_unknown_names_to_differentiate(operator, wrt):
    bad = wrt[1] if isinstance(wrt, tuple) else wrt
    with rejects(ValueError, "wrt", "['x', 'regularization_strength']", repr(bad)):
        vjp(operator, [1.0, 2.0], wrt=wrt)


@each_operator
def test_rejects_cotangents_and_tangents(operator):
    x = np.zeros((2, 3))
    _, pullback = vjp(operator, x)
    for bad in (np.zeros(3), np.zeros((3, 2)), 1.0, np.zeros((1, 2, 3))):
        with rejects(ValueError, "cotangent", "(2, 3)", np.shape(bad)):
            pullback(bad)
        with rejects(ValueError, "tangent", "(2, 3)", np.shape(bad)):
            jvp(operator, x, bad)
    for bad, dtype in ((np.zeros((2, 3), complex), "complex128"), ("a", "<U1")):
        with rejects(TypeError, "cotangent", "real", dtype):
            pullback(bad)
        with rejects(TypeError, "tangent", "real", dtype):
            jvp(operator, x, bad)
    masked = np.ma.array(x, mask=x == 0)
    with rejects(TypeError, "cotangent", "masked"):
        pullback(masked)
    with rejects(TypeError, "tangent", "masked"):
        jvp(operator, x, masked)


@pytest.mark.parametrize("bad", [np.sort, "soft_rank", None, len])
def test_rejects_what_is_no_operator(bad):
    for function in (vjp, strength_bounds):
        with rejects(TypeError, "operator", "sksoft.soft_rank", repr(bad)):
            function(bad, [1.0, 2.0])
    with rejects(TypeError, "operator", "sksoft.soft_rank", repr(bad)):
        jvp(bad, [1.0, 2.0], [1.0, 2.0])


def test_unknown_arguments():
    with pytest.raises(TypeError, match="strength"):
        soft_rank([1.0, 2.0], strength=1.0)
    with pytest.raises(TypeError, match="weights"):
        soft_sort([1.0, 2.0], weights=[1.0, 1.0])
    with pytest.raises(TypeError, match="positional"):
        soft_rank([1.0, 2.0], 0)
