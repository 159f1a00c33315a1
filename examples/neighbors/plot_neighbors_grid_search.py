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
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import SoftKNeighborsClassifier

rng = np.random.default_rng(0)
n_samples = 210
y = rng.integers(3, size=n_samples)
angle = rng.uniform(0.0, 2.0 * np.pi, size=n_samples)
radius = 1.0 + y + rng.normal(scale=0.25, size=n_samples)
X = rng.normal(size=(n_samples, 6))
X[:, 0], X[:, 1] = radius * np.cos(angle), radius * np.sin(angle)

neighbors = [1, 3, 10]
strengths = [0.1, 1.0, 10.0]
cv = StratifiedShuffleSplit(20, test_size=0.3, random_state=0)


def search(steps, grid, **options):
    """Return a fitted grid search of a pipeline that begins with a scaler."""
    pipeline = Pipeline([("scale", StandardScaler()), *steps])
    return GridSearchCV(pipeline, grid, cv=cv, **options).fit(X, y)


soft = search(
    [("vote", SoftKNeighborsClassifier(vote="soft"))],
    {"vote__n_neighbors": neighbors, "vote__regularization_strength": strengths},
)
print("best:", soft.best_params_)

# %%
# The rivals search the number of neighbours too: neighbours as they are, and in the
# embedding of neighbourhood components analysis. The accuracies are those of the best
# candidate of each, on 20 random splits, split by split.

searches = {
    "neighbours": search(
        [("vote", KNeighborsClassifier())], {"vote__n_neighbors": neighbors}
    ),
    "NCA +\nneighbours": search(
        [
            ("embed", NeighborhoodComponentsAnalysis(random_state=0)),
            ("vote", KNeighborsClassifier()),
        ],
        {"vote__n_neighbors": neighbors[1:]},
    ),
    "soft\nneighbours": soft,
}


def best_accuracy(found):
    """Return the accuracy of the best candidate on each split, in percent."""
    results, best = found.cv_results_, found.best_index_
    return np.array([100 * results[f"split{i}_test_score"][best] for i in range(20)])


fig, axes = plt.subplots(
    1, 3, figsize=(13, 4.4), layout="constrained", width_ratios=[1.2, 1, 1]
)
scores = soft.cv_results_["mean_test_score"].reshape(len(neighbors), len(strengths))
errors = soft.cv_results_["std_test_score"].reshape(scores.shape)
image = axes[0].imshow(100 * scores, cmap="viridis", aspect="auto")
for i, j in np.ndindex(scores.shape):
    dark = scores[i, j] < 0.5 * (scores.min() + scores.max())
    axes[0].text(
        j,
        i,
        f"{100 * scores[i, j]:.1f}\n± {100 * errors[i, j]:.1f}",
        ha="center",
        va="center",
        color="w" if dark else "k",
    )
axes[0].set_xticks(range(len(strengths)), strengths)
axes[0].set_yticks(range(len(neighbors)), neighbors)
axes[0].set(xlabel="regularization_strength", ylabel="n_neighbors")
axes[0].set(title="Accuracy, %, and its deviation")
fig.colorbar(image, ax=axes[0])

for i, (name, found) in enumerate(searches.items()):
    values = best_accuracy(found)
    axes[1].plot(i + np.linspace(-0.25, 0.25, 20), values, ".", color=f"C{2 - i}")
    axes[1].hlines(values.mean(), i - 0.35, i + 0.35, color="k")
    loss = best_accuracy(soft) - values
    print(
        name.replace("\n", " "),
        f"{values.mean():.1f} %, below soft neighbours by {loss.mean():.1f}",
        f"(standard deviation {loss.std():.1f})",
    )
axes[1].set_xticks(range(3), searches)
axes[1].set(ylabel="accuracy, %", title="Best candidates, 20 splits")

weight = np.linalg.norm(soft.best_estimator_[-1].components_, axis=0)
names = ["ring 1", "ring 2", *(f"noise {i}" for i in range(1, 5))]
axes[2].bar(names, weight / weight.max(), color=["C0"] * 2 + ["0.7"] * 4)
axes[2].tick_params(axis="x", rotation=30)
axes[2].set(ylabel="weight, of the largest", title="What the embedding looks at")
fig.suptitle(
    "The number of neighbours matters more than the strength, and learning most"
)
plt.show()
