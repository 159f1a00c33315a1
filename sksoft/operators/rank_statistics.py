# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions of soft ranks: quantile normalisation and rank correlation."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from sksoft._sorting import ascending_order
from sksoft._threads import interruptible, map_chunks, row_chunks
from sksoft._validation import nonnegative, real_array
from sksoft.operators._call import bind, differentiable, real_array_like
from sksoft.operators._methods import check_method
from sksoft.operators.ordering import RANK_METHODS, RANKS

__all__ = ["soft_quantile_normalize", "soft_spearmanr"]


@differentiable()
def soft_quantile_normalize(
    x: ArrayLike,
    target: Any = None,
    *,
    axis: int = -1,
    method: str = "permutahedron",
    regularization: str | None = None,
    regularization_strength: ArrayLike = 1.0,
) -> NDArray[Any]:
    """Give samples a common distribution: replace values by quantiles of a target.

    A value of soft rank r among n becomes the quantile of the target at
    ``(r - 1/2) / n``. The order is kept, up to pooled values; tied values share their
    average rank.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values. float32 and float64 are kept, other real types become float64.
    target : array-like of shape (m,), distribution of scipy.stats or None, default=None
        A sample, interpolated linearly between its values, which stand at the
        probabilities 1/2m, 3/2m, ...; with m = n the hard result permutes it. Or a
        continuous distribution with its parameters fixed, such as
        ``scipy.stats.norm()``. None is the mean of the sorted samples, as is usual for
        expression arrays in genomics [1]_: then the samples are not independent of each
        other.
    axis : int, default=-1
        The axis of the samples.
    method : str, default="permutahedron"
        As for :func:`soft_rank`.
    regularization : str or None, default=None
        As for :func:`soft_rank`.
    regularization_strength : float or array-like, default=1.0
        As for :func:`soft_rank`. 0 normalises exactly, a large one maps every value
        near the median of the target.

    Returns
    -------
    values : ndarray of the shape of `x`
        The normalised values.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, or `target` is a distribution without a
        density.
    ValueError
        If `target` is empty or has several dimensions; else as :func:`soft_rank`.

    See Also
    --------
    soft_rank : The ranks.
    vjp : The exact gradient, in `x`, the strength and a target that is a sample.

    References
    ----------
    .. [1] Bolstad, Irizarry, Astrand and Speed, "A Comparison of Normalization Methods
       for High Density Oligonucleotide Array Data Based on Variance and Bias",
       Bioinformatics 19, 2003.
    .. [2] Cuturi, Teboul and Vert, "Differentiable Ranks and Sorting using Optimal
       Transport", NeurIPS 2019.

    Examples
    --------
    >>> from sksoft import soft_quantile_normalize
    >>> x = [[5.0, 2.0, 3.0], [4.0, 1.0, 6.0]]
    >>> soft_quantile_normalize(x, regularization_strength=0.0)
    array([[5.5, 1.5, 3.5],
           [3.5, 1.5, 5.5]])
    >>> soft_quantile_normalize(x, [0.0, 10.0, 20.0], regularization_strength=2.0)
    array([[18.33333333,  3.33333333,  8.33333333],
           [10.        ,  0.        , 20.        ]])
    """
    x = real_array(x, "x")
    call = _bind_ranks(x, axis, method, regularization, regularization_strength)
    if target is None:
        outer = _MeanTarget(call, x)
    elif hasattr(target, "ppf") or hasattr(target, "icdf"):
        outer = _DistributionTarget(call, target)
    else:
        outer = _SampleTarget(call, _checked_target(target))
    return _MappedCall(call, outer, x.dtype)


def _bind_ranks(x, axis, method, regularization, strength):
    """Return the call for soft ranks in double precision."""
    regularization = check_method(method, regularization, RANK_METHODS)
    strength = nonnegative(strength, "regularization_strength")
    operator = RANKS[method](regularization, False)
    scalars = {"regularization_strength": strength}
    return bind(operator, x.astype(np.float64, copy=False), axis, scalars)


def _checked_target(target):
    target = real_array(target, "target").astype(np.float64, copy=False)
    if target.ndim != 1 or not len(target):
        raise ValueError(
            "target must be a non-empty one-dimensional sample, a distribution or "
            f"None, got shape {target.shape}."
        )
    return target


class _Map:
    """A differentiable map of the value of a call, in double precision."""

    # Arguments of its own that can be differentiated.
    names = ()
    # Its output is a number for each row.
    reduces = False
    # Why some of the rows cannot do without the others; None where they can.
    joins_rows = None

    def linearize(self, value):
        """Return the output, its pullback and its pushforward.

        The pullback maps a cotangent to that of the value and to a dict of direct
        gradients by name; the pushforward maps tangents of the value and of x.
        """
        raise NotImplementedError

    def output(self, value):
        """Return the output alone."""
        return self.linearize(value)[0]


class _MappedCall:
    """An outer map after an inner call, under the interface of a call."""

    def __init__(self, call, outer, dtype):
        self.call = call
        self.outer = outer
        self.dtype = dtype
        self.reduces, self.keepdims = outer.reduces, False
        self.core_shape = () if outer.reduces else call.core_shape
        self.joins_rows = outer.joins_rows

    def _cast(self, array):
        with np.errstate(over="ignore"):
            return np.asarray(array).astype(self.dtype, copy=False)[()]

    def run(self, keep):
        """Return the value first, as the run of a call does."""
        value = self.call.run(keep=False)[0]
        out = interruptible(self.call.n_steps, self.outer.output, value)
        return (self._cast(out),)

    def linearize(self, wrt):
        """Return the value, the pullback to these arguments, and the pushforward."""
        through = [name for name in wrt if name not in self.outer.names]
        value, gradients, pushforward = self.call.linearize(through)
        out, outer_pullback, outer_pushforward = interruptible(
            self.call.n_steps, self.outer.linearize, value
        )
        out = self._cast(out)

        def pullback(cotangent):
            cotangent = real_array_like(cotangent, out.shape, np.float64, "cotangent")
            inner, direct = outer_pullback(cotangent)
            parts = dict(zip(through, gradients(inner), strict=True))
            for name in set(wrt) & direct.keys():
                parts[name] = parts.get(name, 0.0) + direct[name]
            return tuple(
                self._cast(parts[name]) if name == "x" else parts[name] for name in wrt
            )

        def push(tangent):
            tangent = real_array_like(tangent, self.call.shape, np.float64, "tangent")
            # What overflowed to both sides must not sum to NaN.
            change = np.clip(pushforward(tangent), -1e280, 1e280)
            return self._cast(outer_pushforward(change, tangent))

        return out, pullback, push

    def check_wrt(self, wrt):
        """Raise unless gradients with respect to these names exist."""
        self.call.check_wrt([name for name in wrt if name not in self.outer.names])

    def bounds(self, tolerance):
        """Return the bounds of the strength of the inner call."""
        return self.call.bounds(tolerance)


class _DistributionTarget(_Map):
    """Quantiles of a distribution at (rank - 1/2) / n."""

    def __init__(self, call, distribution):
        self.n = call.n
        self.quantile = getattr(
            distribution, "ppf", getattr(distribution, "icdf", None)
        )
        if not hasattr(distribution, "pdf"):
            raise TypeError(
                f"target must be a continuous distribution, got {distribution!r}."
            )
        self.density = distribution.pdf

    def linearize(self, value):
        out = np.asarray(self.quantile((value - 0.5) / self.n), np.float64)
        slope = np.zeros(out.shape)
        density = np.asarray(self.density(out))
        np.divide(1.0 / max(self.n, 1), density, out=slope, where=density > 0.0)
        return (
            out,
            lambda cotangent: (cotangent * slope, {}),
            lambda tangent, _: slope * tangent,
        )


class _SampleTarget(_Map):
    """Linear interpolation in a sorted sample."""

    names = ("target",)

    def __init__(self, call, target):
        self.call = call
        self.order = interruptible(target.size, ascending_order, target[None])[0]
        self.sample = target[self.order]

    def _places(self, value):
        """Return the sorted entry below each place, and the rest of the way."""
        m = len(self.sample)
        place = value - 0.5
        place *= self._scale
        place -= 0.5
        np.clip(place, 0.0, m - 1.0, out=place)
        below = place.astype(np.intp)
        np.minimum(below, max(m - 2, 0), out=below)
        place -= below
        return below, place

    @property
    def _scale(self):
        """How many places of the sample there are to a rank."""
        return len(self.sample) / max(self.call.n, 1)

    def output(self, value):
        out = np.empty(value.shape)
        ranks, images = value.reshape(-1), out.reshape(-1)

        def write(chunk):
            images[chunk] = self._interpolated(self.sample, *self._places(ranks[chunk]))

        map_chunks(write, row_chunks(len(ranks), 1))
        return out

    def _interpolated(self, sample, below, part):
        above = np.minimum(below + 1, len(sample) - 1)
        return (1.0 - part) * sample[below] + part * sample[above]

    def linearize(self, value):
        below, part = self._places(value)
        last = len(self.sample) - 1
        above = np.minimum(below + 1, last)
        place = below + part
        scale = np.where((place > 0.0) & (place < last), self._scale, 0.0)
        slope = scale * (self.sample[above] - self.sample[below])

        def pullback(cotangent):
            gradient = np.zeros(len(self.sample))
            np.add.at(gradient, below, (1.0 - part) * cotangent)
            np.add.at(gradient, above, part * cotangent)
            return cotangent * slope, self._direct(gradient)

        def pushforward(tangent, x_tangent):
            tangent_out = slope * tangent
            sample_tangent = self._sample_tangent(x_tangent)
            if sample_tangent is not None:
                tangent_out += self._interpolated(sample_tangent, below, part)
            return tangent_out

        return self._interpolated(self.sample, below, part), pullback, pushforward

    def _direct(self, gradient):
        out = np.empty_like(gradient)
        out[self.order] = gradient
        return {"target": out}

    def _sample_tangent(self, x_tangent):
        return None


class _MeanTarget(_SampleTarget):
    """The mean of the sorted samples: the gradient returns to each of them."""

    names = ()
    joins_rows = (
        "target must be given where x is a Dask array: the mean of the samples would "
        "need them all at once."
    )

    def __init__(self, call, x):
        self.call = call
        rows = np.moveaxis(x, call.axis, -1).reshape(-1, max(call.n, 1))
        rows = np.ascontiguousarray(rows)
        self.orders = interruptible(rows.size, ascending_order, rows)
        self.sample = self._mean(rows)

    def _mean(self, rows):
        rows = np.take_along_axis(rows, self.orders, axis=1).astype(np.float64)
        return rows.sum(axis=0) / max(len(rows), 1)

    def _direct(self, gradient):
        n_rows = len(self.orders)
        each = np.tile(gradient / max(n_rows, 1), (n_rows, 1))
        out = np.empty_like(each)
        np.put_along_axis(out, self.orders, each, axis=1)
        out = out.reshape(self.call.x_shape)
        return {"x": np.moveaxis(out, -1, self.call.axis)}

    def _sample_tangent(self, x_tangent):
        rows = np.moveaxis(x_tangent, self.call.axis, -1)
        return self._mean(rows.reshape(self.orders.shape))


@differentiable(per_entry=("y",))
def soft_spearmanr(
    x: ArrayLike,
    y: Any,
    *,
    axis: int = -1,
    method: str = "permutahedron",
    regularization: str | None = None,
    regularization_strength: ArrayLike = 1.0,
) -> float | NDArray[Any]:
    """Correlate soft ranks with ranks: a differentiable :func:`scipy.stats.spearmanr`.

    The result is the Pearson correlation of the soft ranks of `x` with the exact ranks
    of `y`: a score of predictions `x` against given values `y`.

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        The values to rank softly. float32 and float64 are kept, other real types become
        float64.
    y : array-like of shape (n,) or of the shape of `x`
        The values to rank exactly, with average ranks for ties. They have no gradient.
    axis : int, default=-1
        The axis of the samples.
    method : str, default="permutahedron"
        As for :func:`soft_rank`.
    regularization : str or None, default=None
        As for :func:`soft_rank`.
    regularization_strength : float or array-like, default=1.0
        As for :func:`soft_rank`. 0 gives Spearman's correlation, with a zero gradient.
        As the strength grows, L2 ranks become an affine function of `x` and the result
        the correlation of `x` itself with the ranks of `y`; choose it below
        ``strength_bounds(soft_rank, x)[1]``.

    Returns
    -------
    correlation : float or ndarray of the batch shape
        Between -1 and 1; 0 where the ranks of `x` or of `y` are all equal.

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If `y` does not match the shape of `x`; else as :func:`soft_rank`.

    See Also
    --------
    soft_rank : The ranks.
    vjp : The exact gradient, in `x` and the strength.

    References
    ----------
    .. [1] Blondel, Teboul, Berthet and Djolonga, "Fast Differentiable Sorting and
       Ranking", ICML 2020.

    Examples
    --------
    >>> from sksoft import soft_spearmanr
    >>> x, y = [0.1, 0.2, 0.9, 0.4], [1, 2, 3, 4]
    >>> float(soft_spearmanr(x, y, regularization_strength=0.0))
    0.8
    >>> round(float(soft_spearmanr(x, y, regularization_strength=0.2)), 3)
    0.73
    """
    x = real_array(x, "x")
    call = _bind_ranks(x, axis, method, regularization, regularization_strength)
    return _MappedCall(call, _Correlation(call, y), x.dtype)


class _Correlation(_Map):
    """The correlation of ranks along the axis with fixed ranks."""

    reduces = True

    def __init__(self, call, y):
        self.axis = call.axis
        y = real_array(y, "y").astype(np.float64, copy=False)
        if y.ndim == len(call.x_shape):
            y = np.moveaxis(y, call.axis, -1)
        if y.shape not in ((call.n,), call.x_shape):
            raise ValueError(
                f"y must have shape ({call.n},) or the shape of x, got {y.shape}."
            )
        ranks = interruptible(y.size, partial(rankdata, y, axis=-1))
        self.direction = _unit(ranks)[0]

    def linearize(self, value):
        ranks = np.ascontiguousarray(np.moveaxis(value, self.axis, -1))
        unit, norm = _unit(ranks)
        out = np.clip((unit * self.direction).sum(axis=-1), -1.0, 1.0)
        gradient = (self.direction - out[..., None] * unit) * (norm > 0.0)
        gradient /= np.where(norm > 0.0, norm, 1.0)

        def pullback(cotangent):
            inner = cotangent[..., None] * gradient
            return np.moveaxis(inner, -1, self.axis), {}

        def pushforward(tangent, _):
            return (np.moveaxis(tangent, self.axis, -1) * gradient).sum(axis=-1)

        return out, pullback, pushforward


def _unit(ranks):
    """Return centred rows scaled to length 1, or 0, and their lengths."""
    n = max(ranks.shape[-1], 1)
    centred = ranks - ranks.sum(axis=-1, keepdims=True) / n
    # What rounding leaves of equal ranks is no direction.
    centred[np.abs(centred) < 4e-16 * n] = 0.0
    norm = np.sqrt((centred * centred).sum(axis=-1, keepdims=True))
    return centred / np.where(norm > 0.0, norm, 1.0), norm
