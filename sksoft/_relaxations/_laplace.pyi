# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def laplace_mask(
    s: NDArray[float64],
    weight: NDArray[float64] | None,
    k: NDArray[float64],
    strength: NDArray[float64],
    work: NDArray[float64],
    mask: NDArray[float64],
    share: NDArray[float64],
    factor: NDArray[float64],
) -> None: ...
def laplace_sort(
    s: NDArray[float64],
    strength: NDArray[float64],
    work: NDArray[float64],
    out: NDArray[float64],
    before: NDArray[intp],
    to_before: NDArray[float64],
    to_after: NDArray[float64],
) -> None: ...
def laplace_averages(
    s: NDArray[float64],
    strength: NDArray[float64],
    before: NDArray[intp],
    to_before: NDArray[float64],
    to_after: NDArray[float64],
    values: NDArray[float64],
    transpose: bool,
    work: NDArray[float64],
    out: NDArray[float64],
    d_strength: NDArray[float64],
) -> None: ...
