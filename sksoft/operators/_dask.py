# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators on Dask arrays: lazily, block by block, without importing dask before."""

import inspect

import numpy as np

from sksoft._validation import normalized_axis

# Arguments that hold a value for each row, or for each entry of a row.
ROW_ARGUMENTS = {"regularization_strength": "()", "k": "()", "sigma": "()"}
ENTRY_ARGUMENTS = {"weights": "(n)", "targets": "(n)", "y": "(n)"}
# What gives an axis of the output its length.
SIZES = {"k": "k", "q": "q", "m": "points"}


def is_lazy(x):
    """Return whether x is a Dask array."""
    return type(x).__module__.partition(".")[0] == "dask" and hasattr(x, "chunks")


def _chunked_like(chunks, array):
    """Cut an array as its trailing axes are cut in another, where they match."""
    cuts = {}
    for axis in range(-1, -min(len(chunks), array.ndim) - 1, -1):
        matches = sum(chunks[axis]) == array.shape[axis]
        cuts[axis] = chunks[axis] if matches else -1
    return array.rechunk(cuts)


def apply_lazily(operator, signature, x, args, params):
    """Apply an operator to a Dask array whose rows may lie in several chunks."""
    import dask.array as da

    arguments = inspect.signature(operator).bind(x, *args, **params).arguments
    x = arguments.pop("x")
    keepdims = arguments.pop("keepdims", False)
    if operator.__name__ == "soft_quantile_normalize" and "target" not in arguments:
        raise TypeError(
            "target must be given where x is a Dask array: the mean of the samples "
            "would need them all at once."
        )
    axis = normalized_axis(arguments.pop("axis", -1), x.ndim) - x.ndim
    moved = da.moveaxis(x, axis, -1).rechunk({-1: -1})
    mapped = {
        name: arguments.pop(name)
        for name in {**ROW_ARGUMENTS, **ENTRY_ARGUMENTS}
        if np.ndim(arguments.get(name)) > 0
    }
    for name in ENTRY_ARGUMENTS.keys() & mapped.keys():
        entries = da.asarray(mapped[name])
        if entries.ndim > 1:
            entries = da.moveaxis(entries, axis, -1)
        mapped[name] = _chunked_like(moved.chunks, entries)
    for name in ROW_ARGUMENTS.keys() & mapped.keys():
        mapped[name] = _chunked_like(moved.chunks[:-1], da.asarray(mapped[name]))
    kinds = ROW_ARGUMENTS | ENTRY_ARGUMENTS
    inputs, _, output = signature.partition("->")
    letters = [
        letter
        for letter in output.strip("()").split(",")
        if letter not in ("q", "m") or np.ndim(arguments[SIZES[letter]])
    ]
    output = "(" + ",".join(letters) + ")"
    sizes = {
        letter: int(arguments["k"])
        if letter == "k"
        else np.size(arguments[SIZES[letter]])
        for letter in letters
        if letter in SIZES
    }
    first = letters == ["q"]

    def apply(rows, *values):
        result = operator(rows, **dict(zip(mapped, values, strict=True)), **arguments)
        return np.moveaxis(result, 0, -1) if first else result

    result = da.apply_gufunc(
        apply,
        ",".join([inputs, *(kinds[name] for name in mapped)]) + "->" + output,
        moved,
        *mapped.values(),
        output_dtypes=x.dtype if x.dtype in (np.float32, np.float64) else np.float64,
        output_sizes=sizes,
    )
    if first:
        result = da.moveaxis(result, -1, 0)
    elif output not in ("()", "(n,n)", "(n,k)"):
        result = da.moveaxis(result, -1, axis)
    return da.expand_dims(result, axis) if keepdims else result
