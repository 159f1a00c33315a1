# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from numpy.typing import NDArray

def replace_by_exp(x: NDArray[np.float64]) -> None: ...
def replace_by_log(x: NDArray[np.float64]) -> None: ...
def write_gaps(
    s: NDArray[np.float64],
    strength: NDArray[np.float64] | None,
    out: NDArray[np.float64],
) -> None: ...
