# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators on Dask arrays: lazily, block by block, without importing dask before."""

import inspect

import numpy as np

from sksoft._validation import normalized_axis

# Arguments that hold a value for each row, or for each entry of a row.
ROW_ARGUMENTS = {"regularization_strength": "()", "k": "()"}
ENTRY_ARGUMENTS = {"weights": "(n)", "targets": "(n)"}


def is_lazy(x):
    """Return whether x is a Dask array."""
    return type(x).__module__.partition(".")[0] == "dask" and hasattr(x, "chunks")


def apply_lazily(operator, signature, x, args, params):
    """Apply an operator to a Dask array whose rows may lie in several chunks."""
    import dask.array as da

    arguments = inspect.signature(operator).bind(x, *args, **params).arguments
    x = arguments.pop("x")
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
        mapped[name] = entries.rechunk({-1: -1})
    kinds = ROW_ARGUMENTS | ENTRY_ARGUMENTS
    inputs, _, output = signature.partition("->")
    sizes = {
        name: int(np.size(arguments[name]) if name == "q" else arguments[name])
        for name in output.strip("()").split(",")
        if name and name != "n"
    }

    def apply(rows, *values):
        return operator(rows, **dict(zip(mapped, values, strict=True)), **arguments)

    result = da.apply_gufunc(
        apply,
        ",".join([inputs, *(kinds[name] for name in mapped)]) + "->" + output,
        moved,
        *mapped.values(),
        output_dtypes=x.dtype if x.dtype in (np.float32, np.float64) else np.float64,
        output_sizes=sizes,
    )
    one_axis = output != "()" and "," not in output
    return da.moveaxis(result, -1, axis) if one_axis else result
