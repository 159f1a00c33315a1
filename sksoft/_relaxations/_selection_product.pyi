# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float32, float64
from numpy.typing import NDArray

Rows = NDArray[float32] | NDArray[float64]

def selection_product(
    slope: NDArray[float64],
    weight: NDArray[float64] | None,
    strength: NDArray[float64],
    values: Rows,
    transpose: bool,
    out: Rows,
) -> None: ...
