# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one place that imports private or version-dependent names of scikit-learn."""

from sklearn.utils.validation import _check_sample_weight as check_sample_weight

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


__all__ = ["CallbackSupportMixin", "check_sample_weight", "with_callbacks"]
