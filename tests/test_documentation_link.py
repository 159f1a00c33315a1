# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The "?" of estimators' HTML representations leads to their pages."""

from email.message import Message
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from test_common import public_estimators

from sksoft import _documentation
from sksoft.ranking import SoftNDCGRanker

ESTIMATORS = [*public_estimators(), SoftNDCGRanker]
API = (Path(__file__).parents[1] / "docs" / "api.rst").read_text()


@pytest.fixture
def published(monkeypatch):
    """Return a function that gives the installed package these project addresses."""

    def publish(*addresses):
        found = Message()
        for address in addresses:
            found["Project-URL"] = address
        monkeypatch.setattr(_documentation, "metadata", lambda name: found)
        _documentation.documentation_address.cache_clear()

    yield publish
    _documentation.documentation_address.cache_clear()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda item: item.__name__)
def test_an_estimator_links_its_page(estimator, published):
    published("Source, https://source.invalid", "Documentation, https://docs.invalid/")
    module, name = estimator.__module__.split("._")[0], estimator.__name__
    page = f'href="https://docs.invalid/generated/{module}.{name}.html"'
    assert page in estimator_html_repr(estimator())
    assert page in estimator_html_repr(make_pipeline(estimator()))
    # Sphinx writes that page: the class is listed under its module.
    listed = API.split(f".. currentmodule:: {module}\n")[1].split(".. currentmodule")[0]
    assert f"\n   {name}\n" in listed


def test_without_an_address_there_is_no_link(published, monkeypatch):
    published("Source, https://source.invalid")
    assert SoftNDCGRanker()._get_doc_link() == ""
    assert 'class="sk-estimator-doc-link " rel' not in estimator_html_repr(
        SoftNDCGRanker()
    )

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_documentation, "metadata", missing)
    _documentation.documentation_address.cache_clear()
    assert SoftNDCGRanker()._get_doc_link() == ""
