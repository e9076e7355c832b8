"""What has to have happened by some time, and how much may be held."""

from __future__ import annotations

from typing import Final

from lipwire.protocol.events import Cause

from ..history import LOOK_EVERY, History
from ..promises import invariant
from ..ranges import Ranges
from ..truth import Segment

BURST: Final = 3
"""Messages of which none has come through, from which on it is the network that keeps audio back."""
LATE: Final = 0.06
"""Seconds by which a look at the clock may come late."""


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


def is_given_up(h: History) -> bool:
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
        wait = 0.5 if h.sender.loses_media else 1e9
        if pending.wire and h.now - max(pending.sent_at, h.sender.since) > wait + LATE:
            return f"the interrupt of {pending.wire} was sent last {h.now - pending.sent_at:.3f} s ago"
    return None


@invariant("time")
def hello_is_repeated(h: History) -> str | None:
    """LW-OPEN-8."""
    if not h.sender.loses_control or h.hello_at is None or not h.sender.lives:
        return None
    waited = h.now - h.hello_at
    return f"hello was sent last {waited:.3f} s ago" if waited > 0.25 + LATE else None


@invariant("time")
def a_quiet_sender_says_how_far_it_has_sent(h: History) -> str | None:
    """LW-REPAIR-6."""
    if not h.sender.open or not h.sender.loses_media or not h.terms.repair:
        return None
    for segment in h.in_turn():
        quiet = segment.started and segment.live and not segment.ended and segment.sendings
        if quiet and segment.sent > max(segment.told_received, segment.sent_said):
            waited = h.now - max(segment.sendings[-1][2], h.sender.since)
            if waited > 0.04 + LATE:
                return (
                    f"segment {segment.number} was sent up to {segment.sent}, {waited:.3f} s ago, and nothing says so"
                )
    return None


@invariant("time")
def progress_is_repeated(h: History) -> str | None:
    """LW-PROGRESS-5."""
    if not h.receiver.open or not h.receiver.loses_media:
        return None
    for segment in h.segments.values():
        if segment.said_at is not None and not segment.over and segment.cut_at is None:
            waited = h.now - max(segment.said_at, h.receiver.since)
            if waited > 0.5 + LATE:
                return f"the last progress of segment {segment.number} was sent {waited:.3f} s ago"
    return None


@invariant("time")
def numbered_messages_are_sent_again(h: History) -> str | None:
    """LW-CONTROL-4."""
    for peer, numbers in ((h.sender, h.out), (h.receiver, h.back)):
        oldest = numbers.acknowledged + 1
        if peer.loses_control and peer.open and peer.lives and oldest in numbers.sent_at:
            waited = h.now - max(numbers.sent_at[oldest], peer.since)
            if waited > max(2.0, 4 * h.most_round_trip) + 2 * LATE:
                return f"number {oldest} was not acknowledged, and sent last {waited:.3f} s ago"
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
        if segment.may_lack:
            continue
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
        if head is not None and (head.handed < head.written or head.finished) and h.on_wire < h.terms.segments:
            since = max(h.sender.since, h.receiver.since, h.held_back_until, h.asked_at or 0.0)
            h.flow_since = since if h.flow_since is None else max(h.flow_since, since)
            if h.swallowed >= BURST:
                h.flow_since += LOOK_EVERY  # the network takes all: that time does not count
            if h.now - h.flow_since > h.terms.flow:
                return f"segment {head.number} stands at {head.handed} of {head.written} for {h.terms.flow:.1f} s"
            return None
    h.flow_since = h.now
    return None


@invariant("time")
def credit_is_used(h: History) -> str | None:
    """LW-CREDIT-2: audio that waits is sent when there is credit for it, and nothing under way that it waits for."""
    credit, waits = h.terms.window, False
    for segment in h.in_turn():
        if segment.live and segment.started:
            if segment.sent > segment.told_highest:
                h.credit_since = None
                return None
            credit -= segment.sent - segment.told_consumed
        waits = waits or (segment.live and segment.written > segment.sent)
    if not waits or not h.sender.open or not h.link_up or credit <= 0 or h.on_wire >= h.terms.segments:
        h.credit_since = None
    elif h.credit_since is None:
        h.credit_since = h.now
    elif h.now - max(h.credit_since, h.sender.since, h.audio_at) > 0.3 + LATE:
        return f"audio waits for {h.now - h.credit_since:.3f} s, and there is credit for {credit} samples"
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
def every_interrupt_is_confirmed(h: History) -> str | None:
    """LW-INTERRUPT-12: whoever waits for one is told when it has taken effect, or when the session is over."""
    return f"interrupts that were never confirmed: {h.pending}" if h.sender.lives and h.pending else None


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
