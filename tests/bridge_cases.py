# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""One or more calls of every operator and every loss, for the tests of the bridges."""

import numpy as np

from sksoft import losses

_rng = np.random.default_rng(7)
# Away from the kinks of all operators.
X = _rng.normal(size=(3, 5))
W = _rng.uniform(0.5, 1.5, size=(3, 5))

RS = ["regularization_strength"]
RSW = [*RS, "weights"]

# The operator, its array arguments besides x, those with a derivative, and the rest.
OPERATOR_CASES = [
    ("soft_sort", {"regularization_strength": 0.4}, ["regularization_strength"], {}),
    ("soft_sort", {}, [], {"axis": 0, "descending": True, "method": "softsort"}),
    ("soft_rank", {}, [], {}),
    (
        "soft_rank",
        {"regularization_strength": np.array([[0.3], [0.2]]) * np.ones(3)},
        ["regularization_strength"],
        {"descending": True},
    ),
    (
        "soft_rank",
        {"regularization_strength": np.full(5, 0.7), "targets": np.arange(3.0) ** 2},
        ["regularization_strength", "targets"],
        {"axis": -2},
    ),
    ("soft_rank", {"targets": np.arange(5.0) ** 2 + W}, ["targets"], {}),
    ("soft_rank", {"weights": W}, ["weights"], {"regularization_strength": 0.5}),
    ("soft_rank", {}, [], {"method": "gaussian", "regularization_strength": 0.5}),
    ("soft_rank", {"weights": W[0]}, ["weights"], {"method": "laplace"}),
    (
        "soft_topk",
        {"k": 2.3, "regularization_strength": np.array([0.3, 0.4, 0.5]), "weights": W},
        ["k", "regularization_strength", "weights"],
        {},
    ),
    ("soft_topk", {"k": np.array([1, 2, 3])}, [], {"method": "laplace"}),
    ("soft_topk", {}, [], {"k": 2, "method": "permutahedron", "axis": 0}),
    ("soft_topk_sorted", {"regularization_strength": 0.5}, RS, {"k": 2}),
    ("soft_permutation", {"regularization_strength": 0.8}, RS, {}),
    ("soft_permutation", {}, [], {"axis": 0, "method": "neuralsort"}),
    ("squash", {}, [], {"axis": 0}),
    ("soft_isotonic", {}, [], {"axis": 0, "increasing": False}),
    ("soft_isotonic", {"weights": W}, ["weights"], {"regularization": "entropic"}),
    (
        "soft_quantile",
        {"q": np.array([0.2, 0.6]), "regularization_strength": 0.4},
        ["q", *RS],
        {},
    ),
    (
        "soft_quantile",
        {"q": 0.3, "weights": W},
        ["q", "weights"],
        {"axis": 0, "keepdims": True},
    ),
    ("soft_median", {"regularization_strength": 0.6, "weights": W}, RSW, {}),
    (
        "soft_trimmed_mean",
        {"regularization_strength": 0.5, "weights": W},
        RSW,
        {"proportiontocut": 0.25, "keepdims": True},
    ),
    ("soft_median_of_means", {"regularization_strength": 0.4}, RS, {"n_groups": 2}),
    (
        "superquantile",
        {"q": 0.4, "regularization_strength": 0.5},
        ["q", *RS],
        {"method": "laplace"},
    ),
    ("superquantile", {"q": np.array([0.3, 0.7]), "weights": W}, ["q", "weights"], {}),
    ("soft_ecdf", {"points": np.array([-0.3, 0.1, 0.9])}, ["points"], {}),
    (
        "soft_ecdf",
        {"points": 0.2, "regularization_strength": 0.4, "weights": W},
        ["points", *RSW],
        {"axis": 0},
    ),
    ("soft_quantile_normalize", {"regularization_strength": 0.5}, RS, {}),
    ("soft_quantile_normalize", {"target": np.arange(4.0) ** 2}, ["target"], {}),
    ("soft_spearmanr", {"y": W, "regularization_strength": 0.4}, RS, {}),
    ("soft_spearmanr", {"y": W[0]}, [], {}),
    ("rank_distribution", {"sigma": 0.7}, ["sigma"], {"exact": False}),
]
# One for each operator, where a test takes long.
ONE_CASE_EACH = [*{case[0]: case for case in OPERATOR_CASES[::-1]}.values()]
OPERATOR_IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(OPERATOR_CASES)]

GRADES = np.array([[0.0, 1.0, 2.0, 0.0, 1.0]] * 3)
LABELS = np.array([0, 4, 2])
RELEVANCE = ("approx_ndcg_loss", "listnet_loss", "soft_ndcg_loss", "softrank_ndcg_loss")


SCORE_LOSSES = [name for name in losses.__all__ if name != "beam_loss"]

# Sequences, and the transitions of the loss of beams with its other arguments.
EMISSIONS = _rng.normal(size=(2, 4, 3))
SEQUENCE = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
PAIRS, TRIPLES = 0.5 * _rng.normal(size=(3, 3)), 0.5 * _rng.normal(size=(3, 3, 3))
BEAM_CASES = [
    (PAIRS, {}),
    ((PAIRS, TRIPLES), {"objective": "membership", "final_weight": 2.0}),
    (TRIPLES, {"objective": "soft", "sample_weight": [1.0, 2.0]}),
]


def undifferentiable(arrays, wrt):
    """Return the names of arrays of real numbers without a derivative."""
    return [
        name
        for name, array in arrays.items()
        if name not in wrt and np.asarray(array).dtype.kind == "f"
    ]


def loss_target(name):
    """Return a target that suits a loss."""
    if name.startswith(("topk", "smooth_topk")):
        return LABELS
    return GRADES if name in RELEVANCE else (GRADES > 0.5).astype(float)
