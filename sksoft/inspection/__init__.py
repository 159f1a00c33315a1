# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of operators and of fitted models."""

from sksoft.inspection._neighborhood import NeighborhoodDisplay
from sksoft.inspection._soft_rank import SoftRankDisplay
from sksoft.inspection._strength_path import StrengthPathDisplay
from sksoft.inspection._trimming import TrimmingDisplay

__all__ = [
    "NeighborhoodDisplay",
    "SoftRankDisplay",
    "StrengthPathDisplay",
    "TrimmingDisplay",
]


def __dir__():
    return __all__
