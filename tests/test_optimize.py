# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import warnings

import numpy as np
import pytest
from scipy.optimize import OptimizeResult
from sklearn.exceptions import ConvergenceWarning

from sksoft._optimize import FitProgress, _early_end, minimize


def bowl(x):
    """A quadratic whose axes differ a thousandfold; the minimum is at 1."""
    curvature = np.logspace(0, 3, len(x))
    return 0.5 * curvature @ (x - 1) ** 2, curvature * (x - 1)


def test_finds_the_minimum_and_keeps_the_loss_curve():
    solution = minimize(bowl, np.zeros(5), max_iter=200, tol=1e-8)
    np.testing.assert_allclose(solution.x, 1.0, atol=1e-7)
    assert solution.converged
    assert solution.n_iter == len(solution.loss_curve) - 1
    assert solution.loss_curve[0] == bowl(np.zeros(5))[0]
    assert (np.diff(solution.loss_curve) <= 0).all()


def test_start_at_the_minimum_is_kept():
    solution = minimize(bowl, np.ones(3), max_iter=5, tol=1e-8)
    assert solution.converged
    assert solution.loss_curve == [0.0]
    np.testing.assert_array_equal(solution.x, np.ones(3))


def test_too_few_iterations_warn_with_advice():
    with pytest.warns(ConvergenceWarning, match="max_iter=2.*Increase"):
        solution = minimize(bowl, np.zeros(5), max_iter=2, tol=1e-10)
    assert not solution.converged
    assert solution.value < bowl(np.zeros(5))[0]


def test_an_objective_that_breaks_down_never_makes_things_worse():
    def cliff(x):
        value = float(x @ x) if (x >= 2).all() else np.nan
        return value, 2 * x

    with pytest.warns(ConvergenceWarning, match="no further descent"):
        solution = minimize(cliff, np.full(3, 2.0), max_iter=50, tol=1e-8)
    assert solution.value == 12.0
    np.testing.assert_array_equal(solution.x, np.full(3, 2.0))
    assert not solution.converged


@pytest.mark.parametrize("slope", [1e-9, 1e-5, 1e-3, 0.1])
def test_a_failed_line_search_is_excused_by_rounding_only(slope):
    failed = OptimizeResult(status=2, fun=1.0, jac=np.array([0.0, -slope]))
    message = _early_end(failed, 1.0, 50, 1e-12)
    assert ("no further descent" in message) == (slope > 1e-6)


def test_an_early_end_may_be_told_by_the_caller():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = minimize(bowl, np.zeros(5), max_iter=2, tol=1e-10, warn=False)
    assert "max_iter=2" in solution.message
    assert not solution.converged
    assert minimize(bowl, np.zeros(5), max_iter=200, tol=1e-8).message == ""


class Recorder:
    """Stands in for scikit-learn's context of callbacks."""

    def __init__(self, stop_after):
        self.ended = 0
        self.stop_after = stop_after
        self.before, self.after = [], []

    def subcontext(self, task_name):
        return self

    def call_on_fit_task_begin(self, *, reconstruction_attributes, **kwargs):
        self.before.append(reconstruction_attributes()["x"])

    def call_on_fit_task_end(self, *, reconstruction_attributes, **kwargs):
        self.ended += 1
        if reconstruction_attributes is not None:
            self.after.append(reconstruction_attributes()["x"])
        return self.ended == self.stop_after


def minimize_bowl(progress, **options):
    options = {"max_iter": 50, "tol": 1e-10} | options
    return minimize(
        bowl, np.zeros(5), progress=progress, attributes=lambda x: {"x": x}, **options
    )


def test_callbacks_see_each_iteration_and_may_stop_the_search():
    recorder = Recorder(stop_after=3)
    solution = minimize_bowl(FitProgress(object(), recorder, {}))
    assert solution.n_iter == recorder.ended == len(recorder.before) == 3
    assert not solution.converged
    np.testing.assert_array_equal(recorder.before[0], np.zeros(5))
    np.testing.assert_array_equal(recorder.before[1:], recorder.after[:-1])
    np.testing.assert_array_equal(recorder.after[-1], solution.x)


def test_a_stop_holds_for_all_that_follows():
    progress = FitProgress(object(), Recorder(stop_after=3), {})
    first = minimize_bowl(progress)
    second = minimize_bowl(progress)
    assert progress.stopped
    assert progress.n_iter == first.n_iter == 3
    assert second.n_iter == 0
    assert second.loss_curve == [bowl(np.zeros(5))[0]]
    np.testing.assert_array_equal(second.x, np.zeros(5))


@pytest.mark.parametrize("verbose", [0, 1])
def test_verbose_prints_each_iteration(verbose, capsys):
    class Estimator:
        pass

    estimator = Estimator()
    estimator.verbose = verbose
    solution = minimize_bowl(FitProgress(estimator, None, {}), tol=1e-3)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == verbose * solution.n_iter
    if verbose:
        assert (
            printed[0]
            == f"[Estimator] Iteration 1, loss = {solution.loss_curve[1]:.8g}"
        )
