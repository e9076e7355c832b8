"""The sender core: interrupts (SPEC §10)."""

from __future__ import annotations

from typing import Any

import pytest
from played import EVERYTHING, ROOM, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    InterruptConfirmed,
    StreamEnded,
)


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


# -- interrupt (SPEC §10) ----------------------------------------------------------------------------------


def test_nothing_to_interrupt() -> None:
    peer = PlayedReceiver()
    assert peer.core.interrupt(peer.now) is None
    peer.say(10)
    peer.core.interrupt(peer.now)
    peer.sent()
    assert peer.core.interrupt(peer.now) is None
    assert peer.sent() == []
    with pytest.raises(LocalProtocolError):
        peer.core.interrupt(peer.now, 2)


def test_after_an_interrupt_nothing_of_the_segment_is_sent() -> None:
    peer = PlayedReceiver("repair", window=2_400)
    peer.say(10_000, end=False)
    peer.sent()
    assert peer.core.interrupt(peer.now) == 1
    assert not peer.core.write(1, bytes(20), peer.now)
    peer.core.end_segment(1, peer.now)
    peer.progress(1, 1_000)
    peer.send(m.Nack(1, [[1_000, 2_000]]))
    assert peer.sent() == [m.Interrupt(1, 1)]


def test_queued_segments_need_not_be_named() -> None:
    peer = PlayedReceiver(open=False)
    peer.say(10)
    assert peer.core.interrupt(peer.now) == 1
    assert peer.ended() == [StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.INTERRUPTED)]
    assert peer.of(InterruptConfirmed) == [InterruptConfirmed(first=1, last=1, latency=0.0)]
    peer.attach()
    peer.welcome()
    assert peer.sent() == []


def test_one_queued_segment_alone() -> None:
    peer = PlayedReceiver(window=2_400)
    for _ in range(3):
        peer.say(2_500)
    peer.sent()
    peer.core.interrupt(peer.now, 2)
    assert peer.sent() == []
    peer.progress(1, 2_400)
    assert [one.segment for one in peer.took(m.SegmentStart)] == [3]
    assert peer.ended() == []  # in the order of ids
    peer.send(m.StreamEnded(1, 2_500, False, 0))
    assert [one.segment for one in peer.ended()] == [1, 2]


@pytest.mark.parametrize("binding", [WEBRTC, ROOM])
def test_an_interrupt_is_repeated_on_both_channels_until_it_is_confirmed(binding: Any) -> None:
    peer = PlayedReceiver("repair", *(["resume"] if binding is ROOM else []), binding=binding)
    peer.say(10)
    peer.send(m.Pong(int(peer.now * 1e6), 0, 0))
    peer.sent()
    peer.core.interrupt(peer.now)
    assert peer.took(m.Interrupt) == [m.Interrupt(1, 1)] * 2
    if binding is ROOM:
        peer.send(m.Acknowledge(peer.taken))
    assert peer.timed(m.Interrupt, 1.2) == [0.02, 0.02, 0.06, 0.06, 0.14, 0.14, 0.64, 0.64, 1.14, 1.14]
    peer.now += 0.1
    peer.send(m.Cut(1, 1, [[1, 0]]))
    assert peer.timed(m.Interrupt, 2) == []
    (confirmed,) = peer.of(InterruptConfirmed)
    assert confirmed.latency == pytest.approx(1.3)


def test_only_the_first_interrupt_is_numbered() -> None:
    peer = PlayedReceiver("repair", "resume", binding=ROOM)
    peer.say(10)
    peer.sent()
    peer.core.interrupt(peer.now)
    outgoing = peer.core.take_outgoing(peer.now)
    assert [data[1] == 6 for _, data in outgoing] == [True, False]
    peer.wait(0.02)
    outgoing = peer.core.take_outgoing(peer.now)
    assert [data[1] for channel, data in outgoing if channel is Channel.CONTROL] == [4, 20]  # the first is a ping
    # The segment's start and end, and the interrupt, as they were numbered.
    assert [data[1] for channel, data in outgoing if channel is Channel.MEDIA] == [20, 6, 6, 6]


def test_with_an_interrupts_repeats_go_copies_of_how_the_next_segment_begins() -> None:
    peer = PlayedReceiver("repair", "resume", binding=WEBRTC)
    peer.say(480, end=False)
    peer.sent()
    peer.send(m.Acknowledge(peer.taken))
    peer.core.interrupt(peer.now)
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(96_000), peer.now)
    first = peer.core.take_outgoing(peer.now)
    numbered = [data for channel, data in first if channel is Channel.CONTROL and data[1] == 6]
    (audio, *_) = [data for channel, data in first if channel is Channel.MEDIA and data[1] == 17]
    assert len(numbered) == 2  # the interrupt, and the start of the segment
    copies = []
    for delay in (0.020, 0.040):
        peer.wait(delay)
        outgoing = [data for channel, data in peer.core.take_outgoing(peer.now) if channel is Channel.MEDIA]
        copies.append([data for data in outgoing if data in (*numbered, audio)])
    assert copies == [[*numbered, audio], numbered]  # the chunk once: after that it is asked for
    peer.send(m.Cut(1, 1, [[1, 0]]))
    assert peer.timed(m.SegmentStart, 1.0) == []


def test_over_a_reliable_transport_an_interrupt_is_sent_once() -> None:
    peer = PlayedReceiver()
    peer.say(10)
    peer.sent()
    peer.core.interrupt(peer.now)
    assert peer.took(m.Interrupt) == [m.Interrupt(1, 1)]
    assert peer.timed(m.Interrupt, 4) == []


def test_an_interrupt_ends_when_all_it_named_is_over() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(10)
    peer.sent()
    peer.core.interrupt(peer.now)
    peer.sent()
    peer.send(m.StreamEnded(1, 0, True, 1))
    assert peer.timed(m.Interrupt, 2) == []
    assert len(peer.of(InterruptConfirmed)) == 1


def test_a_cut_confirms_what_lies_within_it() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    for _ in range(4):
        peer.say(10)
    peer.sent()
    for number in (3, 2, 4):
        peer.core.interrupt(peer.now, number)
    peer.send(m.Cut(4, 4, []), m.Cut(3, 3, []))
    assert [(one.first, one.last) for one in peer.of(InterruptConfirmed)] == [(4, 4), (3, 3)]
    peer.core.interrupt(peer.now, 1)
    peer.send(m.Cut(1, 3, []))
    assert [(one.first, one.last) for one in peer.of(InterruptConfirmed)][2:] == [(2, 2), (1, 1)]
    peer.send(m.Cut(1, 1, []))  # confirms nothing
    assert peer.code is None
    peer.sent()
    assert peer.timed(m.Interrupt, 2) == []


def test_the_first_result_stands_when_end_and_interrupt_cross() -> None:
    peer = PlayedReceiver()
    peer.say(480)
    peer.sent()
    peer.core.interrupt(peer.now)
    peer.send(m.StreamEnded(1, 480, False, 0))
    peer.send(m.StreamEnded(1, 100, True, 1))
    assert peer.ended() == [StreamEnded(segment=1, position=480, interrupted=False, cause=Cause.PLAYED)]


def test_the_cause_of_a_cut_is_the_users() -> None:
    peer = PlayedReceiver()
    peer.say(480)
    peer.sent()
    peer.core.interrupt(peer.now, 1, Cause.CANCELLED)
    peer.send(m.StreamEnded(1, 100, True, 1))
    assert peer.ended()[0].cause is Cause.CANCELLED


def test_interrupting_everything_while_paused_unpauses() -> None:
    peer = PlayedReceiver(*EVERYTHING)
    peer.say(480)
    peer.say(480)
    peer.core.pause(peer.now)
    peer.sent()
    peer.core.interrupt(peer.now, 2)
    assert kinds(peer.sent()) == ["Interrupt"]
    peer.core.interrupt(peer.now)
    assert kinds(peer.sent()) == ["Interrupt", "Unpause"]
