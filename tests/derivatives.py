# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the derivatives of operators, shared by their tests."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from sksoft import jvp, vjp


def check_derivatives(function, x, wrt, step=1e-6, tolerance=2e-8, **params):
    """Compare every gradient with central differences, and the two linear maps."""
    rng = np.random.default_rng(5)
    value, pullback = vjp(function, x, wrt=wrt, **params)
    cotangent = rng.normal(size=np.shape(value))
    gradients = pullback(cotangent)
    arguments = {"x": x, **params}
    for name, gradient in zip(wrt, gradients, strict=True):
        argument = np.asarray(arguments[name], float)
        numeric = np.empty(argument.shape)
        for index in np.ndindex(argument.shape):
            move = np.zeros(argument.shape)
            move[index] = step
            ends = [
                function(**{**arguments, name: argument + sign * move})
                for sign in (1.0, -1.0)
            ]
            numeric[index] = ((ends[0] - ends[1]) * cotangent).sum() / (2.0 * step)
        scale = max(1.0, np.abs(numeric).max())
        assert_allclose(gradient, numeric, rtol=0.0, atol=tolerance * scale)
    tangent = rng.normal(size=x.shape)
    pushed = jvp(function, x, tangent, **params)[1]
    assert_allclose(
        (pushed * cotangent).sum(),
        (gradients[0] * tangent).sum(),
        rtol=1e-11,
        atol=1e-14,
    )
    # Single precision differs by rounding only.
    single = x.astype(np.float32)
    value, pullback = vjp(function, single, **params)
    assert np.asarray(value).dtype == np.float32
    cotangent = cotangent.astype(np.float32).astype(np.float64)
    gradient = pullback(cotangent)
    assert gradient.dtype == np.float32
    double, pullback = vjp(function, single.astype(np.float64), **params)
    assert_array_equal(value, double.astype(np.float32))
    assert_allclose(gradient, pullback(cotangent), rtol=2e-7, atol=1e-35)
