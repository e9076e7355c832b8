"""A simulated loudspeaker: plays what an AudioIn hands out at the pace of a clock, and reports what it played.

It stands where an avatar's renderer would, so its reports are the truth that a demo is judged by: what it "heard" is
what it took, sample by sample, and at an interrupt it knows to the sample how far it had got.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from lipwire.protocol.errors import SessionClosed, SessionError
from lipwire.protocol.items import Audio, Interrupted, Paused, SegmentEnd, SegmentStart, Unpaused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lipwire.receiver import AudioIn

TICK = 0.01
AHEAD = 0.2
"""Seconds of playout that it takes from the AudioIn in advance, as a renderer does."""
REPORT_EVERY = 0.05


@dataclass(eq=False)
class Heard:
    """What was heard of one segment."""

    segment: int
    metadata: Mapping[str, Any]
    pcm: bytearray = field(default_factory=bytearray)
    concealed: int = 0
    """Samples of silence in the place of lost ones."""
    started: bool = False
    ended: bool = False
    interrupted: bool = False
    taken: int = 0
    """The position up to which it was handed out."""
    gaps: int = 0
    """Chunks that did not begin where the one before had ended."""


Watch = Callable[[str, Heard, int], None]
"""Called with ``started``, ``played`` or ``ended``, the segment and the position."""


class Playout:
    """Plays one session.

    Args:
        audio: where it comes from, and where its reports go.
        speed: how many times faster than real time.
        watch: told of each report.
    """

    def __init__(
        self, audio: AudioIn, *, speed: float = 1.0, watch: Watch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._audio = audio
        self._rate = audio.format.rate * speed
        self._ahead = round(AHEAD * self._rate)
        self._frame = audio.format.frame_bytes
        self._watch = watch
        self._now = clock
        self._queue: deque[tuple[Heard, Audio | SegmentEnd]] = deque()
        self._queued = 0
        self._offset = 0
        """Samples that were played of the queue's first chunk."""
        self._due = 0.0
        """Samples that the clock says should be played; below 1 after each tick."""
        self._ticked = clock()
        self._reported = self._ticked
        self._paused = False
        self._room = anyio.Event()
        self.heard: dict[int, Heard] = {}
        """Every segment so far, by its id."""
        audio.on_reset(self._reset)

    async def run(self) -> None:
        """Play until the session is over. Cancelling stops it.

        Raises:
            SessionError: the session broke.
        """
        error: SessionError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tick)
            try:
                while True:
                    self._take(await self._audio.receive())
                    while self._queued > self._ahead:
                        self._room = anyio.Event()
                        await self._room.wait()
            except SessionError as over:
                error = None if isinstance(over, SessionClosed) else over
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    def _take(self, item: object) -> None:
        match item:
            case SegmentStart():
                self.heard[item.segment] = Heard(item.segment, item.metadata)
            case Audio():
                heard = self.heard[item.segment]
                heard.gaps += item.position != heard.taken
                heard.taken = item.end
                self._advance()
                self._queue.append((heard, item))
                self._queued += item.samples
            case SegmentEnd():
                self._advance()
                self._queue.append((self.heard[item.segment], item))
            case Paused():
                self._advance()
                self._paused = True
            case Unpaused():
                self._advance()
                self._paused = False
            case Interrupted():
                pass  # _reset was called before
            case _:
                pass  # marks are answered from what is reported; data is not for ears

    async def _tick(self) -> None:
        while True:
            self._advance()
            if self._queued <= self._ahead:
                self._room.set()
            await anyio.sleep(TICK)

    def _advance(self) -> None:
        """Play what the clock says should have been played by now."""
        now = self._now()
        elapsed, self._ticked = now - self._ticked, now
        if self._paused:
            return
        self._due += elapsed * self._rate
        playing: Heard | None = None
        while self._queue:
            heard, item = self._queue[0]
            if isinstance(item, SegmentEnd):
                self._queue.popleft()
                self._end(heard, interrupted=False)
                continue
            count = min(int(self._due), item.samples - self._offset)
            if count == 0:
                break
            if not heard.started:
                heard.started = True
                self._audio.notify_stream_started(heard.segment)
                self._watch("started", heard, 0)
            heard.pcm += memoryview(item.pcm)[self._offset * self._frame : (self._offset + count) * self._frame]
            heard.concealed += count * item.concealed
            playing = heard
            self._due -= count
            self._queued -= count
            self._offset += count
            if self._offset == item.samples:
                self._queue.popleft()
                self._offset = 0
        if not self._queue:
            self._due = min(self._due, 0.999)  # it starved: what was not there is not owed
        if playing is not None and not playing.ended and now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._report(playing)

    def _position(self, heard: Heard) -> int:
        return len(heard.pcm) // self._frame

    def _report(self, heard: Heard) -> None:
        position = self._position(heard)
        self._audio.notify_played(heard.segment, position)
        self._watch("played", heard, position)

    def _end(self, heard: Heard, *, interrupted: bool) -> None:
        if heard.ended:
            return
        heard.ended, heard.interrupted = True, interrupted
        position = self._position(heard)
        self._audio.notify_stream_ended(heard.segment, position, interrupted=interrupted)
        self._watch("ended", heard, position)

    def _reset(self, interrupted: Interrupted) -> None:
        """Stop playing these segments, and say how far each was heard."""
        self._advance()
        cut = set(interrupted.segments)
        if self._queue and self._queue[0][0].segment in cut:
            self._offset = 0
        self._queue = deque(entry for entry in self._queue if entry[0].segment not in cut)
        self._queued = sum(item.samples for _, item in self._queue if isinstance(item, Audio)) - self._offset
        self._due = 0.0
        self._room.set()
        if interrupted.by_close:
            return
        for number in interrupted.segments:
            if number in self.heard:
                self._end(self.heard[number], interrupted=True)
