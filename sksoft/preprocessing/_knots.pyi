# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def collect_knots(
    column: NDArray[np.float64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int: ...
def keep_knots(
    weights: NDArray[np.float64],
    least: NDArray[np.float64],
    most: NDArray[np.float64],
    apart: float,
    kept: NDArray[np.intp],
) -> int: ...
def merge_knots(
    first: NDArray[np.float64],
    first_total: float,
    second: NDArray[np.float64],
    second_total: float,
    out: NDArray[np.float64],
) -> int: ...
def mean_and_deviation(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]: ...
def interpolate(
    x: NDArray[Floating],
    knots: NDArray[np.float64],
    images: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None: ...
