# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Write the results of other packages on small inputs under tests/data/.

Usage: pip install lightgbm==4.7.0 && python tools/make_reference_data.py

The tests compare sksoft with these files and so need none of the packages. Each file
names the versions that made it.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from scipy.optimize import isotonic_regression
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import ndcg_score

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"


def samples():
    """Yield samples without ties, with ties, with zeros of both signs and of one."""
    rng = np.random.default_rng(2026)
    yield rng.normal(size=9)
    yield rng.integers(0, 4, 12).astype(float)
    yield np.array([0.0, -0.0, 1.5, -2.25, 1.5, 0.0])
    yield rng.standard_cauchy(20) * 1e3
    yield np.array([3.5])


def write(name, versions, cases):
    """Write the cases of a package."""
    DATA.mkdir(exist_ok=True)
    content = {"made_by": "tools/make_reference_data.py", **versions, "cases": cases}
    text = json.dumps(content, indent=1) + "\n"
    (DATA / f"{name}.json").write_text(text, encoding="utf-8")


def scipy_cases():
    """Return what SciPy and NumPy make of samples."""
    rng = np.random.default_rng(7)
    levels = [0.0, 0.1, 0.25, 0.5, 0.77, 1.0]
    cases = []
    for x in samples():
        y = rng.integers(0, 5, len(x)).astype(float)
        weights = rng.integers(1, 4, len(x)).astype(float)
        ecdf = stats.ecdf(x).cdf
        case = {
            "x": x.tolist(),
            "y": y.tolist(),
            "weights": weights.tolist(),
            "rankdata": stats.rankdata(x).tolist(),
            "levels": levels,
            "quantile": np.quantile(x, levels).tolist(),
            "median": float(np.median(x)),
            "trim_mean": {
                str(c): float(stats.trim_mean(x, c)) for c in (0.0, 0.1, 0.3)
            },
            "ecdf": [ecdf.quantiles.tolist(), ecdf.probabilities.tolist()],
            "isotonic": isotonic_regression(x).x.tolist(),
            "isotonic_weighted": isotonic_regression(x, weights=weights).x.tolist(),
        }
        if len(x) > 1:
            case["spearmanr"] = float(stats.spearmanr(x, y).statistic)
            case["kendalltau"] = float(stats.kendalltau(x, y).statistic)
        cases.append(case)
    return cases


def sklearn_cases():
    """Return what scikit-learn makes of lists of graded entries."""
    rng = np.random.default_rng(8)
    cases = []
    for n_lists, n in [(1, 5), (4, 8), (3, 20)]:
        relevance = rng.integers(0, 4, (n_lists, n)).astype(float)
        scores = np.round(rng.normal(size=(n_lists, n)), 1)
        weights = rng.uniform(0.5, 2.0, n_lists)
        isotonic = IsotonicRegression(increasing=False)
        cases.append(
            {
                "relevance": relevance.tolist(),
                "scores": scores.tolist(),
                "sample_weight": weights.tolist(),
                "ndcg": {
                    str(k): ndcg_score(relevance, scores, k=k, sample_weight=weights)
                    for k in (1, 3, n)
                },
                "isotonic_decreasing": isotonic.fit_transform(
                    np.arange(n), scores[0]
                ).tolist(),
            }
        )
    return cases


def lightgbm_cases():
    """Return the NDCG that LightGBM finds where a model starts from given scores."""
    import lightgbm

    rng = np.random.default_rng(9)
    cases = []
    for sizes in ([6, 9, 12], [5, 5, 30, 2]):
        n = sum(sizes)
        relevance = rng.integers(0, 5, n)
        relevance[-sizes[-1] :] = 0
        scores = rng.normal(size=n)
        data = lightgbm.Dataset(
            np.zeros((n, 1)), relevance, group=sizes, init_score=scores
        )
        history = {}
        params = {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [1, 3, 5, 10],
            "learning_rate": 1e-300,
            "verbose": -1,
        }
        lightgbm.train(
            params,
            data,
            num_boost_round=1,
            valid_sets=[data],
            callbacks=[lightgbm.record_evaluation(history)],
        )
        (values,) = history.values()
        cases.append(
            {
                "relevance": relevance.tolist(),
                "scores": scores.tolist(),
                "sizes": sizes,
                "ndcg": {
                    name.partition("@")[2]: value[0] for name, value in values.items()
                },
            }
        )
    return lightgbm.__version__, cases


def main():
    """Write all files."""
    versions = {"numpy": np.__version__, "scipy": scipy.__version__}
    write("scipy", versions, scipy_cases())
    write("scikit_learn", {"scikit_learn": sklearn.__version__}, sklearn_cases())
    version, cases = lightgbm_cases()
    write("lightgbm", {"lightgbm": version}, cases)


if __name__ == "__main__":
    main()
