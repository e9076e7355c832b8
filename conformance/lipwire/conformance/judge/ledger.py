"""The ledger of a session: what was sent, reported, cut, over and numbered, as one place saw it. It judges nothing.

What one peer knew of the other when it sent a message is never seen directly. It is bounded from both sides:

- *may have known*: all that the other had sent by then. What lightens a peer's duties (credit, results) counts from
  there on, since it may have arrived already.
- *surely knew*: what a later answer proves, a pong above all, since control is ordered. Only this adds to its duties.

Both hold wherever the trace was made: at either peer, or between them.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.limits import BOUNDS
from lipwire.protocol.registry import BY_MESSAGE, Role

from ..ranges import Ranges
from ..trace import Entry
from .faults import fault_of, is_hidden
from .link import Link

DEFAULT_MESSAGE: Final = int(BOUNDS["message"].default)
_CHUNKS: Final = 4_096
"""Of one segment, kept to be held against what comes again."""
_KEPT_NUMBERS: Final = 2_048
_HELD: Final = 1_024
_KEPT: Final = 1_024
"""Segments that are over, and interrupts."""
_MOST_LIVE: Final = 4_096
"""More than may be live at once (SPEC §17)."""


@dataclass(eq=False)
class Segment:
    """What is known of one segment."""

    id: int
    start: Entry | None = None
    end: Entry | None = None
    total: int | None = None
    sent: Ranges = field(default_factory=Ranges)
    """Samples that were seen on their way, at any time."""
    claimed: int = 0
    """The furthest that ``sent`` or segment_end has named."""
    chunks: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_CHUNKS))
    received: int = 0
    consumed: int = 0
    played: int | None = None
    """As last reported."""
    latest: Any = None
    """The progress with the latest clock."""
    cut_at: int | None = None
    """Up to where it had been handed out when it was cut, by the first ``cut`` that lists it."""
    cut: Entry | None = None
    """That ``cut``."""
    started: Entry | None = None
    over: Entry | None = None
    """Its first stream_ended."""
    marks: list[tuple[int, int, str]] = field(default_factory=list)
    """Index, position, name."""
    reached: Counter[str] = field(default_factory=Counter)
    data: list[int] = field(default_factory=list)
    """Positions of data messages."""

    @property
    def reach(self) -> int:
        """The furthest that the receiver can know to have been sent."""
        return max(self.sent.highest, self.claimed)


@dataclass(eq=False)
class Interruption:
    """An interrupt, with its repeats on the same transport."""

    first: int
    last: int
    link: int
    number: int | None
    cut: bool = False
    """A ``cut`` has confirmed it."""

    def names(self, segment: int) -> bool:
        """Whether it cuts that segment."""
        return self.first <= segment <= self.last


class Ledger:
    """What is known of one session."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.link: Link | None = None
        """The transport that a welcome was sent on last."""
        self.welcomes: list[Entry] = []
        self.features: frozenset[str] = frozenset()
        self.frame_bytes = 2
        self.rate = 24_000
        self.window = 48_000
        self.most_segments = 64
        self.segments: dict[int, Segment] = {}
        self.live: dict[int, Segment] = {}
        """Those of them that are not over."""
        self.forgotten = 0
        """The highest id that is not kept any more."""
        self.highest_started = 0
        self.interrupts: deque[Interruption] = deque(maxlen=_KEPT)
        self.asked: Counter[tuple[int, int]] = Counter()
        """Interrupts on all transports, repeats and copies too, by their range."""
        self.cuts: Counter[tuple[int, int]] = Counter()
        self.cut_through = 0
        """The highest that an audio message had."""
        self.sent_samples = 0
        """Of all segments, the furthest that was named or sent."""
        self.highest_number: dict[Role, int] = dict.fromkeys(Role, 0)
        self.taken: dict[Role, int] = dict.fromkeys(Role, 0)
        """How many of the other's numbered messages a peer said that it has taken, at the most."""
        self.kept: dict[Role, dict[int, bytes]] = {role: {} for role in Role}
        """Digests of numbered messages, to be held against repeats."""
        self.unasked_numbers: dict[Role, int] = {}
        """Where a peer first sent a numbered message without ``resume``."""
        self.accusable: dict[Role, set[CloseCode]] = {role: set() for role in Role}
        """Codes that the other may close with because of a message by itself."""
        self.unreadable: set[Role] = set()
        """Who sent something that is not in the trace as it was."""
        self._delivered: dict[Role, int] = dict.fromkeys(Role, 0)
        self._held: dict[Role, dict[int, Entry]] = {role: {} for role in Role}

    # -- as messages come by ---------------------------------------------------------------------------------

    def link_of(self, entry: Entry) -> Link:
        """The transport of a message."""
        return self.links[entry.transport]

    def current(self, entry: Entry) -> bool:
        """Whether it came on the newest transport, once that is open: what else comes is dropped (LW-RESUME-11)."""
        return self.link is not None and self.link.number == entry.transport

    def note(self, entry: Entry) -> None:
        """Take down what matters of a message in whatever order it comes: transports, numbers, pings."""
        link, by = self.link_of(entry), entry.by
        link.first.setdefault(by, entry)
        if entry.taken is not None:
            self.taken[by] = max(self.taken[by], entry.taken)
        fresh = entry.number is None or entry.number > self.highest_number[by]
        if entry.number is not None:
            self._note_number(entry, link)
        if is_hidden(entry) and entry.message is None:
            self.unreadable.add(by)
        elif fault := fault_of(entry):
            self.accusable[by].add(fault.code)
            if link.welcome is not None and link.ordered(entry):
                link.faults[by].append((entry.index, fault.answered))
        elif link.welcome is not None and len(entry.data) > self.most_bytes(entry, link) and link.ordered(entry):
            link.faults[by].append((entry.index, "LW-WIRE-8"))
        if by is Role.SENDER and entry.name not in ("hello", "close") and link.welcome is not None:
            link.knows[Role.SENDER] = max(link.knows[Role.SENDER], link.welcome.index)
        if entry.name == "close":
            link.closes.setdefault(by, entry)
        if entry.message is None:
            return
        match entry.name:
            case "hello" if link.hello is None:
                link.hello = entry
            case "ping" if link.welcome is not None:
                link.note_ping(entry)
            case "pong":
                link.note_pong(entry)
            case "welcome" if link.welcome is None and link.hello is not None:
                self._note_welcome(entry, link)
            case "interrupt" if by is Role.SENDER:
                asked = (entry.message.first, entry.message.last)
                link.asked[asked] += 1
                self.asked[asked] += 1
                if entry.channel is Channel.CONTROL and fresh:
                    link.due.setdefault(asked, entry.index)
            case "cut" if by is Role.RECEIVER:
                asked = (entry.message.first, entry.message.last)
                link.answered = link.due.pop(asked, None)
                self.cuts[asked] += 1

    def _note_number(self, entry: Entry, link: Link) -> None:
        assert entry.number is not None
        kept = self.kept[entry.by]
        if entry.number not in kept and entry.message is not None:
            kept[entry.number] = digest(entry)
            while len(kept) > _KEPT_NUMBERS:
                del kept[next(iter(kept))]
        self.highest_number[entry.by] = max(self.highest_number[entry.by], entry.number)
        if entry.channel is Channel.CONTROL:
            link.numbers[entry.by] = max(link.numbers.get(entry.by, 0), entry.number)
        if link.welcome is not None and "resume" not in self.features:
            self.unasked_numbers.setdefault(entry.by, entry.index)

    def _note_welcome(self, entry: Entry, link: Link) -> None:
        welcome = entry.message
        link.welcome = entry
        self.link = link
        self.welcomes.append(entry)
        self.features = frozenset(welcome.features)
        encoding, self.rate, channels = welcome.format
        self.frame_bytes = (4 if encoding == "f32le" else 2) * max(channels, 1)
        self.window = self.limit(welcome.limits, "window", self.rate)
        self.most_segments = self.limit(welcome.limits, "segments")
        hello = link.hello
        assert hello is not None
        link.knows[Role.RECEIVER] = max(link.knows[Role.RECEIVER], hello.index)
        if hello.message.resume is not None:
            self.taken[Role.SENDER] = max(self.taken[Role.SENDER], hello.message.resume[1])
        if welcome.state is not None:
            count, rows = welcome.state
            self.taken[Role.RECEIVER] = max(self.taken[Role.RECEIVER], count)
            for number, received, consumed, played in rows:
                self._report(self.segment(number), received, consumed, played)

    @staticmethod
    def limit(limits: Any, name: str, scale: int = 1) -> int:
        """A limit as it counts: the default where it is absent, the cap where it is beyond (LW-OPEN-10)."""
        value = limits.get(name)
        if type(value) is not int:
            return round(BOUNDS[name].default * scale)
        return min(value, round(BOUNDS[name].cap * scale))

    def most_bytes(self, sent: Entry, link: Link) -> int:
        """How large this message may be, as far as its sender can know; hello may come again as it was (LW-WIRE-8)."""
        entry = link.welcome if sent.by is Role.SENDER else link.hello
        if entry is None or (link.hello is not None and sent.data == link.hello.data):
            return DEFAULT_MESSAGE
        return self.limit(entry.message.limits, "message")

    # -- in the order of their numbers -----------------------------------------------------------------------

    def deliver(self, entry: Entry) -> list[Entry]:
        """The messages whose turn has come with this one: none of what was numbered and is a repeat, or too early."""
        if entry.number is None:
            return [entry]
        if entry.number <= self._delivered[entry.by]:
            return []
        held = self._held[entry.by]
        held[entry.number] = entry
        if len(held) > _HELD:  # there is a gap, and nothing is to be expected of it any more
            self._delivered[entry.by] = min(held) - 1
        ready = []
        while (found := held.pop(self._delivered[entry.by] + 1, None)) is not None:
            self._delivered[entry.by] += 1
            ready.append(found)
        return ready

    def take(self, entry: Entry) -> None:
        """Take down what a message says of the session."""
        take = getattr(self, f"_take_{entry.name}", None)
        if take is not None and entry.message is not None and entry.by in BY_MESSAGE[type(entry.message)].sent_by:
            take(entry, entry.message)

    def segment(self, number: int) -> Segment:
        """What is known of a segment."""
        found = self.segments.get(number)
        if found is None:
            found = self.segments[number] = self.live[number] = Segment(number)
            if len(self.live) > _MOST_LIVE:
                self._forget(next(iter(self.live)))
            if len(self.segments) > _KEPT + len(self.live):
                self._forget(next(one for one in self.segments if one not in self.live))
        return found

    def _forget(self, number: int) -> None:
        self.segments.pop(number, None)
        self.live.pop(number, None)
        self.forgotten = max(self.forgotten, number)

    def known(self, number: int) -> Segment:
        """What is known of a segment, be it that there is none."""
        return self.segments.get(number) or Segment(number)

    def was_forgotten(self, entry: Entry) -> bool:
        """Whether a message is about a segment that was over so long ago that it was forgotten."""
        number = getattr(entry.message, "segment", None)
        return number is not None and number <= self.forgotten and number not in self.segments

    def _of(self, entry: Entry) -> Segment:
        return self.segment(entry.message.segment)

    def _take_segment_start(self, entry: Entry, message: Any) -> None:
        segment = self._of(entry)
        segment.start = segment.start or entry
        self.highest_started = max(self.highest_started, message.segment)

    def _take_audio(self, entry: Entry, message: Any) -> None:
        segment = self._of(entry)
        before = segment.reach
        segment.sent.add(message.position, message.position + len(message.pcm) // self.frame_bytes)
        if not is_hidden(entry) and segment.over is None:
            segment.chunks.append((message.position, message.pcm))
        self.sent_samples += segment.reach - before
        self.cut_through = max(self.cut_through, message.cut_through)

    def _claim(self, segment: Segment, position: int) -> None:
        before = segment.reach
        segment.claimed = max(segment.claimed, position)
        self.sent_samples += segment.reach - before

    def _take_sent(self, entry: Entry, message: Any) -> None:
        self._claim(self._of(entry), message.position)

    def _take_segment_end(self, entry: Entry, message: Any) -> None:
        segment = self._of(entry)
        if segment.end is None:
            segment.end, segment.total = entry, message.total
        self._claim(segment, message.total)

    def _take_interrupt(self, entry: Entry, message: Any) -> None:
        for one in self.interrupts:
            if (one.first, one.last, one.link) == (message.first, message.last, entry.transport):
                one.number = entry.number if one.number is None else one.number
                return
        self.interrupts.append(Interruption(message.first, message.last, entry.transport, entry.number))

    def _take_cut(self, entry: Entry, message: Any) -> None:
        for one in self.interrupts:
            one.cut = one.cut or (message.first <= one.first and one.last <= message.last)
        for number, consumed in message.consumed:
            segment = self.segment(number)
            segment.consumed = max(segment.consumed, consumed)
            if segment.cut is None:
                segment.cut, segment.cut_at = entry, consumed

    def _take_mark(self, entry: Entry, message: Any) -> None:
        self._of(entry).marks.append((entry.index, message.position, message.name))

    def _take_mark_reached(self, entry: Entry, message: Any) -> None:
        self._of(entry).reached[message.name] += 1

    def _take_data(self, entry: Entry, message: Any) -> None:
        segment = self._of(entry)
        segment.data = [position for position in segment.data if position > segment.consumed]
        segment.data.append(message.position)

    def _take_stream_started(self, entry: Entry, _: Any) -> None:
        segment = self._of(entry)
        segment.started = segment.started or entry

    def _take_stream_ended(self, entry: Entry, _: Any) -> None:
        segment = self._of(entry)
        segment.over = segment.over or entry
        segment.chunks.clear()
        self.live.pop(segment.id, None)

    def _take_progress(self, entry: Entry, message: Any) -> None:
        segment = self._of(entry)
        self._report(segment, message.received, message.consumed, message.played)
        if segment.latest is None or message.clock >= segment.latest.clock:
            segment.latest = message
        while (
            segment.chunks and segment.chunks[0][0] + len(segment.chunks[0][1]) // self.frame_bytes <= message.consumed
        ):
            segment.chunks.popleft()

    @staticmethod
    def _report(segment: Segment, received: int, consumed: int, played: int | None) -> None:
        segment.received = max(segment.received, received)
        segment.consumed = max(segment.consumed, consumed)
        if played is not None:
            segment.played = max(segment.played or 0, played)

    # -- what follows from it --------------------------------------------------------------------------------

    def interrupted(self, segment: int, *, by_number: bool = False) -> Interruption | None:
        """The interrupt that names a segment; ``by_number``: that was sent in its turn among the numbered ones."""
        for one in self.interrupts:
            if one.names(segment) and (not by_number or one.number is not None or "resume" not in self.features):
                return one
        return None

    def may_be_cut(self, segment: int) -> bool:
        """Whether its sender may have cut it."""
        return segment <= self.cut_through or self.interrupted(segment) is not None

    def confirmed(self, interrupt: Interruption) -> bool:
        """Whether a ``cut`` may have confirmed an interrupt, or all that it named may be over."""
        return interrupt.cut or not any(interrupt.names(one.id) and one.start is not None for one in self.live.values())

    def out(self, segment: int, end: int, cut_through: int) -> int:
        """Samples that are sent and not consumed, with audio up to there and this cut-through (LW-CREDIT-1 and 2)."""
        cut_through = max(cut_through, self.cut_through)
        total = 0
        for one in self.live.values():
            reach = max(one.sent.highest, end) if one.id == segment else one.sent.highest
            free = one.id <= cut_through or self._cut_confirmed(one.id)
            total += 0 if free else max(reach - one.consumed, 0)
        if segment not in self.segments and segment > cut_through:
            total += end
        return total

    def _cut_confirmed(self, segment: int) -> bool:
        return any(one.names(segment) and self.confirmed(one) for one in self.interrupts)

    def surely_known(self, by: Role, entry: Entry | None) -> bool:
        """Whether a peer had surely taken a control message of the other's by now."""
        if entry is None:
            return False
        counted = entry.number is not None and entry.number <= self.taken[by]
        return counted or entry.index <= self.links[entry.transport].knows[by]


def digest(entry: Entry) -> bytes:
    """Of what is in a numbered message: the same for the same fields."""
    return blake2b(encode(entry.message), digest_size=16).digest()
