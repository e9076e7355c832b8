"""The sender core against a receiver played by hand: segments, chunks, credit (SPEC §5, §8, §9)."""

from __future__ import annotations

from typing import Any

import pytest
from played import EVERYTHING, RELIABLE, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    StreamEnded,
)
from lipwire.protocol.formats import PcmFormat


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
