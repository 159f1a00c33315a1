# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The link from an estimator's HTML representation to its page."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata


@cache
def documentation_address():
    """Return the address of the pages that the installed package names, or None.

    It is the "Documentation" of ``[project.urls]`` in ``pyproject.toml``.
    """
    try:
        named = metadata("sksoft").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    addresses = dict(line.split(", ", 1) for line in named)
    address = addresses.get("Documentation")
    return address and address.rstrip("/")


class DocumentationLinkMixin:
    """Give an estimator the "?" of its HTML representation, if there is an address."""

    _doc_link_module = "sksoft"

    def _get_doc_link(self):
        if documentation_address() is None:
            return ""
        return super()._get_doc_link()

    @property
    def _doc_link_template(self):
        return (
            documentation_address()
            + "/generated/{estimator_module}.{estimator_name}.html"
        )
