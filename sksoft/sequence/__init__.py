# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sequences of labels: beam search, hard and soft, and a tagger trained through it."""

from sksoft.operators.sequences import beam_search, viterbi
from sksoft.operators.soft_beams import soft_beam_search, soft_beam_step
from sksoft.sequence._tagger import BeamSearchTagger, sequence_from_lengths

__all__ = [
    "BeamSearchTagger",
    "beam_search",
    "sequence_from_lengths",
    "soft_beam_search",
    "soft_beam_step",
    "viterbi",
]


def __dir__():
    return __all__
