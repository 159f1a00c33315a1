# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

def differentiate_plans(
    x: np.ndarray,
    strength: np.ndarray,
    offset: np.ndarray,
    steps: np.ndarray,
    plan_out: np.ndarray | None,
    work: np.ndarray,
    hessian: np.ndarray,
    vectors: np.ndarray,
) -> None: ...
