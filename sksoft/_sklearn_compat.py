# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one place that imports private or version-dependent names of scikit-learn."""

from numbers import Number

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from sksoft._validation import nonnegative_number, real_array

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
    try:
        if isinstance(sample_weight, Number):
            nonnegative_number(sample_weight, "sample_weight")
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    except (TypeError, ValueError) as error:
        if "sample_weight" in str(error):
            raise
        raise ValueError(
            f"sample_weight must hold numbers >= 0, one for each row: {error}"
        ) from None
    real_array(weight, "sample_weight")
    if not weight.any():  # scikit-learn < 1.9 lets it pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


__all__ = [
    "CallbackSupportMixin",
    "callback_context",
    "check_sample_weight",
    "with_callbacks",
]
