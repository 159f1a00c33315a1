# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What operators refuse, and what their messages advise."""

import re
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

import sksoft
from sksoft import jvp, losses, soft_rank, soft_sort, strength_bounds, vjp

MATRIX = np.arange(12.0).reshape(4, 3) % 5


def masked(values):
    return np.ma.masked_array(values, mask=np.asarray(values) > 3)


# Every operator with what it needs besides x.
CALLS = {
    "soft_sort": {},
    "soft_rank": {},
    "soft_permutation": {},
    "rank_distribution": {"sigma": 1.0},
    "soft_topk": {"k": 2},
    "soft_topk_sorted": {"k": 2},
    "soft_quantile": {"q": 0.5},
    "soft_median": {},
    "soft_trimmed_mean": {"proportiontocut": 0.2},
    "superquantile": {"q": 0.5},
    "soft_median_of_means": {"n_groups": 2},
    "soft_ecdf": {"points": [0.5, 1.5]},
    "soft_quantile_normalize": {},
    "soft_spearmanr": {"y": [1.0, 2.0, 3.0]},
    "squash": {},
    "soft_isotonic": {},
}


def test_calls_name_every_operator():
    functions = {name for name in sksoft.operators.__all__}
    assert CALLS.keys() == functions - {"vjp", "jvp", "strength_bounds"}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("x", "advice"),
    [
        (
            sparse.csr_array(MATRIX),
            r"the sparse csr_array: make it dense by x\.toarray",
        ),
        (sparse.coo_matrix(MATRIX), r"the sparse coo_matrix: .* x\.toarray\(\)"),
        (masked(MATRIX), r"a masked array: drop .* by x\.filled\(value\)"),
        # A list of masked arrays would lose its masks.
        (list(masked(MATRIX)), "a masked array: drop"),
        ([tuple(masked(MATRIX))], "a masked array: drop"),
        (MATRIX.astype("M8[s]"), r"make dates numbers, as \(x - x\.min\(\)\)"),
        (MATRIX.astype("m8[s]"), "make durations numbers, as x / np.timedelta64"),
        (None, "hold real numbers, got None"),
    ],
)
def test_arrays_that_need_a_step_first(name, x, advice):
    operator = getattr(sksoft, name)
    with pytest.raises(TypeError, match=f"^x must .*{advice}"):
        operator(x, **CALLS[name])
    with pytest.raises(TypeError, match=advice):
        vjp(operator, x, **CALLS[name])


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("soft_rank", "weights", np.ones(3)),
        ("soft_rank", "targets", np.ones(3)),
        ("soft_rank", "regularization_strength", np.ones(4)),
        ("soft_topk", "k", np.ones(4)),
        ("soft_quantile", "q", np.ones(2)),
        ("soft_ecdf", "points", np.ones(2)),
        ("soft_quantile_normalize", "target", np.ones(2)),
        ("soft_spearmanr", "y", np.ones(3)),
        ("rank_distribution", "sigma", np.ones(4)),
    ],
)
def test_no_argument_may_be_masked(name, argument, value):
    operator, params = getattr(sksoft, name), CALLS[name]
    operator(MATRIX, **{**params, argument: value})
    with pytest.raises(TypeError, match=f"^{argument} must be a plain array, got a ma"):
        operator(MATRIX, **{**params, argument: masked(value)})
    value, pullback = vjp(operator, MATRIX, **params)
    with pytest.raises(TypeError, match="cotangent must be a plain array"):
        pullback(masked(value))
    with pytest.raises(TypeError, match="tangent must be a plain array"):
        jvp(operator, MATRIX, masked(MATRIX), **params)


def test_integers_that_become_ties_are_told():
    close = 2**53 + np.arange(4)
    for x in (close, close.astype(np.uint64), list(map(int, -close))):
        with pytest.warns(
            UserWarning, match=r"x holds integers beyond 2\*\*53.*2 of 4"
        ):
            soft_rank(x)
    # What float64 holds exactly is told apart.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        soft_rank(2**53 + 2 * np.arange(4))
        soft_rank(close.astype(np.float64))
        soft_rank(np.array([2**53, -(2**53), 2**62, 0]))
        soft_rank(np.array([True, False]))
    with pytest.warns(UserWarning, match="weights holds integers"):
        soft_rank([1.0, 2.0], weights=[1, 2**53 + 1])


def test_a_regularization_given_as_the_method():
    for operator, method, mistaken in [
        (soft_rank, "permutahedron", "l2"),
        (soft_rank, "permutahedron", "kl"),
        (soft_sort, "permutahedron", "entropic"),
        (partial(sksoft.soft_topk, k=1), "permutahedron", "l4/3"),
        (sksoft.soft_permutation, "sinkhorn", "entropic"),
        (sksoft.soft_quantile_normalize, "permutahedron", "l2"),
    ]:
        advice = (
            f"regularization of method='{method}': pass regularization={mistaken!r}"
        )
        with pytest.raises(ValueError, match=f"^method must be one of .*{advice}"):
            operator(MATRIX, method=mistaken)
    for method in ("l5", None, ["l2"]):
        with pytest.raises(ValueError, match=r"^method must be one of "):
            soft_rank(MATRIX, method=method)


def test_derivatives_of_a_loss_say_that_it_returns_them():
    for name in losses.__all__:
        for derivative in (vjp, jvp, strength_bounds):
            with pytest.raises(TypeError, match=f"got the loss {name}, which returns"):
                derivative(getattr(losses, name), MATRIX, MATRIX)
    with pytest.raises(TypeError, match="must be a soft operator"):
        vjp(np.sort, MATRIX)


def test_a_strength_of_none():
    for name, params in CALLS.items():
        if name in ("squash", "rank_distribution", "soft_isotonic"):
            continue
        with pytest.raises(
            TypeError, match=r"^regularization_strength must hold real numbers >= 0"
        ):
            getattr(sksoft, name)(MATRIX, **params, regularization_strength=None)
    with pytest.raises(TypeError, match=r"^sigma must hold real numbers >= 0"):
        sksoft.rank_distribution(MATRIX, None)
    with pytest.raises(TypeError, match=r"^k must hold real numbers >= 0"):
        sksoft.soft_topk(MATRIX, None)


def test_a_column_of_k():
    # It would pair every k with every row, and return a cube where a matrix is wanted.
    k = np.array([1, 2, 0, 3])
    for method in ("sinkhorn", "permutahedron", "laplace"):
        with pytest.raises(
            ValueError, match=r"shape of x .* \(4,\), got shape \(4, 1\)"
        ):
            sksoft.soft_topk(MATRIX, k[:, None], method=method)
        with pytest.raises(ValueError, match=r"\(4,\), got shape \(4, 1\)"):
            sksoft.soft_topk(MATRIX.T, k[:, None], axis=0, method=method)
        masks = sksoft.soft_topk(MATRIX, k, method=method)
        assert_allclose(masks.sum(axis=1), k)
        pairs = np.broadcast_to(k[:, None], (4, 4))
        assert sksoft.soft_topk(MATRIX, pairs, method=method).shape == (4, 4, 3)
        assert sksoft.soft_topk(MATRIX, k[:3, None], method=method).shape == (3, 4, 3)
        assert sksoft.soft_topk(MATRIX[:1], [[2]], method=method).shape == (1, 1, 3)


def test_only_arguments_have_gradients():
    for name in ("soft_median", "soft_median_of_means", "soft_trimmed_mean"):
        with pytest.raises(ValueError, match=r"wrt must name .*got 'q'"):
            vjp(getattr(sksoft, name), MATRIX, wrt="q", **CALLS[name])


RELAXATIONS = {
    name
    for path in Path(sksoft.__file__).parent.glob("_relaxations/*.py")
    for name in re.findall(r"^class (\w+)", path.read_text("utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("name", CALLS)
def test_errors_name_no_class_of_a_relaxation(name):
    assert "SinkhornSelection" in RELAXATIONS
    operator, messages = getattr(sksoft, name), []
    wrong = [
        {"method": "magic"},
        {"regularization": "magic"},
        {"regularization_strength": -1.0},
        {"weights": [-1.0, 1.0, 1.0]},
        {"axis": 5},
    ]
    for x in ([1.0, np.nan, 2.0], [1.0, 2.0, 3.0], "a", 5.0, [1j]):
        for params in ({}, *wrong):
            params = {**CALLS[name], **params}
            for call in (
                operator,
                partial(vjp, operator, wrt="magic"),
                partial(strength_bounds, operator),
            ):
                try:
                    call(x, **params)
                except (TypeError, ValueError) as error:
                    messages.append(str(error))
    assert messages
    assert not RELAXATIONS & set(re.findall(r"\w+", " ".join(messages)))
