# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tensors as arrays, and arrays as tensors."""

import numpy as np
import torch
from torch.autograd import forward_ad

# Computed in single precision and rounded.
HALF = (torch.float16, torch.bfloat16)

# Whether torch.func is at work, which takes the longer of two ways. Where PyTorch does
# not tell, it is always taken.
transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


def forward_mode_active():
    """Return whether tensors may have tangents, which is so where PyTorch is silent."""
    return getattr(forward_ad, "_current_level", 0) >= 0


def to_numpy(tensor):
    """Return a tensor as an array, in a dtype that NumPy has."""
    if tensor.dtype in HALF:
        tensor = tensor.float()
    return tensor.numpy(force=True)


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
