"""Ways for messages to travel: in memory, over WebSocket, over WebRTC data channels; and the fault injector.

Names whose packages come with an extra are imported when they are first used, so that the base install can import
this package; without the extra they raise :class:`MissingExtra`, which has the ``pip install`` line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lipwire.transports._http import Authorize, HttpRequest
from lipwire.transports.base import (
    Connector,
    ConnectRefused,
    Listener,
    MessageTooLarge,
    MissingExtra,
    Received,
    Transport,
    TransportBroken,
    TransportClosed,
    TransportEnded,
    TransportError,
    TransportOverflow,
)
from lipwire.transports.faults import (
    FaultyConnector,
    FaultyListener,
    FaultyTransport,
    faulty,
)
from lipwire.transports.link import Faults, FaultyLink, LinkCounts
from lipwire.transports.memory import MemoryListener, MemoryTransport, memory_pair
from lipwire.transports.scripted import ScriptedTransport
from lipwire.transports.urls import UnsupportedScheme, connector_for, listener_for

if TYPE_CHECKING:
    from lipwire.transports.webrtc import WebRtcTransport
    from lipwire.transports.webrtc_server import WebRtcListener
    from lipwire.transports.webrtc_signaling import connect_webrtc
    from lipwire.transports.websocket import WebSocketTransport, connect_websocket
    from lipwire.transports.websocket_server import WebSocketListener

__all__ = [
    "Authorize",
    "ConnectRefused",
    "Connector",
    "Faults",
    "FaultyConnector",
    "FaultyLink",
    "FaultyListener",
    "FaultyTransport",
    "HttpRequest",
    "LinkCounts",
    "Listener",
    "MemoryListener",
    "MemoryTransport",
    "MessageTooLarge",
    "MissingExtra",
    "Received",
    "ScriptedTransport",
    "Transport",
    "TransportBroken",
    "TransportClosed",
    "TransportEnded",
    "TransportError",
    "TransportOverflow",
    "UnsupportedScheme",
    "WebRtcListener",
    "WebRtcTransport",
    "WebSocketListener",
    "WebSocketTransport",
    "connect_webrtc",
    "connect_websocket",
    "connector_for",
    "faulty",
    "listener_for",
    "memory_pair",
]

_LAZY = {
    "WebRtcListener": "webrtc_server",
    "WebRtcTransport": "webrtc",
    "WebSocketListener": "websocket_server",
    "WebSocketTransport": "websocket",
    "connect_webrtc": "webrtc_signaling",
    "connect_websocket": "websocket",
}


def __getattr__(name: str) -> Any:
    """Import what an extra enables."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, the lazy ones too."""
    return sorted({*globals(), *__all__})
