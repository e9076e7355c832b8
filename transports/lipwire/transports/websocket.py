"""WebSocket, over the ``websockets`` library: one ordered, reliable stream of messages.

It runs on asyncio. Sending never waits: ``broadcast`` to this one connection is the library's only send that
does not, and costs a third less than the awaited one. The library's own pings are off, for the protocol has
pings that also measure the clocks, and a peer that never reads its socket (some do) would fail the library's
check while it plays on happily. Compression is off: audio hardly compresses, and it costs more than all else.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import anyio

from lipwire.protocol.channels import Binding, Channel
from lipwire.transports._http import is_loopback, peer_name
from lipwire.transports._queues import End, size_of
from lipwire.transports.base import (
    ConnectRefused,
    MessageTooLarge,
    MissingExtra,
    Transport,
    TransportBroken,
    TransportClosed,
    TransportEnded,
    TransportOverflow,
)
from lipwire.transports.urls import SUBPROTOCOL

try:
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import broadcast
    from websockets.exceptions import (
        ConnectionClosed,
        ConnectionClosedOK,
        InvalidHandshake,
        InvalidStatus,
        InvalidURI,
        NegotiationError,
    )
    from websockets.protocol import State

    from lipwire.transports._websocket_connection import HandsOver, HandsOverClient
except ImportError as error:
    raise MissingExtra('WebSockets need a package: pip install "lipwire[websocket]"') from error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.connection import Connection

    from lipwire.protocol.channels import Wire
    from lipwire.transports.base import Connector, Deliver, Received

MAX_MESSAGE = 2 * 1024 * 1024
"""Above the cap of the ``message`` limit, so that the protocol refuses what is too large (SPEC LW-WEBSOCKET-3)."""
MAX_BUFFERED = 16 * 1024 * 1024
CLOSE_TIMEOUT = 5.0
MOST_IN_BATCH, MOST_BYTES_IN_BATCH = 64, 65_536
"""What one call of ``receive`` gives at most, or one message more: a peer that floods is one among others."""
READ_AHEAD = (256, 64)
"""Frames read ahead of ``receive``: at and below which number reading stops, and resumes."""


def require_asyncio() -> None:
    """Raise ``RuntimeError`` when not called under asyncio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("the WebSocket transport runs on asyncio only, not on trio") from None


class WebSocketTransport(Transport):
    """A transport over a connection of ``websockets.asyncio`` (client or server) that is open already.

    Args:
        connection: it belongs to the transport from now on; nobody else may read from it.
        max_message: bytes that one sent message may have; the connection's ``max_size`` bounds received ones.
        max_buffered: bytes that may wait in the socket's buffer before ``send`` raises ``TransportOverflow``.
        close_timeout: seconds that ``aclose`` takes at most.

    Raises:
        TypeError: ``connection`` is not one of ``websockets.asyncio``.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        max_message: int = MAX_MESSAGE,
        max_buffered: int = MAX_BUFFERED,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        if not isinstance(connection, asyncio.Protocol):
            raise TypeError(f"a connection of websockets.asyncio is needed, not {type(connection).__name__}")
        self.binding = Binding(
            name="websocket", separate_media=False, max_message=max_message, max_media_message=max_message
        )
        self.peer = peer_name(connection.remote_address)
        self.connection = connection
        self._target = (connection,)
        self._max_message = max_message
        self._max_buffered = max_buffered
        self._close_timeout = close_timeout
        self._deliver: Deliver | None = None
        self._closed = False
        self._receiving = False
        self._flooded = False
        """The last batch was a full one."""

    def send(self, channel: Channel, message: Wire) -> None:
        """See :meth:`Transport.send`. Both channels are the one stream."""
        connection = self.connection
        if self._closed or connection.state is not State.OPEN:
            raise self._end().error()
        size = len(message) if type(message) is bytes else size_of(message)
        if size > self._max_message:
            raise MessageTooLarge(f"{size} bytes on {channel.value}; the most is {self._max_message}")
        waiting = connection.transport.get_write_buffer_size()
        if waiting + size > self._max_buffered:
            raise TransportOverflow(f"{waiting} bytes wait; the most is {self._max_buffered}")
        try:
            broadcast(self._target, message, raise_exceptions=True)
        except ExceptionGroup as group:
            raise TransportBroken(f"writing failed: {group.exceptions[0].__cause__}") from group

    def buffered(self) -> int:
        """Bytes that the operating system has not taken yet."""
        return self.connection.transport.get_write_buffer_size()

    async def receive(self) -> list[Received]:
        """See :meth:`Transport.receive`. Everything arrives as control."""
        if self._receiving:
            raise anyio.BusyResourceError("receiving from")
        self._receiving = True
        try:
            if self._flooded:
                await asyncio.sleep(0)  # with all that is there at hand, recv would never let others run
            if self._deliver is not None:
                ready = self._ready(0)
                if ready:
                    return ready
                if isinstance(self.connection, HandsOver) and not self._closed:
                    self.connection.deliver = self._deliver
            while not self._closed:
                first = await self.connection.recv()
                batch: list[Received] = [(Channel.CONTROL, first)]
                batch.extend(self._ready(len(first)))
                if not self._closed:
                    return batch
            # Go on reading, for what is unread here can keep the closing handshake from being read.
            await self._discard()
        except ConnectionClosed:
            pass
        finally:
            self._receiving = False
        raise self._end().error()

    def _ready(self, size: int) -> list[Received]:
        """What has arrived already, up to a bound, without giving up control; ``size``: of what was taken before it.

        The library has no ``recv_nowait``. But its ``recv`` promises that cancelling it loses nothing, so it
        is run up to where it would wait, and cancelled there: this saves a task or a switch per message.
        """
        ready: list[Received] = []
        while True:
            self._flooded = len(ready) >= MOST_IN_BATCH or size >= MOST_BYTES_IN_BATCH
            if self._flooded:
                return ready
            step = self.connection.recv()
            try:
                step.send(None)
            except StopIteration as done:
                ready.append((Channel.CONTROL, done.value))
                size += len(done.value)
                continue
            except ConnectionClosed:
                # The next call of receive finds it again.
                return ready
            try:
                step.throw(asyncio.CancelledError())
            except asyncio.CancelledError:
                return ready
            raise AssertionError("recv went on after it was cancelled")

    async def _discard(self) -> None:
        while True:
            await self.connection.recv()

    def deliver_to(self, deliver: Deliver) -> None:
        """See :meth:`Transport.deliver_to`. It begins with the first ``receive`` that finds nothing queued."""
        self._deliver = deliver

    async def aclose(self) -> None:
        """See :meth:`Transport.aclose`: flushes and does the closing handshake, in ``close_timeout``."""
        self._stop()
        connection = self.connection
        try:
            with anyio.move_on_after(self._close_timeout):
                async with anyio.create_task_group() as group:
                    if not self._receiving:
                        group.start_soon(self._discard_quietly)
                    await connection.close()
                    group.cancel_scope.cancel()
        finally:
            # Without effect if the handshake is over; else it timed out, or this was cancelled.
            connection.transport.abort()

    async def _discard_quietly(self) -> None:
        with suppress(ConnectionClosed):
            await self._discard()

    def abort(self) -> None:
        """See :meth:`Transport.abort`."""
        self._stop()
        self.connection.transport.abort()

    def _stop(self) -> None:
        self._closed = True
        if isinstance(self.connection, HandsOver):
            self.connection.deliver = None

    def _end(self) -> End:
        """How it ended, or is about to."""
        if self._closed:
            return End(TransportClosed, "this side closed the transport")
        protocol = self.connection.protocol
        if protocol.state is State.CLOSED:
            closed = self.connection.protocol.close_exc
            cause = getattr(self.connection, "connection_exc", None)  # Not in websockets 15.
            reason = f"{closed}" if cause is None else f"{closed} ({cause})"
            kind = TransportEnded if isinstance(closed, ConnectionClosedOK) else TransportBroken
            return End(kind, reason, cause)
        if protocol.close_rcvd is not None and protocol.close_rcvd.code in (1000, 1001, 1005):
            return End(TransportEnded, "the peer is closing")
        return End(TransportBroken, "the connection is closing because of an error")


def connect_websocket(
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    ssl: ssl_module.SSLContext | None = None,
    subprotocol: str | None = SUBPROTOCOL,
    proxy: str | Literal[True] | None = True,
    open_timeout: float = 10.0,
    close_timeout: float = CLOSE_TIMEOUT,
    max_message: int = MAX_MESSAGE,
    max_buffered: int = MAX_BUFFERED,
) -> Connector:
    """A connector to a WebSocket server.

    Args:
        url: ``ws://`` or ``wss://``.
        token: sent as ``Authorization: Bearer``.
        headers: further headers of the opening request.
        ssl: for ``wss://``, in place of the default context.
        subprotocol: offered, and required in the answer; None (version 0) offers none.
        proxy: True takes it from the environment (never for loopback), None uses none.
        open_timeout: seconds from the connection's start to the end of the opening handshake.
        close_timeout: seconds that ``aclose`` takes at most.
        max_message: bytes that one message may have, either way.
        max_buffered: bytes that may wait in the socket's buffer before ``send`` raises ``TransportOverflow``.

    Raises:
        ValueError: the URL is not one of a WebSocket.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"not a WebSocket URL: {url!r} (ws://host:port/path is one)")
    parts.port  # noqa: B018 - raises ValueError for one that is out of range
    if is_loopback(parts.hostname):
        proxy = None
    fields = dict(headers or {})
    if token is not None:
        fields["Authorization"] = f"Bearer {token}"
    options: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
    if subprotocol is not None:
        options["subprotocols"] = [subprotocol]

    async def connect_once() -> Transport:
        require_asyncio()
        try:
            connection = await connect(
                url,
                additional_headers=fields,
                compression=None,
                proxy=proxy,
                open_timeout=open_timeout,
                close_timeout=close_timeout,
                ping_interval=None,
                max_size=max_message,
                max_queue=READ_AHEAD,
                create_connection=HandsOverClient,
                **options,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            text = _reason(error.response.body)
            if status >= 500:
                raise TransportBroken(f"{url}: the server answered HTTP {status}{text}") from error
            raise ConnectRefused(f"{url}: refused with HTTP {status}{text}", status=status) from error
        except (InvalidURI, NegotiationError, ssl_module.SSLCertVerificationError) as error:
            raise ConnectRefused(f"{url}: {error}") from error
        except TimeoutError as error:
            raise TransportBroken(f"{url}: no connection within {open_timeout} s") from error
        except (OSError, EOFError, InvalidHandshake, ConnectionClosed) as error:
            raise TransportBroken(f"{url}: {error}") from error
        transport = WebSocketTransport(
            connection, max_message=max_message, max_buffered=max_buffered, close_timeout=close_timeout
        )
        if connection.subprotocol != subprotocol:
            transport.abort()
            raise ConnectRefused(f"{url}: the server does not speak the subprotocol {subprotocol!r}")
        return transport

    return connect_once


def _reason(body: bytes | bytearray | None) -> str:
    """The first line of a refusal's text, if it has one."""
    lines = bytes(body or b"")[:200].decode("utf-8", "replace").splitlines()
    return f" ({lines[0]})" if lines and lines[0] else ""
