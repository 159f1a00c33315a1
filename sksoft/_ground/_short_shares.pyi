# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def pool_short_shares(
    values: NDArray[Floating],
    take: NDArray[np.uint16] | None,
    put: NDArray[np.uint16] | None,
    share: NDArray[np.float64],
    strength: NDArray[np.float64] | None,
    starts: NDArray[np.uint32],
    kl: bool,
    transpose: bool,
    out: NDArray[Floating],
) -> None: ...
