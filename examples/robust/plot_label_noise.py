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
# Two kinds of wrong labels
# -------------------------
# On the left labels are flipped at random. On the right a share of the benign tumours
# is called malignant, and these are the ones that are benign beyond doubt. The rivals
# are cheap: logistic regression with a strong penalty, which believes a single label
# less, and the vote of 25 neighbours, which outvotes it.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from sksoft.linear_model import TrimmedLogisticRegression

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
models = {
    "logistic regression": (LogisticRegression(max_iter=1000), "k:"),
    "logistic regression, C=0.01": (LogisticRegression(C=0.01), "C2--"),
    "25 nearest neighbours": (KNeighborsClassifier(25), "C1-."),
    "trimmed, 25 % (default)": (TrimmedLogisticRegression(), "C0-"),
    "trimmed, 40 %": (TrimmedLogisticRegression(trim_fraction=0.4), "C3-"),
}
shares = np.array([0.0, 0.15, 0.3])
kinds = ["flipped at random", "surest benign ones called malignant"]
n_repeats = 20


def flipped(kind, share, X, y, rng):
    """Return labels of which a share is wrong."""
    y = y.copy()
    if kind == "flipped at random":
        rows = rng.permutation(len(y))[: int(share * len(y))]
    else:
        benign = np.flatnonzero(y == 1)
        surest = np.argsort(
            -LogisticRegression().fit(X, y).decision_function(X[benign])
        )
        rows = benign[surest[: int(share * len(benign))]]
    y[rows] = 1 - y[rows]
    return y


accuracy = {(kind, name): [] for kind in kinds for name in models}
for seed in range(n_repeats):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.6, random_state=seed, stratify=y
    )
    for kind in kinds:
        rng = np.random.default_rng(seed)
        noisy = [flipped(kind, share, X_train, y_train, rng) for share in shares]
        for name, (model, _) in models.items():
            accuracy[kind, name].append(
                [
                    100 * model.fit(X_train, labels).score(X_test, y_test)
                    for labels in noisy
                ]
            )

# %%
# Means over 20 splits; the bars are standard deviations. If all labels are right, plain
# logistic regression is best. The share to trim should be larger than the share of
# wrong labels: with 30 % of them wrong, trimming 25 % leaves enough to mislead, and the
# cheap rivals do better.
fig, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharey=True, layout="constrained")
for ax, kind in zip(axes, kinds, strict=True):
    for i, (name, (_, style)) in enumerate(models.items()):
        values = np.array(accuracy[kind, name])
        ax.errorbar(
            100 * shares + 0.5 * (i - 2),
            values.mean(axis=0),
            values.std(axis=0),
            fmt=style,
            marker="o",
            capsize=3,
            markersize=4,
            label=name,
        )
    ax.set(xlabel="wrong training labels (%)", title=kind.capitalize())
    ax.set_xticks(100 * shares)
axes[0].set_ylabel("accuracy on correct labels (%)")
fig.suptitle(
    "Trim more than is wrong: it costs a point or two on clean labels and saves many"
)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
