# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Model selection that wrong rows cannot fool
===========================================

A grid search scores its candidates on held-out rows, and these are as wrong as the
others. Scored by R2, the model that pays attention to wrong rows wins; a trimmed score
looks at the rows that can be predicted.
"""

# %%
# The trap
# --------
# 40 % of the targets get large one-sided errors. The grid spans from hard trimming to
# plain least squares. The candidates are judged as the search does it, on wrong rows,
# by R2 and by the trimmed mean squared error, and then on rows that are right.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, train_test_split

from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.metrics import neg_trimmed_mean_squared_error_scorer

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
rng = np.random.default_rng(0)
wrong = rng.permutation(len(y_train))[: int(0.4 * len(y_train))]
y_wrong = y_train.copy()
y_wrong[wrong] += 5 * y_train.std() * (1 + rng.random(len(wrong)))

strengths = [0.0, 1.0, 3.0, 10.0, 100.0, 1e3, 1e4]
regressor = LeastTrimmedSquaresRegressor(reweight=False, n_starts=100, random_state=0)
search = GridSearchCV(
    regressor,
    {"regularization_strength": strengths},
    scoring={"R2": "r2", "trimmed": neg_trimmed_mean_squared_error_scorer},
    refit="trimmed",
    cv=5,
).fit(X_train, y_wrong)

# %%
# R2 prefers the candidates that predict the average of right and wrong rows.
positions = np.arange(len(strengths))
true_scores = [
    regressor.set_params(regularization_strength=s)
    .fit(X_train, y_wrong)
    .score(X_test, y_test)
    for s in strengths
]
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
panels = [
    ("Search by R2", search.cv_results_["mean_test_R2"], "C3"),
    (
        "Search by trimmed squared error",
        -np.sqrt(-search.cv_results_["mean_test_trimmed"]),
        "C0",
    ),
    ("Truth: R2 on right rows", true_scores, "k"),
]
for ax, (title, values, color) in zip(axes, panels, strict=True):
    ax.plot(positions, values, "o-", color=color)
    best = int(np.argmax(values))
    ax.plot(best, values[best], "*", color=color, markersize=16)
    ax.set_xticks(positions, [f"{s:g}" for s in strengths])
    ax.set(title=title, xlabel="regularization_strength")
axes[0].set_ylabel("higher is better")
plt.show()
for name in ("R2", "trimmed"):
    chosen = int(np.argmax(search.cv_results_[f"mean_test_{name}"]))
    print(
        f"chosen by {name}: strength {strengths[chosen]:g}, "
        f"R2 on right rows {true_scores[chosen]:.2f}"
    )
