# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The soft operators and losses for JAX: arrays in and out, exact gradients.

Every operator of :mod:`sksoft.operators` and every loss of scores of
:mod:`sksoft.losses` is here under its name. They work under :func:`jax.jit`,
:func:`jax.grad`, :func:`jax.vmap` and nests of them; losses also in forward mode.
Second derivatives raise. Results have the dtype of `x`, and are computed in double
precision.

The computation takes place on the CPU, in a callback. What does not depend on values,
shapes and options, is checked when JAX traces a function; an error about values, such
as NaN, comes from the callback as an error of JAX that quotes it.
"""

import functools
import inspect

import numpy as np

from sksoft._bridge import (
    LOSSES,
    OPERATORS,
    Spec,
    by_name,
    check_differentiable_shapes,
    evaluate,
    linearize,
    output_shape,
    popped_straight_through,
    positional_names,
    published,
    strength_name,
)

try:
    import jax
    import jax.numpy as jnp
    from jax.custom_derivatives import SymbolicZero
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
    if array.dtype in (jnp.bfloat16, np.float16):
        return array.astype(np.float32)
    return array


def _frozen(value):
    """Return lists as tuples, which can be hashed."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _leading(arrays, ndims):
    """Return the lengths of the axes that vmap has put in front of arrays."""
    return np.broadcast_shapes(
        *(a.shape[: a.ndim - n] for a, n in zip(arrays, ndims, strict=True))
    )


@functools.lru_cache(maxsize=256)
def _operator_call(spec, names, ndims):
    """Return an operator as a function of its arrays, which JAX may differentiate."""

    # The compiled code of JAX is found again for the same callback only.
    def value_of(*arrays):
        dtype = arrays[0].dtype
        arrays = [_to_numpy(array) for array in arrays]
        found = evaluate(
            spec, dict(zip(names, arrays, strict=True)), _leading(arrays, ndims)
        )
        return np.asarray(found).astype(dtype)

    @jax.custom_vjp
    def call(*arrays):
        shapes = dict(zip(names, (array.shape for array in arrays), strict=True))
        shape = output_shape(spec, shapes)
        result = jax.ShapeDtypeStruct(shape, arrays[0].dtype)
        return jax.pure_callback(value_of, result, *arrays, vmap_method="expand_dims")

    @functools.lru_cache
    def pullback(wrt):
        places = [names.index(name) for name in wrt]

        def gradients_of(cotangent, *arrays):
            dtypes = [arrays[place].dtype for place in places]
            cotangent = _to_numpy(cotangent)
            arrays = [_to_numpy(array) for array in arrays]
            n_leading = arrays[0].ndim - ndims[0]
            leading = np.broadcast_shapes(
                _leading(arrays, ndims), cotangent.shape[:n_leading]
            )
            linear = linearize(
                spec, dict(zip(names, arrays, strict=True)), wrt, leading
            )
            cotangent = np.broadcast_to(
                cotangent, leading + cotangent.shape[n_leading:]
            )
            found = linear.pullback(cotangent)
            return tuple(
                np.asarray(part).astype(dtype)
                for part, dtype in zip(found, dtypes, strict=True)
            )

        def pull(*arrays_and_cotangent):
            *arrays, cotangent = arrays_and_cotangent
            results = [
                jax.ShapeDtypeStruct(arrays[place].shape, arrays[place].dtype)
                for place in places
            ]
            found = jax.pure_callback(
                gradients_of,
                tuple(results),
                cotangent,
                *arrays,
                vmap_method="expand_dims",
            )
            cotangents = [None] * len(names)
            for place, part in zip(places, found, strict=True):
                cotangents[place] = part
            return tuple(cotangents)

        return pull

    def forward(*primals):
        arrays = [primal.value for primal in primals]
        wrt = tuple(
            name
            for name, primal in zip(names, primals, strict=True)
            if primal.perturbed and jnp.issubdtype(primal.value.dtype, jnp.floating)
        )
        shapes = dict(zip(names, (array.shape for array in arrays), strict=True))
        check_differentiable_shapes(spec, shapes, wrt)
        return call(*arrays), jax.tree_util.Partial(pullback(wrt), *arrays)

    def backward(pull, cotangent):
        return pull(cotangent)

    call.defvjp(forward, backward, symbolic_zeros=True)
    return call


@functools.lru_cache(maxsize=256)
def _loss_call(loss, names, options, ndims):
    """Return a loss as a function of its arrays, which JAX may differentiate."""
    function = LOSSES[loss]

    def both_at(scores, *others):
        dtype = scores.dtype
        arrays = [_to_numpy(array) for array in (scores, *others)]
        leading = _leading(arrays, ndims)
        values = np.empty(leading, dtype)
        gradients = np.empty(leading + arrays[0].shape[len(leading) :], dtype)
        for index in np.ndindex(leading):
            part = [
                array[tuple(i % n for i, n in zip(index, array.shape, strict=False))]
                for array in arrays
            ]
            found = function(
                part[0], **dict(zip(names, part[1:], strict=True)), **dict(options)
            )
            values[index], gradients[index] = found
        return values, gradients

    def both(scores, *others):
        # Shapes and options are checked now, values by the callback.
        samples = {
            name: np.ones(other.shape)
            if jnp.issubdtype(other.dtype, jnp.floating)
            else np.zeros(other.shape, other.dtype)
            for name, other in zip(names, others, strict=True)
        }
        function(np.zeros(scores.shape), **samples, **dict(options))
        results = (
            jax.ShapeDtypeStruct((), scores.dtype),
            jax.ShapeDtypeStruct(scores.shape, scores.dtype),
        )
        return jax.pure_callback(
            both_at, results, scores, *others, vmap_method="expand_dims"
        )

    @jax.custom_jvp
    def call(scores, *others):
        return both(scores, *others)[0]

    def push(primals, tangents):
        for name, tangent in zip(names, tangents[1:], strict=True):
            if type(tangent) is not SymbolicZero and tangent.dtype != jax.dtypes.float0:
                raise ValueError(
                    f"{name} must not require a gradient: {loss} has a derivative with "
                    "respect to its scores only."
                )
        value, gradient = both(*primals)
        tangent = tangents[0]
        if type(tangent) is SymbolicZero:
            return value, jnp.zeros_like(value)
        return value, (gradient * tangent).sum()

    call.defjvp(push, symbolic_zeros=True)
    return call


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
    return jnp.asarray(x)


def _parted(arguments):
    """Return the names of arrays, the arrays, and the other arguments as pairs."""
    names, arrays, options = [], [], []
    for name, value in arguments.items():
        if isinstance(value, jax.Array) or (
            isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
        ):
            names.append(name)
            arrays.append(jnp.asarray(value))
        else:
            options.append((name, _frozen(value)))
    return tuple(names), arrays, tuple(options)


def _bridged_operator(operator):
    """Return an operator as a function of arrays of JAX."""
    positions = positional_names(operator)
    strength = strength_name(operator)
    operator_name = operator.__name__

    def bridged(*args, **params):
        straight_through = popped_straight_through(params, strength)
        arguments = by_name(operator, positions, args, params)
        if "x" not in arguments:
            inspect.signature(operator).bind(**arguments)
        x = _checked("x", arguments.pop("x"))
        names, arrays, options = _parted(arguments)
        names, arrays = ("x", *names), [x, *arrays]
        ndims = tuple(array.ndim for array in arrays)
        spec = Spec(operator_name, options, straight_through)
        return _operator_call(spec, names, ndims)(*arrays)

    return bridged


def _bridged_loss(loss):
    """Return a loss as a function of arrays of JAX."""
    positions = positional_names(loss)
    loss_name, first = loss.__name__, positions[0]

    def bridged(*args, **params):
        arguments = by_name(loss, positions, args, params)
        if first not in arguments:
            inspect.signature(loss).bind(**arguments)
        scores = _checked(first, arguments.pop(first))
        names, arrays, options = _parted(arguments)
        ndims = (scores.ndim, *(array.ndim for array in arrays))
        return _loss_call(loss_name, names, options, ndims)(scores, *arrays)

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
    of JAX and have a derivative, in reverse mode.

Raises
------
TypeError
    If `x` is not an array of a floating-point dtype; else as :func:`sksoft.{name}`.
ValueError
    If a gradient is asked for in an argument without one; else as
    :func:`sksoft.{name}`.

See Also
--------
sksoft.{name} : The same for NumPy, with references.
"""

STRAIGHT_THROUGH_DOC = """straight_through : bool, default=False
    Whether the value is the hard one, of strength 0, and only its derivatives are soft.
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
    A scalar with the dtype of the scores, through which their gradient flows, in
    reverse and in forward mode.

Raises
------
TypeError
    If the scores are not an array of a floating-point dtype; else as
    :func:`sksoft.losses.{name}`.
ValueError
    If a gradient is asked for in another argument; else as
    :func:`sksoft.losses.{name}`.

See Also
--------
sksoft.losses.{name} : The same for NumPy, with references.
"""


for _function in OPERATORS.values():
    _hard = strength_name(_function) is not None
    globals()[_function.__name__] = published(
        __name__,
        _function,
        _bridged_operator(_function),
        OPERATOR_DOC,
        _hard,
        straight_through=STRAIGHT_THROUGH_DOC if _hard else "",
    )
for _function in LOSSES.values():
    _first = positional_names(_function)[0]
    globals()[_function.__name__] = published(
        __name__, _function, _bridged_loss(_function), LOSS_DOC, False, first=_first
    )
