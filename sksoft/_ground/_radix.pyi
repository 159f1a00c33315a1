# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def order_rows(
    x: NDArray[Floating],
    work: NDArray[np.uint32],
    order: NDArray[np.intp],
    unfinished: NDArray[np.uint8],
) -> bool: ...
def write_codes(
    x: NDArray[Floating],
    first: int,
    least: float,
    scale: float,
    place_bits: int,
    keys: NDArray[np.uint64],
) -> None: ...
def write_patterns(
    x: NDArray[Floating], first: int, place_bits: int, keys: NDArray[np.uint64]
) -> None: ...
def count_digits(
    keys: NDArray[np.uint64], shift: int, counts: NDArray[np.intp]
) -> None: ...
def distribute(
    keys: NDArray[np.uint64],
    shift: int,
    starts: NDArray[np.intp],
    out: NDArray[np.uint64],
) -> None: ...
def read_long_places(
    x: NDArray[Floating],
    keys: NDArray[np.uint64],
    place_bits: int,
    start: int,
    stop: int,
    order: NDArray[np.intp],
) -> bool: ...
