# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
==================================================
Robust regression on data that went wrong for real
==================================================

Two small data sets are famous for what they do to least squares. In one, the response
was recorded in other units for six years; in the other, a handful of giant stars pull
the line from far away. :class:`sksoft.linear_model.LeastTrimmedSquaresRegressor` fits
the majority: a soft top-k mask selects the small losses while the line is fitted by
gradient, and whatever the selection leaves out can be as wrong as it likes.
"""

# %%
# The data
# --------
# International calls from Belgium by year, in tens of millions (from 1964 to 1969 the
# minutes were recorded instead), and the star cluster CYG OB1: logarithms of
# temperature and light. Both tables are from Rousseeuw and Leroy, "Robust Regression
# and Outlier Detection", Wiley, 1987.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import (
    HuberRegressor,
    LinearRegression,
    QuantileRegressor,
    TheilSenRegressor,
)
from sklearn.model_selection import train_test_split

from sksoft.linear_model import LeastTrimmedSquaresRegressor

year = np.arange(1950, 1974)
calls = np.array(
    "0.44 0.47 0.47 0.59 0.66 0.73 0.81 0.88 1.06 1.20 1.35 1.49 1.61 2.12 11.9 12.4 "
    "14.2 15.9 18.2 21.2 4.30 2.40 2.70 2.90".split(),
    dtype=float,
)
temperature = np.array(
    "4.37 4.56 4.26 4.56 4.30 4.46 3.84 4.57 4.26 4.37 3.49 4.43 4.48 4.01 4.29 4.42 "
    "4.23 4.42 4.23 3.49 4.29 4.29 4.42 4.49 4.38 4.42 4.29 4.38 4.22 3.48 4.38 4.56 "
    "4.45 3.49 4.23 4.62 4.53 4.45 4.53 4.43 4.38 4.45 4.50 4.45 4.55 4.45 "
    "4.42".split(),
    dtype=float,
)
light = np.array(
    "5.23 5.74 4.93 5.74 5.19 5.46 4.65 5.27 5.57 5.12 5.73 5.45 5.42 4.05 4.26 4.58 "
    "3.94 4.18 4.18 5.89 4.38 4.22 4.42 4.85 5.02 4.66 4.66 4.90 4.39 6.05 4.42 5.10 "
    "5.22 6.29 4.34 5.62 5.10 5.22 5.18 5.57 4.62 5.06 5.34 5.34 5.54 4.98 "
    "4.50".split(),
    dtype=float,
)

# %%
# Four lines each
# ---------------
# Huber's loss bounds what a wrong response can do, but not what a far-away feature can.
# The estimator of Theil and Sen, a median of the lines through pairs of points, is
# better on the stars, and no better on the calls.

models = {
    "least squares": (LinearRegression(), "C1", "--"),
    "Huber": (HuberRegressor(max_iter=1000), "C2", "-."),
    "Theil-Sen": (TheilSenRegressor(random_state=0), "C4", ":"),
    "least trimmed squares": (LeastTrimmedSquaresRegressor(random_state=0), "C0", "-"),
}
tables = {
    "Telephone calls from Belgium": (year, calls, "year", "calls (tens of millions)"),
    "Star cluster CYG OB1": (temperature, light, "log temperature", "log light"),
}

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for ax, (title, (x, y, xlabel, ylabel)) in zip(axes, tables.items(), strict=True):
    grid = np.linspace(x.min(), x.max(), 50)[:, None]
    slopes = []
    for name, (model, color, style) in models.items():
        model.fit(x[:, None] - x.mean(), y)
        ax.plot(grid, model.predict(grid - x.mean()), style, color=color, label=name)
        slopes.append(f"{name} {model.coef_[0]:+.2f}")
    print(f"{title}: slopes {', '.join(slopes)}")
    outlier = model.outlier_mask_
    ax.plot(x[~outlier], y[~outlier], "o", color="0.35", ms=5)
    ax.plot(x[outlier], y[outlier], "x", color="C3", ms=7, mew=2, label="left out")
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_ylim(y.min() - 0.15 * np.ptp(y), y.max() + 0.1 * np.ptp(y))
axes[0].legend(frameon=False, loc="upper left")
fig.suptitle("Least trimmed squares follow the majority, whatever the other rows do")

# %%
# What it is worth for prediction
# -------------------------------
# The diabetes data, with a share of the *training* responses spoilt by a large positive
# error. The score is R2 on clean test rows: this is what a user of the fitted model
# would see. Medians over 20 splits; bands hold the middle half of them. Median
# regression takes the place of Theil-Sen, which is slow for ten features: it is the
# cheap method that bears most of such errors.

X, y = load_diabetes(return_X_y=True)
del models["Theil-Sen"]
models["median regression"] = QuantileRegressor(alpha=0.0), "C4", ":"
shares = np.array([0.0, 0.15, 0.3, 0.4])
scores = {name: [] for name in models}
for share in shares:
    splits = {name: [] for name in models}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        spoilt = y_train.copy()
        rows = rng.permutation(len(spoilt))[: int(share * len(spoilt))]
        spoilt[rows] += 10.0 * y.std() * rng.uniform(0.5, 1.0, len(rows))
        for name, (model, *_) in models.items():
            splits[name].append(model.fit(X_train, spoilt).score(X_test, y_test))
    for name, values in splits.items():
        scores[name].append(np.quantile(values, [0.25, 0.5, 0.75]))

fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
for name, (_, color, style) in models.items():
    low, middle, high = np.transpose(scores[name])
    ax.plot(100 * shares, middle, "o" + style, color=color, label=name)
    ax.fill_between(100 * shares, low, high, color=color, alpha=0.15, lw=0)
    print(f"{name}: R2 {middle[0]:.2f} clean, {middle[2]:.2f} at 30 % spoilt")
ax.set(
    xlabel="spoilt training responses (%)",
    ylabel="R2 on clean test rows",
    title="Diabetes data: least trimmed squares stay as good as on clean data",
    ylim=(-1.0, 0.6),
)
ax.legend(frameon=False, loc="lower left", fontsize=9)
plt.show()
