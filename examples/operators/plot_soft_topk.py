# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=============================
Soft top-k, three relaxations
=============================

The mask of the k largest scores is a step: 1 from the k-th largest score on, 0 below.
A soft mask replaces the step by a curve but still sums to k, so that a loss of it has a
gradient in the scores. This example puts three of them side by side: the transport
mask of Xie et al. (2020), a logistic curve; the sparse mask of Sander et al. (2023),
which is exactly 0 or 1 away from the threshold; and the mask of LapSum.
"""

# %%
# Masks against scores
# --------------------
# Forty scores, ten to select. Strengths are in the unit of the scores.

import matplotlib.pyplot as plt
import numpy as np

from sksoft import soft_topk, vjp

rng = np.random.default_rng(0)
scores = np.sort(rng.normal(size=40))
k = 10
strengths = np.array([0.03, 0.2, 0.6, 2.0])
methods = {
    "transport (Xie et al.)": {"method": "sinkhorn"},
    "permutahedron, L2 (sparse)": {"method": "permutahedron"},
    "laplace (LapSum)": {"method": "laplace"},
}
colors = plt.cm.viridis(np.linspace(0.0, 0.85, len(strengths)))
boundary = 0.5 * (scores[-k] + scores[-k - 1])

fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
for ax, (name, params) in zip(axes, methods.items(), strict=True):
    masks = soft_topk(scores, k, regularization_strength=strengths, **params)
    print(f"{name}: each mask sums to", masks.sum(axis=1).round(12))
    for mask, strength, color in zip(masks, strengths, colors, strict=True):
        ax.plot(scores, mask, "o-", color=color, ms=3.5, lw=1, label=f"{strength:g}")
    ax.axvline(boundary, color="0.6", lw=0.8, ls=":")
    ax.set(title=name, xlabel="score")
axes[0].set_ylabel("mask")
axes[0].legend(title="strength", loc="upper left")
plt.show()

# %%
# How much of the mask is soft, and who feels a gradient
# ------------------------------------------------------
# At a moderate strength the transport mask gives every score some gradient; the sparse
# mask gives it to the few scores near the threshold and none to the others. Counting
# the entries strictly between 0 and 1 shows the same at all strengths: in double
# precision a logistic curve is 1 to the last bit some 37 strengths above the threshold,
# but below it is 0 only after some 700.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
grid = np.logspace(-4, 1, 120)
looks = [("o", "-"), ("s", "-"), ("^", (0, (2, 2)))]
for (name, params), (marker, dashes) in zip(methods.items(), looks, strict=True):
    _, pullback = vjp(soft_topk, scores, k, regularization_strength=0.2, **params)
    own = [pullback(unit)[i] for i, unit in enumerate(np.eye(len(scores)))]
    (line,) = left.plot(scores, own, marker + "-", ms=3.5, lw=1, label=name)
    masks = soft_topk(scores, k, regularization_strength=grid, **params)
    soft = ((masks > 0.0) & (masks < 1.0)).sum(axis=1)
    right.semilogx(grid, soft, color=line.get_color(), ls=dashes, lw=2)
left.axvline(boundary, color="0.6", lw=0.8, ls=":")
left.set(
    title="Strength 0.2",
    xlabel="score",
    ylabel="derivative of the mask in its own score",
)
left.legend(loc="upper left")
right.set(
    title=f"Of {len(scores)} entries, {k} selected (same colours)",
    xlabel="strength",
    ylabel="entries strictly between 0 and 1",
)
plt.show()
