# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=======================================
Soft sort and soft rank, hard to pooled
=======================================

Sorting is piecewise linear and ranks are piecewise constant: neither tells an optimiser
much. Their soft versions depend on one number, the regularisation strength. This
example follows both operators from exactly hard to completely pooled, and shows the
gradient that appears in between.
"""

# %%
# One sample, a grid of strengths
# -------------------------------
# Six values, sorted and ranked at 400 strengths each. A grid of strengths costs one
# sort: it is an array that broadcasts against the batch shape.

import matplotlib.pyplot as plt
import numpy as np

from sksoft import soft_rank, soft_sort, strength_bounds, vjp

x = np.array([2.6, 0.4, 1.0, -1.9, 1.35, 0.2])
strengths = np.logspace(-2, 2, 400)

sorts = soft_sort(x, regularization_strength=strengths)
ranks = soft_rank(x, regularization_strength=strengths)

for operator in (soft_sort, soft_rank):
    hard, pooled = strength_bounds(operator, x)
    print(f"{operator.__name__}: hard up to {hard:.3g}, one block from {pooled:.3g}")

# %%
# The two operators soften in opposite directions: ranks become soft when the strength
# exceeds the gaps between values, sorted values when it exceeds the reciprocal gaps.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
colors = plt.cm.viridis(np.linspace(0.0, 0.9, len(x)))
by_value = np.argsort(x)

for ax, operator, curves, hard_values, what in (
    (axes[0], soft_sort, sorts, np.sort(x), "softly sorted values"),
    (axes[1], soft_rank, ranks[:, by_value], np.arange(1, 7), "soft ranks"),
):
    for i in range(len(x)):
        ax.plot(strengths, curves[:, i], color=colors[i], lw=2)
        ax.plot(strengths[0], hard_values[i], "o", color=colors[i], clip_on=False)
    hard, pooled = strength_bounds(operator, x)
    for bound, word, side in ((hard, "hard", "right"), (pooled, "one block", "left")):
        ax.axvline(bound, color="0.6", lw=1, ls="--")
        shift = 0.88 if side == "right" else 1.14
        ax.text(
            bound * shift,
            1.01,
            word,
            ha=side,
            va="bottom",
            color="0.4",
            transform=ax.get_xaxis_transform(),
        )
    ax.set(xscale="log", xlabel="regularization_strength", ylabel=what)
    ax.margins(x=0)
fig.suptitle("From hard to pooled: each colour is one value of x")

# %%
# The gradient in between
# -----------------------
# How does the rank of the value 1.0 answer to each value? Nothing moves in the hard
# regime, and little far beyond the pooled one; between the bounds its rank answers to
# its neighbours only. This is why :func:`sksoft.strength_bounds` is the first thing to
# look at.

chosen = np.zeros_like(ranks)
chosen[:, x == 1.0] = 1.0
copies = np.tile(x, (len(strengths), 1))
_, pullback = vjp(soft_rank, copies, regularization_strength=strengths)
gradients = pullback(chosen)

fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for i, j in enumerate(by_value):
    ax.plot(strengths, gradients[:, j], color=colors[i], lw=2, label=f"x = {x[j]:g}")
for bound in strength_bounds(soft_rank, x):
    ax.axvline(bound, color="0.6", lw=1, ls="--")
ax.set(
    xscale="log",
    xlabel="regularization_strength",
    ylabel="derivative of the rank of 1.0",
    title="Where the gradient of a soft rank lives",
)
ax.margins(x=0)
ax.legend(frameon=False)
plt.show()
