# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The soft operators and losses for PyTorch: tensors in and out, exact gradients.

Every operator of :mod:`sksoft.operators` and every loss of scores of
:mod:`sksoft.losses` is here under its name. Values equal those of NumPy bit for bit,
and gradients flow through :mod:`torch.autograd` to every argument that
:func:`sksoft.vjp` knows. Reverse mode, forward mode (along `x`), :func:`torch.vmap`,
:func:`torch.func.grad` and :func:`torch.compile` work, nested too. Second derivatives
raise.

The computation takes place on the CPU: tensors of other devices are copied there, and
results back.
"""

import inspect

import numpy as np

from sksoft._bridge import (
    LOSSES,
    OPERATORS,
    Spec,
    by_name,
    evaluate,
    linearize,
    output_shape,
    popped_straight_through,
    positional_names,
    published,
    strength_name,
)

try:
    import torch
except ImportError as error:
    raise ImportError(
        "sksoft.torch needs PyTorch, which is not installed: "
        'pip install "sksoft[torch]"'
    ) from error

__all__ = [*OPERATORS, *LOSSES]


def __dir__():
    return __all__


# Computed in single precision and rounded.
HALF = (torch.float16, torch.bfloat16)

# Whether torch.func is at work, which takes the longer of two ways. Where PyTorch does
# not tell, it is always taken.
transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


def _to_numpy(tensor):
    tensor = tensor.detach()
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    if tensor.dtype in HALF:
        tensor = tensor.float()
    return tensor.numpy()


def _to_tensor(array, like):
    """Return an array as a tensor of the dtype and on the device of another."""
    array = np.asarray(array)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    tensor = torch.from_numpy(array)
    if tensor.dtype != like.dtype or like.device.type != "cpu":
        tensor = tensor.to(like.device, like.dtype)
    return tensor


def _no_second_derivative():
    return NotImplementedError(
        "second derivatives of soft operators and losses are not offered."
    )


class _Run:
    """One evaluation of an operator: what is not a tensor, and what it left behind."""

    __slots__ = ("child", "keep", "leading", "linear", "names", "spec", "wrt")

    def __init__(self, spec, names, wrt, keep, leading=()):
        self.spec = spec
        # The arguments that are tensors, and those that need a gradient.
        self.names, self.wrt = names, wrt
        # Whether a derivative is expected.
        self.keep = keep
        self.leading = leading
        self.linear = None
        # The same run with one more leading axis.
        self.child = None

    def arrays(self, tensors):
        """Return the tensors as arrays by name."""
        return dict(zip(self.names, map(_to_numpy, tensors), strict=True))

    def linearized(self, tensors, wrt):
        """Return the linear maps, from the forward pass where they were kept."""
        if self.linear is None or wrt != self.wrt:
            self.wrt = wrt
            arrays = self.arrays(tensors)
            self.linear = linearize(self.spec, arrays, wrt, self.leading)
        return self.linear

    def mapped(self, size, in_dims, tensors):
        """Return the run and the tensors with the mapped axis as a leading one."""
        if self.child is None or self.child[0] != in_dims:
            leading = (size, *self.leading)
            child = _Run(self.spec, self.names, self.wrt, self.keep, leading)
            self.child = in_dims, child
        moved = [
            tensor.unsqueeze(0) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims, strict=True)
        ]
        return self.child[1], moved


class _Differentiable(torch.autograd.Function):
    """The linear maps of the value of an operator."""

    @staticmethod
    def backward(ctx, cotangent):
        needed = ctx.needs_input_grad[1:]
        if cotangent is None:
            return None, *(None for _ in needed)
        run, tensors = ctx.run, ctx.saved_tensors
        wrt = tuple(name for name, need in zip(run.names, needed, strict=True) if need)
        if torch.is_grad_enabled() or transforms_active():
            gradients = _Pullback.apply(run, wrt, cotangent, *tensors)
        else:
            gradients = _gradients(run, wrt, cotangent, tensors)
        if len(gradients) == len(needed):
            return None, *gradients
        gradients = iter(gradients)
        return None, *(next(gradients) if need else None for need in needed)

    @staticmethod
    def jvp(ctx, _, tangent, *others):
        run = ctx.run
        for name, other in zip(run.names[1:], others, strict=True):
            if other is not None:
                raise NotImplementedError(
                    f"forward-mode derivatives are offered along x only, got a tangent "
                    f"of {name} of {run.spec.operator}."
                )
        return _Pushforward.apply(run, tangent, *ctx.saved_tensors)


def _save(ctx, run, tensors):
    ctx.run = run
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def _value(run, tensors):
    if run.keep:
        value = run.linearized(tensors, run.wrt).value
    else:
        value = evaluate(run.spec, run.arrays(tensors), run.leading)
    return _to_tensor(value, tensors[0])


def _gradients(run, wrt, cotangent, tensors):
    gradients = run.linearized(tensors, wrt).pullback(_to_numpy(cotangent))
    return tuple(
        _to_tensor(gradient, tensors[run.names.index(name)])
        for name, gradient in zip(wrt, gradients, strict=True)
    )


class _Plain(_Differentiable):
    """The value of an operator, quickly."""

    @staticmethod
    def forward(ctx, run, *tensors):
        _save(ctx, run, tensors)
        return _value(run, tensors)


class _Transformed(_Differentiable):
    """The value of an operator under the transforms of torch.func."""

    @staticmethod
    def forward(run, *tensors):
        return _value(run, tensors)

    @staticmethod
    def setup_context(ctx, inputs, output):
        run, *tensors = inputs
        _save(ctx, run, tensors)

    @staticmethod
    def vmap(info, in_dims, run, *tensors):
        run, tensors = run.mapped(info.batch_size, in_dims[1:], tensors)
        return _Transformed.apply(run, *tensors), 0


class _Linear(torch.autograd.Function):
    """A linear map at saved tensors, whose derivative is a second one."""

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *cotangents):
        raise _no_second_derivative()

    @staticmethod
    def jvp(ctx, *tangents):
        raise _no_second_derivative()


class _Pullback(_Linear):
    """The gradients with respect to some of the tensors."""

    @staticmethod
    def forward(run, wrt, cotangent, *tensors):
        return _gradients(run, wrt, cotangent, tensors)

    @staticmethod
    def vmap(info, in_dims, run, wrt, cotangent, *tensors):
        _, _, dim, *dims = in_dims
        if all(d is None for d in dims):
            # Rows of a Jacobian share the linear map.
            parts = [
                _Pullback.apply(run, wrt, part, *tensors)
                for part in cotangent.movedim(dim, 0)
            ]
            gradients = tuple(
                torch.stack(column) for column in zip(*parts, strict=True)
            )
        else:
            cotangent = (
                cotangent.expand(info.batch_size, *cotangent.shape)
                if dim is None
                else cotangent.movedim(dim, 0)
            )
            run, tensors = run.mapped(info.batch_size, tuple(dims), tensors)
            gradients = _Pullback.apply(run, wrt, cotangent, *tensors)
        return gradients, (0,) * len(wrt)


class _Pushforward(_Linear):
    """The tangent of the value for a tangent of x."""

    @staticmethod
    def forward(run, tangent, *tensors):
        linear = run.linearized(tensors, run.wrt)
        return _to_tensor(linear.pushforward(_to_numpy(tangent)), tangent)

    @staticmethod
    def vmap(info, in_dims, run, tangent, *tensors):
        _, dim, *dims = in_dims
        if all(d is None for d in dims):
            parts = tangent.movedim(dim, 0)
            parts = [_Pushforward.apply(run, part, *tensors) for part in parts]
            return torch.stack(parts), 0
        tangent = tangent.unsqueeze(0) if dim is None else tangent.movedim(dim, 0)
        run, tensors = run.mapped(info.batch_size, tuple(dims), tensors)
        return _Pushforward.apply(run, tangent, *tensors), 0


def _check_x(name, x):
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(x).__name__}; the function of "
            "the same name without .torch takes arrays."
        )
    if not x.dtype.is_floating_point:
        raise TypeError(
            f"{name} must be a tensor of a floating-point dtype, got {x.dtype}."
        )


def _bridged_operator(operator):
    """Return an operator as a function of tensors."""
    positions = positional_names(operator)
    strength = strength_name(operator)
    operator_name = operator.__name__

    def bridged(*args, **params):
        straight_through = popped_straight_through(params, strength)
        arguments = by_name(operator, positions, args, params)
        if "x" not in arguments:
            inspect.signature(operator).bind(**arguments)
        x = arguments.pop("x")
        _check_x("x", x)
        names, tensors, options = ["x"], [x], []
        for name, value in arguments.items():
            if isinstance(value, torch.Tensor):
                names.append(name)
                tensors.append(value)
            else:
                options.append((name, value))
        if torch.compiler.is_compiling():
            function = operator_name + "!" * straight_through
            return _compiled_operator(*_encoded(function, names, tensors, options))
        wrt = tuple(
            name
            for name, tensor in zip(names, tensors, strict=True)
            if tensor.requires_grad
        )
        spec = Spec(operator_name, tuple(options), straight_through)
        keep = bool(wrt) and torch.is_grad_enabled()
        function = _Transformed if transforms_active() else _Plain
        return function.apply(_Run(spec, tuple(names), wrt, keep), *tensors)

    return bridged


class _PlainLoss(torch.autograd.Function):
    """The value of a loss, quickly."""

    @staticmethod
    def forward(ctx, loss, arguments, names, scores, *tensors):
        arrays = dict(zip(names, map(_to_numpy, tensors), strict=True))
        value, ctx.gradient = LOSSES[loss](_to_numpy(scores), **arrays, **arguments)
        ctx.save_for_backward(scores)
        ctx.save_for_forward(scores)
        ctx.n_others = len(tensors)
        return _to_tensor(value, scores)

    @staticmethod
    def backward(ctx, cotangent):
        (scores,) = ctx.saved_tensors
        gradient = _to_tensor(ctx.gradient, scores)
        if torch.is_grad_enabled() or transforms_active():
            gradient = _Once.apply(scores, gradient)
        return None, None, None, cotangent * gradient, *(None,) * ctx.n_others

    @staticmethod
    def jvp(ctx, _loss, _arguments, _names, tangent, *_others):
        (scores,) = ctx.saved_tensors
        gradient = _Once.apply(scores, _to_tensor(ctx.gradient, scores))
        return (gradient * tangent).sum()


class _TransformedLoss(torch.autograd.Function):
    """The value of a loss, and its gradient, under the transforms of torch.func."""

    @staticmethod
    def forward(loss, arguments, names, scores, *tensors):
        return _loss(loss, arguments, names, scores, tensors)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[3], output[1])
        ctx.save_for_forward(inputs[3], output[1])
        ctx.n_others = len(inputs) - 4

    @staticmethod
    def backward(ctx, cotangent, _):
        gradient = _Once.apply(*ctx.saved_tensors)
        return None, None, None, cotangent * gradient, *(None,) * ctx.n_others

    @staticmethod
    def jvp(ctx, _loss, _arguments, _names, tangent, *_others):
        return (_Once.apply(*ctx.saved_tensors) * tangent).sum(), None

    @staticmethod
    def vmap(info, in_dims, loss, arguments, names, *tensors):
        # A loss is one mean over its rows: here there are several.
        dims = in_dims[3:]
        parts = []
        for i in range(info.batch_size):
            part = (
                tensor if dim is None else tensor.select(dim, i)
                for tensor, dim in zip(tensors, dims, strict=True)
            )
            parts.append(_TransformedLoss.apply(loss, arguments, names, *part))
        values, gradients = zip(*parts, strict=True)
        return (torch.stack(values), torch.stack(gradients)), (0, 0)


def _loss(loss, arguments, names, scores, tensors):
    """Return the value and the gradient of a loss as tensors."""
    arrays = dict(zip(names, map(_to_numpy, tensors), strict=True))
    value, gradient = LOSSES[loss](_to_numpy(scores), **arrays, **arguments)
    return _to_tensor(np.asarray(value), scores), _to_tensor(gradient, scores)


class _Once(_Linear):
    """The gradient of a loss, as a function of scores that is not differentiated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(scores, gradient):
        return gradient.clone()


def _bridged_loss(loss):
    """Return a loss as a function of tensors."""
    positions = positional_names(loss)
    loss_name, first = loss.__name__, positions[0]

    def bridged(*args, **params):
        arguments = by_name(loss, positions, args, params)
        if first not in arguments:
            inspect.signature(loss).bind(**arguments)
        scores = arguments.pop(first)
        _check_x(first, scores)
        names, tensors, options = [], [], {}
        for name, value in arguments.items():
            if not isinstance(value, torch.Tensor):
                options[name] = value
                continue
            if value.requires_grad:
                raise ValueError(
                    f"{name} must not require a gradient: {loss_name} has a derivative "
                    f"with respect to {first} only."
                )
            names.append(name)
            tensors.append(value)
        if torch.compiler.is_compiling():
            call = _encoded(
                loss_name, [first, *names], [scores, *tensors], options.items()
            )
            return _compiled_loss(*call)[0]
        call = loss_name, options, tuple(names), scores, *tensors
        if transforms_active():
            return _TransformedLoss.apply(*call)[0]
        return _PlainLoss.apply(*call)

    return bridged


# torch.compile does not look into custom operators, whose arguments are tensors,
# numbers and one text: here the name of the function, those of the tensors, those of
# the numbers, and the other options.


def _encoded(function, names, tensors, options):
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
    return _Run(Spec(operator, options, bool(through)), names, wrt, False)


@torch.library.custom_op("sksoft::operator", mutates_args=())
def _compiled_operator(
    call: str, tensors: list[torch.Tensor], numbers: list[int | float | bool]
) -> torch.Tensor:
    return _value(_decoded_run(call, numbers), tensors)


@_compiled_operator.register_fake
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
    return list(_gradients(run, wrt, cotangent, tensors))


@_compiled_pullback.register_fake
def _(cotangent, wrt, call, tensors, numbers):
    like = dict(zip(_decoded_run(call, numbers).names, tensors, strict=True))
    return [torch.empty_like(like[name]) for name in wrt.split(",")]


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


_compiled_operator.register_autograd(_pull_compiled, setup_context=_keep_inputs)


@torch.library.custom_op("sksoft::loss", mutates_args=())
def _compiled_loss(
    call: str, tensors: list[torch.Tensor], numbers: list[int | float | bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    loss, names, options = _decoded(call, numbers)
    return _loss(loss, dict(options), names[1:], tensors[0], tensors[1:])


@_compiled_loss.register_fake
def _(call, tensors, numbers):
    return tensors[0].new_empty(()), torch.empty_like(tensors[0])


@torch.library.custom_op("sksoft::loss_gradient", mutates_args=())
def _compiled_gradient(scores: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    # Without a formula for its derivative, as second derivatives are not offered.
    return gradient.clone()


@_compiled_gradient.register_fake
def _(scores, gradient):
    return torch.empty_like(gradient)


def _keep_gradient(ctx, inputs, output):
    scores, *others = inputs[1]
    ctx.save_for_backward(scores, output[1])
    ctx.n_others, ctx.numbers = len(others), inputs[2]


def _pull_loss(ctx, cotangent, _):
    gradient = cotangent * _compiled_gradient(*ctx.saved_tensors)
    of_tensors = [gradient, *[None] * ctx.n_others]
    # An empty list counts as one of tensors.
    return None, of_tensors, None if ctx.numbers else []


_compiled_loss.register_autograd(_pull_loss, setup_context=_keep_gradient)


OPERATOR_DOC = """{summary}

This is :func:`sksoft.{name}`, which documents the arguments, for tensors.

Parameters
----------
x : torch.Tensor
    The values, of a floating-point dtype. float16 and bfloat16 are computed in float32.
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
    If `x` is not a tensor of a floating-point dtype; else as :func:`sksoft.{name}`.
ValueError
    If an argument without a derivative requires a gradient; else as
    :func:`sksoft.{name}`.
NotImplementedError
    Where a second derivative is asked for, or forward mode along anything but `x`.

See Also
--------
sksoft.{name} : The same for arrays, with references.
"""

STRAIGHT_THROUGH_DOC = """straight_through : bool, default=False
    Whether the value is the hard one, of strength 0, and only its derivatives are soft.
"""

LOSS_DOC = """{summary}

This is :func:`sksoft.losses.{name}`, which documents the arguments, for tensors.

Parameters
----------
{first} : torch.Tensor
    The scores, of a floating-point dtype.
*args, **params
    The other arguments of :func:`sksoft.losses.{name}`; arrays among them may be
    tensors, without a gradient.

Returns
-------
value : torch.Tensor
    A scalar with the dtype and on the device of the scores, through which their
    gradient flows.

Raises
------
TypeError
    If the scores are not a tensor of a floating-point dtype; else as
    :func:`sksoft.losses.{name}`.
ValueError
    If another argument requires a gradient; else as :func:`sksoft.losses.{name}`.
NotImplementedError
    Where a second derivative is asked for.

See Also
--------
sksoft.losses.{name} : The same for arrays, with references.
"""


for _function in OPERATORS.values():
    _hard = strength_name(_function) is not None
    globals()[_function.__name__] = published(
        __name__,
        _function,
        _bridged_operator(_function),
        OPERATOR_DOC,
        _hard,
        straight_through=STRAIGHT_THROUGH_DOC if _hard else "",
    )
for _function in LOSSES.values():
    _first = positional_names(_function)[0]
    globals()[_function.__name__] = published(
        __name__, _function, _bridged_loss(_function), LOSS_DOC, False, first=_first
    )
