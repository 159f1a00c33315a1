# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Time the transformers against a sort of the same columns; print ratios.

Each ratio is the processor time of ``fit`` and ``transform`` over that of
``np.argsort(X, axis=0)``, taken in turns, and the median of several. scikit-learn's
QuantileTransformer, at all its training values, is timed for comparison.

Usage: OMP_NUM_THREADS=1 python benchmarks/transformers.py [REPEATS]
"""

import sys
import time

import numpy as np
from sklearn.preprocessing import QuantileTransformer

from sksoft.preprocessing import (
    QuantileNormalizer,
    SoftQuantileTransformer,
    SoftRankTransformer,
)

SHAPES = ((100_000, 10), (1_000_000, 2))
TRANSFORMERS = (
    SoftRankTransformer(),
    SoftRankTransformer(regularization_strength=0.0),
    SoftQuantileTransformer(),
    SoftQuantileTransformer(output_distribution="normal"),
    QuantileNormalizer(),
    QuantileTransformer(subsample=None),
)


def seconds(function):
    """Return the processor time of a call."""
    begin = time.process_time()
    function()
    return time.process_time() - begin


def ratio(transformer, X, repeats):
    """Return the median time of a fit and a transform in units of a sort."""
    return np.median(
        [
            seconds(lambda: transformer.fit(X).transform(X))
            / seconds(lambda: np.argsort(X, axis=0))
            for _ in range(repeats)
        ]
    )


def main(repeats):
    print(f"{'fit and transform / argsort':66s}", *(f"{s!s:>13s}" for s in SHAPES))
    samples = [np.random.default_rng(0).normal(size=shape) for shape in SHAPES]
    for transformer in TRANSFORMERS:
        ratios = (ratio(transformer, X, repeats) for X in samples)
        print(f"{transformer!s:66s}", *(f"{value:13.2f}" for value in ratios))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 9)
