# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sorted top-k, and Sinkhorn ranks, sorts and permutations: exact plans on the line."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning

import sksoft
import sksoft._relaxations.sinkhorn as relaxation
from sksoft import (
    jvp,
    soft_permutation,
    soft_rank,
    soft_sort,
    soft_topk,
    soft_topk_sorted,
    vjp,
)

OPERATORS = {
    "rank": (soft_rank, {"method": "sinkhorn"}),
    "rank descending": (soft_rank, {"method": "sinkhorn", "descending": True}),
    "sort": (soft_sort, {"method": "sinkhorn"}),
    "sort descending": (soft_sort, {"method": "sinkhorn", "descending": True}),
    "permutation": (soft_permutation, {}),
    "permutation descending": (soft_permutation, {"descending": True}),
    "largest": (soft_topk_sorted, {"k": 3}),
    "smallest": (soft_topk_sorted, {"k": 3, "largest": False}),
    "all": (soft_topk_sorted, {"k": 6}),
}
every_operator = pytest.mark.parametrize(
    ("operator", "params"), OPERATORS.values(), ids=OPERATORS.keys()
)


def sinkhorn(x, y, mass, target_mass, strength, n_iter=30000):
    """Return the entropic plan of the cost (x - y)^2, by the textbook iteration."""
    logits = x[:, None] * y / strength
    f, g = np.zeros(len(x)), np.zeros(len(y))
    for _ in range(n_iter):
        f = np.log(mass) - logsumexp(logits + g, axis=1)
        step = np.log(target_mass) - logsumexp(logits + f[:, None], axis=0)
        if np.abs(step - g).max() < 1e-15:
            break
        g = step
    return np.exp(logits + f[:, None] + g)


def exact_plan(x, y, target_mass, strength):
    """Solve for the plan from points of mass 1 with 50 digits."""
    x, y, target_mass = (list(map(float, values)) for values in (x, y, target_mass))
    with mpmath.workdps(50):
        middle = mpmath.mpf(sum(map(mpmath.mpf, x))) / len(x)
        logits = [
            [(mpmath.mpf(a) - middle) * mpmath.mpf(b) / mpmath.mpf(strength) for b in y]
            for a in x
        ]

        def rows(*g):
            plan = [
                [mpmath.exp(z + p) for z, p in zip(row, (0, *g), strict=True)]
                for row in logits
            ]
            return [[entry / mpmath.fsum(row) for entry in row] for row in plan]

        def excess(*g):
            plan = rows(*g)
            return [
                mpmath.fsum(row[j] for row in plan) - target_mass[j]
                for j in range(1, len(y))
            ]

        # The double precision plan is near enough for Newton's method.
        order = np.argsort(x)[None]
        _, plan = relaxation.solve(
            np.sort(x)[None], order, np.array([strength]), len(target_mass)
        )
        rough = np.log(plan[0].T[np.argsort(order[0])])
        i = len(x) // 2
        start = [
            mpmath.mpf(rough[i, j] - rough[i, 0]) - logits[i][j] + logits[i][0]
            for j in range(1, len(y))
        ]
        solution = mpmath.findroot(excess, start, tol=1e-60)
        return np.array([[float(p) for p in row] for row in rows(*solution)])


@pytest.mark.parametrize("strength", [0.1, 0.5, 3.0])
def test_equals_a_converged_sinkhorn(strength):
    x = np.random.default_rng(0).normal(size=8)
    y = np.arange(1.0, 9.0)
    plan = sinkhorn(x, y, np.ones(8), np.ones(8), strength)
    params = {"method": "sinkhorn", "regularization_strength": strength}
    assert_allclose(soft_rank(x, **params), plan @ y, atol=1e-10)
    assert_allclose(soft_sort(x, **params), x @ plan, atol=1e-10)
    matrix = soft_permutation(x, regularization_strength=strength)
    assert_allclose(matrix, plan.T, atol=1e-10)
    masses = np.array([1.0, 1.0, 1.0, 5.0])
    plan = sinkhorn(x, np.arange(4.0), np.ones(8), masses, strength)
    columns = soft_topk_sorted(x, 3, largest=False, regularization_strength=strength)
    assert_allclose(columns, plan[:, :3], atol=1e-10)


def test_equals_pot():
    ot = pytest.importorskip("ot")
    x = np.random.default_rng(2).uniform(size=10)
    grid = np.linspace(0.0, 1.0, 10)
    plan = ot.sinkhorn(
        np.full(10, 0.1),
        np.full(10, 0.1),
        (x[:, None] - grid) ** 2,
        0.05,
        method="sinkhorn_log",
        stopThr=1e-14,
        numItermax=20000,
    )
    # Positions on a grid from 0 to 1: the strength is half of epsilon over the step.
    matrix = soft_permutation(x, regularization_strength=0.025 * 9)
    assert_allclose(matrix, 10 * plan.T, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("relative", [0.06, 0.4, 5.0, 1e6])
def test_agrees_with_fifty_digits(scale, relative):
    x = np.array([0.3, -1.2, 0.31, 2.0]) * scale
    strength = relative * scale
    plan = exact_plan(x, np.arange(1.0, 5.0), np.ones(4), strength)
    matrix = soft_permutation(x, regularization_strength=strength)
    assert_allclose(matrix, plan.T, atol=1e-13)
    plan = exact_plan(x, np.arange(3.0), [1.0, 1.0, 2.0], strength)
    columns = soft_topk_sorted(x, 2, largest=False, regularization_strength=strength)
    assert_allclose(columns, plan[:, :2], atol=1e-13)


@every_operator
@pytest.mark.parametrize("strength", [0.0, 5e-324, 1e-12, 1e-3, 1.0, 1e12, 1e300])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_extreme_strengths_and_magnitudes(operator, params, strength, scale):
    x = np.random.default_rng(3).normal(size=6) * scale
    wrt = ("x", "regularization_strength")
    value, pullback = vjp(
        operator, x, regularization_strength=strength, wrt=wrt, **params
    )
    _, moved = jvp(operator, x, x, regularization_strength=strength, **params)
    for result in (value, moved, *pullback(np.ones_like(value))):
        assert np.all(np.isfinite(result))
    if strength <= 1e-12 * scale:
        exact = operator(x, regularization_strength=0.0, **params)
        assert_array_equal(value, exact)


@pytest.mark.parametrize("strength", [1e-4, 0.01, 1.0, 100.0])
@pytest.mark.parametrize("n", [2, 30, 200])
def test_marginals(strength, n):
    rng = np.random.default_rng(n)
    for x in (rng.normal(size=n), rng.standard_cauchy(size=n), rng.integers(3, size=n)):
        matrix = soft_permutation(x, regularization_strength=strength)
        assert_allclose(matrix.sum(axis=0), np.ones(n), atol=1e-11)
        assert_allclose(matrix.sum(axis=1), np.ones(n), atol=1e-11)
        columns = soft_topk_sorted(x, n // 2, regularization_strength=strength)
        assert_allclose(columns.sum(axis=0), np.ones(n // 2), atol=1e-11)
        assert columns.sum(axis=1).max() <= 1.0 + 1e-12


ROWS = {
    "equal": lambda rng, n: np.ones(n),
    "two clusters": lambda rng, n: np.repeat([0.0, 1.0], [n // 2, n - n // 2]),
    "wide clusters": lambda rng, n: rng.integers(2, size=n) + 1e-3 * rng.normal(size=n),
    "one apart": lambda rng, n: np.append(np.zeros(n - 1), 1.0),
    "one below": lambda rng, n: np.append(np.zeros(n - 1), -1.0),
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: np.exp(5.0 * rng.normal(size=n)),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize(("n", "k"), [(256, 40), (700, 8), (1000, 1), (300, 299)])
def test_masses_of_any_rows_at_every_strength(row, n, k):
    # The last target takes n - k entries, each other one takes one.
    x = row(np.random.default_rng(n), n)
    exponents = np.arange(-9.0, 10.0, 3.0 if k == 299 else 1.0)
    strength = np.concatenate([[0.0, 5e-324], 10.0**exponents, [1e300]])
    for largest in (True, False):
        columns = soft_topk_sorted(
            x, k, largest=largest, regularization_strength=strength
        )
        assert columns.shape == (len(strength), n, k)
        assert columns.min() >= 0.0
        assert_allclose(columns.sum(axis=1), np.ones((len(strength), k)), rtol=1e-10)
        assert columns.sum(axis=2).max() <= 1.0 + 1e-12
        assert_allclose(columns[-1], np.full((n, k), 1.0 / n), rtol=1e-10)


def test_equal_rows_share_every_column():
    columns = soft_topk_sorted(np.ones(256), 40)
    assert_allclose(columns, np.full((256, 40), 1.0 / 256.0), rtol=1e-12)


def test_clusters_far_apart_are_solved_each_by_itself():
    # The larger cluster fills the first 100 columns, the other one the rest.
    x = np.repeat([5.0, 0.0], [100, 156])
    columns = soft_topk_sorted(x, 130, regularization_strength=1e-3)
    expected = np.zeros((256, 130))
    expected[:100, :100] = 1.0 / 100.0
    expected[100:, 100:] = 1.0 / 156.0
    assert_allclose(columns, expected, atol=1e-12)


@pytest.mark.parametrize("strength", [0.02, 0.3, 5.0, 1e3])
def test_gradients_of_large_clustered_rows_by_differences(strength):
    rng = np.random.default_rng(19)
    x = rng.integers(2, size=(2, 150)) + 0.01 * rng.normal(size=(2, 150))
    params = {"k": 12, "regularization_strength": strength}
    columns, pullback = vjp(soft_topk_sorted, x, **params)
    cotangent, tangent = rng.normal(size=columns.shape), rng.normal(size=x.shape)
    step = 1e-6 * strength
    above = soft_topk_sorted(x + step * tangent, **params)
    below = soft_topk_sorted(x - step * tangent, **params)
    slope = (cotangent * (above - below)).sum() / (2.0 * step)
    product = (pullback(cotangent) * tangent).sum()
    assert_allclose(product, slope, rtol=1e-6, atol=1e-6 / strength)


def test_strength_zero_is_hard():
    x = np.array([2.0, -1.0, 0.5, 7.0, 3.0])
    hard = {"regularization_strength": 0.0}
    assert_array_equal(soft_rank(x, method="sinkhorn", **hard), rankdata(x))
    assert_array_equal(soft_sort(x, method="sinkhorn", **hard), np.sort(x))
    assert_array_equal(
        soft_sort(x, method="sinkhorn", descending=True, **hard), np.sort(x)[::-1]
    )
    assert_array_equal(soft_permutation(x, **hard) @ x, np.sort(x))
    columns = soft_topk_sorted(x, 2, **hard)
    assert_array_equal(columns.argmax(axis=0), [3, 4])
    assert_array_equal(np.sort(columns, axis=0)[-2:], [[0, 0], [1, 1]])
    ties = np.array([1.0, 3.0, 1.0, 1.0, 5.0])
    ranks = soft_rank(ties, method="sinkhorn", **hard)
    assert_allclose(ranks, rankdata(ties), rtol=1e-14)
    _, pullback = vjp(soft_rank, ties, method="sinkhorn", **hard)
    assert_array_equal(pullback(np.arange(5.0)), np.zeros(5))


def test_limit_of_large_strengths():
    x = np.random.default_rng(4).normal(size=7)
    params = {"method": "sinkhorn", "regularization_strength": 1e14}
    assert_allclose(soft_rank(x, **params), np.full(7, 4.0), rtol=1e-12)
    assert_allclose(soft_sort(x, **params), np.full(7, x.mean()), rtol=1e-12)


rows = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=1, max_size=8)


@settings(deadline=None, max_examples=80)
@given(x=rows, log_strength=st.floats(-4, 4))
def test_properties(x, log_strength):
    x, strength = np.array(x), 10.0**log_strength
    n = len(x)
    params = {"method": "sinkhorn", "regularization_strength": strength}
    ranks, values = soft_rank(x, **params), soft_sort(x, **params)
    order = np.argsort(x)
    assert_allclose(ranks.sum(), n * (n + 1) / 2, rtol=1e-12)
    assert_allclose(values.sum(), x.sum(), atol=1e-10)
    assert np.all(np.diff(ranks[order]) >= -1e-11)
    assert np.all(np.diff(values) >= -1e-10)
    assert_allclose(ranks + soft_rank(-x, **params), np.full(n, n + 1.0), rtol=1e-11)
    one = soft_topk_sorted(x, 1, regularization_strength=strength)[:, 0]
    expected = soft_topk(x, 1, regularization_strength=strength)
    assert_allclose(one, expected, atol=1e-12)


def test_shifts_and_scales():
    x = np.random.default_rng(5).integers(-40, 40, size=9) / 8.0
    ranks = soft_rank(x, method="sinkhorn", regularization_strength=0.5)
    shifted = soft_rank(x + 1024.0, method="sinkhorn", regularization_strength=0.5)
    assert_allclose(shifted, ranks, rtol=1e-12)
    scaled = soft_rank(4.0 * x, method="sinkhorn", regularization_strength=2.0)
    assert_array_equal(scaled, ranks)


@every_operator
def test_gradients_by_central_differences(operator, params):
    rng = np.random.default_rng(6)
    x, strength = rng.normal(size=(3, 6)), np.array([0.3, 0.05, 2.0])
    x[1, 2] = x[1, 4]
    wrt = ("x", "regularization_strength")
    value, pullback = vjp(
        operator, x, regularization_strength=strength, wrt=wrt, **params
    )
    cotangent = rng.normal(size=value.shape)

    def loss(x, strength):
        return (
            cotangent * operator(x, regularization_strength=strength, **params)
        ).sum()

    step = 1e-6
    in_x, in_strength = pullback(cotangent)
    for index in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[index] = step
        slope = (loss(x + move, strength) - loss(x - move, strength)) / (2.0 * step)
        assert_allclose(in_x[index], slope, rtol=1e-7, atol=1e-7)
    for r in range(3):
        move = np.zeros(3)
        move[r] = step
        slope = (loss(x, strength + move) - loss(x, strength - move)) / (2.0 * step)
        assert_allclose(in_strength[r], slope, rtol=1e-7, atol=1e-7)


@every_operator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jvp_is_the_adjoint_of_vjp(operator, params, dtype):
    rng = np.random.default_rng(7)
    x, tangent = rng.normal(size=(2, 4, 6)).astype(dtype)
    value, pullback = vjp(operator, x, regularization_strength=0.2, **params)
    _, moved = jvp(operator, x, tangent, regularization_strength=0.2, **params)
    cotangent = rng.normal(size=value.shape).astype(dtype)
    assert value.dtype == moved.dtype == pullback(cotangent).dtype == dtype
    assert_allclose(
        (moved * cotangent).sum(dtype=np.float64),
        (pullback(cotangent) * tangent).sum(dtype=np.float64),
        rtol=1e-4 if dtype == np.float32 else 1e-11,
    )


@every_operator
def test_float32_is_double_rounded(operator, params):
    x = np.random.default_rng(8).normal(size=(3, 6)).astype(np.float32)
    value = operator(x, regularization_strength=0.2, **params)
    double = operator(x.astype(np.float64), regularization_strength=0.2, **params)
    assert_array_equal(value, double.astype(np.float32))


def test_jacobians():
    x = np.random.default_rng(9).normal(size=7)
    params = {"method": "sinkhorn", "regularization_strength": 0.2}
    _, pullback = vjp(soft_rank, x, **params)
    ranks = np.array([pullback(row) for row in np.eye(7)])
    assert_allclose(ranks, ranks.T, atol=1e-12)
    assert_allclose(ranks.sum(axis=1), np.zeros(7), atol=1e-12)
    _, pullback = vjp(soft_sort, x, **params)
    values = np.array([pullback(row) for row in np.eye(7)])
    assert_allclose(values.sum(axis=0), np.ones(7), atol=1e-12)
    assert_allclose(values.sum(axis=1), np.ones(7), atol=1e-12)


def test_few_newton_steps(monkeypatch):
    monkeypatch.setattr(relaxation, "MAX_ITER", 8)
    rng = np.random.default_rng(11)
    for x in (rng.normal(size=100), rng.standard_cauchy(size=100)):
        for strength in 10.0 ** np.arange(-6, 7):
            soft_rank(x, method="sinkhorn", regularization_strength=strength)


def test_warns_where_the_masses_are_not_met(monkeypatch):
    monkeypatch.setattr(relaxation, "MAX_ITER", 2)
    x = np.random.default_rng(12).normal(size=30)
    with pytest.warns(ConvergenceWarning, match="relative error of its marginals is"):
        soft_rank(x, method="sinkhorn", regularization_strength=1.0)


@every_operator
def test_rows_are_independent(operator, params):
    rng = np.random.default_rng(13)
    x, strength = rng.normal(size=(9, 40)), 10.0 ** rng.uniform(-3, 2, size=9)
    value, pullback = vjp(operator, x, regularization_strength=strength, **params)
    cotangent = rng.normal(size=value.shape)
    gradient = pullback(cotangent)
    for r in (0, 5):
        one, pull_one = vjp(
            operator, x[r], regularization_strength=strength[r], **params
        )
        assert_array_equal(value[r], one)
        assert_array_equal(gradient[r], pull_one(cotangent[r]))


def test_number_of_threads_does_not_matter():
    x = np.random.default_rng(14).normal(size=(700, 50))
    results = []
    for n_threads in (1, 2):
        sksoft.set_num_threads(n_threads)
        try:
            results.append(soft_topk_sorted(x, 2, regularization_strength=0.3))
        finally:
            sksoft.set_num_threads(None)
    assert_array_equal(*results)


def test_axes_and_shapes():
    x = np.random.default_rng(15).normal(size=(3, 5, 2))
    columns = soft_topk_sorted(x, 2, axis=1)
    assert columns.shape == (3, 2, 5, 2)
    assert_array_equal(columns[1, 1], soft_topk_sorted(x[1, :, 1], 2))
    matrix = soft_permutation(np.asfortranarray(x), axis=0)
    assert matrix.shape == (5, 2, 3, 3)
    assert_array_equal(matrix[4, 1], soft_permutation(x[:, 4, 1]))
    ranks = soft_rank(x, axis=1, method="sinkhorn")
    assert ranks.shape == x.shape
    assert_array_equal(ranks[2, :, 0], soft_rank(x[2, :, 0], method="sinkhorn"))
    _, pullback = vjp(soft_topk_sorted, x, 2, axis=1)
    cotangent = np.random.default_rng(16).normal(size=columns.shape)
    _, pull_one = vjp(soft_topk_sorted, x[1, :, 1], 2)
    assert_array_equal(pullback(cotangent)[1, :, 1], pull_one(cotangent[1, 1]))


def test_small_and_empty_inputs():
    assert soft_permutation(np.empty((2, 0))).shape == (2, 0, 0)
    assert soft_topk_sorted(np.empty(0), 0).shape == (0, 0)
    assert soft_topk_sorted(np.arange(3.0), 0).shape == (3, 0)
    assert_array_equal(soft_permutation([3.0]), [[1.0]])
    assert_array_equal(soft_rank([3.0], method="sinkhorn"), [1.0])
    value, pullback = vjp(soft_sort, [3.0], method="sinkhorn")
    assert_array_equal(value, [3.0])
    assert_array_equal(pullback([2.0]), [2.0])


def test_errors():
    with pytest.raises(ValueError, match=r"k must lie between 0 and .*, 3, got 4"):
        soft_topk_sorted([1.0, 2.0, 3.0], 4)
    with pytest.raises(TypeError, match=r"k must be an integer, got 1\.5"):
        soft_topk_sorted([1.0, 2.0, 3.0], 1.5)
    with pytest.raises(ValueError, match="regularization of method='sinkhorn'"):
        soft_rank([1.0, 2.0], method="sinkhorn", regularization="l2")
    with pytest.raises(ValueError, match="weights must be None for method='sinkhorn'"):
        soft_rank([1.0, 2.0], method="sinkhorn", weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="method must be one of"):
        soft_permutation([1.0, 2.0], method="magic")
    with pytest.raises(ValueError, match="regularization_strength must be a finite"):
        soft_permutation([1.0, 2.0], regularization_strength=-1.0)


def test_lazy_arrays():
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(17).normal(size=(6, 5))
    lazy = da.from_array(x, chunks=(2, 3))
    for operator, params in ((soft_topk_sorted, {"k": 2}), (soft_permutation, {})):
        result = operator(lazy, **params)
        assert result.shape == operator(x, **params).shape
        assert_array_equal(result.compute(), operator(x, **params))
