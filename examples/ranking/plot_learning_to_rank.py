# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
===============================================
Learning to rank, with queries in a grid search
===============================================

Documents are ranked within their query: a model must never compare those of different
queries, and cross-validation must not divide a query. With scikit-learn's metadata
routing one array, ``qid``, does both, through a pipeline and a grid search.
"""

# %%
# Whom to see first?
# ------------------
# Each query is a waiting room of eight patients of the diabetes data, and their grade,
# 0 to 3, tells how far the disease will progress. Waiting rooms differ: the
# measurements of one are shifted by a calibration of its own, which a model of
# single patients takes for signal. ``qid`` may be strings, in any order.

import matplotlib.pyplot as plt
import numpy as np
from sklearn import set_config
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoft.metrics import ndcg_score
from sksoft.ranking import SoftNDCGRanker

set_config(enable_metadata_routing=True)

rng = np.random.default_rng(0)
X, progression = load_diabetes(return_X_y=True)
y = np.digitize(progression, np.quantile(progression, [0.4, 0.7, 0.9]))
room = rng.permutation(np.arange(len(y)) // 8)
X = X + rng.normal(scale=2.0 * X.std(), size=(room.max() + 1, X.shape[1]))[room]
qid = np.array([f"room {i}" for i in room])

cv = GroupKFold(5).set_split_request(groups="qid")
alphas = np.logspace(-1, 4, 6)
pipeline = make_pipeline(StandardScaler(), SoftNDCGRanker())
search = GridSearchCV(
    pipeline,
    {"softndcgranker__alpha": alphas, "softndcgranker__k": [None, 3]},
    scoring=make_scorer(
        ndcg_score, k=3, gain="exp2", zero_division=1.0
    ).set_score_request(qid=True),
    cv=cv,
).fit(X, y, qid=qid)

pointwise = GridSearchCV(
    make_pipeline(StandardScaler(), Ridge()),
    {"ridge__alpha": alphas},
    scoring=make_scorer(
        ndcg_score, k=3, gain="exp2", zero_division=1.0
    ).set_score_request(qid=True),
    cv=cv,
).fit(X, 2.0**y - 1.0, qid=qid)

# %%
# A grid of penalties
# -------------------
# Each cross-validation kept the rooms whole and scored NDCG@3 by room. The bars are
# standard errors over the folds, which both models share.

fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
found = search.cv_results_
for k, color, shift in ((None, "tab:red", 1.0), (3, "tab:orange", 1.08)):
    rows = [i for i, p in enumerate(found["params"]) if p["softndcgranker__k"] == k]
    label = "soft NDCG" if k is None else f"soft NDCG@{k}"
    ax.errorbar(
        alphas * shift,
        found["mean_test_score"][rows],
        found["std_test_score"][rows] / np.sqrt(5),
        marker="o",
        capsize=3,
        color=color,
        label=label,
    )
ax.errorbar(
    alphas / 1.08,
    pointwise.cv_results_["mean_test_score"],
    pointwise.cv_results_["std_test_score"] / np.sqrt(5),
    marker="s",
    capsize=3,
    color="0.5",
    label="ridge regression, no queries",
)
ax.set(
    xscale="log",
    xlabel="alpha",
    ylabel="NDCG@3, mean of 5 folds",
    title="Whom to see first, of eight patients",
    ylim=(0.58, 0.85),
)
ax.grid(alpha=0.3)
ax.legend(loc="lower center", ncols=3)
plt.show()
