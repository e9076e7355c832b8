"""How many samples a sender had out: sent, and not reported as consumed (SPEC §9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lipwire.protocol.registry import Role

from .trace import Entry


def most_out(trace: Sequence[Entry], frame_bytes: int) -> int:
    """The most samples that were out at once, as LW-CREDIT-1 and 2 count them, in the receiver's sight.

    What the receiver has sent counts at once, though it takes its time to reach the sender, so this is never too high.
    """
    count = _Count(frame_bytes)
    for entry in trace:
        take = getattr(count, f"take_{entry.name}", None)
        if entry.kind == "message" and entry.message is not None and take is not None:
            take(entry.message, entry.by)
    return count.most


class _Count:
    def __init__(self, frame_bytes: int) -> None:
        self.most = 0
        self._frame_bytes = frame_bytes
        self._sent: dict[int, int] = {}
        self._consumed: dict[int, int] = {}
        self._interrupted: set[int] = set()
        self._free: set[int] = set()
        """Segments that are over, or cut and confirmed."""
        self._cut_through = 0

    def take_audio(self, message: Any, _: Role) -> None:
        segment, end = message.segment, message.position + len(message.pcm) // self._frame_bytes
        self._sent[segment] = max(self._sent.get(segment, 0), end)
        self._cut_through = max(self._cut_through, message.cut_through)
        counted = (s for s in self._sent if s > self._cut_through and s not in self._free)
        self.most = max(self.most, sum(self._sent[s] - self._consumed.get(s, 0) for s in counted))

    def take_progress(self, message: Any, _: Role) -> None:
        self._consumed[message.segment] = max(self._consumed.get(message.segment, 0), message.consumed)

    def take_welcome(self, message: Any, _: Role) -> None:
        """On a resume its state says what was consumed."""
        for segment, _received, consumed, _played in message.state[1] if message.state else ():
            self._consumed[segment] = max(self._consumed.get(segment, 0), consumed)

    def take_interrupt(self, message: Any, _: Role) -> None:
        self._interrupted.update(s for s in self._sent if message.first <= s <= message.last)

    def take_cut(self, message: Any, _: Role) -> None:
        self._free.update(s for s in self._interrupted if message.first <= s <= message.last)

    def take_stream_ended(self, message: Any, _: Role) -> None:
        self._free.add(message.segment)
