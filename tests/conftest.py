# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all tests share: the same examples in every run."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

import sksoft

settings.register_profile(
    "sksoft",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("sksoft")


@pytest.fixture
def rng():
    """Return a random generator that starts the same for every test."""
    return np.random.default_rng(20240229)


@pytest.fixture(scope="session")
def wine():
    """Return standardised features and classes of the wine data."""
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture
def central_difference():
    """Return a function that differentiates another numerically."""

    def difference(function, at, step=1e-6):
        columns = []
        for entry in np.ndindex(at.shape):
            moved = np.zeros_like(at)
            moved[entry] = step
            ahead, behind = function(at + moved), function(at - moved)
            columns.append((np.asarray(ahead) - np.asarray(behind)) / (2.0 * step))
        return np.stack(columns, axis=-1).reshape(*columns[0].shape, *at.shape)

    return difference


@pytest.fixture
def restore_threads():
    """Go back to the default number of threads after a test."""
    yield
    sksoft.set_num_threads(None)
