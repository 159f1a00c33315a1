# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.model_selection import cross_val_score

from sksoft.metrics import (
    neg_trimmed_mean_absolute_error_scorer,
    neg_trimmed_mean_squared_error_scorer,
    trimmed_mean_absolute_error,
    trimmed_mean_squared_error,
)

PAIRS = [
    (trimmed_mean_squared_error, mean_squared_error, np.square),
    (trimmed_mean_absolute_error, mean_absolute_error, np.abs),
]


@pytest.mark.parametrize(("score", "plain", "loss"), PAIRS)
def test_is_the_mean_of_the_smallest_losses(score, plain, loss):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.normal(size=(2, 40))
    losses = np.sort(loss(y_true - y_pred))
    np.testing.assert_allclose(
        score(y_true, y_pred, trim_fraction=0.25), losses[:30].mean()
    )
    np.testing.assert_allclose(
        score(y_true, y_pred, trim_fraction=0), plain(y_true, y_pred)
    )


@pytest.mark.parametrize(("score", "plain", "loss"), PAIRS)
def test_integer_weight_is_a_repetition(score, plain, loss):
    rng = np.random.default_rng(1)
    y_true, y_pred = rng.normal(size=(2, 30))
    weight = rng.integers(0, 4, size=30)
    np.testing.assert_allclose(
        score(y_true, y_pred, trim_fraction=0.3, sample_weight=weight),
        score(y_true.repeat(weight), y_pred.repeat(weight), trim_fraction=0.3),
        rtol=1e-12,
    )


def test_targets_are_trimmed_on_their_own():
    y_true = np.zeros((4, 2))
    y_pred = np.array([[1.0, 9.0], [1.0, 2.0], [9.0, 2.0], [1.0, 2.0]])
    error = trimmed_mean_squared_error(y_true, y_pred, trim_fraction=0.25)
    np.testing.assert_allclose(error, (1 + 4) / 2)


@pytest.mark.parametrize("trim_fraction", [-0.1, 1.0, 2, np.nan])
def test_bad_trim_fraction(trim_fraction):
    with pytest.raises(ValueError, match="trim_fraction"):
        trimmed_mean_squared_error([1.0], [1.0], trim_fraction=trim_fraction)


def test_number_of_targets_must_agree():
    with pytest.raises(ValueError, match="same number of targets, got 1 and 2"):
        trimmed_mean_squared_error([1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "scorer",
    [neg_trimmed_mean_squared_error_scorer, neg_trimmed_mean_absolute_error_scorer],
)
def test_scorers_do_not_see_a_third_of_wrong_rows(scorer):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(90, 2))
    y = X @ [1.0, 2.0]
    reg = LinearRegression().fit(X, y)
    y_wrong = y.copy()
    y_wrong[:30] += 1e6
    np.testing.assert_allclose(scorer(reg, X, y_wrong), 0.0, atol=1e-12)
    assert (cross_val_score(reg, X, y, scoring=scorer) <= 0).all()
