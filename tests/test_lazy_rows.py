# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted estimators on Dask collections, and fits that refuse them."""

import numpy as np
import pandas as pd
import pytest
from test_common import public_estimators

from sksoft._lazy_rows import ROWWISE, LazyRowsMixin
from sksoft.ranking import SoftNDCGRanker
from sksoft.sequence import BeamSearchTagger

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

ESTIMATORS = [*public_estimators(), SoftNDCGRanker]
IN_MEMORY = [e for e in ESTIMATORS if "fit" not in e._chunked_fits]


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(60, 3))


def fitted(estimator, X):
    """Return an estimator fitted to classes, or to orders of labels."""
    model = estimator()
    y = np.arange(60) % 3
    if estimator.__name__ == "SoftLabelRanker":
        y = np.asarray(X).argsort(axis=1).argsort(axis=1) + 1
    if estimator is SoftNDCGRanker:
        return model.fit(X, y, qid=np.arange(60) // 6)
    return model.fit(X, y)


def methods(estimator):
    return [name for name in ROWWISE if hasattr(estimator, name)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_knows_dask(estimator):
    assert issubclass(estimator, LazyRowsMixin)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_arrays_are_predicted_lazily(estimator, X):
    model = fitted(estimator, X)
    # Chunks of rows, one of them empty, and of columns.
    lazy = da.from_array(X, chunks=((20, 0, 40), (2, 1)))
    for name in methods(model):
        expected = getattr(model, name)(X)
        result = getattr(model, name)(lazy)
        assert isinstance(result, da.Array)
        assert result.shape == expected.shape
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result.compute(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_data_frames_keep_their_names(estimator, X):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = fitted(estimator, frame)
    lazy = dd.from_pandas(frame, npartitions=3)
    for name in methods(model):
        expected = getattr(model, name)(frame)
        result = getattr(model, name)(lazy)
        assert isinstance(result, da.Array)
        np.testing.assert_allclose(result.compute(), expected, rtol=1e-12, atol=1e-14)
    if hasattr(model, "set_output"):
        model.set_output(transform="pandas")
        expected = model.transform(frame)
        result = model.transform(lazy)
        assert list(result.columns) == list(expected.columns)
        pd.testing.assert_frame_equal(result.compute(), expected)


@pytest.mark.parametrize("estimator", IN_MEMORY)
@pytest.mark.parametrize("lazy", ["X", "y", "frame"])
def test_fits_refuse_collections(estimator, lazy, X):
    y = np.arange(60) % 3
    if lazy == "X":
        arguments = da.from_array(X), y
    elif lazy == "y":
        arguments = X, da.from_array(y)
    else:
        arguments = dd.from_pandas(pd.DataFrame(X), npartitions=2), y
    name = estimator.__name__
    with pytest.raises(TypeError, match=rf"{name}.fit takes .* got a Dask .*compute"):
        estimator().fit(*arguments)


def test_wrong_columns_are_reported_at_the_call(X):
    model = fitted(ESTIMATORS[0], X)
    with pytest.raises(ValueError, match=r"2 features, but .* is expecting 3"):
        getattr(model, methods(model)[0])(da.from_array(X[:, :2]))


def test_sequences_are_not_cut_into_chunks(X):
    model = fitted(BeamSearchTagger, X)
    with pytest.raises(TypeError, match="predict takes nothing for each row but X"):
        model.predict(da.from_array(X), sequence=np.arange(60) // 6)
