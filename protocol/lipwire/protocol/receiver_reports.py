"""What a receiver reports, and its timers: progress, nacks, ends, and how long its consumer is kept waiting."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop
from math import inf
from typing import ClassVar

from . import messages as m
from .connection import Connection
from .events import Event
from .formats import PcmFormat
from .incoming import Incoming, IncomingSegment
from .items import Interrupted
from .limits import PROGRESS_INTERVAL, REPEAT, Limits
from .liveness import microseconds
from .receiver_repair import NackSchedule
from .registry import Role
from .states import SegmentState, SessionState

_OPEN = SessionState.OPEN
_SILENT = (SegmentState.CUT, SegmentState.OVER)


@dataclass(slots=True, kw_only=True)
class ReceiverCounters:
    """What a receiver has counted since its session began. Samples are per channel."""

    chunks: int = 0
    bytes: int = 0
    """Of PCM, in all chunks."""
    duplicates: int = 0
    """Chunks of which everything had been received before, or concealed."""
    late: int = 0
    """Chunks dropped because their segment was cut or over."""
    refused: int = 0
    """Chunks dropped for want of room: too many missing ranges, or too many segments without a start."""
    late_data: int = 0
    """Data dropped because they came late, and the consumer took none of those before."""
    nacks: int = 0
    repaired_samples: int = 0
    """Samples that arrived after they had been asked for."""
    concealed_samples: int = 0
    interrupts: int = 0
    """Cuts that concerned a live segment."""
    segments: int = 0
    live_segments: int = 0
    credit_used: int = 0
    """Samples of the window in use."""
    window: int = 0
    held_samples: int = 0


class Reporting(Connection):
    """What lies under a receiver's handling of messages."""

    role: ClassVar[Role] = Role.RECEIVER

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.paused = False
        self._counters = ReceiverCounters()
        self._incoming = Incoming(PcmFormat(), window=0, repair=False)
        self._frame = 2
        self._most_segments = limits.segments
        self._interrupted: deque[Interrupted] = deque()
        self._paused_told = False
        self._cooldown_until = 0.0
        self._resetting: set[int] = set()
        """Segments whose cut began the cooldown, and whose end was not reported."""
        self.flowing = False
        """Nothing keeps samples back or overtakes them: no pause, cooldown, interrupt, late item or close."""
        self._dirty: list[IncomingSegment] = []
        self._progress_at = inf
        self._repeat_at = inf
        self._quarter = 1
        self._owed: dict[int, float] = {}
        """Cut segments whose end the consumer has to report, and by when; oldest first."""
        self._consumed_since = 0
        """Samples since the last progress."""
        self._nacks = NackSchedule()
        self._hungry = False
        """The consumer asked, and there was nothing."""
        self._starving: tuple[int, int] | None = None
        self._starved_at = inf
        """When the consumer has waited long enough for the sample that ``_starving`` names."""

    # -- verbs ---------------------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When ``expire`` is to be called, by the same clock as ``now``; infinity when nothing is due."""
        deadline = super().next_deadline()
        if self._cooldown_until:
            deadline = min(deadline, self._cooldown_until)
        if self._owed:
            deadline = min(deadline, next(iter(self._owed.values())))
        if self.state is _OPEN:
            deadline = min(deadline, self._progress_at, self._repeat_at, self._nacks.deadline, self._starved_at)
        return deadline

    def take_events(self) -> list[Event]:
        """Take the events since the last call, in order."""
        self.stirred = False
        return super().take_events()

    def expire(self, now: float) -> None:
        """Do what is due at ``now``. Calling it early is harmless."""
        super().expire(now)
        if self._cooldown_until and now >= self._cooldown_until:
            self._end_cooldown(now)
        while self._owed and now >= next(iter(self._owed.values())):
            self._stop_waiting(self._incoming.live[next(iter(self._owed))], now)
        if self.state is not _OPEN:
            return
        if now >= self._progress_at:
            self._report(now)
            self._progress_at = inf
        if now >= self._repeat_at:
            self._repeat(now)
        if now >= self._nacks.deadline:
            for segment, ranges in self._nacks.due(now, self.liveness.round_trip):
                self._counters.nacks += 1
                self._send_media(m.Nack(segment.id, [list(one) for one in ranges]))
        if now >= self._starved_at:
            self._watch_hunger(now)
            if now >= self._starved_at:
                self._conceal(now)

    def detach(self, now: float) -> None:
        """The transport is gone, in whatever way. The session waits to be resumed if it can be (SPEC §15)."""
        super().detach(now)
        self._quiet()

    @property
    def counters(self) -> ReceiverCounters:
        """The counts up to now; the same object each time."""
        counters, incoming = self._counters, self._incoming
        counters.live_segments = len(incoming.live)
        counters.credit_used = incoming.credit
        counters.window = incoming.window
        counters.held_samples = self.held
        return counters

    @property
    def format(self) -> PcmFormat:
        """The format of the session."""
        return self._incoming.format

    @property
    def held(self) -> int:
        """How many samples per channel wait for the consumer, those behind a gap or ahead of their start too."""
        incoming = self._incoming
        started = sum(segment.audio.held for segment in incoming.receiving.values())
        return started + sum(early.held for early in incoming.early.values())

    # -- reports -------------------------------------------------------------------------------------------

    def _finish_segment(
        self, segment: IncomingSegment, position: int | None, *, interrupted: bool, cause: int, now: float
    ) -> None:
        """The segment is over: the one place that sends stream_ended (LW-STREAM-2)."""
        if position is None and segment.played is not None:
            self._send(self._progress(segment, now), now)  # the best that the sender will learn (LW-STREAM-3)
        self._incoming.finish(segment)
        self._update()  # late data, or marks, of it stand before nothing any more
        self._owed.pop(segment.id, None)
        self._resetting.discard(segment.id)
        if not self._resetting and self._cooldown_until:  # LW-COOLDOWN-2
            self._end_cooldown(now)
        self._watch_hunger(now)
        self._send(m.StreamEnded(segment.id, position, interrupted, cause), now)

    def _stop_waiting(self, segment: IncomingSegment, now: float) -> None:
        """The consumer did not say how far it played a cut segment: report what is known (LW-INTERRUPT-7)."""
        to_end = segment.played is not None and segment.played == segment.total  # LW-STREAM-4
        cause = m.EndCause.PLAYED if to_end else m.EndCause.INTERRUPTED
        self._finish_segment(segment, segment.played, interrupted=not to_end, cause=cause, now=now)

    def _reach_marks(self, segment: IncomingSegment, position: float, now: float) -> None:
        """Echo the marks that playback has reached (LW-MARK-1)."""
        while segment.marks and segment.marks[0][0] <= position and not self.closed:
            self._send(m.MarkReached(segment.id, heappop(segment.marks)[2]), now)

    def _touch(self, segment: IncomingSegment, now: float) -> None:
        """A position has changed: a progress is due soon, or at once after a quarter of the window (LW-PROGRESS-1)."""
        if not segment.dirty:
            if not self._dirty:
                due = now + PROGRESS_INTERVAL
                if due < self._progress_at:  # else the shell wakes soon enough, and asks again
                    self.stirred = True
                self._progress_at = due
            segment.dirty = True
            self._dirty.append(segment)
        if self._consumed_since >= self._quarter:
            self.stirred = True
            self._report(now)

    def _report(self, now: float) -> None:
        """Send a progress of each segment of which something has changed."""
        dirty, self._dirty = self._dirty, []
        self._consumed_since = 0
        for segment in dirty:
            segment.dirty = False
            if segment.state not in _SILENT:
                segment.audio.compact()
                self._send_progress(segment, now)

    def _repeat(self, now: float) -> None:
        """Send the newest progress of each live segment that is not cut once more (LW-PROGRESS-5)."""
        receiving = self._incoming.receiving.values()
        for segment in receiving:
            if segment.reported:
                self._send(self._progress(segment, now), now)
        self._repeat_at = now + REPEAT if receiving else inf

    def _send_progress(self, segment: IncomingSegment, now: float) -> None:
        segment.reported = True
        self._send_media(self._progress(segment, now))

    @staticmethod
    def _progress(segment: IncomingSegment, now: float) -> m.Progress:
        audio = segment.audio
        high = audio.high
        return m.Progress(
            segment.id,
            audio.received,
            audio.consumed,
            segment.played,
            microseconds(now),
            microseconds(now - segment.grew_at) if high else 0,
            high if high > audio.received else None,
        )

    def _quiet(self) -> None:
        """There is no transport, or a new one: nothing is due on it."""
        for segment in self._dirty:
            segment.dirty = False
        self._dirty.clear()
        self._progress_at = self._repeat_at = self._starved_at = inf
        self._consumed_since = 0
        self._starving = None
        self._nacks.clear()

    # -- the consumer's wait -------------------------------------------------------------------------------

    def _update(self) -> None:
        """See whether samples can go straight to the consumer."""
        self.flowing = not (
            self.paused
            or self._paused_told
            or self._cooldown_until
            or self._interrupted
            or self._incoming.has_late
            or self.closed
        )

    def _end_cooldown(self, now: float) -> None:
        self._cooldown_until = 0.0
        self._resetting.clear()
        self._update()
        self._watch_hunger(now)

    def _watch_hunger(self, now: float) -> None:
        """See whether the consumer waits for a missing sample, and since when (LW-REPAIR-7)."""
        starving = None
        head = self._incoming.head
        if (
            self._hungry
            and head is not None
            and self._incoming.repair
            and self.state is _OPEN
            and not self.paused
            and not self._cooldown_until
        ):
            audio = head.audio
            if audio.consumed == audio.received < audio.known:
                starving = (head.id, audio.received)
        if starving != self._starving:
            self._starving = starving
            self._starved_at = inf if starving is None else now + self.limits.repair_timeout

    def _conceal(self, now: float) -> None:
        """Put silence in the place of what did not come in time (LW-REPAIR-7)."""
        incoming = self._incoming
        segment = incoming.head
        assert segment is not None
        audio = segment.audio
        high = audio.high
        concealed = audio.conceal(incoming.window - incoming.credit)
        if not concealed:  # what `sent` names, and what came of later segments, is more than the window together
            self._starved_at = now + max(self.limits.repair_timeout, PROGRESS_INTERVAL)
            return
        self._starving, self._starved_at, self._hungry = None, inf, False
        self._counters.concealed_samples += concealed
        incoming.credit += audio.high - high
        segment.grew_at = now
        self._touch(segment, now)
