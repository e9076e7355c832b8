"""Version 0: the two state machines on simulated time, against each other and against models of the deployed classes.

The models are written from what VideoSDK's classes were seen to do; they are not those classes.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwire.protocol import version0
from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    ConsumerReset,
    Event,
    InterruptConfirmed,
    SessionEnded,
    SessionOpened,
    StreamEnded,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio, Interrupted, SegmentEnd, SegmentStart
from lipwire.protocol.limits import Limits
from lipwire.protocol.states import SessionState
from lipwire.protocol.version0_receiver import ReceiverConnection0, ReceiverSettings0
from lipwire.protocol.version0_sender import SenderConnection0, SenderSettings0

RATE = 24_000
STREAM = Binding(name="stream", separate_media=False)
ROOM = Binding(
    name="room",
    separate_media=True,
    control_reliable=True,
    media_reliable=False,
    broadcast=True,
    max_message=15_360,
    max_media_message=15_360,
)
LOSSY_ROOM = Binding(
    name="room",
    separate_media=True,
    control_reliable=False,
    media_reliable=False,
    broadcast=True,
    max_message=15_360,
    max_media_message=15_360,
)
INTERRUPT = (Channel.CONTROL, b"INTERRUPT")
END = (Channel.CONTROL, '{"type": "segment_end"}')


def ack(position: float, *, interrupted: bool = False) -> str:
    return json.dumps({"type": "stream_ended", "data": {"playback_position": position, "interrupted": interrupted}})


def noise(seconds: float, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(round(seconds * RATE) * 2)


def in_frames(pcm: bytes, ms: int = 20) -> list[bytes]:
    size = RATE * 2 * ms // 1000
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def as_room(message: Wire) -> Wire:
    """What a room's client makes of a message: valid UTF-8 comes as text."""
    if isinstance(message, bytes):
        try:
            return message.decode()
        except UnicodeDecodeError:
            pass
    return message


# -- models of the deployed classes ------------------------------------------------------------------------------


class DeployedReceiver:
    """A model of the deployed receiving class with a renderer that pushes what it gets, and acks what it pushed."""

    def __init__(self) -> None:
        self.heard: list[list[bytes]] = [[]]
        self.out: list[Wire] = []
        self.deaf_until = 0.0
        self.discarded = 0
        self.acks = True

    def receive(self, message: Wire, now: float) -> None:
        if message in (b"INTERRUPT", "INTERRUPT"):
            self.deaf_until = now + 0.3
            if self.heard[-1]:
                self._ack(interrupted=True)
        elif isinstance(message, bytes):
            if now < self.deaf_until:
                self.discarded += len(message)
            else:
                self.heard[-1].append(message + bytes(len(message) % 2))
        elif message:
            try:
                body = json.loads(message)
            except ValueError:
                self.discarded += len(message.encode())
                return
            if body["type"] == "segment_end" and self.heard[-1]:
                self._ack(interrupted=False)

    def _ack(self, *, interrupted: bool) -> None:
        pushed = sum(map(len, self.heard[-1])) / 2 / RATE
        self.heard.append([])
        if self.acks:
            self.out.append(ack(pushed, interrupted=interrupted))

    def segments(self) -> list[bytes]:
        return [b"".join(one) for one in self.heard if one]


class DeployedSender:
    """A model of the deployed sending class: slices, pads, and dies of an ack that it can not read."""

    def __init__(self) -> None:
        self.out: list[tuple[Channel, Wire]] = []
        self.acks: list[tuple[float, bool]] = []

    def audio(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 15_000):
            piece = pcm[at : at + 15_000]
            self.out.append((Channel.MEDIA, piece + bytes(len(piece) % 2)))

    def segment_end(self) -> None:
        self.out.append(END)

    def interrupt(self) -> None:
        self.out.append(INTERRUPT)

    def receive(self, message: Wire, now: float) -> None:  # noqa: ARG002
        body = json.loads(message)
        if body["type"] == "stream_ended":
            self.acks.append((body["data"]["playback_position"], body["data"]["interrupted"]))


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


# -- the simulated world -----------------------------------------------------------------------------------------


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


# -- the messages ------------------------------------------------------------------------------------------------


def test_messages_as_deployed():
    assert version0.INTERRUPT == b"INTERRUPT"
    assert version0.SEGMENT_END == '{"type": "segment_end"}'
    assert version0.encode_stream_ended(1.5, interrupted=True) == (
        '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": true}}'
    )


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        "null",
        '"stream_ended"',
        "{}",
        "{",
        '{"type": null}',
        '{"type": ["stream_ended"]}',
        '{"type": "other"}',
        '{"type": "stream_ended"}',
        '{"type": "stream_ended", "data": null}',
        '{"type": "stream_ended", "data": []}',
        '{"type": "stream_ended", "data": {}}',
        '{"type": "stream_ended", "data": {"playback_position": "1", "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": true, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": -1, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": NaN, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": Infinity, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1e999, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1' + "0" * 800 + ', "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1' + "0" * 9_000 + ', "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1, "interrupted": 0}}',
        '{"type": "stream_ended", "data": {"playback_position": 1, "interrupted": null}}',
        '{"type": "stream_ended", "data": ' + '{"a":' * 3_000 + "1" + "}" * 3_000 + "}",
        "[" * 15_000,
        '{"type":' * 1_900,
        "\ud800",
        "",
        b"",
        b"\xff\xfe",
        b"[]",
        bytes(960),
    ],
)
def test_a_malformed_ack_is_counted_and_ignored(text: Wire):
    world = World()
    world.say(noise(0.1))
    world.core.receive(Channel.CONTROL, text, world.now)
    assert world.core.state is SessionState.OPEN
    assert world.core.counters.ignored == 1
    world.run()
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, 2_400)]


def test_an_ack_may_come_as_bytes():
    assert version0.parse_ack(ack(1).encode()) == version0.StreamEnded0(position=1.0, interrupted=False)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_parsing_never_raises(message: Wire):
    version0.parse(message)
    version0.parse_ack(message)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_parsing_any_json_never_raises(value: object):
    for body in (value, {"type": "stream_ended", "data": value}, {"type": "lipwire", "versions": value}):
        version0.parse(json.dumps(body))


def test_the_probe():
    probe = version0.probe_message()
    assert probe == '{"type": "lipwire", "versions": [1]}'
    assert version0.is_probe(probe)
    answer = version0.answer_probe(probe)
    assert answer is not None
    assert not version0.is_probe(answer)
    assert version0.probe_answer(answer) == 1
    assert version0.answer_probe(version0.probe_message([7, 9])) is None
    assert version0.answer_probe(answer) is None
    assert version0.probe_answer(probe) is None
    for other in (b"\x00\x00", "hello", '{"type": "lipwire"}', '{"type": "lipwire", "versions": []}', ack(1)):
        assert not version0.is_probe(other)
        assert version0.probe_answer(other) is None


def test_both_deployed_models_ignore_the_probe():
    receiver, sender = DeployedReceiver(), DeployedSender()
    receiver.receive(version0.probe_message(), 0.0)
    sender.receive(version0.probe_message(), 0.0)
    assert not receiver.segments()
    assert not receiver.out
    assert not sender.acks


@pytest.mark.parametrize("answers", [True, False])
def test_a_receiver_answers_a_probe_if_it_is_told_to(answers: bool):
    core = ReceiverConnection0(ReceiverSettings0(answers_probes=answers))
    core.open(ROOM, bytes(16), 0.0)
    core.receive(Channel.CONTROL, version0.probe_message(), 0.0)
    assert [version0.probe_answer(m) for _, m in core.take_outgoing(0.0)] == ([1] if answers else [])
    assert core.counters.chunks == 0


# -- PCM that is valid UTF-8 -------------------------------------------------------------------------------------


def test_silence_is_changed_by_one():
    changed = np.frombuffer(version0.not_text(bytes(960)), "<i2")
    assert sorted(changed) == [-1] + [0] * 479


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=50))
def test_any_audio_can_be_kept_from_being_text(samples: list[int]):
    pcm = np.array(samples, "<i2").tobytes()
    changed = version0.not_text(pcm)
    with pytest.raises(UnicodeDecodeError):
        changed.decode()
    after = np.frombuffer(changed, "<i2").astype(int)
    differences = [abs(a - b) for a, b in zip(samples, after, strict=True) if a != b]
    assert len(differences) <= 1
    assert all(one <= 128 for one in differences)
    assert isinstance(as_room(pcm), str) == bool(differences)


def test_a_deployed_receiver_in_a_room_loses_no_pause():
    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=ROOM, room=True)
    loud = noise(0.2)
    world.say(loud + bytes(RATE) + loud)
    world.run(until=lambda: bool(world.results))
    heard = receiver.segments()[0]
    assert len(heard) == 2 * len(loud) + RATE
    assert heard[: len(loud)] == loud
    assert np.abs(np.frombuffer(heard[len(loud) : -len(loud)], "<i2")).max() == 1
    assert world.core.counters.changed_chunks > 0


def test_on_a_websocket_nothing_is_changed():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(bytes(RATE))
    world.run(until=lambda: bool(world.results))
    assert receiver.segments() == [bytes(RATE)]
    assert world.core.counters.changed_chunks == 0


@given(st.lists(st.integers(0, 127) | st.integers(-32_768, 32_767), max_size=200), st.booleans())
def test_audio_that_came_as_text_is_the_same_audio(samples: list[int], quiet: bool):
    pcm = np.array([abs(s) % 128 if quiet else s for s in samples], "<i2").tobytes()
    core = ReceiverConnection0(ReceiverSettings0())
    core.open(ROOM, bytes(16), 0.0)
    core.receive(Channel.MEDIA, as_room(pcm), 0.0)
    items = [core.read(0.0) for _ in range(3)]
    heard = b"".join(bytes(item.pcm) for item in items if isinstance(item, Audio))
    assert heard == pcm
    assert core.counters.texts == (bool(pcm) and isinstance(as_room(pcm), str))


@pytest.mark.parametrize("text", ["111122223333", '"quoted"', "[1,2]", "{ not JSON }", "nullnull", '{"a": "b" }  '])
def test_text_that_is_no_control_message_is_audio(text: str):
    core = ReceiverConnection0(ReceiverSettings0())
    core.open(ROOM, bytes(16), 0.0)
    core.receive(Channel.MEDIA, text, 0.0)
    assert core.counters.held_samples == len(text) // 2


# -- opening -----------------------------------------------------------------------------------------------------


def test_opens_at_once_with_nothing_on_the_wire():
    settings = SenderSettings0(format=PcmFormat(16_000), limits=Limits(cooldown=0.5))
    core = SenderConnection0(settings, b"s" * 16, 5.0)
    core.attach(STREAM, 5.0)
    opened = core.take_events()
    assert opened == [
        SessionOpened(
            session=b"s" * 16,
            generation=1,
            format=PcmFormat(16_000),
            features=frozenset(),
            limits={"cooldown": 0.5, "message": 15_360},
        )
    ]
    assert core.take_outgoing(5.0) == []
    assert core.next_deadline() == inf
    assert core.features == frozenset()
    assert core.version == 0
    with pytest.raises(LocalProtocolError):
        core.attach(STREAM, 5.0)


def test_never_connected():
    core = SenderConnection0(SenderSettings0(connect_time=3.0), bytes(16), 5.0)
    number = core.open_segment(None, 5.0)
    core.write(number, bytes(960), 5.0)
    assert core.next_deadline() == 8.0
    core.expire(8.0)
    ended = [event for event in core.take_events() if isinstance(event, StreamEnded)]
    assert ended == [StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.NEVER_CONNECTED, exact=True)]


@pytest.mark.parametrize("pcm", [PcmFormat(24_000, 2), PcmFormat(24_000, 1, "f32le")])
def test_carries_mono_s16le_only(pcm: PcmFormat):
    for settings in (SenderSettings0, ReceiverSettings0):
        with pytest.raises(LocalProtocolError, match="mono s16le") as raised:
            settings(format=pcm)
        assert raised.value.code is CloseCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("wrong", [{"lead": 0.0}, {"chunk": 0.0}, {"margin": -1.0}, {"reorder": 61.0}])
def test_sender_settings_are_checked(wrong: dict[str, float]):
    with pytest.raises(LocalProtocolError, match=next(iter(wrong))):
        SenderSettings0(**wrong)  # type: ignore[arg-type]


def test_receiver_settings_are_checked():
    with pytest.raises(LocalProtocolError, match="most_held"):
        ReceiverSettings0(most_held=-1)


def test_what_version_0_has_not():
    world = World()
    number = world.say(noise(0.1), end=False)
    for call in (
        lambda: world.core.mark(number, 0, "here", world.now),
        lambda: world.core.data(number, 0, {"a": 1}, world.now),
        lambda: world.core.pause(world.now),
        lambda: world.core.unpause(world.now),
        lambda: world.core.send_custom({"a": 1}, world.now),
        lambda: world.receiver.send_custom({"a": 1}, world.now),
    ):
        with pytest.raises(LocalProtocolError, match="version 0 has no"):
            call()
    world.core.end_segment(number, world.now)
    world.core.open_segment({"text": "hello"}, world.now)
    assert world.core.counters.dropped_controls == 1


# -- the two cores together --------------------------------------------------------------------------------------


@pytest.mark.parametrize("binding", [STREAM, ROOM])
@pytest.mark.parametrize("ms", [20, 1, 1000])
def test_bit_exact_over_a_reliable_link(binding: Binding, ms: int):
    sender = SenderConnection0(SenderSettings0(keep_from_text=False), bytes(16), 100.0)
    world = World(sender, binding=binding, room=binding is ROOM)
    spoken = [noise(3.0, 1), noise(0.3, 2), bytes(2 * RATE), noise(1.5, 3) + bytes(3)[:2]]
    for pcm in spoken:
        world.say(pcm, ms)
    world.run(until=lambda: len(world.results) == 4)
    assert world.renderer is not None
    assert [bytes(world.renderer.heard[n]) for n in (1, 2, 3, 4)] == spoken
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.PLAYED, len(pcm) // 2, False) for pcm in spoken
    ]
    assert not any(r.exact for r in world.results)
    world.check_results()


def test_results_come_in_real_time_and_may_be_exact():
    sender = SenderConnection0(SenderSettings0(exact_acks=True), bytes(16), 100.0)
    world = World(sender)
    world.say(noise(2.0))
    world.run(until=lambda: bool(world.results))
    assert world.now == pytest.approx(102.06, abs=0.01)
    assert world.results[0].exact


@pytest.mark.parametrize(("binding", "most"), [(STREAM, 4_800), (ROOM, 4_800)])
def test_audio_goes_at_most_the_lead_ahead_of_real_time(binding: Binding, most: int):
    world = World(binding=binding)
    began = world.now
    world.say(noise(10.0), 1000)
    assert world.core.buffered == 9 * RATE
    world.run(until=lambda: bool(world.results))
    sent = 0
    for at, channel, message in world.sent:
        if channel is Channel.MEDIA:
            sent += len(message) // 2
            assert sent <= (at - began + 1.0) * RATE + 1
            assert len(message) <= most
            assert len(message) % 2 == 0
    assert sent == 10 * RATE


def test_live_audio_is_not_delayed():
    world = World()
    number = world.core.open_segment(None, world.now)
    for frame in in_frames(noise(2.0)):
        world.core.write(number, frame, world.now)
        world.flush()
        assert world.core.buffered == 0
        world.run(0.02)
    assert len(world.sent) == 100


def test_slices_at_most_15_000_bytes_of_whole_frames():
    sender = SenderConnection0(SenderSettings0(chunk=10.0, lead=10.0), bytes(16), 100.0)
    world = World(sender)
    world.say(noise(5.0), 5_000)
    sizes = [len(m) for _, c, m in world.sent if c is Channel.MEDIA]
    assert max(sizes) == 15_000
    assert sum(sizes) == 5 * RATE * 2
    narrow = Binding(name="narrow", separate_media=True, media_reliable=False, max_media_message=1_151)
    world = World(SenderConnection0(SenderSettings0(), bytes(16), 100.0), binding=narrow)
    world.say(noise(0.5))
    assert all(len(m) <= 1_150 for _, c, m in world.sent if c is Channel.MEDIA)


@pytest.mark.parametrize("binding", [STREAM, ROOM])
def test_an_interrupt_loses_nothing_of_the_next_segment(binding: Binding):
    sender = SenderConnection0(SenderSettings0(keep_from_text=False), bytes(16), 100.0)
    world = World(sender, binding=binding)
    world.say(noise(20.0), end=False)
    world.run(1.0)
    assert world.interrupt() == 1
    at = world.now
    answer = noise(1.0, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert world.renderer is not None
    assert [list(i.segments) for i in world.renderer.interrupted] == [[1]]
    assert world.renderer.resets == world.renderer.interrupted
    assert bytes(world.renderer.heard[2]) == answer
    first = next(t for t, c, _ in world.sent if c is Channel.MEDIA and t > at)
    assert 0.35 <= first - at + 1e-5 < 0.40
    cut, played = world.results
    assert (cut.cause, cut.interrupted, cut.exact) == (Cause.INTERRUPTED, True, False)
    assert cut.position == pytest.approx(RATE, abs=0.05 * RATE)
    assert (played.cause, played.position) == (Cause.PLAYED, RATE)
    assert [(c.first, c.last) for c in world.confirmed] == [(1, 1)]
    assert world.confirmed[0].latency == pytest.approx(0.06, abs=0.01)


def test_an_interrupt_cuts_playing_and_queued_segments():
    world = World()
    world.say(noise(0.5))
    world.say(noise(0.3, 2))
    world.say(noise(5.0, 3))
    world.say(noise(5.0, 4))
    world.run(0.2)
    assert world.interrupt() == 4
    world.run(until=lambda: len(world.results) == 4)
    assert [r.cause for r in world.results] == [Cause.INTERRUPTED] * 4
    first, *others = world.results
    assert first.position == pytest.approx(0.2 * RATE, abs=0.05 * RATE)
    assert [(r.position, r.exact) for r in others] == [(0, False), (0, False), (0, True)]
    assert len([m for m in world.returned if "true" in m]) == 1
    assert [(c.first, c.last) for c in world.confirmed] == [(1, 4)]
    world.check_results()


def test_an_interrupt_of_what_was_not_sent_stays_local():
    world = World()
    world.say(noise(5.0))
    world.say(noise(1.0, 2))
    world.say(noise(1.0, 3))
    assert world.interrupt(2) == 2
    assert world.interrupt(2) is None
    assert INTERRUPT not in [(c, m) for _, c, m in world.sent]
    world.run(until=lambda: len(world.results) == 3)
    assert [(r.cause, r.position, r.exact) for r in world.results] == [
        (Cause.PLAYED, 5 * RATE, False),
        (Cause.INTERRUPTED, 0, True),
        (Cause.PLAYED, RATE, False),
    ]
    assert len(world.confirmed) == 1


def test_cutting_the_only_one_on_the_wire_cuts_it_exactly():
    world = World()
    number = world.say(noise(5.0))
    after = noise(0.5, 2)
    world.say(after)
    world.run(0.5)
    assert world.interrupt(number, Cause.CANCELLED) == number
    assert world.sent[-1][1:] == INTERRUPT
    world.run(until=lambda: len(world.results) == 2)
    assert [r.cause for r in world.results] == [Cause.CANCELLED, Cause.PLAYED]
    assert world.renderer is not None
    assert bytes(world.renderer.heard[2]) == after


def test_cutting_one_of_several_on_the_wire_truncates_it():
    world = World()
    world.say(noise(0.5))
    second = world.say(noise(5.0, 2), end=False)
    last = noise(0.5, 3)
    assert world.interrupt(second, Cause.CANCELLED) == second
    assert not world.core.write(second, bytes(960), world.now)
    world.say(last)
    world.run(until=lambda: len(world.results) == 3)
    assert INTERRUPT not in [(c, m) for _, c, m in world.sent]
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.PLAYED, RATE // 2, False),
        (Cause.CANCELLED, RATE // 2, True),
        (Cause.PLAYED, RATE // 2, False),
    ]
    assert world.renderer is not None
    assert bytes(world.renderer.heard[3]) == last


def test_what_is_wholly_on_the_wire_among_others_can_not_be_cut_alone():
    world = World()
    world.say(noise(0.3))
    world.say(noise(0.3, 2))
    assert world.interrupt(1) is None
    assert world.interrupt(2) is None
    world.run(until=lambda: len(world.results) == 2)
    assert [r.cause for r in world.results] == [Cause.PLAYED, Cause.PLAYED]


def test_a_truncated_segment_is_cut_by_a_full_interrupt():
    world = World()
    world.say(noise(0.5))
    second = world.say(noise(5.0, 2), end=False)
    world.interrupt(second, Cause.CANCELLED)
    world.run(0.7)
    assert world.interrupt() is not None
    world.run(until=lambda: len(world.results) == 2)
    assert [(r.segment, r.cause) for r in world.results] == [(1, Cause.PLAYED), (2, Cause.CANCELLED)]
    assert world.results[1].position < RATE // 2


def test_there_is_nothing_to_interrupt():
    world = World()
    assert world.interrupt() is None
    assert not world.sent
    with pytest.raises(LocalProtocolError):
        world.core.interrupt(world.now, 7)


def test_empty_segments_end_at_once_and_in_order():
    world = World()
    world.say(noise(0.5))
    world.say(b"")
    assert not world.results
    world.run(until=lambda: len(world.results) == 2)
    assert [(r.segment, r.position, r.cause, r.exact) for r in world.results] == [
        (1, RATE // 2, Cause.PLAYED, False),
        (2, 0, Cause.PLAYED, True),
    ]
    world.say(b"")
    assert len(world.results) == 3
    assert [m for _, c, m in world.sent if c is Channel.CONTROL] == [END[1]]


def test_writing_rules():
    world = World()
    number = world.say(noise(0.1), end=False)
    with pytest.raises(LocalProtocolError, match="still open"):
        world.core.open_segment(None, world.now)
    world.core.end_segment(number, world.now)
    with pytest.raises(LocalProtocolError, match="ended"):
        world.core.write(number, bytes(2), world.now)
    with pytest.raises(LocalProtocolError, match="never opened"):
        world.core.write(9, bytes(2), world.now)
    world.run(until=lambda: bool(world.results))
    assert not world.core.write(number, bytes(2), world.now)
    world.core.end_segment(number, world.now)
    assert world.core.segment(number) is None


# -- acks that are late, lost, early, or somebody else's -----------------------------------------------------------


def test_a_lost_ack_ends_the_segment_in_bounded_time():
    world = World(loses=lambda _, m: "stream_ended" in str(m))
    world.say(noise(2.0))
    world.run(until=lambda: bool(world.results))
    assert world.now == pytest.approx(100 + 2.0 + 5.0, abs=0.1)
    assert [(r.cause, r.position, r.exact) for r in world.results] == [(Cause.NO_REPORT, 0, False)]
    assert INTERRUPT not in [(c, m) for _, c, m in world.sent]


def test_a_lost_ack_of_an_interrupt_ends_its_segments_in_bounded_time():
    world = World(loses=lambda _, m: "stream_ended" in str(m))
    world.say(noise(20.0))
    world.run(1.0)
    world.interrupt()
    world.say(noise(0.2, 2))
    world.run(until=lambda: len(world.results) == 1)
    assert world.now == pytest.approx(101 + 5.0, abs=0.01)
    assert [(r.cause, r.position, r.exact) for r in world.results] == [(Cause.INTERRUPTED, 0, False)]
    assert len(world.confirmed) == 1
    world.run(until=lambda: len(world.results) == 2)
    assert world.now < 101 + 0.35 + 0.2 + 5.1


def test_a_lost_ack_of_the_first_is_made_up_for_by_order():
    lost = []

    def loses(_: Channel, message: Wire) -> bool:
        if "true" in str(message) and not lost:
            lost.append(message)
            return True
        return False

    world = World(loses=loses)
    world.say(noise(20.0), end=False)
    world.run(0.5)
    world.interrupt()
    world.say(noise(0.5, 2))
    world.run(4.0)
    assert [(r.segment, r.cause, r.position, r.exact) for r in world.results] == [
        (1, Cause.INTERRUPTED, 0, False),
        (2, Cause.PLAYED, RATE // 2, False),
    ]


def test_acks_that_fit_nothing_are_counted():
    world = World()
    for message in (ack(1.0), ack(1.0, interrupted=True)):
        world.core.receive(Channel.CONTROL, message, world.now)
    number = world.say(noise(0.2), end=False)
    world.core.receive(Channel.CONTROL, ack(0.2), world.now)  # its end was not sent
    assert world.core.counters.unmatched_acks == 3
    world.core.end_segment(number, world.now)
    world.run(until=lambda: bool(world.results))
    assert world.results[0].cause is Cause.PLAYED


def test_an_ack_of_what_was_only_pushed_is_told_when_it_can_have_been_heard():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(noise(0.9))
    world.run(0.2)
    assert receiver.out == []
    assert len(world.returned) == 1
    assert not world.results
    world.run(until=lambda: bool(world.results))
    assert world.now == pytest.approx(100.9, abs=0.001)
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, round(0.9 * RATE))]


def test_a_pushed_position_is_bounded_by_the_time_there_was():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(noise(20.0))
    world.run(0.5)
    world.interrupt()
    world.run(until=lambda: bool(world.results))
    assert json.loads(world.returned[0])["data"]["playback_position"] > 1.4
    assert world.results[0].position == pytest.approx(0.56 * RATE, abs=10)


def test_an_interrupt_after_an_early_ack_still_cuts():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(noise(0.9))
    world.run(0.3)
    assert world.interrupt() == 1
    assert world.sent[-1][1:] == INTERRUPT
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.INTERRUPTED, round(0.3 * RATE), True)
    ]
    assert len(world.confirmed) == 1


def test_an_ack_that_crosses_the_interrupt_stands_if_it_can_be_true():
    world = World(delay=lambda _: 0.1)
    world.say(noise(0.5))
    world.run(0.65)  # it has been played, and the ack is on its way
    assert world.interrupt() == 1
    world.run(until=lambda: bool(world.results))
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [(Cause.PLAYED, RATE // 2, False)]
    world.say(noise(0.5, 2))
    world.run(until=lambda: len(world.results) == 2)
    assert world.results[1].cause is Cause.PLAYED  # the interrupt's own ack was not taken for the next segment's


def test_the_ack_of_an_interrupt_that_came_too_late_is_not_the_next_segments():
    world = World(delay=lambda _: 0.3)
    world.say(noise(0.5))
    world.run(0.9)  # it has been played, and the ack is on its way
    world.interrupt()
    world.say(noise(2.0, 2))
    world.run(until=lambda: len(world.results) == 2)
    assert [r.cause for r in world.results] == [Cause.PLAYED, Cause.PLAYED]
    assert world.core.counters.unmatched_acks == 1


def test_an_ack_that_crosses_the_interrupt_does_not_stand_if_it_was_only_pushed():
    world = World(receiver=DeployedReceiver(), delay=lambda _: 0.1)
    world.say(noise(0.9))
    world.run(0.15)
    world.interrupt()
    world.run(until=lambda: bool(world.results))
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.INTERRUPTED, round(0.2 * RATE), True)
    ]


def test_a_segment_behind_a_late_one_has_its_full_time():
    world = World(loses=lambda _, m: "stream_ended" in str(m))
    world.say(noise(0.5))
    world.say(noise(3.0, 2))
    world.run(5.4)
    world.core.receive(Channel.CONTROL, ack(0.5), world.now)
    world.run(7.9)
    assert [r.cause for r in world.results] == [Cause.PLAYED]
    world.run(0.2)
    assert [r.cause for r in world.results] == [Cause.PLAYED, Cause.NO_REPORT]


def test_a_renderer_that_gives_up_ends_that_segment_only():
    world = World()
    world.say(noise(3.0))
    follows = noise(0.5, 2)
    world.say(follows)
    world.run(0.5)
    assert isinstance(world.receiver, ReceiverConnection0)
    world.receiver.stream_ended(1, world.now, position=1_000, failed=True)
    world.run(until=lambda: len(world.results) == 2)
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.FAILED, 1_000, True),
        (Cause.PLAYED, RATE // 2, False),
    ]
    assert world.renderer is not None
    assert bytes(world.renderer.heard[2]) == follows


def test_a_foreign_position_is_bounded_by_what_was_sent():
    world = World(receiver=DeployedReceiver())
    world.say(noise(0.1))
    world.receiver.acks = False  # type: ignore[union-attr]
    world.run(0.2)
    world.core.receive(Channel.CONTROL, ack(9e15), world.now)
    world.flush()
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, 2_400)]


# -- against the models of the deployed classes --------------------------------------------------------------------


@pytest.mark.parametrize("binding", [STREAM, ROOM])
def test_a_deployed_receiver_hears_every_sample(binding: Binding):
    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=binding, room=binding is ROOM)
    spoken = [noise(3.0, 1), noise(0.4, 2), noise(1.0, 3)]
    for pcm in spoken:
        world.say(pcm)
    world.run(until=lambda: len(world.results) == 3)
    assert receiver.segments() == spoken
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, len(pcm) // 2) for pcm in spoken]
    world.check_results()


@pytest.mark.parametrize("binding", [STREAM, ROOM])
@pytest.mark.parametrize("wait", [0.0, 0.05, 0.2, 1.0])
def test_a_deployed_receiver_hears_all_of_the_turn_after_an_interrupt(binding: Binding, wait: float):
    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=binding)
    world.say(noise(20.0))
    world.run(0.7)
    world.interrupt()
    world.run(wait)
    answer = noise(0.2, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert receiver.segments()[-1] == answer
    assert receiver.discarded == 0
    assert world.results[1].cause is Cause.PLAYED


@pytest.mark.parametrize("late", [0.3, 0.6, 0.9])
def test_a_late_interrupt_in_a_room_costs_the_next_turn_nothing(late: float):
    receiver = DeployedReceiver()
    slow = [0.03]
    world = World(receiver=receiver, binding=ROOM, delay=lambda c: slow[0] if c is Channel.CONTROL else 0.03)
    world.say(noise(20.0))
    world.run(0.7)
    slow[0] = late
    world.interrupt()
    slow[0] = 0.03
    answer = noise(0.5, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert receiver.segments()[-1] == answer


def test_without_an_ack_the_next_turn_waits_a_bounded_time():
    receiver = DeployedReceiver()
    receiver.acks = False
    world = World(receiver=receiver, binding=ROOM)
    world.say(noise(20.0))
    world.run(0.7)
    world.interrupt()
    at = world.now
    world.say(noise(0.5, 2))
    world.run(2.0)
    assert next(t for t, c, _ in world.sent if c is Channel.MEDIA and t > at) - at == pytest.approx(1.0, abs=0.001)


def test_a_lost_interrupt_is_sent_once_more_where_control_is_lossy():
    lost = []

    def loses(_: Channel, message: Wire) -> bool:
        if message == b"INTERRUPT" and not lost:
            lost.append(message)
            return True
        return False

    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=LOSSY_ROOM, loses=loses)
    world.say(noise(20.0))
    world.run(0.7)
    world.interrupt()
    answer = noise(0.5, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert [m for _, _, m in world.sent].count(b"INTERRUPT") == 2
    assert receiver.segments()[-1] == answer
    assert world.results[0].cause is Cause.INTERRUPTED


@pytest.mark.parametrize(("control", "media"), [(0.02, 0.09), (0.09, 0.02)])
@pytest.mark.parametrize("deployed", [True, False])
def test_segments_stay_apart_when_one_channel_overtakes_the_other(control: float, media: float, deployed: bool):
    delays = {Channel.CONTROL: control, Channel.MEDIA: media}
    world = World(receiver=DeployedReceiver() if deployed else None, binding=ROOM, delay=delays.__getitem__)
    spoken = [noise(0.5, 1), noise(0.5, 2), noise(0.5, 3)]
    for pcm in spoken:
        world.say(pcm)
    world.run(until=lambda: len(world.results) == 3)
    assert world.heard == spoken


def test_our_receiver_serves_a_deployed_sender():
    sender = DeployedSender()
    world = World(sender)
    first, second = noise(1.3, 1), noise(0.7, 2)
    sender.audio(first)
    sender.segment_end()
    sender.audio(second)
    sender.segment_end()
    world.run(10.0)
    assert world.renderer is not None
    assert [bytes(one) for one in world.renderer.heard.values()] == [first, second]
    assert sender.acks == [(1.3, False), (0.7, False)]


def test_a_deployed_senders_audio_behind_its_own_end_is_still_its_segments():
    sender = DeployedSender()
    delays = {Channel.CONTROL: 0.02, Channel.MEDIA: 0.1}
    world = World(sender, binding=ROOM, delay=delays.__getitem__, room=True)
    spoken = noise(0.5)
    sender.audio(spoken)
    sender.segment_end()
    world.run(5.0)
    assert world.renderer is not None
    assert [bytes(one) for one in world.renderer.heard.values()] == [spoken]
    assert sender.acks == [(0.5, False)]


def test_a_deployed_sender_that_interrupts_gets_one_ack():
    sender = DeployedSender()
    world = World(sender)
    sender.audio(noise(3.0))
    sender.segment_end()
    sender.audio(noise(1.0))
    world.run(0.5)
    sender.interrupt()
    world.run(0.1)
    assert [interrupted for _, interrupted in sender.acks] == [True]
    sender.audio(noise(0.2, 5))  # within the cooldown: lost, as with the deployed receiver
    sender.segment_end()
    world.run(0.5)
    sender.audio(noise(0.2, 6))
    sender.segment_end()
    world.run(5.0)
    assert world.renderer is not None
    assert bytes(world.renderer.heard[4]) == noise(0.2, 6)
    assert sender.acks[1:] == [(0.0, False), (0.2, False)]
    assert isinstance(world.receiver, ReceiverConnection0)
    assert world.receiver.counters.late == 1
    assert world.receiver.counters.empty_segments == 1


# -- the receiver alone --------------------------------------------------------------------------------------------


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


def test_segments_are_numbered_here():
    core = opened()
    assert not core.readable(0.0)
    core.receive(Channel.MEDIA, b"\x01\x02\x03\x04", 0.0)
    assert core.readable(0.0)
    core.receive(Channel.MEDIA, b"\x05\x06", 0.0)
    core.receive(*END, 0.0)
    core.receive(Channel.MEDIA, b"\x07\x08", 0.0)
    assert core.counters.held_samples == 4
    pcm = PcmFormat()
    assert read_all(core) == [
        SegmentStart(1, {}),
        Audio(1, 0, b"\x01\x02\x03\x04", pcm),
        Audio(1, 2, b"\x05\x06", pcm),
        SegmentEnd(1, 3),
        SegmentStart(2, {}),
        Audio(2, 0, b"\x07\x08", pcm),
    ]
    assert core.counters.held_samples == 0
    assert core.counters.live_segments == 2


@pytest.mark.parametrize("message", [b"INTERRUPT", "INTERRUPT"])
def test_an_interrupt_as_bytes_and_as_text(message: Wire):
    core = opened()
    core.receive(Channel.MEDIA, b"\x01\x02", 0.0)
    core.receive(Channel.MEDIA, b"\x03\x04", 0.0)
    assert [core.read(0.0), core.read(0.0)] == [SegmentStart(1, {}), Audio(1, 0, b"\x01\x02", PcmFormat())]
    core.receive(Channel.CONTROL, message, 0.0)
    told = Interrupted((1,), (1,))
    assert core.take_events() == [ConsumerReset(interrupted=told)]
    assert read_all(core) == [told]
    assert core.take_outgoing(0.0) == []
    assert core.stream_ended(1, 0.0, position=1, interrupted=True)
    assert not core.stream_ended(1, 0.0, position=1, interrupted=True)
    assert core.take_outgoing(0.0) == [(Channel.CONTROL, ack(1 / RATE, interrupted=True))]


def test_an_interrupt_of_what_was_not_handed_out_is_acked_at_once():
    core = opened()
    core.receive(Channel.MEDIA, b"\x01\x02", 0.0)
    core.receive(*INTERRUPT, 0.0)
    assert core.take_outgoing(0.0) == [(Channel.CONTROL, ack(0.0, interrupted=True))]
    assert core.take_events() == []
    assert read_all(core) == []


def test_the_cooldown_discards_and_can_be_switched_off():
    core = opened()
    core.receive(*INTERRUPT, 1.0)
    core.receive(Channel.MEDIA, b"\x01\x02", 1.299)
    core.reset_done(1.299)
    core.receive(Channel.MEDIA, b"\x01\x02", 1.299)
    core.receive(Channel.MEDIA, b"\x03\x04", 1.3)
    assert core.counters.late == 2
    assert core.counters.held_samples == 1
    core = opened(cooldown=0.0)
    core.receive(*INTERRUPT, 1.0)
    core.receive(Channel.MEDIA, b"\x01\x02", 1.0)
    assert core.counters.held_samples == 1


def test_odd_bytes_are_carried_over_where_nothing_is_lost():
    core = opened()
    for piece in (b"\x01", b"\x02\x03", b"\x04\x05\x06\x07"):
        core.receive(Channel.MEDIA, piece, 0.0)
    core.receive(*END, 0.0)
    audio = b"".join(bytes(item.pcm) for item in read_all(core) if isinstance(item, Audio))
    assert audio == b"\x01\x02\x03\x04\x05\x06"
    assert core.counters.odd == 1
    core = opened(ROOM)
    for piece in (b"\x01\x02\x03", b"\x04\x05"):
        core.receive(Channel.MEDIA, piece, 0.0)
    audio = b"".join(bytes(item.pcm) for item in read_all(core) if isinstance(item, Audio))
    assert audio == b"\x01\x02\x04\x05"


def test_too_much_held_audio_closes_loudly():
    core = opened(most_held=2.0)
    for _ in range(3):
        core.receive(Channel.MEDIA, bytes(RATE) * 2, 0.0)
    assert core.closed is not None
    assert core.closed.code is CloseCode.LIMIT_EXCEEDED
    assert core.state is SessionState.CLOSED
    assert core.counters.held_samples == 0
    assert isinstance(core.take_events()[0], SessionEnded)


def test_a_flood_of_tiny_messages_is_bounded():
    core = opened()
    count = 0
    while core.closed is None:
        core.receive(Channel.MEDIA, b"\x01\x02", 0.0)
        count += 1
    assert count == 120_001


def test_a_flood_of_ends_is_bounded():
    core = opened()
    count = 0
    while core.closed is None:
        core.receive(*END, 0.0)
        count += 1
    assert count == 1_025
    core = opened()
    for number in range(1, 2_000):  # a consumer that gives up on each
        core.receive(Channel.MEDIA, bytes(4), 0.0)
        read_all(core)
        core.stream_ended(number, 0.0, position=0, failed=True)
        core.receive(*END, 0.0)
    assert core.closed is None
    core = opened()
    for _ in range(5_000):  # a consumer that reads and never reports
        core.receive(*END, 0.0)
        read_all(core)
    assert core.closed is None
    assert core.counters.live_segments == 2_048


def test_a_message_beyond_the_limit_closes():
    core = opened()
    core.receive(Channel.MEDIA, bytes(65_537), 0.0)
    assert core.closed is not None
    assert core.closed.code is CloseCode.MESSAGE_TOO_LARGE


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40), st.sampled_from([b"INTERRUPT", END[1], ack(1)])))
)
def test_nothing_that_comes_raises(messages: list[Wire]):
    core = opened()
    for now, message in enumerate(messages):
        core.receive(Channel.MEDIA, message, now / 10)
        core.expire(now / 10)
        position = 0
        while (item := core.read(now / 10)) is not None:
            if isinstance(item, Audio):
                assert item.samples > 0
                position = item.end
            elif isinstance(item, SegmentEnd):
                assert item.total >= position
                core.stream_ended(item.segment, now / 10, position=item.total)
        for channel, answer in core.take_outgoing(now / 10):
            assert channel is Channel.CONTROL
            assert isinstance(version0.parse_ack(answer), version0.StreamEnded0)
    assert core.closed is None


def test_the_consumers_reports():
    core = opened()
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    read_all(core)
    assert not core.stream_started(1, 0.0)
    assert core.played(1, 40, 0.0)
    assert not core.played(1, 30, 0.0)
    for position in (101, -1):
        with pytest.raises(LocalProtocolError, match="position"):
            core.played(1, position, 0.0)
        with pytest.raises(LocalProtocolError, match="position"):
            core.stream_ended(1, 0.0, position=position)
    for call in (lambda: core.stream_ended(2, 0.0, position=None), lambda: core.stream_started(0, 0.0)):
        with pytest.raises(LocalProtocolError, match="no segment"):
            call()
    core.receive(*INTERRUPT, 0.0)
    assert core.stream_ended(1, 0.0, position=None, interrupted=True)
    assert core.take_outgoing(0.0) == [(Channel.CONTROL, ack(40 / RATE, interrupted=True))]
    core.receive(Channel.MEDIA, bytes(200), 1.0)
    core.receive(*END, 1.0)
    read_all(core)
    assert core.stream_ended(2, 1.0, position=None)
    assert core.take_outgoing(1.0) == [(Channel.CONTROL, ack(100 / RATE))]


def test_a_report_before_the_end_drops_the_rest():
    core = opened()
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    read_all(core)
    core.receive(Channel.MEDIA, bytes(100), 0.0)
    core.stream_ended(1, 0.0, position=50, failed=True)
    core.receive(Channel.MEDIA, bytes(100), 0.0)
    core.receive(*END, 0.0)
    core.receive(Channel.MEDIA, bytes(20), 0.0)
    assert [getattr(item, "segment", None) for item in read_all(core)] == [2, 2]
    assert core.counters.held_samples == 0


# -- the end of a session ------------------------------------------------------------------------------------------


def test_the_transports_end_ends_the_sender():
    world = World()
    world.say(noise(3.0))
    world.run(0.5)
    world.core.detach(world.now)
    world.flush()
    assert world.core.closed is not None
    assert world.core.closed.code is CloseCode.PEER_GONE
    assert [(r.cause, r.position, r.exact) for r in world.results] == [(Cause.TRANSPORT_LOST, 0, False)]
    assert world.core.next_deadline() == inf
    with pytest.raises(LocalProtocolError):
        world.core.open_segment(None, world.now)


def test_the_transports_end_is_an_orderly_end_for_the_receiver():
    core = opened()
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    core.read(0.0)
    core.read(0.0)
    core.detach(0.0)
    assert core.closed is not None
    assert core.closed.orderly
    told = Interrupted((1,), (100,), by_close=True)
    assert [e for e in core.take_events() if isinstance(e, ConsumerReset)] == [ConsumerReset(interrupted=told)]
    assert read_all(core) == [told]
    assert not core.stream_ended(1, 0.0, position=0)
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    assert core.take_outgoing(0.0) == []


def test_closing_stops_what_is_playing_and_says_nothing_else():
    world = World()
    world.core.close(world.now)
    world.flush()
    assert not world.sent
    world = World()
    world.say(noise(3.0))
    world.run(0.5)
    before = len(world.sent)
    world.core.close(world.now)
    world.flush()
    assert [(c, m) for _, c, m in world.sent[before:]] == [INTERRUPT]
    assert [(r.cause, r.exact) for r in world.results] == [(Cause.CLOSED, False)]
    core = opened()
    core.close(0.0)
    assert core.take_outgoing(0.0) == []


# -- everything at random ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_every_segment_ends_once_in_order_and_in_bounded_time(seed: int):
    """Whatever is lost, and whoever is at the other end; where nothing is, every sample of what was not cut arrives."""
    chance = random.Random(seed)
    binding = chance.choice([STREAM, ROOM, LOSSY_ROOM])
    loss = chance.choice([0.0, 0.0, 0.2]) if binding is not STREAM else 0.0
    deployed = DeployedReceiver() if chance.random() < 0.5 else None
    world = World(
        SenderConnection0(SenderSettings0(keep_from_text=False), bytes(16), 100.0),
        deployed,
        binding=binding,
        delay=lambda _: chance.uniform(0.02, 0.06),
        loses=lambda *_: chance.random() < loss,
        reports=chance.random() < 0.9,
    )
    spoken: dict[int, bytes] = {}
    for step in range(12):
        match chance.randrange(5):
            case 0:
                world.interrupt()
            case 1 if spoken:
                world.interrupt(chance.choice(list(spoken)))
            case _:
                pcm = noise(chance.choice([0.0, 0.1, 0.5, 2.0]), seed * 100 + step)
                spoken[world.say(pcm)] = pcm
        world.run(chance.choice([0.0, 0.05, 0.5, 3.0]))
    spoken[world.say(noise(0.3, seed))] = noise(0.3, seed)
    world.run(60.0, until=lambda: len(world.results) == len(spoken))
    world.check_results()
    assert world.core.state is SessionState.OPEN
    assert world.core.buffered == 0
    assert len(world.confirmed) <= world.core.counters.interrupts
    world.run(10.0)
    assert len(world.confirmed) == world.core.counters.interrupts
    assert len(world.results) == len(spoken)
    for result in world.results:
        assert 0 <= result.position <= len(spoken[result.segment]) // 2
        if loss == 0 and result.cause is Cause.PLAYED and spoken[result.segment]:
            assert result.position == len(spoken[result.segment]) // 2
            assert spoken[result.segment] in world.heard
