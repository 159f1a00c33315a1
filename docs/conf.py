# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the documentation is built: make docs."""

import os
import sys
from pathlib import Path

# Threads that wait for each other would count as processor time of the gallery.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from sphinx_gallery.sorting import ExplicitOrder

import sksoft

sys.path.insert(0, str(Path(__file__).parent))
from gallery_order import TOPICS

project = "sksoft"
author = "The sksoft developers"
copyright = "The sksoft developers, BSD-3-Clause"
version = release = sksoft.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # MathJax from its package, not from the network.
    "sphinx-mathjax-offline",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "inventories"]
# Terms of scikit-learn's glossary.
suppress_warnings = ["ref.term", "config.cache"]
nitpicky = False

autosummary_generate = True
autodoc_default_options = {"member-order": "bysource"}
# Types are told by the descriptions of parameters.
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_heading_anchors = 3

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Inventories are read from the repository: the build needs no network.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", "inventories/python.inv"),
    "numpy": ("https://numpy.org/doc/stable", "inventories/numpy.inv"),
    "scipy": ("https://docs.scipy.org/doc/scipy", "inventories/scipy.inv"),
    "sklearn": ("https://scikit-learn.org/stable", "inventories/sklearn.inv"),
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sksoft",),
    "reference_url": {"sksoft": None},
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1,
    "abort_on_example_error": True,
    # By topic; in each, from the introduction on.
    "subsection_order": ExplicitOrder(
        [f"../examples/{topic}" for topic in TOPICS] + ["*"]
    ),
    "within_subsection_order": "gallery_order.ByTopic",
    # Nothing but what is printed: no representations of the last expression.
    "capture_repr": (),
}

html_theme = "pydata_sphinx_theme"
html_title = f"sksoft {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "quick_start": [], "which_method": []}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_end": ["version-switcher", "theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    # One entry for each release, and the development version.
    "switcher": {"json_url": "_static/switcher.json", "version_match": release},
    "check_switcher": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
