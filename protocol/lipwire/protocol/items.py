"""What a receiver hands to its consumer, in order: the things that ``async for`` over an AudioIn yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .formats import PcmFormat

if TYPE_CHECKING:
    import av

_DTYPES: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


class SegmentStart(NamedTuple):
    """A segment begins. ``metadata`` is whatever the agent said of it (text, language, emotion)."""

    segment: int
    metadata: Mapping[str, Any]


class Audio(NamedTuple):
    """Samples of ``segment`` from ``position`` (samples per channel) on."""

    segment: int
    position: int
    pcm: bytes | memoryview
    """Interleaved little-endian samples in ``format``."""
    format: PcmFormat
    concealed: bool = False
    """True: silence in the place of samples that were lost and could not be repaired in time (SPEC §13)."""

    @property
    def samples(self) -> int:
        """How many samples per channel."""
        return len(self.pcm) // self.format.frame_bytes

    @property
    def end(self) -> int:
        """The position after the last sample."""
        return self.position + self.samples

    @property
    def duration(self) -> float:
        """In seconds."""
        return self.samples / self.format.rate

    def to_ndarray(self) -> NDArray[Any]:
        """The samples as int16 or float32, of shape (samples, channels); read-only, without a copy."""
        samples: NDArray[Any] = np.frombuffer(self.pcm, _DTYPES[self.format.encoding])
        return samples.reshape(-1, self.format.channels)

    def to_av(self) -> av.AudioFrame:
        """The samples as a packed ``av.AudioFrame`` (s16 or flt), its pts the position.

        Raises:
            ImportError: PyAV is not installed (``pip install "lipwire[av]"``).
        """
        try:
            import av
        except ImportError as error:
            raise ImportError('Audio.to_av needs PyAV: pip install "lipwire[av]"') from error
        from fractions import Fraction

        frame = av.AudioFrame(
            format="s16" if self.format.encoding == "s16le" else "flt",
            layout="mono" if self.format.channels == 1 else "stereo",
            samples=self.samples,
            align=1,
        )
        frame.planes[0].update(bytes(self.pcm))
        frame.sample_rate = self.format.rate
        frame.time_base = Fraction(1, self.format.rate)
        frame.pts = self.position
        return frame


class SegmentEnd(NamedTuple):
    """All of a segment has been handed out; ``total`` is its length in samples per channel.

    The consumer owes a ``notify_stream_ended`` once playback has ended.
    """

    segment: int
    total: int


class Interrupted(NamedTuple):
    """These segments were cut: stop playing them, drop what is queued, and report how far each was heard."""

    segments: tuple[int, ...]
    consumed: tuple[int, ...]
    """Of each, the position up to which it had been handed out."""
    by_close: bool = False
    """True: not by the agent's interrupt; the session is over (SPEC LW-CLOSE-3), and nothing is to be reported."""


class Mark(NamedTuple):
    """The agent wants to know when playback reaches this position; answered from what the consumer reports."""

    segment: int
    position: int
    name: str


class Data(NamedTuple):
    """Side information that belongs at ``position``: word times, visemes, emotion."""

    segment: int
    position: int
    content: Mapping[str, Any]


class Paused(NamedTuple):
    """Hold playback where it is."""


class Unpaused(NamedTuple):
    """Go on from where playback was held."""


Item: TypeAlias = SegmentStart | Audio | SegmentEnd | Interrupted | Mark | Data | Paused | Unpaused
