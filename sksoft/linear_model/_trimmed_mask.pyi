# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64
from numpy.typing import NDArray

def soft_mask(
    losses: NDArray[float64],
    sample_weight: NDArray[float64],
    strength: float,
    kept: float,
    threshold: float,
    entropic: bool,
    mask: NDArray[float64],
) -> tuple[float, float]: ...
