"""The end of what a driver, and the implementation in it, writes to standard error."""

from __future__ import annotations

from collections import deque
from typing import Final

MOST: Final = 20
"""Lines that are kept."""
MOST_TEXT: Final = 300
"""Characters of a line that are shown."""
_MOST_BYTES: Final = 4_096
"""Bytes of a line that are kept."""


class LastLines:
    """Takes what was written, piece by piece, and keeps the last lines of it."""

    def __init__(self) -> None:
        self.count = 0
        """Lines that have come to their end."""
        self._lines: deque[bytes] = deque(maxlen=MOST)
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Take what comes next."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(line[:_MOST_BYTES] for line in whole)
        self._rest = self._rest[:_MOST_BYTES]
        self.count += len(whole)

    def since(self, count: int = 0) -> list[str]:
        """The last lines, as they are, of those behind so many."""
        kept = list(self._lines)[-(self.count - count) :] if self.count > count else []
        return [line.decode("utf-8", "replace").rstrip("\r") for line in (*kept, *filter(None, [self._rest]))]


def fit_to_show(line: str) -> str:
    """A line for a terminal or a report: not too long, its control characters escaped."""
    text = line if len(line) <= MOST_TEXT else f"{line[:MOST_TEXT]}…"
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)
