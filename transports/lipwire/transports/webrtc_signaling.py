"""How two peers find each other for WebRTC: one HTTP request, in the manner of WHIP (RFC 9725).

The client posts its SDP offer, the answer comes with 201 and a Location, and DELETE on that closes the session.
All candidates are in the descriptions, none trickle. No ICE server is asked unless one is given.
"""

from __future__ import annotations

import ssl as ssl_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import anyio

from lipwire.transports.base import ConnectRefused, MissingExtra, TransportBroken, TransportError
from lipwire.transports.webrtc import CLOSE_TIMEOUT, MAX_BUFFERED, WebRtcTransport, require_asyncio

try:
    import aiohttp
    from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
except ImportError as error:
    raise MissingExtra('WebRTC needs packages: pip install "lipwire[webrtc]"') from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lipwire.transports.base import Connector, Transport

SDP = "application/sdp"
MAX_SDP = 64 * 1024
"""Bytes that an offer or an answer may have."""


def peer_connection(ice_servers: Sequence[RTCIceServer | str]) -> RTCPeerConnection:
    """A peer connection with these ICE servers alone; aiortc's own default is a public one."""
    servers = [RTCIceServer(urls=server) if isinstance(server, str) else server for server in ice_servers]
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


def allow_loopback(connection: RTCPeerConnection) -> None:
    """Let a peer connection use 127.0.0.1 where the machine has no other address.

    aioice leaves loopback out when it gathers candidates, and has no switch for it; on a machine without a network
    (a laptop offline, a sandbox) two peers on it could not connect at all. So where it finds no address, this
    one is put in. Call it before ``setLocalDescription``, when the connection has a data channel already. It
    reaches for aioice's connection, which aiortc does not publish; if that moves, nothing happens.
    """
    sctp = connection.sctp
    ice = getattr(sctp.transport.transport.iceGatherer, "_connection", None) if sctp is not None else None
    gather = getattr(ice, "get_component_candidates", None)
    if ice is None or gather is None:
        return

    async def with_loopback(component: int, addresses: list[str], *rest: Any, **options: Any) -> Any:
        return await gather(component, addresses or ["127.0.0.1"], *rest, **options)

    ice.get_component_candidates = with_loopback


def connect_webrtc(
    url: str,
    *,
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
        token: sent as ``Authorization: Bearer``.
        headers: further headers of the request.
        ssl: for ``https://``, in place of the default context.
        ice_servers: STUN and TURN servers, as URLs or as aiortc's objects; none unless given.
        timeout: seconds for all of it: candidates, offer, answer, and both channels open.
        close_timeout: seconds that ``aclose`` takes at most.
        max_buffered: bytes that may wait to be sent before ``send`` raises ``TransportOverflow``.

    Raises:
        ValueError: the URL is not one of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an HTTP URL: {url!r} (http://host:port/path is one)")
    fields = dict(headers or {})
    if token is not None:
        fields["Authorization"] = f"Bearer {token}"

    async def connect_once() -> Transport:
        require_asyncio()
        connection = peer_connection(ice_servers)
        transport = WebRtcTransport(
            connection,
            offers=True,
            owned=True,
            peer=url,
            max_buffered=max_buffered,
            close_timeout=close_timeout,
        )
        resource: str | None = None
        try:
            with anyio.fail_after(timeout):
                allow_loopback(connection)
                await connection.setLocalDescription(await connection.createOffer())
                answer, resource = await _exchange(url, connection.localDescription.sdp, fields, ssl)
                try:
                    await connection.setRemoteDescription(answer)
                except Exception as error:
                    # aiortc raises whatever its parser stumbled over.
                    raise TransportBroken(f"{url}: the answer is not usable: {error!r}") from error
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
) -> tuple[RTCSessionDescription, str | None]:
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
    return RTCSessionDescription(sdp=text, type="answer"), urljoin(base, location) if location else None


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
