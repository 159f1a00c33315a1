# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows in standardised units, and the weighted least squares problems over them."""

import numpy as np
from scipy import linalg, sparse

from sksoft._weighted import robust_scale, robust_units, weighted_median

# Singular values below this share of the largest count as zero.
RANK_TOLERANCE = 1e-11


class Design:
    """Standardised features, with a column of ones for the intercept.

    Parameters
    ----------
    matrix : {ndarray, sparse matrix} of shape (n_samples, n_columns)
        Standardised features, the column of ones last if there is an intercept.

    sample_weight : ndarray of shape (n_samples,)
        How often each row counts.

    penalty : ndarray of shape (n_columns,)
        Ridge penalty of each column, in standardised units.

    weighted : bool
        Whether any weight differs from one.
    """

    def __init__(self, matrix, sample_weight, penalty, weighted):
        self.matrix = matrix
        self.sample_weight = sample_weight
        self.penalty = penalty
        self.weighted = weighted
        self.total = float(sample_weight.sum())

    @property
    def shape(self):
        """Number of rows and of columns, that of ones included."""
        return self.matrix.shape

    @property
    def weight_or_none(self):
        """The sample weights, None if all are one."""
        return self.sample_weight if self.weighted else None

    def take(self, rows):
        """Return the design of some rows, as a dense array."""
        matrix = self.matrix[rows]
        if sparse.issparse(matrix):
            matrix = matrix.toarray()
        return Design(matrix, self.sample_weight[rows], self.penalty, self.weighted)

    def gram(self, mask):
        """Return the sum of ``s * mask * x x^T`` plus the penalty."""
        return self._normal_equations(mask)[0]

    def _normal_equations(self, mask):
        """Return the Gram matrix, the rows of non-zero mask, weighted and not."""
        weight = self.sample_weight * mask
        active = weight > 0
        rows = self.matrix
        if not active.all():
            rows, weight = rows[active], weight[active]
        weighted = rows if (weight == 1).all() else _scale_rows(rows, weight)
        gram = weighted.T @ rows
        if sparse.issparse(gram):
            gram = gram.toarray()
        gram[np.diag_indices_from(gram)] += self.penalty
        return gram, rows, weighted, active, weight

    def solve(self, mask, y):
        """Return the coefficients of least squares weighted by ``s * mask``.

        Of several solutions it is the one of minimum norm in standardised units.
        """
        return self.solve_with_gram(mask, y)[0]

    def solve_with_gram(self, mask, y):
        """Return the coefficients and the Gram matrix they solve."""
        gram, rows, weighted, active, weight = self._normal_equations(mask)
        target = y[active]
        factor, info = linalg.lapack.dpotrf(gram)
        if info == 0:
            norm = np.abs(gram).sum(axis=0).max()
            reciprocal_condition, _ = linalg.lapack.dpocon(factor, norm)
        if info != 0 or reciprocal_condition < 1e-10:
            return self._solve_by_orthogonal_factors(rows, target, weight), gram
        coef = linalg.lapack.dpotrs(factor, weighted.T @ target)[0]
        # One step of refinement makes normal equations as good as orthogonal ones.
        error = weighted.T @ (target - rows @ coef) - self.penalty * coef
        return coef + linalg.lapack.dpotrs(factor, error)[0], gram

    def _solve_by_orthogonal_factors(self, rows, target, weight):
        root = np.sqrt(weight)
        matrix = _scale_rows(rows, root)
        if sparse.issparse(matrix):
            matrix = matrix.toarray()
        matrix = np.vstack([matrix, np.diag(np.sqrt(self.penalty))])
        target = np.concatenate([root * target, np.zeros(len(self.penalty))])
        return np.linalg.lstsq(matrix, target, rcond=RANK_TOLERANCE)[0]


def _scale_rows(matrix, factors):
    if sparse.issparse(matrix):
        return matrix.multiply(factors[:, None]).tocsr()
    return matrix * factors[:, None]


def whitener(gram):
    """Return T with ``T^T gram T = I``, of as many columns as gram has rank."""
    values, vectors = linalg.eigh(gram)
    kept = values > values[-1] * RANK_TOLERANCE
    return vectors[:, kept] / np.sqrt(values[kept])


class Standardizer:
    """Map features and target to robust units and coefficients back.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Features.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts.

    fit_intercept : bool
        Whether columns may be centred.
    """

    def __init__(self, X, sample_weight, fit_intercept):
        n_features = X.shape[1]
        self.fit_intercept = fit_intercept
        self.centre = np.zeros(n_features)
        self.scale = np.ones(n_features)
        if sparse.issparse(X):
            columns = X.tocsc()
            for j in range(n_features):
                entries = slice(columns.indptr[j], columns.indptr[j + 1])
                weight = None
                if sample_weight is not None:
                    weight = sample_weight[columns.indices[entries]]
                self.scale[j] = robust_scale(columns.data[entries], weight)
            return
        # These units serve conditioning only: some thousand rows tell them well.
        stride = max(1, len(X) // 5000)
        rows = X[::stride].astype(np.float64, copy=False)
        weight = None if sample_weight is None else sample_weight[::stride]
        self.centre, self.scale = robust_units(rows, weight, fit_intercept)

    def design(self, X, sample_weight, alpha):
        """Return the standardised `Design` of ``X``."""
        n_samples, n_features = X.shape
        if sparse.issparse(X):
            matrix = X.astype(np.float64) @ sparse.diags(1 / self.scale)
            if self.fit_intercept:
                matrix = sparse.hstack([matrix, np.ones((n_samples, 1))])
            matrix = sparse.csr_matrix(matrix)
        else:
            matrix = np.empty((n_samples, n_features + self.fit_intercept))
            np.subtract(X, self.centre, out=matrix[:, :n_features])
            matrix[:, :n_features] /= self.scale
            matrix[:, n_features:] = 1.0
        penalty = np.zeros(matrix.shape[1])
        penalty[:n_features] = alpha / self.scale**2
        weighted = sample_weight is not None
        if not weighted:
            sample_weight = np.ones(n_samples)
        return Design(matrix, sample_weight, penalty, weighted)

    def fit_target(self, y, sample_weight):
        """Learn the centre and scale of the target."""
        self.y_centre = weighted_median(y, sample_weight) if self.fit_intercept else 0.0
        self.y_scale = robust_scale(y - self.y_centre, sample_weight)

    def to_original(self, coef):
        """Return coefficients and intercept in the units of the data."""
        slopes = coef[: len(self.scale)] * (self.y_scale / self.scale)
        if not self.fit_intercept:
            return slopes, 0.0
        intercept = self.y_centre + self.y_scale * coef[-1] - slopes @ self.centre
        return slopes, intercept

    def to_standard(self, slopes, intercept):
        """Return coefficients in standardised units."""
        coef = slopes * self.scale / self.y_scale
        if not self.fit_intercept:
            return coef
        shift = (intercept + slopes @ self.centre - self.y_centre) / self.y_scale
        return np.append(coef, shift)
