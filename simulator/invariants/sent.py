"""What the two sides send is true, allowed, and sent once."""

from __future__ import annotations

from lipwire.protocol.messages import EndCause

from ..history import History
from ..promises import invariant
from ..samples import pcm as spoken
from ..truth import Numbers, Raw, Segment
from .waits import is_given_up

# -- what the sender sends ---------------------------------------------------------------------------------


@invariant("audio_sent")
def only_what_was_written_is_sent(h: History, number: int, position: int, _: int, pcm: bytes) -> str | None:
    """LW-AUDIO-1, LW-INTERRUPT-1: the samples of each position, without a hole, and none of a cut segment."""
    segment = h.segments[number]
    end = position + len(pcm) // h.terms.frame
    if not segment.live:
        return f"audio of segment {number}, which is cut or over"
    if not segment.started:
        return f"audio of segment {number} before its start"
    if not position < end <= segment.written:
        return f"segment {number} [{position}, {end}), and {segment.written} samples were written"
    if position > segment.sent:
        return f"segment {number} goes on at {position}, and was sent up to {segment.sent}"
    if pcm != spoken(number, position, end - position, h.terms.frame):
        return f"segment {number} [{position}, {end}) is not what was written"
    return None


@invariant("audio_sent")
def cut_through_is_true(h: History, number: int, _: int, cut_through: int, __: bytes) -> str | None:
    """LW-AUDIO-2: every segment up to cut_through is cut or over, and the one after it is not."""
    if cut_through >= number:
        return f"cut_through {cut_through} in audio of segment {number}"
    live = next((s.number for s in h.in_turn() if s.live), number)
    given_up = live == h.oldest and cut_through >= live and is_given_up(h)
    if cut_through != live - 1 and not given_up:
        return f"cut_through {cut_through}, and segment {live} is the first that is live"
    return None


@invariant("audio_sent")
def credit_is_kept(h: History, number: int, position: int, cut_through: int, pcm: bytes) -> str | None:
    """LW-CREDIT-1, LW-CREDIT-2, by what has come back to the sender."""
    used = 0
    for segment in h.in_turn():
        if not segment.started or segment.told_end is not None or segment.result is not None:
            continue
        if segment.number <= cut_through or (segment.cut_cause is not None and segment.told_cut):
            continue
        sent = segment.sent
        if segment.number == number:
            sent = max(sent, position + len(pcm) // h.terms.frame)
        used += sent - segment.told_consumed
    return f"{used} samples of a window of {h.terms.window}" if used > h.terms.window else None


@invariant("start_sent")
def segments_start_in_order(h: History, raw: Raw) -> str | None:
    """LW-SEGMENT-1, 3, 4: ids grow, one after the other, no more than are allowed, with their metadata."""
    segment = h.segments.get(raw[1])
    if segment is None or segment.started:
        return f"segment {raw[1]} is started, and was not to be"
    if not segment.live:
        return f"segment {raw[1]} is started, and is cut or over"
    if any(s.started for n, s in h.segments.items() if n > raw[1]):
        return f"segment {raw[1]} is started after a later one"
    before = [s for s in h.in_turn() if s.number < raw[1]]
    if any(s.live and not s.ended and not (s.number == h.oldest and is_given_up(h)) for s in before):
        return f"segment {raw[1]} is started before an earlier one has ended"
    if h.on_wire >= h.terms.segments:
        return f"segment {raw[1]} is one more than {h.terms.segments} live ones"
    metadata = raw[2] if len(raw) > 2 and raw[2] is not None else {}
    return None if metadata == segment.metadata else f"segment {raw[1]} has metadata {metadata}"


@invariant("end_sent")
def a_segment_ends_where_it_was_written_to(h: History, raw: Raw) -> str | None:
    """LW-SEGMENT-5."""
    segment = h.segments[raw[1]]
    if not segment.live or segment.ended or not segment.finished:
        return f"the end of segment {raw[1]}, which was not to be"
    if raw[2] != segment.written or segment.sent < raw[2]:
        return f"segment {raw[1]} ends at {raw[2]}; written {segment.written}, sent {segment.sent}"
    return None


@invariant("sent_sent")
def sent_is_true(h: History, raw: Raw) -> str | None:
    """LW-REPAIR-6."""
    segment = h.segments[raw[1]]
    if not segment.live or segment.ended:
        return f"sent of segment {raw[1]}, which is cut, over or ended"
    return None if raw[2] == segment.sent else f"sent {raw[2]} of segment {raw[1]}, in truth {segment.sent}"


@invariant("interrupt_sent")
def only_what_was_interrupted_is_cut(h: History, raw: Raw) -> str | None:
    """LW-INTERRUPT-1, LW-INTERRUPT-11: a segment that its agent has not cut is not within an interrupt."""
    for number in range(raw[1], raw[2] + 1):
        segment = h.segments.get(number)
        if segment is None:
            return f"an interrupt of segment {number}, which was never opened"
        if segment.live and not (raw[1] == raw[2] == h.oldest and is_given_up(h)):
            return f"an interrupt of segment {number}, which is live"
    return None


@invariant("resumed")
def interrupts_are_sent_again_after_a_resume(h: History) -> str | None:
    """LW-INTERRUPT-10."""
    for pending in h.pending:
        if pending.wire and pending.sent_at != h.now:
            return f"the session is resumed, and the interrupt of {pending.wire} is not sent again"
    return None


@invariant("of_segment_sent")
def marks_and_data_follow_the_start(h: History, raw: Raw) -> str | None:
    """LW-SEGMENT-8: marks and data come behind the start; those that waited for a transport may come behind a cut."""
    segment = h.segments[raw[1]]
    return None if segment.started else f"{raw!r:.60}: segment {raw[1]} is not live on the wire"


@invariant("number_sent")
def numbers_are_given_once(h: History, number: int, inner: Raw, mine: Numbers) -> str | None:  # noqa: ARG001
    """LW-CONTROL-1: one after the other, and each message keeps its own."""
    if number > mine.sent + 1:
        return f"number {number} after {mine.sent}"
    if number in mine.kept and mine.kept[number] != inner:
        return f"number {number} was {mine.kept[number]!r:.60}, and is {inner!r:.60}"
    return None


@invariant("taken_said")
def what_was_taken_is_acknowledged_truly(h: History, taken: int, theirs: Numbers) -> str | None:  # noqa: ARG001
    """LW-CONTROL-2, LW-CONTROL-3: as many as were taken, in order."""
    return None if taken == theirs.taken else f"{taken} are said to be taken, in truth {theirs.taken}"


# -- what the receiver sends -------------------------------------------------------------------------------


@invariant("progress_sent")
def progress_is_true(h: History, raw: Raw) -> str | None:
    """LW-PROGRESS-2, LW-PROGRESS-3: what arrived without a gap, what was handed out, what was said to be heard."""
    _, number, received, consumed, played, *_ = raw
    segment = h.segments[number]
    if not segment.start_came:
        return f"progress of segment {number} before its start"
    if segment.end_said is not None:
        return f"progress of segment {number}, which is over"
    highest = raw[7] if len(raw) > 7 else None
    known = segment.cut_at is None and not segment.may_lack and (h.now, received) != segment.before_silence
    if known and (highest or received) != max(segment.came.end, received):
        return f"segment {number} is said to have arrived up to {highest or received}, in truth {segment.came.end}"
    if known and segment.came.end and not segment.silence and abs(raw[6] / 1e6 - (h.now - segment.grew_at)) > 1e-3:
        return f"segment {number} last grew {h.now - segment.grew_at:.3f} s ago, and {raw[6]} us are told"
    return _positions(h, segment, received, consumed, played)


def _positions(h: History, segment: Segment, received: int, consumed: int, played: int | None) -> str | None:
    if segment.cut_at is None and consumed != segment.handed:
        return f"segment {segment.number} is said to be consumed to {consumed}, in truth {segment.handed}"
    if played != segment.heard:
        return f"segment {segment.number} is said to be played to {played}, the consumer said {segment.heard}"
    if segment.cut_at is not None or segment.may_lack:
        return None
    if received != segment.received and (h.now, received) != segment.before_silence:
        return f"segment {segment.number} is said to be received to {received}, in truth {segment.received}"
    return None


@invariant("welcome_sent")
def the_state_in_welcome_is_true(h: History, raw: Raw) -> str | None:
    """LW-RESUME-3, LW-RESUME-9: what is live, and how it stands."""
    state = raw[8] if len(raw) > 8 else None
    if state is None:
        return None
    if state[0] != h.out.taken:
        return f"{state[0]} are said to be taken, in truth {h.out.taken}"
    live = {s.number for s in h.segments.values() if s.start_came and not s.over}
    if live != {row[0] for row in state[1]}:
        return f"segments {sorted(row[0] for row in state[1])} are said to live, in truth {sorted(live)}"
    for number, received, consumed, played in state[1]:
        problem = _positions(h, h.segments[number], received, consumed, played)
        if problem:
            return problem
    return None


@invariant("cut_sent")
def a_cut_tells_what_was_handed_out(h: History, raw: Raw) -> str | None:
    """LW-INTERRUPT-4."""
    for number, consumed in raw[3]:
        segment = h.segments.get(number)
        if segment is None or not raw[1] <= number <= raw[2] or segment.cut_at is None:
            return f"a cut of {raw[1]} to {raw[2]} lists segment {number}"
        if consumed != segment.handed:
            return f"segment {number} is said to be consumed to {consumed}, in truth {segment.handed}"
    return None


@invariant("stream_started_sent")
def stream_started_is_true(h: History, raw: Raw) -> str | None:
    """LW-STREAM-1."""
    segment = h.segments[raw[1]]
    if segment.stream_started or segment.end_said is not None or not segment.handed:
        return f"stream_started of segment {raw[1]}: again, late, or without a sample"
    return None


@invariant("stream_ended_sent")
def stream_ended_is_true(h: History, raw: Raw) -> str | None:
    """LW-STREAM-2, 3, 4 and LW-INTERRUPT-7: once, and as the consumer said."""
    _, number, position, interrupted, cause = raw
    segment = h.segments[number]
    if segment.end_said is not None:
        return f"stream_ended of segment {number} for the second time"
    if not segment.start_came:
        return f"stream_ended of segment {number} before its start"
    expected: tuple[int | None, bool, int]
    if segment.report is not None:
        heard, failed = segment.report
        heard = None if heard is None else max(heard, segment.heard or 0)
        whole = heard == segment.total and heard is not None and not failed
        cut = segment.cut_at is not None
        why = EndCause.PLAYED if whole else EndCause.INTERRUPTED if cut and not failed else EndCause.FAILED
        expected = (heard, cut and not whole, int(why))
    elif segment.cut_at is None:
        return f"stream_ended of segment {number}, which nobody has reported or cut"
    elif segment.with_consumer:
        if not segment.over:
            return f"stream_ended of segment {number}, whose consumer still has time to report"
        expected = (segment.heard, True, int(EndCause.INTERRUPTED))
    else:
        expected = (0, True, int(EndCause.INTERRUPTED))
    here = h.receiver.open and h.receiver.since < h.now
    if position is None and segment.heard is not None and here and segment.said_for_end != (h.now, segment.heard):
        return f"stream_ended of segment {number} without a position, and no progress on control says {segment.heard}"
    if (position, interrupted, cause) != expected:
        return f"stream_ended of segment {number} says {(position, interrupted, cause)}, in truth {expected}"
    return None


@invariant("mark_reached_sent")
def marks_are_reached_once_and_in_truth(h: History, raw: Raw) -> str | None:
    """LW-MARK-1, LW-MARK-2."""
    _, number, name = raw
    segment = h.segments[number]
    if name not in segment.marks:
        return f"mark {name} of segment {number} was never set"
    if name in segment.marks_reached:
        return f"mark {name} of segment {number} is reached again"
    if segment.end_said is not None:
        return f"mark {name} of segment {number} is reached after its stream_ended"
    # What waited for a transport may be said behind the cut, as may marks that came, or whose end came, just before it.
    with_cut = segment.cut_at == h.now and (segment.heard == segment.total or name in segment.marks_came)
    if segment.cut_at is not None and h.receiver.since < segment.cut_at and not with_cut:
        return f"mark {name} of segment {number} is reached after its cut"
    reported = segment.report[0] if segment.report else None
    heard = max(segment.heard or 0, reported or 0)
    if heard < segment.marks[name] and heard != segment.total:
        return f"mark {name} at {segment.marks[name]} of segment {number}, heard up to {heard}"
    return None


@invariant("nack_sent")
def only_what_is_missing_is_asked_for(h: History, raw: Raw) -> str | None:
    """LW-REPAIR-1, LW-REPAIR-2, LW-FEATURE-2."""
    if not h.terms.repair:
        return "a nack, and repair is not in use"
    segment = h.segments[raw[1]]
    if not segment.start_came or segment.cut_at is not None or segment.over:
        return f"a nack of segment {raw[1]}, which is not being received"
    # What is concealed at this moment may have been asked for just before.
    came = segment.came_before_silence if segment.before_silence[0] == h.now else segment.came
    for first, end in raw[2]:
        if end > segment.known:
            return f"samples up to {end} of segment {raw[1]}, which was sent up to {segment.known}"
        if came.touches(first, end) and not segment.may_lack:
            return f"[{first}, {end}) of segment {raw[1]} is asked for, and some of it has arrived"
    return None
