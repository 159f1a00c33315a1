# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Trimmed logistic regression, median of means, and callbacks during fits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression

from sksoft.linear_model import (
    LeastTrimmedSquaresRegressor,
    MedianOfMeansRegressor,
    TrimmedLogisticRegression,
)


def flipped(n_classes, share, seed=0):
    """Return features, labels of which a share is wrong, and the right labels."""
    X, y = make_classification(
        600,
        6,
        n_informative=4,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=2.0,
        flip_y=0,
        random_state=seed,
    )
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(600)[: int(share * 600)]
    y_wrong = y.copy()
    y_wrong[wrong] = (
        y[wrong] + rng.integers(1, n_classes, size=len(wrong))
    ) % n_classes
    return X, y_wrong, y, wrong


@pytest.mark.parametrize("n_classes", [2, 3])
def test_wrong_labels_are_found_and_ignored(n_classes):
    X, y_wrong, y, wrong = flipped(n_classes, 0.3)
    trimmed = TrimmedLogisticRegression(trim_fraction=0.4).fit(X, y_wrong)
    plain = LogisticRegression().fit(X, y_wrong)
    assert trimmed.score(X, y) > 0.96
    assert trimmed.score(X, y) >= plain.score(X, y)
    assert trimmed.outlier_mask_[wrong].mean() > 0.9
    assert trimmed.coef_.shape == (1 if n_classes == 2 else 3, 6)


@pytest.mark.parametrize("binary", [True, False])
def test_without_trimming_it_is_logistic_regression(binary):
    X, y = load_iris(return_X_y=True)
    if binary:
        X, y = X[50:], y[50:]
    ours = TrimmedLogisticRegression(trim_fraction=0, C=0.7).fit(X, y)
    theirs = LogisticRegression(C=0.7, tol=1e-10, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5
    )
    assert (ours.sample_weights_ == 1).all()


def test_each_class_keeps_its_share():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.where(np.arange(300) < 15, "rare", "common")
    X[:15] += 1.0
    clf = TrimmedLogisticRegression(trim_fraction=0.3).fit(X, y)
    np.testing.assert_allclose(clf.sample_weights_[:15].sum(), 0.7 * 15)
    np.testing.assert_allclose(clf.sample_weights_[15:].sum(), 0.7 * 285)


def test_trimmed_logistic_regression_of_sparse_features():
    X, y_wrong, _, _ = flipped(2, 0.1)
    X[np.abs(X) < 0.5] = 0
    dense = TrimmedLogisticRegression().fit(X, y_wrong)
    thin = TrimmedLogisticRegression().fit(sparse.csr_array(X), y_wrong)
    np.testing.assert_allclose(dense.predict_proba(X), thin.predict_proba(X), atol=0.02)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"trim_fraction": 1.0}, "trim_fraction must be .* below 1, got 1.0"),
        ({"trim_fraction": np.nan}, "trim_fraction must be .*, got nan"),
        ({"C": 0.0}, "C must be > 0, got 0.0"),
        ({"C": np.nan}, "C must be .*, got nan"),
        ({"regularization_strength": -1}, "regularization_strength must be .*, got -1"),
        ({"regularization_strength": np.nan}, "regularization_strength .*, got nan"),
        ({"tol": np.nan}, "tol must be .*, got nan"),
    ],
)
def test_bad_parameters_of_trimmed_logistic_regression(parameters, message):
    X, y, _, _ = flipped(2, 0)
    with pytest.raises(ValueError, match=message):
        TrimmedLogisticRegression(**parameters).fit(X, y)


@pytest.mark.parametrize("name", ["regularization_strength", "tol"])
def test_median_of_means_rejects_nan(name):
    X, y = np.arange(20.0)[:, None], np.arange(20.0)
    with pytest.raises(ValueError, match=f"{name} must be a number >= 0, got nan"):
        MedianOfMeansRegressor(**{name: np.nan}).fit(X, y)


@pytest.mark.parametrize("kind", ["target", "leverage"])
@pytest.mark.parametrize("n_bad", [0, 20, 45])
def test_median_of_means_bears_fewer_bad_rows_than_half_the_blocks(kind, n_bad):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 5))
    y = X.sum(axis=1) + 1 + rng.normal(size=1000)
    oracle = LinearRegression().fit(X[n_bad:], y[n_bad:])
    y[:n_bad] = 1e4
    if kind == "leverage":
        X[:n_bad] *= 10
    reg = MedianOfMeansRegressor(n_blocks=101, random_state=0).fit(X, y)
    assert reg.breakdown_point_ == 51 / 1000
    error = np.linalg.norm(np.append(reg.coef_, reg.intercept_) - 1)
    best = np.linalg.norm(np.append(oracle.coef_, oracle.intercept_) - 1)
    assert error < 2 * best
    assert reg.loss_curve_[-1] <= reg.loss_curve_[0]


def test_one_block_is_least_squares():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    y = X.sum(axis=1) + rng.normal(size=50)
    reg = MedianOfMeansRegressor(n_blocks=1, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(reg.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-6)
    with pytest.raises(ValueError, match="n_blocks must be at most n_samples = 50"):
        MedianOfMeansRegressor(n_blocks=51).fit(X, y)


def test_callbacks_see_the_fit_and_may_stop_it():
    callback = pytest.importorskip("sklearn.callback")
    assert callback is not None

    class Stopper:
        """Ask to stop after the second iteration, and look at the model then."""

        def __init__(self):
            self.n_iterations = 0

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            if context.task_name != "iteration" or fitted_estimator is None:
                return False
            self.n_iterations += 1
            self.prediction = fitted_estimator.predict(X)
            return self.n_iterations == 2

        def teardown(self, estimator, context):
            pass

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = X.sum(axis=1) + rng.normal(size=200)
    stopper = Stopper()
    reg = LeastTrimmedSquaresRegressor(random_state=0, tol=1e-12)
    reg.set_callbacks(stopper).fit(X, y)
    assert stopper.n_iterations == reg.n_iter_ == 2
    assert np.corrcoef(stopper.prediction, reg.predict(X))[0, 1] > 0.99
