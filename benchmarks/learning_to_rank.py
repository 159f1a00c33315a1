# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning to rank: NDCG@10 of soft NDCG against regression and boosted trees.

Five folds over the queries, at fixed parameters or such as choose themselves. Beside
the mean over the queries stands the difference from centred ridge regression (features
and gains centred in each query, the penalty chosen by generalised cross-validation) in
thousandths, with the standard error of the paired difference. LightGBM and XGBoost
take part where they are installed.

    python benchmarks/learning_to_rank.py --data DIR [--sets ltr mq2008 rooms]

DIR holds `ltr/`, LightGBM's ranking example, of which training and test parts are put
together, and ``mq2008.npz``. "rooms" is scikit-learn's diabetes data in waiting rooms
of eight patients, drawn anew for each of four repeats: few queries, mostly noise.
"""

import argparse
import gzip
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes, load_svmlight_file
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge, RidgeCV

from sksoft.metrics import ndcg_score
from sksoft.ranking import SoftNDCGRanker

SETS = ("ltr", "mq2008", "rooms")


def read(name, folder):
    """Yield features, grades and queries, of each repeat."""
    if name == "rooms":
        for seed in range(4):
            X, y = load_diabetes(return_X_y=True)
            order = np.random.default_rng(seed).permutation(len(y))
            y = np.digitize(y, np.quantile(y, [0.4, 0.7, 0.9]))
            yield X[order], y[order].astype(float), np.arange(len(y)) // 8
        return
    if name == "mq2008":
        data = np.load(folder / "mq2008.npz")
        _, query = np.unique(data["query"], return_inverse=True)
        yield data["X"].astype(float), data["relevance"].astype(float), query
        return
    parts = []
    first = 0
    for part in ("train", "test"):
        with gzip.open(folder / "ltr" / f"lgb_rank.{part}.gz") as file:
            X, y = load_svmlight_file(file, n_features=301)
        path = folder / "ltr" / f"lgb_rank.{part}.query.gz"
        with gzip.open(path, "rt") as lines:
            sizes = np.loadtxt(lines, dtype=int)
        query = first + np.repeat(np.arange(len(sizes)), sizes)
        parts.append((X.toarray(), y, query))
        first += len(sizes)
    yield tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def centred(values, query):
    """Return values less the mean of their query."""
    _, query, counts = np.unique(query, return_inverse=True, return_counts=True)
    totals = np.zeros((len(counts), *values.shape[1:]))
    np.add.at(totals, query, values)
    return values - (totals.T / counts).T[query]


def centred_ridge(X, y, query):
    """Return ridge regression on features and gains that are centred in each query."""
    model = RidgeCV(np.logspace(-3.0, 6.0, 19), fit_intercept=False)
    within = centred(X, query)
    scale = within.std(axis=0)
    scale[scale <= 1e-9 * np.abs(X).max(axis=0)] = np.inf
    model.fit(within / scale, centred(2.0**y - 1.0, query))
    model.coef_ = model.coef_ / scale
    return model


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
        "centred ridge": centred_ridge,
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


def scores_of_queries(y, found, query):
    """Return NDCG@10 of each query."""
    return np.array(
        [
            ndcg_score(
                y[rows][np.newaxis],
                found[rows][np.newaxis],
                k=10,
                gain="exp2",
                zero_division=1.0,
            )
            if len(rows) > 1
            else 1.0
            for rows in (np.flatnonzero(query == q) for q in np.unique(query))
        ]
    )


def compare(name, options):
    """Print the table of a set."""
    results, seconds, repeats = {}, {}, 0
    for X, y, query in read(name, options.data):
        repeats += 1
        permutation = np.random.default_rng(0).permutation(query.max() + 1)
        fold = permutation[query] % options.folds
        for title, fit in contenders().items():
            if options.only and title not in (*options.only, "centred ridge"):
                continue
            for k in range(options.folds):
                train, test = fold != k, fold == k
                begin = time.process_time()
                model = fit(X[train], y[train], query[train])
                seconds.setdefault(title, []).append(time.process_time() - begin)
                scores = scores_of_queries(y[test], model.predict(X[test]), query[test])
                results.setdefault(title, []).append(scores)
    n_queries = query.max() + 1
    print(f"\n{name}: {len(y)} documents, {n_queries} queries, {X.shape[1]} features")
    print(f"{'':26s} {'NDCG@10':>8s} {'difference':>14s} {'fit time / ridge':>17s}")
    base = np.concatenate(results["centred ridge"])
    for title, parts in results.items():
        scores = np.concatenate(parts)
        gain = 1000.0 * (scores - base)
        # Repeats draw the same documents: their queries are not independent.
        error = gain.std(ddof=1) / np.sqrt(len(gain) / repeats)
        ratio = np.median(seconds[title]) / np.median(seconds["centred ridge"])
        print(
            f"{title:26s} {scores.mean():8.4f} {gain.mean():+7.1f} ± {error:4.1f} "
            f"{ratio:17.1f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--only", nargs="+", help="names of contenders")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    # Stopped networks are meant.
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in options.sets:
        compare(name, options)


if __name__ == "__main__":
    main()
