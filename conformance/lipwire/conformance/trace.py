"""What went over the wire in a case, and what the driver told, in the order in which the kit saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import ProtocolError
from lipwire.protocol.limits import BOUNDS
from lipwire.protocol.messages import Numbered
from lipwire.protocol.registry import BY_MESSAGE, Role

_MOST = int(BOUNDS["message"].cap)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One message, one event of the driver, or the coming and going of a transport."""

    index: int
    at: float
    """Seconds since the case began."""
    kind: Literal["message", "event", "transport"]
    by: Role
    """Who sent it; of an event and a transport, whose."""
    transport: int = 0
    """Counts the transports of the case from 1."""
    channel: Channel = Channel.CONTROL
    data: Wire = b""
    message: Any = None
    """A ``Message``, the inner one of a numbered message; None for what is to be ignored or can not be decoded."""
    number: int | None = None
    """Of a numbered message."""
    taken: int | None = None
    fault: str = ""
    """Why it can not be decoded."""
    name: str = ""
    """The message's as SPEC §6 has it, ``ignored`` or ``malformed``; the event's; ``opened``, ``ended`` and so on."""
    fields: dict[str, Any] | None = None
    """Of an event."""


def read(data: Wire, *, index: int, at: float, by: Role, transport: int, channel: Channel, version: int = 1) -> Entry:
    """Make an entry of one message."""
    common: dict[str, Any] = {
        "index": index, "at": at, "kind": "message", "by": by, "transport": transport, "channel": channel, "data": data,
    }  # fmt: skip
    if version == 0:
        return Entry(**common, name="text" if isinstance(data, str) else "bytes")
    try:
        message = decode(data, _MOST)
    except ProtocolError as error:
        return Entry(**common, name="malformed", fault=f"{error}")
    if message is None:
        return Entry(**common, name="ignored")
    if isinstance(message, Numbered):
        inner = message.message
        name = BY_MESSAGE[type(inner)].name
        return Entry(**common, message=inner, number=message.number, taken=message.taken, name=name)
    taken = getattr(message, "taken", None)
    return Entry(**common, message=message, taken=taken, name=BY_MESSAGE[type(message)].name)
