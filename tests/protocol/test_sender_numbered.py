"""The sender core: what outlives a transport, resume and numbered control (SPEC §14, §15)."""

from __future__ import annotations

from typing import Any

import pytest
from played import EVERYTHING, ROOM, SECRET, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    SessionEnded,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.outgoing import OutgoingSegment
from lipwire.protocol.states import SessionState


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


# -- resume (SPEC §15) -------------------------------------------------------------------------------------


def test_hello_of_a_resume() -> None:
    peer = PlayedReceiver("resume", "custom")
    peer.send(m.Custom({}), m.Custom({}))
    peer.core.detach(peer.now)
    hello = peer.attach()
    assert (hello.session, hello.generation, hello.resume) == (peer.core.session, 2, [SECRET, 2])


def test_what_was_not_received_is_sent_again_first_numbered_then_audio() -> None:
    peer = PlayedReceiver("resume")
    peer.say(4_800)
    before = [one for one in peer.sent() if isinstance(one, m.AudioMessage)]
    out = peer.resume([1, 1_000, 500, None], taken=0)
    assert kinds(out)[:2] == ["SegmentStart", "SegmentEnd"]
    audio = [one for one in out if isinstance(one, m.AudioMessage)]
    assert audio[0].position == 1_000
    assert sum(len(one.pcm) for one in audio) == 2 * 3_800
    assert len(kinds(out)) == 2 + len(audio)
    assert before


def test_what_was_consumed_while_the_transport_was_lost_is_credit() -> None:
    peer = PlayedReceiver("resume", window=2_400)
    peer.say(9_000)
    peer.sent()
    audio = [one for one in peer.resume([1, 2_400, 2_000, None]) if isinstance(one, m.AudioMessage)]
    assert audio[0].position == 2_400
    assert sum(len(one.pcm) // 2 for one in audio) == 2_000


def test_a_pending_interrupt_comes_first_after_a_resume() -> None:
    peer = PlayedReceiver("resume")
    peer.say(480)
    peer.sent()
    peer.core.detach(peer.now)
    peer.core.interrupt(peer.now)
    peer.taken = 2
    peer.attach()
    peer.welcome(state=[2, [[1, 480, 480, None]]], secret=SECRET)
    data = peer.core.take_outgoing(peer.now)
    assert [one[1][1] for one in data][:2] == [20, 6]


def test_after_a_long_break_an_interrupt_is_repeated_as_at_first() -> None:
    peer = PlayedReceiver("repair", "resume", binding=WEBRTC)
    peer.say(480)
    peer.sent()
    peer.core.interrupt(peer.now)
    peer.sent()
    peer.core.detach(peer.now)
    peer.now += 8
    peer.taken = 3
    peer.attach()
    peer.welcome(state=[3, []], secret=SECRET)
    peer.sent()
    assert peer.timed(m.Interrupt, 1.2) == [0.02, 0.02, 0.06, 0.06, 0.14, 0.14, 0.64, 0.64, 1.14, 1.14]


@pytest.mark.parametrize(
    ("taken", "rows"),
    [
        (9, []),  # more than was sent
        (0, []),  # behind what was acknowledged
        (2, [[1, 4_801, 0, None]]),  # never sent
        (2, [[1, 1_999, 1_000, 500]]),  # behind what was received
        (2, [[1, 2_000, 999, 500]]),
        (2, [[1, 2_000, 1_000, 499]]),
        (2, [[1, 2_000, 1_000, None]]),
        (2, [[1, 2_000, 1_000, 1_001]]),
        (2, [[1, 2_000, 2_001, 500]]),
        (2, [[2, 0, 0, None]]),  # never started
        (2, [[3, 0, 0, None]]),  # never opened
    ],
)
def test_a_state_that_can_not_be(taken: int, rows: list[Any]) -> None:
    peer = PlayedReceiver("resume", window=4_800)
    peer.say(4_800)
    peer.sent()
    peer.say(10)
    peer.progress(1, 2_000, 1_000, 500)
    peer.send(m.Acknowledge(2))
    peer.core.detach(peer.now)
    peer.attach()
    assert peer.taken == 2
    peer.welcome(state=[taken, rows], secret=SECRET)
    assert peer.code is CloseCode.RESUME_STATE
    assert peer.took(m.CloseMessage)[0].code == CloseCode.RESUME_STATE


@pytest.mark.parametrize(
    "fields",
    [{"state": None}, {"format": ["s16le", 48_000, 1]}, {"features": ["resume", "marks"]}, {"secret": None}],
)
def test_a_resume_that_changes_what_was_agreed_on(fields: dict[str, Any]) -> None:
    formats = (PcmFormat(24_000, 1), PcmFormat(48_000, 1))
    peer = PlayedReceiver("resume", settings={"formats": formats})
    peer.core.detach(peer.now)
    peer.attach()
    peer.welcome(**({"state": [0, []]} | fields))
    assert peer.code is CloseCode.INVALID_FIELD


def test_a_resume_that_is_refused() -> None:
    for code, cause in ((48, Cause.PEER_CLOSED), (49, Cause.PEER_CLOSED), (50, Cause.PEER_CLOSED)):
        peer = PlayedReceiver("resume")
        peer.say(10)
        peer.sent()
        peer.core.detach(peer.now)
        peer.attach()
        peer.send(m.CloseMessage(code, ""))
        assert peer.ended()[0].cause is cause


def test_in_a_room_no_bearer_secret_is_sent() -> None:
    import hmac

    key = b"k" * 32
    peer = PlayedReceiver("repair", "resume", binding=ROOM, settings={"room_key": key, "auth": "token"})
    hello = peer.hello
    assert hello is not None
    assert hello.auth == hmac.digest(key, hello.session, "sha256")
    peer.core.detach(peer.now)
    hello = peer.attach()
    made_for = hello.session + SECRET + (2).to_bytes(8, "big")
    assert hello.resume == [hmac.digest(key, made_for, "sha256"), 0]


def test_in_a_room_without_a_key_secrets_are_kept() -> None:
    peer = PlayedReceiver(open=False, binding=ROOM, settings={"auth": "token"})
    with pytest.raises(LocalProtocolError):
        peer.core.attach(ROOM, peer.now)
    peer = PlayedReceiver("repair", "resume", binding=ROOM)
    peer.core.detach(peer.now)
    with pytest.raises(LocalProtocolError):
        peer.core.attach(ROOM, peer.now)
    assert peer.core.state is SessionState.LOST


# -- numbered control (SPEC §14) ---------------------------------------------------------------------------


def fill(peer: PlayedReceiver) -> None:
    """Leave no room for numbered messages."""
    while peer.core.numbered.unacknowledged < 1_024:
        peer.core._send(m.Pause(), peer.now)
    peer.sent()
    assert peer.code is None


def test_a_peer_that_never_acknowledges() -> None:
    """LW-CONTROL-5, at a message that can not wait."""
    peer = PlayedReceiver(*EVERYTHING, limits={"cooldown": 0}, grace=0.1)
    number = peer.say(10, end=False)
    peer.sent()
    fill(peer)
    peer.core.end_segment(number, peer.now)
    assert [message.code for message in peer.sent()] == [CloseCode.LIMIT_EXCEEDED]
    assert peer.code is CloseCode.LIMIT_EXCEEDED
    assert len(peer.of(SessionEnded)) == 1
    assert [one.segment for one in peer.ended()] == list(range(1, peer.core.next_segment))
    assert peer.sent() == []


@pytest.mark.parametrize("way", ["interrupt", "give up"])
def test_an_interrupt_needs_no_room(way: str) -> None:
    peer = PlayedReceiver(*EVERYTHING, limits={"cooldown": 0}, grace=0.1)
    peer.say(10)
    peer.say(10)
    peer.sent()
    fill(peer)
    if way == "give up":
        peer.wait(0.2)
        assert peer.sent()[0] == m.Interrupt(1, 1)
    else:
        assert peer.core.interrupt(peer.now) == 2
        assert peer.sent() == [m.Interrupt(1, 2)]  # LW-INTERRUPT-2: bare
        assert peer.resume([1, 10, 0, None], [2, 10, 0, None], taken=peer.taken)[0] == m.Interrupt(1, 2)
    assert peer.code is None


def test_pausing_and_unpausing_in_a_loop() -> None:
    """LW-PAUSE-2: what could not be sent before the next change is left out; the last one counts."""
    peer = PlayedReceiver(*EVERYTHING)
    for _ in range(3_000):
        peer.core.pause(peer.now)
        peer.core.unpause(peer.now)
    peer.core.pause(peer.now)
    changes = peer.sent()
    assert peer.code is None
    assert len(changes) < 1_024
    peer.core.unpause(peer.now)
    peer.core.pause(peer.now)
    assert peer.sent() == []
    peer.send(m.Acknowledge(peer.taken))
    changes += peer.sent()
    assert changes[-1] == m.Pause()
    peer.core.unpause(peer.now)
    assert peer.sent() == [m.Unpause()]


def test_thousands_of_queued_segments_are_not_walked() -> None:
    peer = PlayedReceiver(window=2_400)
    for _ in range(3_000):
        peer.say(480)
    peer.sent()
    looks = 0

    class Counted(OutgoingSegment):
        @property
        def pending(self) -> int:
            nonlocal looks
            looks += 1
            return self.written - self.sent

    for segment in peer.core._segments:
        segment.__class__ = Counted
    for number in range(1, 6):
        peer.progress(number, 480)
        peer.sent()
        assert peer.core.interrupt(peer.now, 2_900 + number) == 2_900 + number
        peer.sent()
    assert 0 < looks < 300
    assert peer.core.interrupt(peer.now) == 3_000
    assert peer.sent()[0] == m.Interrupt(1, 3_000)


def test_what_can_wait_waits_for_acknowledgements() -> None:
    """A burst of legal calls on a good connection must not end the session."""
    peer = PlayedReceiver(*EVERYTHING)
    for _ in range(6):
        number = peer.say(10, text="x" * 1_000)
        for index in range(256):
            peer.core.mark(number, index, "a", peer.now)
            peer.core.data(number, 100 + index, {"words": ["x" * 500]}, peer.now)
        peer.sent()
    with pytest.raises(LocalProtocolError) as error:
        peer.core.send_custom({}, peer.now)
    assert error.value.code is CloseCode.LIMIT_EXCEEDED
    assert peer.code is None
    marks = peer.taken
    for _ in range(20):
        peer.send(m.Acknowledge(peer.taken))
        marks += len([one for one in peer.sent() if isinstance(one, m.Mark | m.Data)])
    assert peer.taken == 6 * (2 + 512)
    assert marks >= 6 * 512 - 900
    peer.core.send_custom({}, peer.now)


def test_a_peer_that_never_acknowledges_and_large_metadata() -> None:
    peer = PlayedReceiver(*EVERYTHING, grace=1, limits={"segments": 1_024})
    for _ in range(100):
        peer.say(10, text="x" * 16_000)
        peer.sent()
    assert peer.code is None
    peer.wait(200)
    assert peer.core.live_segments == 0


def test_statistics() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC, window=48_000)
    peer.say(2_400)
    peer.now += 0.001
    chunks = peer.took(m.AudioMessage)
    assert peer.core.counters.chunks == len(chunks)
    assert peer.core.counters.bytes == 4_800
    assert peer.core.in_flight == 4_800
    peer.now += 0.1
    peer.send(m.Nack(1, [[0, 1]]))
    (again,) = peer.took(m.AudioMessage)
    assert again == chunks[0]
    assert (peer.core.counters.chunks_again, peer.core.counters.samples_again) == (1, len(again.pcm) // 2)
    peer.progress(1, 2_400, 0)
    assert peer.core.in_flight == 0
    peer.core.interrupt(peer.now)
    peer.now += 0.25
    peer.send(m.Cut(1, 1, []))
    assert peer.core.counters.interrupts == 1
    assert peer.core.counters.last_interrupt_latency == pytest.approx(0.25)


def test_silence_before_a_write_is_no_stall() -> None:
    peer = PlayedReceiver()
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(960), peer.now)
    peer.sent()
    peer.progress(number, 480, 0)  # all of it has arrived, and nothing was consumed
    peer.sent()
    bound = peer.core._flight.bound(peer.now, 0)
    peer.now += 1.0
    assert peer.core.write_through(number, bytes(960), peer.now) is not None
    assert peer.core._flight.bound(peer.now, peer.core.in_flight) == bound
