"""A server for WebRTC peers: takes SDP offers over HTTP (see ``webrtc_signaling``), hands out transports."""

from __future__ import annotations

import secrets
import ssl as ssl_module
from functools import partial
from typing import TYPE_CHECKING, Self

import anyio

from lipwire.transports._background import Background
from lipwire.transports._data_channels import CLOSE_TIMEOUT, MAX_BUFFERED, DataChannels, require_asyncio
from lipwire.transports._http import Authorize, Gate, HttpRequest, authority, peer_name
from lipwire.transports._queues import Backlog, close_all
from lipwire.transports.base import Listener, MissingExtra, Transport, TransportBroken, TransportError
from lipwire.transports.webrtc_signaling import MAX_SDP, SDP, transports_of

try:
    from aiohttp import web
except ImportError as error:
    raise MissingExtra('WebRTC needs packages: pip install "lipwire[webrtc]"') from error

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from aiortc import RTCIceServer

    from lipwire.transports.urls import Backend


class WebRtcListener(Listener):
    """An HTTP server that answers offers and hands out the peers whose channels have opened.

    Args:
        host, port: where to listen for HTTP; port 0 takes a free one, which ``address`` then has.
        path: where offers are posted.
        backend: what implements WebRTC: ``aiortc`` or ``native`` (``lipwire[native]``, Python 3.12 and later). The
            other end may have either.
        ssl: makes it ``https://``.
        token: what a client has to send as ``Authorization: Bearer`` (401 if it does not).
        authorize: looks at each request; see :data:`~lipwire.transports.Authorize`.
        allowed_hosts, allowed_origins: as for :class:`~lipwire.transports.websocket_server.WebSocketListener`. Pages
            from an origin that is served get the CORS headers they need.
        ice_servers: STUN and TURN servers, as URLs or as aiortc's objects; none unless given.
        backlog: peers that may wait to be accepted; more get 503.
        max_half_open: offers answered whose channels are not open yet; more get 503.
        open_timeout: seconds from the answer until both channels are open.
        close_timeout, max_buffered: as for :func:`~lipwire.transports.webrtc_signaling.connect_webrtc`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        path: str = "/lipwire",
        backend: Backend = "aiortc",
        ssl: ssl_module.SSLContext | None = None,
        token: str | None = None,
        authorize: Authorize | None = None,
        allowed_hosts: Collection[str] | None = None,
        allowed_origins: Collection[str] | None = None,
        ice_servers: Sequence[RTCIceServer | str] = (),
        backlog: int = 100,
        max_half_open: int = 20,
        open_timeout: float = 15.0,
        close_timeout: float = CLOSE_TIMEOUT,
        max_buffered: int = MAX_BUFFERED,
    ) -> None:
        self._make = transports_of(backend)
        self._host = host
        self._port = port
        self._path = "/" + path.strip("/")
        self._ssl = ssl
        self._gate = Gate(
            host=host,
            token=token,
            authorize=authorize,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
        )
        self._ice_servers = ice_servers
        self._backlog = Backlog(backlog)
        self._max_half_open = max_half_open
        self._open_timeout = open_timeout
        self._close_timeout = close_timeout
        self._max_buffered = max_buffered
        self._half_open: set[DataChannels] = set()
        self._sessions: dict[str, DataChannels] = {}
        self._tasks: set[Background] = set()
        self._runner: web.AppRunner | None = None

    async def accept(self) -> Transport:
        """See :meth:`Listener.accept`."""
        return await self._backlog.get()

    async def __aenter__(self) -> Self:
        require_asyncio()
        app = web.Application(client_max_size=MAX_SDP)
        app.router.add_post(self._path, self._offer)
        app.router.add_delete(f"{self._path}/{{session}}", self._delete)
        app.router.add_route("OPTIONS", f"{self._path}{{rest:(/.*)?}}", self._preflight)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._ssl).start()
        except OSError as error:
            await self._runner.cleanup()
            where = authority(self._host, self._port)
            raise TransportBroken(f"cannot listen on {where}: {error.strerror or error}") from error
        port = self._runner.addresses[0][1]
        self.address = f"{'https' if self._ssl else 'http'}://{authority(self._host, port)}{self._path}"
        self._backlog.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left: list[Transport] = [*self._backlog.close(), *self._half_open]
        if self._runner is not None:
            await self._runner.cleanup()
        await close_all(left)

    async def _offer(self, request: web.Request) -> web.Response:
        """Answer an offer with 201, or refuse it."""
        refused = await self._refusal(request)
        if refused is not None:
            return refused
        if request.content_type != SDP:
            return self._answer(request, 415, f"an offer is {SDP}")
        try:
            with anyio.fail_after(self._open_timeout):
                body = await request.read()
        except TimeoutError:
            return self._answer(request, 408, "the offer took too long")
        # No await from here until it is counted, or a crowd would slip through.
        if self._backlog.full or len(self._half_open) >= self._max_half_open:
            return self._answer(request, 503, "too many wait", {"Retry-After": "1"})
        transport = self._make(
            offers=False,
            ice_servers=self._ice_servers,
            peer=peer_name(request.transport.get_extra_info("peername") if request.transport else None),
            max_buffered=self._max_buffered,
            close_timeout=self._close_timeout,
        )
        self._half_open.add(transport)
        try:
            with anyio.fail_after(self._open_timeout):
                answer = await transport.answer(body.decode("utf-8", "replace"))
        except BaseException as error:
            self._half_open.discard(transport)
            transport.abort()
            if isinstance(error, Exception):
                # Whatever the parser stumbled over; it is the client's offer that was wrong.
                return self._answer(request, 400, f"the offer is not usable: {type(error).__name__}")
            raise
        session = secrets.token_urlsafe(16)
        self._sessions[session] = transport
        self._start(session, transport)
        return self._answer(request, 201, answer, {"Location": f"{self._path}/{session}"}, kind=SDP)

    def _start(self, session: str, transport: DataChannels) -> None:
        def forget(_: Exception | None = None) -> None:
            self._half_open.discard(transport)
            self._sessions.pop(session, None)
            self._tasks.discard(task)

        async def attend() -> None:
            try:
                await transport.open(self._open_timeout)
                if self._backlog.full:
                    raise TransportBroken("too many wait to be accepted")
            except TransportError:
                await transport.aclose()
            else:
                self._half_open.discard(transport)
                self._backlog.put(transport)
                await transport.ended.wait()
            forget()

        task = Background(attend, forget, name="lipwire webrtc: session")
        self._tasks.add(task)

    async def _delete(self, request: web.Request) -> web.Response:
        """Close a session. What it had sent is flushed in the background."""
        refused = await self._refusal(request)
        if refused is not None:
            return refused
        transport = self._sessions.pop(request.match_info["session"], None)
        if transport is None:
            return self._answer(request, 404, "no such session")
        task = Background(partial(transport.hang_up, "the peer closed the session"), lambda _: None, name="hang up")
        self._tasks.add(task)
        await task.wait()
        self._tasks.discard(task)
        return self._answer(request, 200, "closed")

    async def _preflight(self, request: web.Request) -> web.Response:
        refusal = self._gate.refuses_page(_describe(request))
        if refusal is not None:
            return web.Response(status=refusal.status, text=f"{refusal.reason}\n")
        return self._answer(
            request,
            204,
            None,
            {
                "Access-Control-Allow-Methods": "POST, DELETE",
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
            },
        )

    async def _refusal(self, request: web.Request) -> web.Response | None:
        refusal = await self._gate.refusal(_describe(request))
        if refusal is None:
            return None
        extra = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
        return self._answer(request, refusal.status, refusal.reason, extra)

    def _answer(
        self,
        request: web.Request,
        status: int,
        text: str | None,
        headers: dict[str, str] | None = None,
        *,
        kind: str = "text/plain",
    ) -> web.Response:
        fields = dict(headers or {})
        origin = request.headers.get("Origin")
        if origin is not None and self._gate.refuses_page(_describe(request)) is None:
            fields |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Expose-Headers": "Location",
                "Vary": "Origin",
            }
        if text is None:
            return web.Response(status=status, headers=fields)
        return web.Response(status=status, text=text, headers=fields, content_type=kind)


def _describe(request: web.Request) -> HttpRequest:
    address = request.transport.get_extra_info("peername") if request.transport is not None else None
    return HttpRequest(request.path_qs, request.headers, peer_name(address))
