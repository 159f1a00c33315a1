# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Robust or not: a soft mask against a soft sort
==============================================

There are two soft versions of least trimmed squares. One sums the smallest losses after
a soft sort; the other weights the rows by a soft mask of the smallest losses. Only the
second is robust. This example moves some rows away and watches the fits.
"""

# %%
# Why the soft sort breaks down
# -----------------------------
# A soft sort replaces values whose gaps are *large* by common averages. The farthest
# loss is thus the first to be mixed with others, and the farther it is, the more rows
# it drags along, until the sum of the smallest losses is that of all. The soft mask
# gives a row far away the weight 0, at any strength.
import matplotlib.pyplot as plt
import numpy as np

from sksoft.linear_model import LeastTrimmedSquaresRegressor

rng = np.random.default_rng(0)
n_samples, n_features = 100, 3
X = rng.normal(size=(n_samples, n_features))
y = X.sum(axis=1) + rng.normal(size=n_samples)
distances = np.logspace(0, 6, 13)


def error(distance, **parameters):
    """Return the error of the coefficients if ten rows are moved away."""
    y_moved = y.copy()
    y_moved[:10] += distance
    reg = LeastTrimmedSquaresRegressor(
        trim_fraction=0.25, reweight=False, random_state=0, n_starts=50, **parameters
    ).fit(X, y_moved)
    return np.hypot(np.linalg.norm(reg.coef_ - 1), reg.intercept_)


# %%
# Each curve is one strength. The softer the sort, the sooner it breaks down; the mask
# never does, and gains precision from its softness.
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, formulation, strengths in [
    (axes[0], "mask", [0.1, 1, 10, 100]),
    (axes[1], "sort", [0.001, 0.1, 1, 10]),
]:
    for color, strength in zip(
        plt.cm.viridis([0, 0.3, 0.6, 0.85]), strengths, strict=True
    ):
        errors = [
            error(d, formulation=formulation, regularization_strength=strength)
            for d in distances
        ]
        ax.loglog(distances, errors, "o-", color=color, markersize=4, label=strength)
    ax.set(xlabel="distance of ten rows", title=f'formulation="{formulation}"')
    ax.legend(title="strength")
axes[0].set_ylabel("error of the coefficients")
plt.show()
