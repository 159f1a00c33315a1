# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
========================================
Five ways to soften a rank, and the cost
========================================

The rank of a value jumps by one whenever the value passes another, and
:func:`sksoft.soft_rank` replaces the jumps by slopes in five ways. This example lets
one value travel through nine others to see the slopes, and then times the methods as
the number of values grows.
"""

# %%
# The rank of a travelling value
# ------------------------------
# Nine values stay where they are and a tenth moves from left to right. With the default
# method, "permutahedron", ranks are exactly hard wherever neighbours are further apart
# than the strength; the others are sums of smooth steps, one at each value that is
# passed, or expected positions under a transport plan ("sinkhorn").

import time
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from sksoft import soft_rank, vjp

resting = np.array([-2.6, -2.1, -0.9, -0.8, 0.0, 0.3, 1.2, 2.0, 2.2])
path = np.linspace(-3.6, 3.6, 800)
rows = np.column_stack([path, np.tile(resting, (len(path), 1))])

methods = ["permutahedron", "sinkhorn", "logistic", "gaussian", "laplace"]
colors = dict(zip(methods, plt.cm.tab10.colors, strict=False))
fig, axes = plt.subplots(
    2, 3, figsize=(10, 6), sharex=True, sharey=True, layout="constrained"
)
for ax, method in zip(axes.flat, methods, strict=False):
    for strength, width in ((0.0, 0.8), (0.08, 2.2), (0.6, 1.2)):
        ranks = soft_rank(rows, method=method, regularization_strength=strength)[:, 0]
        hard = strength == 0.0
        ax.plot(
            path,
            ranks,
            lw=width,
            color="0.6" if hard else colors[method],
            ls="--" if strength == 0.6 else "-",
            zorder=1 if hard else 2,
            label="hard" if hard else f"strength {strength}",
        )
    ax.plot(resting, np.full(9, 0.3), "|", color="0.3", ms=9, clip_on=False)
    ax.set_title(method, color=colors[method])
    ax.legend(frameon=False, loc="upper left", fontsize=9)
    ax.set(xlim=(-3.6, 3.6), ylim=(0.3, 10.7), yticks=range(1, 11))
for ax in axes[1]:
    ax.set_xlabel("travelling value")
for ax in axes[:, 0]:
    ax.set_ylabel("its rank among ten")
axes[0, 2].tick_params(labelbottom=True)
axes[0, 2].set_xlabel("travelling value")
axes[1, 2].axis("off")

# %%
# What a rank and its gradient cost
# ---------------------------------
# One row of n values, its ranks and one gradient, on one thread. The strength is a
# tenth of the spread, so that the pairwise methods have to look at nearly all pairs.
# The permutahedron pools long rows into one block at this strength, for which it needs
# no order at all; at smaller ones they still take less time than the dotted line, an
# exact sort.


def seconds(call):
    """Return the best of three runs, after one to warm up."""
    call()
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def rank_and_gradient(x, method):
    """Evaluate the ranks of x and the gradient of half their squared norm."""
    ranks, pullback = vjp(soft_rank, x, method=method, regularization_strength=0.1)
    return pullback(ranks)


def label(text, size, duration, color, offset):
    """Write the name of a curve at its end."""
    ax.annotate(
        text,
        (size, duration),
        xytext=offset,
        textcoords="offset points",
        va="center",
        color=color,
    )


rng = np.random.default_rng(0)
samples = {n: rng.normal(size=n) for n in (10, 30, 100, 300, 1000, 3000)}
samples |= {n: rng.normal(size=n) for n in (10_000, 30_000, 100_000, 300_000)}
largest = {"sinkhorn": 300, "logistic": 3000, "gaussian": 3000}
# Two curves end in one place: their names make room for each other, and for others.
offsets = {"gaussian": (7, 7), "logistic": (7, -7), "laplace": (7, 9)}
offsets |= {"permutahedron": (7, 0), "sinkhorn": (-62, 6)}
fig, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
for method in methods:
    sizes = [n for n in samples if n <= largest.get(method, 300_000)]
    times = [seconds(partial(rank_and_gradient, samples[n], method)) for n in sizes]
    ax.plot(sizes, times, "o-", color=colors[method], ms=4)
    label(method, sizes[-1], times[-1], colors[method], offsets[method])
    print(f"{method:14} n = {sizes[-1]:6}: {1e3 * times[-1]:8.2f} ms")
times = [seconds(partial(np.argsort, x)) for x in samples.values()]
ax.plot(list(samples), times, ":", color="0.4")
label("numpy.argsort", 300_000, times[-1], "0.4", (7, -14))
ax.set(
    xscale="log",
    yscale="log",
    xlim=(8, 6e6),
    xlabel="number of values n",
    ylabel="seconds for ranks and gradient",
    title="Sorting pays: O(n log n) against O(n²) and O(n³)",
)
ax.margins(y=0.08)
ax.grid(which="major", color="0.9")
plt.show()
