# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
====================================
Probabilities by soft and hard votes
====================================

Five neighbours can only tell six probabilities, and zero among them. The shares of a
soft vote are graded by distance. This example compares votes by calibration and by log
loss.
"""

# %%
# Votes in learnt embeddings
# --------------------------
# The classes are noisy, so that honest probabilities matter. The default vote,
# "mixed", mixes soft votes of few and of more neighbours with normal distributions and
# the frequencies of the classes, by what predicts samples held out best. The rivals are
# scikit-learn's: five neighbours, 25 of them, which can tell 26 probabilities, 25 in
# the embedding of neighbourhood components analysis, and logistic regression, which
# asks no neighbours.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import SoftKNeighborsClassifier

models = {
    "mixed vote (default)": SoftKNeighborsClassifier(random_state=0),
    "hard vote": SoftKNeighborsClassifier(vote="hard", random_state=0),
    "5 neighbours": KNeighborsClassifier(5),
    "25 neighbours": KNeighborsClassifier(25),
    "NCA, 25 neighbours": make_pipeline(
        NeighborhoodComponentsAnalysis(random_state=0),
        KNeighborsClassifier(25),
    ),
    "logistic regression": LogisticRegression(),
}
cancer, wine = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)
sets = {
    "two noisy classes": lambda seed: make_classification(
        300, 12, n_informative=5, flip_y=0.15, class_sep=0.8, random_state=seed
    ),
    "breast cancer": lambda seed: cancer,
    "wine": lambda seed: wine,
}
n_repeats = 20
told = {name: [] for name in models}
true = []
losses = {(data, name): [] for data in sets for name in models}
for data, load in sets.items():
    for seed in range(n_repeats):
        X, y = load(seed)
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.4, stratify=y, random_state=seed
        )
        for name, model in models.items():
            pipeline = make_pipeline(StandardScaler(), model).fit(X_train, y_train)
            found = pipeline.predict_proba(X_test)
            clipped = np.clip(found, 1e-3, 1.0)
            losses[data, name].append(
                log_loss(y_test, clipped / clipped.sum(axis=1, keepdims=True))
            )
            if data == "two noisy classes":
                told[name].append(found[:, 1])
        if data == "two noisy classes":
            true.append(y_test)

# %%
# A probability is calibrated if it comes true as often as it says: on the diagonal.
# On the right, what that costs: the log loss, means and standard deviations over 20
# draws or splits (probabilities below 0.001 are counted as that). On breast cancer,
# where classes are two clouds, logistic regression tells more than any vote.

colors = dict(zip(models, ("C0", "C1", "0.75", "0.5", "C2", "C4"), strict=True))
fig, axes = plt.subplots(
    1, 2, figsize=(11, 4.6), width_ratios=[1, 1.5], layout="constrained"
)
axes[0].plot([0, 1], [0, 1], color="0.8", lw=1)
for name, color in colors.items():
    came, said = calibration_curve(
        np.concatenate(true), np.concatenate(told[name]), n_bins=6
    )
    axes[0].plot(said, came, "o-", color=color, markersize=4)
axes[0].set(xlabel="probability that is told", ylabel="share that comes true")
axes[0].set(title="Two noisy classes: calibration")
at = np.arange(len(sets))
for i, (name, color) in enumerate(colors.items()):
    values = np.array([losses[data, name] for data in sets])
    bars = axes[1].bar(
        at + 0.15 * (i - 2.5),
        values.mean(axis=1),
        0.14,
        yerr=values.std(axis=1),
        color=color,
        ecolor="0.2",
        capsize=2,
        label=name,
    )
    print(f"{name}: log loss", values.mean(axis=1).round(3))
axes[1].set_xticks(at, sets)
axes[1].set(ylabel="log loss", title="Log loss (lower is better)")
axes[1].legend()
fig.suptitle(
    "The mixed vote has the lowest mean log loss of all votes; "
    "one set is better told by a linear model"
)
plt.show()
