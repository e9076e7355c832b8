"""The SDK's driver with a flaw on the wire: it sends each stream_started twice (LW-STREAM-1)."""

from __future__ import annotations

import runpy
from typing import Any

from lipwire.transports.websocket import WebSocketTransport

_send = WebSocketTransport.send


def _flawed(self: WebSocketTransport, channel: Any, message: Any) -> None:
    _send(self, channel, message)
    if message[:2] == b"\x93\x1b":
        _send(self, channel, message)


WebSocketTransport.send = _flawed  # type: ignore[method-assign]
runpy.run_module("lipwire.reference_driver", run_name="__main__")
