# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def take_smallest(
    rows: NDArray[float64], largest: NDArray[float64], out: NDArray[intp]
) -> None: ...
