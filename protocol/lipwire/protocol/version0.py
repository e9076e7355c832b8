"""The messages of version 0, VideoSDK's deployed wire (SPEC, Appendix A), and the probe for version 1.

Audio is raw PCM without a header, ``INTERRUPT`` is a message of its own, and the rest is JSON text. The two state
machines are in ``version0_sender.py`` and ``version0_receiver.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from .channels import Wire
from .errors import CloseCode, LocalProtocolError
from .formats import PcmFormat
from .limits import MAX_INT

INTERRUPT: Final = b"INTERRUPT"
SEGMENT_END: Final = json.dumps({"type": "segment_end"})
MAX_MESSAGE: Final = 15 * 1_024
"""Bytes of one message, by the room's rule."""
MAX_AUDIO: Final = 15_000
"""Bytes of PCM in one message."""

_INTERRUPT_TEXT: Final = INTERRUPT.decode()
_MAX_CONTROL: Final = 1_024
_DEPTH: Final = 8


@dataclass(frozen=True, kw_only=True)
class StreamEnded0:
    """The ack: how far the stream was played, in seconds, and whether it was interrupted."""

    position: float
    interrupted: bool


@dataclass(frozen=True, kw_only=True)
class SegmentEnd0:
    """The audio since the last one is a segment."""


@dataclass(frozen=True, kw_only=True)
class Interrupt0:
    """Drop everything."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Somebody in the room speaks these versions and asks who else does."""

    versions: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ProbeAnswer:
    """The version that somebody in the room has chosen among those of a probe."""

    version: int


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """JSON, and nothing that version 0 knows, or a known message with wrong fields."""


Control: TypeAlias = StreamEnded0 | SegmentEnd0 | Interrupt0 | Probe | ProbeAnswer | Unknown

_UNKNOWN: Final = Unknown()


def check_format(pcm: PcmFormat) -> None:
    """Make sure that version 0 can carry this format.

    Raises:
        LocalProtocolError: it is not mono s16le.
    """
    if pcm.encoding != "s16le" or pcm.channels != 1:
        raise LocalProtocolError(
            CloseCode.UNSUPPORTED_FORMAT, f"version 0 carries mono s16le and nothing else; this is {pcm}"
        )


def encode_stream_ended(position: float, *, interrupted: bool) -> str:
    """Encode an ack; ``position`` in seconds."""
    return json.dumps({"type": "stream_ended", "data": {"playback_position": position, "interrupted": interrupted}})


def parse(message: Wire) -> Control | None:
    """Read a message; None: it is audio.

    Never raises. Text that is not a JSON object with a ``type`` is audio that a room's client took for text.
    """
    if isinstance(message, bytes):
        return Interrupt0() if message == INTERRUPT else None
    if message == _INTERRUPT_TEXT:
        return Interrupt0()
    body = _load_object(message)
    if body is None:
        return None
    match body["type"]:
        case "segment_end":
            return SegmentEnd0()
        case "stream_ended":
            return _read_stream_ended(body.get("data"))
        case "lipwire":
            return _read_probe(body)
        case _:
            return _UNKNOWN


def parse_ack(message: Wire) -> Control | None:
    """Read what comes to a sender, where JSON in a binary message is taken as well; None: it is nothing known."""
    if isinstance(message, bytes):
        if len(message) > _MAX_CONTROL:
            return None
        try:
            message = message.decode()
        except UnicodeDecodeError:
            return None
    return parse(message)


def audio_bytes(message: Wire) -> bytes | None:
    """Give back the bytes of an audio message, also when a room's client decoded it; None: it never was bytes."""
    if isinstance(message, bytes):
        return message
    try:
        return message.encode()
    except UnicodeEncodeError:
        return None


def not_text(pcm: bytes) -> bytes:
    """Change PCM that is valid UTF-8 so that it is not: one sample, by as little as possible (silence by 1).

    A room's client hands valid UTF-8 over as text, and a deployed receiver drops audio that comes as text.
    """
    try:
        pcm.decode()
    except UnicodeDecodeError:
        return pcm
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    # The byte ff is never part of UTF-8: bring one sample's low byte there, up or down.
    low = samples & 0xFF
    up, down = 0xFF - low, low + 1
    down[samples - down < -0x8000] = 0x100
    change = np.where(up < down, up, -down)
    at = int(np.argmin(np.abs(change)))
    changed = np.frombuffer(pcm, "<i2").copy()
    changed[at] = samples[at] + change[at]
    return changed.tobytes()


# -- the probe: does the other side of a room speak version 1? -------------------------------------------------


def probe_message(versions: Iterable[int] = (1,)) -> str:
    """Make the text that asks a room who speaks one of these versions. Deployed peers of version 0 ignore it."""
    return json.dumps({"type": "lipwire", "versions": sorted(versions)})


def is_probe(text: Wire) -> bool:
    """Whether a message is such a question."""
    return isinstance(text, str) and isinstance(parse(text), Probe)


def answer_probe(text: Wire, versions: Iterable[int] = (1,)) -> str | None:
    """Make the answer to a probe: the highest version that both speak. None: it is no probe, or there is none."""
    probe = parse(text) if isinstance(text, str) else None
    if not isinstance(probe, Probe):
        return None
    common = set(probe.versions) & set(versions)
    return json.dumps({"type": "lipwire", "version": max(common)}) if common else None


def probe_answer(text: Wire) -> int | None:
    """Read the answer to a probe: the version chosen. None: it is no answer."""
    answer = parse(text) if isinstance(text, str) else None
    return answer.version if isinstance(answer, ProbeAnswer) else None


# -- JSON from somebody who may mean harm ----------------------------------------------------------------------


def _load_object(text: str) -> dict[str, Any] | None:
    """Read a JSON object with a ``type``, bounded in size and depth."""
    if len(text) > _MAX_CONTROL or not text.lstrip().startswith("{"):
        return None
    if text.count("{") + text.count("[") > _DEPTH:
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body.get("type"), str) else None


def _read_stream_ended(data: Any) -> StreamEnded0 | Unknown:
    if not isinstance(data, dict):
        return _UNKNOWN
    position, interrupted = data.get("playback_position"), data.get("interrupted")
    if isinstance(position, bool) or not isinstance(position, (int, float)) or not isinstance(interrupted, bool):
        return _UNKNOWN
    if not 0 <= position <= MAX_INT:  # not a number either
        return _UNKNOWN
    return StreamEnded0(position=float(position), interrupted=interrupted)


def _read_probe(body: dict[str, Any]) -> Probe | ProbeAnswer | Unknown:
    versions, version = body.get("versions"), body.get("version")
    if type(version) is int:
        return ProbeAnswer(version=version)
    if isinstance(versions, list) and versions and all(type(one) is int for one in versions):
        return Probe(versions=tuple(versions))
    return _UNKNOWN
