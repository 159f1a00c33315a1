# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
How much contamination do robust regressions bear?
==================================================

Robust regressions differ in what they are robust to. Here a growing share of the rows
is wrong in three ways, and scikit-learn's robust regressions are compared with
:class:`sksoft.linear_model.LeastTrimmedSquaresRegressor`.
"""

# %%
# Three kinds of wrong rows
# -------------------------
# Gross errors of the target; a group of rows that another plane explains; and rows
# whose features are scattered far away, with targets of their own.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    HuberRegressor,
    LinearRegression,
    RANSACRegressor,
)

from sksoft.linear_model import LeastTrimmedSquaresRegressor

n_samples, n_features = 200, 3


def contaminate(kind, share, seed):
    """Return rows of a plane with slopes 2, a share of them wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    y = 2 * X.sum(axis=1) + rng.normal(size=n_samples)
    bad = int(share * n_samples)
    if kind == "gross errors":
        y[:bad] += rng.uniform(10, 100, size=bad)
    elif kind == "another plane":
        X[:bad, 0] += 10
        y[:bad] = -2 * X[:bad].sum(axis=1) + rng.normal(size=bad)
    else:
        X[:bad] = 10 * rng.normal(size=(bad, n_features))
        y[:bad] = rng.normal(size=bad)
    return X, y


models = {
    "LeastTrimmedSquares": LeastTrimmedSquaresRegressor(random_state=0),
    "Huber": HuberRegressor(max_iter=1000),
    "RANSAC": RANSACRegressor(random_state=0),
    "LinearRegression": LinearRegression(),
}


def error(model, X, y):
    """Return the error of the slopes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = model.fit(X, y)
    return np.linalg.norm(getattr(fitted, "estimator_", fitted).coef_ - 2)


# %%
# Median error of the slopes over 20 samples, against the share of wrong rows; bands
# hold the middle half of the samples. Huber's loss bears gross errors only, RANSAC
# pays for its robustness where all rows are right, and no method bears the last panel
# much beyond 40 %: wrong features spread over everything.
shares = np.arange(0, 0.46, 0.075)
n_repeats = 20
fig, axes = plt.subplots(1, 3, figsize=(11, 4.4), sharey=True, layout="constrained")
kinds = ["gross errors", "another plane", "scattered features"]
for ax, kind in zip(axes, kinds, strict=True):
    for name, model in models.items():
        errors = [
            [error(model, *contaminate(kind, s, seed)) for seed in range(n_repeats)]
            for s in shares
        ]
        low, middle, high = np.quantile(errors, [0.25, 0.5, 0.75], axis=1)
        style = "k:" if name == "LinearRegression" else "o-"
        (line,) = ax.semilogy(100 * shares, middle, style, markersize=4, label=name)
        ax.fill_between(
            100 * shares, low, high, color=line.get_color(), alpha=0.15, lw=0
        )
    ax.set(title=kind.capitalize(), xlabel="wrong rows (%)")
axes[0].set_ylabel("error of the slopes")
fig.suptitle(
    "Least trimmed squares stay with the right rows up to about 40 % wrong ones"
)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
plt.show()
