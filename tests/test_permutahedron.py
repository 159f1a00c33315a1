# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Properties of soft sort and soft rank that hold for every input."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp
from scipy.stats import rankdata

from sksoft import jvp, soft_rank, soft_sort, strength_bounds, vjp

RANKS = ["l2", "entropic", "kl"]
SORTS = ["l2", "entropic"]
OPERATORS = [(soft_rank, name) for name in RANKS] + [
    (soft_sort, name) for name in SORTS
]

lengths = st.integers(1, 12)
values = st.floats(-50.0, 50.0, width=32)
rows = lengths.flatmap(lambda n: arrays(np.float64, n, elements=values))
# Few distinct values: ties everywhere.
tied_rows = lengths.flatmap(
    lambda n: arrays(np.float64, n, elements=st.integers(-3, 3).map(float))
)
distinct_rows = lengths.flatmap(
    lambda n: st.permutations(range(-n, 2 * n)).map(
        lambda p: np.cumsum(0.3 + np.abs(np.array(p[:n], float)))[np.argsort(p[:n])]
    )
)
strengths = st.floats(-3.0, 3.0).map(lambda e: 10.0**e)


def rank(x, strength, regularization="l2", **params):
    return soft_rank(
        x, regularization=regularization, regularization_strength=strength, **params
    )


def sort(x, strength, regularization="l2", **params):
    return soft_sort(
        x, regularization=regularization, regularization_strength=strength, **params
    )


def jacobian(operator, x, strength, regularization="l2", **params):
    """Return the Jacobian by pullbacks and by pushforwards."""
    x = np.asarray(x, float)
    params |= {"regularization": regularization, "regularization_strength": strength}
    _, pullback = vjp(operator, x, **params)
    eye = np.eye(len(x))
    by_rows = np.array([pullback(e) for e in eye])
    by_columns = np.array([jvp(operator, x, e, **params)[1] for e in eye]).T
    return by_rows, by_columns


# --- the hard regime ---------------------------------------------------------------


@pytest.mark.parametrize("regularization", RANKS)
@given(x=distinct_rows)
def test_ranks_are_hard_up_to_the_first_bound(regularization, x):
    assume(len(x) > 1)
    hard, pooled = strength_bounds(soft_rank, x, regularization=regularization)
    gaps = np.diff(np.sort(x))
    rises = 1.0
    if regularization == "kl":
        rises = np.diff(np.log(np.arange(1.0, len(x) + 1.0)))
    assert_allclose(hard, (gaps / rises).min(), rtol=1e-12)
    expected = rankdata(x)
    assert_array_equal(rank(x, hard * (1 - 1e-12), regularization), expected)
    assert_allclose(rank(x, hard, regularization), expected, rtol=1e-12)
    softer = rank(x, 1.01 * hard, regularization)
    assert np.abs(softer - expected).max() > 1e-4
    assert hard <= pooled * (1 + 1e-12)


@pytest.mark.parametrize("regularization", SORTS)
@given(x=distinct_rows)
def test_sorts_are_hard_up_to_the_first_bound(regularization, x):
    assume(len(x) > 1)
    hard, _ = strength_bounds(soft_sort, x, regularization=regularization)
    assert_allclose(hard, 1.0 / np.diff(np.sort(x)).max(), rtol=1e-12)
    assert_array_equal(sort(x, hard * (1 - 1e-12), regularization), np.sort(x))
    assert_allclose(sort(x, hard, regularization), np.sort(x), rtol=1e-12)
    assert np.abs(sort(x, 1.01 * hard, regularization) - np.sort(x)).max() > 1e-6


@pytest.mark.parametrize("regularization", RANKS)
@given(x=tied_rows)
def test_strength_zero_gives_average_ranks(regularization, x):
    assert_array_equal(rank(x, 0.0, regularization), rankdata(x))
    assert_array_equal(rank(x, 0.0, regularization, descending=True), rankdata(-x))
    by_rows, by_columns = jacobian(soft_rank, x, 0.0, regularization)
    assert_array_equal(by_rows, 0.0)
    assert_array_equal(by_columns, 0.0)


@pytest.mark.parametrize("regularization", SORTS)
@given(x=tied_rows)
def test_strength_zero_sorts(regularization, x):
    assert_array_equal(sort(x, 0.0, regularization), np.sort(x))
    assert_array_equal(sort(x, 0.0, regularization, descending=True), np.sort(x)[::-1])
    by_rows, _ = jacobian(soft_sort, x, 0.0, regularization)
    assert_array_equal(by_rows, np.eye(len(x))[np.argsort(x, kind="stable")])


@pytest.mark.parametrize("regularization", RANKS)
@given(x=distinct_rows)
def test_hard_ranks_have_no_gradient_at_all(regularization, x):
    # Property 21.
    hard, _ = strength_bounds(soft_rank, x, regularization=regularization)
    assume(np.isfinite(hard))
    by_rows, by_columns = jacobian(soft_rank, x, 0.999 * hard, regularization)
    assert_array_equal(by_rows, 0.0)
    assert_array_equal(by_columns, 0.0)


# --- the pooled regime -------------------------------------------------------------


def n_blocks(x, operator, strength, regularization):
    """Count the blocks from the Jacobian of a row of distinct values."""
    J, _ = jacobian(operator, x, strength, regularization)
    if operator is soft_sort:
        J = J[:, np.argsort(x)]
    else:
        J = J[np.ix_(np.argsort(x), np.argsort(x))]
    return 1 + np.sum(np.diagonal(J, 1) == 0.0)


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@given(x=distinct_rows)
def test_one_block_from_the_second_bound_on(operator, regularization, x):
    assume(len(x) > 1)
    _, pooled = strength_bounds(operator, x, regularization=regularization)
    assert n_blocks(x, operator, pooled * (1 + 1e-9), regularization) == 1
    assert n_blocks(x, operator, pooled * (1 - 1e-9), regularization) > 1


@given(x=rows, factor=st.floats(1.001, 1e3))
def test_pooled_l2_is_affine(x, factor):
    # Property 4.
    n = len(x)
    _, pooled = strength_bounds(soft_rank, x)
    strength = max(pooled, 1e-3) * factor
    expected = (n + 1) / 2 + (x - x.mean()) / strength
    assert_allclose(rank(x, strength), expected, rtol=1e-11, atol=1e-11)
    _, pooled = strength_bounds(soft_sort, x)
    if 0.0 < pooled < 1e100:
        strength = pooled * factor
        expected = x.mean() + (np.arange(1, n + 1) - (n + 1) / 2) / strength
        assert_allclose(sort(x, strength), expected, rtol=1e-11, atol=1e-11)


@given(x=distinct_rows)
def test_pooled_kl_ranks_are_a_softmax(x):
    n = len(x)
    strength = 1e3 + 10.0 * np.ptp(x) * n
    z = x / strength
    expected = n * (n + 1) / 2 * np.exp(z - logsumexp(z))
    assert_allclose(rank(x, strength, "kl"), expected, rtol=1e-12)


@given(x=distinct_rows)
def test_limits_of_large_strengths(x):
    # Property 6.
    n, big = len(x), 1e14
    assert_allclose(sort(x, big), x.mean(), rtol=1e-12, atol=1e-12)
    mean = logsumexp(x) - np.log(n)
    assert_allclose(sort(x, big, "entropic"), mean, rtol=1e-12, atol=1e-12)
    assert_allclose(rank(x, big), (n + 1) / 2, rtol=1e-10)
    assert_allclose(rank(x, big, "kl"), (n + 1) / 2, rtol=1e-10)
    mean = logsumexp(np.arange(1, n + 1)) - np.log(n)
    assert_allclose(rank(x, big, "entropic"), mean, rtol=1e-10)


# --- invariants --------------------------------------------------------------------


@given(x=rows, strength=strengths)
def test_sums_are_kept(x, strength):
    # Property 5.
    n = len(x)
    assert_allclose(rank(x, strength).sum(), n * (n + 1) / 2, rtol=1e-11)
    assert_allclose(rank(x, strength, "kl").sum(), n * (n + 1) / 2, rtol=1e-11)
    targets = np.arange(1, n + 1)
    assert_allclose(
        logsumexp(rank(x, strength, "entropic")), logsumexp(targets), rtol=1e-11
    )
    assert_allclose(sort(x, strength).sum(), x.sum(), rtol=1e-11, atol=1e-10)
    assert_allclose(
        logsumexp(sort(x, strength, "entropic")), logsumexp(x), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=strengths)
def test_order_is_kept(regularization, x, strength):
    # Property 7.
    order = np.argsort(x, kind="stable")
    ranks = rank(x, strength, regularization)
    assert np.all(np.diff(ranks[order]) >= -1e-11)
    if regularization != "kl":
        assert np.all(np.diff(sort(x, strength, regularization)) >= -1e-11)


@given(x=rows, strength=strengths)
def test_hard_output_majorises(x, strength):
    # Property 8.
    for soft, hard in [
        (rank(x, strength), rankdata(x, method="ordinal").astype(float)),
        (rank(x, strength, "kl"), rankdata(x, method="ordinal").astype(float)),
        (sort(x, strength), x),
        (np.exp(sort(x, strength, "entropic")), np.exp(x)),
    ]:
        soft = np.cumsum(np.sort(soft)[::-1])
        hard = np.cumsum(np.sort(hard)[::-1])
        slack = 1e-11 * np.abs(hard).max() + 1e-11
        assert np.all(soft <= hard + slack)
        assert_allclose(soft[-1], hard[-1], atol=slack, rtol=1e-11)


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=strengths, shift=st.floats(-10, 10), scale=st.floats(0.1, 10))
def test_shifts_and_scales(regularization, x, strength, shift, scale):
    # Property 9.
    tol = {"rtol": 1e-9, "atol": 1e-12 * (1 + 100.0 / strength)}
    ranks = rank(x, strength, regularization)
    assert_allclose(rank(x + shift, strength, regularization), ranks, **tol)
    scaled = rank(scale * x, scale * strength, regularization)
    assert_allclose(scaled, ranks, **tol)
    if regularization == "kl":
        return
    values = sort(x, strength, regularization)
    shifted = sort(x + shift, strength, regularization)
    assert_allclose(shifted, values + shift, rtol=1e-11, atol=1e-11)
    if regularization == "l2":
        scaled = sort(scale * x, strength / scale)
        assert_allclose(scaled, scale * values, rtol=1e-9, atol=1e-9)


@given(x=rows, strength=strengths)
def test_reversal_of_l2(x, strength):
    # Property 10: it fails for the others, which are not symmetric.
    tol = {"rtol": 1e-11, "atol": 1e-11}
    assert_allclose(rank(-x, strength), len(x) + 1 - rank(x, strength), **tol)
    assert_allclose(sort(-x, strength), -sort(x, strength)[::-1], **tol)


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@given(x=rows, strength=strengths)
def test_descending(operator, regularization, x, strength):
    params = {"regularization": regularization, "regularization_strength": strength}
    result = operator(x, descending=True, **params)
    if operator is soft_sort:
        assert_array_equal(result, operator(x, **params)[::-1])
    else:
        assert_array_equal(result, operator(-x, **params))


@pytest.mark.parametrize("regularization", RANKS)
@given(data=st.data(), strength=strengths)
def test_permutations_of_the_input(regularization, data, strength):
    # Property 11, bit for bit.
    x = data.draw(distinct_rows)
    p = np.array(data.draw(st.permutations(range(len(x)))), int)
    ranks = rank(x, strength, regularization)
    assert_array_equal(rank(x[p], strength, regularization), ranks[p])
    if regularization != "kl":
        values = sort(x, strength, regularization)
        assert_array_equal(sort(x[p], strength, regularization), values)


@given(x=rows, strength=strengths)
def test_projecting_twice(x, strength):
    # Property 12.
    ranks = rank(x, strength)
    assert_allclose(rank(ranks, 1.0), ranks, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("regularization", ["l2", "kl"])
@given(x=tied_rows, strength=strengths)
def test_ties_share_their_average_rank(regularization, x, strength):
    # Property 19: exactly equal values have exactly equal ranks, at any strength.
    ranks = rank(x, strength, regularization)
    for value in np.unique(x):
        tied = ranks[x == value]
        assert_array_equal(tied, tied[0])
    gaps = np.diff(np.unique(x))
    small = 0.05 * min(gaps, default=1.0) / len(x)
    assert_allclose(rank(x, small, regularization), rankdata(x), rtol=1e-14)


def test_ties_of_the_log_domain():
    # math.md 1.1: the log-mean-exp of 2 and 3, not their mean.
    ranks = rank([0.0, 10.0, 10.0, 20.0], 0.1, "entropic")
    expected = 2.0 + np.log((1 + np.e) / 2)
    assert_allclose(ranks, [1.0, expected, expected, 4.0], rtol=1e-15)


@given(x=distinct_rows, pair=st.tuples(strengths, strengths))
def test_norms_and_blocks_shrink_with_the_strength(x, pair):
    # Property 20.
    low, high = sorted(pair)
    assume(low < high * 0.999)
    for f in (rank, sort):
        assert np.linalg.norm(f(x, high)) <= np.linalg.norm(f(x, low)) * (1 + 1e-12)
    for operator, name in OPERATORS:
        fewer = n_blocks(x, operator, high, name)
        assert fewer <= n_blocks(x, operator, low, name)


# --- the Jacobian ------------------------------------------------------------------


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@pytest.mark.parametrize("descending", [False, True])
@given(x=rows, strength=strengths)
def test_pullback_is_the_adjoint_of_the_pushforward(
    operator, regularization, descending, x, strength
):
    # Property 15.
    by_rows, by_columns = jacobian(
        operator, x, strength, regularization, descending=descending
    )
    scale = np.abs(by_columns).max()
    assert_allclose(by_rows, by_columns, rtol=1e-9, atol=1e-13 * scale)


@given(x=rows, strength=strengths)
def test_null_vectors_and_symmetry(x, strength):
    # Properties 13 and 14.
    tol = {"rtol": 1e-11, "atol": 1e-11 * (1 + 1 / strength) * len(x) ** 2}
    one = np.ones(len(x))
    for name in ("l2", "kl"):
        J, _ = jacobian(soft_rank, x, strength, name)
        assert_allclose(J, J.T, **tol)
        assert_allclose(J @ one, 0.0, **tol)
        assert np.linalg.eigvalsh(J).min(initial=0.0) >= -tol["atol"]
    J, _ = jacobian(soft_rank, x, strength, "entropic")
    assert_allclose(J @ one, 0.0, **tol)
    weight = np.exp(rank(x, strength, "entropic") - len(x))
    assert_allclose(weight @ J, 0.0, **tol)
    J, _ = jacobian(soft_sort, x, strength)
    assert_allclose(J @ one, 1.0, **tol)
    assert_allclose(one @ J, 1.0, **tol)
    J, _ = jacobian(soft_sort, x, strength, "entropic")
    assert_allclose(J @ one, 1.0, **tol)


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=strengths)
def test_euler_identity(regularization, x, strength):
    # Property 16: strength * dr/dstrength = -J x.
    params = {"regularization": regularization, "regularization_strength": strength}
    _, pullback = vjp(soft_rank, x, wrt="regularization_strength", **params)
    by_strength = np.array([pullback(e) for e in np.eye(len(x))])
    _, moved = jvp(soft_rank, x, x, **params)
    assert_allclose(strength * by_strength, -moved, rtol=1e-9, atol=1e-9)


@given(data=st.data(), strength=strengths)
def test_lipschitz_and_monotone(data, strength):
    # Properties 17 and 18.
    x = data.draw(rows)
    y = x + data.draw(arrays(np.float64, len(x), elements=values))
    n, d = len(x), x - y

    def norms(difference, *orders):
        return [np.linalg.norm(difference, order) for order in orders]

    slack = 1e-9
    (moved,) = norms(rank(x, strength) - rank(y, strength), 2)
    assert moved <= norms(d, 2)[0] / strength + slack
    (moved,) = norms(rank(x, strength, "kl") - rank(y, strength, "kl"), 2)
    assert moved <= n * norms(d, 2)[0] / strength + slack
    moved = norms(sort(x, strength) - sort(y, strength), 1, 2, np.inf)
    assert np.all(np.array(moved) <= np.array(norms(d, 1, 2, np.inf)) + slack)
    moved = norms(sort(x, strength, "entropic") - sort(y, strength, "entropic"), np.inf)
    assert moved[0] <= norms(d, np.inf)[0] + slack
    for name in ("l2", "kl"):
        change = rank(x, strength, name) - rank(y, strength, name)
        assert change @ d >= -slack * (1 + np.abs(d).max())


# --- oracles -----------------------------------------------------------------------


@given(x=rows, strength=strengths)
def test_l2_against_scipy(x, strength):
    n = len(x)
    positions = np.arange(1.0, n + 1.0)
    order = np.argsort(x, kind="stable")
    z = x[order] / strength
    expected = np.empty(n)
    expected[order] = z - isotonic_regression(z - positions).x
    assert_allclose(rank(x, strength), expected, rtol=1e-10, atol=1e-12 * np.ptp(z))
    z = positions / strength
    expected = z - isotonic_regression(z - x[order]).x
    assert_allclose(sort(x, strength), expected, rtol=1e-10, atol=1e-12 * z[-1] + 1e-11)


@pytest.mark.parametrize("n", [1000, 3001])
@pytest.mark.parametrize("strength", [1e-4, 1e-3, 1e-2, 0.1])
def test_long_rows_against_scipy(n, strength, rng):
    x = rng.normal(size=n)
    order = np.argsort(x)
    z = x[order] / strength
    expected = np.empty(n)
    expected[order] = z - isotonic_regression(z - np.arange(1.0, n + 1)).x
    assert_allclose(rank(x, strength), expected, rtol=0, atol=1e-12 * n / strength)
    z = np.arange(1.0, n + 1) * strength  # the strengths of a sort, the other way
    expected = z - isotonic_regression(z - x[order]).x
    assert_allclose(sort(x, 1 / strength), expected, rtol=0, atol=1e-12 * z[-1] + 1e-12)


@given(x=st.lists(values, min_size=2, max_size=4), strength=strengths)
def test_l2_rank_is_the_nearest_point(x, strength):
    # Optimality over all vertices: <z - p, vertex - p> <= 0.
    x = np.array(x)
    z, p = x / strength, rank(x, strength)
    for vertex in itertools.permutations(range(1, len(x) + 1)):
        assert (z - p) @ (np.array(vertex) - p) <= 1e-9 * (1 + np.abs(z).max())


# --- derivatives by central differences --------------------------------------------


def central(f, x, direction, h):
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


# Rows with soft blocks of several sizes, away from the points where blocks change.
SMOOTH = np.array([0.31, -1.2, 2.05, 0.62, 0.4, 7.0, -1.05, 5.5])


def parameter_sets(operator, regularization):
    """Return named arguments to differentiate under."""
    n = len(SMOOTH)
    sets = {"plain": {}, "descending": {"descending": True}}
    if operator is soft_rank:
        sets["weights"] = {"weights": np.array([1, 2.5, 0.3, 1, 0, 2, 1, 1.7])}
        sets["targets"] = {"targets": np.array([3, 0.5, 9, 1, 2, 6.5, 4, 4.2])}
        sets["both ways"] = {
            "targets": np.arange(n, 0.0, -1) ** 1.3,
            "descending": True,
        }
    return sets


GRADIENTS = [
    pytest.param(
        operator,
        name,
        params,
        strength,
        id=f"{operator.__name__}-{name}-{key}-{strength}",
    )
    for operator, name in OPERATORS
    for key, params in parameter_sets(operator, name).items()
    for strength in (0.13, 0.9, 40.0)
]


@pytest.mark.parametrize(
    ("operator", "regularization", "params", "strength"), GRADIENTS
)
def test_gradients_by_central_differences(
    operator, regularization, params, strength, rng
):
    params = {"regularization": regularization, **params}
    x = SMOOTH
    g = rng.normal(size=x.shape)
    wrt = ["x", "regularization_strength"]
    if "targets" in params:
        wrt.append("targets")
    value, pullback = vjp(
        operator, x, wrt=tuple(wrt), regularization_strength=strength, **params
    )
    assert_array_equal(value, operator(x, regularization_strength=strength, **params))
    gradients = pullback(g)
    assert len(gradients) == len(wrt)
    tol = {"rtol": 1e-6, "atol": 1e-7}

    def by_x(x):
        return g @ operator(x, regularization_strength=strength, **params)

    expected = [central(by_x, x, e, 1e-5) for e in np.eye(len(x))]
    assert_allclose(gradients[0], expected, **tol)
    direction = rng.normal(size=x.shape)
    _, moved = jvp(operator, x, direction, regularization_strength=strength, **params)
    assert_allclose(g @ moved, direction @ gradients[0], rtol=1e-12, atol=1e-13)

    def by_strength(strength):
        return g @ operator(x, regularization_strength=strength, **params)

    expected = central(by_strength, strength, 1.0, 1e-5 * strength)
    assert_allclose(gradients[1], expected, **tol)
    if "targets" in params:
        targets = params.pop("targets")

        def by_targets(targets):
            return g @ operator(
                x, regularization_strength=strength, targets=targets, **params
            )

        expected = [central(by_targets, targets, e, 1e-5) for e in np.eye(len(x))]
        assert_allclose(gradients[2], expected, **tol)
    single = vjp(operator, x, regularization_strength=strength, **params)[1]
    if "targets" not in wrt:
        assert_array_equal(single(g), gradients[0])


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@given(x=distinct_rows, strength=strengths, seed=st.integers(0, 99))
def test_random_gradients(operator, regularization, x, strength, seed):
    # Property 15, where no block changes within the step.
    params = {"regularization": regularization, "regularization_strength": strength}
    g, d = np.random.default_rng(seed).normal(size=(2, len(x)))
    h = 1e-6
    blocks = {
        n_blocks(x + t * d, operator, strength, regularization) for t in (-h, 0, h)
    }
    assume(len(blocks) == 1)
    expected = central(lambda x: g @ operator(x, **params), x, d, h)
    actual = vjp(operator, x, **params)[1](g) @ d
    scale = len(x) ** 2 * (1 / strength if operator is soft_rank else 1.0)
    assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * scale)


# --- weights -----------------------------------------------------------------------


@pytest.mark.parametrize("regularization", RANKS)
@pytest.mark.parametrize("descending", [False, True])
@given(data=st.data(), strength=st.one_of(st.just(0.0), strengths))
def test_integer_weights_are_repetitions(regularization, descending, data, strength):
    x = data.draw(st.one_of(rows, tied_rows))
    weights = np.array(
        data.draw(st.lists(st.integers(1, 4), min_size=len(x), max_size=len(x)))
    )
    params = {"descending": descending}
    repeated = rank(np.repeat(x, weights), strength, regularization, **params)
    first = np.cumsum(weights) - weights
    ranks = rank(x, strength, regularization, weights=weights, **params)
    if strength == 0.0 and regularization == "entropic":
        # Tied values take the mean rank at strength 0.
        repeated = rank(np.repeat(x, weights), 0.0, "l2", **params)
    assert_allclose(ranks, repeated[first], rtol=1e-9, atol=1e-11 / max(strength, 1e-3))


@pytest.mark.parametrize("regularization", RANKS)
@given(data=st.data(), strength=st.one_of(st.just(0.0), strengths))
def test_zero_weight_is_absence(regularization, data, strength):
    x = data.draw(st.one_of(distinct_rows, tied_rows))
    present = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(x), max_size=len(x)))
    )
    assume(present.any())
    weights = np.where(present, np.linspace(0.4, 2.1, len(x)), 0.0)
    ranks = rank(x, strength, regularization, weights=weights)
    alone = rank(x[present], strength, regularization, weights=weights[present])
    assert_allclose(ranks[present], alone, rtol=1e-10, atol=1e-12)
    assert np.all(np.isfinite(ranks))
    vanishing = rank(x, strength, regularization, weights=np.maximum(weights, 1e-13))
    assert_allclose(ranks, vanishing, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("regularization", RANKS)
@given(x=rows, strength=st.one_of(st.just(0.0), strengths))
def test_unit_weights_and_default_targets(regularization, x, strength):
    plain = rank(x, strength, regularization)
    tol = {"rtol": 1e-12, "atol": 1e-13 * (1 + 100 / max(strength, 1e-2))}
    weights = np.ones(len(x))
    assert_allclose(rank(x, strength, regularization, weights=weights), plain, **tol)
    targets = np.arange(len(x), 0, -1)
    ranks = rank(x, strength, regularization, targets=targets)
    assert_allclose(ranks, plain, **tol)


@given(data=st.data(), strength=strengths, scale=st.floats(0.1, 10))
def test_weighted_l2_against_scipy(data, strength, scale):
    x = data.draw(rows)
    n = len(x)
    weights = scale * np.linspace(0.3, 2.0, n)[np.argsort(np.sin(np.arange(n)))]
    order = np.argsort(x, kind="stable")
    w = weights[order]
    z, target = x[order] / strength, np.cumsum(w) - 0.5 * w + 0.5
    expected = np.empty(n)
    expected[order] = z - isotonic_regression(z - target, weights=w).x
    ranks = rank(x, strength, weights=weights)
    assert_allclose(ranks, expected, rtol=1e-10, atol=1e-12 * np.ptp(z) + 1e-12)
    assert_allclose(ranks @ weights, target @ w)


@pytest.mark.parametrize("regularization", RANKS)
@given(data=st.data(), strength=strengths)
def test_targets_are_handed_out(regularization, data, strength):
    x = data.draw(distinct_rows)
    n = len(x)
    targets = 1.5 ** np.array(data.draw(st.permutations(range(n))), float)
    hard = rank(x, 0.0, regularization, targets=targets)
    assert_array_equal(hard, np.sort(targets)[rankdata(x).astype(int) - 1])
    hard = rank(x, 0.0, regularization, targets=targets, descending=True)
    assert_array_equal(hard, np.sort(targets)[rankdata(-x).astype(int) - 1])
    soft = rank(x, strength, regularization, targets=targets)
    if regularization == "entropic":
        assert_allclose(logsumexp(soft), logsumexp(targets), rtol=1e-11)
    else:
        assert_allclose(soft.sum(), targets.sum(), rtol=1e-11)


@pytest.mark.parametrize("regularization", RANKS)
@pytest.mark.parametrize("which", ["weights", "targets"])
def test_bounds_with_weights_and_targets(regularization, which, rng):
    x = rng.normal(size=9)
    params = {which: rng.uniform(0.5, 3.0, 9), "regularization": regularization}
    hard, pooled = strength_bounds(soft_rank, x, **params)
    expected = soft_rank(x, regularization_strength=hard * 1e-9, **params)
    below = soft_rank(x, regularization_strength=hard * (1 - 1e-9), **params)
    above = soft_rank(x, regularization_strength=hard * 1.01, **params)
    assert_array_equal(below, expected)
    assert np.abs(above - expected).max() > 1e-5

    def one_block(strength):
        pulls = vjp(soft_rank, x, regularization_strength=strength, **params)[1]
        low = pulls(np.eye(9)[np.argmin(x)])
        return low[np.argmax(x)] != 0.0

    assert one_block(pooled * (1 + 1e-9))
    assert not one_block(pooled * (1 - 1e-9))


def test_bounds_of_batches(rng):
    x = rng.normal(size=(3, 7, 4))
    for operator, name in OPERATORS:
        hard, pooled = strength_bounds(operator, x, axis=1, regularization=name)
        assert hard.shape == pooled.shape == (3, 4)
        for i, j in np.ndindex(3, 4):
            alone = strength_bounds(operator, x[i, :, j], regularization=name)
            assert_allclose(alone, (hard[i, j], pooled[i, j]), rtol=1e-13)


@pytest.mark.parametrize(("operator", "regularization"), OPERATORS)
@pytest.mark.parametrize("n", [0, 1])
def test_bounds_of_hardly_anything(operator, regularization, n):
    hard, pooled = strength_bounds(operator, np.ones(n), regularization=regularization)
    assert hard == np.inf
    assert pooled == 0.0


def test_bounds_of_constants_and_ties():
    for name in RANKS:
        assert strength_bounds(soft_rank, [2.0, 2.0], regularization=name) == (0.0, 0.0)
        hard, pooled = strength_bounds(soft_rank, [1, 2, 2], regularization=name)
        assert hard == 0.0 < pooled
    for name in SORTS:
        # A soft sort of a constant is that constant, and its own hard sort.
        bounds = strength_bounds(soft_sort, [2.0, 2.0], regularization=name)
        assert bounds == (np.inf, np.inf)
