# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Search for the least trimmed squares fit: many starts, concentration, exchange."""

from copy import copy
from dataclasses import dataclass

import numpy as np
from sklearn.utils.random import sample_without_replacement

from sksoft._weighted import keep_smallest
from sksoft.linear_model._design import whitener
from sksoft.linear_model._starts import (
    deterministic_starts,
    elemental_subsets,
    full_rank_subsets,
    has_dummies,
)

# Sizes of the nested subsets that the search works on (Rousseeuw and Van Driessen).
GROUP_SIZE = 300
MERGED_SIZE = 1500
POLISH_SIZE = 5_000
# Largest number of entries of a table of products of columns (80 MB).
MAX_PRODUCTS = 20_000_000
# Largest number of concentration steps, on all rows and on a sample of them.
MAX_STEPS = 50
N_SAMPLE_STEPS = 8
# Candidates that survive the screening.
N_KEPT = 10
# With more columns than this, of 500 elemental subsets not even one is expected to be
# free of a contamination of 10 %; where a sample of the rows is searched, of 20 %. The
# deterministic starts find what they find, sooner.
MAX_ELEMENTAL = 59
MAX_ELEMENTAL_OF_SAMPLE = 27
# Residuals of fits in single precision, in units of the target.
SINGLE_ROUNDING = 1e-4
# Mean squared residuals below this, in units of the target, are single rounding errors.
EXACT = 1e-11
# Rows up to which a candidate is improved by exchanges of single rows.
MAX_EXCHANGE_SIZE = 300


def trimmed_objective(design, y, coef, kept):
    """Return the penalised sum of the smallest squared residuals, and their mask."""
    losses = design.residual(coef, y) ** 2
    mask, _ = keep_smallest(losses, kept, design.weight_or_none)
    value = np.sum(design.sample_weight * mask * losses)
    return value + design.penalty @ coef**2, mask


def concentrate(design, y, coef, kept, max_steps):
    """Alternate between the best mask and the best coefficients (C-steps).

    Returns
    -------
    coef : ndarray of shape (n_columns,)
        Coefficients.

    value : float
        Their trimmed objective, never larger than that of the start.

    mask : ndarray of shape (n_samples,)
        The mask of their smallest losses.
    """
    value, mask = trimmed_objective(design, y, coef, kept)
    for _ in range(max_steps):
        new_coef = design.solve(mask, y)
        new_value, new_mask = trimmed_objective(design, y, new_coef, kept)
        if not new_value < value:
            break
        stable = np.array_equal(mask, new_mask)
        coef, value, mask = new_coef, new_value, new_mask
        if stable:
            break
    return coef, value, mask


def exact_rows(design, y, coef, rounding):
    """Return which rows a fit meets but for rounding, and their weight."""
    exact = np.abs(design.residual(coef, y)) <= rounding
    return exact, float(design.sample_weight @ exact)


def exact_fit(design, y, coefs, kept, rounding):
    """Return the fit that most rows agree on exactly, None if fewer than `kept` do.

    Where residuals are at rounding level their size tells nothing: the number of rows
    decides.

    Parameters
    ----------
    design : Design
        Standardised rows.

    y : ndarray of shape (n_samples,)
        Standardised target.

    coefs : sequence of ndarray of shape (n_columns,)
        Candidates.

    kept : float
        The weight that a fit keeps.

    rounding : callable
        Maps coefficients to the size of residuals that rounding explains.

    Returns
    -------
    coef : ndarray of shape (n_columns,) or None
        Least squares on the rows that it meets exactly.
    """
    best, most = None, kept * (1 - 1e-12)
    for coef in coefs:
        # Candidates may be of single precision: least squares makes them exact.
        exact, weight = exact_rows(design, y, coef, SINGLE_ROUNDING)
        if weight < most:
            continue
        weight = 0.0
        while True:
            refined = design.solve(exact.astype(np.float64), y)
            exact, grown = exact_rows(design, y, refined, rounding(refined))
            if not grown > weight:
                break
            coef, weight = refined, grown
        if weight >= most and (best is None or weight > most):
            best, most = coef, weight
    return best


class Batch:
    """Concentration steps of many candidates at once, on few whitened rows.

    All Gram matrices of a step of many candidates are one product of their masks with
    the rows' products of columns. Single precision suffices to tell basins apart.

    Parameters
    ----------
    design : Design
        The rows, dense.

    y : ndarray of shape (n_samples,)
        Standardised target.

    kept_share : float
        Share of the weight that a fit keeps.

    transform : ndarray of shape (n_columns, n_directions)
        Whitens the columns.

    tabulate : bool, default=True
        Whether the products of columns are tabulated; for a few candidates that takes
        longer than it saves.
    """

    def __init__(self, design, y, kept_share, transform, tabulate=True):
        self.transform = transform
        white = design.matrix @ transform
        # A row beyond these bounds is an outlier anyway; its square must not overflow.
        self.rows = np.clip(white, -1e6, 1e6).astype(np.float32)
        self.y = np.clip(y, -1e6, 1e6).astype(np.float32)
        self.weight = design.weight_or_none
        if self.weight is not None:
            self.weight = self.weight.astype(np.float32)
        self.total = self._total_weight()
        self.kept = kept_share * design.total
        size = transform.shape[1]
        self.upper = np.triu_indices(size)
        self.products = None
        n_products = len(self.upper[0]) + size
        if tabulate and len(self.rows) * n_products <= MAX_PRODUCTS:
            self.products = np.empty((len(self.rows), n_products), dtype=np.float32)
            column = 0
            for j in range(size):
                block = self.products[:, column : column + size - j]
                np.multiply(self.rows[:, j:], self.rows[:, [j]], out=block)
                column += size - j
            np.multiply(self.rows, self.y[:, None], out=self.products[:, column:])
        self.penalty = transform.T @ (design.penalty[:, None] * transform)

    def part(self, rows):
        """Return the batch of a slice of the rows, with its share of the penalty."""
        part = copy(self)
        part.rows, part.y = self.rows[rows], self.y[rows]
        if self.weight is not None:
            part.weight = self.weight[rows]
        if self.products is not None:
            part.products = self.products[rows]
        part.total = part._total_weight()
        share = part.total / self.total
        part.kept = self.kept * share
        part.penalty = self.penalty * share
        return part

    def _total_weight(self):
        if self.weight is None:
            return float(len(self.rows))
        return float(self.weight.sum(dtype=np.float64))

    def losses(self, coefs):
        """Return the squared residuals, of shape (n_candidates, n_samples)."""
        # Larger coefficients are wrong anyway; squares must not overflow.
        coefs = np.clip(coefs, -1e10, 1e10).astype(np.float32)
        residuals = coefs @ self.rows.T
        residuals -= self.y
        return np.square(residuals, out=residuals)

    def masks(self, losses):
        """Return the weighted mask of each candidate's smallest losses."""
        mask, _ = keep_smallest(losses, self.kept, self.weight)
        return mask if self.weight is None else mask * self.weight

    def step(self, coefs, masks=None):
        """Return each candidate's coefficients after one concentration step."""
        if masks is None:
            masks = self.masks(self.losses(coefs))
        size = self.rows.shape[1]
        grams = np.empty((len(coefs), size, size))
        if self.products is None:
            rights = np.empty((len(coefs), size))
            for mask, gram, right in zip(masks, grams, rights, strict=True):
                weighted = self.rows * mask[:, None]
                gram[:] = weighted.T @ self.rows
                right[:] = weighted.T @ self.y
        else:
            sums = masks @ self.products
            rights = sums[:, len(self.upper[0]) :].astype(np.float64)
            grams[:, self.upper[0], self.upper[1]] = sums[:, : len(self.upper[0])]
            grams[:, self.upper[1], self.upper[0]] = sums[:, : len(self.upper[0])]
        return _solve(grams + self.penalty, rights, 1e-6)

    def converge(self, coefs, max_steps):
        """Take steps until no objective falls; return coefficients and objectives."""
        coefs = coefs.copy()
        values, masks = self.values(coefs)
        falling = np.arange(len(coefs))
        for _ in range(max_steps):
            falling = falling[values[falling] > EXACT * self.kept]
            if not len(falling):
                break
            new_coefs = self.step(coefs[falling], masks[falling])
            new_values, new_masks = self.values(new_coefs)
            better = new_values < values[falling] * (1 - 1e-5)
            falling = falling[better]
            coefs[falling], values[falling] = new_coefs[better], new_values[better]
            masks[falling] = new_masks[better]
        order = self.order(coefs, values)
        return coefs[order], values[order]

    def elemental(self, rows):
        """Return the coefficients that fit each subset of rows best.

        Each has its share of the penalty, so that nothing is shrunk more than in the
        fit of all rows.
        """
        subsets = self.rows[rows].astype(np.float64)
        transposed = subsets.transpose(0, 2, 1)
        right = transposed @ self.y[rows].astype(np.float64)[:, :, None]
        penalty = self.penalty * (rows.shape[1] / self.total)
        return _solve(transposed @ subsets + penalty, right[:, :, 0], 1e-12)

    def values(self, coefs):
        """Return the trimmed objective and the mask of each candidate."""
        losses = self.losses(coefs)
        masks = self.masks(losses)
        values = np.einsum("ij,ij->i", masks, losses, dtype=np.float64)
        return values + np.sum(coefs @ self.penalty * coefs, axis=1), masks

    def screen(self, coefs, n_kept):
        """Take two concentration steps, then keep the best candidates."""
        coefs = self.step(self.step(coefs))
        values, _ = self.values(coefs)
        return coefs[self.order(coefs, values)[:n_kept]]

    def order(self, coefs, values):
        """Return the order of candidates by objective, or by rows if that is rounding.

        Of candidates whose objectives single precision cannot tell from 0 those come
        first that meet most rows.
        """
        exact = values <= EXACT * self.kept
        if not exact.any():
            return np.argsort(values, kind="stable")
        met = self.losses(coefs) <= 100 * EXACT
        count = met.sum(axis=1) if self.weight is None else met @ self.weight
        count = np.where(exact, count, 0.0)
        return np.lexsort((np.where(exact, 0.0, values), -count))


def _solve(grams, rights, ridge):
    """Solve many small systems; directions that no row spans get 0."""
    size = grams.shape[1]
    diagonal = np.arange(size)
    trace = np.trace(grams, axis1=1, axis2=2)
    grams[:, diagonal, diagonal] += (ridge * trace / size + 1e-30)[:, None]
    return np.linalg.solve(grams, rights[:, :, None])[:, :, 0]


@dataclass
class Candidate:
    """The best fit found by `search`.

    Attributes
    ----------
    coef : ndarray of shape (n_columns,)
        Coefficients in standardised units.

    value : float
        Sum of the smallest squared residuals, penalty included.

    mask : ndarray of shape (n_samples,)
        Which rows it keeps.

    n_agreeing : int
        How many of the screened candidates ended at this fit.
    """

    coef: np.ndarray
    value: float
    mask: np.ndarray
    n_agreeing: int


def search(
    design,
    y,
    kept,
    *,
    starts,
    n_starts,
    given,
    exhaustive,
    rounding,
    rng,
):
    """Search for the least trimmed squares fit.

    Parameters
    ----------
    design : Design
        Standardised rows.

    y : ndarray of shape (n_samples,)
        Standardised target.

    kept : float
        Weight that the fit keeps.

    starts : {"auto", "deterministic", "random", "ols", "given"}
        Kinds of starts.

    n_starts : int
        Number of elemental subsets.

    given : ndarray of shape (n_given, n_columns)
        Further starts, in standardised units.

    exhaustive : bool
        Whether the fit is to be an optimum. Otherwise it is a good start for the soft
        objective, found sooner.

    rounding : callable
        Maps coefficients to the size of residuals that rounding explains.

    rng : RandomState
        Source of randomness.

    Returns
    -------
    candidate : Candidate
        The best fit found.
    """
    n_samples, n_columns = design.shape
    share = kept / design.total
    merged = np.arange(n_samples)
    group_size = max(GROUP_SIZE, 6 * n_columns)
    merged_size = max(MERGED_SIZE, 10 * n_columns)
    elemental = starts == "random"
    if starts == "auto":
        sampled = n_samples > merged_size
        elemental = n_columns <= (MAX_ELEMENTAL_OF_SAMPLE if sampled else MAX_ELEMENTAL)
    n_groups = max(min(n_samples, merged_size) // group_size, 1) if elemental else 1
    if n_samples > merged_size:
        merged = sample_without_replacement(n_samples, merged_size, random_state=rng)
    if n_groups > 1:
        merged = rng.permutation(merged)
    few = design.take(merged)
    y_few = y[merged]
    clipped = np.clip(few.matrix, -10.0, 10.0)
    transform = whitener(clipped.T @ clipped / len(clipped))
    whole = Batch(few, y_few, share, transform)

    dummies = has_dummies(few.matrix[:, : few.n_features])
    candidates = [given]
    if starts in ("auto", "deterministic"):
        candidates.append(deterministic_starts(few, y_few))
    candidates = [np.vstack(candidates) @ np.linalg.pinv(transform).T]
    if elemental:
        bounds = np.linspace(0, len(merged), n_groups + 1).astype(int)
        for part in map(slice, bounds[:-1], bounds[1:]):
            batch = whole if n_groups == 1 else whole.part(part)
            rows = elemental_subsets(
                few.sample_weight[part],
                -(-n_starts // n_groups),
                transform.shape[1],
                rng,
            )
            if dummies:
                rows = full_rank_subsets(batch.rows, few.sample_weight[part], rows, rng)
            candidates.append(batch.screen(batch.elemental(rows), N_KEPT))
    coefs = whole.screen(np.vstack(candidates), N_KEPT)
    coefs, values = whole.converge(
        coefs, MAX_STEPS if n_samples <= merged_size else N_SAMPLE_STEPS
    )
    n_agreeing = int(np.sum(values <= values[0] * (1 + 1e-4)))
    candidates = [few.solve(np.ones(len(y_few)), y_few), *(coefs @ transform.T)]
    if exact_fit(few, y_few, candidates, whole.kept, rounding) is not None:
        coef = exact_fit(design, y, candidates, kept, rounding)
        if coef is not None:
            value, mask = trimmed_objective(design, y, coef, kept)
            return Candidate(coef, value, mask, n_agreeing)
    # Of candidates in the same basin one goes on.
    distinct = np.append(True, values[1:] > values[:-1] * (1 + 1e-4))
    coefs = coefs[distinct] @ transform.T
    n_products = n_columns * (n_columns + 3) // 2
    polish_size = min(POLISH_SIZE, MAX_PRODUCTS // 4 // n_products)
    max_steps = MAX_STEPS if exhaustive else 2
    if n_samples > 2 * polish_size > 4 * merged_size:
        rows = sample_without_replacement(n_samples, polish_size, random_state=rng)
        rows.sort()
        # So many rows tell where the soft objective is to begin.
        max_steps = MAX_STEPS if exhaustive else 0
        batch = Batch(design.take(rows), y[rows], share, transform, tabulate=False)
        back = np.linalg.pinv(transform).T
        coefs = batch.converge(coefs[:3] @ back, N_SAMPLE_STEPS)[0][:1] @ transform.T
    exchange = exhaustive and n_samples <= MAX_EXCHANGE_SIZE and not design.weighted
    if not exchange:
        coefs = coefs[:3]
    fits = [concentrate(design, y, coef, kept, max_steps) for coef in coefs]
    if exchange:
        fits = [_exchange(design, y, kept, *fit) for fit in fits]
    coef, value, mask = min(fits, key=lambda fit: fit[1])
    return Candidate(coef, value, mask, n_agreeing)


def _exchange(design, y, kept, coef, value, mask):
    """Swap a kept row for a dropped one while that lowers the objective.

    References
    ----------
    .. [1] D. M. Hawkins (1994). The feasible solution algorithm for least trimmed
       squares regression. Computational Statistics & Data Analysis 17(2), 185-196.
    """
    design = design.take(slice(None))
    for _ in range(100):
        if not np.isin(mask, (0.0, 1.0)).all():
            break
        inside, outside = np.flatnonzero(mask == 1), np.flatnonzero(mask == 0)
        if not (len(inside) and len(outside)):
            break
        inverse = np.linalg.pinv(design.gram(mask), hermitian=True)
        coef_kept = design.solve(mask, y)
        residual = design.residual(coef_kept, y)
        A, B = design.matrix[inside], design.matrix[outside]
        a, b = residual[inside][:, None], residual[outside][None, :]
        cross = A @ inverse @ B.T
        keep_a = 1 - np.sum(A @ inverse * A, axis=1)[:, None]
        keep_b = 1 + np.sum(B @ inverse * B, axis=1)[None, :]
        # Change of the objective when row b enters and row a leaves.
        determinant = keep_a * keep_b + cross**2
        change = (b**2 * keep_a - a**2 * keep_b + 2 * a * b * cross) / np.maximum(
            determinant, 1e-12
        )
        change[np.broadcast_to(keep_a <= 1e-8, change.shape)] = np.inf
        leaving, entering = np.unravel_index(np.argmin(change), change.shape)
        if not change[leaving, entering] < -1e-10 * value:
            break
        swapped = mask.copy()
        swapped[inside[leaving]], swapped[outside[entering]] = 0.0, 1.0
        new = concentrate(design, y, design.solve(swapped, y), kept, 50)
        if not new[1] < value * (1 - 1e-12):
            break
        coef, value, mask = new
    return coef, value, mask
