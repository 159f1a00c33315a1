# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=======================================
Neighbours that outliers do not mislead
=======================================

A mean of neighbours follows every outlier among them. A soft median, or the mean of
those that agree with the least-trimmed location of the neighbourhood, does not.
"""

# %%
# One curve, a quarter of the targets wrong
# -----------------------------------------
# All wrong values lie above the curve, where symmetric trimming would not help. With
# one feature, all there is to learn is its scale: how far a neighbourhood reaches.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from sksoft.neighbors import SoftKNeighborsRegressor

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0.0, 10.0, size=300))
truth = np.sin(x) + 0.3 * x
grid = np.linspace(0.0, 10.0, 400)


def spoilt(fraction):
    """Return targets of which a fraction is wrong, and which."""
    wrong = np.random.default_rng(1).random(300) < fraction
    y = truth + np.random.default_rng(2).normal(scale=0.12, size=300)
    y[wrong] += np.random.default_rng(3).uniform(2.0, 6.0, size=wrong.sum())
    return y, wrong


votes = {
    "mean (scikit-learn)": KNeighborsRegressor(15),
    "soft median": SoftKNeighborsRegressor(15, vote="median", loss="huber"),
    "trimmed": SoftKNeighborsRegressor(
        15, vote="trimmed", loss="trimmed", trim_fraction=0.45
    ),
}
colors = dict(zip(votes, ("0.5", "C0", "C3"), strict=True))

y, wrong = spoilt(0.25)
fig, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
ax.plot(x[~wrong], y[~wrong], ".", color="0.75", ms=4)
ax.plot(x[wrong], y[wrong], "x", color="0.75", ms=5, label="wrong")
ax.plot(grid, np.sin(grid) + 0.3 * grid, "k--", lw=1, label="truth")
for name, model in votes.items():
    found = model.fit(x[:, None], y).predict(grid[:, None])
    ax.plot(grid, found, color=colors[name], lw=2, label=name)
ax.set(xlabel="x", ylabel="y", title="15 neighbours, a quarter of the targets wrong")
ax.legend(loc="upper left", ncols=2)

# %%
# More and more outliers
# ----------------------
# The error of the mean grows at once, that of the median as soon as neighbourhoods fill
# with wrong values; trimming holds on until they are nearly half of it.

fractions = np.linspace(0.0, 0.4, 5)
fig, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
for name, model in votes.items():
    errors = []
    for fraction in fractions:
        y, _ = spoilt(fraction)
        found = model.fit(x[:, None], y).predict(x[:, None])
        errors.append(np.sqrt(np.mean((found - truth) ** 2)))
    ax.plot(100 * fractions, errors, "o-", color=colors[name], label=name)
    print(f"{name}: error {errors[0]:.3f} on clean data, {errors[-1]:.3f} at 40 %")
ax.set(xlabel="wrong targets, %", ylabel="error against the truth", yscale="log")
ax.set(title="error of the prediction")
ax.legend()
plt.show()
