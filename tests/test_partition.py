# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Order statistics without a sort are those of sorted rows, whichever way they come."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sksoft
from sksoft._ground._partition import order_statistics
from sksoft._relaxations import masks

ROWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "cauchy": lambda rng, shape: rng.standard_cauchy(shape),
    "lognormal": lambda rng, shape: np.exp(10.0 * rng.normal(size=shape)),
    "of every magnitude": lambda rng, shape: (
        rng.choice([-1.0, 1.0], shape) * np.exp(rng.uniform(-600.0, 600.0, shape))
    ),
    "ties": lambda rng, shape: rng.integers(0, 5, shape).astype(float),
    "half zero": lambda rng, shape: np.maximum(rng.normal(size=shape), 0.0),
    "constant": lambda rng, shape: np.full(shape, -3.0),
    "sorted": lambda rng, shape: np.sort(rng.normal(size=shape), axis=1),
    "reversed": lambda rng, shape: -np.sort(rng.normal(size=shape), axis=1),
    "subnormal": lambda rng, shape: rng.integers(0, 50, shape) * 5e-324,
    "near ties": lambda rng, shape: 1.0 + rng.integers(0, 9, shape) * 2.2e-16,
    "far apart": lambda rng, shape: rng.choice([-1.7e308, 0.0, 1.7e308], shape),
    "one far away": lambda rng, shape: np.where(
        np.arange(shape[1]) == 0, 1e300, rng.normal(size=shape)
    ),
}


def expected(rows, places):
    """Return numbers at places of sorted rows, and at the places before."""
    ordered = np.sort(rows, axis=1).astype(float)
    ordered = np.concatenate([np.full((len(rows), 1), -np.inf), ordered], axis=1)
    each = np.arange(len(rows))
    return ordered[each, places + 1], ordered[each, places]


@pytest.mark.parametrize("n", [1, 2, 24, 25, 33, 300, 5000])
@pytest.mark.parametrize("kind", ROWS)
def test_order_statistics(kind, n, rng):
    rows = ROWS[kind](rng, (20, n))
    for place in sorted({0, 1, n // 20, n // 2, n - 2, n - 1} & set(range(n))):
        places = np.full(20, place)
        value, below = np.empty((2, 20))
        unfinished = np.empty(20, np.uint8)
        work, codes = np.empty(n), np.empty(n, np.uint8)
        order_statistics(rows, places, value, below, work, codes, unfinished)
        if kind not in ("lognormal", "of every magnitude"):
            assert not unfinished.any()
        done = unfinished == 0
        value_sorted, below_sorted = expected(rows, places)
        assert_array_equal(value[done], value_sorted[done])
        assert_array_equal(below[done], below_sorted[done])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 40, 300, 1000])
@pytest.mark.parametrize("equal", [False, True])
def test_masks_are_the_same_whether_numpy_is_fast(equal, n, dtype, rng, monkeypatch):
    x = np.concatenate([make(rng, (2, n)) for make in ROWS.values()])
    x = np.clip(x, -1e38, 1e38).astype(dtype)
    k = 0.3 * n if equal else np.linspace(0.0, n, len(x))
    results = []
    for fast in (False, True):
        monkeypatch.setattr(masks, "numpy_sorts_fast", lambda fast=fast: fast)
        many = sksoft.soft_topk(x, k, regularization_strength=0.3)
        each = [
            sksoft.soft_topk(row, share, regularization_strength=0.3)
            for row, share in zip(x, np.broadcast_to(k, len(x)), strict=True)
        ]
        results += [many, np.stack(each)]
    for result in results[1:]:
        assert_array_equal(result, results[0])
