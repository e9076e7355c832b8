"""What is spoken: samples that tell of which segment and position they are."""

from __future__ import annotations

from random import Random
from typing import Final

from lipwire.protocol.formats import PcmFormat

MONO: Final = PcmFormat(8_000, 1)

_HALF = Random(1).randbytes(1 << 17)
_NOISE: Final = _HALF + _HALF
_PERIOD: Final = len(_HALF) // 2
"""In samples of two bytes; ``_NOISE`` holds two periods."""


def pcm(segment: int, position: int, samples: int) -> bytes:
    """The samples of a segment (mono s16le): those of other positions and segments look different."""
    at = (segment * 7_919 + position) % _PERIOD
    if samples <= _PERIOD:
        return _NOISE[2 * at : 2 * (at + samples)]
    parts = []
    while samples:
        at = (segment * 7_919 + position) % _PERIOD
        count = min(samples, _PERIOD)
        parts.append(_NOISE[2 * at : 2 * (at + count)])
        position += count
        samples -= count
    return b"".join(parts)
