"""The two state machines of version 0 on simulated time, against each other and against the models."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import inf

from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.events import Cause, ConsumerReset, Event, InterruptConfirmed, StreamEnded
from lipwire.protocol.items import Audio, Interrupted, SegmentEnd, SegmentStart
from lipwire.protocol.limits import Limits
from lipwire.protocol.version0_receiver import ReceiverConnection0, ReceiverSettings0
from lipwire.protocol.version0_sender import SenderConnection0, SenderSettings0

from .deployed import DeployedReceiver, DeployedSender
from .wire import RATE, STREAM, as_room, in_frames


class Renderer:
    """Plays what a ReceiverConnection0 hands out in real time, and reports."""

    def __init__(self, core: ReceiverConnection0, *, reports: bool = True) -> None:
        self.core = core
        self.reports = reports
        self.heard: dict[int, bytearray] = {}
        self.ended: dict[int, int] = {}
        self.interrupted: list[Interrupted] = []
        self.resets: list[Interrupted] = []
        self.plays_until = 0.0
        self.starts: dict[int, float] = {}
        self._due: deque[tuple[float, int, int]] = deque()

    def step(self, now: float) -> None:
        while (item := self.core.read(now)) is not None:
            match item:
                case SegmentStart():
                    assert item.segment not in self.heard
                    self.heard[item.segment] = bytearray()
                case Audio():
                    assert item.position * 2 == len(self.heard[item.segment])
                    self.heard[item.segment] += item.pcm
                    begins = max(self.plays_until, now)
                    self.starts.setdefault(item.segment, begins)
                    self.plays_until = begins + item.duration
                case SegmentEnd():
                    assert item.total * 2 == len(self.heard[item.segment])
                    self.ended[item.segment] = item.total
                    self._due.append((max(self.plays_until, now), item.segment, item.total))
                case Interrupted():
                    self._on_interrupted(item, now)
        while self._due and self._due[0][0] <= now:
            _, segment, total = self._due.popleft()
            if self.reports:
                self.core.stream_ended(segment, now, position=total)

    def _on_interrupted(self, item: Interrupted, now: float) -> None:
        self.interrupted.append(item)
        self._due.clear()
        self.plays_until = now
        if item.by_close or not self.reports:
            return
        for at, segment in enumerate(item.segments):
            started = self.starts.get(segment, now)
            heard = 0 if at else min(item.consumed[0], round(max(now - started, 0.0) * RATE))
            self.core.stream_ended(segment, now, position=heard, interrupted=True)

    @property
    def deadline(self) -> float:
        return self._due[0][0] if self._due else inf


class World:
    """A sender and a receiver, each a core or a model, and the link between them."""

    def __init__(
        self,
        sender: SenderConnection0 | DeployedSender | None = None,
        receiver: ReceiverConnection0 | DeployedReceiver | None = None,
        *,
        binding: Binding = STREAM,
        delay: Callable[[Channel], float] = lambda _: 0.03,
        loses: Callable[[Channel, Wire], bool] = lambda *_: False,
        room: bool = False,
        reports: bool = True,
    ) -> None:
        self.now = 100.0
        self.sender = sender or SenderConnection0(SenderSettings0(), bytes(16), self.now)
        self.receiver = receiver or ReceiverConnection0(ReceiverSettings0())
        self.delay, self.loses, self.room = delay, loses, room
        self.sent: list[tuple[float, Channel, Wire]] = []
        self.returned: list[Wire] = []
        self.events: list[tuple[float, Event]] = []
        self.renderer: Renderer | None = None
        self._air: list[tuple[float, int, bool, Channel, Wire]] = []
        self._count = 0
        self._last: dict[tuple[bool, Channel], float] = {}
        self._binding = binding
        if isinstance(self.sender, SenderConnection0):
            self.sender.attach(binding, self.now)
        if isinstance(self.receiver, ReceiverConnection0):
            self.receiver.open(binding, bytes(16), self.now)
            self.renderer = Renderer(self.receiver, reports=reports)
        self.flush()

    @property
    def core(self) -> SenderConnection0:
        assert isinstance(self.sender, SenderConnection0)
        return self.sender

    def flush(self) -> None:
        if isinstance(self.sender, SenderConnection0):
            outgoing = self.sender.take_outgoing(self.now)
            self.events += [(self.now, event) for event in self.sender.take_events()]
        else:
            outgoing, self.sender.out = self.sender.out, []
        for channel, message in outgoing:
            assert len(message) <= 15_360
            self.sent.append((self.now, channel, message))
            self._put(True, channel, message)
        if isinstance(self.receiver, ReceiverConnection0):
            assert self.renderer is not None
            self.renderer.step(self.now)
            answers = self.receiver.take_outgoing(self.now)
            for event in self.receiver.take_events():
                if isinstance(event, ConsumerReset):
                    self.renderer.resets.append(event.interrupted)
        else:
            answers, self.receiver.out = [(Channel.CONTROL, one) for one in self.receiver.out], []
        for channel, message in answers:
            self.returned.append(message)
            self._put(False, channel, message)

    def _put(self, forth: bool, channel: Channel, message: Wire) -> None:
        if self.loses(channel, message):
            return
        stream = channel if self._binding.separate_media else Channel.CONTROL
        due = max(self.now + self.delay(stream), self._last.get((forth, stream), 0.0))
        self._last[forth, stream] = due
        self._count += 1
        heappush(self._air, (due, self._count, forth, channel, as_room(message) if self.room else message))

    def run(self, seconds: float = 60.0, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until ``until`` holds, for so many seconds at most."""
        end = self.now + seconds
        self.flush()
        for _ in range(100_000):
            if until():
                return
            cores = [
                one for one in (self.sender, self.receiver) if not isinstance(one, (DeployedSender, DeployedReceiver))
            ]
            deadlines = [one.next_deadline() for one in cores]
            if self.renderer is not None:
                deadlines.append(self.renderer.deadline)
            if self._air:
                deadlines.append(self._air[0][0])
            due = min(deadlines, default=inf)
            if due > end:
                self.now = end
                self.flush()
                return
            self.now = max(self.now, due)
            for one in cores:
                if one.next_deadline() <= self.now:
                    one.expire(self.now)
            while self._air and self._air[0][0] <= self.now:
                _, _, forth, channel, message = heappop(self._air)
                receiving = self.receiver if forth else self.sender
                if isinstance(receiving, (DeployedSender, DeployedReceiver)):
                    receiving.receive(message, self.now)
                else:
                    receiving.receive(channel, message, self.now)
                self.flush()
            self.flush()
        raise AssertionError("time does not pass")

    def say(self, pcm: bytes, ms: int = 20, *, end: bool = True) -> int:
        number = self.core.open_segment(None, self.now)
        for frame in in_frames(pcm, ms):
            assert self.core.write(number, frame, self.now)
        if end:
            self.core.end_segment(number, self.now)
        self.flush()
        return number

    def interrupt(self, segment: int | None = None, cause: Cause = Cause.INTERRUPTED) -> int | None:
        last = self.core.interrupt(self.now, segment, cause)
        self.flush()
        return last

    @property
    def results(self) -> list[StreamEnded]:
        return [event for _, event in self.events if isinstance(event, StreamEnded)]

    @property
    def confirmed(self) -> list[InterruptConfirmed]:
        return [event for _, event in self.events if isinstance(event, InterruptConfirmed)]

    @property
    def heard(self) -> list[bytes]:
        if isinstance(self.receiver, DeployedReceiver):
            return self.receiver.segments()
        assert self.renderer is not None
        return [bytes(one) for one in self.renderer.heard.values()]

    def check_results(self) -> None:
        """Each segment ended exactly once, in order."""
        numbers = [result.segment for result in self.results]
        assert numbers == list(range(1, self.core.next_segment))


def opened(binding: Binding = STREAM, **settings: float) -> ReceiverConnection0:
    limits = Limits(cooldown=settings.pop("cooldown", 0.3))
    core = ReceiverConnection0(ReceiverSettings0(limits=limits, **settings))  # type: ignore[arg-type]
    core.open(binding, bytes(16), 0.0)
    core.take_events()
    return core


def read_all(core: ReceiverConnection0, now: float = 0.0) -> list[object]:
    items = []
    while (item := core.read(now)) is not None:
        items.append(item)
    assert not core.readable(now)
    return items
