# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The last step of trimmed regressions: scales, standard errors, tests, summaries."""

import warnings

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.linear_model import LinearRegression
from trimmed import BOTH, contaminated, parameters_of, squares

from sksoft.linear_model._design import Units, make_design
from sksoft.linear_model._leverage import (
    LEVEL,
    find_apart,
    leverage_is_worse,
    posterior_of,
)
from sksoft.linear_model._mm import (
    bisquare_cutoff,
    choice_inflation,
    log_chance,
    log_choices,
    mm_covariance_root,
    mm_fit,
    residual_variance,
)
from sksoft.linear_model._scale import RAW, small_sample_factor


@pytest.mark.parametrize("trim_fraction", ["auto", 0.25])
@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_scale_is_calibrated(trim_fraction, strength):
    rng = np.random.default_rng(0)
    reg = squares(
        trim_fraction=trim_fraction, regularization_strength=strength, n_starts=100
    )
    scales = [
        reg.fit(rng.normal(size=(100, 5)), rng.normal(size=100)).scale_
        for _ in range(60)
    ]
    # The mean of 60 has a standard error of about 0.015.
    assert abs(np.mean(scales) - 1) < 0.06


def test_standard_errors_of_least_squares():
    X, y = contaminated(n_outliers=0)
    reg = squares(regularization_strength=np.inf).fit(X, y)
    rows = np.column_stack([X, np.ones(100)])
    residual = y - reg.predict(X)
    scale = np.sqrt(residual @ residual / 96)
    np.testing.assert_allclose(reg.scale_, scale, rtol=1e-10)
    expected = scale * np.sqrt(np.diag(np.linalg.inv(rows.T @ rows)))
    np.testing.assert_allclose(reg.standard_errors_, expected, rtol=1e-8)


@pytest.mark.parametrize("efficiency", [0.85, 0.95])
def test_standard_errors_tell_the_efficiency(efficiency):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_000, 2)), rng.normal(size=20_000)
    reg = squares(efficiency=efficiency, n_starts=20).fit(X, y)
    expected = np.sqrt(1 / efficiency / 20_000)
    np.testing.assert_allclose(reg.standard_errors_, expected, rtol=0.03)


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("strength", [3.0, 30.0])
def test_standard_errors_without_the_last_step(Regressor, strength):
    rng = np.random.default_rng(1)
    slopes, errors = [], []
    reg = Regressor(
        reweight=False,
        regularization_strength=strength,
        starts="deterministic",
        random_state=0,
    )
    for _ in range(150):
        X, y = rng.normal(size=(400, 2)), rng.normal(size=400)
        reg.fit(X, y)
        slopes.append(reg.coef_)
        errors.append(reg.standard_errors_[:2])
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(slopes)))
    # Of 300 slopes the root mean square has a standard error of 4 %.
    assert 0.85 < ratio < 1.15


def test_level_of_the_tests():
    rng = np.random.default_rng(0)
    reg, wrong = squares(starts="deterministic"), []
    for _ in range(150):
        X = rng.normal(size=(50, 4))
        y = rng.normal(size=50)
        y[:5] += 4
        reg.fit(X, y)
        wrong.append(
            np.abs(reg.coef_) > stats.t.ppf(0.975, 45) * reg.standard_errors_[:4]
        )
    # 600 tests at 5 %; five standard errors are 4.4 %.
    assert 0.01 < np.mean(wrong) < 0.095


def test_scale_of_many_coefficients():
    rng = np.random.default_rng(0)
    reg, ratios = squares(starts="deterministic", fit_intercept=False), []
    for _ in range(60):
        X, y = rng.normal(size=(100, 20)), rng.normal(size=100)
        squared = np.linalg.lstsq(X, y)[1][0] / 80
        ratios.append(np.log(reg.fit(X, y).scale_ / np.sqrt(squared)))
    # The standard error of the mean is 0.005.
    assert abs(np.mean(ratios)) < 0.013


def test_level_of_the_tests_of_many_coefficients():
    rng = np.random.default_rng(0)
    reg, wrong = squares(starts="deterministic", fit_intercept=False), []
    for _ in range(60):
        reg.fit(rng.normal(size=(100, 33)), rng.standard_t(1, size=100))
        limit = stats.t.ppf(0.975, 67) * reg.standard_errors_
        wrong.append(np.abs(reg.coef_) > limit)
    # The standard error is 0.8 %; Huber's formula alone has a level of 10 %.
    assert 0.03 < np.mean(wrong) < 0.08


def test_level_of_the_tests_of_half_as_many_coefficients_as_rows():
    rng = np.random.default_rng(0)
    reg, wrong = squares(fit_intercept=False), []
    for _ in range(80):
        X, y = rng.normal(size=(50, 25)), rng.normal(size=50)
        y[:5] += 4
        reg.fit(X, y)
        limit = stats.t.ppf(0.975, 25) * reg.standard_errors_
        wrong.append(np.abs(reg.coef_) > limit)
    # The standard error is 0.8 %; without account of good rows dropped it is 9 %.
    assert 0.03 < np.mean(wrong) < 0.075


def test_errors_where_good_rows_may_be_dropped():
    assert choice_inflation(8.0, 16, 50.0) == 1.0
    assert choice_inflation(0.0, 25, 50.0) == 1.0
    dropped = np.arange(26.0)
    inflation = [choice_inflation(number, 25, 50.0) for number in dropped]
    assert (np.diff(inflation) >= 0).all()
    assert inflation[-1] == pytest.approx(4.0)
    assert inflation[1] < 1.1
    assert choice_inflation(5.0, 25, 50.0) == pytest.approx(np.sqrt(20 / 10))
    # Of many rows no such choice is to be had.
    assert choice_inflation(160.0, 1000, 2000.0) < 1.01


def test_residual_scales_at_high_efficiency_are_those_of_least_squares():
    share = np.linspace(0, 0.9, 10)
    variance = residual_variance(share, bisquare_cutoff(0.99999))
    np.testing.assert_allclose(variance, 1 - share, atol=2e-3)


@pytest.mark.parametrize("distance", [30.0, 1e3, 1e5])
def test_last_step_descends_where_a_good_row_of_high_leverage_returns(distance):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    X[0] *= distance
    X[1:6] = 30 * distance * rng.normal(size=(5, 3))
    y[1:6] = 50.0
    design = make_design(X, None, Units(np.zeros(3), np.ones(3)), True, 0.0)
    start = np.full(4, 0.05)
    start[:3] /= distance
    known = mm_fit(design, y, start, 1.0, None, 0.95)
    # What is known of the rows may be without that row: it takes more steps, no others.
    few = design.matrix[6:]
    inverse = np.linalg.inv(few.T @ few / len(few))
    found = mm_fit(design, y, start, 1.0, None, 0.95, inverse)
    np.testing.assert_allclose(found.coef, known.coef, rtol=1e-6, atol=1e-9)
    assert (found.weight > 0).sum() >= 190


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("efficiency", [0.85, 0.95])
def test_every_trimmed_regression_ends_with_the_last_step(
    Regressor, container, efficiency
):
    X, y = contaminated(n_outliers=0)
    # Wrong rows that no leverage tells, for sparse features have none.
    y[:20] += 5
    Y = np.column_stack([y, 2 - 3 * y])
    reg = Regressor(efficiency=efficiency, random_state=0).fit(container(X), Y)
    rows = np.column_stack([X, np.ones(100)])
    for target in range(2):
        # An M-estimate is least squares under its own weights, Tukey's here.
        weight = reg.sample_weights_[:, target]
        root = np.sqrt(weight)[:, None]
        coef = np.linalg.lstsq(root * rows, root.ravel() * Y[:, target])[0]
        found = np.append(reg.coef_[target], reg.intercept_[target])
        np.testing.assert_allclose(found, coef, rtol=1e-6)
        residual = (Y[:, target] - rows @ found) / reg.scale_[target]
        near = weight > 0
        cutoff = np.abs(residual[near]) / np.sqrt(1 - np.sqrt(weight[near]))
        expected = bisquare_cutoff(efficiency) * (1 + 0.5 * 4 / 100)
        np.testing.assert_allclose(cutoff, expected, rtol=1e-4)


def test_summary():
    X, y = contaminated()
    import pandas as pd

    table = squares().fit(pd.DataFrame(X, columns=["a", "b", "c"]), y).summary()
    lines = table.splitlines()
    assert lines[0].startswith("LeastTrimmedSquaresRegressor: ")
    assert [line.split()[0] for line in lines[3:7]] == ["a", "b", "c", "(intercept)"]
    assert "Pr(>|t|)" in table
    assert "[0.025      0.975]" in table
    assert "(intercept)" not in squares(fit_intercept=False).fit(X, y).summary()


def test_high_leverage_is_believed_less_where_it_is_worse():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 5))
    y = 5 * X.sum(axis=1) + rng.normal(size=1000)
    X[:200] = 10 * rng.normal(size=(200, 5))
    y[:200] = rng.normal(size=200)
    reg = squares().fit(X, y)
    residual = np.abs(y - reg.predict(X)) / reg.scale_
    near = (residual > 1) & (residual < 2)
    far = np.linalg.norm(X, axis=1) > 6
    assert reg.sample_weights_[near & far].max() < 0.8
    assert reg.sample_weights_[near & ~far].max() > 0.85
    oracle = LinearRegression().fit(X[200:], y[200:])
    error = np.linalg.norm(parameters_of(reg) - np.array([5] * 5 + [0]))
    assert error < 1.5 * np.linalg.norm(parameters_of(oracle) - np.array([5] * 5 + [0]))
    # Where it is no worse, it counts in full.
    X[:200] = 10 * rng.normal(size=(200, 5))
    y[:200] = 5 * X[:200].sum(axis=1) + rng.normal(size=200)
    reg = squares().fit(X, y)
    residual = np.abs(y - reg.predict(X)) / reg.scale_
    assert reg.sample_weights_[residual < 2].min() > 0.65


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("strength", [0.0, 3.0, np.inf])
@pytest.mark.parametrize("reweight", [True, False])
def test_features_that_tell_nothing_new_take_no_degrees_of_freedom(
    Regressor, container, strength, reweight
):
    rng = np.random.default_rng(0)
    level = rng.integers(4, size=60)
    X = np.column_stack([rng.normal(size=60), *(level == k for k in range(1, 4))])
    # How far a row is does not matter to what it tells.
    X[0, 0] = 1e7
    y = X.sum(axis=1) + rng.normal(size=60)
    reg = Regressor(
        regularization_strength=strength,
        reweight=reweight,
        starts="deterministic",
        # Numbers of rows kept depend on the number of columns.
        trim_fraction=0.2,
        random_state=0,
    )
    reg.fit(container(X), y)
    scale, errors, table = reg.scale_, reg.standard_errors_, reg.summary()
    redundant = np.column_stack([X, np.full(60, 3.0), np.zeros(60), level == 0])
    reg.fit(container(redundant), y)
    np.testing.assert_allclose(reg.scale_, scale, rtol=1e-3)
    np.testing.assert_allclose(reg.standard_errors_[0], errors[0], rtol=1e-3)
    assert "on 55 degrees of freedom" in table
    assert "on 55 degrees of freedom" in reg.summary()
    # A feature of zeros has no coefficient to test.
    assert reg.standard_errors_[5] == 0
    assert reg.summary().splitlines()[8].split()[3:5] == ["nan", "nan"]


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("n_samples", [1, 3, 4])
def test_no_more_rows_than_coefficients_tell_no_errors(Regressor, n_samples):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(n_samples, 3)), rng.normal(size=(n_samples, 2))
    reg = Regressor(random_state=0)
    with warnings.catch_warnings():
        # Fewer rows than coefficients are told of.
        warnings.simplefilter("ignore", UserWarning)
        reg.fit(X, Y)
    assert np.isnan(reg.standard_errors_).all()
    table = reg.summary()
    assert table.count("on 0 degrees of freedom") == 2
    assert table.splitlines()[3].split()[2:] == ["nan"] * 5
    # A row more, or a penalty, and there is something to tell.
    reg.fit(rng.normal(size=(6, 3)), rng.normal(size=(6, 2)))
    assert (reg.standard_errors_ > 0).all()
    reg.set_params(alpha=1.0).fit(X, Y)
    assert np.isfinite(reg.standard_errors_).all()


def test_tests_of_an_exact_fit():
    X = np.arange(20.0)[:, None]
    table = squares().fit(X, 3 * X.ravel()).summary()
    assert table.splitlines()[3].split()[2:5] == ["0", "inf", "0"]


@pytest.mark.parametrize("Regressor", BOTH)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_coefficients_that_fit_most_rows_by_chance_are_not_believed(
    Regressor, container
):
    rng = np.random.default_rng(0)
    reg = Regressor(fit_intercept=False, max_iter=1000, random_state=0)
    errors, least, wrong = [], [], []
    for _ in range(40):
        X, y = rng.normal(size=(44, 18)), rng.normal(size=44)
        reg.fit(container(X), y)
        errors.append(np.sum(reg.coef_**2))
        least.append(np.sum(np.linalg.lstsq(X, y)[0] ** 2))
        limit = stats.t.ppf(0.975, 26) * reg.standard_errors_
        wrong.append(np.abs(reg.coef_) > limit)
    # An MM-estimate that begins at the trimmed fit has an efficiency of 0.6, a level of
    # 12 %.
    assert np.mean(least) / np.mean(errors) > 0.9
    assert np.mean(wrong) < 0.08


@pytest.mark.parametrize("tight", [True, False])
@pytest.mark.parametrize("distance", [10.0, 1e4])
def test_wrong_rows_are_dropped_where_rows_are_few(tight, distance):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(60, 16))
        y = X.sum(axis=1) + rng.normal(size=60)
        if tight:
            X[:15] *= 0.1
            X[:15, 0] += distance
            y[:15] = -y[:15] - distance
        else:
            y[:15] += distance * np.arange(1, 16)
        reg = squares().fit(X, y)
        assert (reg.sample_weights_[:15] == 0).all()
        assert np.abs(reg.coef_ - 1).max() < 1


def test_repetitions_where_rows_are_few():
    rng = np.random.default_rng(0)
    units, n_kept = Units(np.zeros(9), np.ones(9)), []
    for _ in range(8):
        X, y = rng.normal(size=(30, 9)), rng.standard_t(3, size=30)
        counts = rng.integers(1, 3, size=30)
        # Coefficients that fit ten rows exactly.
        few = np.column_stack([X, np.ones(30)])[:10]
        start = np.linalg.solve(few, y[:10])
        weighted = make_design(X, counts.astype(float), units, True, 0.0)
        repeated = make_design(np.repeat(X, counts, axis=0), None, units, True, 0.0)
        found = mm_fit(weighted, y, start, 0.3, None, 0.95)
        other = mm_fit(repeated, np.repeat(y, counts), start, 0.3, None, 0.95)
        np.testing.assert_allclose(found.coef, other.coef, rtol=1e-6)
        np.testing.assert_allclose(
            np.linalg.norm(mm_covariance_root(weighted, found), axis=1),
            np.linalg.norm(mm_covariance_root(repeated, other), axis=1),
            rtol=1e-6,
        )
        n_kept.append((found.weight > 0).sum())
    assert max(n_kept) > 28


def test_chance_of_rows_that_seem_wrong():
    # The F test of two of ten rows, beside three coefficients; 45 choices of two.
    chance = log_chance(9.0, 4.0, 2.0, 7.0)
    np.testing.assert_allclose(chance, stats.f.logsf(2.5 / (4 / 5), 2, 5))
    np.testing.assert_allclose(log_choices(10.0, 2.0), np.log(45))
    assert log_chance(9.0, 0.0, 2.0, 7.0) < -500


def test_rows_that_are_left_out_do_not_seem_apart():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        X = rng.normal(size=(40, 12))
        design = make_design(X, None, Units(np.zeros(12), np.ones(12)), True, 0.0)
        kept = np.arange(40) >= 10
        apart = find_apart(design, kept)
        shares.append([apart[:10].mean(), apart[10:].mean()])
    # The standard errors are 0.003 and 0.002.
    np.testing.assert_allclose(np.mean(shares, axis=0), 0.025, atol=0.012)
    X[:10] += 10
    design = make_design(X, None, Units(np.zeros(12), np.ones(12)), True, 0.0)
    assert find_apart(design, kept)[:10].all()
    assert find_apart(design, np.arange(40) >= 28) is None


@pytest.mark.parametrize("seed", range(20))
def test_rows_apart_are_told_by_the_other_rows(seed):
    X = np.random.default_rng(seed).standard_t(5, size=(30, 3))
    design = make_design(X, None, Units(np.zeros(3), np.ones(3)), True, 0.0)
    kept = np.arange(30) % 5 > 0
    expected = []
    for row in range(30):
        others = X[kept & (np.arange(30) != row)]
        m, away = len(others), X[row] - others.mean(axis=0)
        hotelling = m / (m + 1) * away @ np.linalg.solve(np.cov(others.T), away)
        limit = 3 * (m - 1) / (m - 3) * stats.f.ppf(0.975, 3, m - 3)
        expected.append(hotelling > limit)
    np.testing.assert_array_equal(find_apart(design, kept), expected)


def test_leverage_of_rows_that_count_half():
    # Rounding must not make all wrong rows seem to be of high leverage.
    assert not leverage_is_worse(2.5, 20.0, 2.5, 18.5)


def test_leverage_is_worse_at_the_level_of_the_exact_test():
    # Of 100 rows 20 have high leverage, and 10 are wrong: so many of both, or more, by
    # chance in less than one case of a hundred.
    law = stats.hypergeom(100, 10, 20)
    least = next(both for both in range(11) if law.pmf(range(both, 11)).sum() <= LEVEL)
    assert [leverage_is_worse(both, 100, 10, 20) for both in range(11)] == [
        both >= least for both in range(11)
    ]
    # Fewer than their share are never too many.
    assert not leverage_is_worse(2, 100, 10, 20)


def test_wrong_rows_have_the_flat_density_of_their_median():
    # Half of what is flat between -2 and 2 widths is within one width.
    posterior = posterior_of(8.0, 10.0, 3.0)
    flat = stats.uniform(-6.0, 12.0)
    assert posterior.density == pytest.approx(flat.pdf(0.0))
    assert flat.cdf(3.0) - flat.cdf(-3.0) == pytest.approx(0.5)
    # A row that both laws make as likely is believed as far as such rows are right.
    size = np.sqrt(-2.0 * np.log(posterior.density * np.sqrt(2.0 * np.pi)))
    assert posterior.weight(size) == pytest.approx(1.0 - posterior.wrong)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.4])
def test_the_largest_trimming_keeps_half_of_rows_and_coefficients(ratio):
    a, b = RAW[2, 0]
    expected = np.exp(-a * (-np.log(1.0 - ratio)) ** b)
    found = small_sample_factor(RAW, 0.5 * (1.0 + ratio), ratio, 3.0)
    assert found == pytest.approx(expected)
    # Without trimming the factor is that of the degrees of freedom.
    assert small_sample_factor(RAW, 1.0, ratio, 3.0) == pytest.approx(
        np.sqrt(1.0 - ratio)
    )
