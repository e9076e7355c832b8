"""Ways to an AudioIn in one call: a WebSocket server, a WebRTC server, one transport that is there already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import anyio.lowlevel

from lipwire.transports.base import Listener, Transport, TransportClosed
from lipwire.transports.urls import Backend

from .acceptor import Acceptor
from .audio_in import AudioIn


def serve_websocket(
    host: str, port: int, *, path: str | None = None, token: str | None = None, **options: Any
) -> Acceptor:
    """An Acceptor on a WebSocket server; ``options`` as of :class:`Acceptor`.

    ``token``: what the HTTP request has to bring as ``Authorization: Bearer``. For TLS and origins make a
    ``WebSocketListener`` and give it to an Acceptor.

    Raises:
        MissingExtra: ``websockets`` is not installed.
    """
    from lipwire.transports import WebSocketListener
    from lipwire.transports.urls import SUBPROTOCOL

    subprotocol = None if options.get("version") == 0 else SUBPROTOCOL
    return Acceptor(WebSocketListener(host, port, path=path, token=token, subprotocol=subprotocol), **options)


def serve_webrtc(
    host: str,
    port: int,
    *,
    path: str = "/lipwire",
    backend: Backend = "aiortc",
    token: str | None = None,
    **options: Any,
) -> Acceptor:
    """An Acceptor on an HTTP server that answers WebRTC offers; ``options`` as of :class:`Acceptor`.

    ``backend``: what implements WebRTC, ``aiortc`` or ``native``; agents may have either. ``token``: what an offer has
    to bring as ``Authorization: Bearer``.

    Raises:
        MissingExtra: ``aiohttp`` or the backend's packages are not installed.
    """
    from lipwire.transports import WebRtcListener

    return Acceptor(WebRtcListener(host, port, path=path, backend=backend, token=token), **options)


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
            raise TransportClosed("there was one transport only")
        transport, self._transport = self._transport, None
        return transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            await self._transport.aclose()
