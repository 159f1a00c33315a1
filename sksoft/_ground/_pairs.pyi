# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from numpy.typing import NDArray

def pair_forces(
    scores: NDArray[np.float64],
    gains: NDArray[np.float64],
    below: NDArray[np.intp],
    starts: NDArray[np.intp],
    ranked: bool,
    buffer: NDArray[np.float64],
    gradient: NDArray[np.float64],
    curvature: NDArray[np.float64],
) -> None: ...
