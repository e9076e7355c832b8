"""Rules for interrupts and what answers them (SPEC §10)."""

from __future__ import annotations

from collections.abc import Iterator

from lipwire.protocol.channels import Channel
from lipwire.protocol.registry import Role

from ..trace import Entry
from .ledger import Ledger
from .rule import Look, rule


@rule(
    "LW-INTERRUPT-1",
    "after it a sender MUST NOT send audio, segment_start or segment_end of any of them",
    of="audio segment_start segment_end",
)
def nothing_of_what_is_cut(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if not ledger.link_of(entry).ordered(entry):
        return
    # A numbered message that comes again after a resume may come after the interrupt; its number tells.
    found = ledger.interrupted(entry.message.segment, by_number=entry.name != "audio")
    if ledger.interrupts:
        what = f"{found.first}..{found.last}" if found else ""
        yield found is None, f"{entry.name} of segment {entry.message.segment} after the interrupt of {what}"


@rule(
    "LW-INTERRUPT-4",
    "A receiver MUST answer each interrupt, repeats too, at once with a `cut` that names the same range",
    of="cut pong",
    arriving=True,
)
def each_is_answered(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if entry.by is not Role.RECEIVER or not ledger.current(entry):
        return
    if entry.name == "cut" and entry.message is not None:
        named = (entry.message.first, entry.message.last)
        # Media may duplicate.
        more = ledger.asked[named] > (ledger.cuts[named] if link.one_channel else 0)
        yield more, f"cut {named[0]}..{named[1]}, and no interrupt of that waits for one"
    elif entry.name == "pong":
        # What is to be done at once has been done when a ping that was sent after the answer to another is answered.
        for (first, last), index in link.due.items():
            late = index <= link.settled[Role.RECEIVER]
            yield not late, f"later pings are answered, and the interrupt of {first}..{last} is not"


@rule("LW-INTERRUPT-4", "lists the live segments in it with their consumed positions", of="cut")
def rows_of_cut(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    cut = entry.message
    listed = dict(cut.consumed)
    yield len(listed) == len(cut.consumed), "a segment is listed twice"
    for number, consumed in cut.consumed:
        segment = ledger.segments.get(number)
        if not cut.first <= number <= cut.last or segment is None or segment.start is None:
            yield False, f"segment {number} is listed, and is not in the range or was never started"
            continue
        yield segment.over is None, f"segment {number} is listed, and its stream_ended was sent"
        yield consumed <= segment.reach, f"segment {number} consumed up to {consumed}, and {segment.reach} were sent"
        yield consumed >= segment.consumed, f"segment {number} consumed up to {consumed}, after {segment.consumed}"
    link = ledger.link_of(entry)
    asked = link.answered
    if asked is not None and link.one_channel:
        for one in ledger.live.values():
            start = one.start
            known = start is not None and start.index < asked and start.transport == entry.transport
            if known and cut.first <= one.id <= cut.last:
                yield one.id in listed, f"segment {one.id} is live, and is not listed"


@rule(
    "LW-INTERRUPT-3",
    "On an interrupt a receiver MUST from then on hand out nothing of the segments named",
    of="progress cut",
)
def nothing_more(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.name == "progress":
        segment = ledger.segments.get(entry.message.segment)
        if segment is not None and segment.cut_at is not None:
            consumed = entry.message.consumed
            yield consumed <= segment.cut_at, f"segment {segment.id} consumed up to {consumed}, cut at {segment.cut_at}"
    elif entry.name == "cut":
        for number, consumed in entry.message.consumed:
            segment = ledger.segments.get(number)
            if segment is not None and segment.cut_at is not None:
                yield consumed == segment.cut_at, f"segment {number} consumed up to {consumed}, cut at {segment.cut_at}"


@rule("LW-INTERRUPT-4", "the stream_ended that follow from the cut come after it", of="stream_ended")
def cut_before_its_results(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    # A cut that was lost with its transport does not come again, and cut_through has none.
    ended = entry.message
    if ended.cause == 1 and ended.segment > ledger.cut_through and len(ledger.welcomes) == 1:
        named = [one for one in ledger.interrupts if one.names(ended.segment)]
        if named:
            yield any(one.cut for one in named), f"stream_ended of segment {ended.segment} before its cut"


@rule(
    "LW-INTERRUPT-7",
    "at once and with position 0 when no sample of it, nor its end, was handed out",
    of="stream_ended pong",
)
def ends_at_once(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.name == "stream_ended":
        segment = ledger.segments.get(entry.message.segment)
        if segment is not None and segment.cut_at == 0 and segment.total != 0:
            yield entry.message.position == 0, f"segment {segment.id} ended at {entry.message.position}, cut at 0"
    elif entry.name == "pong" and entry.by is Role.RECEIVER:
        link = ledger.link_of(entry)
        for segment in ledger.live.values():
            cut = segment.cut
            known = cut is not None and cut.transport == link.number and cut.index <= link.settled[Role.RECEIVER]
            if known and segment.cut_at == 0 and segment.total != 0 and segment.start is not None:
                yield False, f"segment {segment.id}, cut at 0, has no stream_ended, and later pings are answered"


@rule(
    "LW-INTERRUPT-10",
    "After a resume, a sender MUST send again, before all else, each interrupt that no `cut` has confirmed.",
    arriving=True,
)
def interrupts_first(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    resumed = link.greeting is not None and link.greeting.resume is not None and ledger.current(entry)
    if not resumed or entry.by is not Role.SENDER or entry.name in ("hello", "close", "interrupt", "ignored"):
        return
    if entry.channel is Channel.CONTROL:
        waiting = [
            f"{one.first}..{one.last}"
            for one in ledger.interrupts
            if not ledger.confirmed(one)
            and not any(first <= one.first and one.last <= last for first, last in link.asked)
        ]
        yield not waiting, f"{entry.name} before the interrupts of {waiting}"
