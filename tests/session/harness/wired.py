"""Both state machines joined through two faulty links, in simulated time: nothing sleeps, nothing runs by itself.

The clock jumps from deadline to deadline. After every step the promises of the protocol are checked on what the
consumer got and on what went over the wire.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil, inf
from random import Random
from typing import Any

from lipwire.protocol import items
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import decode
from lipwire.protocol.connection import encode_refusal
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.events import (
    ConsumerReset,
    Event,
    InterruptConfirmed,
    PauseChanged,
    SessionEnded,
    SessionOpened,
    StreamEnded,
    TransportDropped,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import Feature
from lipwire.protocol.sender import SenderConnection, SenderSettings
from lipwire.protocol.states import ATTACHED, SegmentState, SessionState
from lipwire.transports.link import Faults, FaultyLink

MEMORY = Binding(name="memory", separate_media=False)
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1_150)
ROOM = Binding(
    name="room", separate_media=True, media_reliable=False, control_reliable=False, max_message=15_000,
    max_media_message=1_150,
)  # fmt: skip
BOTH = frozenset(Channel)
MONO = PcmFormat(8_000, 1)

_NOISE = Random(1).randbytes(1 << 17)
_NOISE += _NOISE
_PERIOD = len(_NOISE) // 4  # in samples of two bytes; _NOISE holds two periods


def pcm(segment: int, position: int, samples: int) -> bytes:
    """The samples of a segment (mono s16le): those of other positions and segments look different."""
    parts = []
    while samples:
        at = (segment * 7_919 + position) % _PERIOD
        count = min(samples, _PERIOD)
        parts.append(_NOISE[2 * at : 2 * (at + count)])
        position += count
        samples -= count
    return b"".join(parts)


class Connected:
    """One transport between the two: a link each way, and who has let go of it."""

    def __init__(self, binding: Binding, out: Faults, back: Faults, index: int, now: float) -> None:
        one = not binding.separate_media
        self.binding = binding
        self.index = index
        self.out = FaultyLink(out, connection=index, direction="out", one_stream=one, now=now)
        self.back = FaultyLink(back, connection=index, direction="back", one_stream=one, now=now)
        self.greeted = False
        """The receiver has accepted its hello."""
        self.sender_holds = self.receiver_holds = True

    def deadline(self) -> float:
        due = [link.next_deadline() for link in (self.out, self.back)]
        return min((d for d in due if d is not None), default=inf)


class Player:
    """A renderer: reads items, plays them in simulated real time and says so.

    ``ahead``: seconds of audio it takes before they are played; ``speed``: of playback; ``stuck``: reads nothing;
    ``mute``: reports nothing; ``reset_time``: seconds until it reports what was interrupted.
    """

    def __init__(
        self,
        ahead: float = 0.2,
        *,
        speed: float = 1.0,
        stuck: bool = False,
        mute: bool = False,
        reset_time: float = 0.0,
        report_every: float = 0.05,
    ) -> None:
        self.ahead = ahead
        self.speed = speed
        self.stuck = stuck
        self.mute = mute
        self.reset_time = reset_time
        self.report_every = report_every
        self.items: list[items.Item] = []
        self.times: list[float] = []
        self.audio: dict[int, bytearray] = {}
        self.concealed: Counter[int] = Counter()
        self.heard: Counter[int] = Counter()
        self.totals: dict[int, int] = {}
        self.resets: list[items.Interrupted] = []
        self.stopped = False
        self._rate = MONO.rate
        self._queue: deque[items.Item] = deque()
        self._queued = 0
        self._playing: tuple[items.Audio, float] | None = None
        """And when it began, or would have, had it not been held."""
        self._paused_at: float | None = None
        self._report_at = inf
        self._due: list[tuple[float, int, int]] = []
        """Ends of playback to be reported: when, of which segment, heard up to where."""

    def deadline(self) -> float:
        first = min((at for at, _, _ in self._due), default=inf)
        if self._paused_at is not None:
            return first
        end = inf if self._playing is None else self._end_of_piece()
        return min(end, first, self._report_at if self._playing else inf)

    def reset(self, interrupted: items.Interrupted, now: float) -> None:
        """Stop at once (ConsumerReset)."""
        self.resets.append(interrupted)
        self._advance(now)
        cut = set(interrupted.segments)
        if self._playing is not None and self._playing[0].segment in cut:
            self._playing = None
        self._queue = deque(item for item in self._queue if item.segment not in cut)  # type: ignore[union-attr]
        self._queued = sum(item.samples for item in self._queue if isinstance(item, items.Audio))
        if interrupted.by_close:
            self.stopped = True
            self._due.clear()
        else:
            self._due += [(now + self.reset_time, segment, self.heard[segment]) for segment in interrupted.segments]

    def pause(self, paused: bool, now: float) -> None:
        if paused:
            self._advance(now)
            self._paused_at = now
        elif self._paused_at is not None:
            if self._playing is not None:
                self._playing = (self._playing[0], self._playing[1] + now - self._paused_at)
            self._paused_at = None

    def step(self, core: ReceiverConnection, now: float, check: Callable[[items.Item], None]) -> bool:
        """Read, play and report; gives whether anything happened."""
        active = False
        self._rate = core.format.rate
        for due in [one for one in self._due if now >= one[0]]:
            self._due.remove(due)
            active = True
            if not self.mute:
                core.stream_ended(due[1], now, position=due[2], interrupted=True)
        if self._paused_at is None:
            active |= self._play(core, now)
        while not self.stuck and (self._queued < self.ahead * self._rate or core.closed):
            item = core.read(now)
            if item is None:
                break
            active = True
            check(item)
            self._take(item, now)
            if self._paused_at is None:
                self._play(core, now)
        return active

    def _take(self, item: items.Item, now: float) -> None:
        self.items.append(item)
        self.times.append(now)
        if isinstance(item, items.Audio):
            self.audio[item.segment] += item.pcm
            if item.concealed:
                self.concealed[item.segment] += item.samples
            self._queue.append(item)
            self._queued += item.samples
        elif isinstance(item, items.SegmentStart):
            self.audio[item.segment] = bytearray()
        elif isinstance(item, items.SegmentEnd):
            self.totals[item.segment] = item.total
            self._queue.append(item)

    def _end_of_piece(self) -> float:
        assert self._playing is not None
        item, began = self._playing
        return began + item.samples / (self._rate * self.speed)

    def _advance(self, now: float) -> None:
        """See how far the piece that plays has been heard."""
        if self._playing is not None and self._paused_at is None:
            item, began = self._playing
            done = min(int((now - began) * self._rate * self.speed + 1e-6), item.samples)
            self.heard[item.segment] = max(self.heard[item.segment], item.position + done)

    def _play(self, core: ReceiverConnection, now: float) -> bool:
        active = False
        while True:
            if self._playing is not None:
                self._advance(now)
                item = self._playing[0]
                ended = now >= self._end_of_piece()
                if ended:
                    self.heard[item.segment] = item.end
                if (ended or now >= self._report_at) and not self.mute:
                    active |= core.played(item.segment, self.heard[item.segment], now)
                if now >= self._report_at:
                    self._report_at = now + self.report_every
                if not ended:
                    return active
                began = self._end_of_piece()
                self._playing = None
            else:
                began = now
            if not self._queue:
                return active
            active = True
            item = self._queue.popleft()  # type: ignore[assignment]
            if isinstance(item, items.Audio):
                self._queued -= item.samples
                self._playing = (item, began)
                self._report_at = now + self.report_every
                if not self.mute:
                    core.stream_started(item.segment, now)
            elif not self.mute:
                assert isinstance(item, items.SegmentEnd)
                core.stream_ended(item.segment, now, position=item.total)


class Wired:
    """A sender, a receiver with its player, and the transports between them.

    ``back``: faults of the way back, those of the way out unless given; ``reconnect``: seconds after which a lost
    transport is replaced, None: never. Faults that a test does not expect fail it.
    """

    def __init__(
        self,
        binding: Binding = MEMORY,
        faults: Faults | None = None,
        back: Faults | None = None,
        *,
        player: Player | None = None,
        reconnect: float | None = 0.1,
        connect: bool = True,
        may_fail: CloseCode | None = None,
        format: PcmFormat = MONO,  # noqa: A002
        sender: dict[str, Any] | None = None,
        receiver: dict[str, Any] | None = None,
        **limits: Any,
    ) -> None:
        self.now = 1_000.0
        self.began = self.now
        self.binding = binding
        self.faults = faults or Faults()
        self.back = back or self.faults
        self.reconnect = reconnect
        self.player = player or Player()
        given = Limits(**limits)
        grace = {"limits": given}
        self.sender = SenderConnection(
            SenderSettings(**({"formats": (format,)} | grace | (sender or {}))), b"session of tests", self.now
        )
        self.receiver_settings = ReceiverSettings(**(grace | (receiver or {})))
        self.receiver: ReceiverConnection | None = None
        self.transport: Connected | None = None
        self.transports: list[Connected] = []
        self.refusals: list[RemoteProtocolError] = []
        self.max_sessions = 1
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
        self.event_times: dict[int, float] = {}
        self.ended: dict[int, StreamEnded] = {}
        self.ended_at: dict[int, float] = {}
        self.confirmed: list[tuple[float, InterruptConfirmed]] = []
        self.opened: list[SessionOpened] = []
        self.written: Counter[int] = Counter()
        self.sent_to: Counter[int] = Counter()
        self.cut: set[int] = set()
        """Segments that the receiver has cut, by its own word or by what has reached it."""
        self.received: list[items.Item] = []
        self._script: list[tuple[float, int, Callable[[], Any]]] = []
        self._scripted = 0
        self._connect_at = self.now if connect else inf
        self._secrets = 0
        self._told: set[tuple[type, int]] = set()
        self._numbered: Counter[str] = Counter()
        self._positions: dict[int, int] = defaultdict(int)
        self._last_id = 0
        if connect:
            self._settle()

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

    def at(self, time: float, action: Callable[[], Any]) -> None:
        self._scripted += 1
        heappush(self._script, (time, self._scripted, action))

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        self.at(self.now + seconds, action)

    def connect(self, binding: Binding | None = None) -> None:
        """Give the two a new transport, whatever becomes of the one there is."""
        self._connect_at = inf
        if self.sender.state is SessionState.CLOSED:
            return
        if self.transport is not None:
            self.transport.sender_holds = False
        if self.sender.state in ATTACHED:
            self.sender.detach(self.now)
            if self.sender.closed:
                self._settle()
                return
        self.transport = Connected(binding or self.binding, self.faults, self.back, len(self.transports), self.now)
        self.transports.append(self.transport)
        self.sender.attach(self.transport.binding, self.now)
        self._settle()

    def drop(self, *, sender: bool = True, receiver: bool = True) -> None:
        """Break the transport, with all that is under way; each side sees it, or does not (yet)."""
        transport = self.transport
        if transport is None:
            return
        transport.out.cut_at = transport.back.cut_at = self.now
        transport.out.pop_due(self.now)
        transport.back.pop_due(self.now)
        if sender and transport.sender_holds:
            self._sender_lost(transport)
        if receiver:
            self._receiver_lost(transport)
        self._settle()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        self._advance(lambda: False, end)
        self.now = end

    def run_until(self, true: Callable[[], Any], *, within: float = 120.0) -> float:
        """Let time pass until something is true; gives how long that took."""
        began = self.now
        assert self._advance(true, began + within), f"not so within {within} s"
        return self.now - began

    def run_until_ended(self, *numbers: int, within: float = 120.0) -> None:
        self.run_until(lambda: all(number in self.ended for number in numbers), within=within)

    # -- what a test asks ----------------------------------------------------------------------------------

    def sent(self, kind: type, way: str = ">") -> list[Any]:
        return [message for _, w, message in self.wire if w == way and type(message) is kind]

    def times(self, kind: type, way: str = ">") -> list[float]:
        return [at - self.began for at, w, message in self.wire if w == way and type(message) is kind]

    @property
    def core(self) -> ReceiverConnection:
        assert self.receiver is not None
        return self.receiver

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

    # -- the simulation ------------------------------------------------------------------------------------

    def _advance(self, true: Callable[[], Any], end: float) -> bool:
        self._settle()
        for _ in range(2_000_000):
            if true():
                return True
            due = self._deadline()
            if due > end:
                self.now = end
                return bool(true())
            self.now = max(self.now, due)
            self._settle()
        raise AssertionError("time does not pass")

    def _deadline(self) -> float:
        due = [self.sender.next_deadline(), self._connect_at, self.player.deadline()]
        due += [self._script[0][0]] if self._script else []
        due += [self.receiver.next_deadline()] if self.receiver else []
        due += [t.deadline() for t in self.transports if t.sender_holds or t.receiver_holds]
        return min(due)

    def _settle(self) -> None:
        """Do all that is due now, and what follows from it."""
        for _ in range(100_000):
            if not self._once():
                return
        raise AssertionError("it does not come to rest")

    def _once(self) -> bool:
        now, active = self.now, False
        if self._script and self._script[0][0] <= now:
            heappop(self._script)[2]()
            active = True
        if self._connect_at <= now:
            self.connect()
            active = True
        if self.sender.next_deadline() <= now:
            self.sender.expire(now)
            active = True
        if self.receiver and self.receiver.next_deadline() <= now:
            self.receiver.expire(now)
            active = True
        for transport in self.transports:
            if transport.sender_holds or transport.receiver_holds:
                active |= self._carry(transport)
        if self.receiver:
            active |= self.player.step(self.receiver, now, self._check_item)
        active |= self._flush_sender()
        active |= self._flush_receiver()
        self._check()
        return active

    def _carry(self, transport: Connected) -> bool:
        now, active = self.now, False
        for link in (transport.out, transport.back):
            if link.is_cut(now) and not link.pop_due(now) and link.cut_at is not None:
                if transport.sender_holds and link.faults.cut_after is not None:
                    self._sender_lost(transport)
                if transport.receiver_holds and link.faults.cut_after is not None:
                    self._receiver_lost(transport)
        for channel, data in transport.out.pop_due(now):
            active = True
            if transport.receiver_holds:
                self._to_receiver(transport, channel, bytes(data))  # type: ignore[arg-type]
                self._flush_receiver()
        for channel, data in transport.back.pop_due(now):
            active = True
            if transport.sender_holds and transport is self.transport:
                self.sender.receive(channel, data, now)
                self._flush_sender()
        # The end of the transport comes behind what was sent before it; where it was broken, it does not come.
        if transport.sender_holds is not transport.receiver_holds:
            link = transport.back if transport.sender_holds else transport.out
            if link.next_arrival() is None and not link.is_cut(now):
                (self._sender_lost if transport.sender_holds else self._receiver_lost)(transport)
                active = True
        return active

    def _to_receiver(self, transport: Connected, channel: Channel, data: bytes) -> None:
        if transport.greeted:
            if transport is self._of_receiver:
                self.core.receive(channel, data, self.now)
                self._note_cut_through(data)
            return
        if channel is Channel.MEDIA:
            return  # nothing is greeted on media
        try:
            hello = read_hello(data)
            self._greet(hello, transport)
        except RemoteProtocolError as error:
            self.refusals.append(error)
            transport.back.push(Channel.CONTROL, encode_refusal(error), self.now)
            transport.receiver_holds = False
        else:
            transport.greeted = True

    _of_receiver: Connected | None = None

    def _greet(self, hello: m.Hello, transport: Connected) -> None:
        """What an acceptor does with a hello."""
        self._secrets += 1
        secret = b"%016d" % self._secrets
        known = self.receiver is not None and self.receiver.closed is None and self.receiver.session == hello.session
        if known:
            if hello.resume is None:
                self.core.open(hello, transport.binding, secret, self.now)
            else:
                self.core.resume(hello, transport.binding, secret, self.now)
            old = self._of_receiver
            if old is not None and old.receiver_holds:
                superseded = encode_refusal(RemoteProtocolError(CloseCode.SUPERSEDED, "a newer connection"))
                old.back.push(Channel.CONTROL, superseded, self.now)
                old.receiver_holds = False
        else:
            if hello.resume is not None:
                raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "no such session")
            if self.max_sessions == 0:
                raise RemoteProtocolError(CloseCode.BUSY, "full", retry=300)
            receiver = ReceiverConnection(self.receiver_settings)
            receiver.open(hello, transport.binding, secret, self.now)
            self.receiver = receiver
        self._of_receiver = transport

    def _sender_lost(self, transport: Connected) -> None:
        transport.sender_holds = False
        if transport is self.transport and self.sender.state in ATTACHED:
            self.sender.detach(self.now)
        self._reconnect_soon()

    def _receiver_lost(self, transport: Connected) -> None:
        transport.receiver_holds = False
        if transport is self._of_receiver and self.receiver is not None:
            self.receiver.detach(self.now)

    def _reconnect_soon(self, delay: float | None = None) -> None:
        if self.reconnect is not None and self.sender.state is not SessionState.CLOSED and self._connect_at == inf:
            self._connect_at = self.now + (self.reconnect if delay is None else delay)

    def _flush_sender(self) -> bool:
        outgoing = self.sender.take_outgoing(self.now)
        transport = self.transport
        for channel, data in outgoing:
            self._note(">", data)
            if transport is not None and transport.sender_holds:
                self._within_binding(channel, data)
                transport.out.push(channel, data, self.now)
        events = self.sender.take_events()
        for event in events:
            self.sender_events.append(event)
            match event:
                case SessionOpened():
                    self.opened.append(event)
                case StreamEnded():
                    self._note_ended(event)
                case InterruptConfirmed():
                    self.confirmed.append((self.now, event))
                case TransportDropped() | SessionEnded():
                    if transport is not None:
                        transport.sender_holds = False
                    self._reconnect_soon(getattr(event, "retry_after", None))
        return bool(outgoing or events)

    def _flush_receiver(self) -> bool:
        receiver, transport = self.receiver, self._of_receiver
        if receiver is None:
            return False
        outgoing = receiver.take_outgoing(self.now)
        for channel, data in outgoing:
            self._note("<", data)
            if transport is not None and transport.receiver_holds:
                transport.back.push(channel, data, self.now)
        events = receiver.take_events()
        for event in events:
            self.receiver_events.append(event)
            match event:
                case ConsumerReset():
                    self.cut |= set(event.interrupted.segments)
                    self.player.reset(event.interrupted, self.now)
                case PauseChanged():
                    self.player.pause(event.paused, self.now)
                case TransportDropped() | SessionEnded():
                    if transport is not None:
                        transport.receiver_holds = False
        return bool(outgoing or events)

    def _within_binding(self, channel: Channel, data: Any) -> None:
        assert self.transport is not None
        binding = self.transport.binding
        most = binding.max_media_message if channel is Channel.MEDIA else binding.max_message
        assert len(data) <= min(most, self.sender._peer_message_limit), f"{len(data)} bytes on {channel.value}"

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

    def _note_cut_through(self, data: bytes) -> None:
        message = decode(data, 1 << 20)
        if isinstance(message, m.AudioMessage):
            self.cut |= set(range(1, message.cut_through + 1))

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
