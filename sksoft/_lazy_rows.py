# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators and arrays that are not plain: Dask collections and masked arrays.

Rows of a collection are predicted lazily, and fits are refused that would load all of
them; masked arrays are refused everywhere. Dask is imported only where a collection of
it is passed.
"""

import functools
import inspect

import numpy as np

from sksoft._validation import check_unmasked

# Methods that treat each row by itself: chunks of rows can be treated one by one.
ROWWISE = (
    "decision_function",
    "inverse_transform",
    "predict",
    "predict_log_proba",
    "predict_order",
    "predict_proba",
    "predict_topk",
    "score_samples",
    "transform",
)
FITS = ("fit", "partial_fit")


def is_collection(values):
    """Return whether something is an array or a data frame of Dask."""
    return type(values).__module__.partition(".")[0] in (
        "dask",
        "dask_expr",
    ) and hasattr(values, "__dask_graph__")


def in_memory(values):
    """Return what a Dask collection holds, anything else as it is."""
    return values.compute() if is_collection(values) else values


class LazyRowsMixin:
    """Make the methods of an estimator know Dask collections when they see them.

    Predictions and transformations of a collection are lazy: an array for an array; for
    a data frame an array, or a data frame where ``set_output`` asks for one. A fit
    raises a TypeError that says what to do, for it would load all rows silently, unless
    ``_chunked_fits`` names it: it then works through chunks of the rows by itself.
    Masked arrays are refused by all of these and by ``score``: scikit-learn would drop
    their masks.
    """

    _chunked_fits = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ROWWISE:
            if callable(vars(cls).get(name)):
                setattr(cls, name, _lazily(vars(cls)[name]))
        for name in set(FITS).difference(cls._chunked_fits):
            if callable(vars(cls).get(name)):
                setattr(cls, name, _refusing_collections(vars(cls)[name]))
        for name in (*ROWWISE, *FITS, "score"):
            owner = next((owner for owner in cls.__mro__ if name in vars(owner)), None)
            # What is inherited of an estimator that has the mixin is checked already.
            if owner is cls or not (owner is None or issubclass(owner, LazyRowsMixin)):
                setattr(cls, name, _unmasked(getattr(cls, name)))


def _unmasked(method):
    names = list(inspect.signature(method).parameters)[1:]

    @functools.wraps(method)
    def unmasked_method(self, *args, **kwargs):
        check_unmasked(**dict(zip(names, args, strict=False)))
        check_unmasked(**kwargs)
        return method(self, *args, **kwargs)

    return unmasked_method


def _refusing_collections(fit):
    @functools.wraps(fit)
    def checked_fit(self, X, *args, **kwargs):
        for values in (X, *args, *kwargs.values()):
            if is_collection(values):
                raise TypeError(
                    f"{type(self).__name__}.{fit.__name__} takes data in memory, got a "
                    f"Dask {type(values).__name__}. Pass X.compute() if it fits in "
                    "memory, or fit a sample of the rows: the fitted estimator then "
                    "predicts and transforms Dask collections lazily. Searches over "
                    "parameters run on a cluster by joblib's Dask backend."
                )
        return fit(self, X, *args, **kwargs)

    return checked_fit


def _lazily(method):
    @functools.wraps(method)
    def lazy_method(self, X, *args, **kwargs):
        if not is_collection(X):
            return method(self, X, *args, **kwargs)
        if any(np.ndim(value) for value in (*args, *kwargs.values())):
            raise TypeError(
                f"{type(self).__name__}.{method.__name__} takes nothing for each row "
                "but X with a Dask collection, whose chunks are treated one by one. "
                "Map it over blocks that you have cut yourself."
            )

        def apply(rows):
            return method(self, rows, *args, **kwargs)

        if hasattr(X, "chunks"):
            return _map_array(apply, X)
        return _map_frame(apply, X)

    return lazy_method


def _map_array(apply, X):
    """Apply a function of rows to a Dask array, chunk by chunk."""
    import dask.array as da

    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got shape {X.shape}.")
    X = X.rechunk({1: -1})
    # One row tells shape and type of the result, and whether the arguments are right.
    sample = np.asarray(apply(np.zeros((1, X.shape[1]), X.dtype)))
    tail = sample.shape[1:]
    return da.map_blocks(
        functools.partial(_apply_to_chunk, apply, sample[:0]),
        X,
        dtype=sample.dtype,
        chunks=(X.chunks[0], *((n,) for n in tail)),
        drop_axis=None if tail else 1,
        meta=sample[:0],
    )


def _apply_to_chunk(apply, nothing, rows):
    return np.asarray(apply(rows)) if len(rows) else nothing


def _map_frame(apply, X):
    """Apply a function of rows to a Dask data frame, partition by partition."""
    import dask
    import dask.array as da

    sample = apply(X._meta_nonempty)
    if hasattr(sample, "columns"):
        return X.map_partitions(apply, meta=sample.iloc[:0])
    sample = np.asarray(sample)
    chunk = dask.delayed(functools.partial(_apply_to_chunk, apply, sample[:0]))
    shape = (np.nan, *sample.shape[1:])
    return da.concatenate(
        [
            da.from_delayed(chunk(part), shape=shape, dtype=sample.dtype)
            for part in X.to_delayed()
        ]
    )
