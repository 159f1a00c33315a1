# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
==========================================
Quantile normalisation that has a gradient
==========================================

Columns that measure different things rarely follow the same distribution. Quantile
normalisation gives them one: each value becomes the quantile, of a target, at its rank.
It is blind to scale, but piecewise constant; with soft ranks it becomes a smooth map.
The data are the ten measurements of the variation of cell nuclei in the Wisconsin
breast cancer table, which ships with scikit-learn.
"""

# %%
# Ten columns, three distributions
# --------------------------------
# Even after standardising, the columns differ in skewness and in their tails. The mean
# of the sorted columns is the usual target in genomics (``target=None``); another is a
# distribution of :mod:`scipy.stats`. The small bump on the right are patients who share
# the value zero in two columns: ties keep a common rank.

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from sksoft import soft_quantile_normalize, vjp

data = load_breast_cancer()
table = scale(data.data[:, 10:20])
names = [name.removesuffix(" error") for name in data.feature_names[10:20]]

exact = {"axis": 0, "regularization_strength": 0.0}
common = soft_quantile_normalize(table, **exact)
normal = soft_quantile_normalize(table, stats.norm(), **exact)

fig, axes = plt.subplots(1, 3, figsize=(11, 4.2), sharey=True, layout="constrained")
grid = np.linspace(-3.0, 5.0, 400)
colors = plt.cm.viridis(np.linspace(0.0, 0.95, 10))
for ax, columns, title in (
    (axes[0], table, "standardised columns"),
    (axes[1], common, "to the mean of the columns"),
    (axes[2], normal, "to the normal distribution"),
):
    for column, color in zip(columns.T, colors, strict=True):
        ax.plot(grid, stats.gaussian_kde(column, 0.15)(grid), color=color, lw=1.4)
    skewness = np.abs(stats.skew(columns, axis=0))
    ax.text(
        0.95,
        0.92,
        f"skewness {skewness.min():.1f} to {skewness.max():.1f}",
        transform=ax.transAxes,
        ha="right",
    )
    ax.set(title=title, xlabel="value", xlim=(-3.0, 5.0))
axes[0].set_ylabel("density")
fig.suptitle("Ten columns of any shape become ten of the same shape")

# %%
# From steps to slopes
# --------------------
# On the left, one column and what becomes of it: a large strength brings the values
# together at the median. On the right, one patient's value travels through those of the
# others. The exact result climbs a step at each of them; the soft one has a slope
# everywhere. The strength is in the unit of the column.

column = table[:, names.index("concave points")]
order = np.argsort(column)
path = np.linspace(0.02, 0.12, 500)
rows = np.tile(column, (len(path), 1))
rows[:, order[-1]] = path

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for ax, strengths in ((axes[0], (0.0, 0.5, 2.0)), (axes[1], (0.0, 3e-3, 1e-2))):
    for strength, color in zip(strengths, ("0.6", "tab:red", "tab:blue"), strict=True):
        label = f"strength {strength:g}" if strength else "exact"
        params = {"method": "laplace", "regularization_strength": strength}
        if ax is axes[0]:
            values, mapped = (
                column[order],
                soft_quantile_normalize(column[order], stats.norm(), **params),
            )
        else:
            mapped = soft_quantile_normalize(rows, stats.norm(), **params)
            values, mapped = path, mapped[:, order[-1]]
        ax.plot(values, mapped, color=color, lw=2, label=label)
    ax.set(xlabel="concave points, standardised", ylabel="normalised value")
    ax.legend(frameon=False, loc="upper left")
axes[0].set_title("a column")
axes[1].set_title("a travelling patient")
fig.suptitle("Exact normalisation climbs steps; the soft one has a slope everywhere")
axes[1].margins(x=0)

# %%
# A gradient through the normalisation
# ------------------------------------
# A score of the normalised table can now be traced back to the measurements. Here the
# score is the difference of the class means, summed over the columns, and the bars show
# how far one patient would move it, per standard deviation of each measurement.

benign = data.target == 1
weight = np.where(benign, -1.0 / benign.sum(), 1.0 / (~benign).sum())
value, pullback = vjp(
    soft_quantile_normalize,
    table,
    stats.norm(),
    axis=0,
    method="laplace",
    regularization_strength=0.3,
)
print("class means differ by", ((weight @ value).round(2)))
gradient = pullback(np.tile(weight[:, None], 10))

patient = 100
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
order = np.argsort(gradient[patient])
ax.barh(np.array(names)[order], 1e3 * gradient[patient][order], color="tab:blue")
ax.axvline(0.0, color="0.5", lw=0.8)
ax.set(
    xlabel="change of the score, in thousandths, per standard deviation",
    title="What one patient's measurements add to the score",
)
plt.show()
