"""A WebSocket server that hands out its connections as transports (see ``websocket`` for the transport)."""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import anyio

from lipwire.transports._http import Authorize, Gate, HttpRequest, authority, peer_name
from lipwire.transports._queues import Backlog, close_all
from lipwire.transports.base import Listener, MissingExtra, Transport, TransportBroken
from lipwire.transports.urls import SUBPROTOCOL
from lipwire.transports.websocket import (
    CLOSE_TIMEOUT,
    MAX_BUFFERED,
    MAX_MESSAGE,
    READ_AHEAD,
    WebSocketTransport,
    require_asyncio,
)

try:
    from websockets.asyncio.server import serve
    from websockets.exceptions import NegotiationError

    from lipwire.transports._websocket_connection import HandsOverServer
except ImportError as error:
    raise MissingExtra('WebSockets need a package: pip install "lipwire[websocket]"') from error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType

    from websockets.asyncio.connection import Connection
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol


class WebSocketListener(Listener):
    """A WebSocket server that hands out its connections as transports.

    Args:
        host, port: where to listen; port 0 takes a free one, which ``address`` then has.
        path: the only path served (404 elsewhere); None serves all.
        ssl: makes it ``wss://``.
        subprotocol: what a client has to offer (400 if it does not); None (version 0) takes all.
        token: what a client has to send as ``Authorization: Bearer`` (401 if it does not).
        authorize: looks at each request; see :data:`~lipwire.transports.Authorize`.
        allowed_hosts: values of Host (without port) that are served, ``"*"`` for all. None serves loopback
            names alone if ``host`` is loopback, and all otherwise.
        allowed_origins: values of Origin that are served, in the same way. A request without Origin comes
            from no browser and is served.
        backlog: connections that may wait to be accepted; more get 503.
        open_timeout: seconds for the opening handshake.
        close_timeout, max_message, max_buffered: as for :func:`connect_websocket`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        path: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
        subprotocol: str | None = SUBPROTOCOL,
        token: str | None = None,
        authorize: Authorize | None = None,
        allowed_hosts: Collection[str] | None = None,
        allowed_origins: Collection[str] | None = None,
        backlog: int = 100,
        open_timeout: float = 10.0,
        close_timeout: float = CLOSE_TIMEOUT,
        max_message: int = MAX_MESSAGE,
        max_buffered: int = MAX_BUFFERED,
    ) -> None:
        self._host = host
        self._port = port
        self._path = path
        self._ssl = ssl
        self._subprotocol = subprotocol
        self._gate = Gate(
            host=host,
            token=token,
            authorize=authorize,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
        )
        self._backlog = Backlog(backlog)
        self._open_timeout = open_timeout
        self._close_timeout = close_timeout
        self._max_message = max_message
        self._make: Callable[[Connection], WebSocketTransport] = lambda connection: WebSocketTransport(
            connection, max_message=max_message, max_buffered=max_buffered, close_timeout=close_timeout
        )
        self._server: Server | None = None

    async def accept(self) -> Transport:
        """See :meth:`Listener.accept`."""
        return await self._backlog.get()

    async def __aenter__(self) -> Self:
        require_asyncio()
        try:
            self._server = await serve(
                self._handle,
                self._host,
                self._port,
                process_request=self._check,
                select_subprotocol=self._select,
                compression=None,
                ssl=self._ssl,
                open_timeout=self._open_timeout,
                close_timeout=self._close_timeout,
                ping_interval=None,
                max_size=self._max_message,
                max_queue=READ_AHEAD,
                create_connection=HandsOverServer,
                server_header=None,
            )
        except OSError as error:
            where = authority(self._host, self._port)
            raise TransportBroken(f"cannot listen on {where}: {error.strerror or error}") from error
        port = next(iter(self._server.sockets)).getsockname()[1]
        scheme = "ws" if self._ssl is None else "wss"
        self.address = f"{scheme}://{authority(self._host, port)}{self._path or ''}"
        self._backlog.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self._backlog.close()
        if self._server is not None:
            self._server.close(close_connections=False)
            # The port is closed by a task that the library starts; what was accepted lives on.
            await asyncio.sleep(0)
            await close_all(left)
            if not self._server.connections:
                # Without the time limit, one that never finishes its handshake would hold this up.
                with anyio.move_on_after(1.0):
                    await self._server.wait_closed()

    async def _handle(self, connection: ServerConnection) -> None:
        if self._backlog.full:
            await connection.close(1013, "too many wait to be accepted")
            return
        self._backlog.put(self._make(connection))
        await connection.wait_closed()

    async def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        if self._path is not None and urlsplit(request.path).path != self._path:
            return connection.respond(404, f"nothing is served here; try {self._path}\n")
        refusal = await self._gate.refusal(
            HttpRequest(request.path, request.headers, peer_name(connection.remote_address))
        )
        if refusal is not None:
            return connection.respond(refusal.status, f"{refusal.reason}\n")
        if self._backlog.full:
            return connection.respond(503, "too many wait to be accepted\n")
        return None

    def _select(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        if self._subprotocol is None:
            return None
        for candidate in offered:
            if candidate == self._subprotocol:
                return candidate
        raise NegotiationError(
            f"this server speaks {self._subprotocol}, the client offered {', '.join(offered) or 'nothing'}"
        )
