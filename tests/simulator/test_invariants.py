"""Each invariant is shown to fail: on a history that was doctored so that its promise is broken, and no other."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from lipwire.protocol import items
from lipwire.protocol.errors import Close, CloseCode
from lipwire.protocol.events import Cause, StreamEnded
from lipwire.protocol.registry import BY_TYPE
from simulator.history import History
from simulator.invariants import all_names
from simulator.invariants.waits import BURST
from simulator.promises import Violation
from simulator.samples import MONO, pcm
from simulator.truth import Terms

T = SimpleNamespace(**{entry.name: entry.number for entry in BY_TYPE.values()})


def begun(*, loses_media: bool = True, loses_control: bool = False, **terms: Any) -> History:
    """A session that is open on both sides."""
    history = History(Terms(**terms), 1_000.0)
    for peer in (history.sender, history.receiver):
        peer.loses_media = loses_media
        peer.loses_control = loses_control
    history.session_opened(history.sender)
    history.session_opened(history.receiver)
    return history


def audio(number: int, first: int, end: int, cut_through: int = 0) -> list[Any]:
    return [T.audio, number, first, cut_through, pcm(number, first, end - first)]


def out(h: History, *messages: list[Any], channel: str = "control", lost: bool = False) -> None:
    """The sender sends, and it comes through."""
    for message in messages:
        h.sent_out(message, channel)
        if not lost:
            h.comes_through(message)


def back(h: History, *messages: list[Any]) -> None:
    """The receiver sends, and it comes back."""
    for message in messages:
        h.sent_back(message)
        h.comes_back(message, opening=False)


def written(number: int = 1, samples: int = 800, **terms: Any) -> History:
    """Segment 1 is written, ended, and started on the wire."""
    h = begun(**terms)
    for one in range(1, number + 1):
        h.opened(one, None)
        h.wrote(one, samples)
        h.finished(one)
    out(h, [T.segment_start, 1, None])
    return h


def arrived(number: int = 1, samples: int = 800, **terms: Any) -> History:
    """All of it has come through; nothing was handed out."""
    h = written(number, samples, **terms)
    out(h, audio(1, 0, samples), [T.segment_end, 1, samples])
    return h


def item(number: int, first: int, end: int, *, concealed: bool = False) -> items.Audio:
    return items.Audio(number, first, bytes(2 * (end - first)) if concealed else pcm(number, first, end - first),
                       MONO, concealed)  # fmt: skip


def handed(number: int = 1, samples: int = 800, **terms: Any) -> History:
    """All of it was handed out, its end too."""
    h = arrived(number, samples, **terms)
    h.handed_out(items.SegmentStart(1, {}))
    h.handed_out(item(1, 0, samples))
    h.handed_out(items.SegmentEnd(1, samples))
    return h


def passed(h: History, seconds: float) -> None:
    """Time passes in small steps."""
    for _ in range(round(seconds / 0.05)):
        h.time(h.now + 0.05)


def quiet(h: History) -> History:
    """All that was to follow has followed: the other promises are kept."""
    h.at_once.clear()
    for segment in h.segments.values():
        segment.changed_at = None
    h.sender.heard_at = h.receiver.heard_at = h.now + 1_000
    return h


def late(h: History, seconds: float) -> None:
    passed(quiet(h), seconds)


def with_gap(**terms: Any) -> History:
    h = written(**terms)
    out(h, audio(1, 0, 200))
    out(h, audio(1, 200, 400), lost=True)
    out(h, audio(1, 400, 800), [T.segment_end, 1, 800])
    h.handed_out(items.SegmentStart(1, {}))
    h.handed_out(item(1, 0, 200))
    return h


def cut(h: History, first: int = 1, last: int = 1) -> History:
    h.interrupted(None, max(h.segments), Cause.INTERRUPTED)
    out(h, [T.interrupt, first, last])
    return h


def ended(h: History, position: int, cause: Cause, *, exact: bool = True, interrupted: bool = False) -> None:
    h.told_result(StreamEnded(segment=1, position=position, interrupted=interrupted, cause=cause, exact=exact))


def reported(h: History, position: int = 800, cause: int = 0) -> History:
    """The consumer has reported, and the report has come back."""
    h.reported_end(1, position, failed=False)
    back(h, [T.stream_ended, 1, position, False, cause])
    return h


def numbered(number: int, inner: list[Any], taken: int = 0) -> list[Any]:
    return [T.numbered, number, taken, inner]


DOCTORED: dict[str, Callable[[], Any]] = {
    # What is sent.
    "only_what_was_written_is_sent": lambda: out(written(), [T.audio, 1, 0, 0, bytes(100)]),
    "cut_through_is_true": lambda: out(written(), audio(1, 0, 100, cut_through=1)),
    "credit_is_kept": lambda: out(written(window=500), audio(1, 0, 501)),
    "segments_start_in_order": lambda: out(written(2), [T.segment_start, 2, None]),
    "a_segment_ends_where_it_was_written_to": lambda: out(written(), audio(1, 0, 800), [T.segment_end, 1, 799]),
    "sent_is_true": lambda: out(written(), audio(1, 0, 100), [T.sent, 1, 101]),
    "only_what_was_interrupted_is_cut": lambda: out(written(), [T.interrupt, 1, 1]),
    "marks_and_data_follow_the_start": lambda: out(written(2), [T.mark, 2, 0, "m"]),
    "interrupts_are_sent_again_after_a_resume": lambda: (
        h := cut(handed()),
        h.transport_lost(h.sender),
        late(h, 0.1),
        h.session_opened(h.sender),
    ),
    "numbers_are_given_once": lambda: out(written(), numbered(2, [T.pause])),
    "what_was_taken_is_acknowledged_truly": lambda: out(written(), [T.acknowledge, 1]),
    "progress_is_true": lambda: back(with_gap(), [T.progress, 1, 400, 200, None, 0, 0, 800]),
    "the_state_in_welcome_is_true": lambda: back(handed(), [T.welcome, 1, b"", 2, [], [], {}, b"", [0, []]]),
    "a_cut_tells_what_was_handed_out": lambda: back(cut(handed()), [T.cut, 1, 1, [[1, 799]]]),
    "stream_started_is_true": lambda: back(arrived(), [T.stream_started, 1, 0]),
    "stream_ended_is_true": lambda: back(handed(), [T.stream_ended, 1, 800, False, 0]),
    "marks_are_reached_once_and_in_truth": lambda: (
        h := handed(), h.gave_mark(1, 500, "m"), back(h, [T.mark_reached, 1, "m"])
    ),
    "only_what_is_missing_is_asked_for": lambda: back(with_gap(), [T.nack, 1, [[200, 401]]]),
    # What the consumer gets.
    "delivered_audio_is_bit_exact": lambda: arrived_and_begun().handed_out(items.Audio(1, 0, bytes(100), MONO)),
    "no_sample_is_lost_or_doubled": lambda: arrived_and_begun().handed_out(item(1, 10, 20)),
    "only_what_has_arrived_is_handed_out": lambda: with_gap().handed_out(item(1, 200, 300)),
    "nothing_of_a_cut_segment": lambda: cut(arrived_and_begun()).handed_out(items.Mark(1, 0, "m")),
    "nothing_is_handed_out_in_a_pause": lambda: (
        h := arrived(), out(h, [T.pause]), h.handed_out(items.SegmentStart(1, {}))
    ),
    "nothing_is_handed_out_before_the_reset": lambda: next_before_the_reset(),
    "concealed_only_what_never_arrived": lambda: (h := with_gap(), h.concealed_samples(300)),
    "concealed_only_after_the_time_for_repair": lambda: (
        h := with_gap(), h.asked_in_vain(), h.concealed_samples(200)
    ),
    "silence_says_that_it_is": lambda: with_gap_filled().handed_out(item(1, 200, 400, concealed=True)),
    "silence_only_for_what_the_network_lost": lambda: (
        h := with_gap(repair_timeout=0.1),
        h.delivered(audio(1, 300, 310)),
        h.asked_in_vain(),
        late(h, 0.1),
        h.concealed_samples(200),
        h.handed_out(item(1, 200, 400, concealed=True)),
    ),
    "marks_and_data_come_once_in_their_place": lambda: (
        h := arrived_and_begun(), h.gave_mark(1, 500, "m"), h.handed_out(items.Mark(1, 500, "m"))
    ),
    "what_belongs_before_comes_before": lambda: (
        h := arrived_and_begun(),
        h.gave_data(1, 500, 7),
        out(h, [T.data, 1, 500, {"n": 7}]),
        h.handed_out(item(1, 0, 800)),
    ),
    "readable_is_true": lambda: begun().hold("read", False, items.Paused()),
    "what_is_there_is_handed_out": lambda: arrived().asked_in_vain(),
    "the_consumer_is_told_of_what_it_has": lambda: cut(handed()).told_reset(items.Interrupted((1,), (799,))),
    "a_pause_is_told_as_it_comes": lambda: begun().told_pause(True),
    # What the agent is told.
    "an_interrupt_cuts_what_is_live": lambda: written().interrupted(None, None, Cause.INTERRUPTED),
    "each_segment_ends_once_in_order": lambda: (
        h := reported(handed()), ended(h, 800, Cause.PLAYED), ended(h, 800, Cause.PLAYED)
    ),
    "the_position_is_that_truly_reached": lambda: ended(reported(handed()), 799, Cause.PLAYED),
    "the_cause_is_the_true_one": lambda: ended(reported(handed()), 800, Cause.INTERRUPTED),
    "what_is_given_up_is_cut": lambda: given_up(),
    "interrupts_are_confirmed_once_and_in_truth": lambda: cut(handed()).told_confirmed(1, 1),
    "custom_messages_come_once_and_in_order": lambda: begun().told_custom(">", 7),
    "what_is_told_of_playback_is_told_once": lambda: handed().told_stream_started(1),
    "who_closes_says_so": lambda: (
        h := begun(), h.session_ended(h.sender, Close(code=CloseCode.NORMAL, by_peer=False))
    ),
    "a_transport_that_lives_is_kept": lambda: (h := begun(), h.transport_dropped(h.sender)),
    "nobody_closes_without_a_reason": lambda: (
        h := begun(), setattr(h.sender, "said_close", True),
        h.session_ended(h.sender, Close(code=CloseCode.INVALID_POSITION, by_peer=False)),
    ),
    # What has to have happened.
    "what_has_to_follow_at_once_does": lambda: passed(cut(handed()), 0.05),
    "every_segment_ends_within_its_bound": lambda: late(handed(grace=1.0), 2.0),
    "cut_segments_are_reported_within_the_grace": lambda: late(cut(handed(grace=0.2)), 0.6),
    "interrupts_are_repeated": lambda: late(cut(handed()), 0.7),
    "numbered_messages_are_acknowledged_in_time": lambda: (
        h := begun(), out(h, numbered(1, [T.pause])), late(h, 0.3)
    ),
    "hello_is_repeated": lambda: (
        h := History(Terms(), 1_000.0),
        setattr(h.sender, "loses_control", True), h.sent_out([T.hello], "control"), late(h, 0.5)
    ),
    "a_quiet_sender_says_how_far_it_has_sent": lambda: (
        h := unended(), out(h, audio(1, 0, 100)), late(h, 0.3)
    ),
    "progress_is_repeated": lambda: (
        h := handed(), back(h, [T.progress, 1, 800, 800, None, 0, 0]), late(h, 0.7)
    ),
    "numbered_messages_are_sent_again": lambda: (
        h := begun(loses_control=True), out(h, numbered(1, [T.pause]), lost=True), late(h, 3.0)
    ),
    "progress_comes_in_time": lambda: (h := arrived(), setattr(h.receiver, "heard_at", 2e3), passed(h, 0.2)),
    "what_is_missing_is_asked_for": lambda: late(with_gap(), 1.0),
    "audio_comes_through": lambda: (
        h := with_gap(flow=0.2, repair=False, loses_media=False), h.asked_in_vain(), late(h, 1.0)
    ),
    "credit_is_used": lambda: late(unended(), 0.5),
    "silence_ends_a_transport": lambda: passed(begun(keepalive=0.1), 0.5),
    "a_session_ends_with_its_peer": lambda: (
        h := begun(resume=0.2, handshake=0.1), h.transport_lost(h.receiver), late(h, 0.6)
    ),
    "every_segment_has_ended": lambda: written().hold("end"),
    "every_interrupt_is_confirmed": lambda: ended_without_confirming(),
    "both_sides_are_closed": lambda: begun().hold("end"),
    "what_was_given_has_arrived": lambda: (h := begun(), h.gave_custom(">", 1), h.hold("settled")),
    "memory_is_bounded": lambda: begun().hold("memory", {"samples": (11, 10)}),
}  # fmt: skip


def arrived_and_begun() -> History:
    h = arrived()
    h.handed_out(items.SegmentStart(1, {}))
    return h


def with_gap_filled() -> History:
    h = with_gap()
    out(h, audio(1, 200, 400))
    return h


def unended() -> History:
    """Segment 1 is still being written."""
    h = begun()
    h.opened(1, None)
    h.wrote(1, 800)
    out(h, [T.segment_start, 1, None])
    return h


def next_before_the_reset() -> None:
    h = handed(2)
    h.interrupted(1, 1, Cause.INTERRUPTED)
    out(h, [T.interrupt, 1, 1], [T.segment_start, 2, None])
    h.handed_out(items.SegmentStart(2, {}))


def ended_without_confirming() -> None:
    h = reported(cut(handed()))
    ended(h, 800, Cause.PLAYED)
    h.hold("end")


def given_up() -> None:
    h = handed(grace=0.2, cooldown=0.0)
    passed(quiet(h), 0.25)
    ended(h, 0, Cause.NO_REPORT, exact=False, interrupted=True)


@pytest.mark.parametrize("name", DOCTORED)
def test_it_fails_on_a_doctored_history(name: str) -> None:
    with pytest.raises(Violation) as violation:
        DOCTORED[name]()
    assert violation.value.invariant == name, str(violation.value)


def test_who_can_not_tell_where_it_ended_has_to_tell_what_was_heard() -> None:
    h = handed()
    h.reported_played(1, 300)
    passed(quiet(h), 0.05)
    h.reported_end(1, None, failed=True)
    with pytest.raises(Violation, match=r"stream_ended_is_true: .* no progress on control says 300"):
        back(h, [T.stream_ended, 1, None, False, 2])
    back(h, [T.progress, 1, 800, 800, 300, 0, int((h.now - 1_000) * 1e6)], [T.stream_ended, 1, None, False, 2])


def test_what_is_concealed_may_have_been_asked_for_at_the_same_moment() -> None:
    h = with_gap(repair_timeout=0.1)
    h.asked_in_vain()
    late(h, 0.1)
    h.concealed_samples(200)
    back(h, [T.nack, 1, [[200, 400]]])
    with pytest.raises(Violation, match="only_what_is_missing_is_asked_for"):
        back(h, [T.nack, 1, [[200, 401]]])


@pytest.mark.parametrize("lost", [2, 3])
def test_while_the_network_takes_all_the_wait_for_audio_does_not_count(lost: int) -> None:
    h = with_gap(flow=0.2, repair=False, loses_media=False)
    h.asked_in_vain()
    out(h, *[[T.ping, 0]] * lost, lost=True)
    if lost >= BURST:
        late(h, 1.0)
        out(h, [T.ping, 0])  # it takes them no more
    with pytest.raises(Violation, match="audio_comes_through"):
        late(h, 0.5)


def test_a_mark_that_came_just_before_the_cut_may_be_reached_with_it_and_no_other() -> None:
    def reached_with_the_cut(*, before: bool) -> None:
        h = handed()
        h.now += 0.01
        h.gave_mark(1, 0, "m")
        mark = [T.mark, 1, 0, "m"]
        out(h, *([mark] if before else []))
        h.reported_played(1, 100)
        cut(h)
        out(h, *([] if before else [mark]))
        back(h, [T.mark_reached, 1, "m"])

    reached_with_the_cut(before=True)
    with pytest.raises(Violation, match="marks_are_reached_once_and_in_truth"):
        reached_with_the_cut(before=False)


def test_each_invariant_has_a_doctored_history() -> None:
    assert set(DOCTORED) == set(all_names())


def test_a_history_that_was_not_doctored_holds() -> None:
    h = handed()
    h.reported_played(1, 800)
    back(h, [T.progress, 1, 800, 800, 800, 0, 0])
    reported(h)
    ended(h, 800, Cause.PLAYED)
    late(h, 5.0)
    h.hold("settled")
