# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Model selection that wrong rows cannot fool
===========================================

A grid search scores its candidates on held-out rows, and these are as wrong as the
others. Scored by R2, the model that pays attention to wrong rows wins; a score that
leaves out the rows predicted worst looks at those that can be predicted.
"""

# %%
# The trap
# --------
# 40 % of the targets get large one-sided errors. The grid spans from hard trimming to
# plain least squares. The search, on wrong rows, goes by R2, by the mean absolute
# error, by the median absolute error, which is scikit-learn's own robust score, and by
# the trimmed mean squared error. Then each choice is judged on rows that are right. All
# that on 20 splits of the data.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, train_test_split

from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.metrics import neg_trimmed_mean_squared_error_scorer

X, y = load_diabetes(return_X_y=True)
strengths = [0.0, 1.0, 10.0, 100.0, 1e4]
scoring = {
    "R2": "r2",
    "mean absolute": "neg_mean_absolute_error",
    "median absolute": "neg_median_absolute_error",
    "trimmed squared": neg_trimmed_mean_squared_error_scorer,
}
regressor = LeastTrimmedSquaresRegressor(reweight=False, n_starts=5, random_state=0)
search = GridSearchCV(
    regressor,
    {"regularization_strength": strengths},
    scoring=scoring,
    refit=False,
    cv=3,
)
n_repeats = 20
truth = np.empty((n_repeats, len(strengths)))
chosen = {name: np.empty(n_repeats, dtype=int) for name in scoring}
for seed in range(n_repeats):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(y_train))[: int(0.4 * len(y_train))]
    y_wrong = y_train.copy()
    y_wrong[wrong] += 5 * y_train.std() * (1 + rng.random(len(wrong)))
    results = search.fit(X_train, y_wrong).cv_results_
    for name in scoring:
        chosen[name][seed] = np.argmax(results[f"mean_test_{name}"])
    for i, strength in enumerate(strengths):
        regressor.set_params(regularization_strength=strength).fit(X_train, y_wrong)
        truth[seed, i] = regressor.score(X_test, y_test)

# %%
# R2 prefers the candidates that predict the average of right and wrong rows. Here each
# of the other scores avoids the trap, those of scikit-learn included.
fig, axes = plt.subplots(
    1, 2, figsize=(10.5, 4.4), width_ratios=[1, 1.3], layout="constrained", sharey=True
)
positions = np.arange(len(strengths))
low, middle, high = np.quantile(truth, [0.25, 0.5, 0.75], axis=0)
axes[0].plot(positions, middle, "ko-")
axes[0].fill_between(positions, low, high, color="k", alpha=0.15, lw=0)
axes[0].set_xticks(positions, [f"{s:g}" for s in strengths])
axes[0].set(
    title="The candidates",
    xlabel="regularization_strength",
    ylabel="R2 on right rows",
    yscale="symlog",
)
jitter = np.random.default_rng(0).uniform(-0.25, 0.25, size=n_repeats)
for i, (name, choice) in enumerate(chosen.items()):
    found = truth[np.arange(n_repeats), choice]
    axes[1].plot(i + jitter, found, "o", color=f"C{i}", alpha=0.6)
    axes[1].hlines(np.median(found), i - 0.35, i + 0.35, color="k")
    print(
        f"{name}: R2 on right rows, median {np.median(found):.2f}, "
        f"worst {found.min():.2f}"
    )
axes[1].set_xticks(range(len(chosen)), chosen)
axes[1].set(
    title="The choice in each of 20 splits, and the median",
    xlabel="score of the search",
)
fig.suptitle(
    "R2 chooses a useless model in every split; absolute and trimmed errors do not"
)
plt.show()
