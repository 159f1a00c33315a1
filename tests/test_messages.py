# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is wrong is called by its name: errors of all public functions, of fits."""

import inspect

import numpy as np
import pytest
from test_families import ESTIMATORS

import sksoft
from sksoft import losses, metrics, operators, ranking, sequence
from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
    MedianOfMeansRegressor,
)
from sksoft.neighbors import SoftKNeighborsRegressor
from sksoft.ranking import SoftNDCGRanker

ROWS = np.random.default_rng(0).normal(size=(4, 5))
TARGETS = {
    "soft_auc_loss": ROWS > 0.0,
    "soft_average_precision_loss": ROWS > 0.0,
    "smooth_topk_svm_loss": np.arange(4),
    "topk_cross_entropy_loss": np.arange(4),
    "topk_ranking_loss": np.arange(4),
    "beam_loss": np.arange(4),
    "sequence_accuracy_score": [0, 1, 1],
}
# Arguments without which a function does not work.
NEEDED = {
    "x": ROWS,
    "k": 2,
    "q": 0.5,
    "sigma": 1.0,
    "proportiontocut": 0.1,
    "n_groups": 2,
    "points": [0.0, 1.0],
    "y": np.arange(5.0),
    "scores": ROWS,
    "emissions": ROWS,
    "transitions": np.zeros((5, 5)),
    "y_pred": ROWS,
    "y_score": ROWS,
    "ranks": [[1, 2, 3]],
    "order": [[0, 2, 1]],
}
# Not one of the values that any parameter takes.
WRONG = {
    "an object": object(),
    "dictionary": {"a": 1},
    "text": "abc",
    "complex": 1j,
    "dates": np.datetime64("2020-01-01"),
    "rows of text": np.array(["a", "b"]),
    "rows of none": np.array([None, None], dtype=object),
    "ragged": [[1, 2], [3]],
    "four dimensions": np.zeros((2, 2, 2, 2)),
    "not a number": np.nan,
    "below zero": -1,
    "beyond the largest float": 10**400,
}
# Where a value is one of those that a parameter takes, or for which it is not asked.
TAKEN = {
    # Any number of the first ranks; seeds are told by scikit-learn.
    "beyond the largest float": ("k", "random_state"),
    "below zero": ("axis", "points", "y"),
    # Batches of any number of dimensions.
    "four dimensions": ("x", "ranks"),
    # Letters are ids of three rows.
    "text": ("sequence",),
    # Labels in lists.
    "ragged": ("y_true", "y_pred"),
    # In scores it stands for a label that is not ranked.
    "not a number": ("y_true",),
}


def functions():
    derivatives = {"vjp", "jvp", "strength_bounds"}
    yield from (getattr(sksoft, n) for n in operators.__all__ if n not in derivatives)
    yield from (getattr(losses, name) for name in losses.__all__)
    yield from (getattr(metrics, n) for n in metrics.__all__ if "scorer" not in n)
    yield from (sequence.beam_search, sequence.soft_beam_search, sequence.viterbi)
    yield from (ranking.order_from_ranks, ranking.ranks_from_order)


def parameters(function):
    return inspect.signature(function).parameters


def arguments(function):
    """Return arguments with which a function works."""
    name, found = function.__name__, {}
    for parameter, described in parameters(function).items():
        if described.default is inspect.Parameter.empty:
            found[parameter] = NEEDED.get(parameter, TARGETS.get(name, abs(ROWS)))
    if name == "sequence_accuracy_score":
        found["y_pred"] = found["y_true"]
    return found


@pytest.mark.parametrize("function", functions(), ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", WRONG)
def test_wrong_arguments_are_named(function, kind):
    given = arguments(function)
    function(**given)
    for name in parameters(function):
        if name in TAKEN.get(kind, ()):
            continue
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            function(**given | {name: WRONG[kind]})


@pytest.mark.parametrize(
    "estimator",
    [
        LeastTrimmedAbsoluteRegressor,
        LeastTrimmedSquaresRegressor,
        MedianOfMeansRegressor,
        SoftKNeighborsRegressor,
        SoftNDCGRanker,
    ],
)
def test_none_is_no_target(estimator, rng):
    # In an array of objects scikit-learn makes NaN of it, after its own check.
    y = np.arange(20.0).astype(object)
    y[3] = None
    qid = {"qid": np.zeros(20)} if estimator is SoftNDCGRanker else {}
    with pytest.raises(
        ValueError, match=r"^y must hold finite numbers, got nan in row"
    ):
        estimator().fit(rng.normal(size=(20, 2)), y, **qid)


def has_weights(estimator):
    return "sample_weight" in inspect.signature(estimator.fit).parameters


@pytest.mark.parametrize("estimator", filter(has_weights, ESTIMATORS))
@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e308])
def test_one_weight_of_all_rows_is_a_number(estimator, weight, rng):
    y = np.array([1.0, 2.0] * 10)
    if estimator is ranking.SoftLabelRanker:
        y = np.column_stack([y, 3.0 - y])
    qid = {"qid": np.zeros(20)} if estimator is SoftNDCGRanker else {}
    with pytest.raises(ValueError, match=r"^sample_weight must .* got "):
        estimator().fit(rng.normal(size=(20, 2)), y, sample_weight=weight, **qid)
