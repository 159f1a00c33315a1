# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
===================================================
Quantile normalisation of samples from two machines
===================================================

A sample of gene expression is many numbers from one machine, and machines differ in
gain and saturation. Quantile normalisation gives all samples the same distribution.
:class:`~sksoft.preprocessing.QuantileNormalizer` learns that distribution from training
samples, and maps each new sample on its own: it fits in a pipeline, and nothing of the
test samples leaks into training.
"""

# %%
# Two machines
# ------------
# The stand-in for expression is an image of a handwritten digit, 64 intensities. A
# second machine reads each image with a gain, an offset and a saturation of its own.
# The first picture shows the sorted values of some samples.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from sksoft.preprocessing import QuantileNormalizer

rng = np.random.default_rng(0)
X, y = load_digits(return_X_y=True)
X = X + rng.uniform(0.0, 1.0, size=X.shape)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)


def other_machine(X, strength):
    """Distort each sample by an increasing function of its own."""
    power, gain, offset = rng.normal(size=(3, len(X), 1)) * strength
    return np.exp(gain) * 17.0 * (X / 17.0) ** np.exp(power) + 5.0 * offset


measured = other_machine(X_test, 0.7)
normalizer = QuantileNormalizer().fit(X_train)

fig, axes = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
panels = (
    (axes[0], X_train[:12], "training samples"),
    (axes[1], measured[:12], "samples of the other machine"),
    (axes[2], normalizer.transform(measured[:12]), "the same, normalised"),
)
for ax, samples, title in panels:
    ax.plot(np.sort(samples, axis=1).T, color="tab:blue", alpha=0.5, lw=1)
    ax.plot(normalizer.target_, color="k", lw=2, ls="--", label="target")
    ax.set(title=title, xlabel="place in the order")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("value")
axes[0].legend()
fig.suptitle("Each sample keeps its order and gets the values of the target")

# %%
# A classifier that travels
# -------------------------
# A classifier is trained on one machine and tested on the other, of growing difference.
# Each sample's map is increasing, so ranks within the sample survive it: those alone,
# without the values of the target, are the cheap rival. Scaling samples to unit length
# undoes the gain only. Means and standard deviations over 20 splits and machines.

ranks = FunctionTransformer(rankdata, kw_args={"axis": 1})
first_steps = {
    "as measured": (FunctionTransformer(), "0.5", "o--"),
    "unit length": (Normalizer(), "tab:blue", "o--"),
    "ranks within the sample": (ranks, "k", "s:"),
    "quantile normalised": (QuantileNormalizer(), "tab:red", "o-"),
}
strengths = np.linspace(0.0, 1.5, 4)
scores = {name: np.empty((20, len(strengths))) for name in first_steps}
for seed in range(20):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=300, test_size=400, stratify=y, random_state=seed
    )
    tests = [other_machine(X_test, strength) for strength in strengths]
    for name, (step, *_) in first_steps.items():
        model = make_pipeline(step, StandardScaler(), LogisticRegression(C=0.1))
        model.fit(X_train, y_train)
        scores[name][seed] = [100 * model.score(test, y_test) for test in tests]

fig, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
for i, (name, (_, color, style)) in enumerate(first_steps.items()):
    mean, spread = scores[name].mean(axis=0), scores[name].std(axis=0)
    shift = 0.015 * (i - 1.5)
    ax.errorbar(
        strengths + shift, mean, spread, fmt=style, color=color, capsize=3, label=name
    )
    print(f"{name}: {mean.round(1)} +- {spread.round(1)}")
ax.set(
    xlabel="difference between the machines",
    ylabel="accuracy on the other machine, %",
    title="Ranks travel between machines; with values of the target they tell more",
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()
