"""The parts of what really happened: terms, segments, numbers, peers, interrupts."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from lipwire.protocol.events import Cause, StreamEnded

from .ranges import Ranges

HELD_AHEAD: Final = 64
Raw = list[Any]
"""A message as MessagePack has it: type, then fields."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What was agreed on, and what the network can do. Seconds; ``window`` in samples."""

    rate: int = 8_000
    frame: int = 2
    window: int = 16_000
    segments: int = 64
    cooldown: float = 0.3
    grace: float = 5.0
    resume: float = 10.0
    keepalive: float = 5.0
    handshake: float = 10.0
    connect: float = 30.0
    repair_timeout: float = 1.0
    repair: bool = True
    numbered: bool = True
    """Whether ``resume`` is in use."""
    flow: float = 10.0
    """Within which samples come through to a consumer that waits for them, however bad the network is."""
    buffer: int = 1 << 40
    """Samples that the agent's writer lets wait."""


class Segment:
    """One segment, as it is in truth."""

    def __init__(self, number: int, metadata: Mapping[str, Any] | None) -> None:
        self.number = number
        self.metadata = dict(metadata or {})
        # Its agent.
        self.written = 0
        self.finished = False
        self.cut_cause: Cause | None = None
        """Why its agent cut it."""
        self.result: StreamEnded | None = None
        # The sender on the wire, and what has come back to it.
        self.started = self.ended = False
        self.sent = 0
        """The highest position that was sent on this transport; the position that the resume gave before."""
        self.reached = 0
        """The highest position that was ever sent."""
        self.sent_said = 0
        """The position of the last ``sent``."""
        self.sendings: deque[tuple[int, int, float]] = deque(maxlen=400)
        self.told_received = self.told_highest = self.told_consumed = 0
        self.told_played: int | None = None
        self.told_cut = False
        """Its cut has come back."""
        self.told_end: Raw | None = None
        """Its stream_ended, as it came back first."""
        self.told_stream_started = False
        # What has come through to the receiver.
        self.start_came = False
        self.came = Ranges()
        self.grew_at = -inf
        """When a sample last came that lies beyond all before it."""
        self.known = 0
        self.total: int | None = None
        self.may_lack = False
        """The receiver may have dropped some of what came, for want of room."""
        self.cut_at: float | None = None
        """When its cut came through, by an interrupt or by audio of a later one."""
        self.delivered = Ranges()
        """What the network has delivered, whatever became of it, but for what the receiver may drop."""
        self.missing_at = -1
        self.missing_since = self.asked_at = -inf
        # The receiver's consumer, and what was said back.
        self.announced = False
        self.handed = 0
        self.end_handed = False
        self.silence = Ranges()
        """What was concealed."""
        self.before_silence = (-inf, 0)
        """When it was last concealed, and what was received until then: it may have been said at the same moment."""
        self.came_before_silence = self.delivered_before_silence = Ranges()
        """What had come, and been delivered, then."""
        self.heard: int | None = None
        """As the consumer reported last."""
        self.report: tuple[int | None, bool] | None = None
        """The consumer's report of its end: heard up to there, failed."""
        self.over = False
        """At the receiver: reported, or cut before anything of it was handed out, or nobody reported it in time."""
        self.over_at = -inf
        self.end_said: Raw | None = None
        """The stream_ended that was sent."""
        self.stream_started = False
        self.changed_at: float | None = None
        """When a position changed of which no progress has told."""
        self.said: tuple[int, int, int] = (0, 0, -1)
        """Received, consumed, played of the last progress."""
        self.said_for_end: tuple[float, int | None] = (-inf, None)
        """When a progress was last sent on control, and what it said was played."""
        self.said_at: float | None = None
        """When the last progress was sent."""
        self.marks: dict[str, int] = {}
        self.marks_came: set[str] = set()
        """Taken by the receiver before the cut."""
        self.marks_handed: set[str] = set()
        self.marks_reached: set[str] = set()
        self.data: dict[int, int] = {}
        self.data_handed: set[int] = set()
        self.waiting: dict[int, int] = {}
        """Data that has come through and was not handed out, by its number: its position."""
        self.marks_told: set[str] = set()
        self.marks_in_time: set[str] = set()
        self.data_in_time: set[int] = set()
        """Given before the end of the segment."""

    @property
    def live(self) -> bool:
        """Neither cut by its agent nor ended for it."""
        return self.cut_cause is None and self.told_end is None and self.result is None

    @property
    def with_consumer(self) -> bool:
        """Whether a sample or the end was handed out."""
        return self.handed > 0 or self.end_handed

    @property
    def received(self) -> int:
        """What the receiver has without a gap."""
        return self.came.prefix


class Numbers:
    """One direction's numbered messages."""

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.taken = 0
        self.held: dict[int, Raw] = {}
        self.kept: dict[int, Raw] = {}
        self.sent_at: dict[int, float] = {}
        """When each that is kept was sent last."""
        self.owed_at = inf
        """By when the one who took them has to say so."""

    def take(self, number: int, inner: Raw, now: float) -> list[Raw]:
        """What is taken now, in order."""
        if number <= self.taken:
            self.owed_at = min(self.owed_at, now)
            return []
        if number > self.taken + 1:
            if number <= self.taken + HELD_AHEAD:
                self.held[number] = inner
            return []
        ready = [inner]
        self.taken += 1
        while self.taken + 1 in self.held:
            self.taken += 1
            ready.append(self.held.pop(self.taken))
        self.owed_at = min(self.owed_at, now + 0.05)
        return ready


class Peer:
    """How a peer stands with its transport."""

    def __init__(self, now: float) -> None:
        self.lives = True
        self.opened = False
        """There was a session once."""
        self.open = False
        self.loses_media = self.loses_control = self.two_channels = False
        """What the transport that it uses is like."""
        self.since = now
        """Since when it is open, or has been without a transport that is."""
        self.heard_at = now
        self.closed: Any = None
        self.said_close = False
        self.may_close: set[Any] = set()
        """Codes with which it may close, given what was done to it."""


@dataclass(slots=True)
class Pending:
    """An interrupt that was not confirmed."""

    first: int
    last: int
    targets: list[int]
    wire: tuple[int, int] | None
    """The range on the wire; None when nothing of it was ever started."""
    sent_at: float = -inf
    cut_came: bool = False
