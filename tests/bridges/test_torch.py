# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The operators and losses for PyTorch: make test-torch."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
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
from numpy.testing import assert_allclose, assert_array_equal
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

import sksoft
import sksoft.torch as soft
from sksoft import losses, operators
from sksoft._bridge import LOSSES, OPERATORS, strength_name

# PyTorch's own forward mode makes use of it.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
cases = pytest.mark.parametrize(
    ("name", "arrays", "wrt", "options"), OPERATOR_CASES, ids=OPERATOR_IDS
)


@pytest.fixture
def compiler():
    """PyTorch's compiler, which has not seen these functions with other arguments."""
    torch.compiler.reset()
    return torch.compile


def tensors(arrays, wrt=(), dtype=torch.float64):
    """Return x and the other arrays as tensors."""
    out = {"x": torch.tensor(X, dtype=dtype, requires_grad=True)}
    for name, array in arrays.items():
        out[name] = torch.tensor(array, dtype=dtype, requires_grad=name in wrt)
    return out


@cases
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_numpy(name, arrays, wrt, options, dtype):
    given = tensors(arrays, wrt, dtype)
    value = getattr(soft, name)(**given, **options)
    plain = {key: tensor.detach().numpy() for key, tensor in given.items()}
    expected, pullback = sksoft.vjp(
        OPERATORS[name], **plain, **options, wrt=("x", *wrt)
    )
    assert value.dtype == dtype
    assert_array_equal(value.detach().numpy(), expected)
    cotangent = torch.linspace(-1.0, 2.0, value.numel(), dtype=dtype)
    cotangent = cotangent.reshape(value.shape)
    value.backward(cotangent)
    for key, gradient in zip(("x", *wrt), pullback(cotangent.numpy()), strict=True):
        assert given[key].grad.dtype == dtype
        assert_array_equal(
            given[key].grad.numpy(),
            np.asarray(gradient, X.dtype if dtype == torch.float64 else np.float32),
        )
    with torch.no_grad():
        assert_array_equal(getattr(soft, name)(**given, **options).numpy(), expected)


@cases
def test_gradcheck(name, arrays, wrt, options):
    given = tensors(arrays, wrt)
    keys = ("x", *wrt)
    others = {key: value for key, value in given.items() if key not in keys}

    def function(*values):
        arguments = dict(zip(keys, values, strict=True))
        return getattr(soft, name)(**arguments, **others, **options)

    assert torch.autograd.gradcheck(function, [given[key] for key in keys])
    others |= {key: given[key].detach() for key in wrt}

    def of_x(x):
        return getattr(soft, name)(x, **others, **options)

    assert torch.autograd.gradcheck(of_x, given["x"], check_forward_ad=True)


@cases
def test_transforms(name, arrays, wrt, options):
    given = {key: tensor.detach() for key, tensor in tensors(arrays).items()}
    operator = getattr(soft, name)
    x = given.pop("x")
    batch = torch.stack([x, 0.8 * x, x - 0.1])

    def total(x, others):
        value = operator(x, **others, **options)
        return (value * torch.linspace(0.5, 1.5, value.numel()).view(value.shape)).sum()

    gradient = torch.func.grad(total)
    expected = torch.stack([gradient(row, given) for row in batch])
    one_by_one = [operator(row, **given, **options) for row in batch]
    mapped = torch.vmap(lambda x: operator(x, **given, **options))(batch)
    assert_array_equal(mapped.numpy(), torch.stack(one_by_one).numpy())
    found = torch.vmap(gradient, in_dims=(0, None))(batch, given)
    assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-14)
    found = torch.func.grad(
        lambda batch: torch.vmap(total, in_dims=(0, None))(batch, given).sum()
    )(batch)
    assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-14)
    # Two levels, over different axes.
    cube = torch.stack([batch, batch + 0.05], dim=2)
    nested = torch.vmap(
        torch.vmap(gradient, in_dims=(0, None)), in_dims=(2, None), out_dims=2
    )(cube, given)
    again = torch.vmap(gradient, in_dims=(0, None))(cube[:, :, 1], given)
    assert_allclose(nested[:, :, 1].numpy(), again.numpy(), rtol=1e-12, atol=1e-14)
    # Jacobians in both modes.
    reverse = torch.func.jacrev(lambda x: operator(x, **given, **options))(x)
    forward = torch.func.jacfwd(lambda x: operator(x, **given, **options))(x)
    assert_allclose(reverse.numpy(), forward.numpy(), rtol=1e-9, atol=1e-11)
    if wrt:

        def of_others(changed):
            return total(x, {**given, **changed})

        changed = {key: torch.stack([given[key], 0.9 * given[key]]) for key in wrt}
        found = torch.vmap(torch.func.grad(of_others))(changed)
        for i in range(2):
            part = {key: changed[key][i] for key in wrt}
            expected = torch.func.grad(of_others)(part)
            for key in wrt:
                assert_allclose(
                    found[key][i].numpy(), expected[key].numpy(), rtol=1e-10, atol=1e-12
                )


@pytest.mark.parametrize(("name", "arrays", "wrt", "options"), ONE_CASE_EACH)
def test_compile(name, arrays, wrt, options, compiler):
    given = tensors(arrays, wrt)

    def function(given, factor):
        value = getattr(soft, name)(**given, **options)
        return (value**2).sum() * factor

    keys = ("x", *wrt)
    expected = function(given, 2.0)
    gradients = torch.autograd.grad(expected, [given[key] for key in keys])
    compiled = compiler(function, fullgraph=True, backend="aot_eager")
    value = compiled(given, 2.0)
    assert value.item() == expected.item()
    found = torch.autograd.grad(value, [given[key] for key in keys])
    for gradient, other in zip(gradients, found, strict=True):
        assert_array_equal(gradient.numpy(), other.numpy())


def test_compile_with_other_shapes():
    @torch.compile(fullgraph=True, backend="aot_eager", dynamic=True)
    def function(x, strength):
        return soft.soft_rank(x, regularization_strength=strength) * 2.0

    for shape in [(3, 5), (4, 6), (2, 9)]:
        x = torch.randn(shape)
        expected = 2.0 * soft.soft_rank(x, regularization_strength=0.25)
        assert torch.equal(function(x, 0.25), expected)


def test_custom_operators():
    x = torch.randn(4, requires_grad=True)
    call = ("soft_topk;x;k;method='laplace,weights=None", [x], [2.0])
    torch.library.opcheck(torch.ops.sksoft.operator.default, call)
    call = ("soft_spearman_loss;scores,target;;", [x, torch.randn(4)], [])
    torch.library.opcheck(torch.ops.sksoft.loss.default, call)


# The compiler makes instances of functions of autograd, of which PyTorch warns.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_transforms_within_compiled_functions(compiler):
    x, target = torch.tensor(X), torch.tensor(W)

    def total(x):
        return (soft.soft_rank(x, regularization_strength=0.5) ** 2).sum()

    def loss(x):
        return soft.soft_spearman_loss(x, target[0])

    for function in (
        torch.vmap(total),
        torch.func.grad(total),
        torch.vmap(torch.func.grad(total)),
        torch.vmap(torch.func.grad(loss)),
        lambda x: torch.func.jvp(total, (x,), (target,))[1],
    ):
        compiled = compiler(function, backend="aot_eager")
        assert torch.equal(compiled(x), function(x))


def test_gradients_without_a_formula_raise_when_compiled(compiler):
    x, y = torch.tensor(X), torch.tensor(W, requires_grad=True)
    compiled = compiler(lambda x, y: soft.soft_spearmanr(x, y), backend="aot_eager")
    with pytest.raises(Exception, match=r"y must not require a gradient: soft_spear"):
        compiled(x, y)


@pytest.mark.parametrize(
    ("name", "arguments"), [("soft_sort", ()), ("soft_spearman_loss", (W,))]
)
def test_records_without_values(name, arguments):
    function, x = getattr(soft, name), torch.tensor(X)
    others = [torch.tensor(array) for array in arguments]
    value = function(x, *others)
    # What is recorded holds for other values too.
    recorded = make_fx(lambda x: function(x, *others))(x)
    assert torch.equal(
        recorded(2.0 * x[:, [2, 0, 1, 3, 4]]),
        function(2.0 * x[:, [2, 0, 1, 3, 4]], *others),
    )
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = function(torch.empty(3, 5, dtype=torch.float64), *others)
    meta = x.to("meta").requires_grad_()
    without = function(meta, *(other.to("meta") for other in others))
    for found in (fake, without):
        assert (found.shape, found.dtype) == (value.shape, value.dtype)
    assert without.is_meta
    assert torch.autograd.grad(without.sum(), meta)[0].shape == x.shape


def test_an_empty_batch_of_losses():
    x = torch.empty(0, 3, 5)

    def loss(x):
        return soft.soft_spearman_loss(x, torch.tensor(W))

    assert torch.vmap(loss)(x).shape == (0,)


def test_other_devices():
    script = Path(__file__).with_name("other_device.py")
    subprocess.run([sys.executable, script], check=True)


def test_second_derivatives_raise():
    x = torch.tensor(X, requires_grad=True)

    def total(x):
        return (soft.soft_rank(x, regularization_strength=0.5) ** 2).sum()

    (gradient,) = torch.autograd.grad(total(x), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        gradient.sum().backward()
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        twice = transform(torch.func.grad(total))
        with pytest.raises(NotImplementedError, match="second derivatives"):
            twice(x)

    target = torch.tensor(W)

    def loss(x):
        return soft.soft_kendall_loss(x, target)

    (gradient,) = torch.autograd.grad(loss(x), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        gradient.sum().backward()
    with pytest.raises(NotImplementedError, match="second derivatives"):
        torch.func.hessian(loss)(x)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    value = compiled(x)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(value, x, create_graph=True)[0].sum().backward()


@pytest.mark.parametrize("name", [*OPERATORS, *SCORE_LOSSES])
def test_second_derivatives_of_everything_raise(name):
    x = torch.tensor(X, requires_grad=True)
    if name in OPERATORS:
        _, arrays, _, options = next(case for case in ONE_CASE_EACH if case[0] == name)
        others = {key: torch.tensor(array) for key, array in arrays.items()}
        value = (getattr(soft, name)(x, **others, **options) ** 2).sum()
    else:
        value = getattr(soft, name)(x, torch.tensor(np.asarray(loss_target(name))))
    (gradient,) = torch.autograd.grad(value, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives of soft oper"):
        torch.autograd.grad(gradient.sum(), x)


@cases
def test_gradients_in_arguments_without_one_raise(name, arrays, wrt, options):
    given = {key: tensor.detach() for key, tensor in tensors(arrays).items()}
    for key in undifferentiable(arrays, wrt):
        tracked = {**given, key: given[key].clone().requires_grad_()}
        with pytest.raises(
            ValueError, match=f"^{key} must not require a gradient: {name}"
        ):
            getattr(soft, name)(**tracked, **options)
        with pytest.raises(
            ValueError, match=f"^{key} must not require a gradient: {name}"
        ):
            torch.func.grad(
                lambda part, key=key: getattr(soft, name)(
                    **{**given, key: part}, **options
                ).sum()
            )(given[key])


@pytest.mark.parametrize("name", SCORE_LOSSES)
def test_wrong_input_of_losses(name):
    function, x = getattr(soft, name), torch.tensor(X)
    target = torch.tensor(np.asarray(loss_target(name)))
    with pytest.raises(
        TypeError, match=r"^scores must be a tensor of a floating-point"
    ):
        function(x.round().long(), target)
    weight = torch.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match=r"^sample_weight must not require a gradient"):
        function(x, target, sample_weight=weight)
    with pytest.raises(ValueError, match=r"^sample_weight must have shape \(3,\), got"):
        function(x, target, sample_weight=torch.ones(4))
    if target.is_floating_point():
        with pytest.raises(ValueError, match=r"must not require a gradient: "):
            function(x, target.clone().requires_grad_())
        with pytest.raises(
            ValueError, match=r"^groups must have the length of scores, 15"
        ):
            function(x.ravel(), target.ravel(), groups=torch.tensor([5, 5, 5]))
    else:
        with pytest.raises(
            ValueError, match=r"^target must hold class indices between 0"
        ):
            function(x, target + 5)


@pytest.mark.parametrize("name", OPERATORS)
def test_integer_tensors_raise(name):
    _, arrays, _, options = next(case for case in ONE_CASE_EACH if case[0] == name)
    with pytest.raises(
        TypeError, match=r"^x must be a tensor of a floating-point dtype"
    ):
        getattr(soft, name)(torch.arange(15).reshape(3, 5), **arrays, **options)


def test_the_value_may_be_changed_in_place():
    for name, arrays, _, options in OPERATOR_CASES:
        given = tensors(arrays)
        value = getattr(soft, name)(**given, **options)
        expected = torch.autograd.grad(value.sum(), given["x"], retain_graph=True)[0]
        with torch.no_grad():
            value.zero_()
        found = torch.autograd.grad(value, given["x"], torch.ones_like(value))[0]
        assert torch.equal(found, expected)


def test_several_backward_passes():
    x = torch.tensor(X, requires_grad=True)
    value = soft.soft_sort(x, regularization_strength=0.5)
    (first,) = torch.autograd.grad(value[0].sum(), x, retain_graph=True)
    (second,) = torch.autograd.grad(value[0].sum(), x)
    assert torch.equal(first, second)


def test_jacobian_by_mapped_backward_passes():
    x = torch.tensor(X[0], requires_grad=True)
    value = soft.soft_rank(x, regularization_strength=0.5)

    def pull(cotangent):
        return torch.autograd.grad(value, x, cotangent, retain_graph=True)[0]

    found = torch.vmap(pull)(torch.eye(5, dtype=torch.float64))
    expected = torch.stack([pull(row) for row in torch.eye(5, dtype=torch.float64)])
    assert torch.equal(found, expected)


def test_dual_numbers():
    x, tangent = torch.tensor(X), torch.tensor(W)
    with forward_ad.dual_level():
        value = soft.soft_rank(
            forward_ad.make_dual(x, tangent), regularization_strength=0.5
        )
        found = forward_ad.unpack_dual(value).tangent
    expected = sksoft.jvp(sksoft.soft_rank, X, W, regularization_strength=0.5)[1]
    assert_array_equal(found.numpy(), expected)
    strength = torch.tensor(0.5, dtype=torch.float64)
    with pytest.raises(NotImplementedError, match="along x only, got a tangent of reg"):
        torch.func.jvp(
            lambda s: soft.soft_rank(x, regularization_strength=s),
            (strength,),
            (strength,),
        )


def test_forward_mode_over_a_backward_pass():
    x, weight = torch.tensor(X, requires_grad=True), torch.tensor(W)
    value = soft.soft_rank(x, regularization_strength=0.5)
    loss = soft.soft_spearman_loss(x, weight, regularization_strength=0.5)
    with forward_ad.dual_level():
        # No tangent of a cotangent is lost silently.
        with pytest.raises(NotImplementedError, match="second derivatives"):
            torch.autograd.grad(value, x, forward_ad.make_dual(weight, weight))
        one = torch.ones_like(loss)
        (found,) = torch.autograd.grad(loss, x, forward_ad.make_dual(one, 2.0 * one))
        gradient, tangent = forward_ad.unpack_dual(found)
    assert torch.equal(tangent, 2.0 * gradient)


@pytest.mark.parametrize("name", OPERATORS)
def test_straight_through(name):
    _, arrays, _, options = next(case for case in OPERATOR_CASES if case[0] == name)
    strength = strength_name(OPERATORS[name])
    if strength is None:
        with pytest.raises(TypeError, match="straight_through"):
            getattr(soft, name)(torch.tensor(X), straight_through=True)
        return
    given = tensors(arrays)
    through = getattr(soft, name)(**given, **options, straight_through=True)
    hard = {**given, **options, strength: 0.0}
    assert torch.equal(through, getattr(soft, name)(**hard))
    value = getattr(soft, name)(**given, **options)
    cotangent = torch.ones_like(value)
    expected = torch.autograd.grad(value, given["x"], cotangent)[0]
    found = torch.autograd.grad(through, given["x"], cotangent)[0]
    assert torch.equal(found, expected)
    with pytest.raises(TypeError, match="straight_through must be True or False"):
        getattr(soft, name)(**given, **options, straight_through=1)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_half_precision(dtype):
    x = torch.tensor(X, dtype=dtype, requires_grad=True)
    value = soft.soft_rank(x, regularization_strength=0.5)
    assert value.dtype == dtype
    expected = soft.soft_rank(x.detach().float(), regularization_strength=0.5)
    assert torch.equal(value, expected.to(dtype))
    value.backward(torch.ones(value.shape).to(dtype))
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("name", SCORE_LOSSES)
def test_losses(name):
    scores = torch.tensor(X, requires_grad=True)
    target = torch.tensor(np.asarray(loss_target(name)))
    weight = torch.tensor([1.0, 2.0, 0.5])
    function = getattr(soft, name)
    value = function(scores, target, sample_weight=weight)
    expected, gradient = getattr(losses, name)(
        X, target.numpy(), sample_weight=weight.numpy()
    )
    assert value.shape == ()
    assert value.dtype == torch.float64
    assert value.item() == expected
    (3.0 * value).backward()
    assert_array_equal(scores.grad.numpy(), 3.0 * gradient)
    assert torch.autograd.gradcheck(
        lambda scores: function(scores, target), scores, check_forward_ad=True
    )
    batch = torch.stack([scores.detach(), 0.8 * scores.detach()])
    found = torch.vmap(torch.func.grad(lambda scores: function(scores, target)))(batch)
    for row, part in zip(batch, found, strict=True):
        _, gradient = getattr(losses, name)(row.numpy(), target.numpy())
        assert_array_equal(part.numpy(), gradient)


def test_loss_with_groups():
    scores, target = torch.randn(6), torch.tensor([1.0, 2.0, 3.0, 1.0, 2.0, 0.0])
    groups = torch.tensor([0, 0, 0, 1, 1, 1])
    value = soft.soft_spearman_loss(scores, target, groups=groups)
    rows = soft.soft_spearman_loss(scores.view(2, 3), target.view(2, 3))
    assert_allclose(value.item(), rows.item(), rtol=1e-6)


def of_tensors(function, *arguments, **options):
    """Return the loss of a beam as a function of emissions and parts of transitions."""

    def loss(emissions, *parts):
        transitions = parts if len(parts) > 1 else parts[0]
        return function(emissions, transitions, SEQUENCE, 2, *arguments, **options)

    return loss


@pytest.mark.parametrize(("transitions", "options"), BEAM_CASES)
def test_loss_of_beams(transitions, options):
    parts = transitions if isinstance(transitions, tuple) else (transitions,)
    given = [torch.tensor(array, requires_grad=True) for array in (EMISSIONS, *parts)]
    expected, (d_emissions, d_parts) = losses.beam_loss(
        EMISSIONS, transitions, SEQUENCE, 2, **options
    )
    d_parts = d_parts if isinstance(d_parts, tuple) else (d_parts,)
    loss = of_tensors(soft.beam_loss, **options)
    value = loss(*given)
    assert value.item() == expected
    found = torch.autograd.grad(value, given)
    for gradient, other in zip(found, (d_emissions, *d_parts), strict=True):
        assert_array_equal(gradient.numpy(), other)
    assert torch.autograd.gradcheck(loss, given, check_forward_ad=True)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for gradient, other in zip(
        torch.autograd.grad(compiled(*given), given), found, strict=True
    ):
        assert torch.equal(gradient, other)
    # Over emissions, with the same transitions.
    rest = [part.detach() for part in given[1:]]
    batch = torch.stack([given[0].detach(), 0.5 * given[0].detach()])
    every = tuple(range(len(given)))
    mapped = torch.vmap(
        torch.func.grad(loss, argnums=every), in_dims=(0, *(None,) * len(rest))
    )(batch, *rest)
    for i, emissions in enumerate(batch):
        alone = torch.func.grad(loss, argnums=every)(emissions, *rest)
        for gradient, other in zip(mapped, alone, strict=True):
            assert torch.equal(gradient[i], other)
    # The gradient in the one depends on the other.
    (gradient,) = torch.autograd.grad(loss(*given), given[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        torch.autograd.grad(gradient.sum(), given[1])


def test_loss_of_beams_with_constant_transitions():
    emissions = torch.tensor(EMISSIONS, dtype=torch.float32, requires_grad=True)
    single = EMISSIONS.astype(np.float32)
    for transitions in (BEAM_CASES[0][0], BEAM_CASES[0][0].tolist(), BEAM_CASES[1][0]):
        expected, (gradient, _) = losses.beam_loss(single, transitions, SEQUENCE, 2)
        value = soft.beam_loss(emissions, transitions, torch.tensor(SEQUENCE), k=2)
        assert value.dtype == torch.float32
        assert value.item() == np.float32(expected)
        (found,) = torch.autograd.grad(value, emissions)
        assert_array_equal(found.numpy(), gradient)


@pytest.mark.parametrize("name", SCORE_LOSSES)
def test_losses_compile(name, compiler):
    scores = torch.tensor(X, requires_grad=True)
    target = torch.tensor(np.asarray(loss_target(name)))

    def function(scores):
        return 2.0 * getattr(soft, name)(scores, target)

    expected = torch.autograd.grad(function(scores), scores)[0]
    compiled = compiler(function, fullgraph=True, backend="aot_eager")
    assert torch.equal(torch.autograd.grad(compiled(scores), scores)[0], expected)


def test_wrong_input():
    x = torch.tensor(X)
    with pytest.raises(
        TypeError, match=r"^x must be a tensor of a floating-point dtyp"
    ):
        soft.soft_rank(torch.arange(3))
    with pytest.raises(TypeError, match=r"^x must be a torch.Tensor, got ndarray"):
        soft.soft_rank(X)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'k'"):
        soft.soft_topk(x)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        soft.soft_topk(k=2)
    with pytest.raises(TypeError, match="too many positional"):
        soft.soft_rank(x, 1)
    with pytest.raises(TypeError, match="strengh"):
        soft.soft_rank(x, strengh=1.0)
    with pytest.raises(ValueError, match=r"^y must not require a gradient"):
        soft.soft_spearmanr(x, torch.tensor(W, requires_grad=True))
    with pytest.raises(ValueError, match=r"^target must not require a gradient"):
        soft.soft_spearman_loss(x, torch.tensor(W, requires_grad=True))
    with pytest.raises(
        NotImplementedError, match=r"^target must have no tangent: soft_spearman_loss"
    ):
        torch.func.jvp(
            lambda y: soft.soft_spearman_loss(x, y), (x,), (torch.ones_like(x),)
        )
    with pytest.raises(ValueError, match=r"^target must not require a gradient: beam"):
        soft.beam_loss(
            x, x[:, :3], torch.tensor([0.0, 1.0, 2.0], requires_grad=True), 1
        )
    with pytest.raises(ValueError, match=r"^groups must have the length of scores, 15"):
        soft.soft_spearman_loss(
            x.ravel(), torch.tensor(W).ravel(), groups=torch.tensor([5, 5, 4])
        )
    with pytest.raises(
        TypeError, match=r"^scores must be a tensor of a floating-point"
    ):
        soft.soft_spearman_loss(torch.arange(3), torch.arange(3))
    with pytest.raises(
        TypeError, match="missing 1 required positional argument: 'target'"
    ):
        soft.soft_spearman_loss(x)
    with pytest.raises(ValueError, match=r"^x must hold finite numbers"):
        soft.soft_rank(torch.tensor([1.0, torch.nan]))
    with pytest.raises(TypeError, match=r"^x must be a dense tensor that holds val"):
        soft.soft_rank(x.to_sparse())
    with pytest.raises(TypeError, match=r"^target must be a dense tensor that hold"):
        soft.soft_spearman_loss(x, x.to_sparse())
    with pytest.raises(TypeError, match=r"^weights must be a dense tensor .* meta: "):
        soft.soft_rank(x, weights=x.to("meta"))
    with pytest.raises(TypeError, match=r"^k must be a constant of Python, on which"):
        soft.soft_topk_sorted(x, torch.tensor(2))
    with pytest.raises(TypeError, match=r"^k must be a constant of Python, on which"):
        torch.vmap(lambda k: soft.soft_topk_sorted(x, k))(torch.tensor([1, 2]))
    with pytest.raises(TypeError, match=r"^x must be a tensor of a floating-point d"):
        soft.soft_rank(x.to(torch.complex128))
    with pytest.raises(TypeError, match=r"^x must be a tensor of a floating-point d"):
        soft.soft_rank(x > 0)
    with pytest.raises(ValueError, match="between 0 and 4"):
        soft.topk_cross_entropy_loss(x, torch.tensor([0, 7, 1]))


@pytest.mark.parametrize("name", soft.__all__)
def test_documentation(name):
    function = getattr(soft, name)
    original = OPERATORS.get(name) or getattr(losses, name)
    assert function.__doc__.startswith(inspect.getdoc(original).partition("\n")[0])
    names = [*inspect.signature(function).parameters]
    expected = [*inspect.signature(original).parameters]
    assert names in (expected, [*expected, "straight_through"])
    assert function.__module__ == "sksoft.torch"
    assert function.__name__ == name


def test_all_operators_and_losses_are_there():
    assert {*OPERATORS, *LOSSES} == set(soft.__all__)
    # Those take an operator and return functions: PyTorch has ways of its own.
    derivatives = {"jvp", "vjp", "strength_bounds"}
    assert {*operators.__all__, *losses.__all__} - derivatives == set(soft.__all__)
