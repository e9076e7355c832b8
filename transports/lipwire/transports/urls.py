"""From a URL to the transport that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Mapping, Sequence

    from aiortc import RTCIceServer

    from lipwire.transports._http import Authorize
    from lipwire.transports.base import Connector, Listener

SUBPROTOCOL = "lipwire.1"
"""What version 1 offers and requires of a WebSocket; version 0 has none."""

SCHEMES = {"ws": "WebSocket", "wss": "WebSocket", "http": "WebRTC", "https": "WebRTC"}
"""What each URL scheme stands for. WebRTC starts with an HTTP request, in the manner of WHIP."""

Backend: TypeAlias = Literal["aiortc", "native"]
"""What implements WebRTC: aiortc, which runs everywhere, or libdatachannel, in native threads, from Python 3.12 on."""


class UnsupportedScheme(ValueError):
    """No transport goes by this URL's scheme; the message lists those that are supported."""


def connector_for(
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    ssl: ssl_module.SSLContext | None = None,
    subprotocol: str | None = SUBPROTOCOL,
    backend: Backend = "aiortc",
    ice_servers: Sequence[RTCIceServer | str] = (),
    timeout: float = 15.0,
) -> Connector:
    """The connector for a URL: ``ws(s)://`` is a WebSocket, ``http(s)://`` a WebRTC data channel.

    Args:
        url: where to connect.
        token: sent as ``Authorization: Bearer``.
        headers: further headers of the opening request.
        ssl: for the schemes with TLS, in place of the default context.
        subprotocol: for WebSocket; None for version 0, which has none.
        backend: for WebRTC, what implements it: ``aiortc`` or ``native``.
        ice_servers: for WebRTC.
        timeout: seconds that connecting takes at most.

    Raises:
        UnsupportedScheme: it is none of those, or not a URL.
        ValueError: there is no host in it.
        MissingExtra: the transport's packages are not installed.
    """
    kind = SCHEMES.get(_scheme(url))
    if kind == "WebSocket":
        from lipwire.transports.websocket import connect_websocket

        return connect_websocket(
            url, token=token, headers=headers, ssl=ssl, subprotocol=subprotocol, open_timeout=timeout
        )
    if kind == "WebRTC":
        from lipwire.transports.webrtc_signaling import connect_webrtc

        return connect_webrtc(
            url, backend=backend, token=token, headers=headers, ssl=ssl, ice_servers=ice_servers, timeout=timeout
        )
    return _unsupported(url)


def listener_for(
    url: str,
    *,
    token: str | None = None,
    authorize: Authorize | None = None,
    ssl: ssl_module.SSLContext | None = None,
    subprotocol: str | None = SUBPROTOCOL,
    backend: Backend = "aiortc",
    ice_servers: Sequence[RTCIceServer | str] = (),
) -> Listener:
    """The listener for a URL such as ``ws://127.0.0.1:8765`` or ``http://127.0.0.1:0/lipwire``.

    Args:
        url: where to listen; without a port a free one is taken, without a path WebSocket serves every path and
            WebRTC ``/lipwire``.
        token: what a client has to send as ``Authorization: Bearer``.
        authorize: looks at each request; see :data:`~lipwire.transports.Authorize`.
        ssl: the server's context, which ``wss://`` and ``https://`` need.
        subprotocol: for WebSocket; None for version 0, which has none.
        backend: for WebRTC, what implements it: ``aiortc`` or ``native``.
        ice_servers: for WebRTC.

    Raises:
        UnsupportedScheme: no transport goes by it, or it is not a URL.
        ValueError: no host, a port out of range, or TLS without a context (and the other way round).
        MissingExtra: the transport's packages are not installed.
    """
    kind = SCHEMES.get(scheme := _scheme(url))
    if kind is None:
        _unsupported(url)
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"no host in {url!r}")
    if (scheme in ("wss", "https")) != (ssl is not None):
        raise ValueError(f"{scheme}:// and an SSL context go together: {url!r}")
    path = parts.path if parts.path not in ("", "/") else None
    if kind == "WebSocket":
        from lipwire.transports.websocket_server import WebSocketListener

        return WebSocketListener(
            parts.hostname,
            parts.port or 0,
            path=path,
            ssl=ssl,
            subprotocol=subprotocol,
            token=token,
            authorize=authorize,
        )
    from lipwire.transports.webrtc_server import WebRtcListener

    return WebRtcListener(
        parts.hostname,
        parts.port or 0,
        path=path or "/lipwire",
        backend=backend,
        ssl=ssl,
        token=token,
        authorize=authorize,
        ice_servers=ice_servers,
    )


def _scheme(url: str) -> str:
    return urlsplit(url).scheme.lower()


def _unsupported(url: str) -> NoReturn:
    known = ", ".join(f"{scheme}:// ({kind})" for scheme, kind in SCHEMES.items())
    raise UnsupportedScheme(f"no transport for {url!r}; supported are {known}")
