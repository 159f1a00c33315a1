# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators and losses for torch.compile.

It does not look into custom operators, whose arguments are tensors, numbers and one
text: here the name of the function, those of the tensors, those of the numbers, and the
other options.
"""

import torch

from sksoft._bridge import (
    Spec,
    check_differentiable_shapes,
    has_gradient,
    output_shape,
)
from sksoft.torch._losses import LossCall, loss_of
from sksoft.torch._operators import Run, gradients_of, value_of


def encoded(function, names, tensors, options):
    """Return a call as a text, tensors and numbers."""
    names, tensors = list(names), list(tensors)
    numbered, numbers, texts = [], [], []
    for name, value in options:
        if value is None or isinstance(value, bool):
            texts.append(f"{name}={value}")
        elif isinstance(value, str):
            texts.append(f"{name}='{value}")
        elif isinstance(value, int | float):
            numbered.append(name)
            numbers.append(value)
        else:
            names.append(name)
            tensors.append(torch.as_tensor(value))
    parts = (",".join(part) for part in (names, numbered, texts))
    return f"{function};{';'.join(parts)}", tensors, numbers


CONSTANTS = {"None": None, "True": True, "False": False}


def _decoded(text, numbers):
    """Return the function, the names of the tensors, and the options as pairs."""
    function, *parts = text.split(";")
    names, numbered, texts = (part.split(",") if part else [] for part in parts)
    options = list(zip(numbered, numbers, strict=True))
    for item in texts:
        name, _, value = item.partition("=")
        options.append((name, value[1:] if value[0] == "'" else CONSTANTS[value]))
    return function, tuple(names), tuple(options)


def _decoded_run(text, numbers, wrt=()):
    function, names, options = _decoded(text, numbers)
    operator, _, through = function.partition("!")
    return Run(Spec(operator, options, bool(through)), names, wrt, False)


@torch.library.custom_op("sksoft::operator", mutates_args=())
def compiled_operator(
    call: str, tensors: list[torch.Tensor], numbers: list[int | float | bool]
) -> torch.Tensor:
    return value_of(_decoded_run(call, numbers), tensors)


@compiled_operator.register_fake
def _(call, tensors, numbers):
    run = _decoded_run(call, [_known(number) for number in numbers])
    shapes = (tuple(tensor.shape) for tensor in tensors)
    shape = output_shape(run.spec, dict(zip(run.names, shapes, strict=True)))
    return tensors[0].new_empty(shape)


def _known(number):
    """Return a number that may be a symbol: the shape depends on integers only."""
    if isinstance(number, torch.SymFloat):
        return 0.0
    return int(number) if isinstance(number, torch.SymInt) else number


@torch.library.custom_op("sksoft::operator_pullback", mutates_args=())
def _compiled_pullback(
    cotangent: torch.Tensor,
    wrt: str,
    call: str,
    tensors: list[torch.Tensor],
    numbers: list[int | float | bool],
) -> list[torch.Tensor]:
    wrt = tuple(wrt.split(","))
    run = _decoded_run(call, numbers, wrt)
    return list(gradients_of(run, wrt, cotangent, tensors))


@_compiled_pullback.register_fake
def _(cotangent, wrt, call, tensors, numbers):
    run = _decoded_run(call, [_known(number) for number in numbers])
    like = dict(zip(run.names, tensors, strict=True))
    wrt = wrt.split(",")
    shapes = {name: tuple(tensor.shape) for name, tensor in like.items()}
    check_differentiable_shapes(run.spec, shapes, wrt)
    return [torch.empty_like(like[name]) for name in wrt]


def _keep_inputs(ctx, inputs, output):
    ctx.call, tensors, ctx.numbers = inputs
    ctx.needed = [tensor.requires_grad for tensor in tensors]
    ctx.save_for_backward(*tensors)


def _pull_compiled(ctx, cotangent):
    names = _decoded_run(ctx.call, ctx.numbers).names
    wrt = [name for name, need in zip(names, ctx.needed, strict=True) if need]
    tensors = list(ctx.saved_tensors)
    gradients = iter(
        _compiled_pullback(cotangent, ",".join(wrt), ctx.call, tensors, ctx.numbers)
    )
    of_tensors = [next(gradients) if need else None for need in ctx.needed]
    return None, of_tensors, None if ctx.numbers else []


compiled_operator.register_autograd(_pull_compiled, setup_context=_keep_inputs)


@torch.library.custom_op("sksoft::loss", mutates_args=())
def compiled_loss(
    call: str, tensors: list[torch.Tensor], numbers: list[int | float | bool]
) -> list[torch.Tensor]:
    """Return the value of an encoded loss, and its gradients."""
    value, gradients = loss_of(LossCall(*_decoded(call, numbers)), tensors)
    return [value, *gradients.values()]


@compiled_loss.register_fake
def _(call, tensors, numbers):
    places = _gradient_places(call, tensors, numbers)
    return [
        tensors[0].new_empty(()),
        *(torch.empty_like(tensors[place]) for place in places),
    ]


def _gradient_places(call, tensors, numbers):
    """Return the places of the tensors in which a loss has gradients."""
    loss, names, _ = _decoded(call, numbers)
    return [
        place
        for place, (name, tensor) in enumerate(zip(names, tensors, strict=True))
        if has_gradient(loss, name) and tensor.is_floating_point()
    ]


@torch.library.custom_op("sksoft::loss_gradient", mutates_args=())
def _compiled_gradient(
    gradient: torch.Tensor, tensors: list[torch.Tensor]
) -> torch.Tensor:
    # Without a formula for its derivative, as second derivatives are not offered.
    return gradient.clone()


@_compiled_gradient.register_fake
def _(gradient, tensors):
    return torch.empty_like(gradient)


def _keep_gradients(ctx, inputs, output):
    call, tensors, ctx.numbers = inputs
    ctx.places = _gradient_places(call, tensors, ctx.numbers)
    ctx.save_for_backward(*tensors, *output[1:])


def _pull_loss(ctx, cotangents):
    n = len(ctx.saved_tensors) - len(ctx.places)
    tensors, gradients = list(ctx.saved_tensors[:n]), ctx.saved_tensors[n:]
    found = [None] * n
    for place, gradient in zip(ctx.places, gradients, strict=True):
        found[place] = cotangents[0] * _compiled_gradient(gradient, tensors)
    # An empty list counts as one of tensors.
    return None, found, None if ctx.numbers else []


compiled_loss.register_autograd(_pull_loss, setup_context=_keep_gradients)
