# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The documents keep up with the package."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import sksoft

ROOT = Path(__file__).parent.parent
MODULES = ["sksoft"] + [
    f"sksoft.{module.name}"
    for module in pkgutil.iter_modules(sksoft.__path__)
    if not module.name.startswith("_")
    # The names of bridges are those of the operators and losses.
    and module.name not in ("operators", "jax", "torch")
]


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_api_reference(module):
    listed = set((ROOT / "docs" / "api.rst").read_text(encoding="utf-8").split())
    assert set(importlib.import_module(module).__all__) <= listed


def test_demo_runs_examples_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = [row for row in makefile.splitlines() if row.startswith("EXAMPLES :=")]
    for name in line.partition(":=")[2].split():
        assert (ROOT / "examples" / f"{name}.py").exists()
