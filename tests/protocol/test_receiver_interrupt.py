"""Interrupts, cuts and the cooldown at the receiver (SPEC §10)."""

from __future__ import annotations

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.events import ConsumerReset
from lipwire.protocol.items import Audio, Data, Interrupted, SegmentEnd, SegmentStart


def kinds(items):
    return [type(item) for item in items]


def playing(driver, *features, **limits):
    """A session whose segment 1 is with the consumer, all of it, 2 in part, and 3 not at all."""
    d = driver(*features, **limits)
    d.start(1, 100, end=True)
    d.read()
    d.start(2, 100)
    d.read()
    d.audio(2, 100, 50)
    d.send(m.SegmentEnd(2, 150))
    d.start(3, 100)
    d.sent()
    d.events.clear()
    return d


def test_a_cut_tells_the_consumer_at_once_and_lists_what_was_handed_out(driver):
    d = playing(driver)
    d.send(m.Interrupt(1, 9))
    # cut lists all that was live; what follows from it comes after it.
    assert d.sent() == [m.Cut(1, 9, [[1, 100], [2, 100], [3, 0]]), m.StreamEnded(3, 0, True, 1)]
    interrupted = Interrupted((1, 2), (100, 100))
    assert d.events == [ConsumerReset(interrupted=interrupted)]  # LW-INTERRUPT-3
    assert d.read() == [interrupted]
    d.core.stream_ended(1, d.now, position=100)
    d.core.stream_ended(2, d.now, position=30, interrupted=True)
    assert d.sent() == [m.StreamEnded(1, 100, False, 0), m.StreamEnded(2, 30, True, 1)]
    d.send(m.Interrupt(1, 9))
    assert d.sent() == [m.Cut(1, 9, [])]  # LW-INTERRUPT-6
    assert d.read() == []


def test_a_repeat_is_answered_each_time_and_cuts_once(driver):
    d = playing(driver)
    for _ in range(3):
        d.send(m.Interrupt(2, 2), channel=Channel.MEDIA)
        assert d.took(m.Cut) == [m.Cut(2, 2, [[2, 100]])]  # LW-INTERRUPT-4
    assert d.read()[0] == Interrupted((2,), (100,))
    assert d.core.counters.interrupts == 1


def test_one_segment_alone_can_be_cut(driver):
    d = driver("marks", "data")
    d.start(1, 100, end=True)
    d.start(2, 100, end=True)
    d.send(m.Mark(2, 5, "x"), m.Data(2, 5, {}))
    d.start(3, 100, end=True)
    d.send(m.Interrupt(2, 2))
    assert not any(isinstance(event, ConsumerReset) for event in d.events)
    assert [(type(item), item.segment) for item in d.read()] == [
        (SegmentStart, 1),
        (Audio, 1),
        (SegmentEnd, 1),
        (SegmentStart, 3),
        (Audio, 3),
        (SegmentEnd, 3),
    ]  # LW-INTERRUPT-11; nothing was handed out of 2, so no cooldown


def test_late_data_of_a_cut_segment_is_not_handed_out(driver):
    d = driver("data", cooldown=0.0)
    d.start(1, 100, end=True)
    d.read()
    d.send(m.Data(1, 5, {"a": 1}), m.Interrupt(1, 1))
    assert kinds(d.read()) == [Interrupted]
    d.start(2, 10)
    assert kinds(d.read()) == [SegmentStart, Audio]


def test_an_empty_segment_whose_end_was_handed_out_is_told_without_a_cooldown(driver):
    d = driver()
    d.start(1, end=True)
    d.read()
    d.send(m.Interrupt(1, 1))
    d.start(2, 10)
    assert kinds(d.read()) == [Interrupted, SegmentStart, Audio]
    assert d.took(m.StreamEnded) == []
    d.core.stream_ended(1, d.now, position=0)
    assert d.took(m.StreamEnded) == [m.StreamEnded(1, 0, False, 0)]


def test_a_cut_segment_that_was_heard_to_its_end_has_ended_as_played_after_the_grace(driver):
    d = driver(grace=1)
    d.start(1, 100, end=True)
    d.read()
    d.core.played(1, 100, d.now)
    d.send(m.Interrupt(1, 1))
    d.wait(1.01)
    assert d.took(m.StreamEnded) == [m.StreamEnded(1, 100, False, 0)]  # LW-STREAM-4


def test_a_range_backwards_is_refused(driver):
    d = driver()
    d.send(m.Interrupt(2, 1))
    assert d.code is CloseCode.INVALID_FIELD


def test_a_segment_that_was_cut_before_it_came_is_not_taken(driver):
    d = driver("repair")
    d.audio(3, 0, 100)
    d.send(m.Interrupt(2, 4))
    assert d.sent() == [m.Cut(2, 4, [])]
    assert d.core.counters.credit_used == 0
    d.audio(3, 0, 100)
    assert d.core.counters.credit_used == 0
    d.send(m.SegmentStart(3))
    assert d.sent() == [m.StreamEnded(3, 0, True, 1)]  # LW-INTERRUPT-5
    d.send(m.SegmentEnd(3, 100), m.SegmentStart(4), m.SegmentStart(5))
    assert d.took(m.StreamEnded) == [m.StreamEnded(4, 0, True, 1)]
    assert d.read() == [SegmentStart(5, {})]
    assert d.code is None


def test_interrupts_ahead_are_bounded_and_forgotten_when_passed(driver):
    d = driver()
    for index in range(64):
        d.send(m.Interrupt(10 * index + 10, 10 * index + 12))
        d.send(m.Interrupt(10 * index + 11, 10 * index + 11))  # within: counts once
    assert d.code is None
    d.start(645, end=True)
    for index in range(64):
        d.send(m.Interrupt(10 * index + 1_000, 10 * index + 1_000))
    d.send(m.Interrupt(5, 600))  # behind
    d.send(m.Interrupt(1_000, 1_100))  # around some of them
    assert d.code is None
    for index in range(11):
        d.send(m.Interrupt(10 * index + 5_000, 10 * index + 5_000))
    assert d.code is CloseCode.LIMIT_EXCEEDED


def test_huge_ranges_cost_nothing(driver):
    d = playing(driver)
    d.send(m.Interrupt(1, 2**53 - 1))
    assert d.code is None
    d.send(m.SegmentStart(4))
    assert d.took(m.StreamEnded)[-1] == m.StreamEnded(4, 0, True, 1)


def test_cut_through_cuts_without_an_answer(driver):
    d = playing(driver, "repair")
    d.audio(9, 0, 10, cut_through=3)
    assert d.sent() == [m.StreamEnded(3, 0, True, 1)]  # LW-AUDIO-3: no cut
    assert d.read() == [Interrupted((1, 2), (100, 100))]
    d.audio(9, 10, 10, cut_through=2)  # older: of no consequence
    d.send(m.SegmentStart(9))
    d.core.reset_done(d.now)
    assert kinds(d.read()) == [SegmentStart, Audio, Audio]


def test_cut_through_covers_segments_that_are_still_to_come(driver):
    d = driver("repair")
    d.audio(5, 0, 10, cut_through=4)
    d.audio(3, 0, 10)
    assert d.core.counters.late == 1
    d.send(m.SegmentStart(2), m.SegmentStart(4))
    assert d.took(m.StreamEnded) == [m.StreamEnded(2, 0, True, 1), m.StreamEnded(4, 0, True, 1)]
    d.send(m.SegmentStart(5))
    assert kinds(d.read()) == [SegmentStart, Audio]


def test_a_bare_interrupt_is_legal_where_control_is_numbered(driver):
    d = playing(driver, "resume")
    d.send(m.Interrupt(1, 2), bare=True, channel=Channel.MEDIA)
    assert d.took(m.Cut) == [m.Cut(1, 2, [[1, 100], [2, 100]])]
    d.send(m.Interrupt(1, 2))
    assert d.took(m.Cut) == [m.Cut(1, 2, [[1, 100], [2, 100]])]
    assert d.code is None


def test_a_stream_end_that_was_reported_before_the_cut_stands(driver):
    d = driver()
    d.start(1, 100, end=True)
    d.read()
    d.core.stream_ended(1, d.now, position=100)
    d.send(m.Interrupt(1, 1))
    assert d.sent()[-2:] == [m.StreamEnded(1, 100, False, 0), m.Cut(1, 1, [])]
    assert d.read() == []
    d.start(2, 10)
    assert kinds(d.read()) == [SegmentStart, Audio]  # no cooldown


# -- cooldown ------------------------------------------------------------------------------------------------


def test_the_cooldown_holds_back_what_is_later_and_loses_nothing(driver):
    d = playing(driver, cooldown=0.3)
    d.send(m.Interrupt(1, 3))
    d.start(4, 100, end=True)
    assert kinds(d.read()) == [Interrupted]
    assert not d.core.readable(d.now)
    assert d.core.held == 100
    d.wait(0.02)
    assert [one.received for one in d.took(m.Progress)] == [100]  # LW-COOLDOWN-3
    d.wait(0.275)
    assert d.read() == []
    d.wait(0.01)  # expire has been called at the deadline
    assert d.core.readable(d.now)
    assert kinds(d.read()) == [SegmentStart, Audio, SegmentEnd]  # LW-COOLDOWN-1


def test_the_cooldown_ends_by_time_even_when_nobody_calls_expire(driver):
    d = playing(driver, cooldown=0.3)
    d.send(m.Interrupt(1, 3))
    d.start(4, 100)
    d.read()
    d.now += 0.3
    assert d.core.readable(d.now)
    assert kinds(d.read()) == [SegmentStart, Audio]


def test_the_cooldown_ends_when_the_consumer_has_reset(driver):
    d = playing(driver)
    d.send(m.Interrupt(1, 3))
    d.start(4, 100)
    d.core.reset_done(d.now)
    assert kinds(d.read()) == [Interrupted, SegmentStart, Audio]


def test_the_reports_of_all_that_was_cut_end_the_cooldown(driver):
    d = playing(driver)
    d.send(m.Interrupt(1, 3))
    d.start(4, 100)
    assert kinds(d.read()) == [Interrupted]
    d.core.stream_ended(2, d.now, position=3, interrupted=True)
    assert d.read() == []
    d.core.stream_ended(1, d.now, position=3, interrupted=True)
    assert kinds(d.read()) == [SegmentStart, Audio]  # LW-COOLDOWN-2


def test_a_further_cut_begins_the_cooldown_anew(driver):
    d = playing(driver, cooldown=0.3)
    d.send(m.Interrupt(1, 1))
    d.wait(0.2)
    d.send(m.Interrupt(2, 2))
    d.wait(0.2)
    assert kinds(d.read()) == [Interrupted, Interrupted]
    d.wait(0.1)
    assert kinds(d.read()) == [SegmentStart, Audio]


def test_a_cut_of_what_was_not_handed_out_does_not(driver):
    d = playing(driver, cooldown=0.3)
    d.send(m.Interrupt(1, 2))
    d.wait(0.2)
    d.send(m.Interrupt(3, 3))
    d.start(4, 10)
    d.wait(0.1)
    assert kinds(d.read()) == [Interrupted, SegmentStart, Audio]


def test_a_cooldown_of_nothing_is_switched_off(driver):
    d = playing(driver, cooldown=0.0)
    d.send(m.Interrupt(1, 2))
    assert kinds(d.read()) == [Interrupted, SegmentStart, Audio]


def test_the_cooldown_goes_on_without_a_transport(driver):
    d = playing(driver, "resume", cooldown=0.3)
    d.send(m.Interrupt(1, 2))
    d.core.detach(d.now)
    assert kinds(d.read()) == [Interrupted]
    assert d.core.next_deadline() == pytest.approx(d.now + 0.3)
    d.wait(0.3)
    assert kinds(d.read()) == [SegmentStart, Audio]


def test_a_cut_frees_memory(driver):
    d = driver("repair", "data")
    d.start(1, 100)
    d.audio(1, 200, 100)
    d.send(*(m.Data(1, 5, {}) for _ in range(10)))
    d.send(m.Interrupt(1, 1))
    assert d.core.held == d.core.counters.credit_used == 0
    d.wait(5)
    assert d.took(m.Nack) == []
    assert not any(isinstance(item, Data) for item in d.read())


def test_interrupt_is_refused_from_a_receiver_and_cut_from_a_sender(driver):
    d = driver()
    d.raw(encode(m.Cut(1, 1, [])))
    assert d.code is CloseCode.OUT_OF_STATE


def test_a_cut_empty_segment_whose_end_was_handed_out_is_over_after_the_grace(driver):
    d = driver(grace=1)
    d.start(1, end=True)
    assert kinds(d.read()) == [SegmentStart, SegmentEnd]
    d.send(m.Interrupt(1, 1))
    assert d.sent() == [m.Cut(1, 1, [[1, 0]])]
    d.wait(0.99)
    assert d.took(m.StreamEnded) == []
    d.wait(0.02)
    assert d.took(m.StreamEnded) == [m.StreamEnded(1, None, True, 1)]  # LW-INTERRUPT-7
    assert d.core.counters.live_segments == 0
