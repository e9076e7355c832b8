"""The message registry: SPEC §6 as a table. ``tests/spec`` holds the two against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from . import messages as m
from .channels import Binding, Channel
from .fields import Array, Bin, Bool, FieldTypes, Hidden, Int, Lenient, ListOf, Map, Nil, Ranges, Row, Str, Token, Word
from .limits import NACK_RANGES


class Role(Enum):
    """Who a peer is in a session; the names follow the audio."""

    SENDER = "sender"
    RECEIVER = "receiver"

    @property
    def other(self) -> Role:
        """The peer's role."""
        return Role.RECEIVER if self is Role.SENDER else Role.SENDER


class Feature(Enum):
    """What hello may offer beyond the core profile (SPEC §19)."""

    REPAIR = "repair"
    RESUME = "resume"
    PAUSE = "pause"
    MARKS = "marks"
    DATA = "data"
    CUSTOM = "custom"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of the registry."""

    number: int
    """The message type on the wire."""
    name: str
    message: Callable[..., m.Message]
    sent_by: tuple[Role, ...]
    channels: frozenset[Channel]
    numbered: bool
    feature: Feature | None
    fields: FieldTypes
    checks: tuple[tuple[str, Callable[[str, Any], Any]], ...]
    """Of each field: its full name, and the check of its type."""
    required: int
    """How many fields have to be there: those after it may be nil (LW-WIRE-6)."""


_SENDER: Final = (Role.SENDER,)
_RECEIVER: Final = (Role.RECEIVER,)
_BOTH: Final = tuple(Role)
_CONTROL: Final = frozenset({Channel.CONTROL})
_MEDIA: Final = frozenset({Channel.MEDIA})
_TWO: Final = frozenset(Channel)

_ID: Final = Int(1)
_POSITION: Final = Int()
_COUNT: Final = Int()
_CLOCK: Final = Int()
_FORMAT: Final = Row((Str(high=1_048_576), Int(), Int()))  # a name of any length may be a later one (LW-FORMAT-1)
_FEATURES: Final = ListOf(Str(1, 64), high=64)
_MAP: Final = Map()
_NAME: Final = Str(1, 128)


def _entry(
    number: int,
    name: str,
    message: Callable[..., m.Message],
    sent_by: tuple[Role, ...],
    channels: frozenset[Channel] = _CONTROL,
    feature: Feature | None = None,
    *,
    numbered: bool = False,
    fields: FieldTypes,
) -> Entry:
    return Entry(
        number=number,
        name=name,
        message=message,
        sent_by=sent_by,
        channels=channels,
        numbered=numbered,
        feature=feature,
        fields=fields,
        checks=tuple((f"{name}.{field}", kind.check) for field, kind in fields.items()),
        required=max((i + 1 for i, t in enumerate(fields.values()) if not isinstance(t, Nil | Lenient)), default=0),
    )


_HELLO: Final[FieldTypes] = {
    "magic": Word(m.MAGIC),
    "versions": ListOf(Int(), 1, 16),
    "session": Bin(16, 16),
    "generation": _ID,
    "formats": ListOf(_FORMAT, 1, 16),
    "features": _FEATURES,
    "limits": _MAP,
    "auth": Nil(Token()),
    "resume": Nil(Hidden(Row((Bin(16, 64), _COUNT)))),
    "info": Nil(_MAP),
}
_WELCOME: Final[FieldTypes] = {
    "version": Int(),
    "session": Bin(16, 16),
    "generation": _ID,
    "format": _FORMAT,
    "features": _FEATURES,
    "limits": _MAP,
    "secret": Nil(Hidden(Bin(16, 64))),
    "state": Nil(Row((_COUNT, ListOf(Row((_ID, _POSITION, _POSITION, Nil(_POSITION))))))),
    "info": Nil(_MAP),
}
_CLOSE: Final[FieldTypes] = {"code": Int(), "reason": Str(), "retry": Lenient(Int()), "details": Lenient(_MAP)}
_SEGMENT_START: Final[FieldTypes] = {"segment": _ID, "metadata": Nil(_MAP)}
_AUDIO: Final[FieldTypes] = {"segment": _ID, "position": _POSITION, "cut_through": Int(), "pcm": Bin(1)}
_CUT: Final[FieldTypes] = {"first": _ID, "last": _ID, "consumed": ListOf(Row((_ID, _POSITION)))}
_PROGRESS: Final[FieldTypes] = {
    "segment": _ID,
    "received": _POSITION,
    "consumed": _POSITION,
    "played": Nil(_POSITION),
    "clock": _CLOCK,
    "delay": Int(),
    "highest": Nil(_POSITION),
}
_STREAM_ENDED: Final[FieldTypes] = {
    "segment": _ID,
    "position": Nil(_POSITION),
    "interrupted": Bool(),
    "cause": Int(),
}
_NACK: Final[FieldTypes] = {"segment": _ID, "missing": Ranges(1, NACK_RANGES)}
_AT: Final[FieldTypes] = {"segment": _ID, "position": _POSITION}

_F = Feature

REGISTRY: Final[tuple[Entry, ...]] = (
    _entry(1, "hello", m.Hello, _SENDER, fields=_HELLO),
    _entry(2, "welcome", m.Welcome, _RECEIVER, fields=_WELCOME),
    _entry(3, "close", m.CloseMessage, _BOTH, fields=_CLOSE),
    _entry(4, "ping", m.Ping, _BOTH, fields={"t1": _CLOCK}),
    _entry(5, "pong", m.Pong, _BOTH, fields={"t1": _CLOCK, "t2": _CLOCK, "t3": _CLOCK}),
    _entry(
        6,
        "numbered",
        m.Numbered,
        _BOTH,
        feature=_F.RESUME,
        fields={"number": _ID, "taken": _COUNT, "message": Array()},
    ),
    _entry(7, "acknowledge", m.Acknowledge, _BOTH, feature=_F.RESUME, fields={"taken": _COUNT}),
    _entry(16, "segment_start", m.SegmentStart, _SENDER, numbered=True, fields=_SEGMENT_START),
    _entry(17, "audio", m.AudioMessage, _SENDER, _MEDIA, fields=_AUDIO),
    _entry(18, "sent", m.Sent, _SENDER, feature=_F.REPAIR, fields=_AT),
    _entry(19, "segment_end", m.SegmentEnd, _SENDER, numbered=True, fields={"segment": _ID, "total": _POSITION}),
    _entry(20, "interrupt", m.Interrupt, _SENDER, _TWO, numbered=True, fields={"first": _ID, "last": _ID}),
    _entry(21, "cut", m.Cut, _RECEIVER, fields=_CUT),
    _entry(22, "pause", m.Pause, _SENDER, feature=_F.PAUSE, numbered=True, fields={}),
    _entry(23, "unpause", m.Unpause, _SENDER, feature=_F.PAUSE, numbered=True, fields={}),
    _entry(24, "mark", m.Mark, _SENDER, feature=_F.MARKS, numbered=True, fields={**_AT, "name": _NAME}),
    _entry(
        25,
        "mark_reached",
        m.MarkReached,
        _RECEIVER,
        feature=_F.MARKS,
        numbered=True,
        fields={"segment": _ID, "name": _NAME},
    ),
    _entry(26, "data", m.Data, _SENDER, feature=_F.DATA, numbered=True, fields={**_AT, "content": _MAP}),
    _entry(
        27,
        "stream_started",
        m.StreamStarted,
        _RECEIVER,
        numbered=True,
        fields={"segment": _ID, "clock": _CLOCK},
    ),
    _entry(28, "progress", m.Progress, _RECEIVER, _MEDIA, fields=_PROGRESS),
    _entry(29, "stream_ended", m.StreamEnded, _RECEIVER, numbered=True, fields=_STREAM_ENDED),
    _entry(30, "nack", m.Nack, _RECEIVER, _MEDIA, feature=_F.REPAIR, fields=_NACK),
    _entry(31, "custom", m.Custom, _BOTH, feature=_F.CUSTOM, numbered=True, fields={"content": _MAP}),
)


def required_features(binding: Binding) -> frozenset[Feature]:
    """The features without which a transport of this kind can not carry a session (SPEC §5)."""
    required = set()
    if not (binding.media_reliable and binding.control_reliable):
        required.add(Feature.REPAIR)
    if not binding.control_reliable:
        required.add(Feature.RESUME)
    return frozenset(required)


BY_TYPE: Final = {entry.number: entry for entry in REGISTRY}
BY_MESSAGE: Final[dict[object, Entry]] = {entry.message: entry for entry in REGISTRY}
IGNORABLE: Final = range(64, 128)
"""Types that are ignored when they are not known (LW-WIRE-10)."""
