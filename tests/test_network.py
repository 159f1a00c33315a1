# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A linear map plus a network, against plain definitions."""

import numpy as np
import pytest

from sksoft._network import LinearPlusNetwork, network_outputs

HIDDEN = pytest.mark.parametrize("hidden", [(), (5,), (6, 4)], ids=str)


@pytest.fixture
def design(rng):
    return rng.normal(size=(7, 4))


@pytest.fixture
def inputs(rng):
    return rng.normal(size=(7, 3))


def drawn(rng, hidden):
    """Return a model, where it starts, and parameters away from there."""
    model = LinearPlusNetwork(4, 3, 2, hidden)
    start = model.start(rng.normal(size=(4, 2)), np.random.RandomState(0))
    return model, start, start + rng.normal(scale=0.3, size=model.size)


@HIDDEN
def test_it_starts_as_the_linear_map(rng, design, inputs, hidden):
    model, start, _ = drawn(rng, hidden)
    np.testing.assert_allclose(
        model.forward(start, design, inputs)[0], design @ model.unpack(start)[0]
    )


@HIDDEN
def test_outputs_are_those_of_the_formula(rng, design, inputs, hidden):
    model, _, theta = drawn(rng, hidden)
    linear, *network = model.unpack(theta)
    expected, layer = design @ linear, inputs
    for weight, bias in zip(network[0:-1:2], network[1::2], strict=True):
        layer = np.maximum(layer @ weight + bias, 0.0)
    if network:
        expected = expected + layer @ network[-1]
    np.testing.assert_allclose(model.forward(theta, design, inputs)[0], expected)


@HIDDEN
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradients(rng, central_difference, design, inputs, hidden, dropout):
    model, _, theta = drawn(rng, hidden)
    cotangent = rng.normal(size=(7, 2))

    def forward(at):
        return model.forward(at, design, inputs, dropout, np.random.RandomState(1))

    gradient = model.backward(theta, forward(theta)[1], cotangent)
    expected = central_difference(lambda at: (cotangent * forward(at)[0]).sum(), theta)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_dropout_keeps_the_mean(rng, design, inputs):
    model, start, _ = drawn(rng, (300,))
    theta = start + rng.normal(scale=0.1, size=model.size)
    plain, _ = model.forward(theta, design, inputs)
    draws = [
        model.forward(theta, design, inputs, 0.3, np.random.RandomState(seed))[0]
        for seed in range(300)
    ]
    np.testing.assert_allclose(np.mean(draws, axis=0), plain, atol=0.2)


@HIDDEN
def test_layers_see_inputs_as_they_are_given(rng, design, inputs, hidden):
    model, _, theta = drawn(rng, hidden)
    centre, unit = np.array([1.0, -2.0, 0.5]), np.array([2.0, 0.1, 7.0])
    linear = design @ model.unpack(theta)[0]
    expected = model.forward(theta, design, inputs)[0] - linear
    weights, biases = model.layers(theta, centre, unit)
    assert len(weights) == (len(hidden) + 1 if hidden else 0)
    assert len(biases) == len(hidden)
    if hidden:
        given = inputs * unit + centre
        np.testing.assert_allclose(network_outputs(given, weights, biases), expected)
        assert model.unpack(theta)[1].base is not weights[0]
