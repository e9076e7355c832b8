"""Segments, audio, credit and progress at the receiver (SPEC §8, §9)."""

from __future__ import annotations

import msgpack
import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.items import Audio, Interrupted, SegmentEnd, SegmentStart
from lipwire.protocol.limits import MAX_SEGMENT


def kinds(items):
    return [type(item) for item in items]


# -- segments and audio --------------------------------------------------------------------------------------


def test_segments_come_out_in_order_with_their_beginnings_and_ends(driver):
    d = driver()
    d.send(m.SegmentStart(1, {"text": "Hello"}))
    d.audio(1, 0, 480)
    d.audio(1, 480, 20)
    d.send(m.SegmentEnd(1, 500), m.SegmentStart(3), m.SegmentEnd(3, 0), m.SegmentStart(4))
    items = d.read()
    assert items[0] == SegmentStart(1, {"text": "Hello"})
    assert kinds(items) == [SegmentStart, Audio, Audio, SegmentEnd, SegmentStart, SegmentEnd, SegmentStart]
    assert items[3] == SegmentEnd(1, 500)
    assert items[5] == SegmentEnd(3, 0)
    assert [item.position for item in items[1:3]] == [0, 480]
    assert d.core.read(d.now) is None


def test_a_start_that_does_not_go_up_is_refused(driver):
    for again in (5, 4):
        d = driver()
        d.start(5, end=True)
        d.send(m.SegmentStart(again))
        assert d.code is CloseCode.INVALID_SEGMENT  # LW-SEGMENT-2


def test_a_start_before_the_end_of_another_is_refused(driver):
    d = driver()
    d.start(1, 10)
    d.send(m.SegmentStart(2))
    assert d.code is CloseCode.OUT_OF_STATE  # LW-SEGMENT-3


@pytest.mark.parametrize("how", ["ended", "cut", "over"])
def test_a_start_after_a_segment_that_is_ended_cut_or_over_is_taken(driver, how):
    d = driver()
    d.start(1, 10)
    d.read()
    if how == "ended":
        d.send(m.SegmentEnd(1, 10))
    elif how == "cut":
        d.send(m.Interrupt(1, 1))
    else:
        d.core.stream_ended(1, d.now, position=3, failed=True)
    d.send(m.SegmentStart(2))
    assert d.code is None


def test_one_live_segment_too_many_is_refused(driver):
    d = driver(segments=4)
    for segment in range(1, 5):
        d.start(segment, 10, end=True)
    d.read()
    d.core.stream_ended(2, d.now, position=10)
    d.start(5, 10, end=True)
    assert d.code is None
    d.start(6)
    assert d.code is CloseCode.LIMIT_EXCEEDED  # LW-SEGMENT-4


@pytest.mark.parametrize(
    ("total", "code"),
    [(100, None), (99, CloseCode.INVALID_POSITION), (101, CloseCode.INVALID_POSITION)],
)
def test_a_repeated_end_has_the_same_total(driver, total, code):
    d = driver("repair")
    d.start(1, 100, end=True)
    d.send(m.SegmentEnd(1, total))
    assert d.code is code  # LW-SEGMENT-7


def test_an_end_before_what_was_received_is_refused(driver):
    d = driver("repair")
    d.start(1)
    d.audio(1, 50, 50)
    d.send(m.SegmentEnd(1, 99))
    assert d.code is CloseCode.INVALID_POSITION  # LW-SEGMENT-7


@pytest.mark.parametrize("message", [m.SegmentEnd(3, 0), m.Sent(3, 5), m.Mark(3, 0, "x"), m.Data(3, 0, {})])
def test_what_belongs_to_no_segment_is_refused_and_to_one_that_is_gone_ignored(driver, message):
    d = driver("repair", "marks", "data")
    d.start(2, end=True)
    d.send(message)
    assert d.code is CloseCode.INVALID_SEGMENT  # LW-SEGMENT-8
    for how in ("cut", "cut before", "over", "left out"):
        d = driver("repair", "marks", "data")
        if how == "cut before":
            d.send(m.Interrupt(3, 3))
        elif how == "left out":
            d.start(4)
        else:
            d.start(3, 10)
            d.read()
            if how == "cut":
                d.send(m.Interrupt(3, 3))
            else:
                d.core.stream_ended(3, d.now, position=10, failed=True)
        d.send(message)
        assert d.code is None, how


@pytest.mark.parametrize(("cut_through", "samples"), [(1, b"ab"), (2, b"ab"), (0, b"a"), (0, b"abc")])
def test_audio_with_bad_fields_is_refused(driver, cut_through, samples):
    d = driver()
    d.start(1)
    d.raw(encode(m.AudioMessage(1, 0, cut_through, samples)))
    assert d.code is CloseCode.INVALID_FIELD  # LW-AUDIO-4


def test_empty_audio_is_refused(driver):
    d = driver()
    d.start(1)
    d.raw(msgpack.packb([17, 1, 0, 0, b""]))
    assert d.code is CloseCode.INVALID_FIELD


def test_audio_of_a_stereo_float_session_comes_in_whole_frames(driver):
    d = driver(open=False)
    d.open(formats=[["f32le", 8_000, 2]])
    d.send(m.SegmentStart(1))
    d.raw(encode(m.AudioMessage(1, 0, 0, bytes(16))))
    assert d.read()[1].samples == 2
    d.raw(encode(m.AudioMessage(1, 2, 0, bytes(12))))
    assert d.code is CloseCode.INVALID_FIELD


def test_audio_of_segments_that_are_cut_or_over_is_dropped(driver):
    d = driver()
    d.start(1, 10, end=True)
    d.start(2, 10)
    d.read()
    d.core.stream_ended(1, d.now, position=10)
    d.send(m.Interrupt(2, 2))
    d.sent()
    d.audio(1, 5, 500)
    d.audio(2, 10, 500)
    d.audio(2, 10_000, 500)
    assert d.code is None  # LW-AUDIO-5
    assert not d.sent()
    assert d.core.counters.late == 3
    assert [type(item) for item in d.read()] == [Interrupted]


@pytest.mark.parametrize("features", [(), ("repair",)])
def test_the_first_bytes_win(driver, features):
    d = driver(*features)
    d.start(1, 100)
    d.raw(encode(m.AudioMessage(1, 50, 0, b"\xff\xff" * 100)))
    d.raw(encode(m.AudioMessage(1, 0, 0, b"\xee\xee" * 150)))
    d.send(m.SegmentEnd(1, 150))
    audio = [item for item in d.read() if isinstance(item, Audio)]
    assert [(item.position, item.samples) for item in audio] == [(0, 100), (100, 50)]
    assert bytes(audio[1].pcm) == b"\xff\xff" * 50  # LW-AUDIO-6
    assert d.core.counters.duplicates == 1


def test_without_repair_a_gap_is_refused(driver):
    d = driver()
    d.start(1, 100)
    d.audio(1, 101, 1)
    assert d.code is CloseCode.INVALID_POSITION  # LW-AUDIO-8
    d = driver()
    d.start(1, 100)
    d.send(m.SegmentEnd(1, 101))
    assert d.code is CloseCode.INVALID_POSITION
    d = driver("resume")
    d.start(1, 100)
    d.send(m.SegmentEnd(1, 101))
    d.audio(1, 100, 1)
    assert kinds(d.read()) == [SegmentStart, Audio, Audio, SegmentEnd]


def test_audio_before_its_start_is_held_with_repair_and_refused_without(driver):
    d = driver()
    d.audio(1, 0, 10)
    assert d.code is CloseCode.INVALID_SEGMENT  # LW-AUDIO-9
    d = driver("repair")
    d.audio(2, 10, 10)
    d.audio(2, 0, 10)
    d.audio(1, 0, 5)
    assert d.read() == []
    assert d.core.held == d.core.counters.credit_used == 25
    d.start(1)
    d.send(m.SegmentEnd(1, 5), m.SegmentStart(2))
    assert kinds(d.read()) == [SegmentStart, Audio, SegmentEnd, SegmentStart, Audio, Audio]
    assert d.core.counters.credit_used == 0


def test_audio_is_held_for_so_many_segments_and_the_first_of_them_matter_most(driver):
    d = driver("repair")
    for segment in range(2, 11):
        d.audio(segment, 0, 10)
    assert d.core.counters.credit_used == 80
    assert d.core.counters.refused == 1
    d.audio(1, 0, 10)  # in the place of 9
    assert d.core.counters.credit_used == 80
    assert d.code is None
    d.send(m.SegmentStart(8))
    assert len(d.read()) == 2
    assert d.core.counters.credit_used == 0  # those before it can not start any more


def test_audio_beyond_the_total_is_refused(driver):
    for position, samples in [(100, 1), (99, 2), (5_000, 1)]:
        d = driver("repair")
        d.start(1, 100, end=True)
        d.audio(1, position, samples)
        assert d.code is CloseCode.INVALID_POSITION  # LW-AUDIO-10
    d = driver("repair")
    d.start(1, 100, end=True)
    d.send(m.Sent(1, 101))
    assert d.code is CloseCode.INVALID_POSITION


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize(
    "message",
    [m.AudioMessage(1, MAX_SEGMENT, 0, b"ab"), m.AudioMessage(1, 2**53 - 1, 0, b"ab"), m.Sent(1, MAX_SEGMENT + 1)],
)
def test_a_segment_has_a_longest_length(driver, start, message):
    d = driver("repair")
    if start:
        d.start(1)
    elif isinstance(message, m.Sent):
        return
    d.raw(encode(message))
    assert d.code is CloseCode.INVALID_POSITION  # LW-AUDIO-11
    d = driver("repair")
    d.start(1)
    d.send(m.SegmentEnd(1, MAX_SEGMENT + 1))
    assert d.code is CloseCode.INVALID_POSITION


# -- credit and progress -------------------------------------------------------------------------------------


def test_more_audio_than_the_window_is_refused(driver):
    d = driver(window=0.1)
    d.start(1, 2_400)
    assert d.code is None
    d.audio(1, 2_400, 1)
    assert d.code is CloseCode.WINDOW_EXCEEDED  # LW-CREDIT-3


def test_the_window_counts_what_is_behind_a_gap_and_ahead_of_its_start(driver):
    d = driver("repair", window=0.1)
    d.start(1)
    d.audio(1, 1_999, 1)
    d.audio(2, 399, 1)
    assert d.code is None
    assert d.core.counters.credit_used == 2_400
    d.audio(1, 0, 1_999)
    assert d.code is None  # it was counted already
    d.audio(3, 0, 1)
    assert d.code is CloseCode.WINDOW_EXCEEDED


def test_handing_out_gives_credit_back(driver):
    d = driver(window=0.1)
    d.start(1)
    for index in range(10):
        d.audio(1, 2_400 * index, 2_400)
        d.read()
    assert d.code is None
    assert d.core.counters.credit_used == 0


def test_cut_through_is_applied_before_the_window_is_counted(driver):
    d = driver("repair", window=0.1)
    d.start(1, 2_400)
    d.audio(2, 0, 2_400, cut_through=1)
    assert d.code is None
    assert d.core.counters.credit_used == 2_400


@pytest.mark.parametrize("message", [m.Sent(1, 2_401), m.SegmentEnd(1, 2_401)])
def test_no_more_can_be_said_to_be_sent_than_the_window_allows(driver, message):
    d = driver("repair", window=0.1)
    d.start(1)
    d.send(message)
    assert d.code is CloseCode.WINDOW_EXCEEDED  # else concealment would be without bound


def test_progress_comes_within_its_interval_and_not_for_each_chunk(driver):
    d = driver()
    d.start(1)
    d.read()
    d.sent()
    began = d.now
    for index in range(4):
        d.audio(1, 10 * index, 10)
        d.read()
        d.wait(0.004)
    assert d.took(m.Progress) == []
    d.wait(0.004)
    (progress,) = d.took(m.Progress)
    assert (progress.segment, progress.received, progress.consumed, progress.played) == (1, 40, 40, None)
    assert progress.clock == round((began + 0.020) * 1e6)
    assert progress.delay == pytest.approx(8_000, abs=2)
    d.wait(4)
    assert d.took(m.Progress) == []  # nothing has changed since


def test_progress_comes_at_once_after_a_quarter_of_the_window(driver):
    d = driver(window=0.1)
    d.start(1, 599)
    d.read()
    assert d.took(m.Progress) == []
    d.audio(1, 599, 1)
    assert d.took(m.Progress) == []  # it has been received only: that is told in 20 ms
    d.read()
    (progress,) = d.took(m.Progress)
    assert (progress.received, progress.consumed) == (600, 600)


def test_progress_never_reports_what_is_behind_a_gap_and_never_goes_back(driver):
    d = driver("repair")
    d.start(1, 100)
    d.audio(1, 200, 100)
    d.read()
    d.wait(0.02)
    (progress,) = d.took(m.Progress)
    assert (progress.received, progress.consumed) == (100, 100)  # LW-PROGRESS-2
    assert d.core.played(1, 50, d.now)
    assert not d.core.played(1, 40, d.now)
    d.wait(0.02)
    (progress,) = d.took(m.Progress)
    assert progress.played == 50


def test_played_is_unknown_until_the_consumer_says(driver):
    d = driver()
    d.start(1, 100)
    d.read()
    d.wait(0.02)
    assert d.took(m.Progress)[0].played is None  # LW-PROGRESS-3
    assert d.core.played(1, 0, d.now)
    d.wait(0.02)
    assert d.took(m.Progress)[0].played == 0


def test_a_cut_segment_has_no_progress(driver):
    d = driver()
    d.start(1, 100)
    d.read()
    d.send(m.Interrupt(1, 1))
    d.core.played(1, 50, d.now)
    d.wait(0.1)
    assert d.took(m.Progress) == []  # LW-PROGRESS-1


def test_progress_is_repeated_where_control_may_lose(driver):
    room = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False)
    d = driver("repair", "resume", binding=room)
    d.start(1, 100)
    d.wait(0.02)
    (first,) = d.took(m.Progress)
    for _ in range(3):
        d.wait(0.5)
        sent = [(channel, decode(data, 1 << 20)) for channel, data in d.core.take_outgoing(d.now)]
        ((channel, again),) = [one for one in sent if type(one[1]) is m.Progress]
        assert channel is Channel.CONTROL
        assert again[:4] == first[:4]  # LW-PROGRESS-5
    d.read()
    d.core.stream_ended(1, d.now, position=1, failed=True)
    d.wait(1.0)
    assert d.took(m.Progress) == []
