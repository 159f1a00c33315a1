# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def take_smallest(
    rows: NDArray[float64], largest: NDArray[float64], out: NDArray[intp]
) -> None: ...
def gather_up_to(
    rows: NDArray[float64],
    bound: NDArray[float64],
    values: NDArray[float64],
    places: NDArray[intp],
    found: NDArray[intp],
) -> None: ...
