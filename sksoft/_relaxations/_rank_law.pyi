# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float32, float64
from numpy.typing import NDArray

Rows = NDArray[float32] | NDArray[float64]

def rank_law(
    x: NDArray[float64],
    sigma: NDArray[float64],
    nodes: NDArray[float64],
    node_weights: NDArray[float64],
    scale: float,
    start: int,
    stop: int,
    work: NDArray[float64],
    law: NDArray[float64],
    out: Rows,
) -> None: ...
def pull_rank_law(
    x: NDArray[float64],
    cotangent: Rows,
    sigma: NDArray[float64],
    nodes: NDArray[float64],
    node_weights: NDArray[float64],
    scale: float,
    start: int,
    stop: int,
    history: NDArray[float64],
    adjoint: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def push_rank_law(
    x: NDArray[float64],
    tangent: NDArray[float64],
    sigma: NDArray[float64],
    nodes: NDArray[float64],
    node_weights: NDArray[float64],
    scale: float,
    start: int,
    stop: int,
    work: NDArray[float64],
    law: NDArray[float64],
    out: Rows,
) -> None: ...
