# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own checks of every public estimator of the package."""

import importlib
import inspect
import pkgutil

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

import sksoft


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
@parametrize_with_checks([estimator() for estimator in public_estimators()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
