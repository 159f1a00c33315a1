# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""
============================================
How soft a rank? Grid-searching the strength
============================================

Ranks resist outliers and skewness but forget distances; raw features remember
distances, outliers included. :class:`sksoft.preprocessing.SoftRankTransformer` goes
from one to the other as its strength grows, and because the strength is in units of
each feature's typical gap, one grid serves every data set. Here cross-validation
chooses it, in an ordinary pipeline, for a logistic regression on the Wisconsin breast
cancer data.
"""

# %%
# A pipeline and its grid
# -----------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RepeatedStratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sksoft.preprocessing import SoftRankTransformer

X, y = load_breast_cancer(return_X_y=True)
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)


def classifier(*steps):
    return make_pipeline(*steps, StandardScaler(), LogisticRegression(max_iter=1000))


search = GridSearchCV(
    classifier(SoftRankTransformer(output_distribution="uniform")),
    {"softranktransformer__regularization_strength": np.logspace(-1, 3, 13)},
    scoring="neg_log_loss",
    cv=folds,
).fit(X, y)
best = search.best_params_["softranktransformer__regularization_strength"]
print(f"best strength {best:.3g}: log loss {-search.best_score_:.4f}")

# %%
# The two ends of the path, by other means: features as they are, and quantiles.

rivals = {
    "standardised features": classifier(),
    "QuantileTransformer": classifier(QuantileTransformer(n_quantiles=400)),
}
losses = {
    name: -cross_val_score(rival, X, y, scoring="neg_log_loss", cv=folds).mean()
    for name, rival in rivals.items()
}
for name, loss in losses.items():
    print(f"{name}: log loss {loss:.4f}")

# %%
# The validation curve
# --------------------
# The band is one standard error of the fold means. Between ranks, on the left, and raw
# features, on the right, lies a strength with a lower loss than either.

results = search.cv_results_
strengths = results["param_softranktransformer__regularization_strength"].astype(float)
mean = -results["mean_test_score"]
error = results["std_test_score"] / np.sqrt(folds.get_n_splits())

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
ax.fill_between(strengths, mean - error, mean + error, color="C0", alpha=0.2, lw=0)
ax.plot(strengths, mean, "o-", color="C0", label="SoftRankTransformer")
for (name, loss), style in zip(losses.items(), ("--", ":"), strict=True):
    ax.axhline(loss, color="0.4", ls=style, label=name)
ax.plot(best, -search.best_score_, "o", ms=12, mfc="none", mec="C3", mew=2)
ax.annotate(
    "chosen",
    (best, -search.best_score_),
    xytext=(0, -22),
    textcoords="offset points",
    ha="center",
    color="C3",
)
ax.set(
    xscale="log",
    xlabel="regularization_strength (in typical gaps of a feature)",
    ylabel="log loss in cross-validation",
    title="Breast cancer: from ranks to raw features",
)
ax.legend(frameon=False, loc="lower left")
plt.show()
