# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators on Dask arrays: lazily, block by block, without importing dask before."""

import inspect
import math
import warnings

import numpy as np

from sksoft._validation import nonnegative, normalized_axis

# Chunks that must be joined to more bytes than this are worth a warning.
LARGEST_CHUNK = 300_000_000


def is_lazy(x):
    """Return whether x is a Dask array."""
    return type(x).__module__.partition(".")[0] == "dask" and hasattr(x, "chunks")


def apply_lazily(operator, x, args, params):
    """Apply an operator to a Dask array whose rows may lie in several chunks."""
    import dask.array as da

    arguments = inspect.signature(operator).bind(x, *args, **params).arguments
    x = arguments.pop("x")
    if x.ndim == 0:
        raise ValueError(f"x must have at least one dimension, got {x}.")
    axis = normalized_axis(arguments.pop("axis", -1), x.ndim) - x.ndim
    arrays = {
        name: arguments.pop(name)
        for name in (*operator.per_row, *operator.per_entry)
        if np.ndim(arguments.get(name)) > 0
    }
    call = _call_on_zeros(operator, x, axis, arrays, arguments)
    arguments.pop("keepdims", None)
    rows = da.moveaxis(x, axis, -1).rechunk({-1: -1})
    if x.numblocks[axis] > 1:
        _warn_of_large_chunk(operator.__name__, x, axis, rows)
    inputs, signature = [rows], ["(n)"]
    for name, values in arrays.items():
        values = da.asarray(values)
        entries = name in operator.per_entry
        if entries and values.ndim > 1:
            values = da.moveaxis(values, axis, -1)
        chunks = rows.chunks if entries else rows.chunks[:-1]
        inputs.append(_chunked_like(chunks, values))
        signature.append("(n)" if entries else "()")
    core = call.core_shape
    letters = [f"out{i}" for i in range(len(core))]
    front, end = tuple(range(len(core))), tuple(range(-len(core), 0))

    def apply(rows, *values):
        given = dict(zip(arrays, values, strict=True))
        result = np.asarray(operator(rows, **given, **arguments))
        return np.moveaxis(result, front, end) if call.reduces else result

    result = da.apply_gufunc(
        apply,
        ",".join(signature) + "->(" + ",".join(letters) + ")",
        *inputs,
        output_dtypes=call.dtype,
        output_sizes=dict(zip(letters, core, strict=True)),
    )
    if call.reduces:
        result = da.moveaxis(result, end, front)
        return da.expand_dims(result, axis) if call.keepdims else result
    return da.moveaxis(result, -1, axis) if len(core) == 1 else result


def _warn_of_large_chunk(name, x, axis, rows):
    """Warn if the chunks along the axis, once joined, take much memory."""
    # Batch axes of unknown sizes count as one row each.
    sizes = [max(sizes) for sizes in rows.chunks]
    size = math.prod(n for n in sizes if not math.isnan(n)) * x.dtype.itemsize
    if size <= LARGEST_CHUNK:
        return
    row = x.shape[axis] * x.dtype.itemsize
    if row > LARGEST_CHUNK:
        advice = f"A single row takes {row / 1e6:.0f} MB: apply it to a sample of x."
    else:
        cuts = {i: "auto" for i in range(x.ndim)} | {x.ndim + axis: -1}
        advice = f"Cut other axes instead, as x.rechunk({cuts}) does."
    warnings.warn(
        f"{name} works on whole rows along axis {x.ndim + axis} of x, which is cut "
        f"into {x.numblocks[axis]} chunks there: to join them takes a chunk of "
        f"{size / 1e6:.0f} MB in the memory of one worker. {advice}",
        UserWarning,
        stacklevel=4,
    )


def _call_on_zeros(operator, x, axis, arrays, arguments):
    """Bind an operator to a row of zeros: wrong arguments are reported at once."""
    n = x.shape[axis]
    if math.isnan(n):
        raise ValueError(
            "x must have a known number of entries along the axis; let Dask find it by "
            "x.compute_chunk_sizes()."
        )
    samples = {}
    for name, values in arrays.items():
        if name in operator.per_row:
            known = 0.0 if is_lazy(values) else nonnegative(values, name)
            samples[name] = float(np.max(known, initial=0.0))
        elif is_lazy(values) or np.ndim(values) > 1:
            shape = np.shape(values)
            samples[name] = np.ones(shape[max(axis, -len(shape))])
        else:
            samples[name] = values
    shape = [1] * x.ndim
    shape[axis] = n
    zeros = np.zeros(shape, x.dtype)
    call = operator.bind(zeros, axis=axis, **samples, **arguments)
    if call.joins_rows:
        raise TypeError(call.joins_rows)
    return call


def _chunked_like(chunks, array):
    """Cut an array as its trailing axes are cut in another, where they match."""
    cuts = {}
    for axis in range(-1, -min(len(chunks), array.ndim) - 1, -1):
        matches = sum(chunks[axis]) == array.shape[axis]
        cuts[axis] = chunks[axis] if matches else -1
    return array.rechunk(cuts)
