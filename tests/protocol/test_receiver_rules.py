"""Every message in every state, and long random sessions: only what SPEC.md names happens."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode, LocalProtocolError, RemoteProtocolError
from lipwire.protocol.events import SessionEnded
from lipwire.protocol.items import Audio, Data, Interrupted, Mark, SegmentEnd, SegmentStart
from lipwire.protocol.registry import REGISTRY, Feature, Role
from lipwire.protocol.states import SegmentState, SessionState

EVERYTHING = [feature.value for feature in Feature]
SESSION = b"0123456789abcdef"
EXAMPLES: dict[str, Any] = {
    "hello": m.Hello("lipwire", [1], SESSION, 7, [["s16le", 24_000, 1]], [], {}),
    "welcome": m.Welcome(1, SESSION, 1, ["s16le", 24_000, 1], [], {}),
    "close": m.CloseMessage(0, "bye"),
    "ping": m.Ping(5),
    "pong": m.Pong(5, 6, 7),
    "numbered": m.Numbered(1, 0, m.SegmentStart(9)),
    "acknowledge": m.Acknowledge(0),
    "segment_start": m.SegmentStart(9),
    "audio": m.AudioMessage(1, 0, 0, b"\xf0\x1e"),  # what the tests' sender has there
    "sent": m.Sent(1, 0),
    "segment_end": m.SegmentEnd(1, 0),
    "interrupt": m.Interrupt(1, 1),
    "cut": m.Cut(1, 1, []),
    "pause": m.Pause(),
    "unpause": m.Unpause(),
    "mark": m.Mark(1, 0, "x"),
    "mark_reached": m.MarkReached(1, "x"),
    "data": m.Data(1, 0, {}),
    "stream_started": m.StreamStarted(1, 0),
    "progress": m.Progress(1, 0, 0, None, 0, 0),
    "stream_ended": m.StreamEnded(1, 0, False, 0),
    "nack": m.Nack(1, [[0, 1]]),
    "custom": m.Custom({}),
}
SITUATIONS = ["fresh", "started", "ended", "handed out", "cut", "over", "paused", "lost", "closed"]
WRONG = CloseCode.INVALID_SEGMENT


def situation(driver, name, features):
    d = driver(*features)
    if name == "fresh":
        return d
    d.start(1, 0, end=name in ("ended", "handed out", "over"))
    d.read()
    if name == "ended":
        d = driver(*features)
        d.start(1, 0, end=True)
    elif name == "cut":
        d.audio(1, 0, 10)
        d.read()
        d.send(m.Interrupt(1, 1))
    elif name == "over":
        d.core.stream_ended(1, d.now, position=0)
    elif name == "paused" and Feature.PAUSE in d.core.features:
        d.send(m.Pause())
    elif name == "lost":
        d.core.detach(d.now)
    elif name == "closed":
        d.core.close(d.now)
    d.sent()
    return d


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)
@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("features", [[], EVERYTHING, ["repair", "pause", "marks", "data", "custom"]], ids=len)
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "numbered"])
def test_every_message_in_every_situation(driver, entry, name, features, wrapped):
    d = situation(driver, name, features)
    before = d.code
    live_before = d.core.state
    message = EXAMPLES[entry.name]
    resume = "resume" in features
    if wrapped:
        if not entry.numbered or not resume:
            return
        message = m.Numbered(d.numbered + 1, 0, message)
    elif entry.name == "numbered":
        message = message._replace(number=d.numbered + 1)
    d.core.receive(Channel.CONTROL, encode(message), d.now)
    if name == "lost" and not resume:
        name = "closed"
    if name in ("lost", "closed"):
        assert (d.core.state, d.code) == (live_before, before)
        assert d.sent() == []
        return
    started = name != "fresh"
    code: Any = None
    expected: Any
    if (
        Role.SENDER not in entry.sent_by
        or (entry.feature is not None and entry.feature.value not in features)
        or entry.name == "hello"
        or (resume and entry.numbered and not wrapped and entry.name != "interrupt")
    ):
        code = CloseCode.OUT_OF_STATE  # LW-REGISTRY-2, LW-OPEN-9, LW-CONTROL-1
    elif entry.name == "close":
        code = CloseCode.NORMAL
    elif entry.name in ("segment_end", "sent", "mark", "data"):
        code = None if started else WRONG  # LW-SEGMENT-8
        if entry.name == "segment_end" and name == "cut":
            code = None
    elif entry.name == "audio":
        if name in ("ended", "handed out"):
            code = CloseCode.INVALID_POSITION  # LW-AUDIO-10
        elif not started and "repair" not in features:
            code = WRONG  # LW-AUDIO-9
    elif entry.name in ("segment_start", "numbered") and name in ("started", "paused"):
        code = CloseCode.OUT_OF_STATE  # LW-SEGMENT-3
    assert d.code is code
    expected = SessionState.OPEN if code is None else SessionState.CLOSED
    assert d.core.state is expected
    if code is not None and entry.name != "close":
        assert d.took(m.CloseMessage)[-1].code == code  # LW-CLOSE-6


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("text", CloseCode.MALFORMED),
        (b"", CloseCode.MALFORMED),
        (b"\x95", CloseCode.MALFORMED),
        (b"\x01", CloseCode.MALFORMED),
        (b"\x90", CloseCode.MALFORMED),
        (b"\x91\xa1x", CloseCode.MALFORMED),
        (b"\x91\x04", CloseCode.INVALID_FIELD),
        (b"\x92\x04\x01\x00", CloseCode.MALFORMED),
        (b"\x92\x04\xff", CloseCode.INVALID_FIELD),
        (b"\x92\x04\xc3", CloseCode.INVALID_FIELD),
        (b"\x92\x04\xca\0\0\0\0", CloseCode.INVALID_FIELD),
        (b"\x92\x04\xcf\x00\x20" + bytes(6), CloseCode.INVALID_FIELD),
        (b"\x92\x04\xd4\0\0", CloseCode.INVALID_FIELD),
        (b"\x91\x08", CloseCode.UNKNOWN_MESSAGE),
        (b"\x91\xcc\x80", CloseCode.UNKNOWN_MESSAGE),
        (b"\x91\xff", CloseCode.UNKNOWN_MESSAGE),
        (b"\x91\x40", None),
        (b"\x91\x7f", None),
        (b"\x93\x04\x05\xa1x", None),
        (b"\x92\x04\xcf" + bytes(7) + b"\x05", None),
        (msgpack.packb([64, bytes(70_000)]), CloseCode.MESSAGE_TOO_LARGE),
        (b"\x92\x40" + b"\x91" * 9 + b"\x90", CloseCode.LIMIT_EXCEEDED),
        (b"\x92\x40\xdd\xff\xff\xff\xff", CloseCode.LIMIT_EXCEEDED),
        (msgpack.packb([31, {"x": bytes(17_000)}]), CloseCode.LIMIT_EXCEEDED),
        (msgpack.packb([31, {1: 2}]), CloseCode.INVALID_FIELD),
        (msgpack.packb([6, 1, 0, [17, 1, 0, 0, b"ab"]]), CloseCode.INVALID_FIELD),
        (msgpack.packb([6, 1, 0, []]), CloseCode.INVALID_FIELD),
        (msgpack.packb([6, 1, 5, [22]]), CloseCode.INVALID_FIELD),
    ],
)
def test_what_the_wire_refuses(driver, data, code):
    features = ["resume", "pause"] if data[:1] == b"\x94" else ["custom"]
    d = driver(*features)
    d.raw(data)
    assert d.code is code
    if code is not None:
        (close,) = d.took(m.CloseMessage)
        assert close.code == code


@pytest.mark.parametrize("data", [b"\xc1" * 4_097, b"\x92\x20\xc5\x10\x00" + bytes(4_096), "x" * 5_000])
def test_a_message_that_is_too_large_is_not_decoded_be_it_the_first(driver, data):
    d = driver(message=4_096)
    d.core.receive(Channel.CONTROL, data, d.now)
    wanted = CloseCode.MALFORMED if isinstance(data, str) else CloseCode.MESSAGE_TOO_LARGE
    assert d.code is wanted  # LW-WIRE-8, LW-WIRE-14


def test_a_message_limit_is_enforced_as_announced(driver):
    d = driver(message=4_096)
    d.raw(msgpack.packb([64, bytes(4_090)]))
    assert d.code is None
    d.raw(msgpack.packb([64, bytes(4_092)]))
    assert d.code is CloseCode.MESSAGE_TOO_LARGE


class Watch:
    """Holds all that comes out of a receiver against the promises of SPEC.md."""

    def __init__(self, d: Any) -> None:
        self.d = d
        self.positions: dict[int, int] = {}
        self.begun: list[int] = []
        self.ended: set[int] = set()
        self.cut: set[int] = set()
        self.owed: set[int] = set()
        self.over: Counter[int] = Counter()
        self.started: Counter[int] = Counter()
        self.progress: dict[int, tuple[int, int, int]] = {}
        self.closed_by_item = False

    def item(self, item: Any) -> None:
        d = self.d
        if isinstance(item, Interrupted):
            assert item.by_close is (d.core.closed is not None)
            assert not (self.cut & set(item.segments)) or item.by_close
            self.cut |= set(item.segments)
            for segment, consumed in zip(item.segments, item.consumed, strict=True):
                assert self.positions.get(segment, 0) == consumed
            return
        assert d.core.closed is None
        if not isinstance(item, SegmentStart | Audio | SegmentEnd | Mark | Data):
            return
        segment = item.segment
        assert segment not in self.cut
        if isinstance(item, SegmentStart):
            assert not self.begun or segment > self.begun[-1]
            self.begun.append(segment)
        elif isinstance(item, Audio):
            assert segment == self.begun[-1]
            assert segment not in self.ended
            assert item.position == self.positions.get(segment, 0)
            assert item.samples > 0
            if not item.concealed:
                assert bytes(item.pcm) == d.pcm(segment, item.position, item.samples)
            self.positions[segment] = item.end
        elif isinstance(item, SegmentEnd):
            assert segment not in self.ended
            assert self.positions.get(segment, 0) == item.total
            self.ended.add(segment)
        else:
            assert segment in self.begun

    def message(self, message: Any) -> None:
        if isinstance(message, m.StreamEnded):
            self.over[message.segment] += 1
            assert self.over[message.segment] == 1
            assert message.position is None or message.position <= self.positions.get(message.segment, 0)
        elif isinstance(message, m.StreamStarted):
            self.started[message.segment] += 1
            assert self.started[message.segment] == 1
            assert not self.over[message.segment]
        elif isinstance(message, m.MarkReached):
            assert not self.over[message.segment]
        elif isinstance(message, m.Progress):
            assert message.played is None or message.played <= message.consumed
            assert message.consumed <= message.received
            assert message.consumed <= self.positions.get(message.segment, 0)
            now = (message.received, message.consumed, message.played or 0)
            before = self.progress.get(message.segment, (0, 0, 0))
            assert all(one >= two for one, two in zip(now, before, strict=True))
            self.progress[message.segment] = now
        elif isinstance(message, m.Nack):
            flat = [at for one in message.missing for at in one]
            assert flat == sorted(flat)
            assert len(set(flat)) == len(flat)
            assert 1 <= len(message.missing) <= 32

    def books(self) -> None:
        """The credit in use is what the definition says, and nothing is held that is not counted."""
        core = self.d.core
        incoming = core._incoming
        every = [segment.audio for segment in incoming.receiving.values()]
        credit = sum(audio.high - audio.consumed for audio in every) + sum(one.high for one in incoming.early.values())
        assert incoming.credit == credit
        assert core.held <= credit
        assert 0 <= credit <= incoming.window or core.closed
        assert len(incoming.live) <= core._most_segments
        assert len(incoming.early) <= 8
        for segment in incoming.live.values():
            assert (segment.state is SegmentState.CUT) is (segment.id not in incoming.receiving)
            assert segment.state is not SegmentState.OVER
        queue = list(incoming._queue)
        assert incoming.head is (queue[0] if queue else None)
        assert [one.id for one in queue] == sorted(
            one.id for one in incoming.receiving.values() if one.state is not SegmentState.HANDED_OUT
        )


FAULTS = st.sampled_from([0.0, 0.0, 0.02])


@given(st.integers(0, 2**48), st.sampled_from(["memory", "webrtc", "room", "plain"]), FAULTS)
@settings(max_examples=300, deadline=None)
def test_long_random_sessions(driver, seed, kind, faults):
    rng = random.Random(seed)
    binding = Binding(
        name=kind,
        separate_media=kind != "memory",
        media_reliable=kind in ("memory", "plain"),
        control_reliable=kind != "room",
    )
    features = [] if kind == "plain" else EVERYTHING
    d = driver(
        *features,
        binding=binding,
        window=0.1,
        segments=rng.choice([4, 64]),
        cooldown=rng.choice([0.0, 0.3]),
        repair_timeout=rng.choice([0.0, 0.1]),
        resume=rng.choice([0.0, 2.0]),
        keepalive=1.0,
    )
    watch = Watch(d)
    highest, writing, position = 0, 0, 0

    def look() -> None:
        for message in d.sent():
            watch.message(message)
        assert len([event for event in d.events if isinstance(event, SessionEnded)]) <= (d.core.closed is not None)
        watch.books()

    for _ in range(rng.randrange(1, 120)):
        step = rng.random()
        some = rng.randrange(0, highest + 2)
        if step < faults:
            d.core.receive(Channel.CONTROL, encode(rng.choice(list(EXAMPLES.values()))), d.now)
        elif step < 0.15:
            if writing:
                if rng.random() < 0.8 or not features:
                    d.send(m.SegmentEnd(writing, position))
                else:
                    d.send(m.Interrupt(writing, writing))
                writing = 0
            else:
                highest += rng.choice([1, 1, 1, 2])
                writing, position = highest, 0
                d.send(m.SegmentStart(writing))
        elif step < 0.45 and writing:
            count = rng.randrange(1, 300)
            segment = d.core._incoming.receiving.get(writing)
            consumed = segment.audio.consumed if segment else 0
            if d.core._incoming.credit + position + count - consumed > 2_400 and rng.random() > faults:
                count = 0
            if count and (not features or rng.random() < 0.8):
                d.audio(writing, position, count)
                if features and rng.random() < 0.2:
                    d.audio(writing, max(0, position - rng.randrange(300)), count)
            if count:
                position += count
        elif step < 0.50:
            first = rng.randrange(1, highest + 2)
            last = min(first + rng.choice([0, 0, 1, 5]), max(highest, first))
            d.send(m.Interrupt(first, last), bare=rng.random() < 0.5)
            highest = max(highest, last)
            if first <= writing <= last:
                writing = 0
        elif step < 0.55 and features:
            d.send(rng.choice([m.Pause(), m.Unpause(), m.Unpause()]))
        elif step < 0.62 and features and writing:
            at = rng.randrange(0, 3_000)
            d.send(rng.choice([m.Mark(writing, at, "x"), m.Data(writing, at, {"a": at}), m.Sent(writing, position)]))
        elif step < 0.85:
            for _ in range(rng.randrange(1, 6)):
                readable = d.core.readable(d.now)
                item = d.core.read(d.now)
                assert readable is (item is not None)
                if item is None:
                    break
                watch.item(item)
        elif step < 0.93:
            consumed = watch.positions.get(some, 0)
            at = rng.choice([None, 0, consumed, rng.randrange(0, consumed + 1)])
            try:
                if rng.random() < 0.5:
                    d.core.stream_ended(
                        some, d.now, position=at, interrupted=rng.random() < 0.3, failed=rng.random() < 0.2
                    )
                elif rng.random() < 0.5:
                    d.core.played(some, at or 0, d.now)
                elif rng.random() < 0.5:
                    d.core.stream_started(some, d.now)
                else:
                    d.core.reset_done(d.now)
            except LocalProtocolError:
                pass
        elif step < 0.98:
            look()
            d.wait(rng.choice([0.001, 0.02, 0.1, 0.5, 1.5]))
        elif step < 0.99:
            d.core.detach(d.now)
        if d.core.state is SessionState.LOST and rng.random() < 0.5:
            look()
            try:
                welcome = d.resume()
            except RemoteProtocolError:
                if not faults:  # which spoil the books of this test's sender
                    raise
            else:
                for message in d.resent:
                    watch.message(message)
                rows = {row[0]: row for row in welcome.state[1]}
                assert set(rows) == set(d.core._incoming.live)
                position = rows[writing][1] if writing in rows else position
        look()
    if d.code is None and rng.random() < 0.5:
        d.core.close(d.now)
    elif d.core.state is SessionState.OPEN:
        d.core.detach(d.now)
        d.wait(3)
    for item in d.read():
        watch.item(item)
    look()
    if d.core.closed:
        assert d.core.read(d.now) is None
        assert d.core.next_deadline() == float("inf")


def test_many_segments_one_after_another_break_no_rule(driver):
    d = driver(*EVERYTHING, window=0.1)
    for segment in range(1, 200):
        d.start(segment, 500, end=True)
        for item in d.read():
            if isinstance(item, SegmentEnd):
                d.core.stream_ended(segment, d.now, position=500)
        d.wait(0.01)
        d.sent()
    assert d.code is None
    assert d.core.counters.live_segments == 0
