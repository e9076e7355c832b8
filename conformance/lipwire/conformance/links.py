"""How the kit's peer and the implementation come together: over a WebSocket, or a WebRTC peer connection.

The receiver listens and answers, the sender connects and offers. Of a WebRTC connection offer and answer go through
the driver.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from socket import gaierror
from typing import TYPE_CHECKING, Any, Final

from lipwire.transports import Authorize, Transport, TransportError, WebSocketListener, connect_websocket
from lipwire.transports.urls import SUBPROTOCOL

from .driver import Driver

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

    from lipwire.transports.webrtc import WebRtcTransport

MOST: Final = 4 << 20
"""Bytes of a message that the kit's own transports let pass, so that limits are the protocol's."""
OPEN: Final = 20.0
"""Seconds for a transport to open."""
_NOBODY: Final = (ConnectionRefusedError, gaierror)
_NOWHERE: Final = (None, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL)
"""None: of several addresses, none answered."""
_DCEP: Final = 50
"""What data channels are opened with, as SCTP names it (RFC 8832)."""
_DCEP_OPEN: Final = b"\x03"


class NobodyListens(TransportError):
    """There is no server at a receiver's URL."""


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except (TransportError, OSError) as error:
        cause = error.__cause__ if isinstance(error, TransportError) else error
        if isinstance(cause, OSError) and (isinstance(cause, _NOBODY) or cause.errno in _NOWHERE):
            raise NobodyListens(f"nobody listens on {url} ({cause.strerror or cause})") from error
        raise


async def connect_to(url: str, *, version: int = 1, subprotocol: str | None = SUBPROTOCOL) -> Transport:
    """Connect to a receiver's WebSocket.

    Raises:
        NobodyListens: there is no server.
        TransportError: it does not let the kit in.
    """
    connector = connect_websocket(
        url, subprotocol=subprotocol if version else None, max_message=MOST, max_buffered=MOST, open_timeout=OPEN,
        close_timeout=1.0,
    )  # fmt: skip
    with _reaching(url):
        return await connector()


@asynccontextmanager
async def listening(
    *, subprotocol: str | None = SUBPROTOCOL, authorize: Authorize | None = None
) -> AsyncIterator[WebSocketListener]:
    """A WebSocket server for senders; ``authorize`` sees each request, and may let it wait."""
    listener = WebSocketListener(
        "127.0.0.1", 0, subprotocol=subprotocol, authorize=authorize, max_message=MOST, max_buffered=MOST,
        close_timeout=1.0,
    )  # fmt: skip
    async with listener:
        yield listener


@dataclass(frozen=True)
class Handshake:
    """What a receiver answered to the opening request of a WebSocket."""

    status: int
    subprotocol: str | None = None
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"HTTP {self.status}, subprotocol {self.subprotocol}, extensions {', '.join(self.extensions) or None}"


async def shake_hands(url: str, *, subprotocols: Sequence[str] = (), compression: bool = False) -> Handshake:
    """Ask a receiver for a WebSocket, with these subprotocols, and let it go again."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus
    from websockets.typing import Subprotocol

    offered = [Subprotocol(one) for one in subprotocols] or None
    options: dict[str, Any] = {"compression": "deflate" if compression else None, "proxy": None, "open_timeout": OPEN}
    try:
        with _reaching(url):
            opened = await connect(url, subprotocols=offered, **options)
        async with opened as connection:
            extensions = tuple(one.name for one in connection.protocol.extensions)
            return Handshake(101, connection.subprotocol, extensions)
    except InvalidStatus as error:
        return Handshake(error.response.status_code)


def closing_status(transport: Transport) -> int | None:
    """The status with which the other side closed a WebSocket; None: it has not, or said none."""
    from lipwire.transports.websocket import WebSocketTransport

    assert isinstance(transport, WebSocketTransport)
    received = transport.connection.protocol.close_rcvd
    return None if received is None else received.code


async def pinged(transport: Transport) -> None:
    """Wait until the other side of a WebSocket has read all that was sent: its own ping is answered."""
    from lipwire.transports.websocket import WebSocketTransport

    assert isinstance(transport, WebSocketTransport)
    await (await transport.connection.ping())


async def offer_to(
    driver: Driver, *, prepare: Callable[[RTCPeerConnection], object] = lambda _: None, owned: bool = True
) -> WebRtcTransport:
    """Connect to a receiver over WebRTC: the kit offers.

    Args:
        driver: passes offer and answer.
        prepare: called with the peer connection before Lipwire's channels are on it.
        owned: whether the peer connection goes when the transport does.
    """
    from lipwire.transports.webrtc import WebRtcTransport, peer_connection

    connection = peer_connection(())
    prepare(connection)
    transport = WebRtcTransport(
        connection, offers=True, owned=owned, peer="receiver", max_buffered=MOST, close_timeout=1.0
    )
    try:
        told = await driver.do("offer", offer=await transport.make_offer())
        await transport.take_answer(told["answer"])
        await transport.open(OPEN * driver.patience)
    except BaseException:
        transport.abort()
        raise
    return transport


async def answer_to(
    driver: Driver, offer: str, *, prepare: Callable[[RTCPeerConnection], object] = lambda _: None, owned: bool = True
) -> Transport:
    """Let a sender connect over WebRTC: the kit answers its offer. Arguments as of :func:`offer_to`."""
    from lipwire.transports.webrtc import WebRtcTransport, peer_connection

    connection = peer_connection(())
    prepare(connection)
    transport = WebRtcTransport(
        connection, offers=False, owned=owned, peer="sender", max_buffered=MOST, close_timeout=1.0
    )
    try:
        await driver.do("answer", answer=await transport.answer(offer))
        await transport.open(OPEN * driver.patience)
    except BaseException:
        transport.abort()
        raise
    return transport


class MediaHeldBack:
    """Keeps a peer connection that answers from seeing, and so from confirming, that the media channel is opened.

    It reaches for what aiortc does not publish.
    """

    def __init__(self) -> None:
        self.control_opened = asyncio.Event()
        self.media_held = asyncio.Event()
        self.arrived: list[bytes] = []
        """What has come on any channel meanwhile."""
        self._held: list[tuple[int, int, bytes]] = []
        self._receive: Callable[[int, int, bytes], Awaitable[None]] | None = None

    def prepare(self, connection: Any) -> None:
        """To be called before the offer is taken: see :func:`answer_to`."""
        take = connection.setRemoteDescription

        async def take_offer(offer: object) -> None:
            await take(offer)
            self._receive = connection.sctp._data_channel_receive
            connection.sctp._data_channel_receive = self._look

        connection.setRemoteDescription = take_offer

    async def _look(self, stream: int, kind: int, data: bytes) -> None:
        assert self._receive is not None
        opens = kind == _DCEP and data[:1] == _DCEP_OPEN
        if opens and b"lipwire.media" in data:
            self.media_held.set()
            self._held.append((stream, kind, data))
            return
        if opens and b"lipwire.control" in data:
            self.control_opened.set()
        elif kind != _DCEP:
            self.arrived.append(data)
        await self._receive(stream, kind, data)

    async def release(self) -> None:
        """Let it be opened."""
        assert self._receive is not None
        for held in self._held:
            await self._receive(*held)
        self._held.clear()
