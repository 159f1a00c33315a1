# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Classification with wrong labels
================================

A share of the labels of a training set is flipped. Logistic regression believes them
all; :class:`sksoft.linear_model.TrimmedLogisticRegression` leaves out, in each class,
the rows whose labels fit worst. Both are judged by correct labels.
"""

# %%
# Wrong labels cost more than missing ones
# ----------------------------------------
# The share to trim should be at least the share of wrong labels; trimming more than
# that costs little.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.linear_model import TrimmedLogisticRegression

X, y = load_breast_cancer(return_X_y=True)
models = {
    "LogisticRegression": LogisticRegression(max_iter=1000),
    "trimmed, 25 %": TrimmedLogisticRegression(trim_fraction=0.25),
    "trimmed, 40 %": TrimmedLogisticRegression(trim_fraction=0.4),
}
shares = [0, 0.1, 0.2, 0.3, 0.4]
scores = {name: np.empty((len(shares), 5)) for name in models}
for seed in range(5):
    rng = np.random.default_rng(seed)
    parts = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y)
    X_train, X_test, y_train, y_test = parts
    order = rng.permutation(len(y_train))
    for i, share in enumerate(shares):
        y_noisy = y_train.copy()
        flipped = order[: int(share * len(order))]
        y_noisy[flipped] = 1 - y_noisy[flipped]
        for name, model in models.items():
            pipeline = make_pipeline(StandardScaler(), model).fit(X_train, y_noisy)
            scores[name][i, seed] = pipeline.score(X_test, y_test)

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, values in scores.items():
    ax.errorbar(
        100 * np.array(shares),
        values.mean(axis=1),
        values.std(axis=1),
        fmt="k:o" if name == "LogisticRegression" else "-o",
        capsize=3,
        markersize=4,
        label=name,
    )
ax.set(
    xlabel="wrong training labels (%)",
    ylabel="accuracy on correct labels",
    title="Breast cancer data",
)
ax.legend()
plt.show()
