# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Trimmed logistic regression, median of means, and callbacks during fits."""

import inspect
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression

from sksoft._optimize import minimize
from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
    LeastTrimmedSquaresRegressor,
    MedianOfMeansRegressor,
    TrimmedLogisticRegression,
)
from sksoft.linear_model._median_of_means import _SoftMedian


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


CLASSES = [
    LeastTrimmedSquaresRegressor,
    LeastTrimmedAbsoluteRegressor,
    MedianOfMeansRegressor,
    TrimmedLogisticRegression,
]


@pytest.mark.parametrize("Estimator", CLASSES)
def test_every_parameter_has_a_check(Estimator):
    signature = inspect.signature(Estimator.__init__).parameters
    assert set(Estimator._parameter_checks) == set(signature) - {"self"}
    assert {"verbose", "warm_start", "fit_intercept"} <= set(signature)
    assert "sample_weight" in inspect.signature(Estimator.fit).parameters


def data_for(Estimator, n_samples=90):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 2))
    y = X.sum(axis=1) + 0.3 * rng.normal(size=n_samples)
    return X, (y > 0).astype(int) if is_classifier(Estimator()) else y


def made(Estimator, **parameters):
    if "random_state" in Estimator._parameter_checks:
        parameters["random_state"] = 0
    return Estimator(**parameters)


@pytest.mark.parametrize("Estimator", CLASSES)
@pytest.mark.parametrize("factor", [1 / 90, 0.01, 2.5])
def test_uniform_weights_change_nothing(Estimator, factor):
    X, y = data_for(Estimator)
    plain = made(Estimator).fit(X, y)
    weighted = made(Estimator).fit(X, y, sample_weight=np.full(90, factor))
    np.testing.assert_array_equal(weighted.coef_, plain.coef_)
    np.testing.assert_array_equal(weighted.intercept_, plain.intercept_)


@pytest.mark.parametrize("Estimator", CLASSES)
def test_whole_weights_are_repetitions(Estimator):
    X, y = data_for(Estimator)
    weight = np.random.default_rng(1).integers(0, 3, size=90)
    parameters = {"tol": 1e-9}
    if "starts" in Estimator._parameter_checks:
        parameters["starts"] = "deterministic"
    weighted = made(Estimator, **parameters).fit(X, y, sample_weight=weight)
    repeated = made(Estimator, **parameters)
    repeated.fit(X.repeat(weight, axis=0), y.repeat(weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-6)


@pytest.mark.parametrize("Estimator", CLASSES)
def test_single_precision_is_kept(Estimator):
    X, y = data_for(Estimator)
    X = X.astype(np.float32)
    fitted = made(Estimator).fit(X, y if y.dtype == int else y.astype(np.float32))
    assert fitted.coef_.dtype == np.float32
    assert np.asarray(fitted.intercept_).dtype == np.float32
    if is_classifier(fitted):
        for method in ("decision_function", "predict_proba", "predict_log_proba"):
            assert getattr(fitted, method)(X).dtype == np.float32
    else:
        assert fitted.predict(X).dtype == np.float32
    double = made(Estimator).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(fitted.coef_, double.coef_, rtol=2e-3)


@pytest.mark.parametrize("Estimator", CLASSES)
def test_each_iteration_is_told(Estimator, capsys):
    X, y = data_for(Estimator)
    made(Estimator, verbose=1).fit(X, y)
    assert f"[{Estimator.__name__}] Iteration 1, loss = " in capsys.readouterr().out


@pytest.mark.parametrize("Estimator", CLASSES)
def test_warm_start_is_one_more_start(Estimator):
    X, y = data_for(Estimator)
    fitted = made(Estimator, warm_start=True).fit(X, y)
    coef = fitted.coef_.copy()
    fitted.fit(X, y)
    np.testing.assert_allclose(fitted.coef_, coef, rtol=0.02, atol=0.02)
    # Where it cannot be one, it is none.
    fitted.fit(X[:, :1], y)
    assert np.shape(fitted.coef_)[-1] == 1


@pytest.mark.parametrize("Estimator", CLASSES)
def test_refused_fit_changes_nothing(Estimator):
    X, y = data_for(Estimator)
    fitted = made(Estimator).fit(X, y)
    before = {name: value for name, value in vars(fitted).items()}
    with pytest.raises(ValueError, match="weight"):
        fitted.fit(X[:, :1], y, sample_weight=-np.ones(90))
    assert vars(fitted).keys() == before.keys()
    assert all(vars(fitted)[name] is before[name] for name in before)


@pytest.mark.parametrize("Estimator", CLASSES)
@pytest.mark.parametrize("factor", [1e-200, 1e160])
def test_extreme_units_of_features(Estimator, factor):
    X, y = data_for(Estimator)
    parameters = {"C": np.inf} if is_classifier(Estimator()) else {}
    base = made(Estimator, **parameters).fit(X, y)
    far = made(Estimator, **parameters).fit(factor * X, y)
    np.testing.assert_allclose(far.coef_ * factor, base.coef_, rtol=1e-5)
    np.testing.assert_array_equal(far.predict(factor * X).shape, y.shape)


@pytest.mark.parametrize("Estimator", CLASSES[2:])
@pytest.mark.parametrize("value", [1e155, -1e300])
def test_one_extreme_entry(Estimator, value):
    X, y = data_for(Estimator)
    base = made(Estimator).fit(X, y)
    far = X.copy()
    far[0, 0] = value
    fitted = made(Estimator).fit(far, y)
    assert np.isfinite(fitted.coef_).all()
    if Estimator is MedianOfMeansRegressor:
        np.testing.assert_allclose(fitted.coef_, base.coef_, atol=0.2)
        wrong = y.copy()
        wrong[0] = value
        fitted = made(Estimator).fit(X, wrong)
        np.testing.assert_allclose(fitted.coef_, base.coef_, atol=0.2)


def test_boosting_of_trimmed_logistic_regressions():
    X, y = load_iris(return_X_y=True)
    boosted = AdaBoostClassifier(
        TrimmedLogisticRegression(tol=1e-4), n_estimators=5, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert boosted.fit(X, y).score(X, y) > 0.9


def test_class_weights_are_those_of_logistic_regression():
    X, y = load_iris(return_X_y=True)
    X, y = X[20:], np.array(["a", "b", "c"])[y[20:]]
    for class_weight in ("balanced", {"a": 3.0, "b": 0.5}, None):
        ours = TrimmedLogisticRegression(trim_fraction=0, class_weight=class_weight)
        theirs = LogisticRegression(class_weight=class_weight, max_iter=5000, tol=1e-9)
        np.testing.assert_allclose(
            ours.fit(X, y).predict_proba(X),
            theirs.fit(X, y).predict_proba(X),
            atol=2e-4,
        )
    with pytest.raises(
        ValueError, match=r"class_weight must hold labels of y, got 'd'"
    ):
        TrimmedLogisticRegression(class_weight={"d": 1.0}).fit(X, y)
    with pytest.raises(ValueError, match="class_weight must be positive for a class"):
        TrimmedLogisticRegression(class_weight={"a": 0, "b": 0, "c": 0}).fit(X, y)
    # A class of weight 0 has no say.
    two = TrimmedLogisticRegression(trim_fraction=0.2, class_weight={"c": 0.0})
    assert np.isfinite(two.fit(X, y).coef_).all()


def test_logarithms_of_probabilities():
    X, y = load_iris(return_X_y=True)
    for rows in (slice(100), slice(None)):
        clf = TrimmedLogisticRegression(tol=1e-4).fit(X[rows], y[rows])
        with np.errstate(divide="ignore"):
            expected = np.log(clf.predict_proba(X[rows]))
        np.testing.assert_allclose(clf.predict_log_proba(X[rows]), expected, rtol=1e-8)
        assert np.isfinite(clf.predict_log_proba(1e6 * X)).all()


@pytest.mark.parametrize("max_iter", [1, 200])
def test_the_budget_of_iterations_is_kept_and_one_warning_tells(max_iter, monkeypatch):
    X, y = load_digits(return_X_y=True)
    budgets = []

    def noted(*args, **kwargs):
        budgets.append(kwargs["max_iter"])
        return minimize(*args, **kwargs)

    monkeypatch.setattr("sksoft.linear_model._trimmed_logistic.minimize", noted)
    clf = TrimmedLogisticRegression(max_iter=max_iter, tol=1e-12)
    with pytest.warns(ConvergenceWarning) as record:
        clf.fit(X[:300], y[:300])
    assert len(record) == 1
    assert max(budgets) <= max_iter
    assert clf.n_iter_ <= max_iter


def test_weights_of_absent_rows_are_those_of_their_losses():
    X, y = data_for(TrimmedLogisticRegression)
    full = TrimmedLogisticRegression().fit(X, y)
    twice = TrimmedLogisticRegression().fit(
        np.vstack([X, X]), np.append(y, y), sample_weight=np.repeat([1.0, 0.0], 90)
    )
    np.testing.assert_allclose(twice.sample_weights_[:90], full.sample_weights_)
    np.testing.assert_allclose(twice.sample_weights_[90:], full.sample_weights_)
    np.testing.assert_array_equal(
        twice.outlier_mask_, np.append(full.outlier_mask_, full.outlier_mask_)
    )


def test_strengths_that_the_fits_arrived_at():
    X, y = data_for(MedianOfMeansRegressor)
    reg = MedianOfMeansRegressor(random_state=0).fit(X, y)
    scaled = MedianOfMeansRegressor(random_state=0).fit(X, 10 * y)
    np.testing.assert_allclose(
        scaled.regularization_strength_, 100 * reg.regularization_strength_
    )
    hard = MedianOfMeansRegressor(random_state=0, regularization_strength=0.0)
    assert hard.fit(X, y).regularization_strength_ == 0
    clf = TrimmedLogisticRegression(regularization_strength=0.3)
    assert clf.fit(X, y > 0).regularization_strength_ == 0.3


def test_breakdown_point_of_the_median_of_means():
    X, y = data_for(MedianOfMeansRegressor)
    reg = MedianOfMeansRegressor(n_blocks=9, random_state=0).fit(X, y)
    assert reg.breakdown_point_ == pytest.approx(5 / 90)
    reg.set_params(n_blocks=8).fit(X, y)
    assert reg.breakdown_point_ == pytest.approx(4 / 90)
    reg.set_params(regularization_strength=np.inf).fit(X, y)
    assert reg.breakdown_point_ == pytest.approx(1 / 90)
    weight = np.r_[np.full(45, 0.5), np.full(45, 1.5)]
    reg = MedianOfMeansRegressor(n_blocks=9, random_state=0)
    assert reg.fit(X, y, sample_weight=weight).breakdown_point_ < 5 / 90


def test_the_soft_median_is_the_median_and_not_a_sum_of_two():
    median = _SoftMedian(5, 0.0)
    value, slopes = median(np.array([1.0, 9.0, 4.0, 100.0, 7.0]))
    assert value == 7.0
    np.testing.assert_array_equal(slopes, [0, 0, 0, 0, 1])
    value, slopes = _SoftMedian(4, 0.0)(np.array([1.0, 9.0, 4.0, 100.0]))
    assert value == pytest.approx(6.5)
    np.testing.assert_allclose(slopes, [0, 0.5, 0.5, 0])


@pytest.mark.parametrize(
    "estimator",
    [
        LeastTrimmedAbsoluteRegressor,
        LeastTrimmedSquaresRegressor,
        MedianOfMeansRegressor,
    ],
)
def test_fewer_rows_than_coefficients_are_told(estimator):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    with pytest.warns(UserWarning, match="3 samples .* 4 coefficients: any target"):
        model = estimator(random_state=0).fit(X[:3], y[:3])
    np.testing.assert_allclose(model.predict(X[:3]), y[:3])
    with pytest.warns(UserWarning, match="are 3 samples of positive weight for 4"):
        estimator(random_state=0).fit(X, y, sample_weight=[1, 0, 2, 1])
    with pytest.warns(UserWarning, match="are 1 samples of positive weight for 3"):
        estimator(fit_intercept=False, random_state=0).fit(X[:1], y[:1])
    estimator(random_state=0).fit(X, y)
    if hasattr(estimator(), "alpha"):
        estimator(alpha=1.0, random_state=0).fit(X[:3], y[:3])
