"""A version 0 sender's segments: which the peer has, and which of them an ack means (SPEC, Appendix A).

An ack names no segment. What it can mean is narrowed down by its kind, by what was sent, by the order of segments, and
by the clock: nothing can have been heard before it was sent, nor faster than it plays.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from .events import Cause
from .formats import PcmFormat
from .outgoing import OutgoingSegment
from .sender_segments import SenderSegments
from .version0_pace import NEAR


@dataclass(slots=True)
class OnWire:
    """What is known of a segment of which audio was sent."""

    starts_at: float
    """Its first sample can not be heard before that."""
    ends_at: float = 0.0
    """What was sent of it can not be heard to its end before that."""
    last_at: float = 0.0
    """When its last audio was sent."""
    end_sent_at: float = inf
    cut_at: float = inf
    """When an INTERRUPT was sent that cuts it."""
    truncated: bool = False
    """It was cut alone, among others on the wire: what was sent of it is played."""
    acked: int | None = None
    """Acked as played up to there, sooner than it can have been."""


class AckedSegments(SenderSegments):
    """A table of segments by id, whose results are made from acks without ids."""

    def __init__(self, first: int, pcm: PcmFormat, *, grace: float, exact: bool) -> None:
        super().__init__(first)
        self.wire: dict[int, OnWire] = {}
        """By id, those of which audio was sent, until their result is told."""
        self._format = pcm
        self._grace = grace
        self._exact = exact
        self._moved_at = -inf
        """When a segment was last acked as played."""
        self._unanswered: deque[float] = deque()
        """When each INTERRUPT was sent that no ack has followed."""

    # -- where a segment stands ----------------------------------------------------------------------------

    def is_cut(self, segment: OutgoingSegment) -> bool:
        """Whether an INTERRUPT was sent for it, and it has no result yet."""
        wire = self.wire.get(segment.number)
        return segment.result is None and wire is not None and wire.cut_at < inf

    def is_playing(self, segment: OutgoingSegment) -> bool:
        """Whether the peer has audio of it that is to be heard."""
        wire = self.wire.get(segment.number)
        return segment.result is None and wire is not None and wire.cut_at == inf

    @property
    def playing(self) -> list[OutgoingSegment]:
        """Those of which the peer has audio that is to be heard."""
        return [segment for segment in self if self.is_playing(segment)]

    def unsettled(self, first: int, last: int) -> bool:
        """Whether the peer has yet to say how one of these was cut."""
        return any(first <= segment.number <= last and self.is_cut(segment) for segment in self)

    # -- cutting -------------------------------------------------------------------------------------------

    def truncate(self, segment: OutgoingSegment, cause: Cause) -> None:
        """Cut a segment that shares the wire with others: what was sent of it is played."""
        self.cut(segment, cause)
        self.wire[segment.number].truncated = True

    def interrupt(self, targets: list[OutgoingSegment], cause: Cause, now: float) -> tuple[bool, bool]:
        """Cut segments; gives whether INTERRUPT is to be sent, and whether an ack is to be waited for."""
        sent = ack_due = False
        for segment in targets:
            wire = self.wire.get(segment.number)
            if segment.live:
                self.cut(segment, cause)
            if wire is None:  # never on the wire: nothing to wait for
                self.end(segment, 0, interrupted=True, cause=cause, exact=True)
                continue
            sent = True
            wire.cut_at, wire.truncated = now, False
            if wire.acked is None:
                ack_due = True
            else:  # the peer has had its say
                self._end_cut(segment, wire.acked, now, exact=False)
        if sent:
            self._unanswered.append(now)
        return sent, ack_due

    # -- acks ----------------------------------------------------------------------------------------------

    def on_interrupted(self, position: int, now: float) -> bool:
        """Take an ack of an interrupt: for the first segment that was cut. False: it fits none.

        Those that were cut with it have not been heard, since a peer sends one ack for all of them.
        """
        while self._unanswered and self._unanswered[0] < now - self._grace:
            self._unanswered.popleft()
        waiting = [segment for segment in self if self.is_cut(segment)]
        if not waiting:
            if not self._unanswered:
                return self._on_given_up(position, now)
            self._unanswered.popleft()
            return False
        if self._unanswered:
            self._unanswered.popleft()
        cut_at = self.wire[waiting[0].number].cut_at
        self._end_cut(waiting[0], position, now, exact=self._exact)
        for segment in waiting[1:]:
            if self.wire[segment.number].cut_at == cut_at:
                self._end_cut(segment, 0, now, exact=False)
        return True

    def _on_given_up(self, position: int, now: float) -> bool:
        """Take an ack of an interrupt that was not ours: for the segment that is being played."""
        segment = self.oldest
        wire = None if segment is None else self.wire.get(segment.number)
        if segment is None or wire is None or wire.acked is not None:
            return False
        cause = segment.cut_cause or Cause.FAILED
        heard = min(position, self._bound(segment, now))
        self.end(segment, heard, interrupted=True, cause=cause, exact=self._exact)
        return True

    def on_played(self, position: int, now: float) -> bool:
        """Take an ack of a segment that was played: for the first that is wholly sent. False: it fits none."""
        skipped: list[OutgoingSegment] = []
        for segment in self:
            wire = self.wire.get(segment.number)
            if segment.result is not None or (wire is not None and wire.acked is not None):
                continue
            if wire is None:
                return False
            if wire.end_sent_at < inf:
                break
            skipped.append(segment)
        else:
            return False
        for earlier in skipped:  # they were cut, and since acks come in order, theirs will not come
            self._end_cut(earlier, 0, now, exact=False)
        self._moved_at = now
        if wire.cut_at < wire.ends_at - NEAR:
            self._end_cut(segment, position, now, exact=False)  # queued to its end, and then cut
        elif now < wire.ends_at - NEAR:
            wire.acked = position
        else:
            self._end_played(segment, position)
        return True

    def _end_played(self, segment: OutgoingSegment, position: int) -> None:
        truncated = self.wire[segment.number].truncated
        cause = segment.cut_cause if truncated and segment.cut_cause else Cause.PLAYED
        heard = min(position, segment.sent)
        self.end(segment, heard, interrupted=truncated, cause=cause, exact=self._exact)

    def _end_cut(self, segment: OutgoingSegment, position: int, now: float, *, exact: bool) -> None:
        heard = min(position, self._bound(segment, now))
        cause = segment.cut_cause or Cause.INTERRUPTED
        self.end(segment, heard, interrupted=True, cause=cause, exact=exact)

    def _bound(self, segment: OutgoingSegment, now: float) -> int:
        """How much of a segment can have been heard by now, whatever an ack says."""
        elapsed = max(now - self.wire[segment.number].starts_at, 0.0)
        return min(segment.sent, self._format.samples(elapsed))

    # -- time ----------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When the oldest segment ends: it was acked too soon, or its ack is no longer waited for (LW-STREAM-7)."""
        oldest = self.oldest
        wire = None if oldest is None else self.wire.get(oldest.number)
        if oldest is None or wire is None:
            return inf
        if wire.acked is not None:
            return wire.ends_at
        if wire.cut_at < inf:
            return wire.cut_at + self._grace
        if wire.end_sent_at < inf:
            behind_others = self._moved_at + self._format.seconds(oldest.sent)
            return max(wire.ends_at, wire.end_sent_at, behind_others) + self._grace
        return inf  # the user is still writing, or audio waits for its time to be sent

    def expire(self) -> None:
        """End the oldest segment, whose deadline has come.

        No INTERRUPT goes with it: it would cut what is behind, and deployed peers sometimes just do not ack.
        """
        oldest = self.oldest
        assert oldest is not None
        acked = self.wire[oldest.number].acked
        if acked is not None:
            self._end_played(oldest, acked)
        else:
            self.end(oldest, 0, interrupted=True, cause=oldest.cut_cause or Cause.NO_REPORT, exact=False)
