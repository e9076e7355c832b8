"""Which samples of a segment have arrived."""

from __future__ import annotations


class Ranges:
    """Which samples of a segment have arrived."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """Samples from ``start`` up to ``end`` have."""
        if self._parts and self._parts[-1][1] == start:  # as it mostly goes
            self._parts[-1] = (self._parts[-1][0], max(self._parts[-1][1], end))
            return
        parts: list[tuple[int, int]] = []
        for part in sorted([*self._parts, (start, end)]):
            if parts and part[0] <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(parts[-1][1], part[1]))
            else:
                parts.append(part)
        self._parts = parts

    @property
    def contiguous(self) -> int:
        """Everything before it has arrived."""
        return self._parts[0][1] if self._parts and self._parts[0][0] == 0 else 0

    @property
    def highest(self) -> int:
        """The end of the last sample that has."""
        return self._parts[-1][1] if self._parts else 0

    def holds(self, start: int, end: int) -> bool:
        """Whether all samples from ``start`` up to ``end`` have."""
        return any(first <= start and end <= last for first, last in self._parts)
