# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A device whose memory only copies reach, in the place of a GPU: run by test_torch.py.

PyTorch can have a device of which all operations are functions of Python. This one
knows no more than to allocate, copy and multiply. It is there for a whole process.
"""

import numpy as np
import torch
from torch.library import impl
from torch.utils import backend_registration

import sksoft
import sksoft.torch as soft

backend_registration._setup_privateuseone_for_python_backend("elsewhere")
DTYPES = {torch.float64: np.float64, torch.float32: np.float32, torch.int64: np.int64}
copies = []


class Elsewhere(torch.Tensor):
    """A tensor of the device."""

    @staticmethod
    def __new__(cls, shape, dtype, data=None):
        tensor = torch._C._acc.create_empty_tensor(shape, dtype)
        tensor.__class__ = cls
        return tensor

    def __init__(self, shape, dtype, data=None):
        self.held = data


@impl("aten::_copy_from", "privateuseone")
def _(source, to, non_blocking=False):
    copies.append((source.device.type, to.device.type))
    data = source.detach().numpy() if source.device.type == "cpu" else source.held
    if to.device.type == "cpu":
        return to.copy_(torch.from_numpy(data.copy()))
    to.held = data.astype(DTYPES[to.dtype])
    return to


@impl("aten::empty.memory_format", "privateuseone")
def _(size, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    return Elsewhere(size, dtype or torch.get_default_dtype())


@impl("aten::empty_strided", "privateuseone")
def _(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
    return Elsewhere(size, dtype or torch.get_default_dtype())


@impl("aten::detach", "privateuseone")
def _(tensor):
    return Elsewhere(tensor.shape, tensor.dtype, tensor.held)


@impl("aten::clone", "privateuseone")
def _(tensor, memory_format=None):
    return Elsewhere(tensor.shape, tensor.dtype, tensor.held.copy())


@impl("aten::fill_.Scalar", "privateuseone")
def _(tensor, value):
    tensor.held = np.full(tensor.shape, value, DTYPES[tensor.dtype])
    return tensor


@impl("aten::mul.Tensor", "privateuseone")
def _(one, other):
    data = np.asarray(one.held * other.held)
    return Elsewhere(data.shape, one.dtype, data)


def gradients(function, tensors):
    value = function(**tensors)
    wrt = [tensor for tensor in tensors.values() if tensor.requires_grad]
    cotangent = torch.ones(value.shape, dtype=value.dtype).to(value.device)
    return value, *torch.autograd.grad(value, wrt, cotangent)


def check(function, tensors, wrt):
    """Check that a function does elsewhere what it does here, and stays there."""
    here = {
        name: tensor.clone().requires_grad_(name in wrt)
        for name, tensor in tensors.items()
    }
    there = {
        name: tensor.to("elsewhere").requires_grad_(name in wrt)
        for name, tensor in tensors.items()
    }
    expected, found = gradients(function, here), gradients(function, there)
    for one, other in zip(expected, found, strict=True):
        assert other.device.type == "elsewhere", other.device
        assert other.dtype == one.dtype
        assert torch.equal(one, other.cpu())


def main():
    rng = np.random.default_rng(0)
    for dtype in (torch.float64, torch.float32):
        x = torch.tensor(rng.normal(size=(3, 5)), dtype=dtype)
        y = torch.tensor(rng.normal(size=(3, 5)), dtype=dtype)
        strength, k = torch.tensor(0.5, dtype=dtype), torch.tensor(2.0, dtype=dtype)
        check(
            soft.soft_rank,
            {"x": x, "regularization_strength": strength, "weights": y**2},
            ("x", "regularization_strength", "weights"),
        )
        check(soft.soft_topk, {"x": x, "k": k}, ("x", "k"))
        check(soft.soft_spearman_loss, {"scores": x, "target": y}, ("scores",))
        labels = torch.tensor([0, 4, 2])
        check(
            soft.topk_cross_entropy_loss, {"scores": x, "target": labels}, ("scores",)
        )
    # There and back, and nothing else.
    there = x.to("elsewhere")
    copies.clear()
    value = soft.soft_sort(there, regularization_strength=0.5)
    assert copies == [("elsewhere", "cpu"), ("cpu", "elsewhere")], copies
    assert value.device == there.device
    # Other arguments may be on any device.
    mixed = soft.soft_sort(there, regularization_strength=torch.tensor(0.5))
    assert torch.equal(mixed.cpu(), value.cpu())
    plain = sksoft.soft_sort(x.numpy(), regularization_strength=0.5)
    assert np.array_equal(value.cpu().numpy(), plain)


if __name__ == "__main__":
    main()
