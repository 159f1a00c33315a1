# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
from numpy import float64, intp
from numpy.typing import NDArray

def plan_logits(
    x: NDArray[float64],
    pivot: NDArray[float64],
    rate: NDArray[float64],
    offset: NDArray[float64],
    out: NDArray[float64],
) -> None: ...
def cumulate_plan(
    plan: NDArray[float64], below: NDArray[float64], above: NDArray[float64]
) -> None: ...
def marginal_excess(
    below: NDArray[float64],
    above: NDArray[float64],
    mass: NDArray[float64],
    boundary: NDArray[intp],
    excess: NDArray[float64],
) -> None: ...
