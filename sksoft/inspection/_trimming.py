# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The residuals of a trimmed regression."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.covariance import MinCovDet
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sksoft._validation import check_option, nonnegative_number


class TrimmingDisplay:
    """Residuals of a trimmed regression, rows kept and dropped.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    abscissa : ndarray of shape (n_samples,)
        What the residuals are drawn against.

    residuals : ndarray of shape (n_samples,)
        Observed less predicted target values, over the scale if that is positive.

    support : ndarray of shape (n_samples,)
        Which rows are kept.

    cutoff : float or None
        Size of the standardised residuals beyond which rows are dropped.

    xlabel : str
        What the abscissa is.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture.

    figure_ : matplotlib Figure
        Figure of the axes.

    kept_ : matplotlib PathCollection
        The rows kept.

    dropped_ : matplotlib PathCollection
        The rows dropped.

    See Also
    --------
    sksoft.linear_model.LeastTrimmedSquaresRegressor : What it draws.

    References
    ----------
    .. [1] P. J. Rousseeuw and B. C. van Zomeren (1990). Unmasking multivariate outliers
       and leverage points. Journal of the American Statistical Association 85(411),
       633-639.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sksoft.inspection import TrimmingDisplay
    >>> from sksoft.linear_model import LeastTrimmedSquaresRegressor
    >>> X = np.arange(20.0)[:, np.newaxis]
    >>> y = 3 * X.ravel() + np.cos(np.arange(20))
    >>> y[:3] = 100
    >>> reg = LeastTrimmedSquaresRegressor(random_state=0).fit(X, y)
    >>> display = TrimmingDisplay.from_estimator(reg, X, y)
    >>> int(display.support.sum())
    17
    """

    def __init__(
        self,
        *,
        abscissa: ArrayLike,
        residuals: ArrayLike,
        support: ArrayLike,
        cutoff: float | None = None,
        xlabel: str = "",
    ) -> None:
        self.abscissa = abscissa
        self.residuals = residuals
        self.support = support
        self.cutoff = cutoff
        self.xlabel = xlabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        kind: Literal["fitted", "distance"] = "fitted",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the residuals of a fitted trimmed regression.

        Parameters
        ----------
        estimator : LeastTrimmedSquaresRegressor or LeastTrimmedAbsoluteRegressor
            Fitted estimator of one target.

        X : array-like of shape (n_samples, n_features)
            Samples, of the training or new.

        y : array-like of shape (n_samples,)
            Their target values.

        kind : {"fitted", "distance"}, default="fitted"
            Draw residuals against predictions, or against the robust distance of the
            features from their centre, which tells leverage.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        **kwargs : dict
            Passed to ``ax.scatter`` for both kinds of rows.

        Returns
        -------
        display : TrimmingDisplay
            The display, drawn.
        """
        check_option(kind, "kind", ("fitted", "distance"))
        check_is_fitted(estimator)
        if not hasattr(estimator, "outlier_threshold_"):
            raise TypeError(
                "estimator must be a trimmed regression with outlier_threshold_, got "
                f"{type(estimator).__name__}."
            )
        if np.ndim(estimator.coef_) > 1:
            raise ValueError(
                "estimator must have one target, got coef_ of shape "
                f"{estimator.coef_.shape}."
            )
        abscissa = None
        if kind == "distance":
            rows = check_array(X, dtype=np.float64)
            scatter = MinCovDet(random_state=0).fit(rows)
            abscissa = np.sqrt(scatter.mahalanobis(rows))
        y = _column(y, "y")
        predicted = estimator.predict(X)
        check_consistent_length(y, predicted)
        scale, threshold = float(estimator.scale_), float(estimator.outlier_threshold_)
        residuals = y - predicted
        support = np.abs(residuals) <= threshold
        return cls(
            abscissa=predicted if abscissa is None else abscissa,
            residuals=residuals / scale if scale > 0 else residuals,
            support=support,
            cutoff=threshold / scale if scale > 0 else None,
            xlabel="Robust distance" if kind == "distance" else "Predicted value",
        ).plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        scale: float,
        cutoff: float = 2.5,
        abscissa: ArrayLike | None = None,
        xlabel: str = "Predicted value",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the residuals of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Observed target values.

        y_pred : array-like of shape (n_samples,)
            Predicted target values.

        scale : float
            Scale of the errors of the good rows; 0 if these fit exactly.

        cutoff : float, default=2.5
            Rows with residuals beyond this many scales are dropped: of normal errors
            12 in 1000 are.

        abscissa : array-like of shape (n_samples,), default=None
            What to draw the residuals against; the predictions if None.

        xlabel : str, default="Predicted value"
            What the abscissa is.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        **kwargs : dict
            Passed to ``ax.scatter`` for both kinds of rows.

        Returns
        -------
        display : TrimmingDisplay
            The display, drawn.
        """
        y_true, y_pred = _column(y_true, "y_true"), _column(y_pred, "y_pred")
        abscissa = y_pred if abscissa is None else _column(abscissa, "abscissa")
        for name, column in (("y_pred", y_pred), ("abscissa", abscissa)):
            if len(column) != len(y_true):
                raise ValueError(
                    f"{name} must have the length of y_true, {len(y_true)}, got "
                    f"{len(column)}."
                )
        nonnegative_number(scale, "scale")
        nonnegative_number(cutoff, "cutoff")
        residuals = y_true - y_pred
        if scale > 0:
            residuals = residuals / scale
            support = np.abs(residuals) <= cutoff
        else:
            cutoff = None
            size = np.abs(y_true) + np.abs(y_pred)
            support = np.abs(residuals) <= 1e-8 * size
        return cls(
            abscissa=abscissa,
            residuals=residuals,
            support=support,
            cutoff=cutoff,
            xlabel=xlabel,
        ).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        **kwargs : dict
            Passed to ``ax.scatter`` for both kinds of rows.

        Returns
        -------
        display : TrimmingDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        edges = kwargs.get("color", "C0")
        kept = {"facecolors": "none", "edgecolors": edges} | kwargs
        dropped = {"marker": "x", "color": "C3"} | kwargs
        self.kept_ = self._scatter(ax, "kept", self.support, kept)
        self.dropped_ = self._scatter(ax, "dropped", ~self.support, dropped)
        ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        if self.cutoff is not None:
            for side in (-self.cutoff, self.cutoff):
                ax.axhline(side, color="0.4", linewidth=0.8, linestyle="--", zorder=0)
        unit = "Residual" if self.cutoff is None else "Residual / scale"
        ax.set(xlabel=self.xlabel, ylabel=unit)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _scatter(self, ax, name, rows, style):
        style = {"s": 24, "linewidths": 1.2, "label": f"{name} ({rows.sum()})"} | style
        return ax.scatter(self.abscissa[rows], self.residuals[rows], **style)


def _column(values, name):
    """Return finite numbers as an array of one dimension."""
    try:
        values = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
        return column_or_1d(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold finite numbers: {error}") from None
