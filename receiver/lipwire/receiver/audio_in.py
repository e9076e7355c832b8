"""AudioIn: the avatar's end of a session, an async iterator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import anyio

from lipwire.protocol.errors import Close, SessionClosed, SessionError, session_error
from lipwire.protocol.events import (
    ConsumerReset,
    CustomReceived,
    Event,
    PauseChanged,
    SessionEnded,
    SessionOpened,
    TransportDropped,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio, Interrupted, Item, Paused, SegmentEnd, SegmentStart, Unpaused
from lipwire.protocol.receiver import ReceiverConnection, ReceiverCounters
from lipwire.protocol.registry import Feature
from lipwire.protocol.states import SessionState
from lipwire.protocol.trace import TraceHook
from lipwire.protocol.version0_receiver import ReceiverConnection0
from lipwire.transports.logs import Log
from lipwire.transports.loop import Waiter, waiter_factory
from lipwire.transports.shell import Shell

from .blocking import BlockingAudioIn
from .reframe import Reframer

_log = Log("lipwire.receiver")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ReceiverStatistics:
    """A snapshot of an AudioIn. Seconds, counts."""

    connected: bool
    transports: int
    """Transports that the session has used."""
    round_trip: float
    clock_offset: float
    """The agent's clock minus ours, in seconds."""
    held: float
    """Seconds of audio received and not handed out."""
    repaired: float
    """Seconds of audio that came only after it was asked for again."""
    concealed: float
    """Seconds of silence in the place of audio that was lost for good."""
    interrupts: int
    late_chunks: int
    """Chunks of segments that had been cut or were over; dropped."""
    repeated_chunks: int
    """Chunks that had come before; dropped."""


class AudioIn:
    """One agent's speech, as an avatar renders it.

    ``async for`` yields, in order, ``SegmentStart``, ``Audio``, ``SegmentEnd`` and, as they come, ``Interrupted``,
    ``Mark``, ``Data``, ``Paused``, ``Unpaused``. It ends when the agent closes in an orderly way, and raises a
    ``SessionError`` when the session broke. Cancelling a wait for the next item loses none. Hooks are called in the
    event loop and must not wait; what one raises is logged.

    Made by an :class:`Acceptor`, which also gives it a new transport when the agent resumes.
    """

    def __init__(
        self,
        connection: ReceiverConnection | ReceiverConnection0,
        *,
        peer: str,
        frame_ms: float | None = None,
        trace: TraceHook | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.peer = peer
        """Where the agent connects from; not to be trusted."""
        self.info: Mapping[str, Any] = {}
        """What the agent says of itself; not to be trusted."""
        self._now = clock
        self._core = connection
        self._shell = Shell(
            connection,
            self._on_event,
            log=_log.bind(peer=peer, session=connection.session.hex()[:8]),
            trace=trace,
            clock=clock,
            on_flush=self._wake,
            on_samples=self._wake_for_samples,
        )
        self._format = PcmFormat()
        self._frame_ms = frame_ms
        self._reframer: Reframer | None = None
        self._given: dict[int, int] = {}
        """With a reframer: up to where each segment was handed out; until it is reported as over."""
        self._totals: dict[int, int] = {}
        """Of the segments whose end was handed out; until they are reported as over."""
        self._corrected: dict[Interrupted, Interrupted] = {}
        self._waiting: Waiter | None = None
        self._new_waiter = waiter_factory()
        self._over = anyio.Event()
        self._reset_hooks: list[Callable[[Interrupted], None]] = []
        self._pause_hooks: list[Callable[[bool], None]] = []
        self._custom_hooks: list[Callable[[Mapping[str, Any]], None]] = []

    @property
    def format(self) -> PcmFormat:
        """The format of the session."""
        return self._format

    @property
    def features(self) -> frozenset[Feature]:
        """What both sides support."""
        return self._core.features

    @property
    def closed(self) -> Close | None:
        """How the session ended; None while it has not."""
        return self._core.closed

    # -- items ---------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        core = self._core
        while True:
            if self._reframer is None:  # as _take, without the call
                item = core.read(self._now())
                if core.stirred:
                    self._shell.flush()
                if type(item) is Audio:
                    return item
                if item is not None:
                    self._note(item)
            else:
                item = self._take()
            if item is not None:
                return item
            if core.closed is not None:
                if not isinstance(error := self._error(), SessionClosed):
                    raise error
                raise StopAsyncIteration
            if self._waiting is not None:
                raise anyio.BusyResourceError("waiting for the next item")
            self._waiting = waiting = self._new_waiter()
            try:
                await waiting
            finally:
                self._waiting = None

    async def receive(self) -> Item:
        """Wait for the next item. Cancelling loses none.

        Raises:
            SessionError: the session is over; ``SessionClosed`` when that was orderly.
            anyio.BusyResourceError: another task is waiting already.
        """
        try:
            return await anext(self)
        except StopAsyncIteration:
            raise self._error() from None

    def receive_nowait(self) -> Item | None:
        """Take the next item if there is one.

        Raises:
            SessionError: the session is over; ``SessionClosed`` when that was orderly.
        """
        item = self._take()
        if item is None and self._core.closed is not None:
            raise self._error()
        return item

    def blocking(self) -> BlockingAudioIn:
        """A face for a render thread. To be made in the event loop, used in one thread."""
        return BlockingAudioIn(self)

    def _take(self) -> Item | None:
        if self._reframer is None:
            core = self._core
            item = core.read(self._now())
            if core.stirred:
                self._shell.flush()
        else:
            item = self._take_frame(self._reframer)
        if item is not None:
            self._note(item)
        return item

    def _note(self, item: Item) -> None:
        """Bring along what is kept of segments, as an item is handed out."""
        if type(item) is SegmentEnd:
            self._totals[item.segment] = item.total
        elif type(item) is SegmentStart:
            self._forget_unreported()

    def _forget_unreported(self) -> None:
        """Drop what is kept of segments that are over without a report: cut, and nothing said in time."""
        core = self._core
        for kept in (self._totals, self._given):
            for number in [number for number in kept if core.is_over(number)]:
                del kept[number]

    def _take_frame(self, reframer: Reframer) -> Item | None:
        core = self._core
        while True:
            # What was read ahead waits as long as the core holds samples back.
            item = reframer.next() if core.flowing else None
            if item is None:
                item = core.read(self._now())
                self._shell.flush()
                if item is None:
                    if core.flowing and reframer.ready:
                        continue
                    return None
                if isinstance(item, Interrupted):
                    return self._corrected.pop(item, item)
                if not isinstance(item, (Paused, Unpaused)):
                    reframer.put(item)
                    continue
            if isinstance(item, Audio):
                self._given[item.segment] = item.end
            return item

    # -- what the renderer reports -------------------------------------------------------------------------

    def notify_stream_started(self, segment: int) -> None:
        """The first sample of the segment is being heard now.

        Raises:
            LocalProtocolError: there was no such segment.
        """
        self._core.stream_started(segment, self._now())
        self._shell.flush()

    def notify_played(self, segment: int, position: int) -> None:
        """The segment has been heard up to ``position`` (samples per channel). Going back is ignored.

        Raises:
            LocalProtocolError: there was no such segment, or so much of it was never handed out.
        """
        self._core.played(segment, position, self._now())
        self._shell.flush()

    def notify_stream_ended(
        self,
        segment: int | Iterable[int],
        position: int | None = None,
        *,
        interrupted: bool = False,
        failed: bool = False,
    ) -> None:
        """Playback of the segment has ended, or was given up; ``position`` is how far it was heard.

        Without a position: to its end, if the ``SegmentEnd`` was taken and it was neither ``interrupted`` nor
        ``failed``; else how far is not known.

        With several segments, as ``Interrupted.segments`` gives them, the position is of the first, which was being
        played, and those behind it count as not heard. Also says, after an interrupt, that the renderer has reset, so
        that the next segment's audio comes. The first report of a segment stands; later ones are ignored.

        Raises:
            LocalProtocolError: there was no such segment, or so much of it was never handed out.
        """
        now = self._now()
        try:
            for index, number in enumerate([segment] if isinstance(segment, int) else segment):
                heard = position if index == 0 else 0
                if heard is None and not (interrupted or failed):
                    heard = self._totals.get(number)
                self._core.stream_ended(number, now, position=heard, interrupted=interrupted, failed=failed)
                self._totals.pop(number, None)
                self._given.pop(number, None)
                if self._reframer is not None:
                    self._reframer.cut((number,))  # given up before all of it was handed out
        finally:
            self._shell.flush()

    def notify_reset(self) -> None:
        """The renderer has reset after an interrupt: the cooldown may end (SPEC LW-COOLDOWN-1)."""
        self._core.reset_done(self._now())
        self._shell.flush()

    def send_custom(self, content: dict[str, Any]) -> None:
        """Send a message of your own, by namespaced keys.

        Raises:
            LocalProtocolError: the session is closed, the agent does not support it, or it can not be encoded.
        """
        self._core.send_custom(content, self._now())
        self._shell.flush()

    # -- hooks ---------------------------------------------------------------------------------------------

    def on_reset(self, hook: Callable[[Interrupted], None]) -> None:
        """Call ``hook`` as soon as segments that were handed out are cut, before ``Interrupted`` is taken.

        It is called in the event loop and must not wait.
        """
        self._reset_hooks.append(hook)

    def on_pause(self, hook: Callable[[bool], None]) -> None:
        """Call ``hook`` as soon as playback is to be held (True) or to go on (False)."""
        self._pause_hooks.append(hook)

    def on_custom(self, hook: Callable[[Mapping[str, Any]], None]) -> None:
        """Call ``hook`` with each custom message."""
        self._custom_hooks.append(hook)

    # -- the session ---------------------------------------------------------------------------------------

    async def aclose(self, reason: str = "") -> None:
        """Close the session; what was not handed out is dropped. Can be called again.

        While the transport is lost nobody can be told: the agent finds out when it next tries to resume. Its segments
        then end with the cause *peer closed*, and it opens a new session (``unknown_session``, SPEC LW-CLOSE-7).
        """
        self._core.close(self._now(), reason=reason)
        self._shell.flush()
        await self._over.wait()

    def statistics(self) -> ReceiverStatistics:
        """How it stands and what happened so far."""
        core, counters, seconds = self._core, self._core.counters, self.format.seconds
        return ReceiverStatistics(
            connected=core.state is SessionState.OPEN,
            transports=core.generation,
            round_trip=core.liveness.round_trip,
            clock_offset=core.liveness.clock_offset,
            held=seconds(counters.held_samples),
            repaired=seconds(counters.repaired_samples),
            concealed=seconds(counters.concealed_samples),
            interrupts=counters.interrupts,
            late_chunks=counters.late,
            repeated_chunks=counters.duplicates,
        )

    @property
    def counters(self) -> ReceiverCounters:
        """What happened so far, in detail."""
        return self._core.counters

    def _error(self) -> SessionError:
        assert self._core.closed is not None
        return session_error(self._core.closed)

    def _wake(self) -> None:
        waiting = self._waiting
        if (
            waiting is not None
            and (self._core.readable(self._now()) or self._core.closed or self._frames_ready)
            and not waiting.done()
        ):
            waiting.set_result(None)

    def _wake_for_samples(self) -> None:
        waiting = self._waiting
        if waiting is not None and self._core.flowing and not waiting.done():
            waiting.set_result(None)

    @property
    def _frames_ready(self) -> bool:
        return self._reframer is not None and self._reframer.ready and self._core.flowing

    def _on_event(self, event: Event) -> None:
        match event:
            case ConsumerReset():
                self._call(self._reset_hooks, self._on_reset(event.interrupted))
            case PauseChanged():
                self._call(self._pause_hooks, event.paused)
            case CustomReceived():
                self._call(self._custom_hooks, event.content)
            case SessionOpened():
                self.info, self._format = event.info, event.format
                if self._frame_ms is not None and self._reframer is None:
                    self._reframer = Reframer(self._frame_ms, event.format)
                self._shell.log.info("session resumed" if event.resumed else "session opened", format=event.format)
            case TransportDropped():
                self._shell.log.warning("transport given up", reason=event.reason)
            case SessionEnded():
                log_end = self._shell.log.info if event.close.orderly else self._shell.log.warning
                log_end("session ended", close=event.close)
                self._over.set()
            case _:
                pass

    def _on_reset(self, interrupted: Interrupted) -> Interrupted:
        """Segments were cut: drop what the reframer has of them, and count that as not handed out."""
        if self._reframer is None:
            return interrupted
        self._reframer.cut(interrupted.segments)
        ends = zip(interrupted.segments, interrupted.consumed, strict=True)
        given = tuple(min(self._given.get(number, 0), consumed) for number, consumed in ends)
        self._corrected[interrupted] = interrupted._replace(consumed=given)
        return self._corrected[interrupted]

    def _call(self, hooks: list[Callable[[T], None]], value: T) -> None:
        for hook in hooks:
            try:
                hook(value)
            except Exception:
                self._shell.log.exception("a hook failed")
