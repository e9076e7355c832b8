"""The sender core: results, the report timer, marks, data, pause (SPEC §11, §12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from played import EVERYTHING, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    MarkReached,
    StreamEnded,
    StreamStarted,
)

Do = Callable[[PlayedReceiver], Any]


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


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
