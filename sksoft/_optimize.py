# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Minimisation shared by all estimators: L-BFGS, a loss curve, callbacks."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from sksoft._sklearn_compat import callback_context

# Where the line search fails at a gradient this small, rounding is the reason.
ROUNDED_SLOPE = 1e-6


@dataclass
class Solution:
    """Where a minimisation ended and how it went.

    Attributes
    ----------
    x : ndarray of shape (n_parameters,)
        The point of the smallest value seen.

    value : float
        The objective at ``x``; never larger than at the start.

    loss_curve : list of float
        The objective at the start and after each iteration.

    n_iter : int
        Number of iterations.

    converged : bool
        Whether the tolerance was reached.

    message : str
        Why the search ended early; empty if it converged or a callback ended it.
    """

    x: np.ndarray
    value: float
    loss_curve: list = field(default_factory=list)
    n_iter: int = 0
    converged: bool = True
    message: str = ""


class FitProgress:
    """Tell of the iterations of a fit: in print, and to scikit-learn's callbacks.

    Parameters
    ----------
    estimator : estimator instance
        The estimator being fitted. Where it has a parameter ``verbose`` that is not 0,
        each iteration is printed.

    context : CallbackContext or None
        The task of the fit; None where there are no callbacks.

    arguments : dict
        What every callback is given: the rows of the fit and the metadata.

    Attributes
    ----------
    stopped : bool
        Whether a callback has asked to end the fit: no minimisation goes on then.

    n_iter : int
        The iterations so far, in all minimisations of the fit.
    """

    def __init__(self, estimator, context, arguments):
        self._name = type(estimator).__name__
        self._verbose = getattr(estimator, "verbose", 0)
        self._context = context
        self._arguments = arguments
        self._latest = None
        self.stopped = False
        self.n_iter = 0

    def begin_iteration(self, attributes=None):
        """Open an iteration; return what `end_iteration` needs.

        `attributes` is a callable that returns the fitted attributes as they are.
        """
        if self._context is None:
            return None
        iteration = self._context.subcontext(task_name="iteration")
        iteration.call_on_fit_task_begin(
            **self._arguments, reconstruction_attributes=attributes
        )
        return iteration

    def end_iteration(self, iteration, attributes=None, loss=None):
        """Close an iteration; return whether a callback asks to end the fit.

        An iteration that did not take place is closed without a loss.
        """
        if loss is not None:
            self.n_iter += 1
            self._latest = attributes
            if self._verbose:
                print(f"[{self._name}] Iteration {self.n_iter}, loss = {loss:.8g}")
        if iteration is None:
            return False
        wish = iteration.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=attributes
        )
        self.stopped = self.stopped or bool(wish)
        return self.stopped

    def _begin(self):
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._arguments)

    def _end(self):
        if self._context is not None:
            self._context.call_on_fit_task_end(
                **self._arguments, reconstruction_attributes=self._latest
            )


@contextmanager
def fit_progress(estimator, X, y, **metadata):
    """Open the callbacks' task of a fit; yield a `FitProgress` for its iterations.

    `X`, `y` and the metadata, such as ``sample_weight``, are those of the rows that the
    fit uses; metadata that are None are left out.
    """
    metadata = {name: value for name, value in metadata.items() if value is not None}
    progress = FitProgress(
        estimator,
        callback_context(estimator),
        {"estimator": estimator, "X": X, "y": y, "metadata": metadata or None},
    )
    progress._begin()
    yield progress
    progress._end()


def minimize(
    objective, start, *, max_iter, tol, progress=None, attributes=None, warn=True
):
    """Minimise a differentiable function by L-BFGS.

    Parameters
    ----------
    objective : callable
        Maps a vector to ``(value, gradient)``. Values near 1 suit ``tol`` best.

    start : array-like of shape (n_parameters,)
        Where to start.

    max_iter : int
        Largest number of iterations.

    tol : float
        The search ends when no entry of the gradient exceeds ``tol``.

    progress : FitProgress, default=None
        Receives every iteration, and may end the search early. Where it has ended the
        fit already, the start is the solution.

    attributes : callable, default=None
        Maps a vector to the fitted attributes it stands for, given to callbacks.

    warn : bool, default=True
        Whether an early end for any reason but a callback's wish is told by a
        ``ConvergenceWarning``.

    Returns
    -------
    solution : Solution
        Never worse than ``start``.
    """
    start = np.asarray(start, dtype=np.float64)
    best = Solution(x=start.copy(), value=np.inf)

    def evaluate(x):
        value, gradient = objective(x)
        if not best.loss_curve:
            best.loss_curve.append(float(value))
        if value < best.value:
            best.x, best.value = x.copy(), float(value)
        return value, gradient

    def state(x):
        return None if attributes is None else lambda: attributes(x)

    if progress is not None:
        if progress.stopped:
            evaluate(start)
            best.converged = False
            return best
        iteration = progress.begin_iteration(state(best.x))
    stopped = False

    def after_iteration(intermediate_result):
        nonlocal iteration, stopped
        best.loss_curve.append(float(intermediate_result.fun))
        best.n_iter += 1
        if progress is None:
            return
        x = intermediate_result.x.copy()
        stopped = progress.end_iteration(iteration, state(x), best.loss_curve[-1])
        iteration = None
        if stopped:
            raise StopIteration
        iteration = progress.begin_iteration(state(x))

    result = optimize.minimize(
        evaluate,
        start,
        method="L-BFGS-B",
        jac=True,
        callback=after_iteration,
        options={
            "maxiter": max_iter,
            "maxls": 50,
            "gtol": tol,
            "ftol": 64 * np.finfo(np.float64).eps,
        },
    )
    if progress is not None:
        progress.end_iteration(iteration)
    best.converged = bool(result.success and np.isfinite(result.fun))
    if not (best.converged or stopped):
        best.message = _early_end(result, best.value, max_iter, tol)
        best.converged = not best.message
        if warn and best.message:
            warnings.warn(best.message, ConvergenceWarning, stacklevel=2)
    return best


def _early_end(result, value, max_iter, tol):
    """Return why the search ended early, "" if rounding alone stopped it."""
    if result.status == 1:
        return (
            f"The minimisation reached max_iter={max_iter} iterations. Increase "
            "max_iter, or accept a less exact solution with a larger tol "
            f"(tol={tol:g})."
        )
    slope = np.max(np.abs(result.jac), initial=0.0)
    if np.isfinite(result.fun) and slope <= ROUNDED_SLOPE * (1.0 + abs(value)):
        return ""
    return (
        f"The line search found no further descent (largest entry of the gradient: "
        f"{slope:.2g}; tol={tol:g}). The best point found is used. Scale the "
        "features to similar ranges, or increase regularization_strength."
    )


class Adam:
    """The moments of the gradient, and the step they suggest."""

    def __init__(self, size):
        self.first = np.zeros(size)
        self.second = np.zeros(size)
        self.count = 0

    def step(self, gradient, rate):
        """Return what to add to the parameters."""
        self.count += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient**2 - self.second)
        first = self.first / (1.0 - 0.9**self.count)
        second = self.second / (1.0 - 0.999**self.count)
        return -rate * first / (np.sqrt(second) + 1e-8)
