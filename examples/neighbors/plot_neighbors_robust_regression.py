# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=======================================
Neighbours that outliers do not mislead
=======================================

A mean of neighbours follows every outlier among them. A median does not, as long as
there are few; the mean of those that agree with the least-trimmed location of the
neighbourhood bears more of them.
"""

# %%
# One curve, a quarter of the targets wrong
# -----------------------------------------
# All wrong values lie above the curve, where symmetric trimming would not help. With
# one feature there is no distance to learn, so that training is left out
# (``max_iter=0``): votes are all that differs. The median of the neighbours, without
# any softness, is the cheap rival.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from sksoft.neighbors import SoftKNeighborsRegressor


class MedianOfNeighbors(KNeighborsRegressor):
    """Nearest neighbours whose median predicts."""

    def predict(self, X):
        return np.median(self._y[self.kneighbors(X, return_distance=False)], axis=1)


grid = np.linspace(0.0, 10.0, 199)
truth = np.sin(grid) + 0.3 * grid


def sample(fraction, seed):
    """Return points of the curve of which a fraction is wrong, and which."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0.0, 10.0, size=300))
    y = np.sin(x) + 0.3 * x + rng.normal(scale=0.12, size=300)
    wrong = rng.random(300) < fraction
    y[wrong] += rng.uniform(2.0, 6.0, size=wrong.sum())
    return x, y, wrong


votes = {
    "mean": KNeighborsRegressor(15),
    "median": MedianOfNeighbors(15),
    "soft median": SoftKNeighborsRegressor(15, vote="median", max_iter=0),
    "trimmed": SoftKNeighborsRegressor(
        15, vote="trimmed", trim_fraction=0.45, n_candidates=60, max_iter=0
    ),
}
colors = dict(zip(votes, ("0.5", "k", "C0", "C3"), strict=True))

x, y, wrong = sample(0.25, 0)
fig, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
ax.plot(x[~wrong], y[~wrong], ".", color="0.75", ms=4)
ax.plot(x[wrong], y[wrong], "x", color="0.75", ms=5, label="wrong")
ax.plot(grid, truth, "k--", lw=1, label="truth")
for name, model in votes.items():
    found = model.fit(x[:, None], y).predict(grid[:, None])
    ax.plot(
        grid, found, color=colors[name], lw=1 if name == "median" else 2, label=name
    )
ax.set(xlabel="x", ylabel="y", ylim=(-1, 11))
ax.set(title="A quarter of the targets is wrong: the mean follows, trimming does not")
ax.legend(loc="upper left", ncols=3)

# %%
# More and more outliers
# ----------------------
# Median error against the truth over 20 samples, and a band that holds their middle
# half. On clean targets the mean is best, and trimming costs precision. At 30 % most
# samples have no neighbourhood in which wrong values win the trimmed vote; at 40 % all
# votes are lost somewhere. Softness helps the median a little.

grid = grid[::3]
truth = truth[::3]
fractions = np.array([0.0, 0.15, 0.3, 0.4])
errors = {name: np.empty((4, 20)) for name in votes}
for i, seed in np.ndindex(4, 20):
    x, y, _ = sample(fractions[i], seed)
    for name, model in votes.items():
        found = model.fit(x[:, None], y).predict(grid[:, None])
        errors[name][i, seed] = np.sqrt(np.mean((found - truth) ** 2))

fig, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
for name, values in errors.items():
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1)
    ax.plot(100 * fractions, middle, "o-", color=colors[name], label=name)
    ax.fill_between(100 * fractions, low, high, color=colors[name], alpha=0.15, lw=0)
    print(f"{name}: " + " ".join(f"{error:.3f}" for error in middle))
ax.set(xlabel="wrong targets (%)", ylabel="error against the truth", yscale="log")
ax.set(title="Few wrong targets: a median will do. More of them: trim")
ax.legend()
plt.show()
