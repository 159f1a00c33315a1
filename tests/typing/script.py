# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a user writes, for type checkers: make lint. Errors are expected where told."""

import numpy as np
from numpy.typing import NDArray

from sksoft import soft_rank, soft_topk, strength_bounds, vjp
from sksoft.linear_model import LeastTrimmedSquaresRegressor
from sksoft.losses import soft_spearman_loss
from sksoft.metrics import spearman_score
from sksoft.neighbors import SoftKNeighborsClassifier
from sksoft.preprocessing import SoftRankTransformer
from sksoft.ranking import SoftNDCGRanker

x = np.arange(5.0)
ranks = soft_rank(x, regularization_strength=0.5) + 1.0
mask: NDArray[np.float64] = soft_topk(x, 2, largest=False) * 2.0
value, pullback = vjp(soft_rank, x, regularization_strength=0.5)
gradient = pullback(np.ones(5))
low, high = strength_bounds(soft_rank, x)
loss, slope = soft_spearman_loss(x, ranks, regularization_strength=1.0)
score: float = spearman_score(np.eye(3), np.eye(3)) * 2.0

X = np.random.default_rng(0).normal(size=(20, 2))
model = LeastTrimmedSquaresRegressor(trim_fraction=0.25).fit(X, X[:, 0])
predicted = model.predict(X) + 1.0
transformer = SoftRankTransformer(regularization_strength=3.0).fit(X)
features = transformer.transform(X) - 0.5
classes = SoftKNeighborsClassifier(n_neighbors=3).fit(X, X[:, 0] > 0.0).predict(X)
ranker = SoftNDCGRanker(k=3).fit(X, X[:, 0] > 0.0, qid=np.arange(20) // 5)

# Keywords that do not exist are errors; an unused ignore is one as well.
soft_rank(x, regularisation_strength=0.5)  # type: ignore[call-arg]
soft_topk(x, 2, method="nosuch")  # type: ignore[arg-type]
SoftRankTransformer(strength=1.0)  # type: ignore[call-arg]
LeastTrimmedSquaresRegressor(trimfraction=0.5)  # type: ignore[call-arg]
