# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Beam search, Viterbi and soft beams against exhaustive search and differences."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sksoft
from sksoft import soft_topk_sorted
from sksoft.sequence import beam_search, soft_beam_search, soft_beam_step, viterbi

V = 3
LENGTHS = [1, 5, 2, 3]


def problem(order, n_rows=5, n_labels=V, seed=0):
    """Return emissions and transitions."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(n_labels,) * 2)
    second = rng.normal(size=(n_labels,) * 3)
    transitions = {1: first, 2: (first, second), 3: second}[order]
    return rng.normal(size=(n_rows, n_labels)), transitions


def split(transitions):
    """Return scores of pairs and of triples."""
    if isinstance(transitions, tuple):
        return transitions
    n_labels = len(transitions)
    pairs, triples = np.zeros((n_labels,) * 2), np.zeros((n_labels,) * 3)
    return (transitions, triples) if transitions.ndim == 2 else (pairs, transitions)


def exhaustive(emissions, transitions):
    """Return all sequences of labels and their scores, the best first."""
    pairs, triples = split(transitions)
    n_steps, n_labels = emissions.shape
    paths = np.array(list(itertools.product(range(n_labels), repeat=n_steps)))
    scores = emissions[np.arange(n_steps), paths].sum(axis=1)
    scores += pairs[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    scores += triples[paths[:, :-2], paths[:, 1:-1], paths[:, 2:]].sum(axis=1)
    order = np.argsort(-scores, kind="stable")
    return paths[order], scores[order]


def stepwise(transitions):
    """Return a callable that scores as transitions do; its state are two labels."""
    pairs, triples = split(transitions)

    def step(labels, state):
        if labels is None:
            return None, np.array([-1, -1])
        state = np.column_stack([state[:, 1], labels])
        scores = pairs[labels].copy()
        whole = state[:, 0] >= 0
        scores[whole] += triples[state[whole, 0], state[whole, 1]]
        return scores, state

    return step


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 5])
def test_covering_beams_and_viterbi_are_exhaustive(order, n_steps):
    emissions, transitions = problem(order, n_steps)
    paths, scores = exhaustive(emissions, transitions)
    for how in (transitions, stepwise(transitions)):
        labels, found = beam_search(emissions, how, V**n_steps, n_best=V**n_steps)
        assert_array_equal(labels.T, paths)
        assert_allclose(found, scores, rtol=1e-13)
    labels, score = viterbi(emissions, transitions)
    assert_array_equal(labels, paths[0])
    assert_allclose(score, scores[0], rtol=1e-13)
    # The prefixes one label shorter are enough, and the labels alone are not.
    labels, _ = beam_search(emissions, transitions, V ** (n_steps - 1))
    assert_array_equal(labels[:, 0], paths[0])


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_narrow_beams(order, k):
    emissions, transitions = problem(order, 6)
    labels, scores = beam_search(emissions, transitions, k, n_best=k)
    again, values = beam_search(emissions, stepwise(transitions), k, n_best=k)
    assert_array_equal(again, labels)
    assert_allclose(values, scores, rtol=1e-13)
    paths, exact = exhaustive(emissions, transitions)
    for path, score in zip(labels.T, scores, strict=True):
        assert_allclose(exact[(paths == path).all(axis=1)], [score], rtol=1e-13)
    # A plain reference of the search.
    pairs, triples = split(transitions)
    beam = [((), 0.0)]
    for row in emissions:
        grown = []
        for prefix, score in beam:
            for label, emission in enumerate(row):
                added = emission
                if prefix:
                    added += pairs[prefix[-1], label]
                if len(prefix) > 1:
                    added += triples[prefix[-2], prefix[-1], label]
                grown.append(((*prefix, label), score + added))
        beam = sorted(grown, key=lambda pair: -pair[1])[:k]
    assert_array_equal(labels.T, [prefix for prefix, _ in beam])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_layouts(order):
    emissions, transitions = problem(order, sum(LENGTHS))
    ends = np.cumsum(LENGTHS)
    pieces = np.split(emissions, ends[:-1])
    searches = {
        "beam": lambda e, **how: beam_search(e, transitions, 2, n_best=2, **how),
        "callable": lambda e, **how: beam_search(
            e, stepwise(transitions), 2, n_best=2, **how
        ),
        "viterbi": lambda e, **how: viterbi(e, transitions, **how),
        "soft": lambda e, **how: soft_beam_search(e, transitions, 2, **how)[0],
    }
    for search in searches.values():
        labels, scores, *states = search(emissions, lengths=LENGTHS)
        for i, piece in enumerate(pieces):
            rows = slice(ends[i] - LENGTHS[i], ends[i])
            alone = search(piece)
            assert_array_equal(labels[rows], alone[0])
            assert_allclose(scores[i], alone[1], rtol=1e-13)
            for state in states:
                assert_allclose(state[rows], alone[2], atol=1e-13)
        batch = np.stack([pieces[1], pieces[1][::-1]])
        labels, scores, *_ = search(batch)
        alone = search(pieces[1])
        assert_array_equal(labels[0], alone[0])
        assert_allclose(scores[0], alone[1], rtol=1e-13)


def test_threads_do_not_matter(restore_threads):
    emissions, transitions = problem(2, 20_000, n_labels=5)
    lengths = np.full(4000, 5)
    results = []
    for n_threads in (1, 2):
        sksoft.set_num_threads(n_threads)
        results.append(beam_search(emissions, transitions, 3, lengths=lengths))
        results[-1] += viterbi(emissions, transitions, lengths=lengths)
    for one, two in zip(*results, strict=True):
        assert_array_equal(one, two)


def test_fewer_sequences_than_asked_for():
    labels, scores = beam_search([[0.0, 1.0], [0.0, 0.0]], np.eye(2), 9, n_best=6)
    assert_array_equal(labels[:, 4:], -1)
    assert_array_equal(scores[4:], -np.inf)
    assert np.isfinite(scores[:4]).all()
    found, pullback = soft_beam_search([[0.0, 1.0]], np.eye(2), 3)
    assert_array_equal(found.labels, [[1, 0, -1]])
    d_emissions, _ = pullback(np.ones(3))
    assert_allclose(d_emissions.sum(), 2.0)


def test_float32_and_integers():
    emissions, transitions = problem(1)
    _, scores = beam_search(emissions.astype(np.float32), transitions, 2)
    assert scores.dtype == np.float32
    assert viterbi([[1, 0], [0, 2]], [[0, 0], [0, 0]])[1].dtype == np.float64
    found, pullback = soft_beam_search(emissions.astype(np.float32), transitions, 2)
    d_emissions, d_transitions = pullback(np.ones(2, np.float32))
    assert found.scores.dtype == d_emissions.dtype == np.float32
    assert d_transitions.dtype == np.float64


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_soft_step(k, strength, central_difference):
    rng = np.random.default_rng(0)
    scores, states = rng.normal(size=(2, 4)), rng.normal(size=(2, 4, 3))
    step, pullback = soft_beam_step(scores, states, k, regularization_strength=strength)
    columns = soft_topk_sorted(scores, k, regularization_strength=strength)
    assert_allclose(step.columns, columns, rtol=1e-14)
    assert_allclose(step.scores, np.einsum("nik,ni->nk", columns, scores), rtol=1e-13)
    assert_allclose(step.states, np.einsum("nik,nid->nkd", columns, states), atol=1e-14)
    assert_array_equal(step.pointers, columns.argmax(axis=1))
    d_scores, d_states = rng.normal(size=(2, k)), rng.normal(size=(2, k, 3))

    def total(scores, states):
        step, _ = soft_beam_step(scores, states, k, regularization_strength=strength)
        return (step.scores * d_scores).sum() + (step.states * d_states).sum()

    gradients = pullback(d_scores, d_states)
    assert_allclose(
        gradients[0], central_difference(lambda s: total(s, states), scores), atol=1e-8
    )
    assert_allclose(
        gradients[1], central_difference(lambda s: total(scores, s), states), atol=1e-8
    )


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_soft_search_differentiates_whole_sequences(order, k, central_difference):
    emissions, transitions = problem(order, 6)
    lengths, rng = [1, 2, 3], np.random.default_rng(1)
    found, pullback = soft_beam_search(emissions, transitions, k, lengths=lengths)
    filled = np.isfinite(found.scores)
    d_scores = rng.normal(size=found.scores.shape)
    d_states = rng.normal(size=found.states.shape)

    def total(emissions, transitions):
        found, _ = soft_beam_search(emissions, transitions, k, lengths=lengths)
        value = (found.states * d_states).sum()
        return value + (found.scores[filled] * d_scores[filled]).sum()

    d_emissions, d_transitions = pullback(d_scores, d_states)
    numeric = central_difference(lambda e: total(e, transitions), emissions)
    assert_allclose(d_emissions, numeric, atol=1e-8)
    arrays = transitions if isinstance(transitions, tuple) else (transitions,)
    gradients = d_transitions if isinstance(transitions, tuple) else (d_transitions,)
    for i, (array, gradient) in enumerate(zip(arrays, gradients, strict=True)):

        def of_array(array, i=i):
            moved = (*arrays[:i], array, *arrays[i + 1 :])
            return total(emissions, moved if len(moved) > 1 else moved[0])

        assert_allclose(gradient, central_difference(of_array, array), atol=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_soft_search_of_strength_0_is_hard(order, k):
    emissions, transitions = problem(order)
    labels, scores = beam_search(emissions, transitions, k, n_best=k)
    found, pullback = soft_beam_search(
        emissions, transitions, k, regularization_strength=0.0
    )
    assert_array_equal(found.labels, labels)
    assert_allclose(found.scores, scores, rtol=1e-13)
    # The gradient of the best score counts the labels on its way.
    d_emissions, _ = pullback(np.eye(k)[0])
    assert_allclose(d_emissions, np.eye(V)[labels[:, 0]], atol=1e-13)


GOOD = {"emissions": np.ones((4, 3)), "transitions": np.ones((3, 3))}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be an integer >= 1, got 0"),
        ({"k": 1.5}, TypeError, "k must be an integer"),
        ({"n_best": 3}, ValueError, "n_best must lie between 1 and k, 2, got 3"),
        ({"lengths": [2, 1]}, ValueError, "lengths must sum to the number of rows"),
        ({"lengths": [2.0, 2.0]}, TypeError, "lengths must hold integers"),
        ({"lengths": [[4]]}, ValueError, "lengths must have one dimension"),
        ({"lengths": [5, -1]}, ValueError, "lengths must be at least 1, got -1"),
        (
            {"emissions": np.ones((1, 4, 3)), "lengths": [4]},
            ValueError,
            "lengths go with emissions of shape",
        ),
        ({"emissions": np.ones((0, 3))}, ValueError, "at least one step"),
        ({"emissions": np.ones((4, 0))}, ValueError, "at least one label"),
        ({"emissions": np.ones(4)}, ValueError, "emissions must have shape"),
        ({"emissions": np.full((4, 3), np.nan)}, ValueError, "emissions must hold"),
        ({"emissions": [["a", "b"]]}, TypeError, "emissions must hold real numbers"),
        ({"transitions": np.ones((2, 2))}, ValueError, "transitions must be an array"),
        ({"transitions": (np.ones((3, 3)),)}, ValueError, "or a tuple of both"),
        ({"transitions": lambda *_: 1.0}, TypeError, "transitions must return a tuple"),
        (
            {"transitions": lambda *_: (np.ones((2, 2)), None)},
            ValueError,
            "transitions must return scores of shape",
        ),
    ],
)
def test_wrong_arguments(change, error, message):
    with pytest.raises(error, match=message):
        beam_search(**{**GOOD, "k": 2, **change})


def test_wrong_arguments_of_the_others():
    with pytest.raises(TypeError, match="transitions must be an array or a tuple"):
        viterbi(GOOD["emissions"], lambda *_: None)
    with pytest.raises(TypeError, match="transitions must be an array or a tuple"):
        soft_beam_search(GOOD["emissions"], lambda *_: None, 2)
    with pytest.raises(ValueError, match="regularization_strength must be"):
        soft_beam_search(**GOOD, k=2, regularization_strength=-1.0)
    with pytest.raises(ValueError, match="states must have the shape of scores"):
        soft_beam_step([1.0, 2.0], np.eye(3), 1)
    with pytest.raises(ValueError, match="k must lie between 1 and the number"):
        soft_beam_step([1.0, 2.0], np.eye(2), 3)
