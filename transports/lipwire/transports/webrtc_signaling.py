"""How two peers find each other for WebRTC: one HTTP request, in the manner of WHIP (RFC 9725).

The client posts its SDP offer, the answer comes with 201 and a Location, and DELETE on that closes the session.
All candidates are in the descriptions, none trickle. No ICE server is asked unless one is given.
"""

from __future__ import annotations

import ssl as ssl_module
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

import anyio

from lipwire.transports._data_channels import CLOSE_TIMEOUT, MAX_BUFFERED, require_asyncio
from lipwire.transports.base import ConnectRefused, MissingExtra, TransportBroken, TransportError

try:
    import aiohttp
except ImportError as error:
    raise MissingExtra('WebRTC needs packages: pip install "lipwire[webrtc]"') from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiortc import RTCIceServer

    from lipwire.transports._data_channels import DataChannels
    from lipwire.transports.base import Connector, Transport
    from lipwire.transports.urls import Backend

SDP = "application/sdp"
MAX_SDP = 64 * 1024
"""Bytes that an offer or an answer may have."""


class MakeTransport(Protocol):
    """Makes a transport with a peer connection of its own, which awaits its offer or its answer."""

    def __call__(
        self,
        *,
        offers: bool,
        ice_servers: Sequence[RTCIceServer | str],
        peer: str,
        max_buffered: int,
        close_timeout: float,
    ) -> DataChannels:
        """Make it; ``offers`` is True for the side that makes the offer."""
        ...


def transports_of(backend: Backend) -> MakeTransport:
    """What makes the transports of a backend.

    Raises:
        ValueError: there is no such backend.
        MissingExtra: its packages are not installed.
    """
    match backend:
        case "aiortc":
            from lipwire.transports.webrtc import own_transport

            return own_transport
        case "native":
            from lipwire.transports.webrtc_native import NativeTransport

            return NativeTransport
        case _:
            raise ValueError(f"no WebRTC backend {backend!r}: 'aiortc' and 'native' are")


def connect_webrtc(
    url: str,
    *,
    backend: Backend = "aiortc",
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    ssl: ssl_module.SSLContext | None = None,
    ice_servers: Sequence[RTCIceServer | str] = (),
    timeout: float = 15.0,
    close_timeout: float = CLOSE_TIMEOUT,
    max_buffered: int = MAX_BUFFERED,
) -> Connector:
    """A connector to a WebRTC server that takes offers over HTTP, as :class:`WebRtcListener` does.

    Args:
        url: ``http://`` or ``https://``.
        backend: what implements WebRTC: ``aiortc`` or ``native`` (``lipwire[native]``, Python 3.12 and later). The
            other end may have either.
        token: sent as ``Authorization: Bearer``.
        headers: further headers of the request.
        ssl: for ``https://``, in place of the default context.
        ice_servers: STUN and TURN servers, as URLs or as aiortc's objects; none unless given.
        timeout: seconds for all of it: candidates, offer, answer, and both channels open.
        close_timeout: seconds that ``aclose`` takes at most.
        max_buffered: bytes that may wait to be sent before ``send`` raises ``TransportOverflow``.

    Raises:
        ValueError: the URL is not one of HTTP, or there is no such backend.
        MissingExtra: the backend's packages are not installed.
    """
    make = transports_of(backend)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an HTTP URL: {url!r} (http://host:port/path is one)")
    fields = dict(headers or {})
    if token is not None:
        fields["Authorization"] = f"Bearer {token}"

    async def connect_once() -> Transport:
        require_asyncio()
        transport = make(
            offers=True,
            ice_servers=ice_servers,
            peer=url,
            max_buffered=max_buffered,
            close_timeout=close_timeout,
        )
        resource: str | None = None
        try:
            with anyio.fail_after(timeout):
                answer, resource = await _exchange(url, await transport.make_offer(), fields, ssl)
                try:
                    await transport.take_answer(answer)
                except TransportBroken as error:
                    raise TransportBroken(f"{url}: {error}") from error
                await transport.open(timeout)
        except BaseException as error:
            with anyio.move_on_after(close_timeout, shield=True):
                await transport.aclose()
                if resource is not None:
                    await _delete(resource, fields, ssl)
            if isinstance(error, TimeoutError):
                raise TransportBroken(f"{url}: no connection within {timeout} s") from error
            raise
        return transport

    return connect_once


async def _exchange(
    url: str, offer: str, headers: dict[str, str], ssl: ssl_module.SSLContext | None
) -> tuple[str, str | None]:
    """Post the offer; gives the answer and the session's URL."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                url, data=offer.encode(), headers={**headers, "Content-Type": SDP}, ssl=ssl or True
            ) as response,
        ):
            body = await response.content.read(MAX_SDP)
            while len(body) < MAX_SDP and (more := await response.content.read(MAX_SDP - len(body))):
                body += more
            status = response.status
            location = response.headers.get("Location")
            kind = response.content_type
            base = str(response.url)
    except aiohttp.ClientConnectorCertificateError as error:
        raise ConnectRefused(f"{url}: {error}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise TransportBroken(f"{url}: {error or type(error).__name__}") from error
    text = body.decode("utf-8", "replace")
    if status != 201:
        line = (text.splitlines() or [""])[0][:200]
        message = f"{url}: the server answered HTTP {status}" + (f" ({line})" if line else "")
        if 400 <= status < 500:
            raise ConnectRefused(message, status=status)
        raise TransportBroken(message)
    if kind != SDP:
        raise TransportBroken(f"{url}: the answer is {kind}, not {SDP}")
    return text, urljoin(base, location) if location else None


async def _delete(url: str, headers: dict[str, str], ssl: ssl_module.SSLContext | None) -> None:
    """Close the session on the server, if it can be reached; it times out there in any case."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.delete(url, headers=headers, ssl=ssl or True),
        ):
            pass
    except (aiohttp.ClientError, OSError, TransportError):
        return
