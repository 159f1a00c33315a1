# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses as functions of autograd: the gradients are known with the value."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from sksoft._bridge import evaluate_loss, has_gradient
from sksoft.torch._tensors import (
    Linear,
    forward_mode_active,
    to_arrays,
    to_tensor,
    transforms_active,
    without_transforms,
)


class LossCall(NamedTuple):
    """What is no tensor in a call of a loss."""

    loss: str
    # The arguments that are tensors, and the others as pairs of names and values.
    names: Sequence
    options: Sequence


def value_of_loss(call, tensors):
    """Return the value of a loss as a tensor, and its gradients by name as arrays."""
    arrays = to_arrays(call.names, tensors)
    value, gradients = evaluate_loss(call.loss, arrays, call.options)
    return to_tensor(value, tensors[0]), gradients


def loss_of(call, tensors):
    """Return the value of a loss, and its gradients by name, as tensors."""
    value, gradients = value_of_loss(call, tensors)
    return value, {
        name: to_tensor(gradients[name], tensor)
        for name, tensor in zip(call.names, tensors, strict=True)
        if name in gradients and tensor.is_floating_point()
    }


def _pull(ctx, cotangent, gradients):
    """Return what backward returns."""
    _, *needed = ctx.needs_input_grad
    return None, *[
        cotangent * gradients[name] if need else None
        for name, need in zip(ctx.call.names, needed, strict=True)
    ]


def _push(ctx, tangents, gradients):
    """Return the tangent of the value."""
    parts = []
    for name, tangent in zip(ctx.call.names, tangents, strict=True):
        if tangent is None:
            continue
        if name not in gradients:
            raise NotImplementedError(
                f"{name} must have no tangent: {ctx.call.loss} has no derivative with "
                f"respect to {name}."
            )
        parts.append((gradients[name] * tangent).sum())
    return sum(parts)


class PlainLoss(torch.autograd.Function):
    """The value of a loss in reverse mode, quickly."""

    @staticmethod
    def forward(ctx, call, *tensors):
        ctx.call = call
        # What is known of the gradients does not change with the tensors any more: they
        # need not be saved in the way that looks after that.
        ctx.tensors = tensors
        value, ctx.gradients = loss_of(call, tensors)
        return value

    @staticmethod
    def backward(ctx, cotangent):
        gradients = ctx.gradients
        if torch.is_grad_enabled() or transforms_active() or forward_mode_active():
            gradients = _fixed(gradients, ctx.tensors)
        return _pull(ctx, cotangent, gradients)


plain_loss = without_transforms(PlainLoss)


class TransformedLoss(torch.autograd.Function):
    """The value of a loss, and its gradients, in all modes and under torch.func."""

    @staticmethod
    def forward(call, *tensors):
        value, gradients = loss_of(call, tensors)
        return value, *gradients.values()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.call, *tensors = inputs
        gradients = output[1:]
        ctx.mark_non_differentiable(*gradients)
        ctx.n_gradients = len(gradients)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*gradients, *tensors)
        ctx.save_for_forward(*gradients, *tensors)

    @staticmethod
    def _saved(ctx):
        """Return the gradients by name."""
        n = ctx.n_gradients
        gradients, tensors = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        names = (
            name
            for name, tensor in zip(ctx.call.names, tensors, strict=True)
            if has_gradient(ctx.call.loss, name) and tensor.is_floating_point()
        )
        return _fixed(dict(zip(names, gradients, strict=True)), tensors)

    @staticmethod
    def backward(ctx, cotangent, *_):
        if cotangent is None:
            return (None,) * len(ctx.needs_input_grad)
        return _pull(ctx, cotangent, TransformedLoss._saved(ctx))

    @staticmethod
    def jvp(ctx, _, *tangents):
        gradients = TransformedLoss._saved(ctx)
        return _push(ctx, tangents, gradients), *(None,) * ctx.n_gradients

    @staticmethod
    def vmap(info, in_dims, call, *tensors):
        # A loss is one mean over its rows: here there are several, or none.
        if not info.batch_size:
            return _none_of(call, in_dims[1:], tensors)
        parts = []
        for i in range(info.batch_size):
            part = (
                tensor if dim is None else tensor.select(dim, i)
                for tensor, dim in zip(tensors, in_dims[1:], strict=True)
            )
            parts.append(TransformedLoss.apply(call, *part))
        outputs = tuple(torch.stack(column) for column in zip(*parts, strict=True))
        return outputs, (0,) * len(outputs)


def _none_of(call, in_dims, tensors):
    """Return what an empty batch has: no values and no gradients."""
    shapes = [
        tensor.shape if dim is None else tensor.movedim(dim, 0).shape[1:]
        for tensor, dim in zip(tensors, in_dims, strict=True)
    ]
    outputs = [tensors[0].new_empty(0)]
    for name, tensor, shape in zip(call.names, tensors, shapes, strict=True):
        if has_gradient(call.loss, name) and tensor.is_floating_point():
            outputs.append(tensor.new_empty((0, *shape)))
    return tuple(outputs), (0,) * len(outputs)


def _fixed(gradients, tensors):
    """Return gradients of which a derivative in the tensors raises."""
    return {
        name: _Once.apply(gradient, *tensors) for name, gradient in gradients.items()
    }


class _Once(Linear):
    """A gradient of a loss, as a function of tensors that is not differentiated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gradient, *tensors):
        return gradient.clone()
