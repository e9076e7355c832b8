"""Traces: every message and event as one JSON object a line, with times, for people and for tools to read.

A line is ``{"t": seconds, "peer": "sender", "kind": "out" | "in" | "event", …}``. A message has its ``channel``,
``hex`` and, decoded, ``name`` and ``fields``; an event has its ``name`` and ``fields``. AudioOut and AudioIn add which
``session`` it is of, the name of the transport's ``binding``, and ``lossy``, the channels that may lose messages, where
there are any. Tokens and secrets are left out, of the bytes too (LW-SECURITY-2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import IO, Any, Protocol

from .channels import Channel, Wire
from .codec import decode, encode
from .errors import ProtocolError
from .events import Event
from .limits import BOUNDS
from .messages import MAGIC, Hello, Message, Numbered, Welcome
from .registry import BY_MESSAGE
from .version0 import INTERRUPT

_HIDDEN = b"hidden" + bytes(10)


class TraceHook(Protocol):
    """What AudioOut and AudioIn call for each message and event; ``JsonLinesTrace`` is one."""

    def __call__(self, record: dict[str, Any]) -> None: ...


class JsonLinesTrace:
    """Writes records as JSON lines to a text file that somebody else opens and closes."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def __call__(self, record: dict[str, Any]) -> None:
        """Write one record."""
        self._file.write(json.dumps(record, separators=(",", ":")) + "\n")


def message_record(peer: str, kind: str, channel: Channel, data: Wire, now: float, version: int = 1) -> dict[str, Any]:
    """Describe one message that was sent or received, whether it can be decoded or not."""
    record: dict[str, Any] = {"t": round(now, 6), "peer": peer, "kind": kind, "channel": channel.value}
    if isinstance(data, str):
        return record | {"text": data}
    if version == 0:  # no message has a type there: bytes are PCM, or the interrupt
        return record | ({"text": data.decode()} if data == INTERRUPT else {"bytes": len(data)})
    try:
        message = decode(data, int(BOUNDS["message"].cap))
    except ProtocolError as error:
        if _may_hold_secrets(data):
            return record | {"bytes": len(data), "error": str(error)}
        return record | {"hex": data.hex(), "error": str(error)}
    if message is None:
        return record | {"hex": data.hex(), "name": "ignored"}
    hidden = without_secrets(message)
    if hidden is not message:
        message, data = hidden, encode(hidden)
    return record | {"hex": data.hex(), **describe(message)}


def _may_hold_secrets(data: bytes) -> bool:
    """Whether what can not be decoded may be a hello or a welcome all the same."""
    return data[1:2] in (b"\x01", b"\x02") or MAGIC.encode() in data[:32]


def without_secrets(message: Message) -> Message:
    """The same message, its token, secret or credential replaced by a fixed filling."""
    if isinstance(message, Hello):
        auth = None if message.auth is None else _HIDDEN
        resume = None if message.resume is None else [_HIDDEN, message.resume[1]]
        return message if auth is None and resume is None else message._replace(auth=auth, resume=resume)
    if isinstance(message, Welcome) and message.secret is not None:
        return message._replace(secret=_HIDDEN)
    return message


def describe(message: Message) -> dict[str, Any]:
    """Name a message and its fields, fit for JSON; of PCM only the length in bytes is told."""
    inner = message._asdict()
    if isinstance(message, Numbered):
        inner["message"] = describe(message.message)
    return {"name": BY_MESSAGE[type(message)].name, "fields": plain(inner)}


def event_record(peer: str, event: Event, now: float) -> dict[str, Any]:
    """Describe one event."""
    return {"t": round(now, 6), "peer": peer, "kind": "event", "name": type(event).__name__, "fields": plain(event)}


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold: binaries as hex (long ones as their length), enums as their value."""
    if isinstance(value, (bytes, memoryview, bytearray)):
        return bytes(value).hex() if len(value) <= 64 else f"{len(value)} bytes"
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: plain(inner) for key, inner in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(inner) for inner in value), key=str)
    return value
