# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def project_short_exponential(
    x: NDArray[Floating],
    strength: NDArray[np.float64],
    sort: bool,
    kl: bool,
    out: NDArray[Floating],
    offsets: NDArray[np.uint16],
    starts: NDArray[np.uint32],
    share: NDArray[np.float64] | None,
) -> None: ...
