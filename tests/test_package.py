# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The package as a whole: what it exports, imports and declares."""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sksoft

PACKAGE = Path(sksoft.__file__).parent
ROOT = Path(__file__).parent.parent
# The one module that may import private names of scikit-learn.
COMPATIBILITY = "_sklearn_compat.py"


# They need a package that is not installed with this one.
BRIDGES = {"sksoft.jax": "JAX", "sksoft.torch": "PyTorch"}


def public_modules():
    names = ["sksoft"]
    for module in pkgutil.iter_modules(sksoft.__path__, "sksoft."):
        if not module.name.startswith("sksoft._") and module.name not in BRIDGES:
            names.append(module.name)
    return names


@pytest.mark.parametrize("name", BRIDGES)
def test_bridges_tell_what_to_install(name, monkeypatch):
    package = name.partition(".")[2]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError, match=f"needs {BRIDGES[name]}, which is not inst"):
        importlib.import_module(name)


@pytest.mark.parametrize("name", public_modules())
def test_exported_names_exist_and_are_public(name):
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    for item in module.__all__:
        assert not item.startswith("_")
        value = getattr(module, item)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__


def test_top_level_names():
    assert sksoft.__all__ == sorted(sksoft.__all__)
    operators = importlib.import_module("sksoft.operators")
    assert set(operators.__all__) <= set(sksoft.__all__)
    for name in operators.__all__:
        assert getattr(operators, name) is getattr(sksoft, name)
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", sksoft.__version__)


@pytest.mark.parametrize("name", public_modules())
def test_dir_shows_public_names_only(name):
    module = importlib.import_module(name)
    shown = {item for item in dir(module) if not item.startswith("__")}
    if name == "sksoft":
        assert dir(module) == sorted(dir(module))
        modules = {item.partition(".")[2] for item in public_modules()[1:]}
        assert shown == set(module.__all__) | modules
    else:
        assert shown == set(module.__all__)


@pytest.mark.parametrize("name", public_modules()[1:])
def test_subpackages_load_when_asked_for(name):
    short = name.partition(".")[2]
    code = f"import sksoft, sys; print(sksoft.{short}.__name__)"
    assert run(code).strip() == name


def test_names_of_subpackages_are_found():
    with pytest.raises(ImportError, match=r"from sksoft\.preprocessing import Soft"):
        from sksoft import SoftRankTransformer  # noqa: F401
    with pytest.raises(AttributeError, match=r"soft_ndcg_loss is in sksoft\.losses"):
        _ = sksoft.soft_ndcg_loss
    assert not hasattr(sksoft, "soft_ndcg_loss")
    with pytest.raises(AttributeError, match="module 'sksoft' has no attribute 'soft'"):
        _ = sksoft.soft
    with pytest.raises(ImportError, match="cannot import name 'soft'"):
        from sksoft import soft  # noqa: F401


def imported_names(tree):
    """Yield every dotted name that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_imports(path):
    for name in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
        top, *rest = name.split(".")
        if top == "sklearn" and path.name != COMPATIBILITY:
            private = [part for part in rest if part.startswith("_")]
            assert not private, f"{path.name} imports {name}"


# What SECURITY.md says is not done: to read data as code, files or the network.
NOT_IMPORTED = {
    "ctypes", "dill", "cloudpickle", "ftplib", "http", "marshal", "multiprocessing",
    "pickle", "requests", "shelve", "socket", "subprocess", "tempfile", "urllib",
}  # fmt: skip
NOT_CALLED = {
    "compile", "eval", "exec", "fromfile", "genfromtxt", "load", "loads", "loadtxt",
    "memmap", "open", "Popen", "popen", "read_csv", "read_pickle", "system", "urlopen",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_nothing_is_read_but_what_is_passed(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {name.partition(".")[0] for name in imported_names(tree)}
    assert not imported & NOT_IMPORTED
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert not called & NOT_CALLED
    if "environ" in path.read_text(encoding="utf-8"):
        assert path.name == "_threads.py"
        text = path.read_text(encoding="utf-8")
        assert '("SKSOFT_NUM_THREADS", "OMP_NUM_THREADS")' in text


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_private_names_stay_in_their_module(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sksoft."):
            private = [item.name for item in node.names if item.name.startswith("_")]
            assert not private, f"{path} imports {private} from {node.module}"


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "losses").glob("*.py")), ids=lambda p: p.name
)
def test_losses_import_no_kernel(path):
    kernels = {
        ".".join(kernel.relative_to(PACKAGE.parent).with_suffix("").parts)
        for kernel in PACKAGE.rglob("*.pyi")
    }
    for name in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
        assert name.rpartition(".")[0] not in kernels, name


def run(code, **environment):
    """Run Python code in a new process and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    return result.stdout


def modules_after(statement):
    code = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    names = json.loads(run(f"{statement}; {code}"))
    return {name.partition(".")[0] for name in names}


def test_import_is_light():
    # scikit-learn itself may import pandas.
    before = modules_after("import sklearn.base, sklearn.utils.validation")
    added = modules_after("import sksoft") - before
    heavy = {
        "torch",
        "jax",
        "lightgbm",
        "xgboost",
        "matplotlib",
        "dask",
        "pandas",
        "polars",
        "hypothesis",
        "pytest",
    }
    assert not heavy & added


def test_show_versions(capsys):
    assert sksoft.show_versions() is None
    report = capsys.readouterr().out
    for word in ("python:", "sksoft threads:", "numpy:", "scipy:", "scikit-learn:"):
        assert word in report


KERNELS = sorted((ROOT / "sksoft").rglob("*.pyx"))


@pytest.mark.parametrize("path", KERNELS, ids=lambda p: p.name)
def test_every_kernel_is_built_and_has_a_stub(path):
    assert path.with_suffix(".pyi").exists()
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    importlib.import_module(name)


SETUP = """
import runpy, sys
from unittest.mock import MagicMock
modules = ("Cython", "Cython.Build", "setuptools", "setuptools.command")
sys.modules.update({{name: MagicMock() for name in modules}})
sys.modules["setuptools.command.build_ext"] = MagicMock(build_ext=object)
{machine}
runpy.run_path({path!r})
print("built")
"""


@pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the sources")
@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ("sys.byteorder = 'big'", "needs a little-endian machine"),
        ("sys.maxsize = 2**31 - 1", "needs a 64-bit Python.* have 32 bits"),
        ("", None),
    ],
)
def test_machines_that_are_refused(machine, message):
    code = SETUP.format(machine=machine, path=str(ROOT / "setup.py"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout == "built\n") == (message is None), done.stderr
    assert re.search(message or "^$", done.stderr)


def source_files():
    for folder in ("sksoft", "tests", "examples", "benchmarks", "docs", "tools"):
        for suffix in ("py", "pyi", "pyx", "pxd"):
            yield from (ROOT / folder).rglob(f"*.{suffix}")
    yield ROOT / "setup.py"


def test_licence_headers():
    header = [
        "# Authors: The sksoft developers",
        "# SPDX-License-Identifier: BSD-3-Clause",
    ]
    built = {"_build", "auto_examples", "generated", "output"}
    for path in source_files():
        if path.exists() and not built & set(path.parts):
            lines = path.read_text(encoding="utf-8").splitlines()
            start = 1 if lines[0].startswith("#!") else 0
            assert lines[start : start + 2] == header, path


def test_kernels_are_short():
    for path in KERNELS:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
