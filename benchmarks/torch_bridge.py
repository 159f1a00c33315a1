# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""sksoft.torch: what a call costs beyond NumPy's, and its time against torchsort.

    python benchmarks/torch_bridge.py

Lower quartiles of processor time over interleaved repetitions (what else runs on a
machine only adds), one thread, float64. torchsort takes part where it is installed.
"""

import functools
import itertools
import time

import numpy as np
import torch

import sksoft
import sksoft.torch

try:
    import torchsort
except ImportError:
    torchsort = None

SHAPES = ((128, 100), (10_000, 10), (1, 1_000_000))


def typical(functions, repeats, inner):
    """Return the lower quartile of the time of a call of each function, in seconds."""
    for function in functions:
        function()
    times = np.empty((repeats, len(functions)))
    for i in range(repeats):
        for j, function in enumerate(functions):
            start = time.process_time()
            for _ in range(inner):
                function()
            times[i, j] = (time.process_time() - start) / inner
    return np.quantile(times, 0.25, axis=0)


class Plain(torch.autograd.Function):
    """A function of autograd that computes nothing."""

    @staticmethod
    def forward(ctx, tensor):
        return tensor.clone()

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent.clone()


def plain(x):
    """Run the function that computes nothing, with its gradient where x has one."""
    x.grad = None
    value = Plain.apply(x)
    if x.requires_grad:
        value.backward(torch.ones_like(value))


def after_plain(x, function):
    """Return a function of NumPy that is called after an empty one of autograd.

    What runs alone all the time finds its code in the caches of the processor, which
    PyTorch's own code takes for itself: that is no cost of the bridge.
    """

    def call():
        plain(x)
        function()

    return call


def overhead():
    """Print what a call on a row of ten costs."""
    x = torch.randn(10, dtype=torch.float64)
    array, tracked = x.numpy(), x.clone().requires_grad_()
    scores, target = x.clone(), torch.randn(10, dtype=torch.float64)

    ones = np.ones(10)

    def backward():
        # As optimizers leave it: nothing that the gradient is added to.
        tracked.grad = None
        value = sksoft.torch.soft_rank(tracked, regularization_strength=0.1)
        value.backward(torch.ones_like(value))

    def backward_of_loss():
        tracked.grad = None
        sksoft.torch.soft_spearman_loss(tracked, target).backward()

    def pull():
        _, pullback = sksoft.vjp(sksoft.soft_rank, array, regularization_strength=0.1)
        pullback(ones)

    def plain_loss():
        sksoft.losses.soft_spearman_loss(array, target.numpy())

    def plain_rank():
        sksoft.soft_rank(array, regularization_strength=0.1)

    pairs = {
        "soft_rank, value": (
            lambda: sksoft.torch.soft_rank(x, regularization_strength=0.1),
            after_plain(x, plain_rank),
            plain_rank,
        ),
        "soft_rank, value and gradient": (backward, after_plain(tracked, pull), pull),
        "soft_spearman_loss, value": (
            lambda: sksoft.torch.soft_spearman_loss(scores, target),
            after_plain(x, plain_loss),
            plain_loss,
        ),
        "soft_spearman_loss, with gradient": (
            backward_of_loss,
            after_plain(tracked, plain_loss),
            plain_loss,
        ),
    }
    print("microseconds a call on a row of ten: the bridge; NumPy alone; an empty")
    print("function of autograd; what the bridge takes beyond NumPy, beyond both, and")
    print("beyond NumPy right after the empty function")
    for name, (bridge, after, alone) in pairs.items():
        # A value alone needs no function of autograd.
        tracked_or_not = tracked if "gradient" in name else x
        empty = functools.partial(plain, tracked_or_not)
        a, b, c, d = 1e6 * typical((bridge, alone, empty, after), 300, 20)
        floor = c if "gradient" in name else 0.0
        cells = (a, b, floor, a - b, a - b - floor, a - d)
        print(f"{name:34}" + "".join(f"{cell:8.1f}" for cell in cells), flush=True)


def run(function, x, cotangent, kind, strength):
    """Evaluate a function of either package, and its gradient."""
    x.grad = None
    value = function(x, regularization=kind, regularization_strength=strength)
    value.backward(cotangent)


def against_torchsort():
    """Print times of value and gradient against torchsort's."""
    print("\nvalue and gradient, milliseconds: sksoft.torch, torchsort, ratio")
    for name, shape, kind, strength in itertools.product(
        ("soft_rank", "soft_sort"), SHAPES, ("l2", "kl"), (1e-4, 1e-2, 1.0)
    ):
        size = shape[0] * shape[1]
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        cotangent = torch.ones_like(x)
        functions = [
            functools.partial(run, getattr(package, name), x, cotangent, kind, strength)
            for package in (sksoft.torch, torchsort)
        ]
        # Calls that take no longer than a fraction of a millisecond in a row.
        repeats, inner = (9, 1) if size > 100_000 else (100, 1 if size > 20_000 else 5)
        a, b = 1e3 * typical(functions, repeats, inner)
        cells = f"{kind:4}{strength:8g}{a:10.3f}{b:10.3f}{b / a:8.1f}"
        print(f"{name:12}{shape!s:16}{cells}", flush=True)


def main():
    torch.set_num_threads(1)
    sksoft.set_num_threads(1)
    overhead()
    if torchsort is None:
        print("\ntorchsort is not installed")
    else:
        against_torchsort()


if __name__ == "__main__":
    main()
