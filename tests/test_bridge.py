# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the bridges share: leading axes, shapes known in advance, arguments by name."""

import inspect

import numpy as np
import pytest
from bridge_cases import OPERATOR_CASES, OPERATOR_IDS, X, undifferentiable
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
from sksoft import _bridge
from sksoft._bridge import OPERATORS, Spec, by_name, evaluate, linearize, output_shape

cases = pytest.mark.parametrize(
    ("name", "arrays", "wrt", "options"), OPERATOR_CASES, ids=OPERATOR_IDS
)


def test_every_operator_has_a_case():
    assert {name for name, *_ in OPERATOR_CASES} == OPERATORS.keys()
    for name, operator in OPERATORS.items():
        given = {key for case in OPERATOR_CASES if case[0] == name for key in case[1]}
        assert {*operator.per_row, *operator.per_entry} <= given


@cases
def test_cases_name_all_that_has_a_derivative(name, arrays, wrt, options):
    spec, arrays = prepared(name, arrays, options)
    linearize(spec, arrays, ("x", *wrt))
    for key in undifferentiable(arrays, ("x", *wrt)):
        with pytest.raises(ValueError, match=f"^{key} must not require a gradient"):
            linearize(spec, arrays, (key,))


def prepared(name, arrays, options):
    spec = Spec(name, tuple(options.items()), False)
    return spec, {"x": X, **{key: np.asarray(v) for key, v in arrays.items()}}


def with_leading(arrays, varying, sizes):
    """Put leading axes in front: different arrays where they vary, else of length 1."""
    rng = np.random.default_rng(1)
    out = {}
    for name, array in arrays.items():
        lead = sizes if name in varying else (1,) * len(sizes)
        factor = rng.uniform(0.7, 1.0, size=lead + (1,) * array.ndim)
        out[name] = array * factor if name != "k" else array * np.ones(factor.shape)
    return out


def one(array, index):
    return array[
        tuple(min(i, size - 1) for i, size in zip(index, array.shape, strict=False))
    ]


@cases
@pytest.mark.parametrize("varying", ["x", "all", "others"])
def test_leading_axes_are_a_loop(name, arrays, wrt, options, varying):
    spec, arrays = prepared(name, arrays, options)
    names = {"x": {"x"}, "all": set(arrays), "others": set(arrays) - {"x"} or {"x"}}
    sizes = (2, 3)
    stacked = with_leading(arrays, names[varying], sizes)
    wrt = ("x", *wrt)
    found = linearize(spec, stacked, wrt, sizes)
    rng = np.random.default_rng(2)
    cotangent = rng.normal(size=found.value.shape)
    gradients = found.pullback(cotangent)
    tangent = rng.normal(size=stacked["x"].shape)
    tangent_out = found.pushforward(tangent)
    assert_array_equal(evaluate(spec, stacked, sizes), found.value)
    for index in np.ndindex(sizes):
        part = {key: one(array, index) for key, array in stacked.items()}
        alone = linearize(spec, part, wrt)
        assert_array_equal(found.value[index], alone.value)
        expected = alone.pullback(cotangent[index])
        for gradient, gradient_alone in zip(gradients, expected, strict=True):
            assert gradient.shape == sizes + np.shape(gradient_alone)
            assert_allclose(gradient[index], gradient_alone, rtol=1e-12, atol=1e-14)
        assert_array_equal(tangent_out[index], alone.pushforward(one(tangent, index)))


@cases
def test_shape_is_known_in_advance(name, arrays, wrt, options):
    spec, arrays = prepared(name, arrays, options)
    shapes = {key: array.shape for key, array in arrays.items()}
    assert output_shape(spec, shapes) == np.shape(evaluate(spec, arrays))


class Size(int):
    """A size that is not to be looked at before the end."""


@cases
def test_shape_is_known_for_symbols(name, arrays, wrt, options):
    spec, arrays = prepared(name, arrays, options)
    shapes = {key: tuple(map(Size, array.shape)) for key, array in arrays.items()}
    assert output_shape(spec, shapes) == np.shape(evaluate(spec, arrays))


@pytest.mark.parametrize(
    "name", [name for name in OPERATORS if _bridge.strength_name(OPERATORS[name])]
)
def test_straight_through(name):
    _, arrays, _, options = next(case for case in OPERATOR_CASES if case[0] == name)
    spec, arrays = prepared(name, arrays, options)
    strength = _bridge.strength_name(OPERATORS[name])
    both = linearize(spec._replace(straight_through=True), arrays, ("x",))
    soft = linearize(spec, arrays, ("x",))
    hard = OPERATORS[name](**{**arrays, **options, strength: 0.0})
    assert_array_equal(both.value, hard)
    cotangent = np.ones(np.shape(soft.value))
    assert_array_equal(both.pullback(cotangent)[0], soft.pullback(cotangent)[0])
    through = evaluate(spec._replace(straight_through=True), arrays)
    assert_array_equal(through, hard)


def test_arguments_by_name():
    positions = _bridge.positional_names(sksoft.soft_topk)
    assert positions == ("x", "k")
    found = by_name(sksoft.soft_topk, positions, (1, 2), {"axis": 0})
    assert found == {"x": 1, "k": 2, "axis": 0}
    with pytest.raises(TypeError, match="too many positional"):
        by_name(sksoft.soft_topk, positions, (1, 2, 3), {})
    with pytest.raises(TypeError, match="multiple values"):
        by_name(sksoft.soft_topk, positions, (1, 2), {"k": 2})


def test_signature():
    signature = _bridge.bridged_signature(sksoft.soft_rank, True)
    assert [*signature.parameters][-1] == "straight_through"
    same = _bridge.bridged_signature(sksoft.squash, False)
    assert same == inspect.signature(sksoft.squash)


def test_no_gradient_where_there_is_none():
    spec, arrays = prepared("soft_spearmanr", {"y": X[0]}, {})
    with pytest.raises(ValueError, match=r"^y must not require a gradient: soft_spear"):
        linearize(spec, arrays, ("y",))
    stacked = with_leading(arrays, {"x"}, (2,))
    with pytest.raises(ValueError, match=r"^y must not require a gradient: soft_spear"):
        linearize(spec, stacked, ("y",), (2,))


@pytest.mark.parametrize("leading", [(), (1,)])
def test_scalars_are_refused(leading):
    spec = Spec("soft_rank", (), False)
    with pytest.raises(ValueError, match=r"^x must have at least one dimension"):
        linearize(spec, {"x": np.ones(leading)}, (), leading)
    with pytest.raises(ValueError, match=r"^x must have at least one dimension"):
        output_shape(spec, {"x": ()})
