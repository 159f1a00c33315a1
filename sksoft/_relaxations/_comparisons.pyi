# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64
from numpy.typing import NDArray

def pairwise_ranks(
    s: NDArray[float64],
    weight: NDArray[float64] | None,
    strength: NDArray[float64],
    gaussian: bool,
    start: int,
    stop: int,
    out: NDArray[float64],
) -> None: ...
def settle_ranks(s: NDArray[float64], out: NDArray[float64]) -> None: ...
def pairwise_differences(
    s: NDArray[float64],
    weight: NDArray[float64] | None,
    values: NDArray[float64],
    strength: NDArray[float64],
    gaussian: bool,
    transpose: bool,
    start: int,
    stop: int,
    out: NDArray[float64],
) -> None: ...
def laplace_ranks(
    s: NDArray[float64],
    weight: NDArray[float64] | None,
    strength: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def laplace_differences(
    s: NDArray[float64],
    weight: NDArray[float64] | None,
    values: NDArray[float64],
    strength: NDArray[float64],
    transpose: bool,
    out: NDArray[float64],
) -> None: ...
