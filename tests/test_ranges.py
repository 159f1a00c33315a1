# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rounding takes no result out of its range or its order; empty and long inputs."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import sksoft
from sksoft import (
    jvp,
    rank_distribution,
    soft_ecdf,
    soft_isotonic,
    soft_median,
    soft_quantile,
    soft_rank,
    soft_sort,
    soft_spearmanr,
    soft_trimmed_mean,
    vjp,
)

MASKS = ["permutahedron", "sinkhorn", "laplace"]


def samples(count=300):
    """Yield rows of several scales, with ties and constants, and strengths."""
    rng = np.random.default_rng(4)
    for i in range(count):
        x = rng.normal(size=rng.integers(1, 40)) * 10.0 ** rng.integers(-3, 4)
        if i % 3 == 0:
            x = np.round(x)
        if i % 7 == 0:
            x[:] = x[0]
        yield x, 10.0 ** rng.uniform(-6, 6), rng


@pytest.mark.parametrize(
    "method", ["logistic", "gaussian", "laplace", "permutahedron", "sinkhorn"]
)
def test_ranks_are_in_order_and_ties_are_equal(method):
    for x, strength, _ in samples():
        ranks = soft_rank(x, method=method, regularization_strength=strength)
        assert ranks.min() >= 1.0
        assert ranks.max() <= len(x)
        order = np.argsort(x, kind="stable")
        assert np.all(np.diff(ranks[order]) >= 0.0)
        tied = np.diff(x[order]) == 0.0
        assert np.all(np.diff(ranks[order])[tied] == 0.0)


@pytest.mark.parametrize(
    "method", ["neuralsort", "softsort", "permutahedron", "sinkhorn"]
)
def test_sorted_values_are_in_order_and_in_range(method):
    for x, strength, _ in samples():
        y = soft_sort(x, method=method, regularization_strength=strength)
        assert np.all(np.diff(y) >= 0.0)
        assert y[0] >= x.min()
        assert y[-1] <= x.max()


@pytest.mark.parametrize("regularization", ["l2", "entropic"])
def test_isotonic_fits_are_in_order_and_in_range(regularization):
    for x, _, rng in samples():
        for weights in (None, rng.integers(0, 3, len(x)) + 0.1):
            y = soft_isotonic(x, regularization=regularization, weights=weights)
            assert np.all(np.diff(y) >= 0.0)
            assert y[0] >= x.min()
            assert y[-1] <= x.max()


@pytest.mark.parametrize("method", MASKS)
def test_quantiles_are_in_order_and_in_range(method):
    for x, strength, rng in samples():
        params = {"method": method, "regularization_strength": strength}
        q = rng.uniform(size=6)
        y = soft_quantile(x, q, **params)
        assert np.all(np.diff(y[np.argsort(q)]) >= 0.0)
        values = [*y, soft_median(x, **params), soft_trimmed_mean(x, 0.2, **params)]
        assert min(values) >= x.min()
        assert max(values) <= x.max()


def test_quantiles_of_the_default_strength_are_in_order():
    # Where all is pooled they differ by rounding only.
    for seed in range(40):
        x = np.random.default_rng(seed).normal(size=12) / 8.0
        y = soft_quantile(x, np.linspace(0.0, 1.0, 11))
        assert np.all(np.diff(y) >= 0.0)


@pytest.mark.parametrize("method", ["logistic", "gaussian", "laplace"])
def test_distribution_functions_are_probabilities(method):
    for x, strength, rng in samples():
        points = np.sort(np.append(rng.normal(size=5) * strength, x))
        weights = rng.integers(1, 5, len(x)) * 0.1
        for given in (None, weights):
            y = soft_ecdf(
                x,
                points,
                method=method,
                weights=given,
                regularization_strength=strength,
            )
            assert np.all((y >= 0.0) & (y <= 1.0))
            assert np.all(np.diff(y) >= -1e-14)
            hard = soft_ecdf(x, points, weights=given, regularization_strength=0.0)
            assert hard[-1] == 1.0
            assert np.all(stats.norm.ppf(hard) <= np.inf)


@pytest.mark.parametrize("n", [3, 7, 10, 49, 97])
def test_the_exact_distribution_function(n):
    # One division: the fractions are those of scipy, to the last bit.
    x = np.random.default_rng(n).permutation(n) / 7.0
    expected = stats.ecdf(x).cdf
    values = soft_ecdf(x, expected.quantiles, regularization_strength=0.0)
    assert_array_equal(values, expected.probabilities)
    assert_array_equal(values, np.arange(1, n + 1) / n)


@pytest.mark.parametrize("exact", [True, False])
def test_rank_distributions_are_probabilities(exact):
    for x, sigma, _ in samples(60):
        p = rank_distribution(x, sigma, exact=exact)
        assert np.all((p >= 0.0) & (p <= 1.0))
        assert_allclose(p.sum(axis=-1), 1.0, rtol=1e-13)


def test_correlations_are_at_most_one():
    for x, strength, rng in samples():
        for y in (x, -x, rng.normal(size=len(x))):
            assert abs(soft_spearmanr(x, y, regularization_strength=strength)) <= 1.0


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("regularization", ["l2", "entropic"])
def test_zeros_of_both_signs_sort_to_the_same_bits(regularization, descending):
    rng = np.random.default_rng(1)
    for n in (2, 9, 40, 300):
        for strength in (0.0, 1e-3, 1.0):
            x = rng.choice([0.0, -0.0, 1.0, -1.0], n)
            params = {
                "regularization": regularization,
                "descending": descending,
                "regularization_strength": strength,
            }
            value = soft_sort(x, **params)
            assert not np.any(np.signbit(value[value == 0.0]))
            for derived in (
                vjp(soft_sort, x, **params),
                jvp(soft_sort, x, x, **params),
            ):
                assert value.tobytes() == derived[0].tobytes()
            batch = soft_sort(np.stack([x, x[::-1]]), **params)
            assert value.tobytes() == batch[0].tobytes() == batch[1].tobytes()


# Every operator, with what it needs, and what can be differentiated.
DERIVATIVES = [
    ("soft_sort", {"method": method}, ("regularization_strength",))
    for method in ("permutahedron", "sinkhorn", "neuralsort", "softsort", "laplace")
]
DERIVATIVES += [
    ("soft_rank", {"method": method}, ("regularization_strength",))
    for method in ("permutahedron", "sinkhorn", "logistic", "gaussian", "laplace")
]
DERIVATIVES += [
    ("soft_permutation", {"method": method}, ("regularization_strength",))
    for method in ("sinkhorn", "neuralsort", "softsort")
]
DERIVATIVES += [
    ("soft_topk", {"k": 0, "method": method}, ("k", "regularization_strength"))
    for method in MASKS
]
DERIVATIVES += [
    ("soft_topk_sorted", {"k": 0}, ("regularization_strength",)),
    ("rank_distribution", {"sigma": 1.0}, ("sigma",)),
    ("rank_distribution", {"sigma": 1.0, "exact": False}, ("sigma",)),
    ("soft_spearmanr", {"y": None}, ("regularization_strength",)),
    ("soft_quantile_normalize", {}, ("regularization_strength",)),
    ("soft_quantile_normalize", {"target": [1.0, 3.0]}, ("target",)),
    ("squash", {}, ()),
    ("soft_isotonic", {}, ()),
    ("soft_isotonic", {"regularization": "entropic", "increasing": False}, ()),
    ("soft_quantile", {"q": [0.2, 0.4]}, ("q", "regularization_strength")),
    ("soft_quantile", {"q": []}, ("q", "regularization_strength")),
    ("soft_median", {}, ("regularization_strength",)),
    ("superquantile", {"q": [0.2, 0.4]}, ("q", "regularization_strength")),
    ("soft_trimmed_mean", {"proportiontocut": 0.1}, ("regularization_strength",)),
    ("soft_median_of_means", {"n_groups": 2}, ("regularization_strength",)),
    ("soft_ecdf", {"points": [0.1]}, ("points", "regularization_strength")),
    ("soft_ecdf", {"points": []}, ("points", "regularization_strength")),
]
NEED_ENTRIES = (
    "soft_quantile",
    "superquantile",
    "soft_median",
    "soft_trimmed",
    "soft_ecdf",
)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (2, 0, 3), (0, 0), (1, 1)])
@pytest.mark.parametrize(("name", "params", "wrt"), DERIVATIVES)
def test_every_derivative_of_nothing(name, params, wrt, shape):
    operator = getattr(sksoft, name)
    if name.startswith(NEED_ENTRIES) and name != "soft_quantile_normalize":
        if shape[-1] < (2 if "n_groups" in params else 1):
            return
    params = {**params, "y": np.ones(shape[-1])} if "y" in params else params
    x = np.zeros(shape)
    value, pullback = vjp(operator, x, wrt=("x", *wrt), **params)
    gradients = pullback(np.ones(value.shape))
    assert_array_equal(value, operator(x, **params))
    assert gradients[0].shape == shape
    for argument, gradient in zip(wrt, gradients[1:], strict=True):
        assert np.shape(gradient) == np.shape(params.get(argument, 1.0))
        assert np.all(np.isfinite(gradient))
    assert jvp(operator, x, np.ones(shape), **params)[1].shape == value.shape


@pytest.mark.parametrize("operator", [soft_quantile, soft_ecdf])
def test_many_quantiles_need_the_memory_of_the_rows(operator):
    x = np.random.default_rng(0).normal(size=20_000)
    many = np.linspace(0.0, 1.0, 200)
    tracemalloc.start()
    try:
        value, pullback = vjp(operator, x, many, regularization_strength=0.1)
        assert pullback(np.ones(value.shape)).shape == x.shape
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All weights at once would take 200 times x.
    assert peak < 60 * x.nbytes


def test_several_quantiles_have_the_derivatives_of_each(rng):
    # Of several bands only the ends are kept.
    x, weights = rng.normal(size=(3, 11)), rng.uniform(0.5, 2.0, 11)
    q = np.array([0.9, 0.13, 0.5])
    for method in MASKS:
        params = {"weights": weights, "method": method, "regularization_strength": 0.3}
        wrt = ("x", "weights", "regularization_strength")
        value, pullback = vjp(soft_quantile, x, q, wrt=wrt, **params)
        moved = jvp(soft_quantile, x, np.cos(x), q, **params)[1]
        for i, level in enumerate(q):
            alone, pull = vjp(soft_quantile, x, level, wrt=wrt, **params)
            assert_array_equal(value[i], alone)
            cotangent = np.zeros((3, 3))
            cotangent[i] = [1.0, -2.0, 0.5]
            for actual, expected in zip(
                pullback(cotangent), pull(cotangent[i]), strict=True
            ):
                assert_allclose(actual, expected, rtol=1e-13, atol=1e-16)
            assert_allclose(
                moved[i], jvp(soft_quantile, x, np.cos(x), level, **params)[1]
            )
