# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""An embedding of neighbours in the plane, and who votes for whom."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sksoft.operators import soft_topk


class NeighborhoodDisplay:
    """Training samples in their embedding, and the soft neighbours of some queries.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, 2)
        The training samples in the plane.

    queries : ndarray of shape (n_queries, 2)
        The queries in the same plane.

    shares : ndarray of shape (n_queries, n_samples)
        The share of each training sample in the vote for each query, from 0 to 1.

    labels : ndarray of shape (n_samples,), default=None
        Classes or values that colour the training samples.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture.

    figure_ : matplotlib Figure
        Figure of the axes.

    samples_ : matplotlib PathCollection
        The training samples.

    queries_ : matplotlib PathCollection
        The queries.

    votes_ : matplotlib LineCollection
        A line from each query to each sample with a share above 0.02; the wider, the
        larger the share.

    See Also
    --------
    sksoft.neighbors.SoftKNeighborsClassifier : What it draws.

    References
    ----------
    .. [1] Y. Xie, H. Dai, M. Chen, B. Dai, T. Zhao, H. Zha, W. Wei and T. Pfister
       (2020). Differentiable top-k with optimal transport. NeurIPS.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sksoft.inspection import NeighborhoodDisplay
    >>> from sksoft.neighbors import SoftKNeighborsClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftKNeighborsClassifier(n_components=2, random_state=0).fit(X, y)
    >>> display = NeighborhoodDisplay.from_estimator(model, X[::40], labels=y)
    >>> bool(abs(display.shares.sum(axis=1) - 5.0).max() < 1e-6)
    True
    """

    def __init__(
        self,
        *,
        embedding: ArrayLike,
        queries: ArrayLike,
        shares: ArrayLike,
        labels: ArrayLike | None = None,
    ) -> None:
        self.embedding = embedding
        self.queries = queries
        self.shares = shares
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        ax: Any = None,
        scatter_kw: dict[Any, Any] | None = None,
    ) -> Self:
        """Draw the embedding of a fitted estimator and the neighbours of queries.

        Parameters
        ----------
        estimator : SoftKNeighborsClassifier, SoftKNeighborsRegressor or \
                SoftNeighborhoodComponents
            Fitted estimator.

        X : array-like of shape (n_queries, n_features)
            A few queries. A training sample is its own nearest neighbour.

        labels : array-like of shape (n_samples,), default=None
            Classes or values of the training samples, which colour them.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        scatter_kw : dict, default=None
            Passed to ``ax.scatter`` for the training samples.

        Returns
        -------
        display : NeighborhoodDisplay
            The display, drawn. Embeddings of more than two dimensions are shown in
            their first two principal components; neighbours are those of all.

        Raises
        ------
        TypeError
            If the estimator has no embedding.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "embedding_"):
            raise TypeError(
                "estimator must be one of soft neighbours with embedding_, got "
                f"{type(estimator).__name__}."
            )
        templates = np.asarray(estimator.embedding_, dtype=np.float64)
        found = np.asarray(estimator.transform(X), dtype=np.float64)
        if labels is not None:
            labels = column_or_1d(labels)
            if len(labels) != len(templates):
                raise ValueError(
                    f"labels must have one entry for each of the {len(templates)} "
                    f"training samples, got {len(labels)}."
                )
        distances = ((found[:, np.newaxis] - templates) ** 2).sum(axis=2)
        entropic = estimator.regularization == "entropic"
        shares = soft_topk(
            distances,
            min(estimator.n_neighbors, len(templates)),
            largest=False,
            method="sinkhorn" if entropic else "permutahedron",
            regularization_strength=estimator.regularization_strength_,
        )
        if templates.shape[1] > 2:
            plane = PCA(2, svd_solver="full").fit(templates)
            templates, found = plane.transform(templates), plane.transform(found)
        elif templates.shape[1] == 1:
            templates, found = (np.pad(z, ((0, 0), (0, 1))) for z in (templates, found))
        return cls(
            embedding=templates, queries=found, shares=shares, labels=labels
        ).plot(ax=ax, scatter_kw=scatter_kw)

    def plot(
        self,
        *,
        ax: Any = None,
        width: float = 3.0,
        scatter_kw: dict[Any, Any] | None = None,
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        width : float, default=3.0
            The width of the line of a whole vote, in points.

        scatter_kw : dict, default=None
            Passed to ``ax.scatter`` for the training samples.

        Returns
        -------
        display : NeighborhoodDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.collections import LineCollection

        if ax is None:
            _, ax = plt.subplots()
        style = {"s": 14, "alpha": 0.6, "linewidths": 0.0} | (scatter_kw or {})
        if self.labels is not None and "c" not in style:
            classes, codes = np.unique(self.labels, return_inverse=True)
            few = len(classes) <= 10
            style |= {"c": codes, "cmap": "tab10" if few else "viridis"}
            style |= {"vmin": 0, "vmax": 9} if few else {}
        self.samples_ = ax.scatter(*self.embedding.T, **style)
        query, sample = np.nonzero(self.shares > 0.02)
        lines = np.stack([self.queries[query], self.embedding[sample]], axis=1)
        self.votes_ = LineCollection(
            lines, linewidths=width * self.shares[query, sample], colors="0.3", zorder=2
        )
        ax.add_collection(self.votes_)
        self.queries_ = ax.scatter(
            *self.queries.T, marker="*", s=180, color="w", edgecolors="k", zorder=3
        )
        if self.labels is not None and len(np.unique(self.labels)) <= 10:
            handles, _ = self.samples_.legend_elements()
            ax.legend(handles, list(map(str, np.unique(self.labels))), loc="best")
        ax.set(xlabel="first direction", ylabel="second direction")
        self.ax_, self.figure_ = ax, ax.figure
        return self
