"""A receiver's segments: what is live, what came early, what is cut, and what comes next for the consumer.

Bookkeeping only: nothing here sends, and no timer runs. The rules of the wire are in ``receiver.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Any

from .errors import CloseCode, RemoteProtocolError
from .fields import content_size
from .formats import PcmFormat
from .items import Data, Item, Mark, SegmentEnd, SegmentStart
from .limits import EARLY_SEGMENTS
from .reassembly import Reassembly
from .states import SEGMENT, SegmentInput, SegmentState


class CutRanges:
    """Ranges of segment ids that are cut before they came, both ends included; one within another counts once."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._ranges)

    def __contains__(self, segment: int) -> bool:
        return any(first <= segment <= last for first, last in self._ranges)

    def add(self, first: int, last: int) -> None:
        """Add a range; nothing when it is empty, or within another."""
        if first <= last and not any(low <= first and last <= high for low, high in self._ranges):
            self._ranges = [one for one in self._ranges if not (first <= one[0] and one[1] <= last)]
            self._ranges.append((first, last))

    def forget(self, segment: int) -> None:
        """Forget what is not above this segment."""
        self._ranges = [one for one in self._ranges if one[1] > segment]


class IncomingSegment:
    """One segment, from its segment_start until it is over."""

    __slots__ = (
        "announced",
        "audio",
        "content_ahead",
        "content_waiting",
        "data_ahead",
        "data_waiting",
        "dirty",
        "grew_at",
        "id",
        "marks",
        "metadata",
        "nacked",
        "played",
        "reported",
        "state",
        "stream_started",
        "timed",
        "total",
    )

    def __init__(self, audio: Reassembly, metadata: Mapping[str, Any], now: float) -> None:
        self.id = audio.segment
        self.audio = audio
        self.metadata = metadata
        self.state = SegmentState.STARTED
        self.total: int | None = None
        self.played: int | None = None
        self.announced = False
        """Its SegmentStart was handed out."""
        self.stream_started = False
        self.grew_at = now
        """When a sample last came that lies beyond all before."""
        self.dirty = False
        """A progress of it is due."""
        self.reported = False
        """A progress of it was sent."""
        self.nacked = 0
        """Samples before it, where missing, have been asked for."""
        self.timed: list[tuple[int, int, Mark | Data]] = []
        """A heap of what is to be handed out at a position, those of one position as they came."""
        self.marks: list[tuple[int, int, str]] = []
        """A heap of the marks that were not reached."""
        self.data_waiting = 0
        """How many data were not handed out."""
        self.content_waiting = 0
        """Bytes of them, encoded."""
        self.data_ahead: list[tuple[int, int]] = []
        """A heap of the positions and bytes of data that came before what they belong to was handed out."""
        self.content_ahead = 0
        """Bytes of them, as they were last counted."""

    @property
    def with_consumer(self) -> bool:
        """Whether a sample, or the end, was handed out (LW-INTERRUPT-3)."""
        return self.audio.consumed > 0 or self.state is SegmentState.HANDED_OUT

    def count_ahead(self) -> int:
        """Count the bytes of data that are still ahead of what was handed out."""
        ahead, consumed = self.data_ahead, self.audio.consumed
        while ahead and ahead[0][0] <= consumed:
            self.content_ahead -= heappop(ahead)[1]
        return self.content_ahead

    def change(self, cause: SegmentInput) -> None:
        """Change its state as the table says."""
        self.state = SEGMENT[self.state, cause]


class Incoming:
    """All segments of a receiver's session."""

    def __init__(self, pcm: PcmFormat, *, window: int, repair: bool) -> None:
        self.format = pcm
        self.window = window
        self.repair = repair
        self.live: dict[int, IncomingSegment] = {}
        """Begun and not over, in the order of ids."""
        self.receiving: dict[int, IncomingSegment] = {}
        """Those of them that are not cut."""
        self.early: dict[int, Reassembly] = {}
        """Audio whose segment_start has not come (LW-AUDIO-9)."""
        self.highest = 0
        """The highest id that a segment_start has had."""
        self.cut_through = 0
        self.cuts = CutRanges()
        """What is cut beyond the highest start (LW-INTERRUPT-5)."""
        self.credit = 0
        """How much of the window is in use (LW-CREDIT-3)."""
        self.head: IncomingSegment | None = None
        """The segment that is being handed out."""
        self._queue: deque[IncomingSegment] = deque()
        self._late: deque[tuple[IncomingSegment, Mark | Data]] = deque()
        self._count = 0

    # -- which segments there are --------------------------------------------------------------------------

    def is_cut(self, segment: int) -> bool:
        """Whether an id beyond the highest start is cut."""
        return segment <= self.cut_through or segment in self.cuts

    def gone(self, segment: int, what: str) -> None:
        """Make sure that a segment that is not being received is cut or over (LW-SEGMENT-8).

        Raises:
            RemoteProtocolError: ``invalid_segment``; it is neither.
        """
        if self.is_unknown(segment):
            raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, f"{what} of segment {segment}, which was not started")

    def is_unknown(self, segment: int) -> bool:
        """Whether a segment is still to come: above the highest one started, and not cut."""
        return segment > self.highest and not self.is_cut(segment)

    def start(self, segment: int, metadata: Mapping[str, Any], now: float) -> IncomingSegment | None:
        """Begin a segment, with what came early of it; None when it is cut. The caller has checked the id."""
        cut = self.is_cut(segment)
        self.cuts.forget(segment)
        self.highest = segment
        for skipped in [one for one in self.early if one < segment]:
            self._forget_early(skipped)
        if cut:
            return None
        audio = self.early.pop(segment, None) or Reassembly(segment, self.format)
        started = IncomingSegment(audio, metadata, now if audio.came_at is None else audio.came_at)
        self.live[segment] = self.receiving[segment] = started
        self._queue.append(started)
        if self.head is None:
            self.head = started
        return started

    def hold_early(self, segment: int) -> Reassembly | None:
        """Give the place for audio whose segment_start has not come, or None when there is none left."""
        audio = self.early.get(segment)
        if audio is None:
            if len(self.early) >= EARLY_SEGMENTS:
                latest = max(self.early)
                if segment > latest:
                    return None
                self._forget_early(latest)
            audio = self.early[segment] = Reassembly(segment, self.format)
        return audio

    def _forget_early(self, segment: int) -> None:
        self.credit -= self.early.pop(segment).high

    def cut(self, first: int, last: int) -> list[IncomingSegment]:
        """Make segments void, and give those that were being received."""
        for early in [one for one in self.early if first <= one <= last]:
            self._forget_early(early)
        cut = [segment for segment in self.receiving.values() if first <= segment.id <= last]
        for segment in cut:
            self._remove(segment)
        self._forget_late(cut)
        return cut

    def finish(self, segment: IncomingSegment) -> None:
        """The segment is over."""
        if segment.id in self.receiving:
            self._remove(segment)
            self._forget_late([segment])
        segment.change(SegmentInput.FINISH)
        del self.live[segment.id]

    def _remove(self, segment: IncomingSegment) -> None:
        """Drop all that is held of a segment."""
        del self.receiving[segment.id]
        self.credit -= segment.audio.high - segment.audio.consumed
        segment.audio.drop()
        segment.timed.clear()
        if segment.state is not SegmentState.HANDED_OUT:
            self._queue.remove(segment)
            self.head = self._queue[0] if self._queue else None

    def _forget_late(self, segments: list[IncomingSegment]) -> None:
        if self._late:
            gone = {segment.id for segment in segments}
            self._late = deque(one for one in self._late if one[0].id not in gone)

    def clear(self) -> None:
        """The session is over: hold nothing."""
        self.live.clear()
        self.receiving.clear()
        self.early.clear()
        self._queue.clear()
        self._late.clear()
        self.head = None
        self.credit = 0

    # -- what comes next -----------------------------------------------------------------------------------

    def add_timed(self, segment: IncomingSegment, item: Mark | Data) -> None:
        """Take what is to be handed out at a position: before that sample, or at once when it is late (LW-DATA-1)."""
        self._count += 1
        if segment.state is SegmentState.HANDED_OUT:
            self._late.append((segment, item))
        else:
            heappush(segment.timed, (item.position, self._count, item))
        if type(item) is Data:
            segment.data_waiting += 1
            segment.content_waiting += content_size(item.content)

    def add_mark(self, segment: IncomingSegment, mark: Mark) -> None:
        """Take a mark that is to be echoed when playback reaches it."""
        self._count += 1
        heappush(segment.marks, (mark.position, self._count, mark.name))

    def content_ahead(self) -> int:
        """Bytes of data that are ahead of what was handed out, over all segments (LW-DATA-3)."""
        return sum(segment.count_ahead() for segment in self.receiving.values())

    @property
    def content_waiting(self) -> int:
        """Bytes of data that were not handed out, over all segments."""
        return sum(segment.content_waiting for segment in self.receiving.values())

    @property
    def has_late(self) -> bool:
        """Whether something waits that belongs to samples, or a segment, already handed out."""
        return bool(self._late)

    def next_item(self) -> Item | None:
        """Hand out the next item, in the order of segments and positions (LW-SEGMENT-6); None when none is ready."""
        if self._late:
            return self._hand_out_timed(*self._late.popleft())
        segment = self.head
        if segment is None:
            return None
        if not segment.announced:
            segment.announced = True
            return SegmentStart(segment.id, segment.metadata)
        audio = segment.audio
        if segment.timed:
            at = segment.timed[0][0]
            if at <= audio.consumed or audio.consumed == segment.total:
                return self._hand_out_timed(segment, heappop(segment.timed)[2])
            item = audio.take(at)
        else:
            item = audio.take()
        if item is not None:
            self.credit -= audio.consumed - item.position
            return item
        if audio.consumed != segment.total:
            return None
        segment.change(SegmentInput.HAND_OUT_END)
        self._queue.popleft()
        self.head = self._queue[0] if self._queue else None
        return SegmentEnd(segment.id, audio.consumed)

    def has_next(self) -> bool:
        """Whether ``next_item`` would give one."""
        segment = self.head
        if self._late:
            return True
        if segment is None:
            return False
        audio = segment.audio
        return (
            bool(audio.ready)
            or not segment.announced
            or audio.consumed == segment.total
            or bool(segment.timed and segment.timed[0][0] <= audio.consumed)
        )

    @staticmethod
    def _hand_out_timed(segment: IncomingSegment, item: Mark | Data) -> Mark | Data:
        if type(item) is Data:
            segment.data_waiting -= 1
            segment.content_waiting -= content_size(item.content)
        return item
