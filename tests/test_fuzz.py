# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""A few hundred random calls, the same in every run; ``make fuzz`` makes more."""

import fuzzing
import oracles
import pytest

import sksoft
from sksoft import losses

pytestmark = pytest.mark.usefixtures("restore_threads")


def test_every_operator_and_loss_is_drawn():
    operators = set(sksoft.operators.__all__) - {"vjp", "jvp", "strength_bounds"}
    assert operators == set(fuzzing.OPERATORS)
    known = {*fuzzing.LIST_LOSSES, *fuzzing.LABEL_LOSSES, *fuzzing.OTHER_LOSSES}
    assert known == set(losses.__all__)
    drawn = {fuzzing.draw(seed).name for seed in range(600)}
    assert drawn == operators | (known - set(fuzzing.OTHER_LOSSES))


@pytest.mark.parametrize("start", range(0, 1000, 100))
def test_random_calls(start):
    for seed in range(start, start + 100):
        case = fuzzing.draw(seed)
        try:
            fuzzing.check(case)
        except Exception as error:
            pytest.fail(f"case {seed}: {error!r}\n{case.snippet()}")


@pytest.mark.parametrize("seed", range(2 * len(oracles.CALLS)))
def test_against_definitions(seed):
    oracles.check(oracles.draw(seed))


def test_a_failing_case_is_a_program(capsys):
    for seed in range(60):
        exec(compile(fuzzing.draw(seed).snippet(), "case", "exec"), {})
    assert capsys.readouterr().out
