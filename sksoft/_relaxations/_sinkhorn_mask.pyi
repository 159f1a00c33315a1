# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float32, float64, uint8
from numpy.typing import NDArray

Rows = NDArray[float32] | NDArray[float64]

def shift_rows(
    x: Rows,
    pivot: NDArray[float64],
    strength: NDArray[float64],
    offset: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def saturate(e: NDArray[float64]) -> None: ...
def select_rows(
    e: NDArray[float64],
    weight: NDArray[float64] | None,
    k: NDArray[float64],
    balanced: NDArray[uint8],
    offset: NDArray[float64],
    keep: bool,
    out: Rows,
    settled: NDArray[uint8],
) -> int: ...
