# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The soft operators and losses for PyTorch: tensors in and out, exact gradients.

Every operator of :mod:`sksoft.operators` and every loss of :mod:`sksoft.losses` is here
under its name; soft beams, which are no operators, are a recipe of the documentation.
Values equal those of NumPy bit for bit, and gradients flow through
:mod:`torch.autograd` to every argument that :func:`sksoft.vjp` knows. Reverse mode,
forward mode (along `x`), :func:`torch.vmap`, :func:`torch.func.grad` and
:func:`torch.compile` work, nested too. Second derivatives raise.

The computation takes place on the CPU: tensors of other devices are copied there, and
results back.
"""

import inspect

from sksoft._bridge import (
    GRADIENTS,
    LOSSES,
    OPERATORS,
    Spec,
    by_name,
    has_gradient,
    no_loss_gradient,
    parted,
    popped_straight_through,
    positional_names,
    publish,
    static_names,
    strength_name,
)

try:
    import torch
except ImportError as error:
    raise ImportError(
        "sksoft.torch needs PyTorch, which is not installed: "
        'pip install "sksoft[torch]"'
    ) from error

from sksoft.torch._compiled import compiled_loss, compiled_operator, encoded
from sksoft.torch._losses import LossCall, TransformedLoss, plain_loss, value_of_loss
from sksoft.torch._operators import (
    Run,
    TransformedOperator,
    plain_operator,
    plain_operator_of_x,
    value_of,
)
from sksoft.torch._tensors import (
    checked_tensor,
    forward_mode_active,
    is_recorded,
    transforms_active,
    uncompiled,
)

__all__ = [*OPERATORS, *LOSSES]


def __dir__():
    return __all__


def _is_tensor(value):
    return isinstance(value, torch.Tensor)


def _bridged_operator(operator):
    """Return an operator as a function of tensors."""
    positions = positional_names(operator)
    strength = strength_name(operator)
    operator_name = operator.__name__

    static = static_names(operator)

    def bridged(*args, **params):
        straight_through = popped_straight_through(params, strength)
        arguments = by_name(operator, positions, args, params)
        if "x" not in arguments:
            inspect.signature(operator).bind(**arguments)
        x = checked_tensor("x", arguments.pop("x"))
        names, tensors, options = parted(arguments, _is_tensor, static)
        names, tensors = ("x", *names), (x, *tensors)
        if x.is_meta or is_recorded():
            function = operator_name + "!" * straight_through
            return compiled_operator(*encoded(function, names, tensors, options))
        call = names, tensors, options, straight_through
        if transforms_active():
            return uncompiled(run_eagerly, *call)
        return run_eagerly(*call)

    def run_eagerly(names, tensors, options, straight_through):
        wrt = ()
        if torch.is_grad_enabled():
            wrt = tuple(
                [
                    name
                    for name, tensor in zip(names, tensors, strict=True)
                    if tensor.requires_grad
                ]
            )
        spec = Spec(operator_name, tuple(options), straight_through)
        run = Run(spec, names, wrt, bool(wrt))
        if transforms_active() or forward_mode_active():
            return TransformedOperator.apply(run, *tensors)
        if not wrt:
            return value_of(run, tensors)
        if len(tensors) == 1 and not straight_through:
            return plain_operator_of_x(run, *tensors)
        return plain_operator(run, *tensors)

    return bridged


def _bridged_loss(loss):
    """Return a loss as a function of tensors."""
    positions = positional_names(loss)
    loss_name, (first, *others) = loss.__name__, GRADIENTS[loss.__name__]
    static = static_names(loss)

    def bridged(*args, **params):
        arguments = by_name(loss, positions, args, params)
        if first not in arguments:
            inspect.signature(loss).bind(**arguments)
        scores = checked_tensor(first, arguments.pop(first))
        names, tensors, options = parted(arguments, _is_tensor, static, others)
        names = (first, *names)
        tensors = [scores, *map(torch.as_tensor, tensors)]
        differentiated = False
        for name, tensor in zip(names, tensors, strict=True):
            if tensor.requires_grad:
                differentiated = True
                if not has_gradient(loss_name, name):
                    raise no_loss_gradient(loss_name, name)
        if scores.is_meta or is_recorded():
            call = encoded(loss_name, names, tensors, options)
            return compiled_loss(*call)[0]
        call = names, tensors, options, differentiated
        if transforms_active():
            return uncompiled(run_eagerly, *call)
        return run_eagerly(*call)

    def run_eagerly(names, tensors, options, differentiated):
        call = LossCall(loss_name, names, options)
        if transforms_active() or forward_mode_active():
            return TransformedLoss.apply(call, *tensors)[0]
        if differentiated and torch.is_grad_enabled():
            return plain_loss(call, *tensors)
        return value_of_loss(call, tensors)[0]

    return bridged


OPERATOR_DOC = """{summary}

This is :func:`sksoft.{name}`, which documents the arguments, for tensors.

Parameters
----------
x : torch.Tensor
    The values, of a floating-point dtype; those of less than 32 bits are computed in
    float32.
*args, **params
    The other arguments of :func:`sksoft.{name}`; arrays among them may be tensors.
{straight_through}
Returns
-------
values : torch.Tensor
    With the dtype and on the device of `x`. Gradients flow to `x` and to other
    arguments that are tensors and have a derivative.

Raises
------
TypeError
    If `x` is not a tensor of a floating-point dtype, or a tensor is sparse or has no
    values; else as :func:`sksoft.{name}`.
ValueError
    If an argument without a derivative requires a gradient; else as
    :func:`sksoft.{name}`.
NotImplementedError
    Where a second derivative is asked for, or forward mode along anything but `x`.

See Also
--------
sksoft.{name} : The same for arrays, with references.
"""

LOSS_DOC = """{summary}

This is :func:`sksoft.losses.{name}`, which documents the arguments, for tensors.

Parameters
----------
{first} : torch.Tensor
    The scores, of a floating-point dtype.
*args, **params
    The other arguments of :func:`sksoft.losses.{name}`; arrays among them may be
    tensors.

Returns
-------
value : torch.Tensor
    A scalar with the dtype and on the device of `{first}`, through which the gradients
    flow that :func:`sksoft.losses.{name}` returns.

Raises
------
TypeError
    If `{first}` is not a tensor of a floating-point dtype, or a tensor is sparse or has
    no values; else as :func:`sksoft.losses.{name}`.
ValueError
    If another argument requires a gradient; else as :func:`sksoft.losses.{name}`.
NotImplementedError
    Where a second derivative is asked for.

See Also
--------
sksoft.losses.{name} : The same for arrays, with references.
"""


publish(globals(), _bridged_operator, _bridged_loss, OPERATOR_DOC, LOSS_DOC)
