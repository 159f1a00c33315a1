# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Top-k logistic regression: its limits, its trade-off, conventions."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import top_k_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksoft.ranking import TopKLogisticRegression
from sksoft.ranking._design import Design


def crowded(n_samples=600, n_classes=8, seed=0):
    """Return overlapping classes in the plane, many of them close to each other."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, 2))
    y = rng.integers(0, n_classes, size=n_samples)
    return centres[y] + 0.5 * rng.normal(size=(n_samples, 2)), y


@parametrize_with_checks(
    [
        TopKLogisticRegression(k=1),
        TopKLogisticRegression(k=1, loss="ranking", regularization_strength=3.0),
        TopKLogisticRegression(k=1, loss="svm"),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("params", [{"mix": 1.0}, {"k": 3}, {"k": 10}])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_is_logistic_regression_without_a_topk_loss(params, fit_intercept):
    X, y = load_iris(return_X_y=True)
    classifier = TopKLogisticRegression(
        C=0.5, tol=1e-9, fit_intercept=fit_intercept, **params
    ).fit(X, y)
    reference = LogisticRegression(
        C=0.5, tol=1e-10, max_iter=10_000, fit_intercept=fit_intercept
    ).fit(X, y)
    np.testing.assert_allclose(classifier.coef_, reference.coef_, atol=1e-5)
    np.testing.assert_allclose(
        classifier.predict_proba(X), reference.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize(
    ("loss", "strength"), [("ranking", 3.0), ("cross_entropy", 0.3), ("svm", 0.3)]
)
def test_trades_the_first_place_for_the_first_k(loss, strength):
    # Squares of a board, which linear scores can separate only roughly.
    X = np.random.default_rng(0).uniform(0.0, 4.0, size=(600, 2))
    y = np.floor(X) @ [4, 1]
    params = {"k": 2, "C": 100.0, "loss": loss, "regularization_strength": strength}
    scores = {}
    for mix in (1.0, 0.2):
        classifier = TopKLogisticRegression(mix=mix, **params).fit(X, y)
        probability = classifier.predict_proba(X)
        scores[mix] = [top_k_accuracy_score(y, probability, k=k) for k in (1, 2)]
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]
    assert scores[0.2][0] < scores[1.0][0]
    if loss != "ranking":
        assert scores[0.2][1] >= scores[1.0][1]


def test_predictions_agree_with_each_other():
    X, y = crowded()
    names = np.array(list("hgfedcba"))[y]
    classifier = TopKLogisticRegression(k=3).fit(X, names)
    scores = classifier.decision_function(X)
    assert classifier.classes_.tolist() == list("abcdefgh")
    first = classifier.predict_topk(X)
    assert first.shape == (600, 3)
    np.testing.assert_array_equal(first[:, 0], classifier.predict(X))
    everything = classifier.predict_topk(X, k=8)
    assert (np.sort(everything, axis=1) == classifier.classes_).all()
    np.testing.assert_allclose(classifier.predict_proba(X), softmax(scores, axis=1))
    np.testing.assert_allclose(
        np.exp(classifier.predict_log_proba(X)), classifier.predict_proba(X)
    )


def test_weights_are_repetitions():
    X, y = crowded(60, n_classes=4)
    times = np.random.default_rng(1).integers(0, 3, size=60)
    params = {"k": 2, "tol": 1e-9}
    weighted = TopKLogisticRegression(**params).fit(X, y, times)
    repeated = TopKLogisticRegression(**params).fit(
        np.repeat(X, times, axis=0), np.repeat(y, times)
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-4, atol=1e-6)


def test_in_a_grid_search_for_the_accuracy_at_k():
    X, y = load_digits(return_X_y=True)
    search = GridSearchCV(
        TopKLogisticRegression(k=2, C=0.01),
        {"mix": [0.2, 1.0]},
        scoring="top_k_accuracy",
        cv=3,
        error_score="raise",
    ).fit(X[:400] / 16.0, y[:400])
    assert search.best_score_ > 0.9


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be an integer >= 1, got 0"),
        ({"k": 1.0}, TypeError, "k must be an integer"),
        ({"mix": 1.5}, ValueError, "mix must be at least 0 and at most 1.0, got 1.5"),
        ({"loss": "hinge"}, ValueError, "loss must be one of"),
        ({"C": 0.0}, ValueError, "C must be > 0, got 0.0"),
        ({"regularization_strength": 0.0}, ValueError, "strength must be > 0"),
        ({"C": np.nan}, ValueError, "C must be a number >= 0, got nan"),
        ({"mix": np.nan}, ValueError, "mix must be a finite number >= 0, got nan"),
        ({"fit_intercept": -1}, TypeError, "fit_intercept must be True or False"),
        ({"tol": -1.0}, ValueError, "tol must be a finite number >= 0, got -1.0"),
    ],
)
def test_errors_of_parameters(params, error, message):
    with pytest.raises(error, match=message):
        TopKLogisticRegression(**params).fit(*crowded(40))


def test_errors_of_predictions_and_warning():
    X, y = crowded(100)
    classifier = TopKLogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="k must lie between 1 and 8, got 9"):
        classifier.predict_topk(X, k=9)
    with pytest.warns(ConvergenceWarning, match="Increase max_iter"):
        TopKLogisticRegression(max_iter=2).fit(X, y)


@pytest.mark.parametrize("mix", [0.5, 1.0])
def test_fitted_attributes_are_those_of_a_linear_model(mix):
    classifier = TopKLogisticRegression(mix=mix).fit(*crowded(60))
    fitted = {name for name in vars(classifier) if name.endswith("_")}
    assert fitted == {
        "C_", "classes_", "coef_", "intercept_", "loss_curve_", "n_features_in_",
        "n_iter_", "regularization_strength_",
    }  # fmt: skip


def test_penalty_is_chosen():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16.0, y[:300]
    rng = np.random.default_rng(0)
    noisy = np.where(rng.uniform(size=300) < 0.4, rng.integers(10, size=300), y)
    clean, chosen = (TopKLogisticRegression().fit(X, target) for target in (y, noisy))
    # Wrong labels ask for a larger penalty.
    assert chosen.C_ < 0.5 * clean.C_
    fixed = TopKLogisticRegression(C=chosen.C_).fit(X, noisy)
    np.testing.assert_allclose(chosen.coef_, fixed.coef_, rtol=1e-6, atol=1e-9)
    assert fixed.C_ == chosen.C_
    # What it gains, on other rows.
    X, y = load_digits(return_X_y=True)
    gain = [
        top_k_accuracy_score(y[300:], model.predict_proba(X[300:] / 16.0), k=3)
        for model in (chosen, TopKLogisticRegression(C=10.0).fit(X[:300] / 16.0, noisy))
    ]
    assert gain[0] > gain[1] + 0.03


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_penalty_is_that_of_ridge_regression_on_the_classes(fit_intercept):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(15, 3)), np.arange(15) % 3
        X[:, 0] += y
        model = TopKLogisticRegression(fit_intercept=fit_intercept).fit(X, y)
        design = Design(X, np.ones(15), fit_intercept)
        alpha = design.penalty((y[:, np.newaxis] == np.arange(3)).astype(float))[1]
        # The curvature of the cross entropy where three classes are as likely.
        assert model.C_ == pytest.approx(1.0 / (alpha * 2.0 / 9.0))


@pytest.mark.parametrize("factor", [2.0**-800, 2.0**-500, 2.0**500, 2.0**800])
def test_choice_of_the_penalty_in_any_unit(factor):
    X, y = crowded(60, n_classes=4)
    expected = TopKLogisticRegression(k=2).fit(X, y).decision_function(X)
    scaled = TopKLogisticRegression(k=2).fit(factor * X, y)
    np.testing.assert_allclose(
        scaled.decision_function(factor * X), expected, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_choice_of_the_penalty_counts_repetitions(n_classes, class_weight):
    X, y = crowded(60, n_classes=n_classes)
    times = np.random.default_rng(1).integers(0, 3, size=60)
    classifier = TopKLogisticRegression(class_weight=class_weight, k=1)
    C = classifier.fit(X, y, times).C_
    classifier.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(C, classifier.C_)
    # It goes with the unit of the features, and with that of the weights.
    classifier.fit(8.0 * X, y, times)
    np.testing.assert_allclose(classifier.C_, C / 64.0)
    if class_weight is None:
        classifier.fit(X, y, np.full(60, 0.25))
        probability = classifier.predict_proba(X)
        classifier.fit(X, y)
        np.testing.assert_allclose(probability, classifier.predict_proba(X), atol=1e-3)
