# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows in standardised units, and the weighted least squares problems over them."""

import warnings
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from sksoft._weighted import robust_scale, robust_units, weighted_median

# Singular values below this share of the largest count as zero.
RANK_TOLERANCE = 1e-11
# Largest standardised entry: squares of residuals, and sums of them, stay finite.
FARTHEST = 1e50
# The normal equations of more features are out of proportion to sparse rows.
MAX_SPARSE_FEATURES = 2000
# Rows for each column among which the rank of all is sought first.
RANK_ROWS = 10
# Entries of the blocks of rows in which leverages are found.
BLOCK_ENTRIES = 2_000_000
# Entries of the blocks of rows that are weighted for a Gram matrix.
CACHED_ENTRIES = 50_000


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

    n_features : int
        Number of columns before that of ones.
    """

    def __init__(self, matrix, sample_weight, penalty, weighted, n_features):
        self.matrix = matrix
        self.sample_weight = sample_weight
        self.penalty = penalty
        self.weighted = weighted
        self.n_features = n_features
        self.total = float(sample_weight.sum())

    @property
    def shape(self):
        """Number of rows and of columns, that of ones included."""
        return self.matrix.shape

    @property
    def weight_or_none(self):
        """The sample weights, None if all are one."""
        return self.sample_weight if self.weighted else None

    @cached_property
    def rank(self):
        """Number of coefficients that the rows determine; all under a penalty."""
        n_rows, n_columns = self.shape
        if self.penalty.any():
            return n_columns
        stride = max(1, n_rows // (RANK_ROWS * n_columns))
        rank = gram_rank(directions_gram(self.matrix[::stride]))
        if rank < n_columns and stride > 1:
            rank = gram_rank(directions_gram(self.matrix))
        return rank

    def unweighted(self):
        """Return the same rows, each counted once."""
        ones = np.ones(len(self.sample_weight))
        return Design(self.matrix, ones, self.penalty, False, self.n_features)

    def with_penalty(self, penalty):
        """Return the same rows under another ridge penalty."""
        return Design(
            self.matrix, self.sample_weight, penalty, self.weighted, self.n_features
        )

    def residual(self, coef, y):
        """Return the residuals of coefficients."""
        return y - self.matrix @ coef

    def pull(self, values):
        """Return the sum of the rows, each times a value."""
        return self.matrix.T @ values

    def features(self, rows):
        """Return chosen rows without the column of ones."""
        return self.matrix[rows, : self.n_features]

    def leverages(self, gram):
        """Return ``x^T gram^-1 x`` of each row ``x``."""
        transform = whitener(gram)
        n_rows, n_columns = self.shape
        step = max(1, BLOCK_ENTRIES // n_columns)
        leverages = np.empty(n_rows)
        for first in range(0, n_rows, step):
            block = self.matrix[first : first + step] @ transform
            leverages[first : first + step] = np.einsum("ij,ij->i", block, block)
        return leverages

    def take(self, rows):
        """Return the design of some rows, as a dense array.

        The penalty is their share of that of all: their fit estimates that of all.
        """
        matrix = self.matrix[rows]
        if sparse.issparse(matrix):
            matrix = matrix.toarray()
        weight = self.sample_weight[rows]
        penalty = self.penalty * (weight.sum() / self.total)
        return Design(matrix, weight, penalty, self.weighted, self.n_features)

    def gram(self, mask):
        """Return the sum of ``s * mask * x x^T`` plus the penalty."""
        n_rows, n_columns = self.shape
        step = max(1, CACHED_ENTRIES // n_columns)
        if sparse.issparse(self.matrix) or n_rows <= 2 * step:
            return self._normal_equations(mask)[0]
        # Block by block, the weighted rows stay in the processor's cache.
        gram = np.diag(self.penalty)
        root = np.sqrt(self.sample_weight * mask)
        for first in range(0, n_rows, step):
            block = slice(first, first + step)
            rows = _scale_rows(self.matrix[block], root[block])
            gram += rows.T @ rows
        return gram

    def _normal_equations(self, mask):
        """Return the Gram matrix, the rows it is made of, which, and their factors."""
        root = np.sqrt(self.sample_weight * mask)
        rows, active = self.matrix, slice(None)
        positive = np.flatnonzero(root)
        # To leave out a few rows of weight 0 takes longer than to keep them.
        if len(positive) < 0.75 * len(root):
            rows, root, active = rows[positive], root[positive], positive
        if not (root == 1).all():
            rows = _scale_rows(rows, root)
        gram = rows.T @ rows
        if sparse.issparse(gram):
            gram = gram.toarray()
        gram[np.diag_indices_from(gram)] += self.penalty
        return gram, rows, active, root

    def solve(self, mask, y):
        """Return the coefficients of least squares weighted by ``s * mask``.

        Of several solutions it is the one of minimum norm in standardised units.
        """
        gram, rows, active, root = self._normal_equations(mask)
        target = root * y[active]
        factor, info = linalg.lapack.dpotrf(gram)
        if info == 0:
            norm = np.abs(gram).sum(axis=0).max()
            reciprocal_condition, _ = linalg.lapack.dpocon(factor, norm)
        if info != 0 or reciprocal_condition < 1e-10:
            return self._solve_by_orthogonal_factors(rows, target)
        coef = linalg.lapack.dpotrs(factor, rows.T @ target)[0]
        # One step of refinement makes normal equations as good as orthogonal ones.
        error = rows.T @ (target - rows @ coef) - self.penalty * coef
        return coef + linalg.lapack.dpotrs(factor, error)[0]

    def _solve_by_orthogonal_factors(self, rows, target):
        if sparse.issparse(rows):
            rows = rows.toarray()
        matrix = np.vstack([rows, np.diag(np.sqrt(self.penalty))])
        target = np.concatenate([target, np.zeros(len(self.penalty))])
        coef = np.linalg.lstsq(matrix, target, rcond=RANK_TOLERANCE)[0]
        # What no row spans has no coefficient, not a rounding error.
        coef[~matrix.any(axis=0)] = 0.0
        return coef


def _scale_rows(matrix, factors):
    if sparse.issparse(matrix):
        return matrix.multiply(factors[:, None]).tocsr()
    return matrix * factors[:, None]


def directions_gram(matrix):
    """Return the sum of ``x x^T / x^T x`` over rows: it has the rank of the rows."""
    if sparse.issparse(matrix):
        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    else:
        length = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    rows = _scale_rows(matrix, 1 / np.where(length > 0, length, 1.0))
    gram = rows.T @ rows
    return gram.toarray() if sparse.issparse(gram) else gram


def gram_rank(gram):
    """Return the rank of a Gram matrix, at the tolerance of `whitener`."""
    values = linalg.eigvalsh(gram)
    return int((values > values[-1] * RANK_TOLERANCE).sum())


def whitener(gram):
    """Return T with ``T^T gram T = I``, of as many columns as gram has rank."""
    values, vectors = linalg.eigh(gram)
    kept = values > values[-1] * RANK_TOLERANCE
    transform = vectors[:, kept] / np.sqrt(values[kept])
    # What no row spans has no coefficient, not a rounding error.
    transform[np.diag(gram) == 0] = 0.0
    return transform


class Units(NamedTuple):
    """Where standardised values lie: ``location + scale * value``.

    Attributes
    ----------
    location : ndarray of shape (n_features,) or float
        Medians, or 0 without intercept.

    scale : ndarray of shape (n_features,) or float
        Medians of absolute deviations, or what serves for them.
    """

    location: np.ndarray | float
    scale: np.ndarray | float


def feature_units(X, sample_weight, fit_intercept, alpha=0.0, robust=True):
    """Return robust `Units` of the features.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Features.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts.

    fit_intercept : bool
        Whether columns may be centred; sparse ones never are.

    alpha : float, default=0.0
        Ridge penalty. A column whose size it exceeds by far has its unit.

    robust : bool, default=True
        Whether far entries are not to matter; otherwise the largest is the scale.

    Returns
    -------
    units : Units
        Of each column.
    """
    n_features = X.shape[1]
    location, scale = np.zeros(n_features), np.ones(n_features)
    if sparse.issparse(X):
        columns = X.tocsc()
        for j in range(n_features):
            entries = slice(columns.indptr[j], columns.indptr[j + 1])
            values = columns.data[entries].astype(np.float64, copy=False)
            if not robust:
                scale[j] = np.abs(values).max(initial=0.0) or 1.0
                continue
            weight = None
            if sample_weight is not None:
                weight = sample_weight[columns.indices[entries]]
            scale[j] = robust_scale(values, weight)
    else:
        # These units serve conditioning only: two thousand rows tell them well.
        stride = max(1, len(X) // 2000)
        rows = X[::stride].astype(np.float64, copy=False)
        weight = None if sample_weight is None else sample_weight[::stride]
        location, scale = robust_units(rows, weight, fit_intercept)
        if not robust:
            scale = np.abs(X - location).max(axis=0).astype(np.float64)
            scale[scale == 0] = 1.0
    return Units(location, np.maximum(scale, 1e-5 * np.sqrt(alpha / X.shape[0])))


def target_units(y, sample_weight, fit_intercept, robust=True):
    """Return robust `Units` of a target, or such that the largest entry is one."""
    location = weighted_median(y, sample_weight) if fit_intercept else 0.0
    if robust:
        return Units(location, robust_scale(y - location, sample_weight))
    return Units(location, np.abs(y - location).max() or 1.0)


def standardized_target(y, target):
    """Return the target in its units, clipped to where squares are finite."""
    with np.errstate(over="ignore"):
        return np.clip((y - target.location) / target.scale, -FARTHEST, FARTHEST)


def make_design(X, sample_weight, units, fit_intercept, alpha):
    """Return the standardised `Design` of ``X``."""
    n_samples, n_features = X.shape
    if sparse.issparse(X):
        if n_features > MAX_SPARSE_FEATURES:
            raise ValueError(
                f"X must have at most {MAX_SPARSE_FEATURES} features if it is sparse, "
                f"got {n_features}: the normal equations of all of them are solved. "
                "Select features, or project them by sklearn.decomposition."
                "TruncatedSVD."
            )
        matrix = X.astype(np.float64) @ sparse.diags(1 / units.scale)
        if fit_intercept:
            matrix = sparse.hstack([matrix, np.ones((n_samples, 1))])
        matrix = sparse.csr_matrix(matrix)
        np.clip(matrix.data, -FARTHEST, FARTHEST, out=matrix.data)
    else:
        matrix = np.empty((n_samples, n_features + fit_intercept))
        np.subtract(X, units.location, out=matrix[:, :n_features])
        matrix[:, :n_features] /= units.scale
        # Squares of rows this far out must not overflow; nothing believes them.
        np.clip(matrix, -FARTHEST, FARTHEST, out=matrix)
        matrix[:, n_features:] = 1.0
    penalty = np.zeros(matrix.shape[1])
    penalty[:n_features] = (np.sqrt(alpha) / units.scale) ** 2
    weighted = sample_weight is not None
    if not weighted:
        sample_weight = np.ones(n_samples)
    return Design(matrix, sample_weight, penalty, weighted, n_features)


def to_original(coef, units, target):
    """Return slopes and intercept in the units of the data.

    Parameters
    ----------
    coef : ndarray of shape (n_columns,)
        Coefficients in standardised units, that of the ones last if there is one.

    units : Units
        Of the features.

    target : Units
        Of the target.
    """
    slopes = coef[: len(units.scale)] * (target.scale / units.scale)
    if len(coef) == len(slopes):
        return slopes, 0.0
    return slopes, target.location + target.scale * coef[-1] - slopes @ units.location


def to_standard(slopes, intercept, units, target, fit_intercept):
    """Return coefficients in standardised units."""
    coef = slopes * units.scale / target.scale
    if not fit_intercept:
        return coef
    shift = (intercept + slopes @ units.location - target.location) / target.scale
    return np.append(coef, shift)


def original_errors(root, units, target):
    """Return the standard errors of slopes and intercept in the units of the data.

    Parameters
    ----------
    root : ndarray of shape (n_columns, n_directions)
        Times its transpose it is the covariance of standardised coefficients.

    units : Units
        Of the features.

    target : Units
        Of the target.

    Returns
    -------
    errors : ndarray of shape (n_columns,)
        That of the intercept last, if there is one.
    """
    size = len(units.scale)
    # Lengths of rows before units, whose squares may be out of range.
    errors = np.linalg.norm(root, axis=1) * target.scale
    errors[:size] /= units.scale
    if len(root) > size:
        shift = units.location / units.scale
        errors[-1] = target.scale * np.linalg.norm(root[-1] - shift @ root[:-1])
    return errors


def warn_if_undetermined(n_samples, n_features, fit_intercept, alpha=None):
    """Tell where fewer rows than coefficients fit any target exactly.

    `alpha` is the ridge penalty of estimators that have one.
    """
    n_coefficients = n_features + bool(fit_intercept)
    if not alpha and n_samples < n_coefficients:
        advice = "" if alpha is None else ", or a ridge penalty, alpha > 0"
        warnings.warn(
            f"There are {n_samples} samples of positive weight for {n_coefficients} "
            "coefficients: any target is fitted exactly, and no outlier can be told. "
            f"Take more samples, fewer features{advice}.",
            UserWarning,
            stacklevel=4,
        )
