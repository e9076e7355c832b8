"""What the two state machines tell their shell: frozen, complete at birth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from .errors import Close, CloseCode
from .formats import PcmFormat
from .items import Interrupted
from .registry import Feature


class Cause(Enum):
    """Why a segment ended, as its agent is told."""

    PLAYED = "played"
    """Heard to its end."""
    INTERRUPTED = "interrupted"
    """Cut by ``interrupt``."""
    CANCELLED = "cancelled"
    """Cut because its block was left by an exception or a cancellation."""
    FAILED = "failed"
    """The renderer reported that it could not play it."""
    NO_REPORT = "no report"
    """The peer is there, and no report came in time; the segment was cut."""
    NEVER_CONNECTED = "never connected"
    """No session was opened within the time given."""
    REFUSED = "refused"
    """The peer would not open a session."""
    TRANSPORT_LOST = "transport lost"
    """The transport broke and was not resumed within the resume time."""
    PEER_CLOSED = "peer closed"
    """The peer closed the session, or came back without it."""
    PEER_FAULT = "peer fault"
    """The peer broke a rule of the protocol."""
    CLOSED = "closed"
    """This side closed the session."""


@dataclass(frozen=True, kw_only=True)
class SessionOpened:
    """Welcome was sent or received. ``resumed``: on a new transport of the same session."""

    session: bytes
    generation: int
    format: PcmFormat
    features: frozenset[Feature]
    limits: Mapping[str, float]
    """Seconds, bytes, counts; ``window`` in samples per channel."""
    resumed: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the peer says of itself."""


@dataclass(frozen=True, kw_only=True)
class TransportDropped:
    """The core has given the transport up (silence, a refusal): the shell should close it. The session may go on."""

    reason: str
    retry_after: float | None = None
    """Seconds to wait before the next try, as the peer asked."""


@dataclass(frozen=True, kw_only=True)
class SessionEnded:
    """The session is over; the last event but for the StreamEnded that follow from it."""

    close: Close
    opened: bool
    """Whether it had ever been open."""


@dataclass(frozen=True, kw_only=True)
class StreamStarted:
    """The first sample of a segment is heard; ``clock`` in seconds by the receiver's clock."""

    segment: int
    clock: float


@dataclass(frozen=True, kw_only=True)
class StreamEnded:
    """How a segment ended. Comes exactly once for each segment, in the order of ids (LW-STREAM-7)."""

    segment: int
    position: int
    """Heard up to there, in samples per channel."""
    interrupted: bool
    """Whether something of it was not heard."""
    cause: Cause
    exact: bool = True
    """False: ``position`` is a lower bound, since no report that carries it came (LW-STREAM-8)."""


@dataclass(frozen=True, kw_only=True)
class MarkReached:
    """Playback has passed a mark."""

    segment: int
    name: str


@dataclass(frozen=True, kw_only=True)
class InterruptConfirmed:
    """The receiver has cut what an interrupt named; ``latency`` in seconds from the call to the confirmation."""

    first: int
    last: int
    latency: float


@dataclass(frozen=True, kw_only=True)
class CustomReceived:
    """The peer sent a custom message."""

    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ConsumerReset:
    """Segments with the consumer were cut: it is to stop at once. ``interrupted`` also comes as an item."""

    interrupted: Interrupted


@dataclass(frozen=True, kw_only=True)
class PauseChanged:
    """Playback is to be held, or to go on. Also comes as an item."""

    paused: bool


SenderEvent: TypeAlias = (
    SessionOpened
    | TransportDropped
    | SessionEnded
    | StreamStarted
    | StreamEnded
    | MarkReached
    | InterruptConfirmed
    | CustomReceived
)
ReceiverEvent: TypeAlias = (
    SessionOpened | TransportDropped | SessionEnded | ConsumerReset | PauseChanged | CustomReceived
)
Event: TypeAlias = SenderEvent | ReceiverEvent


_CLOSE_CAUSES = {
    CloseCode.PEER_GONE: Cause.TRANSPORT_LOST,
    CloseCode.UNKNOWN_SESSION: Cause.PEER_CLOSED,
    CloseCode.RESUME_STATE: Cause.PEER_CLOSED,
}


def cause_of(close: Close, *, opened: bool) -> Cause:
    """Name the cause with which a close ends the segments."""
    if not opened:
        if close.code is CloseCode.PEER_GONE:
            return Cause.NEVER_CONNECTED
        return Cause.REFUSED if close.by_peer else Cause.CLOSED
    if isinstance(close.code, CloseCode) and close.code in _CLOSE_CAUSES:
        return _CLOSE_CAUSES[close.code]
    if close.by_peer:
        return Cause.PEER_CLOSED
    return Cause.CLOSED if close.orderly or close.code is CloseCode.GOING_AWAY else Cause.PEER_FAULT
