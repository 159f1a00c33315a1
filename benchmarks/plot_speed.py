# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw the time of a soft rank and its gradient against the length of the row.

Usage: python benchmarks/plot_speed.py [CSV [FIGURE]]

The table is what ``peers.py --csv docs/benchmarks length`` writes, at strengths at
which a row needs its order. No soft rank can be faster than a sort of the same numbers
then, unless its sort is: the line of np.argsort.
"""

import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

DOCS = Path(__file__).parents[1] / "docs"
STYLES = {
    "sksoft": {"color": "C3", "linewidth": 2.5, "marker": "o"},
    "np.argsort": {"color": "black", "linestyle": "--"},
    "torchsort": {"color": "C0", "marker": "s"},
    "fast-soft-sort": {"color": "C1", "marker": "^"},
    "POT": {"color": "C2", "marker": "D"},
}
# How many points labels of lines that end near to each other stand off their ends.
LABEL_SHIFTS = {"torchsort": 5, "np.argsort": -4}


def read(path):
    """Return the lengths, and the milliseconds of each column that has any."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lengths = np.array([float(row["n"]) for row in rows])
    times = {name: np.array([float(row[name]) for row in rows]) for name in STYLES}
    return lengths, {k: v for k, v in times.items() if np.isfinite(v).any()}


def draw(lengths, times, path):
    """Draw one line for each column and save the figure."""
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    for name, milliseconds in times.items():
        axes.loglog(lengths, milliseconds, label=name, markersize=5, **STYLES[name])
        last = np.flatnonzero(np.isfinite(milliseconds))[-1]
        axes.annotate(
            name,
            (lengths[last], milliseconds[last]),
            xytext=(7, LABEL_SHIFTS.get(name, 0)),
            textcoords="offset points",
            verticalalignment="center",
            color=STYLES[name]["color"],
        )
    axes.set_xlabel("Numbers in the row")
    axes.set_ylabel("Time [ms]")
    axes.set_title("Soft rank and its gradient, one thread, float64, half-way strength")
    axes.set_xlim(right=lengths[-1] * 12.0)
    axes.grid(True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def main():
    """Draw the figure of the documentation, or another."""
    table = sys.argv[1] if len(sys.argv) > 1 else DOCS / "benchmarks" / "length.csv"
    path = sys.argv[2] if len(sys.argv) > 2 else DOCS / "_static" / "speed.svg"
    draw(*read(table), path)


if __name__ == "__main__":
    main()
