# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own checks of every public estimator of the package."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import sksoft
from sksoft.metrics import trimmed_mean_absolute_error, trimmed_mean_squared_error


def public_estimators():
    """Return the estimator classes that public modules name in their __all__."""
    found = {}
    for module in pkgutil.iter_modules(sksoft.__path__):
        if not module.name.startswith("_"):
            try:
                namespace = importlib.import_module(f"sksoft.{module.name}")
            except ImportError:  # A bridge to a library that is not installed.
                continue
            for name in namespace.__all__:
                item = getattr(namespace, name)
                if (
                    inspect.isclass(item)
                    and issubclass(item, BaseEstimator)
                    # The checks know of no queries: test_ranking_queries.py adds them.
                    and "qid" not in inspect.signature(item.fit).parameters
                ):
                    found[name] = item
    return [found[name] for name in sorted(found)]


# Soft neighbours say so where labels without meaning teach them nothing.
@pytest.mark.filterwarnings("ignore:Soft.* keeps the embedding it started from")
# One check has fewer rows than coefficients.
@pytest.mark.filterwarnings("ignore:There are .* samples of positive weight for")
@parametrize_with_checks([estimator() for estimator in public_estimators()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


METHODS = (
    "predict",
    "predict_proba",
    "decision_function",
    "transform",
    "inverse_transform",
)


@pytest.mark.parametrize("estimator", public_estimators())
def test_masked_arrays_are_refused(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    tags = get_tags(estimator())
    y = (X[:, 0] > 0.0).astype(int)
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        y = X.argsort(axis=1).argsort(axis=1) + 1
    fitted = estimator().fit(X, y)
    masked = np.ma.array(X, mask=X > 1.0)
    message = "{} must be a plain array, got a masked array"
    with pytest.raises(TypeError, match=message.format("X")):
        estimator().fit(masked, y)
    if tags.target_tags.required:
        for method in ("fit", "score"):
            if hasattr(fitted, method):
                with pytest.raises(TypeError, match=message.format("y")):
                    getattr(fitted, method)(X, np.ma.array(y))
    if "sample_weight" in inspect.signature(estimator.fit).parameters:
        with pytest.raises(TypeError, match=message.format("sample_weight")):
            estimator().fit(X, y, sample_weight=np.ma.ones(60))
    for method in METHODS:
        if hasattr(fitted, method):
            with pytest.raises(TypeError, match=message.format("X")):
                getattr(fitted, method)(masked)


@pytest.mark.parametrize(
    "score", [trimmed_mean_absolute_error, trimmed_mean_squared_error]
)
def test_trimmed_scores_refuse_masked_arrays(score):
    plain, masked = np.arange(5.0), np.ma.arange(5.0)
    for arguments, name in (((masked, plain), "y_true"), ((plain, masked), "y_pred")):
        with pytest.raises(TypeError, match=f"{name} must be a plain array, got a"):
            score(*arguments)
    with pytest.raises(TypeError, match="sample_weight must be a plain array"):
        score(plain, plain, sample_weight=np.ma.ones(5))
