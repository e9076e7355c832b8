"""The sender's short way: what is written straight through, and a progress that only gives room."""

from __future__ import annotations

from played import PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding
from lipwire.protocol.events import Cause
from lipwire.protocol.limits import SENT_DELAY


def no_report_after(peer: PlayedReceiver, seconds: float) -> None:
    peer.wait(seconds - 0.01)
    assert peer.ended() == []
    peer.wait(0.02)
    assert [one.cause for one in peer.ended()] == [Cause.NO_REPORT]


def consumed_all() -> tuple[PlayedReceiver, int]:
    """A sender of which all that was sent has been consumed, so that no report is waited for."""
    peer = PlayedReceiver(grace=2, limits={"cooldown": 500})
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(960), peer.now)
    peer.sent()
    peer.now += 0.1
    peer.progress(number, 480, 480)
    return peer, number


def test_what_goes_straight_through_waits_for_its_report() -> None:
    peer, number = consumed_all()
    assert peer.core.write_through(number, bytes(960), peer.now) is not None
    no_report_after(peer, 0.04 + 2.5)


def test_a_segment_that_is_consumed_and_not_ended_waits_for_no_report() -> None:
    peer, number = consumed_all()
    peer.wait(4.0)
    assert peer.ended() == []
    assert peer.core.segment(number) is not None


def test_a_progress_that_only_gives_room_calls_for_no_flush() -> None:
    peer, number = consumed_all()
    assert not peer.core.stirred
    assert peer.core.write_through(number, bytes(960), peer.now) is not None
    peer.send(m.Ping(0))
    assert peer.core.stirred


def test_a_progress_that_brings_a_deadline_forward_calls_for_a_flush() -> None:
    peer = PlayedReceiver()
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(9_600), peer.now)
    peer.sent()
    peer.progress(number, 4_800, 0)  # 200 ms are to be played
    assert not peer.core.stirred
    peer.progress(number, 4_800, 4_790, 4_790)  # and now hardly any
    assert peer.core.stirred


def test_a_progress_calls_for_a_flush_while_something_waits() -> None:
    peer, number = consumed_all()
    peer.core.write(number, bytes(960), peer.now)
    peer.progress(number, 480, 480, 480)
    assert peer.core.stirred
    assert [one.position for one in peer.took(m.AudioMessage)] == [480]


def test_only_the_last_chunk_that_goes_straight_through_exceeds_the_flight_bound() -> None:
    peer, number = consumed_all()
    bound = peer.core._flight.bound(peer.now, 0)
    while peer.core.in_flight < bound:
        assert peer.core.write_through(number, bytes(960), peer.now) is not None
    assert peer.core.write_through(number, bytes(960), peer.now) is None


def test_a_report_deadline_is_not_brought_forward_without_a_flush() -> None:
    """Played out faster than it lasts: what is written next goes the long way, which sets the timer."""
    peer = PlayedReceiver(grace=2, limits={"cooldown": 500})
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(9_600), peer.now)
    peer.sent()
    peer.progress(number, 4_800, 0)
    peer.sent()
    peer.progress(number, 4_800, 4_800, 4_800)  # 200 ms, in no time
    assert peer.core.write_through(number, bytes(960), peer.now) is None
    peer.core.write(number, bytes(960), peer.now)
    no_report_after(peer, 0.02 + 2.5)


def test_sent_is_not_brought_forward_without_a_flush() -> None:
    """A quiet sender has repeated ``sent``, ever more rarely: its timer may be half a second away."""
    room = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False)
    peer = PlayedReceiver("repair", "resume", binding=room)
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(960), peer.now)
    peer.sent()
    assert len(peer.timed(m.Sent, 0.3)) == 4
    timer = peer.core.next_deadline()
    assert timer > peer.now + SENT_DELAY
    assert peer.core.write_through(number, bytes(960), peer.now) is None
    peer.core.write(number, bytes(960), peer.now)
    peer.sent()
    assert peer.core.next_deadline() <= peer.now + SENT_DELAY
    assert peer.core.write_through(number, bytes(960), peer.now) is not None
