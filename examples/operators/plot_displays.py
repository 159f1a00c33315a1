# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=========================
Pictures in a single line
=========================

The displays of :mod:`sksoft.inspection` draw what operators and fitted models do, with
the interface of scikit-learn's displays: ``from_...`` computes and draws, ``plot``
draws once more, on axes of your choice.
"""

# %%
# An operator from hard to pooled
# -------------------------------
# Look at this picture before you choose a strength: left of the first dashed line the
# operator is hard, right of the second everything is one block.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_iris

from sksoft import soft_rank, soft_topk
from sksoft.inspection import (
    NeighborhoodDisplay,
    SoftRankDisplay,
    StrengthPathDisplay,
    TrimmingDisplay,
)
from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.neighbors import SoftKNeighborsClassifier
from sksoft.preprocessing import SoftRankTransformer

x = [2.9, 0.1, 1.2, 1.4, 2.1]
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
StrengthPathDisplay.from_operator(soft_rank, x, ax=axes[0])
StrengthPathDisplay.from_operator(soft_topk, x, 2, method="permutahedron", ax=axes[1])
fig.suptitle("Strength paths: five ranks, and a mask of the two largest")

# %%
# What becomes of a feature
# -------------------------
# Soft ranks are steep where a sample is dense. The ticks are the training sample.

X, y = load_diabetes(return_X_y=True, as_frame=True)
fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, strength in zip(axes, (0.3, 30.0), strict=True):
    transformer = SoftRankTransformer(regularization_strength=strength).fit(X)
    SoftRankDisplay.from_estimator(transformer, X, feature="s6", ax=ax)
    ax.set_title(f"regularization_strength={strength:g}")
fig.suptitle("Ranks on the left, nearly the raw feature on the right")

# %%
# Who votes, and who was left out
# -------------------------------

iris, species = load_iris(return_X_y=True)
model = SoftKNeighborsClassifier(n_components=2, random_state=0).fit(iris, species)
rng = np.random.default_rng(0)
spoilt = y.to_numpy(copy=True)
spoilt[rng.permutation(len(y))[:60]] += 500.0
robust = LeastTrimmedSquaresRegressor(random_state=0).fit(X, spoilt)
fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
NeighborhoodDisplay.from_estimator(model, iris[54::25], labels=species, ax=axes[0])
TrimmingDisplay.from_estimator(robust, X, spoilt, ax=axes[1])
axes[0].set_title("iris: neighbours of four flowers")
axes[1].set_title("diabetes, 60 targets spoilt")
plt.show()
