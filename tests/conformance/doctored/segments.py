"""Of segments, audio, credit, interrupts and reports."""

from __future__ import annotations

from typing import Any

from lipwire.conformance import messages as m

from ..sessions import Session, begun, cut, ended, played
from . import RECEIVER, SENDER, Doctored

BIG = 2**40


def _two(**options: Any) -> Session:
    """Two segments: the first ended."""
    return ended(**options).sender(m.segment_start(2))


def _cut_unheard(*answers: Any) -> Session:
    """A segment that is cut before anything of it was handed out, and the receiver goes on for a while."""
    session = cut(consumed=0).receiver(*answers)
    return session.fence(times=3)


def _marked(features: tuple[str, ...] = ("marks",), *marks: Any, total: int = 480) -> Session:
    return begun(*features, samples=total).sender(*(m.mark(1, position, name) for position, name in marks))


def _resumed(*messages: Any) -> Session:
    """A resumed session with an interrupt that no cut has confirmed."""
    session = begun("resume").sender(m.interrupt(1)).resume(count=1, rows=[(1, 480, 240, None)])
    return session.sender(*messages)


def _interrupted(answered: bool) -> Session:
    session = begun().sender(m.interrupt(1))
    if answered:
        session.receiver(m.cut(1, 1, [(1, 240)]))
    return session.fence(times=3)


PAIRS = [
    Doctored("ids_grow", "LW-SEGMENT-1", SENDER, lambda: played().sender(m.segment_start(1)),
             lambda: played().sender(m.segment_start(2))),
    Doctored("one_after_the_other", "LW-SEGMENT-3", SENDER, lambda: begun().sender(m.segment_start(2)),
             lambda: begun().sender(m.segment_end(1, 480), m.segment_start(2))),
    Doctored("one_after_the_other", "LW-SEGMENT-3", SENDER, lambda: begun().sender(m.segment_start(2)),
             lambda: begun().sender(m.interrupt(1), m.segment_start(2)), "cut"),
    Doctored("nothing_of_what_is_over", "LW-SEGMENT-3", SENDER,
             lambda: begun().receiver(m.stream_ended(1, 0, False, 2)).fence(SENDER).sender(m.audio(1, 480, b"12", 0)),
             lambda: begun().receiver(m.stream_ended(1, 0, False, 2)).sender(m.audio(1, 480, b"12", 0)),
             "which crosses"),
    Doctored("live_segments", "LW-SEGMENT-4", SENDER,
             lambda: Session().sender(*(x for n in range(1, 6) for x in (m.segment_start(n), m.segment_end(n, 0)))),
             lambda: Session().sender(*(x for n in range(1, 5) for x in (m.segment_start(n), m.segment_end(n, 0))))),
    Doctored("total_is_right", "LW-SEGMENT-5", SENDER, lambda: begun().sender(m.segment_end(1, 479)), ended, "too few"),
    Doctored("total_is_right", "LW-SEGMENT-5", SENDER, lambda: ended().sender(m.audio(1, 480, b"12")), ended, "more"),
    Doctored("all_sent_before_the_end", "LW-SEGMENT-5", SENDER, lambda: begun().sender(m.segment_end(1, 481)), ended),
    Doctored("no_gap", "LW-AUDIO-1", SENDER, lambda: begun().sender(m.audio(1, 481, b"12")),
             lambda: begun().sender(m.audio(1, 480, b"12"))),
    Doctored("no_gap", "LW-AUDIO-1", SENDER, lambda: Session().sender(m.segment_start(1), m.audio(1, 1, b"12")),
             lambda: Session("repair").sender(m.segment_start(1), m.audio(1, 1, b"12")), "from the beginning"),
    Doctored("same_samples", "LW-AUDIO-1", SENDER,
             lambda: begun("repair").sender(m.audio(1, 240, m.pcm(240))),
             lambda: begun("repair").sender(m.audio(1, 240, m.pcm(480)[480:]))),
    Doctored("cut_through", "LW-AUDIO-2", SENDER, lambda: _two().sender(m.audio(2, 0, b"12", 1)),
             lambda: _two().sender(m.audio(2, 0, b"12", 0)), "too high"),
    Doctored("cut_through", "LW-AUDIO-2", SENDER,
             lambda: cut().sender(m.segment_start(2), m.audio(2, 0, b"12", 0)),
             lambda: cut().sender(m.segment_start(2), m.audio(2, 0, b"12", 1)), "too low"),
    Doctored("audio_fields", "LW-WIRE-4", SENDER, lambda: Session().sender(m.segment_start(1), m.audio(1, 0, b"123")),
             lambda: Session().sender(m.segment_start(1), m.audio(1, 0, b"12"))),
    Doctored("audio_fields", "LW-WIRE-4", SENDER, lambda: begun().sender(m.interrupt(2, 1)),
             lambda: begun().sender(m.interrupt(1, 1)), "interrupt"),
    Doctored("segment_length", "LW-AUDIO-11", SENDER,
             lambda: Session("repair").sender(m.segment_start(1), m.sent(1, BIG + 1)),
             lambda: begun("repair").sender(m.sent(1, 480)), "", frozenset({"LW-REPAIR-6"})),
    Doctored("within_the_window", "LW-CREDIT-1", SENDER, lambda: begun(samples=4_801), lambda: begun(samples=4_800)),
    Doctored("within_the_window", "LW-CREDIT-1", SENDER,
             lambda: begun(samples=4_800).receiver(m.progress(1, 4_800, 99)).sender(m.audio(1, 4_800, m.pcm(100, 2))),
             lambda: begun(samples=4_800).receiver(m.progress(1, 4_800, 100)).sender(m.audio(1, 4_800, m.pcm(100, 2))),
             "as reported"),
    Doctored("within_the_window", "LW-CREDIT-1", SENDER,
             lambda: begun(samples=4_800).sender(m.segment_end(1, 4_800), m.segment_start(2), m.audio(2, 0, b"12", 0)),
             lambda: begun(samples=4_800).sender(m.interrupt(1), m.segment_start(2), m.audio(2, 0, b"12", 1)),
             "what is cut"),
    Doctored("sent_is_true", "LW-REPAIR-6", SENDER, lambda: begun("repair").sender(m.sent(1, 481)),
             lambda: begun("repair").sender(m.sent(1, 480))),
    Doctored("marks_waiting", "LW-MARK-3", SENDER, lambda: _marked(("marks",), *((480, "m") for _ in range(257))),
             lambda: _marked(("marks",), *((480, "m") for _ in range(256)))),
    Doctored("data_ahead", "LW-DATA-2", SENDER, lambda: begun("data").sender(*(m.data(1, 480, {}) for _ in range(257))),
             lambda: begun("data").sender(*(m.data(1, 480, {}) for _ in range(256)))),
    # -- interrupts
    Doctored("nothing_of_what_is_cut", "LW-INTERRUPT-1", SENDER,
             lambda: begun().sender(m.interrupt(1), m.segment_end(1, 480)),
             lambda: begun().sender(m.segment_end(1, 480), m.interrupt(1))),
    Doctored("nothing_of_what_is_cut", "LW-INTERRUPT-1", SENDER,
             lambda: begun().sender(m.interrupt(1), m.audio(1, 480, b"12")),
             lambda: begun().sender(m.audio(1, 480, b"12"), m.interrupt(1)), "audio"),
    Doctored("each_is_answered", "LW-INTERRUPT-4", RECEIVER, lambda: _interrupted(False), lambda: _interrupted(True)),
    Doctored("each_is_answered", "LW-INTERRUPT-4", RECEIVER, lambda: cut().receiver(m.cut(1, 1, [(1, 240)])),
             lambda: cut().sender(m.interrupt(1)).receiver(m.cut(1, 1, [(1, 240)])), "unasked"),
    Doctored("rows_of_cut", "LW-INTERRUPT-4", RECEIVER, lambda: begun().sender(m.interrupt(1)).receiver(m.cut(1, 1)),
             cut, "not listed"),
    Doctored("rows_of_cut", "LW-INTERRUPT-4", RECEIVER,
             lambda: begun().receiver(m.progress(1, 480)).sender(m.interrupt(1)).receiver(m.cut(1, 1, [(1, 240)])),
             lambda: begun().receiver(m.progress(1, 240)).sender(m.interrupt(1)).receiver(m.cut(1, 1, [(1, 240)])),
             "consumed"),
    Doctored("nothing_more", "LW-INTERRUPT-3", RECEIVER, lambda: cut().receiver(m.progress(1, 480, 241)),
             lambda: cut().receiver(m.progress(1, 480, 240))),
    Doctored("cut_before_its_results", "LW-INTERRUPT-4", RECEIVER,
             lambda: begun().sender(m.interrupt(1)).receiver(m.stream_ended(1, 240, True, 1)),
             lambda: cut().receiver(m.stream_ended(1, 240, True, 1))),
    Doctored("ends_at_once", "LW-INTERRUPT-7", RECEIVER,
             lambda: cut(consumed=0).receiver(m.stream_ended(1, None, True, 1)),
             lambda: cut(consumed=0).receiver(m.stream_ended(1, 0, True, 1))),
    Doctored("ends_at_once", "LW-INTERRUPT-7", RECEIVER, _cut_unheard,
             lambda: _cut_unheard(m.stream_ended(1, 0, True, 1)), "late"),
    Doctored("interrupts_first", "LW-INTERRUPT-10", SENDER, lambda: _resumed(m.ping(1)),
             lambda: _resumed(m.numbered(2, 0, m.interrupt(1)), m.ping(1))),
    # -- reports
    Doctored("positions_agree", "LW-PROGRESS-2", RECEIVER, lambda: begun().receiver(m.progress(1, 481)),
             lambda: begun().receiver(m.progress(1, 480)), "received"),
    Doctored("positions_agree", "LW-PROGRESS-2", RECEIVER, lambda: begun().receiver(m.progress(1, 240, 241)),
             lambda: begun().receiver(m.progress(1, 241, 241)), "consumed"),
    Doctored("positions_agree", "LW-PROGRESS-2", RECEIVER, lambda: begun().receiver(m.progress(1, 240, 240, 241)),
             lambda: begun().receiver(m.progress(1, 240, 240, 240)), "played"),
    Doctored("never_less", "LW-PROGRESS-2", RECEIVER, lambda: begun().receiver(m.progress(1, 240), m.progress(1, 239)),
             lambda: begun().receiver(m.progress(1, 239), m.progress(1, 240))),
    Doctored("never_less", "LW-PROGRESS-2", RECEIVER,
             lambda: begun("repair", webrtc=True).receiver(m.progress(1, 240, clock=1), m.progress(1, 239, clock=2)),
             lambda: begun("repair", webrtc=True).receiver(m.progress(1, 240, clock=2), m.progress(1, 239, clock=1)),
             "which media has reordered"),
    Doctored("started_once", "LW-STREAM-1", RECEIVER,
             lambda: begun().receiver(m.stream_started(1), m.stream_started(1)),
             lambda: begun().receiver(m.stream_started(1))),
    Doctored("started_once", "LW-STREAM-1", RECEIVER,
             lambda: ended().receiver(m.stream_ended(1, 480), m.stream_started(1)),
             lambda: ended().receiver(m.stream_started(1), m.stream_ended(1, 480)), "after the end"),
    Doctored("ended_once", "LW-STREAM-2", RECEIVER, lambda: played().receiver(m.stream_ended(1, 480)), played),
    Doctored("ended_once", "LW-STREAM-2", RECEIVER, lambda: Session().receiver(m.stream_ended(1, 0, True, 1)),
             lambda: begun().sender(m.interrupt(1)).receiver(m.cut(1, 1, [(1, 0)]), m.stream_ended(1, 0, True, 1)),
             "never started", frozenset({"LW-STREAM-4"})),
    Doctored("position_of_the_end", "LW-STREAM-3", RECEIVER, lambda: ended().receiver(m.stream_ended(1, 479)),
             lambda: ended().receiver(m.stream_ended(1, 480)), "total"),
    Doctored("position_of_the_end", "LW-STREAM-3", RECEIVER, lambda: cut().receiver(m.stream_ended(1, 241, True, 1)),
             lambda: cut().receiver(m.stream_ended(1, 240, True, 1)), "consumed"),
    Doctored("interrupted_is_true", "LW-STREAM-4", RECEIVER, lambda: ended().receiver(m.stream_ended(1, 9, True, 1)),
             lambda: ended().receiver(m.stream_ended(1, 9, False, 2))),
    Doctored("cause_agrees", "LW-STREAM-4", RECEIVER, lambda: cut().receiver(m.stream_ended(1, 9, False, 1)),
             lambda: cut().receiver(m.stream_ended(1, 9, True, 1))),
    Doctored("marks_that_were_set", "LW-MARK-1", RECEIVER,
             lambda: _marked(("marks",), (9, "a")).receiver(m.mark_reached(1, "b")),
             lambda: _marked(("marks",), (9, "a")).receiver(m.mark_reached(1, "a"))),
    Doctored("all_marks_in_the_end", "LW-MARK-1", RECEIVER,
             lambda: _marked(("marks",), (9, "a")).sender(m.segment_end(1, 480)).receiver(m.stream_ended(1, 480)),
             lambda: _marked(("marks",), (9, "a")).sender(m.segment_end(1, 480))
             .receiver(m.mark_reached(1, "a"), m.stream_ended(1, 480))),
    Doctored("no_marks_of_what_is_cut", "LW-MARK-2", RECEIVER,
             lambda: _marked(("marks",), (241, "a")).sender(m.interrupt(1))
             .receiver(m.cut(1, 1, [(1, 240)]), m.mark_reached(1, "a")),
             lambda: _marked(("marks",), (240, "a")).sender(m.interrupt(1))
             .receiver(m.cut(1, 1, [(1, 240)]), m.mark_reached(1, "a"))),
    Doctored("missing_was_sent", "LW-REPAIR-1", RECEIVER, lambda: begun("repair").receiver(m.nack(1, (0, 481))),
             lambda: begun("repair").receiver(m.nack(1, (0, 480)))),
]  # fmt: skip
