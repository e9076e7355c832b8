"""Audio that both ends know without telling each other, so that the receiver can judge every sample."""

from __future__ import annotations

import numpy as np

from lipwire.sender import PcmFormat

FORMAT = PcmFormat(24_000, 1)
LONG = 60 * FORMAT.rate
"""Samples: a minute."""
_STEP = 997
_SEGMENTS = 1_000
_SAMPLES = np.random.default_rng(1).integers(-8_000, 8_000, LONG + _STEP * _SEGMENTS).astype("<i2").tobytes()


def samples(segment: int, first: int, end: int) -> memoryview:
    """The samples from one position to another of a segment, at most a minute into it; s16le."""
    begin = segment % _SEGMENTS * _STEP
    return memoryview(_SAMPLES)[2 * (begin + first) : 2 * (begin + end)]
