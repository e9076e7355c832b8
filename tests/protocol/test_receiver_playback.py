"""Playback, pause, marks, data, custom, liveness and closing at the receiver (SPEC §11, §12, §16)."""

from __future__ import annotations

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import ConsumerReset, CustomReceived, PauseChanged, SessionEnded
from lipwire.protocol.items import Audio, Data, Interrupted, Mark, Paused, SegmentEnd, SegmentStart, Unpaused
from lipwire.protocol.states import SessionState


def kinds(items):
    return [type(item) for item in items]


# -- playback ------------------------------------------------------------------------------------------------


def test_stream_started_is_sent_once(driver):
    d = driver()
    d.start(1, 100)
    with pytest.raises(LocalProtocolError):
        d.core.stream_started(1, d.now)
    d.read()
    assert d.core.stream_started(1, d.now, clock=99.5)
    assert not d.core.stream_started(1, d.now)
    assert d.took(m.StreamStarted) == [m.StreamStarted(1, 99_500_000)]
    d.core.stream_ended(1, d.now, position=100)
    assert not d.core.stream_started(1, d.now)
    assert d.took(m.StreamStarted) == []


@pytest.mark.parametrize(
    ("cut", "ended", "said", "sent"),
    [
        (False, True, {"position": 100}, (100, False, 0)),
        (False, True, {"position": None}, (100, False, 0)),
        (False, True, {"position": 60}, (60, False, 2)),
        (False, True, {"position": 60, "interrupted": True}, (60, False, 2)),
        (False, True, {"position": None, "interrupted": True}, (None, False, 2)),
        (False, True, {"position": None, "failed": True}, (None, False, 2)),
        (False, True, {"position": 100, "failed": True}, (100, False, 2)),
        (False, False, {"position": 100}, (100, False, 2)),
        (False, False, {"position": None}, (None, False, 2)),
        (True, True, {"position": 60}, (60, True, 1)),
        (True, True, {"position": 60, "interrupted": True}, (60, True, 1)),
        (True, True, {"position": None, "interrupted": True}, (None, True, 1)),
        (True, True, {"position": None}, (None, True, 1)),
        (True, True, {"position": 100, "interrupted": True}, (100, False, 0)),
        (True, True, {"position": 60, "failed": True}, (60, True, 2)),
        (True, False, {"position": 100}, (100, True, 1)),
    ],
)
def test_how_a_stream_ended(driver, cut, ended, said, sent):
    d = driver()
    d.start(1, 100, end=ended)
    d.read()
    if cut:
        d.send(m.Interrupt(1, 1))
    d.sent()
    assert d.core.stream_ended(1, d.now, **said)
    assert d.took(m.StreamEnded) == [m.StreamEnded(1, *sent)]  # LW-STREAM-3, LW-STREAM-4
    assert not d.core.stream_ended(1, d.now, **said)
    assert d.sent() == []  # LW-STREAM-2
    assert d.core.counters.live_segments == 0


def test_an_empty_segment_ends_as_played(driver):
    d = driver()
    d.start(1, end=True)
    assert kinds(d.read()) == [SegmentStart, SegmentEnd]
    d.core.stream_ended(1, d.now, position=0)
    assert d.took(m.StreamEnded) == [m.StreamEnded(1, 0, False, 0)]


def test_a_position_that_was_not_handed_out_is_the_consumers_fault(driver):
    d = driver()
    d.start(1, 100)
    for call in (
        lambda: d.core.played(1, 1, d.now),
        lambda: d.core.stream_ended(1, d.now, position=1),
        lambda: d.core.stream_ended(1, d.now, position=-1),
        lambda: d.core.stream_ended(2, d.now, position=0),
        lambda: d.core.stream_started(2, d.now),
        lambda: d.core.played(2, 0, d.now),
    ):
        with pytest.raises(LocalProtocolError):
            call()
    assert d.code is None
    assert d.took(m.StreamEnded) == []


def test_the_position_of_an_end_is_not_behind_what_was_reported_as_played(driver):
    d = driver()
    d.start(1, 100)
    d.read()
    d.core.played(1, 80, d.now)
    d.core.stream_ended(1, d.now, position=70, failed=True)
    assert d.took(m.StreamEnded)[0].position == 80


def test_a_segment_that_is_given_up_early_is_dropped(driver):
    d = driver("repair")
    d.start(1, 100)
    d.core.read(d.now)
    d.core.read(d.now)
    d.audio(1, 100, 50)
    d.audio(1, 200, 50)
    d.core.stream_ended(1, d.now, position=10, failed=True)
    assert d.core.counters.credit_used == d.core.held == 0
    d.send(m.SegmentEnd(1, 250), m.SegmentStart(2))
    d.wait(1)
    assert d.took(m.Nack) == []
    assert d.read() == [SegmentStart(2, {})]


# -- pause ---------------------------------------------------------------------------------------------------


def test_pause_holds_all_back_and_loses_nothing(driver):
    d = driver("pause", "marks", "data")
    d.start(1, 100)
    d.read()
    d.send(m.Pause(), m.Pause())
    d.sent()
    assert d.events[-1:] == [PauseChanged(paused=True)]
    assert d.events.count(PauseChanged(paused=True)) == 1
    assert d.read() == [Paused()]  # LW-PAUSE-1
    d.audio(1, 100, 100)
    d.send(m.Mark(1, 0, "x"), m.Data(1, 0, {}), m.SegmentEnd(1, 200), m.SegmentStart(2))
    assert d.read() == []
    d.wait(0.02)
    assert d.took(m.Progress)[0].received == 200  # LW-PAUSE-3
    d.send(m.Unpause(), m.Unpause())
    assert d.core.readable(d.now)
    assert kinds(d.read()) == [Unpaused, Mark, Data, Audio, SegmentEnd, SegmentStart]
    d.sent()
    assert d.events[-1] == PauseChanged(paused=False)


def test_pause_and_unpause_that_nobody_saw_leave_no_items_behind(driver):
    d = driver("pause")
    for _ in range(5_000):
        d.send(m.Pause(), m.Unpause())
        d.sent()
    assert d.read() == []
    d.send(m.Pause())
    assert d.read() == [Paused()]


def test_an_interrupt_is_applied_while_paused(driver):
    d = driver("pause")
    d.start(1, 100)
    d.read()
    d.send(m.Pause(), m.Interrupt(1, 1))
    assert d.read() == [Interrupted((1,), (100,)), Paused()]
    assert d.core.paused


# -- marks, data, custom -------------------------------------------------------------------------------------


def test_marks_and_data_come_out_at_their_positions(driver):
    d = driver("marks", "data")
    d.send(m.SegmentStart(1))
    d.send(m.Data(1, 150, {"b": 2}), m.Mark(1, 100, "middle"), m.Data(1, 0, {"a": 1}), m.Mark(1, 9_999, "beyond"))
    d.send(m.Mark(1, 200, "end"))
    d.audio(1, 0, 200)
    d.send(m.SegmentEnd(1, 200))
    items = d.read()
    assert [(type(item), item[1]) for item in items[1:]] == [
        (Data, 0),
        (Audio, 0),
        (Mark, 100),
        (Audio, 100),
        (Data, 150),
        (Audio, 150),
        (Mark, 200),
        (Mark, 9_999),
        (SegmentEnd, 200),
    ]
    assert b"".join(bytes(item.pcm) for item in items if isinstance(item, Audio)) == d.pcm(1, 0, 200)
    d.send(m.Data(1, 7, {"late": 1}))
    assert d.core.readable(d.now)
    assert d.read() == [Data(1, 7, {"late": 1})]  # LW-DATA-1
    assert d.core.counters.credit_used == 0


def test_late_data_of_a_segment_that_is_over_holds_nothing_back(driver):
    d = driver("data")
    d.start(1, 100, end=True)
    d.start(2, 100)
    d.read()
    d.send(m.Data(1, 7, {"late": 1}))
    assert not d.core.flowing
    d.core.stream_ended(1, d.now, position=100)
    assert d.core.flowing
    assert d.read() == []


def test_marks_of_one_position_come_as_they_were_sent(driver):
    d = driver("marks")
    d.start(1)
    for name in "zyxw":
        d.send(m.Mark(1, 5, name))
    d.audio(1, 0, 10)
    d.read()
    d.core.played(1, 10, d.now)
    assert [mark.name for mark in d.took(m.MarkReached)] == list("zyxw")


def test_marks_are_echoed_when_playback_reaches_them(driver):
    d = driver("marks")
    d.start(1, 100)
    d.send(*(m.Mark(1, at, f"at {at}") for at in (0, 50, 51, 100, 101)))
    d.read()
    assert d.took(m.MarkReached) == []
    d.core.played(1, 50, d.now)
    assert [mark.name for mark in d.took(m.MarkReached)] == ["at 0", "at 50"]  # LW-MARK-1
    d.send(m.Mark(1, 20, "late"))
    assert d.took(m.MarkReached) == [m.MarkReached(1, "late")]
    d.core.played(1, 100, d.now)
    assert [mark.name for mark in d.took(m.MarkReached)] == ["at 51", "at 100"]
    d.send(m.SegmentEnd(1, 100))
    assert d.took(m.MarkReached) == [m.MarkReached(1, "at 101")]  # beyond the total: at the total
    d.send(m.Mark(1, 500, "later"))
    assert d.took(m.MarkReached) == [m.MarkReached(1, "later")]


def test_marks_that_were_not_reached_are_echoed_before_the_end_of_what_was_played(driver):
    d = driver("marks")
    d.start(1, 100, end=True)
    d.send(m.Mark(1, 30, "a"), m.Mark(1, 2**53 - 1, "b"))
    d.read()
    d.sent()
    d.core.stream_ended(1, d.now, position=None)
    assert d.sent() == [m.MarkReached(1, "a"), m.MarkReached(1, "b"), m.StreamEnded(1, 100, False, 0)]


def test_who_gives_up_and_can_not_tell_where_has_told_of_what_was_heard_and_what_has_arrived(driver):
    d = driver("repair")
    d.start(1, 100)
    d.audio(1, 200, 100)
    d.read()
    d.core.played(1, 50, d.now)
    d.sent()
    d.core.stream_ended(1, d.now, position=None, failed=True)
    progress, ended = d.sent()
    assert (progress.received, progress.consumed, progress.played, progress.highest) == (100, 100, 50, 300)
    assert ended == m.StreamEnded(1, None, False, 2)


def test_marks_of_a_cut_segment_are_not_echoed(driver):
    d = driver("marks")
    d.start(1, 100, end=True)
    d.send(m.Mark(1, 30, "a"), m.Mark(1, 60, "b"))
    d.read()
    d.core.played(1, 40, d.now)
    d.send(m.Interrupt(1, 1))
    d.core.played(1, 90, d.now)
    d.send(m.Mark(1, 1, "c"))
    d.core.stream_ended(1, d.now, position=100)
    assert [mark.name for mark in d.took(m.MarkReached)] == ["a"]  # LW-MARK-2


def test_too_many_marks_and_data_are_refused(driver):
    for make in (lambda at: m.Mark(1, at, "x"), lambda at: m.Data(1, at, {})):
        d = driver("marks", "data")
        d.start(1, 10)
        for at in range(256):
            d.send(make(at + 10))
        assert d.code is None
        d.send(make(5))
        assert d.code is CloseCode.LIMIT_EXCEEDED  # LW-MARK-3, LW-DATA-2
    d = driver("marks", "data")
    d.start(1, 10, end=True)
    d.read()
    for _ in range(300):
        d.send(m.Data(1, 5, {}))
        d.read()
    assert d.code is None


def test_late_data_in_a_pause_is_no_reason_to_close(driver):
    """LW-DATA-2: what a sender may send depends on what it was told, not on whether the consumer takes it."""
    d = driver("data", "pause")
    d.start(1, 100)
    d.read()
    d.send(m.Pause())
    for at in range(600):
        d.send(m.Data(1, 5, {"n": at}))
    for at in range(256):
        d.send(m.Data(1, 101 + at, {}))
    assert d.code is None
    assert d.core.counters.late_data == 600 - 256
    d.send(m.Unpause())
    late = [one for one in d.read() if isinstance(one, Data)]
    assert [one.content["n"] for one in late] == list(range(256))
    d.send(m.Data(1, 5, {}))
    assert len([one for one in d.read() if isinstance(one, Data)]) == 1
    d.send(m.Data(1, 500, {}))
    assert d.code is CloseCode.LIMIT_EXCEEDED


def test_a_mark_that_comes_late_is_echoed_and_not_handed_out(driver):
    d = driver("marks", "pause")
    d.start(1, 100)
    d.read()
    d.core.played(1, 50, d.now)
    d.send(m.Pause())
    for _ in range(600):
        d.send(m.Mark(1, 50, "late"))
    assert d.code is None
    assert len(d.took(m.MarkReached)) == 600
    d.send(m.Unpause())
    assert not [one for one in d.read() if isinstance(one, Mark)]


def test_custom_goes_both_ways(driver):
    d = driver("custom")
    d.send(m.Custom({"com.example.a": 1}))
    d.core.send_custom({"com.example.b": 2}, d.now)
    assert d.sent() == [m.Custom({"com.example.b": 2})]
    assert d.events[-1] == CustomReceived(content={"com.example.a": 1})
    with pytest.raises(LocalProtocolError):
        driver().core.send_custom({}, 0.0)


# -- liveness and closing ------------------------------------------------------------------------------------


def test_pings_are_answered_and_sent(driver):
    d = driver()
    d.wait(0.0)
    assert d.took(m.Ping) == [m.Ping(100_000_000)]
    d.send(m.Ping(77))
    assert d.sent() == [m.Pong(77, 100_000_000, 100_000_000)]
    for _ in range(300):
        d.send(m.Ping(1))
    assert len(d.took(m.Pong)) <= 100  # LW-LIVE-1


def test_silence_ends_the_transport(driver):
    d = driver("resume", keepalive=0.5)
    d.wait(1.4)
    assert d.core.state is SessionState.OPEN
    d.send(m.Pong(0, 0, 0))
    d.wait(1.4)
    assert d.core.state is SessionState.OPEN
    d.wait(0.2)
    assert d.core.state is SessionState.LOST  # LW-LIVE-3
    d.wait(10)
    assert d.code is CloseCode.PEER_GONE
    assert d.core.closed.by_peer is None


def test_without_resume_the_end_of_the_transport_is_the_end(driver):
    for features, limits in [((), {}), (("resume",), {"resume": 0.0})]:
        d = driver(*features, **limits)
        d.core.detach(d.now)
        assert d.code is CloseCode.PEER_GONE  # LW-RESUME-12


@pytest.mark.parametrize("by_peer", [True, False])
def test_a_close_stops_the_consumer_and_drops_what_is_held(driver, by_peer):
    d = driver("repair", "marks", "pause")
    d.start(1, 100, end=True)
    d.read()
    d.start(2, 100, end=True)
    d.core.read(d.now)
    d.core.read(d.now)
    d.start(3, 100)
    d.core.played(1, 7, d.now)
    d.sent()
    d.events.clear()
    if by_peer:
        d.send(m.CloseMessage(0, "bye"))
        assert d.sent() == []
    else:
        d.core.close(d.now, reason="bye")
        assert d.sent() == [m.CloseMessage(0, "bye")]
    stop = Interrupted((1, 2), (100, 100), by_close=True)
    assert kinds(d.events) == [SessionEnded, ConsumerReset]
    assert d.events[1].interrupted == stop  # LW-CLOSE-3
    assert d.core.readable(d.now)
    assert d.read() == [stop]
    assert d.core.read(d.now) is None
    # Whatever is still said is of no consequence.
    assert not d.core.stream_ended(1, d.now, position=3)
    assert not d.core.played(2, 3, d.now)
    assert not d.core.stream_started(99, d.now)
    d.core.reset_done(d.now)
    d.start(4, 10)
    d.raw(b"nonsense")
    d.core.detach(d.now)
    d.core.expire(d.now + 1_000)
    d.core.close(d.now)
    assert d.sent() == []  # LW-CLOSE-1
    assert d.core.next_deadline() == float("inf")
    assert d.core.held == 0


def test_a_close_includes_what_was_cut_and_not_reported(driver):
    d = driver()
    d.start(1, 100)
    d.read()
    d.send(m.Interrupt(1, 1))
    d.send(m.CloseMessage(0))
    assert d.read() == [Interrupted((1,), (100,), by_close=True)]


def test_a_close_of_a_session_with_nothing_at_the_consumer_is_quiet(driver):
    d = driver()
    d.start(1, 100)
    d.core.read(d.now)
    d.send(m.CloseMessage(1, "restart", 5_000))
    assert d.core.closed.retry_ms == 5_000
    assert d.read() == []


def test_samples_are_counted(driver):
    d = driver("repair")
    d.start(1, 100)
    counters = d.core.counters
    assert (counters.chunks, counters.bytes, counters.segments, counters.live_segments) == (1, 200, 1, 1)
    assert (counters.held_samples, counters.credit_used, counters.window) == (100, 100, 48_000)
