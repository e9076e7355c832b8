"""Acceptor: takes transports, opens sessions on them, and gives live sessions their new transport."""

from __future__ import annotations

import inspect
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc
import anyio.lowlevel

from lipwire.protocol.channels import Channel
from lipwire.protocol.connection import encode_refusal
from lipwire.protocol.errors import CloseCode, RemoteProtocolError, escaped
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.messages import Hello
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import Feature
from lipwire.protocol.trace import TraceHook
from lipwire.transports.base import Listener, Transport, TransportClosed, TransportError
from lipwire.transports.shell import CLOSE_TIME

from .audio_in import AudioIn

_logger = logging.getLogger("lipwire.receiver")
_SECRET_BYTES = 16
_BUSY_RETRY_MS = 1_000


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What ``authenticate`` is given to decide by. Nothing of it is to be trusted but what it proves."""

    auth: str | bytes | None = field(repr=False)
    """The token that the agent sent."""
    peer: str
    session: bytes
    info: Mapping[str, Any]


Authenticate = Callable[[Greeting], bool | Awaitable[bool]]
"""Says whether an agent may open a session. Compare tokens with ``hmac.compare_digest``."""


class Acceptor:
    """Gives an :class:`AudioIn` for each agent that opens a session: ``async for audio in acceptor``.

    An async context manager: entering opens the listener, leaving closes it and every session. An agent that comes
    back after a lost transport is given its live AudioIn again, and the loop is not told.

    Args:
        listener: where transports come from, ``WebSocketListener(…)`` say.
        formats: that are accepted; None: whatever the agent prefers.
        frame_ms: re-cut audio to frames of so many milliseconds; None: chunks as they came, without a copy.
        authenticate: says whether an agent may open a session; None: all may.
        limits: see SPEC §17; announced to agents.
        features: that are supported.
        max_sessions: agents beyond it are told to come again later.
        info: free facts for agents.
        trace: called with each message and event of each session.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        formats: Sequence[PcmFormat] | None = None,
        frame_ms: float | None = None,
        authenticate: Authenticate | None = None,
        limits: Limits | None = None,
        features: frozenset[Feature] = frozenset(Feature),
        max_sessions: int = 100,
        info: Mapping[str, Any] | None = None,
        trace: TraceHook | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._settings = ReceiverSettings(
            formats=None if formats is None else tuple(formats),
            limits=limits or Limits(),
            features=features,
            info=dict(info or {}),
        )
        self._frame_ms = frame_ms
        self._authenticate = authenticate
        self._max_sessions = max_sessions
        self._trace = trace
        self._now = clock
        self._sessions: dict[bytes, AudioIn] = {}
        self._opening = 0
        self._put, self._accepted = anyio.create_memory_object_stream[AudioIn](inf)
        self._tasks: anyio.abc.TaskGroup | None = None

    @property
    def address(self) -> str:
        """The URL that agents connect to."""
        return self._listener.address

    @property
    def sessions(self) -> tuple[AudioIn, ...]:
        """Those that are live."""
        return tuple(self._sessions.values())

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._listen)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = self._now()
        for audio in tuple(self._sessions.values()):
            audio._core.close(now, CloseCode.GOING_AWAY, "the avatar server shuts down", retry=1.0)
            audio._shell.flush()
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            self._put.close()
            self._accepted.close()
            with anyio.move_on_after(CLOSE_TIME, shield=True):
                await self._listener.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioIn:
        try:
            return await self._accepted.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            raise StopAsyncIteration from None

    async def accept(self) -> AudioIn:
        """Wait for the next new session. Cancelling loses none.

        Raises:
            TransportClosed: the acceptor was closed.
        """
        try:
            return await self._accepted.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            raise TransportClosed("the acceptor is closed") from None

    # -- within --------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        assert self._tasks is not None
        while True:
            try:
                transport = await self._listener.accept()
            except TransportClosed:
                self._put.close()
                return
            self._tasks.start_soon(self._greet, transport)

    async def _greet(self, transport: Transport) -> None:
        """Read hello, and open a session or resume one; whatever goes wrong stays with this one transport."""
        batch: list[tuple[Channel, Any]] = []
        try:
            with anyio.move_on_after(self._settings.limits.handshake) as waiting:
                batch = await transport.receive()
            if waiting.cancelled_caught:
                raise RemoteProtocolError(CloseCode.HANDSHAKE_TIMEOUT, "no hello in time")
            hello = read_hello(batch[0][1], self._settings.limits.message)
            audio = self._sessions.get(hello.session)
            if audio is not None:
                self._rebind(audio, hello, transport)
            else:
                audio = await self._open(hello, transport)
        except RemoteProtocolError as error:
            _logger.info("%s refused: %s", escaped(transport.peer), escaped(str(error)))
            await self._refuse(transport, error)
        except TransportError as error:
            _logger.info("%s went before hello: %s", escaped(transport.peer), escaped(str(error)))
            await self._close(transport)
        except Exception:
            _logger.exception("greeting %s failed", escaped(transport.peer))
            await self._refuse(transport, RemoteProtocolError(CloseCode.INTERNAL_ERROR, "the avatar server failed"))
        else:
            if len(batch) > 1:
                audio._shell.receive(batch[1:])
            await audio._shell.serve(transport)

    async def _open(self, hello: Hello, transport: Transport) -> AudioIn:
        """Open a new session.

        Raises:
            RemoteProtocolError: refused, and why.
        """
        assert self._tasks is not None
        if hello.resume is not None:
            raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "there is no such session (any more)")
        if len(self._sessions) + self._opening >= self._max_sessions:
            raise RemoteProtocolError(
                CloseCode.BUSY, f"{self._max_sessions} sessions are open already", retry=_BUSY_RETRY_MS
            )
        self._opening += 1
        try:
            if self._authenticate is not None:
                greeting = Greeting(auth=hello.auth, peer=transport.peer, session=hello.session, info=hello.info or {})
                allowed = self._authenticate(greeting)
                if inspect.isawaitable(allowed):
                    with anyio.fail_after(self._settings.limits.handshake):
                        allowed = await allowed
                if not allowed:
                    raise RemoteProtocolError(CloseCode.UNAUTHORIZED, "the token is missing or wrong")
        finally:
            self._opening -= 1
        if hello.session in self._sessions:
            raise RemoteProtocolError(CloseCode.RESUME_REFUSED, "the session was opened twice at once")
        connection = ReceiverConnection(self._settings)
        connection.open(hello, transport.binding, secrets.token_bytes(_SECRET_BYTES), self._now())
        audio = AudioIn(connection, peer=transport.peer, frame_ms=self._frame_ms, trace=self._trace, clock=self._now)
        audio._shell.transport = transport
        self._sessions[hello.session] = audio
        audio._shell.flush()
        self._tasks.start_soon(self._keep, hello.session, audio)
        self._put.send_nowait(audio)
        return audio

    def _rebind(self, audio: AudioIn, hello: Hello, transport: Transport) -> None:
        """Give a live session its new transport; the old one, if it still seems alive, is superseded.

        Raises:
            RemoteProtocolError: refused; the live session is as it was.
        """
        core, shell, secret = audio._core, audio._shell, secrets.token_bytes(_SECRET_BYTES)
        if hello.resume is None:
            core.open(hello, transport.binding, secret, self._now())
        else:
            core.resume(hello, transport.binding, secret, self._now())
        old = shell.transport
        if old is not None:
            superseded = encode_refusal(RemoteProtocolError(CloseCode.SUPERSEDED, "a newer connection"))
            with suppress(TransportError):  # it may only have seemed alive
                old.send(Channel.CONTROL, superseded)
        shell.drop_transport(detach=False)
        shell.transport = transport
        shell.flush()

    async def _keep(self, session: bytes, audio: AudioIn) -> None:
        """Run a session's timer until the session is over."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(audio._shell.run_timer)
            await audio._over.wait()
            tasks.cancel_scope.cancel()
        self._sessions.pop(session, None)

    async def _refuse(self, transport: Transport, error: RemoteProtocolError) -> None:
        with suppress(TransportError):  # if it is gone, nobody is left to be told
            transport.send(Channel.CONTROL, encode_refusal(error))
        await self._close(transport)

    async def _close(self, transport: Transport) -> None:
        with anyio.move_on_after(CLOSE_TIME, shield=True):
            await transport.aclose()


def serve_websocket(host: str, port: int, *, path: str | None = None, **options: Any) -> Acceptor:
    """An Acceptor on a WebSocket server; ``options`` as of :class:`Acceptor`.

    For TLS, origins and tokens of the HTTP request make a ``WebSocketListener`` and give it to an Acceptor.

    Raises:
        MissingExtra: ``websockets`` is not installed.
    """
    from lipwire.transports import WebSocketListener

    return Acceptor(WebSocketListener(host, port, path=path), **options)


def serve_webrtc(host: str, port: int, *, path: str = "/lipwire", token: str | None = None, **options: Any) -> Acceptor:
    """An Acceptor on an HTTP server that answers WebRTC offers; ``options`` as of :class:`Acceptor`.

    ``token``: what an offer has to bring as ``Authorization: Bearer``.

    Raises:
        MissingExtra: ``aiortc`` and ``aiohttp`` are not installed.
    """
    from lipwire.transports import WebRtcListener

    return Acceptor(WebRtcListener(host, port, path=path, token=token), **options)


@asynccontextmanager
async def open_audio_in(transport: Transport, **options: Any) -> AsyncIterator[AudioIn]:
    """The AudioIn of one transport that is there already, a peer connection of your own say.

    It can not be resumed. ``options`` as of :class:`Acceptor`.

    Raises:
        TransportClosed: the transport ended, or its hello was refused.
    """
    async with Acceptor(_One(transport), **options) as acceptor:
        yield await acceptor.accept()


class _One(Listener):
    """A listener that hands out one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Transport | None = transport
        self.address = transport.peer

    async def accept(self) -> Transport:
        """Give the transport the first time; then there are no more."""
        await anyio.lowlevel.checkpoint()
        if self._transport is None:
            await anyio.sleep_forever()
        transport, self._transport = self._transport, None
        assert transport is not None
        return transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            await self._transport.aclose()
