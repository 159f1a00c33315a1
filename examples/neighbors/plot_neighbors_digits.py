# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=========================================
Digits, before and after learning to vote
=========================================

Nearest neighbours depend on the distance.
:class:`sksoft.neighbors.SoftKNeighborsClassifier`
learns one: an embedding in which the soft top-k neighbours of each sample are of its
class. Here images of digits are embedded in the plane, before and after training.
"""

# %%
# Two embeddings
# --------------
# Training starts from two directions of linear discriminant analysis, which
# ``init="auto"`` takes where components are fewer than classes: the picture before
# training is a fair rival already. The embedding adds a small multilayer perceptron to
# the linear map.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline

from sksoft import soft_topk
from sksoft.neighbors import SoftKNeighborsClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, random_state=0, stratify=y
)
options = {
    "n_neighbors": 9,
    "n_components": 2,
    "hidden_layer_sizes": (64,),
    "random_state": 0,
}
before = SoftKNeighborsClassifier(max_iter=0, **options).fit(X_train, y_train)
after = SoftKNeighborsClassifier(**options).fit(X_train, y_train)

# %%
# Soft neighbours
# ---------------
# A few test images (stars) and the training images that vote for them: the wider a
# line, the larger the share in the mask, which sums to nine. It is the soft top-k mask
# of the squared distances, at the strength that training fixed.

shown = ((1, 2), (3, 4), (8, 4), (9, 2))
chosen = [np.flatnonzero(y_test == digit)[place] for digit, place in shown]
colors = plt.cm.tab10(np.arange(10))
fig, axes = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")

for ax, name, model in ((axes[0], "before", before), (axes[1], "after", after)):
    Z, queries = model.embedding_, model.transform(X_test)
    ax.scatter(*Z.T, c=colors[y_train], s=9, alpha=0.35, linewidths=0)
    for i in chosen:
        distances = ((Z - queries[i]) ** 2).sum(axis=1)
        mask = soft_topk(
            distances,
            9,
            largest=False,
            regularization_strength=model.regularization_strength_,
        )
        seen = np.flatnonzero(mask > 0.02)
        lines = [(queries[i], Z[j]) for j in seen]
        ax.add_collection(
            LineCollection(
                lines,
                colors=colors[y_train[seen]],
                linewidths=2.5 * mask[seen],
                zorder=2,
            )
        )
        ax.scatter(
            *queries[i], marker="*", s=260, color=colors[y_test[i]], ec="k", zorder=5
        )
    for digit in range(10):
        middle = np.median(Z[y_train == digit], axis=0)
        ax.annotate(
            str(digit),
            middle,
            ha="center",
            va="center",
            fontsize=15,
            weight="bold",
            color="w",
            bbox={"boxstyle": "circle,pad=0.15", "fc": colors[digit], "ec": "w"},
        )
    accuracy = model.score(X_test, y_test)
    ax.set_title(f"{name.capitalize()} training: {accuracy:.1%} of test images right")
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")

marks = [
    Line2D([], [], marker="o", ls="", color="0.5", ms=3, label="training image"),
    Line2D([], [], marker="o", ls="", color="0.5", ms=12, label="middle of a digit"),
    Line2D([], [], marker="*", ls="", color="w", mec="k", ms=14, label="test image"),
    Line2D([], [], color="0.5", lw=2.5, label="its neighbours, wider: larger share"),
]
fig.legend(handles=marks, loc="outside lower center", ncols=4)
fig.suptitle("Training pulls digits apart in the plane")

# %%
# Twenty splits, and the rivals
# -----------------------------
# One split shows a picture, not a difference. Here are twenty, with 300 images to
# train on and 1497 to test: each dot is a split, the line their mean. A linear map to
# the plane is ahead of neighbourhood components analysis here, a hidden layer far.
# Two dimensions are few for ten classes: plain neighbours in all 64 pixels are the
# rival to remember when the plane is not what matters.

plane = {"n_neighbors": 9, "n_components": 2, "random_state": 0}
models = {
    "LDA, neighbours": make_pipeline(
        LinearDiscriminantAnalysis(n_components=2), KNeighborsClassifier(9)
    ),
    "NCA, neighbours": make_pipeline(
        NeighborhoodComponentsAnalysis(2, init="lda", random_state=0),
        KNeighborsClassifier(9),
    ),
    "soft, linear": SoftKNeighborsClassifier(**plane),
    "soft, hidden layer": SoftKNeighborsClassifier(hidden_layer_sizes=(64,), **plane),
    "neighbours, all pixels": KNeighborsClassifier(9),
}
n_splits = 20
scores = {name: np.empty(n_splits) for name in models}
for seed in range(n_splits):
    train, test, y_of_train, y_of_test = train_test_split(
        X, y, train_size=300, stratify=y, random_state=seed
    )
    for name, model in models.items():
        scores[name][seed] = model.fit(train, y_of_train).score(test, y_of_test)

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
jitter = np.random.default_rng(0).uniform(-0.2, 0.2, size=n_splits)
for place, (name, values) in enumerate(scores.items()):
    color = "tab:red" if name.startswith("soft") else "0.45"
    ax.plot(100 * values, place + jitter, "o", color=color, ms=4, alpha=0.5)
    ax.plot([100 * values.mean()] * 2, [place - 0.35, place + 0.35], color=color, lw=3)
    ax.annotate(
        f"{values.mean():.1%}",
        (100 * values.mean(), place - 0.35),
        ha="center",
        va="bottom",
    )
ax.set_yticks(range(len(models)), labels=models)
ax.set_ylim(len(models) - 0.4, -0.8)
ax.set(xlabel="test images right (%)", title="In the plane, a hidden layer helps most")
ax.grid(axis="x", alpha=0.3)

# %%
# The loss falls within a few epochs.

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(np.arange(1, after.n_iter_ + 1), after.loss_curve_, lw=2)
ax.set(xlabel="epoch", ylabel="leave-one-out loss", ylim=(0, None))
ax.set_title("Most of what is learnt is learnt early")
plt.show()
