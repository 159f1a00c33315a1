# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64
from numpy.typing import NDArray

def power_mask(
    s: NDArray[float64],
    weight: NDArray[float64] | None,
    k: NDArray[float64],
    strength: NDArray[float64],
    power: int,
    mass: NDArray[float64],
    mask: NDArray[float64],
    share: NDArray[float64],
    factor: NDArray[float64],
) -> None: ...
