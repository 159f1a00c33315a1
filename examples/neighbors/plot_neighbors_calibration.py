# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
====================================
Probabilities by soft and hard votes
====================================

Five neighbours can only tell six probabilities, and zero among them. The shares of a
soft vote are graded by distance. This example compares the two, in the same learnt
embedding, by calibration and by log loss.
"""

# %%
# One embedding, two votes
# ------------------------
# The classes are noisy, so that honest probabilities matter. The components analysis of
# scikit-learn with five neighbours is the third opinion.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_wine, make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.neighbors import SoftKNeighborsClassifier

models = {
    "soft vote": SoftKNeighborsClassifier(vote="soft", random_state=0),
    "hard vote, same embedding": SoftKNeighborsClassifier(vote="hard", random_state=0),
    "NCA, 5 neighbours": make_pipeline(
        NeighborhoodComponentsAnalysis(random_state=0), KNeighborsClassifier(5)
    ),
}
sets = {
    "two noisy classes": make_classification(
        700, 12, n_informative=5, flip_y=0.15, class_sep=0.8, random_state=1
    ),
    "breast cancer": load_breast_cancer(return_X_y=True),
    "wine": load_wine(return_X_y=True),
}
probabilities, losses = {}, {}
for name, (X, y) in sets.items():
    for key, model in models.items():
        pipeline = make_pipeline(StandardScaler(), model)
        found = cross_val_predict(pipeline, X, y, cv=5, method="predict_proba")
        probabilities[name, key] = found
        clipped = np.clip(found, 1e-3, 1.0)
        losses[name, key] = log_loss(y, clipped / clipped.sum(axis=1, keepdims=True))

# %%
# A probability is calibrated if it comes true as often as it says: on the diagonal.
# The histograms tell how often each probability is given, the bars what all that costs.

colors = dict(zip(models, ("C0", "C1", "0.55"), strict=True))
fig, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
y = sets["two noisy classes"][1]
axes[0].plot([0, 1], [0, 1], color="0.8", lw=1)
for key, color in colors.items():
    p = probabilities["two noisy classes", key][:, 1]
    came, said = calibration_curve(y, p, n_bins=6)
    axes[0].plot(said, came, "o-", color=color, label=key)
    if "NCA" not in key:
        axes[1].hist(p, np.linspace(0, 1, 41), color=color, alpha=0.7, label=key)
axes[0].set(xlabel="probability that is told", ylabel="share that comes true")
axes[0].set(title="two noisy classes: calibration")
axes[1].set(xlabel="probability that is told", ylabel="samples")
axes[1].set(title="two noisy classes: what is told")
axes[1].legend(loc="upper center")
at = np.arange(len(sets))
for shift, (key, color) in zip((-0.27, 0.0, 0.27), colors.items(), strict=True):
    values = [losses[name, key] for name in sets]
    bars = axes[2].bar(at + shift, values, 0.25, color=color, label=key)
    axes[2].bar_label(bars, fmt="%.2f", fontsize=8)
axes[2].set_xticks(at, sets)
axes[2].set(ylabel="log loss", title="log loss (lower is better)")
axes[2].legend()
plt.show()
