# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
===============================
Ranking labels with a soft rank
===============================

In label ranking every sample orders a set of labels. Regression on the ranks asks for
scores that *equal* 1, 2, 3, ...; far from the boundary between two orders, a linear
score overshoots and is punished for it. :class:`~sksoft.ranking.SoftLabelRanker`
compares the soft ranks of the scores instead, which do not overshoot.
"""

# %%
# Which of five meeting places is nearest?
# ----------------------------------------
# The score of a place that orders them by distance is linear in the coordinates, so a
# linear model could be perfect. On the left, the plane in colours of the order; then
# the orders that ridge regression on ranks and soft ranks learn from 300 points.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import RepeatedKFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.datasets import make_label_ranking
from sksoft.metrics import spearman_score, spearman_scorer
from sksoft.ranking import SoftLabelRanker

rng = np.random.default_rng(3)
places = rng.uniform(-1.2, 1.2, size=(5, 2))


def ranks_by_distance(points):
    """Return the ranks of the places: the nearest has rank 1."""
    return rankdata(np.linalg.norm(points[:, None] - places, axis=2), axis=1)


X = rng.uniform(-3.0, 3.0, size=(300, 2))
y = ranks_by_distance(X)
ridge = Ridge(alpha=1e-3).fit(X, y)
soft = SoftLabelRanker(alpha=1e-3, regularization_strength=0.3).fit(X, y)

side = np.linspace(-3.0, 3.0, 300)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
truth = ranks_by_distance(plane)
panels = {
    "by distance": truth,
    "ridge regression on ranks": rankdata(ridge.predict(plane), axis=1),
    "soft ranks": soft.predict(plane),
}
orders = {tuple(row) for ranks in panels.values() for row in ranks}
number = {row: i for i, row in enumerate(sorted(orders))}
# Orders that differ get colours that differ, however near they are in the list.
colors = plt.cm.hsv(rng.permutation(len(number)) / len(number))[:, :3]
colors *= rng.uniform(0.45, 1.0, size=(len(number), 1))

fig, axes = plt.subplots(1, 3, figsize=(11, 4.3), sharey=True, layout="constrained")
for ax, (title, ranks) in zip(axes, panels.items(), strict=True):
    image = np.reshape([colors[number[tuple(row)]] for row in ranks], (300, 300, 3))
    ax.imshow(image, extent=(-3, 3, -3, 3), origin="lower")
    ax.scatter(*places.T, marker="*", s=130, c="k", ec="w")
    if title != "by distance":
        title += f"\nSpearman {spearman_score(truth, ranks):.3f}"
    ax.set_title(title, fontsize=11)
fig.suptitle(
    "Each colour is an order of the five stars: soft ranks recover the borders"
)

# %%
# Three data sets
# ---------------
# :func:`~sksoft.datasets.make_label_ranking` turns a classification problem into label
# ranking: classes in the order of their probability under naive Bayes. All choose what
# they need by themselves: the ranker and ridge regression on the ranks their penalties,
# and the mean ranks of neighbours, the cheap model that is not linear, has 10 of them.

models = {
    "ridge on ranks": RidgeCV(np.logspace(-3, 3, 13)),
    "10 neighbours": KNeighborsRegressor(10, weights="distance"),
    "soft ranks": SoftLabelRanker(),
}
sets = {"iris": load_iris, "wine": load_wine, "digits (500)": load_digits}
cv = RepeatedKFold(n_splits=5, n_repeats=4, random_state=0)
scores = {}
for name, load in sets.items():
    X, y = make_label_ranking(*load(return_X_y=True))
    rows = rng.permutation(len(X))[:500]
    for label, model in models.items():
        scores[name, label] = cross_val_score(
            make_pipeline(StandardScaler(), model),
            X[rows],
            y[rows],
            cv=cv,
            scoring=spearman_scorer,
        )

# %%
# Differences to ridge regression, fold by fold: each dot is one of 20 folds, the line
# their mean, the bar its standard error.

fig, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
for ax, name in zip(axes, sets, strict=True):
    base = scores[name, "ridge on ranks"]
    for i, (label, color) in enumerate(
        (("10 neighbours", "0.5"), ("soft ranks", "C3"))
    ):
        gain = scores[name, label] - base
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        ax.plot(i + np.linspace(-0.2, 0.2, 20), gain, ".", color=color, alpha=0.5)
        ax.errorbar(i, gain.mean(), error, fmt="_", color="k", ms=24, capsize=5)
        print(
            f"{name}, {label}: {gain.mean():+.4f} +- {error:.4f} over {base.mean():.4f}"
        )
    ax.axhline(0, color="k", lw=0.8, ls="--")
    ax.set(title=f"{name}\nridge on ranks: {base.mean():.3f}", xlim=(-0.6, 1.6))
    ax.set_xticks([0, 1], ["10 neighbours", "soft ranks"])
    ax.grid(axis="y", alpha=0.3)
axes[0].set_ylabel("gain in mean Spearman")
fig.suptitle(
    "Soft ranks gain where there are ten labels; with three, ridge is about as good"
)
plt.show()
