"""Connections of ``websockets`` that hand a message over as it is read, which saves ``recv``'s two task switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode

from lipwire.protocol.channels import Channel

if TYPE_CHECKING:
    from websockets.protocol import Event

    from lipwire.transports.base import Deliver

MOST_AT_ONCE = 64
"""Messages of one read that are handed over; the rest is queued: a peer that floods is one among others."""


class HandsOver(Connection):
    """``deliver`` takes whole binary messages. Anything else is queued for ``recv``, and so is all that follows it."""

    deliver: Deliver | None = None
    """To be set only while nothing is queued, or it would be overtaken. Not set any more once something is."""
    _left = 0

    def data_received(self, data: bytes) -> None:
        """Read from the socket."""
        self._left = MOST_AT_ONCE
        super().data_received(data)

    def process_event(self, event: Event) -> None:
        """Take one frame."""
        deliver = self.deliver
        if deliver is not None and type(event) is Frame and event.opcode in DATA_OPCODES:
            if event.opcode is Opcode.BINARY and event.fin and self._left:
                self._left -= 1
                deliver(Channel.CONTROL, bytes(event.data))
                return
            self.deliver = None
        super().process_event(event)


class HandsOverClient(HandsOver, ClientConnection):
    """The client's."""


class HandsOverServer(HandsOver, ServerConnection):
    """The server's."""
