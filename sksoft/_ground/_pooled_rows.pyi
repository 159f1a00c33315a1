# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def rank_where_pooled(
    x: NDArray[Floating], strength: NDArray[np.float64], out: NDArray[Floating]
) -> bool: ...
def rank_where_one_softmax(
    x: NDArray[Floating],
    strength: NDArray[np.float64],
    out: NDArray[Floating],
    share: NDArray[np.float64],
    pooled: NDArray[np.uint8],
) -> None: ...
