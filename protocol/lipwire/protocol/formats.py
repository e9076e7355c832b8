"""PCM formats (SPEC §7, LW-FORMAT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from .errors import CloseCode, LocalProtocolError

Encoding: TypeAlias = Literal["s16le", "f32le"]

_SAMPLE_BYTES: dict[str, int] = {"s16le": 2, "f32le": 4}
MIN_RATE, MAX_RATE = 8_000, 48_000


@dataclass(frozen=True)
class PcmFormat:
    """How samples are written: ``rate`` in Hz (8,000 to 48,000), 1 or 2 interleaved channels, little-endian.

    Raises:
        LocalProtocolError: a rate, channel count or encoding that version 1 does not have.
    """

    rate: int = 24_000
    channels: int = 1
    encoding: Encoding = "s16le"

    def __post_init__(self) -> None:
        if not is_supported(self.encoding, self.rate, self.channels):
            raise LocalProtocolError(
                CloseCode.UNSUPPORTED_FORMAT,
                f"{self.encoding!r} at {self.rate!r} Hz with {self.channels!r} channels is not a format: "
                f"use {' or '.join(get_args(Encoding))}, {MIN_RATE} to {MAX_RATE} Hz, 1 or 2 channels",
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one PCM frame: one sample of each channel."""
        return _SAMPLE_BYTES[self.encoding] * self.channels

    @property
    def silence(self) -> bytes:
        """One PCM frame of silence."""
        return bytes(self.frame_bytes)

    def seconds(self, position: int) -> float:
        """Turn a position (samples per channel) into seconds."""
        return position / self.rate

    def samples(self, seconds: float) -> int:
        """Turn seconds into the nearest position (samples per channel)."""
        return round(seconds * self.rate)

    def as_field(self) -> list[str | int]:
        """The format as hello and welcome carry it."""
        return [self.encoding, self.rate, self.channels]

    def __str__(self) -> str:
        return f"{self.encoding} {self.rate} Hz {'mono' if self.channels == 1 else 'stereo'}"


def is_supported(encoding: object, rate: object, channels: object) -> bool:
    """Whether version 1 has this format."""
    return (
        encoding in _SAMPLE_BYTES
        and type(rate) is int
        and MIN_RATE <= rate <= MAX_RATE
        and type(channels) is int
        and channels in (1, 2)
    )


def parse_format(field: list[object]) -> PcmFormat | None:
    """Read a format field; None when it is one that this side does not know (LW-FORMAT-1)."""
    encoding, rate, channels = field
    if not is_supported(encoding, rate, channels):
        return None
    return PcmFormat(rate, channels, encoding)  # type: ignore[arg-type]
