# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Run the suite with random versions of the dependencies, all of them supported ones.

Usage: python tools/random_versions.py [--seed 0] [--versions numpy==2.1.0 ...] WHEEL
       [-- arguments of pytest]

Between the oldest versions that pyproject.toml allows and the newest ones lie many
combinations, of which ``make test`` and ``make test-oldest`` see the two ends. This
draws one that pip can install: for each package one of its series at random, and one of
the releases of the series. What is published changes, so that the drawn versions are
printed beside the seed: ``--versions`` runs the same ones again.
"""

import argparse
import json
import random
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
# What is drawn, most demanding first, and the group or list that says from when on.
PACKAGES = ("scikit-learn", "scipy", "numpy", "pandas", "joblib")
# Combinations are drawn until pip finds that their requirements agree.
MAX_DRAWS = 50


def main():
    """Draw, install and test; return the exit code of pytest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--versions", nargs="+", metavar="NAME==VERSION")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-random")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("pytest_arguments", nargs="*")
    options = parser.parse_args()
    print(f"seed {options.seed}, Python {sys.version.split()[0]}", flush=True)
    venv.create(options.folder, clear=True, with_pip=True, symlinks=True)
    python = options.folder / ("Scripts" if sys.platform == "win32" else "bin")
    python /= "python"
    _pip(python, "install", "--quiet", "--upgrade", "pip>=25.1", check=True)
    wheel = str(options.wheel.resolve())
    versions = options.versions or _draw(python, wheel, random.Random(options.seed))
    shown = " ".join(versions)
    print(f"versions {shown}", flush=True)
    chosen = [*versions, wheel, "--group", "test", "--only-binary", ",".join(PACKAGES)]
    _pip(python, "install", "--quiet", *chosen, check=True)
    started = time.monotonic()
    tests = [python, "-P", "-m", "pytest", "-p", "no:cacheprovider"]
    code = subprocess.call([*tests, *options.pytest_arguments], cwd=ROOT)
    print(
        f"seed {options.seed}, {shown}: pytest returned {code} after "
        f"{time.monotonic() - started:.0f} s"
    )
    return code


def _draw(python, wheel, rng):
    """Return requirements that pip can meet together."""
    known = {name: _versions(python, name) for name in PACKAGES}
    for name, versions in known.items():
        print(f"{name}: {len(versions)} versions from {min(versions)}", flush=True)
    for _ in range(MAX_DRAWS):
        drawn = []
        for name, versions in known.items():
            series = rng.choice(sorted({version.release[:2] for version in versions}))
            members = [v for v in sorted(versions) if v.release[:2] == series]
            drawn.append(f"{name}=={rng.choice(members)}")
        trial = _pip(
            python, "install", "--dry-run", "--quiet", "--only-binary", ":all:",
            *drawn, wheel,
        )  # fmt: skip
        if trial.returncode == 0:
            return drawn
        if "ResolutionImpossible" not in trial.stderr:
            sys.exit(f"pip failed:\n{trial.stderr}")
        print(f"do not fit: {' '.join(drawn)}", flush=True)
    sys.exit(f"none of {MAX_DRAWS} combinations could be installed")


def _versions(python, name):
    """Return the supported versions that have wheels for this Python."""
    index = ["index", "versions", name, "--only-binary", ":all:", "--json"]
    published = json.loads(_pip(python, *index, check=True).stdout)["versions"]
    allowed = _requirements()[name].specifier
    return [Version(text) for text in published if text in allowed]


def _requirements():
    """Return what pyproject.toml says of the packages, by name."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file)
    texts = table["project"]["dependencies"] + table["dependency-groups"]["test"]
    requirements = map(Requirement, texts)
    return {requirement.name: requirement for requirement in requirements}


def _pip(python, *arguments, check=False):
    done = subprocess.run(
        [python, "-m", "pip", *arguments], capture_output=True, text=True, cwd=ROOT
    )
    if check and done.returncode:
        sys.exit(f"pip failed:\n{done.stderr}")
    return done


if __name__ == "__main__":
    sys.exit(main())
