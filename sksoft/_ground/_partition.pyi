# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float32, float64, intp, uint8
from numpy.typing import NDArray

def order_statistics(
    x: NDArray[float32] | NDArray[float64],
    places: NDArray[intp],
    value: NDArray[float64],
    below: NDArray[float64],
    work: NDArray[float64],
    codes: NDArray[uint8],
    unfinished: NDArray[uint8],
) -> int: ...
