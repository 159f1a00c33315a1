# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The soft operators and losses for JAX: arrays in and out, exact gradients.

Every operator of :mod:`sksoft.operators` and every loss of :mod:`sksoft.losses` is here
under its name; soft beams, which are no operators, are a recipe of the documentation.
They work under :func:`jax.jit`, :func:`jax.grad`, :func:`jax.vmap` and nests of them,
in reverse mode and in forward mode (operators along `x`). Second derivatives raise.
Results have the dtype of `x`, and are computed in double precision.

The computation takes place on the CPU, in a callback. What does not depend on values,
shapes and options, is checked when JAX traces a function; an error about values, such
as NaN, comes from the callback as an error of JAX that quotes it.
"""

import functools
import inspect
from typing import NamedTuple

import numpy as np

from sksoft._bridge import (
    GRADIENTS,
    LOSSES,
    OPERATORS,
    Spec,
    by_name,
    check_differentiable_shapes,
    evaluate,
    evaluate_loss,
    has_gradient,
    linearize,
    no_loss_gradient,
    output_shape,
    parted,
    popped_straight_through,
    positional_names,
    publish,
    static_names,
    strength_name,
)
from sksoft._lists import encode_groups
from sksoft._validation import check_unmasked

try:
    import jax
    import jax.numpy as jnp
    from jax.core import ShapedArray
    from jax.custom_derivatives import SymbolicZero
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir
except ImportError as error:
    raise ImportError(
        'sksoft.jax needs JAX, which is not installed: pip install "sksoft[jax]"'
    ) from error

__all__ = [*OPERATORS, *LOSSES]


def __dir__():
    return __all__


def _to_numpy(array):
    """Return an array of the callback in a dtype that NumPy knows of itself."""
    array = np.asarray(array)
    if _is_real(array) and array.dtype not in (np.float64, np.float32):
        return array.astype(np.float32)
    return array


def _frozen(value):
    """Return lists, and arrays that JAX has not, as tuples, which can be hashed."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _option(name, value):
    """Return an argument that is no array as a pair that can be hashed."""
    check_unmasked(**{name: value})
    value = _frozen(value)
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"{name} must be a number, a text, a function or a list, got "
            f"{type(value).__name__} {value!r}."
        ) from None
    return name, value


def _leading(arrays, ndims):
    """Return the lengths of the axes that vmap has put in front of arrays."""
    return np.broadcast_shapes(
        *(a.shape[: a.ndim - n] for a, n in zip(arrays, ndims, strict=True))
    )


class _Static(NamedTuple):
    """What is fixed when an operator is traced.

    Further axes of its arrays, those that vmap has put in front, are of length 1 where
    an array does not vary along them.
    """

    spec: Spec
    # The arguments that are arrays, and how many axes they have.
    names: tuple
    ndims: tuple

    def ndims_of(self, wrt):
        return tuple(self.ndims[self.names.index(name)] for name in wrt)

    def shapes(self, arrays):
        """Return the shapes of arrays by name, without axes in front."""
        return {
            name: array.shape[array.ndim - ndim :]
            for name, array, ndim in zip(self.names, arrays, self.ndims, strict=True)
        }

    def linearized(self, arrays, wrt, leading):
        arrays = dict(zip(self.names, map(_to_numpy, arrays), strict=True))
        return linearize(self.spec, arrays, wrt, leading)


# The compiled code of JAX is found again for the same callback only.


@functools.lru_cache(maxsize=256)
def _value_callback(static):
    def value(*arrays):
        dtype = arrays[0].dtype
        leading = _leading(arrays, static.ndims)
        arrays = dict(zip(static.names, map(_to_numpy, arrays), strict=True))
        return np.asarray(evaluate(static.spec, arrays, leading)).astype(dtype)

    return value


@functools.lru_cache(maxsize=256)
def _pushforward_callback(static):
    def tangent_out(tangent, *arrays):
        ndims = (static.ndims[0], *static.ndims)
        leading = _leading((tangent, *arrays), ndims)
        found = static.linearized(arrays, (), leading).pushforward(_to_numpy(tangent))
        return np.asarray(found).astype(tangent.dtype)

    return tangent_out


@functools.lru_cache(maxsize=256)
def _pullback_callback(static, wrt):
    def gradients(cotangent, *arrays):
        dtypes = [arrays[static.names.index(name)].dtype for name in wrt]
        n_leading = arrays[0].ndim - static.ndims[0]
        leading = np.broadcast_shapes(
            _leading(arrays, static.ndims), cotangent.shape[:n_leading]
        )
        cotangent = np.broadcast_to(
            _to_numpy(cotangent), leading + cotangent.shape[n_leading:]
        )
        found = static.linearized(arrays, wrt, leading).pullback(cotangent)
        return tuple(
            np.asarray(part).astype(dtype)
            for part, dtype in zip(found, dtypes, strict=True)
        )

    return gradients


def _without_derivative(function):
    """Return a function of which a derivative raises."""
    function = jax.custom_jvp(function)

    @functools.partial(function.defjvp, symbolic_zeros=True)
    def _(primals, tangents):
        raise _no_second_derivative()

    return function


def _no_second_derivative():
    return NotImplementedError(
        "second derivatives of soft operators and losses are not offered."
    )


# The derivative of an operator: arrays and tangents of some of them in, the tangent of
# the value out. It is linear in the tangents, and JAX transposes it for reverse mode.
derivative = Primitive("sksoft_derivative")


def _value_shape(operands, static, wrt):
    leading = _leading(operands, static.ndims + static.ndims_of(wrt))
    arrays = operands[: len(static.names)]
    return leading + output_shape(static.spec, static.shapes(arrays))


@derivative.def_abstract_eval
def _(*operands, static, wrt):
    return ShapedArray(_value_shape(operands, static, wrt), operands[0].dtype)


@derivative.def_impl
def _pushforward(*operands, static, wrt):
    arrays = operands[: len(static.names)]
    for name in wrt:
        if name != "x":
            raise NotImplementedError(
                f"forward-mode derivatives are offered along x only, got a tangent of "
                f"{name} of {static.spec.operator}."
            )
    shape = _value_shape(operands, static, wrt)
    return jax.pure_callback(
        _pushforward_callback(static),
        jax.ShapeDtypeStruct(shape, arrays[0].dtype),
        operands[-1],
        *arrays,
        vmap_method="expand_dims",
    )


mlir.register_lowering(derivative, mlir.lower_fun(_pushforward, multiple_results=False))


def _transpose(cotangent, *operands, static, wrt):
    n = len(static.names)
    arrays, tangents = operands[:n], operands[n:]
    places = [i for i in range(len(wrt)) if ad.is_undefined_primal(tangents[i])]
    found = [None] * len(operands)
    if type(cotangent) is ad.Zero:
        return found
    wrt = tuple(wrt[i] for i in places)
    leading = _leading(operands[:n], static.ndims)
    leading = np.broadcast_shapes(
        leading, cotangent.shape[: arrays[0].ndim - static.ndims[0]]
    )
    shapes = static.shapes(arrays)
    results = tuple(
        jax.ShapeDtypeStruct(leading + shapes[name], tangents[i].aval.dtype)
        for i, name in zip(places, wrt, strict=True)
    )
    callback = _pullback_callback(static, wrt)

    @_without_derivative
    def pull(cotangent, *arrays):
        return jax.pure_callback(
            callback, results, cotangent, *arrays, vmap_method="expand_dims"
        )

    for i, gradient in zip(places, pull(cotangent, *arrays), strict=True):
        # Along axes in front a tangent may have been the same.
        shape = tangents[i].aval.shape
        same = [axis for axis, size in enumerate(shape) if size != gradient.shape[axis]]
        found[n + i] = gradient.sum(axis=same, keepdims=True) if same else gradient
    return found


ad.primitive_transposes[derivative] = _transpose


def _second(primals, tangents, static, wrt):
    n = len(static.names)
    if not all(map(_is_zero, tangents[:n])):
        raise _no_second_derivative()
    value = derivative.bind(*primals, static=static, wrt=wrt)
    places = [i for i in range(len(wrt)) if not _is_zero(tangents[n + i])]
    if not places:
        return value, ad.Zero.from_primal_value(value)
    tangent = derivative.bind(
        *primals[:n],
        *(tangents[n + i] for i in places),
        static=static,
        wrt=tuple(wrt[i] for i in places),
    )
    return value, tangent


def _is_zero(tangent):
    is_symbol = type(tangent) in (ad.Zero, SymbolicZero)
    return is_symbol or getattr(tangent, "dtype", None) == jax.dtypes.float0


ad.primitive_jvps[derivative] = _second


def _batched(operands, dims, static, wrt):
    moved = [
        jnp.expand_dims(operand, 0) if dim is None else jnp.moveaxis(operand, dim, 0)
        for operand, dim in zip(operands, dims, strict=True)
    ]
    return derivative.bind(*moved, static=static, wrt=wrt), 0


batching.primitive_batchers[derivative] = _batched


@functools.lru_cache(maxsize=256)
def _operator_call(static):
    """Return an operator as a function of its arrays, which JAX may differentiate."""

    @jax.custom_jvp
    def call(*arrays):
        shape = output_shape(static.spec, static.shapes(arrays))
        return jax.pure_callback(
            _value_callback(static),
            jax.ShapeDtypeStruct(shape, arrays[0].dtype),
            *arrays,
            vmap_method="expand_dims",
        )

    def push(arrays, tangents):
        pairs = [
            (name, jnp.asarray(tangent))
            for name, tangent in zip(static.names, tangents, strict=True)
            if not _is_zero(tangent)
        ]
        value = call(*arrays)
        if not pairs:
            return value, jnp.zeros_like(value)
        wrt, moving = zip(*pairs, strict=True)
        check_differentiable_shapes(static.spec, static.shapes(arrays), wrt)
        return value, derivative.bind(*arrays, *moving, static=static, wrt=wrt)

    call.defjvp(push, symbolic_zeros=True)
    return call


@functools.lru_cache(maxsize=256)
def _loss_call(loss, names, options, ndims):
    """Return a loss as a function of its arrays, which JAX may differentiate."""

    def both_at(*arrays):
        dtypes = [array.dtype for array in arrays]
        arrays = [_to_numpy(array) for array in arrays]
        leading = _leading(arrays, ndims)
        places = _gradient_places(loss, names, arrays)
        values = np.empty(leading, dtypes[0])
        gradients = [
            np.empty(leading + arrays[i].shape[len(leading) :], dtypes[i])
            for i in places
        ]
        for index in np.ndindex(leading):
            part = {
                name: array[
                    tuple(i % n for i, n in zip(index, array.shape, strict=False))
                ]
                for name, array in zip(names, arrays, strict=True)
            }
            values[index], found = evaluate_loss(loss, part, options)
            for i, gradient in zip(places, gradients, strict=True):
                gradient[index] = found[names[i]]
        return values, *gradients

    def both(*arrays):
        # Shapes and options are checked now, values by the callback.
        samples = {
            name: (np.ones if i and _is_real(array) else np.zeros)(
                array.shape, array.dtype if array.dtype.kind in "iub" else np.float64
            )
            for i, (name, array) in enumerate(zip(names, arrays, strict=True))
        }
        evaluate_loss(loss, samples, options)
        places = _gradient_places(loss, names, arrays)
        results = (
            jax.ShapeDtypeStruct((), arrays[0].dtype),
            *(jax.ShapeDtypeStruct(arrays[i].shape, arrays[i].dtype) for i in places),
        )
        return jax.pure_callback(both_at, results, *arrays, vmap_method="expand_dims")

    @jax.custom_jvp
    def call(*arrays):
        return both(*arrays)[0]

    def push(arrays, tangents):
        value, *gradients = _without_derivative(both)(*arrays)
        places = _gradient_places(loss, names, arrays)
        tangent_out = jnp.zeros_like(value)
        for i, (name, tangent) in enumerate(zip(names, tangents, strict=True)):
            if _is_zero(tangent):
                continue
            if i not in places:
                raise no_loss_gradient(loss, name)
            gradient = gradients[places.index(i)]
            tangent_out += (gradient * tangent).sum().astype(value.dtype)
        return value, tangent_out

    call.defjvp(push, symbolic_zeros=True)
    return call


def _is_real(array):
    return jnp.issubdtype(array.dtype, jnp.floating)


def _gradient_places(loss, names, arrays):
    """Return the places of the arrays in which a loss has gradients."""
    return [
        i
        for i, (name, array) in enumerate(zip(names, arrays, strict=True))
        if has_gradient(loss, name) and _is_real(array)
    ]


def _checked(name, x):
    """Return an array of a floating-point dtype."""
    if not isinstance(x, jax.Array | np.ndarray):
        raise TypeError(
            f"{name} must be an array of JAX or NumPy, got {type(x).__name__}."
        )
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(
            f"{name} must be an array of a floating-point dtype, got {x.dtype}."
        )
    return _as_jax(name, x)


def _is_array(value):
    return isinstance(value, jax.Array) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"
    )


def _as_jax(name, value):
    """Return an array of real numbers as one of JAX."""
    check_unmasked(**{name: value})
    if not (_is_real(value) or value.dtype.kind in "iub"):
        raise TypeError(f"{name} must hold real numbers, got dtype {value.dtype}.")
    if isinstance(value, np.ndarray):
        value = _canonical(name, value)
    return jnp.asarray(value)


def _canonical(name, array):
    """Return an array of NumPy in a dtype of JAX, which must hold its integers."""
    if name == "groups":
        # Rounded, different groups might be the same.
        return encode_groups(array, array.size).astype(np.int32)
    kind = array.dtype.kind
    if kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    if kind in "iu" and array.size:
        limits = jnp.iinfo(jax.dtypes.canonicalize_dtype(array.dtype))
        if not limits.min <= array.min() <= array.max() <= limits.max:
            raise ValueError(
                f"{name} must hold integers from {limits.min} to {limits.max}, got "
                f"values from {array.min()} to {array.max()}: JAX has larger ones "
                "with its option jax_enable_x64 only."
            )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _parted(arguments, static, differentiable=()):
    """Return the names of arrays, the arrays, and the other arguments as pairs."""
    names, arrays, options = parted(arguments, _is_array, static, differentiable)
    arrays = [_as_jax(*pair) for pair in zip(names, arrays, strict=True)]
    return tuple(names), arrays, tuple(_option(*pair) for pair in options)


def _bridged_operator(operator):
    """Return an operator as a function of arrays of JAX."""
    positions = positional_names(operator)
    strength = strength_name(operator)
    operator_name = operator.__name__
    static = static_names(operator)

    def bridged(*args, **params):
        straight_through = popped_straight_through(params, strength)
        arguments = by_name(operator, positions, args, params)
        if "x" not in arguments:
            inspect.signature(operator).bind(**arguments)
        x = _checked("x", arguments.pop("x"))
        names, arrays, options = _parted(arguments, static)
        arrays = [x, *arrays]
        spec = Spec(operator_name, options, straight_through)
        ndims = tuple(array.ndim for array in arrays)
        return _operator_call(_Static(spec, ("x", *names), ndims))(*arrays)

    return bridged


def _bridged_loss(loss):
    """Return a loss as a function of arrays of JAX."""
    positions = positional_names(loss)
    loss_name, (first, *others) = loss.__name__, GRADIENTS[loss.__name__]
    static = static_names(loss)

    def bridged(*args, **params):
        arguments = by_name(loss, positions, args, params)
        if first not in arguments:
            inspect.signature(loss).bind(**arguments)
        scores = _checked(first, arguments.pop(first))
        names, arrays, options = _parted(arguments, static, others)
        arrays = [scores, *arrays]
        ndims = tuple(array.ndim for array in arrays)
        return _loss_call(loss_name, (first, *names), options, ndims)(*arrays)

    return bridged


OPERATOR_DOC = """{summary}

This is :func:`sksoft.{name}`, which documents the arguments, for JAX.

Parameters
----------
x : jax.Array
    The values, of a floating-point dtype.
*args, **params
    The other arguments of :func:`sksoft.{name}`. Arrays among them may be traced;
    Python's numbers, and lists of them, are constants of a traced function, in double
    precision.
{straight_through}
Returns
-------
values : jax.Array
    With the dtype of `x`. Gradients flow to `x` and to other arguments that are arrays
    of JAX and have a derivative; in forward mode, tangents of `x` do.

Raises
------
TypeError
    If `x` is not an array of a floating-point dtype; else as :func:`sksoft.{name}`.
ValueError
    If a gradient is asked for in an argument without one; else as
    :func:`sksoft.{name}`.
NotImplementedError
    Where a second derivative is asked for, or forward mode along anything but `x`.

See Also
--------
sksoft.{name} : The same for NumPy, with references.
"""

LOSS_DOC = """{summary}

This is :func:`sksoft.losses.{name}`, which documents the arguments, for JAX.

Parameters
----------
{first} : jax.Array
    The scores, of a floating-point dtype.
*args, **params
    The other arguments of :func:`sksoft.losses.{name}`. Arrays among them may be
    traced.

Returns
-------
value : jax.Array
    A scalar with the dtype of `{first}`, through which the gradients flow that
    :func:`sksoft.losses.{name}` returns, in reverse and in forward mode.

Raises
------
TypeError
    If `{first}` is not an array of a floating-point dtype; else as
    :func:`sksoft.losses.{name}`.
ValueError
    If a gradient is asked for in another argument; else as
    :func:`sksoft.losses.{name}`.
NotImplementedError
    Where a second derivative is asked for.

See Also
--------
sksoft.losses.{name} : The same for NumPy, with references.
"""


publish(globals(), _bridged_operator, _bridged_loss, OPERATOR_DOC, LOSS_DOC)
