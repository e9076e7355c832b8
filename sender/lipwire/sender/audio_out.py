"""AudioOut: the agent's end of a session."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import anyio
import anyio.abc
import anyio.lowlevel

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import (
    Close,
    CloseCode,
    LipwireError,
    LocalProtocolError,
    RemoteProtocolError,
    SessionError,
    session_error,
)
from lipwire.protocol.events import (
    Cause,
    Event,
    InterruptConfirmed,
    MarkReached,
    SessionEnded,
    SessionOpened,
    StreamEnded,
    StreamStarted,
    TransportDropped,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.registry import Feature
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings, make_hello
from lipwire.protocol.states import SessionState
from lipwire.protocol.trace import TraceHook
from lipwire.protocol.version0_sender import SenderConnection0, SenderSettings0
from lipwire.transports.base import Connector, ConnectRefused, MissingExtra, Transport, TransportError
from lipwire.transports.logs import Log
from lipwire.transports.loop import call_soon
from lipwire.transports.shell import Shell

from .pcm import PcmReader
from .results import SenderStatistics, stream_ended
from .segment import Segment

_log = Log("lipwire.sender")
_NEW_SESSION = (CloseCode.PEER_GONE, CloseCode.UNKNOWN_SESSION, CloseCode.RESUME_STATE)
"""After these a new session may do; after others only when the peer says when to come again (LW-CLOSE-7)."""
_MEDIA = Channel.MEDIA
_WATCH_EVERY = 8
_BACKOFF_FIRST, _BACKOFF_MOST = 0.1, 2.0
_STEADY = 1.0
"""Seconds that a session has to last for the pause before the one in its place to be short again."""

_Core: TypeAlias = SenderConnection | SenderConnection0


class AudioOut:
    """Streams an agent's speech to an avatar, interrupts it, and tells what was heard.

    An async context manager. Entering waits until the session is open (or, with ``wait_connected=False``, not at all:
    what is written then waits in the local buffer). Leaving it normally ends the segment that is still open for
    writing, unpauses, waits until every segment has ended, and closes the session; meanwhile nothing new is begun.
    Leaving it by an exception closes at once.

    Args:
        transport: a connector (``connect_websocket(…)``, ``connect_webrtc(…)``), which is called again to resume when a
            transport breaks; or one transport, which is not replaced.
        format: of the PCM that is written as bytes or arrays.
        wire_format: what to offer the avatar, where it differs from ``format``; PyAV resamples in between.
        auth: a token for the avatar's ``authenticate``.
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
        self._connector: Connector = _Once(transport) if isinstance(transport, Transport) else transport
        self._buffer_samples = max(self.wire_format.samples(buffer), 1)
        self._buffer_seconds = buffer
        self._frame_bytes = self.wire_format.frame_bytes
        self._connect_timeout = connect_timeout
        self._limits = limits or Limits()
        self._features = features
        self._auth = auth
        self._info = dict(info or {})
        self._user_hook = on_event
        self._trace = trace
        self._wait_connected = wait_connected
        if version == 0 and auth is not None:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "version 0 can not carry a token")
        self._version_0 = (version_0 or SenderSettings0()) if version == 0 else None
        if self._version_0 is None:
            _check_hello(self._settings(1))
        self._now = clock
        self._first_segment = 1
        self._shell = self._new_shell(first_segment=1)
        self._segments: dict[int, Segment] = {}
        self._ready = anyio.Event()
        self._over = anyio.Event()
        self._idle = anyio.Event()
        self._room_changed = anyio.Event()
        self._interrupts: list[tuple[int, anyio.Event]] = []
        self._last_transport_error = ""
        self._retry_after: float | None = None
        self._backoff = _BACKOFF_FIRST
        self._opened_at = 0.0
        self._close: Close | None = None
        self._sessions = 0
        self._openings = 0
        self._writes = 0
        self._in_turn = False
        """Something was written, and sent, in this turn of the event loop; its end sends the rest."""
        self._turn_wrote = False
        """There is a rest."""
        self._single_writes = 0
        """So many writes go out without regard to what else is written in their turn."""
        self._leaving = False
        self._finishing = False
        self._session_over = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    # -- the session ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            self._shell = self._new_shell(first_segment=1)  # its connect time begins here
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
        shell.send(((_MEDIA, message),))
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

    def _new_shell(self, first_segment: int) -> Shell[_Core]:
        core = self._new_core(first_segment)
        return Shell(
            core,
            self._on_event,
            log=_log.bind(session=core.session.hex()[:8]),
            trace=self._trace,
            clock=self._now,
            on_flush=self._wake_writers,
        )

    def _new_core(self, first_segment: int) -> _Core:
        session, now = secrets.token_bytes(16), self._now()
        if self._version_0 is not None:
            settings_0 = replace(
                self._version_0,
                format=self.wire_format,
                limits=self._limits,
                connect_time=self._connect_timeout,
                first_segment=first_segment,
            )
            return SenderConnection0(settings_0, session, now)
        return SenderConnection(self._settings(first_segment), session, now)

    def _settings(self, first_segment: int) -> SenderSettings:
        return SenderSettings(
            formats=(self.wire_format,),
            limits=self._limits,
            features=self._features,
            auth=self._auth,
            info=self._info,
            connect_time=self._connect_timeout,
            first_segment=first_segment,
        )

    def _wake_writers(self) -> None:
        """Audio was sent or cut, perhaps: wake who waits for room."""
        self._room_changed.set()

    def _error(self) -> SessionError:
        assert self._close is not None
        close = self._close
        if self._last_transport_error and self._sessions == 0 and close.by_peer is None:
            close = Close(code=close.code, reason=self._last_transport_error, by_peer=None)
        return session_error(close, opened=self._sessions > 0)

    async def _keep_connected(self) -> None:
        """Connect, serve, and connect again, until the session is over for good.

        Shielded, for it ends as soon as the session does, and whoever leaves ``async with``, by a cancellation too,
        closes the session first: so the peer is told, and every transport is closed.
        """
        try:
            with anyio.CancelScope(shield=True):
                while self._close is None:
                    shell, self._session_over = self._shell, anyio.Event()
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(shell.run_timer)
                        tasks.start_soon(self._connect_in_turn, shell)
                        await self._session_over.wait()
                        tasks.cancel_scope.cancel()
        finally:
            self._over.set()

    async def _connect_in_turn(self, shell: Shell[_Core]) -> None:
        """One session's transports, one after the other, with a growing pause between failures."""
        if self._sessions:
            await self._back_off()
        while not _is_over(shell):
            self._retry_after = None
            try:
                transport = await self._connector()
            except (ConnectRefused, MissingExtra, _Exhausted) as error:
                self._give_up(shell, error)
                return
            except (TransportError, OSError) as error:
                self._last_transport_error = str(error) or repr(error)
                shell.log.info("connecting failed", error=self._last_transport_error)
            except Exception as error:
                shell.log.exception("the connector failed")
                self._give_up(shell, error)
                return
            else:
                await self._use(shell, transport)
                if _is_over(shell):
                    return
            await self._back_off()

    async def _back_off(self) -> None:
        """Pause before the next try: longer each time, and at least as long as the peer asked."""
        # Chance keeps many agents from coming back at the same instant.
        delay = self._backoff * random.uniform(0.75, 1.25)
        self._backoff = min(2 * self._backoff, _BACKOFF_MOST)
        await anyio.sleep(max(delay, self._retry_after or 0.0))

    async def _use(self, shell: Shell[_Core], transport: Transport) -> None:
        """Serve one transport until it ends."""
        if _is_over(shell):  # while the transport was being made
            transport.abort()
            return
        openings = self._openings
        shell.transport = transport
        try:
            shell.connection.attach(transport.binding, self._now())
        except Exception as error:  # a token that this transport would show to others, say
            shell.transport = None
            transport.abort()
            shell.log.exception("the transport can not be used")
            self._give_up(shell, error)
            return
        shell.flush()
        try:
            ended = await shell.serve(transport)
        finally:
            if self._openings > openings and (not _is_over(shell) or self._now() - self._opened_at >= _STEADY):
                self._backoff = _BACKOFF_FIRST
        if ended is not None:
            self._last_transport_error = str(ended)

    def _give_up(self, shell: Shell[_Core], error: Exception) -> None:
        """The other end refused below the protocol, or there is no other transport: no use in trying again."""
        if isinstance(error, ConnectRefused) and shell.connection.state is SessionState.IDLE:
            code = CloseCode.UNAUTHORIZED if error.status in (401, 403) else CloseCode.NOT_LIPWIRE
            close = Close(code=code, reason=str(error), by_peer=True)
        else:
            if not isinstance(error, _Exhausted) or not self._last_transport_error:
                self._last_transport_error = str(error) or repr(error)
            close = Close(code=CloseCode.PEER_GONE, reason=self._last_transport_error, by_peer=None)
        shell.connection.abandon(close, self._now())
        shell.flush()

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
            case SessionOpened():
                self._openings += 1
                if not event.resumed:
                    self._opened_at = self._now()
                self._sessions += not event.resumed
                self._ready.set()
                self._shell.log.info("session resumed" if event.resumed else "session opened", format=event.format)
            case TransportDropped():
                self._retry_after = event.retry_after
                self._last_transport_error = event.reason
                self._shell.log.warning("transport given up", reason=event.reason)
            case SessionEnded():
                self._on_session_ended(event)
            case _:
                pass
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

    def _on_session_ended(self, event: SessionEnded) -> None:
        """Go on with a new session where the avatar is there without the old one; else it is over for good."""
        close = event.close
        log_end = self._shell.log.info if close.orderly else self._shell.log.warning
        log_end("session ended", close=close)
        self._confirm_interrupts()
        if event.opened and not self._leaving and self._may_renew(close):
            self._retry_after = None if close.retry_ms is None else close.retry_ms / 1_000
            self._first_segment = self._shell.connection.next_segment
            self._shell = self._new_shell(self._first_segment)
        else:
            self._close = close
            self._ready.set()
        self._session_over.set()

    def _may_renew(self, close: Close) -> bool:
        """Whether a new session is of use, and there is a way to it."""
        if isinstance(self._connector, _Once):
            return False
        return close.code in _NEW_SESSION or (close.by_peer is True and close.retry_ms is not None)

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


def _is_over(shell: Shell[_Core]) -> bool:
    return shell.connection.state is SessionState.CLOSED


def _check_hello(settings: SenderSettings) -> None:
    """Find at once what no avatar could read.

    Raises:
        LocalProtocolError: ``info`` can not be encoded, or it or the token is too large.
    """
    hello = make_hello(settings, bytes(16), 1)._replace(auth=settings.auth)
    try:
        decode(encode(hello))
    except RemoteProtocolError as error:
        raise LocalProtocolError(error.code, f"{error} (auth and info go to the avatar in hello)") from None


class _Once:
    """A connector for one transport that is there already."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Transport | None = transport

    async def __call__(self) -> Transport:
        """Give the transport the first time."""
        await anyio.lowlevel.checkpoint()
        if self._transport is None:
            raise _Exhausted("the one transport that AudioOut was given has ended; give it a connector to resume")
        transport, self._transport = self._transport, None
        return transport


class _Exhausted(TransportError):
    """There is no further transport."""
