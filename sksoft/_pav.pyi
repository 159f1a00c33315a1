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
    blocks: NDArray[np.intp],
    work: NDArray[np.float64],
) -> None: ...
def note_long_row(
    s: NDArray[np.float64],
    strength: float,
    sort: bool,
    blocks: NDArray[np.intp],
    work: NDArray[np.float64],
) -> None: ...
def project_entries(
    x: NDArray[Floating],
    s: NDArray[np.float64],
    order: NDArray[np.intp] | None,
    strength: float,
    sort: bool,
    blocks: NDArray[np.intp],
    work: NDArray[np.float64],
    first: int,
    last: int,
    out: NDArray[Floating],
) -> None: ...
def rank_weighted_l2(
    s: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    strength: NDArray[np.float64],
    blocks: NDArray[np.intp],
    work: NDArray[np.float64],
) -> None: ...
