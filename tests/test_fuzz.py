# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A few hundred random calls, the same in every run; ``make fuzz`` makes more."""

import ctypes

import fuzzing
import fuzzing_sequences
import numpy as np
import oracles
import pytest

import sksoft
from sksoft import losses, sequence
from sksoft.operators import _call, rank_statistics

pytestmark = pytest.mark.usefixtures("restore_threads")


# They take an operator as their argument, and check is all about them.
DERIVATIVES = {"vjp", "jvp", "strength_bounds"}
# An estimator and a helper, with tests of their own.
NO_SEARCHES = {"BeamSearchTagger", "sequence_from_lengths"}


def test_everything_public_is_drawn():
    operators = set(sksoft.operators.__all__) - DERIVATIVES
    assert operators == set(fuzzing.OPERATORS)
    known = {*fuzzing.LIST_LOSSES, *fuzzing.LABEL_LOSSES, *fuzzing.OTHER_LOSSES}
    assert known == set(losses.__all__)
    drawn = {fuzzing.draw(seed).name for seed in range(600)}
    assert drawn == operators | (known - set(fuzzing.OTHER_LOSSES))
    searches = set(sequence.__all__) - NO_SEARCHES
    assert searches == set(fuzzing_sequences.FUNCTIONS)
    drawn = {fuzzing_sequences.draw(seed).name for seed in range(100)}
    assert drawn == searches | set(fuzzing.OTHER_LOSSES)
    # Each operator has a definition in exact arithmetic.
    assert {name for name, _ in oracles.CALLS} == operators


@pytest.mark.parametrize("start", range(0, 1000, 100))
def test_random_calls(start):
    for kind, stop in ((fuzzing, 100), (fuzzing_sequences, 40)):
        for seed in range(start, start + stop):
            case = kind.draw(seed)
            try:
                kind.check(case)
            except Exception as error:
                pytest.fail(f"case {seed}: {error!r}\n{case.snippet()}")


# Faults that a check must find, planted into all that is returned or received.


def nan_in_value(_, value):
    value.reshape(-1)[-1:] = np.nan


def other_value_on_two_threads(_, value):
    if sksoft.get_num_threads() == 2:
        value *= 1.0 + 1e-15


def other_value_in_batches(call, value):
    if call.n_rows > 1:
        value *= 1.0 + 1e-6


def written_input(_, value):
    # As a kernel would that takes no notice of flags.
    for array in written_input.arrays:
        ctypes.memset(array.ctypes.data, array.ctypes.data % 7 + 1, 1)


FAULTS = [
    (nan_in_value, "is NaN"),
    (other_value_on_two_threads, "[12] threads give another|another value"),
    (other_value_in_batches, "alone differs"),
    (written_input, "was changed"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
@pytest.mark.parametrize("name", fuzzing.OPERATORS)
def test_planted_faults_of_operators_are_found(name, fault, message, monkeypatch):
    def case_of(seed):
        case = fuzzing.draw(seed)
        x = case.args["x"] if case.name == name else np.zeros(0)
        # A batch of rows that have something to say, and for which rows are compared.
        rich = x.ndim == 2 and len(x) > 1 and x.shape[1] > 2 and x.dtype == np.float64
        rich = rich and np.ptp(x) > 0.0 and np.ndim(case.args.get("k")) == 0
        value = sksoft_value(case) if rich else np.zeros(0)
        return case if value.size and np.all(value != 0.0) else None

    def sksoft_value(case):
        args = dict(case.args)
        return getattr(sksoft, name)(args.pop("x"), **args)

    case = next(filter(None, map(case_of, range(9000))))
    if name == "soft_quantile_normalize":
        case.args.setdefault("target", np.array([1.0, 2.0, 5.0]))
    if name == "soft_topk_sorted":
        case.args["k"] = max(case.args["k"], 1)
    fuzzing.check(case)
    original_copies = fuzzing.frozen

    def frozen(args):
        copies = original_copies(args)
        written_input.arrays = [copies["x"]]
        return copies

    monkeypatch.setattr(fuzzing, "frozen", frozen)
    mapped = name in ("soft_quantile_normalize", "soft_spearmanr")
    kind, methods = _call.Call, ["run"]
    if mapped:
        kind, methods = rank_statistics._MappedCall, ["run", "linearize"]

    def faulty(original):
        def faulty_method(self, *args, **kwargs):
            value, *rest = original(self, *args, **kwargs)
            planted = np.array(value, order="C")
            fault(self.call if mapped else self, planted)
            return (planted[()], *rest)

        return faulty_method

    for method in methods:
        monkeypatch.setattr(kind, method, faulty(getattr(kind, method)))
    with pytest.raises(AssertionError, match=message):
        fuzzing.check(case)


@pytest.mark.parametrize("name", [*fuzzing.LIST_LOSSES, *fuzzing.LABEL_LOSSES])
def test_planted_faults_of_losses_are_found(name, monkeypatch):
    loss = getattr(losses, name)
    cases = (case for case in map(fuzzing.draw, range(9000)) if case.name == name)
    case = next(
        case
        for case in cases
        if len(case.args["scores"]) > 1 and loss(**case.args)[1].all(axis=1).any()
    )
    fuzzing.check(case)

    def planted(fault):
        def faulty(**args):
            value, gradient = loss(**args)
            return fault(value, gradient, **args)

        monkeypatch.setattr(losses, name, faulty)
        with pytest.raises(AssertionError):
            fuzzing.check(case)

    def on_two_threads(value, gradient, **_):
        on_two = sksoft.get_num_threads() == 2
        return np.nextafter(value, np.inf) if on_two else value, gradient

    def written(value, gradient, scores, **_):
        ctypes.memset(scores.ctypes.data, scores.ctypes.data % 7 + 1, 1)
        return value, gradient

    planted(lambda value, gradient, **_: (value, gradient * np.nan))
    planted(lambda value, gradient, **_: (value * np.nan, gradient))
    planted(on_two_threads)
    planted(written)
    # Lists that know of each other.
    planted(lambda value, gradient, **_: (value, gradient * (len(gradient) + 0.5)))


# The last one has a mean that all but vanishes.
@pytest.mark.parametrize("seed", [*range(2 * len(oracles.CALLS)), 1795658004])
def test_against_definitions(seed):
    oracles.check(oracles.draw(seed))


def test_a_failing_case_is_a_program(capsys):
    for seed in range(60):
        for kind in (fuzzing, fuzzing_sequences):
            exec(compile(kind.draw(seed).snippet(), "case", "exec"), {})
    assert capsys.readouterr().out
