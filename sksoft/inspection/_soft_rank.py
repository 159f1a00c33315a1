# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a transformer of ranks or quantiles makes of a feature."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_is_fitted

from sksoft._validation import positive_integer


class SoftRankDisplay:
    """The map of a feature to its soft rank, and the sample that it comes from.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    values : ndarray of shape (n_points,)
        Values of the feature, ascending.

    images : ndarray of shape (n_points,)
        What they are mapped to.

    sample : ndarray of shape (n_samples,)
        The values of the feature in a sample, drawn as ticks.

    feature_name : str, default="value"
        The name of the feature.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture.

    figure_ : matplotlib Figure
        Figure of the axes.

    line_ : matplotlib Line2D
        The map.

    rug_ : matplotlib Line2D
        The sample, as ticks at the bottom.

    See Also
    --------
    sksoft.preprocessing.SoftRankTransformer : What it draws.
    sksoft.preprocessing.SoftQuantileTransformer : The same for quantiles.

    References
    ----------
    .. [1] M. Blondel, O. Teboul, Q. Berthet and J. Djolonga (2020). Fast differentiable
       sorting and ranking. International Conference on Machine Learning.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sksoft.inspection import SoftRankDisplay
    >>> from sksoft.preprocessing import SoftRankTransformer
    >>> X = np.random.default_rng(0).exponential(size=(50, 2))
    >>> transformer = SoftRankTransformer(regularization_strength=3.0).fit(X)
    >>> display = SoftRankDisplay.from_estimator(transformer, X, feature=1)
    >>> bool((np.diff(display.images) >= 0.0).all())
    True
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        images: ArrayLike,
        sample: ArrayLike,
        feature_name: str = "value",
    ) -> None:
        self.values = values
        self.images = images
        self.sample = sample
        self.feature_name = feature_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature: int | str = 0,
        n_points: int = 500,
        ax: Any = None,
        line_kw: dict[Any, Any] | None = None,
    ) -> Self:
        """Draw what a fitted transformer makes of one feature.

        Parameters
        ----------
        estimator : SoftRankTransformer or SoftQuantileTransformer
            Fitted transformer of features one by one.

        X : array-like of shape (n_samples, n_features)
            A sample, of the training or new.

        feature : int or str, default=0
            Which feature: its column, or its name where the transformer knows names.

        n_points : int, default=500
            How many values to map, at least 2, evenly spaced over the sample and a
            little beyond it.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        line_kw : dict, default=None
            Passed to ``ax.plot`` for the map.

        Returns
        -------
        display : SoftRankDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such feature, or its sample is empty.
        """
        check_is_fitted(estimator)
        positive_integer(n_points, "n_points", least=2)
        names = getattr(estimator, "feature_names_in_", None)
        column = _column(feature, names, estimator.n_features_in_)
        rows = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
        sample = rows[:, column]
        sample = sample[~np.isnan(sample)]
        if len(sample) == 0:
            raise ValueError(
                f"X must have values of feature {feature!r}, got NaN only."
            )
        low, high = sample.min(), sample.max()
        margin = 0.05 * (high - low) or 1.0
        values = np.linspace(low - margin, high + margin, n_points)
        points = np.full((n_points, estimator.n_features_in_), np.nan)
        points[:, column] = values
        if names is not None:
            import pandas as pd

            points = pd.DataFrame(points, columns=names)
        images = np.asarray(estimator.transform(points))[:, column]
        return cls(
            values=values,
            images=images,
            sample=sample,
            feature_name=f"feature {column}" if names is None else str(names[column]),
        ).plot(ax=ax, line_kw=line_kw)

    def plot(self, *, ax: Any = None, line_kw: dict[Any, Any] | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        line_kw : dict, default=None
            Passed to ``ax.plot`` for the map.

        Returns
        -------
        display : SoftRankDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        (self.line_,) = ax.plot(self.values, self.images, **(line_kw or {}))
        (self.rug_,) = ax.plot(
            self.sample,
            np.zeros(len(self.sample)),
            "|",
            color="0.4",
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
        ax.set(xlabel=self.feature_name, ylabel="transformed value")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _column(feature, names, n_features):
    if isinstance(feature, str):
        if names is None or feature not in names:
            known = "no names" if names is None else ", ".join(map(repr, names))
            raise ValueError(
                f"feature must be the name of a feature ({known}), got {feature!r}."
            )
        return int(np.flatnonzero(np.asarray(names) == feature)[0])
    positive_integer(feature, "feature", least=0)
    if feature >= n_features:
        raise ValueError(f"feature must be below {n_features}, got {feature}.")
    return int(feature)
