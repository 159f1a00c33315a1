# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Does the penalty of TopKLogisticRegression have to be searched? Top-k accuracies.

``C="auto"``, the default, and C chosen by an inner cross-validation on the training
folds: by the accuracy at k of the estimator itself ("searched"), and by the log loss of
logistic regression, which is cheaper ("logistic C"), all against ``C=1``; logistic
regression with its own C beside them. Small, wide and noisy sets are among them: noisy
labels, many classes of few samples, features that tell nothing.

    python benchmarks/topk_logistic.py [--data DIR] [--repeats 2] [--cap 300]

DIR holds label-ranking sets as ``label_ranking/NAME.csv.gz``, whose first label is the
class, and ``letters.npz``. Differences are in points of the accuracy at k, with
standard errors over the folds, which are the same for all.
"""

import argparse
import gzip
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.ranking import TopKLogisticRegression

# The default first: it is kept where others are no better.
PENALTIES = (1.0, 0.1, 10.0, 0.01, 100.0)


def own_sets():
    """Yield name, X, y and k of sets that need no files."""
    for name, load, k in (
        ("iris", load_iris, 2),
        ("wine", load_wine, 2),
        ("digits", load_digits, 3),
    ):
        yield name, *load(return_X_y=True), k
    X, y = load_digits(return_X_y=True)
    wrong = np.random.default_rng(0).uniform(size=len(y)) < 0.3
    noisy = np.where(wrong, np.random.default_rng(1).integers(10, size=len(y)), y)
    yield "digits, 30 % wrong", X, noisy, 3
    for n_samples, n_features, flipped in ((150, 30, 0.3), (200, 60, 0.0)):
        X, y = make_classification(
            n_samples=n_samples,
            n_features=n_features,
            n_informative=8,
            n_classes=8,
            n_clusters_per_class=1,
            class_sep=0.7,
            flip_y=flipped,
            random_state=0,
        )
        yield f"made, {n_samples} x {n_features}", X, y, 3


def given_sets(folder):
    """Yield name, X, y and k of the sets in a folder."""
    for path in sorted(Path(folder, "label_ranking").glob("*.csv.gz")):
        with gzip.open(path, "rt") as lines:
            _, p, m = map(int, lines.readline().split(","))
            data = np.loadtxt(lines, delimiter=",")
        if m > 3:
            first = data[:, p:].argmin(axis=1)
            yield path.name.removesuffix(".csv.gz"), data[:, :p], first, 2 + (m > 5)
    with np.load(Path(folder, "letters.npz")) as letters:
        X = np.unpackbits(letters["pixels"], axis=1).astype(np.float64)
        yield "letters", X, letters["labels"], 5


def usual(X, y, cap):
    """Return at most cap rows, drawn, of classes that have six rows or more there."""
    rows = np.random.default_rng(0).permutation(len(X))[:cap]
    X, y = X[rows], y[rows]
    classes, counts = np.unique(y, return_counts=True)
    kept = np.isin(y, classes[counts >= 6])
    return X[kept], y[kept]


def accuracy(model, X, y, k):
    """Return how often the class is among the k likeliest."""
    order = np.argsort(-model.predict_proba(X), axis=1)[:, :k]
    return np.mean((model.classes_[order] == y[:, None]).any(axis=1))


def negative_log_loss(model, X, y, k):
    """Return the mean logarithm of the probability of the class."""
    return -log_loss(y, model.predict_proba(X), labels=model.classes_)


def best_penalty(model, X, y, k, score):
    """Return the C of the largest score in a cross-validation."""
    scores = np.zeros(len(PENALTIES))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        for j, C in enumerate(PENALTIES):
            scores[j] += score(
                with_penalty(model, C).fit(X[train], y[train]), X[test], y[test], k
            )
    return PENALTIES[np.argmax(np.round(scores, 12))]


def with_penalty(model, C):
    """Return a pipeline that standardises, and fits with C."""
    return make_pipeline(StandardScaler(), clone(model).set_params(C=C))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cap", type=int, default=300)
    parser.add_argument("--sets", nargs="*")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{'':37}% at k{'':14}less C=1, points (standard error)")
    print(
        f"{'set':20}{'n':>5}{'p':>5}{'m':>4}{'k':>3}{'C=1':>7}{'C_':>9}"
        f"{'auto':>15}{'searched':>15}{'logistic C':>15}{'logistic':>15}"
    )
    gains = []
    sets = [*own_sets(), *(given_sets(options.data) if options.data else ())]
    for name, X, y, k in sets:
        if options.sets and name not in options.sets:
            continue
        X, y = usual(X, y, options.cap)
        topk = TopKLogisticRegression(k=k)
        logistic = LogisticRegression(max_iter=1000)
        folds = RepeatedStratifiedKFold(
            n_splits=options.folds, n_repeats=options.repeats, random_state=0
        )
        scores, chosen = [], []
        for train, test in folds.split(X, y):
            own = best_penalty(topk, X[train], y[train], k, accuracy)
            cheap = best_penalty(logistic, X[train], y[train], k, negative_log_loss)
            auto = with_penalty(topk, "auto").fit(X[train], y[train])
            chosen.append(auto[-1].C_)
            scores.append(
                [
                    accuracy(
                        with_penalty(model, C).fit(X[train], y[train]),
                        X[test],
                        y[test],
                        k,
                    )
                    for model, C in (
                        (topk, 1.0),
                        (topk, "auto"),
                        (topk, own),
                        (topk, cheap),
                        (logistic, cheap),
                    )
                ]
            )
        scores = 100 * np.array(scores)
        gain = scores[:, 1:] - scores[:, :1]
        gains.append(gain.mean(axis=0))
        error = gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
        means = scores.mean(axis=0)
        cells = [f"{a:+.1f} ({b:.1f})" for a, b in zip(gains[-1], error, strict=True)]
        print(
            f"{name:20}{len(X):5}{X.shape[1]:5}{len(np.unique(y)):4}{k:3}"
            f"{means[0]:7.1f}{np.median(chosen):9.3f}"
            + "".join(f"{cell:>15}" for cell in cells),
            flush=True,
        )
    if len(gains) < 2:
        return
    gains = np.array(gains)
    error = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    cells = [
        f"{a:+.2f} ({b:.2f})" for a, b in zip(gains.mean(axis=0), error, strict=True)
    ]
    print(f"{'mean over the sets':53}" + "".join(f"{cell:>15}" for cell in cells))


if __name__ == "__main__":
    main()
