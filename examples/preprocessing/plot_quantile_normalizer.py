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
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

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

# %%
# A classifier that travels
# -------------------------
# A classifier is trained on one machine and tested on the other, of growing difference.
# Each sample's map is increasing, so ranks within the sample survive it. Scaling
# samples to unit length undoes the gain only.

models = {
    "as measured": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
    "unit length": make_pipeline(
        Normalizer(), StandardScaler(), LogisticRegression(C=0.1)
    ),
    "quantile normalised": make_pipeline(
        QuantileNormalizer(), StandardScaler(), LogisticRegression(C=0.1)
    ),
}
strengths = np.linspace(0.0, 1.5, 7)
tests = [other_machine(X_test, strength) for strength in strengths]

fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
colors = ("0.5", "tab:blue", "tab:red")
for (name, model), color in zip(models.items(), colors, strict=True):
    model.fit(X_train, y_train)
    scores = [100 * model.score(samples, y_test) for samples in tests]
    ax.plot(strengths, scores, "o-", color=color, label=name)
ax.set(
    xlabel="difference between the machines",
    ylabel="accuracy on the other machine, %",
    title="Trained on one machine, tested on another",
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()
