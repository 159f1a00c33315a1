# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fits that are refused or interrupted leave the old model whole."""

from functools import wraps


def whole_fit(fit):
    """Return a method ``fit`` that changes the estimator only if it succeeds.

    Parameters
    ----------
    fit : callable
        A method that sets attributes of its estimator.

    Returns
    -------
    fit : callable
        The same; whatever it raises, the attributes are those of before the call.
    """

    @wraps(fit)
    def fit_or_leave(self, *args, **kwargs):
        before = dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return fit_or_leave
