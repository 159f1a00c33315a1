# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a bug report should say about the machine."""

import importlib.metadata
import platform
import sys

DEPENDENCIES = (
    "sksoft",
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "matplotlib",
    "dask",
)


def show_versions() -> None:
    """Print the versions of Python, sksoft and its dependencies, and the thread count.

    Returns
    -------
    None
        The report goes to the standard output.

    Examples
    --------
    >>> import sksoft
    >>> sksoft.show_versions()
    System:
    ...
    """
    from sksoft._threads import get_num_threads

    print("System:")
    print(f"  python: {sys.version.split()[0]} ({platform.python_implementation()})")
    print(f"  platform: {platform.platform()}")
    print(f"  sksoft threads: {get_num_threads()}")
    print("\nPackages:")
    for name in DEPENDENCIES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        print(f"  {name}: {version}")
