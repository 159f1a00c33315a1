# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Displays of operators, of transformed features and of neighbourhoods."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sksoft import soft_permutation, soft_rank, soft_sort, soft_topk, strength_bounds
from sksoft.inspection import (
    NeighborhoodDisplay,
    SoftRankDisplay,
    StrengthPathDisplay,
)
from sksoft.neighbors import SoftKNeighborsClassifier
from sksoft.preprocessing import SoftQuantileTransformer, SoftRankTransformer

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

ROW = np.array([2.9, 0.1, 1.2, 1.4])


@pytest.fixture
def plt():
    import matplotlib.pyplot as pyplot

    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("operator", [soft_rank, soft_sort])
def test_path_of_an_operator(plt, operator):
    display = StrengthPathDisplay.from_operator(operator, ROW, n_strengths=50)
    assert display.bounds == strength_bounds(operator, ROW)
    np.testing.assert_array_equal(display.outputs[0], display.hard)
    np.testing.assert_array_equal(
        display.outputs[-1],
        operator(ROW, regularization_strength=display.strengths[-1]),
    )
    assert len(display.lines_) == 4
    np.testing.assert_array_equal(
        display.lines_[2].get_xydata(),
        np.column_stack([display.strengths, display.outputs[:, 2]]),
    )
    assert display.ax_.get_ylabel() == operator.__name__


def test_path_with_arguments_on_given_axes(plt):
    _, ax = plt.subplots()
    display = StrengthPathDisplay.from_operator(
        soft_topk, ROW, 2, method="permutahedron", ax=ax, line_kw={"color": "C1"}
    )
    assert display.ax_ is ax
    np.testing.assert_allclose(display.outputs.sum(axis=1), 2.0)
    assert {line.get_color() for line in display.lines_} == {"C1"}


def test_path_of_a_constant_row_is_drawn(plt):
    display = StrengthPathDisplay.from_operator(soft_sort, np.ones(3))
    np.testing.assert_array_equal(display.outputs, 1.0)


def test_errors_of_the_path(plt):
    with pytest.raises(ValueError, match=r"x must be one row, got shape \(2, 2\)"):
        StrengthPathDisplay.from_operator(soft_rank, np.eye(2))
    with pytest.raises(ValueError, match="n_strengths must be an integer >= 2, got 1"):
        StrengthPathDisplay.from_operator(soft_rank, ROW, n_strengths=1)
    with pytest.raises(ValueError, match=r"a number or a row, got shape \(4, 4\)"):
        StrengthPathDisplay.from_operator(soft_permutation, ROW)


@pytest.mark.parametrize("transformer", [SoftRankTransformer, SoftQuantileTransformer])
@pytest.mark.parametrize("names", [False, True])
def test_map_of_a_feature(plt, transformer, names):
    X = np.random.default_rng(0).exponential(size=(40, 2))
    X[3, 1] = np.nan
    X = pd.DataFrame(X, columns=["a", "b"]) if names else X
    model = transformer(regularization_strength=3.0).fit(X)
    display = SoftRankDisplay.from_estimator(model, X, feature="b" if names else 1)
    rows = np.full((500, 2), np.nan)
    rows[:, 1] = display.values
    rows = pd.DataFrame(rows, columns=["a", "b"]) if names else rows
    np.testing.assert_array_equal(
        display.images, np.asarray(model.transform(rows))[:, 1]
    )
    assert len(display.sample) == len(display.rug_.get_xdata()) == 39
    assert display.values[0] < display.sample.min()
    assert display.ax_.get_xlabel() == ("b" if names else "feature 1")


def test_errors_of_the_map(plt):
    X = np.column_stack([np.arange(9.0), np.full(9, np.nan)])
    model = SoftRankTransformer().fit(X)
    with pytest.raises(ValueError, match="feature must be below 2, got 2"):
        SoftRankDisplay.from_estimator(model, X, feature=2)
    with pytest.raises(ValueError, match=r"name of a feature \(no names\), got 'a'"):
        SoftRankDisplay.from_estimator(model, X, feature="a")
    with pytest.raises(ValueError, match="X must have values of feature 1"):
        SoftRankDisplay.from_estimator(model, X, feature=1)


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_neighbourhoods(plt, n_components):
    X, y = load_iris(return_X_y=True)
    model = SoftKNeighborsClassifier(
        n_components=n_components, max_iter=0, regularization_strength=0.0
    ).fit(X, y)
    display = NeighborhoodDisplay.from_estimator(model, X[::30], labels=y)
    assert display.embedding.shape == (150, 2)
    # Without strength, the votes are those of the nearest neighbours.
    graph = model.kneighbors_graph(X[::30]).toarray()
    whole = np.isin(display.shares, (0.0, 1.0)).all(axis=1)
    assert whole.sum() >= 3
    np.testing.assert_array_equal(display.shares[whole], graph[whole])
    assert len(display.votes_.get_segments()) == (display.shares > 0.02).sum()
    assert len(display.queries_.get_offsets()) == 5


def test_errors_of_neighbourhoods(plt):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(TypeError, match="with embedding_, got SoftRankTransformer"):
        NeighborhoodDisplay.from_estimator(SoftRankTransformer().fit(X), X)
    model = SoftKNeighborsClassifier(max_iter=0).fit(X, y)
    with pytest.raises(ValueError, match="each of the 150 training samples, got 3"):
        NeighborhoodDisplay.from_estimator(model, X[:2], labels=[0, 1, 2])
