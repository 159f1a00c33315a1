# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the parameters of estimators, by a table of each class.

A class lists in ``_parameter_checks`` what each parameter of its signature may be, as
``{"alpha": nonnegative_number, "loss": one_of("spearman", "fenchel_young")}``. A check
is called with the value and the name, and raises an error that names both and what is
allowed. The checks of :mod:`sksoft._validation` are of this form; here are those that
are made for a table.
"""

from functools import partial
from numbers import Integral

import numpy as np

from sksoft._validation import (
    NUMBERS,
    TRUTHS,
    check_fraction,
    check_option,
    nonnegative_number,
    positive_integer,
    positive_number,
)


def check_parameters(estimator):
    """Check every parameter of an estimator by the table of its class.

    Parameters
    ----------
    estimator : estimator instance
        Its class has a table ``_parameter_checks`` with an entry for each parameter.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it may be; the message names it.
    """
    for name, value in estimator.get_params(deep=False).items():
        estimator._parameter_checks[name](value, name)


def anything(value, name):
    """Accept a parameter whose check needs the data, or belongs to somebody else."""


def one_of(*options):
    """Return a check for one of some strings."""
    return partial(check_option, options=options)


def none_or(check):
    """Return a check that accepts None too."""

    def check_unless_none(value, name):
        if value is not None:
            check(value, name)

    return check_unless_none


def word_or(words, check):
    """Return a check that accepts one of some strings too.

    Parameters
    ----------
    words : tuple of str
        The strings.
    check : callable
        The check of everything but strings.
    """

    def check_unless_word(value, name):
        if isinstance(value, str):
            check_option(value, name, words)
        else:
            check(value, name)

    return check_unless_word


def fraction(most, *, below=False):
    """Return a check for a number from 0 to `most`, or below it."""
    return partial(check_fraction, most=most, below=below)


def integer(least):
    """Return a check for an integer of at least `least`."""
    return partial(positive_integer, least=least)


# Strengths and tolerances without an upper limit.
nonnegative_or_infinite = partial(nonnegative_number, finite=False)
positive_or_infinite = partial(positive_number, finite=False)


def verbosity(value, name):
    """Raise unless value is a flag or an integer >= 0."""
    if not isinstance(value, TRUTHS):
        positive_integer(value, name, least=0)


def random_state(value, name):
    """Raise unless value is None, a seed, or a generator of random numbers."""
    if value is None or isinstance(value, np.random.RandomState):
        return
    if not isinstance(value, Integral) or isinstance(value, TRUTHS):
        raise TypeError(
            f"{name} must be None, an integer or a numpy.random.RandomState, got "
            f"{value!r}."
        )
    if not 0 <= value < 2**32:
        raise ValueError(f"{name} must be in [0, 2**32 - 1], got {value}.")


def class_weights(value, name):
    """Raise unless value is None, "balanced" or a dict of weights >= 0."""
    if value is None or (isinstance(value, str) and value == "balanced"):
        return
    if not isinstance(value, dict):
        raise ValueError(
            f"{name} must be None, 'balanced' or a dict of class labels to weights, "
            f"got {value!r}."
        )
    for label, weight in value.items():
        if not isinstance(weight, NUMBERS) or isinstance(weight, TRUTHS):
            raise TypeError(f"{name}[{label!r}] must be a number >= 0, got {weight!r}.")
        nonnegative_number(weight, f"{name}[{label!r}]")
