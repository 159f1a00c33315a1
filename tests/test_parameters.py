# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The checks of parameters that tables of estimators are made of."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from sksoft._parameters import (
    anything,
    check_parameters,
    class_weights,
    fraction,
    integer,
    none_or,
    nonnegative_or_infinite,
    one_of,
    positive_or_infinite,
    random_state,
    verbosity,
    word_or,
)

ACCEPTED = [
    (anything, [object()]),
    (one_of("a", "b"), ["a", "b"]),
    (none_or(integer(2)), [None, 2, np.int64(3)]),
    (word_or(("auto",), integer(1)), ["auto", 1]),
    (fraction(0.5), [0, 0.5]),
    (fraction(1, below=True), [0.0, 0.999]),
    (nonnegative_or_infinite, [0, 1e300, np.inf]),
    (positive_or_infinite, [5e-324, np.inf]),
    (verbosity, [0, 3, True, False]),
    (random_state, [None, 0, 2**32 - 1, np.random.RandomState(0)]),
    (class_weights, [None, "balanced", {0: 1.0, "b": 0}]),
]
REFUSED = [
    (one_of("a", "b"), ["c", None, 1], ValueError, "p must be one of 'a', 'b', got "),
    (none_or(integer(2)), [1], ValueError, "p must be an integer >= 2, got 1"),
    (none_or(integer(2)), [2.0, True], TypeError, "p must be an integer >= 2, got "),
    (word_or(("auto",), integer(1)), ["other"], ValueError, "p must be one of 'auto'"),
    (word_or(("auto",), integer(1)), [0], ValueError, "p must be an integer >= 1"),
    (fraction(0.5), [0.51, np.nan, -0.1], ValueError, "p must be "),
    (fraction(1, below=True), [1], ValueError, "p must be at least 0 and below 1"),
    (nonnegative_or_infinite, [-1, np.nan], ValueError, "p must be a number >= 0"),
    (positive_or_infinite, [0], ValueError, "p must be > 0, got 0"),
    (verbosity, [-1], ValueError, "p must be an integer >= 0, got -1"),
    (verbosity, ["yes", 0.5], TypeError, "p must be an integer >= 0"),
    (random_state, [-1, 2**32], ValueError, r"p must be in \[0, 2\*\*32 - 1\]"),
    (random_state, ["seed", 0.5], TypeError, "p must be None, an integer or"),
    (class_weights, ["even", 1], ValueError, "p must be None, 'balanced' or a dict"),
    (class_weights, [{0: -1.0}], ValueError, r"p\[0\] must be a finite number >= 0"),
    (class_weights, [{0: None}], TypeError, r"p\[0\] must be a number >= 0"),
]


@pytest.mark.parametrize(("check", "values"), ACCEPTED)
def test_accepted(check, values):
    for value in values:
        assert check(value, "p") is None or value is not None


@pytest.mark.parametrize(("check", "values", "error", "message"), REFUSED)
def test_refused(check, values, error, message):
    for value in values:
        with pytest.raises(error, match=message):
            check(value, "p")


class Estimator(BaseEstimator):
    """Has two parameters and a table of them."""

    _parameter_checks = {"size": integer(1), "kind": one_of("a", "b")}

    def __init__(self, size=1, kind="a"):
        self.size = size
        self.kind = kind


def test_every_parameter_is_checked_by_the_table():
    check_parameters(Estimator())
    with pytest.raises(ValueError, match="size must be an integer >= 1, got 0"):
        check_parameters(Estimator(size=0))
    with pytest.raises(ValueError, match="kind must be one of 'a', 'b', got 'c'"):
        check_parameters(Estimator(kind="c"))
