# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""How many wrong rows a fit bears."""

import numpy as np


def breakdown_point(total, least, borne, robust_start):
    """Return the smallest share of wrong rows that can spoil a fit, never optimistic.

    Parameters
    ----------
    total : float
        Weight of all rows.

    least : float
        Smallest weight of a row.

    borne : float
        Weight of the wrong rows that the optimum bears, wherever they are; 0 where
        the fit is least squares or the like.

    robust_start : bool
        Whether the search begins where wrong rows cannot pull it.

    Returns
    -------
    share : float
        Share of the weight; NaN where it is not known, since the optimum bears wrong
        rows but the start does not.
    """
    if borne > 0 and not robust_start:
        return np.nan
    return float(min((borne + min(1.0, least)) / total, 1.0))


def block_breakdown_point(n_samples, sample_weight, n_blocks):
    """Return the smallest share of wrong rows that spoils half of some blocks of rows.

    Parameters
    ----------
    n_samples : int
        Number of rows.

    sample_weight : ndarray of shape (n_samples,) or None
        How often each row counts, a row being in one block; None counts each once.

    n_blocks : int
        How many blocks there are; a wrong row spoils its block.

    Returns
    -------
    share : float
        Share of the weight, of the lightest rows.
    """
    n_wrong = (n_blocks + 1) // 2
    if sample_weight is None:
        return min(n_wrong / n_samples, 1.0)
    lightest = np.sort(sample_weight)[:n_wrong].sum()
    return float(min(lightest / sample_weight.sum(), 1.0))
