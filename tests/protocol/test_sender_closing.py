"""The sender core: the end of a session (SPEC §16)."""

from __future__ import annotations

from typing import Any

import pytest
from played import RELIABLE, ROOM, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    SessionEnded,
    StreamEnded,
    TransportDropped,
)
from lipwire.protocol.states import SessionState

# -- the end (SPEC §16) ------------------------------------------------------------------------------------


def test_close_is_the_last_message_and_ends_every_segment() -> None:
    peer = PlayedReceiver()
    peer.say(480)
    peer.say(480, end=False)
    peer.sent()
    peer.core.interrupt(peer.now, 1)
    peer.core.close(peer.now, reason="enough")
    assert peer.sent() == [m.CloseMessage(0, "enough")]
    assert [(one.segment, one.cause, one.exact) for one in peer.ended()] == [
        (1, Cause.INTERRUPTED, False),
        (2, Cause.CLOSED, False),
    ]
    peer.send(m.StreamEnded(2, 480, False, 0))
    peer.raw(b"garbage")
    peer.core.close(peer.now)
    assert peer.sent() == []
    assert len(peer.of(SessionEnded)) == 1
    with pytest.raises(LocalProtocolError):
        peer.core.open_segment(None, peer.now)
    with pytest.raises(LocalProtocolError):
        peer.core.attach(RELIABLE, peer.now)
    assert peer.core.next_deadline() == float("inf")


def test_close_goes_out_more_than_once_where_control_can_be_lost() -> None:
    peer = PlayedReceiver("repair", "resume", binding=ROOM)
    peer.sent()
    peer.core.close(peer.now, reason="enough")
    assert peer.sent() == [m.CloseMessage(0, "enough")] * 4  # LW-CLOSE-8
    peer = PlayedReceiver(binding=ROOM, open=False)
    peer.attach()
    peer.wait(11)
    assert [one.code for one in peer.sent() if isinstance(one, m.CloseMessage)] == [37] * 4


@pytest.mark.parametrize(
    ("code", "cause"),
    [(0, Cause.PEER_CLOSED), (1, Cause.PEER_CLOSED), (22, Cause.PEER_CLOSED), (999, Cause.PEER_CLOSED)],
)
def test_a_close_by_the_peer(code: int, cause: Cause) -> None:
    peer = PlayedReceiver()
    peer.say(480)
    peer.sent()
    peer.send(m.CloseMessage(code, "bye\x1b[2J", 500))
    assert peer.sent() == []
    assert peer.ended()[0].cause is cause
    (ended,) = peer.of(SessionEnded)
    assert ended.close.code == code
    assert ended.close.by_peer
    assert "\x1b" not in str(ended.close)


def test_a_refusal_that_names_a_time_is_not_the_last_word() -> None:
    peer = PlayedReceiver(open=False)
    peer.say(480)
    peer.attach()
    peer.send(m.CloseMessage(38, "full", 250))
    peer.sent()
    assert peer.of(TransportDropped)[0].retry_after == 0.25
    assert peer.core.state is SessionState.IDLE
    assert peer.attach().generation == 2
    peer.send(m.CloseMessage(36, "no", None))
    assert peer.ended()[0].cause is Cause.REFUSED


def test_never_connected() -> None:
    peer = PlayedReceiver(open=False, settings={"connect_time": 3.0})
    peer.say(480)
    peer.wait(3.01)
    assert peer.ended() == [StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.NEVER_CONNECTED)]


def test_hello_that_is_not_answered() -> None:
    peer = PlayedReceiver(open=False, handshake=2, settings={"connect_time": 30.0})
    peer.attach()
    peer.wait(1.99)
    assert peer.sent() == []
    peer.wait(0.02)
    (close,) = peer.sent()
    assert close.code == CloseCode.HANDSHAKE_TIMEOUT
    assert len(peer.of(TransportDropped)) == 1
    assert peer.core.state is SessionState.IDLE
    peer.attach()
    peer.welcome()
    assert peer.core.state is SessionState.OPEN


@pytest.mark.parametrize(
    ("binding", "offered"), [(RELIABLE, set()), (WEBRTC, {"repair"}), (ROOM, {"repair", "resume"})]
)
def test_what_the_binding_requires_is_offered_whatever_the_user_wants(binding: Any, offered: set[str]) -> None:
    peer = PlayedReceiver(open=False, binding=binding, settings={"features": frozenset()})
    hello = peer.attach()
    assert {name for name in hello.features if "." not in name} == offered  # LW-BINDING-1


@pytest.mark.parametrize("binding", [RELIABLE, WEBRTC])
def test_over_reliable_control_hello_is_sent_once(binding: Any) -> None:
    peer = PlayedReceiver(open=False, binding=binding)
    peer.attach()
    assert peer.timed(m.Hello, 9) == []


def test_where_control_may_lose_hello_is_repeated() -> None:
    peer = PlayedReceiver("repair", "resume", open=False, binding=ROOM)
    hello = peer.attach()
    assert peer.timed(m.Hello, 1.1) == [0.25, 0.5, 0.75, 1.0]
    peer.welcome()
    peer.sent()
    assert peer.timed(m.Hello, 2) == []
    peer.send(peer.make_welcome())  # the answer to a repeat
    assert peer.code is None
    assert hello.generation == 1


def test_silence_for_three_keepalives_breaks_the_transport() -> None:
    peer = PlayedReceiver("resume", limits={"keepalive": 1_000, "resume": 2_000})
    peer.say(480)
    peer.sent()
    peer.wait(2.99)
    assert peer.core.state is SessionState.OPEN
    peer.wait(0.02)
    assert peer.core.state is SessionState.LOST
    assert peer.sent() == []  # without a word
    peer.wait(2.0)
    assert [one.cause for one in peer.ended()] == [Cause.TRANSPORT_LOST]
    assert peer.code is CloseCode.PEER_GONE


def test_without_resume_the_end_of_the_transport_is_the_end() -> None:
    for features, limits in (((), {}), (("resume",), {"resume": 0})):
        peer = PlayedReceiver(*features, limits=limits)
        peer.say(480)
        peer.sent()
        peer.core.detach(peer.now)
        assert [one.cause for one in peer.ended()] == [Cause.TRANSPORT_LOST]
