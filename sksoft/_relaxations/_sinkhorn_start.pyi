# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float32, float64, intp, uint8
from numpy.typing import NDArray

Rows = NDArray[float32] | NDArray[float64]

def largest_places(n: int, k: NDArray[float64], places: NDArray[intp]) -> None: ...
def start_rows(
    n: int,
    k: NDArray[float64],
    strength: NDArray[float64],
    pivot: NDArray[float64],
    below: NDArray[float64],
    offset: NDArray[float64],
    balanced: NDArray[uint8],
) -> None: ...
def start_parted_rows(
    parts: Rows,
    k: NDArray[float64],
    strength: NDArray[float64],
    pivot: NDArray[float64],
    offset: NDArray[float64],
    balanced: NDArray[uint8],
) -> None: ...
def start_weighted_rows(
    x: Rows,
    order: NDArray[intp],
    weight: NDArray[float64],
    k: NDArray[float64],
    strength: NDArray[float64],
    pivot: NDArray[float64],
    offset: NDArray[float64],
    balanced: NDArray[uint8],
) -> None: ...
