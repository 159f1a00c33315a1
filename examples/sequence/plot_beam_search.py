# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
=========================================
Training through the beam that decodes it
=========================================

A beam search keeps the few best prefixes of a sequence of labels. A model that was
trained without it may rate the right prefix low for a while, and then it is lost. Here
the beam is part of the training.
"""

# %%
# Strings of digits that multiply
# -------------------------------
# Each sequence is four images "a b c d" of scikit-learn's digits, in which a times b is
# cd, under heavy noise. The images of the training strings and those of the test
# strings are different ones.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sksoft.metrics import sequence_accuracy_score
from sksoft.sequence import BeamSearchTagger, sequence_from_lengths

images, digits = load_digits(return_X_y=True)


def strings(rng, half, n_strings):
    """Return noisy images, digits and the string of each."""
    a, b = rng.integers(10, size=(2, n_strings))
    y = np.column_stack([a, b, a * b // 10, a * b % 10]).ravel()
    rows = [rng.choice(half[digits[half] == digit]) for digit in y]
    X = images[rows] + rng.normal(scale=5.0, size=(len(y), 64))
    return X, y, sequence_from_lengths(np.full(n_strings, 4))


def draw(seed):
    """Return 200 strings to train on and 1000 to test, of different images."""
    rng = np.random.default_rng(seed)
    train, test = np.array_split(rng.permutation(len(digits)), 2)
    return *strings(rng, train, 200), *strings(rng, test, 1000)


# %%
# Four ways to train, decoded by beams of every width
# ---------------------------------------------------
# The emissions and transitions have the same form throughout. "Cross entropy" asks the
# right prefix to win at each step, among all that a beam of four keeps; "membership"
# asks it to stay in the beam; "soft" mixes the candidates by the sorted soft top-k. The
# fourth counts the last step only, with a beam of a hundred: all but the likelihood of
# a conditional random field. One model serves all widths. Left are means over twenty
# draws of the strings, right the differences to cross entropy, draw by draw, with
# standard errors. Where the beam must be narrow, cross entropy wins, by more than four
# points at a width of 1; where it may be wide, the likelihood does, by almost two at
# 16; to mix the candidates does not help here.

ways = {
    "cross entropy": BeamSearchTagger(random_state=0),
    "membership": BeamSearchTagger(objective="membership", random_state=0),
    "soft beam": BeamSearchTagger(objective="soft", random_state=0),
    "last step only, wide beam": BeamSearchTagger(
        100, final_weight=np.inf, random_state=0
    ),
}
widths = [1, 2, 3, 4, 6, 8, 16]
n_draws = 20
accuracy = {name: np.empty((n_draws, len(widths))) for name in ways}
alone = np.empty(n_draws)
for seed in range(n_draws):
    X, y, string, X_test, y_test, test_string = draw(seed)
    for name, tagger in ways.items():
        tagger.set_params(n_beams=100 if "wide" in name else 4)
        tagger.fit(X, y, sequence=string)
        for i, n_beams in enumerate(widths):
            tagger.set_params(n_beams=n_beams)
            found = tagger.predict(X_test, sequence=test_string)
            accuracy[name][seed, i] = sequence_accuracy_score(
                y_test, found, sequence=test_string
            )
    single = LogisticRegression(C=1e-3, max_iter=1000).fit(X, y).predict(X_test)
    alone[seed] = sequence_accuracy_score(y_test, single, sequence=test_string)

fig, (ax, gap) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
colors = ("tab:blue", "tab:orange", "tab:green", "tab:red")
styles = ("o-", "s-", "^-", "d--")
for place, (name, scores) in enumerate(accuracy.items()):
    options = {"color": colors[place], "label": name, "markersize": 4}
    ax.plot(widths, 100 * scores.mean(axis=0), styles[place], **options)
    paired = 100 * (scores - accuracy["cross entropy"])
    error = paired.std(axis=0, ddof=1) / np.sqrt(n_draws)
    shifted = np.array(widths) * 1.05 ** (place - 1.5)
    gap.errorbar(
        shifted, paired.mean(axis=0), error, fmt=styles[place], capsize=2, **options
    )
ax.axhline(100 * alone.mean(), color="0.5", linestyle=":", label="no neighbours")
for panel in (ax, gap):
    panel.set(
        xscale="log",
        xticks=widths,
        xticklabels=widths,
        xlabel="width of the beam that decodes",
    )
    panel.minorticks_off()
    panel.grid(alpha=0.3)
ax.set(ylabel="whole strings right (%)", title="Accuracy, mean of 20 draws")
gap.set(ylabel="points", title="Less that of cross entropy, same draws")
ax.legend()
# %%
# One string, step by step
# ------------------------
# A beam has no look ahead, so the beam after three images is that of a string of three.
# The picture shows a string that single images get wrong: all prefixes that the beam
# keeps, as paths through the digits, and their probabilities at each step as widths.

tagger = ways["cross entropy"].set_params(n_beams=4)
found = tagger.predict(X_test, sequence=test_string).reshape(-1, 4)
right = y_test.reshape(-1, 4)
greedy = tagger.predict(X_test).reshape(-1, 4)
saved = (found == right).all(axis=1) & ((greedy != right).sum(axis=1) >= 2)
shown = int(np.argmax(saved))
rows = np.arange(4 * shown, 4 * shown + 4)

fig, (top, ax) = plt.subplots(
    2, 1, figsize=(7.5, 6.4), height_ratios=[1, 3], layout="constrained", sharex=True
)
for t, row in enumerate(rows):
    top.imshow(
        X_test[row].reshape(8, 8),
        cmap="gray_r",
        extent=(t - 0.33, t + 0.33, 0.0, 1.0),
        aspect="auto",
    )
top.set(ylim=(0, 1), yticks=[], title=f"Four images, read as {found[shown]}")
for n_steps in range(1, 5):
    beam = tagger.predict_beam(X_test[rows[:n_steps]], sequence=np.zeros(n_steps))
    for rank in range(4):
        path = beam.labels[:, rank]
        share = beam.probabilities[0, rank]
        best = n_steps == 4 and rank == 0
        ax.plot(
            np.arange(n_steps)[-2:],
            path[-2:],
            color="tab:red" if best else "tab:blue",
            alpha=0.35 + 0.6 * share,
            linewidth=1.0 + 6.0 * share,
            zorder=1 + best,
        )
        ax.plot(n_steps - 1, path[-1], "o", color="tab:blue", markersize=5)
best = tagger.predict_beam(X_test[rows], n_best=1, sequence=np.zeros(4)).labels[:, 0]
ax.plot(range(4), best, color="tab:red", linewidth=2, label="best in the end")
ax.plot(range(4), greedy[shown], "x", color="black", label="image by image")
ax.set(
    xlim=(-0.5, 3.5),
    ylim=(-0.6, 10.6),
    xticks=range(4),
    xticklabels=["a", "b", "tens of a x b", "ones of a x b"],
    yticks=range(10),
    ylabel="digit",
    title="The prefixes that a beam of four keeps",
)
ax.grid(alpha=0.3)
ax.legend(loc="upper center", ncols=2)
plt.show()
