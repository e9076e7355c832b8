"""The simulator's world as tests drive it by hand: what they do, what they ask, and what has to hold at each step."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import ceil
from typing import Any

from lipwire.protocol import items
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.events import ConsumerReset, Event, InterruptConfirmed, SessionOpened, StreamEnded
from lipwire.protocol.registry import Feature
from lipwire.protocol.states import SegmentState, SessionState
from lipwire.transports.link import Faults
from simulator.player import Player
from simulator.samples import MONO, pcm
from simulator.world import BOTH, MEMORY, ROOM, WEBRTC, Connected, World

__all__ = [
    "ALL_FEATURES", "BOTH", "GOOD", "MEMORY", "MONO", "ROOM", "WEBRTC", "Connected", "Player", "Wired", "frames", "pcm",
]  # fmt: skip

GOOD = Faults(delay=0.03)
"""A network that loses nothing."""


class Wired(World):
    """A world in which faults that a test does not expect fail it."""

    def __init__(self, *args: Any, may_fail: CloseCode | None = None, **options: Any) -> None:
        self.concealing = False
        """Whether silence in the place of samples is allowed."""
        self.may_fail = {may_fail}
        """Codes of closes that a test expects."""
        # What was seen.
        self.wire: list[tuple[float, str, Any]] = []
        """When, ``>`` or ``<``, and the message; numbered ones without their envelope."""
        self.keep_wire = True
        self.sender_events: list[Event] = []
        self.receiver_events: list[Event] = []
        self.ended: dict[int, StreamEnded] = {}
        self.ended_at: dict[int, float] = {}
        self.confirmed: list[tuple[float, InterruptConfirmed]] = []
        self.opened: list[SessionOpened] = []
        self.written: Counter[int] = Counter()
        self.sent_to: Counter[int] = Counter()
        self.cut: set[int] = set()
        """Segments that the receiver has cut, by its own word or by what has reached it."""
        self._told: set[tuple[type, int]] = set()
        self._numbered: Counter[str] = Counter()
        self._positions: dict[int, int] = defaultdict(int)
        self._last_id = 0
        super().__init__(*args, **options)

    # -- what a test does ----------------------------------------------------------------------------------

    def say(self, samples: int, *, end: bool = True, piece: int = 160, **metadata: Any) -> int:
        """Open a segment, write all of it at once, end it."""
        number = self.open(**metadata)
        self.write(number, samples, piece=piece)
        if end:
            self.sender.end_segment(number, self.now)
        self._settle()
        return number

    def open(self, **metadata: Any) -> int:
        return self.sender.open_segment(metadata or None, self.now)

    def write(self, number: int, samples: int, *, piece: int = 160) -> bool:
        taken = True
        while samples and taken:
            count = min(piece, samples)
            taken = self.sender.write(number, pcm(number, self.written[number], count), self.now)
            if taken:
                self.written[number] += count
                samples -= count
        self._settle()
        return taken

    def end(self, number: int) -> None:
        self.sender.end_segment(number, self.now)
        self._settle()

    def speak(self, samples: int, *, piece: int = 160, end: bool = True) -> int:
        """Open a segment and let it be written in real time, as speech comes."""
        number = self.open()

        def more(left: int) -> None:
            count = min(piece, left)
            if not self.write(number, count, piece=count):
                return
            if left > count:
                self.at(self.now + count / self.sender.format.rate, lambda: more(left - count))
            elif end:
                self.end(number)

        more(samples)
        return number

    def interrupt(self, segment: int | None = None) -> int | None:
        last = self.sender.interrupt(self.now, segment)
        self._settle()
        return last

    def run_until_ended(self, *numbers: int, within: float = 120.0) -> None:
        self.run_until(lambda: all(number in self.ended for number in numbers), within=within)

    # -- what a test asks ----------------------------------------------------------------------------------

    def sent(self, kind: type, way: str = ">") -> list[Any]:
        return [message for _, w, message in self.wire if w == way and type(message) is kind]

    def times(self, kind: type, way: str = ">") -> list[float]:
        return [at - self.began for at, w, message in self.wire if w == way and type(message) is kind]

    def heard_whole(self, *numbers: int) -> None:
        """Each of these was played to its end, bit by bit."""
        for number in numbers:
            ended = self.ended[number]
            total = self.written[number]
            assert (ended.position, ended.interrupted, ended.cause.value, ended.exact) == (total, False, "played", True)
            assert self.player.audio[number] == pcm(number, 0, total)
            assert self.player.totals[number] == total

    def codes(self) -> tuple[Any, Any]:
        sender, receiver = self.sender.closed, self.receiver.closed if self.receiver else None
        return (sender.code if sender else None, receiver.code if receiver else None)

    # -- what is seen --------------------------------------------------------------------------------------

    def _sent(self, way: str, channel: Channel, data: Any) -> None:
        self._note(way, data)
        if way == ">" and self.transport is not None and self.transport.sender_holds:
            binding = self.transport.binding
            most = binding.max_media_message if channel is Channel.MEDIA else binding.max_message
            assert len(data) <= min(most, self.sender._peer_message_limit), f"{len(data)} bytes on {channel.value}"

    def _before_receiver(self, channel: Channel, data: Any) -> None:  # noqa: ARG002
        message = decode(data, 1 << 20)
        if isinstance(message, m.AudioMessage):
            self.cut |= set(range(1, message.cut_through + 1))

    def _item(self, item: items.Item) -> None:
        self._check_item(item)

    def _sender_event(self, event: Event) -> None:
        self.sender_events.append(event)
        match event:
            case SessionOpened():
                self.opened.append(event)
            case StreamEnded():
                self._note_ended(event)
            case InterruptConfirmed():
                self.confirmed.append((self.now, event))

    def _receiver_event(self, event: Event) -> None:
        self.receiver_events.append(event)
        if isinstance(event, ConsumerReset):
            self.cut |= set(event.interrupted.segments)

    def _stepped(self) -> None:
        self._check()

    # -- what has to hold ----------------------------------------------------------------------------------

    def _note(self, way: str, data: Any) -> None:
        try:
            message = decode(data, 1 << 20)
        except RemoteProtocolError:
            return  # a hello of another version
        anew = False
        if isinstance(message, m.Numbered):
            anew = message.number <= self._numbered[way]
            self._numbered[way] = max(self._numbered[way], message.number)
            message = message.message
        if self.keep_wire and message is not None:
            self.wire.append((self.now, way, message))
        if way == ">":
            match message:
                case m.AudioMessage():
                    end = message.position + len(message.pcm) // self.sender.format.frame_bytes
                    self.sent_to[message.segment] = max(self.sent_to[message.segment], end)
                    assert message.cut_through < message.segment
                    if self.sender.format == MONO:
                        assert message.pcm == pcm(message.segment, message.position, end - message.position)
        elif isinstance(message, m.Cut):
            self.cut |= set(range(message.first, min(message.last, self.sender.next_segment) + 1))
        elif isinstance(message, m.StreamStarted | m.StreamEnded) and not anew:
            assert (type(message), message.segment) not in self._told, f"{message} for the second time"
            assert (m.StreamEnded, message.segment) not in self._told, f"{message} of a segment that is over"
            self._told.add((type(message), message.segment))

    def _note_ended(self, event: StreamEnded) -> None:
        number = event.segment
        assert number == self._last_id + 1, f"{number} ends after {self._last_id}"
        self._last_id = number
        assert 0 <= event.position <= max(self.sent_to[number], 0), "heard beyond what was sent"
        if event.exact and number in self.player.heard and not self.player.mute:
            assert event.position <= len(self.player.audio[number]) // self.sender.format.frame_bytes
        self.ended[number] = event
        self.ended_at[number] = self.now

    def _check_item(self, item: items.Item) -> None:
        """LW-SEGMENT-6, LW-AUDIO-7, LW-INTERRUPT-3: in order, gapless, unaltered, and nothing that was cut."""
        if isinstance(item, items.Interrupted | items.Paused | items.Unpaused):
            return
        number = item.segment
        assert not self.core.paused, f"{item!r:.60} was handed out in a pause"
        assert number not in self.cut, f"{item!r:.60} was handed out after its cut"
        if isinstance(item, items.SegmentStart):
            assert number > max(self._positions, default=0)
            self._positions[number] = 0
        elif isinstance(item, items.Audio):
            assert number == max(self._positions)
            assert item.position == self._positions[number], "a gap, or a sample twice"
            assert number not in self.player.totals
            self._positions[number] += item.samples
            if item.concealed:
                assert self.concealing, "concealed, and nothing was lost for good"
                assert not any(item.pcm)
            else:
                assert item.pcm == pcm(number, item.position, item.samples), "not what was written"
        elif isinstance(item, items.SegmentEnd):
            assert item.total == self._positions[number] == self.written[number]

    def _check(self) -> None:
        receiver = self.receiver
        if receiver is not None and receiver.state is not SessionState.IDLE:
            counters = receiver.counters
            assert 0 <= counters.credit_used <= counters.window
            assert counters.held_samples <= counters.window
            assert counters.live_segments <= receiver.limits.segments
        if self.sender.window:
            assert self.sender._credit_used() <= self.sender.window
        assert self.sender.buffered >= 0
        for closed in (self.sender.closed, receiver.closed if receiver else None):
            if closed is not None and closed.code not in (CloseCode.NORMAL, CloseCode.PEER_GONE):
                assert closed.code in self.may_fail, str(closed)

    def settled_segments(self) -> bool:
        """Every segment that was opened has ended."""
        return self._last_id == self.sender.next_segment - 1

    def live_at_sender(self) -> list[int]:
        return [s.number for s in self.sender._segments if s.state is not SegmentState.OVER]


def frames(seconds: float, rate: int = MONO.rate) -> int:
    return ceil(seconds * rate)


ALL_FEATURES = frozenset(Feature)
