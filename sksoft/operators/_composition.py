# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions of soft ranks: a call followed by a map of its value."""

import numpy as np

from sksoft._threads import interruptible
from sksoft.operators._call import real_array_like


class Outer:
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


class Composition:
    """An outer map after an inner call, under the interface of a call."""

    def __init__(self, call, outer, dtype):
        self.call = call
        self.outer = outer
        self.dtype = dtype
        self.reduces, self.keepdims = outer.reduces, False
        self.core_shape = () if outer.reduces else call.core_shape
        self.joins_rows = outer.joins_rows

    def _cast(self, array):
        return np.asarray(array).astype(self.dtype, copy=False)[()]

    def run(self, keep):
        """Return the value first, as the run of a call does."""
        value = self.call.run(keep=False)[0]
        return (self._cast(self._linearized(value)[0]),)

    def _linearized(self, value):
        return interruptible(self.call.n_steps, self.outer.linearize, value)

    def linearize(self, wrt):
        """Return the value, the pullback to these arguments, and the pushforward."""
        through = [name for name in wrt if name not in self.outer.names]
        value, gradients, pushforward = self.call.linearize(through)
        out, outer_pullback, outer_pushforward = self._linearized(value)
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
            return self._cast(outer_pushforward(pushforward(tangent), tangent))

        return out, pullback, push

    def check_wrt(self, wrt):
        """Raise unless gradients with respect to these names exist."""
        self.call.check_wrt([name for name in wrt if name not in self.outer.names])

    def bounds(self, tolerance):
        """Return the bounds of the strength of the inner call."""
        return self.call.bounds(tolerance)
