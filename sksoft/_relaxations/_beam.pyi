# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def expand_beams(
    emissions: NDArray[float64],
    starts: NDArray[intp],
    reference: NDArray[intp],
    first: NDArray[float64],
    second: NDArray[float64],
    k: int,
    candidates: NDArray[float64],
    chosen: NDArray[intp],
    n_slots: NDArray[intp],
) -> None: ...
def collect_gradients(
    cotangent: NDArray[float64],
    starts: NDArray[intp],
    reference: NDArray[intp],
    chosen: NDArray[intp],
    n_slots: NDArray[intp],
    d_emissions: NDArray[float64],
    d_first: NDArray[float64],
    d_second: NDArray[float64],
) -> None: ...
def search_beams(
    emissions: NDArray[float64],
    starts: NDArray[intp],
    first: NDArray[float64],
    second: NDArray[float64],
    k: int,
    candidates: NDArray[float64],
    kept: NDArray[float64],
    chosen: NDArray[intp],
    scores: NDArray[float64],
    log_total: NDArray[float64],
) -> None: ...
def trace_beams(
    chosen: NDArray[intp],
    starts: NDArray[intp],
    n_labels: int,
    labels: NDArray[intp],
) -> None: ...
