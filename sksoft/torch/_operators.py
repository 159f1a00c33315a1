# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators as functions of autograd."""

import torch

from sksoft._bridge import OPERATORS, Linearized, evaluate, linearize
from sksoft.torch._tensors import (
    Linear,
    forward_mode_active,
    to_arrays,
    to_numpy,
    to_tensor,
    transforms_active,
    without_transforms,
)


class Run:
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

    def linearized(self, tensors, wrt):
        """Return the linear maps, from the forward pass where they were kept."""
        if self.linear is None or wrt != self.wrt:
            self.wrt = wrt
            arrays = to_arrays(self.names, tensors)
            self.linear = linearize(self.spec, arrays, wrt, self.leading)
        return self.linear

    def mapped(self, size, in_dims, tensors):
        """Return the run and the tensors with the mapped axis as a leading one."""
        if self.child is None or self.child[0] != in_dims:
            leading = (size, *self.leading)
            child = Run(self.spec, self.names, self.wrt, self.keep, leading)
            self.child = in_dims, child
        moved = [
            tensor.unsqueeze(0) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims, strict=True)
        ]
        return self.child[1], moved


def _pull(ctx, cotangent):
    """Return what backward returns."""
    run, tensors = ctx.run, ctx.saved_tensors
    _, *needed = ctx.needs_input_grad
    wrt = tuple([name for name, need in zip(run.names, needed, strict=True) if need])
    if torch.is_grad_enabled() or transforms_active() or forward_mode_active():
        gradients = _Pullback.apply(run, wrt, cotangent, *tensors)
    else:
        gradients = gradients_of(run, wrt, cotangent, tensors)
    if len(gradients) == len(needed):
        return None, *gradients
    gradients = iter(gradients)
    return None, *(next(gradients) if need else None for need in needed)


def value_of(run, tensors):
    if run.keep:
        value = run.linearized(tensors, run.wrt).value
    else:
        value = evaluate(run.spec, to_arrays(run.names, tensors), run.leading)
    return to_tensor(value, tensors[0])


def gradients_of(run, wrt, cotangent, tensors):
    gradients = run.linearized(tensors, wrt).pullback(to_numpy(cotangent, "cotangent"))
    return tuple(
        to_tensor(gradient, tensors[run.names.index(name)])
        for name, gradient in zip(wrt, gradients, strict=True)
    )


class PlainOperator(torch.autograd.Function):
    """The value of an operator in reverse mode, quickly."""

    @staticmethod
    def forward(ctx, run, *tensors):
        ctx.run = run
        ctx.save_for_backward(*tensors)
        return value_of(run, tensors)

    backward = staticmethod(_pull)


plain_operator = without_transforms(PlainOperator)


class PlainOperatorOfX(torch.autograd.Function):
    """The same where x is the only tensor, without what several tensors need."""

    @staticmethod
    def forward(ctx, run, x):
        ctx.run = run
        ctx.save_for_backward(x)
        call = OPERATORS[run.spec.operator].bind(to_numpy(x), **dict(run.spec.options))
        run.linear = Linearized(*call.linearize(run.wrt))
        return to_tensor(run.linear.value, x)

    @staticmethod
    def backward(ctx, cotangent):
        if torch.is_grad_enabled() or transforms_active() or forward_mode_active():
            return _pull(ctx, cotangent)
        (x,) = ctx.saved_tensors
        (gradient,) = ctx.run.linear.pullback(to_numpy(cotangent, "cotangent"))
        return None, to_tensor(gradient, x)


plain_operator_of_x = without_transforms(PlainOperatorOfX)


class TransformedOperator(torch.autograd.Function):
    """The value of an operator in all modes, and under the transforms of torch.func."""

    @staticmethod
    def forward(run, *tensors):
        return value_of(run, tensors)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.run, *tensors = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx, cotangent):
        if cotangent is None:
            return (None,) * len(ctx.needs_input_grad)
        return _pull(ctx, cotangent)

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

    @staticmethod
    def vmap(info, in_dims, run, *tensors):
        run, tensors = run.mapped(info.batch_size, in_dims[1:], tensors)
        return TransformedOperator.apply(run, *tensors), 0


class _Pullback(Linear):
    """The gradients with respect to some of the tensors."""

    @staticmethod
    def forward(run, wrt, cotangent, *tensors):
        return gradients_of(run, wrt, cotangent, tensors)

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


class _Pushforward(Linear):
    """The tangent of the value for a tangent of x."""

    @staticmethod
    def forward(run, tangent, *tensors):
        linear = run.linearized(tensors, run.wrt)
        return to_tensor(linear.pushforward(to_numpy(tangent, "tangent")), tangent)

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
