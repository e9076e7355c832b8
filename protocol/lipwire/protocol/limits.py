"""Every limit and timer of SPEC §17. Times are in seconds here and in milliseconds on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import ceil
from typing import Any, Final

from .errors import CloseCode, LocalProtocolError, RemoteProtocolError
from .formats import PcmFormat

MAX_INT: Final = 2**53 - 1
MAX_SEGMENT: Final = 2**40
"""Samples per channel in one segment."""
DEPTH: Final = 8
ENTRIES: Final = 1_024
CONTENT_BYTES: Final = 16_384
HELD_CONTENT: Final = 1_048_576
"""Bytes of data, encoded, that may wait over all segments (LW-DATA-3)."""
MARKS: Final = 256
DATA: Final = 256
EARLY_SEGMENTS: Final = 8
EARLY_CUTS: Final = 64
MISSING_RANGES: Final = 256
NACK_RANGES: Final = 32
UNACKNOWLEDGED_MESSAGES: Final = 1_024
UNACKNOWLEDGED_BYTES: Final = 1_048_576
HELD_NUMBERED: Final = 64

HELLO_REPEAT: Final = 0.250
INTERRUPT_REPEAT: Final = (0.020, 0.060, 0.140)
"""After the first interrupt; then every REPEAT."""
REPEAT: Final = 0.500
PROGRESS_INTERVAL: Final = 0.020
SENT_DELAY: Final = 0.040
NACK_DELAY: Final = 0.020
ACKNOWLEDGE_DELAY: Final = 0.050
RESEND_FIRST: Final = 0.200
RESEND_MOST: Final = 2.0
SILENT_KEEPALIVES: Final = 3
"""So many keepalive intervals of silence mean that the transport is broken (LW-LIVE-3)."""


@dataclass(frozen=True, kw_only=True)
class _Bound:
    default: float
    floor: float
    cap: float


BOUNDS: Final[Mapping[str, _Bound]] = {
    "window": _Bound(default=2.0, floor=0.1, cap=60.0),
    "message": _Bound(default=65_536, floor=4_096, cap=1_048_576),
    "cooldown": _Bound(default=0.300, floor=0.0, cap=5.0),
    "resume": _Bound(default=10.0, floor=0.0, cap=600.0),
    "keepalive": _Bound(default=5.0, floor=0.1, cap=60.0),
    "segments": _Bound(default=64, floor=4, cap=1_024),
    "handshake": _Bound(default=10.0, floor=1.0, cap=60.0),
    "repair_timeout": _Bound(default=1.0, floor=0.0, cap=60.0),
    "grace": _Bound(default=5.0, floor=0.1, cap=600.0),
}
"""Seconds, bytes or a count. ``window`` is in seconds of samples."""

_MILLISECONDS = ("cooldown", "resume", "keepalive")
_NEGOTIATED = ("window", "message", "cooldown", "resume", "keepalive", "segments")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a peer sets, and with what the receiver announces in welcome. Seconds, bytes, counts.

    Raises:
        LocalProtocolError: a value under its floor or above its cap (LW-LIMIT-1).
    """

    window: float = BOUNDS["window"].default
    message: int = int(BOUNDS["message"].default)
    cooldown: float = BOUNDS["cooldown"].default
    resume: float = BOUNDS["resume"].default
    keepalive: float = BOUNDS["keepalive"].default
    segments: int = int(BOUNDS["segments"].default)
    handshake: float = BOUNDS["handshake"].default
    repair_timeout: float = BOUNDS["repair_timeout"].default
    grace: float = BOUNDS["grace"].default

    def __post_init__(self) -> None:
        for field in fields(self):
            value, bound = getattr(self, field.name), BOUNDS[field.name]
            if not bound.floor <= value <= bound.cap:
                raise LocalProtocolError(
                    CloseCode.INVALID_FIELD,
                    f"{field.name}={value!r} is out of range: it may be {bound.floor:g} to {bound.cap:g}",
                )

    def as_hello_field(self) -> dict[str, int]:
        """The limits as hello carries them."""
        return {"message": self.message}

    def as_welcome_field(self, pcm: PcmFormat) -> dict[str, int]:
        """The limits as welcome carries them for a session in that format."""
        out: dict[str, int] = {
            # Rounded up: the nearest position can be just under the floor.
            "window": ceil(round(self.window * pcm.rate, 6)),
            "message": self.message,
            "segments": self.segments,
        }
        for name in _MILLISECONDS:
            out[name] = round(getattr(self, name) * 1_000)
        return out


def parse_message_limit(field: Mapping[str, Any]) -> int:
    """Read ``message`` from the limits of hello (LW-OPEN-10)."""
    return int(_negotiated("message", field.get("message"), 1.0))


def parse_welcome_limits(field: Mapping[str, Any], pcm: PcmFormat) -> dict[str, float]:
    """Read the negotiated limits of welcome: seconds, bytes, counts, and ``window`` in samples (LW-OPEN-10).

    Raises:
        RemoteProtocolError: a value of another type, or under its floor.
    """
    scale = dict.fromkeys(_MILLISECONDS, 1000.0) | {"window": float(pcm.rate)}
    out: dict[str, float] = {}
    for name in _NEGOTIATED:
        out[name] = _negotiated(name, field.get(name), scale.get(name, 1.0))
    out["window"] = round(out["window"] * pcm.rate)
    out |= {name: int(out[name]) for name in ("message", "segments")}
    return out


def _negotiated(name: str, value: object, scale: float) -> float:
    """Bring a value from the wire into its bounds: the default when absent, the cap when above it."""
    bound = BOUNDS[name]
    if value is None:
        return bound.default
    if type(value) is not int or not 0 <= value <= MAX_INT:
        raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"the limit {name} is not an integer: {value!r:.40}")
    if value / scale < bound.floor:
        raise RemoteProtocolError(
            CloseCode.INVALID_FIELD,
            f"the limit {name} is {value}, under its floor of {bound.floor * scale:g}",
        )
    return min(value / scale, bound.cap)
