# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

def start_plans(x: np.ndarray, strength: np.ndarray, offset: np.ndarray) -> None: ...
def solve_plans(
    x: np.ndarray,
    strength: np.ndarray,
    n_steps: int,
    offset: np.ndarray,
    settled: np.ndarray,
    residual: np.ndarray,
    out: np.ndarray,
    work: np.ndarray,
    hessian: np.ndarray,
    vectors: np.ndarray,
) -> None: ...
