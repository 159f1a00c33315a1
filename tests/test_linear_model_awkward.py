# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Trimmed linear regressions of awkward data, and what they reject."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from trimmed import BOTH, contaminated, parameters_of, squares

from sksoft.linear_model import (
    MedianOfMeansRegressor,
    TrimmedLogisticRegression,
)


def test_exact_fit():
    X = np.arange(20.0)[:, None]
    y = 3 * X.ravel() + 1
    y[:7] = [50, -3, 22, 90, 5, 60, 41]
    reg = squares().fit(X, y)
    np.testing.assert_allclose(parameters_of(reg), [3, 1], rtol=1e-10)
    assert reg.scale_ == 0
    np.testing.assert_array_equal(np.flatnonzero(reg.outlier_mask_), np.arange(7))
    assert (reg.standard_errors_ == 0).all()
    assert "inf" in reg.summary()


def test_timestamps_with_a_large_offset():
    rng = np.random.default_rng(0)
    t = 1.7e9 + np.arange(200.0) * 60
    y = 0.002 * (t - 1.7e9) + 7
    y[rng.permutation(200)[:60]] += 1000
    reg = squares().fit(t[:, None], y)
    np.testing.assert_allclose(reg.coef_, [0.002], rtol=1e-8)
    np.testing.assert_allclose(reg.predict([[1.7e9]]), [7], atol=1e-4)


def test_constant_and_collinear_columns():
    X, y = contaminated()
    wide = np.column_stack([X, np.full(100, 5.0), X[:, 0] + X[:, 1]])
    reg = squares(starts="deterministic").fit(wide, y)
    assert reg.coef_[3] == 0
    np.testing.assert_allclose(
        reg.predict(wide[30:]), X[30:].sum(axis=1) + 1, atol=0.15
    )
    assert reg.outlier_mask_[:30].all()


def test_rare_dummies():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), np.zeros((200, 2))])
    X[:8, 1] = X[8:20, 2] = 1
    y = X @ [1.0, 5.0, -5.0] + 0.1 * rng.normal(size=200)
    y[100:140] += 30
    reg = squares(trim_fraction=0.25).fit(X, y)
    np.testing.assert_allclose(reg.coef_, [1, 5, -5], atol=0.2)
    np.testing.assert_array_equal(np.flatnonzero(reg.outlier_mask_)[:40] >= 0, True)
    assert reg.outlier_mask_[100:140].all()


@pytest.mark.filterwarnings("ignore:There are .* samples of positive weight for")
@pytest.mark.parametrize("n_samples", [1, 2, 4, 5, 6, 8])
def test_few_rows(n_samples):
    X, y = contaminated(n_samples=n_samples, n_outliers=0)
    reg = squares().fit(X, y)
    assert np.isfinite(parameters_of(reg)).all()
    assert np.isfinite(reg.scale_)
    if n_samples <= 4:
        np.testing.assert_allclose(reg.predict(X), y, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 1e-300, 3.0, 1e100])
def test_constant_target(value):
    X, _ = contaminated()
    reg = squares().fit(X, np.full(100, value))
    np.testing.assert_allclose(reg.predict(X), value, rtol=1e-12)
    assert reg.scale_ == 0


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_magnitudes(factor):
    X, y = contaminated()
    base = squares().fit(X, y)
    reg = squares().fit(X * factor, y)
    np.testing.assert_allclose(reg.coef_ * factor, base.coef_, rtol=1e-6)
    reg = squares().fit(X, y * factor)
    np.testing.assert_allclose(reg.coef_ / factor, base.coef_, rtol=1e-6)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.coo_matrix])
def test_sparse_features(container):
    X, y = contaminated()
    X *= np.random.default_rng(0).random(X.shape) < 0.5
    y[30:] = X[30:].sum(axis=1) + 1 + 0.1 * np.cos(np.arange(70))
    dense, thin = squares().fit(X, y), squares().fit(container(X), y)
    np.testing.assert_allclose(dense.coef_, thin.coef_, rtol=1e-3)
    np.testing.assert_allclose(dense.predict(X), thin.predict(container(X)), atol=1e-2)
    np.testing.assert_array_equal(dense.outlier_mask_, thin.outlier_mask_)


def test_several_targets_are_fitted_one_by_one():
    X, y = contaminated()
    Y = np.column_stack([y, -2 * y])
    reg = squares(starts="deterministic").fit(X, Y)
    single = squares(starts="deterministic").fit(X, Y[:, 1])
    assert reg.coef_.shape == (2, 3)
    assert reg.sample_weights_.shape == reg.outlier_mask_.shape == (100, 2)
    np.testing.assert_array_equal(reg.coef_[1], single.coef_)
    np.testing.assert_allclose(reg.predict(X)[:, 1], single.predict(X), rtol=1e-12)
    assert reg.summary().count("rows kept") == 2


def test_float32():
    X, y = contaminated()
    reg = squares().fit(X.astype(np.float32), y.astype(np.float32))
    assert reg.coef_.dtype == reg.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(reg.coef_, squares().fit(X, y).coef_, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("trim_fraction", 0.6, "trim_fraction must be .* at most 0.5, got 0.6"),
        ("trim_fraction", np.nan, "trim_fraction must be .*, got nan"),
        ("trim_fraction", "most", "trim_fraction must be one of 'auto', got 'most'"),
        ("regularization_strength", -1.0, "regularization_strength .* >= 0, got -1.0"),
        ("regularization_strength", np.nan, "regularization_strength .*, got nan"),
        ("alpha", -1.0, "alpha must be a finite number >= 0, got -1.0"),
        ("alpha", np.nan, "alpha must be a finite number >= 0, got nan"),
        ("tol", np.nan, "tol must be a number >= 0, got nan"),
        ("n_starts", 0, "n_starts must be an integer >= 1, got 0"),
        ("max_iter", 0, "max_iter must be an integer >= 1, got 0"),
        ("max_iter", True, "max_iter must be an integer >= 1, got True"),
        ("starts", "lucky", "starts must be one of"),
        ("starts", [[1.0, 2.0]], r"starts must have shape .* got \(1, 2\)"),
        ("formulation", "rank", "formulation must be one of 'mask', 'sort'"),
        ("regularization", "l1", "regularization must be one of 'l2', 'entropic'"),
        ("reweight", 1, "reweight must be True or False, got 1"),
        ("efficiency", 1.0, "efficiency must be at least 0.3 and below 1, got 1.0"),
        ("efficiency", np.nan, "efficiency must be .*, got nan"),
        ("verbose", -1, "verbose must be .*, got -1"),
    ],
)
def test_bad_parameters(name, value, message):
    X, y = contaminated()
    with pytest.raises((ValueError, TypeError), match=message):
        squares(**{name: value}).fit(X, y)


def test_bad_weights():
    X, y = contaminated()
    with pytest.raises(ValueError, match="at least one non-zero number"):
        squares().fit(X, y, sample_weight=np.zeros(100))
    with pytest.raises(ValueError, match=r"whole numbers.*got 1\.5"):
        squares(formulation="sort").fit(X, y, sample_weight=[1.5] * 50 + [0.5] * 50)


def test_exact_fits_are_compared_by_their_rows():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=40), np.arange(40) < 12])
    y = X @ [1.0, 5.0]
    for strength in (0.0, 3.0):
        for reweight in (True, False):
            reg = squares(regularization_strength=strength, reweight=reweight)
            reg.fit(X, y)
            np.testing.assert_allclose(reg.coef_, [1, 5], atol=1e-9)
            assert not reg.outlier_mask_.any()
            assert reg.scale_ == 0
    # With wrong rows least squares does not find it.
    y[[3, 20, 25, 30]] += [7, -3, 20, 4]
    reg = squares().fit(X, y)
    np.testing.assert_allclose(reg.coef_, [1, 5], atol=1e-9)
    assert np.flatnonzero(reg.outlier_mask_).tolist() == [3, 20, 25, 30]


def test_exact_fits_with_several_dummies():
    rng = np.random.default_rng(1)
    level = rng.integers(0, 5, size=120)
    X = np.column_stack([rng.normal(size=120), level[:, None] == np.arange(1, 5)])
    y = X @ [1.0, 2, 3, 4, 5] - 1
    y[:20] += rng.normal(scale=10, size=20)
    reg = squares().fit(X, y)
    np.testing.assert_allclose(reg.coef_, [1, 2, 3, 4, 5], atol=1e-9)
    np.testing.assert_array_equal(np.flatnonzero(reg.outlier_mask_), np.arange(20))


@pytest.mark.parametrize("seed", range(6))
def test_search_with_dummies_is_as_good_as_a_long_one(seed):
    rng = np.random.default_rng(seed)
    level = np.arange(80) % 9
    X = np.column_stack([rng.normal(size=(80, 2)), level[:, None] == np.arange(1, 9)])
    y = X.sum(axis=1) + 0.1 * rng.normal(size=80)
    bad = rng.permutation(80)[:16]
    y[bad] += rng.normal(scale=10, size=16)
    reg = squares(regularization_strength=0.0, reweight=False).fit(X, y)
    long = squares(regularization_strength=0.0, reweight=False, n_starts=5000)
    assert reg.objective_ <= long.fit(X, y).objective_ * 1.02


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("factor", [1e-200, 1e160])
def test_extreme_magnitudes_of_features(Regressor, factor):
    X, y = contaminated()
    reg = Regressor(random_state=0)
    for alpha in (0.0, 1e-3):
        base = clone(reg).set_params(alpha=0.0).fit(X, y)
        far = clone(reg).set_params(alpha=alpha).fit(X * factor, y)
        assert np.isfinite(far.predict(X * factor)).all()
        if alpha == 0:
            np.testing.assert_allclose(far.coef_ * factor, base.coef_, rtol=1e-6)
            np.testing.assert_allclose(
                far.standard_errors_[:3] * factor, base.standard_errors_[:3], rtol=1e-6
            )


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("value", [1e155, -1e300])
def test_one_extreme_target_or_feature(Regressor, value):
    X, y = contaminated()
    base = Regressor(random_state=0).fit(X, y)
    wrong = y.copy()
    wrong[0] = value
    for reweight in (True, False):
        reg = Regressor(random_state=0, reweight=reweight).fit(X, wrong)
        np.testing.assert_allclose(parameters_of(reg), 1.0, atol=0.1)
        far = X.copy()
        far[0, 1] = value
        reg = Regressor(random_state=0, reweight=reweight).fit(far, y)
        np.testing.assert_allclose(parameters_of(reg), 1.0, atol=0.1)
    np.testing.assert_allclose(parameters_of(base), 1.0, atol=0.06)
    ols = squares(regularization_strength=np.inf).fit(X, wrong)
    expected = LinearRegression().fit(X, wrong / value).coef_
    np.testing.assert_allclose(ols.coef_ / value, expected, rtol=1e-8)


@pytest.mark.parametrize("factor", [1e-200, 1e150])
def test_extreme_magnitudes_of_the_target(factor):
    X, y = contaminated()
    base, reg = squares().fit(X, y), squares().fit(X, y * factor)
    np.testing.assert_allclose(reg.coef_ / factor, base.coef_, rtol=1e-6)
    np.testing.assert_allclose(reg.scale_ / factor, base.scale_, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:There are .* samples of positive weight for")
def test_sparse_features_beyond_the_limit():
    X = sparse.random(60, 3000, density=0.001, format="csr", random_state=0)
    for reg in (squares(), MedianOfMeansRegressor()):
        with pytest.raises(ValueError, match="X must have at most 2000 features"):
            reg.fit(X, np.arange(60.0))
    with pytest.raises(ValueError, match="at most 2000 features if it is sparse, got"):
        TrimmedLogisticRegression().fit(X, np.arange(60) % 2)
