"""One segment as the agent sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from lipwire.protocol.errors import LipwireError
from lipwire.protocol.events import Cause

from .pcm import Pcm, PcmReader
from .results import StreamEnded

if TYPE_CHECKING:
    from .audio_out import AudioOut

_BREATHE_EVERY = 256
"""Writes after which others run: a loop that only writes would keep them waiting."""


class BufferFull(LipwireError):
    """The local buffer has no room; nothing of the write was taken."""


class Segment:
    """One utterance: write to it, leave its block, await how far it was heard.

    Made by :meth:`AudioOut.segment`. Leaving the ``async with`` block ends the segment; leaving it by an exception (a
    cancellation too) cuts this segment alone, and sends no end of it.
    """

    def __init__(self, out: AudioOut, number: int, reader: PcmReader) -> None:
        self.number = number
        """The segment's id."""
        self.first_write_at: float | None = None
        self.started_at: float | None = None
        """When its first sample was reported as heard, by this side's clock; None while it was not."""
        self._out = out
        self._reader = reader
        self._written = 0
        self._finished = False
        self._ended = anyio.Event()
        self._started = anyio.Event()
        self._result: StreamEnded | None = None
        self._marks: dict[str, _Mark] = {}

    @property
    def position(self) -> int:
        """The position that the next sample gets, in samples per channel of the session's format."""
        return self._written

    @property
    def cut(self) -> bool:
        """Whether it can take no more: it was cut, or is over."""
        return self._result is not None or not self._out._is_live(self.number)

    @property
    def result(self) -> StreamEnded | None:
        """How it ended; None while it has not."""
        return self._result

    async def write(self, pcm: Pcm) -> bool:
        """Write PCM: bytes, an int16 or float32 array, or an ``av.AudioFrame`` (see :class:`PcmReader`).

        Waits only while the local buffer is full. Gives False, at once, when the segment has been cut or is over:
        then there is no use in writing more. If cancelled, the PCM may have been taken in part.

        Raises:
            InvalidPcm: it is not PCM that can be sent.
            LocalProtocolError: the segment was ended before.
        """
        data = self._reader.read(pcm)
        out = self._out
        if out._write_at_once(self.number, data):
            if self.first_write_at is None:
                self.first_write_at = out._now()
            self._written += len(data) // out._frame_bytes
        elif len(data) > out._room():
            return await self._write_in_parts(memoryview(data))
        elif not self._put(data):
            return False
        out._writes += 1
        if not out._writes % _BREATHE_EVERY:
            await anyio.lowlevel.checkpoint()
        return True

    async def _write_in_parts(self, view: memoryview) -> bool:
        """Write more than there is room for."""
        while view:
            room = self._out._room()
            if room == 0:
                if not await self._out._wait_for_room(self.number):
                    return False
                continue
            if not self._put(bytes(view[:room])):
                return False
            view = view[room:]
        return True

    def write_nowait(self, pcm: Pcm) -> bool:
        """Write without waiting.

        Raises:
            BufferFull: there is no room for all of it; the samples were not taken.
            InvalidPcm, LocalProtocolError: as :meth:`write`.
        """
        size = self._reader.size(pcm)
        if size > self._out._room() and size > self._out._room_at_once():
            raise BufferFull(self._out._full_message())
        return self._put(self._reader.read(pcm))

    def mark(self, name: str, position: int | None = None) -> bool:
        """Ask to be told when playback reaches ``position`` (here, unless given). False: it was cut.

        A name may be given to several marks; ``mark_reached`` then waits for all of them.

        Raises:
            LocalProtocolError: the avatar does not support marks, or too many wait.
        """
        live = self._out._mark(self.number, self._written if position is None else position, name)
        if live:
            mark = self._marks.get(name)
            if mark is None or mark.over.is_set():
                mark = self._marks[name] = _Mark()
            mark.waiting += 1
        return live

    def data(self, content: Mapping[str, Any], position: int | None = None) -> bool:
        """Send side information (words, visemes, emotion) that belongs at ``position`` (here, unless given).

        Raises:
            LocalProtocolError: the avatar does not support it, too much waits, or it can not be encoded.
        """
        return self._out._data(self.number, self._written if position is None else position, content)

    def end(self) -> None:
        """All of it has been written. Harmless when it was ended or cut before.

        Raises:
            InvalidPcm: it ends within a PCM frame; the segment is cut.
        """
        if self._finished:
            return
        self._finished = True
        if self.cut:
            return
        try:
            tail = self._reader.finish()
        except LipwireError:
            self._out._cut(self.number, Cause.CANCELLED)
            raise
        if tail:
            self._put(tail)
        self._out._end(self.number)

    def interrupt(self) -> bool:
        """Cut this segment alone, also while it is queued. Does not wait. False: there was nothing to cut."""
        return self._out._cut(self.number, Cause.INTERRUPTED)

    async def ended(self) -> StreamEnded:
        """Wait until the segment has ended, in whatever way; bounded by the session's timers (SPEC LW-STREAM-7).

        A segment that is still open for writing ends when it is ended or cut. Cancelling is harmless.
        """
        await self._ended.wait()
        assert self._result is not None
        return self._result

    async def started(self) -> bool:
        """Wait until its first sample is reported as heard. False: it ended without. Cancelling is harmless."""
        await self._started.wait()
        return self.started_at is not None

    async def mark_reached(self, name: str) -> bool:
        """Wait until playback has passed the mark. False: the segment ended without. Cancelling is harmless.

        Raises:
            KeyError: no mark of that name was set.
        """
        mark = self._marks[name]
        await mark.over.wait()
        return mark.waiting == 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
        else:
            self._finished = True
            self._out._cut(self.number, Cause.CANCELLED)

    # -- for AudioOut --------------------------------------------------------------------------------------

    @property
    def _writable(self) -> bool:
        """Whether more may be written, so that it can not end yet."""
        return not self._finished and not self.cut

    def _put(self, data: bytes | memoryview) -> bool:
        if self.first_write_at is None:
            self.first_write_at = self._out._now()
        live = self._out._write(self.number, data)
        if live:
            self._written += len(data) // self._out._frame_bytes
        return live

    @property
    def _input_rate(self) -> int:
        return self._reader.rate

    def _note_started(self, now: float) -> None:
        self.started_at = now
        self._started.set()

    def _note_mark(self, name: str) -> None:
        mark = self._marks.get(name)
        if mark is not None and mark.waiting:
            mark.waiting -= 1
            if not mark.waiting:
                mark.over.set()

    def _note_ended(self, result: StreamEnded) -> None:
        self._result = result
        self._finished = True
        self._started.set()
        for mark in self._marks.values():
            mark.over.set()
        self._ended.set()


class _Mark:
    """The marks of one name."""

    def __init__(self) -> None:
        self.waiting = 0
        """How many were not reached."""
        self.over = anyio.Event()
