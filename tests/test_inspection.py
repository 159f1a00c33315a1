# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sksoft.inspection import TrimmingDisplay
from sksoft.linear_model import LeastTrimmedSquaresRegressor

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture
def plt():
    import matplotlib.pyplot as pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X.sum(axis=1) + 0.1 * rng.normal(size=60)
    y[:10] += 50
    X[:5] += 20
    reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    return reg, X, y


@pytest.mark.parametrize("kind", ["fitted", "distance"])
def test_from_estimator(plt, fitted, kind):
    reg, X, y = fitted
    display = TrimmingDisplay.from_estimator(reg, X, y, kind=kind, alpha=0.5)
    np.testing.assert_array_equal(np.flatnonzero(~display.support), np.arange(10))
    assert len(display.kept_.get_offsets()) == 50
    assert len(display.dropped_.get_offsets()) == 10
    assert display.ax_.get_ylabel() == "Residual / scale"
    assert display.figure_ is display.ax_.figure
    if kind == "distance":
        assert display.abscissa[:5].min() > display.abscissa[10:].max()
    else:
        np.testing.assert_allclose(display.abscissa, reg.predict(X))


def test_draws_on_given_axes(plt, fitted):
    reg, X, y = fitted
    _, ax = plt.subplots()
    display = TrimmingDisplay.from_predictions(
        y, reg.predict(X), scale=reg.scale_, cutoff=3.0, ax=ax
    )
    assert display.ax_ is ax
    assert display.cutoff == 3.0
    again = display.plot()
    assert again.ax_ is not ax


def test_exact_fit_has_no_threshold(plt):
    y = np.array([1.0, 2.0, 3.0, 99.0])
    display = TrimmingDisplay.from_predictions(y, [1.0, 2.0, 3.0, 4.0], scale=0)
    assert display.cutoff is None
    np.testing.assert_array_equal(display.support, [True, True, True, False])
    assert display.ax_.get_ylabel() == "Residual"


def test_clear_errors(plt, fitted):
    reg, X, y = fitted
    with pytest.raises(ValueError, match="kind must be one of 'fitted', 'distance'"):
        TrimmingDisplay.from_estimator(reg, X, y, kind="leverage")
    for bad in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"scale must be .* >= 0, got {bad}"):
            TrimmingDisplay.from_predictions(y, y, scale=bad)
        with pytest.raises(ValueError, match=f"cutoff must be .* >= 0, got {bad}"):
            TrimmingDisplay.from_predictions(y, y, scale=1, cutoff=bad)
    both = LeastTrimmedSquaresRegressor(starts="ols").fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="must have one target"):
        TrimmingDisplay.from_estimator(both, X, y)
    plot = TrimmingDisplay.from_predictions
    for wrong in (["a"], [np.nan], None, 1.0):
        with pytest.raises(ValueError, match=r"^y_true must hold finite numbers"):
            plot(wrong, [1.0], scale=1.0)
        with pytest.raises(ValueError, match=r"^y_pred must hold finite numbers"):
            plot([1.0], wrong, scale=1.0)
    with pytest.raises(ValueError, match=r"^y_pred must have the length"):
        plot([1.0], [1.0, 2.0], scale=1.0)
    with pytest.raises(ValueError, match=r"^abscissa must have the length"):
        plot([1.0], [1.0], scale=1.0, abscissa=[1.0, 2.0])
    two = np.column_stack([y, y])
    with pytest.raises(ValueError, match="should be a 1d array"):
        TrimmingDisplay.from_predictions(two, two, scale=1.0)
    with pytest.raises(TypeError, match=r"estimator must be a trimmed .* got Ridge"):
        TrimmingDisplay.from_estimator(Ridge().fit(X, y), X, y)


def test_rows_beyond_two_and_a_half_scales_are_dropped(plt):
    residuals = np.array([0.0, 4.9, -4.9, 5.1, -5.1])
    display = TrimmingDisplay.from_predictions(residuals, np.zeros(5), scale=2.0)
    np.testing.assert_array_equal(display.support, [True, True, True, False, False])
    assert display.cutoff == 2.5
    np.testing.assert_array_equal(display.residuals, residuals / 2.0)


def test_style_of_the_points(plt):
    y = np.array([0.0, 0.0, 9.0])
    style = {"color": "C7", "marker": "s", "label": "row", "s": 9.0}
    display = TrimmingDisplay.from_predictions(y, np.zeros(3), scale=1.0, **style)
    for points in (display.kept_, display.dropped_):
        np.testing.assert_array_equal(points.get_sizes(), [9.0])
        color = matplotlib.colors.to_rgba_array("C7")
        np.testing.assert_array_equal(points.get_edgecolor(), color)
        assert points.get_label() == "row"
