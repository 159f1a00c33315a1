# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Recipes that need a package which is not installed are left out.

make test has Dask; make test-torch, test-jax and test-boosting have the others.
"""

from importlib.util import find_spec

NEEDS = {
    "boosting": ["lightgbm", "xgboost"],
    "dask": ["dask"],
    "jax": ["jax"],
    "torch": ["torch"],
}

collect_ignore = [
    f"{name}.rst"
    for name, packages in NEEDS.items()
    if not all(map(find_spec, packages))
]
