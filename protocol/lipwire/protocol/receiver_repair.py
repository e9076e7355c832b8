"""When to ask for what is missing (LW-REPAIR-2)."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from math import inf

from .incoming import IncomingSegment
from .limits import NACK_DELAY, NACK_RANGES

Range = tuple[int, int]


_FEW = 512
"""Entries among which is not looked for those that are of no use any more."""


class NackSchedule:
    """What was found missing and when it is to be asked for (again).

    An entry is a stretch of positions that was found missing at one time. What is known to have been sent only grows,
    so the stretches of one segment do not overlap.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, IncomingSegment, int, int]] = []
        self._most = _FEW
        self._count = 0
        self._answered = inf
        """Seconds from a nack to what it asked for, smoothed."""
        self._asked: tuple[IncomingSegment, int, float] | None = None
        """A sample that was asked for once, and when."""

    @property
    def deadline(self) -> float:
        """When ``due`` may have something."""
        return self._heap[0][0] if self._heap else inf

    def found(self, segment: IncomingSegment, first: int, end: int, now: float, round_trip: float) -> None:
        """Samples between two positions were found missing; ``round_trip``: by the pings, here and in ``due``."""
        round_trip = min(round_trip, self._answered)
        self._push(now + max(NACK_DELAY, round_trip / 4), segment, first, end)

    def clear(self) -> None:
        """Ask for nothing: the transport is gone."""
        self._heap.clear()
        self._asked, self._answered = None, inf

    def arrived(self, segment: IncomingSegment, position: int, end: int, now: float) -> None:
        """Samples that were asked for have come: see how long that took."""
        asked = self._asked
        if asked is not None and asked[0] is segment and position <= asked[1] < end:
            took = now - asked[2]
            self._answered = took if self._answered == inf else 0.75 * self._answered + 0.25 * took
            self._asked = None

    def due(self, now: float, round_trip: float) -> Iterator[tuple[IncomingSegment, list[Range]]]:
        """Give what is to be asked for now, as segments with ranges: ascending, apart, as many as one nack holds."""
        round_trip = min(round_trip, self._answered)
        stretches: dict[IncomingSegment, list[Range]] = {}
        while self._heap and self._heap[0][0] <= now:
            _, _, segment, first, end = heappop(self._heap)
            if segment.audio.missing(first, end):  # nothing, when it is cut or over
                stretches.setdefault(segment, []).append((first, end))
        for segment, found in stretches.items():
            ranges: list[Range] = []
            for first, end in _joined(found):
                self._push(now + round_trip + NACK_DELAY, segment, first, end)
                missing = segment.audio.missing(first, end)
                if missing[0][0] >= segment.nacked:
                    self._asked = segment, missing[0][0], now
                elif self._asked is not None and self._asked[0] is segment and first <= self._asked[1] < end:
                    self._asked = None  # asked for twice: whose answer comes is not known
                segment.nacked = max(segment.nacked, end)
                ranges += missing
            ranges = _joined(ranges)
            for at in range(0, len(ranges), NACK_RANGES):
                yield segment, ranges[at : at + NACK_RANGES]

    def _push(self, at: float, segment: IncomingSegment, first: int, end: int) -> None:
        self._count += 1
        heappush(self._heap, (at, self._count, segment, first, end))
        if len(self._heap) > self._most:
            self._tidy()

    def _tidy(self) -> None:
        """Forget what is missing no more, and join what touches.

        Gaps can be made, and filled, faster than their time comes; the peer has its say in how long that takes.
        """
        kept: list[tuple[float, int, IncomingSegment, int, int]] = []
        for at, count, segment, first, end in sorted(self._heap, key=_place):
            if not segment.audio.missing(first, end):
                continue
            if kept and kept[-1][2] is segment and first <= kept[-1][4]:
                before = kept.pop()
                at, count, first, end = min(at, before[0]), before[1], before[3], max(end, before[4])
            kept.append((at, count, segment, first, end))
        heapify(kept)
        self._heap = kept
        self._most = max(_FEW, 2 * len(kept))


def _place(entry: tuple[float, int, IncomingSegment, int, int]) -> tuple[int, int]:
    return entry[2].id, entry[3]


def _joined(ranges: list[Range]) -> list[Range]:
    """Sort ranges, and join those that touch."""
    out: list[Range] = []
    for first, end in sorted(ranges):
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((first, end))
    return out
