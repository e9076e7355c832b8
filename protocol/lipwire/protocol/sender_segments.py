"""The segments of a sender: which is open, which are on the wire, how they end, what credit they use.

Each ends exactly once, and its result is told in the order of ids (LW-STREAM-7), so a segment stays in the table,
over but not told, until every earlier one has ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import CloseCode, LocalProtocolError
from .events import Cause, StreamEnded
from .outgoing import Chunk, OutgoingSegment
from .states import SegmentInput


class SenderSegments:
    """A table of segments by id; ids grow."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.next = first
        """The id that the next segment gets."""
        self.cut_through = first - 1
        """Every segment up to it is cut or over (LW-AUDIO-2)."""
        self.writing: OutgoingSegment | None = None
        """The one that is open for writing."""
        self.buffered = 0
        """Samples that wait to be sent, over all of them."""
        self.unreported: set[int] = set()
        """Those that have ended for the user without a report, and are cut, not over, on the wire (LW-STREAM-7)."""
        self._table: OrderedDict[int, OutgoingSegment] = OrderedDict()
        self._live: OrderedDict[int, OutgoingSegment] = OrderedDict()
        """Those of them that are neither cut nor over."""
        self._started: dict[int, OutgoingSegment] = {}
        """Those that are started, and not over; no more than the ``segments`` limit."""

    def __iter__(self) -> Iterator[OutgoingSegment]:
        return iter(self._table.values())

    def __len__(self) -> int:
        return len(self._table)

    def live(self) -> Iterator[OutgoingSegment]:
        """Those that are neither cut nor over."""
        return iter(self._live.values())

    def started(self) -> Iterator[OutgoingSegment]:
        """Those that are started and not over, cut ones too."""
        return iter(self._started.values())

    def start(self, segment: OutgoingSegment) -> None:
        """Its segment_start goes out."""
        segment.change(SegmentInput.START)
        self._started[segment.number] = segment

    def get(self, number: int) -> OutgoingSegment | None:
        """The segment of that id; None when it is over."""
        segment = self._table.get(number)
        return segment if segment is not None and segment.result is None else None

    def opened(self, number: int) -> bool:
        """Whether a segment of that id was ever opened."""
        return self.first <= number < self.next

    def need_opened(self, number: int) -> None:
        """Raise ``LocalProtocolError`` for an id that was never given out."""
        if not self.opened(number):
            raise LocalProtocolError(CloseCode.INVALID_SEGMENT, f"segment {number} was never opened")

    def open(self, metadata: Mapping[str, Any] | None, frame_bytes: int) -> OutgoingSegment:
        """Open the next one.

        Raises:
            LocalProtocolError: the one before is still open.
        """
        if self.writing is not None:
            raise LocalProtocolError(
                CloseCode.OUT_OF_STATE, f"segment {self.writing.number} is still open: end it or interrupt it first"
            )
        segment = OutgoingSegment(self.next, metadata, frame_bytes)
        self._table[self.next] = self._live[self.next] = self.writing = segment
        self.next += 1
        return segment

    def write(self, segment: OutgoingSegment, pcm: bytes | memoryview) -> None:
        """Put samples behind those of the segment that wait."""
        samples = len(pcm) // segment.frame_bytes
        if samples:
            segment.append(pcm, samples)
            self.buffered += samples

    def finish_writing(self, segment: OutgoingSegment) -> None:
        """All of it has been written."""
        segment.finished = True
        if self.writing is segment:
            self.writing = None

    def cut(self, segment: OutgoingSegment, cause: Cause) -> None:
        """Cut a live segment: what waits of it and what is kept of it is dropped."""
        segment.cut_cause = cause
        segment.change(SegmentInput.CUT)
        self._live.pop(segment.number, None)
        if self.writing is segment:
            self.writing = None
        self.buffered -= segment.drop()

    def content_ahead(self) -> int:
        """Bytes of data that the receiver may hold, or will (LW-DATA-3)."""
        return sum(s.content_ahead for s in self if s.result is None and not s.cut_confirmed)

    def release(self, segment: OutgoingSegment, received: int, highest: int) -> Chunk | None:
        """Let go of what was received, as :meth:`OutgoingSegment.release`.

        After a resume it may be ahead of what was sent again: the receiver held what had come beyond a gap.
        """
        if received > segment.sent:
            self.buffered -= received - segment.sent
            segment.skip(received)
        return segment.release(received, highest)

    def rewind(self, segment: OutgoingSegment, received: int) -> None:
        """What was sent of it beyond ``received`` waits to be sent again (LW-RESUME-9)."""
        if received > segment.sent:
            self.release(segment, received, received)
            return
        self.buffered += segment.sent - received
        segment.rewind(received)

    def end(self, segment: OutgoingSegment, position: int, *, interrupted: bool, cause: Cause, exact: bool) -> None:
        """Note how a segment ended; ``settle`` tells it."""
        if self.writing is segment:
            self.writing = None
        self.buffered -= segment.drop()
        segment.change(SegmentInput.FINISH)
        self._live.pop(segment.number, None)
        self._started.pop(segment.number, None)
        segment.result = StreamEnded(
            segment=segment.number, position=position, interrupted=interrupted, cause=cause, exact=exact
        )

    def settle(self) -> list[StreamEnded]:
        """Give the results whose turn has come, and bring the cut-through up to date."""
        told = []
        while self._table:
            number, segment = next(iter(self._table.items()))
            if segment.result is None:
                break
            del self._table[number]
            told.append(segment.result)
        self.cut_through = next(iter(self._live), self.next) - 1
        return told

    @property
    def oldest(self) -> OutgoingSegment | None:
        """The oldest without a result."""
        return next((s for s in self if s.result is None), None)

    @property
    def lowest_open(self) -> int:
        """Every segment below this id is over."""
        oldest = self.oldest
        return self.next if oldest is None else oldest.number

    @property
    def lowest_on_wire(self) -> int:
        """Every segment below this id is over at the peer as well."""
        return min(self.lowest_open, *self.unreported) if self.unreported else self.lowest_open

    @property
    def on_wire(self) -> int:
        """How many are started and not over."""
        return len(self.unreported) + len(self._started)

    @property
    def in_flight(self) -> int:
        """Bytes of live segments that were sent beyond what is known to have arrived."""
        total = 0
        for segment in self._started.values():
            if segment.sent > segment.highest and segment.live:
                total += (segment.sent - segment.highest) * segment.frame_bytes
        return total


class SegmentView:
    """What a sender, of either version, shows of its segments."""

    _segments: SenderSegments

    def segment(self, number: int) -> OutgoingSegment | None:
        """How a segment stands, for reading; None when it is over."""
        return self._segments.get(number)

    @property
    def buffered(self) -> int:
        """Samples written that wait to be sent, over all segments: the local buffer."""
        return self._segments.buffered

    def write_through(self, number: int, pcm: bytes | memoryview, now: float) -> bytes | None:  # noqa: ARG002
        """Write and take the audio message in one step. None: this can not be done; nothing was written."""
        return None

    def write_behind(self, number: int, pcm: bytes | memoryview, most: int) -> bool:  # noqa: ARG002
        """Write behind ``write_through``, if no more than ``most`` samples wait then. False: nothing was written."""
        return False

    @property
    def next_segment(self) -> int:
        """The id that the next segment gets."""
        return self._segments.next

    @property
    def live_segments(self) -> int:
        """Segments that are not over."""
        return len(self._segments)

    @property
    def in_flight(self) -> int:
        """Bytes sent beyond what is known to have arrived."""
        return self._segments.in_flight
