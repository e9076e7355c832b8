"""What is promised, as small functions: each holds one fact against what is known, and gives what is wrong, or None.

Their names are what a report shows. They come in the order of the facts: what is sent, what is handed out, what is
told, and what has to have happened by some time.
"""

from __future__ import annotations

from typing import Final

from lipwire.protocol import items
from lipwire.protocol.errors import Close, CloseCode
from lipwire.protocol.events import Cause, StreamEnded
from lipwire.protocol.messages import EndCause

from .history import History
from .promises import INVARIANTS, invariant
from .ranges import Ranges
from .samples import pcm as spoken
from .truth import Numbers, Peer, Raw, Segment

LATE: Final = 0.06
"""Seconds by which a look at the clock may come late."""

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
    if pcm != spoken(number, position, end - position):
        return f"segment {number} [{position}, {end}) is not what was written"
    return None


@invariant("audio_sent")
def cut_through_is_true(h: History, number: int, _: int, cut_through: int, __: bytes) -> str | None:
    """LW-AUDIO-2: every segment up to cut_through is cut or over, and the one after it is not."""
    if cut_through >= number:
        return f"cut_through {cut_through} in audio of segment {number}"
    live = next((s.number for s in h.in_turn() if s.live), number)
    given_up = live == h.oldest and cut_through >= live and _is_given_up(h)
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
    if any(s.live and not s.ended and not (s.number == h.oldest and _is_given_up(h)) for s in before):
        return f"segment {raw[1]} is started before an earlier one has ended"
    if sum(s.started and s.told_end is None for s in before) >= h.terms.segments:
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
        if segment.live and not (raw[1] == raw[2] == h.oldest and _is_given_up(h)):
            return f"an interrupt of segment {number}, which is live"
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
    reported = segment.report[0] if segment.report else None
    heard = max(segment.heard or 0, reported or 0)
    if heard < segment.marks[name] and heard != segment.total:
        return f"mark {name} at {segment.marks[name]} of segment {number}, heard up to {heard}"
    return None


@invariant("nack_sent")
def only_what_is_missing_is_asked_for(h: History, raw: Raw) -> str | None:
    """LW-REPAIR-1, LW-REPAIR-2."""
    segment = h.segments[raw[1]]
    if not segment.start_came or segment.cut_at is not None or segment.over:
        return f"a nack of segment {raw[1]}, which is not being received"
    for first, end in raw[2]:
        if end > segment.known:
            return f"samples up to {end} of segment {raw[1]}, which was sent up to {segment.known}"
        if segment.came.touches(first, end) and not segment.may_lack:
            return f"[{first}, {end}) of segment {raw[1]} is asked for, and some of it has arrived"
    return None


# -- what the consumer gets --------------------------------------------------------------------------------


def _of_segment(h: History, item: items.Item) -> Segment | None:
    number = getattr(item, "segment", None)
    return None if number is None else h.segments.get(number)


@invariant("item")
def delivered_audio_is_bit_exact(h: History, item: items.Item) -> str | None:
    """LW-AUDIO-1, LW-AUDIO-6: what was written at that position, or silence that says so."""
    if not isinstance(item, items.Audio):
        return None
    samples = len(item.pcm) // h.terms.frame
    if not samples:
        return f"audio of segment {item.segment} without samples"
    right = bytes(len(item.pcm)) if item.concealed else spoken(item.segment, item.position, samples)
    return None if item.pcm == right else f"segment {item.segment} [{item.position}, {item.end}) is altered"


@invariant("item")
def no_sample_is_lost_or_doubled(h: History, item: items.Item) -> str | None:
    """LW-SEGMENT-6, LW-AUDIO-7: each segment's start, samples and end once, in their order."""
    segment = _of_segment(h, item)
    if segment is None:
        return None
    number = segment.number
    if isinstance(item, items.SegmentStart):
        if segment.announced or any(s.announced for n, s in h.segments.items() if n > number):
            return f"segment {number} begins again, or after a later one"
        if dict(item.metadata) != segment.metadata:
            return f"segment {number} comes with metadata {item.metadata!r:.60}"
    if isinstance(item, (items.Mark, items.Data)):
        return None
    head = h.head()
    if head is not segment:
        return f"{type(item).__name__} of segment {number}, and {head.number if head else 'none'} is next"
    if not segment.start_came or (segment.announced is isinstance(item, items.SegmentStart)):
        return f"{type(item).__name__} of segment {number} out of its order"
    if isinstance(item, items.Audio) and item.position != segment.handed:
        return f"segment {number} goes on at {item.position}, and was handed out up to {segment.handed}"
    if isinstance(item, items.SegmentEnd) and not item.total == segment.handed == segment.total == segment.written:
        return f"segment {number} ends at {item.total}: handed out {segment.handed}, written {segment.written}"
    return None


@invariant("item")
def only_what_has_arrived_is_handed_out(h: History, item: items.Item) -> str | None:
    """Samples that have not come through can not be there."""
    segment = _of_segment(h, item)
    if segment is None or not isinstance(item, items.Audio) or item.concealed:
        return None
    return None if segment.came.holds(item.position, item.end) else f"{item!r:.40}: it has not come through"


@invariant("item")
def nothing_of_a_cut_segment(h: History, item: items.Item) -> str | None:
    """LW-INTERRUPT-3, LW-AUDIO-3, LW-AUDIO-5: after its cut came through, nothing of a segment is handed out."""
    segment = _of_segment(h, item)
    if segment is None:
        return None
    if segment.cut_at is not None:
        return f"{type(item).__name__} of segment {segment.number}, {h.now - segment.cut_at:.3f} s after its cut"
    if segment.over:
        return f"{type(item).__name__} of segment {segment.number}, which is over"
    return None


@invariant("item")
def nothing_is_handed_out_in_a_pause(h: History, item: items.Item) -> str | None:
    """LW-PAUSE-1."""
    if isinstance(item, (items.Interrupted, items.Paused, items.Unpaused)):
        return None
    return f"{type(item).__name__} in a pause" if h.paused_there else None


@invariant("item")
def nothing_is_handed_out_before_the_reset(h: History, item: items.Item) -> str | None:
    """LW-COOLDOWN-1: later segments wait until the consumer has reset, or the cooldown is over."""
    if isinstance(item, (items.Interrupted, items.Paused, items.Unpaused)):
        return None
    if h.resetting and h.now < h.cooldown_until:
        return f"{type(item).__name__}, and segments {sorted(h.resetting)} were not reported"
    return None


@invariant("concealed")
def concealed_only_what_never_arrived(h: History, count: int) -> str | None:
    """LW-REPAIR-7: silence only where every transmission was lost until the deadline, up to the next that arrived."""
    segment = h.head()
    if segment is None:
        return f"{count} samples are concealed, and no segment is being handed out"
    first, end = segment.came.gap(segment.known)
    if end - first == count or segment.may_lack:
        return None
    return f"{count} samples of segment {segment.number} are concealed, and [{first}, {end}) is what is missing"


@invariant("concealed")
def concealed_only_after_the_time_for_repair(h: History, count: int) -> str | None:
    """LW-REPAIR-7: the consumer has waited for the sample so long, and the session was open."""
    if not h.receiver.open or h.asked_at is None or h.paused_there or h.now < h.cooldown_until:
        return f"{count} samples are concealed, and nobody may wait for them"
    waited = h.now - max(h.asked_at, h.receiver.since, h.held_back_until)
    return f"{count} samples are concealed after {waited:.3f} s" if waited < h.terms.repair_timeout - 1e-6 else None


@invariant("item")
def silence_says_that_it_is(h: History, item: items.Item) -> str | None:
    """LW-REPAIR-7, LW-REPAIR-8: what was concealed is handed out as that, and nothing else is."""
    segment = _of_segment(h, item)
    if segment is None or not isinstance(item, items.Audio):
        return None
    if item.concealed and not segment.silence.holds(item.position, item.end):
        return f"silence in [{item.position}, {item.end}) of segment {segment.number}, which was not concealed"
    if not item.concealed and segment.silence.touches(item.position, item.end):
        return f"[{item.position}, {item.end}) of segment {segment.number} was concealed, and comes all the same"
    return None


@invariant("item")
def marks_and_data_come_once_in_their_place(h: History, item: items.Item) -> str | None:
    """LW-DATA-1: before the sample at their position, at once when that is past, before the end."""
    segment = _of_segment(h, item)
    if segment is None:
        return None
    if isinstance(item, items.Mark):
        if segment.marks.get(item.name) != item.position or item.name in segment.marks_handed:
            return f"{item}: again, or not as it was set"
    elif isinstance(item, items.Data):
        serial = item.content.get("n", -1)
        if segment.data.get(serial) != item.position or serial in segment.data_handed:
            return f"{item}: again, or not as it was given"
    else:
        return None
    early = item.position > segment.handed and segment.handed != segment.total
    return f"{item} comes when {segment.handed} samples were handed out" if early else None


@invariant("reset")
def the_consumer_is_told_of_what_it_has(h: History, reset: items.Interrupted) -> str | None:
    """LW-INTERRUPT-3, LW-CLOSE-3: the segments that were cut and handed out, and how far."""
    for number, consumed in zip(reset.segments, reset.consumed, strict=True):
        segment = h.segments.get(number)
        if segment is None or consumed != segment.handed or (segment.over and segment.cut_at != h.now):
            return f"{reset}: segment {number} was not with the consumer, or not so far"
        if not reset.by_close and segment.cut_at != h.now:
            return f"{reset}: segment {number} was not cut now"
    return None


@invariant("pause")
def a_pause_is_told_as_it_comes(h: History, paused: bool) -> str | None:
    """LW-PAUSE-1."""
    return None if ("pause told", paused) in h.at_once else f"pause {paused} is told, and has not come"


# -- what the agent is told --------------------------------------------------------------------------------


@invariant("interrupted")
def an_interrupt_cuts_what_is_live(h: History, targets: list[int], last: int | None) -> str | None:  # noqa: ARG001
    """LW-INTERRUPT-1."""
    expected = targets[-1] if targets else None
    return None if last == expected else f"{targets} were live, and {last} is said to be the last that is cut"


@invariant("result")
def each_segment_ends_once_in_order(h: History, event: StreamEnded) -> str | None:
    """LW-STREAM-5, LW-STREAM-7."""
    segment = h.segments.get(event.segment)
    if segment is None or segment.result is not None:
        return f"segment {event.segment} ends, and was never opened or has ended"
    return None if event.segment == h.oldest else f"segment {event.segment} ends before segment {h.oldest}"


@invariant("result")
def the_position_is_that_truly_reached(h: History, event: StreamEnded) -> str | None:
    """LW-STREAM-3, LW-STREAM-8: as the consumer reported it; a lower bound where no report has come."""
    segment = h.segments[event.segment]
    truth = max(segment.heard or 0, (segment.report[0] or 0) if segment.report else 0)
    if event.exact and event.position != truth:
        return f"segment {event.segment} was heard up to {truth}, and {event.position} is told"
    if not event.exact and event.position > truth:
        return f"segment {event.segment} was heard up to {truth}, and at least {event.position} is told"
    known = segment.told_end is not None and segment.told_end[2] is not None
    if known and not event.exact:
        return f"segment {event.segment}: the report has come, and is not told"
    if event.exact and not known and segment.started:
        return f"segment {event.segment}: no report has come, and {event.position} is told as exact"
    return None


@invariant("result")
def the_cause_is_the_true_one(h: History, event: StreamEnded) -> str | None:
    """LW-STREAM-4, LW-STREAM-7, LW-INTERRUPT-9, LW-CLOSE-4."""
    segment = h.segments[event.segment]
    cause, came = event.cause, segment.told_end
    expected: tuple[Cause, ...]
    if came is not None:
        wire = {int(EndCause.PLAYED): Cause.PLAYED, int(EndCause.INTERRUPTED): Cause.INTERRUPTED}
        expected = (wire.get(came[4], Cause.FAILED),)
        if expected == (Cause.INTERRUPTED,) and segment.cut_cause is not None:
            expected = (segment.cut_cause,)
        if event.interrupted is not came[3]:
            return f"segment {event.segment}: interrupted {event.interrupted} is told, {came[3]} was reported"
    elif segment.cut_cause is not None:
        expected = (segment.cut_cause,)
        if segment.started and h.sender.closed is None and not _is_given_up(h):
            return f"segment {event.segment} is said to be over before the receiver has said so, or the time was over"
    elif h.sender.closed is not None:
        expected = tuple(one for one in Cause if one not in _CAUSES_OF_REPORTS)
    else:
        expected = (Cause.NO_REPORT,)
        if not _is_given_up(h):
            return f"segment {event.segment} is given up after {h.stood:.3f} s"
    return None if cause in expected else f"segment {event.segment}: {cause} is told, in truth {expected}"


_CAUSES_OF_REPORTS: Final = (Cause.PLAYED, Cause.FAILED, Cause.NO_REPORT, Cause.INTERRUPTED, Cause.CANCELLED)


@invariant("confirmed")
def interrupts_are_confirmed_once_and_in_truth(h: History, first: int, last: int) -> str | None:
    """LW-INTERRUPT-12: when a cut has come that covers it, or all that it named is over."""
    for pending in h.pending:
        if (pending.wire or (pending.first, pending.last)) == (first, last):
            over = all(h.segments[n].result or h.segments[n].told_end or not h.segments[n].started
                       for n in pending.targets)  # fmt: skip
            if pending.cut_came or pending.wire is None or over or h.sender.closed:
                return None
            return f"the interrupt of {first} to {last} is confirmed, and no cut has come"
    return f"the interrupt of {first} to {last} is confirmed twice, or was never sent"


@invariant("custom")
def custom_messages_come_once_and_in_order(h: History, way: str, serial: int) -> str | None:
    """LW-CONTROL-2."""
    given, told = h.customs[way], h.customs_told[way]
    if told < len(given) and given[told] == serial:
        return None
    return f"custom message {serial} comes, and it is the turn of {given[told : told + 1]}"


@invariant("stream_started", "mark")
def what_is_told_of_playback_is_told_once(h: History, number: int, name: str | None = None) -> str | None:
    """LW-STREAM-1, LW-MARK-1."""
    segment = h.segments[number]
    duty = ("stream started", number) if name is None else ("mark", (number, name))
    again = segment.told_stream_started if name is None else name in segment.marks_told
    if duty not in h.at_once or again:
        return f"{duty} is told twice, or is not so"
    return None


@invariant("closed")
def nobody_closes_without_a_reason(h: History, peer: Peer, close: Close) -> str | None:
    """A correct peer breaks no rule: a session ends because somebody closed it, or was gone for too long."""
    who = "sender" if peer is h.sender else "receiver"
    if close.code in peer.may_close:
        return None
    if close.code is CloseCode.PEER_GONE and close.by_peer is None:
        patience = h.terms.resume if peer.opened else h.terms.connect
        if peer.opened and h.terms.resume == 0:
            return None
        if not peer.open and h.now - peer.since >= patience - 1e-6:
            return None
    return f"the {who} closes: {close}"


# -- what has to have happened -----------------------------------------------------------------------------


@invariant("rest")
def what_has_to_follow_at_once_does(h: History) -> str | None:
    """LW-INTERRUPT-2, 3, 4, LW-STREAM-2, LW-REPAIR-3: an answer, a reset, an end, a repair, a confirmation."""
    for duty, what in h.at_once:
        if duty == "sent again":
            problem = _not_sent_again(h, *what)
            if problem:
                return problem
        else:
            return f"{duty}: {what}"
    return None


def _not_sent_again(h: History, number: int, missing: list[list[int]], since: float) -> str | None:
    """LW-REPAIR-3, LW-REPAIR-5: what is asked for has just been sent, or is sent now."""
    segment = h.segments[number]
    if not segment.live or not h.sender.open:
        return None
    lately = Lately(segment, since)
    for first, end in missing:
        first, end = max(first, segment.told_received), min(end, segment.sent)
        if first < end and not lately.has(first, end):
            return f"samples [{first}, {end}) of segment {number} were asked for, and are not sent again"
    return None


class Lately:
    """What was sent of a segment since some time."""

    def __init__(self, segment: Segment, since: float) -> None:
        self._ranges = Ranges()
        for first, end, at in segment.sendings:
            if at >= since:
                self._ranges.add(first, end)

    def has(self, first: int, end: int) -> bool:
        """Whether all of a range was."""
        return self._ranges.holds(first, end)


def _limit(h: History) -> float:
    """LW-STREAM-7: how long the timer of the oldest segment runs."""
    segment = h.segments[h.oldest]
    rest = (segment.written - (segment.told_played or 0)) / h.terms.rate if segment.cut_cause is None else 0.0
    return rest + h.terms.grace + h.terms.cooldown


def _is_given_up(h: History) -> bool:
    """Whether the timer of the oldest segment may have run out: not before the grace and the cooldown are over."""
    return h.stood >= h.terms.grace + h.terms.cooldown - 1e-3


@invariant("time")
def every_segment_ends_within_its_bound(h: History) -> str | None:
    """LW-STREAM-7."""
    if h.oldest not in h.segments or h.stood <= _limit(h) + 2 * LATE:
        return None
    return f"segment {h.oldest} has not moved for {h.stood:.3f} s, and has not ended; {_limit(h):.3f} s are allowed"


@invariant("time")
def cut_segments_are_reported_within_the_grace(h: History) -> str | None:
    """LW-INTERRUPT-7."""
    if not h.receiver.open:
        return None
    for segment in h.segments.values():
        unsaid = segment.over and segment.end_said is None and segment.start_came
        if unsaid and h.now - max(segment.over_at, h.receiver.since) > LATE:
            return f"segment {segment.number} is over at the receiver, which has not said so"
    return None


@invariant("time")
def interrupts_are_repeated(h: History) -> str | None:
    """LW-INTERRUPT-2, LW-INTERRUPT-10."""
    if not h.sender.open:
        return None
    for pending in h.pending:
        wait = 0.5 if h.terms.loses_media else 1e9
        if pending.wire and h.now - max(pending.sent_at, h.sender.since) > wait + LATE:
            return f"the interrupt of {pending.wire} was sent last {h.now - pending.sent_at:.3f} s ago"
    return None


@invariant("time")
def numbered_messages_are_acknowledged_in_time(h: History) -> str | None:
    """LW-CONTROL-3."""
    for peer, numbers in ((h.receiver, h.out), (h.sender, h.back)):
        if peer.open and h.now > numbers.owed_at + LATE:
            return f"{numbers.taken} were taken {h.now - numbers.owed_at:.3f} s too long ago, and nothing says so"
    return None


@invariant("time")
def progress_comes_in_time(h: History) -> str | None:
    """LW-PROGRESS-1."""
    if not h.receiver.open:
        return None
    for segment in h.segments.values():
        if segment.changed_at is not None and not segment.over and segment.cut_at is None:
            waited = h.now - max(segment.changed_at, h.receiver.since)
            if waited > 0.02 + LATE:
                return f"segment {segment.number} has changed {waited:.3f} s ago, and nothing says so"
    return None


@invariant("time")
def what_is_missing_is_asked_for(h: History) -> str | None:
    """LW-REPAIR-2: found out in time, and again and again."""
    if not h.receiver.open or not h.terms.repair:
        return None
    for segment in h.segments.values():
        if not segment.start_came or segment.cut_at is not None or segment.over or segment.may_lack:
            continue
        at = segment.received
        if at >= segment.known:
            segment.missing_at = -1
        elif at != segment.missing_at:
            segment.missing_at, segment.missing_since = at, h.now
        else:
            waited = h.now - max(segment.missing_since, segment.asked_at, h.receiver.since)
            if waited > 2 * h.most_round_trip + 0.02 + 3 * LATE:
                return f"segment {segment.number} lacks what is at {at}, and was not asked for it for {waited:.3f} s"
    return None


@invariant("time")
def audio_comes_through(h: History) -> str | None:
    """A consumer that waits gets what was written: no credit, start, repair or report is forgotten for good."""
    both = h.sender.open and h.receiver.open and h.link_up
    waiting = h.reading and h.asked_at is not None and both and not h.paused and not h.paused_there
    if waiting and h.now >= h.cooldown_until:
        head = next((s for s in h.in_turn() if s.live and not s.end_handed and not s.over and s.cut_at is None), None)
        live = sum(s.started and s.told_end is None for s in h.in_turn())
        if head is not None and (head.handed < head.written or head.finished) and live < h.terms.segments:
            since = max(h.sender.since, h.receiver.since, h.held_back_until, h.asked_at or 0.0)
            h.flow_since = since if h.flow_since is None else max(h.flow_since, since)
            if h.now - h.flow_since > h.terms.flow:
                return f"segment {head.number} stands at {head.handed} of {head.written} for {h.terms.flow:.1f} s"
            return None
    h.flow_since = h.now
    return None


@invariant("time")
def silence_ends_a_transport(h: History) -> str | None:
    """LW-LIVE-3."""
    for who, peer in (("sender", h.sender), ("receiver", h.receiver)):
        if peer.lives and peer.open and h.now - peer.heard_at > 3 * h.terms.keepalive + LATE:
            return f"nothing has come to the {who} for {h.now - peer.heard_at:.3f} s, and it holds its transport"
    return None


@invariant("time")
def a_session_ends_with_its_peer(h: History) -> str | None:
    """LW-RESUME-1: who has no transport for the resume time has no session."""
    for who, peer in (("sender", h.sender), ("receiver", h.receiver)):
        if not peer.lives or peer.open or peer.closed or (peer is h.receiver and not peer.opened):
            continue
        patience = h.terms.resume if peer.opened else h.terms.connect
        if h.now - peer.since > patience + h.terms.handshake + LATE:
            return f"the {who} has had no transport for {h.now - peer.since:.3f} s, and lives"
    return None


@invariant("end")
def every_segment_has_ended(h: History) -> str | None:
    """LW-STREAM-7, LW-CLOSE-4."""
    if h.sender.lives and h.oldest in h.segments:
        return f"segments {[s.number for s in h.in_turn()]} have not ended"
    return None


@invariant("end")
def both_sides_are_closed(h: History) -> str | None:
    """LW-CLOSE-1, LW-RESUME-1."""
    for who, peer in (("sender", h.sender), ("receiver", h.receiver)):
        if peer.lives and peer.closed is None and (peer.opened or peer is h.sender):
            return f"the {who} is not closed"
    return None


@invariant("settled")
def what_was_given_has_arrived(h: History) -> str | None:
    """All is over and the session lives: marks, data, custom messages and confirmations have come, each once."""
    for way, given in h.customs.items():
        if h.customs_told[way] != len(given):
            return f"{len(given)} custom messages were given on the way {way}, and {h.customs_told[way]} have come"
    if h.pending:
        return f"interrupts that were never confirmed: {h.pending}"
    for segment in h.segments.values():
        result = segment.result
        if result is None or result.cause is not Cause.PLAYED or segment.cut_cause is not None:
            continue
        if segment.marks_in_time - segment.marks_told:
            return f"marks {segment.marks_in_time - segment.marks_told} of segment {segment.number} were not told"
        if segment.data_in_time - segment.data_handed:
            return f"data {segment.data_in_time - segment.data_handed} of segment {segment.number} did not come"
    for name, numbers in (("out", h.out), ("back", h.back)):
        if numbers.taken != numbers.sent or numbers.acknowledged != numbers.sent:
            return f"{name}: {numbers.sent} were sent, {numbers.taken} taken, {numbers.acknowledged} acknowledged"
    return None


@invariant("memory")
def memory_is_bounded(h: History, measured: dict[str, tuple[float, float]]) -> str | None:  # noqa: ARG001
    """Each thing that is held, and the most that the configuration allows."""
    for what, (held, most) in measured.items():
        if held > most:
            return f"{what}: {held:g}, and at most {most:g} are allowed"
    return None


def all_names() -> list[str]:
    """The names of all of them."""
    return sorted({check.__name__ for checks in INVARIANTS.values() for check in checks})
