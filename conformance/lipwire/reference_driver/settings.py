"""What a ``start`` command says, in the SDK's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from lipwire.protocol import Feature, Limits, PcmFormat

CAPABILITIES: Final = frozenset(
    {
        "sender", "receiver", "websocket", "webrtc", "version0", "repair", "resume", "pause", "marks", "data", "custom",
        "f32le", "stereo", "rates", "token", "sessions", "hold", "drop", "interrupt_one", "reset",
        "finish", "conceal",
        *(f"limit.{name}" for name in (
            "window", "message", "cooldown", "resume", "keepalive", "segments", "handshake", "grace", "repair_timeout",
        )),
    }
)  # fmt: skip
"""What these drivers declare: all that there is, except that a sender of the SDK announces one limit only."""
_MILLISECONDS: Final = ("cooldown", "resume", "keepalive", "handshake", "grace", "repair_timeout")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an endpoint is to be."""

    formats: tuple[PcmFormat, ...]
    features: frozenset[Feature]
    limits: Limits
    token: str | None
    sessions: int
    reading: bool
    info: dict[str, Any] = field(default_factory=dict)
    version: int = 1


def read(options: dict[str, Any], version: int) -> Settings:
    """Read the options of ``start``."""
    formats = tuple(PcmFormat(rate, channels, encoding) for encoding, rate, channels in options.get("formats", ()))
    rate = formats[0].rate if formats else 24_000
    limits: dict[str, Any] = {}
    for name, value in options.get("limits", {}).items():
        scale = rate if name == "window" else 1_000 if name in _MILLISECONDS else None
        limits[name] = value if scale is None else value / scale
    features = options.get("features")
    return Settings(
        formats=formats,
        features=frozenset(Feature) if features is None else frozenset(Feature(name) for name in features),
        limits=Limits(**limits),
        token=options.get("token"),
        sessions=options.get("sessions", 100),
        reading=options.get("reading", True),
        info=options.get("info", {}),
        version=version,
    )


def format_row(pcm: PcmFormat) -> list[Any]:
    """A format as the wire has it."""
    return [pcm.encoding, pcm.rate, pcm.channels]
