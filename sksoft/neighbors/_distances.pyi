# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def squared_distances(
    queries: NDArray[float64],
    templates: NDArray[float64],
    candidates: NDArray[intp],
    out: NDArray[float64],
) -> None: ...
def pull_distances(
    Z: NDArray[float64],
    queries: NDArray[intp],
    candidates: NDArray[intp],
    cotangent: NDArray[float64],
    gradient: NDArray[float64],
) -> None: ...
