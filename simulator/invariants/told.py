"""What the consumer gets, and what both users are told, is so, and comes once."""

from __future__ import annotations

from typing import Final

from lipwire.protocol import items
from lipwire.protocol.errors import Close, CloseCode
from lipwire.protocol.events import Cause, StreamEnded
from lipwire.protocol.messages import EndCause

from ..history import History
from ..promises import invariant
from ..samples import pcm as spoken
from ..truth import Peer, Segment
from .waits import is_given_up

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
    right = bytes(len(item.pcm)) if item.concealed else spoken(item.segment, item.position, samples, h.terms.frame)
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
    as_much_as_fits = count < end - first and end == segment.known > segment.came.end
    if end - first == count or as_much_as_fits or segment.may_lack:
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
    if item.concealed and not segment.may_lack and not segment.silence.holds(item.position, item.end):
        return f"silence in [{item.position}, {item.end}) of segment {segment.number}, which was not concealed"
    if not item.concealed and not segment.may_lack and segment.silence.touches(item.position, item.end):
        return f"[{item.position}, {item.end}) of segment {segment.number} was concealed, and comes all the same"
    return None


@invariant("item")
def silence_only_for_what_the_network_lost(h: History, item: items.Item) -> str | None:
    """LW-REPAIR-7: every transmission of it was dropped, or under way, or its transport had broken by then."""
    segment = _of_segment(h, item)
    if segment is None or not isinstance(item, items.Audio) or not item.concealed:
        return None
    if item.end > segment.reached:
        return f"silence in [{item.position}, {item.end}) of segment {segment.number}, and {segment.reached} were sent"
    if segment.delivered_before_silence.touches(item.position, item.end):
        return f"silence in [{item.position}, {item.end}) of segment {segment.number}, of which some was delivered"
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


@invariant("read")
def readable_is_true(_: History, readable: bool, item: items.Item | None) -> str | None:
    """Whoever waits for an item is woken by it, or waits for good."""
    return None if readable is (item is not None) else f"readable: {readable}, and then {item!r:.60} is read"


@invariant("asked")
def what_is_there_is_handed_out(h: History) -> str | None:
    """LW-SEGMENT-6, LW-COOLDOWN-1, LW-PAUSE-1: nothing is held back without a reason."""
    if h.paused_there or (h.resetting and h.now < h.cooldown_until) or h.receiver.closed is not None:
        return None
    for one in h.segments.values():
        if one.waiting and one.end_handed and not one.over and one.cut_at is None:
            return f"{list(one.waiting)} of segment {one.number}, whose end was handed out, are not handed out"
    segment = h.head()
    if segment is None or segment.may_lack:
        return None
    if not segment.announced:
        return f"segment {segment.number} has begun, and its beginning is not handed out"
    if segment.received > segment.handed:
        return f"segment {segment.number} has arrived up to {segment.received}, and stands at {segment.handed}"
    return f"segment {segment.number} is not ended" if segment.handed == segment.total else None


@invariant("item")
def what_belongs_before_comes_before(h: History, item: items.Item) -> str | None:
    """LW-DATA-1: no sample, and no end, is handed out before the data that belongs before it."""
    segment = _of_segment(h, item)
    if segment is None or not isinstance(item, (items.Audio, items.SegmentEnd)):
        return None
    end = item.end if isinstance(item, items.Audio) else 1 << 60
    late = [name for name, position in segment.waiting.items() if position < end]
    return f"{type(item).__name__} of segment {segment.number}, before {late}" if late else None


@invariant("reset")
def the_consumer_is_told_of_what_it_has(h: History, reset: items.Interrupted) -> str | None:
    """LW-INTERRUPT-3, LW-CLOSE-3: the segments that were cut and handed out, and how far."""
    for number, consumed in zip(reset.segments, reset.consumed, strict=True):
        segment = h.segments.get(number)
        if (
            segment is None
            or consumed != segment.handed
            or (segment.over and h.now not in (segment.cut_at, segment.over_at))
        ):
            return f"{reset}: segment {number} was not with the consumer, or not so far"
        if not reset.by_close and segment.cut_at != h.now:
            return f"{reset}: segment {number} was not cut now"
    return None


@invariant("pause")
def a_pause_is_told_as_it_comes(h: History, paused: bool) -> str | None:
    """LW-PAUSE-1."""
    return None if ("pause told", paused) in h.at_once else f"pause {paused} is told, and has not come"


# -- what the agent is told ----------------------------------------------------------------------------------


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
        if segment.started and h.sender.closed is None and not is_given_up(h):
            return f"segment {event.segment} is said to be over before the receiver has said so, or the time was over"
    elif h.sender.closed is not None:
        expected = tuple(one for one in Cause if one not in _CAUSES_OF_REPORTS)
    else:
        expected = (Cause.NO_REPORT,)
        if not is_given_up(h):
            return f"segment {event.segment} is given up after {h.stood:.3f} s"
    return None if cause in expected else f"segment {event.segment}: {cause} is told, in truth {expected}"


_CAUSES_OF_REPORTS: Final = (Cause.PLAYED, Cause.FAILED, Cause.NO_REPORT, Cause.INTERRUPTED, Cause.CANCELLED)


@invariant("result")
def what_is_given_up_is_cut(h: History, event: StreamEnded) -> str | None:
    """LW-STREAM-7: so that both sides agree."""
    number = event.segment
    if event.cause is not Cause.NO_REPORT or not h.segments[number].started or not h.sender.open:
        return None
    cut = h.last_interrupt == (h.now, number, number)
    return None if cut else f"segment {number} is given up, and goes on at the receiver"


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
def who_closes_says_so(h: History, peer: Peer, close: Close) -> str | None:  # noqa: ARG001
    """LW-CLOSE-1, LW-CLOSE-6."""
    silent = close.by_peer is False and peer.open and not peer.said_close
    return f"closed, and the peer was not told: {close}" if silent else None


@invariant("dropped")
def a_transport_that_lives_is_kept(h: History, peer: Peer) -> str | None:
    """LW-LIVE-3: not before it was silent for three times keepalive."""
    silent = h.now - peer.heard_at
    if not peer.open or silent >= 3 * h.terms.keepalive - 1e-6:
        return None
    return f"dropped, and it was silent for {silent:.3f} s only"


@invariant("closed")
def nobody_closes_without_a_reason(h: History, peer: Peer, close: Close) -> str | None:
    """A correct peer breaks no rule: a session ends because somebody closed it, or was gone for too long."""
    who = "sender" if peer is h.sender else "receiver"
    if peer.closed is not None:
        return f"the {who} closes again: {close}"
    if close.code in peer.may_close:
        return None
    if close.code is CloseCode.PEER_GONE and close.by_peer is None:
        patience = h.terms.resume if peer.opened else h.terms.connect
        if peer.opened and h.terms.resume == 0:
            return None
        if not peer.open and h.now - peer.since >= patience - 1e-6:
            return None
    return f"the {who} closes: {close}"
