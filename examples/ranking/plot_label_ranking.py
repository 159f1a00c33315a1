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
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
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
# ranking: classes in the order of their probability under naive Bayes. The penalty
# means the same to both models. Soft ranks gain where scores overshoot; a large penalty
# keeps them so small that they are their own soft ranks, and both models are the same.

alphas = np.logspace(-3, 2, 6)
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
sets = {"iris": load_iris, "wine": load_wine, "digits (500)": load_digits}
for ax, (name, load) in zip(axes, sets.items(), strict=True):
    X, y = make_label_ranking(*load(return_X_y=True))
    rows = rng.permutation(len(X))[:500]
    for label, model, color in (
        ("ridge on ranks", Ridge, "0.5"),
        ("soft ranks", SoftLabelRanker, "tab:red"),
    ):
        scores = []
        for alpha in alphas:
            pipeline = make_pipeline(StandardScaler(), model(alpha=alpha))
            cv = KFold(5, shuffle=True, random_state=0)
            found = cross_val_score(
                pipeline, X[rows], y[rows], cv=cv, scoring=spearman_scorer
            )
            scores.append(found.mean())
        ax.semilogx(alphas, scores, "o-", color=color, label=label)
    ax.set(title=name, xlabel="alpha")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("mean Spearman, 5 folds")
axes[0].legend()
plt.show()
