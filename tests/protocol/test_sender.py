"""The sender core against a receiver played by hand: segments, credit, interrupts, results, controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from played import EVERYTHING, RELIABLE, ROOM, SECRET, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    InterruptConfirmed,
    MarkReached,
    SessionEnded,
    StreamEnded,
    StreamStarted,
    TransportDropped,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.outgoing import OutgoingSegment
from lipwire.protocol.states import SessionState

Do = Callable[[PlayedReceiver], Any]


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


# -- segments (SPEC §8) ------------------------------------------------------------------------------------


def test_a_segment_on_the_wire() -> None:
    peer = PlayedReceiver()
    peer.say(480, text="hello")
    assert peer.sent() == [
        m.SegmentStart(1, {"text": "hello"}),
        m.AudioMessage(1, 0, 0, bytes(960)),
        m.SegmentEnd(1, 480),
    ]


def test_an_empty_segment_has_a_start_and_an_end() -> None:
    peer = PlayedReceiver()
    peer.say(0)
    assert peer.sent() == [m.SegmentStart(1), m.SegmentEnd(1, 0)]


def test_segment_end_comes_after_all_samples_and_the_next_start_after_it() -> None:
    peer = PlayedReceiver(window=2_400)
    first, second = peer.say(3_000), peer.say(100)
    out = peer.sent()
    assert m.SegmentEnd(first, 3_000) not in out
    assert sum(len(one.pcm) for one in out if isinstance(one, m.AudioMessage)) == 4_800
    peer.progress(first, 2_400)
    assert kinds(peer.sent()) == ["AudioMessage"] * 2 + ["SegmentEnd", "SegmentStart", "AudioMessage", "SegmentEnd"]
    assert peer.core.segment(second) is not None


def test_positions_follow_and_pcm_is_unaltered() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    data = bytes(index % 251 for index in range(9_000))
    number = peer.core.open_segment(None, peer.now)
    for at in range(0, len(data), 300):
        peer.core.write(number, data[at : at + 300], peer.now)
    chunks = peer.took(m.AudioMessage)
    assert b"".join(chunk.pcm for chunk in chunks) == data
    position = 0
    for chunk in chunks:
        assert chunk.position == position
        position += len(chunk.pcm) // 2


def test_one_segment_is_open_at_a_time() -> None:
    peer = PlayedReceiver()
    peer.say(10, end=False)
    with pytest.raises(LocalProtocolError) as error:
        peer.core.open_segment(None, peer.now)
    assert error.value.code is CloseCode.OUT_OF_STATE


def test_writing_to_a_segment_that_was_ended_or_never_opened() -> None:
    peer = PlayedReceiver()
    number = peer.say(10)
    with pytest.raises(LocalProtocolError):
        peer.core.write(number, b"ab", peer.now)
    with pytest.raises(LocalProtocolError):
        peer.core.write(number + 1, b"ab", peer.now)


@pytest.mark.parametrize("size", [1, 3, 959])
def test_a_part_of_a_frame_is_refused(size: int) -> None:
    peer = PlayedReceiver()
    number = peer.core.open_segment(None, peer.now)
    with pytest.raises(LocalProtocolError) as error:
        peer.core.write(number, bytes(size), peer.now)
    assert error.value.code is CloseCode.INVALID_FIELD
    assert peer.took(m.AudioMessage) == []


def test_no_more_segments_live_than_the_peer_takes() -> None:
    peer = PlayedReceiver(limits={"segments": 4})
    for _ in range(6):
        peer.say(10)
    assert len(peer.took(m.SegmentStart)) == 4
    peer.send(m.StreamEnded(2, 10, False, 0))
    assert [start.segment for start in peer.took(m.SegmentStart)] == [5]


def test_a_segment_that_the_receiver_ends_early_goes_no_further() -> None:
    peer = PlayedReceiver(window=2_400)
    first = peer.say(10_000, end=False)
    peer.sent()
    peer.send(m.StreamEnded(first, 100, False, 2))
    assert not peer.core.write(first, bytes(20), peer.now)
    second = peer.say(10)
    assert [message.segment for message in peer.sent()] == [second] * 3
    assert peer.ended() == [StreamEnded(segment=1, position=100, interrupted=False, cause=Cause.FAILED)]


def test_segments_opened_before_the_session_is_wait() -> None:
    peer = PlayedReceiver(open=False)
    peer.say(480)
    peer.attach()
    assert peer.sent() == []
    peer.welcome()
    assert kinds(peer.sent())[-3:] == ["SegmentStart", "AudioMessage", "SegmentEnd"]


def test_several_formats_wait_for_the_choice() -> None:
    formats = (PcmFormat(24_000, 1), PcmFormat(48_000, 2))
    peer = PlayedReceiver(open=False, settings={"formats": formats})
    number = peer.core.open_segment(None, peer.now)
    with pytest.raises(LocalProtocolError) as error:
        peer.core.write(number, bytes(4), peer.now)
    assert error.value.code is CloseCode.OUT_OF_STATE
    peer.attach()
    peer.welcome(format=["s16le", 48_000, 2])
    assert peer.core.write(number, bytes(40), peer.now)
    peer.core.end_segment(number, peer.now)
    assert peer.sent()[-1] == m.SegmentEnd(number, 10)


# -- chunks and bindings (SPEC §5) -------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("binding", [WEBRTC, RELIABLE])
def test_chunks_fit_the_binding(binding: Any, channels: int) -> None:
    pcm = PcmFormat(48_000, channels, "f32le")
    features = ["repair"] if binding is WEBRTC else []
    peer = PlayedReceiver(*features, binding=binding, window=96_000, settings={"formats": (pcm,)})
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, bytes(pcm.frame_bytes * 90_000), peer.now)
    sizes = []
    for _ in range(20):
        for channel, data in peer.core.take_outgoing(peer.now):
            if channel is Channel.MEDIA:
                sizes.append(len(data))
        segment = peer.core.segment(number)
        assert segment is not None
        peer.now += 0.05
        peer.progress(number, segment.sent)
    assert max(sizes) <= binding.max_media_message
    assert sum(sizes) > 90_000
    if binding is WEBRTC:
        assert max(sizes) > 1_150 - 48 - pcm.frame_bytes  # and it is made use of


def test_chunks_fit_a_peer_that_takes_little() -> None:
    peer = PlayedReceiver(limits={"message": 4_096}, window=480_000)
    peer.say(200_000)
    for _ in range(20):
        outgoing = peer.core.take_outgoing(peer.now)
        assert all(len(data) <= 4_096 for _, data in outgoing)
        segment = peer.core.segment(1)
        assert segment is not None
        peer.now += 0.05
        peer.progress(1, segment.sent)


def test_messages_go_on_their_channels() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(10)
    peer.sent()
    assert {(channel, type(message)) for channel, message in peer.channels if type(message) is m.AudioMessage} == {
        (Channel.MEDIA, m.AudioMessage)
    }
    assert all(c is Channel.CONTROL for c, message in peer.channels if type(message) is not m.AudioMessage)
    peer.core.interrupt(peer.now)
    peer.sent()
    assert [channel for channel, _ in peer.channels] == [Channel.CONTROL, Channel.MEDIA]


# -- what the user gives is held against the rules before it is sent ---------------------------------------


class Strange:
    pass


DEEP: Any = {}
for _ in range(8):
    DEEP = {"a": DEEP}

BAD_MAPS = {
    "an object": ({"a": Strange()}, CloseCode.INVALID_FIELD),
    "a key that is no text": ({1: 2}, CloseCode.INVALID_FIELD),
    "too large": ({"a": "x" * 16_384}, CloseCode.LIMIT_EXCEEDED),
    "too deep": (DEEP, CloseCode.LIMIT_EXCEEDED),
    "too many entries": ({"a": [0] * 1_025}, CloseCode.LIMIT_EXCEEDED),
    "half a surrogate pair": ({"a": "\ud800"}, CloseCode.MALFORMED),
    "an extension": ({"a": __import__("msgpack").ExtType(5, b"x")}, CloseCode.INVALID_FIELD),
    "an integer that is too wide": ({"a": 2**70}, CloseCode.INVALID_FIELD),
}


@pytest.mark.parametrize("bad", BAD_MAPS)
@pytest.mark.parametrize("features", [(), EVERYTHING])
def test_maps_that_the_peer_would_refuse_are_refused_here(bad: str, features: tuple[str, ...]) -> None:
    content, code = BAD_MAPS[bad]
    peer = PlayedReceiver(*features)
    with pytest.raises(LocalProtocolError) as error:
        peer.core.open_segment(content, peer.now)
    assert error.value.code is code
    assert peer.core.next_segment == 1
    if features:
        number = peer.core.open_segment({"a": [1, None, 0.5, b"x"]}, peer.now)
        with pytest.raises(LocalProtocolError):
            peer.core.data(number, 0, content, peer.now)
        with pytest.raises(LocalProtocolError):
            peer.core.send_custom(content, peer.now)
    assert peer.code is None


@pytest.mark.parametrize(("position", "name"), [(-1, "a"), (2**53, "a"), (1.5, "a"), (0, ""), (0, "x" * 129), (0, 5)])
def test_marks_that_the_peer_would_refuse(position: Any, name: Any) -> None:
    peer = PlayedReceiver(*EVERYTHING)
    number = peer.core.open_segment(None, peer.now)
    with pytest.raises(LocalProtocolError):
        peer.core.mark(number, position, name, peer.now)
    assert peer.core.mark(number, 0, "x" * 128, peer.now)


def test_a_message_larger_than_the_peer_takes() -> None:
    peer = PlayedReceiver(*EVERYTHING, limits={"message": 4_096})
    for attempt in (
        lambda: peer.core.open_segment({"a": "x" * 4_096}, peer.now),
        lambda: peer.core.send_custom({"a": "x" * 4_096}, peer.now),
    ):
        with pytest.raises(LocalProtocolError) as error:
            attempt()
        assert error.value.code is CloseCode.MESSAGE_TOO_LARGE
    peer.core.open_segment({"a": "x" * 4_000}, peer.now)


def test_what_was_given_before_the_limit_was_known_is_left_out() -> None:
    peer = PlayedReceiver(*EVERYTHING, open=False, limits={"message": 4_096})
    number = peer.say(10, text="x" * 5_000, end=False)
    peer.core.data(number, 0, {"a": "x" * 5_000}, peer.now)
    peer.core.mark(number, 0, "kept", peer.now)
    peer.attach()
    peer.welcome()
    out = peer.core.take_outgoing(peer.now)
    assert all(len(data) <= 4_096 for _, data in out)
    assert peer.core.counters.dropped_controls == 2
    assert peer.code is None


# -- credit and flight (SPEC §9) ---------------------------------------------------------------------------


def test_credit_counts_what_is_not_consumed() -> None:
    peer = PlayedReceiver(window=2_400)
    peer.say(10_000)
    peer.sent()
    segment = peer.core.segment(1)
    assert segment is not None
    assert segment.sent == 2_400
    peer.progress(1, 2_400, 0)
    assert peer.took(m.AudioMessage) == []
    peer.progress(1, 2_400, 1_000)
    assert sum(len(a.pcm) // 2 for a in peer.took(m.AudioMessage)) == 1_000


def test_a_cut_frees_credit_when_the_cut_through_covers_it() -> None:
    peer = PlayedReceiver(window=2_400)
    peer.say(2_400)
    peer.sent()
    peer.core.interrupt(peer.now)
    peer.say(5_000)
    audio = peer.took(m.AudioMessage)
    assert sum(len(a.pcm) // 2 for a in audio) == 2_400
    assert {a.cut_through for a in audio} == {1}


def test_a_segment_cut_behind_a_live_one_counts_until_it_is_confirmed() -> None:
    peer = PlayedReceiver(window=2_400)
    peer.say(400)
    peer.say(2_000)
    peer.sent()
    peer.core.interrupt(peer.now, 2)
    peer.say(5_000)
    assert peer.took(m.AudioMessage) == []
    peer.send(m.Cut(2, 2, [[2, 0]]))
    audio = peer.took(m.AudioMessage)
    assert sum(len(a.pcm) // 2 for a in audio) == 2_000
    assert {a.cut_through for a in audio} == {0}


def test_credit_is_not_held_by_what_is_over_and_waits_to_be_told() -> None:
    peer = PlayedReceiver(window=2_400)
    peer.say(400)
    peer.say(2_000)
    peer.sent()
    peer.progress(1, 400, 400)
    peer.send(m.StreamEnded(2, 0, False, 2))
    assert peer.ended() == []
    peer.say(5_000)
    assert sum(len(a.pcm) // 2 for a in peer.took(m.AudioMessage)) == 2_400


def test_progress_never_goes_back() -> None:
    peer = PlayedReceiver()
    peer.say(4_800)
    peer.sent()
    peer.progress(1, 4_800, 4_000, 3_000)
    peer.progress(1, 2_000, 1_000, 500)
    segment = peer.core.segment(1)
    assert segment is not None
    assert (segment.received, segment.consumed, segment.played) == (4_800, 4_000, 3_000)


def test_progress_of_a_cut_segment_is_taken_too() -> None:
    peer = PlayedReceiver(grace=1)
    peer.say(4_800)
    peer.sent()
    peer.core.interrupt(peer.now)
    peer.progress(1, 4_800, 4_000, 3_000)
    peer.wait(1.4)
    assert peer.ended() == [
        StreamEnded(segment=1, position=3_000, interrupted=True, cause=Cause.INTERRUPTED, exact=False)
    ]


# -- cut_through (LW-AUDIO-2) ------------------------------------------------------------------------------


def cut_through(peer: PlayedReceiver) -> int:
    segment = peer.say(10)
    (audio,) = peer.took(m.AudioMessage)
    assert audio.segment == segment
    value: int = audio.cut_through
    return value


def test_cut_through() -> None:
    peer = PlayedReceiver()
    assert cut_through(peer) == 0  # 1
    assert cut_through(peer) == 0  # 2
    peer.send(m.StreamEnded(2, 10, False, 0))
    assert cut_through(peer) == 0  # 3: the first is still live
    peer.send(m.StreamEnded(1, 10, False, 0))
    assert cut_through(peer) == 2  # 4
    peer.core.interrupt(peer.now, 4)
    assert cut_through(peer) == 2  # 5: the third is still live
    peer.core.interrupt(peer.now, 3)
    assert cut_through(peer) == 4  # 6
    peer.core.interrupt(peer.now)
    assert cut_through(peer) == 6  # 7


def test_cut_through_counts_segments_that_never_started() -> None:
    peer = PlayedReceiver(open=False)
    peer.say(10)
    peer.core.interrupt(peer.now)
    peer.attach()
    peer.welcome()
    assert cut_through(peer) == 1


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


# -- results and the report timer (SPEC §11) ---------------------------------------------------------------


def test_results_come_in_the_order_of_ids() -> None:
    peer = PlayedReceiver()
    for _ in range(3):
        peer.say(10)
    peer.sent()
    peer.send(m.StreamEnded(3, 10, False, 0), m.StreamEnded(2, None, False, 2))
    assert peer.ended() == []
    peer.send(m.StreamEnded(1, 5, True, 1))
    assert [(one.segment, one.position, one.cause, one.exact) for one in peer.ended()] == [
        (1, 5, Cause.INTERRUPTED, True),
        (2, 0, Cause.FAILED, False),
        (3, 10, Cause.PLAYED, True),
    ]


def test_an_unknown_cause_counts_as_failed() -> None:
    peer = PlayedReceiver()
    peer.say(10)
    peer.sent()
    peer.send(m.StreamEnded(1, 10, False, 77))
    assert peer.ended()[0].cause is Cause.FAILED


def no_report_after(peer: PlayedReceiver, seconds: float) -> None:
    peer.wait(seconds - 0.01)
    assert peer.ended() == []
    peer.wait(0.02)
    assert [one.cause for one in peer.ended()] == [Cause.NO_REPORT]


@pytest.mark.parametrize("samples", [0, 24_000])
def test_without_a_report_a_segment_ends_after_its_rest_the_grace_and_the_cooldown(samples: int) -> None:
    peer = PlayedReceiver(grace=2, limits={"cooldown": 500})
    peer.say(samples)
    peer.sent()
    no_report_after(peer, samples / 24_000 + 2.5)
    assert peer.ended()[0] == StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.NO_REPORT, exact=False)
    assert peer.took(m.Interrupt) == [m.Interrupt(1, 1)]


def test_the_timer_of_a_segment_written_before_the_session_has_the_cooldown_of_welcome() -> None:
    peer = PlayedReceiver(open=False, grace=2, limits={"cooldown": 1_000})
    peer.say(0)
    peer.attach()
    peer.welcome()
    no_report_after(peer, 3.0)


def test_the_timer_starts_anew_when_a_position_moves() -> None:
    peer = PlayedReceiver(grace=2, limits={"cooldown": 0})
    peer.say(4_800)
    peer.sent()
    peer.wait(2)
    peer.progress(1, 4_800, 0)
    peer.wait(2)
    peer.progress(1, 4_800, 2_400)
    peer.wait(2)
    peer.progress(1, 4_800, 2_400, 2_400)
    no_report_after(peer, 2.1)
    assert peer.ended()[0].position == 2_400


@pytest.mark.parametrize(
    "other",
    [
        lambda peer: peer.progress(2, 10, 10),
        lambda peer: peer.progress(1, 10, 10),
        lambda peer: peer.send(m.StreamStarted(1, 5)),
        lambda peer: peer.send(m.Ping(5)),
        lambda peer: peer.core.interrupt(peer.now, peer.say(5)),
        lambda peer: peer.say(5),
        lambda peer: peer.core.send_custom({}, peer.now),
    ],
)
def test_the_timer_does_not_start_anew_for_anything_else(other: Do) -> None:
    peer = PlayedReceiver("custom", grace=2, limits={"cooldown": 0})
    peer.say(2_400)
    peer.say(10)
    peer.sent()
    peer.progress(1, 10)
    for _ in range(4):
        peer.wait(0.5)
        other(peer)
        peer.sent()
    assert peer.ended() == []
    peer.wait(0.15)
    assert [one.cause for one in peer.ended()][:1] == [Cause.NO_REPORT]


def test_the_timer_runs_only_while_something_is_outstanding() -> None:
    peer = PlayedReceiver(grace=1)
    peer.say(10, end=False)
    peer.sent()
    peer.progress(1, 10, 10)
    for _ in range(20):  # the agent thinks; its peer is there
        peer.wait(5)
        peer.send(m.Pong(int(peer.now * 1e6), 0, 0))
    assert peer.ended() == []
    peer.core.end_segment(1, peer.now)
    no_report_after(peer, 1.3 + 10 / 24_000)


def test_the_timer_does_not_run_while_paused() -> None:
    peer = PlayedReceiver("pause", grace=1)
    peer.say(10)
    peer.core.pause(peer.now)
    peer.sent()
    peer.wait(10)
    peer.send(m.Pong(int(peer.now * 1e6), 0, 0))
    peer.wait(10)
    assert peer.ended() == []
    peer.core.unpause(peer.now)
    no_report_after(peer, 1.3 + 10 / 24_000)


def test_a_cut_segment_has_the_grace_only() -> None:
    peer = PlayedReceiver(grace=1, limits={"cooldown": 0, "window": 480_000})
    peer.say(240_000)
    peer.sent()
    peer.wait(0.5)
    peer.core.interrupt(peer.now)
    peer.wait(0.99)
    assert peer.ended() == []
    peer.wait(0.02)
    assert peer.ended() == [StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.INTERRUPTED, exact=False)]


def test_a_segment_given_up_counts_as_live_on_the_wire_until_it_is_over_there() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC, grace=0.1, limits={"cooldown": 0, "segments": 4})
    for _ in range(4):
        peer.say(10)
    peer.sent()
    peer.wait(2)
    assert len(peer.ended()) == 4
    assert len(peer.took(m.Interrupt)) > 8
    number = peer.say(10)
    assert peer.sent() == []
    assert peer.timed(m.Interrupt, 0.05) is not None  # it may be repeated still
    peer.send(m.StreamEnded(3, 0, True, 1))
    assert [one.segment for one in peer.took(m.SegmentStart)] == [number]
    assert len(peer.ended()) == 4
    for other in (1, 2, 4):
        peer.send(m.Cut(other, other, []))
    peer.sent()
    peer.progress(number, 10, 10, 10)
    assert [one.first for one in peer.took(m.Interrupt)] == []


def test_a_queued_segment_that_is_given_up_was_heard_to_exactly_nothing() -> None:
    peer = PlayedReceiver(grace=0.1, limits={"cooldown": 0, "segments": 4})
    for _ in range(5):
        peer.say(10)
    peer.sent()
    peer.wait(2)
    assert [(one.position, one.exact) for one in peer.ended()] == [(0, False)] * 4 + [(0, True)]


def test_stream_started_is_told_once() -> None:
    peer = PlayedReceiver()
    peer.say(10)
    peer.sent()
    peer.send(m.StreamStarted(1, 2_000_000), m.StreamStarted(1, 3_000_000))
    assert peer.of(StreamStarted) == [StreamStarted(segment=1, clock=2.0)]


# -- marks, data, pause (SPEC §12) -------------------------------------------------------------------------


def test_marks_of_one_name_are_each_echoed() -> None:
    peer = PlayedReceiver(*EVERYTHING)
    peer.say(480)
    peer.core.mark(1, 10, "a", peer.now)
    peer.core.mark(1, 20, "a", peer.now)
    peer.sent()
    for _ in range(3):
        peer.send(m.MarkReached(1, "a"))
    peer.send(m.MarkReached(1, "never set"))
    assert peer.of(MarkReached) == [MarkReached(segment=1, name="a")] * 2


def test_no_more_than_256_marks_wait() -> None:
    peer = PlayedReceiver(*EVERYTHING)
    peer.say(480)
    peer.sent()
    for index in range(256):
        assert peer.core.mark(1, index, "a", peer.now)
    with pytest.raises(LocalProtocolError) as error:
        peer.core.mark(1, 0, "b", peer.now)
    assert error.value.code is CloseCode.LIMIT_EXCEEDED
    peer.send(m.MarkReached(1, "a"))
    assert peer.core.mark(1, 0, "b", peer.now)


def test_no_more_than_256_data_are_ahead() -> None:
    peer = PlayedReceiver(*EVERYTHING)
    peer.say(1_000)
    peer.sent()
    for index in range(256):  # in any order
        assert peer.core.data(1, 500 - index, {}, peer.now)
    with pytest.raises(LocalProtocolError):
        peer.core.data(1, 0, {}, peer.now)
    peer.progress(1, 1_000, 300)
    for _ in range(56):
        assert peer.core.data(1, 400, {}, peer.now)
    with pytest.raises(LocalProtocolError):
        peer.core.data(1, 400, {}, peer.now)


def test_marks_and_data_follow_their_segment_start() -> None:
    peer = PlayedReceiver(*EVERYTHING, window=2_400)
    peer.say(2_401)
    peer.say(480)
    peer.core.mark(2, 5, "a", peer.now)
    peer.core.data(2, 6, {"words": []}, peer.now)
    assert m.Mark(2, 5, "a") not in peer.sent()
    peer.progress(1, 2_400)
    assert kinds(peer.sent())[2:] == ["SegmentStart", "Mark", "Data", "AudioMessage", "SegmentEnd"]


def test_controls_of_a_feature_that_was_not_chosen() -> None:
    peer = PlayedReceiver()
    peer.say(480)
    for attempt in (
        lambda: peer.core.mark(1, 0, "a", peer.now),
        lambda: peer.core.data(1, 0, {}, peer.now),
        lambda: peer.core.pause(peer.now),
        lambda: peer.core.unpause(peer.now),
        lambda: peer.core.send_custom({}, peer.now),
    ):
        with pytest.raises(LocalProtocolError) as error:
            attempt()
        assert error.value.code is CloseCode.OUT_OF_STATE
    assert kinds(peer.sent())[0] == "SegmentStart"


def test_controls_of_a_segment_that_is_over_are_told_so() -> None:
    peer = PlayedReceiver(*EVERYTHING)
    peer.say(480)
    peer.core.interrupt(peer.now)
    assert not peer.core.mark(1, 0, "a", peer.now)
    assert not peer.core.data(1, 0, {}, peer.now)


def test_pausing_twice_sends_one_pause() -> None:
    peer = PlayedReceiver(*EVERYTHING)
    peer.sent()
    for _ in range(2):
        peer.core.pause(peer.now)
    for _ in range(2):
        peer.core.unpause(peer.now)
    assert peer.sent() == [m.Pause(), m.Unpause()]


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
