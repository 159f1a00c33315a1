# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every compiled module comes with a type stub that tells of the same functions."""

import ast
import importlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import sksoft

FOLDER = Path(sksoft.__file__).parent
COMPILED = sorted(
    ".".join((*path.relative_to(FOLDER).parts[:-1], path.name.partition(".")[0]))
    for path in FOLDER.rglob("*")
    if path.name.endswith(tuple(EXTENSION_SUFFIXES))
)


def test_there_are_compiled_modules():
    assert "_pav" in COMPILED


@pytest.mark.parametrize("name", COMPILED)
def test_stub_names_the_functions_of_the_module(name):
    module = importlib.import_module(f"sksoft.{name}")
    functions = {
        key
        for key, value in vars(module).items()
        if "cython_function" in type(value).__name__
    }
    stub = FOLDER.joinpath(*name.split(".")).with_suffix(".pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    assert {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    } == functions


def test_marked_as_typed():
    assert (FOLDER / "py.typed").exists()
