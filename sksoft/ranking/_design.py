# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Features in the eigenvectors of their Gram matrix, and the penalty they ask for."""

import numpy as np

from sksoft._weighted import as_counts, centred_columns

# Penalties that are tried, in units of the mean eigenvalue of the Gram matrix.
PENALTIES = np.logspace(-6.0, 2.0, 33)
# A penalty is as good as the best if its error exceeds the least by at most this share.
AS_GOOD = 0.01


class Design:
    """Features in the eigenvectors of their Gram matrix.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    fit_intercept : bool
        Whether the features are centred.

    Attributes
    ----------
    centre : ndarray of shape (n_features,)
        What is subtracted from the features.
    unit : float
        A power of two, by which they are divided.
    X : ndarray of shape (n_samples, n_features)
        The features, centred and divided.
    values : ndarray of shape (n_vectors,)
        The eigenvalues of their Gram matrix that are not 0.
    vectors : ndarray of shape (n_features, n_vectors)
        Its eigenvectors.
    """

    def __init__(self, X, weight, fit_intercept):
        # One layout, for rounding sets off hidden layers in different directions.
        X = np.ascontiguousarray(X)
        self.centre = np.zeros(X.shape[1])
        if fit_intercept:
            self.centre, X = centred_columns(X, weight)
        peak = np.abs(X).max(initial=0.0)
        # Squares of very large or small features would not be numbers.
        self.unit = 2.0 ** np.clip(np.frexp(peak)[1], -1021, 1023) if peak else 1.0
        self.X = X / self.unit
        self.weight = weight
        self.fit_intercept = fit_intercept
        rooted = np.sqrt(weight / weight.max())[:, np.newaxis] * self.X
        dual = rooted.shape[0] < rooted.shape[1]
        gram = rooted @ rooted.T if dual else rooted.T @ rooted
        values, vectors = np.linalg.eigh(gram)
        kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
        values, vectors = values[kept], vectors[:, kept]
        if dual:
            vectors = rooted.T @ vectors / np.sqrt(values)
        self.values, self.vectors = values * weight.max(), vectors

    def in_units(self, alpha):
        """Return a penalty of coefficients of the features as one of those of `X`."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.float64(alpha) / self.unit / self.unit)

    def penalty(self, target, towards="best", n_free=None):
        """Return the penalty of ridge regression on a target that the data ask for.

        It is that of least generalised cross-validation, or the geometric mean of this
        and of the smallest or the largest that is as good up to a hundredth. Losses of
        soft ranks forgive what squared errors do not, and want a smaller one.

        Parameters
        ----------
        target : ndarray of shape (n_samples, n_outputs)
            The target.
        towards : {"smallest", "best", "largest"}, default="best"
            Which of the penalties that are about as good the choice leans to.
        n_free : float, default=None
            The degrees of freedom of the target, if features and target have been
            centred in groups of rows; None takes those of all rows.

        Returns
        -------
        penalty : float
            Against the squared coefficients of `X`.
        alpha : float
            The same against those of the features as they were given.
        """
        if not len(self.values):
            return 1.0, 1.0
        if self.fit_intercept:
            target = centred_columns(target, self.weight)[1]
        if n_free is None:
            # Whole weights are repetitions, of others only the ratios count.
            counts = as_counts(self.weight)
            n_free = len(target) if counts is None else counts.sum()
            n_free -= self.fit_intercept
        weighted = self.weight[:, np.newaxis] * target
        # Shares of the target's sum of squares in the eigenvectors.
        along = ((self.vectors.T @ (self.X.T @ weighted)) ** 2).sum(axis=1)
        along = along / self.values
        squares = np.vdot(weighted, target)
        penalties = PENALTIES * self.values.mean()
        left = penalties[:, np.newaxis] / (self.values + penalties[:, np.newaxis])
        residual = np.maximum(squares - along.sum(), 0.0) + left**2 @ along
        free = n_free - (1.0 - left).sum(axis=1)
        error = np.where(free > 0.0, residual / np.maximum(free, 1e-9) ** 2, np.inf)
        best = np.argmin(error)
        as_good = np.flatnonzero(error <= (1.0 + AS_GOOD) * error[best])
        limit = {"smallest": as_good[0], "best": best, "largest": as_good[-1]}[towards]
        penalty = np.sqrt(penalties[best] * penalties[limit])
        with np.errstate(over="ignore", under="ignore"):
            alpha = penalty * self.unit * self.unit
        return float(penalty), float(alpha)
