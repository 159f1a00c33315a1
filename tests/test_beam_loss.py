# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of sequences through a beam: gradients, limits, weights, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, logsumexp

from sksoft.losses import beam_loss, topk_cross_entropy_loss
from sksoft.losses._beam import OBJECTIVES, STRENGTHS, BeamObjective
from sksoft.sequence import soft_beam_search

LENGTHS = [1, 4, 2, 4, 3]


def problem(order, n_labels=3, lengths=LENGTHS, seed=0):
    """Return emissions, transitions and labels of stacked sequences."""
    rng = np.random.default_rng(seed)
    n_rows = sum(lengths)
    first = rng.normal(size=(n_labels,) * 2)
    second = rng.normal(size=(n_labels,) * 3)
    transitions = {1: first, 2: (first, second), 3: second}[order]
    target = rng.integers(n_labels, size=n_rows)
    return rng.normal(size=(n_rows, n_labels)), transitions, target


def moved(transitions, direction, step):
    if isinstance(transitions, tuple):
        return tuple(
            array + step * change
            for array, change in zip(transitions, direction, strict=True)
        )
    return transitions + step * direction


def parts(transitions):
    return transitions if isinstance(transitions, tuple) else (transitions,)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_gradients_through_whole_sequences(objective, order, k, central_difference):
    emissions, transitions, target = problem(order)
    options = {"k": k, "objective": objective, "lengths": LENGTHS}
    options["sample_weight"] = [1.0, 2.0, 0.5, 1.0, 3.0]

    def of_emissions(emissions):
        return beam_loss(emissions, transitions, target, **options)[0]

    _, (d_emissions, d_transitions) = beam_loss(
        emissions, transitions, target, **options
    )
    assert_allclose(d_emissions, central_difference(of_emissions, emissions), atol=1e-8)
    for i, array in enumerate(parts(transitions)):

        def of_transitions(array, i=i):
            arrays = list(parts(transitions))
            arrays[i] = array
            moved = tuple(arrays) if len(arrays) > 1 else arrays[0]
            return beam_loss(emissions, moved, target, **options)[0]

        numeric = central_difference(of_transitions, array)
        assert_allclose(parts(d_transitions)[i], numeric, atol=1e-8)


def log_partition(emissions, first, second):
    """Sum over all sequences of labels, in the log domain, by the forward recursion."""
    if len(emissions) == 1:
        return logsumexp(emissions[0])
    state = emissions[0][:, None] + first + emissions[1]
    for emission in emissions[2:]:
        state = logsumexp(state[:, :, None] + second, axis=0) + first + emission
    return logsumexp(state)


def score(emissions, first, second, labels):
    total = emissions[np.arange(len(labels)), labels].sum()
    total += first[labels[:-1], labels[1:]].sum()
    return total + second[labels[:-2], labels[1:-1], labels[2:]].sum()


def test_a_covering_beam_is_a_conditional_random_field(central_difference):
    emissions, (first, second), target = problem(2)
    rows = np.split(np.arange(len(target)), np.cumsum(LENGTHS)[:-1])

    def likelihood(emissions, first, second):
        return np.mean(
            [
                log_partition(emissions[part], first, second)
                - score(emissions[part], first, second, target[part])
                for part in rows
            ]
        )

    value, (d_emissions, d_transitions) = beam_loss(
        emissions,
        (first, second),
        target,
        k=3**4,
        final_weight=np.inf,
        lengths=LENGTHS,
    )
    assert_allclose(value, likelihood(emissions, first, second), rtol=1e-13)
    assert_allclose(
        d_emissions,
        central_difference(lambda e: likelihood(e, first, second), emissions),
        atol=1e-8,
    )
    assert_allclose(
        d_transitions[0],
        central_difference(lambda array: likelihood(emissions, array, second), first),
        atol=1e-8,
    )
    assert_allclose(
        d_transitions[1],
        central_difference(lambda array: likelihood(emissions, first, array), second),
        atol=1e-8,
    )


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 3, 30])
def test_a_soft_beam_of_strength_0_is_hard(order, k):
    emissions, transitions, target = problem(order)
    options = {"k": k, "lengths": LENGTHS}
    hard, gradient = beam_loss(emissions, transitions, target, **options)
    soft, soft_gradient = beam_loss(
        emissions,
        transitions,
        target,
        objective="soft",
        regularization_strength=0.0,
        **options,
    )
    assert_allclose(soft, hard, rtol=1e-13)
    assert_allclose(soft_gradient[0], gradient[0], atol=1e-14)
    for left, right in zip(parts(soft_gradient[1]), parts(gradient[1]), strict=True):
        assert_allclose(left, right, atol=1e-14)


def test_the_soft_loss_is_continuous_and_the_hard_one_jumps():
    emissions, transitions, target = problem(2, n_labels=5, lengths=[6] * 8)
    emissions = 0.3 * emissions
    direction = np.random.default_rng(1).normal(size=emissions.shape)
    largest = {}
    for objective in ("cross_entropy", "soft"):
        values = [
            beam_loss(
                emissions + step * direction,
                transitions,
                target,
                k=2,
                objective=objective,
                lengths=[6] * 8,
            )[0]
            for step in np.linspace(-0.2, 0.2, 401)
        ]
        steps = np.abs(np.diff(values))
        largest[objective] = steps.max() / np.median(steps)
    assert largest["soft"] < 4.0
    assert largest["cross_entropy"] > 2.0 * largest["soft"]


def test_objectives_of_one_step():
    rng = np.random.default_rng(3)
    scores, target = rng.normal(size=(6, 1, 4)), rng.integers(4, size=(6, 1))
    transitions = np.zeros((4, 4))
    entropy = -np.take_along_axis(log_softmax(scores, axis=-1), target[..., None], -1)
    for objective in ("cross_entropy", "membership", "soft"):
        value, _ = beam_loss(scores, transitions, target, 2, objective=objective)
        assert_allclose(value, entropy.mean(), rtol=1e-14)
    value, _ = beam_loss(scores, transitions, target, 2, objective="hinge")
    own = np.take_along_axis(scores, target[..., None], -1)[..., 0]
    others = np.where(np.arange(4) == target[..., None], -np.inf, scores).max(axis=-1)
    assert_allclose(value, np.maximum(1.0 + others - own, 0.0).mean(), rtol=1e-14)


def test_membership_is_the_topk_cross_entropy():
    emissions, first, target = problem(1, n_labels=4, lengths=[3])
    value, _ = beam_loss(
        emissions, first, target, 2, objective="membership", final_weight=0.0
    )
    own = emissions[0, target[0]]
    wrong = np.argsort(-np.where(np.arange(4) == target[0], -np.inf, emissions[0]))[:2]
    slots = [(own, target[0])] + [(emissions[0, c], c) for c in wrong]
    candidates = np.concatenate([s + first[c] + emissions[1] for s, c in slots])
    expected = sum(
        topk_cross_entropy_loss([row], [target[t]], k=2)[0]
        for t, row in enumerate((emissions[0], candidates))
    )
    assert_allclose(value, expected, rtol=1e-13)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_layouts_weights_and_precision(objective):
    emissions, transitions, target = problem(2, lengths=[4, 4, 4])
    options = {"k": 2, "objective": objective}
    stacked = beam_loss(emissions, transitions, target, lengths=[4, 4, 4], **options)
    batch = beam_loss(
        emissions.reshape(3, 4, 3), transitions, target.reshape(3, 4), **options
    )
    assert_allclose(batch[0], stacked[0], rtol=1e-14)
    assert_allclose(batch[1][0].reshape(12, 3), stacked[1][0], rtol=1e-14)
    single = [
        beam_loss(emissions[i : i + 4], transitions, target[i : i + 4], **options)
        for i in (0, 4, 8)
    ]
    assert_allclose(np.mean([value for value, _ in single]), stacked[0], rtol=1e-14)
    # A weight of two is a repetition.
    weighted = beam_loss(
        emissions,
        transitions,
        target,
        lengths=[4, 4, 4],
        sample_weight=[2.0, 1.0, 0.0],
        **options,
    )
    rows = np.r_[0:4, 0:4, 4:8]
    repeated = beam_loss(
        emissions[rows], transitions, target[rows], lengths=[4, 4, 4], **options
    )
    assert_allclose(weighted[0], repeated[0], rtol=1e-14)
    assert_allclose(weighted[1][1][1], repeated[1][1][1], atol=1e-14)
    small, gradient = beam_loss(
        emissions.astype(np.float32), transitions, target, lengths=[4, 4, 4], **options
    )
    assert gradient[0].dtype == np.float32
    assert gradient[1][0].dtype == np.float64
    assert_allclose(small, stacked[0], rtol=1e-6)


def test_pieces_do_not_matter(monkeypatch):
    emissions, (first, second), target = problem(2)
    starts = np.concatenate([[0], np.cumsum(LENGTHS)])
    options = (starts, target, np.ones(5), 2, "cross_entropy", None, 3.0)
    whole = BeamObjective(*options)(emissions, first, second)
    monkeypatch.setattr("sksoft.losses._beam.CANDIDATES_AT_ONCE", 1)
    pieces = BeamObjective(*options)(emissions, first, second)
    for left, right in zip(pieces, whole, strict=True):
        assert_allclose(left, right, rtol=1e-12, atol=1e-14)


def test_one_label_loses_nothing():
    for objective in OBJECTIVES:
        value, (d_emissions, _) = beam_loss(
            np.ones((3, 1)), np.ones((1, 1)), [0, 0, 0], 2, objective=objective
        )
        assert value == 0.0
        assert not d_emissions.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k must be an integer >= 1, got 0"),
        ({"objective": "final"}, "objective must be one of"),
        ({"final_weight": -1.0}, "final_weight must be a number >= 0, got -1"),
        ({"regularization_strength": 0.1}, "regularization_strength must be None"),
        ({"lengths": [3, 3]}, "lengths must sum to the number of rows of emissions, 4"),
        ({"lengths": [4, 0]}, "lengths must be at least 1, got 0 at index 1"),
        ({"target": [0, 1, 2, 3]}, "between 0 and 2, got values from 0 to 3"),
        ({"target": [0, 1]}, "target must have the shape"),
        ({"sample_weight": [1.0]}, r"sample_weight must have shape \(\)"),
        ({"sample_weight": -1.0}, "sample_weight must be >= 0"),
        ({"transitions": np.ones((3, 2))}, "transitions must be an array of shape"),
        ({"transitions": np.full((3, 3), np.nan)}, "transitions must hold finite"),
        ({"emissions": np.full((4, 3), np.inf)}, "emissions must hold finite"),
        ({"emissions": np.ones(3)}, "emissions must have shape"),
        (
            {"objective": "membership", "regularization_strength": 0.0},
            "regularization_strength must be > 0",
        ),
        (
            {"objective": "soft", "regularization_strength": -1.0},
            "regularization_strength must be a finite number >= 0",
        ),
    ],
)
def test_wrong_arguments(change, message):
    arguments = {
        "emissions": np.ones((4, 3)),
        "transitions": np.ones((3, 3)),
        "target": [0, 1, 2, 0],
        "k": 2,
    }
    with pytest.raises(ValueError, match=message):
        beam_loss(**{**arguments, **change})


@pytest.mark.parametrize("objective", ["membership", "soft"])
@pytest.mark.parametrize("strength", [5e-324, 1e-300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_that_overflow_are_no_nan(objective, strength, dtype):
    # Ties at every step: their slopes are one over the strength.
    emissions = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 2.0], [1.0, 1.0, 0.0]], dtype)
    transitions = np.eye(3), -np.ones((3, 3, 3))
    for final_weight in (0.0, 3.0):
        value, (d_emissions, d_transitions) = beam_loss(
            emissions,
            transitions,
            [1, 0, 2],
            2,
            objective=objective,
            final_weight=final_weight,
            regularization_strength=strength,
        )
        for result in (value, d_emissions, *d_transitions):
            assert not np.isnan(result).any()
    found, pullback = soft_beam_search(
        emissions, transitions, 2, regularization_strength=strength
    )
    d_emissions, d_transitions = pullback(np.array([1.0, -2.0]))
    for result in (found.scores, d_emissions, *d_transitions):
        assert not np.isnan(result).any()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_loss_without_weight_may_be_infinite(objective):
    rng = np.random.default_rng(0)
    emissions = np.float32(rng.normal(size=(2, 3, 4)))
    emissions[1] *= np.float32(1e38)
    options = {"k": 2, "objective": objective}
    if objective in STRENGTHS:
        options["regularization_strength"] = 1e-300
    target, weight = [[0, 1, 2], [3, 2, 1]], [2.0, 0.0]
    value, (gradient, _) = beam_loss(
        emissions, np.zeros((4, 4)), target=target, sample_weight=weight, **options
    )
    alone, (expected, _) = beam_loss(
        emissions[:1], np.zeros((4, 4)), target=target[:1], **options
    )
    assert value == alone
    assert_array_equal(gradient[0], expected[0])
    assert_array_equal(gradient[1], 0.0)
