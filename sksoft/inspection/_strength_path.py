# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The result of an operator as its strength grows."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sksoft._validation import positive_integer, real_array
from sksoft.operators import strength_bounds


class StrengthPathDisplay:
    """The outputs of a soft operator for one row, against the strength.

    It is recommended to use :meth:`from_operator`.

    Parameters
    ----------
    strengths : ndarray of shape (n_strengths,)
        The strengths, ascending and positive.

    outputs : ndarray of shape (n_strengths, n_outputs)
        The result at each strength.

    hard : ndarray of shape (n_outputs,)
        The result of the hard operator, at a strength of zero.

    bounds : tuple of float
        The strength up to which the result is hard, and that from which it is pooled.

    ylabel : str, default=""
        What the outputs are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture.

    figure_ : matplotlib Figure
        Figure of the axes.

    lines_ : list of matplotlib Line2D
        One line for each output.

    See Also
    --------
    sksoft.strength_bounds : The two bounds.

    References
    ----------
    .. [1] M. Blondel, O. Teboul, Q. Berthet and J. Djolonga (2020). Fast differentiable
       sorting and ranking. International Conference on Machine Learning.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sksoft import soft_rank
    >>> from sksoft.inspection import StrengthPathDisplay
    >>> display = StrengthPathDisplay.from_operator(soft_rank, [2.9, 0.1, 1.2, 1.4])
    >>> len(display.lines_)
    4
    """

    def __init__(
        self,
        *,
        strengths: ArrayLike,
        outputs: ArrayLike,
        hard: ArrayLike,
        bounds: tuple[float, ...],
        ylabel: str = "",
    ) -> None:
        self.strengths = strengths
        self.outputs = outputs
        self.hard = hard
        self.bounds = bounds
        self.ylabel = ylabel

    @classmethod
    def from_operator(
        cls,
        operator: Callable[..., Any],
        x: ArrayLike,
        *args: Any,
        n_strengths: int = 200,
        ax: Any = None,
        line_kw: dict[Any, Any] | None = None,
        **params: Any,
    ) -> Self:
        """Draw the path of an operator from hard to pooled.

        Parameters
        ----------
        operator : callable
            A soft operator, for instance :func:`sksoft.soft_rank`, whose result for a
            row is a number or a row.

        x : array-like of shape (n,)
            One row.

        *args
            Further arguments of the operator, such as ``k``.

        n_strengths : int, default=200
            How many strengths to draw, at least 2, evenly spaced on a logarithmic axis
            from a tenth of the first bound to ten times the second.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        line_kw : dict, default=None
            Passed to ``ax.plot`` for each line.

        **params
            Further keywords of the operator but ``regularization_strength``.

        Returns
        -------
        display : StrengthPathDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `x` is not one row, or the operator returns more than a row.
        """
        x = real_array(x, "x")
        if x.ndim != 1:
            raise ValueError(f"x must be one row, got shape {x.shape}.")
        positive_integer(n_strengths, "n_strengths", least=2)
        low, high = (float(b) for b in strength_bounds(operator, x, *args, **params))
        if not 0.0 < low < np.inf:
            low = high if 0.0 < high < np.inf else 1.0
        if not low <= high < np.inf:
            high = low
        strengths = np.geomspace(0.1 * low, 10.0 * high, n_strengths)

        def output(strength):
            result = operator(x, *args, **params, regularization_strength=strength)
            return np.atleast_1d(result)

        hard = output(0.0)
        if hard.ndim > 1:
            raise ValueError(
                f"operator must return a number or a row, got shape {hard.shape}."
            )
        return cls(
            strengths=strengths,
            outputs=np.stack([output(strength) for strength in strengths]),
            hard=hard,
            bounds=(low, high),
            ylabel=operator.__name__,
        ).plot(ax=ax, line_kw=line_kw)

    def plot(self, *, ax: Any = None, line_kw: dict[Any, Any] | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        line_kw : dict, default=None
            Passed to ``ax.plot`` for each line.

        Returns
        -------
        display : StrengthPathDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        colors = plt.cm.viridis(np.linspace(0.0, 0.9, len(self.hard)))
        order = np.argsort(np.argsort(self.hard, kind="stable"), kind="stable")
        # Room for the names of the bounds above the lines.
        ax.margins(y=0.1)
        self.lines_ = []
        for column, place in enumerate(order):
            style = {"color": colors[place]} | (line_kw or {})
            self.lines_ += ax.plot(self.strengths, self.outputs[:, column], **style)
            start = {"marker": "o", "linestyle": "", "clip_on": False}
            color = self.lines_[-1].get_color()
            ax.plot(self.strengths[0], self.hard[column], color=color, **start)
        for bound, name in zip(self.bounds, ("hard", "pooled"), strict=True):
            ax.axvline(bound, color="0.5", linewidth=0.8, linestyle="--", zorder=0)
            ax.annotate(
                name,
                (bound, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-4 if name == "hard" else 4, -4),
                textcoords="offset points",
                ha="right" if name == "hard" else "left",
                va="top",
                color="0.4",
            )
        ax.set(xscale="log", xlabel="regularization_strength", ylabel=self.ylabel)
        ax.set_xlim(self.strengths[0], self.strengths[-1])
        self.ax_, self.figure_ = ax, ax.figure
        return self
