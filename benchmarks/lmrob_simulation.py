# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Compare scales, efficiencies, levels and powers with R's published simulation.

The vignette ``lmrob_simulation`` of R's robustbase publishes, for random normal designs
and eight error laws, the median of the scale, the efficiency of the slopes, the level
of 5 % tests and their power at a slope of 0.2 and 0.6. This script repeats the designs
and laws with `LeastTrimmedSquaresRegressor`, and prints its figures beside those of R's
MM (bisquare, ``.vcov.avar1``) and SMDM (bisquare, ``.vcov.w``).

Ours are averages over all slopes and over features drawn anew for each sample. R has
one set of features for each design and tells of one slope, so that efficiency and power
depend on that set: compare each with least squares on the same data, ``lm`` for ours
and ``R lm``. The level of ``lm`` tells the error of the simulation.

Run ``OMP_NUM_THREADS=1 python benchmarks/lmrob_simulation.py --data DIR [--repetitions
200] [--designs rand_50_5 ...] [--laws normal ...]``, where DIR holds
``lmrob_simulation.csv.gz``, the figures of the vignette.
"""

import argparse
import csv
import gzip
import warnings
from pathlib import Path

import numpy as np
from scipy import stats

from sksoft.linear_model import LeastTrimmedSquaresRegressor

DESIGNS = (
    "rand_25_5", "rand_50_2", "rand_50_5", "rand_50_10", "rand_100_5", "rand_100_10",
    "rand_100_20", "rand_400_20", "rand_400_40",
)  # fmt: skip
LAWS = {
    "normal": "err=normal, args.mean=0, args.sd=1",
    "t5": "err=t, args.df=5",
    "t3": "err=t, args.df=3",
    "t1": "err=t, args.df=1",
    "skewed": "err=cskt, args.df=Inf, args.gamma=2",
    "skewed t5": "err=cskt, args.df=5, args.gamma=2",
    "10 % wide": "err=cnorm, args.epsilon=0.1, args.meanc=0, args.sdc=3.16227766016838",
    "10 % at 4": "err=cnorm, args.epsilon=0.1, args.meanc=4, args.sdc=1",
}
PROCEDURES = {
    "R lm": ({"estname=lm"}, "Default"),
    "R MM": ({"args.psi=bisquare", "args.method=MM"}, ".vcov.avar1"),
    "R SMDM": ({"args.psi=bisquare", "args.method=SMDM"}, ".vcov.w"),
}
COLUMNS = ("medsigma", "efficiency.1", "emplev_1", "power_1_0.2", "power_1_0.6")


def draw_errors(law, rng, n_samples):
    """Return errors of one of the laws."""
    normal = rng.normal(size=n_samples)
    if law == "normal":
        return normal
    if law.startswith("t"):
        return rng.standard_t(int(law[1:]), size=n_samples)
    if law.startswith("skewed"):
        # Two halves of a symmetric law, the right one stretched by 2, the left by 1/2
        # (Fernandez and Steel), less the mean.
        symmetric = normal
        mean = np.sqrt(2 / np.pi)
        if law == "skewed t5":
            symmetric = rng.standard_t(5, size=n_samples)
            mean = 2 * stats.t.expect(lambda x: x, args=(5,), lb=0)
        size = np.abs(symmetric)
        right = rng.uniform(size=n_samples) < 0.8
        return np.where(right, 2 * size, -size / 2) - mean * (2 - 0.5)
    wrong = rng.uniform(size=n_samples) < 0.1
    if law == "10 % wide":
        return np.where(wrong, np.sqrt(10) * normal, normal)
    return np.where(wrong, normal + 4, normal)


def simulate(n_samples, n_columns, law, n_repetitions):
    """Return the figures of our fits and those of least squares."""
    found = {"sksoft": [], "lm": []}
    reach = stats.t.ppf(0.975, n_samples - n_columns)
    for repetition in range(n_repetitions):
        rng = np.random.default_rng([n_samples, n_columns, len(law), repetition])
        X = rng.normal(size=(n_samples, n_columns - 1))
        y = draw_errors(law, rng, n_samples)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
        found["sksoft"].append((reg.scale_, reg.coef_, reg.standard_errors_[:-1]))
        rows = np.column_stack([X, np.ones(n_samples)])
        coef, squares, *_ = np.linalg.lstsq(rows, y)
        scale = np.sqrt(squares[0] / (n_samples - n_columns))
        errors = scale * np.sqrt(np.diag(np.linalg.inv(rows.T @ rows)))
        found["lm"].append((scale, coef[:-1], errors[:-1]))
    figures = {}
    spread = {
        name: np.mean([coef**2 for _, coef, _ in fits]) for name, fits in found.items()
    }
    for name, fits in found.items():
        coefs = np.array([coef for _, coef, _ in fits])
        errors = reach * np.array([error for _, _, error in fits])
        figures[name] = [
            np.median([scale for scale, _, _ in fits]),
            spread["lm"] / spread[name],
            *(np.mean(np.abs(coefs + slope) > errors) for slope in (0, 0.2, 0.6)),
        ]
    return figures


def published(folder):
    """Return R's figures by design, law and procedure."""
    figures = {}
    with gzip.open(Path(folder, "lmrob_simulation.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            for name, (words, covariance) in PROCEDURES.items():
                same = words <= set(row["Procstr"].split(", "))
                if same and row["Cov"] == covariance:
                    key = row["Design"], row["Errstr"], name
                    figures[key] = [float(row[column]) for column in COLUMNS]
    return figures


def main(arguments):
    table = published(arguments.data)
    head = ("scale", "effic.", "level", "power .2", "power .6")
    totals = {}
    for law in arguments.laws:
        print(f"\n{law}: errors, {arguments.repetitions} repetitions")
        print(" " * 22 + "".join(f"{column:>10}" for column in head))
        for design in arguments.designs:
            n_samples, n_columns = (int(word) for word in design.split("_")[1:])
            figures = simulate(n_samples, n_columns, law, arguments.repetitions)
            for name in PROCEDURES:
                key = design, LAWS[law], name
                if key in table:
                    figures[name] = table[key]
            for name, values in figures.items():
                line = "".join(f"{value:10.3f}" for value in values)
                print(f"{design:13}{name:9}{line}", flush=True)
                if n_samples >= 50:
                    totals.setdefault(name, []).append(values[2:])
    print("\nMeans over designs of 50 rows and more, and laws: level, powers")
    for name, values in totals.items():
        print(f"{name:9}" + "".join(f"{v:10.4f}" for v in np.mean(values, axis=0)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--designs", nargs="+", default=DESIGNS)
    parser.add_argument("--laws", nargs="+", default=list(LAWS), choices=list(LAWS))
    main(parser.parse_args())
