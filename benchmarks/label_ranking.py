# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Label ranking by a soft rank layer: the experiment of Blondel et al. 2020, 6.3.

Spearman's coefficient in repeated k-fold cross-validation: soft ranks at their defaults
against no projection (ridge regression on the ranks, its penalty chosen by leave-one-
out), nearest neighbours and pairwise logistic regression, whose parameters are chosen
by an inner cross-validation on the training folds. On small sets one draw of the folds
moves a difference by .005: several repeats tell.

    python benchmarks/label_ranking.py --data DIR [--folds 10] [--repeats 1] [--inner 5]

DIR holds the sets as ``NAME.csv.gz``: a line ``n,p,m``, then p features and m ranks in
each row.
"""

import argparse
import gzip
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, RepeatedKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.metrics import spearman_score, spearman_scorer
from sksoft.ranking import SoftLabelRanker


class PairwiseRanker(BaseEstimator):
    """Logistic regression for each pair of labels; the votes are added up."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        self.models_ = {}
        for i, j in itertools.combinations(range(y.shape[1]), 2):
            before = y[:, i] < y[:, j]
            model = float(before[0])
            if before.min() != before.max():
                model = LogisticRegression(C=self.C, max_iter=1000).fit(X, before)
            self.models_[i, j] = model
        self.n_labels_ = y.shape[1]
        return self

    def predict(self, X):
        votes = np.zeros((len(X), self.n_labels_))
        for (i, j), model in self.models_.items():
            share = model if isinstance(model, float) else model.predict_proba(X)[:, 1]
            votes[:, i] += share
            votes[:, j] += 1.0 - share
        return -votes


PENALTIES = np.logspace(-3.0, 3.0, 13)
# Name, estimator, and what is searched.
MODELS = {
    "soft": (SoftLabelRanker(), {}),
    "convex": (SoftLabelRanker(loss="fenchel_young"), {}),
    "network": (SoftLabelRanker(hidden_layer_sizes=(32,), random_state=0), {}),
    "alpha=1": (SoftLabelRanker(alpha=1.0), {}),
    "ridge": (RidgeCV(PENALTIES), {}),
    "knn": (KNeighborsRegressor(), {"n_neighbors": [5, 10, 20]}),
    "pairs": (PairwiseRanker(), {"C": [0.1, 1.0, 10.0]}),
}


def read(path, cap, rng):
    """Return features and ranks, of at most cap rows."""
    with gzip.open(path, "rt") as lines:
        n, p, _ = map(int, lines.readline().split(","))
        data = np.loadtxt(lines, delimiter=",")
    rows = rng.permutation(n)[:cap]
    return data[rows, :p], data[rows, p:]


def fit_time_ratio(X, y):
    """Return the median ratio of processor times, soft fit over RidgeCV."""
    X = StandardScaler().fit_transform(X)
    ratios = []
    for _ in range(25):
        seconds = []
        for model in (SoftLabelRanker(), RidgeCV(PENALTIES)):
            begin = time.process_time()
            model.fit(X, y)
            seconds.append(time.process_time() - begin)
        ratios.append(seconds[0] / seconds[1])
    return np.median(ratios)


def searched(estimator, grid, inner):
    """Return a pipeline, in a search where something is to be chosen."""
    pipeline = make_pipeline(StandardScaler(), estimator)
    if not grid:
        return pipeline
    step = type(estimator).__name__.lower()
    grid = {f"{step}__{key}": values for key, values in grid.items()}
    return GridSearchCV(pipeline, grid, scoring=spearman_scorer, cv=inner)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=None)
    parser.add_argument("--models", nargs="*", default=None)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--inner", type=int, default=5)
    parser.add_argument("--cap", type=int, default=1000)
    options = parser.parse_args()

    # Networks that stop at their last iteration are meant.
    warnings.simplefilter("ignore", ConvergenceWarning)
    names = options.models or list(MODELS)
    print(f"{'set':12s} {'n':>5s} {'m':>3s}", end=" ")
    print(*(f"{name:>7s}" for name in names), end="")
    print(f"{'fit time / RidgeCV':>20s}")
    table = []
    for path in sorted(options.data.glob("*.csv.gz")):
        title = path.name.removesuffix(".csv.gz")
        if options.sets and title not in options.sets:
            continue
        X, y = read(path, options.cap, np.random.default_rng(0))
        outer = RepeatedKFold(
            n_splits=options.folds, n_repeats=options.repeats, random_state=0
        )
        scores = {name: np.empty((options.repeats, options.folds)) for name in names}
        for i, (train, test) in enumerate(outer.split(X)):
            for name in names:
                model = searched(*MODELS[name], options.inner)
                model.fit(X[train], y[train])
                found = spearman_score(y[test], model.predict(X[test]))
                scores[name].flat[i] = found
        # One number for each repeat, whose spread is what the draw of folds does.
        row = [scores[name].mean(axis=1) for name in names]
        table.append(row)
        print(f"{title:12s} {len(X):5d} {y.shape[1]:3d}", end=" ")
        print(*(f"{values.mean():7.3f}" for values in row), end="")
        print(f"{fit_time_ratio(X, y):20.1f}", flush=True)
    table = np.array(table)
    means = table.mean(axis=2)
    print(f"{'mean':22s}", *(f"{value:7.3f}" for value in means.mean(axis=0)))
    if "soft" not in names:
        return
    soft = names.index("soft")
    for j, name in enumerate(names):
        if name != "soft":
            gain = means[:, soft] - means[:, j]
            print(
                f"soft against {name:7s}: {np.sum(gain > 0.002)} wins, "
                f"{np.sum(np.abs(gain) <= 0.002)} ties, {np.sum(gain < -0.002)} losses "
                f"(by more than .002); mean {gain.mean():+.4f}, worst {gain.min():+.4f}"
                + _standard_error(table[gain.argmin(), soft] - table[gain.argmin(), j])
            )


def _standard_error(gains):
    """Return how far the mean over the repeats may be off, where there are several."""
    if len(gains) == 1:
        return ""
    return f" (standard error {gains.std(ddof=1) / len(gains) ** 0.5:.4f})"


if __name__ == "__main__":
    main()
