# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Short rows of a batch, projected side by side, against the same rows one by one."""

import numpy as np
import pytest

import sksoft
from sksoft._ground._pav_exponential import project_exponential
from sksoft._ground._pooled_rows import rank_where_one_softmax
from sksoft._relaxations import _projection

KINDS = ("normal", "ties", "halves", "skewed", "near", "extreme")


def batch(kind, n, rng):
    """Return 50 rows, more than one group and less than two."""
    shape = 50, n
    return {
        "normal": lambda: rng.normal(size=shape),
        "ties": lambda: rng.integers(0, 4, size=shape).astype(float),
        "halves": lambda: 0.5 * rng.integers(-5, 6, size=shape),
        "skewed": lambda: np.exp(5.0 * rng.normal(size=shape)),
        "near": lambda: 1e6 + 1e-6 * rng.normal(size=shape),
        "extreme": lambda: rng.choice(
            [0.0, -0.0, 1.0, 1e-300, 5e-324, 1e300, -1e300], size=shape
        ),
    }[kind]()


@pytest.mark.parametrize("operator", [sksoft.soft_rank, sksoft.soft_sort])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 7, 10, 16])
def test_rows_side_by_side_are_rows_one_by_one(operator, kind, n, rng):
    x = batch(kind, n, rng)
    cotangent = rng.normal(size=x.shape)
    tied = [0.0, 0.5, 1.0, 2.0]
    for strength in [*tied, 1e-300, 1e-4, 0.3, 30.0, rng.choice(tied, size=50)]:
        each = np.broadcast_to(strength, 50)
        value, pullback = sksoft.vjp(operator, x, regularization_strength=strength)
        pairs = [
            sksoft.vjp(operator, row, regularization_strength=one)
            for row, one in zip(x, each, strict=True)
        ]
        np.testing.assert_array_equal(value, [one for one, _ in pairs])
        expected = [pull(g) for (_, pull), g in zip(pairs, cotangent, strict=True)]
        largest = np.abs(expected).max(axis=1, keepdims=True)
        scale = np.maximum(largest, np.abs(cotangent).max() if n else 1.0)
        error = np.abs(pullback(cotangent) - expected) / scale
        assert error.max() < 1e-13


@pytest.mark.parametrize("operator", [sksoft.soft_rank, sksoft.soft_sort])
def test_what_needs_the_blocks_of_short_rows(operator, rng):
    x, cotangent = rng.normal(size=(2, 40, 9))
    _, pullback = sksoft.vjp(operator, x, wrt="regularization_strength")
    _, tangent_out = sksoft.jvp(operator, x, cotangent)
    for r in range(0, 40, 13):
        _, pull = sksoft.vjp(operator, x[r], wrt="regularization_strength")
        _, expected = sksoft.jvp(operator, x[r], cotangent[r])
        np.testing.assert_allclose(tangent_out[r], expected, rtol=1e-12, atol=1e-13)
        parts = np.zeros_like(x)
        parts[r] = cotangent[r]
        np.testing.assert_allclose(pullback(parts), pull(cotangent[r]), rtol=1e-10)


def test_gradient_of_what_is_hard_is_zero_beside_infinite_cotangents(rng):
    x = rng.normal(size=(40, 5))
    x[0] = [1.0, 2.0, 3.0, 7.0, 7.1]
    _, pullback = sksoft.vjp(sksoft.soft_rank, x, regularization_strength=0.5)
    cotangent = np.ones(x.shape)
    cotangent[0, 0] = np.inf
    np.testing.assert_array_equal(pullback(cotangent)[0], np.zeros(5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 5, 16, 17, 40, 300])
def test_ranks_that_need_no_order(n, dtype, rng):
    # Rows that spread less than n strengths / 2 are pooled whatever their order.
    for spreads in ([0.4] * 40, [0.4] * 33 + [0.99, 1.0, 1.001, 1.1, 3.0, 50.0]):
        x = rng.random(size=(len(spreads), n))
        x[:, 0], x[:, -1] = 1.0, 0.0
        x = (x * (0.5 * n * 0.7) * np.array(spreads)[:, None]).astype(dtype)
        rng.shuffle(x, axis=1)
        cotangent = rng.normal(size=x.shape).astype(dtype)
        params = {"regularization_strength": 0.7}
        value, pullback = sksoft.vjp(sksoft.soft_rank, x, **params)
        gradient = pullback(cotangent)
        for i in range(len(x)):
            alone, pull = sksoft.vjp(sksoft.soft_rank, x[i], **params)
            np.testing.assert_array_equal(value[i], alone)
            np.testing.assert_array_equal(gradient[i], pull(cotangent[i]))
        # The kernel for weights knows no such rows.
        params["weights"] = np.ones(n)
        expected, pull = sksoft.vjp(sksoft.soft_rank, x.astype(np.float64), **params)
        np.testing.assert_allclose(value, expected.astype(dtype), rtol=1e-11)
        at_kinks = np.isclose(np.ptp(x, axis=1), 0.35 * n) if n == 2 else False
        difference = gradient - pull(cotangent.astype(np.float64)).astype(dtype)
        tiny = 1e-5 if dtype is np.float32 else 1e-11
        assert np.abs(difference[~np.broadcast_to(at_kinks, len(x))]).max() < tiny


@pytest.mark.parametrize(
    ("operator", "regularization"),
    [
        (sksoft.soft_rank, "kl"),
        (sksoft.soft_rank, "entropic"),
        (sksoft.soft_sort, "entropic"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 7, 10, 16])
def test_entropic_short_rows_are_as_longer_ones(
    operator, regularization, kind, n, rng, monkeypatch
):
    x = batch(kind, n, rng)
    cotangent, tangent = rng.normal(size=(2, *x.shape))
    tied = [0.0, 0.5, 1.0, 2.0]
    for each in [*tied, 1e-300, 1e-4, 0.3, 30.0, rng.choice(tied, size=50)]:
        strength = np.broadcast_to(each, 50).copy()
        params = {
            "regularization": regularization,
            "regularization_strength": strength,
        }
        results = []
        for longest in (_projection.SHORT, 0):
            monkeypatch.setattr(_projection, "SHORT", longest)
            value, pullback = sksoft.vjp(
                operator, x, wrt=("x", "regularization_strength"), **params
            )
            _, tangent_out = sksoft.jvp(operator, x, tangent, **params)
            results.append([value, *pullback(cotangent), tangent_out])
        monkeypatch.undo()
        (value, by_x, by_strength, moved), old = results
        step = np.maximum(strength, 1e-300)
        slope = n / step if operator is sksoft.soft_rank else np.ones(50)
        # The products of subnormal numbers have few digits.
        spread = np.ptp(x, axis=1) + 1e-310
        if operator is sksoft.soft_sort:
            spread = n / step
        size = 1.0 + np.abs(old[0]).max(axis=1)
        assert (np.abs(value - old[0]).max(axis=1) <= 1e-13 * size).all()
        assert (np.abs(by_x - old[1]).max(axis=1) <= 1e-13 * slope).all()
        assert (np.abs(moved - old[3]).max(axis=1) <= 1e-13 * slope).all()
        with np.errstate(over="ignore", invalid="ignore"):
            tiny = 1e-13 * n * slope * spread / step
            near = np.abs(by_strength - old[2]) <= tiny
        assert (near | (by_strength == old[2])).all()


def test_equal_tangents_leave_nothing(rng):
    # Whatever the shares of entries that are pooled.
    x = np.repeat(rng.normal(size=(40, 3)), 4, axis=1)
    for regularization in ("kl", "entropic"):
        _, pullback = sksoft.vjp(
            sksoft.soft_rank,
            x,
            wrt="regularization_strength",
            regularization=regularization,
            regularization_strength=np.full(40, 1e-12),
        )
        np.testing.assert_array_equal(pullback(rng.normal(size=x.shape)), np.zeros(40))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [17, 100, 1000])
def test_entropic_ranks_that_need_no_order(n, dtype, rng):
    # Rows by themselves, among their like, and among others that are several blocks.
    x = rng.normal(size=(12, n)).astype(dtype)
    x[3:5, 7] = 4.0, 30.0
    x[6:] *= np.linspace(1.0, 8.0, 6)[:, None]
    cotangent, tangent = rng.normal(size=(2, *x.shape)).astype(dtype)
    params = {"regularization": "entropic", "regularization_strength": 1.0}
    results = []
    for weights in (None, np.ones(n)):
        # With weights every row is sorted.
        value, pullback = sksoft.vjp(
            sksoft.soft_rank, x.astype(np.float64), weights=weights, **params
        )
        _, moved = sksoft.jvp(
            sksoft.soft_rank, x.astype(float), tangent, weights=weights, **params
        )
        results.append((value, pullback(cotangent.astype(float)), moved))
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11)
    value, pullback = sksoft.vjp(sksoft.soft_rank, x, **params)
    gradient = pullback(cotangent)
    for rows in ([0], [0, 1, 2], *([i] for i in range(3, 12))):
        part, pull = sksoft.vjp(sksoft.soft_rank, x[rows], **params)
        np.testing.assert_array_equal(part, value[rows])
        np.testing.assert_array_equal(pull(cotangent[rows]), gradient[rows])


def test_rows_that_are_one_softmax_are_one_block(rng):
    # The condition is sufficient: what it accepts is one block by the other kernel too.
    n_accepted = 0
    for n in (2, 3, 5, 17, 60):
        x = rng.normal(size=(400, n)) * np.geomspace(0.05, 5.0, 400)[:, None]
        x[::3] = np.exp(x[::3])
        out, share = np.empty((2, *x.shape))
        accepted = np.zeros(400, np.uint8)
        rank_where_one_softmax(x, np.ones(400), out, share, accepted)
        accepted = accepted.astype(bool)
        n_accepted += accepted.sum()
        s = np.sort(x)
        blocks = _projection.Blocks(x.shape)
        work = np.empty(n + 2)
        decay = _projection.decays(s, np.ones(400))
        project_exponential(
            s, decay, None, None, np.ones(400), False, False, blocks.table, work
        )
        assert blocks.single[accepted].all()
        np.testing.assert_allclose(np.sort(out)[accepted], s[accepted], rtol=1e-12)
        # It accepts most of what is one block, of rows that are not very short.
        if n > 16:
            assert accepted[blocks.single].mean() > 0.5
    assert n_accepted > 500
