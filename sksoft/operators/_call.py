# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all operators share: axes, batches, dtypes, threads and differentiation.

A relaxation is a forward map of rows and its two linear maps (:class:`Operator`). A
public function validates its own arguments and binds one to them (:func:`bind`); the
decorator :func:`differentiable` turns such a function into one that returns values, and
:func:`vjp`, :func:`jvp` and :func:`strength_bounds` ask the same :class:`Call` for
more.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol

import numpy as np
from numpy.typing import NDArray

from sksoft._sorting import ascending_order
from sksoft._threads import (
    EVERYTHING,
    THREADING_SIZE,
    interruptible,
    map_chunks,
    row_chunks,
)
from sksoft._validation import normalized_axis, plain_array, real_array
from sksoft.operators._dask import apply_lazily, is_lazy


class Call:
    """An operator bound to validated arguments."""

    # Why some of the rows cannot do without the others; None where they can.
    joins_rows = None

    def __init__(self, operator, x, axis, scalars, vectors, shared):
        x = real_array(x, "x")
        shape = x.shape
        if not shape:
            raise ValueError(f"x must have at least one dimension, got the scalar {x}.")
        self.operator, self.dtype, self.shape = operator, x.dtype, shape
        self.axis = normalized_axis(axis, len(shape)) - len(shape)
        rows = x
        if self.axis != -1:
            rows = np.moveaxis(x, self.axis, -1)
            shape = rows.shape
        self.x_shape, self.n = shape, shape[-1]
        self.scalars, self.vectors, self.shared = scalars, vectors, shared
        batch = self.batch = shape[:-1]
        self.n_rows = math.prod(batch)
        self.rows = np.ascontiguousarray(rows).reshape(self.n_rows, self.n)
        if operator.negates:
            self.rows = -self.rows
        self.order = None
        for name, value in scalars.items():
            if not isinstance(value, float):
                self._broadcast(value.shape, name)
        if vectors:
            self._align(vectors)
        if self.batch != batch:
            self.n_rows = math.prod(self.batch)
        # About how many steps one pass over all rows takes.
        self.n_steps = self.n_rows * operator.work(self.n)
        if self.batch != batch:
            self._repeat_rows(batch)
        self.parameters = parameters = {}
        for name, value in scalars.items():
            if isinstance(value, float):
                parameters[name] = full = np.empty(self.n_rows)
                full.fill(value)
            else:
                parameters[name] = np.broadcast_to(value, self.batch).flatten()
        for name, vector in self.vectors.items():
            full = np.broadcast_to(vector, (*self.batch, self.n)).copy()
            parameters[name] = full.reshape(self.n_rows, self.n)

    def _align(self, vectors):
        """Give vectors the axis of the rows in the end, and the batch their shape."""
        self.vectors = {
            name: self._aligned(vector, name) for name, vector in vectors.items()
        }
        for name, vector in self.vectors.items():
            if vector.ndim > 1:
                self._broadcast(vector.shape[:-1], name)

    def _aligned(self, vector, name):
        vector = real_array(vector, name).astype(np.float64, copy=False)
        if vector.ndim > 1 and self.axis != -1:
            if vector.ndim < -self.axis:
                raise ValueError(
                    f"{name} must have shape ({self.n},) or the shape of x, got "
                    f"{vector.shape}."
                )
            vector = np.moveaxis(vector, self.axis, -1)
        if vector.ndim == 0 or vector.shape[-1] != self.n:
            raise ValueError(
                f"{name} must have as many entries along the axis as x, {self.n}, "
                f"got shape {vector.shape}."
            )
        return vector

    def _broadcast(self, shape, name):
        try:
            self.batch = np.broadcast_shapes(self.batch, shape)
        except ValueError:
            raise ValueError(
                f"{name} must broadcast against the batch shape {self.batch}, which is "
                f"the shape of x without its axis, got shape {shape}."
            ) from None

    def _repeat_rows(self, batch):
        # Rows that several parameters share are sorted once.
        if self.operator.sorts != "never":
            parts = self._map(
                lambda part: ascending_order(self.rows[part]),
                row_chunks(len(self.rows), self.n),
            )
            self.order = self._repeated(np.concatenate(parts), batch)
        self.rows = self._repeated(self.rows, batch)

    def _repeated(self, rows, batch):
        full = np.broadcast_to(rows.reshape(*batch, self.n), (*self.batch, self.n))
        return np.ascontiguousarray(full).reshape(self.n_rows, self.n)

    def _arguments(self, part):
        """Return rows, order and parameters of a chunk."""
        rows, order, parameters = self.rows, self.order, self.parameters
        if part is not EVERYTHING:
            rows = rows[part]
            order = None if order is None else order[part]
            parameters = {name: values[part] for name, values in parameters.items()}
        if order is None and self.operator.sorts == "always":
            order = ascending_order(rows)
        if self.shared:
            parameters = {**parameters, **self.shared}
        return rows, order, parameters

    def _map(self, function, chunks, *states):
        """Apply a function to each chunk, so that an interrupt is answered."""
        if self.n_steps < THREADING_SIZE:
            return list(map(function, chunks, *states))
        return interruptible(self.n_steps, map_chunks, function, chunks, *states)

    @property
    def core_shape(self):
        """The shape of the output for a single row."""
        return self.operator.output_shape(self.n)

    @property
    def reduces(self):
        """Whether the output is a statistic, as for the operator."""
        return self.operator.reduces

    @property
    def keepdims(self):
        """Whether a statistic keeps the axis."""
        return self.operator.keepdims

    def run(self, keep):
        """Return the value and, where they are kept, the chunks and their states."""
        operator = self.operator
        out = np.empty((self.n_rows, *operator.output_shape(self.n)), self.dtype)

        def forward(part):
            rows, order, parameters = self._arguments(part)
            return operator.forward(
                rows, order, _part(out, part), keep=keep, **parameters
            )

        # A single chunk needs nothing of what several do.
        if self.n_steps < THREADING_SIZE:
            chunks, states = [EVERYTHING], [forward(EVERYTHING)]
        else:
            chunks = row_chunks(self.n_rows, operator.work(self.n))
            states = self._map(forward, chunks)
        return self._restored(out), chunks, states

    def _restored(self, out):
        """Give rows of the output their batch shape and put the axis back."""
        out = out.reshape(self.batch + out.shape[1:])
        if self.operator.reduces:
            core = range(out.ndim - len(self.batch))
            out = np.moveaxis(out, [i - len(core) for i in core], core)
            return np.expand_dims(out, self.axis) if self.operator.keepdims else out[()]
        if self.axis != -1 and out.ndim == len(self.batch) + 1:
            out = np.moveaxis(out, -1, self.axis)
        return out

    def _as_rows(self, array, shape, name):
        """The inverse of _restored, for a cotangent or a tangent."""
        array = real_array_like(array, shape, self.dtype, name)
        if self.operator.reduces:
            if self.operator.keepdims:
                array = np.squeeze(array, self.axis)
            core = range(array.ndim - len(self.batch))
            array = np.moveaxis(array, core, [i - len(core) for i in core])
        elif self.axis != -1 and array.ndim == len(self.batch) + 1:
            array = np.moveaxis(array, self.axis, -1)
        core = array.shape[len(self.batch) :]
        return np.ascontiguousarray(array).reshape(self.n_rows, *core)

    def linearize(self, wrt):
        """Return the value, the pullback to these arguments, and the pushforward."""
        # Rows that are needed again must not change with the caller's x.
        needed = self.operator.keeps_rows or (
            wrt != ("x",) and self._pull_homogeneous in map(self._puller, wrt)
        )
        if needed and not self.operator.negates:
            self.rows = self.rows.copy()
        value, chunks, states = self.run(keep=True)
        shape = value.shape

        def pullback(cotangent):
            rows = self._as_rows(cotangent, shape, "cotangent")
            return tuple([self._gradient(name, rows, chunks, states) for name in wrt])

        def pushforward(tangent):
            tangent = real_array_like(tangent, self.shape, self.dtype, "tangent")
            tangent = np.moveaxis(tangent, self.axis, -1)
            tangent = self._repeated(tangent, self.x_shape[:-1])
            if self.operator.negates:
                tangent = -tangent
            out = np.empty((self.n_rows, *self.core_shape), self.dtype)
            self._map(
                lambda part, state: self.operator.pushforward(
                    state, _part(tangent, part), _part(out, part)
                ),
                chunks,
                states,
            )
            return self._restored(out)

        return value, pullback, pushforward

    def check_wrt(self, wrt):
        """Raise unless gradients with respect to these names exist."""
        if wrt == ("x",):
            return
        names = [*self.parameters, *self.shared]
        for name in wrt:
            if name != "x" and not (name in names and self._puller(name)):
                known = ["x"] + [name for name in names if self._puller(name)]
                raise ValueError(
                    f"wrt must name differentiable arguments, {known}, got {name!r}."
                )

    def _puller(self, name):
        if hasattr(self.operator, f"pull_{name}"):
            return getattr(self.operator, f"pull_{name}")
        if name == "regularization_strength" and self.operator.homogeneous:
            return self._pull_homogeneous
        return None

    def _gradient(self, name, cotangent, chunks, states):
        if name == "x":
            out = np.empty((self.n_rows, self.n), self.dtype)
            self._map(
                lambda part, state: self.operator.pullback(
                    state, _part(cotangent, part), _part(out, part)
                ),
                chunks,
                states,
            )
            if self.operator.negates:
                np.negative(out, out=out)
            gradient = _summed(out.reshape(*self.batch, self.n), self.x_shape)
            return gradient if self.axis == -1 else np.moveaxis(gradient, -1, self.axis)
        pull = self._puller(name)
        if pull == self._pull_homogeneous:
            parts = self._map(
                lambda part, state: pull(part, state, cotangent[part]), chunks, states
            )
        else:
            parts = self._map(
                lambda part, state: pull(state, cotangent[part]), chunks, states
            )
        gradient = np.concatenate(parts)
        gradient = gradient.reshape((*self.batch, *gradient.shape[1:]))
        argument = (self.scalars | self.vectors | self.shared)[name]
        gradient = _summed(gradient, np.shape(argument))
        if name in self.vectors and gradient.ndim > 1:
            gradient = np.moveaxis(gradient, -1, self.axis)
        return gradient[()]

    def _pull_homogeneous(self, part, state, cotangent):
        # Euler's identity for degree 0: strength * df/dstrength = -J x.
        strength = self.parameters["regularization_strength"][part]
        out = np.empty(cotangent.shape)
        # A shift of a row moves nothing: distances leave nothing of equal values.
        rows = self.rows[part].astype(np.float64)
        self.operator.pushforward(state, rows - rows[:, :1], out)
        # What overflowed to both sides must not sum to NaN.
        np.clip(out, -1e280, 1e280, out=out)
        product = (out * cotangent).sum(axis=tuple(range(1, out.ndim)))
        safe = np.where(strength > 0.0, strength, 1.0)
        with np.errstate(over="ignore"):
            return np.where(strength > 0.0, -product / safe, 0.0)

    def bounds(self, tolerance):
        """Return the two bounds of the strength, in the batch shape."""

        def bounds(part):
            rows, order, parameters = self._arguments(part)
            parameters.pop(self.operator.strength)
            return self.operator.bounds(rows, order, tolerance, **parameters)

        parts = self._map(bounds, row_chunks(self.n_rows, self.operator.work(self.n)))
        return tuple(
            np.concatenate(bound).reshape(self.batch)[()]
            for bound in zip(*parts, strict=True)
        )


def _part(array, chunk):
    """Return the rows of a chunk."""
    return array if chunk is EVERYTHING else array[chunk]


def real_array_like(array, shape, dtype, name):
    """Return an array of the given shape and dtype, not checked for finiteness."""
    if type(array) is not np.ndarray or array.dtype != dtype:
        array = plain_array(array, name)
        if array.shape == shape:
            return array.astype(dtype, copy=False)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    return array


def _summed(array, shape):
    """Sum an array over the axes along which an array of this shape was broadcast."""
    if array.shape == shape:
        return array
    if not np.isfinite(array).all():
        # Gradients that overflowed to both sides must not sum to NaN.
        largest = np.finfo(array.dtype).max / array.size
        array = np.clip(array, -largest, largest)
    extra = array.ndim - len(shape)
    if extra:
        array = array.sum(axis=tuple(range(extra)))
    stretched = tuple(
        i for i, size in enumerate(shape) if size == 1 and array.shape[i] != 1
    )
    return array.sum(axis=stretched, keepdims=True) if stretched else array


def bind(operator, x, axis, scalars, vectors=None, shared=None):
    """Bind an operator to an array and its parameters.

    Parameters
    ----------
    operator : Operator
        The map of rows.
    x : array-like
        Its rows lie along `axis`.
    axis : int
        The axis of the rows.
    scalars : dict of str to float or ndarray
        Parameters with one value for each row, which broadcast against the batch shape
        (the shape of `x` without `axis`).
    vectors : dict of str to array-like, default=None
        Parameters with one value for each entry of a row.
    shared : dict of str to ndarray, default=None
        Parameters that all rows share, of any shape.

    Returns
    -------
    call : Call
        To be run or linearised.
    """
    return Call(operator, x, axis, scalars, vectors or {}, shared or {})


P = ParamSpec("P")


class SoftOperator(Protocol[P]):
    """A public operator: arrays in, arrays out, and what its derivatives need."""

    bind: Callable[..., Any]
    per_row: tuple[str, ...]
    per_entry: tuple[str, ...]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> NDArray[Any]:
        """Return the values."""


def differentiable(
    per_row: tuple[str, ...] = ("regularization_strength",),
    per_entry: tuple[str, ...] = (),
) -> Callable[[Callable[P, Any]], SoftOperator[P]]:
    """Make a public operator of a function that binds one.

    Parameters
    ----------
    per_row : tuple of str
        The arguments with one value for each row, which are not negative.
    per_entry : tuple of str
        The arguments with one value for each entry of a row.
    """

    def decorate(function):
        @functools.wraps(function)
        def operator(x, *args, **params):
            # Whatever is no array of NumPy takes longer to know.
            if type(x) is not np.ndarray and is_lazy(x):
                return apply_lazily(operator, x, args, params)
            return function(x, *args, **params).run(keep=False)[0]

        operator.bind = function
        operator.per_row, operator.per_entry = per_row, per_entry
        return operator

    return decorate


def bound_call(operator, x, args, params):
    """Return the call behind a public operator, for its derivatives."""
    if not hasattr(operator, "bind"):
        if getattr(operator, "__module__", "").startswith("sksoft.losses"):
            name = operator.__name__
            raise TypeError(
                f"operator must be a soft operator, got the loss {name}, which returns "
                f"its gradient already: value, gradient = {name}(...)."
            )
        raise TypeError(
            f"operator must be a soft operator, as sksoft.soft_rank, got {operator!r}."
        )
    if type(x) is not np.ndarray and is_lazy(x):
        raise TypeError(
            "x must be an array in memory: derivatives of Dask arrays are not offered."
        )
    return operator.bind(x, *args, **params)
