# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from numpy.typing import NDArray

def project_exponential(
    s: NDArray[np.float64],
    decay: NDArray[np.float64],
    target: NDArray[np.float64] | None,
    weight: NDArray[np.float64] | None,
    strength: NDArray[np.float64],
    sort: bool,
    kl: bool,
    blocks: NDArray[np.intp],
    work: NDArray[np.float64],
) -> None: ...
