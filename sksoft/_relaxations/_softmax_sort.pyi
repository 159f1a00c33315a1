# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float32, float64, intp
from numpy.typing import NDArray

Rows = NDArray[float32] | NDArray[float64]

def relaxed_sort(
    s: NDArray[float64],
    strength: NDArray[float64],
    neural: bool,
    start: int,
    stop: int,
    work: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def pull_relaxed_sort(
    s: NDArray[float64],
    cotangent: NDArray[float64],
    strength: NDArray[float64],
    neural: bool,
    start: int,
    stop: int,
    work: NDArray[float64],
    out: NDArray[float64],
    d_strength: NDArray[float64],
) -> None: ...
def push_relaxed_sort(
    s: NDArray[float64],
    tangent: NDArray[float64],
    strength: NDArray[float64],
    neural: bool,
    start: int,
    stop: int,
    work: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def relaxed_permutation(
    s: NDArray[float64],
    order: NDArray[intp],
    strength: NDArray[float64],
    neural: bool,
    descending: bool,
    start: int,
    stop: int,
    work: NDArray[float64],
    out: Rows,
) -> None: ...
def pull_relaxed_permutation(
    s: NDArray[float64],
    order: NDArray[intp],
    cotangent: Rows,
    strength: NDArray[float64],
    neural: bool,
    descending: bool,
    start: int,
    stop: int,
    work: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def push_relaxed_permutation(
    s: NDArray[float64],
    order: NDArray[intp],
    tangent: NDArray[float64],
    strength: NDArray[float64],
    neural: bool,
    descending: bool,
    start: int,
    stop: int,
    work: NDArray[float64],
    out: Rows,
) -> None: ...
