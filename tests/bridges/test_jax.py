# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The operators and losses for JAX: make test-jax."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bridge_cases import (
    BEAM_CASES,
    EMISSIONS,
    ONE_CASE_EACH,
    OPERATOR_CASES,
    OPERATOR_IDS,
    SCORE_LOSSES,
    SEQUENCE,
    W,
    X,
    loss_target,
    undifferentiable,
)
from jax.test_util import check_grads
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
import sksoft.jax as soft
from sksoft import losses, operators
from sksoft._bridge import LOSSES, OPERATORS, strength_name

if hasattr(jax, "enable_x64"):
    enable_x64 = jax.enable_x64
else:  # JAX 0.7 and before.
    from jax.experimental import enable_x64

cases = pytest.mark.parametrize(
    ("name", "arrays", "wrt", "options"), OPERATOR_CASES, ids=OPERATOR_IDS
)


def given(arrays):
    return {
        "x": jnp.asarray(X),
        **{name: jnp.asarray(array) for name, array in arrays.items()},
    }


def total(name, options, x, others):
    value = getattr(soft, name)(x, **others, **options)
    return (value * jnp.linspace(0.5, 1.5, value.size).reshape(value.shape)).sum()


@cases
@pytest.mark.parametrize("double", [False, True])
def test_equals_numpy(name, arrays, wrt, options, double):
    with enable_x64(double):
        dtype = jnp.float64 if double else jnp.float32
        arguments = given(arrays)
        plain = {key: np.asarray(array) for key, array in arguments.items()}
        expected, pullback = sksoft.vjp(
            OPERATORS[name], **plain, **options, wrt=("x", *wrt)
        )
        value = getattr(soft, name)(**arguments, **options)
        assert value.dtype == dtype
        assert_array_equal(value, expected)
        jitted = jax.jit(lambda kwargs: getattr(soft, name)(**kwargs, **options))
        assert_array_equal(jitted(arguments), expected)
        keys = [key for key in ("x", *wrt) if plain[key].dtype.kind == "f"]
        parts = {key: arguments[key] for key in keys}
        rest = {key: value for key, value in arguments.items() if key not in keys}
        _, pull = jax.vjp(
            lambda parts: getattr(soft, name)(**parts, **rest, **options), parts
        )
        cotangent = jnp.linspace(-1.0, 2.0, value.size).reshape(value.shape)
        cotangent = cotangent.astype(dtype)
        (found,) = pull(cotangent)
        gradients = pullback(np.asarray(cotangent))
        for key, gradient in zip(("x", *wrt), gradients, strict=True):
            assert found[key].dtype == dtype
            assert_array_equal(found[key], np.asarray(gradient).astype(dtype))


@cases
def test_gradients(name, arrays, wrt, options):
    with enable_x64(True):
        arguments = given(arrays)
        parts = {key: arguments.pop(key) for key in ("x", *wrt)}
        check_grads(
            lambda parts: getattr(soft, name)(**parts, **arguments, **options),
            (parts,),
            order=1,
            modes=["rev"],
            atol=1e-6,
            rtol=1e-6,
        )
        arguments |= parts
        check_grads(
            lambda x: getattr(soft, name)(x, **arguments, **options),
            (arguments.pop("x"),),
            order=1,
            modes=["fwd", "rev"],
            atol=1e-6,
            rtol=1e-6,
        )


@cases
def test_transforms(name, arrays, wrt, options):
    arguments = given(arrays)
    x = arguments.pop("x")
    batch = jnp.stack([x, 0.8 * x, x - 0.1])

    def function(x, others):
        return total(name, options, x, others)

    gradient = jax.grad(function)
    expected = jnp.stack([gradient(row, arguments) for row in batch])
    operator = getattr(soft, name)
    mapped = jax.vmap(lambda x: operator(x, **arguments, **options))(batch)
    rows = [operator(row, **arguments, **options) for row in batch]
    assert_array_equal(mapped, jnp.stack(rows))
    for transform in (lambda f: f, jax.jit):
        found = transform(jax.vmap(gradient, in_axes=(0, None)))(batch, arguments)
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        found = transform(
            jax.grad(
                lambda b: jax.vmap(function, in_axes=(0, None))(b, arguments).sum()
            )
        )(batch)
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    cube = jnp.stack([batch, batch + 0.05], axis=2)
    nested = jax.vmap(
        jax.vmap(gradient, in_axes=(0, None)), in_axes=(2, None), out_axes=2
    )(cube, arguments)
    again = jax.vmap(gradient, in_axes=(0, None))(cube[:, :, 1], arguments)
    assert_allclose(nested[:, :, 1], again, rtol=1e-5, atol=1e-6)
    # Jacobians in both modes.
    for transform in (lambda f: f, jax.jit):
        reverse, forward = (
            transform(jacobian(lambda x: operator(x, **arguments, **options)))
            for jacobian in (jax.jacrev, jax.jacfwd)
        )
        assert reverse(x).shape == rows[0].shape + x.shape
        assert_allclose(forward(x), reverse(x), rtol=1e-4, atol=1e-5)
        mapped = jax.vmap(forward)(batch)
        assert_allclose(mapped[1], forward(batch[1]), rtol=1e-5, atol=1e-6)
    if wrt:
        stacked = {
            key: jnp.stack([array, 0.9 * array])
            for key, array in arguments.items()
            if key in wrt
        }

        def of_others(parts):
            return function(x, {**arguments, **parts})

        found = jax.vmap(jax.grad(of_others))(stacked)
        for i in range(2):
            part = {key: array[i] for key, array in stacked.items()}
            expected = jax.grad(of_others)(part)
            for key in stacked:
                assert_allclose(found[key][i], expected[key], rtol=1e-4, atol=1e-5)


def test_second_derivatives_raise():
    x = jnp.asarray(X)

    def function(x):
        return (soft.soft_rank(x, regularization_strength=0.5) ** 2).sum()

    def loss(x):
        return soft.soft_kendall_loss(x, W)

    for f in (function, loss):
        for inner in (jax.jacfwd, jax.jacrev):
            for outer in (jax.jacfwd, jax.jacrev):
                for transform in (lambda f: f, jax.jit):
                    twice = transform(outer(inner(f)))
                    with pytest.raises(NotImplementedError, match="second derivatives"):
                        twice(x)
    # The linear maps at fixed values are linear.
    value, pull = jax.vjp(lambda x: soft.soft_rank(x, regularization_strength=0.5), x)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        jax.jvp(pull, (value,), (value,))


@pytest.mark.parametrize("name", [*OPERATORS, *SCORE_LOSSES])
def test_second_derivatives_of_everything_raise(name):
    if name in OPERATORS:
        _, arrays, _, options = next(case for case in ONE_CASE_EACH if case[0] == name)

        def function(x):
            return (getattr(soft, name)(x, **arrays, **options) ** 2).sum()
    else:

        def function(x):
            return getattr(soft, name)(x, loss_target(name))

    with pytest.raises(NotImplementedError, match="second derivatives of soft oper"):
        jax.grad(lambda x: jax.grad(function)(x).sum())(jnp.asarray(X))


@cases
def test_gradients_in_arguments_without_one_raise(name, arrays, wrt, options):
    arguments = given(arrays)
    for key in undifferentiable(arrays, wrt):
        with pytest.raises(
            ValueError, match=f"^{key} must not require a gradient: {name}"
        ):
            jax.grad(
                lambda part, key=key: getattr(soft, name)(
                    **{**arguments, key: part}, **options
                ).sum()
            )(arguments[key])


@pytest.mark.parametrize("name", SCORE_LOSSES)
def test_wrong_input_of_losses(name):
    function, x = getattr(soft, name), jnp.asarray(X)
    target = jnp.asarray(loss_target(name))
    with pytest.raises(
        TypeError, match=r"^scores must be an array of a floating-point"
    ):
        function(x.round().astype(int), target)
    with pytest.raises(ValueError, match=r"^sample_weight must not require a gradient"):
        jax.grad(lambda weight: function(x, target, sample_weight=weight))(jnp.ones(3))
    with pytest.raises(ValueError, match=r"^sample_weight must have shape \(3,\), got"):
        jax.eval_shape(lambda x: function(x, target, sample_weight=jnp.ones(4)), x)
    if target.dtype.kind == "f":
        with pytest.raises(ValueError, match=r"must not require a gradient: "):
            jax.grad(lambda target: function(x, target))(target)
        with pytest.raises(
            ValueError, match=r"^groups must have the length of scores, 15"
        ):
            jax.eval_shape(
                lambda x: function(x.ravel(), target.ravel(), groups=jnp.arange(3)), x
            )
    else:
        with pytest.raises(Exception, match="target must hold class indices between 0"):
            jax.block_until_ready(function(x, target + 5))


@pytest.mark.parametrize("name", OPERATORS)
def test_integer_arrays_raise(name):
    _, arrays, _, options = next(case for case in ONE_CASE_EACH if case[0] == name)
    with pytest.raises(
        TypeError, match=r"^x must be an array of a floating-point dtype"
    ):
        getattr(soft, name)(jnp.arange(15).reshape(3, 5), **arrays, **options)


def test_arrays_of_numpy_that_jax_has_not():
    x, target = jnp.arange(4.0), jnp.asarray([3.0, 1.0, 2.0, 0.0])
    expected = soft.soft_spearman_loss(x, target, groups=jnp.asarray([0, 0, 1, 1]))
    # Rounded to 32 bits these would be one group.
    for groups in (
        np.array([2**40, 2**40, 0, 0]),
        np.array([1e9, 1e9, 1e9 + 1.0, 1e9 + 1.0]),
        np.array(["a", "a", "b", "b"]),
        np.array(["a", "a", 1, 1], dtype=object),
    ):
        assert soft.soft_spearman_loss(x, target, groups=groups) == expected
    expected = soft.soft_rank(x, weights=target)
    for dtype in (np.longdouble, ">f8", ">i4"):
        array = np.asarray(target).astype(dtype)
        assert_array_equal(soft.soft_rank(x, weights=array), expected)
    assert_array_equal(soft.soft_rank(np.arange(4.0, dtype=">f8")), soft.soft_rank(x))
    with pytest.raises(
        ValueError, match=r"^target must hold integers from -2147483648"
    ):
        soft.topk_cross_entropy_loss(x[None], np.array([2**32 + 1]))
    masked = np.ma.array([1.0, 2.0, 3.0, 4.0], mask=[0, 1, 0, 0])
    with pytest.raises(TypeError, match=r"^x must be a plain array, got a masked"):
        soft.soft_rank(masked)
    with pytest.raises(
        TypeError, match=r"^weights must be a plain array, got a masked"
    ):
        soft.soft_rank(x, weights=masked)


def test_what_must_be_known_when_traced():
    x = jnp.asarray(X)
    for function in (
        lambda k: soft.soft_topk_sorted(x, k),
        lambda k: soft.topk_cross_entropy_loss(x, jnp.asarray([0, 1, 2]), k=k),
    ):
        with pytest.raises(
            TypeError, match=r"^k must be a constant of Python, on whic"
        ):
            jax.jit(function)(2)
        with pytest.raises(
            TypeError, match=r"^k must be a constant of Python, on whic"
        ):
            jax.vmap(function)(jnp.asarray([1, 2]))
    with pytest.raises(TypeError, match=r"^axis must be a constant of Python, on whic"):
        jax.jit(lambda axis: soft.soft_rank(x, axis=axis))(0)
    with pytest.raises(
        TypeError, match=r"^method must be a number, a text, a function"
    ):
        soft.soft_rank(x, method={})
    imaginary = jax.ShapeDtypeStruct((), jnp.complex64)
    with pytest.raises(TypeError, match=r"^regularization_strength must hold real num"):
        jax.eval_shape(
            lambda s: soft.soft_rank(x, regularization_strength=s), imaginary
        )
    imaginary = jax.ShapeDtypeStruct(x.shape, jnp.complex64)
    with pytest.raises(TypeError, match=r"^target must hold real numbers, got dtype"):
        jax.eval_shape(lambda y: soft.soft_auc_loss(x, y), imaginary)


def test_forward_mode():
    x, tangent = jnp.asarray(X), jnp.asarray(W)

    def function(x):
        return soft.soft_rank(x, regularization_strength=0.5)

    expected = sksoft.jvp(
        sksoft.soft_rank,
        np.asarray(x),
        np.asarray(tangent),
        regularization_strength=0.5,
    )
    for transform in (lambda f: f, jax.jit):
        found = transform(lambda x, t: jax.jvp(function, (x,), (t,)))(x, tangent)
        for part, other in zip(found, expected, strict=True):
            assert part.dtype == jnp.float32
            assert_array_equal(part, other)
    assert_array_equal(jax.linearize(function, x)[1](tangent), expected[1])
    with pytest.raises(NotImplementedError, match="along x only, got a tangent of reg"):
        jax.jvp(lambda s: soft.soft_rank(x, regularization_strength=s), (0.5,), (1.0,))


def test_loops_and_recomputation():
    x = jnp.asarray(X)

    def step(x, _):
        return 0.9 * x + 0.1 * soft.soft_rank(x, regularization_strength=0.5), None

    def scanned(x):
        return (jax.lax.scan(step, x, None, length=3)[0] ** 2).sum()

    def unrolled(x):
        for _ in range(3):
            x = jax.checkpoint(lambda x: step(x, None)[0])(x)
        return (x**2).sum()

    expected = jax.grad(unrolled)(x)
    assert_allclose(jax.grad(scanned)(x), expected, rtol=1e-5)
    assert_allclose(jax.jit(jax.grad(scanned))(x), expected, rtol=1e-5)
    assert_allclose(jax.jacfwd(scanned)(x), expected, rtol=1e-4)


@pytest.mark.parametrize("name", OPERATORS)
def test_straight_through(name):
    _, arrays, _, options = next(case for case in OPERATOR_CASES if case[0] == name)
    strength = strength_name(OPERATORS[name])
    arguments = given(arrays)
    x = arguments.pop("x")
    if strength is None:
        with pytest.raises(TypeError, match="straight_through"):
            getattr(soft, name)(x, **arguments, straight_through=True)
        return
    through = {**options, "straight_through": True}
    found = getattr(soft, name)(x, **arguments, **through)
    hard = {**arguments, **options, strength: 0.0}
    assert_array_equal(found, getattr(soft, name)(x, **hard))
    expected = jax.grad(lambda x: total(name, options, x, arguments))(x)
    assert_array_equal(
        jax.grad(lambda x: total(name, through, x, arguments))(x), expected
    )


@pytest.mark.parametrize(
    "dtype", [jnp.float16, jnp.bfloat16, jnp.float8_e4m3fn, jnp.float8_e5m2]
)
def test_half_precision(dtype):
    x = jnp.asarray(X, dtype)
    value = soft.soft_rank(x, regularization_strength=0.5)
    assert value.dtype == dtype
    expected = soft.soft_rank(x.astype(jnp.float32), regularization_strength=0.5)
    assert_array_equal(value, expected.astype(dtype))
    gradient = jax.grad(lambda x: soft.soft_rank(x).sum())(x)
    assert gradient.dtype == dtype


@pytest.mark.parametrize("name", SCORE_LOSSES)
def test_losses(name):
    scores, target = jnp.asarray(X), jnp.asarray(loss_target(name))
    weight = jnp.asarray([1.0, 2.0, 0.5])
    function = getattr(soft, name)
    expected, gradient = getattr(losses, name)(
        np.asarray(scores), np.asarray(target), sample_weight=np.asarray(weight)
    )
    for transform in (lambda f: f, jax.jit):
        call = transform(lambda x: function(x, target, sample_weight=weight))
        value, found = jax.value_and_grad(call)(scores)
        assert value.dtype == jnp.float32
        assert value == np.float32(expected)
        assert_array_equal(found, gradient)
    tangent = jnp.asarray(W)
    _, pushed = jax.jvp(call, (scores,), (tangent,))
    assert_allclose(pushed, (gradient * W).sum(), rtol=1e-4, atol=1e-6)
    batch = jnp.stack([scores, 0.8 * scores])
    found = jax.vmap(jax.grad(lambda scores: function(scores, target)))(batch)
    for row, part in zip(batch, found, strict=True):
        _, gradient = getattr(losses, name)(np.asarray(row), np.asarray(target))
        assert_array_equal(part, gradient)


@pytest.mark.parametrize(("transitions", "options"), BEAM_CASES)
def test_loss_of_beams(transitions, options):
    expected, gradients = losses.beam_loss(
        EMISSIONS, transitions, SEQUENCE, 2, **options
    )

    def loss(emissions, transitions):
        return soft.beam_loss(emissions, transitions, SEQUENCE, 2, **options)

    with enable_x64(True):
        given = jax.tree.map(jnp.asarray, (EMISSIONS, transitions))
        for transform in (lambda f: f, jax.jit):
            value, found = transform(jax.value_and_grad(loss, argnums=(0, 1)))(*given)
            assert value == expected
            jax.tree.map(assert_array_equal, found, gradients)
        check_grads(loss, given, order=1, atol=1e-6, rtol=1e-6)
        batch = jnp.stack([given[0], 0.5 * given[0]])
        mapped = jax.vmap(jax.grad(loss, argnums=(0, 1)), in_axes=(0, None))(
            batch, given[1]
        )
        for i, emissions in enumerate(batch):
            alone = jax.grad(loss, argnums=(0, 1))(emissions, given[1])
            part = jax.tree.map(lambda gradient, i=i: gradient[i], mapped)
            jax.tree.map(assert_array_equal, part, alone)
        with pytest.raises(NotImplementedError, match="second derivatives"):
            jax.jacfwd(jax.grad(loss), argnums=1)(*given)


def test_large_arrays_do_not_hang():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(300, 2000)))
    function = jax.jit(jax.grad(lambda x: (soft.soft_rank(x) ** 2).sum()))
    assert function(x).shape == x.shape


def test_compiled_once():
    count = 0

    def function(x, strength):
        nonlocal count
        count += 1
        return soft.soft_rank(x, regularization_strength=strength)

    jitted = jax.jit(function)
    for strength in (0.1, 0.2, 0.3):
        found = jitted(jnp.asarray(X), strength)
        single = np.float32(strength)
        expected = sksoft.soft_rank(
            X.astype(np.float32), regularization_strength=single
        )
        assert_array_equal(found, expected)
    assert count == 1


def test_wrong_input():
    x = jnp.asarray(X)
    with pytest.raises(
        TypeError, match=r"^x must be an array of a floating-point dtyp"
    ):
        soft.soft_rank(jnp.arange(3))
    with pytest.raises(
        TypeError, match=r"^x must be an array of JAX or NumPy, got list"
    ):
        soft.soft_rank([1.0, 2.0])
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        soft.soft_topk(k=2)
    with pytest.raises(TypeError, match="too many positional"):
        soft.soft_rank(x, 1)
    # When it is traced, before any value is known.
    for wrong, message in [
        (lambda x: soft.soft_topk(x, 9), r"^k must lie between 0 and .* 5, got 9"),
        (lambda x: soft.soft_rank(x, method="bubble"), r"^method must be"),
        (lambda x: soft.soft_rank(x, regularization_strength=-1.0), r"must be .* >= 0"),
        (lambda x: soft.soft_rank(x, weights=jnp.ones(4)), r"^weights must have"),
        (lambda x: soft.soft_spearman_loss(x, jnp.ones(4)), r"^target must have"),
        (
            lambda x: soft.soft_spearman_loss(
                x.ravel(), x.ravel(), groups=jnp.asarray([5, 5, 4])
            ),
            r"^groups must have the length of scores, 15",
        ),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            jax.eval_shape(wrong, x)
    with pytest.raises(ValueError, match=r"^y must not require a gradient: soft_spear"):
        jax.grad(lambda y: soft.soft_spearmanr(x, y).sum())(x)
    with pytest.raises(ValueError, match=r"^target must not require a gradient"):
        jax.grad(lambda y: soft.soft_spearman_loss(x, y))(x)
    with pytest.raises(Exception, match="between 0 and 4"):
        jax.block_until_ready(soft.topk_cross_entropy_loss(x, jnp.asarray([0, 7, 1])))
    with pytest.raises(Exception, match="x must hold finite numbers"):
        soft.soft_rank(x.at[0, 0].set(jnp.nan)).block_until_ready()


def test_all_operators_and_losses_are_there():
    # Those take an operator and return functions: JAX has ways of its own.
    derivatives = {"jvp", "vjp", "strength_bounds"}
    assert {*operators.__all__, *losses.__all__} - derivatives == set(soft.__all__)


@pytest.mark.parametrize("name", soft.__all__)
def test_documentation(name):
    function = getattr(soft, name)
    original = OPERATORS.get(name) or LOSSES[name]
    assert function.__doc__.startswith(inspect.getdoc(original).partition("\n")[0])
    names = [*inspect.signature(function).parameters]
    expected = [*inspect.signature(original).parameters]
    assert names in (expected, [*expected, "straight_through"])
    assert function.__module__ == "sksoft.jax"
