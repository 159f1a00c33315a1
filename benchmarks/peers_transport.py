# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Soft top-k and plans on the line against np.argsort and POT: rows for peers.py.

Each row compares medians of alternating repetitions. POT is given the same plan and as
many iterations as it needs for the same accuracy; where it does not get there within
its limit, the row says so and the ratio is a lower bound.
"""

import statistics
import time

import numpy as np

from sksoft import soft_permutation, soft_topk, vjp

# The largest marginal error, relative, that counts as the same accuracy.
ACCURACY = 1e-9


def median_times(*functions, repeat=7):
    """Return the median time of each function, measured in turn."""
    times = [[] for _ in functions]
    for _ in range(repeat):
        for function, kept in zip(functions, times, strict=True):
            start = time.process_time()
            function()
            kept.append(time.process_time() - start)
    return [statistics.median(kept) for kept in times]


def topk_against_argsort(repeat=9):
    """Yield rows for soft top-k, forward and vjp, against sorting the same array."""
    rng = np.random.default_rng(0)
    for shape, limit in (((1_000_000,), 0.3), ((1000, 1000), 1.0)):
        x, cotangent = rng.normal(size=(2, *shape))
        k = shape[-1] // 20
        for strength in (1e-3, 0.1):

            def ours(x=x, cotangent=cotangent, k=k, strength=strength):
                _, pullback = vjp(soft_topk, x, k, regularization_strength=strength)
                pullback(cotangent)

            ours_time, sort_time = median_times(
                ours, lambda x=x: np.argsort(x, axis=-1), repeat=repeat
            )
            name = f"`soft_topk`, {shape}, k = n / 20, strength {strength:g}"
            yield name, ours_time / sort_time, f"<= {limit}"


def pot_plan(cost, mass, target_mass, epsilon, max_iter):
    """Return POT's plan, its processor time, its largest relative marginal error."""
    import ot

    start = time.process_time()
    with np.errstate(over="ignore"):
        plan = ot.sinkhorn(
            mass,
            target_mass,
            cost,
            epsilon,
            method="sinkhorn_log",
            numItermax=max_iter,
            stopThr=1e-12,
            warn=False,
        )
    elapsed = time.process_time() - start
    rows = np.abs(plan.sum(axis=1) / mass - 1.0).max()
    columns = np.abs(plan.sum(axis=0) / target_mass - 1.0).max()
    return plan, elapsed, max(rows, columns)


def _against_pot(name, ours, pot, budget, number=1):
    # Many calls at a time: one by itself takes little more than the clock.
    ours()
    (ours_time,) = median_times(lambda: [ours() for _ in range(number)])
    ours_time /= number
    _, pot_time, error = pot
    note = "" if error <= ACCURACY else f" (at least: POT's error is still {error:.0e})"
    return name + note, pot_time / ours_time, budget


def topk_against_pot(n=1000, max_iter=3000):
    """Yield rows for POT's time over ours, on the two-target plan."""
    x = np.random.default_rng(1).uniform(size=n)
    k = n // 20
    cost = (x[:, None] - np.array([1.0, 0.0])) ** 2
    target_mass = np.array([k, n - k]) / n
    for strength in (0.1, 0.01):
        pot = pot_plan(cost, np.full(n, 1 / n), target_mass, 2 * strength, max_iter)

        def ours(strength=strength):
            soft_topk(x, k, regularization_strength=strength)

        name = f"`soft_topk`, n = {n}, strength {strength:g}"
        yield _against_pot(name, ours, pot, ">= 500", 200_000 // n)


def permutation_against_pot(n=200, max_iter=3000):
    """Yield rows for POT's time over ours, on the plan to n positions."""
    x = np.random.default_rng(2).uniform(size=n)
    positions = np.arange(1.0, n + 1.0)
    mass = np.full(n, 1 / n)
    for strength in (10.0, 1.0, 0.1):
        cost = -x[:, None] * positions
        pot = pot_plan(cost, mass, mass, strength, max_iter)

        def ours(strength=strength):
            soft_permutation(x, regularization_strength=strength)

        name = f"`soft_permutation`, n = {n}, strength {strength:g}"
        yield _against_pot(name, ours, pot, ">= 5")


def against_pot():
    """Yield rows for all comparisons with POT."""
    for n in (1000, 10_000):
        yield from topk_against_pot(n)
    for n in (200, 1000):
        # At the larger size POT is not given the time to converge.
        yield from permutation_against_pot(n, max_iter=3000 if n < 500 else 300)
