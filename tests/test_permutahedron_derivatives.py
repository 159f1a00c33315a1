# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Derivatives of soft sort and soft rank: their structure, and central differences."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from permutahedron import (
    OPERATORS,
    RANKS,
    distinct_rows,
    jacobian,
    n_blocks,
    rank,
    rows,
    sort,
    strengths,
    values,
)

from sksoft import jvp, soft_rank, soft_sort, vjp

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
