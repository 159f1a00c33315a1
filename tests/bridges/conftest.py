# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What needs a package that is not installed is left to make test-torch and so on."""

from importlib.util import find_spec

NEEDS = {"torch": ["torch"], "jax": ["jax"], "boosting": ["lightgbm", "xgboost"]}

collect_ignore = [
    f"test_{name}.py"
    for name, packages in NEEDS.items()
    if not all(map(find_spec, packages))
]
