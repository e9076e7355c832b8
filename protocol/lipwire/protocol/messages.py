"""The messages of version 1, one class each, in the order of SPEC §6.

Each is a named tuple whose fields stand in the order of the wire, so that encoding one is packing it.
``registry.py`` says what each field may hold and who may send the message when.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

MAGIC = "lipwire"
VERSION = 1

FormatField: TypeAlias = list[str | int]


class Hello(NamedTuple):
    """Opens a session, or resumes one (SPEC §6.1)."""

    magic: str
    versions: list[int]
    session: bytes
    generation: int
    formats: list[FormatField]
    features: list[str]
    limits: Mapping[str, Any]
    auth: str | bytes | None = None
    resume: tuple[bytes, int] | list[Any] | None = None
    info: Mapping[str, Any] | None = None


class Welcome(NamedTuple):
    """Answers a hello with what was chosen (SPEC §6.2)."""

    version: int
    session: bytes
    generation: int
    format: FormatField
    features: list[str]
    limits: Mapping[str, Any]
    secret: bytes | None = None
    state: list[Any] | None = None
    info: Mapping[str, Any] | None = None


class CloseMessage(NamedTuple):
    """Ends the session for both (SPEC §6.3)."""

    code: int
    reason: str = ""
    retry: int | None = None
    details: Mapping[str, Any] | None = None


class Ping(NamedTuple):
    """Asks for a pong (SPEC §6.4). Clocks are in µs."""

    t1: int


class Pong(NamedTuple):
    """Answers a ping (SPEC §6.4). Clocks are in µs."""

    t1: int
    t2: int
    t3: int


class Numbered(NamedTuple):
    """Carries another message that is to be taken once and in order (SPEC §6.5)."""

    number: int
    taken: int
    message: Message


class Acknowledge(NamedTuple):
    """Says how many numbered messages have been taken (SPEC §6.5)."""

    taken: int


class SegmentStart(NamedTuple):
    """Begins a segment (SPEC §6.6)."""

    segment: int
    metadata: Mapping[str, Any] | None = None


class AudioMessage(NamedTuple):
    """A chunk: the samples of ``segment`` from ``position`` on (SPEC §6.6)."""

    segment: int
    position: int
    cut_through: int
    pcm: bytes


class Sent(NamedTuple):
    """Says how far a quiet sender has sent (SPEC §6.6)."""

    segment: int
    position: int


class SegmentEnd(NamedTuple):
    """Ends a segment and gives its length in samples (SPEC §6.6)."""

    segment: int
    total: int


class Interrupt(NamedTuple):
    """Cuts the segments from ``first`` to ``last`` (SPEC §6.7)."""

    first: int
    last: int


class Cut(NamedTuple):
    """Confirms an interrupt, with the consumed position of each live segment in it (SPEC §6.7)."""

    first: int
    last: int
    consumed: list[list[int]]


class Pause(NamedTuple):
    """Holds playout (SPEC §6.8)."""


class Unpause(NamedTuple):
    """Continues playout (SPEC §6.8)."""


class Mark(NamedTuple):
    """Asks to be told when playback reaches ``position`` (SPEC §6.8)."""

    segment: int
    position: int
    name: str


class MarkReached(NamedTuple):
    """Says that a mark was heard (SPEC §6.8)."""

    segment: int
    name: str


class Data(NamedTuple):
    """Side information that belongs at ``position`` (SPEC §6.8)."""

    segment: int
    position: int
    content: Mapping[str, Any]


class StreamStarted(NamedTuple):
    """Says that the first sample of a segment is heard; ``clock`` in µs (SPEC §6.9)."""

    segment: int
    clock: int


class Progress(NamedTuple):
    """Says how far a segment has got; positions in samples, ``clock`` and ``delay`` in µs (SPEC §6.9)."""

    segment: int
    received: int
    consumed: int
    played: int | None
    clock: int
    delay: int
    highest: int | None = None
    """The end of the last sample that has arrived, where that is beyond ``received``."""


class EndCause(IntEnum):
    """Why a stream ended, as stream_ended carries it; other numbers count as failed (SPEC §6.9)."""

    PLAYED = 0
    INTERRUPTED = 1
    FAILED = 2


class StreamEnded(NamedTuple):
    """Says how far a segment was heard in the end (SPEC §6.9)."""

    segment: int
    position: int | None
    interrupted: bool
    cause: int


class Nack(NamedTuple):
    """Asks for missing samples again, as ranges [first, end) (SPEC §6.9)."""

    segment: int
    missing: list[list[int]]


class Custom(NamedTuple):
    """Whatever the two ends agreed on, by namespaced keys (SPEC §6.8)."""

    content: Mapping[str, Any]


Message: TypeAlias = (
    Hello
    | Welcome
    | CloseMessage
    | Ping
    | Pong
    | Numbered
    | Acknowledge
    | SegmentStart
    | AudioMessage
    | Sent
    | SegmentEnd
    | Interrupt
    | Cut
    | Pause
    | Unpause
    | Mark
    | MarkReached
    | Data
    | StreamStarted
    | Progress
    | StreamEnded
    | Nack
    | Custom
)
