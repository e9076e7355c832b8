"""Every message of the registry in every state of a sender: taken, ignored, or refused with the code SPEC names."""

from __future__ import annotations

from typing import Any

import pytest
from played import EVERYTHING, SECRET, SESSION, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.events import SessionEnded
from lipwire.protocol.registry import REGISTRY, Role
from lipwire.protocol.states import SessionState

PCM = ["s16le", 24_000, 1]
FINE: dict[str, Any] = {
    "hello": m.Hello("lipwire", [1], SESSION, 1, [PCM], [], {}),
    "welcome": m.Welcome(1, SESSION, 1, PCM, list(EVERYTHING), {}, SECRET),
    "close": m.CloseMessage(0, "bye"),
    "ping": m.Ping(5),
    "pong": m.Pong(5, 6, 7),
    "numbered": m.Numbered(1, 0, m.Custom({})),
    "acknowledge": m.Acknowledge(1),
    "segment_start": m.SegmentStart(1),
    "audio": m.AudioMessage(1, 0, 0, b"ab"),
    "sent": m.Sent(1, 0),
    "segment_end": m.SegmentEnd(1, 0),
    "interrupt": m.Interrupt(1, 1),
    "cut": m.Cut(1, 1, []),
    "pause": m.Pause(),
    "unpause": m.Unpause(),
    "mark": m.Mark(1, 0, "a"),
    "mark_reached": m.MarkReached(1, "a"),
    "data": m.Data(1, 0, {}),
    "stream_started": m.StreamStarted(1, 5),
    "progress": m.Progress(1, 0, 0, None, 5, 0),
    "stream_ended": m.StreamEnded(1, 0, False, 2),
    "nack": m.Nack(1, [[0, 1]]),
    "custom": m.Custom({}),
}
FEATURES = {"none": (), "all": EVERYTHING, "all but resume": tuple(f for f in EVERYTHING if f != "resume")}


def in_state(state: str, features: tuple[str, ...]) -> PlayedReceiver:
    peer = PlayedReceiver(*features, open=False)
    if state != "idle":
        peer.attach()
    if state in ("open", "lost", "reopening", "closed"):
        peer.welcome()
        peer.say(480)
        peer.sent()
    if state in ("lost", "reopening"):
        peer.core.detach(peer.now)
    if state == "reopening":
        peer.attach()
    if state == "closed":
        peer.core.close(peer.now)
    peer.sent()
    peer.events.clear()
    return peer


def test_every_message_of_the_registry_is_here() -> None:
    assert set(FINE) == {entry.name for entry in REGISTRY}


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("name", FINE)
def test_in_an_open_session(name: str, features: str) -> None:
    entry = next(one for one in REGISTRY if one.name == name)
    chosen = FEATURES[features]
    peer = in_state("open", chosen)
    legal = Role.RECEIVER in entry.sent_by and (entry.feature is None or entry.feature.value in chosen)
    legal &= not (entry.numbered and "resume" in chosen)
    if name == "welcome":
        peer.welcome()  # a repeat of it
    else:
        peer.core.receive(Channel.CONTROL, encode(FINE[name]), peer.now)
    if name == "close":
        assert peer.code is CloseCode.NORMAL
    elif name == "numbered" and legal and "custom" in chosen:
        assert peer.code is None
    else:
        assert peer.code is (None if legal else CloseCode.OUT_OF_STATE)
    if peer.code not in (None, CloseCode.NORMAL):
        assert [message.code for message in peer.sent()] == [CloseCode.OUT_OF_STATE]
        assert len(peer.of(SessionEnded)) == 1


@pytest.mark.parametrize("state", ["opening", "reopening"])
@pytest.mark.parametrize("name", FINE)
def test_before_welcome(name: str, state: str) -> None:
    peer = in_state(state, EVERYTHING)
    peer.core.receive(Channel.CONTROL, encode(FINE[name]), peer.now)
    if name == "welcome":
        # Of the first transport: the second wants its own generation.
        assert peer.code is (None if state == "opening" else CloseCode.INVALID_FIELD)
    elif name == "close":
        assert peer.code is CloseCode.NORMAL
    else:
        # What travels on media may have overtaken welcome (LW-OPEN-13).
        assert peer.code is (None if name in ("progress", "nack") else CloseCode.OUT_OF_STATE)


@pytest.mark.parametrize("state", ["idle", "lost", "closed"])
@pytest.mark.parametrize("name", FINE)
def test_without_a_transport_everything_is_dropped(name: str, state: str) -> None:
    peer = in_state(state, EVERYTHING)
    before = peer.core.state
    peer.core.receive(Channel.CONTROL, encode(FINE[name]), peer.now)
    peer.raw(b"garbage")
    assert peer.core.state is before
    assert peer.sent() == []
    assert peer.events == []


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("name", FINE)
def test_inside_numbered(name: str, features: str) -> None:
    if "resume" not in FEATURES[features]:
        return
    entry = next(one for one in REGISTRY if one.name == name)
    peer = in_state("open", FEATURES[features])
    peer.core.receive(Channel.CONTROL, encode(m.Numbered(1, 0, FINE[name])), peer.now)
    if not entry.numbered:
        assert peer.code is CloseCode.INVALID_FIELD
    else:
        assert peer.code is (None if Role.RECEIVER in entry.sent_by else CloseCode.OUT_OF_STATE)


# What the fields must not say, by an open session with segment 1 (480 samples, all sent) and 2 queued.
WRONG = [
    (m.Progress(1, 481, 0, None, 5, 0), CloseCode.INVALID_POSITION),
    (m.Progress(1, 100, 101, None, 5, 0), CloseCode.INVALID_POSITION),
    (m.Progress(1, 100, 100, None, 5, 0, 481), CloseCode.INVALID_POSITION),
    (m.Progress(1, 100, 100, 101, 5, 0), CloseCode.INVALID_POSITION),
    (m.Progress(2, 0, 0, None, 5, 0), CloseCode.INVALID_SEGMENT),
    (m.Progress(3, 0, 0, None, 5, 0), CloseCode.INVALID_SEGMENT),
    (m.StreamEnded(1, 481, False, 0), CloseCode.INVALID_POSITION),
    (m.StreamEnded(2, 0, False, 0), CloseCode.INVALID_SEGMENT),
    (m.StreamEnded(3, 0, False, 0), CloseCode.INVALID_SEGMENT),
    (m.StreamStarted(2, 5), CloseCode.INVALID_SEGMENT),
    (m.StreamStarted(3, 5), CloseCode.INVALID_SEGMENT),
    (m.MarkReached(3, "a"), CloseCode.INVALID_SEGMENT),
    (m.Cut(1, 3, []), CloseCode.INVALID_SEGMENT),
    (m.Cut(3, 3, []), CloseCode.INVALID_SEGMENT),
    (m.Cut(1, 1, [[3, 0]]), CloseCode.INVALID_SEGMENT),
    (m.Cut(2, 1, []), CloseCode.INVALID_FIELD),
    (m.Nack(1, [[0, 481]]), CloseCode.INVALID_POSITION),
    (m.Nack(2, [[0, 1]]), CloseCode.INVALID_SEGMENT),
    (m.Nack(3, [[0, 1]]), CloseCode.INVALID_SEGMENT),
    (m.Nack(1, [[5, 5]]), CloseCode.INVALID_FIELD),
    (m.Nack(1, [[9, 5]]), CloseCode.INVALID_FIELD),
    (m.Nack(1, [[5, 9], [1, 2]]), CloseCode.INVALID_FIELD),
    (m.Nack(1, [[5, 9], [8, 10]]), CloseCode.INVALID_FIELD),
    (m.Nack(1, []), CloseCode.INVALID_FIELD),
    (m.Nack(1, [[2 * i, 2 * i + 1] for i in range(33)]), CloseCode.INVALID_FIELD),
]


@pytest.mark.parametrize(("message", "code"), WRONG, ids=[f"{type(w[0]).__name__} {i}" for i, w in enumerate(WRONG)])
def test_what_a_receiver_can_not_say(message: Any, code: CloseCode) -> None:
    peer = PlayedReceiver("repair", "marks")
    peer.say(480)
    peer.sent()
    peer.say(480, end=False)
    peer.core._most_segments = 1  # so that the second stays queued
    peer.sent()
    peer.send(message)
    assert peer.code is code
    assert [one.code for one in peer.sent()] == [code]


@pytest.mark.parametrize(
    "message",
    [
        m.Progress(1, 10**6, 10**7, 10**8, 5, 0),
        m.StreamEnded(1, 10**6, False, 0),
        m.StreamStarted(1, 5),
        m.MarkReached(1, "a"),
        m.Nack(1, [[0, 10**6]]),
        m.Cut(1, 1, [[1, 10**6]]),
    ],
)
def test_what_is_said_of_a_segment_that_is_over_is_ignored(message: Any) -> None:
    peer = PlayedReceiver("repair", "marks")
    peer.say(480)
    peer.sent()
    peer.send(m.StreamEnded(1, 480, False, 0))
    count = len(peer.ended())
    peer.send(message)
    assert (peer.code, peer.sent(), len(peer.ended())) == (None, [], count)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"version": 2}, CloseCode.INVALID_FIELD),
        ({"session": bytes(16)[::-1]}, CloseCode.INVALID_FIELD),
        ({"generation": 2}, CloseCode.INVALID_FIELD),
        ({"format": ["s16le", 48_000, 1]}, CloseCode.INVALID_FIELD),
        ({"format": ["mulaw", 8_000, 1]}, CloseCode.INVALID_FIELD),
        ({"features": ["repair", "teleport"]}, CloseCode.INVALID_FIELD),
        ({"features": ["repair", "resume"], "secret": None}, CloseCode.INVALID_FIELD),
        ({"features": []}, CloseCode.FEATURE_REQUIRED),
        ({"limits": {"window": 2_399}}, CloseCode.INVALID_FIELD),
        ({"limits": {"window": 2_400.0}}, CloseCode.INVALID_FIELD),
        ({"limits": {"message": 4_095}}, CloseCode.INVALID_FIELD),
        ({"limits": {"keepalive": 99}}, CloseCode.INVALID_FIELD),
        ({"limits": {"segments": 3}}, CloseCode.INVALID_FIELD),
        ({"limits": {"cooldown": True}}, CloseCode.INVALID_FIELD),
        ({"limits": {"resume": -1}}, CloseCode.INVALID_FIELD),
    ],
)
def test_a_welcome_that_can_not_be(fields: dict[str, Any], code: CloseCode) -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC, open=False)
    peer.attach()
    peer.welcome(**fields)
    assert peer.code is code
    assert [one.code for one in peer.sent()] == [code]


def test_limits_of_welcome() -> None:
    peer = PlayedReceiver("resume", open=False)
    peer.attach()
    peer.welcome(limits={"window": 2**53 - 1, "cooldown": 10**9, "future": "x", "keepalive": None})
    assert peer.code is None
    assert peer.core.window == 60 * 24_000
    assert peer.core._cooldown == 5.0
    assert peer.core.liveness.keepalive == 5.0


def test_another_welcome_in_an_open_session() -> None:
    peer = PlayedReceiver("repair")
    peer.send(peer.make_welcome(info={"another": 1}))
    assert peer.code is CloseCode.OUT_OF_STATE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", CloseCode.MALFORMED),
        (b"\xc1", CloseCode.MALFORMED),
        ("text", CloseCode.MALFORMED),
        (b"\x91\x20", CloseCode.UNKNOWN_MESSAGE),
        (b"\x91\x40", None),
        (b"\x91\x7f", None),
        (b"\x91\x04", CloseCode.INVALID_FIELD),
        (b"\x92\x04\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", CloseCode.INVALID_FIELD),
        (b"\x92\x04\xd4\x01\x01", CloseCode.INVALID_FIELD),
        (b"\x92\x04" + b"\x91" * 20 + b"\xc0", CloseCode.LIMIT_EXCEEDED),
        (b"\xc4\x00" + bytes(70_000), CloseCode.MESSAGE_TOO_LARGE),
    ],
)
def test_bytes_that_are_no_message(data: Any, code: CloseCode | None) -> None:
    peer = PlayedReceiver()
    peer.sent()
    peer.raw(data)
    assert peer.code is code
    assert [one.code for one in peer.sent()] == ([] if code is None else [code])


@pytest.mark.parametrize("taken", [1, 7])
def test_more_is_acknowledged_than_was_sent(taken: int) -> None:
    for message in (m.Acknowledge(taken), m.Numbered(1, taken, m.Custom({}))):
        peer = PlayedReceiver(*EVERYTHING)
        peer.send(message)
        assert peer.code is CloseCode.INVALID_FIELD
        assert peer.core.state is SessionState.CLOSED
