# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tensors as arrays, and arrays as tensors."""

import sys

import numpy as np
import torch
from torch.autograd import forward_ad

# Others, of fewer bits, are computed in single precision and rounded.
COMPUTED = (torch.float64, torch.float32)

# Whether torch.func is at work, which takes the longer of two ways. Where PyTorch does
# not tell, it is always taken.
transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


def forward_mode_active():
    """Return whether tensors may have tangents, which is so where PyTorch is silent."""
    return getattr(forward_ad, "_current_level", 0) >= 0


# How many modes see what the dispatcher is asked for: fake tensors, tracers, counters.
_dispatch_modes = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)


def is_recorded():
    """Return whether PyTorch records what is called, and has to see one operator."""
    if torch.compiler.is_compiling():
        # A custom operator has no formulas for torch.func: what is called there is left
        # to the interpreter.
        return not transforms_active()
    return _dispatch_modes() > 0


def uncompiled(function, *args):
    """Call a function, leaving it and what it calls to the interpreter.

    Where torch.compile meets transforms it tries the functions that they call.
    """
    # To import it takes seconds, and nothing is compiled without it.
    if "torch._dynamo" in sys.modules:
        function = torch.compiler.disable(function)
    return function(*args)


# It is not looked into either.
uncompiled._torchdynamo_disable = True


def to_numpy(tensor, name="x"):
    """Return a tensor as an array, in a dtype that NumPy has."""
    dtype = tensor.dtype
    try:
        if dtype.is_floating_point and dtype not in COMPUTED:
            tensor = tensor.float()
        return tensor.numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise TypeError(
            f"{name} must be a dense tensor that holds values, got one of layout "
            f"{tensor.layout} and dtype {dtype} on the device {tensor.device}: {error}"
        ) from error


def to_arrays(names, tensors):
    """Return tensors as arrays by name."""
    return {
        name: to_numpy(tensor, name)
        for name, tensor in zip(names, tensors, strict=True)
    }


def to_tensor(array, like):
    """Return an array as a tensor of the dtype and on the device of another."""
    array = np.asarray(array)
    flags = array.flags
    # PyTorch has no negative strides, and does not know what must not be written to.
    if not (flags.c_contiguous and flags.writeable):
        array = array.copy()
    tensor = torch.from_numpy(array)
    if tensor.dtype != like.dtype or not like.is_cpu:
        tensor = tensor.to(like.device, like.dtype)
    return tensor


def checked_tensor(name, x):
    """Return a tensor, which must have a floating-point dtype."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(x).__name__}; the function of "
            "the same name without .torch takes arrays."
        )
    if not x.dtype.is_floating_point:
        raise TypeError(
            f"{name} must be a tensor of a floating-point dtype, got {x.dtype}."
        )
    return x


def without_transforms(function):
    """Return apply of a function of autograd for where torch.func is not at work.

    That of the class asks for it first.
    """
    return super(torch.autograd.Function, function).apply


class Linear(torch.autograd.Function):
    """A linear map at saved tensors, of which second derivatives are not offered."""

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *cotangents):
        raise no_second_derivative()

    @staticmethod
    def jvp(ctx, *tangents):
        raise no_second_derivative()


def no_second_derivative():
    """Return the error of whoever asks for a second derivative."""
    return NotImplementedError(
        "second derivatives of soft operators and losses are not offered."
    )
