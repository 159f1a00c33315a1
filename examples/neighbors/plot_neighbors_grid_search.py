# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
============================================
How many neighbours, how softly: grid search
============================================

The number of neighbours and the strength of the regularisation are searched for in a
pipeline, as with any estimator of scikit-learn. The strength is free of the scale of
the data, so that one grid serves all.
"""

# %%
# A grid in a pipeline
# --------------------
# Three rings that two features tell apart, among four features that only make noise.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import SoftKNeighborsClassifier

rng = np.random.default_rng(0)
y = rng.integers(3, size=450)
angle = rng.uniform(0.0, 2.0 * np.pi, size=450)
radius = 1.0 + y + rng.normal(scale=0.25, size=450)
X = rng.normal(size=(450, 6))
X[:, 0], X[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

pipeline = make_pipeline(StandardScaler(), SoftKNeighborsClassifier())
neighbors = [1, 3, 5, 10, 20]
strengths = [0.03, 0.1, 0.3, 1.0, 3.0]
prefix = "softkneighborsclassifier__"
grid = GridSearchCV(
    pipeline,
    {
        prefix + "n_neighbors": neighbors,
        prefix + "regularization_strength": strengths,
    },
    cv=3,
)
grid.fit(X_train, y_train)
plain = GridSearchCV(
    make_pipeline(StandardScaler(), KNeighborsClassifier()),
    {"kneighborsclassifier__n_neighbors": neighbors},
    cv=3,
).fit(X_train, y_train)
print("best:", grid.best_params_)
print(f"soft neighbours {grid.score(X_test, y_test):.3f}")
print(f"neighbours without training {plain.score(X_test, y_test):.3f}")

# %%
# Accuracy depends less on the strength than on the number of neighbours.

scores = grid.cv_results_["mean_test_score"].reshape(len(neighbors), len(strengths))
fig, axes = plt.subplots(
    1, 2, figsize=(11, 4.4), layout="constrained", width_ratios=[1.25, 1]
)
image = axes[0].imshow(100 * scores, cmap="viridis", aspect="auto")
for i, j in np.ndindex(scores.shape):
    dark = scores[i, j] < 0.5 * (scores.min() + scores.max())
    axes[0].text(
        j,
        i,
        f"{100 * scores[i, j]:.1f}",
        ha="center",
        va="center",
        color="w" if dark else "k",
    )
axes[0].set_xticks(range(len(strengths)), strengths)
axes[0].set_yticks(range(len(neighbors)), neighbors)
axes[0].set(xlabel="regularization_strength", ylabel="n_neighbors")
axes[0].set(title="cross-validated accuracy, %")
fig.colorbar(image, ax=axes[0])

best = grid.best_estimator_[-1]
weight = np.linalg.norm(best.components_, axis=0)
names = ["ring 1", "ring 2", *(f"noise {i}" for i in range(1, 5))]
axes[1].bar(names, weight / weight.max(), color=["C0"] * 2 + ["0.7"] * 4)
axes[1].tick_params(axis="x", rotation=30)
axes[1].set(ylabel="weight in the embedding", title="what the embedding looks at")
plt.show()
