# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Discounted cumulative gain: gains of relevance, discounts of ranks, the ideal."""

from numbers import Integral

import numpy as np
from scipy.stats import rankdata

from sksoft._validation import TRUTHS, check_option

GAINS = {"exp2": lambda relevance: np.exp2(relevance) - 1.0, "linear": np.copy}

# Above this, sums of the gains 2**relevance - 1 could overflow.
EXP2_MOST = 996.0


class DiscountedGain:
    """What counts in a normalised discounted cumulative gain.

    Parameters
    ----------
    k : int or None
        Only the first k ranks count; None counts all.
    gain : {"exp2", "linear"}
        What a relevance counts.
    discount : {"log2"} or callable, default="log2"
        What a rank counts, see :meth:`discount_and_slope`.

    Raises
    ------
    TypeError, ValueError
        If an option is not one of these.
    """

    def __init__(self, k, gain, discount="log2"):
        check_option(gain, "gain", tuple(GAINS))
        if not callable(discount):
            check_option(discount, "discount", ("log2",))
        self.k = checked_cutoff(k, "k")
        self.gain = gain
        self.discount = discount

    def discount_and_slope(self, ranks):
        """Return the discounts at ranks, which need not be whole, and derivatives."""
        if self.discount == "log2":
            log_ranks = np.log2(1.0 + ranks)
            value = 1.0 / log_ranks
            return value, -value / (log_ranks * (1.0 + ranks) * np.log(2.0))
        pair = self.discount(ranks)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                "discount must return a tuple of discounts and their derivatives, got "
                f"{type(pair).__name__}."
            )
        pair = tuple(map(np.asarray, pair))
        for part in pair:
            if part.dtype.kind not in "fiub":
                raise TypeError(
                    f"discount must return real numbers, got dtype {part.dtype}."
                )
            if part.shape != ranks.shape or not np.isfinite(part).all():
                raise ValueError(
                    "discount must return finite numbers of the shape of the ranks, "
                    f"{ranks.shape}, got {part}."
                )
        value, slope = pair
        return value.astype(np.float64), slope.astype(np.float64)

    def discounts(self, m):
        """Return the discounts of the ranks 1 to m, 0 beyond the cutoff."""
        value = self.discount_and_slope(np.arange(1.0, m + 1.0))[0].copy()
        if value.size and (value.min() < 0.0 or np.any(np.diff(value) > 0.0)):
            raise ValueError(
                "discount must be at least 0 and not increase with the rank, got "
                f"{value} for the ranks 1 to {m}."
            )
        if self.k is not None:
            value[self.k :] = 0.0
        return value

    def shares(self, relevance, name="relevance"):
        """Return the gains of rows, as shares of the largest discounted sum.

        Where nothing is relevant they are 0. Errors call the relevance by `name`.
        """
        check_relevance(relevance, self.gain, name)
        gains = GAINS[self.gain](relevance)
        ideal = -np.sort(-gains, axis=1) @ self.discounts(gains.shape[1])
        return gains / np.where(ideal > 0.0, ideal, 1.0)[:, np.newaxis]


def tied_places(scores):
    """Return how many scores of a row come before each, and how many up to its ties."""
    before = rankdata(-scores, method="min", axis=1).astype(np.intp) - 1
    return before, rankdata(-scores, method="max", axis=1).astype(np.intp)


def tied_discounts(scores, discounts):
    """Return the discount at the place of each score, the mean where scores tie."""
    before, until = tied_places(scores)
    total = np.concatenate([[0.0], np.cumsum(discounts)])
    return (total[until] - total[before]) / (until - before)


def check_relevance(relevance, gain, name="relevance"):
    """Raise unless all grades have gains, of which sums are finite."""
    if relevance.size and relevance.min() < 0.0:
        raise ValueError(f"{name} must be >= 0 everywhere, got {relevance.min()}.")
    if gain == "exp2" and relevance.size and relevance.max() > EXP2_MOST:
        raise ValueError(
            f"{name} must be at most {EXP2_MOST:g} for gain='exp2', got "
            f"{relevance.max()}; gain='linear' suits large grades."
        )


def checked_cutoff(k, name):
    """Return k, None or an integer of at least 1."""
    if k is None:
        return None
    if not isinstance(k, Integral) or isinstance(k, TRUTHS):
        raise TypeError(f"{name} must be an integer or None, got {k!r}.")
    if k < 1:
        raise ValueError(f"{name} must be at least 1, got {k}.")
    return int(k)
