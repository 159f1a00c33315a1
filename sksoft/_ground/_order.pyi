# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def is_ascending(x: NDArray[Floating]) -> bool: ...
def count_places(x: NDArray[Floating], order: NDArray[np.intp]) -> None: ...
def embed_places(keys: NDArray[np.int64], n_bits: int) -> None: ...
def read_places(
    keys: NDArray[np.int64],
    x: NDArray[Floating],
    n_bits: int,
    order: NDArray[np.intp],
    unfinished: NDArray[np.uint8],
) -> None: ...
