# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the documentation is built: make docs."""

import sksoft

project = "sksoft"
author = "The sksoft developers"
copyright = "The sksoft developers, BSD-3-Clause"
version = release = sksoft.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb"]
# Terms of scikit-learn's glossary.
suppress_warnings = ["ref.term", "config.cache"]
nitpicky = False

autosummary_generate = True
autodoc_default_options = {"member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sksoft",),
    "reference_url": {"sksoft": None},
    "show_memory": False,
    "min_reported_time": 1,
    "abort_on_example_error": True,
}

html_theme = "furo"
html_title = f"sksoft {release}"
html_show_sourcelink = False
