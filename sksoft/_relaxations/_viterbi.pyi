# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def best_paths_of_pairs(
    emissions: NDArray[float64],
    starts: NDArray[intp],
    first: NDArray[float64],
    state: NDArray[float64],
    origin: NDArray[intp],
    labels: NDArray[intp],
    scores: NDArray[float64],
) -> None: ...
def best_paths_of_triples(
    emissions: NDArray[float64],
    starts: NDArray[intp],
    first: NDArray[float64],
    second: NDArray[float64],
    state: NDArray[float64],
    origin: NDArray[intp],
    labels: NDArray[intp],
    scores: NDArray[float64],
) -> None: ...
