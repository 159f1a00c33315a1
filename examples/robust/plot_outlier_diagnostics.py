# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Which rows are out of the ordinary?
===================================

Small tables on which least squares goes wrong have accompanied robust statistics for
decades: the stars of the cluster CYG OB1, the stack loss plant, the data of Hawkins,
Bradu and Kass. :class:`sksoft.linear_model.LeastTrimmedSquaresRegressor` finds the rows
that spoil the fit.
"""

# %%
# Stars: four giants against the main sequence
# --------------------------------------------
# Logarithms of surface temperature and of light intensity of 47 stars; from P. J.
# Rousseeuw and A. M. Leroy (1987), *Robust Regression and Outlier Detection*, Wiley,
# page 27. Four giant stars in the corner turn the line of least squares around.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression

from sksoft.inspection import TrimmingDisplay
from sksoft.linear_model import LeastTrimmedSquaresRegressor

stars = np.array(
    """
    4.37 5.23 4.56 5.74 4.26 4.93 4.56 5.74 4.30 5.19 4.46 5.46 3.84 4.65 4.57 5.27
    4.26 5.57 4.37 5.12 3.49 5.73 4.43 5.45 4.48 5.42 4.01 4.05 4.29 4.26 4.42 4.58
    4.23 3.94 4.42 4.18 4.23 4.18 3.49 5.89 4.29 4.38 4.29 4.22 4.42 4.42 4.49 4.85
    4.38 5.02 4.42 4.66 4.29 4.66 4.38 4.90 4.22 4.39 3.48 6.05 4.38 4.42 4.56 5.10
    4.45 5.22 3.49 6.29 4.23 4.34 4.62 5.62 4.53 5.10 4.45 5.22 4.53 5.18 4.43 5.57
    4.38 4.62 4.45 5.06 4.50 5.34 4.45 5.34 4.55 5.54 4.45 4.98 4.42 4.50
    """.split(),
    dtype=float,
).reshape(-1, 2)
temperature, light = stars[:, :1], stars[:, 1]
robust = LeastTrimmedSquaresRegressor(random_state=0).fit(temperature, light)
plain = LinearRegression().fit(temperature, light)
print(robust.summary())

fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
kept = ~robust.outlier_mask_
ax.scatter(temperature[kept], light[kept], facecolors="none", edgecolors="C0")
ax.scatter(temperature[~kept], light[~kept], marker="x", color="C3", label="dropped")
grid = np.array([[3.4], [4.7]])
ax.plot(grid, plain.predict(grid), "k--", label="least squares")
ax.plot(grid, robust.predict(grid), "C0", label="least trimmed squares")
ax.set(
    xlabel="log temperature",
    ylabel="log light intensity",
    ylim=(3.5, 6.6),
    title="Stars of CYG OB1",
)
ax.legend()
plt.show()

# %%
# Stack loss: which days were not ordinary?
# -----------------------------------------
# 21 days of a plant that oxidises ammonia: air flow, water temperature, acid
# concentration and the loss of ammonia; from K. A. Brownlee (1965), *Statistical Theory
# and Methodology in Science and Engineering*, Wiley, page 454.
stackloss = np.array(
    """
    80 27 89 42 80 27 88 37 75 25 90 37 62 24 87 28 62 22 87 18 62 23 87 18 62 24 93 19
    62 24 93 20 58 23 87 15 58 18 80 14 58 18 89 14 58 17 88 13 58 18 82 11 58 19 93 12
    50 18 89  8 50 18 86  7 50 19 72  8 50 19 79  8 50 20 80  9 56 20 82 15 70 20 91 15
    """.split(),
    dtype=float,
).reshape(-1, 4)
X, y = stackloss[:, :3], stackloss[:, 3]
robust = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
print("days out of the ordinary:", np.flatnonzero(robust.outlier_mask_) + 1)

# %%
# Leverage: near the plane, far from the others
# ---------------------------------------------
# Drawn against the robust distance of the features, the residuals tell bad leverage
# points, far out on the right and off the line, from good ones. The table of D. M.
# Hawkins, D. Bradu and G. V. Kass (1984), *Technometrics* 26, 197-208, has 75 rows of
# which 10 bad and 4 good ones lie far away. These rows are drawn to be like it: least
# squares bends towards the bad ones, and then finds nothing wrong with them.
rng = np.random.default_rng(0)
X = rng.uniform(0, 3.5, size=(75, 3))
y = rng.uniform(-0.7, 0.7, size=75)
X[:14] = [9.5, 20, 28] + rng.normal(scale=0.5, size=(14, 3))
y[:10] += 10
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, layout="constrained")
robust = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
TrimmingDisplay.from_estimator(robust, X, y, kind="distance", ax=axes[0])
axes[0].set_title("Least trimmed squares")
blind = LeastTrimmedSquaresRegressor(regularization_strength=np.inf).fit(X, y)
TrimmingDisplay.from_estimator(blind, X, y, kind="distance", ax=axes[1])
axes[1].set_title("Least squares")
plt.show()
