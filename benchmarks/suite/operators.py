# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Values and gradients of the operators on one thread."""

import numpy as np

import sksoft


class Operators:
    """Every operator and regularization, over shapes and dtypes."""

    params = (
        ["soft_rank", "soft_sort"],
        ["l2", "kl", "entropic"],
        [(1_000_000,), (128, 1000), (10_000, 10), (10,)],
        ["float64", "float32"],
    )
    param_names = ("operator", "regularization", "shape", "dtype")

    def setup(self, name, regularization, shape, dtype):
        sksoft.set_num_threads(1)
        rng = np.random.default_rng(0)
        self.operator = getattr(sksoft, name)
        self.parameters = {
            "regularization": regularization,
            # Neither hard nor pooled.
            "regularization_strength": shape[-1]
            ** (0.5 if name == "soft_sort" else -0.5),
        }
        self.x = rng.normal(size=shape).astype(dtype)
        self.cotangent = rng.normal(size=shape).astype(dtype)
        _, self.pullback = sksoft.vjp(self.operator, self.x, **self.parameters)

    def time_forward(self, *params):
        self.operator(self.x, **self.parameters)

    def time_forward_and_vjp(self, *params):
        _, pullback = sksoft.vjp(self.operator, self.x, **self.parameters)
        pullback(self.cotangent)

    def time_vjp(self, *params):
        self.pullback(self.cotangent)

    def peakmem_forward_and_vjp(self, *params):
        self.time_forward_and_vjp(*params)
