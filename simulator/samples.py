"""What is spoken: samples that tell of which segment and position they are."""

from __future__ import annotations

from random import Random
from typing import Final

from lipwire.protocol.formats import PcmFormat

MONO: Final = PcmFormat(8_000, 1)

_HALF = Random(1).randbytes(1 << 17)
_NOISE: Final = _HALF + _HALF
"""Two periods."""


def pcm(segment: int, position: int, samples: int, frame: int = MONO.frame_bytes) -> bytes:
    """The samples of a segment, ``frame`` bytes each: those of other positions and segments look different."""
    period = len(_HALF) // frame
    at = (segment * 7_919 + position) % period
    if samples <= period:
        return _NOISE[frame * at : frame * (at + samples)]
    parts = []
    while samples:
        at = (segment * 7_919 + position) % period
        count = min(samples, period)
        parts.append(_NOISE[frame * at : frame * (at + count)])
        position += count
        samples -= count
    return b"".join(parts)
