"""A session that is kept up: connected, resumed when its transport breaks, begun anew when it is lost."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import anyio
import anyio.lowlevel

from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import (
    Close,
    CloseCode,
    LocalProtocolError,
    RemoteProtocolError,
    SessionError,
    session_error,
)
from lipwire.protocol.events import Event, SessionEnded, SessionOpened, TransportDropped
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings, make_hello
from lipwire.protocol.states import SessionState
from lipwire.protocol.trace import TraceHook
from lipwire.protocol.version0_sender import SenderConnection0, SenderSettings0
from lipwire.transports.base import Connector, ConnectRefused, MissingExtra, Transport, TransportError
from lipwire.transports.logs import Log
from lipwire.transports.shell import CLOSE_TIME, Shell

_log = Log("lipwire.sender")
_NEW_SESSION = (CloseCode.PEER_GONE, CloseCode.UNKNOWN_SESSION, CloseCode.RESUME_STATE)
"""After these a new session may do; after others only when the peer says when to come again (LW-CLOSE-7)."""
_THERE = (CloseCode.UNKNOWN_SESSION, CloseCode.RESUME_STATE)
"""Those of them that show that the peer is there: a new session may be opened at once."""
_BACKOFF_FIRST, _BACKOFF_MOST = 0.1, 2.0
_PART_TIME = 1.0
"""Seconds in which the avatar is to be told of a close that found no transport."""
_STEADY = 1.0
"""Seconds that a session has to last for the pause before the one in its place to be short again, or none."""

Core: TypeAlias = SenderConnection | SenderConnection0


class KeptSession:
    """What lies under AudioOut: a shell, and the transports that it is given one after the other.

    ``transport``: as AudioOut's. A session that can not be resumed is followed by a new one, whose segments go on
    counting, unless the peer refused or there is no way to a new transport.
    """

    def __init__(
        self,
        transport: Connector | Transport,
        settings: SenderSettings | SenderSettings0,
        *,
        trace: TraceHook | None,
        clock: Callable[[], float],
    ) -> None:
        self._connector: Connector = _Once(transport) if isinstance(transport, Transport) else transport
        self._settings = settings
        self._trace = trace
        self._now = clock
        self._first_segment = 1
        self._shell = self._new_shell()
        self._ready = anyio.Event()
        """The first session is open, or will not be."""
        self._over = anyio.Event()
        self._session_over = anyio.Event()
        self._leaving = False
        self._close: Close | None = None
        self._sessions = 0
        self._openings = 0
        self._opened_at = 0.0
        self._last_transport_error = ""
        self._retry_after: float | None = None
        self._backoff = _BACKOFF_FIRST
        self._at_once = True
        """The next session is to be opened without a pause."""

    def _on_event(self, event: Event) -> None:
        raise NotImplementedError

    def _on_flush(self) -> None:
        raise NotImplementedError

    def _new_shell(self) -> Shell[Core]:
        core = _new_core(self._settings, self._first_segment, self._now())
        return Shell(
            core,
            self._on_event,
            log=_log.bind(session=core.session.hex()[:8]),
            trace=self._trace,
            clock=self._now,
            on_flush=self._on_flush,
        )

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
                await self._part(self._shell)
        finally:
            self._over.set()

    async def _part(self, shell: Shell[Core]) -> None:
        """Tell the avatar of a close that found no transport: else it waits until the resume time is over."""
        core = shell.connection
        if not isinstance(core, SenderConnection) or not core.unsaid:
            return
        transport: Transport | None = None
        with anyio.move_on_after(_PART_TIME):
            try:
                transport = await self._connector()
                for channel, data in core.farewell(transport.binding):
                    transport.send(channel, data)
            except Exception as error:
                shell.log.info("the avatar could not be told of the close", error=error)
        if transport is not None:
            with anyio.move_on_after(CLOSE_TIME):
                await transport.aclose()

    async def _connect_in_turn(self, shell: Shell[Core]) -> None:
        """One session's transports, one after the other, with a growing pause between failures."""
        if not self._at_once:
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

    async def _use(self, shell: Shell[Core], transport: Transport) -> None:
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

    def _give_up(self, shell: Shell[Core], error: Exception) -> None:
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

    def _note_session(self, event: Event) -> None:
        """Take what concerns the session as a whole."""
        match event:
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

    def _on_session_ended(self, event: SessionEnded) -> None:
        """Go on with a new session where the avatar is there without the old one; else it is over for good."""
        close = event.close
        log_end = self._shell.log.info if close.orderly else self._shell.log.warning
        log_end("session ended", close=close)
        if event.opened and not self._leaving and self._may_renew(close):
            self._retry_after = None if close.retry_ms is None else close.retry_ms / 1_000
            lasted = self._now() - self._opened_at
            self._at_once = close.code in _THERE and close.retry_ms is None and lasted >= _STEADY
            self._first_segment = self._shell.connection.next_segment
            self._shell = self._new_shell()
        else:
            self._close = close
            self._ready.set()
        self._session_over.set()

    def _may_renew(self, close: Close) -> bool:
        """Whether a new session is of use, and there is a way to it."""
        if isinstance(self._connector, _Once):
            return False
        return close.code in _NEW_SESSION or (close.by_peer is True and close.retry_ms is not None)


def _new_core(settings: SenderSettings | SenderSettings0, first_segment: int, now: float) -> Core:
    session = secrets.token_bytes(16)
    if isinstance(settings, SenderSettings0):
        return SenderConnection0(replace(settings, first_segment=first_segment), session, now)
    return SenderConnection(replace(settings, first_segment=first_segment), session, now)


def _is_over(shell: Shell[Core]) -> bool:
    return shell.connection.state is SessionState.CLOSED


def check_hello(settings: SenderSettings) -> None:
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
