# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one place that imports private or version-dependent names of scikit-learn."""

import numpy as np
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stand-in: scikit-learn has had callbacks since version 1.9."""

        def _init_callback_context(self, **kwargs):
            return None

    def with_callbacks(fit):
        """Return ``fit`` unchanged: there are no callbacks to run."""
        return fit


def callback_context(estimator):
    """Return the task of a fit for the estimator's callbacks, None if it has none."""
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    return estimator._init_callback_context(max_subtasks=None)


def check_sample_weight(sample_weight, X):
    """Return the weights of rows, at least 0 and not all 0, in double precision."""
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.any():  # scikit-learn < 1.9 lets it pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


__all__ = [
    "CallbackSupportMixin",
    "callback_context",
    "check_sample_weight",
    "with_callbacks",
]
