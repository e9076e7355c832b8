"""Sets of positions, as ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Ranges:
    """Positions ``[first, end)``, ascending and apart."""

    __slots__ = ("_ends", "_firsts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._firsts)

    def copy(self) -> Ranges:
        """As they are now."""
        copy = Ranges()
        copy._firsts, copy._ends = self._firsts[:], self._ends[:]
        return copy

    def add(self, first: int, end: int) -> None:
        """Put a range in."""
        if first >= end:
            return
        firsts, ends = self._firsts, self._ends
        if ends and ends[-1] == first:
            ends[-1] = end
            return
        low = bisect_left(ends, first)
        high = bisect_right(firsts, end)
        if low < high:
            first, end = min(first, firsts[low]), max(end, ends[high - 1])
        firsts[low:high] = [first]
        ends[low:high] = [end]

    @property
    def prefix(self) -> int:
        """The position before which nothing is missing."""
        return self._ends[0] if self._firsts and self._firsts[0] == 0 else 0

    def gap(self, known: int) -> tuple[int, int]:
        """The first range that is missing, of those below a position."""
        first = self.prefix
        after = next((one for one in self._firsts if one > first), known)
        return first, max(first, min(after, known))

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self._ends[-1] if self._ends else 0

    @property
    def count(self) -> int:
        """How many positions there are."""
        return sum(self._ends) - sum(self._firsts)

    def touches(self, first: int, end: int) -> bool:
        """Whether any position of a range is in."""
        at = bisect_right(self._ends, first)
        return at < len(self._firsts) and self._firsts[at] < end

    def holds(self, first: int, end: int) -> bool:
        """Whether all positions of a range are in."""
        at = bisect_right(self._ends, first)
        return first >= end or (at < len(self._firsts) and self._firsts[at] <= first and end <= self._ends[at])
