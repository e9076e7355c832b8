"""The receiver's hello and welcome (SPEC §4, §5, §7)."""

from __future__ import annotations

import msgpack
import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.connection import encode_refusal
from lipwire.protocol.errors import CloseCode, LocalProtocolError, RemoteProtocolError
from lipwire.protocol.events import SessionOpened
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import BOUNDS
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import Feature
from lipwire.protocol.states import SessionState

WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1150)
ROOM = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False)
NOT_LIPWIRE = CloseCode.NOT_LIPWIRE


def refused(call, *args):
    with pytest.raises(RemoteProtocolError) as caught:
        call(*args)
    assert encode_refusal(caught.value)  # can be sent
    return caught.value


@pytest.mark.parametrize(
    ("data", "code", "hint"),
    [
        ("INTERRUPT", NOT_LIPWIRE, "version 0"),
        (b"INTERRUPT", NOT_LIPWIRE, "version 0"),
        ('{"type": "segment_end"}', NOT_LIPWIRE, "version 0"),
        ('{"type": "stream_ended", "data": {}}', NOT_LIPWIRE, "version 0"),
        ("GET / HTTP/1.1", NOT_LIPWIRE, "text"),
        (b"", NOT_LIPWIRE, ""),
        (bytes(960), NOT_LIPWIRE, "raw PCM"),
        (b"\x01\x02" * 480, NOT_LIPWIRE, "raw PCM"),
        (encode(m.Ping(1)), NOT_LIPWIRE, ""),
        (encode(m.CloseMessage(0)), NOT_LIPWIRE, ""),
        (encode(m.AudioMessage(1, 0, 0, b"ab")), NOT_LIPWIRE, ""),
        (msgpack.packb([64, "grease"]), NOT_LIPWIRE, ""),
        (msgpack.packb([200]), NOT_LIPWIRE, ""),
        (msgpack.packb([True, "lipwire", [1]]), NOT_LIPWIRE, ""),
        (msgpack.packb([1.0, "lipwire", [1]]), NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lapwire", [1]]), NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lipwire"]), NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lipwire", 1]), NOT_LIPWIRE, ""),
        (msgpack.packb({"type": 1}), NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lipwire", [1]]), CloseCode.INVALID_FIELD, "session"),
        (msgpack.packb([1, "lipwire", []]), CloseCode.UNSUPPORTED_VERSION, ""),
        (msgpack.packb([1, "lipwire", [2, 3]]), CloseCode.UNSUPPORTED_VERSION, "2, 3"),
        (msgpack.packb([1, "lipwire", [2], {1: 2}, 1.5]), CloseCode.UNSUPPORTED_VERSION, "2"),
        (msgpack.packb([1, "lipwire", [2]])[:-1], NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lipwire", [2]]) + b"\0", NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lipwire", [2], ""])[:-1] + b"\xa1\xff", NOT_LIPWIRE, ""),
        (msgpack.packb([1, "lipwire", [2], [[[[[[[[]]]]]]]]]), CloseCode.LIMIT_EXCEEDED, "deeper"),
        (msgpack.packb([1, "lipwire", [1], bytes(70_000)]), CloseCode.MESSAGE_TOO_LARGE, "70"),
        (bytes(70_000), CloseCode.MESSAGE_TOO_LARGE, "70"),
    ],
)
def test_a_first_message_is_judged(data, code, hint):
    error = refused(read_hello, data, 4_096)
    assert error.code is code
    assert hint in str(error)
    if code is CloseCode.UNSUPPORTED_VERSION:
        assert error.details == {"versions": [1]}  # LW-INVARIANT-3


def test_a_hello_of_default_size_is_taken_whatever_this_side_announces(driver):
    hello = driver(open=False).hello(info={"name": "x" * 8_000})
    assert read_hello(encode(hello), 4_096) == hello  # LW-WIRE-8


def test_welcome_says_what_was_chosen(driver):
    d = driver("repair", "resume", "com.example.own", "grease.9f", window=1.0, message=8_192, segments=7, cooldown=0.5)
    welcome = d.welcome
    assert welcome.version == 1
    assert (welcome.session, welcome.generation) == (d.core.session, 1)
    assert welcome.format == ["s16le", 24_000, 1]
    assert welcome.features == ["repair", "resume"]  # LW-FEATURE-1, LW-OPEN-3
    assert welcome.limits == {
        "window": 24_000,
        "message": 8_192,
        "segments": 7,
        "cooldown": 500,
        "resume": 10_000,
        "keepalive": 5_000,
    }
    assert welcome.secret == b"first secret 128"
    assert welcome.state is None
    assert d.core.state is SessionState.OPEN
    (opened,) = d.events
    assert isinstance(opened, SessionOpened)
    assert opened.features == {Feature.REPAIR, Feature.RESUME}
    assert opened.limits["window"] == 24_000
    assert opened.limits["cooldown"] == 0.5
    assert not opened.resumed


def test_without_resume_there_is_no_secret(driver):
    assert driver("repair").welcome.secret is None


def test_the_first_format_offered_that_is_supported_is_chosen(driver):
    mono, stereo = PcmFormat(16_000), PcmFormat(48_000, 2, "f32le")
    offered = [["opus", 48_000, 2], ["s16le", 7_000, 1], ["f32le", 48_000, 2], ["s16le", 16_000, 1]]
    for accepted, chosen in [((mono, stereo), stereo), ((mono,), mono), (None, stereo)]:
        d = driver(open=False, formats=accepted)
        d.open(formats=offered)
        assert d.welcome.format == chosen.as_field()
        assert d.core.format == chosen


@pytest.mark.parametrize("accepted", [(PcmFormat(16_000),), None])
def test_no_format_that_would_do_is_refused_with_those_that_would(driver, accepted):
    d = driver(open=False, formats=accepted)
    error = refused(d.core.open, d.hello(formats=[["opus", 48_000, 1]]), d.binding, bytes(16), d.now)
    assert error.code is CloseCode.UNSUPPORTED_FORMAT  # LW-OPEN-4
    assert ["s16le", 16_000, 1] in error.details["formats"]
    assert d.core.state is SessionState.IDLE
    assert not d.sent()


@pytest.mark.parametrize(
    ("binding", "offered", "missing"),
    [
        (WEBRTC, ["resume"], ["repair"]),
        (ROOM, [], ["repair", "resume"]),
        (ROOM, ["repair"], ["resume"]),
    ],
)
def test_features_that_the_transport_needs_have_to_be_offered(driver, binding, offered, missing):
    d = driver(*offered, open=False, binding=binding)
    error = refused(d.core.open, d.hello(), binding, bytes(16), d.now)
    assert error.code is CloseCode.FEATURE_REQUIRED  # LW-BINDING-2
    assert error.details == {"features": missing}


def test_features_that_the_transport_needs_are_chosen_even_when_they_are_switched_off(driver):
    core = ReceiverConnection(ReceiverSettings(features=frozenset({Feature.PAUSE})))
    hello = driver("repair", "resume", "pause", "marks", open=False).hello()
    core.open(hello, ROOM, bytes(16), 0.0)
    assert core.features == {Feature.PAUSE, Feature.REPAIR, Feature.RESUME}


@pytest.mark.parametrize("limits", [{"message": 4_095}, {"message": "x"}, {"message": -1}, {"message": 5e4}])
def test_a_limit_under_its_floor_is_refused(driver, limits):
    d = driver(open=False)
    assert refused(d.core.open, d.hello(limits=limits), d.binding, bytes(16), d.now).code is CloseCode.INVALID_FIELD


@pytest.mark.parametrize("limits", [{}, {"message": None}, {"message": 1 << 50}, {"other": "x"}])
def test_limits_that_are_absent_unknown_or_above_the_cap_are_no_fault(driver, limits):
    d = driver(open=False)
    d.open(limits=limits)
    assert d.core.state is SessionState.OPEN


def test_a_version_that_is_not_spoken_is_refused_by_the_core_too(driver):
    d = driver(open=False)
    for call, hello in [(d.core.open, d.hello(versions=[2])), (driver("resume").core.resume, d.hello(versions=[9]))]:
        error = refused(call, hello._replace(resume=None), d.binding, bytes(16), d.now)
        assert error.code is CloseCode.UNSUPPORTED_VERSION


def test_welcome_fits_the_senders_limit(driver):
    d = driver("resume", open=False, segments=1_024)
    d.core.settings.info.update(name="x" * 5_000)
    d.open(limits={"message": 4_096})
    assert len(d.core._welcome) <= 4_096
    assert d.welcome.info is None
    segments = d.welcome.limits["segments"]
    assert 64 <= segments < 1_024
    for segment in range(1, segments + 1):
        d.start(segment, 1, end=True)
    d.read()
    d.core.detach(d.now)
    d.resume(limits={"message": 4_096})
    assert len(d.welcome.state[1]) == segments
    assert len(d.core._welcome) <= 4_096


def test_a_repeat_of_the_hello_gets_the_same_welcome(driver):
    d = driver("repair", "resume", binding=ROOM)
    first = d.core._welcome
    d.start(1, 100)
    d.sent()
    d.send(d.hello())
    assert [data for _, data in d.core.take_outgoing(d.now)] == [first]  # LW-OPEN-9
    d.send(d.hello(info={"a": 1}))
    assert d.code is CloseCode.OUT_OF_STATE


def test_a_repeat_of_a_hello_may_be_larger_than_what_was_announced_since(driver):
    d = driver("repair", "resume", binding=ROOM, open=False, message=4_096)
    d.open(info={"name": "x" * 8_000})
    for _ in range(2):  # the second when it is known that welcome has arrived
        d.send(d.hello(info={"name": "x" * 8_000}))
        assert d.code is None  # LW-WIRE-8
        d.send(m.Ping(1))
    d.raw(msgpack.packb([64, bytes(8_000)]))
    assert d.code is CloseCode.MESSAGE_TOO_LARGE


def test_a_message_to_ignore_is_sent_soon_after_the_opening(driver):
    d = driver(grease=True, open=False)
    d.core.open(d.hello(), d.binding, bytes(16), d.now)
    (_, welcome), (channel, grease) = d.core.take_outgoing(d.now)
    assert welcome == d.core._welcome
    assert channel is Channel.CONTROL
    assert msgpack.unpackb(grease)[0] in range(64, 128)


def test_a_session_that_is_not_known_can_not_be_resumed(driver):
    d = driver("resume", open=False)
    for call in (d.core.open, d.core.resume):
        error = refused(call, d.hello(resume=[bytes(16), 0]), d.binding, bytes(16), d.now)
        assert error.code is CloseCode.UNKNOWN_SESSION
    assert not d.core.session_known_unconfirmed


def test_a_secret_is_long_enough(driver):
    d = driver(open=False)
    with pytest.raises(LocalProtocolError):
        d.core.open(d.hello(), d.binding, b"short", d.now)


def test_welcome_is_within_the_bounds_that_a_sender_enforces(driver):
    from lipwire.protocol.limits import parse_welcome_limits

    for rate in (8_000, 11_025, 22_050, 24_000, 44_100, 47_999):
        pcm_format = PcmFormat(rate)
        for window in (BOUNDS["window"].floor, 1 / 3, BOUNDS["window"].cap):
            d = driver(open=False, window=window)
            d.open(formats=[pcm_format.as_field()])
            assert parse_welcome_limits(d.welcome.limits, pcm_format)["window"] == d.core.counters.window
