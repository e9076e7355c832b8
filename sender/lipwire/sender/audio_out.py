"""AudioOut: the agent's end of a session."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import anyio.abc
import anyio.lowlevel

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import (
    Close,
    CloseCode,
    LipwireError,
    LocalProtocolError,
)
from lipwire.protocol.events import (
    Cause,
    Event,
    InterruptConfirmed,
    MarkReached,
    SessionEnded,
    StreamEnded,
    StreamStarted,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.registry import Feature
from lipwire.protocol.sender_handshake import SenderSettings
from lipwire.protocol.states import SessionState
from lipwire.protocol.trace import TraceHook
from lipwire.protocol.version0_sender import SenderSettings0
from lipwire.transports.base import Connector, Transport
from lipwire.transports.loop import call_soon

from .pcm import PcmReader
from .results import SenderStatistics, stream_ended
from .segment import Segment
from .session import KeptSession, check_hello

_MEDIA = Channel.MEDIA
_WATCH_EVERY = 32
"""Single writes from one turn of the event loop in which more are waited for to the next."""


class AudioOut(KeptSession):
    """Streams an agent's speech to an avatar, interrupts it, and tells what was heard.

    An async context manager. Entering waits until the session is open (or, with ``wait_connected=False``, not at all:
    what is written then waits in the local buffer). Leaving it normally ends the segment that is still open for
    writing, unpauses, waits until every segment has ended, and closes the session; meanwhile nothing new is begun.
    Leaving it by an exception closes at once; while the transport is lost, telling the avatar so takes up to 3 s.

    Args:
        transport: a connector (``connect_websocket(…)``, ``connect_webrtc(…)``), which is called again to resume when a
            transport breaks; or one transport, which is not replaced.
        format: of the PCM that is written as bytes or arrays.
        wire_format: what to offer the avatar, where it differs from ``format``; PyAV resamples in between.
        auth: a token for the avatar's ``authenticate``.
        room_key: over a transport that others hear as well, proves in the token's place, and when resuming, that the
            agent has the avatar's key (SPEC LW-ROOM-2): 16 random bytes or more. Other transports do not use it.
        buffer: seconds of audio that may wait here before ``write`` does.
        connect_timeout: seconds to open a first session in, over all tries.
        limits: see SPEC §17; of these a sender uses ``message``, ``handshake`` and ``grace``.
        features: to offer; what the avatar takes of them is in ``features`` once the session is open.
        info: free facts for the avatar.
        on_event: called with each event of the session, in the event loop; must not wait. What it raises is logged.
        trace: called with each message and event (decoded, secrets left out); see ``JsonLinesTrace``.
        wait_connected: whether entering waits.
        version: of the protocol. 0 is VideoSDK's deployed wire (SPEC, Appendix A): mono s16le, no features, no token,
            no resume, and positions that are not exact. Both sides have to be told.
        version_0: how version 0 is spoken, where that differs from the defaults; its format, limits, connect time and
            first segment are taken from the other arguments.

    Raises, when it is made:
        LocalProtocolError: the avatar could not read ``info`` or ``auth``: what MessagePack has no type for, more than
            16,384 bytes of info, more than 4,096 of auth.

    Raises, on entering:
        SessionRefused: the avatar answered and said no (version, format, token, features).
        NeverConnected: no session within ``connect_timeout``.
    """

    def __init__(
        self,
        transport: Connector | Transport,
        *,
        format: PcmFormat | None = None,  # noqa: A002 - the word of the domain
        wire_format: PcmFormat | None = None,
        auth: str | bytes | None = None,
        room_key: bytes | None = None,
        buffer: float = 600.0,
        connect_timeout: float = 30.0,
        limits: Limits | None = None,
        features: frozenset[Feature] = frozenset(Feature),
        info: Mapping[str, Any] | None = None,
        on_event: Callable[[Event], None] | None = None,
        trace: TraceHook | None = None,
        wait_connected: bool = True,
        version: Literal[0, 1] = 1,
        version_0: SenderSettings0 | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.format = format or PcmFormat()
        self.wire_format = wire_format or self.format
        if not callable(transport) and not isinstance(transport, Transport):
            hint = f": connector_for({transport!r}) makes one" if isinstance(transport, str) else ""
            raise TypeError(f"AudioOut takes a connector or a transport, not {type(transport).__name__}{hint}")
        if version == 0 and auth is not None:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "version 0 can not carry a token")
        settings: SenderSettings | SenderSettings0
        if version == 0:
            settings = replace(
                version_0 or SenderSettings0(),
                format=self.wire_format,
                limits=limits or Limits(),
                connect_time=connect_timeout,
            )
        else:
            settings = SenderSettings(
                formats=(self.wire_format,),
                limits=limits or Limits(),
                features=features,
                auth=auth,
                room_key=room_key,
                info=dict(info or {}),
                connect_time=connect_timeout,
            )
            check_hello(settings)
        super().__init__(transport, settings, trace=trace, clock=clock)
        self._buffer_samples = max(self.wire_format.samples(buffer), 1)
        self._buffer_seconds = buffer
        self._frame_bytes = self.wire_format.frame_bytes
        self._user_hook = on_event
        self._wait_connected = wait_connected
        self._segments: dict[int, Segment] = {}
        self._idle = anyio.Event()
        self._room_changed = anyio.Event()
        self._interrupts: list[tuple[int, anyio.Event]] = []
        self._writes = 0
        self._in_turn = False
        """Something was written, and sent, in this turn of the event loop; its end sends the rest."""
        self._turn_wrote = False
        """There is a rest."""
        self._single_writes = 0
        """So many writes go out without regard to what else is written in their turn."""
        self._finishing = False
        self._tasks: anyio.abc.TaskGroup | None = None

    # -- the session ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            self._shell = self._new_shell()  # its connect time begins here
            self._tasks.start_soon(self._keep_connected)
            if self._wait_connected:
                await self.connected()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._finish()
        finally:
            await self._leave()

    async def connected(self) -> None:
        """Wait until the session is open. Cancelling is harmless.

        Raises:
            SessionError: it will not be: refused, never connected, closed.
            LipwireError: AudioOut was not entered.
        """
        self._need_entered()
        await self._ready.wait()
        if self._close is not None:
            raise self._error()

    async def drain(self) -> None:
        """Wait until every segment that was opened has ended. Cancelling is harmless.

        Each does in bounded time, but while the session is paused: that lasts until ``unpause`` or an interrupt.

        Raises:
            LocalProtocolError: a segment is still open for writing.
        """
        for segment in self._segments.values():
            if segment._writable:
                raise LocalProtocolError(
                    CloseCode.OUT_OF_STATE, f"segment {segment.number} is still open: end it or interrupt it first"
                )
        await self._wait_idle()

    async def aclose(self) -> None:
        """Close the session now; segments that are not over end with the cause ``closed``. Can be called again."""
        self._leaving = True
        self._shell.connection.close(self._now())
        self._shell.flush()
        if self._tasks is not None:
            await self._over.wait()

    @property
    def features(self) -> frozenset[Feature]:
        """What the avatar supports; empty until the session is open."""
        return self._shell.connection.features

    @property
    def closed(self) -> Close | None:
        """How it all ended; None while it has not."""
        return self._close

    # -- segments ------------------------------------------------------------------------------------------

    def segment(self, metadata: Mapping[str, Any] | None = None, **more: Any) -> Segment:
        """Open a segment; the metadata (``text=…``, ``language=…``, anything) goes to the avatar with it.

        Raises:
            LocalProtocolError: the segment before is still open, the metadata can not be encoded, or AudioOut is being
                left.
            SessionError: the session is over; the error says how.
        """
        if self._close is not None:
            raise self._error()
        self._need_entered()
        self._check_staying()
        merged = {**(metadata or {}), **more} or None
        number = self._shell.connection.open_segment(merged, self._now())
        segment = Segment(self, number, PcmReader(self.format, self.wire_format))
        self._segments[number] = segment
        self._shell.flush()
        return segment

    async def interrupt(self) -> float:
        """Cut everything that was written and not heard. Returns when the cut is confirmed, with the seconds it took.

        New segments may be opened at once, before this returns. Bounded: it returns at the latest when every segment
        that it cut has ended. If cancelled, the interrupt has been sent all the same.
        """
        began = self._now()
        last = self._shell.connection.interrupt(began)
        if last is None:
            await anyio.lowlevel.checkpoint()
            return 0.0
        confirmed = anyio.Event()
        self._interrupts.append((last, confirmed))
        self._shell.flush()
        await confirmed.wait()
        return self._now() - began

    def interrupt_nowait(self) -> bool:
        """Send the interrupt and do not wait for its confirmation. False: there was nothing to cut."""
        cut = self._shell.connection.interrupt(self._now())
        self._shell.flush()
        return cut is not None

    def pause(self) -> None:
        """Hold playout where it is (a false barge-in, perhaps). Pausing twice is harmless.

        Raises:
            LocalProtocolError: the session is not open, the avatar does not support it, or AudioOut is being left.
        """
        self._check_staying()
        self._shell.connection.pause(self._now())
        self._shell.flush()

    def unpause(self) -> None:
        """Go on from where playout was held.

        Raises:
            LocalProtocolError: as :meth:`pause`.
        """
        self._shell.connection.unpause(self._now())
        self._shell.flush()

    def send_custom(self, content: dict[str, Any]) -> None:
        """Send a message of your own, by namespaced keys.

        Raises:
            LocalProtocolError: the session is not open, the avatar does not support it, or it can not be encoded.
        """
        self._shell.connection.send_custom(content, self._now())
        self._shell.flush()

    def statistics(self) -> SenderStatistics:
        """How it stands and what happened so far."""
        core, transport = self._shell.connection, self._shell.transport
        return SenderStatistics(
            connected=core.state is SessionState.OPEN,
            sessions=self._sessions,
            transports=core.generation,
            round_trip=core.round_trip,
            buffered=self.wire_format.seconds(core.buffered),
            in_flight=core.in_flight,
            transport_buffered=0 if transport is None else transport.buffered(),
            live_segments=core.live_segments,
            sent_bytes=core.counters.bytes,
            sent_chunks=core.counters.chunks,
            repaired_chunks=core.counters.chunks_again,
            repaired_seconds=self.wire_format.seconds(core.counters.samples_again),
            interrupts=core.counters.interrupts,
            last_interrupt_latency=core.counters.last_interrupt_latency,
        )

    # -- for Segment ---------------------------------------------------------------------------------------

    def _is_known(self, number: int) -> bool:
        """Whether a segment is of this session and not over; those of a session that ended are about to be over."""
        return number in self._segments and number >= self._first_segment

    def _is_live(self, number: int) -> bool:
        segment = self._shell.connection.segment(number)
        return segment is not None and segment.live

    def _room(self) -> int:
        """Bytes that the local buffer can take."""
        free = self._buffer_samples - self._shell.connection.buffered
        return free * self._frame_bytes if free > 0 else 0

    def _room_at_once(self) -> int:
        """The same, after what waits for the end of this turn of the event loop was sent."""
        self._shell.flush()
        return self._room()

    def _full_message(self) -> str:
        return f"{self._buffer_seconds:g} s of audio wait to be sent: interrupt, wait with write(), or set buffer="

    def _write_at_once(self, number: int, data: bytes | memoryview) -> bool:
        """Write in the usual case, when nothing is in the way: send it, or leave it to the end of this turn."""
        shell = self._shell
        if shell.sending or number < self._first_segment:
            return False
        core = shell.connection
        if self._in_turn:
            self._turn_wrote = True
            return core.write_behind(number, data, self._buffer_samples)
        message = core.write_through(number, data, self._now())
        if message is None:
            return False
        if self._single_writes:
            self._single_writes -= 1
        else:
            self._in_turn = call_soon(self._end_turn)
        shell.send_one(_MEDIA, message)
        return True

    def _write(self, number: int, data: bytes | memoryview) -> bool:
        if not self._is_known(number):
            return False
        live = self._shell.connection.write(number, data, self._now())
        if self._in_turn:
            self._turn_wrote = True
        else:
            self._in_turn = call_soon(self._end_turn)
            self._shell.flush()
        return live

    def _end_turn(self) -> None:
        """Send what was written behind the first write of this turn of the event loop, in chunks as large as may be."""
        self._in_turn = False
        if self._turn_wrote:
            self._turn_wrote = False
            self._shell.flush()
        else:  # not in the midst of a burst: no use in watching every turn
            self._single_writes = _WATCH_EVERY

    async def _wait_for_room(self, number: int) -> bool:
        """Wait until the local buffer has room. False: the segment can take no more."""
        while self._is_live(number):
            if self._room():
                return True
            if self._room_changed.is_set():
                self._room_changed = anyio.Event()
            await self._room_changed.wait()
        return False

    def _mark(self, number: int, position: int, name: str) -> bool:
        done = self._is_known(number) and self._shell.connection.mark(number, position, name, self._now())
        self._shell.flush()
        return done

    def _data(self, number: int, position: int, content: Mapping[str, Any]) -> bool:
        done = self._is_known(number) and self._shell.connection.data(number, position, content, self._now())
        self._shell.flush()
        return done

    def _end(self, number: int) -> None:
        if self._is_known(number):
            self._shell.connection.end_segment(number, self._now())
            self._shell.flush()

    def _cut(self, number: int, cause: Cause) -> bool:
        if not self._is_known(number):
            return False
        cut = self._shell.connection.interrupt(self._now(), number, cause)
        self._shell.flush()
        return cut is not None

    # -- within --------------------------------------------------------------------------------------------

    def _on_flush(self) -> None:
        """Audio was sent or cut, perhaps: wake who waits for room."""
        self._room_changed.set()

    def _on_event(self, event: Event) -> None:
        match event:
            case StreamEnded():
                segment = self._segments.pop(event.segment, None)
                if segment is not None:
                    segment._note_ended(stream_ended(event, self.wire_format, segment._input_rate))
                if not self._segments:
                    self._idle.set()
            case StreamStarted() if event.segment in self._segments:
                self._segments[event.segment]._note_started(self._now())
            case MarkReached() if event.segment in self._segments:
                self._segments[event.segment]._note_mark(event.name)
            case InterruptConfirmed():
                self._confirm_interrupts(event.last)  # no two interrupts cut up to the same segment
            case SessionEnded():
                self._confirm_interrupts()
                self._note_session(event)
            case _:
                self._note_session(event)
        if self._user_hook is not None:
            try:
                self._user_hook(event)
            except Exception:
                self._shell.log.exception("on_event failed", on=type(event).__name__)

    def _confirm_interrupts(self, last: int | None = None) -> None:
        """Wake who waits for the interrupt that cut up to ``last``, or all of them."""
        for number, confirmed in self._interrupts:
            if last in (None, number):
                confirmed.set()
        self._interrupts = [(number, confirmed) for number, confirmed in self._interrupts if not confirmed.is_set()]

    def _need_entered(self) -> None:
        if self._tasks is None and self._close is None:
            raise LipwireError("AudioOut is an async context manager: use it in `async with`")

    def _check_staying(self) -> None:
        if self._finishing:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "AudioOut is being left")

    async def _finish(self) -> None:
        """Let everything that was begun come to its end; nothing that the caller left undone keeps it from that."""
        self._finishing = True
        for segment in tuple(self._segments.values()):
            try:
                segment.end()
            except LipwireError as error:  # InvalidPcm, say
                segment.interrupt()
                self._shell.log.warning("a segment that was left open was cut", segment=segment.number, error=error)
        core = self._shell.connection
        if core.paused and not core.closed:
            self.unpause()
        await self._wait_idle()

    async def _wait_idle(self) -> None:
        while self._segments:
            if self._idle.is_set():
                self._idle = anyio.Event()
            await self._idle.wait()

    async def _leave(self) -> None:
        """Close, and wait for the tasks; they end by themselves once the session has."""
        self._leaving = True
        self._shell.connection.close(self._now())
        self._shell.flush()
        assert self._tasks is not None
        tasks, self._tasks = self._tasks, None
        await tasks.__aexit__(None, None, None)
