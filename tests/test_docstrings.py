# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Documentation that can be run is run, and docstrings are complete."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import validate

import sksoft

README = Path(__file__).parent.parent / "README.md"
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# What numpydoc checks: a summary line in form, every parameter described in form and in
# order, what is returned, related functions, references and examples.
CHECKS = {
    "GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10",
    "SS01", "SS02", "SS03", "SS04", "SS06",
    "PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10",
    "RT01", "RT03", "RT04", "RT05", "YD01", "SA02", "SA03", "SA04", "EX01",
}  # fmt: skip
# The docstrings of the house start on the line of the quotes.
CHECKS -= {"GL01"}


def public_objects():
    found = {}
    for module in pkgutil.walk_packages(sksoft.__path__, "sksoft."):
        if any(part.startswith("_") for part in module.name.split(".")):
            continue
        if module.name in ("sksoft.jax", "sksoft.torch"):
            continue  # Their packages may be missing; tests/bridges looks at them.
        namespace = importlib.import_module(module.name)
        for name in getattr(namespace, "__all__", ()):
            item = getattr(namespace, name)
            # A scorer is an object, without a name.
            named = hasattr(item, "__qualname__")
            if named and getattr(item, "__module__", "").startswith("sksoft"):
                found[f"{item.__module__}.{item.__qualname__}"] = item
    for name in sksoft.__all__:
        item = getattr(sksoft, name)
        found[f"{item.__module__}.{item.__qualname__}"] = item
    return found


PUBLIC = public_objects()


def public_methods():
    for path, item in PUBLIC.items():
        if inspect.isclass(item):
            for name, member in vars(item).items():
                if not name.startswith("_") and inspect.isfunction(member):
                    yield f"{path}.{name}", member


def run_doctest(test):
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    with np.printoptions():
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("path", PUBLIC)
def test_examples(path, restore_threads):
    tests = doctest.DocTestFinder().find(PUBLIC[path], path)
    assert any(test.examples for test in tests)
    for test in tests:
        run_doctest(test)


def python_blocks(text):
    return re.findall(r"^```(?:python|pycon)\n(.*?)^```", text, re.M | re.S)


@pytest.mark.skipif(not README.exists(), reason="installed without its README")
def test_readme():
    blocks = python_blocks(README.read_text(encoding="utf-8"))
    names = {}
    for number, block in enumerate(blocks):
        if block.lstrip().startswith(">>>"):
            parser = doctest.DocTestParser()
            test = parser.get_doctest(block, names, f"README {number}", None, 0)
            runner = doctest.DocTestRunner(optionflags=OPTIONS)
            runner.run(test, clear_globs=False)
            assert runner.summarize(verbose=False).failed == 0
            names = test.globs
        else:
            exec(compile(block, f"README {number}", "exec"), names)


@pytest.mark.parametrize("path", [*PUBLIC, *dict(public_methods())])
def test_numpydoc(path):
    checks = CHECKS - ({"EX01"} if path not in PUBLIC else set())
    errors = [
        f"{code}: {message}"
        for code, message in validate(path)["errors"]
        if code in checks
    ]
    assert not errors


@pytest.mark.parametrize(
    "path", [path for path, item in PUBLIC.items() if inspect.isfunction(item)]
)
def test_documented_parameters_are_those_of_the_signature(path):
    documented = []
    for parameter in FunctionDoc(PUBLIC[path])["Parameters"]:
        documented += [name.strip().lstrip("*") for name in parameter.name.split(",")]
    parameters = inspect.signature(PUBLIC[path]).parameters
    assert documented == list(parameters)
    for parameter in FunctionDoc(PUBLIC[path])["Parameters"]:
        name = parameter.name.split(",")[0].strip().lstrip("*")
        default = parameters[name].default
        if default is not inspect.Parameter.empty:
            match = re.search(r"default=(\S+)$", parameter.type)
            assert match, f"{name} does not tell its default"
            shown = match[1].strip('"')
            assert shown in {
                str(default),
                f"{default:g}" if default.__class__ is float else str(default),
            }
