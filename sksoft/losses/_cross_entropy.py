# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The multinomial logistic loss."""

import numpy as np
from scipy.special import log_softmax

from sksoft.losses._reduction import LabelLoss


class CrossEntropy(LabelLoss):
    """Multinomial logistic loss."""

    def evaluate(self, scores, labels):
        log_share = log_softmax(scores, axis=1)
        gradient = np.exp(log_share)
        rows = np.arange(len(scores))
        gradient[rows, labels] -= 1.0
        return -log_share[rows, labels], gradient
