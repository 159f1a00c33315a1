# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def project_l2(
    x: NDArray[Floating],
    order: NDArray[np.intp] | None,
    strength: NDArray[np.float64],
    sort: bool,
    out: NDArray[Floating],
    starts: NDArray[np.intp],
    stops: NDArray[np.intp],
    n_blocks: NDArray[np.intp],
    work: NDArray[np.float64],
    flags: NDArray[np.uint8],
) -> None: ...
def rank_distance_l2(
    x: NDArray[np.float64],
    order: NDArray[np.intp],
    target: NDArray[np.float64],
    strength: float,
    distance: NDArray[np.float64],
    gradient: NDArray[np.float64],
    blocks: NDArray[np.intp],
    work: NDArray[np.float64],
    flags: NDArray[np.uint8],
) -> None: ...
def rank_weighted_l2(
    s: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    strength: NDArray[np.float64],
    starts: NDArray[np.intp],
    stops: NDArray[np.intp],
    n_blocks: NDArray[np.intp],
    work: NDArray[np.float64],
) -> None: ...
