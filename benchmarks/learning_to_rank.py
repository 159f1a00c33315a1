# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning to rank: NDCG@10 of soft NDCG against regression and boosted trees.

Five folds over the queries of LightGBM's ranking example, training and test parts put
together, at fixed parameters; standard errors are over the folds. LightGBM and XGBoost
take part where they are installed.

    python benchmarks/learning_to_rank.py --data DIR

DIR holds ``lgb_rank.{train,test}.gz`` (SVMLight) and ``lgb_rank.{train,test}.query.gz``
(numbers of rows).
"""

import argparse
import gzip
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_svmlight_file
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from sksoft.metrics import ndcg_score
from sksoft.ranking import SoftNDCGRanker


def read(folder):
    """Return features, grades and queries."""
    parts = []
    first = 0
    for name in ("train", "test"):
        with gzip.open(folder / f"lgb_rank.{name}.gz") as file:
            X, y = load_svmlight_file(file, n_features=301)
        sizes = np.loadtxt(folder / f"lgb_rank.{name}.query.gz", dtype=int)
        query = first + np.repeat(np.arange(len(sizes)), sizes)
        parts.append((X.toarray(), y, query))
        first += len(sizes)
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def pointwise(estimator):
    """Return a fit that disregards the queries."""
    return lambda X, y, query: estimator.fit(X, y)


def soft(**params):
    """Return a fit of soft NDCG."""
    return lambda X, y, query: SoftNDCGRanker(**params).fit(X, y, qid=query)


def contenders():
    """Return the fits by name; the queries that they are given are sorted."""
    network = {"hidden_layer_sizes": (16,), "random_state": 0, "alpha": 3.0}
    found = {
        "ridge": pointwise(Ridge(alpha=10.0)),
        "soft NDCG, linear": soft(),
        "soft NDCG, permutahedron": soft(method="permutahedron"),
        "soft NDCG@10, linear": soft(k=10),
        "soft NDCG, network of 16": soft(max_iter=30, **network),
        "gradient boosting": pointwise(HistGradientBoostingRegressor(random_state=0)),
        "random forest": pointwise(
            RandomForestRegressor(300, max_features=0.3, random_state=0)
        ),
    }
    try:
        import lightgbm

        found["LightGBM lambdarank"] = lambda X, y, query: lightgbm.LGBMRanker(
            n_jobs=1, verbose=-1, random_state=0
        ).fit(X, y, group=np.unique(query, return_counts=True)[1])
    except ImportError:
        print("LightGBM is not installed.")
    try:
        import xgboost

        found["XGBoost rank:ndcg"] = lambda X, y, query: xgboost.XGBRanker(
            objective="rank:ndcg", n_jobs=1, random_state=0
        ).fit(X, y.astype(int), qid=query)
    except ImportError:
        print("XGBoost is not installed.")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    X, y, query = read(options.data)
    permutation = np.random.default_rng(0).permutation(query.max() + 1)
    fold = permutation[query] % options.folds
    # Stopped networks are meant.
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{len(y)} documents, {query.max() + 1} queries, {X.shape[1]} features")
    print(f"{'':26s} {'NDCG@10':>8s} {'+-':>6s} {'fit time / ridge':>17s}")
    reference = None
    for name, fit in contenders().items():
        scores, seconds = [], []
        for k in range(options.folds):
            train, test = fold != k, fold == k
            begin = time.perf_counter()
            model = fit(X[train], y[train], query[train])
            seconds.append(time.perf_counter() - begin)
            predicted = model.predict(X[test])
            scores.append(
                ndcg_score(
                    y[test],
                    predicted,
                    qid=query[test],
                    k=10,
                    gain="exp2",
                    zero_division=1.0,
                )
            )
        error = np.std(scores, ddof=1) / np.sqrt(len(scores))
        taken = np.median(seconds)
        reference = reference or taken
        print(
            f"{name:26s} {np.mean(scores):8.4f} {error:6.4f} {taken / reference:17.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
