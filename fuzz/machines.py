"""The machines under attack, and what has to hold of each after every step.

A machine stands where a shell would: it gives the core what came, takes what it sends, tells it the time, and lets its
user do simple things. A user's call that the protocol does not allow (``LocalProtocolError``) is fine; anything else
that is raised, and any ``Broken``, is a fault.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import CloseCode, LocalProtocolError, RemoteProtocolError, code_name
from lipwire.protocol.events import SessionEnded, StreamEnded
from lipwire.protocol.limits import EARLY_CUTS, EARLY_SEGMENTS, HELD_NUMBERED, MISSING_RANGES, UNACKNOWLEDGED_MESSAGES
from lipwire.protocol.limits import Limits as Limits
from lipwire.protocol.messages import CloseMessage, Numbered
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import BY_MESSAGE, Feature, Role
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings
from lipwire.protocol.states import ATTACHED, SegmentState, SessionState
from lipwire.protocol.version0_receiver import ReceiverConnection0, ReceiverSettings0
from lipwire.protocol.version0_sender import SenderConnection0, SenderSettings0

from .steps import Do, Greeting, Message, Step, Wait

MEMORY = Binding(name="memory", separate_media=False)
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1_150)
ROOM = Binding(
    name="room", separate_media=True, media_reliable=False, control_reliable=False, broadcast=True,
    max_message=15_360, max_media_message=15_360,
)  # fmt: skip
BINDINGS = {binding.name: binding for binding in (MEMORY, WEBRTC, ROOM)}
ROOM_KEY = b"the key of a room that all of them know"
SESSION = bytes(range(16))
LIMITS = Limits(resume=5.0, keepalive=2.0, grace=2.0)
OUR_CODES = frozenset(code for code in CloseCode if CloseCode.MALFORMED <= code <= CloseCode.RESUME_STATE)
"""With which a machine may close because of what its peer sent."""
EVER = 10_000.0
"""Seconds after which a session whose peer is gone has come to its end, whatever was agreed on."""


class Broken(AssertionError):
    """Something that has to hold does not."""


def need(true: object, what: str) -> None:
    """Raise :class:`Broken` unless it is so."""
    if not true:
        raise Broken(what)


@dataclass(frozen=True)
class Setup:
    """Which machine, over what transport, and with which features (both sides offer or accept them)."""

    kind: str
    binding: str
    features: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.binding} {'features' if self.features else 'core'}"

    def make(self) -> Machine:
        """A new machine."""
        return MACHINES[self.kind](self)


SETUPS = (
    Setup("receiver", "memory", True),
    Setup("receiver", "memory", False),
    Setup("receiver", "webrtc", True),
    Setup("receiver", "room", True),
    Setup("sender", "memory", True),
    Setup("sender", "memory", False),
    Setup("sender", "webrtc", True),
    Setup("sender", "room", True),
    Setup("receiver0", "memory", False),
    Setup("receiver0", "room", False),
    Setup("sender0", "memory", False),
    Setup("sender0", "room", False),
)


class Machine(ABC):
    """One state machine and its user."""

    REACHABLE: ClassVar[dict[SessionState, frozenset[SegmentState]]]
    """The states of the session, and of the segments that there can be in each of them, while a message comes."""
    core: Any
    users: dict[str, Callable[[], object]]
    """What the user can do, by name."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.binding = BINDINGS[setup.binding]
        self.features = frozenset(Feature) if setup.features else frozenset[Feature]()
        self.now = 1_000.0
        self.refused: str | None = None
        self.refusal = ""
        """With what code the last greeting was refused, and why."""
        self.ended = 0
        self.over = 0
        """Segments that have come to their end, as far as this side's user was told."""

    # -- steps ---------------------------------------------------------------------------------------------

    def apply(self, step: Step) -> list[tuple[Channel, Wire]]:
        """Do one step, and give what the machine sends because of it. Raises :class:`Broken`, or what the core does."""
        self.refused = None
        self.refusal = ""
        match step:
            case Message():
                self.core.receive(step.channel, step.data, self.now)
            case Greeting():
                self._greet(step.data)
            case Wait():
                self.now += step.seconds
                return self._run_timers()
            case Do():
                with suppress(LocalProtocolError):
                    self.users[step.what]()
        return self._flush()

    def _run_timers(self) -> list[tuple[Channel, Wire]]:
        sent = self._flush()
        for _ in range(1_000):
            if self.core.next_deadline() > self.now:
                return sent
            self.core.expire(self.now)
            sent += self._flush()
        raise Broken("expire is due again and again at the same time")

    def _flush(self) -> list[tuple[Channel, Wire]]:
        was_closed = self.ended > 0
        sent: list[tuple[Channel, Wire]] = self.core.take_outgoing(self.now)
        for event in self.core.take_events():
            if type(event) is SessionEnded:
                self.ended += 1
            elif type(event) is StreamEnded:
                self.over += 1
                self._check_result(event)
        closed = self.core.closed
        need(self.ended == (closed is not None), f"{self.ended} times SessionEnded; closed: {closed}")
        if closed is not None:
            need(not (was_closed and sent), "something is sent after the session was closed")
            need(self.core.version == 0 or not sent or _is_close(sent), "something is sent besides the close")
            if closed.by_peer is False and closed.code is not CloseCode.NORMAL:
                need(closed.code in OUR_CODES, f"closed with {closed}")
        elif sent:
            need(self.core.state in ATTACHED or _is_close(sent), "something is sent without a transport")
        self.check()
        return sent

    def _greet(self, data: Wire) -> None:
        """The peer begins a transport with this."""
        raise Broken(f"a {self.setup.kind} is not greeted: {data!r:.60}")

    def _check_result(self, event: StreamEnded) -> None:
        raise Broken(f"a {self.setup.kind} tells no results: {event}")

    def finish(self) -> None:
        """The peer is gone: the session comes to its end."""
        self.core.detach(self.now)
        for _ in range(100):
            self.now = max(self.now, min(self.core.next_deadline(), self.now + EVER))
            self._run_timers()
            if self.core.state in (SessionState.CLOSED, SessionState.IDLE):
                break
        need(self.core.state is not SessionState.LOST, "the session outlives its peer")
        self.check_over()

    # -- what there is -------------------------------------------------------------------------------------

    @abstractmethod
    def segments(self) -> Iterable[SegmentState]:
        """The states of its segments now, those that are over too."""

    @abstractmethod
    def check(self) -> None:
        """Hold the machine against its bounds."""

    @abstractmethod
    def check_over(self) -> None:
        """Nothing is left of a session that ended."""

    def outcome(self) -> str:
        """What the last step came to: ``taken``, ``refused …`` or ``closed …``."""
        if self.refused is not None:
            return f"refused {self.refused}"
        closed = self.core.closed
        if closed is None:
            return "taken"
        return f"closed {code_name(closed.code)}" if closed.by_peer is False else "closed by peer"

    def reason(self) -> str:
        """Why the last step did not come to "taken"."""
        return self.refusal or (self.core.closed.reason if self.core.closed and not self.core.closed.by_peer else "")


class _Receiver(Machine):
    """What the user of a receiver does, of either version."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.users = {
            "read": self._read,
            "read all": self._read_all,
            "started": self._started,
            "played": self._played,
            "ended": self._report_end,
            "failed": self._failed,
            "reset": lambda: self.core.reset_done(self.now),
            "custom": lambda: self.core.send_custom({"a": 1}, self.now),
            "detach": lambda: self.core.detach(self.now),
            "close": lambda: self.core.close(self.now),
        }
        self.consumed: dict[int, int] = {}

    def _read(self) -> object:
        item = self.core.read(self.now)
        if item is not None and hasattr(item, "pcm"):
            need(item.position == self.consumed.get(item.segment, 0), "a gap, or a sample twice")
            self.consumed[item.segment] = item.end
        elif item is not None and hasattr(item, "metadata"):
            self.consumed[item.segment] = 0
        return item

    def _read_all(self) -> None:
        for _ in range(100_000):
            if self._read() is None:
                return
        raise Broken("there is no end of items")

    def _oldest(self) -> int:
        return next(iter(self.consumed), 1)

    def _started(self) -> None:
        self.core.stream_started(self._oldest(), self.now)

    def _played(self) -> None:
        self.core.played(self._oldest(), self.consumed.get(self._oldest(), 0), self.now)

    def _report_end(self) -> None:
        number = self._oldest()
        position = self.consumed.pop(number, None)
        if self.core.stream_ended(number, self.now, position=position):
            self.over += 1

    def _failed(self) -> None:
        number = self._oldest()
        self.consumed.pop(number, None)
        if self.core.stream_ended(number, self.now, position=None, failed=True):
            self.over += 1


class ReceiverMachine(_Receiver):
    """The receiver of version 1, behind what an acceptor does with a hello."""

    core: ReceiverConnection
    REACHABLE: ClassVar = {
        SessionState.IDLE: frozenset(),
        SessionState.OPEN: frozenset(SegmentState) - {SegmentState.QUEUED},
        SessionState.LOST: frozenset(SegmentState) - {SegmentState.QUEUED},
        SessionState.CLOSED: frozenset(),
    }
    """A receiver is opening, or reopening, within one call alone; queued is a sender's."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.core = ReceiverConnection(
            ReceiverSettings(limits=LIMITS, features=self.features, room_key=ROOM_KEY, grease=False)
        )
        self._secrets = 0

    def _greet(self, data: Wire) -> None:
        core = self.core
        before = (core.state, core.generation, core.session, core.features)
        self._secrets += 1
        secret = self._secrets.to_bytes(16, "big")
        try:
            hello = read_hello(data, core.limits.message)
            if hello.resume is not None and core.state is not SessionState.IDLE:
                core.resume(hello, self.binding, secret, self.now)
            else:
                core.open(hello, self.binding, secret, self.now)
        except RemoteProtocolError as error:
            self.refused, self.refusal = code_name(error.code), str(error)
            need(error.code in OUR_CODES, f"refused with {error.code}")
            need(
                before == (core.state, core.generation, core.session, core.features),
                "a hello that was refused has changed the session",
            )

    def segments(self) -> Iterable[SegmentState]:
        """See :meth:`Machine.segments`."""
        incoming = self.core._incoming
        states = {segment.state for segment in incoming.live.values()}
        if self.core.closed is None and incoming.highest and not {1, incoming.highest} <= incoming.live.keys():
            states.add(SegmentState.OVER)
        return states

    def check(self) -> None:
        """See :meth:`Machine.check`."""
        core, incoming = self.core, self.core._incoming
        counters = core.counters
        need(0 <= counters.credit_used <= counters.window, f"credit {counters.credit_used} of {counters.window}")
        need(counters.held_samples <= counters.window, f"{counters.held_samples} samples held")
        need(len(incoming.live) <= core.limits.segments, f"{len(incoming.live)} live segments")
        need(len(incoming.early) <= EARLY_SEGMENTS, f"{len(incoming.early)} early segments")
        need(len(incoming.cuts) <= EARLY_CUTS or core.closed, f"{len(incoming.cuts)} early cuts")
        need(len(core.numbered._held) <= HELD_NUMBERED, f"{len(core.numbered._held)} held messages")
        need(core.numbered.unacknowledged <= UNACKNOWLEDGED_MESSAGES, "too much is unacknowledged")
        for segment in incoming.receiving.values():
            # The range that begins at what was handed out last, and the one up to the known end, come on top.
            need(segment.audio.gaps <= MISSING_RANGES + 2, f"{segment.audio.gaps} missing ranges")

    def check_over(self) -> None:
        """See :meth:`Machine.check_over`."""
        need(self.core.counters.held_samples == 0 or self.core.closed is None, "audio is held of a session that ended")


class SenderMachine(Machine):
    """The sender of version 1, and an agent that writes a little."""

    core: SenderConnection
    REACHABLE: ClassVar = {
        SessionState.IDLE: frozenset({SegmentState.QUEUED, SegmentState.OVER}),
        SessionState.OPENING: frozenset({SegmentState.QUEUED, SegmentState.OVER}),
        SessionState.OPEN: frozenset(SegmentState) - {SegmentState.HANDED_OUT},
        SessionState.LOST: frozenset(SegmentState) - {SegmentState.HANDED_OUT},
        SessionState.REOPENING: frozenset(SegmentState) - {SegmentState.HANDED_OUT},
        SessionState.CLOSED: frozenset({SegmentState.OVER}),
    }
    """Handed out is a receiver's."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.core = self._make()
        self._last = 0
        core = self.core
        self.users = {
            "attach": lambda: core.attach(self.binding, self.now),
            "detach": lambda: core.detach(self.now),
            "open": lambda: core.open_segment({"text": "hello"}, self.now),
            "open all": self._open_many,
            "write": lambda: self._write(480),
            "write more": lambda: self._write(24_000),
            "end": lambda: core.end_segment(core.next_segment - 1, self.now),
            "interrupt": lambda: core.interrupt(self.now),
            "interrupt one": lambda: core.interrupt(self.now, core.next_segment - 1),
            "pause": lambda: core.pause(self.now),
            "unpause": lambda: core.unpause(self.now),
            "mark": lambda: core.mark(core.next_segment - 1, 480, "m", self.now),
            "data": lambda: core.data(core.next_segment - 1, 480, {"words": ["a"]}, self.now),
            "custom": lambda: core.send_custom({"a": 1}, self.now),
            "close": lambda: core.close(self.now),
        }

    def _make(self) -> Any:
        settings = SenderSettings(limits=LIMITS, features=self.features, room_key=ROOM_KEY, connect_time=20.0)
        return SenderConnection(settings, SESSION, self.now)

    def _open_many(self) -> None:
        for _ in range(8):
            number = self.core.open_segment(None, self.now)
            self.core.write(number, bytes(960), self.now)
            self.core.end_segment(number, self.now)

    def _write(self, samples: int) -> None:
        if self.core.buffered < 96_000:
            self.core.write(self.core.next_segment - 1, bytes(2 * samples), self.now)

    def _check_result(self, event: StreamEnded) -> None:
        need(event.segment == self._last + 1, f"segment {event.segment} ends after {self._last}")
        need(event.position >= 0, "heard up to a position below 0")
        self._last = event.segment

    def segments(self) -> Iterable[SegmentState]:
        """See :meth:`Machine.segments`."""
        states = {segment.state for segment in self.core._segments}
        if self._last:
            states.add(SegmentState.OVER)
        return states

    def check(self) -> None:
        """See :meth:`Machine.check`."""
        core = self.core
        need(core.buffered >= 0, "less than nothing is buffered")
        need(core.in_flight >= 0, "less than nothing is in flight")
        need(core.numbered.unacknowledged <= UNACKNOWLEDGED_MESSAGES, "too much is unacknowledged")
        need(len(core.numbered._held) <= HELD_NUMBERED, f"{len(core.numbered._held)} held messages")
        if core.window:
            need(core._credit_used() <= core.window, "more than the window is used")

    def check_over(self) -> None:
        """See :meth:`Machine.check_over`."""
        if self.core.closed is not None:
            need(self._last == self.core.next_segment - 1, "a segment has not come to its end")


class ReceiverMachine0(_Receiver):
    """The receiver of version 0."""

    core: ReceiverConnection0
    REACHABLE: ClassVar = {
        SessionState.IDLE: frozenset(),
        SessionState.OPEN: frozenset(SegmentState) - {SegmentState.QUEUED, SegmentState.ENDED},
        SessionState.CLOSED: frozenset(),
    }
    """There is no handshake and no resume; and a segment has ended once the end was handed out, not before."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.core = ReceiverConnection0(ReceiverSettings0(limits=LIMITS, answers_probes=True, most_held=10.0))
        self.users["attach"] = lambda: self.core.open(self.binding, SESSION, self.now)

    def segments(self) -> Iterable[SegmentState]:
        """See :meth:`Machine.segments`."""
        core = self.core
        states = set()
        for segment in core._segments.values():
            if segment.cut:
                states.add(SegmentState.CUT)
            else:
                states.add(SegmentState.HANDED_OUT if segment.handed_out else SegmentState.STARTED)
        if core.closed is None and core._next - 1 > len(core._segments):
            states.add(SegmentState.OVER)
        return states

    def check(self) -> None:
        """See :meth:`Machine.check`."""
        core = self.core
        most = core.format.samples(core.settings.most_held)
        need(0 <= core.held <= most or core.closed, f"{core.held} samples held")
        need(len(core._segments) <= 2_048, f"{len(core._segments)} segments")
        need(len(core._items) <= 2_000 + 2_048 + 1_024, f"{len(core._items)} items wait")

    def check_over(self) -> None:
        """See :meth:`Machine.check_over`."""
        need(self.core.held == 0 or self.core.closed is None, "audio is held of a session that ended")


class SenderMachine0(SenderMachine):
    """The sender of version 0."""

    REACHABLE: ClassVar = {
        SessionState.IDLE: frozenset({SegmentState.QUEUED, SegmentState.OVER}),
        SessionState.OPEN: frozenset(SegmentState) - {SegmentState.HANDED_OUT},
        SessionState.CLOSED: frozenset({SegmentState.OVER}),
    }
    """There is no handshake and no resume."""

    def _make(self) -> Any:
        return SenderConnection0(SenderSettings0(limits=LIMITS, connect_time=20.0), SESSION, self.now)

    def check(self) -> None:
        """See :meth:`Machine.check`."""
        need(self.core.buffered >= 0, "less than nothing is buffered")
        need(self.core.in_flight >= 0, "less than nothing is in flight")


MACHINES: dict[str, type[Machine]] = {
    "receiver": ReceiverMachine,
    "sender": SenderMachine,
    "receiver0": ReceiverMachine0,
    "sender0": SenderMachine0,
}


def role_of(kind: str) -> Role:
    """The role of the hostile peer."""
    return Role.SENDER if kind.startswith("receiver") else Role.RECEIVER


def check_output(machine: Machine, sent: list[tuple[Channel, Wire]]) -> list[Any]:
    """Hold what a machine of version 1 sent against the registry and the binding; gives the messages."""
    messages = []
    ours = role_of(machine.setup.kind).other
    for channel, data in sent:
        binding = machine.binding
        most = binding.max_media_message if channel is Channel.MEDIA else binding.max_message
        need(len(data) <= most, f"{len(data)} bytes on {channel.value}")
        message = decode(data, 1 << 20)
        if message is None:
            continue
        inner = message.message if type(message) is Numbered else message
        need(ours in BY_MESSAGE[type(inner)].sent_by, f"a {ours.value} sends {inner!r:.60}")
        messages.append(message)
    return messages


def _is_close(sent: list[tuple[Channel, Wire]]) -> bool:
    """Whether all there is is a close: of a handshake that a sender gives up."""
    return all(type(data) is bytes and type(decode(data, 1 << 20)) is CloseMessage for _, data in sent)
