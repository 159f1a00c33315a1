# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floating = TypeVar("Floating", np.float32, np.float64)

def take_rows(
    x: NDArray[Floating], order: NDArray[np.intp], out: NDArray[np.float64]
) -> None: ...
def put_rows(
    values: NDArray[np.float64], order: NDArray[np.intp], out: NDArray[Floating]
) -> None: ...
def shift_blocks(
    values: NDArray[np.float64],
    blocks: NDArray[np.intp],
) -> None: ...
def scale_blocks(
    out: NDArray[np.float64],
    scale: NDArray[np.float64],
    target: NDArray[np.float64] | None,
    blocks: NDArray[np.intp],
) -> None: ...
def pool_blocks(
    values: NDArray[Floating],
    take: NDArray[np.intp] | None,
    put: NDArray[np.intp] | None,
    share: NDArray[np.float64] | None,
    factor: NDArray[np.float64] | None,
    strength: NDArray[np.float64] | None,
    transpose: bool,
    blocks: NDArray[np.intp],
    out: NDArray[Floating],
    work: NDArray[np.float64],
    first: int,
    last: int,
) -> None: ...
