# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arguments: errors name the parameter, the value and what is allowed."""

import sys
import warnings
from numbers import Integral, Real

import numpy as np

from sksoft._ground._range import is_within as row_is_within

# Above this, differences and weighted sums of float64 numbers could overflow.
LARGEST = 1e300
LARGEST_FLOAT = sys.float_info.max
# Above this, float64 does not hold every integer.
LARGEST_EXACT = 2.0**53

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# One number. The usual types come first: to ask an abstract class takes longer.
NUMBERS = (float, int, Real)
TRUTHS = (bool, np.bool_)


def real_array(values, name):
    """Return a float32 or float64 array of finite numbers; other real types convert."""
    # The usual case first: the checks of the others take longer.
    if type(values) is np.ndarray and values.dtype in FLOATS:
        if not is_within(values, LARGEST):
            raise _range_error(values, name)
        return values
    given = array = plain_array(values, name)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in FLOATS:
        array = array.astype(np.float64)
    if not is_within(array, LARGEST):
        raise _range_error(array, name)
    if given.dtype.kind in "iu" and not is_within(array, LARGEST_EXACT - 1.0):
        _warn_of_rounding(given, array, name)
    return array


def plain_array(values, name):
    """Return an array of real numbers of any type, not checked for finiteness."""
    check_unmasked(**{name: values})
    if hasattr(values, "__dask_graph__"):
        raise TypeError(
            f"{name} must be in memory, got a Dask {type(values).__name__}: pass "
            f"{name}.compute(), or map the call over blocks."
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must have a regular shape: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, {_found(values, array, name)}")
    return array


def check_unmasked(**arrays):
    """Raise if an array is masked: what the mask hides would count all the same."""
    for name, values in arrays.items():
        if _is_masked(values):
            raise TypeError(
                f"{name} must be a plain array, got a masked array: drop what is "
                f"masked, or fill it in by {name}.filled(value)."
            )


def _is_masked(values):
    if isinstance(values, np.ma.MaskedArray):
        return True
    # A list of masked arrays would be stacked without their masks.
    if isinstance(values, list | tuple) and values:
        return isinstance(values[0], np.ndarray | list | tuple) and any(
            map(_is_masked, values)
        )
    return False


def _found(values, array, name):
    """Say what was found instead of real numbers, and what to do about it."""
    if values is None:
        return "got None."
    if hasattr(values, "toarray"):
        return (
            f"got the sparse {type(values).__name__}: make it dense by "
            f"{name}.toarray()."
        )
    found = f"got an array of dtype {array.dtype} from {type(values).__name__}"
    if array.dtype.kind == "M":
        return (
            f"{found}: make dates numbers, as ({name} - {name}.min()) / "
            "np.timedelta64(1, 's')."
        )
    if array.dtype.kind == "m":
        return f"{found}: make durations numbers, as {name} / np.timedelta64(1, 's')."
    return f"{found}."


def _warn_of_rounding(given, array, name):
    with np.errstate(invalid="ignore"):
        changed = array.astype(given.dtype) != given
    if changed.any():
        warnings.warn(
            f"{name} holds integers beyond 2**53, which become ties where float64 "
            f"rounds them to the same number: {changed.sum()} of {given.size} change. "
            "Subtract a common origin before, or pass their ranks.",
            UserWarning,
            stacklevel=4,
        )


def is_within(array, limit):
    """Return whether no number of a float array exceeds a limit; NaN does."""
    if array.size < 4096:
        return row_is_within(array.ravel(), limit)
    return float(array.max()) <= limit and float(array.min()) >= -limit


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
    # The default, which needs no further check.
    if type(axis) is int and axis == -1 and ndim:
        return ndim - 1
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
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(
            f"{name} must be at most {LARGEST_FLOAT:g}, got an integer beyond."
        ) from None
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
    # The usual case first, as above.
    if type(value) in (float, int) and 0.0 <= value <= LARGEST_FLOAT:
        return float(value)
    if isinstance(value, NUMBERS + TRUTHS):
        return nonnegative_number(value, name)
    if value is None:
        raise TypeError(
            f"{name} must hold real numbers >= 0, one or an array of them, got None."
        )
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
