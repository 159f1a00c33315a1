# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from sksoft.datasets import make_label_ranking


def test_ranks_classes_by_their_probability():
    X, y = load_iris(return_X_y=True)
    features, ranks = make_label_ranking(X, y)
    score = GaussianNB().fit(X, y).predict_joint_log_proba(X)
    np.testing.assert_array_equal(features, X)
    np.testing.assert_array_equal(ranks, rankdata(-score, axis=1))


def test_missing_labels_leave_dense_ranks():
    X, y = load_iris(return_X_y=True)
    _, complete = make_label_ranking(X, y)
    _, ranks = make_label_ranking(X, y, missing=0.4, random_state=0)
    _, again = make_label_ranking(X, y, missing=0.4, random_state=0)
    np.testing.assert_array_equal(ranks, again)
    assert 0.3 < np.isnan(ranks).mean() < 0.5
    expected = np.where(np.isnan(ranks), np.nan, complete)
    np.testing.assert_array_equal(ranks, rankdata(expected, axis=1, nan_policy="omit"))
    assert np.isnan(make_label_ranking(X, y, missing=1.0)[1]).all()


@pytest.mark.parametrize("missing", [-0.1, 1.5])
def test_errors(missing):
    with pytest.raises(ValueError, match="missing must"):
        make_label_ranking([[0.0], [1.0]], [0, 1], missing=missing)


def test_errors_of_data():
    with pytest.raises(ValueError, match="X must have a feature that varies"):
        make_label_ranking([[1.0, 2.0], [1.0, 2.0]], [0, 1])
    with pytest.raises(ValueError, match="Unknown label type"):
        make_label_ranking([[0.0], [1.0]], [None, None])


@pytest.mark.parametrize("factor", [2.0**-700, 2.0**600])
def test_any_unit_of_the_features(factor):
    X, y = load_iris(return_X_y=True)
    expected = make_label_ranking(X, y)[1]
    np.testing.assert_array_equal(make_label_ranking(factor * X, y)[1], expected)


def test_masked_arrays_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(TypeError, match="X must be a plain array, got a masked array"):
        make_label_ranking(np.ma.array(X), y)
    with pytest.raises(TypeError, match="y must be a plain array, got a masked array"):
        make_label_ranking(X, np.ma.array(y))
