# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The range of strengths in which an operator is soft, for every operator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
from sksoft import soft_ecdf, soft_quantile, soft_rank, soft_topk, strength_bounds

X = np.random.default_rng(8).normal(size=(3, 9))
X[2] = np.round(X[2])

# Operators that come near their limits, with what they need besides x.
APPROXIMATE = [
    ("soft_topk", {"k": 3}),
    ("soft_topk", {"k": 2.4, "largest": False}),
    ("soft_topk", {"k": 2.5, "weights": np.arange(9.0)}),
    ("soft_topk", {"k": 3, "method": "laplace"}),
    ("soft_topk_sorted", {"k": 2}),
    ("soft_permutation", {}),
    ("soft_permutation", {"method": "neuralsort", "descending": True}),
    ("soft_permutation", {"method": "softsort"}),
    ("soft_rank", {"method": "sinkhorn"}),
    ("soft_rank", {"method": "logistic", "weights": np.arange(9.0) + 0.5}),
    ("soft_rank", {"method": "gaussian", "descending": True}),
    ("soft_rank", {"method": "laplace"}),
    ("soft_sort", {"method": "sinkhorn"}),
    ("soft_sort", {"method": "neuralsort"}),
    ("soft_sort", {"method": "softsort", "descending": True}),
    ("soft_quantile", {"q": [0.1, 0.5], "method": "sinkhorn"}),
    ("soft_median", {"method": "laplace", "keepdims": True}),
    ("superquantile", {"q": 0.6, "method": "sinkhorn"}),
    ("soft_trimmed_mean", {"proportiontocut": 0.2, "method": "sinkhorn"}),
    ("soft_median_of_means", {"n_groups": 4, "method": "laplace"}),
    ("soft_ecdf", {"points": [0.1, -0.7]}),
    ("soft_ecdf", {"points": 0.1, "method": "laplace", "weights": np.arange(9.0)}),
    ("rank_distribution", {}),
    ("rank_distribution", {"exact": False}),
]


def evaluate(name, params, strength):
    """Return the results for strengths of shape (..., 3), the entries of a row last."""
    given = "sigma" if name == "rank_distribution" else "regularization_strength"
    value = getattr(sksoft, name)(X, **params, **{given: strength})
    if name in ("soft_quantile", "soft_median", "soft_trimmed_mean"):
        value = np.moveaxis(value, 0, -1) if np.ndim(params.get("q", 0)) else value
    return np.reshape(value, (*np.broadcast_shapes(np.shape(strength), (3,)), -1))


def bounds(name, params, **tolerance):
    first = (1.0,) if name == "rank_distribution" else ()
    operator = getattr(sksoft, name)
    return strength_bounds(operator, X, *first, **params, **tolerance)


@pytest.mark.parametrize(("name", "params"), APPROXIMATE)
@pytest.mark.parametrize("tolerance", [0.01, 1e-4, 0.3])
def test_results_are_near_their_limits_up_to_the_bounds(name, params, tolerance):
    hard_below, pooled_above = bounds(name, params, tolerance=tolerance)
    assert hard_below.shape == pooled_above.shape == (3,)
    assert np.all((hard_below > 0.0) & (hard_below < pooled_above))
    assert np.all(np.isfinite(pooled_above))
    hard, pooled = evaluate(name, params, 0.0), evaluate(name, params, 1e200)
    scale = np.abs(hard - pooled).max(axis=-1)

    def error(strength, limit):
        return np.abs(evaluate(name, params, strength) - limit).max(axis=-1) / scale

    within = tolerance * (1.0 + 1e-9)
    for factor in (1.0, 0.7, 0.1, 1e-6):
        assert np.all(error(factor * hard_below, hard) <= within)
        assert np.all(error(pooled_above / factor, pooled) <= within)
    assert np.all(error(1.001 * hard_below, hard) > tolerance)
    assert np.all(error(0.999 * pooled_above, pooled) > tolerance)


def test_the_default_tolerance():
    for name, params in APPROXIMATE:
        expected = bounds(name, params, tolerance=0.01)
        assert_array_equal(bounds(name, params), expected)


@pytest.mark.parametrize("regularization", ["l2", "l3/2", "l4/3"])
@pytest.mark.parametrize("k", [0.3, 1.0, 2.5, 4.9])
def test_sparse_masks_are_exactly_hard_and_pooled(regularization, k):
    params = {"method": "permutahedron", "regularization": regularization}
    x = np.array([0.0, 1.0, 3.0, 3.5, 10.0, -2.0])
    hard_below, pooled_above = strength_bounds(soft_topk, x, k, **params)
    hard = soft_topk(x, k, **params, regularization_strength=0.0)

    def mask(strength):
        return soft_topk(x, k, **params, regularization_strength=strength)

    assert_allclose(mask(hard_below), hard, atol=1e-12)
    assert np.abs(mask(1.05 * hard_below) - hard).max() > 1e-6
    inside = (mask(pooled_above) > 0.0) & (mask(pooled_above) < 1.0)
    assert inside.all()
    outside = (mask(0.999 * pooled_above) <= 0.0) | (mask(0.999 * pooled_above) >= 1.0)
    assert outside.any()
    # The tolerance has no effect on exact bounds.
    other = strength_bounds(soft_topk, x, k, **params, tolerance=0.5)
    assert other == (hard_below, pooled_above)


def test_fractional_masks_of_a_power():
    # The mask rises to 0.05 = t**3, by t = 0.368 of the strength.
    x = [0.0, 1.0, 2.0]
    params = {"method": "permutahedron", "regularization": "l4/3"}
    hard_below = strength_bounds(soft_topk, x, 0.05, **params)[0]
    assert_allclose(hard_below, 1.0 / 0.05 ** (1.0 / 3.0))
    mask = soft_topk(x, 0.05, **params, regularization_strength=18.0)
    assert mask[1] > 0.01


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("soft_quantile", {"q": [0.1, 0.55]}),
        ("soft_quantile", {"q": 0.3, "weights": np.linspace(0.0, 1.5, 9)}),
        ("soft_median", {}),
        ("soft_trimmed_mean", {"proportiontocut": 0.25}),
        ("soft_median_of_means", {"n_groups": 4}),
    ],
)
def test_sparse_statistics_are_exactly_hard_and_means(name, params):
    hard_below, pooled_above = bounds(name, params)
    assert np.all(hard_below <= pooled_above)
    hard = evaluate(name, params, 0.0)
    weights = params.get("weights", np.ones(9))
    mean = np.average(X, axis=1, weights=weights)[:, np.newaxis]
    if name == "soft_median_of_means":
        mean = evaluate(name, params, 1e200)
    assert_allclose(evaluate(name, params, hard_below), hard, atol=1e-14)
    assert_allclose(evaluate(name, params, pooled_above) - mean, 0.0, atol=1e-13)
    # In the last row the band is within ties, which soften together.
    moved = np.abs(evaluate(name, params, 1.05 * hard_below) - hard).max(axis=-1)
    assert np.all(moved[:2] > 1e-9)
    moved = np.abs(evaluate(name, params, 0.9 * pooled_above) - mean).max(axis=-1)
    assert np.all(moved > 1e-9)


@pytest.mark.parametrize("name", ["soft_spearmanr", "soft_quantile_normalize"])
def test_functions_of_ranks_have_the_bounds_of_the_ranks(name):
    for method in ("permutahedron", "logistic"):
        params = {"y": np.arange(9.0)} if name == "soft_spearmanr" else {}
        actual = bounds(name, {**params, "method": method})
        assert_array_equal(actual, strength_bounds(soft_rank, X, method=method))


def test_rows_without_a_range():
    constant = np.full((2, 4), 0.1)
    for name in ("soft_topk", "soft_rank", "soft_permutation", "soft_sort"):
        params = {"k": 2} if name == "soft_topk" else {}
        method = "softsort" if "sort" in name or "perm" in name else "laplace"
        hard, pooled = strength_bounds(
            getattr(sksoft, name), constant, **params, method=method
        )
        assert_array_equal(hard, [np.inf, np.inf])
        assert_array_equal(pooled, [0.0, 0.0])
    # A step at the value itself is half way up at any strength.
    assert strength_bounds(soft_ecdf, [1.0, 2.0, 3.0], 2.0)[0] == 0.0
    # The levels of a sum of Laplace laws spread without bound.
    hard, pooled = strength_bounds(sksoft.soft_sort, X, method="laplace")
    assert np.all((hard > 0.0) & (hard < 1.0))
    assert np.all(pooled == np.inf)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_bounds_of_nothing(shape):
    x = np.zeros(shape)
    for name, params in APPROXIMATE:
        if "weights" in params or "q" in params or "points" in params:
            continue
        if shape[-1] == 0 and name.startswith(("soft_m", "soft_trim")):
            continue
        params = {**params, "k": 0} if "k" in params else params
        params = {**params, "n_groups": 2} if "n_groups" in params else params
        first = (1.0,) if name == "rank_distribution" else ()
        for bound in strength_bounds(getattr(sksoft, name), x, *first, **params):
            assert bound.shape == shape[:-1]


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e150])
def test_bounds_are_in_the_unit_of_the_data(scale):
    for name, params in APPROXIMATE:
        if name == "soft_ecdf":
            continue
        operator = getattr(sksoft, name)
        first = (1.0,) if name == "rank_distribution" else ()
        expected = strength_bounds(operator, X, *first, **params)
        actual = strength_bounds(operator, scale * X, *first, **params)
        assert_allclose(actual, scale * np.array(expected), rtol=1e-5)


def test_errors_of_bounds():
    with pytest.raises(ValueError, match="operator must have a strength, which squash"):
        strength_bounds(sksoft.squash, X)
    for bad in (0.0, -1.0, 1.0, 2.0, np.nan):
        with pytest.raises(ValueError, match=r"^tolerance must be "):
            strength_bounds(soft_topk, X, 2, tolerance=bad)
    with pytest.raises(TypeError, match=r"^tolerance must be a number"):
        strength_bounds(soft_topk, X, 2, tolerance="small")
    with pytest.raises(ValueError, match="q must lie between 0 and 1"):
        strength_bounds(soft_quantile, X, 2.0)
