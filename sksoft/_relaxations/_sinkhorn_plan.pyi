# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

def read_plans(
    x: np.ndarray,
    strength: np.ndarray,
    offset: np.ndarray,
    out: np.ndarray,
    work: np.ndarray,
    vectors: np.ndarray,
) -> None: ...
def put_plans(plan: np.ndarray, order: np.ndarray, out: np.ndarray) -> None: ...
def take_steps(values: np.ndarray, order: np.ndarray, out: np.ndarray) -> None: ...
