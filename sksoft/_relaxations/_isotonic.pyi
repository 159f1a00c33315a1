# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def fit_isotonic(
    x: NDArray[Floating],
    weight: NDArray[np.float64] | None,
    entropic: bool,
    out: NDArray[np.float64],
    blocks: NDArray[np.intp],
    heads: NDArray[np.intp],
    work: NDArray[np.float64],
) -> None: ...
