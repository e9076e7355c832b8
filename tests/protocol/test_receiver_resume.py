"""Resume at the receiver (SPEC §14, §15)."""

from __future__ import annotations

import hmac

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.events import SessionEnded, SessionOpened, TransportDropped
from lipwire.protocol.items import Audio, Interrupted, SegmentEnd, SegmentStart
from lipwire.protocol.states import SessionState

ROOM = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False)
LOSSY = Binding(name="webrtc", separate_media=True, media_reliable=False)
FIRST = b"first secret 128"


def refused(d, code, **fields):
    """Resume with these fields, and see that it is refused and nothing has changed."""
    core = d.core
    fields = {"generation": core.generation + 1, "resume": [d.welcome.secret, d.taken]} | fields
    before = (core.state, core.generation, core.numbered.taken, core.numbered.sent, core.next_deadline(), core.held)
    kept = list(core._secrets)
    binding = fields.pop("binding", d.binding)
    with pytest.raises(RemoteProtocolError) as caught:
        core.resume(d.hello(**fields), binding, b"another secret!!", d.now)
    assert caught.value.code is code
    after = (core.state, core.generation, core.numbered.taken, core.numbered.sent, core.next_deadline(), core.held)
    assert after == before
    assert core._secrets == kept
    assert d.sent() == []
    return caught.value


def talking(driver, *features, **limits):
    d = driver("resume", "marks", "pause", "custom", *features, **limits)
    d.start(1, 1_000)
    assert len(d.read()) == 2
    d.audio(1, 1_000, 500)
    d.core.played(1, 700, d.now)
    d.sent()
    return d


def test_a_session_goes_on_where_it_was(driver):
    d = talking(driver)
    d.core.detach(d.now)
    assert d.core.state is SessionState.LOST
    assert [item.position for item in d.read()] == [1_000]  # LW-RESUME-1: it goes on handing out
    d.core.stream_started(1, d.now)
    assert d.sent() == []
    d.wait(3)
    welcome = d.resume()
    assert welcome.generation == 2
    assert (welcome.version, welcome.format) == (1, ["s16le", 24_000, 1])
    assert welcome.features == ["custom", "marks", "pause", "resume"]  # LW-RESUME-7
    assert welcome.state == [1, [[1, 1_500, 1_500, 700]]]
    assert welcome.secret != FIRST
    assert d.resent == [m.StreamStarted(1, 100_000_000)]  # LW-RESUME-8
    opened = [event for event in d.events if isinstance(event, SessionOpened)]
    assert [event.resumed for event in opened] == [False, True]
    d.audio(1, 1_400, 200)
    d.send(m.SegmentEnd(1, 1_600))
    items = d.read()
    assert [type(item) for item in items] == [Audio, SegmentEnd]
    assert (items[0].position, items[0].samples) == (1_500, 100)
    d.core.stream_ended(1, d.now, position=1_600)
    assert d.took(m.StreamEnded) == [m.StreamEnded(1, 1_600, False, 0)]


def test_welcome_fits_the_limit_of_the_hello_that_resumes(driver):
    """LW-BINDING-4: what the sender took before is of no account."""
    d = driver("resume", open=False)
    d.core.settings.info.update(name="x" * 5_000)
    d.open()
    assert d.welcome.info is not None
    d.core.detach(d.now)
    assert d.resume(limits={"message": 4_096}).info is None
    assert len(d.core._welcome) <= 4_096


def test_the_session_ends_when_nobody_comes_back(driver):
    d = talking(driver, resume=2.0)
    d.core.detach(d.now)
    d.core.detach(d.now)
    d.wait(1.99)
    assert d.code is None
    d.wait(0.02)
    assert d.code is CloseCode.PEER_GONE
    assert d.read() == [Interrupted((1,), (1_000,), by_close=True)]  # the rest is dropped
    d.sent()
    assert isinstance(d.events[-2], SessionEnded)
    with pytest.raises(RemoteProtocolError) as caught:
        d.resume()
    assert caught.value.code is CloseCode.UNKNOWN_SESSION


def test_a_transport_that_fell_silent_is_dropped_and_the_session_kept(driver):
    d = talking(driver, keepalive=1.0)
    d.wait(3.1)
    assert d.core.state is SessionState.LOST
    d.sent()
    assert isinstance(d.events[-1], TransportDropped)
    d.resume()
    assert d.core.state is SessionState.OPEN


def test_a_valid_resume_supersedes_a_live_transport(driver):
    d = talking(driver, resume=0.0)
    d.send(m.Ping(1))  # its pong is for the old transport
    d.resume()
    assert d.resent == []
    assert d.core.state is SessionState.OPEN  # LW-RESUME-5, though the resume time is 0
    assert d.core.binding is d.binding


@pytest.mark.parametrize("lost", [True, False])
def test_what_may_not_resume_changes_nothing(driver, lost):
    d = talking(driver)
    if lost:
        d.core.detach(d.now)
    refused(d, CloseCode.RESUME_REFUSED, resume=[b"wrong" * 4, 0])  # LW-RESUME-4
    refused(d, CloseCode.RESUME_REFUSED, resume=[FIRST + b"!", 0])
    refused(d, CloseCode.RESUME_REFUSED, generation=1)
    refused(d, CloseCode.RESUME_REFUSED, resume=None)
    refused(d, CloseCode.UNKNOWN_SESSION, session=bytes(16))
    refused(d, CloseCode.UNSUPPORTED_VERSION, versions=[2])
    error = refused(d, CloseCode.UNSUPPORTED_FORMAT, formats=[["s16le", 16_000, 1]])
    assert error.details == {"formats": [["s16le", 24_000, 1]]}
    error = refused(d, CloseCode.FEATURE_REQUIRED, features=["resume", "pause"])
    assert error.details == {"features": ["custom", "marks"]}
    error = refused(d, CloseCode.FEATURE_REQUIRED, features=[*d.features, "repair"], binding=ROOM)
    assert error.details == {"features": ["repair"]}
    refused(d, CloseCode.INVALID_FIELD, limits={"message": 5})
    refused(d, CloseCode.RESUME_STATE, resume=[d.welcome.secret, 1])  # LW-RESUME-10
    with pytest.raises(RemoteProtocolError) as caught:
        d.core.open(d.hello(generation=2), d.binding, bytes(16), d.now)
    assert caught.value.code is CloseCode.RESUME_REFUSED  # LW-RESUME-6
    d.resume()
    d.audio(1, 1_500, 10)
    assert len(d.read()) == 2


def test_counts_behind_what_was_acknowledged_are_refused(driver):
    d = talking(driver)
    d.core.stream_started(1, d.now)
    d.sent()
    d.send(m.Acknowledge(1))
    refused(d, CloseCode.RESUME_STATE, resume=[d.welcome.secret, 0])
    refused(d, CloseCode.RESUME_STATE, resume=[d.welcome.secret, 2])
    d.resume()


def test_a_session_without_resume_knows_none(driver):
    d = driver("marks")
    d.start(1, 10)
    d.sent()
    d.welcome = d.welcome._replace(secret=FIRST)
    refused(d, CloseCode.UNKNOWN_SESSION, features=["marks", "resume"])


def test_the_secret_before_is_good_until_the_new_one_is_known_to_have_arrived(driver):
    d = talking(driver)
    d.core.detach(d.now)
    second = d.resume().secret  # the welcome is lost
    assert d.core._secrets == [second, FIRST]
    third = d.resume(secret=FIRST).secret  # LW-RESUME-3
    assert d.core.generation == 3
    fourth = d.resume(secret=FIRST).secret  # and lost again
    assert set(d.core._secrets) == {third, fourth, FIRST}
    d.send(d.hello(generation=4, resume=[FIRST, d.taken]))  # a repeat of hello confirms nothing
    assert FIRST in d.core._secrets
    d.sent()
    d.send(m.Pong(0, 0, 0))
    assert d.core._secrets == [fourth]
    refused(d, CloseCode.RESUME_REFUSED, resume=[FIRST, d.taken])
    refused(d, CloseCode.RESUME_REFUSED, resume=[third, d.taken])
    d.resume(secret=fourth)


def test_a_message_that_is_ignored_confirms_the_secret_too(driver):
    d = talking(driver)
    d.resume()
    d.raw(b"\x92\x40\x01")
    assert len(d.core._secrets) == 1


def test_a_first_hello_comes_anew_while_nothing_has_come(driver):
    d = driver("resume", "marks", "custom")
    assert d.core.session_known_unconfirmed
    d.core.send_custom({"com.example": 1}, d.now)
    d.core.take_outgoing(d.now)  # lost
    d.core.detach(d.now)
    assert d.core.session_known_unconfirmed
    d.features = ["resume", "pause", "custom"]
    hello = d.hello(generation=2, formats=[["s16le", 48_000, 1]])
    d.core.open(hello, d.binding, b"a second secret!", d.now)
    welcome, custom = d.sent()
    assert custom == m.Custom({"com.example": 1})
    assert (welcome.generation, welcome.secret, welcome.state) == (2, b"a second secret!", None)
    assert welcome.features == ["custom", "pause", "resume"]
    assert d.core.format.rate == 48_000
    d.welcome = welcome
    d.core.open(hello, d.binding, b"a third secret!!", d.now)  # while the transport seems alive
    d.sent()
    d.start(1, 10)
    assert not d.core.session_known_unconfirmed
    with pytest.raises(RemoteProtocolError) as caught:
        d.core.open(hello, d.binding, bytes(16), d.now)
    assert caught.value.code is CloseCode.RESUME_REFUSED
    assert [type(item) for item in d.read()] == [SegmentStart, Audio]
    d.core.detach(d.now)
    with pytest.raises(RemoteProtocolError):
        d.core.open(hello, d.binding, bytes(16), d.now)
    assert not d.core.session_known_unconfirmed


def test_what_is_sent_again_to_a_first_hello_that_comes_anew_is_repeated_where_control_is_lost(driver):
    d = driver("repair", "resume", "custom", binding=ROOM)
    d.core.send_custom({"com.example": 1}, d.now)
    d.core.take_outgoing(d.now)  # lost
    d.core.open(d.hello(generation=2), d.binding, b"a second secret!", d.now)
    d.core.take_outgoing(d.now)  # lost as well
    d.wait(0.21)
    assert d.took(m.Custom) == [m.Custom({"com.example": 1})]  # LW-CONTROL-4


def test_a_first_hello_that_comes_anew_and_is_refused_changes_nothing(driver):
    d = driver("resume")
    before = d.core._welcome
    for fields in ({"formats": [["opus", 1, 1]]}, {"session": bytes(16)}, {"limits": {"message": 1}}):
        with pytest.raises(RemoteProtocolError):
            d.core.open(d.hello(**fields), d.binding, bytes(16), d.now)
    assert d.core._welcome == before
    assert d.core.state is SessionState.OPEN


def test_in_a_room_the_credential_is_no_secret(driver):
    key, room = b"k" * 32, Binding(name="room", separate_media=True, broadcast=True)
    d = driver("resume", binding=room, room_key=key)
    nonce = d.welcome.secret
    refused(d, CloseCode.RESUME_REFUSED, resume=[nonce, 0])  # LW-ROOM-2
    credential = hmac.digest(key, d.core.session + nonce + (2).to_bytes(8, "big"), "sha256")
    refused(d, CloseCode.RESUME_REFUSED, resume=[credential, 0], generation=3)
    d.resume(secret=credential)
    d = driver("resume", binding=room)
    credential = hmac.digest(b"", d.core.session + nonce + (2).to_bytes(8, "big"), "sha256")
    refused(d, CloseCode.RESUME_REFUSED, resume=[credential, 0])


def test_what_is_missing_is_asked_for_on_the_new_transport(driver):
    d = talking(driver, "repair", binding=LOSSY)
    d.audio(1, 2_000, 100)
    d.core.detach(d.now)
    d.wait(1)
    assert d.took(m.Nack) == []
    d.resume()
    d.wait(1)
    assert d.took(m.Nack)[0] == m.Nack(1, [[1_500, 2_000]])


def test_nothing_is_asked_for_where_repair_is_not_in_use(driver):
    d = talking(driver)
    d.send(m.SegmentEnd(1, 2_000))
    d.core.detach(d.now)
    d.resume()
    d.wait(5)
    assert d.took(m.Nack) == []  # LW-FEATURE-2; the sender sends it again by itself (LW-RESUME-9)


def test_paused_stays_paused_and_cut_stays_cut(driver):
    d = talking(driver)
    d.send(m.Pause(), m.Interrupt(1, 1))
    d.sent()
    d.core.detach(d.now)
    welcome = d.resume()
    assert welcome.state[1] == [[1, 1_500, 1_000, 700]]
    assert d.core.paused  # LW-PAUSE-3
    d.audio(1, 1_500, 100)
    assert not any(isinstance(item, Audio) for item in d.read())


def test_progress_is_repeated_on_a_new_transport_that_may_lose(driver):
    d = talking(driver, "repair", binding=ROOM)
    d.core.detach(d.now)
    d.resume()
    d.wait(0.51)
    assert d.took(m.Progress)


def test_reports_made_without_a_transport_are_kept_in_order(driver):
    d = talking(driver)
    d.send(m.Mark(1, 800, "a"), m.SegmentEnd(1, 1_500))
    d.sent()
    d.core.detach(d.now)
    d.read()
    d.core.played(1, 900, d.now)
    d.core.stream_ended(1, d.now, position=1_500)
    d.resume()
    assert d.resent == [m.MarkReached(1, "a"), m.StreamEnded(1, 1_500, False, 0)]
    assert d.welcome.state[1] == []


def test_too_much_that_is_not_acknowledged_closes_the_session(driver):
    d = driver("resume")
    for segment in range(1, 1_050):
        d.start(segment, 10)
        d.send(m.Interrupt(segment, segment))
        d.core.take_outgoing(d.now)  # nothing of it arrives
        if d.core.closed:
            break
    assert segment == 1_025
    assert d.code is CloseCode.LIMIT_EXCEEDED  # LW-CONTROL-5
    d.sent()
    assert len([event for event in d.events if isinstance(event, SessionEnded)]) == 1


def test_numbered_is_refused_without_resume_and_bare_with_it(driver):
    d = driver()
    d.raw(encode(m.Numbered(1, 0, m.SegmentStart(1))))
    assert d.code is CloseCode.OUT_OF_STATE  # LW-CONTROL-1
    d = driver("resume")
    d.send(m.SegmentStart(1), bare=True)
    assert d.code is CloseCode.OUT_OF_STATE


def test_numbered_messages_are_taken_once_and_in_order(driver):
    d = driver("resume")
    for number, message in [
        (2, m.SegmentEnd(1, 0)),
        (3, m.SegmentStart(2)),
        (1, m.SegmentStart(1)),
        (1, m.SegmentStart(1)),
        (3, m.SegmentStart(2)),
    ]:
        d.raw(encode(m.Numbered(number, 0, message)))
    assert d.code is None
    assert [type(item) for item in d.read()] == [SegmentStart, SegmentEnd, SegmentStart]
    d.wait(0.05)
    assert m.Acknowledge(3) in d.sent()  # LW-CONTROL-3


def test_an_acknowledgement_of_what_was_not_sent_is_refused(driver):
    d = driver("resume")
    d.send(m.Acknowledge(1))
    assert d.code is CloseCode.INVALID_FIELD  # LW-CONTROL-6
