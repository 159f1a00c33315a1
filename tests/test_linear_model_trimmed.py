# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The trimmed linear regressions: robustness, equivariance, weights, attributes."""

import pickle

import numpy as np
import pytest
from scipy import optimize
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, QuantileRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from trimmed import BOTH, contaminated, parameters_of, squares

from sksoft.inspection import TrimmingDisplay
from sksoft.linear_model import (
    LeastTrimmedAbsoluteRegressor,
)
from sksoft.linear_model._design import Units, make_design, whitener
from sksoft.linear_model._search import Batch, concentrate, search
from sksoft.operators import soft_topk


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("starts", ["auto", "deterministic", "random"])
@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_ignores_bad_leverage_points(Regressor, starts, strength):
    X, y = contaminated()
    reg = Regressor(
        regularization_strength=strength, starts=starts, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(parameters_of(reg), 1.0, atol=0.06)
    assert reg.outlier_mask_[:30].all()
    assert (reg.sample_weights_[:30] == 0).all()
    assert (reg.sample_weights_[30:] > 0.5).mean() > 0.9
    reg.set_params(reweight=False).fit(X, y)
    np.testing.assert_allclose(reg.sample_weights_.sum(), (100 + 4 + 1) // 2)
    assert (reg.sample_weights_[:30] == 0).all()
    assert reg.outlier_mask_[:30].all()
    assert reg.breakdown_point_ == pytest.approx((100 - 52 + 1) / 100)
    assert reg.loss_curve_[-1] <= reg.loss_curve_[0]


@pytest.mark.parametrize("scenario", ["group", "compact", "scattered"])
def test_many_outliers_in_many_dimensions(scenario):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1000, 20))
    y = 5 * X.sum(axis=1) + 5 + rng.normal(size=1000)
    if scenario == "scattered":
        X[:400] = 10 * rng.normal(size=(400, 20))
        y[:400] = rng.normal(size=400)
    else:
        X[:400] = rng.normal(size=(400, 20)) * (0.1 if scenario == "compact" else 1)
        X[:400, 0] += 10
        y[:400] = 5 - 5 * X[:400].sum(axis=1) + rng.normal(size=400)
    oracle = LinearRegression().fit(X[400:], y[400:])
    error = np.linalg.norm(parameters_of(squares().fit(X, y)) - 5)
    assert error < 1.5 * np.linalg.norm(parameters_of(oracle) - 5)


@pytest.mark.parametrize("strength", [0.0, 0.1, 3.0, 100.0])
def test_one_row_far_away_changes_nothing(strength):
    X, y = contaminated(n_outliers=0)
    reg = squares(regularization_strength=strength)
    near, far = y.copy(), y.copy()
    near[0], far[0] = 1e3, 1e12
    a, b = clone(reg).fit(X, near), clone(reg).fit(X, far)
    np.testing.assert_allclose(parameters_of(a), parameters_of(b), rtol=1e-4)
    X_far = X.copy()
    X_far[0] = 1e12
    c = clone(reg).fit(X_far, near)
    np.testing.assert_allclose(parameters_of(a), parameters_of(c), rtol=1e-4)


def test_one_row_far_away_spoils_the_sorted_formulation():
    X, y = contaminated(n_outliers=0)
    y[0] = 1e6
    mask = squares(reweight=False).fit(X, y)
    ordered = squares(formulation="sort", reweight=False).fit(X, y)
    assert np.abs(parameters_of(mask) - 1).max() < 0.2
    assert np.abs(parameters_of(ordered) - 1).max() > 100
    assert ordered.breakdown_point_ == 1 / 100


def test_infinite_strength_is_least_squares():
    X, y = contaminated()
    ols = LinearRegression().fit(X, y)
    reg = squares(regularization_strength=np.inf, reweight=False).fit(X, y)
    np.testing.assert_allclose(reg.coef_, ols.coef_, rtol=1e-10)
    np.testing.assert_allclose(reg.intercept_, ols.intercept_, rtol=1e-10)
    reg = squares(regularization_strength=1e12, reweight=False, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(reg.coef_, ols.coef_, rtol=1e-5)


def test_vanishing_strength_is_hard_trimming():
    X, y = contaminated()
    hard = squares(regularization_strength=0.0, reweight=False).fit(X, y)
    soft = squares(
        regularization_strength=1e-9, reweight=False, starts=[[*hard.coef_, 0]]
    ).fit(X, y)
    start = [[*hard.coef_, hard.intercept_]]
    soft = soft.set_params(starts=start).fit(X, y)
    np.testing.assert_allclose(soft.objective_, hard.objective_, rtol=1e-6)
    residuals = np.sort((y - hard.predict(X)) ** 2)
    np.testing.assert_allclose(hard.objective_, residuals[:52].sum(), rtol=1e-10)


def test_no_trimming_and_no_softness_is_quantile_regression():
    X, y = contaminated(n_outliers=0)
    reg = LeastTrimmedAbsoluteRegressor(
        regularization_strength=np.inf, reweight=False
    ).fit(X, y)
    lad = QuantileRegressor(quantile=0.5, alpha=0).fit(X, y)
    ours = np.abs(y - reg.predict(X)).sum()
    assert ours < 1.002 * np.abs(y - lad.predict(X)).sum()


def test_ridge_penalty():
    X, y = contaminated()
    ridge = Ridge(alpha=10.0).fit(X, y)
    reg = squares(alpha=10.0, regularization_strength=np.inf, reweight=False).fit(X, y)
    np.testing.assert_allclose(reg.coef_, ridge.coef_, rtol=1e-8)
    trimmed = squares(alpha=10.0, regularization_strength=0.0, reweight=False)
    trimmed.fit(X, y)
    kept = trimmed.sample_weights_ == 1
    ridge.fit(X[kept], y[kept])
    np.testing.assert_allclose(trimmed.coef_, ridge.coef_, rtol=1e-6)


def penalised_design(n_samples, alpha, weight=None):
    """Return a design of three features and a target, with all units one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 3))
    y = X.sum(axis=1) + rng.normal(size=n_samples)
    units = Units(np.zeros(3), np.ones(3))
    return make_design(X, weight, units, True, alpha), y


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 51.0)])
def test_some_rows_have_their_share_of_the_penalty(weight):
    few, y = penalised_design(50, 10.0, weight)
    rows = np.tile(np.arange(50), 4)
    weights = None if weight is None else weight[rows]
    units = Units(np.zeros(3), np.ones(3))
    all_rows = make_design(few.matrix[rows, :3], weights, units, True, 40.0)
    part = all_rows.take(np.arange(50))
    everything = np.ones(200)
    coef = all_rows.solve(everything, y[rows])
    np.testing.assert_allclose(part.solve(everything[:50], y), coef, rtol=1e-10)
    np.testing.assert_allclose(few.solve(everything[:50], y), coef, rtol=1e-10)


def test_part_of_a_batch_is_the_batch_of_the_part():
    design, y = penalised_design(400, 100.0, np.tile([1.0, 2.0], 200))
    transform = whitener(design.matrix.T @ design.matrix / 400)
    part = Batch(design, y, 0.6, transform).part(slice(100, 200))
    rows = np.arange(100, 200)
    expected = Batch(design.take(rows), y[rows], 0.6, transform)
    coefs = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(part.kept, expected.kept)
    np.testing.assert_allclose(part.step(coefs), expected.step(coefs), rtol=1e-5)
    subsets = rows[:20].reshape(5, 4) - 100
    np.testing.assert_allclose(
        part.elemental(subsets), expected.elemental(subsets), rtol=1e-4
    )


def test_search_on_a_sample_is_penalised_as_that_on_all_rows():
    design, y = penalised_design(21_000, 5000.0)
    kept = 10_500.0
    found = search(
        design,
        y,
        kept,
        starts="auto",
        n_starts=500,
        given=np.empty((0, 4)),
        exhaustive=False,
        rounding=lambda coef: 1e-12,
        rng=np.random.RandomState(0),
    )
    optimum, _, _ = concentrate(design, y, found.coef, kept, 100)
    assert np.all(optimum[:3] < 0.8)
    # 5000 rows tell it: beside the whole penalty, slopes are 0.08 where 0.23 is right.
    np.testing.assert_allclose(found.coef, optimum, atol=0.06)


def test_entropic_mask_is_soft_top_k():
    X, y = contaminated(n_samples=60)
    reg = squares(regularization="entropic", reweight=False).fit(X, y)
    losses = (y - reg.predict(X)) ** 2
    # Its strength is in units of the squared scale of the hard fit: recover it from two
    # rows, then compare all of them.
    logit = np.log(reg.sample_weights_ / (1 - reg.sample_weights_))
    inside = np.argsort(np.abs(logit))[:2]
    strength = -np.diff(losses[inside]) / np.diff(logit[inside])
    expected = soft_topk(
        -losses,
        reg.sample_weights_.sum(),
        regularization_strength=float(strength[0]),
    )
    np.testing.assert_allclose(reg.sample_weights_, expected, atol=1e-6)


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("regularization", ["l2", "entropic"])
@pytest.mark.parametrize("formulation", ["mask", "sort"])
def test_integer_weight_is_a_repetition(Regressor, regularization, formulation):
    X, y = contaminated(n_samples=60, n_outliers=15)
    weight = np.random.default_rng(3).integers(0, 4, size=60)
    reg = Regressor(
        random_state=0,
        starts="deterministic",
        regularization=regularization,
        formulation=formulation,
        tol=1e-9,
    )
    weighted = clone(reg).fit(X, y, sample_weight=weight)
    repeated = clone(reg).fit(X.repeat(weight, axis=0), y.repeat(weight))
    np.testing.assert_allclose(
        parameters_of(weighted), parameters_of(repeated), rtol=1e-5
    )
    np.testing.assert_allclose(weighted.scale_, repeated.scale_, rtol=1e-5)
    np.testing.assert_allclose(weighted.objective_, repeated.objective_, rtol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_equivariance(strength, seed):
    X, y = contaminated(seed, n_samples=80, n_outliers=20)
    rng = np.random.default_rng(seed)
    reg = squares(regularization_strength=strength, starts="random", tol=1e-9)
    base = clone(reg).fit(X, y)
    # A plane added to the target is added to the fit.
    plane = rng.normal(size=3)
    moved = clone(reg).fit(X, y + X @ plane + 5)
    np.testing.assert_allclose(moved.coef_, base.coef_ + plane, atol=1e-5)
    np.testing.assert_allclose(moved.intercept_, base.intercept_ + 5, atol=1e-5)
    # Units of the target, its sign included.
    scaled = clone(reg).fit(X, -1e3 * y)
    np.testing.assert_allclose(scaled.coef_, -1e3 * base.coef_, rtol=1e-5)
    np.testing.assert_allclose(scaled.scale_, 1e3 * base.scale_, rtol=1e-5)
    # Other coordinates of the features.
    mixing = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    mixed = clone(reg).fit(X @ mixing, y)
    np.testing.assert_allclose(
        mixed.coef_, np.linalg.solve(mixing, base.coef_), atol=1e-5
    )
    np.testing.assert_allclose(mixed.sample_weights_, base.sample_weights_, atol=1e-3)


def test_order_of_rows_is_immaterial_to_deterministic_starts():
    X, y = contaminated()
    order = np.random.default_rng(0).permutation(len(y))
    reg = squares(starts="deterministic", tol=1e-9)
    a, b = clone(reg).fit(X, y), clone(reg).fit(X[order], y[order])
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-6)
    np.testing.assert_array_equal(a.outlier_mask_[order], b.outlier_mask_)


def test_without_intercept():
    X, y = contaminated()
    reg = squares(fit_intercept=False).fit(X, y - 1)
    assert reg.intercept_ == 0
    assert reg.standard_errors_.shape == (3,)
    np.testing.assert_allclose(reg.coef_, 1, atol=0.1)


def test_given_starts_and_warm_start():
    X, y = contaminated()
    found = squares().fit(X, y)
    given = squares(starts=[np.ones(4)]).fit(X, y)
    np.testing.assert_allclose(given.coef_, found.coef_, atol=1e-4)
    # Least squares starts in the wrong place; what a warm start knows is kept.
    warm = squares(warm_start=True).fit(X, y).set_params(starts="ols").fit(X, y)
    np.testing.assert_allclose(warm.coef_, found.coef_, atol=1e-4)
    cold = squares(starts="ols").fit(X, y)
    assert np.abs(cold.coef_ - 1).max() > 1


def test_too_few_iterations_warn():
    X, y = contaminated()
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        squares(max_iter=1, tol=1e-12).fit(X, y)


def test_verbose_tells_what_happened(capsys):
    X, y = contaminated()
    squares(verbose=1).fit(X, y)
    assert "outliers" in capsys.readouterr().out


def test_grid_search_and_pickle():
    X, y = contaminated()
    search = GridSearchCV(
        squares(n_starts=20),
        {"regularization_strength": [0.0, 3.0], "trim_fraction": ["auto", 0.25]},
        cv=3,
    ).fit(X, y)
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))


def test_same_seed_same_fit():
    X, y = contaminated(n_samples=3000, n_outliers=900)
    a, b = squares().fit(X, y), squares().fit(X, y)
    np.testing.assert_array_equal(a.coef_, b.coef_)
    np.testing.assert_array_equal(a.sample_weights_, b.sample_weights_)


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("factor", [1 / 60, 0.01, 3.7])
def test_of_weights_that_are_no_counts_only_ratios_matter(Regressor, factor):
    X, y = contaminated(n_samples=60, n_outliers=15)
    reg = Regressor(random_state=0, tol=1e-10)
    plain = clone(reg).fit(X, y)
    uniform = clone(reg).fit(X, y, sample_weight=np.full(60, factor))
    np.testing.assert_array_equal(uniform.coef_, plain.coef_)
    assert uniform.breakdown_point_ == plain.breakdown_point_
    weight = np.random.default_rng(0).uniform(0.5, 1.5, size=60)
    a = clone(reg).fit(X, y, sample_weight=weight)
    b = clone(reg).fit(X, y, sample_weight=factor * weight)
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-6)
    assert a.outlier_mask_[:15].all()


@pytest.mark.parametrize("reweight", [True, False])
@pytest.mark.parametrize("formulation", ["mask", "sort"])
@pytest.mark.parametrize("strength", [0.0, 3.0, np.inf])
def test_attributes_agree_on_all_rows(plt, reweight, formulation, strength):
    X, y = contaminated()
    weight = np.ones(100)
    absent = [0, 50, 60]
    weight[absent] = 0
    reg = squares(
        reweight=reweight, formulation=formulation, regularization_strength=strength
    ).fit(X, y, sample_weight=weight)
    size = np.abs(y - reg.predict(X))
    np.testing.assert_array_equal(reg.outlier_mask_, size > reg.outlier_threshold_)
    robust = np.isfinite(strength) and (formulation == "mask" or strength == 0)
    if robust:
        assert reg.outlier_mask_[absent].tolist() == [True, False, False]
    assert f"{np.sum(~reg.outlier_mask_)} of 100 rows kept" in reg.summary()
    display = TrimmingDisplay.from_estimator(reg, X, y)
    np.testing.assert_array_equal(display.support, ~reg.outlier_mask_)
    if robust:
        # A larger residual never has a larger weight, absent rows included.
        assert (np.diff(reg.sample_weights_[np.argsort(size)]) <= 1e-9).all()
    if reweight and np.isfinite(strength):
        np.testing.assert_array_equal(reg.outlier_mask_, reg.sample_weights_ < 0.5)
    if np.isinf(strength):
        np.testing.assert_array_equal(reg.sample_weights_, 1)


def test_breakdown_point_is_never_optimistic():
    X, y = contaminated(n_samples=50, n_outliers=10)
    expected = (50 - 27 + 1) / 50
    assert squares().fit(X, y).breakdown_point_ == pytest.approx(expected)
    assert np.isnan(squares(starts="ols").fit(X, y).breakdown_point_)
    assert np.isnan(squares(starts=[np.ones(4)]).fit(X, y).breakdown_point_)
    for parameters in (
        {"regularization_strength": np.inf},
        {"formulation": "sort"},
        {"trim_fraction": 0.0, "starts": "ols"},
    ):
        reg = squares(**parameters).fit(X, y)
        assert reg.breakdown_point_ == pytest.approx(1 / 50)
    # The smallest weight may be the one that is too much.
    weight = np.ones(50)
    weight[0] = 0.01
    reg = squares().fit(X, y, sample_weight=weight)
    assert reg.breakdown_point_ < expected - 0.01
    twice = squares().fit(X, y, sample_weight=np.full(50, 2.0))
    repeated = squares().fit(X.repeat(2, axis=0), y.repeat(2))
    assert twice.breakdown_point_ == repeated.breakdown_point_


@pytest.mark.parametrize("reweight", [True, False])
def test_infinite_strength_is_least_squares_whatever_comes_last(reweight):
    X, y = contaminated()
    ols = LinearRegression().fit(X, y)
    reg = squares(regularization_strength=np.inf, reweight=reweight).fit(X, y)
    np.testing.assert_allclose(parameters_of(reg), parameters_of(ols), rtol=1e-10)
    absolute = LeastTrimmedAbsoluteRegressor(
        regularization_strength=np.inf, reweight=reweight, tol=1e-9
    ).fit(X, y)
    lad = QuantileRegressor(quantile=0.5, alpha=0).fit(X, y)
    assert (
        np.abs(y - absolute.predict(X)).mean()
        < 1.01 * np.abs(y - lad.predict(X)).mean()
    )


@pytest.mark.parametrize("Regressor", BOTH)
def test_absolute_strength_is_in_units_of_the_losses(Regressor):
    X, y = contaminated()
    power = Regressor._power
    reg = Regressor(random_state=0, reweight=False).fit(X, y)
    hard = Regressor(random_state=0, reweight=False, regularization_strength=0.0)
    hard.fit(X, y)
    assert hard.regularization_strength_ == 0
    scaled = clone(reg).fit(X, 10 * y)
    np.testing.assert_allclose(
        scaled.regularization_strength_,
        10**power * reg.regularization_strength_,
        rtol=1e-6,
    )
    twice = clone(reg).set_params(regularization_strength=6.0).fit(X, y)
    np.testing.assert_allclose(
        twice.regularization_strength_, 2 * reg.regularization_strength_, rtol=1e-10
    )
    if power == 2:
        losses = (y - reg.predict(X)) ** 2
        inside = (reg.sample_weights_ > 0.01) & (reg.sample_weights_ < 0.99)
        slope = np.polyfit(losses[inside], reg.sample_weights_[inside], 1)[0]
        np.testing.assert_allclose(-1 / slope, reg.regularization_strength_, rtol=1e-5)


def test_ridge_penalty_of_absolute_deviations_is_in_units_of_the_data():
    X, y = contaminated(n_outliers=0)
    reg = LeastTrimmedAbsoluteRegressor(
        regularization_strength=np.inf, alpha=5.0, tol=1e-10
    ).fit(X, y)

    def objective(coef):
        return np.abs(y - X @ coef[:3] - coef[3]).sum() + 5.0 * coef[:3] @ coef[:3]

    best = optimize.minimize(
        objective, parameters_of(reg), method="Nelder-Mead", options={"xatol": 1e-6}
    )
    assert objective(parameters_of(reg)) < 1.001 * best.fun
    # Ten times the target and a tenth of the penalty are the same problem.
    scaled = clone(reg).set_params(alpha=0.5).fit(X, 10 * y)
    np.testing.assert_allclose(scaled.coef_, 10 * reg.coef_, rtol=1e-2)
    for last_step in (True, False):
        parameters = {"reweight": last_step, "regularization_strength": 3.0}
        one = clone(reg).set_params(**parameters).fit(X, y)
        ten = clone(reg).set_params(alpha=0.5, **parameters).fit(X, 10 * y)
        np.testing.assert_allclose(ten.coef_, 10 * one.coef_, rtol=0.03)
        free = clone(reg).set_params(alpha=0.0, **parameters).fit(X, y)
        assert np.linalg.norm(one.coef_) < 0.985 * np.linalg.norm(free.coef_)


@pytest.mark.parametrize(("share", "n_kept"), [(0.1, 27), (0.099, 28), (0.19, 25)])
def test_the_number_of_trimmed_rows_is_rounded_down(share, n_kept):
    X, y = contaminated(n_samples=30, n_features=1, n_outliers=0)
    reg = squares(trim_fraction=share, reweight=False, regularization_strength=0.0).fit(
        X, y
    )
    assert reg.sample_weights_.sum() == n_kept
