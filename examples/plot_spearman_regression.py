# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=================================
Optimising Spearman's coefficient
=================================

Where only the order of predictions matters, fit the order. The loss
:func:`~sksoft.losses.soft_spearman_loss` compares the soft ranks of predictions with
the ranks of the target, and its gradient is exact, so any minimiser will do.
"""

# %%
# From least squares to ranks
# ---------------------------
# The target is the progression of diabetes, distorted by an increasing function, as if
# read off an unknown scale: least squares suffers, ranks do not notice. A large
# strength pools the predictions, and the loss is so flat that the fit stays at least
# squares, where it begins. A small one ranks almost exactly, and leaves next to no
# gradient: the fits go from large strengths to small ones, each from the solution
# before. Strengths are multiples of the spread of the predictions over the number of
# samples, a typical gap.

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import scale

from sksoft.losses import soft_spearman_loss

X, y = load_diabetes(return_X_y=True)
X = scale(X)
y = np.exp(y / 40.0)


def fit_order(X, y, gaps, start):
    """Return coefficients that minimise the loss, where predictions have spread 1."""

    def objective(coef):
        predicted = X @ coef
        spread = predicted.std()
        centred = predicted / spread
        value, gradient = soft_spearman_loss(
            centred, y, regularization_strength=gaps / len(y)
        )
        # The derivative of the division by the spread.
        slope = gradient - gradient @ centred / len(y) * (centred - centred.mean())
        return value, X.T @ slope / spread

    return minimize(objective, start, jac=True, method="L-BFGS-B").x


strengths = np.logspace(-1, 3, 15)
rho = {"train": [], "test": []}
baseline = []
for train, test in KFold(5, shuffle=True, random_state=0).split(X):
    coef = LinearRegression().fit(X[train], y[train]).coef_
    baseline.append(spearmanr(X[test] @ coef, y[test]).statistic)
    curve = []
    for gaps in strengths[::-1]:
        coef = fit_order(X[train], y[train], gaps, coef)
        curve.append([spearmanr(X[i] @ coef, y[i]).statistic for i in (train, test)])
    rho["train"].append(np.array(curve)[::-1, 0])
    rho["test"].append(np.array(curve)[::-1, 1])

fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
for name, color in (("train", "tab:blue"), ("test", "tab:red")):
    ax.semilogx(strengths, np.mean(rho[name], axis=0), "o-", color=color, label=name)
ax.axhline(np.mean(baseline), color="0.4", ls="--", label="least squares, test")
ax.set(
    xlabel="strength, in typical gaps",
    ylabel="Spearman's coefficient, mean of 5 folds",
    title="A linear model fitted to the order of the target",
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()
