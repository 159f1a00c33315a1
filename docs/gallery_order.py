# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The order of the gallery: by topic, and in each from the introduction on."""

TOPICS = {
    "operators": [
        "plot_soft_sort_and_rank",
        "plot_soft_topk",
        "plot_rank_methods",
        "plot_quantile_normalization",
        "plot_displays",
    ],
    "preprocessing": ["plot_grid_search_strength", "plot_quantile_normalizer"],
    "robust": [
        "plot_robust_regression",
        "plot_outlier_diagnostics",
        "plot_contamination",
        "plot_breakdown",
        "plot_scorer_trap",
        "plot_label_noise",
    ],
    "neighbors": [
        "plot_neighbors_digits",
        "plot_neighbors_grid_search",
        "plot_neighbors_calibration",
        "plot_neighbors_robust_regression",
    ],
    "ranking": [
        "plot_spearman_regression",
        "plot_label_ranking",
        "plot_learning_to_rank",
        "plot_topk_tradeoff",
    ],
    "sequence": ["plot_beam_search"],
}


class ByTopic:
    """The key by which sphinx-gallery sorts the examples of a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, filename):
        """Return the place of an example; those not listed come last."""
        name = filename.removesuffix(".py")
        for names in TOPICS.values():
            if name in names:
                return f"{names.index(name):03d}"
        return f"999 {name}"

    def __repr__(self):
        return "ByTopic"
