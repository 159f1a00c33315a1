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
from sklearn.linear_model import HuberRegressor

from sksoft.linear_model import LeastTrimmedSquaresRegressor

n_samples, n_features, n_repeats = 100, 3, 20
distances = np.logspace(0, 4, 5)


def errors(model, distance):
    """Return the errors of the coefficients if ten rows of each sample are moved."""
    found = []
    for seed in range(n_repeats):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_samples, n_features))
        y = X.sum(axis=1) + rng.normal(size=n_samples)
        y[:10] += distance
        model.fit(X, y)
        found.append(np.hypot(np.linalg.norm(model.coef_ - 1), model.intercept_))
    return found


def quartiles(model):
    """Return the quartiles of the errors at all distances."""
    found = [errors(model, distance) for distance in distances]
    return np.quantile(found, [0.25, 0.5, 0.75], axis=1)


def draw(ax, found, **style):
    """Draw the median of the errors and a band that holds their middle half."""
    low, middle, high = found
    (line,) = ax.loglog(distances, middle, markersize=4, **style)
    ax.fill_between(distances, low, high, color=line.get_color(), alpha=0.15, lw=0)


# %%
# Each curve is one strength, the median of 20 samples, with a band that holds their
# middle half. The softer the sort, the sooner it breaks down; the mask does not, at any
# of the strengths. Huber's regression, dashed, is as good here: wrong targets alone, in
# a tenth of the rows, do it little harm. Wrong features do: see
# :doc:`plot_contamination`.
huber = quartiles(HuberRegressor(max_iter=1000))
fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), sharey=True, layout="constrained")
for ax, formulation, strengths in [
    (axes[0], "mask", [0.1, 1, 10]),
    (axes[1], "sort", [0.001, 0.1, 10]),
]:
    draw(ax, huber, color="k", linestyle="--", label="Huber's regression")
    for color, strength in zip(
        plt.cm.viridis(np.linspace(0, 0.85, len(strengths))), strengths, strict=True
    ):
        model = LeastTrimmedSquaresRegressor(
            trim_fraction=0.25,
            reweight=False,
            random_state=0,
            n_starts=10,
            formulation=formulation,
            regularization_strength=strength,
        )
        draw(
            ax,
            quartiles(model),
            color=color,
            marker="o",
            label=f"strength {strength:g}",
        )
    ax.set(xlabel="distance of the moved rows", title=f'formulation="{formulation}"')
    ax.legend(loc="upper left", fontsize=9)
axes[0].set_ylabel("error of the coefficients")
fig.suptitle("Ten of 100 rows move away: the mask lets go of them, the sort follows")
plt.show()
