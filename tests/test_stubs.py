# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every compiled module comes with a type stub that has the same signatures."""

import ast
import importlib
import inspect
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


def parameters(function):
    """Return the names of the parameters of a function of a stub, and the defaults."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    return names, [a.arg for a in arguments.kwonlyargs], len(arguments.defaults)


@pytest.mark.parametrize("name", COMPILED)
def test_stub_has_the_signatures_of_the_module(name):
    module = importlib.import_module(f"sksoft.{name}")
    functions = {
        key: inspect.signature(value).parameters.values()
        for key, value in vars(module).items()
        if "cython_function" in type(value).__name__
    }
    stub = FOLDER.joinpath(*name.split(".")).with_suffix(".pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    assert {
        node.name: parameters(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    } == {
        key: (
            [p.name for p in found if p.kind is not p.KEYWORD_ONLY],
            [p.name for p in found if p.kind is p.KEYWORD_ONLY],
            sum(p.default is not p.empty for p in found),
        )
        for key, found in functions.items()
    }


def test_marked_as_typed():
    assert (FOLDER / "py.typed").exists()
