"""Rules for what a sender sends of its segments: ids, audio, ends, credit, marks and data (SPEC §8, §9, §12)."""

from __future__ import annotations

from collections.abc import Iterator

from lipwire.protocol.limits import DATA, MARKS, MAX_SEGMENT
from lipwire.protocol.registry import Role

from ..trace import Entry
from .faults import is_hidden
from .ledger import Ledger
from .rule import Look, rule


@rule("LW-SEGMENT-1", "Segment ids MUST grow strictly within a session", of="segment_start")
def ids_grow(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment, before = entry.message.segment, ledger.highest_started
    yield segment > before, f"segment {segment} is started after segment {before}"


@rule(
    "LW-SEGMENT-3",
    "A sender MUST NOT start a segment while an earlier one is neither ended, cut nor over.",
    of="segment_start",
)
def one_after_the_other(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    unfinished = [
        one.id
        for one in ledger.live.values()
        if one.start is not None and one.end is None and not ledger.may_be_cut(one.id)
    ]
    yield not unfinished, f"segment {entry.message.segment} is started while {unfinished} are not ended"


@rule(
    "LW-SEGMENT-3",
    "Of a segment that the receiver has ended early a sender sends nothing more, not its end either.",
    of="audio segment_end",
)
def nothing_of_what_is_over(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if ledger.link_of(entry).ordered(entry):
        segment = ledger.segments.get(entry.message.segment)
        if segment is not None and segment.over is not None and segment.over.transport == entry.transport:
            known = ledger.surely_known(Role.SENDER, segment.over)
            yield not known, f"{entry.name} of segment {segment.id}, whose stream_ended it has taken"


@rule(
    "LW-SEGMENT-4",
    "A sender MUST NOT have more segments started and not over than the `segments` limit.",
    of="segment_start",
)
def live_segments(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    live = {one.id for one in ledger.live.values() if one.start is not None} | {entry.message.segment}
    yield (
        len(live) <= ledger.most_segments,
        f"{len(live)} segments started and not over; {ledger.most_segments} are allowed",
    )


@rule(
    "LW-SEGMENT-5",
    "segment_end MUST carry the number of samples per channel that the segment has",
    of="segment_end audio sent",
)
def total_is_right(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.name == "segment_end":
        segment, total = ledger.segment(entry.message.segment), entry.message.total
        if segment.total is not None:
            yield total == segment.total, f"segment {segment.id} has a total of {total}, and had {segment.total}"
        reach = segment.reach
        yield total >= reach, f"segment {segment.id}: total {total}, and {reach} samples were sent"
    elif entry.name in ("audio", "sent"):
        segment = ledger.segment(entry.message.segment)
        if segment.total is not None:
            end = entry.message.position
            end += len(entry.message.pcm) // ledger.frame_bytes if entry.name == "audio" else 0
            yield (
                end <= segment.total,
                f"segment {segment.id}: {entry.name} up to {end}, and its total is {segment.total}",
            )


@rule("LW-SEGMENT-5", "MUST be sent once all of them have been sent", of="segment_end")
def all_sent_before_the_end(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    # After a resume the numbered messages come first; and what was lost on the old transport may not have been seen.
    if link.one_channel and len(ledger.welcomes) == 1:
        segment, total = ledger.segment(entry.message.segment), entry.message.total
        if segment.start is not None and not ledger.may_be_cut(segment.id) and segment.over is None:
            sent = segment.sent.contiguous
            yield sent >= total, f"segment {segment.id}: total {total}, and {sent} samples were sent"


@rule("LW-AUDIO-1", "A sender MUST give each chunk the position of its first sample", of="audio")
def no_gap(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    # Without repair audio goes in order (LW-AUDIO-8), so that a chunk beyond the end has a wrong position.
    if ledger.link_of(entry).one_channel and "repair" not in ledger.features:
        start, sent = entry.message.position, ledger.known(entry.message.segment).sent.contiguous
        yield start <= sent, f"segment {entry.message.segment}: audio from {start} on, and {sent} samples were sent"


@rule("LW-AUDIO-1", "MUST NOT send other samples for a position that it has sent before", of="audio")
def same_samples(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    start, pcm, size = entry.message.position, entry.message.pcm, ledger.frame_bytes
    segment = ledger.segments.get(entry.message.segment)
    end = start + len(pcm) // size
    if is_hidden(entry) or segment is None:
        return
    if start >= segment.sent.highest:
        yield True, "new samples"
        return
    for at, before in segment.chunks:
        low, high = max(at, start), min(at + len(before) // size, end)
        if low < high:
            same = before[(low - at) * size : (high - at) * size] == pcm[(low - start) * size : (high - start) * size]
            yield same, f"segment {segment.id}: other samples from {low} to {high} than before"


@rule(
    "LW-AUDIO-2",
    "A sender MUST set cut_through to the highest id such that it has cut, or taken as over, every segment up to it",
    of="audio",
)
def cut_through(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    # Where media is a channel of its own, audio may overtake the interrupt that it speaks of.
    if not ledger.link_of(entry).ordered(entry):
        return
    said = entry.message.cut_through
    live = [one for one in ledger.live.values() if one.start is not None and one.id <= said]
    alive = [one.id for one in live if ledger.interrupted(one.id) is None]
    yield not alive, f"cut_through {said}, and {alive} were neither cut nor over"
    segment = ledger.segments.get(entry.message.segment)
    if segment is not None and entry.message.position < segment.sent.highest:
        return  # sent again, as it was perhaps
    least = _least_cut_through(ledger, entry.message.segment)
    yield said >= least, f"cut_through {said}; every segment up to {least} was cut or is over"


def _least_cut_through(ledger: Ledger, segment: int) -> int:
    """The cut-through that audio of a segment has to have at the least."""
    started = [one for one in ledger.segments.values() if one.start is not None and one.id < segment]
    alive = [
        one.id
        for one in started
        if not ledger.surely_known(Role.SENDER, one.over) and ledger.interrupted(one.id) is None
    ]
    if alive:
        return min(alive) - 1
    named = [one.last for one in ledger.interrupts if one.last < segment]
    return max([*named, *(one.id for one in started), 0])


@rule("LW-WIRE-4", "is out of the range that it says", of="audio interrupt cut")
def audio_fields(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.name == "audio":
        message, size = entry.message, ledger.frame_bytes
        yield message.cut_through < message.segment, f"cut_through {message.cut_through} of segment {message.segment}"
        yield len(message.pcm) % size == 0, f"{len(message.pcm)} bytes of PCM, in frames of {size}"
    elif entry.name in ("interrupt", "cut"):
        yield entry.message.first <= entry.message.last, f"{entry.name} {entry.message.first}..{entry.message.last}"


@rule("LW-AUDIO-11", "A segment MUST NOT be longer than 2^40 samples", of="audio sent segment_end")
def segment_length(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.name == "audio":
        end = entry.message.position + len(entry.message.pcm) // ledger.frame_bytes
        yield end <= MAX_SEGMENT, f"audio up to {end}"
    elif entry.name in ("sent", "segment_end"):
        end = entry.message.position if entry.name == "sent" else entry.message.total
        yield end <= MAX_SEGMENT, f"{entry.name} {end}"


@rule(
    "LW-CREDIT-1",
    "A sender MUST keep the sum, over its segments that are not over, of the position sent minus the "
    "position last reported as consumed at or below `window`.",
    of="audio",
)
def within_the_window(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    message = entry.message
    end = message.position + len(message.pcm) // ledger.frame_bytes
    out = ledger.out(message.segment, end, message.cut_through)
    yield out <= ledger.window, f"{out} samples sent and not consumed; the window is {ledger.window}"


@rule("LW-REPAIR-6", "MUST send `sent` with the position reached", of="sent")
def sent_is_true(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if ledger.link_of(entry).one_channel and len(ledger.welcomes) == 1:
        highest = ledger.segment(entry.message.segment).sent.highest
        yield entry.message.position <= highest, f"sent {entry.message.position}, and {highest} samples were sent"


@rule("LW-MARK-3", "A sender MUST NOT have more than 256 marks of a segment waiting to be reached", of="mark")
def marks_waiting(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment = ledger.segment(entry.message.segment)
    if segment.over is None and not ledger.may_be_cut(segment.id):
        waiting = 1 + len(segment.marks) - segment.reached.total()
        yield waiting <= MARKS, f"{waiting} marks wait"


@rule(
    "LW-DATA-2",
    "A sender MUST NOT have more than 256 data messages of a segment ahead of its consumed position",
    of="data",
)
def data_ahead(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    segment = ledger.segment(entry.message.segment)
    if segment.over is None and not ledger.may_be_cut(segment.id):
        ahead = sum(position > segment.consumed for position in [*segment.data, entry.message.position])
        yield ahead <= DATA, f"{ahead} data messages ahead of {segment.consumed}"
