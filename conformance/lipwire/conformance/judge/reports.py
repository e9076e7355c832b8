"""Rules for what a receiver reports: progress, streams, marks, what is missing (SPEC §9, §11, §12, §13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..trace import Entry
from .ledger import Ledger, Segment
from .rule import Look, rule


def _told(ledger: Ledger, entry: Entry) -> tuple[Segment, Any]:
    """The segment that a report is about, and what it says."""
    return ledger.known(entry.message.segment), entry.message


@rule(
    "LW-PROGRESS-2",
    "received MUST be the position before which no sample is missing, consumed at most received, "
    "and played at most consumed",
    of="progress",
)
def positions_agree(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    yield segment.start is not None, f"a progress of segment {segment.id}, which was never started"
    # What was concealed counts as received, up to where audio is known to have been sent.
    there = segment.reach if "repair" in ledger.features else segment.sent.contiguous
    yield told.received <= there, f"received {told.received}, and {there} samples were sent"
    yield told.consumed <= told.received, f"consumed {told.consumed} of {told.received} received"
    yield (told.played or 0) <= told.consumed, f"played {told.played} of {told.consumed} consumed"
    if told.highest is not None:
        yield told.highest <= segment.sent.highest, f"highest {told.highest} of {segment.sent.highest} sent"


@rule("LW-PROGRESS-2", "None of them MUST ever decrease.", of="progress")
def never_less(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    before = segment.latest
    # Where media may reorder, the receiver's clock tells which report is the later one.
    if before is not None and (ledger.link_of(entry).one_channel or told.clock > before.clock):
        for name in ("received", "consumed", "played"):
            was, now = getattr(before, name), getattr(told, name)
            if was is not None and now is not None:
                yield now >= was, f"segment {segment.id}: {name} {now} after {was}"


@rule(
    "LW-STREAM-1",
    "A receiver MUST send stream_started when its consumer reports that the first sample of a segment "
    "is heard, at most once a segment and never after its stream_ended.",
    of="stream_started",
)
def started_once(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, _ = _told(ledger, entry)
    yield segment.start is not None, f"stream_started of segment {segment.id}, which was never started"
    yield segment.reach > 0, f"stream_started of segment {segment.id}, and no sample of it was sent"
    yield segment.started is None, f"stream_started of segment {segment.id} again"
    yield segment.over is None, f"stream_started of segment {segment.id} after its stream_ended"


@rule(
    "LW-STREAM-2",
    "A receiver MUST send exactly one stream_ended for each segment_start that it takes",
    of="stream_ended",
)
def ended_once(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, _ = _told(ledger, entry)
    yield segment.start is not None, f"stream_ended of segment {segment.id}, which was never started"
    yield segment.over is None, f"stream_ended of segment {segment.id} again"


@rule(
    "LW-STREAM-3",
    "The position in stream_ended MUST be at most consumed, and the total for a segment played to its end.",
    of="stream_ended",
)
def position_of_the_end(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    if told.position is not None:
        most = segment.reach if segment.cut_at is None else segment.cut_at
        yield told.position <= most, f"segment {segment.id} ended at {told.position}; consumed at most {most}"
    if told.cause == 0:
        yield told.position == segment.total, f"played to its end, at {told.position}; its total is {segment.total}"


@rule(
    "LW-STREAM-4",
    "interrupted MUST be true when the segment was cut before its end was heard, and false otherwise.",
    of="stream_ended",
)
def interrupted_is_true(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    if told.interrupted:
        yield ledger.may_be_cut(segment.id), f"segment {segment.id} ended as interrupted, and was not cut"


@rule(
    "LW-STREAM-4",
    "The cause is 0 when it was heard to its end (a cut that came too late notwithstanding), 2 when "
    "the consumer failed or gave up without a cut, and 1 otherwise.",
    of="stream_ended",
)
def cause_agrees(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    _, told = _told(ledger, entry)
    # One that failed over a cut may be called either.
    if told.cause in (0, 1, 2):
        right = told.cause == 2 or told.interrupted == (told.cause == 1)
        yield right, f"interrupted {told.interrupted}, cause {told.cause}"


@rule(
    "LW-MARK-1",
    "A receiver MUST send mark_reached once when the played position of the segment reaches the mark's position",
    of="mark_reached",
)
def marks_that_were_set(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    named = [position for _, position, name in segment.marks if name == told.name]
    more = len(named) > segment.reached[told.name]
    yield more, f"mark_reached {told.name!r}: {len(named)} were set, {segment.reached[told.name]} reached before"
    if more and segment.total is None:
        yield min(named) <= segment.reach, f"mark_reached at {min(named)}, and {segment.reach} samples were sent"


@rule(
    "LW-MARK-1",
    "for marks not reached before when stream_ended says that the segment was played to its end",
    of="stream_ended",
)
def all_marks_in_the_end(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    if told.cause == 0 and segment.end is not None and segment.marks:
        # It has the total, so it has every mark that was sent before.
        due = Counter(name for index, _, name in segment.marks if index < segment.end.index)
        left_out = due - segment.reached
        yield not left_out, f"segment {segment.id} was played to its end without {sorted(left_out)}"


@rule(
    "LW-MARK-2",
    "A receiver MUST NOT send mark_reached for a mark that was not reached when its segment was cut, "
    "nor after the segment's stream_ended.",
    of="mark_reached",
)
def no_marks_of_what_is_cut(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    yield segment.over is None, f"mark_reached {told.name!r} after stream_ended of segment {segment.id}"
    if segment.cut_at is not None:
        places = [position for _, position, name in segment.marks if name == told.name]
        total = segment.cut_at + 1 if segment.total is None else segment.total
        reachable = [place for place in places if min(place, total) <= segment.cut_at]
        yield not places or bool(reachable), f"mark_reached {told.name!r} beyond {segment.cut_at}, the cut"


@rule(
    "LW-REPAIR-1",
    "A receiver MUST take as missing every sample of a live segment below the highest position that it "
    "knows to have been sent (from audio, sent, or segment_end) and that has not arrived.",
    of="nack",
)
def missing_was_sent(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, told = _told(ledger, entry)
    yield segment.start is not None, f"a nack of segment {segment.id}, which was never started"
    end = told.missing[-1][1]
    yield end <= segment.reach, f"a nack up to {end}, and no more than {segment.reach} was sent or named"
    if ledger.link_of(entry).ordered(entry):
        first = told.missing[0][0]
        yield first >= segment.received, f"a nack from {first}, and {segment.received} was reported as received"
