# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft top-k by transport: its definition, its gradients, its limits."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

import sksoft
from sksoft import jvp, soft_topk, vjp

# Published with the demonstration of the paper: k = 3 smallest, epsilon = 0.05 with the
# cost divided by its maximum; the loss is minus the mask of the entries 0, 4 and 5.
DEMO = np.array([5.0, 2.0, 3.0, 4.0, 1.0, 6.0])
DEMO_STRENGTH = 0.05 * 36.0 / 2.0
DEMO_MASK = [0.15886909, 0.84113085, 0.63542354, 0.36457655, 0.9414631, 0.05853688]
DEMO_GRADIENT = [
    0.10541585,
    -0.04306151,
    -0.07465184,
    -0.07465144,
    0.04347444,
    0.04347456,
]


def sinkhorn(cost, mass, target_mass, epsilon, n_iter=20000):
    """Return the entropic plan of a cost, by the textbook iteration."""
    f, g = np.zeros(len(mass)), np.zeros(len(target_mass))
    for _ in range(n_iter):
        f = epsilon * (np.log(mass) - logsumexp((g - cost) / epsilon, axis=1))
        step = epsilon * np.log(target_mass)
        step -= epsilon * logsumexp((f[:, None] - cost) / epsilon, axis=0)
        if np.abs(step - g).max() < 1e-15:
            break
        g = step
    return np.exp((f[:, None] + g - cost) / epsilon)


def numerical_gradient(function, argument, step=1e-6):
    argument = np.asarray(argument, dtype=np.float64)
    gradient = np.empty_like(argument)
    for index in np.ndindex(argument.shape):
        up, down = argument.copy(), argument.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2.0 * step)
    return gradient


def exact_mask(x, k, strength):
    """Solve for the mask with 50 digits."""
    with mpmath.workdps(50):
        x = [mpmath.mpf(float(value)) for value in x]
        strength, k = mpmath.mpf(float(strength)), mpmath.mpf(float(k))
        pivot = sorted(x, reverse=True)[int(mpmath.ceil(k)) - 1]
        logits = [(value - pivot) / strength for value in x]

        def mask(offset):
            return [
                1 / (1 + mpmath.exp(min(max(offset - t, -5000), 5000))) for t in logits
            ]

        low, high = mpmath.mpf(-4000), mpmath.mpf(200)
        for _ in range(220):
            middle = (low + high) / 2
            if mpmath.fsum(mask(middle)) > k:
                low = middle
            else:
                high = middle
        return np.array([float(p) for p in mask(low)])


def test_published_demonstration():
    value, pullback = vjp(
        soft_topk, DEMO, 3, largest=False, regularization_strength=DEMO_STRENGTH
    )
    assert_allclose(value, DEMO_MASK, atol=1e-6)
    cotangent = -np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    assert_allclose(pullback(cotangent), DEMO_GRADIENT, atol=1e-6)


@pytest.mark.parametrize("strength", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("k", [1, 4, 6.5])
def test_equals_a_converged_sinkhorn(strength, k):
    x = np.random.default_rng(0).uniform(size=9)
    n = len(x)
    cost = (x[:, None] - np.array([1.0, 0.0])) ** 2
    target_mass = np.array([k, n - k]) / n
    plan = sinkhorn(cost, np.full(n, 1.0 / n), target_mass, 2.0 * strength)
    mask = soft_topk(x, k, regularization_strength=strength)
    assert_allclose(mask, n * plan[:, 0], atol=1e-10)


def test_equals_pot():
    ot = pytest.importorskip("ot")
    x = np.random.default_rng(1).uniform(size=12)
    cost = (x[:, None] - np.array([1.0, 0.0])) ** 2
    plan = ot.sinkhorn(
        np.full(12, 1 / 12),
        np.array([5, 7]) / 12,
        cost,
        0.1,
        method="sinkhorn_log",
        stopThr=1e-14,
        numItermax=10000,
    )
    mask = soft_topk(x, 5, regularization_strength=0.05)
    assert_allclose(mask, 12 * plan[:, 0], atol=1e-10)


@pytest.mark.parametrize("scale", [1e-150, 1e-5, 1.0, 1e5, 1e150])
@pytest.mark.parametrize("relative", [1e-12, 1e-3, 0.1, 1.0, 1e12])
@pytest.mark.parametrize("k", [1, 2.5, 3, 5.999])
def test_agrees_with_fifty_digits(scale, relative, k):
    x = np.array([0.3, -1.2, 0.31, 2.0, 0.3, 0.9, -0.4]) * scale
    strength = relative * scale
    mask = soft_topk(x, k, regularization_strength=strength)
    assert_allclose(mask, exact_mask(x, k, strength), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("strength", [0.0, 5e-324, 1e-12, 1.0, 1e12, 1e300])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("k", [0, 1e-9, 2, 3.25, 8 - 1e-9, 8])
def test_extreme_strengths_and_magnitudes(strength, scale, k):
    x = np.random.default_rng(0).normal(size=8) * scale
    wrt = ("x", "k", "regularization_strength")
    mask, pullback = vjp(soft_topk, x, k, regularization_strength=strength, wrt=wrt)
    assert abs(math.fsum(mask) - k) <= 1e-14 * max(k, 1.0)
    assert np.all((mask >= 0.0) & (mask <= 1.0))
    assert np.all(np.diff(mask[np.argsort(x)]) >= 0.0)
    for gradient in pullback(np.arange(8.0)):
        assert np.all(np.isfinite(gradient))


def test_mixed_magnitudes():
    x = [1e150, 1.0, 1e-150, 0.0, -1e-150, -1.0, -1e150]
    assert_array_equal(
        soft_topk(x, 3, regularization_strength=1e-200), [1, 1, 1, 0, 0, 0, 0]
    )
    for strength in (1e-150, 1.0, 1e150):
        mask = soft_topk(x, 3.5, regularization_strength=strength)
        expected = exact_mask(x, 3.5, strength)
        assert_allclose(mask, expected, rtol=1e-12, atol=1e-12)


def test_strength_zero_is_the_hard_mask():
    x = [3.0, 1.0, 2.0, 2.0, 2.0, 0.0]
    wrt = ("x", "regularization_strength")
    mask, pullback = vjp(soft_topk, x, 2, regularization_strength=0.0, wrt=wrt)
    assert_allclose(mask, [1, 0, 1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-15)
    gradient, in_strength = pullback(np.arange(6.0))
    assert_array_equal(gradient, np.zeros(6))
    assert in_strength == 0.0
    assert_array_equal(soft_topk(x, 4, regularization_strength=0.0), [1, 0, 1, 1, 1, 0])


def test_limit_of_large_strengths():
    x = np.random.default_rng(0).normal(size=9)
    mask = soft_topk(x, 4.5, regularization_strength=1e14)
    assert_allclose(mask, np.full(9, 0.5), rtol=1e-13)


def test_misplaced_mass_is_exponentially_small():
    rng = np.random.default_rng(3)
    for _ in range(50):
        x = rng.normal(size=20)
        k = int(rng.integers(1, 20))
        strength = 10.0 ** rng.uniform(-3, 0)
        ordered = np.sort(x)[::-1]
        bound = math.sqrt(k * (20 - k))
        bound *= math.exp((ordered[k] - ordered[k - 1]) / (2.0 * strength))
        mask = soft_topk(x, k, regularization_strength=strength)
        misplaced = mask[x < ordered[k - 1]].sum()
        assert misplaced <= bound * (1.0 + 1e-12)
        # What is misplaced below is missing above, to full relative accuracy.
        with_complement = soft_topk(
            x, 20 - k, regularization_strength=strength, largest=False
        )
        missing = with_complement[x >= ordered[k - 1]].sum()
        assert_allclose(misplaced, missing, rtol=1e-10, atol=1e-300)


finite_rows = st.lists(
    st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=150)
@given(x=finite_rows, share=st.floats(0.0, 1.0), log_strength=st.floats(-6, 4))
def test_properties_of_the_mask(x, share, log_strength):
    x, k, strength = np.array(x), share * len(x), 10.0**log_strength
    mask = soft_topk(x, k, regularization_strength=strength)
    assert abs(math.fsum(mask) - k) <= 1e-13 * max(k, 1.0)
    assert np.all(np.diff(mask[np.argsort(x)]) >= 0.0)
    smallest = soft_topk(x, len(x) - k, largest=False, regularization_strength=strength)
    # The complement of k, rounded, is not exactly n - k.
    assert_allclose(mask + smallest, np.ones(len(x)), atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(x=finite_rows, y=finite_rows, log_strength=st.floats(-2, 3))
def test_lipschitz(x, y, log_strength):
    n = min(len(x), len(y))
    x, y, strength = np.array(x[:n]), np.array(y[:n]), 10.0**log_strength
    difference = soft_topk(x, n / 2, regularization_strength=strength)
    difference -= soft_topk(y, n / 2, regularization_strength=strength)
    bound = np.linalg.norm(x - y) / (4.0 * strength)
    assert np.linalg.norm(difference) <= bound * (1.0 + 1e-9) + 1e-12


def test_jacobian_is_symmetric_positive_and_kills_constants():
    x = np.random.default_rng(0).normal(size=8)
    _, pullback = vjp(soft_topk, x, 3.3, regularization_strength=0.4)
    jacobian = np.array([pullback(row) for row in np.eye(8)])
    assert_allclose(jacobian, jacobian.T, atol=1e-15)
    assert_allclose(jacobian.sum(axis=1), np.zeros(8), atol=1e-15)
    assert np.linalg.eigvalsh(jacobian).min() > -1e-15
    _, pullback = vjp(soft_topk, x, 3.3, regularization_strength=0.4, wrt="k")
    assert_allclose(pullback(np.ones(8)), 1.0, rtol=1e-14)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_by_central_differences(largest, weighted):
    rng = np.random.default_rng(1)
    arguments = {
        "x": rng.normal(size=(3, 8)),
        "k": np.array([2.0, 3.5, 7.2]),
        "regularization_strength": np.array([0.3, 0.05, 1.0]),
    }
    if weighted:
        arguments["weights"] = rng.uniform(0.95, 2.0, size=(3, 8))
    cotangent = rng.normal(size=(3, 8))
    _, pullback = vjp(soft_topk, **arguments, largest=largest, wrt=tuple(arguments))
    for name, gradient in zip(arguments, pullback(cotangent), strict=True):

        def loss(value, name=name):
            mask = soft_topk(**(arguments | {name: value}), largest=largest)
            return (cotangent * mask).sum()

        expected = numerical_gradient(loss, arguments[name])
        assert_allclose(gradient, expected, rtol=1e-7, atol=1e-7, err_msg=name)


def test_gradient_in_the_strength_is_eulers():
    x = np.random.default_rng(2).normal(size=8)
    cotangent = np.arange(8.0)
    wrt = ("x", "regularization_strength")
    _, pullback = vjp(soft_topk, x, 3, regularization_strength=0.3, wrt=wrt)
    in_x, in_strength = pullback(cotangent)
    assert_allclose(0.3 * in_strength, -(x @ in_x), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 0.5, 1.0, 3.0]])
def test_jvp_is_the_adjoint_of_vjp(dtype, weights):
    rng = np.random.default_rng(2)
    x, tangent, cotangent = rng.normal(size=(3, 4, 6)).astype(dtype)
    params = {"k": 2.5, "regularization_strength": 0.2, "weights": weights}
    _, pullback = vjp(soft_topk, x, **params)
    _, moved = jvp(soft_topk, x, tangent, **params)
    assert moved.dtype == dtype
    gradient = pullback(cotangent)
    assert gradient.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose((moved * cotangent).sum(), (gradient * tangent).sum(), tolerance)


def test_float32_is_double_rounded():
    x = np.random.default_rng(4).normal(size=(5, 50)).astype(np.float32)
    mask = soft_topk(x, 7, regularization_strength=0.1)
    assert mask.dtype == np.float32
    double = soft_topk(x.astype(np.float64), 7, regularization_strength=0.1)
    assert_array_equal(mask, double.astype(np.float32))


def test_integer_weights_repeat():
    rng = np.random.default_rng(5)
    for _ in range(20):
        x, weights = rng.normal(size=9), rng.integers(0, 4, size=9)
        k, strength = weights.sum() * rng.uniform(), 10.0 ** rng.uniform(-3, 1)
        weighted = soft_topk(x, k, weights=weights, regularization_strength=strength)
        repeated = soft_topk(np.repeat(x, weights), k, regularization_strength=strength)
        assert_allclose(np.repeat(weighted, weights), repeated, atol=1e-13)


def test_weights_of_a_whole_selection():
    # The weights of the two largest add up to k but for a rounding error.
    mask = soft_topk(
        [3.0, 2.0, 1.0, 0.0],
        0.1 + 0.2,
        weights=[0.1, 0.2, 0.3, 0.4],
        regularization_strength=1e-4,
    )
    assert_array_equal(mask, [1.0, 1.0, 0.0, 0.0])
    everything = soft_topk([3.0, 2.0, 1.0], 0.6, weights=[0.1, 0.2, 0.3])
    assert_array_equal(everything, np.ones(3))
    assert_array_equal(soft_topk([3.0, 2.0], 0, weights=[0.0, 0.0]), np.zeros(2))


def test_rows_are_independent():
    rng = np.random.default_rng(6)
    x, cotangent = rng.normal(size=(2, 40, 300))
    k, strength = rng.uniform(0, 300, size=40), 10.0 ** rng.uniform(-4, 3, size=40)
    wrt = ("x", "k", "regularization_strength")
    mask, pullback = vjp(soft_topk, x, k, regularization_strength=strength, wrt=wrt)
    gradients = pullback(cotangent)
    for r in range(40):
        one, pull_one = vjp(
            soft_topk, x[r], k[r], regularization_strength=strength[r], wrt=wrt
        )
        assert_array_equal(mask[r], one)
        for every, alone in zip(gradients, pull_one(cotangent[r]), strict=True):
            assert_array_equal(every[r], alone)
    weights = rng.uniform(size=(40, 300))
    weighted = soft_topk(x, 20.0, weights=weights, regularization_strength=0.1)
    alone = soft_topk(x[7], 20.0, weights=weights[7], regularization_strength=0.1)
    assert_array_equal(weighted[7], alone)


def test_number_of_threads_does_not_matter():
    x = np.random.default_rng(7).normal(size=(64, 2000))
    results = []
    for n_threads in (1, 2, 3):
        sksoft.set_num_threads(n_threads)
        try:
            mask, pullback = vjp(soft_topk, x, 100, regularization_strength=0.05)
            results.append((mask, pullback(x)))
        finally:
            sksoft.set_num_threads(None)
    for mask, gradient in results[1:]:
        assert_array_equal(mask, results[0][0])
        assert_array_equal(gradient, results[0][1])


def test_axes_memory_orders_and_inputs():
    x = np.random.default_rng(8).normal(size=(3, 7, 4))
    expected = np.stack([soft_topk(x[:, :, i], 2) for i in range(4)], axis=2)
    for array in (x, np.asfortranarray(x), x[::-1][::-1]):
        copy = array.copy()
        array.flags.writeable = False
        assert_array_equal(soft_topk(array, 2, axis=1), expected)
        assert_array_equal(array, copy)
        array.flags.writeable = True
    assert_array_equal(soft_topk([3, 1, 2], 1), soft_topk(np.array([3.0, 1, 2]), 1))
    k = np.array([[1], [2]])
    both = soft_topk(x[:, :, 0], k[:, :, None][:, :, 0] * np.ones((2, 3)))
    assert both.shape == (2, 3, 7)
    assert_array_equal(both[1], expected[:, :, 0])


def test_small_and_empty_inputs():
    assert soft_topk(np.empty(0), 0).shape == (0,)
    assert soft_topk(np.empty((0, 5)), 2).shape == (0, 5)
    assert_array_equal(soft_topk([7.0], 1), [1.0])
    assert_array_equal(soft_topk([7.0], 0), [0.0])
    assert_allclose(soft_topk([7.0], 0.25), [0.25], rtol=1e-15)
    assert_array_equal(soft_topk([2.0, 1.0], 2), [1.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": -1}, ValueError, "k must be a finite number >= 0, got -1"),
        ({"k": 4}, ValueError, "k must lie between 0 and .*, 3, got 4"),
        ({"k": np.array([1.0, 2.0])}, ValueError, r"^k.*"),
        ({"k": 2, "weights": [0.1, 0.2, 0.3]}, ValueError, "sum of the weights, 0.6"),
        ({"k": 1, "weights": [-1, 1, 1]}, ValueError, "weights must be >= 0"),
        ({"k": 1, "weights": np.ma.ones(3)}, TypeError, "weights .* masked array"),
        (
            {"k": 1, "regularization_strength": -1},
            ValueError,
            "regularization_strength",
        ),
        ({"k": 1, "method": "magic"}, ValueError, "method must be one of 'sinkhorn'"),
        ({"k": 1, "regularization": "l2"}, ValueError, "regularization of method"),
        ({"k": 1, "largest": "yes"}, TypeError, "largest must be True or False"),
    ],
)
def test_errors(arguments, error, message):
    x = np.ones((3, 3)) if np.ndim(arguments["k"]) else np.arange(3.0)
    with pytest.raises(error, match=message):
        soft_topk(x, **arguments)


def test_not_finite_inputs():
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="x must hold finite"):
            soft_topk([1.0, bad], 1)
        with pytest.raises(ValueError, match="k must be a finite"):
            soft_topk([1.0, 2.0], bad)


def test_lazy_arrays():
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(9).normal(size=(6, 10))
    lazy = soft_topk(da.from_array(x, chunks=(2, 5)), 3, regularization_strength=0.1)
    assert_array_equal(lazy.compute(), soft_topk(x, 3, regularization_strength=0.1))
