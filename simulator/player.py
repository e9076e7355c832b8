"""A renderer: reads items, plays them in simulated real time, and says so."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from math import inf
from typing import Protocol

from lipwire.protocol import items
from lipwire.protocol.errors import Close
from lipwire.protocol.formats import PcmFormat

from .samples import MONO


class Consumed(Protocol):
    """What a player reads from and reports to: a ReceiverConnection, or what stands before one."""

    @property
    def closed(self) -> Close | None:
        """How the session ended."""

    @property
    def format(self) -> PcmFormat:
        """The format of the session."""

    def read(self, now: float) -> items.Item | None:
        """Hand out what is next."""

    def stream_started(self, segment: int, now: float) -> bool:
        """The first sample is heard."""

    def played(self, segment: int, position: int, now: float) -> bool:
        """Heard up to there."""

    def stream_ended(
        self, segment: int, now: float, *, position: int | None, interrupted: bool = False, failed: bool = False
    ) -> bool:
        """Playback has ended."""


class Player:
    """A renderer.

    ``ahead``: seconds of audio it takes before they are played; ``speed``: of playback; ``stuck``: reads nothing;
    ``mute``: reports nothing; ``reset_time``: seconds until it reports what was interrupted; ``read_every``: seconds
    between one turn of reading and the next, 0 to read as things come; ``fails``: segments that it gives up when it has
    heard their first piece; ``terse``: reports ends alone; ``vague``: can not tell where those were.
    """

    def __init__(
        self,
        ahead: float = 0.2,
        *,
        speed: float = 1.0,
        stuck: bool = False,
        mute: bool = False,
        reset_time: float = 0.0,
        report_every: float = 0.05,
        read_every: float = 0.0,
        fails: frozenset[int] = frozenset(),
        terse: bool = False,
        vague: bool = False,
    ) -> None:
        self.ahead = ahead
        self.speed = speed
        self.stuck = stuck
        self.mute = mute
        self.reset_time = reset_time
        self.report_every = report_every
        self.read_every = read_every
        self.fails = fails
        self.terse = terse
        self.vague = vague
        self.keeps = True
        """Keeps all that it has heard; else only how much that was."""
        self.items: list[items.Item] = []
        self.times: list[float] = []
        self.audio: dict[int, bytearray] = {}
        self.concealed: Counter[int] = Counter()
        self.heard: Counter[int] = Counter()
        self.totals: dict[int, int] = {}
        self.resets: list[items.Interrupted] = []
        self.stopped = False
        self._rate = MONO.rate
        self._queue: deque[items.Audio | items.SegmentEnd] = deque()
        self._queued = 0
        self._playing: tuple[items.Audio, float] | None = None
        """And when it began, or would have, had it not been held."""
        self._paused_at: float | None = None
        self._report_at = inf
        self._read_at = 0.0
        self._due: list[tuple[float, int, int]] = []
        """Ends of playback to be reported: when, of which segment, heard up to where."""

    def deadline(self) -> float:
        """When there is something to do, whatever comes."""
        due = min(self._due)[0] if self._due else inf
        if self.read_every and not self.stuck:
            due = min(due, self._read_at)
        if self._paused_at is None and self._playing is not None:
            due = min(due, self._end_of_piece(), self._report_at)
        return due

    def reset(self, interrupted: items.Interrupted, now: float) -> None:
        """Stop at once (ConsumerReset)."""
        self._advance(now)
        cut = set(interrupted.segments)
        if self._playing is not None and self._playing[0].segment in cut:
            self._playing = None
        self._queue = deque(item for item in self._queue if item.segment not in cut)
        self._queued = sum(item.samples for item in self._queue if isinstance(item, items.Audio))
        if self.keeps:
            self.resets.append(interrupted)
        if interrupted.by_close:
            self.stopped = True
            self._due.clear()
        else:
            self._due += [(now + self.reset_time, segment, self.heard[segment]) for segment in interrupted.segments]

    def pause(self, paused: bool, now: float) -> None:
        """Hold playback, or go on."""
        if paused:
            self._advance(now)
            self._paused_at = now
        elif self._paused_at is not None:
            if self._playing is not None:
                self._playing = (self._playing[0], self._playing[1] + now - self._paused_at)
            self._paused_at = None

    def step(self, core: Consumed, now: float, check: Callable[[items.Item], None]) -> bool:
        """Read, play and report; gives whether anything happened."""
        active = False
        self._rate = core.format.rate
        for due in [one for one in self._due if now >= one[0]]:
            self._due.remove(due)
            active = True
            if not self.mute:
                core.stream_ended(due[1], now, position=self._told(due[2]), interrupted=True)
        if self._paused_at is None:
            active |= self._play(core, now)
        if self.read_every:
            if core.closed:
                self.read_every = 0.0
            elif now < self._read_at:
                return active
            self._read_at = now + self.read_every
        while not self.stuck and (self._queued < self.ahead * self._rate or core.closed):
            item = core.read(now)
            if item is None:
                break
            active = True
            check(item)
            self._take(item, now)
            if self._paused_at is None:
                self._play(core, now)
        return active

    def _take(self, item: items.Item, now: float) -> None:
        if self.keeps:
            self.items.append(item)
            self.times.append(now)
        if isinstance(item, items.Audio):
            if self.keeps:
                self.audio[item.segment] += item.pcm
            if item.concealed:
                self.concealed[item.segment] += item.samples
            self._queue.append(item)
            self._queued += item.samples
        elif isinstance(item, items.SegmentStart):
            if self.keeps:
                self.audio[item.segment] = bytearray()
        elif isinstance(item, items.SegmentEnd):
            if self.keeps:
                self.totals[item.segment] = item.total
            self._queue.append(item)

    def _end_of_piece(self) -> float:
        assert self._playing is not None
        item, began = self._playing
        return began + item.samples / (self._rate * self.speed)

    def _advance(self, now: float) -> None:
        """See how far the piece that plays has been heard."""
        if self._playing is not None and self._paused_at is None:
            item, began = self._playing
            done = min(int((now - began) * self._rate * self.speed + 1e-6), item.samples)
            self.heard[item.segment] = max(self.heard[item.segment], item.position + done)

    def _play(self, core: Consumed, now: float) -> bool:
        active = False
        while True:
            if self._playing is not None:
                self._advance(now)
                item = self._playing[0]
                ended = now >= self._end_of_piece()
                if ended:
                    self.heard[item.segment] = item.end
                if (ended or now >= self._report_at) and not (self.mute or self.terse):
                    active |= core.played(item.segment, self.heard[item.segment], now)
                if now >= self._report_at:
                    self._report_at = now + self.report_every
                if not ended:
                    return active
                began = self._end_of_piece()
                self._playing = None
                if item.segment in self.fails:
                    self._give_up(core, item.segment, now)
            else:
                began = now
            if not self._queue:
                return active
            active = True
            following = self._queue.popleft()
            if isinstance(following, items.Audio):
                self._queued -= following.samples
                self._playing = (following, began)
                self._report_at = now + self.report_every
                if not self.mute:
                    core.stream_started(following.segment, now)
            elif not self.mute:
                core.stream_ended(following.segment, now, position=self._told(following.total))

    def _give_up(self, core: Consumed, segment: int, now: float) -> None:
        """The segment can not be played: say so, and drop the rest of it."""
        self._queue = deque(item for item in self._queue if item.segment != segment)
        self._queued = sum(item.samples for item in self._queue if isinstance(item, items.Audio))
        if not self.mute:
            core.stream_ended(segment, now, position=self._told(self.heard[segment]), failed=True)

    def _told(self, position: int) -> int | None:
        return None if self.vague else position
