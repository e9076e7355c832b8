"""Four times as much costs four times as much: nothing that a peer can send is quadratic.

Each attack is done at a size and at four times that size in the same process. Compared are the functions called, which
no load on the machine changes, and the CPU time, which also sees what the interpreter does within one call; the least
of several tries, with room for caches. What is linear comes to about 4, what is quadratic to 16.

What one message costs a sender does grow with the segments that its own user has opened; a peer does not choose those.
"""

from __future__ import annotations

import gc
import random
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import RemoteProtocolError
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import BY_MESSAGE, Feature
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings
from lipwire.protocol.states import SessionState

LINEAR = 8.0
NOTHING = 0.003
"""Seconds of CPU that are no cost, and too few to compare."""
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False)
ROOM = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False)
FEATURES = [feature.value for feature in Feature]
LIMITS = Limits(window=60.0, segments=1_024, message=1_048_576)
SESSION = bytes(16)


class Receiver:
    """A receiver, and a sender that means harm."""

    def __init__(self, *, binding: Binding = WEBRTC, limits: Limits = LIMITS) -> None:
        self.now = 100.0
        self.core = ReceiverConnection(ReceiverSettings(limits=limits))
        hello = m.Hello("lipwire", [1], SESSION, 1, [["s16le", 48_000, 1]], FEATURES, {"message": 1_048_576})
        self.core.open(read_hello(encode(hello)), binding, SESSION, self.now)
        self.core.take_outgoing(self.now)
        self.number = 0

    def say(self, *messages: m.Message) -> None:
        for message in messages:
            if BY_MESSAGE[type(message)].numbered:
                self.number += 1
                message = m.Numbered(self.number, 0, message)
            self.core.receive(Channel.CONTROL, encode(message), self.now)
            assert self.core.closed is None, self.core.closed
            self.flush()

    def audio(self, segment: int, position: int, samples: int = 1) -> None:
        self.core.receive(Channel.MEDIA, encode(m.AudioMessage(segment, position, 0, bytes(2 * samples))), self.now)
        assert self.core.closed is None, self.core.closed
        self.flush()

    def flush(self) -> None:
        for _, data in self.core.take_outgoing(self.now):
            message = decode(data, 1 << 20)
            if isinstance(message, m.Numbered):  # an honest acknowledgement: what is not, is bounded by LW-CONTROL-5
                self.core.receive(Channel.CONTROL, encode(m.Acknowledge(message.number)), self.now)
        self.core.take_events()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.core.receive(Channel.CONTROL, encode(m.Ping(0)), self.now)
        self.core.expire(self.now)
        self.flush()

    def read(self) -> None:
        while self.core.read(self.now) is not None:
            pass
        self.flush()


class Sender:
    """A sender with something to say, and a receiver that means harm."""

    def __init__(self, *, binding: Binding = WEBRTC) -> None:
        self.now = 100.0
        self.core = SenderConnection(SenderSettings(limits=LIMITS), SESSION, self.now)
        self.core.attach(binding, self.now)
        self.flush()
        limits = {"window": 24_000 * 60, "segments": 1_024, "message": 1_048_576}
        features = sorted(FEATURES)
        self.number = 0
        self.raw(m.Welcome(1, SESSION, 1, ["s16le", 24_000, 1], features, limits, SESSION))
        assert self.core.state is SessionState.OPEN

    def raw(self, message: m.Message) -> None:
        self.core.receive(Channel.CONTROL, encode(message), self.now)
        assert self.core.closed is None, self.core.closed
        self.flush()

    def say(self, *messages: m.Message) -> None:
        for message in messages:
            self.number += 1
            self.raw(m.Numbered(self.number, 0, message))

    def flush(self) -> None:
        for _, data in self.core.take_outgoing(self.now):
            message = decode(data, 1 << 20)
            if isinstance(message, m.Numbered):
                self.core.receive(Channel.CONTROL, encode(m.Acknowledge(message.number)), self.now)
        self.core.take_events()

    def speak(self, segments: int, samples: int = 480) -> None:
        for _ in range(segments):
            number = self.core.open_segment(None, self.now)
            self.core.write(number, bytes(2 * samples), self.now)
            self.core.end_segment(number, self.now)
            self.flush()


# -- the attacks: each gives what is to be measured -----------------------------------------------------------------

Attack = Callable[[int], Callable[[], object]]


def many_elements(size: int) -> Callable[[], object]:
    row = b"\xdc\x04\x00" + b"\x01" * 1_024
    return lambda: decode(b"\x92\x40\xdc" + size.to_bytes(2, "big") + row * size, 1 << 20)


def empty_containers(size: int) -> Callable[[], object]:
    row = b"\xdc\x04\x00" + b"\x90\x80" * 512
    return lambda: decode(b"\x92\x40\xdc" + size.to_bytes(2, "big") + row * size, 1 << 20)


def keys_with_one_hash(size: int) -> Callable[[], object]:
    """Integers, and floats, whose hashes are alike in the bits that a table of this size looks at first."""
    keys = [b"\xcf" + ((index << 40) + 7).to_bytes(8, "big") for index in range(512)]
    keys += [b"\xcb" + struct.pack(">d", 7.0 * 2.0**exponent) for exponent in range(512)]
    row = b"\xde\x04\x00" + b"".join(key + b"\xc0" for key in keys)
    return lambda: decode(b"\x92\x40\xdc" + size.to_bytes(2, "big") + row * size, 1 << 20)


def keys_that_are_arrays(size: int) -> Callable[[], object]:
    row = b"\xde\x04\x00" + b"\x91\x01\xc0" * 1_024
    return lambda: decode(b"\x92\x40\xdc" + size.to_bytes(2, "big") + row * size, 1 << 20)


def refused(message: bytes) -> Callable[[], object]:
    def decoded() -> None:
        with pytest.raises(RemoteProtocolError):
            decode(message, 1 << 20)

    return decoded


def wrong_at_the_end(size: int) -> Callable[[], object]:
    row = b"\xdc\x04\x00" + b"\x01" * 1_024
    return refused(b"\x92\x40\xdc" + (size + 1).to_bytes(2, "big") + row * size + b"\xc1")


def wrong_type_of_a_large_field(size: int) -> Callable[[], object]:
    row = b"\xdc\x04\x00" + (b"\xcb" + bytes(8)) * 1_024
    return refused(b"\x92\x04\xdc" + size.to_bytes(2, "big") + row * size)


def text_that_is_not_utf8(size: int) -> Callable[[], object]:
    return refused(b"\x92\x40\xdb" + (8_192 * size + 1).to_bytes(4, "big") + b"a" * (8_192 * size) + b"\xff")


def single_samples(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))
    return lambda: [receiver.audio(1, position) for position in range(count)]


def backwards(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))
    return lambda: [receiver.audio(1, position) for position in range(count, -1, -1)]


def every_other_sample(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))
    return lambda: [receiver.audio(1, 2 * position + 1) for position in range(count)]


def gaps_filled_at_random(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))
    order = list(range(count))
    for start in range(0, count, 400):
        part = order[start : start + 400]
        random.Random(start).shuffle(part)
        order[start : start + 400] = part
    return lambda: [receiver.audio(1, position) for position in order]


def the_same_again(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))
    for position in range(500):
        receiver.audio(1, position)
    return lambda: [receiver.audio(1, 250, 100) for _ in range(count)]


def sent_creeps(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))

    def run() -> None:
        for position in range(count):
            receiver.say(m.Sent(1, position))
        receiver.wait(1.0)
        receiver.wait(1.0)

    return run


def segments_cut(count: int) -> Callable[[], object]:
    receiver = Receiver()

    def run() -> None:
        for number in range(1, count + 1):
            receiver.say(m.SegmentStart(number), m.SegmentEnd(number, 0), m.Interrupt(1, number))

    return run


def segments_kept_and_cut_at_once(count: int) -> Callable[[], object]:
    receiver = Receiver()
    for number in range(1, count + 1):
        receiver.say(m.SegmentStart(number), m.SegmentEnd(number, 0))
        receiver.read()
    return lambda: receiver.say(m.Interrupt(1, count))


def late_data_and_one_interrupt(count: int) -> Callable[[], object]:
    """Data of segments whose end was handed out waits in a pause; then all is cut."""
    receiver = Receiver()
    for number in range(1, count + 1):
        receiver.say(m.SegmentStart(number), m.SegmentEnd(number, 0))
        receiver.read()
    receiver.say(m.Pause())
    for number in range(1, count + 1):
        receiver.say(*[m.Data(number, 0, {}) for _ in range(64)])
    return lambda: receiver.say(m.Interrupt(1, count))


def interrupts_of_what_never_comes(count: int) -> Callable[[], object]:
    receiver = Receiver()
    return lambda: [receiver.say(m.Interrupt(2 + 2 * (index % 60), 2 + 2 * (index % 60))) for index in range(count)]


def numbers_without_their_first(count: int) -> Callable[[], object]:
    receiver = Receiver(binding=ROOM)
    inner = m.Custom({})

    def run() -> None:
        for index in range(count):
            data = encode(m.Numbered(2 + index, 0, inner))
            receiver.core.receive(Channel.CONTROL, data, receiver.now)

    return run


def marks_reached(count: int) -> Callable[[], object]:
    receiver = Receiver()
    for number in range(1, count + 1):
        receiver.say(m.SegmentStart(number))
        receiver.audio(number, 0, 10)
        receiver.say(*[m.Mark(number, index % 11, "m") for index in range(32)], m.SegmentEnd(number, 10))
    receiver.read()

    def run() -> None:
        for number in range(1, count + 1):
            receiver.core.stream_ended(number, receiver.now, position=10)
            receiver.flush()

    return run


def resumes(count: int) -> Callable[[], object]:
    receiver = Receiver()
    receiver.say(m.SegmentStart(1))

    def run() -> None:
        for index in range(count):
            hello = m.Hello("lipwire", [1], SESSION, 2 + index, [["s16le", 48_000, 1]], FEATURES, {})
            secret = SESSION if not index else (index - 1).to_bytes(16, "big")
            hello = hello._replace(resume=[secret, receiver.core.numbered.sent])
            receiver.core.resume(hello, WEBRTC, index.to_bytes(16, "big"), receiver.now)
            receiver.flush()

    return run


def nacks_of_everything(count: int) -> Callable[[], object]:
    sender = Sender()
    sender.speak(1, 4_800)
    reached = sender.core.segment(1).reached  # type: ignore[union-attr]

    def run() -> None:
        for _ in range(count):
            sender.raw(m.Nack(1, [[at, at + 10] for at in range(0, min(reached, 640), 20)]))
            sender.now += 0.001

    return run


def progress_creeps(count: int) -> Callable[[], object]:
    sender = Sender()
    sender.speak(1, 4_800)
    return lambda: [sender.raw(m.Progress(1, at % 4_000, at % 4_000, at % 4_000, 0, 0)) for at in range(count)]


def cuts_of_nothing(count: int) -> Callable[[], object]:
    sender = Sender()
    sender.speak(4)
    return lambda: [sender.raw(m.Cut(1, 4, [[1, 0]] * 64)) for _ in range(count)]


ATTACKS: list[tuple[Attack, int]] = [
    (many_elements, 16),
    (empty_containers, 16),
    (keys_with_one_hash, 4),
    (keys_that_are_arrays, 16),
    (wrong_at_the_end, 16),
    (wrong_type_of_a_large_field, 16),
    (text_that_is_not_utf8, 20),
    (single_samples, 1_000),
    (backwards, 1_000),
    (every_other_sample, 1_000),
    (gaps_filled_at_random, 1_000),
    (the_same_again, 1_000),
    (sent_creeps, 500),
    (segments_cut, 200),
    (segments_kept_and_cut_at_once, 200),
    (late_data_and_one_interrupt, 48),
    (interrupts_of_what_never_comes, 500),
    (numbers_without_their_first, 500),
    (marks_reached, 16),
    (resumes, 100),
    (nacks_of_everything, 200),
    (progress_creeps, 1_000),
    (cuts_of_nothing, 300),
]


def calls(attack: Attack, size: int) -> int:
    run, count = attack(size), 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def seconds(attack: Attack, size: int) -> float:
    """The least CPU time of several."""
    least = float("inf")
    for _ in range(4):
        run = attack(size)
        began = time.thread_time()
        run()
        least = min(least, time.thread_time() - began)
    return least


@pytest.mark.parametrize(("attack", "size"), ATTACKS, ids=lambda value: getattr(value, "__name__", ""))
def test_no_attack_is_quadratic(attack: Attack, size: int) -> None:
    assert calls(attack, 4 * size) <= LINEAR * calls(attack, size) + 100
    ratio = 0.0
    for _ in range(3):
        large = seconds(attack, 4 * size)
        ratio = large / seconds(attack, size)
        if ratio <= LINEAR or large < NOTHING:
            return
    pytest.fail(f"{ratio:.1f} times the time for 4 times as much, three times over")


# -- memory ---------------------------------------------------------------------------------------------------------


def gaps_made_and_filled(receiver: Receiver, count: int) -> None:
    receiver.say(m.SegmentStart(1))
    for position in range(0, 2 * count, 2):
        receiver.audio(1, position + 1)
        receiver.audio(1, position)
        receiver.read()
        receiver.wait(0.001)


def a_tail_that_creeps(receiver: Receiver, count: int) -> None:
    receiver.say(m.SegmentStart(1))
    for position in range(count):
        receiver.say(m.Sent(1, position))
        receiver.wait(0.001)


def segments_cut_with_a_gap(receiver: Receiver, count: int) -> None:
    """Each has as much metadata as there may be, which nobody needs once it is cut."""
    for number in range(1, count + 1):
        receiver.say(m.SegmentStart(number, {"x": "y" * 16_000}))
        receiver.audio(number, 5)
        receiver.say(m.Interrupt(number, number))
        receiver.wait(0.001)


@pytest.mark.parametrize("attack", [gaps_made_and_filled, a_tail_that_creeps, segments_cut_with_a_gap])
def test_what_is_held_does_not_grow_with_what_was_sent(attack: Callable[[Receiver, int], None]) -> None:
    """The peer has answered pings so late that what is missing is asked for after 10 s, and less than that passes."""

    def held(count: int) -> int:
        receiver = Receiver()
        receiver.core.liveness.round_trip = 40.0
        gc.collect()
        tracemalloc.start()
        try:
            attack(receiver, count)
            gc.collect()
            assert receiver.core.closed is None
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    small = held(1_000)
    assert held(4_000) <= 1.5 * small + 100_000
