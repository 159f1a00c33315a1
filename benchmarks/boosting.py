# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Objectives of learning to rank in LightGBM and XGBoost, with their own as rivals.

    python benchmarks/boosting.py --data DIR [--sets plain curve] [--trees 150]

DIR holds `ltr/`, LightGBM's example of lambdarank, and `mq2008.npz`; without it only
made data are used. Each row of the tables is the mean over the test queries of NDCG@10
and of Spearman's coefficient: first that of LightGBM's lambdarank, then differences
from it times 1000, with two standard errors of paired differences: over the test
queries, whose differences are averaged over repetitions first, and over the
repetitions. Times are those of processor time for the fits, over lambdarank's. With
--repeats real sets are split again and made ones drawn again.
"""

import argparse
import gzip
import time
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.datasets import load_svmlight_file
from sklearn.model_selection import GroupKFold

from sksoft import soft_rank, soft_spearmanr
from sksoft.boosting import RankObjective
from sksoft.metrics import ndcg_score

try:
    import xgboost
except ImportError:
    xgboost = None

OURS = ("pairwise", "ndcg", "spearman", "listnet")
# The gains of pairs are grades, in place of powers of two.
LINEAR = ", linear gains"
MADE = ("plain", "offset", "curve", "eras")
REAL = ("ltr", "mq2008")
GRADES = (0.5, 0.75, 0.9, 0.97)


def made(kind, n_queries, seed=0):
    """Return features, a target, the queries, and grades for NDCG and lambdarank."""
    rng = np.random.default_rng(seed)
    if kind == "eras":
        return made_eras(n_queries, rng)
    lengths = rng.integers(10, 40, size=n_queries)
    query = np.repeat(np.arange(n_queries), lengths)
    # Documents of a query are alike: most of the features' variance is that of queries.
    X = 1.5 * rng.normal(size=(n_queries, 10))[query]
    X += rng.normal(size=(len(query), 10))
    signal = X[:, 0] + 0.7 * X[:, 1] + 0.5 * np.abs(X[:, 2]) + np.sin(2.0 * X[:, 3])
    value = signal + 1.5 * rng.normal(size=len(query))
    if kind == "offset":
        offset = 4.0 * rng.normal(size=n_queries)
        value = offset[query] + np.exp(0.5 * rng.normal(size=n_queries))[query] * value
    if kind == "curve":
        for q in range(n_queries):
            rows = query == q
            value[rows] = (np.argsort(np.argsort(value[rows])) + 0.5) / rows.sum()
        grades = np.digitize(value, GRADES)
    else:
        grades = np.digitize(value, np.quantile(value, GRADES))
    return X, grades.astype(float), query, grades


def made_eras(n_eras, rng):
    """Return eras of weak signal, whose targets have outliers and own scales."""
    n_rows = 200
    query = np.repeat(np.arange(n_eras), n_rows)
    X = rng.integers(0, 5, size=(len(query), 20)).astype(float)
    signal = X[:, :6] @ rng.normal(size=6) + (X[:, 6] > 2.0) * (X[:, 7] - 2.0)
    signal = (signal - signal.mean()) / signal.std()
    noise = rng.standard_t(2.0, size=len(query))
    scale = np.exp(rng.normal(size=n_eras))[query]
    y = scale * (0.2 * signal + noise)
    ranks = soft_rank(y.reshape(n_eras, n_rows), regularization_strength=0.0).ravel()
    return X, y, query, np.minimum((ranks - 0.5) / n_rows * 5.0, 4.0).astype(int)


def read(name, folder):
    """Return features, a target, the queries, and grades, of a real data set."""
    if name == "mq2008":
        data = np.load(folder / "mq2008.npz")
        grades = data["relevance"].astype(int)
        _, query = np.unique(data["query"], return_inverse=True)
        return data["X"].astype(float), grades.astype(float), query, grades
    parts, sizes = [], []
    for part in ("train", "test"):
        path = folder / "ltr" / f"lgb_rank.{part}.gz"
        with gzip.open(path) as lines:
            parts.append(load_svmlight_file(lines, n_features=301))
        with gzip.open(folder / "ltr" / f"lgb_rank.{part}.query.gz", "rt") as lines:
            sizes += [int(line) for line in lines.read().split()]
    X = np.concatenate([X.toarray() for X, _ in parts])
    y = np.concatenate([y for _, y in parts])
    return X, y, np.repeat(np.arange(len(sizes)), sizes), y.astype(int)


def centred_ranks(y, query):
    """Return the ranks within queries, as shares of their length, minus their mean."""
    out = np.empty(len(y))
    for q in np.unique(query):
        rows = query == q
        ranks = soft_rank(y[rows], regularization_strength=0.0)
        out[rows] = (ranks - ranks.mean()) / rows.sum()
    return out


def sizes_of(query):
    """Return the numbers of rows of contiguous queries."""
    return np.diff(np.flatnonzero(np.r_[True, query[1:] != query[:-1], True]))


def lightgbm_fit(objective, target, X, query, options):
    """Return a fitted booster's predict."""
    params = {
        "objective": objective,
        "learning_rate": options.rate,
        "num_leaves": options.leaves,
        "num_threads": 1,
        "verbosity": -1,
        "deterministic": True,
    }
    if objective == "lambdarank" + LINEAR:
        params |= {"objective": "lambdarank", "label_gain": list(range(31))}
    data = lightgbm.Dataset(X, target, group=sizes_of(query))
    return lightgbm.train(params, data, options.trees).predict


def xgboost_fit(objective, target, X, query, options):
    """Return a fitted booster's predict."""
    params = {
        "learning_rate": options.rate,
        "max_leaves": options.leaves,
        "grow_policy": "lossguide",
        "max_depth": 0,
        "min_child_weight": 20.0 if callable(objective) else 1.0,
        "tree_method": "hist",
        "nthread": 1,
        "disable_default_eval_metric": 1,
    }
    data = xgboost.DMatrix(X, target, qid=query)
    if callable(objective):
        booster = xgboost.train(params, data, options.trees, obj=objective)
    else:
        params["objective"] = objective
        booster = xgboost.train(params, data, options.trees)
    return lambda X: booster.predict(xgboost.DMatrix(X))


def contenders(y, query, grades):
    """Return for each name how it is fitted, its objective and its target."""
    ranks = centred_ranks(y, query)
    out = {
        "lambdarank": (lightgbm_fit, "lambdarank", grades),
        "lambdarank" + LINEAR: (lightgbm_fit, "lambdarank" + LINEAR, grades),
        "rank_xendcg": (lightgbm_fit, "rank_xendcg", grades),
        "L2 on y": (lightgbm_fit, "regression", y),
        "L2 on centred ranks": (lightgbm_fit, "regression", ranks),
    }
    for name in OURS:
        # Spearman takes any target.
        target = y if name == "spearman" else grades
        out[name] = lightgbm_fit, RankObjective(name), target
    for name in OURS[:2]:
        objective = RankObjective(name, gain="linear")
        out[name + LINEAR] = lightgbm_fit, objective, grades
    if xgboost is not None:
        out["XGBoost rank:ndcg"] = xgboost_fit, "rank:ndcg", grades
        for name in OURS[:3]:
            target = y if name == "spearman" else grades
            out[f"XGBoost {name}"] = xgboost_fit, RankObjective(name), target
    return out


def splits(kind, query, options):
    """Yield for each repetition the pairs of rows of training and of test."""
    if kind in MADE:
        train = query < options.train_queries
        yield [(np.flatnonzero(train), np.flatnonzero(~train))]
        return
    for seed in range(options.repeats):
        folds = GroupKFold(5, shuffle=True, random_state=seed)
        yield folds.split(query, groups=query)


def scores_of_queries(y, grades, found, query):
    """Return NDCG@10 and Spearman's coefficient of each query."""
    ndcg, spearman = [], []
    for rows in np.split(np.arange(len(query)), np.cumsum(sizes_of(query))[:-1]):
        ndcg.append(
            ndcg_score(grades[rows][None], found[rows][None], k=10, gain="exp2")
            if len(rows) > 1
            else 1.0
        )
        spearman.append(
            soft_spearmanr(found[rows], y[rows], regularization_strength=0.0)
            if np.ptp(y[rows]) > 0.0
            else np.nan
        )
    return np.array(ndcg), np.array(spearman)


def compare(kind, draws, options):
    """Print the table of a data set, or of draws of one."""
    results, seconds = {}, {}
    for X, y, query, grades in draws:
        evaluate(kind, X, y, query, grades, options, results, seconds)
    print(f"\n{kind}: {len(np.unique(query))} queries, {len(y)} rows")
    print_table(kind, results, seconds)


def evaluate(kind, X, y, query, grades, options, results, seconds):
    """Add the scores of queries and the times of all contenders."""
    n_queries = int(query.max()) + 1
    for repetition in splits(kind, query, options):
        found = {}
        for train, test in repetition:
            rivals = contenders(y[train], query[train], grades[train])
            for name, (fit, objective, target) in rivals.items():
                if options.only and name not in (*options.only, "lambdarank"):
                    continue
                start = time.process_time()
                predict = fit(objective, target, X[train], query[train], options)
                seconds[name] = seconds.get(name, 0.0) + time.process_time() - start
                values = found.setdefault(name, np.full((2, n_queries), np.nan))
                values[:, np.unique(query[test])] = scores_of_queries(
                    y[test], grades[test], predict(X[test]), query[test]
                )
        for name, values in found.items():
            results.setdefault(name, []).append(values)


def print_table(kind, results, seconds):
    """Print scores, differences and their errors, and times."""
    print(f"{'':26}{'NDCG@10':>22}{'Spearman':>22}{'time':>7}")
    base = np.array(results["lambdarank"])
    for name, values in results.items():
        if name == "lambdarank":
            cells = [f"{mean:.4f}" for mean in np.nanmean(base, axis=(0, 2))]
        else:
            differences = 1000.0 * (np.array(values) - base)
            cells = [difference(kind, differences[:, i]) for i in range(2)]
        ratio = seconds[name] / seconds["lambdarank"]
        print(f"{name:26}{cells[0]:>22}{cells[1]:>22}{ratio:>7.2f}", flush=True)


def difference(kind, values):
    """Return as text the mean of repetitions by queries, and its standard errors."""
    repetitions = np.nanmean(values, axis=1)
    # Splits have the same queries, draws have others. Some have no coefficient.
    queries = values.mean(axis=0) if kind in REAL else values.ravel()
    queries = queries[np.isfinite(queries)]
    text = f"{repetitions.mean():+.1f} ± {standard_error(queries):.1f}"
    if len(repetitions) > 1:
        text += f", {standard_error(repetitions):.1f}"
    return text


def standard_error(values):
    """Return the standard error of the mean."""
    return values.std(ddof=1) / np.sqrt(len(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=(*REAL, *MADE))
    parser.add_argument("--only", nargs="+", help="names of contenders")
    parser.add_argument("--trees", type=int, default=150)
    parser.add_argument("--leaves", type=int, default=15)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument(
        "--repeats", type=int, default=1, help="of 5-fold splits or draws"
    )
    parser.add_argument("--train-queries", type=int, default=400)
    options = parser.parse_args()
    sets = options.sets or ((*REAL, *MADE) if options.data else MADE)
    if not options.data and set(sets) & set(REAL):
        parser.error("real sets need --data")
    for kind in sets:
        if kind in MADE:
            n_test = 100 if kind == "eras" else 800
            n_queries = options.train_queries + n_test
            draws = (made(kind, n_queries, seed) for seed in range(options.repeats))
        else:
            draws = [read(kind, options.data)]
        compare(kind, draws, options)


if __name__ == "__main__":
    main()
