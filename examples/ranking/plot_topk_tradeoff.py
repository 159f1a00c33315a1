# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=======================================
The first place against the first three
=======================================

A classifier that may name three classes need not tell them apart.
:class:`~sksoft.ranking.TopKLogisticRegression` mixes the cross entropy with a loss that
only asks for the right class to be among the first k. What it gains there is lost at
the first place: the share of the cross entropy, ``mix``, chooses between the two.
"""

# %%
# Six numbers for a digit
# -----------------------
# Six principal components of the handwritten digits leave a linear classifier with
# classes that it cannot separate. Accuracies are those of five-fold cross-validation;
# the bars show the standard error of the difference to logistic regression, sample by
# sample. Mind the two scales: what is gained is much less than what is lost, and pays
# only where nothing but the first three counts.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_predict

from sksoft.ranking import TopKLogisticRegression

X, y = load_digits(return_X_y=True)
X = PCA(6, whiten=True, random_state=0).fit_transform(X)

k = 3
shares = [1.0, 0.7, 0.4, 0.2, 0.1, 0.05, 0.02]
hits = {}
for mix in shares:
    classifier = TopKLogisticRegression(k=k, mix=mix, C=100.0)
    probability = cross_val_predict(classifier, X, y, cv=5, method="predict_proba")
    place = (probability > probability[np.arange(len(y)), y][:, np.newaxis]).sum(axis=1)
    hits[mix] = np.stack([place < 1, place < k])

accuracy = np.array([hits[mix].mean(axis=1) for mix in shares])
difference = [hits[mix].astype(float) - hits[1.0] for mix in shares]
error = np.array([d.std(axis=1) / np.sqrt(len(y)) for d in difference])

fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
titles = ("right class named first", f"right class among the first {k}")
for ax, column, title in zip(axes, range(2), titles, strict=True):
    ax.axhline(100 * accuracy[0, column], color="0.6", ls="--", lw=1)
    ax.errorbar(
        shares,
        100 * accuracy[:, column],
        100 * error[:, column],
        marker="o",
        capsize=3,
        color=("tab:blue", "tab:red")[column],
    )
    ax.set(title=title, xscale="log", xlabel="share of the cross entropy")
    ax.set_xticks(shares, [f"{mix:g}" for mix in shares])
    ax.minorticks_off()
    ax.invert_xaxis()
    ax.grid(alpha=0.3)
axes[0].set_ylabel("accuracy, %")
axes[0].annotate(
    "logistic regression",
    (shares[-1], 100 * accuracy[0, 0]),
    ha="right",
    va="top",
    textcoords="offset points",
    xytext=(0, -4),
    color="0.4",
)
fig.suptitle("Six components of the digits: what the top-3 loss gains and costs")
plt.show()
