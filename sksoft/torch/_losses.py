# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses as functions of autograd: the gradients are known with the value."""

import torch

from sksoft._bridge import evaluate_loss, has_gradient
from sksoft.torch._tensors import Linear, to_numpy, to_tensor, transforms_active


def loss_of(loss, options, names, tensors):
    """Return the value of a loss, and its gradients by name, as tensors."""
    arrays = dict(zip(names, map(to_numpy, tensors), strict=True))
    value, gradients = evaluate_loss(loss, arrays, options)
    gradients = {
        name: to_tensor(gradients[name], tensor)
        for name, tensor in zip(names, tensors, strict=True)
        if has_gradient(loss, name) and tensor.is_floating_point()
    }
    return to_tensor(value, tensors[0]), gradients


def _save(ctx, loss, names, tensors):
    ctx.loss, ctx.names = loss, names
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def _pull(ctx, cotangent, gradients, tensors):
    """Return what backward returns."""
    if cotangent is None:
        return (None,) * (3 + len(tensors))
    needed = ctx.needs_input_grad[3:]
    found = [
        cotangent * gradients[name] if need else None
        for name, need in zip(ctx.names, needed, strict=True)
    ]
    return None, None, None, *found


def _push(ctx, tangents, gradients):
    """Return the tangent of the value."""
    parts = []
    for name, tangent in zip(ctx.names, tangents, strict=True):
        if tangent is None:
            continue
        if name not in gradients:
            raise NotImplementedError(
                f"{name} must have no tangent: {ctx.loss} has no derivative with "
                f"respect to {name}."
            )
        parts.append((gradients[name] * tangent).sum())
    return sum(parts)


class PlainLoss(torch.autograd.Function):
    """The value of a loss, quickly."""

    @staticmethod
    def forward(ctx, loss, options, names, *tensors):
        value, ctx.gradients = loss_of(loss, options, names, tensors)
        _save(ctx, loss, names, tensors)
        return value

    @staticmethod
    def backward(ctx, cotangent):
        gradients, tensors = ctx.gradients, ctx.saved_tensors
        if torch.is_grad_enabled() or transforms_active():
            gradients = _fixed(gradients, tensors)
        return _pull(ctx, cotangent, gradients, tensors)

    @staticmethod
    def jvp(ctx, _loss, _options, _names, *tangents):
        return _push(ctx, tangents, _fixed(ctx.gradients, ctx.saved_tensors))


class TransformedLoss(torch.autograd.Function):
    """The value of a loss, and its gradients, under the transforms of torch.func."""

    @staticmethod
    def forward(loss, options, names, *tensors):
        value, gradients = loss_of(loss, options, names, tensors)
        return value, *gradients.values()

    @staticmethod
    def setup_context(ctx, inputs, output):
        loss, _, names, *tensors = inputs
        gradients = output[1:]
        ctx.mark_non_differentiable(*gradients)
        ctx.n_gradients = len(gradients)
        _save(ctx, loss, names, (*gradients, *tensors))

    @staticmethod
    def _saved(ctx):
        """Return the gradients by name, and the tensors."""
        n = ctx.n_gradients
        gradients, tensors = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        names = (
            name
            for name, tensor in zip(ctx.names, tensors, strict=True)
            if has_gradient(ctx.loss, name) and tensor.is_floating_point()
        )
        return _fixed(dict(zip(names, gradients, strict=True)), tensors), tensors

    @staticmethod
    def backward(ctx, cotangent, *_):
        return _pull(ctx, cotangent, *TransformedLoss._saved(ctx))

    @staticmethod
    def jvp(ctx, _loss, _options, _names, *tangents):
        gradients, _ = TransformedLoss._saved(ctx)
        return _push(ctx, tangents, gradients), *(None,) * ctx.n_gradients

    @staticmethod
    def vmap(info, in_dims, loss, options, names, *tensors):
        # A loss is one mean over its rows: here there are several.
        parts = []
        for i in range(info.batch_size):
            part = (
                tensor if dim is None else tensor.select(dim, i)
                for tensor, dim in zip(tensors, in_dims[3:], strict=True)
            )
            parts.append(TransformedLoss.apply(loss, options, names, *part))
        outputs = tuple(torch.stack(column) for column in zip(*parts, strict=True))
        return outputs, (0,) * len(outputs)


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
