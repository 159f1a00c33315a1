# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows, strengths and shorthands that the tests of soft sort and rank share."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sksoft import jvp, soft_rank, soft_sort, vjp

RANKS = ["l2", "entropic", "kl"]
SORTS = ["l2", "entropic"]
OPERATORS = [(soft_rank, name) for name in RANKS] + [
    (soft_sort, name) for name in SORTS
]

lengths = st.integers(1, 12)
values = st.floats(-50.0, 50.0, width=32)
rows = lengths.flatmap(lambda n: arrays(np.float64, n, elements=values))
# Few distinct values: ties everywhere.
tied_rows = lengths.flatmap(
    lambda n: arrays(np.float64, n, elements=st.integers(-3, 3).map(float))
)
distinct_rows = lengths.flatmap(
    lambda n: st.permutations(range(-n, 2 * n)).map(
        lambda p: np.cumsum(0.3 + np.abs(np.array(p[:n], float)))[np.argsort(p[:n])]
    )
)
strengths = st.floats(-3.0, 3.0).map(lambda e: 10.0**e)


def rank(x, strength, regularization="l2", **params):
    return soft_rank(
        x, regularization=regularization, regularization_strength=strength, **params
    )


def sort(x, strength, regularization="l2", **params):
    return soft_sort(
        x, regularization=regularization, regularization_strength=strength, **params
    )


def jacobian(operator, x, strength, regularization="l2", **params):
    """Return the Jacobian by pullbacks and by pushforwards."""
    x = np.asarray(x, float)
    params |= {"regularization": regularization, "regularization_strength": strength}
    _, pullback = vjp(operator, x, **params)
    eye = np.eye(len(x))
    by_rows = np.array([pullback(e) for e in eye])
    by_columns = np.array([jvp(operator, x, e, **params)[1] for e in eye]).T
    return by_rows, by_columns


def n_blocks(x, operator, strength, regularization):
    """Count the blocks from the Jacobian of a row of distinct values."""
    J, _ = jacobian(operator, x, strength, regularization)
    if operator is soft_sort:
        J = J[:, np.argsort(x)]
    else:
        J = J[np.ix_(np.argsort(x), np.argsort(x))]
    return 1 + np.sum(np.diagonal(J, 1) == 0.0)
