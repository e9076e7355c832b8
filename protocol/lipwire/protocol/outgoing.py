"""One segment at the sender: what waits to be sent, what is kept until it is received, and where it stands."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .events import Cause, StreamEnded
from .messages import Data, Mark
from .states import SEGMENT, SegmentInput, SegmentState

_CUT = SegmentState.CUT
_OVER = SegmentState.OVER


@dataclass(slots=True)
class Chunk:
    """Samples that were sent: ``[start, end)``, kept until they are reported as received (LW-REPAIR-3)."""

    start: int
    end: int
    pcm: bytes | memoryview
    sent_at: float
    again_at: float | None = None
    """When it was last sent again; a round trip can not be read off it then."""


class OutgoingSegment:
    """Positions are in samples per channel, ``frame_bytes`` bytes each."""

    def __init__(self, number: int, metadata: Mapping[str, Any] | None, frame_bytes: int) -> None:
        self.number = number
        self.metadata = metadata
        self.frame_bytes = frame_bytes
        self.state = SegmentState.QUEUED
        self.written = 0
        self.sent = 0
        self.reached = 0
        """The highest position that was ever sent: ahead of ``sent`` while what was sent before a resume goes again."""
        self.received = 0
        self.highest = 0
        """The end of the last sample that is known to have arrived; there may be gaps before it."""
        self.consumed = 0
        self.played: int | None = None
        self.finished = False
        """The user has written all of it."""
        self.stream_started = False
        self.cut_cause: Cause | None = None
        self.cut_confirmed = False
        """The peer has said that it is cut."""
        self.result: StreamEnded | None = None
        """How it ended; told to the user once every earlier segment has."""
        self.early: deque[Mark | Data] = deque()
        """Marks and data that wait for segment_start, or for the peer to acknowledge others."""
        self.marks: list[Mark] = []
        """Not reached yet."""
        self.data: list[tuple[int, int]] = []
        """Positions, and bytes of content, of data ahead of the consumed position; of a cut one until that is known."""
        self.content_ahead = 0
        """Bytes of content in ``data``."""
        self._pending: deque[bytes | memoryview] = deque()
        self._kept: deque[Chunk] = deque()

    def change(self, cause: SegmentInput) -> None:
        """Go to the state that the table names."""
        self.state = SEGMENT[self.state, cause]

    @property
    def live(self) -> bool:
        """Neither cut nor over."""
        return self.state not in (_CUT, _OVER)

    @property
    def pending(self) -> int:
        """Samples that wait to be sent."""
        return self.written - self.sent

    @property
    def heard(self) -> int:
        """A lower bound of what was heard."""
        return self.played or 0

    def append(self, pcm: bytes | memoryview, samples: int) -> None:
        """Put so many samples behind those that wait."""
        self._pending.append(pcm)
        self.written += samples

    def send(self, samples: int, pcm: bytes | memoryview, now: float) -> None:
        """Write and send one chunk, which nothing waits before."""
        start = self.sent
        self.written = self.sent = end = start + samples
        if end > self.reached:
            self.reached = end
        self._kept.append(Chunk(start, end, pcm, now))

    def take(self, most: int, now: float) -> Chunk:
        """Take the next chunk, of at most ``most`` bytes, to be sent; it is kept until it is received.

        A short piece is joined with those behind it, so that a backlog goes in large chunks.
        """
        pending = self._pending
        piece: bytes | memoryview = pending[0]
        if len(piece) > most:
            view = memoryview(piece)
            piece, pending[0] = view[:most], view[most:]
        else:
            pending.popleft()
            if pending and len(piece) + len(pending[0]) <= most:
                parts, size = [piece], len(piece)
                while pending and size + len(pending[0]) <= most:
                    size += len(pending[0])
                    parts.append(pending.popleft())
                piece = b"".join(parts)
        start = self.sent
        self.sent = start + len(piece) // self.frame_bytes
        self.reached = max(self.reached, self.sent)
        chunk = Chunk(start, self.sent, piece, now)
        self._kept.append(chunk)
        return chunk

    @property
    def in_flight(self) -> int:
        """Bytes that were sent beyond what is known to have arrived."""
        return max(self.sent - self.highest, 0) * self.frame_bytes

    def release(self, received: int, highest: int) -> Chunk | None:
        """Let go of what was received; gives the chunk that ends at ``highest``, if it was sent just once."""
        kept = self._kept
        last: Chunk | None = None
        while kept and kept[0].end <= received:
            last = kept.popleft()
        if highest > received:
            last = next(iter(self.kept_in(highest - 1, highest)), None)
        self.received = received
        self.highest = max(self.highest, highest)
        return None if last is None or last.end != highest or last.again_at is not None else last

    def consume(self, consumed: int) -> None:
        """The consumer has taken so much: what belongs before is ahead no more (LW-DATA-2, LW-DATA-3)."""
        self.consumed = consumed
        if self.data:
            self.data = [one for one in self.data if one[0] > consumed]
            self.content_ahead = sum(size for _, size in self.data)

    def hold_ahead(self, position: int, size: int) -> None:
        """Count data of so many bytes of content, at a position that the consumer has not reached."""
        self.data.append((position, size))
        self.content_ahead += size

    def skip(self, received: int) -> None:
        """Leave out of what waits to be sent again what turns out to have arrived before."""
        left = (received - self.sent) * self.frame_bytes
        while left > 0:
            piece = self._pending[0]
            if len(piece) <= left:
                self._pending.popleft()
            else:
                self._pending[0] = memoryview(piece)[left:]
            left -= len(piece)
        self.sent = received

    def kept_in(self, first: int, end: int) -> list[Chunk]:
        """The chunks that are kept and touch ``[first, end)``."""
        kept = self._kept
        index = max(bisect_right(kept, first, key=_start) - 1, 0)
        found = []
        while index < len(kept) and kept[index].start < end:
            if kept[index].end > first:
                found.append(kept[index])
            index += 1
        return found

    def rewind(self, received: int) -> None:
        """Go back to ``received``: what was sent beyond it waits to be sent again (LW-RESUME-9)."""
        self.release(received, received)
        self.highest = received
        again: list[bytes | memoryview] = []
        for chunk in self._kept:
            pcm = chunk.pcm
            if chunk.start < received:
                pcm = memoryview(pcm)[(received - chunk.start) * self.frame_bytes :]
            again.append(pcm)
        self._kept.clear()
        self._pending.extendleft(reversed(again))
        self.sent = received

    def drop(self) -> int:
        """Drop what waits and what is kept; gives how many samples had waited."""
        dropped = self.pending
        self._pending.clear()
        self._kept.clear()
        self.early.clear()
        self.marks.clear()
        # What a resume had taken back counts as sent again: the receiver may have it.
        self.written = self.sent = max(self.sent, self.reached)
        return dropped


def _start(chunk: Chunk) -> int:
    return chunk.start
