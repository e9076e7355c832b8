"""One segment's samples, from chunks in any order to an unbroken sequence.

Here, and nowhere else in the receiver, positions and bytes are reckoned into each other. What is held is bounded by
the caller (credit) and by the number of missing ranges; a chunk costs amortised logarithmic time whatever its order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Final

from .formats import PcmFormat
from .items import Audio
from .limits import MAX_SEGMENT, MISSING_RANGES

_SILENCE: Final = 0.1
"""Seconds in one concealed item: its bytes are shared by all of them."""
_LEAST = 0.005
"""Seconds that a chunk should have: many that are shorter are joined, for each takes memory besides its samples."""
_FEW = 64
"""Chunks that are never joined."""


@dataclass(slots=True)
class _Run:
    """Samples beyond a gap, without a gap among themselves."""

    start: int
    end: int
    chunks: deque[Audio]


class Reassembly:
    """The samples of one segment at the receiver.

    ``consumed`` ≤ ``received`` ≤ ``high`` ≤ ``known`` ≤ ``bound``, in samples per channel: handed out; nothing missing
    before it; the end of the last sample that arrived; known to have been sent; and where the segment must end.
    """

    __slots__ = (
        "_runs",
        "_starts",
        "bound",
        "came_at",
        "consumed",
        "format",
        "frame",
        "known",
        "ready",
        "received",
        "segment",
    )

    def __init__(self, segment: int, pcm: PcmFormat) -> None:
        self.segment = segment
        self.format = pcm
        self.frame = pcm.frame_bytes
        self.consumed = 0
        self.received = 0
        self.known = 0
        self.bound = MAX_SEGMENT
        self.came_at: float | None = None
        """When a sample last came that lies beyond all before it, of audio that came before its segment_start."""
        self.ready: deque[Audio] = deque()
        """What can be handed out: from ``consumed`` to ``received``."""
        self._runs: list[_Run] = []
        """What came beyond a gap: ascending, apart, all beyond ``received``."""
        self._starts: list[int] = []

    @property
    def high(self) -> int:
        """The end of the last sample that has arrived: credit is reckoned from here."""
        return self._runs[-1].end if self._runs else self.received

    @property
    def held(self) -> int:
        """How many samples are held."""
        return self.received - self.consumed + sum(run.end - run.start for run in self._runs)

    @property
    def gaps(self) -> int:
        """How many ranges are missing."""
        return len(self._runs) + (self.known > self.high)

    def add(self, position: int, pcm: bytes) -> int | None:
        """Take a chunk of whole PCM frames, and give how many of its samples are new.

        None: it was dropped, since it would have made one missing range too many (LW-REPAIR-9).
        """
        end = position + len(pcm) // self.frame
        if position == self.received == self.known:
            self.ready.append(Audio(self.segment, position, pcm, self.format))
            self.received = self.known = end
            return end - position
        first = max(position, self.received)
        if first >= end:
            return 0
        # The runs that the chunk overlaps or touches.
        low = bisect_left(self._starts, first)
        if low and self._runs[low - 1].end >= first:
            low -= 1
        high = bisect_right(self._starts, end)
        touched = self._runs[low:high]
        at_front = first == self.received
        gaps = len(self._runs) - len(touched) + (not at_front)
        if gaps + (max(self.known, end) > max(self.high, end)) > max(self.gaps, MISSING_RANGES):
            return None
        # First bytes win (LW-AUDIO-6): only what lies between the runs is taken from the chunk.
        parts: list[deque[Audio]] = []
        added, cursor = 0, first
        for run in touched:
            if cursor < run.start:
                parts.append(deque((self._piece(position, pcm, cursor, run.start),)))
                added += run.start - cursor
            parts.append(run.chunks)
            cursor = max(cursor, run.end)
        if cursor < end:
            parts.append(deque((self._piece(position, pcm, cursor, end),)))
            added += end - cursor
            cursor = end
        self.known = max(self.known, end)
        del self._runs[low:high]
        del self._starts[low:high]
        if at_front:
            for part in parts:
                self.ready.extend(part)
            self.received = cursor
        else:
            start = min(first, touched[0].start) if touched else first
            self._runs.insert(low, _Run(start, cursor, self._compacted(_joined(parts), cursor - start)))
            self._starts.insert(low, start)
        return added

    def _piece(self, position: int, pcm: bytes, start: int, end: int) -> Audio:
        """Cut the samples from ``start`` to ``end`` out of a chunk that begins at ``position``."""
        data: bytes | memoryview = pcm
        low, high = (start - position) * self.frame, (end - position) * self.frame
        if high - low < len(pcm):
            # A small view would keep all of a large chunk in memory.
            data = pcm[low:high] if 2 * (high - low) < len(pcm) else memoryview(pcm)[low:high]
        return Audio(self.segment, start, data, self.format)

    def compact(self) -> None:
        """Join what can be handed out, where a sender cuts it in very small chunks."""
        self.ready = self._compacted(self.ready, self.received - self.consumed)

    def _compacted(self, chunks: deque[Audio], samples: int) -> deque[Audio]:
        """Join neighbours if there are many for so many samples; so rarely that each is copied a few times at most."""
        least = max(1, self.format.samples(_LEAST)) * self.frame
        if len(chunks) <= _FEW + 4 * samples * self.frame // least:
            return chunks
        joined: deque[Audio] = deque()
        parts: list[Audio] = []
        size = 0
        for audio in chunks:
            if parts and (size + len(audio.pcm) > least or audio.concealed is not parts[0].concealed):
                joined.append(_one(parts))
                parts, size = [], 0
            parts.append(audio)
            size += len(audio.pcm)
        joined.append(_one(parts))
        return joined

    def know(self, position: int) -> None:
        """Learn that the segment has been sent up to there."""
        self.known = max(self.known, position)

    def missing(self, first: int = 0, end: int = MAX_SEGMENT) -> list[tuple[int, int]]:
        """Give the missing ranges between two positions, ascending and apart (LW-REPAIR-1)."""
        cursor, end = max(first, self.received), min(end, self.known)
        ranges: list[tuple[int, int]] = []
        at = bisect_right(self._starts, cursor)
        if at:
            cursor = max(cursor, self._runs[at - 1].end)
        while cursor < end:
            if at == len(self._runs):
                ranges.append((cursor, end))
                break
            run = self._runs[at]
            ranges.append((cursor, min(run.start, end)))
            cursor = run.end
            at += 1
        return ranges

    def conceal(self, room: int) -> int:
        """Put silence in the place of the first missing range, and give how many samples that are (LW-REPAIR-7).

        ``room``: so many samples may be held beyond ``high``.
        """
        end = self._starts[0] if self._runs else min(self.known, self.received + room)
        count = end - self.received
        if count <= 0:
            return 0
        step = max(1, self.format.samples(_SILENCE))
        silence = bytes(min(step, count) * self.frame)
        for start in range(self.received, end, step):
            samples = min(step, end - start)
            pcm = silence if samples * self.frame == len(silence) else bytes(samples * self.frame)
            self.ready.append(Audio(self.segment, start, pcm, self.format, concealed=True))
        self.received = end
        if self._runs:
            del self._starts[0]
            run = self._runs.pop(0)
            self.ready.extend(run.chunks)
            self.received = run.end
        return count

    def take(self, stop: int = MAX_SEGMENT) -> Audio | None:
        """Hand out the next samples, as they came, but none from ``stop`` on."""
        if not self.ready or self.consumed >= stop:
            return None
        audio = self.ready.popleft()
        end = audio.position + len(audio.pcm) // self.frame
        if end > stop:
            at = (stop - audio.position) * self.frame
            view = memoryview(audio.pcm)
            self.ready.appendleft(audio._replace(position=stop, pcm=view[at:]))
            audio, end = audio._replace(pcm=view[:at]), stop
        self.consumed = end
        return audio

    def drop(self) -> None:
        """Let go of what is held; the positions stay."""
        self.ready.clear()
        self._runs.clear()
        self._starts.clear()
        self.known = self.received


def _one(parts: list[Audio]) -> Audio:
    return parts[0] if len(parts) == 1 else parts[0]._replace(pcm=b"".join(part.pcm for part in parts))


def _joined(parts: list[deque[Audio]]) -> deque[Audio]:
    """Join runs of chunks into the longest of them, so that each chunk is moved a logarithmic number of times."""
    longest = max(range(len(parts)), key=lambda index: len(parts[index]))
    joined = parts[longest]
    for part in parts[longest + 1 :]:
        joined.extend(part)
    for part in reversed(parts[:longest]):
        joined.extendleft(reversed(part))
    return joined
