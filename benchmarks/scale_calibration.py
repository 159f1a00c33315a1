# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Simulate how far trimmed residuals underestimate the scale in small samples.

The scale of least trimmed squares is consistent, but too small in small samples, for
the rows are chosen to fit. This script draws clean normal data, fits them, and writes
the constants of ``log(scale / sigma) = -a z^b``, ``z = -log(1 - n_parameters / n)``,
that `sksoft.linear_model._scale` ships, for a grid of trimmed shares and strengths.
Enter the constants of the first stage before running the second.

Run ``python benchmarks/scale_calibration.py {hard,soft}``.
"""

import sys

import numpy as np
from scipy import optimize

from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.linear_model._scale import POSITIONS, STRENGTHS, consistency_factor

DESIGNS = [
    (30, 1), (30, 4), (50, 1), (50, 4), (50, 9), (100, 1), (100, 4), (100, 9),
    (100, 19), (100, 33), (300, 5), (300, 29), (300, 59),
]  # fmt: skip
N_REPETITIONS = 100


def scale_ratio(rng, n_samples, n_features, position, strength):
    """Return the estimated scale of one clean sample of unit scale."""
    ratio = (n_features + 1) / n_samples
    X = rng.normal(size=(n_samples, n_features))
    y = rng.normal(size=n_samples)
    reg = LeastTrimmedSquaresRegressor(
        trim_fraction=(1 - position) * (1 - ratio) / 2 if position else "auto",
        regularization_strength=strength,
        reweight=False,
        random_state=0,
    ).fit(X, y)
    kept = reg.sample_weights_.sum()
    mean_square = reg.sample_weights_ @ (y - reg.predict(X)) ** 2 / kept
    return np.sqrt(mean_square / consistency_factor(kept / n_samples, strength))


def simulate(stage, position, strength):
    """Return z and the logarithm of the mean ratio, of each design."""
    z, logs = [], []
    for n_samples, n_features in DESIGNS:
        rng = np.random.default_rng(n_samples + n_features)
        ratios = [
            scale_ratio(rng, n_samples, n_features, position, strength)
            for _ in range(N_REPETITIONS)
        ]
        z.append(-np.log(1 - (n_features + 1) / n_samples))
        logs.append(np.log(np.mean(ratios)))
    return np.array(z), np.array(logs)


def main(stage):
    strengths = [0.0] if stage == "hard" else STRENGTHS[:-1]
    if stage == "soft":
        strengths = strengths[1:]
    for strength in strengths:
        for position in POSITIONS[:-1]:
            z, logs = simulate(stage, position, strength)
            (a, b), _ = optimize.curve_fit(
                lambda z, a, b: -a * z**b,
                z,
                logs,
                p0=(0.5, 1.0),
                bounds=([-10, 0.3], [10, 2.0]),
            )
            left = logs + a * z**b
            print(
                f"strength {strength:4g} position {position:4g}: ({a:.3f}, {b:.3f})"
                f"  largest error {np.abs(np.expm1(left)).max():.3f}"
                f"  scale/sigma {np.exp(logs).min():.3f}..{np.exp(logs).max():.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1])
