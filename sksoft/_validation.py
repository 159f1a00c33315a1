# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arguments: errors name the parameter, the value and what is allowed."""

from numbers import Integral, Real

import numpy as np

# Above this, differences and weighted sums of float64 numbers could overflow.
LARGEST = 1e300

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# One number. The usual types come first: to ask an abstract class takes longer.
NUMBERS = (float, int, Real)
TRUTHS = (bool, np.bool_)


def real_array(values, name):
    """Return a float32 or float64 array of finite numbers; other real types convert."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, got a masked array.")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must have a regular shape: {error}") from None
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in FLOATS:
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"{name} must hold real numbers, got an array of dtype {array.dtype} "
                f"from {type(values).__name__}."
            )
        array = array.astype(np.float64)
    if array.size and not float(_peak(array)) <= LARGEST:
        raise _range_error(array, name)
    return array


def _peak(array):
    """Return the largest magnitude, NaN where there is one."""
    if array.size < 4096:
        return np.maximum.reduce(np.abs(array), axis=None)
    return max(array.max(), -array.min())


def _range_error(array, name):
    where = np.unravel_index(
        np.argmin(np.abs(array.astype(np.float64)) <= LARGEST), array.shape
    )
    where = tuple(int(i) for i in where)
    return ValueError(
        f"{name} must hold finite numbers of magnitude at most {LARGEST:g}, "
        f"got {array[where]} at index {where}."
    )


def normalized_axis(axis, ndim):
    """Return axis as a non-negative integer."""
    if not isinstance(axis, Integral) or isinstance(axis, TRUTHS):
        raise TypeError(f"axis must be an integer, got {axis!r}.")
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(
            f"axis must be in [{-ndim}, {ndim - 1}] for an array of {ndim} "
            f"dimensions, got {axis}."
        )
    return int(axis) % ndim


def check_option(value, name, options):
    """Raise unless value is one of the options."""
    if not isinstance(value, str) or value not in options:
        allowed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")


def check_flag(value, name):
    """Raise unless value is a boolean."""
    if not isinstance(value, TRUTHS):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def nonnegative_number(value, name, *, finite=True):
    """Return a number >= 0, finite or not, as a float."""
    if not isinstance(value, NUMBERS) or isinstance(value, TRUTHS):
        raise TypeError(f"{name} must be a number >= 0, got {value!r}.")
    value = float(value)
    if not value >= 0.0 or (finite and value == np.inf):
        kind = "finite number" if finite else "number"
        raise ValueError(f"{name} must be a {kind} >= 0, got {value}.")
    return value


def check_fraction(value, name, most, *, below=False):
    """Raise unless value is a number from 0 to `most`, or below it."""
    number = nonnegative_number(value, name)
    if number > most or (below and number == most):
        relation = "below" if below else "at most"
        raise ValueError(
            f"{name} must be at least 0 and {relation} {most}, got {value}."
        )


def positive_number(value, name, *, finite=True):
    """Return a number > 0, finite or not, as a float."""
    number = nonnegative_number(value, name, finite=finite)
    if number == 0.0:
        raise ValueError(f"{name} must be > 0, got {value}.")
    return number


def nonnegative(value, name):
    """Return a finite number >= 0, or a float64 array of such numbers."""
    if isinstance(value, NUMBERS + TRUTHS):
        return nonnegative_number(value, name)
    array = real_array(value, name).astype(np.float64, copy=False)
    if array.size and array.min() < 0.0:
        raise ValueError(f"{name} must be >= 0 everywhere, got {array.min()}.")
    return array


def check_integer(value, name):
    """Raise unless value is an integer, which truth values are not."""
    if not isinstance(value, Integral) or isinstance(value, TRUTHS):
        raise TypeError(f"{name} must be an integer, got {value!r}.")


def positive_integer(value, name, least=1):
    """Raise unless value is an integer of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, TRUTHS):
        raise TypeError(f"{name} must be an integer >= {least}, got {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value}.")


def layer_sizes(value, name):
    """Return the sizes of hidden layers, given as a sequence or one number, as ints."""
    sizes = value if isinstance(value, list | tuple) else np.atleast_1d(value)
    for size in sizes:
        if not isinstance(size, Integral) or isinstance(size, TRUTHS) or size < 1:
            raise ValueError(f"{name} must hold positive integers, got {value!r}.")
    return tuple(int(size) for size in sizes)
